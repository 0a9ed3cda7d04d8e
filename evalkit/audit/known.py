"""Known findings against what an audit tried: a finding that nobody looked for is not gone."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from evalkit.audit.findings import KINDS

_ABOUT_A_SOLUTION = ("oracle-fails", "start-passes", "false-accept", "false-reject", "wrong-category")
_FROM_EVERYTHING = ("unknown-category", "not-monotone")
_SPEC_OF_RUN = re.compile(r"spec of run (\d+)")


@dataclass(frozen=True)
class Tried:
    """What an audit did: enough to say of every finding whether it would have been found."""

    seeds: int
    whole: bool = True
    """Every problem that the default number of runs would get was tried."""
    quick: bool = False
    """Mutants and generic answers were left out."""
    mutants: bool = True
    """Mutants were not left out by a wish of their own."""
    played: Collection[str] = ()
    """Ids of solutions."""
    repeated: Collection[str] = ()
    """Those that were graded many times."""
    reordered: Collection[str] = ()
    """Those that were graded once more, after others."""
    same: Mapping[str, Collection[str]] = field(default_factory=dict)
    """Id → ids of generated solutions that do the same, and are counted with it."""

    @property
    def everything(self) -> bool:
        """Whether no option made the audit smaller."""
        return self.whole and not self.smaller

    @property
    def smaller(self) -> str:
        """The option that left out solutions; empty if none did."""
        return "--quick" if self.quick else "" if self.mutants else "--no-mutants"

    def includes(self, name: str) -> bool:
        """Whether the finding of this name was looked for, on all problems."""
        kind, _, subject = name.partition(" ")
        if not self.whole or kind not in KINDS:
            return False
        if spec := _SPEC_OF_RUN.fullmatch(subject):
            return int(spec[1]) <= self.seeds
        if kind in _ABOUT_A_SOLUTION or kind == "grader-exception":
            return subject in self.played
        if kind == "changing-verdict":
            return subject in self.repeated
        if kind == "order-dependent":
            return subject in self.reordered
        return not (self.smaller and kind in _FROM_EVERYTHING)

    def as_counted(self, name: str) -> str:
        """The name under which a finding about a solution that is counted with another one is reported."""
        kind, _, subject = name.partition(" ")
        return next((f"{kind} {id_}" for id_, ids in self.same.items() if subject in ids), name)
