"""What came of it: flips, tests on the right runs, p-values that keep their promise, and the power that is stated."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from evalkit.diff import outcomes as module
from evalkit.diff.document import sentences
from evalkit.diff.outcomes import compare_outcomes
from evalkit.diff.pairs import Pairing, shared_runs
from evalkit.results.reading import RunRecord, load
from evalkit.results.runs import Outcome
from evalkit.rollout.record import Ending
from evalkit.stats import Interval, comparisons
from evalkit.task.grade import Check, Grade
from tests.outputs import cut, failed, manifest_of, passed, some_runs, write_launch


def record(number: int, success: bool | None) -> RunRecord:
    """A run as `runs.jsonl` has it; None: an error."""
    outcome = Outcome.ERROR if success is None else Outcome.PASSED if success else Outcome.FAILED
    reason = "wrong" if success is False else None
    return RunRecord(
        number=number,
        outcome=outcome,
        ending=Ending.SUBMITTED,
        category=reason,
        label=reason,
        message="",
        score=None,
        checks=(),
        output_tokens=100,
        input_tokens=50,
        steps=2,
        tool_errors=0,
        cost_usd=0.5,
        leaked=False,
        folder=Path(),
    )


def records(*successes: bool | None) -> list[RunRecord]:
    return [record(number, success) for number, success in enumerate(successes, start=1)]


def rollouts(*numbers: int) -> Pairing:
    """Runs that rest on the same conversation on both sides."""
    return Pairing("rollout", numbers)


def test_shared_runs_are_tested_in_pairs_and_flips_are_listed() -> None:
    old = records(True, False, False, False, False, False, False, True)
    new = records(True, True, True, True, True, True, True, True)
    found = compare_outcomes(old, new, rollouts(*range(1, 9)), 0.95)
    assert found.comparison.method == "McNemar"
    assert [flip.run for flip in found.flips] == [2, 3, 4, 5, 6, 7]
    assert found.comparison.p_value == pytest.approx(2 / 64)
    assert found.tells and found.differ


def test_independent_runs_are_tested_as_such() -> None:
    found = compare_outcomes(records(*[True] * 2, *[False] * 18), records(*[True] * 3, *[False] * 17), Pairing(), 0.95)
    assert found.comparison.method == "Boschloo" and not found.tells
    assert found.runs_needed == comparisons.runs_to_tell_apart(0.1, 0.15)
    assert found.flips == () and found.shared == 0


def test_with_unknown_runs_the_difference_is_a_range_that_is_not_tested() -> None:
    unsure = record(1, None).replace(outcome=Outcome.UNKNOWN)
    old = [*records(*[True] * 2, *[False] * 6), *(unsure.replace(number=n) for n in (9, 10))]
    found = compare_outcomes(old, records(*[True] * 10), rollouts(*range(1, 11)), 0.95)
    assert (found.old.errors, found.old.rate.unknown, found.unknown) == (0, 2, 2)
    assert found.old.rate.range == Interval(0.2, 0.4)
    assert (found.differences.low, found.differences.high) == (pytest.approx(0.6), pytest.approx(0.8))
    assert not found.tells and found.runs_needed is None
    (said,) = [line for line in sentences(found) if "not tested" in line]
    assert said.startswith("Of 2 runs nobody knows whether they passed")
    assert not any("exact test" in line for line in sentences(found))


def test_shared_runs_that_no_side_judged_together_are_no_two_samples() -> None:
    found = compare_outcomes(records(None, True), records(True, None), rollouts(1, 2), 0.95)
    assert (found.comparison.method, found.comparison.p_value, found.runs_needed) == ("McNemar", 1.0, None)


def test_an_error_on_either_side_is_no_pair() -> None:
    old, new = records(None, True, False), records(True, None, False)
    found = compare_outcomes(old, new, rollouts(1, 2, 3), 0.95)
    assert found.comparison.p_value == 1 and found.runs_needed is None
    assert [(flip.run, flip.old, flip.new) for flip in found.flips] == [
        (1, Outcome.ERROR, Outcome.PASSED),
        (2, Outcome.PASSED, Outcome.ERROR),
    ]


def test_runs_of_one_side_only_are_a_difference() -> None:
    found = compare_outcomes(records(True), records(True, False), rollouts(1), 0.95)
    assert found.changed_runs == (2,)


def test_a_check_that_is_not_a_number_equals_itself(tmp_path: Path) -> None:
    run = replace(failed(1), grade=Grade(False, "no", "wrong_value", (Check("loss", False, float("nan"), 1.0),)))
    one, other = (load(write_launch(tmp_path / name, [run])).runs for name in "ab")
    assert not compare_outcomes(one, other, rollouts(1), 0.95).differ


def test_nothing_graded_tells_nothing() -> None:
    found = compare_outcomes(records(None), records(None, None), Pairing(), 0.95)
    assert found.comparison.p_value == 1 and found.old.rate.value is None and found.runs_needed is None


def test_figures_count_endings_reasons_tokens_and_cost(tmp_path: Path) -> None:
    found = module.figures(load(write_launch(tmp_path / "a")).runs, 0.95)
    assert (found.runs, found.errors, found.rate.passed, found.rate.runs) == (12, 1, 4, 11)
    assert found.endings == {"submitted": 6, "token_limit": 5, "error": 1}
    assert found.failures == {"Token limit": 5, "Wrong value": 2}
    assert found.mean_tokens == pytest.approx((6 * 400 + 5 * 500) / 11)
    assert found.cost_usd == pytest.approx(6 * 0.0125 + 5 * 0.01)


def test_conversations_are_shared_only_where_they_are_the_same(tmp_path: Path) -> None:
    def cell(name: str, stamp: str, rollouts: str = "key/t500"):
        runs = [passed(1, stamp=stamp), failed(2, stamp="a"), cut(3, stamp=stamp)]
        manifest = manifest_of(rollouts={"set": rollouts, "limits": {}})
        return load(write_launch(tmp_path / name, runs, manifest=manifest)).cells[0]

    first = cell("a", "a")
    assert shared_runs(first, cell("again", "a")) == [1, 2, 3]
    assert shared_runs(first, cell("other responses", "b")) == [2]
    assert shared_runs(first, cell("other limits", "a", "key/t900")) == [1, 2, 3]
    assert shared_runs(first, cell("other key", "a", "else/t500")) == []


def test_a_clipped_conversation_is_the_same_conversation(tmp_path: Path) -> None:
    whole, clipped = write_launch(tmp_path / "a", [passed(1, steps=3)]), write_launch(tmp_path / "b", [cut(1)])
    assert shared_runs(load(whole).cells[0], load(clipped).cells[0]) == [1]


def test_runs_without_a_response_are_not_shared(tmp_path: Path) -> None:
    one, other = (load(write_launch(tmp_path / name, some_runs())).cells[0] for name in "ab")
    assert 9 not in shared_runs(one, other)


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """The exact test is a function of four counts: computed once for each."""
    monkeypatch.setattr(module, "compare_independent", cache(comparisons.compare_independent))


def _simulated(rate_1: float, rate_2: float, runs: int, times: int, seed: int) -> list[float]:
    """p-values of launches with independent seeds, as `diff` computes them."""
    chance = random.Random(seed)
    values = []
    for _ in range(times):
        old, new = (records(*(chance.random() < rate for _ in range(runs))) for rate in (rate_1, rate_2))
        values.append(compare_outcomes(old, new, Pairing(), 0.95).comparison.p_value)
    return values


@pytest.mark.usefixtures("fast")
def test_without_a_difference_the_p_value_of_simulated_launches_is_uniform() -> None:
    times = 1500
    values = _simulated(0.3, 0.3, 25, times, seed=1)
    for alpha in (0.05, 0.1, 0.25):
        share = sum(value <= alpha for value in values) / times
        assert share == pytest.approx(alpha, abs=0.01 + 3 * (alpha * (1 - alpha) / times) ** 0.5)


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.5])
def test_without_a_difference_the_p_value_never_promises_too_much(rate: float) -> None:
    """P(p ≤ α) ≤ α exactly, summed over every outcome of two launches."""
    runs = 15
    chance = [math.comb(runs, k) * rate**k * (1 - rate) ** (runs - k) for k in range(runs + 1)]
    sides = [records(*(number < passes for number in range(runs))) for passes in range(runs + 1)]
    p_values = {
        (one, two): compare_outcomes(sides[one], sides[two], Pairing(), 0.95).comparison.p_value
        for one in range(runs + 1)
        for two in range(runs + 1)
    }
    for alpha in (0.01, 0.05, 0.1, 0.25, 0.5, 0.9):
        assert sum(chance[one] * chance[two] for (one, two), p in p_values.items() if p <= alpha) <= alpha


@pytest.mark.usefixtures("fast")
def test_with_a_difference_the_stated_number_of_runs_has_the_stated_power() -> None:
    needed = comparisons.runs_to_tell_apart(0.2, 0.6, power=module.POWER)
    values = _simulated(0.2, 0.6, needed, 600, seed=2)
    assert sum(value <= 0.05 for value in values) / 600 == pytest.approx(module.POWER, abs=0.06)


def test_with_a_paired_difference_the_stated_number_of_runs_has_the_stated_power() -> None:
    only_new, only_old, times = 0.3, 0.05, 400
    needed = comparisons.paired_runs_to_tell_apart(only_old, only_new, power=module.POWER)
    chance, told = random.Random(3), 0
    kinds = [(True, False), (False, True), (True, True), (False, False)]
    for _ in range(times):
        pairs = chance.choices(kinds, [only_old, only_new, 0.2, 0.45], k=needed)
        old, new = records(*(pair[0] for pair in pairs)), records(*(pair[1] for pair in pairs))
        told += compare_outcomes(old, new, rollouts(*range(1, needed + 1)), 0.95).tells
    assert told / times == pytest.approx(module.POWER, abs=0.06)
