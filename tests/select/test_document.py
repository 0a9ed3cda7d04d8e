"""The document of a choice: what it says in each case, and that ids of problems are text."""

import re
from pathlib import Path

import pytest

from evalkit.select.choose import choose
from evalkit.select.document import tell
from evalkit.select.problems import read_problems
from tests.select.sets import graded, write_set


def told(folder: Path, problems: dict[str, str], *rule: str, **settings) -> str:
    return "\n".join(tell(choose(read_problems(write_set(folder, problems)), *rule, **settings)))


def test_it_says_what_was_tried_chosen_and_promised(tmp_path: Path) -> None:
    text = told(tmp_path / "a", graded() | {"fair-0": "PPPPFFFFFFFFEEEE"})
    assert "24 problems, 12 to 16 tries each, 380 in all" in text
    assert "simulated (simulated: these figures measure no LLM)" in text
    assert "Left out: 4 runs without a verdict" in text
    assert "Rule `expected`: on average at most 10% of the chosen problems lie outside 10-40%" in text
    assert re.search(r"Chosen: [78] of 24 problems\.", text)
    assert re.search(r"Expected share of them outside 10-40%: \d\.\d%, \d\.\d% with a margin", text)
    assert "… and 14 problems more" in text


def test_it_lists_the_first_with_a_mark_for_the_chosen(tmp_path: Path) -> None:
    rows = [line.split() for line in told(tmp_path / "a", graded()).splitlines()]
    assert ["✓", "fair-0", "4/16"] in [row[:3] for row in rows]
    assert [row[0] for row in rows if row[1:2] in (["0/16"], ["16/16"])] == ["hard-0", "hard-1"]


def test_it_compares_with_the_observed_rates(tmp_path: Path) -> None:
    text = told(tmp_path / "a", {f"p{number}": "P" * (number % 8) + "F" * (8 - number % 8) for number in range(40)})
    assert "For comparison: the observed rates lie in 10-40% for 15 problems, of which " in text
    assert "No problem is known well enough for this level" in text
    assert re.search(r"Worth more tries: \d+ problems \(\d+ tries in the next round, at most 128 each\)", text)


def test_it_counts_on_no_more_tries_than_the_launch_allows(tmp_path: Path) -> None:
    problems = {f"p{number}": "P" * (number % 8) + "F" * (8 - number % 8) for number in range(40)}
    choice = choose(read_problems(write_set(tmp_path / "a", problems)))
    assert "at most 128 each" in tell(choice)[-1] and "at most 64 each" in tell(choice, 64)[-1]
    assert "Worth more tries: none." in tell(choice, 8)[-1]


def test_it_says_that_more_tries_are_not_worth_their_price(tmp_path: Path) -> None:
    assert "Worth more tries: none." in told(tmp_path / "a", graded(tries=64), "signal", count=8)


@pytest.mark.parametrize("rule", ["expected", "anytime"])
def test_ids_of_problems_do_not_reach_the_terminal_as_they_are(tmp_path: Path, rule: str) -> None:
    text = told(tmp_path / "a", {"\x1b[31mred\nline": "P" * 16, "b": "F" * 16}, rule)
    assert "\x1b" not in text
    assert len([line for line in text.splitlines() if "red" in line]) == 1
