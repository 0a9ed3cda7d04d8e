"""What of a workspace can be carried over: decided before anything is read, the same everywhere, and put into words."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.sandbox.local import workspace
from evalkit.sandbox.local.inside.frames import MAX_HEADER, pack
from evalkit.sandbox.local.inside.worker import Worker


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield descriptor
    os.close(descriptor)


@pytest.fixture
def worker(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Worker:
    """One that fills a folder of its own."""
    monkeypatch.chdir(tmp_path_factory.mktemp("fresh"))
    return Worker()


def carry(directory: int, worker: Worker, disk_mb: int = 64) -> list[tuple[str, str]]:
    """Everything that can be carried from `directory` to the worker's home; what stays behind."""
    survey = workspace.survey(directory, disk_mb)
    left = [*survey.left]
    for piece in workspace.pieces(directory, survey.entries):
        reply, _ = worker.do_put({"parts": piece.parts}, bytes(piece.content))
        left += reply["failed"]
    return left


def test_files_arrive_as_they_were(directory: int, worker: Worker, tmp_path: Path) -> None:
    files = {"a": b"", "b/c/d": b"x", "b/e": bytes(range(256)) * 5000, "b/c/ü\n": b"1", "b\udcff": b"2"}
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (tmp_path / "empty/inner").mkdir(parents=True)

    assert carry(directory, worker) == []
    assert {name: (worker.home / name).read_bytes() for name in files} == files
    assert (worker.home / "empty/inner").is_dir()


def test_holes_are_neither_read_nor_counted_nor_filled(directory: int, worker: Worker, tmp_path: Path) -> None:
    with (tmp_path / "holes").open("wb") as file:
        file.truncate(1 << 40)
        file.seek(1 << 39)
        file.write(b"in the middle")

    assert carry(directory, worker, disk_mb=1) == []
    found = (worker.home / "holes").stat()
    with (worker.home / "holes").open("rb") as file:
        file.seek(1 << 39)
        assert file.read(13) == b"in the middle"
    assert (found.st_size, found.st_blocks * 512 < 1 << 20) == (1 << 40, True)


def test_what_is_no_regular_file_stays_behind(directory: int, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / "to nowhere").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(tmp_path)  # the path of a socket may only be short
        server.bind("socket")
        os.chdir(here)
        survey = workspace.survey(directory, 64)

    assert survey.entries == []
    assert survey.left == [("link", "a link"), ("pipe", "a pipe"), ("socket", "a socket"), ("to nowhere", "a link")]


def test_more_bytes_than_the_disk_holds_stay_behind_and_smaller_files_still_fit(directory: int, tmp_path: Path) -> None:
    for name, size in {"a": 700_000, "b": 700_000, "c": 100_000}.items():
        (tmp_path / name).write_bytes(b"x" * size)

    survey = workspace.survey(directory, 1)

    assert [entry.path for entry in survey.entries] == ["a", "c"]
    assert survey.left == [("b", "more than 1 MiB in all")]


def test_files_are_counted_in_whole_pages(directory: int, tmp_path: Path) -> None:
    for number in range(300):
        (tmp_path / f"{number:03}").write_bytes(b"x")

    assert len(workspace.survey(directory, 1).entries) == (1 << 20) // 4096


def test_more_files_than_can_be_carried_stay_behind_in_order(directory: int, tmp_path: Path) -> None:
    for number in reversed(range(workspace.MAX_ENTRIES + 500)):
        (tmp_path / f"{number:05}").touch()

    survey = workspace.survey(directory, 64)

    assert [entry.path for entry in survey.entries] == [f"{number:05}" for number in range(workspace.MAX_ENTRIES)]
    assert survey.left == [("01000", "with it there are more than 1,000 files and folders")]


def test_a_folder_of_too_many_names_stays_behind(
    directory: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspace, "MAX_NAMES", 10)
    (tmp_path / "full").mkdir()
    (tmp_path / "other").touch()
    for number in range(11):
        (tmp_path / f"full/{number}").touch()

    survey = workspace.survey(directory, 64)

    assert [entry.path for entry in survey.entries] == ["full", "other"]
    assert survey.left == [("full/", "more than 10 names in one folder")]


def nest(folder: Path, name: str, levels: int) -> None:
    """Folders of that name in one another, deeper than a path can say."""
    with contextlib.chdir(folder):
        for _ in range(levels):
            Path(name).mkdir()
            os.chdir(name)


def flatten(folder: Path, name: str) -> None:
    """Remove what `nest` made: pytest, who clears up later, is as recursive as Python lets it be."""
    with contextlib.chdir(folder):
        levels = 0
        while Path(name).is_dir():
            os.chdir(name)
            levels += 1
        for _ in range(levels):
            os.chdir("..")
            Path(name).rmdir()
    assert not (folder / name).exists()


def test_deep_folders_and_long_paths_stay_behind(directory: int, tmp_path: Path, worker: Worker) -> None:
    names = "d", "ü" * 120
    for name in names:
        nest(tmp_path, name, 1100)

    left = carry(directory, worker)

    for name in names:
        flatten(tmp_path, name)
    assert left == [
        ("/".join("d" * 17), "more than 16 folders deep"),
        ("/".join(["ü" * 120] * 5), "a path of more than 1,000 bytes"),
    ]


def test_a_file_that_changes_between_the_look_and_the_reading_does_no_harm(
    directory: int, tmp_path: Path, worker: Worker
) -> None:
    for name in ("shrinks", "grows", "goes", "becomes a link", "becomes a pipe"):
        (tmp_path / name).write_bytes(b"12345678")
    entries = workspace.survey(directory, 64).entries
    os.truncate(tmp_path / "shrinks", 4)
    (tmp_path / "grows").write_bytes(b"1234567890")
    for name in ("goes", "becomes a link", "becomes a pipe"):
        (tmp_path / name).unlink()
    (tmp_path / "becomes a link").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "becomes a pipe")

    for piece in workspace.pieces(directory, entries):
        worker.do_put({"parts": piece.parts}, bytes(piece.content))

    found = {path.name: path.read_bytes() for path in worker.home.iterdir()}
    assert found == {"shrinks": b"1234\0\0\0\0", "grows": b"12345678"}


def test_a_file_that_does_not_fit_after_all_is_named_and_no_half_of_it_is_left(worker: Worker) -> None:
    (worker.home / "taken").mkdir()
    parts = [("taken", 3, 0, 3), ("taken", 3, 3, 0), ("fine", 1, 0, 1)]

    reply, _ = worker.do_put({"parts": parts}, b"abcd")

    assert reply == {"kind": "ok", "failed": [["taken", "Is a directory"]]}
    assert (worker.home / "fine").read_bytes() == b"d"


NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=40)


def test_paths_of_one_piece_fit_into_the_header_of_a_frame() -> None:
    path = "\udcff" * workspace.MAX_PATH  # six bytes of JSON each

    (piece,) = workspace.pieces_of({path[:-3] + f"{number:03}": b"" for number in range(workspace.PIECE_ENTRIES)})

    assert len(pack({"op": "put", "parts": piece.parts})) < MAX_HEADER


@given(st.dictionaries(NAMES, st.binary(max_size=50), max_size=5), st.integers(1, 20))
def test_pieces_make_up_the_files(files: dict[str, bytes], size: int) -> None:
    found = {name: bytearray(len(content)) for name, content in files.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workspace, "PIECE_BYTES", size)
        for piece in workspace.pieces_of(files):
            rest = piece.content
            assert len(rest) < 2 * size
            for path, _, start, length in piece.parts:
                found[path][start : start + length], rest = rest[:length], rest[length:]

    assert found == files


def test_the_model_is_told_a_few_names_and_how_many_more() -> None:
    assert workspace.note([]) == ""
    assert workspace.note([("a", "a link")]) == "files that could not be kept: a (a link)"
    many = [(f"{number}\n", "a pipe") for number in range(1207)]
    assert workspace.note(many) == (
        "files that could not be kept: '0\\n' (a pipe), '1\\n' (a pipe), '2\\n' (a pipe), '3\\n' (a pipe), "
        "'4\\n' (a pipe) and 1,202 more"
    )
    assert len(workspace.note([("x" * 5000, "a link")])) < 120
