"""Where no kernel limit bounds what a program takes in all, it is ended before others lack it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from evalkit.config.schema import SandboxConfig
from evalkit.sandbox import open_sandbox
from evalkit.sandbox.local import resource_bounds
from evalkit.sandbox.local.start import LANDLOCK, WEAK
from tests.sandbox import levels

WRITE_FOR_EVER = "n = 0\nwhile True:\n    open(f'f{n}', 'wb').write(b'x' * (1 << 20)); n += 1"


@pytest.fixture(params=[LANDLOCK, WEAK])
def config(request: pytest.FixtureRequest) -> SandboxConfig:
    """Of the levels at which a child works in a folder of the host."""
    levels.require(request.param)
    return SandboxConfig(level=request.param, allow_weak=True, disk_mb=8, processes=2, pool=0)


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (WRITE_FOR_EVER, "it wrote more than 8 MiB"),
        ("import os\nfor n in range(10 ** 6): os.mkfifo(f'p{n}')", "it made more than 50 files"),
        (
            "import threading\nhold = threading.Event()\nthreading.stack_size(32768)\n"
            "for n in range(100): threading.Thread(target=hold.wait, daemon=True).start()\nhold.wait()",
            "it started more than 32 threads",
        ),
    ],
)
async def test_program_that_takes_too_much_is_ended_and_told_why(
    config: SandboxConfig, program: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource_bounds, "MAX_FILES", 50)
    async with open_sandbox(config, preload=()) as sandbox, sandbox.session() as session:
        output = await session.run(program, timeout_s=30)

        assert output.kind == "died"
        assert f"your program ended the interpreter: {words}" in str(output.error)
        assert (await session.run("6 * 7", timeout_s=30)).stdout == "42\n"


async def test_threads_that_go_on_after_the_answer_are_watched_too(config: SandboxConfig) -> None:
    program = f"import threading, time\ndef write():\n    {WRITE_FOR_EVER.replace(chr(10), chr(10) + '    ')}\n"
    program += "threading.Thread(target=write, daemon=True).start()\ntime.sleep(0.6)\nkept = 1"
    async with open_sandbox(config, preload=()) as sandbox, sandbox.session() as session:
        await session.run(program, timeout_s=30, persistent=True)
        for _ in range(100):
            if "NameError" in str((await session.run("kept", timeout_s=30, persistent=True)).error):
                return
            await asyncio.sleep(0.05)

    pytest.fail("its child must have been ended")


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield descriptor
    os.close(descriptor)


def test_content_counts_wherever_it_lies_and_holes_do_not(directory: int, tmp_path: Path) -> None:
    (tmp_path / "a/b/c").mkdir(parents=True)
    with (tmp_path / "a/b/holes").open("wb") as file:
        file.truncate(1 << 40)
    (tmp_path / "a/loop").symlink_to("..")
    (tmp_path / "a/elsewhere").symlink_to("/usr")
    assert resource_bounds.too_many_files(directory, 1) == ""

    (tmp_path / "a/b/c/content").write_bytes(b"x" * (1 << 20))
    (tmp_path / "more").write_bytes(b"x" * 5000)
    assert resource_bounds.too_many_files(directory, 1) == "it wrote more than 1 MiB"


def test_folders_that_cannot_be_looked_into_are_too_deep(directory: int, tmp_path: Path) -> None:
    here = Path.cwd()
    os.chdir(tmp_path)
    for _ in range(20):
        Path("d" * 200).mkdir()
        os.chdir("d" * 200)
    os.chdir(here)

    assert resource_bounds.too_many_files(directory, 1) == "it nested folders too deep"


def test_folder_that_is_gone_or_locked_holds_nothing(directory: int, tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0)
    tmp_path.rename(tmp_path.with_name("elsewhere"))

    assert resource_bounds.too_many_files(directory, 1) == ""
