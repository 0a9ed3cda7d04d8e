"""Random schedules of three owners of one run, each stopped or killed between any two system calls, in virtual time."""

import os
import random
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from evalkit.rollout.journal import Journal, load
from evalkit.rollout.record import Ending
from evalkit.sampling import claims
from evalkit.sampling.claims import Claims
from evalkit.util.errors import ClaimLostError
from tests.builders import rollout, turn

TURNS = 3
EPOCH = 10**18
THREAD = threading.local()


class Killed(BaseException):
    """SIGKILL: nothing after it runs."""


class Owner(threading.Thread):
    """A process on a machine of its own that wants the run; it goes on from one system call to the next when told."""

    def __init__(self, world, number):
        super().__init__(daemon=True)
        self.world, self.number = world, number
        self.go, self.back = threading.Semaphore(0), threading.Semaphore(0)
        self.ready_at, self.done, self.killed, self.error = 0.0, False, False, None

    def pause(self, seconds=0.0):
        self.ready_at = self.world.now + seconds
        self.back.release()
        self.go.acquire()
        if self.killed:
            raise Killed

    def run(self):
        THREAD.owner = self
        self.go.acquire()
        try:
            self.want(Claims(self.world.folder).of(1))
        except Killed:
            pass
        except Exception as error:
            self.error = error
        self.done = True
        del THREAD.owner
        self.back.release()

    def want(self, claim):
        """As `RolloutSampler.rollout` does."""
        while not (self.world.path.exists() and load(self.world.path).complete):
            if claim.take():
                try:
                    with suppress(ClaimLostError):
                        self.sample(claim)
                finally:
                    if not self.killed:
                        claim._let_go()
            self.pause(self.world.random.choice([0.2, 5, 20]))

    def sample(self, claim):
        known = load(self.world.path) if self.world.path.exists() else None
        if known and known.complete:
            return
        story = rollout(*[turn(10 + place) for place in range(TURNS)], ending=Ending.GAVE_UP)
        journal = Journal(self.world.path, guard=claim.check)
        try:
            journal.go_on(known) if known else journal.begin(replace(story, turns=()))
            for each in story.turns[len(known.rollout.turns) if known else 0 :]:
                self.world.paid += 1
                self.pause(self.world.random.choice([0.1, 3, 14]))
                with suppress(OSError):
                    if claim.held():
                        os.utime(claim.path)
                journal.response(each, 0.0, 0.0)
            journal.end(story)
        finally:
            journal.close()


class World:
    """One folder, its owners, and the one clock."""

    def __init__(self, folder, seed):
        self.folder, self.path, self.random = folder, folder / "0001.jsonl", random.Random(seed)
        self.now, self.paid, self.faults = 0.0, 0, 0
        self.owners = [Owner(self, number) for number in range(3)]

    def run(self):
        for owner in self.owners:
            owner.start()
        while living := [owner for owner in self.owners if not owner.done]:
            ready = [owner for owner in living if owner.ready_at <= self.now]
            if not ready:
                self.now = min(owner.ready_at for owner in living)
                continue
            owner = self.random.choice(ready)
            if self.faults < 5 and self.random.random() < 0.03:
                self.faults += 1
                owner.ready_at = self.now + self.random.choice([61, 100, 130, 200, 400])
                continue
            if self.random.random() < 0.005 and not any(one.killed for one in self.owners):
                self.faults += 1
                owner.killed = True
            self.now += 0.001
            owner.go.release()
            owner.back.acquire()


@pytest.fixture
def stepwise(monkeypatch):
    """Owners stop before every system call, see the clock of their world, and cannot look into each other's /proc."""

    def stops(call):
        def stopped(*words, **more):
            if owner := getattr(THREAD, "owner", None):
                owner.pause()
            return call(*words, **more)

        return stopped

    touch, clock = os.utime, time.monotonic

    def renew(path, *words, **more):
        owner = getattr(THREAD, "owner", None)
        touch(path, ns=(EPOCH + int(owner.world.now * 1e9),) * 2) if owner else touch(path, *words, **more)

    def now():
        owner = getattr(THREAD, "owner", None)
        return owner.world.now if owner else clock()

    for name in ("open", "write", "close", "fsync"):
        monkeypatch.setattr(os, name, stops(getattr(os, name)))
    for name in ("replace", "unlink"):
        monkeypatch.setattr(Path, name, stops(getattr(Path, name)))
    monkeypatch.setattr(os, "utime", stops(renew))
    monkeypatch.setattr(time, "monotonic", now)
    monkeypatch.setattr(claims, "_here", lambda: (f"machine {getattr(THREAD, 'owner', None)}", "pid:[1]"))


def test_whatever_is_stopped_or_killed_wherever_a_fault_costs_the_answers_in_flight_at_most(tmp_path, stepwise):
    for seed in range(400):
        world = World(tmp_path / str(seed), seed)
        world.folder.mkdir()
        world.run()
        assert [owner.error for owner in world.owners] == [None] * 3, seed
        assert (load(world.path).complete, load(world.path).damage) == (True, ""), seed
        assert 0 <= world.paid - TURNS <= 2 * world.faults, seed  # the sleeper's own, and its successor's
