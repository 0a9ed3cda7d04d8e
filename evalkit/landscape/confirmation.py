"""Samples the recommended cell afresh, at its own limits, and tests what the landscape predicted for it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evalkit.config.saved import with_knob, write_config
from evalkit.config.schema import Config
from evalkit.display.rates import bare_rate, rate_text
from evalkit.engine.cells import CellResult
from evalkit.engine.engine import Engine
from evalkit.landscape.chosen import to_confirm
from evalkit.landscape.files import json_number
from evalkit.landscape.knobs import LIMITS
from evalkit.landscape.landscape import FacetResult, Landscape
from evalkit.landscape.round_numbers import number
from evalkit.landscape.write import write
from evalkit.results.problem_tallies import outcome_tallies
from evalkit.results.summary import Rate
from evalkit.stats.comparisons import Comparison, compare_independent
from evalkit.stats.intervals import Interval, wilson
from evalkit.stats.paired_sets import compare_sets


@dataclass(frozen=True)
class Prediction:
    """What the landscape says about one setting."""

    knobs: dict[str, float]
    """Every swept nested knob and the recommended one."""
    passed: int
    runs: int
    unknown: int = 0
    """Of `runs`: those that may have passed or not."""

    @property
    def rate(self) -> Rate:
        """A range where runs are unknown."""
        return Rate.of(self.passed, self.runs, 0.95, self.unknown)

    def nearest(self, passed: int, runs: int) -> int:
        """The number of passes, of those that the unknown runs leave possible, that is nearest to a fresh rate."""
        expected = round(passed / runs * self.runs) if runs else self.passed
        return min(max(expected, self.passed), self.passed + self.unknown)


async def confirm(engine: Engine, folder: Path, landscape: Landscape) -> list[CellResult]:
    """Sample, compare, report: to the console, into the landscape's files, and as a launch beside the sweep.

    Returns that launch, or nothing if there is no setting to confirm.
    """
    chosen = next((view for view in landscape.facets if view.best and view.facet.top), None)
    chosen = chosen or next((view for view in landscape.facets if to_confirm(view) is not None), None)
    if chosen is None:
        reason = "no setting to confirm: " + _why_not(landscape)
        engine.view.result(f"confirm=true: {reason}.")
        _keep(folder, landscape, {"done": False, "reason": reason})
        return []
    predicted = predict(chosen)
    config = fresh_config(chosen, predicted)
    target = folder.with_name(folder.name + "-confirmation")
    overrides = {name: number(value).replace(",", "") for name, value in predicted.knobs.items()}
    write_config(target, config, overrides)
    fresh = await engine.sample_apart(config, target, overrides)
    assert fresh.summary is not None
    passed, runs = fresh.summary.passed, fresh.summary.rate.runs
    if not runs:
        reason = f"nothing to compare with: all runs in {target} ended by errors"
        engine.view.result(f"confirm=true: {reason}.")
        _keep(folder, landscape, {"done": False, "reason": reason})
        return [fresh]
    if chosen.nest is not None and chosen.nest.of_set:
        comparison = _of_sets(chosen.nest.counts(predicted.knobs), fresh, landscape.confidence)
    else:
        comparison = compare_independent(
            predicted.nearest(passed, runs), predicted.runs, passed, runs, landscape.confidence
        )
    around = fresh.summary.rate.interval if fresh.summary.set else None
    sentence = describe(predicted, passed, runs, comparison, landscape.confidence, around)
    engine.view.result(sentence)
    facts = {
        "done": True,
        "setting": {name: json_number(value) for name, value in predicted.knobs.items()},
        "seed": config.runs.seed,
        "predicted": {"passed": predicted.passed, "unknown": predicted.unknown, "runs": predicted.runs},
        "fresh": {"passed": passed, "runs": runs, "errors": fresh.summary.errors},
        "difference": comparison.difference,
        "interval": {"low": comparison.interval.low, "high": comparison.interval.high},
        "p_value": comparison.p_value,
        "test": comparison.method,
        "agrees": not comparison.differs(landscape.confidence),
        "sentence": sentence,
    }
    _keep(folder, landscape, facts)
    return [fresh]


def _of_sets(predicted: Mapping[str, tuple[int, int]], fresh: CellResult, confidence: float) -> Comparison:
    """By problem. Where the seed draws other problems, any pairing of two samples of them is as good."""
    after = {tally.problem: (tally.passed, tally.tries) for tally in outcome_tallies(fresh.runs).values()}
    counts = [(predicted.get(name, (0, 0)), count) for name, count in after.items()]
    found = compare_sets([one for one, _ in counts], [two for _, two in counts], confidence)
    return Comparison(found.difference or 0.0, found.interval, found.p_value, found.method)


def predict(chosen: FacetResult) -> Prediction:
    """The setting of a facet that is worth confirming, and the rate that the landscape has there."""
    setting, best = to_confirm(chosen), chosen.best
    assert setting is not None
    if best is not None:
        return Prediction(dict(setting), best.passed, best.runs, best.unknown)
    spot = next(spot for spot in chosen.spots if spot.at == setting)
    return Prediction(dict(setting), spot.passed, spot.runs, spot.unknown)


def fresh_config(chosen: FacetResult, predicted: Prediction) -> Config:
    """The setting as a config of its own: its own limits, no rollout reused, and a seed that draws afresh."""
    top = chosen.facet.top
    assert top is not None
    config = top.config
    for name, value in predicted.knobs.items():
        config = with_knob(config, name, (None if value == math.inf else int(value)) if name in LIMITS else value)
    fresh = {
        "reuse": "never",
        "confirm": False,
        "runs.seed": config.runs.seed + 1,
        "runs.until": "count",  # the test is for a number of runs that was fixed beforehand
        "runs.count": config.runs.count if chosen.nest and chosen.nest.of_set else predicted.runs,
    }
    for name, setting in fresh.items():
        config = with_knob(config, name, setting)
    return config


def describe(
    predicted: Prediction,
    passed: int,
    runs: int,
    comparison: Comparison,
    confidence: float,
    around: Interval | None = None,
) -> str:
    """The outcome of the test in one sentence, whichever it was. `around`: of a set, the interval of the fresh rate."""
    setting = ", ".join(f"{name}={number(value)}" for name, value in predicted.knobs.items())
    low, high = 100 * comparison.interval.low, 100 * comparison.interval.high
    outcome = (
        "REFUTED: these differ, do not trust clipping here"
        if comparison.differs(confidence)
        else "consistent with the prediction"
    )
    afresh = rate_text(passed / runs if runs else None, around or wilson(passed, runs, confidence))
    return (
        f"Confirmation at {setting}: predicted {bare_rate(predicted.rate)}, sampled afresh "
        f"{afresh}, difference {low:+.0f} to {high:+.0f} points "
        f"({comparison.method}, p = {comparison.p_value:.2g}): {outcome}."
    )


def _why_not(landscape: Landscape) -> str:
    if all(result.facet.top is None for result in landscape.facets):
        return "every cell was sampled at its own limits already"
    if all(result.script for result in landscape.facets):
        return "the model is a script, not a language model"
    return "no value of a knob reliably leads into the band"


def _keep(folder: Path, landscape: Landscape, facts: dict[str, Any]) -> None:
    write(folder, replace(landscape, confirmation=facts))
