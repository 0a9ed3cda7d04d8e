"""The picture of a landscape shows what the landscape says: every curve, cell, interval, border and band."""

import numpy as np
import pytest

from evalkit.display.figure import Band, Box, Field, Line, Point, Rule, Segment
from evalkit.landscape.grids import MAP_SHARE, scale
from evalkit.landscape.picture import as_svg, figures
from evalkit.landscape.round_numbers import number
from evalkit.landscape.write import write
from evalkit.stats.intervals import wilson
from tests.landscape.conftest import surveyed

COMMON = ("task=arithmetic", "model=simulated", "runs.count=20", "band.low=0.1", "band.high=0.9")
LIMITS = {"limits.max_tokens": ["100", "165", "180", "400"]}


async def drawn(sweep, knobs, *more):
    landscape = surveyed(await sweep((*COMMON, *more), knobs))
    return landscape, figures(landscape)


def items(figure, cls, kind=None):
    """What is drawn of one class, and of one kind."""
    return [item for item in figure.items if isinstance(item, cls) and kind in (None, getattr(item, "kind", None))]


async def test_a_curve_with_its_interval_the_cells_with_theirs_the_band_and_the_recommended_range(sweep):
    landscape, (figure,) = await drawn(sweep, LIMITS)
    (facet,) = landscape.facets
    curve, best = facet.curves[0], facet.best
    (line,), (area,) = items(figure, Line), items(figure, Band)
    shown = scale(facet.facet.axes[0], facet)
    assert line.step and area.step and len(line.points) > 4
    assert (line.points[0][0], line.points[-1][0]) == (shown.low, shown.high) == (figure.x.low, figure.x.high)
    for (value, rate), (at, low, high) in zip(line.points, area.points, strict=True):
        step = curve.step(min(value, shown.high))
        interval = wilson(step.passed, step.graded, landscape.confidence)
        assert (rate, at, low, high) == (step.rate, value, interval.low, interval.high)
    points = {(point.x, point.y): point.kind for point in items(figure, Point)}
    wanted = {(spot.at["limits.max_tokens"], spot.rate): "inside" if spot.in_band else "mark" for spot in facet.spots}
    assert points == wanted
    assert set(points.values()) == {"inside", "mark"}
    for kind in ("pointwise", "simultaneous"):
        ends = [(getattr(spot, kind).low, getattr(spot, kind).high) for spot in facet.spots]
        strokes = items(figure, Segment, "whisker narrow" if kind == "pointwise" else "whisker wide")
        assert [(stroke.start[1], stroke.end[1]) for stroke in strokes] == ends
    assert items(figure, Rule) == [Rule(best.value, f"set {number(best.value)}", "chosen")]
    assert items(figure, Segment, "recommended") == [
        Segment((best.certain.low, 0), (best.certain.high, 0), "recommended")
    ]
    assert items(figure, Box) == [Box(None, (0.1, 0.9), "zone")]
    assert (figure.x.label, figure.y.label, figure.y.percent) == ("limits.max_tokens", "pass rate", True)


async def test_a_wide_range_is_drawn_on_a_logarithmic_axis_and_a_narrow_one_is_not(sweep):
    _, (wide,) = await drawn(sweep, {"limits.max_tokens": ["60", "180", "4000"]})
    assert wide.x.logarithmic
    _, (narrow,) = await drawn(lambda *given: sweep(*given, name="narrow"), LIMITS)
    assert not narrow.x.logarithmic


async def test_a_heat_map_has_every_rate_the_border_of_the_band_and_the_cells_in_percent(sweep):
    landscape, (figure,) = await drawn(sweep, {**LIMITS, "limits.max_steps": ["1", "2", "3"]})
    (facet,) = landscape.facets
    (field,) = items(figure, Field)
    rates = np.array(field.shares, dtype=float)
    assert rates.shape == (len(field.x) - 1, len(field.y) - 1)
    assert np.nanmin(rates) <= min(spot.rate for spot in facet.spots)
    assert np.nanmax(rates) == max(spot.rate for spot in facet.spots)
    assert rates.size > 100
    assert field.band == (0.1, 0.9)
    said = {(point.text, point.x, point.y, point.kind) for point in items(figure, Point)}
    assert said == {
        (
            f"{100 * spot.rate:.0f}",
            spot.at["limits.max_tokens"],
            spot.at["limits.max_steps"],
            "spot in" if spot.in_band else "spot",
        )
        for spot in facet.spots
    }
    assert (figure.x.label, figure.y.label) == ("limits.max_tokens", "limits.max_steps")
    text = as_svg(landscape)
    assert landscape.title in text and "simulated: measures no LLM" in text
    assert 'class="border"' in text


async def test_knobs_that_need_rollouts_of_their_own_are_rows_of_dots(sweep):
    landscape, (figure,) = await drawn(sweep, {"agent.nudges": ["0", "1", "2"]})
    spots = [spot for facet in landscape.facets for spot in facet.spots]
    assert [(point.x, point.y) for point in items(figure, Point)] == [(spot.rate, n) for n, spot in enumerate(spots)]
    assert figure.y.names == ((0, "nudges=0"), (1, "nudges=1"), (2, "nudges=2"))
    for kind in ("pointwise", "simultaneous"):
        ends = [(getattr(spot, kind).low, getattr(spot, kind).high) for spot in spots]
        strokes = items(figure, Segment, "whisker narrow" if kind == "pointwise" else "whisker wide")
        assert [(stroke.start[0], stroke.end[0]) for stroke in strokes] == ends
    assert items(figure, Box) == [Box((0.1, 0.9), None, "zone")]
    assert figure.y.share(0) > figure.y.share(2)  # the first cell stands on top
    assert (figure.x.low, figure.x.high) == (0, 1)


async def test_every_panel_has_its_own_plot_and_title(sweep, tmp_path):
    landscape, every = await drawn(sweep, {**LIMITS, "agent.nudges": ["0", "1", "2"]})
    assert [figure.title for figure in every] == ["agent.nudges=0", "agent.nudges=1", "agent.nudges=2"]
    (tmp_path / "out").mkdir()
    write(tmp_path / "out", landscape)
    assert (tmp_path / "out" / "landscape.svg").read_text(encoding="utf-8") == as_svg(landscape)


SWEEPS = [
    {"limits.max_tokens": ["400", "4000"]},
    {"limits.max_tokens": ["300", "null"]},
    {"task.tolerances.answer": ["0.1", "10000"]},
    {"limits.max_tokens": ["170", "400"], "task.tolerances.answer": ["0.1", "10000"]},
    {"limits.max_tokens": ["170", "400"], "task.tolerances.answer": ["0.1", "1"]},
    {"limits.max_tokens": ["150", "400"], "runs.seed": ["0", "1"]},
]


@pytest.mark.parametrize(
    "knobs", SWEEPS, ids=[" ".join(f"{k}={','.join(v)}" for k, v in knobs.items()) for knobs in SWEEPS]
)
async def test_the_picture_holds_what_is_recommended_and_the_curve_from_where_it_leaves_zero(sweep, knobs):
    fixed = ("task=arithmetic", "model=simulated", "runs.count=60", "band.low=0.1", "band.high=0.6")
    landscape = surveyed(await sweep(fixed, knobs))
    seen = 0
    for facet in landscape.facets:
        for axis in facet.facet.axes:
            for follow in (1e-4, MAP_SHARE):
                shown = scale(axis, facet, follow)
                for found in (one for one in facet.recommendations if one.knob == axis.knob and one.possible):
                    seen += 1
                    lowest = max(found.certain.low, min(shown.low, found.value) if found.certain.low < 1e-300 else 0)
                    assert shown.low <= lowest <= found.value <= min(found.certain.high, shown.high)
                    assert found.certain.high <= shown.high or found.certain.high == np.inf
            assert all(shown.low <= value <= shown.high for value in axis.values if value < np.inf)
            for curve in (one for one in facet.curves if one.knob == axis.knob and axis.is_limit):
                first = next((step.value for step in curve.steps if step.passed), None)
                assert first is None or shown.low < first or first == 1
    assert seen or "limits.max_tokens" not in knobs
    plots = [figure for figure in figures(landscape) if figure.x.label in knobs]
    assert len(plots) == len(landscape.facets)
    for facet, figure in zip(landscape.facets, plots, strict=True):
        found = next((f for f in facet.recommendations if f.knob == figure.x.label and f.possible), None)
        assert found is None or figure.x.low <= found.certain.low <= found.value <= figure.x.high
