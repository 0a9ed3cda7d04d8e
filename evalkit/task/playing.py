"""How a solution is played: submitted, written to a file, or run, as the spec's `play` says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalkit.task.optional_parts import play_of
from evalkit.task.protocol import Spec
from evalkit.task.scripted_agents import ScriptedAgent, ScriptedTurn, Tokens, submitting
from evalkit.util.errors import UserError

WAYS = ("submit", "python", "write:<file>")


def played(source: str, spec: Spec, name: str = "solution") -> ScriptedAgent:
    """The agent that plays a source. Raises `UserError` for a `play` that means nothing or that no tool can do."""
    way = play_of(spec)
    if way == "submit":
        return submitting(source, name=name)
    tools = {tool.name for tool in spec.tools}
    if way == "python":
        _need("python_expression", tools, way)
        call = {"name": "python_expression", "input": {"expression": source}}
        return ScriptedAgent(
            name, (ScriptedTurn(Tokens(90), "", (call,)), ScriptedTurn(Tokens(60), submit_output=True))
        )
    file = way.removeprefix("write:")
    if file == way or not file:
        raise UserError(f"A spec has play={way!r}: write one of {', '.join(WAYS)}")
    return writing({file: source}, spec, name)


def writing(files: Mapping[str, str], spec: Spec, name: str, weight: float = 1.0) -> ScriptedAgent:
    """The agent that writes these texts, one a turn, and says that it is done. Raises `UserError` where no tool can."""
    tools = {tool.name for tool in spec.tools}
    turns = [ScriptedTurn(Tokens(90, 0.3), "", (_write(path, text, tools),)) for path, text in files.items()]
    done = {"name": "submit_answer", "input": {"answer": "done"}}
    ending = (done,) if "submit_answer" in tools else ()
    return ScriptedAgent(name, (*turns, ScriptedTurn(Tokens(60, 0.3), "Done.", ending)), weight)


def _write(path: str, text: str, tools: set[str]) -> dict[str, Any]:
    if "write_file" in tools:
        return {"name": "write_file", "input": {"path": path, "content": text}}
    _need("python_expression", tools, f"write:{path}")
    program = f"import pathlib\npath = pathlib.Path({path!r})\npath.parent.mkdir(parents=True, exist_ok=True)\n"
    return {"name": "python_expression", "input": {"expression": f"{program}path.write_text({text!r})"}}


def _need(tool: str, tools: set[str], way: str) -> None:
    if tool not in tools:
        raise UserError(f"A spec has play={way!r}, which needs the tool {tool}: add it to the spec's tools")
