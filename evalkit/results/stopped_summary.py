"""The summary of a cell that was stopped early: its verdict and interval are those of the sequence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from evalkit.results.early_stopping import Stopping, Watched, WatchedSet, result_of
from evalkit.results.runs import Run
from evalkit.results.summary import Summary
from evalkit.stats.intervals import Interval
from evalkit.stats.sequential import ConfidenceSequence
from evalkit.stats.verdict import Decision, Verdict
from evalkit.util.text import counted


def conclude(summary: Summary, runs: Sequence[Run], watched: Watched | WatchedSet, most: int) -> Summary:
    """The summary with the sequence's verdict and intervals: those of a fixed plan do not survive peeking.

    Nor does the test of stability: the last batch leans towards the decision.
    """
    of_set = summary.set
    if isinstance(watched, WatchedSet):
        stopping = watched.stopping(runs)
        interval, with_errors = watched.interval, watched.with_errors_failed(runs).interval
        of_set = of_set and of_set.stopped(interval)
    else:
        stopping = Stopping(watched.decision, watched.decided_at, most, len(runs), watched.each_side)
        interval, with_errors = (_interval(runs, watched.confidence, error) for error in (None, False))
    return replace(
        summary,
        set=of_set,
        rate=replace(summary.rate, interval=interval),
        rate_with_errors=replace(summary.rate_with_errors, interval=with_errors),
        stability=replace(summary.stability, p_value=None) if summary.stability else None,
        verdict=Verdict(watched.decision),
        stopping=stopping,
    )


MAY_DEPEND = "what ended the launch early, such as a limit of cost, may depend on how runs went"

UNCHOSEN = "the launch ended before its rule had the tries that it asked for: the same command goes on from there"


def cut_short(summary: Summary, asked: int) -> Summary:
    """The summary of a fixed plan with a word of caution where fewer runs were made, for whatever reason."""
    if summary.total >= asked:
        return summary
    said = (
        f"{summary.total:,} of {counted(asked, 'planned run')} were made: {MAY_DEPEND}, and interval and verdict "
        "assume that it does not"
    )
    return replace(summary, warnings=(*summary.warnings, said))


def still_cut_short(summary: Summary, before: Summary) -> Summary:
    """The summary of the same runs graded again, with the word of caution that they had."""
    return replace(summary, warnings=(*summary.warnings, *(said for said in before.warnings if MAY_DEPEND in said)))


def was_cut_short(summary: Summary) -> bool:
    """Whether runs that were planned, or that its rule still wanted, were not made."""
    if stopping := summary.stopping:
        return stopping.decided_at is None and stopping.sampled < stopping.planned
    return any(MAY_DEPEND in said or said == UNCHOSEN for said in summary.warnings)


def adaptively_tried(summary: Summary, *, ended_early: bool = False) -> Summary:
    """The summary of a set whose problems got tries by their results: the choice allows for it, rates do not.

    `ended_early`: something else than the rule ended it, such as a limit of cost.
    """
    said = (
        "how many tries a problem got depends on how they went (runs.until=selected): the selection allows for that, "
        "rates, intervals and verdict assume that it does not"
    )
    more = (said, UNCHOSEN) if ended_early else (said,)
    return replace(summary, verdict=Verdict(Decision.UNDECIDED), warnings=(*summary.warnings, *more))


def _interval(runs: Sequence[Run], confidence: float, error: bool | None = None) -> Interval:
    """That of the sequence, whatever the unknown runs were; `error`: what a run that ended by a fault counts as."""
    lowest, highest = (_sequence(runs, confidence, unknown, error) for unknown in (False, True))
    return Interval(min(lowest.low, highest.low), max(lowest.high, highest.high))


def _sequence(runs: Sequence[Run], confidence: float, unknown: bool, error: bool | None) -> Interval:
    """The interval of the confidence sequence with all unknown runs counted as passed, or as failed."""
    sequence = ConfidenceSequence(confidence)
    for run in sorted(runs, key=lambda run: run.number):
        result = result_of(run, unknown, error)
        if result is not None:
            sequence.observe(result)
    return sequence.interval
