"""Connection to an MCP server: its process, and calls that are limited in time. Imported only where a server is."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
import tempfile
from collections.abc import Mapping
from typing import IO, Any

import mcp
from mcp.client.stdio import stdio_client

from evalkit.task.tools.mcp_program import Program
from evalkit.task.tools.protocol import ToolResult
from evalkit.util.errors import TaskError
from evalkit.util.text import plain

logging.getLogger("mcp").setLevel(logging.CRITICAL)  # a line of a server that is no message is skipped

SHOWN = 4000
"""Characters of what a server wrote to stderr that go into the log when it fails."""


class Connection:
    """A server that runs, and the task that holds it. Belongs to one event loop."""

    def __init__(self, program: Program, timeout_s: float) -> None:
        """It starts at once; whoever calls it first waits. `timeout_s`: how long it may take to start."""
        self._program, self._timeout_s = program, timeout_s
        self._over = asyncio.Event()
        self._session: asyncio.Future[mcp.ClientSession] = asyncio.get_running_loop().create_future()
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  (closed with it)
        self._task = asyncio.create_task(self._serve(), name=f"MCP server {program}")

    async def _serve(self) -> None:
        try:
            with contextlib.ExitStack() as stack:
                cwd = self._program.cwd or stack.enter_context(tempfile.TemporaryDirectory(prefix="evalkit-mcp-"))
                await self._hold(cwd)
        except Exception as error:  # a group of them, once the server is there
            if not self._session.done():
                self._session.set_exception(self._fault(f"did not start: {_reason(error)}"))
                self._session.exception()  # somebody may have stopped waiting

    async def _hold(self, cwd: str) -> None:
        name, *arguments = self._program.command
        server = mcp.StdioServerParameters(
            command=sys.executable if name == "python" else name,
            args=arguments,
            env=dict(self._program.env),
            cwd=cwd,
            encoding_error_handler="replace",
        )
        async with (
            stdio_client(server, errlog=self._stderr) as (read, write),  # type: ignore[arg-type]  # has a descriptor
            mcp.ClientSession(read, write) as session,
        ):
            async with asyncio.timeout(self._timeout_s):
                await session.initialize()
            if not self._session.done():
                self._session.set_result(session)
            await self._over.wait()

    async def tools(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Name, description and schema of each tool. Raises `TaskError`."""
        session = await asyncio.shield(self._session)
        found: list[Any] = []
        cursor: str | None = None
        try:
            async with asyncio.timeout(self._timeout_s):
                while not found or cursor:
                    asked = mcp.types.PaginatedRequestParams(cursor=cursor) if cursor else None
                    page = await session.list_tools(params=asked)
                    found += page.tools
                    cursor = page.next_cursor
                    if not page.tools:
                        break
        except Exception as error:
            raise self._fault(f"did not list its tools: {_reason(error)}") from error
        if not found:
            raise self._fault("offers no tools")
        return [(tool.name, tool.description or tool.title or tool.name, tool.input_schema) for tool in found]

    async def call(self, name: str, input: Mapping[str, Any], timeout_s: float) -> ToolResult:
        """What the server says to a call. Raises `TaskError` where it does not say anything that is an answer."""
        session = await asyncio.shield(self._session)
        try:
            async with asyncio.timeout(timeout_s):
                result = await session.call_tool(name, dict(input))
        except TimeoutError:
            raise self._fault(
                f"had not answered {name} after {timeout_s:g} s: let it answer within limits.tool_timeout_s"
            ) from None
        except mcp.MCPError as error:
            if error.code == mcp.types.CONNECTION_CLOSED:
                raise self._fault(f"ended while it was asked for {name}") from None
            return ToolResult(str(error), is_error=True)
        except Exception as error:
            raise self._fault(f"answered {name} with what is no result: {_reason(error)}") from error
        return ToolResult(_text(result), is_error=result.is_error is True)

    def _fault(self, what: str) -> TaskError:
        """One sentence; what the server wrote goes with it into the log."""
        size = os.fstat(self._stderr.fileno()).st_size
        wrote = os.pread(self._stderr.fileno(), SHOWN, max(0, size - SHOWN)).decode("utf-8", "replace").strip()
        last = f" (its last line: {plain(wrote.splitlines()[-1], one_line=True, limit=300)})" if wrote else ""
        said = f"the MCP server {self._program} {what}{last}"
        return TaskError(said, f"{said}\n{wrote}".strip())

    async def close(self) -> None:
        """End the server: its stdin is closed, and after two seconds it is killed with all that it started."""
        self._over.set()
        if not self._session.done():  # it is still starting
            self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        self._stderr.close()


async def listed(program: Program, timeout_s: float) -> list[tuple[str, str, dict[str, Any]]]:
    """The tools of a server that is started for this. Raises `TaskError`."""
    connection = Connection(program, timeout_s)
    try:
        return await connection.tools()
    finally:
        await connection.close()


def _reason(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    said = "it took too long" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
    return plain(said.splitlines()[0], one_line=True, limit=300)


def _text(result: Any) -> str:
    """What a model is told of a result: its texts; other content is named."""
    parts = [_part(block) for block in result.content]
    if not parts and result.structured_content is not None:
        return json.dumps(result.structured_content, ensure_ascii=False)
    return "\n".join(parts)


def _part(block: Any) -> str:
    inner = getattr(block, "resource", block)
    text = getattr(inner, "text", None)
    if isinstance(text, str):
        return text
    kind = getattr(inner, "mime_type", None) or block.type
    return f"[{kind} that is not shown: a tool gives text]"
