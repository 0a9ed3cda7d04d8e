"""The page in a real browser: filter, sort, links, keys, dark mode, phones, paper, and conversations that attack it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evalkit.report import write
from evalkit.results.runs import Run
from evalkit.rollout.record import Ending, Rollout, Submission, Turn
from evalkit.task.grade import Grade, Measurement
from tests.builders import call, message, text
from tests.outputs import CATEGORIES, conversation, cut, failed, passed, some_runs, write_launch, write_sweep

Visitor = Callable[..., Any]

ATTACKS = (
    "<script>window.hacked = 1</script>",
    "</script><script>window.hacked = 2</script>",
    '<img src="x" onerror="window.hacked = 3">',
    "![picture](https://example.org/leak.png)",
    '<a href="javascript:window.hacked=4">click</a>',
    "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x9b2J",
    "left \u202eright-to-left\u202c \u2066isolated\u2069 zero\u200bwidth",
    "half \ud83d a pair, <!-- a comment -- ]]> &lt; &amp;",
)


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """The page of twelve runs."""
    return write(write_launch(tmp_path / "launch"))


def test_the_page_says_what_came_out(report: Path, visit: Visitor) -> None:
    page = visit(report).page
    assert page.locator("h1").inner_text() == "Arithmetic with a Python tool"
    assert page.get_by_text("measure no LLM").is_visible()
    assert page.locator("#headline").inner_text().startswith("36.4%")
    assert "UNDECIDED" in page.locator("#headline").inner_text()
    assert "15.2% to 64.6%" in page.locator("#headline").inner_text()
    assert page.locator("#failures tbody tr").all_inner_texts() == [
        "Token limit\t5\t45.5%\t",
        "Wrong value\t2\t18.2%\t",
    ]
    assert page.locator("#curve .limit-text").text_content() == "limit 500"


def test_runs_are_filtered_by_words_status_and_reason(report: Path, visit: Visitor) -> None:
    seen = visit(report)
    assert seen.rows() == [str(run) for run in range(1, 13)]
    seen.page.select_option("#outcome", "failed")
    assert seen.rows() == ["2", "3", "5", "6", "7", "10", "11"]
    seen.page.select_option("#reason", "Wrong value")
    assert seen.rows() == ["2", "7"]
    assert seen.page.locator("#shown").inner_text() == "2 of 12 runs"
    seen.page.click("text=Clear")
    seen.until("document.querySelector('#shown').textContent === '12 runs'")
    seen.page.fill("#query", "provider 529")
    assert seen.rows() == ["9"]
    seen.page.fill("#query", "no such thing")
    assert seen.rows() == []


def test_a_failure_reason_leads_to_its_runs(report: Path, visit: Visitor) -> None:
    seen = visit(report)
    seen.page.click("#failures button >> text=Wrong value")
    seen.until("document.querySelector('#shown').textContent === '2 of 12 runs'")
    assert seen.rows() == ["2", "7"]


def test_columns_sort_both_ways_and_say_so(report: Path, visit: Visitor) -> None:
    seen = visit(report)
    head = seen.page.locator("#table th", has_text="Tokens")
    head.locator("button").click()
    assert seen.rows()[0] == "9" and head.get_attribute("aria-sort") == "ascending"
    head.locator("button").click()
    assert seen.rows() == ["3", "5", "6", "10", "11", "1", "2", "4", "7", "8", "12", "9"]
    assert head.get_attribute("aria-sort") == "descending"
    assert seen.page.locator("#table th[aria-sort]").count() == 1


def test_a_link_opens_a_run(report: Path, visit: Visitor) -> None:
    page = visit(report, "#run-2").page
    page.wait_for_selector(".turn")
    assert page.title().startswith("Run 2")
    assert page.locator("#run h2").first.inner_text() == "Run 2: ✗ FAILURE"
    assert page.locator("#run .message").inner_text() == "Got 8770, expected 8769"
    assert not page.locator("#overview").is_visible()
    assert "Calculate (2^10 + 3^5) * 7 - 100." in page.locator(".prompt").first.inner_text()
    assert page.locator(".turn").count() == 2
    assert page.locator("pre.code .k-word").first.inner_text() == "def"
    assert page.locator(".block.reply pre").first.inner_text() == "144\n"
    measured = page.locator("section[aria-label=Measurement] tbody tr").all_inner_texts()
    assert measured == ["got\t8770", "expected\t8769", "error\t1"]


def test_a_link_to_no_run_shows_the_overview(report: Path, visit: Visitor) -> None:
    assert visit(report, "#run-99").page.locator("#overview").is_visible()


def test_everything_can_be_reached_with_the_keyboard(report: Path, visit: Visitor) -> None:
    seen = visit(report)
    page = seen.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the runs"
    page.keyboard.press("/")
    page.keyboard.type("limit")
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('#table tbody a')"):
            break
    assert page.evaluate("document.activeElement.textContent") == "3"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.wait_for_selector("#run:not([hidden]) .turn")
    assert page.title().startswith("Run 5")
    page.keyboard.press("ArrowRight")  # the next of the runs that the filter leaves
    seen.until("document.title.startsWith('Run 6')")
    page.keyboard.press("Escape")
    page.wait_for_selector("#overview:not([hidden])")
    assert page.evaluate("document.activeElement.textContent") == "6"


def test_a_run_that_was_cut_shows_where_its_budget_ended(report: Path, visit: Visitor) -> None:
    page = visit(report, "#run-3").page
    page.wait_for_selector(".budget-line")
    assert page.locator(".budget-line").inner_text() == (
        "The budget ended in this response: 100 of its 200 tokens were inside. What it called did not happen."
    )
    assert page.locator(".turn.cut").count() == 1
    assert page.locator(".turn header").nth(1).inner_text().split("\n")[:3] == [
        "Turn 2",
        "200 output tokens",
        "400 of 500",
    ]


def test_a_run_that_the_provider_cut_shows_it_too(tmp_path: Path, visit: Visitor) -> None:
    turns = (Turn(500, message(text("too long"), stop="max_tokens", tokens=500)),)
    run = Run(1, Rollout(1, "?", "", (), turns, Ending.TOKEN_LIMIT), Grade(False, "limit", "no_submission"))
    page = visit(write(write_launch(tmp_path / "a", [run])), "#run-1").page
    page.wait_for_selector(".budget-line")
    assert page.locator(".budget-line").inner_text() == "The budget ended here."


def test_the_curve_can_be_asked_at_any_number_of_tokens(report: Path, visit: Visitor) -> None:
    page = visit(report).page
    assert page.locator("#curve output").inner_text().startswith("within 500 tokens 36.4% pass")
    page.focus("#probe")
    page.keyboard.press("Home")
    assert page.locator("#curve output").inner_text().startswith("within 0 tokens 0.0% pass")


def _hostile() -> list[Run]:
    """Two runs that say, print, submit and provoke everything that could break out of data."""
    words = "\n".join(ATTACKS)
    output = json.dumps({"result": words + "x" * 1_000_000, "error": words})
    rollout = conversation(1, prompt=words, said=words, output=output, answer={"code": words, words: words})
    tools = ({"name": ATTACKS[0], "description": words, "input_schema": {}},)
    odd = (
        {"type": "thinking", "thinking": words, "signature": "AAAA"},
        {"type": ATTACKS[1], "text": words},
        call(ATTACKS[2], words),
        call("python_expression", {"expression": "'''" + words, words: [words, "NaN"]}),
    )
    turn = Turn(
        1000, message(*odd, id=words), reply=({"type": "tool_result", "content": [text(words)], "is_error": True},)
    )
    rollout = replace(rollout, system=words, tools=tools, turns=(turn, *rollout.turns))
    measurement = Measurement({words: words, "reference": words})
    first = Run(1, rollout, Grade(False, words, ATTACKS[0]), measurement)
    gone = Rollout(2, words, "", (), ending=Ending.ERROR, detail=words)
    return [first, Run(2, gone, None, error=words)]


def test_nothing_that_a_model_wrote_can_act_in_the_page(tmp_path: Path, visit: Visitor) -> None:
    folder = write_launch(tmp_path / "a", _hostile(), categories=CATEGORIES | {ATTACKS[0]: ATTACKS[1]})
    seen = visit(write(folder))
    page = seen.page
    assert page.locator("#failures button").inner_text() == ATTACKS[1]
    for run in ("1", "2"):
        seen.at(f"run-{run}")
        seen.until(f"document.title.startsWith('Run {run}') && document.querySelector('#run details')")
    seen.at("run-1")
    page.wait_for_selector(".turn")
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true })")
    assert page.evaluate("window.hacked") is None
    assert page.locator("img, iframe, object, embed, form form, [onerror], [href^=javascript]").count() == 0
    assert page.locator("script:not([type])").count() == 1
    shown = page.locator("#run").text_content() or ""
    for attack in ATTACKS[:5]:
        assert attack in shown
    assert "␛[31mred␛[0m" in shown and "\x1b" not in shown
    assert "⟨U+202E⟩right-to-left" in shown and "\u202e" not in shown


def test_a_megabyte_of_output_is_shown_in_part_until_asked_for(tmp_path: Path, visit: Visitor) -> None:
    page = visit(write(write_launch(tmp_path / "a", _hostile())), "#run-1").page
    button = page.locator(".block.reply button").first
    assert (button.text_content() or "").startswith("Show all 1,000,")
    assert len(page.locator("#run").text_content() or "") < 200_000
    button.click()
    assert len(page.locator("#run").text_content() or "") > 1_000_000


def test_a_script_that_got_in_would_be_refused(report: Path, visit: Visitor) -> None:
    seen = visit(report)
    refused = seen.page.evaluate(
        """async () => {
          const script = document.createElement("script");
          script.textContent = "window.hacked = 1";
          document.body.append(script);
          const button = document.createElement("button");
          button.setAttribute("onclick", "window.hacked = 2");
          document.body.append(button);
          button.click();
          return [window.hacked, await fetch("https://example.org").catch(() => "blocked")];
        }"""
    )
    assert refused == [None, "blocked"]
    assert len(seen.complaints) >= 3 and all("Content Security Policy" in text for text in seen.complaints[:2])
    seen.complaints.clear()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("fragment", ["", "#run-2", "#run-3"])
def test_no_page_scrolls_sideways(report: Path, visit: Visitor, width: int, fragment: str) -> None:
    page = visit(report, fragment, width=width).page
    page.wait_for_selector("#run .turn" if fragment else "#table tbody tr")
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_dark_mode_turns_the_page_dark(report: Path, visit: Visitor) -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    assert visit(report, color_scheme="light").page.evaluate(colour) == "rgb(255, 255, 255)"
    assert visit(report, color_scheme="dark").page.evaluate(colour) == "rgb(15, 20, 25)"


def test_on_paper_there_are_all_runs_and_no_controls(tmp_path: Path, visit: Visitor) -> None:
    seen = visit(write(write_launch(tmp_path / "a", [passed(run) for run in range(1, 251)])))
    assert len(seen.rows()) == 200
    seen.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert len(seen.rows()) == 250
    seen.page.emulate_media(media="print", color_scheme="dark")
    assert not seen.page.locator("#filters").is_visible()
    assert seen.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert seen.page.pdf()[:5] == b"%PDF-"


def test_the_last_drawn_row_leads_on_to_the_next(tmp_path: Path, visit: Visitor) -> None:
    seen = visit(write(write_launch(tmp_path / "a", [passed(run) for run in range(1, 251)])))
    seen.page.locator("#table tbody a").last.focus()
    seen.page.keyboard.press("ArrowDown")
    assert seen.page.evaluate("document.activeElement.textContent") == "201"


def test_a_thousand_runs_fit_and_open(tmp_path: Path, visit: Visitor) -> None:
    kinds: tuple[Callable[..., Run], ...] = (passed, failed, cut)
    runs = [kinds[run % 3](run, steps=10, said=f"thought {run} " * 30) for run in range(1, 1001)]
    path = write(write_launch(tmp_path / "a", runs))
    assert path.stat().st_size < 25_000_000
    seen = visit(path, "#run-1000")
    seen.page.wait_for_selector(".turn")
    assert seen.page.locator(".turn").count() == 10
    seen.at("").page.fill("#query", "limit reached")
    assert seen.page.locator("#shown").inner_text() == "333 of 1,000 runs"


def test_the_page_of_a_launch_without_a_single_good_run(tmp_path: Path, visit: Visitor) -> None:
    page = visit(write(write_launch(tmp_path / "a", [some_runs()[8]]))).page
    assert "no run was graded" in page.locator("#headline").inner_text()


def test_a_submission_of_code_is_coloured_and_stands_beside_the_reference(tmp_path: Path, visit: Visitor) -> None:
    source = "def f(x):\n    return x\n"
    turn = Turn(900, message(call("submit_answer", {"answer": source})), submission=Submission(source))
    rollout = Rollout(1, "?", "", (), (turn,), Ending.SUBMITTED)
    run = Run(1, rollout, Grade(True, "Got VERIFIED"), Measurement({"reference": source.replace("x", "y")}))
    page = visit(write(write_launch(tmp_path / "a", [run])), "#run-1").page
    assert page.locator("section[aria-label=Submission] .k-word").all_inner_texts() == ["def", "return"]
    assert "def f(y)" in page.locator("section[aria-label=Reference]").inner_text()


def test_what_a_task_found_out_about_a_failure_is_its_diagnosis(tmp_path: Path, visit: Visitor) -> None:
    found = {"nearest": "no_mask", "distance": 2.5e-5, "why": "<b>bold</b>"}
    run = replace(failed(1), measurement=Measurement({"diagnosis": found, "flag": True}))
    page = visit(write(write_launch(tmp_path / "a", [run])), "#run-1").page
    rows = page.locator("section[aria-label=Diagnosis] tbody tr").all_inner_texts()
    assert rows == ["nearest\tno_mask", "distance\t0.000025", "why\t<b>bold</b>"]
    assert page.locator("section[aria-label=Measurement] tbody tr").all_inner_texts() == ["flag\ttrue"]


def test_a_sweep_has_a_table_of_cells_that_lead_to_their_pages(tmp_path: Path, visit: Visitor) -> None:
    sweep = write_sweep(tmp_path / "s", {f"limits.max_tokens={n},a='x/<y>'": some_runs() for n in (500, 900)})
    page = visit(write(sweep)).page
    assert page.locator("h1").inner_text() == "Arithmetic with a Python tool: 2 cells"
    rows = page.locator("tbody tr").all_inner_texts()
    assert [row.split("\t")[:4] for row in rows] == [["open", n, "12", "36.4%"] for n in ("500", "900")]
    links = page.locator("tbody a").evaluate_all("(links) => links.map((link) => decodeURIComponent(link.pathname))")
    assert [Path(link).parent for link in links] == [cell.parent for cell in sorted(sweep.rglob("summary.json"))]
