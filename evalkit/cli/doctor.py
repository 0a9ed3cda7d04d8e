"""`python -m evalkit doctor`: show which sandbox isolation works on this machine, and what the rest needs."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from argparse import Namespace
from dataclasses import dataclass

from evalkit.cli.parser import VerbParser
from evalkit.config.schema import SandboxConfig
from evalkit.sandbox.local.isolation_levels import Mechanism, Rejected, attempt, mechanisms
from evalkit.sandbox.local.scratch_directories import ScratchDirectories
from evalkit.sandbox.local.start import LEVELS, NOBODY, WEAK
from evalkit.util import signals
from evalkit.util.optional_packages import install_command
from evalkit.util.text import fitted

GUARDED_PACKAGES = ("numpy", "torch")


@dataclass(frozen=True)
class Level:
    """What became of one level of isolation when it was started and attacked."""

    name: str
    holds: bool
    reason: str = ""
    """Why it does not hold."""
    fix: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """What was found out about this machine."""

    mechanisms: tuple[Mechanism, ...]
    levels: tuple[Level, ...]
    user: str
    versions: dict[str, str]

    @property
    def in_force(self) -> str | None:
        """The level that `sandbox=auto` takes; None if it would stop."""
        return next((level.name for level in self.levels if level.holds and level.name != WEAK), None)


async def examine() -> Diagnosis:
    """Start every level and attack it: half a second or so."""
    places = ScratchDirectories()
    try:
        levels = [await _try(name, places) for name in LEVELS]
    finally:
        places.close()
    user = f"root; programs run as user {NOBODY}" if os.geteuid() == 0 else f"an ordinary user ({os.geteuid()})"
    return Diagnosis(tuple(mechanisms().values()), tuple(levels), user, _versions())


async def _try(name: str, places: ScratchDirectories) -> Level:
    outcome = await attempt(name, SandboxConfig(), places)
    if isinstance(outcome, Rejected):
        return Level(name, False, outcome.reason, outcome.fix)
    outcome.close()
    return Level(name, True)


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in GUARDED_PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = f"not installed: {install_command(package)}, for tasks that need it"
    return found


def text(diagnosis: Diagnosis) -> str:
    """The diagnosis as a page for a terminal."""
    lines = ["Where model-written code runs on this machine", ""]
    lines += [f"  user        {diagnosis.user}"]
    lines += [f"  {name:<11} {version}" for name, version in diagnosis.versions.items()]
    lines += ["", "Mechanisms"]
    for mechanism in diagnosis.mechanisms:
        fix = f"  ->  {mechanism.fix}" if mechanism.fix else ""
        lines.append(f"  {'yes' if mechanism.present else 'NO ':<4}{mechanism.name:<12}{mechanism.detail}{fix}")
    lines += ["", "Levels of isolation, strongest first"]
    for level in diagnosis.levels:
        lines.append(f"  {_verdict(level, diagnosis.in_force):<10}{level.name}")
        if level.reason:
            lines.append(f"            {level.reason}{f'  ->  {level.fix}' if level.fix else ''}")
    lines.append("")
    if diagnosis.in_force:
        lines.append(f"sandbox=auto takes {diagnosis.in_force}.")
    else:
        lines.append("sandbox=auto stops here. sandbox.allow_weak=true goes on with a process that is not isolated.")
    return "\n".join(lines) + "\n"


def _verdict(level: Level, in_force: str | None) -> str:
    if level.name == WEAK:
        return "on demand"
    if not level.holds:
        return "NO"
    return "in force" if level.name == in_force else "holds"


def parser() -> VerbParser:
    """The arguments: none."""
    status = "Exit status: 0 sandbox=auto would run, 1 it would stop, 2 bad input."
    about = "Show which sandbox isolation works on this machine, and what the rest needs."
    return VerbParser("doctor", about, "doctor", status)


def run(_: Namespace) -> int:
    """Print the page. 0 if `sandbox=auto` would run, 1 if it would stop."""
    diagnosis = signals.run(examine())
    sys.stdout.write(fitted(text(diagnosis), sys.stdout))
    return 0 if diagnosis.in_force else 1
