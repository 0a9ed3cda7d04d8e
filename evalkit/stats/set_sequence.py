"""Sampling a set until its band is decided: a confidence sequence whose units are independent, valid at every look.

For *problems like these* a unit is a problem with all of its tries: its rate is one draw, however the tries at it
depend on each other. For *these problems* a unit is a round, one try at every problem: within a round problems differ,
but the stake grows the less for it (the arithmetic mean of the factors exceeds the geometric), so it may be looked at
after every whole round. The stake is that of `betting`; with one problem, or one try each, the sequence is that of a
single rate.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from evalkit.stats.betting import bounded_mean, log_stakes, total
from evalkit.stats.intervals import Interval
from evalkit.stats.verdict import Band, Decision

if TYPE_CHECKING:  # NumPy is loaded where it calculates
    import numpy

    Array = numpy.ndarray[Any, Any]


@dataclass
class MeanSequence:
    """Decides whether the mean of bounded values is in the band; wrong with a chance of 1 − confidence at most.

    Feed it units in an order that their values cannot influence: by number, never as they complete.
    """

    band: Band
    confidence: float = 0.95
    values: list[float] = field(default_factory=list, repr=False)
    units: int = 0
    decision: Decision = Decision.UNDECIDED
    _stakes: dict[str, Array] = field(default_factory=dict, repr=False)
    """Logs of the stakes on: below the low end, above it, below the high end, above it."""
    _most: dict[str, float] = field(default_factory=dict, repr=False)
    """The most evidence that any look has given for each."""

    def __post_init__(self) -> None:
        if not 0 < self.confidence < 1:
            raise ValueError(f"confidence must be between 0 and 1, not {self.confidence}")

    def observe(self, *values: float) -> Decision:
        """One unit: the rate of a problem, or the results (0 or 1) of one whole round; returns what is decided now.

        The first decision stays. Raises ValueError for a value outside 0…1.
        """
        if not all(0 <= value <= 1 for value in values):
            raise ValueError("values must be between 0 and 1")
        if not values:
            return self.decision
        self.values += values
        self.units += 1
        mirrored = [1 - value for value in values]
        for side, of, end in (
            ("below low", values, self.band.low),
            ("above low", mirrored, 1 - self.band.low),
            ("below high", values, self.band.high),
            ("above high", mirrored, 1 - self.band.high),
        ):
            if 0 < end < 1:
                grown = log_stakes(of, end)
                self._stakes[side] = self._stakes[side] + grown if side in self._stakes else grown
                self._most[side] = max(self._most.get(side, 0.0), total(self._stakes[side]))
        if self.decision is Decision.UNDECIDED:
            self.decision = self._decide()
        return self.decision

    def _decide(self) -> Decision:
        """`TOO EASY` and `TOO HARD` get half of the error each; `IN BAND` needs each end excluded at the whole.

        A rate outside the band is wronged only by what excludes the end that it lies beyond, one inside by the two
        halves (intersection–union: Berger 1982, Technometrics 24).
        """
        whole = -math.log(1 - self.confidence)
        half = whole + math.log(2)
        if self._most.get("above high", 0.0) >= half:
            return Decision.TOO_EASY
        if self._most.get("below low", 0.0) >= half:
            return Decision.TOO_HARD
        above = 1 - self.band.low == 1 or self._most.get("above low", 0.0) >= whole  # so near to 0, no rate is below
        below = self.band.high == 1 or self._most.get("below high", 0.0) >= whole
        return Decision.IN_BAND if above and below else Decision.UNDECIDED

    @property
    def interval(self) -> Interval:
        """Of the mean, at this look: it and those of all other looks hold together with the confidence."""
        return bounded_mean(self.values, self.confidence, peeking=True)


@dataclass
class SetUntilDecided:
    """Tells when to stop trying further problems: results come as problems complete and count by their number.

    Problems without tries (all errors) say nothing and are skipped.
    """

    band: Band
    confidence: float = 0.95
    sequence: MeanSequence = field(init=False)
    decided_at: int | None = None
    """The number of the problem that decided."""
    _next: int = 1
    _waiting: dict[int, tuple[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sequence = MeanSequence(self.band, self.confidence)

    @property
    def decision(self) -> Decision:
        """What is decided."""
        return self.sequence.decision

    def add(self, number: int, passed: int, tries: int) -> Decision:
        """All tries at one problem. Problems are numbered from 1; gaps are waited for.

        Raises `ValueError` where more passed than were tried.
        """
        if not 0 <= passed <= tries:
            raise ValueError(f"{passed} of {tries} tries cannot have passed")
        self._waiting[number] = (passed, tries)
        while self._next in self._waiting and self.decision is Decision.UNDECIDED:
            passed, tries = self._waiting.pop(self._next)
            if tries and self.sequence.observe(passed / tries) is not Decision.UNDECIDED:
                self.decided_at = self._next
            self._next += 1
        return self.decision


def decide_like_these(rates: Iterable[float], band: Band, confidence: float = 0.95) -> tuple[Decision, int | None]:
    """What the problems' rates, in their order, decide about problems like these, and which of them (from 1) did."""
    sequence = MeanSequence(band, confidence)
    for number, rate in enumerate(rates, start=1):
        if sequence.observe(rate) is not Decision.UNDECIDED:
            return sequence.decision, number
    return Decision.UNDECIDED, None


def decide_these(rounds: Iterable[Sequence[bool]], band: Band, confidence: float = 0.95) -> tuple[Decision, int | None]:
    """What whole rounds, one result of every problem each, decide about these problems, and which (from 1) did.

    Raises ValueError if a round has another number of results than the first.
    """
    sequence, size = MeanSequence(band, confidence), None
    for number, results in enumerate(rounds, start=1):
        size = len(results) if size is None else size
        if len(results) != size or not size:
            raise ValueError(f"round {number} has {len(results)} results, not one of each of the {size} problems")
        if sequence.observe(*map(float, results)) is not Decision.UNDECIDED:
            return sequence.decision, number
    return Decision.UNDECIDED, None
