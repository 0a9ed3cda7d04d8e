"""`init`: what it writes runs and audits at once, and what it refuses is one sentence that leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from evalkit.__main__ import main
from evalkit.cli.init import KINDS
from evalkit.results.reading import load
from tests.verbs import verb

init, audit = verb("init"), verb("audit")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EVALKIT_PATH", raising=False)
    return tmp_path


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_task_runs_and_is_audited_clean(kind: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = f"first_{kind}"
    assert init([name, "--kind", kind]) == 0
    said = capsys.readouterr().out
    assert all((here / line.strip()).is_file() for line in said.partition("\n\n")[0].splitlines()[1:])
    files = [path.read_text() for path in here.rglob("*") if path.is_file()]
    assert any(name in text for text in files) and not any("my_task" in text for text in files)
    assert main([f"task={name}", "model=simulated", "runs.count=8", "runs.concurrency=4"]) == 0
    (folder,) = (here / "outputs" / name).iterdir()
    assert {run.passed for run in load(folder).runs} == {True, False}
    capsys.readouterr()
    status = audit([f"task={name}", "--seeds", "2"])
    found = capsys.readouterr().out
    assert status == 0, found
    assert "0 of 0 wrong" not in found and "CLEAN: no findings" in found


@pytest.mark.parametrize("kind", KINDS)
def test_the_tests_of_a_new_task_pass(kind: str, here: Path) -> None:
    init([f"tested_{kind}", "--kind", kind])
    test = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", f"tests/test_tested_{kind}.py"]
    passed = subprocess.run(test, capture_output=True, text=True, cwd=here)
    assert passed.returncode == 0, passed.stdout
    assert " passed" in passed.stdout


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("my-task", "such as my_task"),
        ("2fast", "such as task_2fast"),
        ("class", "such as task_class"),
        ("naïve", "such as na_ve"),
        ("a/b", "such as a_b"),
        ("../up", "such as up"),
        ("", "such as task"),
        ("arithmetic", "There is a task 'arithmetic' already"),
        ("Arithmetic", "There is a task 'arithmetic' already"),
        ("paged_attention_gqa", "conf/task/paged_attention_gqa.yaml: choose another name"),
    ],
)
def test_a_name_that_no_task_can_have_is_one_sentence(
    name: str, said: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", name]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert list(here.iterdir()) == []


def test_nothing_is_ever_overwritten(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = here / "tests" / "test_mine.py"
    mine.parent.mkdir()
    mine.write_text("mine")
    assert main(["init", "mine"]) == 2
    assert "tests/test_mine.py exists already" in capsys.readouterr().err
    assert [path for path in here.rglob("*") if path.is_file()] == [mine]
    assert mine.read_text() == "mine"
    assert main(["init", "other"]) == main(["init", "another"]) == 0
    assert main(["init", "other"]) == 2
    assert "There is a task 'other' already" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_left_as_it_was(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "tests").write_text("a file")  # where a folder is wanted, after other files have been written
    assert main(["init", "mine"]) == 2
    error = capsys.readouterr().err
    assert "tests cannot be written" in error and error.count("\n") == 1
    assert [path.name for path in here.rglob("*")] == ["tests"]


def test_a_read_only_folder_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir("/proc")  # where not even root may make a folder
    assert main(["init", "mine"]) == 2
    error = capsys.readouterr().err
    assert "cannot be written" in error and error.count("\n") == 1


def test_another_kind_is_answered_with_the_kinds(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "mine", "--kind", "perl"]) == 2
    error = capsys.readouterr().err
    assert all(kind in error for kind in KINDS)
