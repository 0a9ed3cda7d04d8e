"""The analysis of a cell: counts, rates, the failure table, warnings, stability, and its JSON."""

import json
from dataclasses import replace

import numpy
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from evalkit.grading.procedure import without_submission
from evalkit.results.reading import summary_from
from evalkit.results.runs import Run
from evalkit.results.summary import percentile, summarize
from evalkit.rollout.limits import UNFIT, Limits, clip, join
from evalkit.rollout.record import Ending, Turn
from evalkit.stats import Band, Decision, Interval, Verdict, wilson
from evalkit.stats.homogeneity import homogeneity
from evalkit.task.grade import Grade
from tests import worlds
from tests.builders import call, message, rollout, text, turn
from tests.runs import failed, lost, passed, stopped, unknown

CATEGORIES = {
    "shape_error": "Dimension errors",
    "wrong_values": "Wrong values",
    "no_submission": "Never submitted",
}


def analyse(runs, **options):
    options = {"band": Band(0.1, 0.4), "confidence": 0.95, "categories": CATEGORIES} | options
    return summarize(runs, **options)


def test_errors_stand_beside_the_rate_and_not_in_it():
    found = analyse([passed(1), failed(2), failed(3), lost(4), lost(5)])
    assert (found.total, found.passed, found.failed, found.errors) == (5, 1, 2, 2)
    assert found.rate.value == pytest.approx(1 / 3)
    assert found.rate.interval == wilson(1, 3)
    assert found.rate_with_errors.value == pytest.approx(1 / 5)
    assert found.rate_with_errors.interval == wilson(1, 5)
    assert found.coverage == pytest.approx(3 / 5)
    assert found.error_runs == (4, 5)


def test_unknown_runs_make_the_rate_a_range_that_holds_whatever_they_were():
    runs = [passed(1), failed(2), unknown(3), unknown(4, "another reason"), lost(5)]
    found = analyse(runs, batches=2)
    assert (found.total, found.passed, found.failed, found.errors, found.rate.unknown) == (5, 1, 1, 1, 2)
    assert found.rate.value is None and found.rate.range == Interval(0.25, 0.75)
    assert found.rate.interval == Interval(wilson(1, 4).low, wilson(3, 4).high)
    assert found.rate_with_errors.range == Interval(0.2, 0.6)
    assert [(each.reason, each.runs) for each in found.unknown] == [(UNFIT, (3,)), ("another reason", (4,))]
    assert found.pass_at_k == found.pass_hat_k == {} and found.stability is None
    assert found.mean_tokens == 100 and found.verdict == Verdict(Decision.UNDECIDED)
    assert summary_from(json.loads(json.dumps(found.to_dict()))) == found


@pytest.mark.parametrize(
    ("good", "bad", "unsure", "decision"),
    [
        (0, 60, 0, Decision.TOO_HARD),
        (0, 60, 2, Decision.UNDECIDED),  # with both passed, the interval reaches into the band
        (0, 60, 1, Decision.TOO_HARD),
        (60, 0, 60, Decision.TOO_EASY),
        (60, 0, 90, Decision.UNDECIDED),
        (20, 65, 3, Decision.IN_BAND),
        (20, 65, 15, Decision.UNDECIDED),
    ],
)
def test_a_verdict_is_one_only_if_it_is_the_same_whatever_the_unknown_runs_were(good, bad, unsure, decision):
    runs = [*map(passed, range(1, good + 1)), *(failed(100 + n) for n in range(bad))]
    found = analyse([*runs, *(unknown(300 + n) for n in range(unsure))]).verdict
    assert found == Verdict(decision)


@settings(max_examples=400)
@given(worlds.worlds.filter(lambda world: world.counts == "all"), worlds.limits, worlds.limits)
def test_the_summary_of_a_clipped_run_is_that_of_a_fresh_one(world, one, other):
    def summary(ended):
        grade = None
        if ended.submission:
            grade = Grade(True, "")
        elif ended.ending not in (Ending.ERROR, Ending.UNKNOWN):
            grade = without_submission(ended, one.max_tokens, one.max_steps)
        return analyse([Run(1, ended, grade, error=ended.detail)]).to_dict()

    clipped = clip(world.sampled(join([one, other])), one)
    assume(clipped.ending is not Ending.UNKNOWN)
    assert summary(clipped) == summary(clip(world.sampled(one), one))


@pytest.mark.parametrize("torso", [(), (call("look", {}),), (text('{"name": "look"'),)])
def test_warnings_do_not_depend_on_how_much_of_a_cut_response_is_on_record(torso):
    tools = ({"name": "look", "input_schema": {}},)
    told = ({"type": "tool_result", "tool_use_id": "toolu_1", "content": "broken", "is_error": True},)
    erred = Turn(50, message(call("look", {}), tokens=10), reply=told, tool_errors=1)
    as_text = Turn(50, message(text('<tool_call>{"name": "look", "arguments": {}}'), tokens=30))
    for whole in (Turn(50, message(call("look", {}), tokens=30), reply=turn(1).reply), as_text):
        runs = []
        for more in (Turn(29, message(*torso, stop="max_tokens", tokens=29)), whole):
            ended = [
                clip(
                    replace(rollout(erred, more, ending=Ending.TOKEN_LIMIT, run=n), tools=tools), Limits(max_tokens=39)
                )
                for n in range(1, 7)
            ]
            runs.append([Run(one.run, one, without_submission(one, 39, None)) for one in ended])
        fresh, clipped = (analyse(each).warnings for each in runs)
        assert fresh == clipped and "none of 6 calls of look worked" in fresh[0]


@pytest.mark.parametrize("runs", [[], [lost(1), lost(2)]])
def test_without_a_graded_run_there_is_no_rate(runs):
    found = analyse(runs, batches=2)
    assert found.rate.value is None and found.mean_tokens is None and found.mean_score is None
    assert found.verdict.decision is Decision.UNDECIDED
    assert found.failures == () and found.stability is None and found.pass_at_k == {}
    assert found.coverage == (0.0 if runs else None)
    assert json.loads(json.dumps(found.to_dict()))["pass_rate"]["rate"] is None


@pytest.mark.parametrize(
    ("ending", "label"),
    [
        (Ending.TOKEN_LIMIT, "Token limit"),
        (Ending.TIME_LIMIT, "Time limit"),
        (Ending.REFUSED, "Refused"),
        (Ending.CONTEXT_LIMIT, "Context limit"),
        (Ending.STEP_LIMIT, "No submission"),
        (Ending.GAVE_UP, "No submission"),
    ],
)
def test_a_failure_without_submission_is_called_by_its_ending(ending, label):
    assert [row.label for row in analyse([stopped(1, ending)]).failures] == [label]


def test_the_failure_table_is_sorted_by_count_and_then_as_the_task_lists_categories():
    runs = [failed(1), failed(2, "shape_error"), stopped(3), stopped(4), passed(5), failed(6, "not_listed"), lost(7)]
    found = [(row.label, row.count, row.runs) for row in analyse(runs).failures]
    assert found == [
        ("Token limit", 2, (3, 4)),
        ("Dimension errors", 1, (2,)),
        ("Wrong values", 1, (1,)),
        ("Not listed", 1, (6,)),
    ]


@given(st.lists(st.sampled_from([passed, failed, stopped, lost]), max_size=30))
def test_shares_add_up_and_order_does_not_matter(kinds):
    runs = [kind(number) for number, kind in enumerate(kinds, 1)]
    found = analyse(runs)
    assert analyse(runs[::-1]) == found
    assert found.passed + found.failed + found.errors == found.total
    assert sum(found.endings.values()) == found.total
    if found.rate.value is not None:
        assert found.rate.value + sum(row.share for row in found.failures) == pytest.approx(1)
        assert found.pass_at_k[1] == pytest.approx(found.rate.value)
        assert list(found.pass_at_k.values()) == sorted(found.pass_at_k.values())
        assert list(found.pass_hat_k.values()) == sorted(found.pass_hat_k.values(), reverse=True)


def test_cost_is_unknown_if_that_of_one_run_is():
    assert analyse([passed(1, cost=0.25), passed(2, cost=0.5)]).cost_usd == 0.75
    assert analyse([passed(1, cost=0.25), passed(2)]).cost_usd is None


def test_means_leave_errors_out_and_totals_do_not():
    broken = replace(lost(3), rollout=replace(stopped(3, tokens=50).rollout, ending=Ending.ERROR))
    found = analyse([passed(1, tokens=100), failed(2, tokens=300), broken])
    assert (found.mean_tokens, found.mean_steps, found.mean_score) == (200, 1, 0.5)
    assert found.total_tokens == 450


def test_times_are_kept_out_of_the_facts():
    runs = [passed(number) for number in range(1, 22)]
    with_times = analyse(runs, seconds={number: float(number) for number in range(1, 22)})
    without = analyse(runs)
    assert with_times.to_dict() == without.to_dict()
    assert with_times.times() == {"timed_runs": 21, "mean_s": 11.0, "p95_s": 20.0, "max_s": 21.0}
    assert without.times() == {"timed_runs": 0, "mean_s": None, "p95_s": None, "max_s": None}


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50), st.floats(0, 1))
def test_percentile_is_numpys(values, share):
    assert percentile(values, share) == pytest.approx(float(numpy.quantile(values, share)), rel=1e-9, abs=1e-9)


def test_stability_is_the_deviation_between_consecutive_batches():
    results = [1, 1, 0, 0, 1, 0, 0, 0, 0]
    runs = [passed(number) if ok else failed(number) for number, ok in enumerate(results, 1)]
    found = analyse(runs, batches=3).stability
    assert found.rates == pytest.approx((2 / 3, 1 / 3, 0))
    assert found.std == pytest.approx(1 / 3)
    assert found.expected == pytest.approx((1 / 3 * 2 / 3 / 3) ** 0.5)
    assert found.p_value == homogeneity([(2, 3), (1, 3), (0, 3)])


def test_a_batch_of_errors_has_no_rate():
    runs = [passed(1), failed(2), lost(3), lost(4), passed(5), passed(6)]
    assert analyse(runs, batches=3).stability.rates == (0.5, 1.0)
    assert analyse([passed(1), passed(2), lost(3), lost(4)], batches=2).stability is None


@pytest.mark.parametrize("batches", [1, 4])
def test_one_batch_or_more_batches_than_runs_have_no_stability(batches):
    assert analyse([passed(1), failed(2), passed(3)], batches=batches).stability is None


def test_pass_at_k_goes_as_far_as_half_of_the_runs():
    assert list(analyse([passed(n) for n in range(1, 11)]).pass_at_k) == [1, 2, 4]
    assert list(analyse([passed(1)]).pass_hat_k) == [1]


def test_runs_at_different_problems_say_nothing_about_k_tries_at_one():
    """Half of the problems always pass, half never: at any of them the chance of a pass in 4 tries is 0 or 1."""
    runs = [(passed if number % 2 else failed)(number) for number in range(1, 13)]
    seeded = [replace(run, rollout=replace(run.rollout, prompt=f"problem {run.number}")) for run in runs]
    found, same = analyse(seeded), analyse(runs)
    assert (found.problems, found.pass_at_k, found.pass_hat_k) == (12, {}, {})
    assert (same.problems, list(same.pass_at_k)) == (1, [1, 2, 4])
    assert (found.to_dict()["problems"], found.to_dict()["pass_at_k_intervals"]) == (12, {})
    assert found.rate == same.rate  # the rate over all of them stays


@pytest.mark.parametrize("part", [{"system": "other"}, {"tools": ({"name": "x"},)}, {"set_up": "0123"}])
def test_whatever_a_model_sees_makes_another_problem(part):
    other = replace(passed(1), rollout=replace(passed(1).rollout, **part))
    assert analyse([other, failed(2)]).problems == 2
    broken = replace(lost(1), rollout=replace(lost(1).rollout, prompt="never asked"))
    assert analyse([broken, failed(2), passed(3)]).problems == 1


def test_pass_at_k_has_intervals_that_follow_the_rates():
    found = analyse([passed(n) if n < 5 else failed(n) for n in range(1, 16)])
    rate, of_k = found.rate.interval, found.of_k()
    assert of_k["pass_at_k"][2].high == pytest.approx(1 - (1 - rate.high) ** 2)
    assert of_k["pass_hat_k"][2].low == pytest.approx(rate.low**2)
    assert found.to_dict()["pass_hat_k_intervals"]["2"]["low"] == pytest.approx(rate.low**2)


def test_the_facts_are_json_with_plain_names():
    facts = analyse([passed(1), failed(2), lost(3)]).to_dict()
    assert json.loads(json.dumps(facts)) == facts
    assert facts["verdict"] == {"decision": "UNDECIDED", "more_runs": 91}
    assert facts["failures"] == [{"label": "Wrong values", "count": 1, "share": 0.5, "runs": [2]}]
    assert facts["endings"] == {"submitted": 2, "error": 1}
