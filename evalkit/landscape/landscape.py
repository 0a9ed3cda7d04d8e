"""Landscape types: cells, the facets that they form, curves and recommendations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from evalkit.landscape.curves import Curve, Nest
from evalkit.landscape.facets import Facet
from evalkit.landscape.knobs import Knob
from evalkit.landscape.recommend import Recommendation
from evalkit.landscape.set_curves import SetPoint
from evalkit.results.summary import Rate
from evalkit.stats.intervals import Interval
from evalkit.stats.verdict import Band


@dataclass(frozen=True)
class Spot:
    """One cell of the landscape."""

    index: int
    folder: str
    """Name of its output directory inside the sweep's."""
    overrides: Mapping[str, str]
    at: Mapping[str, float]
    """Its place on the panel's axes."""
    passed: int
    runs: int
    """Without errors."""
    errors: int
    reused: int
    """Runs whose rollouts another launch sampled."""
    missing: int
    """Runs that were asked for and not started."""
    unknown: int
    """Of `runs`: those of which nobody knows whether they passed."""
    pointwise: Interval
    simultaneous: Interval
    """Together with those of all other cells at the confidence."""
    verdict: str
    in_band: bool
    """Whether the observed rate is in the band, whatever the unknown runs were."""
    failures: Mapping[str, int]
    output_tokens: int
    cost_usd: float | None
    set: SetPoint | None = None
    """Of a set of problems: its rate, its signal, and how many problems are observed in the band."""

    @property
    def _counted(self) -> Rate:
        mean = self.set.rate.value if self.set else None
        return Rate(self.passed, self.runs, self.pointwise, self.unknown, mean)

    @property
    def rate(self) -> float | None:
        """Passed of all without errors; None where some of them are unknown."""
        return self._counted.value

    @property
    def range(self) -> Interval | None:
        """The rate with all unknown runs failed, and with all of them passed."""
        return self._counted.range


@dataclass(frozen=True)
class FacetResult:
    """One facet: cells that share all but nested knobs, and what follows from their rollouts."""

    facet: Facet
    model: str
    simulated: bool
    spots: tuple[Spot, ...]
    anchor: Spot
    """The cell whose rate is nearest to the middle of the band: recommendations start from it."""
    curves: tuple[Curve, ...]
    recommendations: tuple[Recommendation, ...]
    """About every nested knob that is set, those that were swept first; the others are as in the anchor."""
    nest: Nest | None = field(repr=False, compare=False)
    """None where the cells do not share their rollouts."""
    unknown: tuple[str, ...] = ()
    """Where runs are unknown, and why: a sentence a budget."""
    script: str = ""
    """The model, where it is a script that stands for no language model (`oracle`, `noop`): nothing is recommended."""

    @property
    def best(self) -> Recommendation | None:
        """The first recommendation that leads into the band."""
        return next((found for found in self.recommendations if found.possible), None)


@dataclass(frozen=True)
class Landscape:
    """Everything that a sweep says."""

    title: str
    task: str
    band: Band
    confidence: float
    knobs: tuple[Knob, ...]
    facets: tuple[FacetResult, ...]
    tokens_sampled: int
    """Output tokens of the rollouts that all cells rest on."""
    tokens_afresh: int
    """Output tokens that the cells would have cost if each had been sampled separately."""
    notes: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    """What the console says."""
    confirmation: Mapping[str, object] | None = None
