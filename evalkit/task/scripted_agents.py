"""Scripted agents: what the embedded models play. Data, so that a task ships its simulated agents as a YAML file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

from evalkit.util.errors import UserError


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

    entries = yaml.safe_load(path.read_text(encoding="utf-8")) or ()
    return agents_of(entries, str(path), path.parent, facts)


def agents_of(entries: Any, place: str, folder: Path, facts: Mapping[str, str] | None = None) -> list[ScriptedAgent]:
    """The same from such a list. `place`: what errors call it; `folder`: where `submit_file` looks."""
    agents = []
    for entry in entries:
        if not isinstance(entry, dict) or not {"name", "turns"} <= set(entry) <= {"name", "weight", "turns"}:
            keys = sorted(entry) if isinstance(entry, dict) else entry
            raise UserError(
                f"{place}: an agent has name, turns and, if it is to be drawn less often, weight; got {keys}"
            )
        turns = tuple(_turn(turn, place, folder, facts or {}) for turn in entry["turns"])
        agents.append(ScriptedAgent(entry["name"], turns, float(entry.get("weight", 1))))
    if not agents or any(not agent.turns or agent.weight < 0 for agent in agents):
        raise UserError(f"{place} lists no agents, or one without turns or with a negative weight")
    return agents


_ACTIONS = ("python", "submit", "submit_file", "submit_output", "calls")


def _turn(entry: Mapping[str, Any], place: str, folder: Path, facts: Mapping[str, str]) -> ScriptedTurn:
    unknown = set(entry) - {"tokens", "text", *_ACTIONS}
    if unknown or sum(key in entry for key in _ACTIONS) > 1:
        raise UserError(
            f"{place}: a turn has tokens, text and at most one of {', '.join(_ACTIONS)}; got {sorted(entry)}"
        )
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
        submit_output=bool(entry.get("submit_output", False)),
    )


def _fill(value: Any, facts: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return Template(value).safe_substitute(facts)
    if isinstance(value, list):
        return [_fill(item, facts) for item in value]
    if isinstance(value, dict):
        return {key: _fill(item, facts) for key, item in value.items()}
    return value
