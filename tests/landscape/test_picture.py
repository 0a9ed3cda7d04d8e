"""The picture of a landscape shows what the landscape says: every curve, cell, interval, border and band."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from evalkit.landscape.grids import MAP_SHARE, Scale, round_ticks, scale
from evalkit.landscape.picture import BLUE, GREEN, as_figure, as_png
from evalkit.landscape.recommend import number
from evalkit.landscape.write import write
from tests.landscape.conftest import surveyed

COMMON = ("task=arithmetic", "model=simulated", "runs.count=20", "band.low=0.1", "band.high=0.9")
LIMITS = {"limits.max_tokens": ["100", "165", "180", "400"]}


async def drawn(sweep, knobs, *more):
    landscape = surveyed(await sweep((*COMMON, *more), knobs))
    figure = as_figure(landscape)
    return landscape, figure, figure.axes


def points(axes, colour=None):
    """Coordinates of the dots."""
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    kept = [d for d in dots if colour is None or to_hex(d.get_markerfacecolor()) == colour]
    return [(float(d.get_xdata()[0]), float(d.get_ydata()[0])) for d in kept]


def segments(axes, width):
    """Ends of the straight strokes of one width: (x, y, x, y)."""
    found = [c for c in axes.collections if len(c.get_linewidths()) and c.get_linewidths()[0] == width]
    return [tuple(np.ravel(segment)) for c in found for segment in c.get_segments()]


async def test_a_curve_with_its_interval_the_cells_with_theirs_the_band_and_the_recommended_range(sweep):
    landscape, _, (axes,) = await drawn(sweep, LIMITS)
    (facet,) = landscape.facets
    curve, best = facet.curves[0], facet.best
    (steps,) = [line for line in axes.lines if line.get_drawstyle() == "steps-post"]
    shown = scale(facet.facet.axes[0], facet)
    for value, rate in zip(steps.get_xdata(), steps.get_ydata(), strict=True):
        assert rate == curve.step(min(value, shown.high)).rate
    assert len(steps.get_xdata()) > 4
    (area,) = [c for c in axes.collections if c.get_alpha() == 0.15]
    low, high = area.get_datalim(axes.transData).intervaly
    assert low < min(steps.get_ydata()) or low == 0
    assert high > max(steps.get_ydata())
    assert points(axes) == [(spot.at["limits.max_tokens"], spot.rate) for spot in facet.spots]
    inside = [(spot.at["limits.max_tokens"], spot.rate) for spot in facet.spots if spot.in_band]
    assert points(axes, GREEN) == inside != []
    assert set(points(axes)) - set(inside) == set(points(axes, BLUE)) != set()
    for width, kind in ((3.0, "pointwise"), (0.8, "simultaneous")):
        ends = [(getattr(spot, kind).low, getattr(spot, kind).high) for spot in facet.spots]
        assert [(y1, y2) for _, y1, _, y2 in segments(axes, width)] == ends
    (chosen,) = [line for line in axes.lines if line.get_linestyle() == "--"]
    assert list(chosen.get_xdata()) == [best.value] * 2
    assert [text.get_text() for text in axes.texts] == [f"set {number(best.value)}"]
    assert segments(axes, 6.0) == [(best.certain.low, 0.0, best.certain.high, 0.0)]
    (band,) = [patch for patch in axes.patches if to_hex(patch.get_facecolor()) == GREEN]
    assert tuple(band.get_extents().transformed(axes.transData.inverted()).intervaly) == pytest.approx((0.1, 0.9))
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_ylim()) == ("limits.max_tokens", "pass rate", (0, 1))
    assert axes.get_xlim()[0] == shown.low
    assert axes.get_xlim()[1] > shown.high
    assert axes.yaxis.get_major_formatter()(0.25, 0) == "25%"


async def test_a_wide_range_is_drawn_on_a_logarithmic_axis_and_a_narrow_one_is_not(sweep):
    _, _, (wide,) = await drawn(sweep, {"limits.max_tokens": ["60", "180", "4000"]})
    assert wide.get_xscale() == "log"


async def test_a_heat_map_has_every_rate_the_border_of_the_band_and_the_cells_in_percent(sweep):
    landscape, figure, (axes, bar) = await drawn(sweep, {**LIMITS, "limits.max_steps": ["1", "2", "3"]})
    (facet,) = landscape.facets
    mesh = next(c for c in axes.collections if type(c).__name__ == "QuadMesh")
    rates = np.ma.filled(mesh.get_array(), np.nan)
    top = max(spot.rate for spot in facet.spots)
    assert np.nanmin(rates) <= min(spot.rate for spot in facet.spots)
    assert np.nanmax(rates) == top
    assert rates.size > 100
    borders = [c for c in axes.collections if type(c).__name__ == "QuadContourSet"]
    assert [to_hex(border.get_edgecolor()) for border in borders] == [GREEN]
    said = {(text.get_text(), tuple(map(float, text.xy))) for text in axes.texts}
    expected = {
        (f"{100 * spot.rate:.0f}", (spot.at["limits.max_tokens"], spot.at["limits.max_steps"])) for spot in facet.spots
    }
    assert said == expected
    assert len(points(axes)) == len(facet.spots)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("limits.max_tokens", "limits.max_steps")
    assert sorted(float(line.get_ydata()[0]) for line in bar.lines if line.get_color() == GREEN) == [0.1, 0.9]
    assert landscape.title in figure.get_suptitle()
    assert "simulated: measures no LLM" in figure.get_suptitle()


async def test_knobs_that_need_rollouts_of_their_own_are_rows_of_dots(sweep):
    landscape, _, (axes,) = await drawn(sweep, {"agent.nudges": ["0", "1", "2"]})
    spots = [spot for facet in landscape.facets for spot in facet.spots]
    assert points(axes) == [(spot.rate, row) for row, spot in enumerate(spots)]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["nudges=0", "nudges=1", "nudges=2"]
    for width, kind in ((3.0, "pointwise"), (0.8, "simultaneous")):
        ends = [(getattr(spot, kind).low, getattr(spot, kind).high) for spot in spots]
        assert [(x1, x2) for x1, _, x2, _ in segments(axes, width)] == ends
    (band,) = axes.patches
    assert tuple(band.get_extents().transformed(axes.transData.inverted()).intervalx) == pytest.approx((0.1, 0.9))
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first cell stands on top
    assert axes.get_xlim() == (0, 1)


async def test_every_panel_has_its_own_plot_and_title(sweep, tmp_path):
    landscape, _, every = await drawn(sweep, {**LIMITS, "agent.nudges": ["0", "1", "2"]})
    seen = [axes.get_title() for axes in every if axes.get_visible()]
    assert seen == ["agent.nudges=0", "agent.nudges=1", "agent.nudges=2"]
    (tmp_path / "out").mkdir()
    write(tmp_path / "out", landscape)
    assert (tmp_path / "out" / "landscape.png").read_bytes() == as_png(landscape)
    assert as_png(landscape)[:8] == b"\x89PNG\r\n\x1a\n"


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
    axes = [axes for axes in as_figure(landscape).axes if axes.get_xlabel() in knobs]
    assert len(axes) == len(landscape.facets)
    for facet, one in zip(landscape.facets, axes, strict=True):
        low, high = one.get_xlim()
        found = next((f for f in facet.recommendations if f.knob == one.get_xlabel() and f.possible), None)
        assert found is None or low <= found.certain.low <= found.value <= high


@pytest.mark.parametrize(
    ("low", "high", "logarithmic", "whole", "want"),
    [
        (1450, 6000, False, True, [2000, 3000, 4000, 5000, 6000]),
        (92, 415, False, True, [100, 200, 300, 400]),
        (1, 3.2, False, True, [1, 2, 3]),
        (0.01, 0.34, False, False, [0.1, 0.2, 0.3]),
        (0.004, 0.5, True, False, [0.01, 0.03, 0.1, 0.3]),
        (50, 4000, True, True, [50, 100, 200, 500, 1000, 2000]),
        (1e-9, 1e9, True, False, [1e-9, 1e-5, 1e-1, 1e3, 1e7]),
    ],
)
def test_ticks_are_round_and_few(low, high, logarithmic, whole, want):
    knob = "limits.max_tokens" if whole else "task.tolerances.x"
    assert round_ticks(Scale(knob, low, high, logarithmic), 6) == pytest.approx(want)
