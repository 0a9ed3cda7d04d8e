"""Shell tool: for sandboxes whose programs may start processes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from evalkit.config.schema import SandboxConfig
from evalkit.task.tools.files import only_texts
from evalkit.task.tools.protocol import ToolContext, ToolResult
from evalkit.util.errors import UserError

_RUN = """\
import subprocess
done = subprocess.run(["/bin/sh", "-c", {command!r}], stdin=subprocess.DEVNULL)
if done.returncode:
    print(f"[exit status {{done.returncode}}]")
"""


@dataclass(frozen=True)
class Shell:
    """Runs a command line in the rollout's sandbox, by `/bin/sh`, and gives back what it printed.

    evalkit's own strong levels cannot hold it: their children may start no process. It works with `sandbox=weak`, and
    with a provider of somebody else's that allows it.
    """

    name: str = "shell"
    description: str = (
        "Run a command line with /bin/sh in the working directory and get back what it prints. "
        "Every call is a shell of its own; files stay."
    )

    @property
    def input_schema(self) -> Mapping[str, Any]:
        """A command line."""
        return only_texts(command={"type": "string", "description": "The command line to run."})

    async def __call__(self, input: Mapping[str, Any], context: ToolContext) -> ToolResult:
        """Run it. Its exit status stands behind what it printed, unless it is 0; only what did not end is an error."""
        program = _RUN.format(command=input["command"])
        output = await context.session.run(program, timeout_s=context.timeout_s)
        if output.error is None:
            return ToolResult(output.stdout)
        return ToolResult(f"{output.stdout}\n{output.error}".strip(), is_error=True)


def check_processes(tools: Iterable[Any], sandbox: SandboxConfig) -> None:
    """Raise `UserError` for a tool that starts processes where the sandbox does not let it."""
    shell = next((tool for tool in tools if isinstance(tool, Shell)), None)
    if shell is not None and sandbox.provider == "local" and sandbox.level != "weak":
        raise UserError(
            f"The tool {shell.name} is a Shell, and the sandbox lets no program start a process (its seccomp filter "
            "refuses fork and execve at every level but weak): take PythonExpression, make a tool of a function for "
            "each command, or set sandbox=weak on a machine that you can lose"
        )
