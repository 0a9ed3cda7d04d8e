"""Reading the problems of a launch: what counts, and what is said of directories that are not such launches."""

from pathlib import Path

import pytest

from evalkit import UserError
from evalkit.select.problems import TriedProblem, read_problems
from evalkit.stats import Band
from tests.outputs import passed, write_launch, write_sweep
from tests.select.sets import write_set


def test_passes_and_tries_are_counted_by_problem_and_runs_without_a_verdict_are_not(tmp_path: Path) -> None:
    found = read_problems(write_set(tmp_path / "a", {"b/2": "PFFE", "a": "FU", "c": "E"}))
    assert found.problems == (TriedProblem("b/2", 1, 3), TriedProblem("a", 0, 1), TriedProblem("c", 0, 0))
    assert found.left_out == 3 and found.counts == [(1, 3), (0, 1), (0, 0)]
    assert (found.simulated, found.band, found.group) == (True, Band(0.1, 0.4), 8)


def test_a_launch_of_one_problem_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="a launch of one problem: select chooses among the problems of a set"):
        read_problems(write_launch(tmp_path / "a"))


def test_a_sweep_is_refused_with_one_of_its_cells(tmp_path: Path) -> None:
    sweep = write_sweep(tmp_path / "s", {"limits.max_tokens=100": [passed(1)], "limits.max_tokens=200": [passed(1)]})
    with pytest.raises(UserError, match=r"name one of its cells, such as .*max_tokens=100"):
        read_problems(sweep)


def test_an_unfinished_launch_is_refused(tmp_path: Path) -> None:
    (write_set(tmp_path / "a", {"a": "P"}) / "summary.json").unlink()
    with pytest.raises(UserError, match="unfinished launch"):
        read_problems(tmp_path / "a")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("runs.jsonl", '{"problem": "a", "outcome": "passed"}\n{"pro', "line 2 is not JSON"),
        ("runs.jsonl", "[]\n", "line 1 is not an object"),
        ("runs.jsonl", '{"problem": "a"}\n', "no 'outcome'"),
        ("runs.jsonl", '{"problem": "a", "outcome": "won"}\n', "'won' is not a valid Outcome"),
        ("summary.json", "{}", "no 'band'"),
        ("manifest.json", "[]", "not an object"),
        ("manifest.json", '{"title": 1}', "no 'model'"),
    ],
)
def test_a_damaged_file_is_named_with_what_is_wrong(tmp_path: Path, name: str, text: str, said: str) -> None:
    (write_set(tmp_path / "a", {"a": "P"}) / name).write_text(text)
    with pytest.raises(UserError, match=f"{name} is damaged .*{said}"):
        read_problems(tmp_path / "a")
