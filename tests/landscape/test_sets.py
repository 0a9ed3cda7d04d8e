"""Landscapes over sets of problems: equal to fresh launches, and recommendations for rate and signal."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from evalkit.display.figure import Band as Plotted
from evalkit.landscape.curves import Curve, Step
from evalkit.landscape.figures import curve_figure
from evalkit.landscape.files import as_csv, facts, schema
from evalkit.landscape.grids import _by_problem, slices
from evalkit.landscape.landscape import Landscape
from evalkit.landscape.page import as_html
from evalkit.landscape.picture import figures
from evalkit.landscape.recommend import Grounds, Outlook
from evalkit.landscape.set_curves import SetTerms, Try, set_steps
from evalkit.landscape.set_figures import said_of_step
from evalkit.landscape.set_recommend import recommend_set
from evalkit.results.problem_tallies import outcome_tallies
from evalkit.stats.inband import Plan
from evalkit.stats.verdict import Band
from tests.landscape.conftest import run_sweep, surveyed
from tests.launching import launch

SET = ("task=positional_attention_strict", "model=simulated", "problems.count=6", "runs.count=4", "runs.concurrency=4")
LIMITS = ("1100", "1500", "2100", "4000")
TOLERANCES = ("0.001", "0.3")


@pytest.mark.parametrize("about", ["these", "like_these"])
@pytest.mark.asyncio
async def test_a_landscape_over_a_set_equals_fresh_launches(tmp_path: Path, about: str) -> None:
    """Byte for byte in every cell of a grid, and the curves' numbers against each fresh summary."""
    fixed = [*SET, f"band.about={about}", "band.group=3"]
    knobs = {"limits.max_tokens": LIMITS, "task.tolerances.attention_weights": TOLERANCES}
    swept = await run_sweep(tmp_path / "sweep", fixed, knobs)
    assert len({result.source.known.name for result in swept}) == 1
    view = surveyed(swept).facets[0]
    known = facts(surveyed(swept))
    assert list(Draft202012Validator(schema()).iter_errors(known)) == []
    assert view.nest is not None
    signals = set()
    for result, spot in zip(swept, view.spots, strict=True):
        limit, tolerance = result.cell.overrides.values()
        words = [*fixed, f"limits.max_tokens={limit}", f"task.tolerances.attention_weights={tolerance}", "reuse=exact"]
        folder = tmp_path / f"fresh-{limit}-{tolerance}"
        fresh = await launch(folder, *words, store=tmp_path / f"store-{limit}-{tolerance}")
        assert fresh.source.known.limits == fresh.limits  # sampled under its own limits
        for name in ("runs.jsonl", "problems.jsonl", "summary.json"):
            assert (folder / name).read_bytes() == (result.cell.folder / name).read_bytes(), (limit, tolerance, name)
        own = fresh.summary.set
        assert own is not None and spot.set is not None
        assert (spot.rate, spot.pointwise) == (own.rate.value, own.rate.interval)
        for knob in knobs:
            curve = view.nest.curve(knob, spot.at)
            step = [step for step in curve.set if step.value <= spot.at[knob]][-1]
            assert (step.problems, step.in_band) == (own.problems, own.in_band)
            assert asdict(step.rate) == asdict(own.rate)
            assert asdict(step.signal) == asdict(own.signal)
        signals.add(own.signal.value)
    assert len(signals) >= 3
    holds_by_problem(surveyed(swept))


def holds_by_problem(landscape: Landscape) -> None:
    """Nothing in the page is counted over tries: tiles, curves and cells say what the summaries of the cells say."""
    (view,) = landscape.facets
    axes = [axis.knob for axis in view.facet.axes]
    (part,) = slices(view, axes[0], axes[1], (9, 9))
    assert view.nest is not None and part.of_set is not None
    at_cells = _by_problem(view.nest, {}, view.facet.axes)
    for spot in view.spots:
        place = tuple(axis.values.index(spot.at[axis.knob]) for axis in view.facet.axes)
        assert at_cells.low[place] == at_cells.high[place] == pytest.approx(spot.rate)
        assert spot.set is not None
        assert (at_cells.problems[place], at_cells.in_band[place]) == (spot.set.problems, spot.set.in_band)
    known = json.loads(as_html(landscape).split('id="facts">')[1].split("</script>")[0])
    panel = known["panels"][0]
    for curve, exact in zip(panel["curves"], view.curves, strict=True):
        said = [known["said"][index] for index in curve["said"]]
        assert said == [said_of_step(step, view.nest.terms.group) for step in exact.set] and "set" not in curve
    assert all("signal" in known["said"][cell["said"]] for cell in panel["cells"])
    assert all("the mean over 6 problems" in known["said"][index] for index in panel["maps"][0]["said"])


@pytest.mark.asyncio
async def test_the_aim_decides_what_is_recommended_and_nothing_that_was_sampled(tmp_path: Path) -> None:
    found = {}
    for aim in ("rate", "signal"):
        knobs = {"limits.max_tokens": LIMITS}
        swept = await run_sweep(tmp_path / aim, [*SET, f"sweep.aim={aim}", "band.group=2"], knobs)
        assert len({result.source.known.name for result in swept}) == 1
        found[aim] = surveyed(swept)
        assert json.loads((tmp_path / aim / "landscape.json").read_text())["panels"][0]["curves"][0]["set"]
    curve = found["signal"].facets[0].curves[0]
    assert curve == found["rate"].facets[0].curves[0]
    best = found["signal"].facets[0].recommendations[0]
    assert "for the simulated model" in best.sentence and "groups of 2 tries" in best.sentence
    most = max(step.signal.value or 0 for step in curve.set)
    assert best.value is not None
    assert [step for step in curve.set if step.value <= best.value][-1].signal.value == most
    assert "signal" not in found["rate"].facets[0].recommendations[0].sentence
    (bands,) = [
        item for item in curve_figure(found["rate"], found["rate"].facets[0], curve).items if type(item) is Plotted
    ]
    assert (bands.points[-1][1:]) == (curve.set[-1].rate.low, curve.set[-1].rate.high)
    rate, signal = figures(found["rate"])
    (bands,) = [item for item in signal.items if type(item) is Plotted]
    assert (bands.points[-1][1:]) == (curve.set[-1].signal.low, curve.set[-1].signal.high)
    assert signal.y.label == "mixed groups of 2" and rate.title == signal.title
    assert 'id="signal-0-0"' in as_html(found["rate"])
    header, row = as_csv(found["rate"]).splitlines()[:2]
    assert dict(zip(header.split(","), row.split(","), strict=True))["problems"] == "6"


@pytest.mark.asyncio
async def test_confirming_a_set_samples_as_many_tries_and_tests_by_problem(tmp_path: Path) -> None:
    knobs = {"limits.max_tokens": LIMITS[1:3]}
    fixed = [*SET, "sweep.aim=signal", "band.group=2", "confirm=true"]
    *swept, fresh = await run_sweep(tmp_path / "sweep", fixed, knobs)
    assert len(fresh.runs) == 6 * 4
    known = json.loads((tmp_path / "sweep" / "landscape.json").read_text())
    assert list(Draft202012Validator(schema()).iter_errors(known)) == []
    assert known["confirmation"]["done"] and known["confirmation"]["test"] == "exact permutation"
    nest = surveyed(swept).facets[0].nest
    assert nest is not None
    for result in swept:
        limit = float(result.cell.overrides["limits.max_tokens"])
        counts = {tally.problem: (tally.passed, tally.tries) for tally in outcome_tallies(result.runs).values()}
        assert nest.counts({"limits.max_tokens": limit}) == counts
    assert nest.counts({"limits.max_tokens": math.inf}) == counts


@pytest.mark.asyncio
async def test_a_landscape_of_one_problem_says_nothing_of_sets(tmp_path: Path) -> None:
    one = ["task=positional_attention", "model=simulated", "runs.count=4"]
    swept = await run_sweep(tmp_path / "sweep", one, {"limits.max_tokens": LIMITS[:2]})
    known = facts(surveyed(swept))
    assert "set" not in known["panels"][0]["curves"][0] and "set" not in known["panels"][0]["cells"][0]
    assert "problems" not in as_csv(surveyed(swept)).splitlines()[0]
    assert len(figures(surveyed(swept))) == 1


def curve_of(tries: list[Try], terms: SetTerms, choices: int = 1) -> Curve:
    values = sorted({1.0, *(each.needed for each in tries if each.needed <= 100)})
    passes = [Step(value, sum(each.needed <= value for each in tries), len(tries)) for value in values]
    steps = set_steps(tries, values, terms, choices)
    return Curve("limits.max_tokens", {}, tuple(passes), (), 100.0, True, set=steps)


def test_what_is_sure_about_these_problems_is_not_about_problems_like_these() -> None:
    """Three problems of ten are always solved from 10 tokens on: of these 30 %, of such problems anything."""
    tries = [Try(f"p{p}", 10.0 if p < 3 else float("inf"), (), ()) for p in range(10) for _ in range(30)]
    band = Band(0.1, 0.5)
    said = {}
    for about in ("these", "like_these"):
        terms = SetTerms(band, 0.95, about, 8)
        said[about] = recommend_set(curve_of(tries, terms), Grounds(band), terms, "rate", None)
    assert said["these"].value is not None and "in the band" in said["these"].sentence
    assert said["like_these"].value is None and said["like_these"].candidate == said["these"].candidate
    terms = SetTerms(band, 0.95, "these", 8)
    stopped = Grounds(band, plan=Plan(stopped=True))
    assert recommend_set(curve_of(tries, terms), stopped, terms, "rate", None).value is None


def test_signal_is_largest_where_problems_are_mixed_and_not_where_the_rate_is_in_the_middle() -> None:
    """At 10 tokens half of the problems are always solved; at 20 every problem is solved in three tries of four."""
    tries = [Try(f"p{p}", 10.0 if p % 2 else 20.0 if n % 4 < 2 else 90.0, (), ()) for p in range(10) for n in range(8)]
    band = Band(0.3, 0.6)
    terms = SetTerms(band, 0.95, "these", 8)
    curve = curve_of(tries, terms)
    assert recommend_set(curve, Grounds(band), terms, "rate", None).finding is Outlook.RANGE
    best = recommend_set(curve, Grounds(band), terms, "signal", None)
    assert best.value is not None and 20 <= best.value < 90
    nothing = curve_of([replace(each, needed=10.0) for each in tries], terms)
    assert recommend_set(nothing, Grounds(band), terms, "signal", None).value is None


def test_a_curve_that_was_chosen_among_several_needs_more() -> None:
    tries = [Try(f"p{p}", 10.0 if p < 3 else float("inf"), (), ()) for p in range(10) for _ in range(4)]
    terms = SetTerms(Band(0.1, 0.5), 0.95, "these", 8)
    alone, chosen = (curve_of(tries, terms, choices).set[-1] for choices in (1, 8))
    assert alone.rate == chosen.rate
    assert chosen.sure.low < alone.sure.low and chosen.sure.high > alone.sure.high


def test_long_curves_are_thinned_and_keep_their_ends() -> None:
    tries = [Try(f"p{n % 5}", float(n), (), ()) for n in range(1, 2001)]
    values = [float(n) for n in range(1, 2001)]
    steps = set_steps(tries, values, SetTerms(Band(0.1, 0.4), 0.95, "these", 8))
    assert 2 <= len(steps) <= 300
    assert (steps[0].value, steps[-1].value) == (1.0, 2000.0)
