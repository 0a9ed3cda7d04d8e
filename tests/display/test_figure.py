"""Figures: where values lie on an axis, round ticks, and a drawing of every kind of item that fits every width."""

from __future__ import annotations

import math
from xml.etree import ElementTree

import pytest

from evalkit.display.figure import (
    Axis,
    Band,
    Box,
    Field,
    Figure,
    Item,
    Line,
    Point,
    Rule,
    Segment,
    histogram,
    number,
    round_numbers,
)
from evalkit.display.svg import shade, svg, svg_file

SHARE = Axis(0, 1, percent=True)


def drawn(*items: Item, x: Axis | None = None, y: Axis = SHARE) -> ElementTree.Element:
    """The drawing of a figure, parsed."""
    return ElementTree.fromstring(svg(Figure("what it shows", x or Axis(0, 200), y, items)))


def kind(root: ElementTree.Element, name: str) -> list[dict[str, str]]:
    """Attributes of all elements of one class."""
    return [dict(found.attrib) for found in root.iter() if found.get("class") == name]


def texts(root: ElementTree.Element, name: str) -> list[str]:
    """What stands in the texts of one class."""
    return [found.text or "" for found in root.iter("text") if found.get("class") == name]


@pytest.mark.parametrize(
    ("axis", "value", "share"),
    [
        (Axis(10, 20), 15, 0.5),
        (Axis(10, 20), 5, 0.0),
        (Axis(10, 20), math.inf, 1.0),
        (Axis(1, 10_000, logarithmic=True), 100, 0.5),
        (Axis(1, 10_000, logarithmic=True), 0, 0.0),
        (Axis(1, 10_000, logarithmic=True), math.inf, 1.0),
        (Axis(3, 3), 3, 0.0),
    ],
)
def test_a_value_lies_at_its_share_of_the_axis_and_outside_at_the_edge(axis: Axis, value: float, share: float) -> None:
    assert axis.share(value) == pytest.approx(share)


@pytest.mark.parametrize(
    ("axis", "want"),
    [
        (Axis(1450, 6000, whole=True), [2000, 3000, 4000, 5000, 6000]),
        (Axis(92, 415, whole=True), [100, 200, 300, 400]),
        (Axis(1, 3.2, whole=True), [1, 2, 3]),
        (Axis(0.01, 0.34), [0.1, 0.2, 0.3]),
        (Axis(0.004, 0.5, logarithmic=True), [0.01, 0.03, 0.1, 0.3]),
        (Axis(50, 4000, logarithmic=True), [50, 100, 200, 500, 1000, 2000]),
        (Axis(1e-9, 1e9, logarithmic=True), [1e-9, 1e-5, 1e-1, 1e3, 1e7]),
    ],
)
def test_ticks_are_round_and_few(axis: Axis, want: list[float]) -> None:
    assert round_numbers(axis, 6) == pytest.approx(want)


def test_an_axis_without_a_limit_ends_with_its_name_and_leaves_room_for_it() -> None:
    assert Axis(0, 100, end="no limit").ticks(10)[-2:] == [(80, "80"), (100, "no limit")]


def test_shares_are_written_in_percent_and_names_stand_instead_of_numbers() -> None:
    assert [text for _, text in SHARE.ticks(4)] == ["0%", "25%", "50%", "75%", "100%"]
    assert Axis(0, 1, names=((0.5, "one"),)).ticks(4) == [(0.5, "one")]
    assert [number(value) for value in (2310.0, 0.03125, 1e-9)] == ["2,310", "0.0312", "1e-09"]


def test_a_line_goes_through_its_points_and_stairs_hold_their_height_up_to_the_next() -> None:
    points = ((0.0, 0.0), (100.0, 0.5), (200.0, 1.0))
    assert kind(drawn(Line(points)), "curve")[0]["d"] == "M0 1000L500 500L1000 0"
    assert kind(drawn(Line(points, step=True)), "curve")[0]["d"] == ("M0 1000H500V500H1000V0")


def test_a_band_is_closed_between_its_ends() -> None:
    points = ((0.0, 0.1, 0.3), (200.0, 0.2, 0.6))
    assert kind(drawn(Band(points)), "interval")[0]["d"] == "M0 700L1000 400V800L0 900Z"
    steps = kind(drawn(Band(points, step=True)), "interval")[0]["d"]
    assert steps == "M0 700H1000V400V800V900H0Z"


def test_bars_points_strokes_and_rules_stand_at_percentages_so_that_every_width_fits() -> None:
    bars = histogram([0, 50, 200], [3, 6])
    root = drawn(*bars, Point(100, 2, title="run 7"), Segment((20, 1), (20, 3)), Rule(50, "limit 50"), y=Axis(0, 10))
    wanted = [("0%", "25%", "70%", "30%"), ("25%", "75%", "40%", "60%")]
    assert [(bar["x"], bar["width"], bar["y"], bar["height"]) for bar in kind(root, "bar")] == wanted
    titles = [found.text for found in root.iter("title")]
    assert titles == ["0 to 50: 3", "50 to 200: 6", "run 7"]
    (point,) = [found for found in root.iter("svg") if found.find("g/circle") is not None]
    assert (point.get("x"), point.get("y")) == ("50%", "80%")
    (stroke,) = kind(root, "whisker")
    assert (stroke["x1"], stroke["x2"], stroke["y1"], stroke["y2"]) == ("10%", "10%", "90%", "70%")
    assert [rule["x1"] for rule in kind(root, "limit")] == ["25%"]
    assert texts(root, "limit-text") == ["limit 50"]


def test_a_box_without_an_end_reaches_as_far_as_the_axis() -> None:
    (zone,) = kind(drawn(Box(None, (0.1, 0.4), "zone")), "zone")
    assert (zone["x"], zone["width"], zone["y"], zone["height"]) == ("0%", "100%", "60%", "30%")


def test_a_heat_map_joins_equal_neighbours_and_shows_the_border_of_the_band() -> None:
    shares = ((0.0, 0.0), (0.2, None), (0.2, 0.9))
    field = Field((0.0, 50.0, 100.0, 200.0), (0.0, 0.5, 1.0), shares, band=(0.1, 0.4))
    root = drawn(field)
    tiles = {tile["fill"]: tile["d"] for tile in kind(root, "tile")}
    assert list(tiles) == [f"rgb({','.join(map(str, shade(share)))})" for share in (0.0, 0.2, 0.9)]
    assert tiles[f"rgb({','.join(map(str, shade(0.2)))})"] == "M250 1000H1000V500H250Z"
    assert kind(root, "unknown")[0]["d"] == "M250 500H500V0H250Z"
    assert kind(root, "border")[0]["d"] == "M250 1000V500M250 500H500M500 500H1000"
    assert kind(drawn(Field(field.x, field.y, shares)), "border") == []


def test_a_point_with_an_id_is_a_button_and_the_figure_a_group_of_them() -> None:
    root = drawn(Point(100, 0.5, "spot", text="23", title="23 of 100", id="4"))
    (button,) = kind(root, "spot")
    assert (button["role"], button["tabindex"], button["data-id"]) == ("button", "0", "4")
    assert (button["aria-label"], root.get("role")) == ("23 of 100", "group")
    assert drawn(Point(100, 0.5)).get("role") == "img"


def test_a_narrow_drawing_has_fewer_ticks_than_a_wide_one() -> None:
    root = drawn(x=Axis(0, 100))
    counts = {group.get("class"): len(list(group.iter("text"))) for group in root.iter("g")}
    assert counts == {"many": 11, "few": 3}


def test_foreign_text_stays_text() -> None:
    attack = '</text><script>x</script>"\x1b[31m'
    figure = Figure(attack, Axis(0, 1, attack), SHARE, (Rule(0.5, attack), Point(0, 0, title=attack, text=attack)))
    for text in (svg(figure), svg_file([figure], (300, 200), attack, attack)):
        assert "<script" not in text
        assert "\x1b" not in text
        ElementTree.fromstring(text)


def test_a_file_stands_alone_and_the_same_figures_give_the_same_bytes() -> None:
    figures = [Figure(f"plot {n}", Axis(0, 1), SHARE, (Point(0.5, 0.5),), title=f"title {n}") for n in range(3)]
    text = svg_file(figures, (300, 200), "Heading", "key")
    root = ElementTree.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    places = [(part.get("x"), part.get("y")) for part in root if part.get("role") == "img"]
    assert len({x for x, _ in places}) == len({y for _, y in places}) == 2
    assert text == svg_file(figures, (300, 200), "Heading", "key")
