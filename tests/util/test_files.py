"""Disks that are full, folders that vanish: what is finished is analysed, and one sentence says what to do."""

import errno
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from evalkit.__main__ import main
from evalkit.results.reading import load
from evalkit.util import files, redaction
from evalkit.util.errors import StorageError
from evalkit.util.files import kept_in, write_atomically, write_lines
from tests.launching import Watcher, launch

ROOT = Path(__file__).resolve().parents[2]
COMMON = ("task=arithmetic", "model=simulated", "runs.count=12", "runs.concurrency=2")


@contextmanager
def no_room(monkeypatch, above: int = 0) -> Iterator[None]:
    """No file can grow above so many bytes while inside: the nearest to a full disk that needs no rights."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (above, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


class After(Watcher):
    """Something happens when so many runs are done."""

    def __init__(self, runs, then):
        super().__init__()
        self.left, self.then = runs, then

    def run_done(self, *event):
        self.left -= 1
        if not self.left:
            self.then()


def test_a_disk_that_refuses_leaves_the_old_file_and_no_scratch(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    write_atomically(path, "old")
    with no_room(monkeypatch), pytest.raises(OSError, match="too large"):
        write_atomically(path, "new" * 1000)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_disk_refuses_is_one_sentence_with_the_fix(tmp_path, monkeypatch):
    said = pytest.raises(StorageError, match=r"make room there or set store=.*the same command goes on")
    with said, kept_in(tmp_path, "store"), no_room(monkeypatch):
        (tmp_path / "a").write_text("x")
    with pytest.raises(StorageError, match="was deleted"), kept_in(tmp_path / "gone", "store"):
        (tmp_path / "gone" / "a").write_text("x")
    monkeypatch.setattr(Path, "stat", refuse)
    with pytest.raises(StorageError, match="cannot be read or written"), kept_in(tmp_path, "store"):
        tmp_path.stat()


def refuse(*_: object, **__: object) -> None:
    raise OSError(errno.EIO, "Input/output error")


@pytest.mark.parametrize("name", ["x" * 255, "ü" * 127, "日" * 85])
def test_a_name_may_have_as_many_bytes_as_a_name_can_have(tmp_path, name):
    write_atomically(tmp_path / name, "text")
    assert [path.name for path in tmp_path.iterdir()] == [name]


async def test_a_store_without_room_stops_the_buying_and_what_is_finished_is_analysed(tmp_path, monkeypatch):
    whole = await launch(tmp_path / "whole", *COMMON, store=tmp_path / "other")
    full = no_room(monkeypatch)
    watcher = After(4, lambda: full.__enter__())
    (tmp_path / "small").mkdir()
    with pytest.raises(StorageError) as caught:
        try:
            await launch(tmp_path / "out", *COMMON, store=tmp_path / "small", view=watcher)
        finally:
            full.__exit__(None, None, None)
    assert str(tmp_path) in str(caught.value)
    done = [event for event in watcher.events if event[0] == "cell_done"]
    assert len(done) == 1 and done[0][2].total >= 4  # the analysis is shown although it could not be written
    left = [
        path.name for path in tmp_path.rglob("*") if path.name.startswith(".") or path.suffix in (".claim", ".heir")
    ]
    assert left == []
    again = await launch(tmp_path / "again", *COMMON, store=tmp_path / "small")
    assert (tmp_path / "again" / "runs.jsonl").read_bytes() == (tmp_path / "whole" / "runs.jsonl").read_bytes()
    assert again.source.budget.output_tokens < whole.source.budget.output_tokens


async def test_a_store_that_is_deleted_in_mid_launch_loses_nothing_that_was_finished(tmp_path):
    watcher = After(5, lambda: shutil.rmtree(tmp_path / "store"))
    with pytest.raises(StorageError, match="was deleted in mid-launch"):
        await launch(tmp_path / "out", *COMMON, "runs.concurrency=1", store=tmp_path / "store", view=watcher)
    assert 5 <= load(tmp_path / "out").cells[0].summary.total < 12
    assert not (tmp_path / "store").exists()


async def test_an_output_directory_that_is_deleted_in_mid_launch_is_not_made_again(tmp_path, capfd):
    watcher = After(5, lambda: shutil.rmtree(tmp_path / "out"))
    with pytest.raises(StorageError, match=r"out was deleted in mid-launch"):
        await launch(tmp_path / "out", *COMMON, store=tmp_path / "store", view=watcher)
    assert [event[2].total for event in watcher.events if event[0] == "cell_done"] == [12]
    assert not (tmp_path / "out").exists()
    again = await launch(tmp_path / "again", *COMMON, store=tmp_path / "store")
    assert again.source.budget.output_tokens == 0
    assert "Traceback" not in capfd.readouterr().err


def test_on_a_full_disk_every_command_says_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["task=arithmetic", "model=simulated", "runs.count=2", "hydra.run.dir=out"]) == 0
    capsys.readouterr()
    for command in (["report", "out"], ["regrade", "out"], ["audit", "task=arithmetic", "--quick", "--seeds", "2"]):
        with no_room(monkeypatch, 4096):  # the sandbox writes its filter to a file without a name
            status = main(command)
        err = capsys.readouterr().err
        assert status == 1, err
        assert err.startswith("evalkit: ") and len(err.strip().splitlines()) == 1, err
    assert [path for path in tmp_path.rglob(".*.*") if path.is_file()] == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("arguments", [["--help"], ["task=arithmetic", "model=simulated", "runs.count=2"]])
def test_printing_to_a_full_disk_is_no_traceback(tmp_path, arguments):
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "evalkit", *arguments], cwd=tmp_path, env=env, stdout=full, stderr=subprocess.PIPE
        )
    assert b"Traceback" not in done.stderr and b"Exception ignored" not in done.stderr
    if len(arguments) > 1:
        assert list(tmp_path.glob("outputs/arithmetic/*/summary.json"))


def test_a_file_that_is_written_line_by_line_is_whole_and_without_secrets(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "PIECE", 40)
    known = "not-to-be-shown-" + "x" * 30
    monkeypatch.setattr(redaction, "_known", {known: "<secret>"})
    redaction._matcher.cache_clear()
    lines = [f"line {number} {known if number % 7 == 0 else ''}\n" for number in range(50)]
    write_lines(tmp_path / "a", iter(lines))
    assert (tmp_path / "a").read_text().splitlines()[1] == "line 1 "
    assert len((tmp_path / "a").read_text().splitlines()) == 50
    assert known not in (tmp_path / "a").read_text()

    def breaking():
        yield from lines
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_lines(tmp_path / "a", breaking())
    assert len((tmp_path / "a").read_text().splitlines()) == 50 and len(list(tmp_path.iterdir())) == 1
    redaction._matcher.cache_clear()
