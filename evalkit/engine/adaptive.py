"""Adaptive tries: `runs.until=selected` gives tries to the problems that the choice still hangs on, round by round."""

from __future__ import annotations

from evalkit.config.schema import Config
from evalkit.results.early_stopping import most_tries
from evalkit.results.runs import Outcome, Run
from evalkit.sampling.problem_set import ProblemSet
from evalkit.stats.selection_policy import next_tries
from evalkit.stats.verdict import Band


class AdaptiveTries:
    """The rounds of a set. A round is planned when the one before it has ended, whatever order its runs ended in.

    A try that ended by a fault, or of which nobody knows whether it passed, is made and tells nothing.
    """

    def __init__(self, problems: ProblemSet, config: Config) -> None:
        self._problems, self._config = problems, config
        self._band = Band(config.band.low, config.band.high)
        self._cap = most_tries(config)
        self._made = [0] * len(problems)
        self._passed, self._tried = list(self._made), list(self._made)

    def take(self, run: Run) -> None:
        """One run's result."""
        if run.outcome in (Outcome.PASSED, Outcome.FAILED):
            place = self._problems.place(run.number)
            self._tried[place] += 1
            self._passed[place] += run.outcome is Outcome.PASSED

    def next_round(self) -> list[int]:
        """The runs of the next round; empty when the choice can be made, or no problem may get more tries."""
        select, counts = self._config.select, list(zip(self._passed, self._tried, strict=True))
        more = next_tries(
            counts,
            self._band,
            rule=select.rule,
            level=select.level,
            step=select.step,
            cap=self._cap,
            count=select.count,
            group=self._config.band.group,
        )
        runs: list[int] = []
        for place, wanted in enumerate(more):
            made = self._made[place]
            allowed = min(wanted, self._cap - made)
            runs += self._problems.tries(place, made + 1, made + allowed)
            self._made[place] += max(0, allowed)
        return runs
