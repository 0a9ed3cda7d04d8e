"""`select` as a command: what it prints and writes, and one sentence for what does not fit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evalkit.__main__ import main
from tests.outputs import write_launch
from tests.select.sets import graded, write_set


def test_it_prints_the_document_and_writes_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_set(tmp_path / "a", graded())
    assert main(["select", str(folder), "--band", "0.1", "0.5", "--level", "0.2", "--group", "4"]) == 0
    out, err = capsys.readouterr()
    assert err == "" and out.endswith(f"Selection: {folder / 'selection.jsonl'}\n")
    assert "at most 20% of the chosen problems lie outside 10-50%" in out and "groups of 4 tries" in out
    chosen = [line["problem"] for line in map(json.loads, (folder / "selection.jsonl").read_text().splitlines())]
    assert chosen[:8] == [f"fair-{number}" for number in range(8)]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--rule best", "invalid choice: 'best'"),
        ("--band 0.4 0.1", "--band: a band needs 0 <= low < high <= 1"),
        ("--band 0.1", "expected 2 arguments"),
        ("--level x", "invalid float value"),
        ("--rule signal", "add --count N"),
        ("--count 3", "drop --count"),
    ],
)
def test_bad_arguments_get_one_sentence_and_write_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: str, said: str
) -> None:
    folder = write_set(tmp_path / "a", graded())
    assert main(["select", str(folder), *words.split()]) == 2
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1
    assert not (folder / "selection.jsonl").exists()


def test_a_launch_of_one_problem_is_answered_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["select", str(write_launch(tmp_path / "a"))]) == 2
    err = capsys.readouterr().err
    assert "is a launch of one problem" in err and "problems.count=" in err and err.count("\n") == 1
