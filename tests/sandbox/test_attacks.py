"""Every hostile program, as root and as an ordinary user, at every level: nothing leaks and work goes on."""

from __future__ import annotations

import asyncio
import functools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from evalkit.cli.doctor import examine
from evalkit.sandbox.local.start import LANDLOCK, NAMESPACES, WEAK
from tests.sandbox import as_user, levels
from tests.sandbox.stage import FUNCTIONS, PROGRAMS

ROOT = Path(__file__).resolve().parents[2]
USERS = ("root", "ordinary") if os.geteuid() == 0 else ("ordinary",)
CONTROLS = (
    "secrecy/environment_of_others",
    "secrecy/command_lines",
    "secrecy/memory_by_system_call",
    "secrecy/grader_file",
    "secrecy/grader_by_numpy",
    "secrecy/grader_by_link",
    "secrecy/home",
    "files/drop_a_file",
    "files/change_modes",
    "network/tcp",
    "network/udp",
    "network/abstract",
    "network/unix",
    "processes/shell",
    "processes/fork",
    "processes/kill_by_ownership",
)
"""Attacks that must get through where nothing but a separate process isolates."""


class Stage:
    """A running `tests.sandbox.stage`, as `user`, at `level`."""

    def __init__(self, user: str, level: str, attacks: tuple[str, ...] = ()) -> None:
        program = [sys.executable, "-m", "tests.sandbox.stage", level, *attacks]
        if user == "ordinary" and os.geteuid() == 0:
            program = as_user.command(program, exposed=[ROOT])
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
        environment["PLANTED_API_KEY"] = "planted-00000000cafe0000"
        self.output, self.complaint = tempfile.TemporaryFile("w+"), tempfile.TemporaryFile("w+")  # noqa: SIM115
        self.process = subprocess.Popen(
            program, env=environment, cwd=ROOT, stdout=self.output, stderr=self.complaint, text=True
        )

    @functools.cached_property
    def report(self) -> dict[str, Any]:
        """What it printed, once it is done; `complaint` tells why there is nothing."""
        status = self.process.wait(timeout=400)
        with self.output, self.complaint:
            self.output.seek(0)
            self.complaint.seek(0)
            report = {"complaint": self.complaint.read()}
            return report if status else {**report, **json.loads(self.output.read())}


@functools.cache
def _stages() -> dict[tuple[str, str], Stage]:
    """One program per user and level; they run side by side, because most of an attack is waiting for its end."""
    users = USERS if len(USERS) == 1 or not as_user.impossible() else ("root",)
    return {(user, level): Stage(user, level) for user in users for level in (NAMESPACES, LANDLOCK)}


@functools.cache
def _without_isolation() -> Stage:
    """The control; on its own, because what gets through would be found by the others."""
    for other in _stages().values():
        other.process.wait(timeout=400)
    return Stage("ordinary", WEAK, CONTROLS)


def _played(user: str, level: str) -> dict[str, dict[str, Any]]:
    """Attack → what became of it."""
    if user == "ordinary" and len(USERS) > 1 and (why := as_user.impossible()):
        pytest.skip(f"root cannot become an ordinary user here ({why}): run the tests as an ordinary user too")
    report = (_without_isolation() if level == WEAK else _stages()[user, level]).report
    if "lacking" in report:
        whose = "for an ordinary user, " if user == "ordinary" and len(USERS) > 1 else ""
        levels.lacking(level, f"{whose}{report['lacking']}")
    if "played" not in report:
        pytest.fail(f"{level} could not be played as {user} user: {report['complaint'][-2000:]}")
    assert report["level"] == level
    assert (report["user"] == 0) == (user == "root")
    return {one["name"]: one for one in report["played"]}


@pytest.fixture(params=[(user, level) for user in USERS for level in (NAMESPACES, LANDLOCK)], ids="-".join)
def played(request: pytest.FixtureRequest) -> dict[str, dict[str, Any]]:
    return _played(*request.param)


@pytest.mark.parametrize("attack", PROGRAMS)
def test_hostile_program_reaches_nothing_and_work_goes_on(played: dict[str, dict[str, Any]], attack: str) -> None:
    result = played[attack]

    assert result["leaks"] == [], result["text"]
    assert result["goes_on"], "the attacker's own session must answer again"
    assert result["bystander"], "another session must keep its state"


@pytest.mark.parametrize("attack", FUNCTIONS)
def test_wrong_submission_never_passes_and_work_goes_on(played: dict[str, dict[str, Any]], attack: str) -> None:
    result = played[f"{attack}"]

    assert result["passed"] is (attack == "functions/honest")
    assert result["leaks"] == [], result["text"]
    assert result["goes_on"] and result["bystander"]


@pytest.mark.parametrize("attack", CONTROLS)
def test_the_same_attack_gets_through_where_nothing_isolates(attack: str) -> None:
    assert _played("ordinary", WEAK)[attack]["leaks"]


def test_level_in_force_is_the_required_one() -> None:
    required = os.environ.get("EVALKIT_REQUIRE_LEVEL")
    if required is None:
        pytest.skip("EVALKIT_REQUIRE_LEVEL is not set (it names the level that must hold, as .ci/run does)")

    diagnosis = asyncio.run(examine())

    assert diagnosis.in_force == required
