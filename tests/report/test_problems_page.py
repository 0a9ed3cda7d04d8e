"""Problems of a set in a real browser: filter, sort, the way to tries and conversations, names instead of numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evalkit.report import write
from evalkit.results.runs import Run
from evalkit.sampling.problem_set import TRIES
from tests.outputs import cut, failed, passed, write_launch

Visitor = Callable[..., Any]

MADE: dict[str, Callable[..., Run]] = {"p": passed, "f": failed, "c": cut}
HOSTILE = "<img src=x onerror=window.hacked=1>\u202e"


def set_of(**outcomes: str) -> list[Run]:
    """A problem for each name, a try for each letter: passed, failed, cut by the limit."""
    return [
        replace(MADE[letter](index * TRIES + attempt), problem=name, attempt=attempt)
        for index, (name, letters) in enumerate(outcomes.items())
        for attempt, letter in enumerate(letters, 1)
    ]


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """The page of five problems with four tries each."""
    runs = set_of(a1="pppp", a10="ffff", b="pfcf", c="ppfc", **{HOSTILE: "pppf"})
    return write(write_launch(tmp_path / "launch", runs))


def problems(seen: Any) -> list[str]:
    """Ids of the table, top to bottom."""
    return [text.split("\t")[0] for text in seen.page.locator("#problem-table tbody tr").all_inner_texts()]


def test_problems_are_sorted_lowest_rate_first_and_by_every_column(report: Path, visit: Visitor) -> None:
    seen = visit(report)
    assert problems(seen)[:3] == ["a10", "b", "c"] and problems(seen)[-1] == "a1"
    heads = seen.page.locator("#problem-table th button")
    assert heads.all_inner_texts() == ["Problem", "Pass rate", "Tokens", "Failures"]
    heads.nth(1).click()
    assert problems(seen)[0] == "a1" and problems(seen)[-1] == "a10"
    heads.nth(0).click()
    assert problems(seen)[:4] == ["a1", "a10", "b", "c"]
    assert seen.page.locator("#problem-table th[aria-sort]").inner_text() == "Problem"


def test_problems_are_filtered_by_words_and_by_how_often_they_are_solved(report: Path, visit: Visitor) -> None:
    seen = visit(report)
    chosen = {}
    for which in ("never", "sometimes", "always", "in the target range"):
        seen.page.select_option("#solved", which)
        chosen[which] = problems(seen)
    assert chosen["never"] == ["a10"] and chosen["always"] == ["a1"] and chosen["in the target range"] == ["b"]
    assert chosen["sometimes"][:2] == ["b", "c"] and len(chosen["sometimes"]) == 3
    assert seen.page.locator("#problems-shown").inner_text() == "1 of 5 problems"
    seen.page.click("#problem-filters button")
    seen.until("document.querySelector('#problems-shown').textContent === '5 problems'")
    seen.page.fill("#problem-query", "token limit")
    assert problems(seen) == ["b", "c"]


def test_a_problem_leads_to_its_tries_alone_until_they_are_cleared(report: Path, visit: Visitor) -> None:
    seen = visit(report)
    seen.page.click("#problem-table button.plain >> text=/^a1$/")
    seen.until("document.querySelector('#shown').textContent === '4 of 20 runs, problem a1'")
    assert seen.rows() == [f"a1 try {n}" for n in range(1, 5)]
    seen.page.click("#filters button")
    seen.until("document.querySelector('#shown').textContent === '20 runs'")


def test_a_mark_opens_its_conversation_and_neighbours_have_names(report: Path, visit: Visitor) -> None:
    seen = visit(report)
    seen.page.locator("#problem-table tbody tr").nth(1).locator(".strip a").nth(2).click()
    seen.page.wait_for_selector(".turn")
    assert seen.page.locator("#run h2").first.inner_text().startswith("b try 3: ✗ FAILURE")
    assert seen.page.locator(".path a").all_inner_texts() == ["All runs", "← b try 2", "b try 4 →"]
    assert str(2 * TRIES)[:-1] not in seen.page.locator("#run").inner_text()


def test_the_id_of_a_problem_is_text(report: Path, visit: Visitor) -> None:
    seen = visit(report)
    assert seen.page.evaluate("window.hacked") is None
    assert any(name.startswith("<img") and "U+202E" in name for name in problems(seen))
    assert "\u202e" not in seen.page.locator("#problems").inner_text()


def test_problems_fit_a_phone(report: Path, visit: Visitor) -> None:
    seen = visit(report, width=390)
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert seen.page.locator("#problem-table th", has_text="Failures").is_hidden()


def test_a_problem_whose_tries_are_not_in_the_page_has_marks_without_links(
    tmp_path: Path, visit: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("launch", "facts", "conversations"):
        monkeypatch.setattr(f"evalkit.report.{module}.MOST_RUNS", 6)
    seen = visit(write(write_launch(tmp_path / "launch", set_of(a="pppp", b="ppff", c="ffff"))))
    assert [
        (row.locator(".strip a").count(), row.locator(".strip").inner_text(), row.locator("button").count())
        for row in seen.page.locator("#problem-table tbody tr").all()
    ] == [(0, "✗✗✗✗", 0), (2, "✓✓✗✗", 1), (4, "✓✓✓✓", 1)]


def test_a_task_with_one_problem_has_no_table_of_problems(tmp_path: Path, visit: Visitor) -> None:
    assert visit(write(write_launch(tmp_path / "launch"))).page.locator("#problems").count() == 0
