"""Warnings about a rate: tools that never work, one reason for all failures, servers, leaks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evalkit.results.failures import Failure
from evalkit.results.runs import Run
from evalkit.rollout.record import Rollout, Turn
from evalkit.rollout.text_tool_calls import calls_as_text
from evalkit.task.tools import called_wrongly
from evalkit.util.text import counted

DOMINANT, ENOUGH_FAILURES = 0.8, 10
"""Share of one reason among at least so many failed runs that is worth a warning."""
SOME = 0.1
"""Share of answers with a tool call as text that is not a slip of the model."""
MANY_CALLS, SEVERAL_RUNS = 5, 2
"""So many calls in so many runs, all answered with an error, are no accident; of fewer runs, in all of them."""
READ = 5_000
"""Runs whose conversations are looked at: what is wrong with a tool or a server shows in fewer."""
OWN_PROGRAM = "<program"
"""Stands in the traceback of an exception in a program that the model wrote."""


def cautions(runs: Sequence[Run], failures: Sequence[Failure]) -> tuple[str, ...]:
    """One sentence a warning, the gravest first but for leaks. Of very many runs, the first conversations are read."""
    read = runs[:READ]
    found = list(_broken_tools(read))
    found += _dominant(failures)
    found += _about_the_server(read)
    leaked = sum(run.rollout.leaked for run in runs)
    if leaked:
        found.append(f"the grader's secrets leaked into {counted(leaked, 'conversation')}: the grades prove nothing")
    return tuple(found)


@dataclass
class _Used:
    """How calls of one tool were answered."""

    worked: int = 0
    failed: list[Run] = field(default_factory=list)
    """The run of every call that was answered with an error and was no mistake of the model."""


def _broken_tools(runs: Sequence[Run]) -> Iterator[str]:
    """Tools of which no call in any run worked. A model that errs is part of the rate, and says nothing of the tool."""
    used: dict[str, _Used] = {}
    for run in runs:
        for turn in run.rollout.turns:
            for name, error in _answers(turn, run.rollout):
                tool = used.setdefault(name, _Used())
                if error is None:
                    tool.worked += 1
                elif not _is_mistake(name, error):
                    tool.failed.append(run)
    for name, tool in used.items():
        where = {run.number: run for run in tool.failed}
        if not tool.worked and len(tool.failed) >= MANY_CALLS and len(where) >= min(SEVERAL_RUNS, len(runs)):
            yield (
                f"none of {len(tool.failed)} calls of {name} worked, in {counted(len(where), 'run')} such as "
                f"{_named(where[min(where)])} (wrong arguments and exceptions in the model's own programs left out): "
                "try the tool before you believe the rate"
            )


def _named(run: Run) -> str:
    """A run within a sentence; of a set, the problem and the try."""
    return f"run {run.number}" if run.problem is None else f"{run.problem} try {run.attempt}"


def _answers(turn: Turn, rollout: Rollout) -> Iterator[tuple[str, str | None]]:
    """Of every call of a tool of the task that is known to have been answered: its name, and the error or None."""
    if turn.cut:
        return
    tools = {tool.get("name") for tool in rollout.tools}
    calls = {b.get("id"): str(b.get("name")) for b in turn.content if b.get("type") == "tool_use"}
    if turn.reply is None:  # it ended with a submission, and what other calls were told is not recorded
        if turn.submission is not None and len(calls) > 1 + turn.tool_errors:
            yield from ((name, None) for name in calls.values() if name in tools)
        return
    for block in turn.reply:
        name = calls.get(block.get("tool_use_id"))
        if block.get("type") == "tool_result" and name in tools:
            yield str(name), _text(block) if block.get("is_error") else None


def _text(block: Mapping[str, Any]) -> str:
    content = block.get("content")
    return content if isinstance(content, str) else str(content)


def _is_mistake(name: str, error: str) -> bool:
    return error.startswith(called_wrongly(name)) or OWN_PROGRAM in error


def _dominant(failures: Sequence[Failure]) -> list[str]:
    """Failures for nearly one reason alone hide every other."""
    failed = sum(row.count for row in failures)
    if failed < ENOUGH_FAILURES or failures[0].count < DOMINANT * failed:
        return []
    row = failures[0]
    return [
        f"{row.count} of {counted(failed, 'failed run')} have one reason, {row.label}: the failures say little about "
        "anything else"
    ]


def _about_the_server(runs: Sequence[Run]) -> list[str]:
    """What makes a model look bad that may be a good one behind a server that is set up wrongly."""
    said = []
    texts, answers = calls_as_text(run.rollout for run in runs)
    if texts and texts >= SOME * answers:
        said.append(
            f"{texts} of {counted(answers, 'answer')} {'holds' if texts == 1 else 'hold'} what looks like a tool call "
            "as text: check the chat template of the model's server, which should recognise calls"
        )
    turns = [turn for run in runs for turn in run.rollout.turns]
    uncounted = sum(turn.uncounted for turn in turns)
    if uncounted:
        said.append(
            f"{uncounted} of {counted(len(turns), 'answer')} came without a count of output tokens: "
            "token figures are too small, and limits of tokens cannot hold"
        )
    return said
