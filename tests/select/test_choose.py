"""The choice of a rule: its file, its promise, and settings that do not fit it."""

import json
from pathlib import Path

import pytest

from evalkit import UserError
from evalkit.select.choose import choose, write
from evalkit.select.problems import read_problems
from evalkit.stats import Band
from tests.select.sets import graded, write_set
from tests.test_schemas import faults


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_set(tmp_path / "a", graded())


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_file_has_every_problem_with_the_chosen_first(folder: Path) -> None:
    found = lines(write(choose(read_problems(folder))))
    assert [line["order"] for line in found] == list(range(1, 25))
    assert [line["problem"] for line in found[:8]] == [f"fair-{number}" for number in range(8)]
    assert [line["chosen"] for line in found] == [True] * 8 + [False] * 16
    assert {(line["passed"], line["tries"]) for line in found[:8]} == {(4, 16)}
    assert found[0]["chance_in_band"] > 0.9 > 0.1 > found[-1]["chance_in_band"]
    assert found[0]["expected_signal"] > 0.8 > 0.3 > found[-1]["expected_signal"]


@pytest.mark.parametrize(("rule", "count"), [("expected", None), ("anytime", None), ("signal", 3)])
def test_the_file_satisfies_its_schema(folder: Path, rule: str, count: int | None) -> None:
    write(choose(read_problems(folder), rule, count=count))
    assert faults(folder, "selection") == []


def test_the_same_launch_gives_the_same_bytes(folder: Path) -> None:
    first = write(choose(read_problems(folder))).read_bytes()
    assert write(choose(read_problems(folder))).read_bytes() == first


def test_every_line_says_the_rule_and_its_promise(folder: Path) -> None:
    tried = read_problems(folder)
    for rule, promise in (
        ("expected", "at most 10% of the chosen problems lie outside 10-40%, taking the problems as a sample"),
        ("anytime", "at most 10% of the chosen problems lie outside 10-40%, whatever the problems are"),
    ):
        found = lines(write(choose(tried, rule)))
        assert {line["rule"] for line in found} == {rule}
        assert all(promise in line["promise"] for line in found)
        assert ("evidence" in found[0]) == (rule == "anytime")


def test_signal_promises_what_its_interval_holds(folder: Path) -> None:
    choice = choose(read_problems(folder), "signal", count=8, group=4)
    gives = choice.selection.gives
    assert gives is not None and choice.count == 8
    assert f"{100 * gives.low:.1f}% to {100 * gives.high:.1f}%" in choice.promise
    assert "a group of 4 tries at one of the 8 chosen problems" in choice.promise
    assert gives.low < 1 - 0.25**4 - 0.75**4 < gives.high


def test_another_band_than_the_launchs_chooses_others(folder: Path) -> None:
    found = lines(write(choose(read_problems(folder), band=Band(0.6, 1.0))))
    assert {line["problem"][:4] for line in found if line["chosen"]} == {"easy"}


def test_the_group_of_the_launch_is_the_default(folder: Path) -> None:
    summary = json.loads((folder / "summary.json").read_text())
    summary["set"] = {"group": 3}
    (folder / "summary.json").write_text(json.dumps(summary))
    assert choose(read_problems(folder)).group == 3


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"rule": "signal"}, "needs to know how many problems to choose: add --count N"),
        ({"rule": "signal", "count": 25}, "--count 25 cannot be chosen from 24 problems"),
        ({"rule": "signal", "count": 0}, "--count 0 cannot be chosen"),
        ({"rule": "signal", "count": 3, "level": 0.1}, "signal has no level"),
        ({"count": 3}, "--rule expected finds out how many to choose"),
        ({"level": 1.0}, "--level 1 is not a share between 0 and 1"),
        ({"level": float("nan")}, "--level nan is not a share"),
        ({"group": 1}, "--group 1 has no mixed outcomes"),
    ],
)
def test_settings_that_do_not_fit_are_refused(folder: Path, settings: dict, said: str) -> None:
    with pytest.raises(UserError, match=said):
        choose(read_problems(folder), **settings)
