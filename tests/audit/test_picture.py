"""The picture of a tolerance map shows every solution at its critical value, the window, and what is configured."""

import math

import pytest
from matplotlib.colors import to_hex

from evalkit.audit.picture import GREEN, RED, SHADE, as_figure, as_png
from evalkit.audit.tolerances import Mark, Row, ToleranceMap

MARKS = (Mark("a", True, 1e-4, 1), Mark("b", True, 1e-3, 1), Mark("c", False, 0.1, 1), Mark("d", False, 0.1, 2))


def drawn(marks=MARKS, promised: float | None = 0.02, always=()):
    row = Row("output", configured=0.01, promised=promised, marks=marks, always=always, never=0)
    map_ = ToleranceMap((row,), (), ())
    (axes,) = as_figure(map_, "Title").axes
    return map_, axes


def test_every_solution_is_a_dot_at_its_critical_value_right_ones_above_wrong_ones():
    _, axes = drawn()
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    assert [float(dot.get_xdata()[0]) for dot in dots] == [mark.critical for mark in MARKS]
    assert [to_hex(dot.get_color()) for dot in dots] == [GREEN, GREEN, RED, RED]
    heights = [float(dot.get_ydata()[0]) for dot in dots]
    assert [round(height) for height in heights] == [1, 1, 0, 0]
    assert heights[2] != heights[3]  # two at one place can be told apart
    assert axes.get_xscale() == "log"
    assert axes.get_xlim() == pytest.approx((1e-4 / 4, 0.4))


def test_the_safe_window_the_configured_and_the_promised_value_are_marked():
    _, axes = drawn()
    (window,) = [patch for patch in axes.patches if to_hex(patch.get_facecolor()) == SHADE]
    assert tuple(window.get_extents().transformed(axes.transData.inverted()).intervalx) == pytest.approx((1e-3, 0.1))
    lines = {float(line.get_xdata()[0]) for line in axes.lines if line.get_marker() != "o"}
    assert lines == {0.01, 0.02}
    assert [text.get_text() for text in axes.texts] == ["configured", "promised"]
    assert "safe" in axes.get_title(loc="left")
    _, without = drawn(promised=None, always=("x", "y"))
    assert [text.get_text() for text in without.texts] == ["configured"]
    assert "2 wrong ones pass at every value" in without.get_title(loc="left")


def test_no_window_is_no_shade_and_an_open_one_reaches_the_edge():
    _, closed = drawn((Mark("a", True, 0.1, 1), Mark("b", False, 0.01, 1)))
    assert not closed.patches
    _, open_ = drawn((Mark("a", True, 0.001, 1),))
    (window,) = open_.patches
    right = window.get_extents().transformed(open_.transData.inverted()).intervalx[1]
    assert right == pytest.approx(open_.get_xlim()[1])
    assert math.isfinite(right)


def test_the_same_map_gives_the_same_bytes():
    map_, _ = drawn()
    assert as_png(map_, "Title") == as_png(map_, "Title") != as_png(map_, "Another")
