"""Tools for the files of the workspace: read one, write one, list them all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalkit.task.tools.protocol import ToolContext, ToolResult
from evalkit.util.path_patterns import matches
from evalkit.util.text import counted

_PATH = {"type": "string", "description": "Relative path, such as src/main.py."}


def only_texts(**properties: Any) -> dict[str, Any]:
    """JSON Schema of an object that has just these properties."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


@dataclass(frozen=True)
class ReadFile:
    """Gives the text of a file."""

    max_bytes: int = 100_000
    """Of a file that it reads; the model is told of a larger one that it is too large."""
    name: str = "read_file"
    description: str = "Read a text file of the working directory."

    @property
    def input_schema(self) -> Mapping[str, Any]:
        """A path."""
        return only_texts(path=_PATH)

    async def __call__(self, input: Mapping[str, Any], context: ToolContext) -> ToolResult:
        """Read it; whatever is no file of UTF-8 text is an error that the model is told."""
        try:
            return ToolResult((await context.session.read_file(input["path"], max_bytes=self.max_bytes)).decode())
        except UnicodeDecodeError:
            return ToolResult(f"{input['path']} is not text in UTF-8.", is_error=True)
        except (OSError, ValueError) as error:
            return ToolResult(f"{error}.", is_error=True)


@dataclass(frozen=True)
class WriteFile:
    """Writes a file."""

    only: Sequence[str] = ()
    """Paths or patterns (`solution.py`, `src/**/*.py`) that may be written; all, if empty. A rule for this tool: a
    program of `python_expression` writes where it likes, which is why a grader takes `Spec.artifacts` alone."""
    name: str = "write_file"

    @property
    def description(self) -> str:
        """What the model reads; names what it may write."""
        allowed = f" You may write {', '.join(self.only)} only." if self.only else ""
        return f"Write a text file into the working directory, in place of one that is there.{allowed}"

    @property
    def input_schema(self) -> Mapping[str, Any]:
        """A path and the whole content."""
        return only_texts(path=_PATH, content={"type": "string", "description": "The whole content of the file."})

    async def __call__(self, input: Mapping[str, Any], context: ToolContext) -> ToolResult:
        """Write it; what cannot be written is an error that the model is told."""
        path: str = input["path"]
        if self.only and not matches(path.removeprefix("./"), self.only):
            return ToolResult(f"{path} was not written: you may write {', '.join(self.only)} only.", is_error=True)
        content = input["content"].encode("utf-8", "backslashreplace")
        try:
            await context.session.write_file(path, content)
        except (OSError, ValueError) as error:
            return ToolResult(f"{error}.", is_error=True)
        return ToolResult(f"Wrote {counted(len(content), 'byte')} to {path}.")


@dataclass(frozen=True)
class ListFiles:
    """Lists all files."""

    name: str = "list_files"
    description: str = "List the files of the working directory and everything below it, with their sizes in bytes."

    @property
    def input_schema(self) -> Mapping[str, Any]:
        """Nothing to say."""
        return only_texts()

    async def __call__(self, input: Mapping[str, Any], context: ToolContext) -> ToolResult:
        """List them, in order; links are none."""
        found = await context.session.list_files()
        return ToolResult("\n".join(f"{path} {size}" for path, size in found.items()) or "There are no files.")
