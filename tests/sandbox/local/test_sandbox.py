"""Opening a sandbox: which level it takes, when it says no, how it shares children, and what it leaves behind."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from evalkit.config.schema import SandboxConfig
from evalkit.sandbox import Sandbox, canary, open_sandbox
from evalkit.sandbox.local.scratch_directories import ScratchDirectories
from evalkit.sandbox.local.slots import SharedSlot
from evalkit.sandbox.local.start import LANDLOCK, LEVELS, NAMESPACES, WEAK, around, protected_paths
from evalkit.util.errors import UserError
from tests.sandbox import levels
from tests.verbs import verb

doctor = verb("doctor")

ROOT = Path(__file__).resolve().parents[3]


async def printed(config: SandboxConfig, code: str, preload: tuple[str, ...] = ()) -> str:
    async with open_sandbox(config, preload=preload) as sandbox, sandbox.session() as session:
        output = await session.run(code, timeout_s=60)
        return output.stdout or str(output.error)


async def test_every_level_runs_programs_and_is_named(level: str) -> None:
    async with open_sandbox(SandboxConfig(level=level, allow_weak=True), preload=()) as sandbox:
        async with sandbox.session() as session:
            assert (await session.run("6 * 7", timeout_s=10)).stdout == "42\n"

        assert sandbox.level == level
        assert set(sandbox.versions) == {"python"}


async def test_opening_does_not_wait_for_the_start() -> None:
    async with open_sandbox(SandboxConfig(allow_weak=True), preload=()) as sandbox:
        with pytest.raises(RuntimeError, match="ready"):
            _ = sandbox.level
        await sandbox.ready()
        assert sandbox.level in LEVELS


async def test_weak_level_has_to_be_allowed() -> None:
    async with open_sandbox(SandboxConfig(level=WEAK), preload=()) as sandbox:
        with pytest.raises(UserError, match=r"add sandbox\.allow_weak=true"):
            await sandbox.ready()


async def test_missing_program_is_named_with_the_package_that_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    async with open_sandbox(SandboxConfig(level=NAMESPACES), preload=()) as sandbox, sandbox.session() as session:
        with pytest.raises(UserError, match="apt install bubblewrap"):
            await session.run("1", timeout_s=10)


async def test_auto_takes_the_next_level_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    levels.require(LANDLOCK)
    monkeypatch.setenv("PATH", "/nowhere")
    async with open_sandbox(SandboxConfig(), preload=()) as sandbox:
        await sandbox.ready()

        assert sandbox.level == LANDLOCK
        assert [(one.level, one.fix) for one in sandbox.rejected] == [(NAMESPACES, "apt install bubblewrap")]
        assert sandbox.stronger == f"for {NAMESPACES}: apt install bubblewrap"


async def test_level_that_an_attack_gets_through_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A probe that asks for less memory than is allowed always gets through."""
    levels.require(LANDLOCK)
    monkeypatch.setattr("evalkit.sandbox.local.isolation_levels._HELD", set())
    monkeypatch.setattr("evalkit.sandbox.local.probe.EXCESS_MB", -4000)
    async with open_sandbox(SandboxConfig(), preload=()) as sandbox:
        with pytest.raises(UserError, match="take more memory than allowed") as refused:
            await sandbox.ready()

    assert "sandbox.allow_weak=true" in str(refused.value)


async def test_module_that_is_not_installed_is_named() -> None:
    with pytest.raises(UserError, match=r"no_such_module.*pip install"):
        async with open_sandbox(SandboxConfig(allow_weak=True), preload=("no_such_module",)) as sandbox:
            await sandbox.ready()


async def test_module_that_was_not_preloaded_can_be_imported() -> None:
    assert (await printed(SandboxConfig(allow_weak=True), "import torch; int(torch.ones(3).sum())")).endswith("3\n")


async def test_environment_of_the_evaluator_is_not_inherited(level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "planted")
    config = SandboxConfig(level=level, allow_weak=True)

    assert "planted" not in await printed(config, "import os; print(os.environ)")


async def test_cpu_time_is_limited(level: str) -> None:
    config = SandboxConfig(level=level, allow_weak=True, cpu_s=1)

    assert "it used more than 1 s of CPU time" in await printed(config, "import signal\nwhile True: pass")


async def test_files_are_put_there_first_and_read_back(level: str) -> None:
    files = {"data/in.bin": bytes(range(256)), "empty": b""}
    async with (
        open_sandbox(SandboxConfig(level=level, allow_weak=True), preload=()) as sandbox,
        sandbox.session(files=files) as session,
    ):
        await session.run("open('out', 'wb').write(open('data/in.bin', 'rb').read()[::-1])", timeout_s=10)

        assert await session.read_file("out", max_bytes=256) == bytes(range(256))[::-1]
        assert await session.read_file("./empty", max_bytes=0) == b""


@pytest.mark.parametrize(
    ("path", "error", "words"),
    [
        ("missing", FileNotFoundError, "no file missing"),
        ("folder/missing", FileNotFoundError, "no file folder/missing"),
        ("/etc/passwd", ValueError, "use a relative one"),
        ("../x", ValueError, "use a relative one"),
        ("a/../../x", ValueError, "use a relative one"),
        ("", ValueError, "use a relative one"),
        ("x\0", ValueError, "use a relative one"),
        ("link", ValueError, "not a readable regular file"),
        ("linked/passwd", ValueError, "not a readable regular file"),
        ("pipe", ValueError, "not a regular file"),
        ("folder", ValueError, "not a regular file"),
        ("big", ValueError, "larger than 10 bytes"),
    ],
)
async def test_only_small_regular_files_of_the_workspace_are_read(path: str, error: type, words: str) -> None:
    code = "import os\nos.symlink('/etc/passwd', 'link'); os.symlink('/etc', 'linked'); os.mkfifo('pipe')\n"
    code += "os.mkdir('folder'); open('big', 'w').write('x' * 11)"
    async with open_sandbox(SandboxConfig(allow_weak=True), preload=()) as sandbox, sandbox.session() as session:
        assert (await session.run(code, timeout_s=10)).error is None
        with pytest.raises(error, match=words):
            await session.read_file(path, max_bytes=10)


async def test_hundreds_of_waiting_sessions_need_no_thread_each() -> None:
    async with open_sandbox(SandboxConfig(allow_weak=True), preload=()) as sandbox:

        async def one(number: int) -> str:
            async with sandbox.session() as session:
                return (await session.run(f"print({number})", timeout_s=60)).stdout

        before = threading.active_count()
        answers = await asyncio.gather(*(one(number) for number in range(100)))

        assert answers == [f"{number}\n" for number in range(100)]
        assert threading.active_count() - before < 20


async def test_sessions_inside_each_other_share_a_slot_and_cannot_wait_for_themselves() -> None:
    slots = asyncio.Semaphore(1)
    slot, stranger = SharedSlot(slots), SharedSlot(slots)

    await slot.join()
    await slot.join()
    waiting = asyncio.create_task(stranger.join())
    slot.leave()
    await asyncio.sleep(0)
    assert not waiting.done()
    slot.leave()
    await waiting


async def test_sandbox_that_the_machine_ended_is_started_again(level: str) -> None:
    config = SandboxConfig(level=level, allow_weak=True)
    async with open_sandbox(config, preload=()) as sandbox, sandbox.session() as session:
        await session.run("x = 1", timeout_s=10, persistent=True)
        for number in Path("/proc/self/task", str(os.getpid()), "children").read_text().split():
            if b"inside.zygote" in Path("/proc", number, "cmdline").read_bytes():
                os.kill(int(number), signal.SIGKILL)
        output = await session.run("x", timeout_s=10, persistent=True)
        for _ in range(100):
            if output.kind == "raised":
                break
            output = await session.run("x", timeout_s=10, persistent=True)
            await asyncio.sleep(0.05)

        assert "NameError" in str(output.error)


async def test_nothing_is_left_behind(level: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o755)
    for folder in tmp_path.parents[:3]:
        if folder != Path("/tmp"):
            folder.chmod(0o755)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    deep = "import os\nfor _ in range(1100):\n    os.mkdir('d'); os.chdir('d')\nopen('x', 'w').close()"
    await printed(SandboxConfig(level=level, allow_weak=True), deep)

    assert list(tmp_path.iterdir()) == []


async def test_children_end_with_the_sandbox() -> None:
    levels.require(LANDLOCK)
    async with open_sandbox(SandboxConfig(level=LANDLOCK, pool=0), preload=()) as sandbox, sandbox.session() as session:
        number = int((await session.run("import os; os.getpid()", timeout_s=10)).stdout)
        assert Path("/proc", str(number)).exists()

    assert await _gone(number)


async def _gone(process: int) -> bool:
    """Whether a process is gone within two seconds; one that nobody has buried yet counts as gone."""
    for _ in range(100):
        try:
            if Path("/proc", str(process), "stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        await asyncio.sleep(0.02)
    return False


async def test_cancelled_at_any_moment_it_leaves_nothing_open(level: str) -> None:
    async def work() -> None:
        config = SandboxConfig(level=level, allow_weak=True, pool=2)
        async with open_sandbox(config, preload=()) as sandbox, asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(rollouts(sandbox))

    async def rollouts(sandbox: Sandbox) -> None:
        while True:
            async with sandbox.session(files={"a": b"1"}) as session:
                await session.run("6 * 7", timeout_s=10)

    async def left_open(seconds: float) -> dict[str, str]:
        with ThreadPoolExecutor() as threads:  # waited for: they may still be deleting
            asyncio.get_running_loop().set_default_executor(threads)
            task = asyncio.create_task(work())
            await asyncio.sleep(seconds)
            while not task.done():  # again and again, because closing can be interrupted too
                task.cancel()
                await asyncio.sleep(0)
            assert task.cancelled()
        return {number: target for number, target in descriptors().items() if number not in before}

    before = descriptors()
    assert [await left_open(moment / 25) for moment in range(12)] == [{}] * 12


def descriptors() -> dict[str, str]:
    """Number → target of everything that this process has open."""
    found = list(Path("/proc/self/fd").iterdir())  # the one that listed them is closed by now
    return {path.name: str(path.readlink()) for path in found if path.is_symlink()}


async def test_processes_that_a_program_started_end_with_it() -> None:
    config = SandboxConfig(level=WEAK, allow_weak=True, pool=0)
    code = "import os, time\nnumber = os.fork()\nif not number: time.sleep(100)\nnumber"
    async with open_sandbox(config, preload=()) as sandbox, sandbox.session() as session:
        number = int((await session.run(code, timeout_s=10)).stdout)

    assert await _gone(number)


def test_folder_of_a_program_is_deleted_however_it_is_locked() -> None:
    places = ScratchDirectories()
    home = Path(places.new(WEAK))
    (home / "locked/inner").mkdir(parents=True)
    (home / "locked/inner/file").write_text("x")
    (home / "locked/link").symlink_to("/etc")
    (home / "locked").chmod(0)

    places.close()

    assert not home.parent.exists() and Path("/etc/passwd").exists()


def test_libraries_are_readable_around_what_is_protected(tmp_path: Path) -> None:
    for name in ("numpy", "evalkit/sandbox", "evalkit/_bundled/tasks", "deep/project/tasks", "deep/other"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "six.py").touch()
    (tmp_path / "link").symlink_to(tmp_path / "evalkit")
    protected = [str(tmp_path / "evalkit"), str(tmp_path / "deep/project/tasks")]

    readable = list(around(str(tmp_path), protected))

    assert [path.removeprefix(f"{tmp_path}/") for path in readable] == ["deep/other", "numpy", "six.py"]
    assert list(around(str(tmp_path / "evalkit/sandbox"), protected)) == []


def test_evalkit_its_tasks_and_the_folder_of_the_user_are_protected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tasks").mkdir()
    monkeypatch.chdir(tmp_path)

    assert {str(ROOT / "evalkit"), str(ROOT / "tasks"), str(tmp_path / "tasks")} <= set(protected_paths())


def test_doctor_shows_every_level_and_its_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    status = doctor([])

    page = capsys.readouterr().out
    assert all(f" {level}\n" in page for level in LEVELS)
    assert (status == 0) == ("sandbox=auto takes" in page)


def test_doctor_says_how_to_get_what_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    doctor([])

    assert "NO  bubblewrap  no bwrap on the PATH  ->  apt install bubblewrap" in capsys.readouterr().out


def test_doctor_refuses_what_it_does_not_know() -> None:
    with pytest.raises(UserError, match=r"--fast.*python -m evalkit doctor"):
        doctor(["--fast"])


def test_canary_stays_the_same_in_a_process() -> None:
    assert canary() == canary() and canary().startswith("evalkit-canary-")
