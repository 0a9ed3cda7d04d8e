"""Every verb: help with an example and status 0, one sentence and status 2 for whatever does not fit."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from evalkit.__main__ import main
from evalkit.cli.commands import VERBS

DIRECTORIES = {"resume": 1, "landscape": 1, "regrade": 1, "show": 1, "diff": 2, "report": 1, "diagnose": 1, "select": 1}
"""Verbs that read output directories, and how many they need."""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    return tmp_path


def refused(argv: list[str], here: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """What is said of bad input, which must be one sentence and leave nothing behind."""
    before = sorted(here.rglob("*"))
    assert main(argv) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n"), err.startswith("evalkit: ")) == ("", 1, True), (out, err)
    assert sorted(here.rglob("*")) == before
    return err


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("form", ["{} --help", "{} -h", "{} x y z -h", "help {}", "--help {}"])
def test_help_of_every_verb_shows_an_example_and_ends_with_0(
    verb: str, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(form.format(verb).split()) == 0
    out, err = capsys.readouterr()
    assert err == "" and out.startswith(f"usage: python -m evalkit {verb}")
    assert f"example:\n  python -m evalkit {verb}" in out and "Exit status: 0 " in out


def test_every_verb_that_reads_directories_is_in_the_table_of_this_test() -> None:
    assert set(DIRECTORIES) == set(VERBS) - {"audit", "doctor", "init"}


@pytest.mark.parametrize("verb", VERBS)
def test_an_unknown_option_is_answered_with_the_nearest(
    verb: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["x"] * {"init": 1, **DIRECTORIES}.get(verb, 0)
    said = refused([verb, *words, "--hlep"], here, capsys)
    assert f"{verb} has no option --hlep: did you mean --help?" in said
    assert f"python -m evalkit {verb}" in said


@pytest.mark.parametrize("verb", DIRECTORIES)
def test_no_words_at_all_are_answered_with_what_is_needed(
    verb: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused([verb], here, capsys)
    assert f"{verb} needs " in said and f"python -m evalkit {verb}" in said


ODD = [
    "",
    " ",
    "nowhere",
    "file",
    "empty",
    "dangling",
    "x" * 5000,
    "a/" * 3000,
    "new\nline",
    "file/below",
    "~",
    "é",
    "${x}",
]


@pytest.mark.parametrize("verb", DIRECTORIES)
@pytest.mark.parametrize("place", ODD, ids=[f"{name[:12]!r}" for name in ODD])
def test_what_is_no_output_directory_is_said_in_one_sentence(
    verb: str, place: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "file").write_text("x")
    (here / "empty").mkdir()
    (here / "dangling").symlink_to("gone")
    assert len(refused([verb, *[place] * DIRECTORIES[verb]], here, capsys)) < 400


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything: run the tests as an ordinary user, too")
@pytest.mark.parametrize("verb", DIRECTORIES)
def test_a_locked_directory_is_named(verb: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "locked").mkdir(mode=0)
    assert "locked cannot be read" in refused([verb, *["locked"] * DIRECTORIES[verb]], here, capsys)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["show", "x", "--color", "blue"], "cannot take this as --color: invalid choice: 'blue'"),
        (["diff", "x"], "diff needs B"),
        (["diff", "x", "y", "--format"], "--format: expected one argument"),
        (["resume", "x", "y"], "resume does not take 'y'"),
        (["doctor", "now"], "doctor does not take 'now'"),
        (["report", "--", "--times"], "--times does not exist"),
        (["audit", "arithmetic"], "write task=arithmetic"),
        (["audit", "--seeds", "many"], "--seeds: invalid int value: 'many'"),
        (["audit", "--out"], "--out: expected one argument"),
        (["audit", "task=arithmetc"], "did you mean task=arithmetic?"),
        (["audit", "task=arithmetic", ""], "'' is not an override"),
        (["audit", "task=arithmetic", "task.expression=1=2"], "cannot be read"),
        (["audit", "task=arithmetic", "runs.seed=" + "9" * 5000], "more than 1,000 digits"),
        (["regrade", "x", "y"], "regrade takes one output directory"),
        (["shwo"], "python -m evalkit show"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_other_words_that_do_not_fit(
    argv: list[str], said: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said in refused(argv, here, capsys)
