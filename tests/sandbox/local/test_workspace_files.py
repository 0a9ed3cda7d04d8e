"""Files of a workspace that the host writes, lists and takes: no link followed, nothing trusted, nothing raised."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from evalkit.config.schema import SandboxConfig
from evalkit.sandbox.local.sandbox import open_local as open_sandbox
from evalkit.sandbox.protocol import Session
from evalkit.sandbox.snapshots import Snapshot, snapshot_of
from evalkit.util.path_patterns import matches, may_hold

START = {"start.csv": b"1", "data/in.txt": b"22", "src/a/b.py": b"333"}
LEFT = """
import os
os.symlink("/etc/passwd", "link.csv"); os.symlink("/etc", "linked"); os.mkfifo("pipe.csv"); os.mkdir("folder.csv")
with open("huge.csv", "wb") as file: file.truncate(1 << 24)
with open("big.csv", "wb") as file: file.write(b"x" * 90)
os.link("start.csv", "hard.csv")
os.close(os.open("locked.csv", os.O_CREAT | os.O_WRONLY, 0))
"""


@pytest.fixture(params=["", "start the child"])
async def session(request: pytest.FixtureRequest) -> AsyncIterator[Session]:
    async with (
        open_sandbox(SandboxConfig(allow_weak=True), preload=()) as sandbox,
        sandbox.session(files=START) as session,
    ):
        if request.param:
            await session.run("1", timeout_s=10)
        yield session


async def test_files_are_listed_and_taken_whether_a_program_ran_or_not(session: Session) -> None:
    assert await session.list_files() == {path: len(content) for path, content in START.items()}
    assert list(await session.list_files()) == sorted(START)
    assert await session.snapshot(["src/**/*.py", "start.csv"], max_bytes=4) == {
        "src/a/b.py": b"333",
        "start.csv": b"1",
    }
    one = await session.snapshot(["**"], max_bytes=4)
    assert (one, one.left_out) == (
        {"data/in.txt": b"22", "start.csv": b"1"},
        {"src/a/b.py": "with it there are more than 4 bytes in all"},
    )


async def test_what_the_host_writes_is_there_for_programs_and_theirs_to_change(session: Session) -> None:
    await session.write_file("start.csv", b"short")
    await session.write_file("new/deep/file.bin", bytes(range(256)) * 9000)

    code = "print(len(open('new/deep/file.bin', 'rb').read())); open('start.csv', 'a').write('ened') and None"
    assert (await session.run(code, timeout_s=10)).stdout == "2304000\n"
    assert await session.read_file("start.csv", max_bytes=100) == b"shortened"


async def test_writing_replaces_links_and_pipes_and_says_what_does_not_fit(session: Session) -> None:
    await session.run("import os; os.symlink('start.csv', 'link'); os.mkfifo('pipe')", timeout_s=10)

    await session.write_file("link", b"of its own")
    await session.write_file("pipe", b"as well")

    assert (await session.snapshot(["link", "pipe", "start.csv"], max_bytes=99)) == {
        "link": b"of its own",
        "pipe": b"as well",
        "start.csv": b"1",
    }
    for path in ("/etc/passwd", "../x", "", "x\0"):
        with pytest.raises(ValueError, match="use a relative one"):
            await session.write_file(path, b"")
    for path in ("data", "start.csv/below"):
        with pytest.raises(ValueError, match=f"{path} could not be written: "):
            await session.write_file(path, b"")


async def test_a_program_that_lies_about_writing_raises_nothing_else() -> None:
    lie = "import sys; worker = sys.modules['__main__']\nfor module in list(sys.modules.values()):\n"
    lie += "    kind = getattr(module, 'Worker', None)\n"
    lie += "    if kind: kind.do_put = lambda *_: ({'kind': 'ok', 'failed': 5}, b'')"
    async with open_sandbox(SandboxConfig(allow_weak=True), preload=()) as sandbox, sandbox.session() as session:
        await session.run(lie, timeout_s=10)

        with pytest.raises(ValueError, match=r"x could not be written: "):
            await session.write_file("x", b"")


async def test_nothing_but_regular_files_that_have_room_is_taken_and_the_rest_is_named() -> None:
    async with (
        open_sandbox(SandboxConfig(allow_weak=True), preload=()) as sandbox,
        sandbox.session(files=START) as session,
    ):
        assert (await session.run(LEFT, timeout_s=10)).error is None

        found = await session.snapshot(["*.csv", "folder.csv", "linked/*"], max_bytes=90)

        left = dict(found.left_out)
        assert ("locked.csv" in left) != ("locked.csv" in found)  # root may read what is locked
        left.pop("locked.csv", None)
        assert left == {
            "folder.csv": "a folder",
            "huge.csv": "larger than 90 bytes",
            "link.csv": "a link",
            "pipe.csv": "a pipe",
            "hard.csv": "with it there are more than 90 bytes in all",
            "start.csv": "with it there are more than 90 bytes in all",
        }
        assert found["big.csv"] == b"x" * 90


async def test_files_that_were_lost_with_their_process_are_gone_from_snapshots() -> None:
    async with open_sandbox(SandboxConfig(allow_weak=True), preload=()) as sandbox, sandbox.session() as session:
        await session.run("import os; open('kept.csv', 'w').write('1'); os.mkfifo('x.csv'); os._exit(1)", timeout_s=10)

        found = await session.snapshot(["*.csv"], max_bytes=90)

        assert (found, found.left_out) == ({"kept.csv": b"1"}, {})


def test_only_so_many_are_named_of_what_was_left_out() -> None:
    found = Snapshot()
    for number in range(Snapshot.NAMED + 7):
        found.leave_out(str(number), "a link")

    assert list(found.left_out.items())[-1] == ("…", "and 7 more")
    assert len(found.left_out) == Snapshot.NAMED + 1


def test_only_so_many_files_are_taken() -> None:
    found = snapshot_of({f"{number:04}": b"" for number in range(1_002)}, ["*"], 9)

    assert (len(found), list(found.left_out)) == (1_000, ["1000", "1001"])


@pytest.mark.parametrize(
    ("path", "pattern", "fits"),
    [
        ("a.py", "a.py", True),
        ("src/a.py", "src/**/*.py", True),
        ("src/x/y/a.py", "src/**/*.py", True),
        ("other/src/a.py", "src/**/*.py", False),
        ("src/a.pyc", "src/**/*.py", False),
        ("a/b", "*", False),
        ("a/b", "**", True),
        ("A.csv", "a.csv", False),
        ("a1", "a[0-9]", True),
        ("ab", "a?", True),
    ],
)
def test_patterns_are_of_whole_paths_and_one_star_stays_in_its_folder(path: str, pattern: str, fits: bool) -> None:
    assert matches(path, [pattern]) is fits
    if fits and "/" in path:
        assert may_hold(path.rpartition("/")[0], [pattern])


def test_folders_that_can_hold_nothing_that_fits_are_not_entered() -> None:
    assert not may_hold("other", ["src/**/*.py", "x*/y"])
    assert not may_hold("src/a/b", ["src/*/c"])
