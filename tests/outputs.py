"""Output directories for tests, written by the code that writes them for launches, from runs made up here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from evalkit.grading.procedure import without_submission
from evalkit.results.runs import Run
from evalkit.results.summary import Summary, summarize
from evalkit.results.writing import write_cell
from evalkit.rollout.limits import Limits
from evalkit.rollout.record import Ending, Rollout, Submission, Timing, Turn
from evalkit.stats.verdict import Band
from evalkit.task.grade import Check, Grade, Measurement
from evalkit.util.versions import versions
from tests.builders import call, message, text

TIMED = ("evalkit.log", "timing.json", ".hydra/hydra.yaml")
"""Files that hold times, durations and host facts; all others are equal for equal inputs."""

CATEGORIES = {"wrong_value": "Wrong value", "format_error": "Not a number", "no_submission": "No submission"}
TOOLS = ({"name": "python_expression", "description": "Run Python.", "input_schema": {"type": "object"}},)
PROGRAM = "def f(x):\n    # square it\n    return x ** 2  # 'quoted'\n\nprint(f(12))"


def conversation(
    run: int,
    *,
    steps: int = 2,
    tokens: int = 200,
    answer: Any = 8769,
    prompt: str = "Calculate (2^10 + 3^5) * 7 - 100.",
    said: str = "Let me work it out.",
    output: str = '{"result": "144\\n", "error": null}',
    stamp: str = "a",
) -> Rollout:
    """`steps` turns with the tool, the last of which submits; `stamp` sets apart conversations that are not shared."""
    turns = []
    for step in range(1, steps):
        blocks = (text(f"{said} ({step})"), call("python_expression", {"expression": PROGRAM}, f"toolu_{step}"))
        reply = ({"type": "tool_result", "tool_use_id": f"toolu_{step}", "content": output},)
        turns.append(Turn(10_000, message(*blocks, tokens=tokens, id=f"msg_{stamp}_{run}_{step}"), reply=reply))
    last = call("submit_answer", {"answer": answer}, f"toolu_{steps}")
    done = message(last, tokens=tokens, id=f"msg_{stamp}_{run}_{steps}")
    turns.append(Turn(10_000, done, submission=Submission(answer)))
    timing = Timing(started=1000.0 + run, seconds=1.5 + run / 10, turns=(0.5,) * steps)
    return Rollout(run, prompt, "", TOOLS, tuple(turns), Ending.SUBMITTED, timing=timing)


def passed(run: int, **keywords: Any) -> Run:
    """A run whose answer was right."""
    values = {"got": 8769.0, "expected": 8769.0, "error": 0.0}
    check = Check("answer", True, 0.0, 1e-6)
    rollout = conversation(run, **keywords)
    return Run(run, rollout, Grade(True, "Got 8769", checks=(check,)), Measurement(values), cost_usd=0.0125)


def failed(run: int, *, got: float = 8770.0, **keywords: Any) -> Run:
    """A run whose answer was wrong."""
    error = abs(got - 8769)
    grade = Grade(False, f"Got {got:g}, expected 8769", "wrong_value", (Check("answer", False, error, 1e-6),))
    measurement = Measurement({"got": got, "expected": 8769.0, "error": error})
    return Run(run, conversation(run, answer=got, **keywords), grade, measurement, cost_usd=0.0125)


def cut(run: int, *, limit: int = 500, **keywords: Any) -> Run:
    """A run that the token limit ended."""
    from evalkit.rollout.limits import clip

    rollout = clip(conversation(run, **{"steps": 3} | keywords), Limits(max_tokens=limit))
    assert rollout.ending is Ending.TOKEN_LIMIT
    return Run(run, rollout, without_submission(rollout, limit, None), cost_usd=0.01)


def broken(run: int, why: str = "the provider answered 529 five times") -> Run:
    """A run that ended by a fault that is not the model's."""
    rollout = Rollout(run, "?", "", TOOLS, ending=Ending.ERROR, detail=why)
    return Run(run, rollout, None, error=why, cost_usd=0.0)


def some_runs() -> list[Run]:
    """Twelve runs of every kind: 4 passed, 7 failed in two ways, 1 error."""
    made: list[Callable[[int], Run]] = [passed, failed, cut, passed, cut, cut, failed, passed, broken, cut, cut, passed]
    return [make(number) for number, make in enumerate(made, start=1)]


def summary_of(runs: Sequence[Run], **keywords: Any) -> Summary:
    """The analysis as the engine makes it."""
    seconds = {run.number: run.rollout.timing.seconds for run in runs}
    options = {"band": Band(0.1, 0.4), "confidence": 0.95, "categories": CATEGORIES, "seconds": seconds} | keywords
    return summarize(runs, **options)


def manifest_of(**changes: Any) -> dict[str, Any]:
    """A manifest as the engine writes it; `changes` replace its keys."""
    limits = asdict(Limits(max_tokens=500))
    return {
        "task": "arithmetic",
        "title": "Arithmetic with a Python tool",
        "model": {"id": "simulated", "kind": "simulated", "simulated": True},
        "versions": versions(),
        "commit": "0123456789abcdef",
        "digests": {"prompt": "1" * 16, "tools": "2" * 16, "grader": "3" * 16},
        "rollouts": {"set": "0011aabbccdd/t500", "limits": limits, "reused": 0, "reused_from": None},
        "isolation": "namespaces",
        "limits": limits,
        "seed": 0,
    } | changes


def config_of(**changes: Any) -> dict[str, Any]:
    """A config as Hydra dumps it; `changes` are dotted names with `__` for the dot."""
    config: dict[str, Any] = {
        "task": {"name": "arithmetic", "expression": "(2^10 + 3^5) * 7 - 100", "tolerances": {"answer": 1e-6}},
        "model": {"kind": "simulated", "id": "simulated", "params": {}},
        "limits": {"max_tokens": 500, "max_steps": None},
        "runs": {"count": 12, "seed": 0},
        "band": {"low": 0.1, "high": 0.4, "confidence": 0.95},
    }
    for name, value in changes.items():
        *path, last = name.split("__")
        node = config
        for part in path:
            node = node[part]
        node[last] = value
    return config


def write_launch(
    folder: Path,
    runs: Sequence[Run] | None = None,
    *,
    overrides: Sequence[str] = ("task=arithmetic", "model=simulated"),
    config: Mapping[str, Any] | None = None,
    manifest: Mapping[str, Any] | None = None,
    **options: Any,
) -> Path:
    """An output directory; returns it. `options` go to the analysis."""
    runs = some_runs() if runs is None else runs
    hydra = folder / ".hydra"
    hydra.mkdir(parents=True)
    (hydra / "config.yaml").write_text(yaml.safe_dump(dict(config or config_of()), sort_keys=False))
    (hydra / "overrides.yaml").write_text(yaml.safe_dump(list(overrides)))
    write_cell(folder, runs, summary_of(runs, **options), manifest or manifest_of())
    return folder


def write_sweep(folder: Path, cells: Mapping[str, Sequence[Run]], **keywords: Any) -> Path:
    """A sweep over one or more knobs: `{"limits.max_tokens=300": runs, …}`; several knobs are joined by a comma."""
    folder.mkdir(parents=True)
    (folder / "multirun.yaml").write_text("hydra: {}\n")
    for number, (knobs, runs) in enumerate(cells.items()):
        overrides = ["task=arithmetic", *knobs.split(",")]
        write_launch(folder / f"{number},{knobs}", runs, overrides=overrides, **keywords)
    return folder
