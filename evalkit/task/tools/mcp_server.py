"""MCP server as a source of tools: a program of the author's that speaks the Model Context Protocol over stdio.

Each rollout has a server process of its own, started by its first call and ended with it: what a server remembers
reaches no other rollout. It runs on the host, outside the sandbox, as the author's own tools do.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from evalkit.task.tools.mcp_program import Program
from evalkit.task.tools.protocol import ToolContext, ToolResult
from evalkit.task.tools.workbench import Workbench
from evalkit.util.errors import TaskError, UserError
from evalkit.util.optional_packages import install_command, installed


@dataclass(frozen=True)
class McpServer:
    """`*McpServer(command=["python", Path(__file__).with_name("server.py")]).tools` among the tools of a spec.

    The server sees none of the evaluator's environment but HOME, LOGNAME, PATH, SHELL, TERM and USER.
    """

    command: Sequence[str | Path]
    """The program with its arguments; `python` is the interpreter that evalkit runs with."""
    timeout_s: float = 30.0
    """Seconds that it may take to start and to list its tools. A call has `limits.tool_timeout_s`, as every tool."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Environment variables that it gets besides."""
    cwd: str | Path | None = None
    """Its working directory; by default one of its own, which is empty and goes with it."""

    @property
    def tools(self) -> tuple[McpTool, ...]:
        """What it offers, asked once in a process. Raises `UserError` where it does not start or answer."""
        listed = _listed(self.program, self.timeout_s)
        return tuple(McpTool(name, description, schema, self) for name, description, schema in listed)

    @property
    def program(self) -> Program:
        """What is started. Raises `UserError` for a command that is none."""
        if isinstance(self.command, str) or not self.command:
            raise UserError(f"McpServer(command={self.command!r}): give the program and its arguments as a list")
        env = tuple(sorted(self.env.items()))
        return Program(tuple(map(str, self.command)), env, None if self.cwd is None else str(self.cwd))


@dataclass(frozen=True)
class McpTool:
    """A tool of a server, offered to the model under its own name, description and schema."""

    name: str
    description: str
    input_schema: Mapping[str, Any]
    server: McpServer

    async def __call__(self, input: Mapping[str, Any], context: ToolContext) -> ToolResult:
        """Never called: evalkit uses it with the rollout's server. Raises `TaskError`."""
        raise TaskError(f"{self.name} is a tool of an MCP server: name it among the tools of the spec, do not call it")

    async def use(self, input: Mapping[str, Any], bench: Workbench) -> ToolResult:
        """Call it on the server of the rollout. What the server says goes to the model, errors included.

        Raises `TaskError` for what it does instead: it ends, hangs, or answers with what is no result.
        """
        from evalkit.task.tools.mcp_connection import Connection

        program = self.server.program
        connection = bench.kept(program, lambda: Connection(program, self.server.timeout_s), Connection.close)
        return await connection.call(self.name, input, bench.timeout_s)


@cache
def _listed(program: Program, timeout_s: float) -> list[tuple[str, str, dict[str, Any]]]:
    """Name, description and schema of each tool, from a server that is started for it."""
    if not installed("mcp"):
        raise UserError(f"McpServer needs mcp, which is not installed: {install_command('mcp')}")
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(_outcome(program, timeout_s)), name="evalkit MCP tools")
    thread.start()  # with a loop of its own: the one of this thread may be running
    thread.join()
    if isinstance(found[0], TaskError):
        raise UserError(f"{str(found[0])[0].upper()}{str(found[0])[1:]}")
    return list(found[0])


def _outcome(program: Program, timeout_s: float) -> Any:
    from evalkit.task.tools.mcp_connection import listed

    try:
        return asyncio.run(listed(program, timeout_s))
    except TaskError as error:
        return error
