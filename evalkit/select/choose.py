"""The choice of a rule among the problems of a launch: what was chosen, with what promise, and `selection.jsonl`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from evalkit.display.rates import level
from evalkit.select.problems import TriedSet
from evalkit.stats.selection import Selection, anytime, expected, signal
from evalkit.stats.verdict import Band
from evalkit.util.errors import UserError
from evalkit.util.files import write_atomically
from evalkit.util.records import Amount, Count, Positive, Record, Share
from evalkit.util.text import counted, percent

RULES = ("expected", "anytime", "signal")
LEVEL = 0.1
FILE = "selection.jsonl"


@dataclass(frozen=True)
class Choice:
    """A rule applied to a set."""

    tried: TriedSet
    band: Band
    level: float
    """The share of false ones allowed among the chosen; `signal` has none and ignores it."""
    group: int
    selection: Selection

    @property
    def rule(self) -> str:
        """`expected`, `anytime` or `signal`."""
        return self.selection.rule

    @property
    def count(self) -> int:
        """How many problems are chosen."""
        return sum(self.selection.chosen)

    @property
    def promise(self) -> str:
        """What the rule promises of the chosen problems, in one sentence."""
        if self.selection.gives is not None:
            low, high = (percent(end) for end in (self.selection.gives.low, self.selection.gives.high))
            return (
                f"a group of {self.group} tries at one of the {counted(self.count, 'chosen problem')} has mixed "
                f"outcomes with a mean chance of {low} to {high} (95% interval)"
            )
        wrong = f"on average at most {level(self.level)} of the chosen problems lie outside {self.band}"
        if self.rule == "anytime":
            return f"{wrong}, whatever the problems are and whenever sampling stops"
        return f"{wrong}, taking the problems as a sample of problems like these"


def choose(
    tried: TriedSet,
    rule: str = "expected",
    *,
    band: Band | None = None,
    level: float | None = None,
    count: int | None = None,
    group: int | None = None,
) -> Choice:
    """Apply a rule; what is not given is that of the launch, the level 10 %.

    Raises `UserError` for a level, count or group that is out of range or that the rule does not have.
    """
    band, group = band or tried.band, tried.group if group is None else group
    if group < 2:
        raise UserError(f"--group {group} has no mixed outcomes: a group needs 2 tries or more")
    if rule == "signal":
        if level is not None:
            raise UserError("--rule signal has no level: drop --level, or choose --rule expected")
        if count is None:
            raise UserError("--rule signal needs to know how many problems to choose: add --count N")
        if not 1 <= count <= len(tried.problems):
            raise UserError(f"--count {count} cannot be chosen from {counted(len(tried.problems), 'problem')}")
        return Choice(tried, band, LEVEL, group, signal(tried.counts, band, count, group))
    if count is not None:
        raise UserError(f"--rule {rule} finds out how many to choose: drop --count, or choose --rule signal")
    level = LEVEL if level is None else level
    if not 0 < level < 1:
        raise UserError(f"--level {level:g} is not a share between 0 and 1: write for example --level 0.1")
    chosen = (anytime if rule == "anytime" else expected)(tried.counts, band, level, group)
    return Choice(tried, band, level, group, chosen)


class SelectionLine(Record, frozen=True, kw_only=True):
    """A problem of a set as a rule of `select` sees it. Lines are in the order of the rule, the most promising
    first."""

    problem: str
    """Its id."""
    order: Positive
    """Its place by the rule."""
    chosen: bool
    """Whether the rule chooses it."""
    passed: Count
    tries: Count
    """Passed and failed ones; errors and unknown outcomes are left out."""
    expected_rate: Share
    """Posterior mean of its pass rate."""
    chance_in_band: Share
    """Posterior probability that its pass rate is in the band."""
    expected_signal: Share
    """Posterior mean of the chance that a group of tries has mixed outcomes."""
    evidence: Amount | None = None
    """Rule `anytime`: the e-value against "its rate is outside the band"."""
    rule: Annotated[str, Meta(extra_json_schema={"enum": [*RULES]})]
    promise: str
    """What the rule promises of the chosen problems, in a sentence."""


def lines(choice: Choice) -> Iterator[SelectionLine]:
    """The lines of `selection.jsonl`, one a problem."""
    found = choice.selection
    for index in sorted(range(len(found.order)), key=found.order.__getitem__):
        problem = choice.tried.problems[index]
        yield SelectionLine(
            problem=problem.problem,
            order=found.order[index],
            chosen=found.chosen[index],
            passed=problem.passed,
            tries=problem.tries,
            expected_rate=round(found.rate[index], 6),
            chance_in_band=round(found.in_band[index], 6),
            expected_signal=round(found.signal[index], 6),
            evidence=None if found.evidence is None else float(f"{found.evidence[index]:.6g}"),
            rule=choice.rule,
            promise=choice.promise,
        )


def write(choice: Choice) -> Path:
    """Write `selection.jsonl` into the directory of the launch. Raises `StorageError` where the disk refuses."""
    path = choice.tried.folder / FILE
    write_atomically(path, "".join(json.dumps(line.to_dict(), ensure_ascii=False) + "\n" for line in lines(choice)))
    return path
