"""Summaries of sets: both meanings of the rate, the signal, what is stopped early, and the same after reading back."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from evalkit.results.early_stopping import WatchedSet
from evalkit.results.problem_tallies import tallies
from evalkit.results.reading import summary_from
from evalkit.results.stopped_summary import conclude
from evalkit.results.summary import Summary, summarize
from evalkit.sampling.problem_set import TRIES, ProblemSet
from evalkit.stats.problem_sets import like_these, these_problems
from evalkit.stats.training_signal import training_signal
from evalkit.stats.verdict import Band, Decision
from tests.runs import failed, lost, passed, unknown

BAND = Band(0.1, 0.4)


def runs_of(*outcomes: str):
    """A problem for each text, a try for each letter: p passed, f failed, u unknown, e error."""
    kinds = {"p": passed, "f": failed, "u": unknown, "e": lost}
    return [
        replace(kinds[letter](index * TRIES + attempt), problem=f"p{index}", attempt=attempt)
        for index, text in enumerate(outcomes)
        for attempt, letter in enumerate(text, 1)
    ]


def summary(*outcomes: str, **options) -> Summary:
    return summarize(runs_of(*outcomes), band=BAND, confidence=0.95, categories={}, **options)


def test_both_meanings_have_the_intervals_of_their_counts() -> None:
    found = summary("pppp", "pfff", "ffff", "ppff", "ffff", "pfff").set
    counts = [(4, 4), (1, 4), (0, 4), (2, 4), (0, 4), (1, 4)]
    assert found is not None
    for said, interval in ((found.these, these_problems(counts)), (found.like_these, like_these(counts))):
        assert (said.value, said.low, said.high) == (interval.estimate, interval.low, interval.high)
    signal = training_signal(counts, 8, about="these")
    assert (found.signal.value, found.signal.low) == (signal.estimate, signal.interval.low)
    assert (found.problems, found.never, found.always, found.in_band) == (6, 2, 1, 2)


@pytest.mark.parametrize(("about", "name"), [("these", "these"), ("like_these", "like_these")])
def test_verdict_and_interval_are_of_the_rate_that_the_band_is_about(about: str, name: str) -> None:
    found = summary(*["pfff"] * 30, *["ffff"] * 10, *["pppp"] * 2, about=about)
    meant = getattr(found.set, name)
    assert (found.rate.interval.low, found.rate.interval.high) == (meant.low, meant.high)


def test_the_set_may_be_decided_where_problems_like_it_are_not() -> None:
    outcomes = ["pppp"] * 6 + ["ffff"] * 20
    assert summary(*outcomes, about="these").verdict.decision is Decision.IN_BAND
    assert summary(*outcomes, about="like_these").verdict.decision is Decision.UNDECIDED


def test_every_problem_weighs_the_same_where_errors_leave_unequal_tries() -> None:
    found = summary("pppe", "ffff")
    assert found.rate.value == 0.5 != 3 / 7
    assert found.rate_with_errors.value == pytest.approx(0.375)


def test_unknown_tries_widen_every_interval_to_what_they_could_have_been() -> None:
    found = summary("ppuf", "ffff", "fffu").set
    failed, passed = (summary(*(text.replace("u", letter) for text in ("ppuf", "ffff", "fffu"))).set for letter in "fp")
    assert found and failed and passed
    assert found.these.value is None
    assert (found.these.low, found.these.high) == (
        min(failed.these.low, passed.these.low),
        max(failed.these.high, passed.these.high),
    )


def test_two_sets_of_one_rate_have_different_signals() -> None:
    alike, split = summary(*["pfff"] * 20), summary(*["pppp"] * 5, *["ffff"] * 15)
    assert alike.rate.value == split.rate.value == 0.25
    assert alike.set and split.set
    assert split.set.signal.value == 0
    assert alike.set.signal.value is not None and alike.set.signal.value > 0.8


def test_a_summary_of_a_set_is_read_back_as_it_was() -> None:
    found = summary("ppff", "pfff", "ffff", "ppef")
    text = json.dumps(found.to_dict())
    assert json.dumps(summary_from(json.loads(text)).to_dict()) == text


def test_tallies_count_each_kind_of_try_and_name_the_failures() -> None:
    found = summary("ppuf", "eeff")
    one, other = tallies(runs_of("ppuf", "eeff"), found.failures)
    assert (one.passed, one.failed, one.unknown, one.errors, one.tries) == (2, 1, 1, 0, 3)
    assert (other.passed, other.failed, other.unknown, other.errors) == (0, 2, 0, 2)
    assert sum(other.categories.values()) == 2 and all(other.categories)


def problems(count: int, *, by_rounds: bool) -> ProblemSet:
    found = ProblemSet(0, [f"p{n}" for n in range(count)], range(count))
    found.by_rounds = by_rounds
    return found


def test_rounds_decide_about_these_problems_in_whichever_order_runs_end() -> None:
    outcomes = ["p" * 60, "p" * 60, "f" * 60]
    forwards, backwards = (WatchedSet(BAND, 0.95, problems(3, by_rounds=True), 60) for _ in range(2))
    for run in runs_of(*outcomes):
        forwards.take(run)
    for run in reversed(runs_of(*outcomes)):
        backwards.take(run)
    assert forwards.decision is backwards.decision is Decision.TOO_EASY
    assert forwards.decided_at == backwards.decided_at
    assert forwards.decided_at is not None and forwards.decided_at < 60


def test_a_round_with_an_error_says_nothing_and_a_problem_is_judged_by_its_other_tries() -> None:
    rounds, each = (
        WatchedSet(BAND, 0.95, problems(2, by_rounds=True), 2),
        WatchedSet(BAND, 0.95, problems(2, by_rounds=False), 2),
    )
    for run in runs_of("pe", "pf"):
        rounds.take(run)
        each.take(run)
    assert rounds._failed.values == [1.0, 1.0]
    assert each._failed.values == [1.0, 0.5]


def test_a_stopped_set_shows_the_interval_of_the_sequence_and_counts_in_rounds() -> None:
    runs = runs_of(*["p" * 40] * 3)
    watched = WatchedSet(BAND, 0.95, problems(3, by_rounds=True), 40)
    for run in runs:
        watched.take(run)
    found = conclude(summarize(runs, band=BAND, confidence=0.95, categories={}), runs, watched, 40)
    assert found.set and found.stopping
    assert found.set.these.method == "confidence sequence"
    assert (found.set.these.low, found.set.these.high) == (found.rate.interval.low, found.rate.interval.high)
    assert str(found.stopping).startswith("decided after") and "rounds of at most 40" in str(found.stopping)
    assert summary_from(json.loads(json.dumps(found.to_dict()))).stopping == found.stopping
