"""The picture of a tolerance map shows every solution at its critical value, the window, and what is configured."""

import math

import pytest

from evalkit.audit.picture import as_svg, row_figure
from evalkit.audit.tolerances import Mark, Row, ToleranceMap
from evalkit.display.figure import Box, Point, Rule

MARKS = (Mark("a", True, 1e-4, 1), Mark("b", True, 1e-3, 1), Mark("c", False, 0.1, 1), Mark("d", False, 0.1, 2))


def drawn(marks=MARKS, promised: float | None = 0.02, always=()):
    return row_figure(Row("output", configured=0.01, promised=promised, marks=marks, always=always, never=0))


def items(figure, kind):
    return [item for item in figure.items if isinstance(item, kind)]


def test_every_solution_is_a_dot_at_its_critical_value_right_ones_above_wrong_ones():
    figure = drawn()
    dots = items(figure, Point)
    assert [(dot.x, dot.title) for dot in dots] == [(mark.critical, mark.id) for mark in MARKS]
    assert [dot.kind.split()[0] for dot in dots] == ["inside", "inside", "wrong", "wrong"]
    assert [round(dot.y) for dot in dots] == [1, 1, 0, 0]
    assert dots[2].y != dots[3].y  # two at one place can be told apart
    assert figure.x.logarithmic
    assert (figure.x.low, figure.x.high) == pytest.approx((1e-4 / 4, 0.4))


def test_the_safe_window_the_configured_and_the_promised_value_are_marked():
    figure = drawn()
    (window,) = items(figure, Box)
    assert (window.kind, window.x) == ("zone", (1e-3, 0.1))
    assert [(rule.x, rule.text) for rule in items(figure, Rule)] == [(0.01, "configured"), (0.02, "promised")]
    assert "safe" in figure.title
    without = drawn(promised=None, always=("x", "y"))
    assert [rule.text for rule in items(without, Rule)] == ["configured"]
    assert "2 wrong ones pass at every value" in without.title


def test_no_window_is_no_shade_and_an_open_one_reaches_the_edge():
    assert not items(drawn((Mark("a", True, 0.1, 1), Mark("b", False, 0.01, 1))), Box)
    figure = drawn((Mark("a", True, 0.001, 1),))
    (window,) = items(figure, Box)
    assert window.x[1] == figure.x.high
    assert math.isfinite(figure.x.high)


def test_the_same_map_gives_the_same_bytes():
    map_ = ToleranceMap((Row("output", 0.01, 0.02, MARKS, (), 0),), (), ())
    assert as_svg(map_, "Title") == as_svg(map_, "Title") != as_svg(map_, "Another")
