"""Claims: one owner at a time, whatever dies, stands still, renews late or has another clock."""

import asyncio
import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from evalkit.sampling import claims
from evalkit.sampling.claims import Claim, Claims, place
from evalkit.util.errors import ClaimLostError

RACE = """
import sys, time
from pathlib import Path
from evalkit.sampling.claims import Claims
folder, count, start = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
known = Claims(folder)
mine = [known.of(run) for run in range(count)]
time.sleep(max(0, start - time.time()))
taken = [claim for claim in mine if claim.take()]
print(len(taken), flush=True)
sys.stdin.readline()
print(sum(claim.held() for claim in taken), flush=True)
"""


def race(folder: Path, count: int, processes: int = 4) -> tuple[int, int]:
    """So many processes try to take the same claims at the same moment: how many were taken, and are still held."""
    start = str(time.time() + 1.0)
    command = [sys.executable, "-c", RACE, str(folder), str(count), start]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    workers = [subprocess.Popen(command, **pipes) for _ in range(processes)]
    taken = sum(int(worker.stdout.readline()) for worker in workers)  # all alive until every count is in
    held = sum(int(worker.communicate("\n")[0]) for worker in workers)
    return taken, held


def of_a_dead_process(path: Path) -> None:
    """A claim that nobody holds any more."""
    code = (
        f"from pathlib import Path; from evalkit.sampling.claims import Claim; assert Claim(Path({str(path)!r})).take()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def of_elsewhere(path: Path, **parts: object) -> None:
    """A claim as another machine, boot or container leaves it."""
    path.write_text(json.dumps({**place(), "token": "0", **parts}))


async def test_a_claim_is_exclusive_until_let_go(tmp_path):
    one, two = Claim(tmp_path / "1.claim"), Claim(tmp_path / "1.claim")
    assert one.take()
    assert not two.take()
    async with one:
        assert not two.take()
    assert two.take()
    assert two.held()
    assert not one.held()


def test_the_claim_of_a_dead_process_is_taken_over_at_once(tmp_path):
    of_a_dead_process(tmp_path / "1.claim")
    assert Claim(tmp_path / "1.claim").take()
    assert [path.name for path in tmp_path.iterdir()] == ["1.claim"]


def test_a_process_that_was_killed_but_not_yet_buried_is_dead(tmp_path):
    code = f"""
import os, signal
from pathlib import Path
from evalkit.sampling.claims import Claim
assert Claim(Path({str(tmp_path / "1.claim")!r})).take()
os.kill(os.getpid(), signal.SIGKILL)
"""
    process = subprocess.Popen([sys.executable, "-c", code])
    while Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        time.sleep(0.01)
    assert Claim(tmp_path / "1.claim").take()
    process.wait()


def test_a_process_id_that_was_given_to_another_process_proves_nothing(tmp_path):
    of_elsewhere(tmp_path / "1.claim", start="1")  # our own id, but the one who claimed began earlier
    assert Claim(tmp_path / "1.claim").take()


@pytest.mark.parametrize("elsewhere", [{"boot": "b"}, {"pids": "pid:[1]"}, {"boot": "", "pids": ""}])
def test_a_process_that_cannot_be_seen_from_here_keeps_its_claim_for_a_lease(tmp_path, elsewhere, monkeypatch):
    """Another machine, another boot, a container with the same host name and other process ids."""
    of_elsewhere(tmp_path / "1.claim", pid=2**22 + 1, start="1", **elsewhere)
    monkeypatch.setattr(claims, "LEASE_S", 0.3)
    claim = Claim(tmp_path / "1.claim")
    assert not claim.take()
    time.sleep(0.2)
    assert not claim.take()
    time.sleep(0.2)
    assert claim.take()


def odd(**parts: object) -> str:
    """A claim of this process in which something is no longer what it was."""
    return json.dumps({**place(), "token": "0", **parts})


TORN = ["", "{", "[]", '{"pid": 1}', "another-host:1:abc", "\0" * 300, "[" * 3_000_000, odd(pid=None), odd(pid=[])]
TORN += [odd(pid=float("inf")), odd(pid="x" * 9999), odd(start=7), odd()[:-1]]


@pytest.mark.parametrize("text", TORN, ids=lambda text: text[:12])
def test_a_torn_claim_is_waited_for_like_a_strangers(tmp_path, text, monkeypatch):
    (tmp_path / "1.claim").write_text(text)
    monkeypatch.setattr(claims, "LEASE_S", 0.2)
    claim = Claim(tmp_path / "1.claim")
    assert not claim.take()
    time.sleep(0.25)
    assert claim.take()
    assert [found.name for found in tmp_path.iterdir()] == ["1.claim"]


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("nowhere")])
def test_what_is_no_file_is_waited_for_like_a_strangers_claim(tmp_path, make, monkeypatch):
    make(tmp_path / "1.claim")
    monkeypatch.setattr(claims, "LEASE_S", 0.2)
    claim = Claim(tmp_path / "1.claim")
    assert not claim.take()
    time.sleep(0.25)
    assert claim.take()


def test_somebody_elses_files_beside_the_claims_disturb_nothing(tmp_path):
    (tmp_path / "folder.claim").mkdir()
    (tmp_path / "nowhere.claim").symlink_to("nowhere")
    (tmp_path / "loop.claim").symlink_to("loop.claim")
    os.mkfifo(tmp_path / "pipe.claim")
    of_elsewhere(tmp_path / "0001.claim", boot="another machine")
    assert not Claims(tmp_path).of(1).take()
    of_a_dead_process(tmp_path / "0002.claim")
    assert Claims(tmp_path).of(2).take()


def test_takers_that_died_before_they_could_write_are_waited_for_one_by_one(tmp_path):
    """Empty files all look alike: a process that crashes, or a power loss, leaves several."""
    code = f"""
import os, sys, time
from pathlib import Path
from evalkit.sampling import claims
claims.LEASE_S = 0.1
write = os.write
if sys.argv[1] == "dies":
    os.write = lambda *_: os._exit(0)
claim = claims.Claims(Path({str(tmp_path)!r})).of(1)
while not claim.take():
    time.sleep(0.02)
"""
    for what in ("dies", "dies", "dies", "lives"):
        subprocess.run([sys.executable, "-c", code, what], check=True, timeout=20)
    assert [found.name for found in tmp_path.iterdir()] == ["0001.claim"]
    assert claims.read(tmp_path / "0001.claim").mark


@pytest.mark.parametrize("refuses", ["write", "close"])
def test_a_claim_for_which_there_is_no_room_leaves_nothing(tmp_path, monkeypatch, refuses):
    """A file server may say so only when the file is closed."""
    do = getattr(os, refuses)

    def full(*words: object) -> None:
        if refuses == "close":
            do(*words)
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space"):
        patch.setattr(os, refuses, full)
        Claim(tmp_path / "1.claim").take()
    assert not list(tmp_path.iterdir())


def test_a_claim_that_is_written_piece_by_piece_is_whole(tmp_path, monkeypatch):
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, content: write(file, content[:10]))
    claim = Claim(tmp_path / "1.claim")
    assert claim.take()
    assert claim.held()


def test_a_claim_that_is_replaced_while_it_is_read_is_read_again(tmp_path, monkeypatch):
    claim = Claim(tmp_path / "1.claim")
    assert claim.take()
    look, failed = os.fstat, []

    def replaced(file: int) -> os.stat_result:
        if len(failed) < 3:
            failed.append(1)
            raise OSError(errno.ESTALE, "Stale file handle")
        return look(file)

    monkeypatch.setattr(os, "fstat", replaced)
    assert claim.held()


def test_a_process_that_may_not_be_seen_is_not_dead(tmp_path, monkeypatch):
    """/proc can hide the processes of other users (`hidepid`), on machines that many share."""
    of_elsewhere(tmp_path / "1.claim", pid=2**22 + 1)

    def not_yours(pid: int, number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", not_yours)
    assert not Claim(tmp_path / "1.claim").take()
    monkeypatch.undo()
    assert Claim(tmp_path / "1.claim").take()


def test_copies_of_one_virtual_machine_do_not_call_each_other_dead(tmp_path):
    """They share the boot and the table of process ids, and have different processes."""
    of_elsewhere(tmp_path / "1.claim", host="the other copy", pid=2**22 + 1)
    assert not Claim(tmp_path / "1.claim").take()


def test_a_taker_that_stood_still_before_its_rename_takes_nothing_from_a_later_owner(tmp_path, monkeypatch):
    """The one who replaced it died before it could delete the heir of the sleeper."""
    path = tmp_path / "0001.claim"
    of_a_dead_process(path)
    dies = f"""
import os, time
from pathlib import Path
from evalkit.sampling import claims
claims.LEASE_S = 0.1
Path.unlink = lambda *_, **__: os._exit(0)
claim = claims.Claims(Path({str(tmp_path)!r})).of(1)
while not claim.take():
    time.sleep(0.02)
"""
    rename, owner = Path.replace, Claims(tmp_path).of(1)

    def late(source: Path, target: Path) -> Path:
        monkeypatch.setattr(Path, "replace", rename)
        subprocess.run([sys.executable, "-c", dies], check=True, timeout=20)
        assert owner.take()
        return rename(source, target)

    monkeypatch.setattr(Path, "replace", late)
    assert not Claims(tmp_path).of(1).take()
    assert owner.held()
    assert [found.name for found in tmp_path.iterdir()] == ["0001.claim"]


def test_a_rename_whose_answer_was_lost_is_looked_at(tmp_path, monkeypatch):
    """A file server that is asked again says that there is no such file any more."""
    of_a_dead_process(tmp_path / "0001.claim")
    rename = Path.replace

    def asked_again(source: Path, target: Path) -> Path:
        rename(source, target)
        return rename(source, target)

    monkeypatch.setattr(Path, "replace", asked_again)
    assert Claims(tmp_path).of(1).take()


def test_a_taker_that_the_disk_refuses_leaves_no_heir(tmp_path, monkeypatch):
    of_a_dead_process(tmp_path / "0001.claim")

    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="Input"):
        patch.setattr(Path, "replace", refuse)
        Claims(tmp_path).of(1).take()
    assert [found.name for found in tmp_path.iterdir()] == ["0001.claim"]


@pytest.mark.parametrize("apart", [-3600, -60, 60, 3600])
def test_clocks_that_differ_steal_nothing(tmp_path, apart, monkeypatch):
    """The holder renews by a clock that is behind or ahead of ours."""
    path = tmp_path / "1.claim"
    of_elsewhere(path, boot="another machine")
    monkeypatch.setattr(claims, "LEASE_S", 0.3)
    claim = Claim(path)
    for _ in range(8):
        os.utime(path, (time.time() + apart,) * 2)
        assert not claim.take()
        time.sleep(0.1)


def test_claims_that_a_dead_launch_left_are_all_watched_from_the_first_look_on(tmp_path, monkeypatch):
    for run in range(1, 6):
        of_elsewhere(tmp_path / f"{run:04d}.claim", boot="another machine")
    monkeypatch.setattr(claims, "LEASE_S", 0.3)
    known = Claims(tmp_path)
    assert not known.of(1).take()
    time.sleep(0.35)
    assert [known.of(run).take() for run in range(1, 6)] == [True] * 5


class Late(Claims):
    """Something happens to a claim after it was judged dead."""

    def __init__(self, folder, then):
        super().__init__(folder)
        self.then = then

    def dead(self, path, reading):
        dead = super().dead(path, reading)
        self.then(path)
        return dead


def replaced(path: Path) -> None:
    of_elsewhere(path, token="other")


@pytest.mark.parametrize("then", [os.utime, os.unlink, replaced])
def test_a_claim_that_changed_after_it_was_judged_dead_is_left_alone(tmp_path, then):
    path = tmp_path / "0001.claim"
    of_a_dead_process(path)
    assert not Late(tmp_path, then).of(1).take()
    if then is not os.unlink:
        assert claims.read(path).mark
    assert not list(tmp_path.glob("*.heir"))


def test_an_heir_that_died_before_it_inherited_is_inherited_itself(tmp_path):
    path = tmp_path / "0001.claim"
    code = f"""
import os
from pathlib import Path
from evalkit.sampling.claims import Claims
Path.replace = lambda *_: os._exit(0)
Claims(Path({str(tmp_path)!r})).of(1).take()
"""
    of_a_dead_process(path)
    for _ in range(3):
        subprocess.run([sys.executable, "-c", code], check=True)
    assert len(list(tmp_path.glob("*.heir"))) == 3
    assert Claim(path).take()
    assert [found.name for found in tmp_path.iterdir()] == ["0001.claim"]


def test_many_processes_get_one_claim_once(tmp_path):
    assert race(tmp_path, 50) == (50, 50)


def test_many_processes_get_one_dead_claim_once(tmp_path):
    first = tmp_path / "0000.claim"
    of_a_dead_process(first)
    for run in range(1, 60):
        (tmp_path / f"{run:04d}.claim").write_bytes(first.read_bytes().replace(b'"token": "', b'"token": "%d' % run))
    assert race(tmp_path, 60) == (60, 60)
    assert len(list(tmp_path.iterdir())) == 60


async def test_an_owner_that_was_replaced_neither_renews_nor_deletes_the_claim_of_its_successor(tmp_path, monkeypatch):
    monkeypatch.setattr(claims, "LEASE_S", 0.2)
    path = tmp_path / "1.claim"
    claim = Claim(path)
    assert claim.take()
    async with claim:
        await asyncio.sleep(0.15)
        claim.check()
        of_elsewhere(path, boot="another machine")
        before = claims.read(path)
        await asyncio.sleep(0.15)
        with pytest.raises(ClaimLostError):
            claim.check()
    assert claims.read(path) == before


async def test_a_claim_that_is_held_is_renewed(tmp_path, monkeypatch):
    monkeypatch.setattr(claims, "LEASE_S", 0.2)
    claim = Claim(tmp_path / "1.claim")
    assert claim.take()
    async with claim:
        first = claims.read(claim.path)
        await asyncio.sleep(0.15)
        assert claims.read(claim.path).changed > first.changed


def test_a_fork_does_not_inherit_the_claim(tmp_path):
    code = f"""
import os, sys
from pathlib import Path
from evalkit.sampling.claims import Claim
claim = Claim(Path({str(tmp_path / "1.claim")!r}))
assert claim.take() and claim.held()
child = os.fork()
if not child:
    os._exit(claim.held())
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_process_that_stands_still_loses_its_claim_and_notices(tmp_path):
    code = f"""
import asyncio
from pathlib import Path
from evalkit.sampling import claims
claims.LEASE_S = 0.5
async def hold():
    claim = claims.Claim(Path({str(tmp_path / "1.claim")!r}))
    assert claim.take()
    async with claim:
        print("mine", flush=True)
        while claim.held():
            await asyncio.sleep(0.01)
        print("lost", flush=True)
asyncio.run(hold())
"""
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "mine\n"
    claim = Claim(tmp_path / "1.claim")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(claims, "LEASE_S", 0.5)
        for _ in range(10):
            assert not claim.take()
            time.sleep(0.1)
        holder.send_signal(signal.SIGSTOP)
        while not claim.take():
            time.sleep(0.05)
    holder.send_signal(signal.SIGCONT)
    assert holder.communicate(timeout=10)[0] == "lost\n"
    assert claim.held()
