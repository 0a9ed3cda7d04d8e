"""landscape.html in a real browser: what it shows, by mouse and by keyboard, light and dark, and nothing foreign."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evalkit.landscape.page import as_html
from tests.landscape.conftest import run_sweep, surveyed

Visitor = Callable[..., Any]
FIXED = ("task=arithmetic", "model=simulated", "runs.count=60", "runs.concurrency=10")
ATTACK = '</script><script>window.hacked=1</script><img src="https://example.org/x" onerror="window.hacked=2">'


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two knobs, so that the page has a heat map and both curves; beside them a page full of attacks."""
    folder = tmp_path_factory.mktemp("page") / "sweep"
    knobs = {"limits.max_tokens": ("120", "150", "170", "400"), "task.tolerances.answer": ("0.1", "10000")}
    landscape = surveyed(asyncio.run(run_sweep(folder, FIXED, knobs)))
    (result,) = landscape.facets
    attack = {"failures": {ATTACK: 1}, "verdict": ATTACK, "overrides": {ATTACK: ATTACK}}
    hostile = replace(result, spots=tuple(replace(spot, **attack) for spot in result.spots))
    page = as_html(replace(landscape, title=ATTACK, notes=(ATTACK,), facets=(hostile,)))
    (folder / "hostile.html").write_text(page, encoding="utf-8")
    unsure = replace(
        result,
        spots=tuple(replace(spot, passed=3, runs=30, unknown=12, in_band=False) for spot in result.spots),
        curves=tuple(replace(curve, steps=(replace(curve.steps[0], passed=3, unknown=12),)) for curve in result.curves),
    )
    (folder / "unsure.html").write_text(as_html(replace(landscape, facets=(unsure,))), encoding="utf-8")
    return folder


def test_unknown_runs_are_shown_as_a_range_in_map_curve_and_table(swept: Path, visit: Visitor) -> None:
    page = visit(swept / "unsure.html").page
    assert page.locator(".spot text").first.text_content() == "10–50"
    assert (
        "3 of 30 pass and 12 are unknown: between 10.0% and 50.0% (3.5-66.8%)" in page.locator(".setting").inner_text()
    )
    row = page.locator("table[aria-label='Cells of the sweep'] tbody tr").first
    assert "10%–50%" in row.inner_text()
    assert row.locator(".layers .unsure").get_attribute("title") == "unknown: 12"
    assert page.locator("path.unsure").count() > 0
    output = page.locator("label.probe:has-text('Try a value') output").first
    assert "12 are unknown" in output.inner_text()


@pytest.fixture
def page(swept: Path, visit: Visitor) -> Any:
    """The page, opened."""
    return visit(swept / "landscape.html").page


def test_it_says_what_the_console_says(page: Any, swept: Path) -> None:
    facts = json.loads((swept / "landscape.json").read_text())
    said = page.locator(".says").all_inner_texts()
    assert said == [sentence.replace("`", "") for sentence in facts["panels"][0]["sentences"]]
    assert page.locator("p.note").first.inner_text() == "Simulated model: these figures measure no LLM."


def test_every_cell_is_in_the_map_and_in_the_table(page: Any, swept: Path) -> None:
    cells = json.loads((swept / "landscape.json").read_text())["panels"][0]["cells"]
    assert page.locator(".spot text").all_text_contents() == [str(round(100 * cell["rate"])) for cell in cells]
    assert page.locator(".spot.in").count() == sum(cell["in_band"] for cell in cells)
    assert page.locator("table[aria-label='Cells of the sweep'] tbody tr").count() == len(cells)
    assert page.locator("tr.in").count() == sum(cell["in_band"] for cell in cells)


def test_a_cell_is_opened_by_mouse_and_by_keyboard(page: Any) -> None:
    page.locator(".spot").nth(0).click()
    assert page.locator(".setting h3").inner_text() == "limits.max_tokens=120 task.tolerances.answer=0.1"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.locator(".setting h3").inner_text() == "limits.max_tokens=120 task.tolerances.answer=10000"
    assert page.locator(".spot[aria-pressed='true']").count() == 1


def test_any_value_can_be_tried_and_has_the_exact_rate(page: Any, swept: Path) -> None:
    curve = json.loads((swept / "landscape.json").read_text())["panels"][0]["curves"][0]
    slider = page.locator("input[type=range][aria-label='limits.max_tokens']").last
    output = page.locator("label.probe:has-text('Try a value') output").first
    slider.focus()
    page.keyboard.press("End")
    passed, graded = [step[1:3] for step in curve["steps"] if step[0] <= 400][-1]
    assert output.inner_text().startswith(f"max_tokens = 400: {passed} of {graded} pass: ")
    page.keyboard.press("ArrowLeft")
    tried = int(output.inner_text().split("= ")[1].split(":")[0])
    passed, graded = [step[1:3] for step in curve["steps"] if step[0] <= tried][-1]
    assert f"{passed} of {graded} pass" in output.inner_text()


def test_a_mouse_over_a_drawing_reads_the_exact_rate_there(page: Any, swept: Path) -> None:
    panel = json.loads((swept / "landscape.json").read_text())["panels"][0]
    drawing, output = page.locator("svg.plot").first, page.locator("label.probe:has-text('Try a value') output").first
    drawing.scroll_into_view_if_needed()
    box = drawing.bounding_box()
    page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 100)
    tried = int(output.inner_text().split("= ")[1].split(":")[0])
    low, high = (float(end) for end in drawing.get_attribute("data-x").split()[:2])
    share = (0.7 * box["width"] - 48) / (box["width"] - 68)
    assert abs(tried - (low + share * (high - low))) <= 1
    passed, graded = [step[1:3] for step in panel["curves"][0]["steps"] if step[0] <= tried][-1]
    assert f"{passed} of {graded} pass" in output.inner_text()
    field = page.locator("svg.map").first
    field.scroll_into_view_if_needed()
    box = field.bounding_box()
    said = page.locator(".maps output").first
    page.mouse.move(box["x"] + box["width"] - 60, box["y"] + 60)
    before = said.inner_text()
    page.mouse.move(box["x"] + 90, box["y"] + 60)
    assert said.inner_text() != before


def test_another_curve_can_be_chosen(page: Any) -> None:
    box = page.locator("select[aria-label='Other knobs at']").first
    options = box.locator("option").all_inner_texts()
    assert sorted(options) == ["task.tolerances.answer=0.1", "task.tolerances.answer=10,000"]
    before = page.locator("svg:has(.curve)").first.inner_html()
    box.select_option(index=1)
    assert page.locator("svg:has(.curve)").first.inner_html() != before


def test_the_curve_is_as_wide_as_the_page_with_round_ticks_and_holds_what_is_recommended(
    swept: Path, visit: Visitor
) -> None:
    found = json.loads((swept / "landscape.json").read_text())["panels"][0]["recommendations"][0]
    for width, ticks in ((1280, ["100", "150", "200", "250"]), (390, ["100", "200", "300", "400"])):
        page = visit(swept / "landscape.html", width=width).page
        drawing = page.locator("svg:has(.recommended)").first.bounding_box()
        assert drawing["width"] == page.locator("main").bounding_box()["width"]
        assert drawing["width"] > 0.9 * width
        bar = page.locator("svg .recommended").first.bounding_box()
        assert drawing["x"] < bar["x"] < bar["x"] + bar["width"] < drawing["x"] + drawing["width"]
        chosen = page.locator("svg .chosen").first.bounding_box()
        assert bar["x"] <= chosen["x"] <= bar["x"] + bar["width"]
        assert page.locator("svg .chosen-text").first.inner_html() == f"set {found['value']}"
        texts = "[...document.querySelector('svg:has(.recommended)').querySelectorAll('.tick')]"
        visible = ".filter((tick) => tick.getBoundingClientRect().width).map((tick) => tick.textContent)"
        shown = page.evaluate(texts + visible)
        assert shown[: len(ticks)] == ticks
        size = page.evaluate("getComputedStyle(document.querySelector('svg .tick')).fontSize")
        assert size == "12px"  # and the drawing is not scaled: a pixel of it is one of the screen
        assert page.evaluate("document.querySelector('svg:has(.recommended)').getScreenCTM().a") == 1
        tried = page.locator("label.probe:has-text('Try a value') output").first.inner_text()
        assert tried.startswith(f"max_tokens = {found['value']}: {found['passed']} of {found['runs']} pass")


def test_it_is_as_wide_as_the_page_when_the_window_changes(page: Any) -> None:
    page.set_viewport_size({"width": 700, "height": 900})
    assert page.locator("svg").first.bounding_box()["width"] == page.locator("main").bounding_box()["width"]


def test_ranges_in_a_sentence_stay_on_one_line(swept: Path, visit: Visitor) -> None:
    page = visit(swept / "landscape.html", width=390).page
    assert "(10-40%)" in page.locator(".says .range").all_inner_texts()
    lines = page.evaluate("[...document.querySelectorAll('.says .range')].map((part) => part.getClientRects().length)")
    assert set(lines) == {1}


@pytest.mark.parametrize("options", [{"color_scheme": "dark"}, {"width": 360}, {"width": 2200}])
def test_it_fits_dark_small_and_large_screens(swept: Path, visit: Visitor, options: dict[str, Any]) -> None:
    page = visit(swept / "landscape.html", **options).page
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.locator(".spot").first.is_visible()


def test_foreign_text_stays_text(swept: Path, visit: Visitor) -> None:
    page = visit(swept / "hostile.html").page
    assert page.evaluate("window.hacked") is None
    assert page.locator("h1").inner_text().startswith("</script><script>")
    assert ATTACK in page.locator(".note").first.inner_text()
    assert page.locator("main img").count() == 0
