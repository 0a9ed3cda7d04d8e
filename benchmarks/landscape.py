"""1,000 × 1,000 cells of tolerance × token limit over 1,000 rollouts: seconds, memory, and the same cell by cell.

    python benchmarks/landscape.py [values per axis] [rollouts]

Prints one line of JSON. A sample of cells is also clipped and graded the slow way and must agree.
"""

from __future__ import annotations

import json
import random
import resource
import sys
import time

from evalkit.landscape.compute import Axis, count
from evalkit.landscape.thresholds import KnobGrader, Trial
from evalkit.results.runs import Run
from evalkit.rollout.limits import Limits, clip
from evalkit.rollout.record import Ending, Rollout, Submission, Turn
from evalkit.task.grade import Grade, Measurement

NODE = {"name": "arithmetic", "expression": "(2^10 + 3^5) * 7 - 100", "tolerances": {"answer": 0.5}}
SAMPLED_CELLS = 200


def make_runs(number: int) -> list[Run]:
    """Runs of 1 to 8 turns whose errors are log-normal, so that every tolerance of the grid separates some."""
    dice = random.Random(1)
    return [_run(run, dice) for run in range(1, number + 1)]


def _run(number: int, dice: random.Random) -> Run:
    sizes = [round(dice.lognormvariate(6, 0.7)) + 1 for _ in range(dice.randint(1, 8))]
    turns = [Turn(10**6, {"usage": {"output_tokens": size}, "content": []}, reply=()) for size in sizes[:-1]]
    last = Turn(10**6, {"usage": {"output_tokens": sizes[-1]}, "content": []}, submission=Submission(1))
    rollout = Rollout(number, "", "", (), (*turns, last), Ending.SUBMITTED)
    error = dice.lognormvariate(-2, 2)
    return Run(number, rollout, Grade(True, ""), Measurement({"got": 1.0, "expected": 1.0, "error": error}))


def slow_cell(runs: list[Run], grader: KnobGrader, tokens: float, tolerance: float) -> int:
    """One cell as the engine grades it."""
    clipped = [(clip(run.rollout, Limits(max_tokens=int(tokens))), run.measurement) for run in runs]
    return sum(
        grader([tolerance], measurement).passed
        for rollout, measurement in clipped
        if rollout.submission and measurement
    )


def main(size: int = 1000, rollouts: int = 1000) -> None:
    """Measure and print."""
    runs = make_runs(rollouts)
    axes = [
        Axis("limits.max_tokens", tuple(float(10 * (n + 1)) for n in range(size))),
        Axis("task.tolerances.answer", tuple(0.001 * 1.01**n for n in range(size))),
    ]
    grader = KnobGrader(NODE, ["task.tolerances.answer"])
    start = time.perf_counter()
    counts = count([Trial.of(run) for run in runs], axes, grader)
    seconds = time.perf_counter() - start

    dice = random.Random(2)
    start = time.perf_counter()
    for _ in range(SAMPLED_CELLS):
        i, j = dice.randrange(size), dice.randrange(size)
        assert counts.passed[i, j] == slow_cell(runs, grader, axes[0].values[i], axes[1].values[j])
    slow = (time.perf_counter() - start) / SAMPLED_CELLS * size * size
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figures = {
        "cells": size * size,
        "rollouts": rollouts,
        "seconds": round(seconds, 3),
        "peak_mb": round(peak),
        "cell_by_cell_seconds": round(slow),
        "times_faster": round(slow / seconds),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
