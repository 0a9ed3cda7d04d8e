"""Rollouts on disk: keys and sets, so that nothing is bought twice, by one process or by several (`claims.py`).

Layout: `<root>/<task>/<key>/<set>/0001.jsonl`; of a task with several problems `<set>/<problem>/0001.jsonl`.
Contents of files that a task grades lie in `<set>/artifacts/`.
A *key* digests everything that a conversation can depend on. A *set* is a key plus the limits it was sampled under
(`set.json`); its rollouts are never mixed with another's.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import secrets
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from evalkit.rollout import artifacts
from evalkit.rollout.journal import Journal, Loaded, load
from evalkit.rollout.limits import Limits
from evalkit.rollout.record import Rollout
from evalkit.sampling.claims import Claim, Claims
from evalkit.sampling.problem_set import OneProblem, ProblemSet
from evalkit.util.errors import UserError
from evalkit.util.files import afresh, write_atomically


@dataclass(frozen=True)
class RolloutSet:
    """One directory of rollouts that were all sampled under the same limits."""

    folder: Path
    limits: Limits
    problems: ProblemSet = field(default_factory=partial(OneProblem, 0))
    """Says where a run lies: `0001.jsonl`, or `<problem>/0001.jsonl` where there are several."""

    @property
    def name(self) -> str:
        """`<key>/<set>`, as manifests name it."""
        return f"{self.folder.parent.name}/{self.folder.name}"

    def path(self, run: int) -> Path:
        """Where the rollout of a run is, or will be."""
        return self.folder / f"{self.problems.stem(run)}.jsonl"

    def ended(self, run: int) -> bool:
        """Whether the run looks finished; cheap."""
        try:
            return _ends(self.path(run))
        except FileNotFoundError:
            return False

    def complete(self, tries: float = math.inf) -> list[int]:
        """Runs of so many tries that look finished (their files are read and checked when they are used).

        Others may write, move or delete files meanwhile, and people may lay their own beside them.
        """
        found = []
        for name, before in self.problems.folders():
            for path in (self.folder / name).glob("*.jsonl"):
                with suppress(ValueError, OSError):  # what cannot be read is said when its run is wanted
                    attempt = int(path.stem)
                    if attempt <= tries and path == self.path(before + attempt) and _ends(path):
                        found.append(before + attempt)
        return sorted(found)

    def answered(self, tries: int) -> dict[str, int]:
        """Under which names models answered in the finished runs of so many tries → in how many of them each."""
        found: dict[str, int] = {}
        for run in self.complete(tries):
            name = _first_answer(self.path(run)).get("model")
            if isinstance(name, str) and name:
                found[name] = found.get(name, 0) + 1
        return found

    def sampled(self, runs: Sequence[int]) -> str:
        """When these runs were sampled, for people: `on 2026-11-23`, or from which day to which."""
        times = [when for run in runs if (when := _written(self.path(run)))]
        days = sorted({time.strftime("%Y-%m-%d", time.localtime(when)) for when in times}) or ["an unknown day"]
        return f"on {days[0]}" if len(days) == 1 else f"from {days[0]} to {days[-1]}"

    def load(self, run: int) -> Loaded | None:
        """What there is of a run; None if nothing usable."""
        try:
            loaded = load(self.path(run))
        except FileNotFoundError:
            return None
        if isinstance(self.problems, OneProblem) and loaded.rollout.run != run:
            return None
        rollout = replace(loaded.rollout, run=run, blobs=self.blobs)  # its row may have moved since
        return replace(loaded, rollout=rollout)

    @property
    def blobs(self) -> Path:
        """Where the contents of files lie that its rollouts left to be graded."""
        return self.folder / artifacts.FOLDER

    def exchange(self, start: Rollout, claim: Claim) -> None:
        """Lay a record that answers another question aside, and bring back one that answers this, if there is one.

        For the holder of the claim. Whoever turns a knob to and fro, or edits a task, buys each question once.
        """
        path, known = self.path(start.run), self.load(start.run)
        aside = path.parent / "other-questions"
        if known and known.rollout.turns:
            aside.mkdir(exist_ok=True)
            claim.check()
            path.replace(aside / _question_name(path.stem, known.rollout))
        claim.check()
        with suppress(FileNotFoundError):
            (aside / _question_name(path.stem, start)).replace(path)

    def claim(self, run: int) -> Claim:
        """The right to sample a run, not yet taken."""
        if (folder := self.path(run).parent) != self.folder:
            folder.mkdir(exist_ok=True)
        return self.claims.of(self.problems.stem(run))

    @cached_property
    def claims(self) -> Claims:
        """Who may sample which run."""
        return Claims(self.folder)

    def journal(
        self, start: Rollout, known: Loaded | None, claim: Claim, launch: str = "", fsync: bool = True
    ) -> Journal:
        """A journal for a run that we hold: fresh, or going on after the trusted part of `known`. `launch`: whose."""
        journal = Journal(self.path(start.run), fsync=fsync, guard=claim.check)
        if known is None:
            journal.begin(start, started=round(start.timing.started, 3), launch=launch)
        else:
            journal.go_on(known)
        return journal


def _question_name(attempt: str, rollout: Rollout) -> str:
    shown = [rollout.prompt, rollout.system, _plain(rollout.tools), dict(rollout.files), rollout.set_up]
    shown += [list(rollout.patterns)] if rollout.patterns else []
    return f"{attempt}-{digest(shown)[:12]}.jsonl"


def _ends(path: Path) -> bool:
    """Whether the file's last line says how the rollout ended: read from the tail, files can be long."""

    def last_line() -> bytes:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            for tail in (4096, size):  # what a provider said of its refusal can be long
                file.seek(max(0, size - tail))
                _, before, line = file.read().rstrip().rpartition(b"\n")
                if before:
                    break
            return line

    return afresh(last_line).startswith(b'{"type":"end"')


def _written(path: Path) -> float | None:
    """When a file was last written (Unix time); None if another process has laid it aside."""
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def _first_answer(path: Path) -> dict[str, Any]:
    """The first response in a file, unchecked; empty if there is none. Whoever uses the file reads it with care."""
    with suppress(OSError), path.open("rb") as file:
        for raw in file:
            if raw.startswith(b'{"type":"response"'):
                try:
                    return dict(json.loads(raw)["response"])
                except (ValueError, TypeError, KeyError, RecursionError):
                    return {}
    return {}


class Store:
    """All rollout sets under one root."""

    def __init__(self, root: Path, problems: ProblemSet | None = None) -> None:
        """`problems`: of the launch; None for a task with one."""
        self.root, self._problems = root, problems or OneProblem(0)

    def find(
        self, task: str, key: Key, limits: Limits, tries: int, reuse: str, since: float | None = None
    ) -> RolloutSet:
        """The set to use: the best existing one that serves `limits`, or a new one.

        `reuse`: `never` starts a new set, `exact` takes only one sampled under the same limits, `dominating`
        also one whose limits dominate. Of several, the one that lacks the fewest runs, then the newest.
        `since`: Unix time of a launch that goes on, whose own set `never` takes again.
        """
        if reuse == "never":
            known_since = [known for known in self.sets(task, key) if _born(known) >= (since or math.inf)]
            if own := [known for known in known_since if known.limits.same_rollouts(limits)]:
                return min(own, key=_born)
            return self._make(task, key, limits, suffix=f"-{time.strftime('%Y%m%dT%H%M%S')}-{secrets.token_hex(2)}")
        fits = [
            known
            for known in self.sets(task, key)
            if known.limits.same_rollouts(limits) or (reuse == "dominating" and known.limits.dominates(limits))
        ]
        if not fits:
            return self._make(task, key, limits)
        if len(fits) == 1:
            return fits[0]
        return max(fits, key=lambda known: (len(known.complete(tries)), _born(known)))

    def sets(self, task: str, key: Key) -> list[RolloutSet]:
        """Every set of a key."""
        found = sorted((self.root / task / key.digest).glob("*/set.json"))
        return [known for path in found if (known := self._read(path, task, key))]

    def _make(self, task: str, key: Key, limits: Limits, suffix: str = "") -> RolloutSet:
        folder = self.root / task / key.digest / (_slug(limits) + suffix)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            about = {"version": "1.0", "limits": asdict(limits), "key": key.parts}
            text = json.dumps(about, indent=1, sort_keys=True, default=str) + "\n"
            write_atomically(folder / "set.json", text, sync=True)
        except OSError as error:
            raise UserError(f"store={self.root} cannot be written ({error.strerror}): choose another folder") from error
        return RolloutSet(folder, limits, self._problems)

    def _read(self, path: Path, task: str, key: Key) -> RolloutSet | None:
        """The set of a `set.json`; a damaged one is written again from the folder's name, which says the limits."""
        try:
            about = json.loads(afresh(partial(path.read_text, encoding="utf-8")))
            version, limits = str(about["version"]), Limits(**about["limits"])
        except FileNotFoundError:  # deleted just now
            return None
        except (ValueError, KeyError, TypeError, RecursionError):
            name, _, suffix = path.parent.name.partition("-")
            found = _limits(name)
            return self._make(task, key, found, suffix and f"-{suffix}") if found else None
        if version.split(".")[0] != "1":
            raise UserError(f"{path} has format version {version}, this evalkit reads 1: install a newer evalkit")
        return RolloutSet(path.parent, limits, self._problems)


def _born(known: RolloutSet) -> float:
    return _written(known.folder / "set.json") or 0.0


_LETTERS = {
    "t": "max_tokens",
    "p": "max_tokens_per_turn",
    "s": "max_steps",
    "w": "timeout_s",
    "x": "tool_timeout_s",
}
"""Limits that a rollout can feel, as they stand in the name of a set's folder."""


def _slug(limits: Limits) -> str:
    """A readable, unique folder name for the limits."""
    values = {letter: getattr(limits, name) for letter, name in _LETTERS.items()}
    return "_".join(f"{letter}{_exact(value)}" for letter, value in values.items() if value is not None) or "unlimited"


def _exact(value: float) -> str:
    """Short where that says it all: `600` for 600.0."""
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)


def _limits(slug: str) -> Limits | None:
    """The limits that a folder is named after; None if it is not."""
    whole = {"t", "p", "s"}
    try:
        parts: dict[str, Any] = {
            part[0]: int(part[1:]) if part[0] in whole else float(part[1:]) for part in slug.split("_")
        }
        found = Limits(**{_LETTERS[letter]: value for letter, value in parts.items()})
    except (ValueError, KeyError, IndexError):
        return None
    return found if _slug(found) == slug else None


@dataclass(frozen=True)
class Key:
    """What a conversation can depend on, and its digest."""

    parts: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """12 hexadecimal digits."""
        return digest(self.parts)[:12]


def digest(value: Any) -> str:
    """SHA-256 of any JSON value, independent of the order of keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def same_question(known: Rollout, start: Rollout) -> bool:
    """Whether a recorded rollout was shown exactly what a new one would be shown, files in its workspace included.

    And whether it kept the files that are graded now.
    """
    shown, would = ((r.prompt, r.system, _plain(r.tools), dict(r.files), r.patterns) for r in (known, start))
    return shown == would


def _plain(tools: Sequence[Mapping[str, Any]]) -> str:
    return json.dumps(list(tools), sort_keys=True)
