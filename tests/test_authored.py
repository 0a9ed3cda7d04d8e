"""A fault in a task's own code ends the run that it strikes, with its traceback, and no other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evalkit.run import Outcome
from tests.launching import launch
from tests.own_tasks import IN_AGENTS, IN_JUDGE, IN_MEASURE, IN_SPEC, IN_TOOL, Write, own_task
from tests.test_engine import facts

__all__ = ["own_task"]

FAULTS = [
    "raise ValueError('odd')",
    "raise SystemExit(0)",
    "raise KeyboardInterrupt",
    "raise asyncio.CancelledError",
    "raise GeneratorExit",
    "raise StopIteration",
    "raise BaseExceptionGroup('two', [SystemExit(1), OSError(2)])",
    "raise type('Odd', (Exception,), {'__str__': lambda self: self.nothing})",
    "raise ValueError('x' * 10**6 + chr(0xD800) + chr(27))",
    "(f := lambda: f())()",
]
PLACES = [
    (IN_TOOL, "the task's tool look"),
    (IN_SPEC, "the task's spec"),
    (IN_MEASURE, "the task's measure"),
    (IN_JUDGE, "the task's judge"),
    (IN_AGENTS, "the task's agents"),
]


P, E = Outcome.PASSED, Outcome.ERROR


async def outcomes(name: str, folder: Path, *overrides: str) -> list[Outcome]:
    """What the runs of one launch come to; four unless told otherwise."""
    store = folder.parent / "store"
    result = await launch(folder, f"task={name}", "model=simulated", "runs.count=4", *overrides, store=store)
    return [run.outcome for run in result.runs]


def messages(folder: Path) -> list[str]:
    return [json.loads(line)["message"] for line in (folder / "runs.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(("place", "what"), PLACES, ids=[what.split()[2] for _, what in PLACES])
async def test_whatever_is_raised_ends_that_run_with_its_traceback(
    place: str, what: str, own_task: Write, tmp_path: Path
) -> None:
    """Run 2 meets the first fault, run 3 the second, …; the last run meets none."""
    name = own_task(place, "\n".join(f"if run == {run}: {fault}" for run, fault in enumerate(FAULTS, 2)))
    out = tmp_path / "out"
    count = len(FAULTS) + 2
    assert await outcomes(name, out, f"runs.count={count}") == [P, *[E] * len(FAULTS), P]
    lines = [json.loads(line) for line in (out / "runs.jsonl").read_text().splitlines()][1:-1]
    for line in lines:
        assert line["message"].startswith(f"{what} raised ")
        assert f'File "tasks/{name}/__init__.py", line' in line["traceback"]
    log = (out / "evalkit.log").read_text(encoding="utf-8")
    assert log.count("the task's own code raised\n") == len(FAULTS)
    assert "ValueError: odd\n" in log
    report = (out / "report.md").read_text(encoding="utf-8")
    assert f"0 failed, {len(FAULTS)} errors" in report
    assert "## Errors in the task's own code" in report and "ValueError: odd\n" in report
    assert f"File &quot;tasks/{name}/__init__.py" in (out / "report.html").read_text(encoding="utf-8")


async def test_the_same_command_gives_the_same_bytes_and_buys_nothing_twice(own_task: Write, tmp_path: Path) -> None:
    name = own_task(IN_TOOL, "if run == 2: raise ValueError(object())")
    await outcomes(name, tmp_path / "a")
    await outcomes(name, tmp_path / "b")
    one, other = facts(tmp_path / "a"), facts(tmp_path / "b")
    told = {"summary.json", "manifest.json", "report.md", "report.html"}  # that the second one reused
    assert {name for name in one if one[name] != other[name]} == told
    assert json.loads((tmp_path / "b" / "runs.jsonl").read_text().splitlines()[1])["output_tokens"] > 20
