"""Which setting of a landscape is looked at: where recommendations start, and what is worth sampling afresh."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evalkit.landscape.landscape import FacetResult, Spot
from evalkit.stats.verdict import Band


def nearest_to_band(spots: Sequence[Spot], band: Band) -> Spot:
    """The cell in the band, or nearest to its middle; one with unknown runs only if there is no other."""

    def distance(spot: Spot) -> tuple[bool, bool, float, int]:
        if spot.range is None:
            return True, True, 2.0, spot.index
        middle = (band.low + band.high) / 2
        nearest = min(max(middle, spot.range.low), spot.range.high)
        return not spot.in_band, bool(spot.unknown), abs(nearest - middle), spot.index

    return min(spots, key=distance)


def largest_signal(spots: Sequence[Spot]) -> Spot:
    """The cell with the largest training signal; the first where none is known."""
    return max(spots, key=lambda spot: (spot.set.signal.value or 0.0 if spot.set else 0.0, -spot.index))


def proposal(facet_results: Sequence[FacetResult]) -> list[str]:
    """After the first sweep of a real model: what its clipped cells assume, and how to test that."""
    for view in facet_results:
        top, members = view.facet.top, view.facet.members
        new = any(len(member.summary.reused.runs) < member.summary.total for member in members)
        asked = view.simulated or members[0].config.confirm or view.unknown  # which says it already
        clipped = top is not None and any(not one.limits.same_rollouts(top.limits) for one in members)
        if clipped and new and not asked and to_confirm(view) is not None:
            return [
                "Clipped cells assume that the provider answers the same whatever `max_tokens` a request has: "
                "confirm=true samples one of them at its own limits, which tests that."
            ]
    return []


def to_confirm(view: FacetResult) -> Mapping[str, float] | None:
    """The setting of a facet that is worth sampling afresh, of every swept nested knob and the recommended one.

    The recommended one; else of the cells with unknown runs the one that may be nearest to the middle of the band.
    """
    if view.facet.top is None or view.script:
        return None
    if view.best is not None and view.best.value is not None:
        return {**view.anchor.at, view.best.knob: view.best.value}
    config = view.facet.members[0].config
    unsure = [spot for spot in view.spots if spot.unknown]
    return nearest_to_band(unsure, Band(config.band.low, config.band.high)).at if unsure else None
