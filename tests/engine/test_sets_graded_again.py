"""Sets graded again and resumed: every try is kept whatever decided their number, and rows may have moved since."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from evalkit.cli.resume import _complete as complete
from evalkit.config.saved import write_config
from evalkit.results.stopped_summary import MAY_DEPEND
from evalkit.util.errors import UserError
from tests.engine import test_problem_sets as sets
from tests.launching import config_for
from tests.verbs import verb

KNOBS = ("task=arithmetic", "task.name=rows_task", "~task.expression", "~task.tolerances", "model=simulated")
rows = sets.rows


def launched(folder: Path, *overrides: str) -> Path:
    """A launch over `rows.jsonl` with its configuration beside it."""
    asyncio.run(sets.over(folder, *overrides))
    write_config(folder, config_for(*KNOBS, "problems.file=rows.jsonl", *overrides, store=folder.parent / "s"), {})
    return folder


def regraded(folder: Path, *overrides: str) -> Path:
    out = folder.with_name(f"{folder.name}-again-{len(overrides)}")
    assert verb("regrade")([str(folder), *overrides, "--out", str(out)]) == 0
    return out


def same(one: Path, other: Path) -> None:
    for file in ("runs.jsonl", "problems.jsonl", "summary.json"):
        assert (one / file).read_bytes() == (other / file).read_bytes(), file


def tries(folder: Path) -> list[tuple[str, int]]:
    lines = [json.loads(line) for line in (folder / "runs.jsonl").read_text().splitlines()]
    return [(line["problem"], line["try"]) for line in lines]


@pytest.mark.parametrize(
    "until",
    [
        ("runs.until=decided", "runs.max=12"),
        ("runs.until=decided", "band.about=like_these", "runs.count=4"),
        ("runs.until=selected", "runs.max=12"),
    ],
    ids=["rounds", "problems", "selected"],
)
def test_every_try_is_graded_again_whatever_decided_their_number(
    tmp_path: Path, rows: Path, until: tuple[str, ...]
) -> None:
    folder = launched(tmp_path / "a", *until)
    same(folder, regraded(folder))
    assert len(tries(folder)) > 10


def test_a_set_whose_rows_have_moved_is_the_same_set_and_a_row_that_is_gone_is_named(
    tmp_path: Path, rows: Path
) -> None:
    folder = launched(tmp_path / "a", "runs.count=3")
    sets.write_rows(rows, "new", "c", "a", "other", "b")
    same(folder, regraded(folder))
    fewer = regraded(folder, "runs.count=2")
    assert tries(fewer) == [(name, attempt) for name in "abc" for attempt in (1, 2)]
    with pytest.raises(UserError, match=r"runs\.count=4 needs new rollouts: this launch has 3 at a problem"):
        regraded(folder, "runs.count=4", "verbose=true")
    shutil.rmtree(tmp_path / "a-again-0")
    sets.write_rows(rows, "b")
    with pytest.raises(UserError, match=r"none with the id a \(and 1 more of this launch\) any more: put its row back"):
        regraded(folder)


def test_a_corrected_row_is_tested_by_problem_and_not_by_try(
    tmp_path: Path, rows: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One problem of three changed, at all of its eight tries: by try p would be 0.008."""
    folder = launched(tmp_path / "a", "runs.count=8", "model=oracle")
    sets.write_rows(rows, "a", "b", "c", b=7)
    regraded(folder)
    said = capsys.readouterr().out
    assert "8 runs changed: 0 now pass, 8 now fail" in said
    assert "100.0% → 66.7% (exact permutation of 3 problems, p = 1)" in said


def test_an_interrupted_set_ends_as_if_it_had_not_been(tmp_path: Path, rows: Path) -> None:
    folder, fresh = launched(tmp_path / "a", "runs.count=3"), tmp_path / "fresh"
    shutil.copytree(folder, fresh)
    for name in ("summary.json", "runs.jsonl", "problems.jsonl", "manifest.json", "measurements.jsonl"):
        (folder / name).unlink()
    shutil.rmtree(folder / "rollouts")
    lost = sorted((tmp_path / "s").rglob("000[23].jsonl"))
    for path in lost[:3]:
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-2]))
    lost[4].unlink()
    assert verb("resume")([str(folder)]) == 0
    for name in ("runs.jsonl", "problems.jsonl", "measurements.jsonl"):
        assert (folder / name).read_bytes() == (fresh / name).read_bytes()
    assert complete(folder)


def test_a_set_that_was_cut_short_is_not_complete(tmp_path: Path, rows: Path) -> None:
    """It has more runs than tries were asked for at each problem."""
    folder = launched(tmp_path / "a", "runs.count=2", "runs.max_errors=2")
    assert complete(folder)
    summary = json.loads((folder / "summary.json").read_text())
    summary["warnings"].append(f"6 of 90 planned runs were made: {MAY_DEPEND}")
    (folder / "summary.json").write_text(json.dumps(summary))
    assert not complete(folder)
