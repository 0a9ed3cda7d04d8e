"""Facets of a landscape: cells that share all but the knobs that only clip or grade their rollouts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evalkit.landscape.compute import Axis
from evalkit.landscape.knobs import Entry, Knob, label, place


@dataclass(frozen=True)
class Facet:
    """Cells that differ in nested knobs only."""

    fixed: Mapping[str, str]
    """The other swept knobs with the values that these cells share."""
    axes: tuple[Axis, ...]
    """The nested knobs with the values that were swept."""
    members: tuple[Entry, ...]
    top: Entry | None
    """The cell whose limits dominate those of all others, on the same rollouts; None: no cell's do."""

    def at(self, member: Entry) -> dict[str, float]:
        """Where a cell lies on the axes."""
        return {axis.knob: place(member.config, axis.knob) for axis in self.axes}


def facets(results: Sequence[Entry], knobs: Sequence[Knob]) -> list[Facet]:
    """One facet for each combination of the knobs that are not nested, in the order in which they were swept."""
    nested = [knob.name for knob in knobs if knob.nested]
    groups: dict[tuple[str, ...], list[Entry]] = {}
    for result in results:
        fixed = tuple(label(result, knob.name) for knob in knobs if not knob.nested)
        groups.setdefault(fixed, []).append(result)
    names = [knob.name for knob in knobs if not knob.nested]
    return [
        Facet(
            fixed=dict(zip(names, fixed, strict=True)),
            axes=tuple(Axis(name, tuple(sorted({place(m.config, name) for m in members}))) for name in nested),
            members=tuple(members),
            top=_top(members),
        )
        for fixed, members in groups.items()
    ]


def _top(members: Sequence[Entry]) -> Entry | None:
    if len({member.rollouts for member in members}) > 1:
        return None
    fitting = (one for one in members if all(one.limits.dominates(other.limits) for other in members))
    return max(fitting, key=lambda one: len(one.runs), default=None)
