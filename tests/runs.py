"""Graded runs for tests: passed, failed in some category, cut by a limit, or lost to an error."""

from __future__ import annotations

from dataclasses import replace

from evalkit.grading.procedure import without_submission
from evalkit.results.runs import Run
from evalkit.rollout.limits import UNFIT
from evalkit.rollout.record import Ending, Rollout, Timing
from evalkit.task.grade import Check, Fault, Grade, Measurement
from tests.builders import rollout, turn


def passed(number: int, message: str = "Got VERIFIED", *, tokens: int = 100, cost: float | None = None) -> Run:
    done = rollout(turn(tokens, answer={"x": 1}), run=number)
    check = Check("output", True, 0.001, 0.01)
    return Run(number, done, Grade(True, message, checks=(check,)), Measurement({"error": 0.001}), cost)


def failed(number: int, category: str = "wrong_values", message: str = "Got 2, expected 3", **options) -> Run:
    done = rollout(turn(options.pop("tokens", 100), answer={"x": 2}), run=number)
    return Run(number, done, Grade.failed(Fault(category, message)), **options)


def stopped(number: int, ending: Ending = Ending.TOKEN_LIMIT, *, tokens: int = 2900, **options) -> Run:
    done = rollout(turn(tokens, stop="max_tokens"), ending=ending, run=number)
    return Run(number, done, without_submission(done, 2900, 15), **options)


def lost(number: int, message: str = "overloaded (529) after 5 tries", **options) -> Run:
    return Run(
        number, Rollout(number, "?", "", (), ending=Ending.ERROR, detail=message), None, error=message, **options
    )


def timed(run: Run, seconds: float) -> Run:
    return replace(run, rollout=replace(run.rollout, timing=Timing(seconds=seconds)))


def unknown(number: int, reason: str = UNFIT) -> Run:
    done = rollout(turn(100), ending=Ending.UNKNOWN, run=number, detail=reason)
    return Run(number, done, None, error=reason)
