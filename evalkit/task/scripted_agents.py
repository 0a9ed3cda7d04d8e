"""Scripted agents: what the embedded models play. Data, so that a task ships its simulated agents as a YAML file."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from string import Template
from typing import Any

from evalkit.util.errors import UserError
from evalkit.util.suggestions import suggestion


@dataclass(frozen=True)
class Tokens:
    """Output tokens of a turn: log-normal around `median`, `spread` being the standard deviation of the logarithm."""

    median: float
    spread: float = 0.0

    def draw(self, normal: float) -> int:
        """The count for a standard normal deviate; at least 1."""
        return max(1, round(self.median * math.exp(self.spread * normal)))


@dataclass(frozen=True)
class ScriptedTurn:
    """One response: text, then tool calls. Without calls it ends the turn (`end_turn`)."""

    tokens: Tokens
    text: str = ""
    calls: tuple[Mapping[str, Any], ...] = ()
    """Each `{"name": …, "input": …}`."""
    submit_output: bool = False
    """Submit what the last tool result printed: its last non-empty line, read as JSON (as text if it is none)."""


@dataclass(frozen=True)
class ScriptedAgent:
    """A way of going about a task, and how often it is met."""

    name: str
    turns: tuple[ScriptedTurn, ...]
    weight: float = 1.0


def submitting(answer: Any, *, name: str = "oracle") -> ScriptedAgent:
    """An agent that submits `answer` in its first turn."""
    call = {"name": "submit_answer", "input": {"answer": answer}}
    return ScriptedAgent(name, (ScriptedTurn(Tokens(60), "", (call,)),))


def load_agents(path: Path, facts: Mapping[str, str] | None = None) -> list[ScriptedAgent]:
    """Agents from a YAML file: a list of `{name, weight, turns}`.

    A turn is `{tokens: {median, spread}, text?}` and one of `python: <program>` (calls python_expression),
    `submit: <answer>` (calls submit_answer), `submit_file: <path beside the YAML>` (its text is the answer),
    `submit_output: true`, or `calls: [{name, input}]`. `$name` and `${name}` in any text are replaced by
    `facts`, which holds only what the prompt tells a model. Raises `UserError` for a list of another form.
    """
    import yaml

    from evalkit.util.yaml_lines import quoted_key, slip

    try:
        with path.open(encoding="utf-8") as stream:
            entries = yaml.safe_load(stream) or ()
    except yaml.MarkedYAMLError as error:
        raise UserError(slip(error)) from error
    return agents_of(entries, lambda keys: quoted_key(path, keys), path.parent, facts)


Place = Callable[[Sequence[str | int]], str]
"""Where the value below some keys of the list stands, as a sentence about it begins."""


def agents_of(entries: Any, place: Place, folder: Path, facts: Mapping[str, str] | None = None) -> list[ScriptedAgent]:
    """The same from such a list. `folder`: where `submit_file` looks. Raises `UserError` with the line of a slip."""
    if not isinstance(entries, Sequence) or isinstance(entries, str) or not entries:
        raise UserError(f"{place(())} lists no agents: write a list of {{name, turns}}")
    return [_agent(entry, (number,), place, folder, facts or {}) for number, entry in enumerate(entries)]


def _agent(
    entry: Any, at: tuple[str | int, ...], place: Place, folder: Path, facts: Mapping[str, str]
) -> ScriptedAgent:
    if not isinstance(entry, dict) or not {"name", "turns"} <= set(entry) <= {"name", "weight", "turns"}:
        keys = sorted(map(str, entry)) if isinstance(entry, dict) else entry
        want = "an agent has name, turns and, if it is to be drawn less often, weight"
        raise UserError(f"{place(at)}: {want}; got {keys}")
    weight = entry.get("weight", 1)
    if not _is_number(weight) or weight < 0:
        raise UserError(f"{place((*at, 'weight'))}: a weight is a number from 0 up")
    if not isinstance(entry["turns"], list) or not entry["turns"]:
        raise UserError(f"{place((*at, 'turns'))}: an agent has a list of turns, one at least")
    turns = [_turn(turn, (*at, "turns", number), place, folder, facts) for number, turn in enumerate(entry["turns"])]
    return ScriptedAgent(str(entry["name"]), tuple(turns), float(weight))


_ACTIONS = ("python", "submit", "submit_file", "submit_output", "calls")


def _turn(entry: Any, at: tuple[str | int, ...], place: Place, folder: Path, facts: Mapping[str, str]) -> ScriptedTurn:
    _check_turn(entry, at, place, facts)
    calls: Sequence[Mapping[str, Any]] = ()
    if "python" in entry:
        calls = [{"name": "python_expression", "input": {"expression": entry["python"]}}]
    elif "submit" in entry:
        calls = [{"name": "submit_answer", "input": {"answer": entry["submit"]}}]
    elif "submit_file" in entry:
        source = (folder / entry["submit_file"]).read_text(encoding="utf-8")
        calls = [{"name": "submit_answer", "input": {"answer": source}}]
    elif "calls" in entry:
        calls = entry["calls"]
    return ScriptedTurn(
        tokens=Tokens(**entry["tokens"]),
        text=_fill(entry.get("text", ""), facts),
        calls=tuple(_fill(list(calls), facts)),
        submit_output=entry.get("submit_output", False),
    )


def _check_turn(entry: Any, at: tuple[str | int, ...], place: Place, facts: Mapping[str, str]) -> None:
    """Raise `UserError` for the first slip in a turn."""
    keys = set(entry) if isinstance(entry, dict) else set()
    unknown = keys - {"tokens", "text", *_ACTIONS}
    if "tokens" not in keys or unknown or sum(key in keys for key in _ACTIONS) > 1:
        got = sorted(map(str, keys)) if keys else entry
        hint = suggestion(str(min(unknown, key=str)), _ACTIONS) if unknown else ""
        where = place((*at, min(unknown, key=str)) if unknown else at)
        raise UserError(f"{where}: a turn has tokens, text and at most one of {', '.join(_ACTIONS)}; got {got}{hint}")
    tokens = entry["tokens"]
    fine = isinstance(tokens, dict) and "median" in tokens and set(tokens) <= {"median", "spread"}
    if not fine or not all(map(_is_number, tokens.values())):
        raise UserError(f"{place((*at, 'tokens'))}: tokens are {{median: <number>, spread: <number>}}")
    if not isinstance(entry.get("submit_output", False), bool):
        raise UserError(f"{place((*at, 'submit_output'))}: submit_output is true or false")
    for key in ("text", "python"):
        for name in re.findall(r"\$\{?([a-z]\w+)", str(entry.get(key, "")), re.IGNORECASE):
            if name not in facts and (meant := get_close_matches(name, facts, n=1, cutoff=0.8)):
                raise UserError(f"{place((*at, key))}: no fact is called ${name}: did you mean ${meant[0]}?")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _fill(value: Any, facts: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return Template(value).safe_substitute(facts)
    if isinstance(value, list):
        return [_fill(item, facts) for item in value]
    if isinstance(value, dict):
        return {key: _fill(item, facts) for key, item in value.items()}
    return value
