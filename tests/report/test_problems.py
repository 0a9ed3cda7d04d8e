"""Problems in reports: rows and plots of a set, names instead of numbers, and advice that follows the spread."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from evalkit.display.formatting import closing_block
from evalkit.display.markdown import markdown
from evalkit.report.conversations import Conversations
from evalkit.report.launch import launch_document, launch_overview
from evalkit.report.page import launch_page
from evalkit.report.problems import problem_rows, problems_section, rates_figure
from evalkit.results.reading import CellRecord, load
from tests.launching import launch
from tests.results.test_set_summary import summary

SEEDED = ("task=positional_attention", "task.data=seeded", "model=simulated", "problems.count=4", "runs.count=3")


@pytest.fixture
async def cell(tmp_path: Path) -> CellRecord:
    await launch(tmp_path / "a", *SEEDED, store=tmp_path / "s")
    return load(tmp_path / "a").cells[0]


async def test_every_problem_has_a_row_with_its_tries_lowest_rate_first(cell: CellRecord) -> None:
    rows = {row.problem: row for row in problem_rows(cell)}
    assert {name: len(row.runs) for name, row in rows.items()} == dict.fromkeys("1234", 3)
    (table,) = problems_section(cell).parts
    shown = [str(row[0]) for row in table.rows]
    assert shown == sorted(shown, key=lambda name: (rows[name].rate, list(rows).index(name)))
    for row in table.rows:
        assert str(row[1]).count("✓") == rows[str(row[0])].passes


async def test_markdown_and_page_name_problems_and_tries_instead_of_numbers(cell: CellRecord) -> None:
    words, page = markdown(launch_document(cell)), launch_page(cell)
    assert '"name":"2 try 3"' in page and "How problems lie" not in page
    assert "observed pass rate of a problem" in page and "mean output tokens of a try" in page
    assert "| 2 try 3 |" in words and "1000001" not in words


async def test_a_terminal_lists_problems_and_says_how_to_see_a_try(cell: CellRecord) -> None:
    (section,) = launch_overview(cell)
    assert "PROBLEM TRY" in section.parts[-1].text
    assert any(getattr(part, "header", ())[:1] == ("Problem",) for part in section.parts)


async def test_a_task_with_one_problem_has_no_such_section(tmp_path: Path) -> None:
    await launch(tmp_path / "a", "task=arithmetic", "model=oracle", "runs.count=2", store=tmp_path / "s")
    assert problems_section(load(tmp_path / "a").cells[0]).parts == ()


async def test_what_more_would_buy_is_a_table_of_markdown_and_page(cell: CellRecord) -> None:
    words, page = markdown(launch_document(cell)), launch_page(cell)
    assert cell.summary.set
    for plan in cell.summary.set.plans:
        shown = (str(plan["name"]), str(plan["problems"]), str(plan["tries"]), str(plan["problems"] * plan["tries"]))
        half_width = f"±{100 * plan['half_width']:.1f} points"
        assert f"| {' | '.join((*shown, half_width))} |" in words
        assert half_width in page
    assert words.count("4× the problems") == 1 and page.count("4× the problems") == 1


def test_the_bars_are_the_problems_of_each_rate() -> None:
    found = summary("pfff", "pfff", "ffff", "pppp").set
    assert found is not None
    figure = rates_figure(found)
    heights = [item.y[1] for item in figure.items if hasattr(item, "y") and item.y]
    assert heights == [bar["problems"] for bar in found.histogram] and sum(heights) == 4


async def test_sets_of_one_rate_and_different_spreads_get_different_signals_and_advice(cell: CellRecord) -> None:
    alike, split = ["pfff"] * 20, [*["pppp"] * 5, *["ffff"] * 15]
    signals = set()
    for outcomes, advice in ((alike, "choosing among them gains little"), (split, "chooses those worth training on")):
        of_it = replace(cell, summary=summary(*outcomes))
        found = of_it.summary.set
        assert found and found.these.value == 0.25 and found.signal.value is not None
        signal = f"{100 * found.signal.value:.1f}% ("
        signals.add(signal)
        terminal = closing_block(of_it.summary, "x")
        page = launch_page(of_it)
        for text in (terminal, markdown(launch_document(of_it)), page[: page.index('<script type="application/json"')]):
            words = " ".join(text.split())
            assert "25.0%" in words and signal in words and advice in words
    assert len(signals) == 2


async def test_very_many_problems_are_cut_with_a_word_where_the_rest_is(
    cell: CellRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evalkit.report.problems.LISTED", 3)
    table, said = problems_section(cell).parts
    assert len(table.rows) == 3 and said == "1 problem more in problems.jsonl."


async def test_very_many_runs_are_cut_with_a_word_where_the_rest_is(
    cell: CellRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("launch", "facts", "conversations"):
        monkeypatch.setattr(f"evalkit.report.{module}.MOST_RUNS", 5)
    page = launch_page(cell)
    assert page.count('"outcome":"') == 5
    assert "the first 5 of 12 runs are listed" in page
    assert [run for run, _ in Conversations(cell)] == [run.number for run in cell.runs[:5]]
