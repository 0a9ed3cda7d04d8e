"""Rollout file: one JSON line for the header, each response, each reply and the end, chained by digests.

Lines are appended and flushed as things happen, a response before anything is done with it, so that whatever
dies, at most the response in flight is lost. Every line carries a digest of itself and of the line before it:
a damaged or half-written line is noticed, and what stands after it is not trusted. Where the lines of two writers are
mixed, the digests say whose each is, and the story that came furthest is kept.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from evalkit.rollout import response_shape
from evalkit.rollout.record import Ending, FailedAttempt, Rollout, Submission, Timing, Turn
from evalkit.util import bounded_json
from evalkit.util.errors import UserError
from evalkit.util.files import afresh, append, replacing, write_bytes
from evalkit.util.redaction import without_known

VERSION = "1.0"
"""Of the file format. Another major version is refused. Schema: `evalkit/results/schemas/rollout.schema.json`."""

_DEPTH = bounded_json.DEPTH + 10
"""A line holds a response one or two levels down."""


@dataclass(frozen=True)
class Loaded:
    """What could be read of a rollout file."""

    rollout: Rollout
    complete: bool
    """The last line says how it ended."""
    damage: str = ""
    """What is wrong with the file, if anything; lines from there on were left out."""
    digest: str = ""
    """Of the last good line, and so of all that is trusted."""
    trusted: bytes = field(default=b"", repr=False)
    """The lines that can be trusted."""


class Journal:
    """Writes one rollout as it happens. `fsync` makes a line survive a power loss, not only a dead process.

    It always writes to a new file, which takes the place of what was there: a process that lost its claim and still
    has the old one open cannot reach it. `guard` is asked before every write and raises where it must not happen.
    The new file lies beside the old one before `guard` is asked for the last time: whoever takes the claim over after
    that deletes it (`evalkit.sampling.claims`), so that a process which stood still cannot rename it any more.
    A record without an answer is worth nothing: no file is there before the first one.
    """

    def __init__(self, path: Path, *, fsync: bool = True, guard: Callable[[], None] = lambda: None) -> None:
        self.path, self._fsync, self._guard = path, fsync, guard
        self._file = -1
        self._digest = ""
        self._held = b""
        self._opened, self._earlier, self._waited = time.monotonic(), 0.0, 0.0

    def begin(self, rollout: Rollout, **extra: Any) -> None:
        """The header: what the model was shown. `extra` is kept in the header (the digests of a store)."""
        self._guard()
        self._held, self._digest = _seal(_header(rollout) | extra, "")

    def go_on(self, loaded: Loaded) -> None:
        """Continue after the trusted part of an unfinished file; the rest is left out."""
        self._digest = loaded.digest
        self._earlier = loaded.rollout.timing.seconds
        self._open(loaded.trusted)

    def response(self, turn: Turn, seconds: float, waited: float) -> None:
        """What the model answered, before anything is done with it."""
        self._waited += waited
        times = {"seconds": round(seconds, 3), "waited": round(waited, 3), "elapsed": self._elapsed()}
        self._write(_response(turn) | times)

    def reply(self, turn: Turn) -> None:
        """What came of it: tool results, a submission."""
        self._write(_reply(turn) | {"elapsed": self._elapsed()})

    def failed(self, attempt: FailedAttempt) -> None:
        """An attempt at the next call that failed. Facts of the rollout do not depend on it, its times do."""
        times = {"seconds": round(attempt.seconds, 3), "pause": round(attempt.pause, 3)}
        self._write({"type": "attempt", "reason": attempt.reason, **times}, sync=False)  # with the line that follows

    def _elapsed(self) -> float:
        """Seconds of the rollout so far, earlier parts included, waiting excluded."""
        return round(max(0.0, self._earlier + time.monotonic() - self._opened - self._waited), 3)

    def end(self, rollout: Rollout) -> None:
        """How it ended; the file is complete with this line."""
        self._write(_end(rollout) | {"seconds": round(rollout.timing.seconds, 3)})
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        if self._file >= 0:
            os.close(self._file)
        self._file, self._held = -1, b""

    def _open(self, content: bytes) -> None:
        with self._blaming_the_guard(), replacing(self.path, sync=self._fsync) as file:
            append(file, content)
            if self._fsync:
                os.fsync(file)  # before the last look: a file server can take its time
            self._guard()
        self._file = file

    def _write(self, line: Mapping[str, Any], *, sync: bool = True) -> None:
        text, digest = _seal(line, self._digest)
        self._guard()
        if not self._held:
            with self._blaming_the_guard():
                append(self._file, text)
                if self._fsync and sync:
                    os.fsync(self._file)
        elif line["type"] == "response":
            self._open(self._held + text)
            self._held = b""
        else:
            self._held += text
        self._digest = digest

    @contextmanager
    def _blaming_the_guard(self) -> Iterator[None]:
        """An error of the disk that comes of another process's having taken over is that, and nothing else."""
        try:
            yield
        except OSError:
            self.close()  # nothing is written behind half a line
            self._guard()
            raise


def write_rollout(path: Path, rollout: Rollout) -> None:
    """A finished rollout as a file, without times, so that equal rollouts are equal bytes."""
    digest, parts = "", []
    for line in _lines(rollout):
        text, digest = _seal(line, digest)
        parts.append(text)
    write_bytes(path, b"".join(parts))


def read_rollout(path: Path) -> Rollout:
    """A complete rollout. UserError with the reason if the file is damaged, unfinished or of a newer version."""
    loaded = load(path)
    if loaded.damage:
        raise UserError(f"{path} is damaged ({loaded.damage}): delete it and run again, the rest is kept")
    if not loaded.complete:
        raise UserError(f"{path} is an unfinished rollout: finish its launch with `python -m evalkit resume`")
    return loaded.rollout


def load(path: Path) -> Loaded:
    """Everything of a rollout file that can be trusted.

    Raises `UserError` for a whole line that a newer evalkit must have written.
    """
    chain, damage = _best(afresh(path.read_bytes))
    reader = _Reader(path, damage)
    for number, link in enumerate(chain):
        # Older versions wrote what no reader can hold; escaped, a line is up to six times as long as what came.
        line = bounded_json.loads(link.body, _DEPTH, math.inf)
        if line.get("type") == "response" and (why := response_shape.fault(line.get("response"))):
            reader.damage = damage or f"line {number + 1} holds no response of a model: {why}"
            chain = chain[:number]
            break
        try:
            reader.take(line)
        except (LookupError, TypeError, ValueError, AttributeError) as error:  # whole, and still not what we write
            raise UserError(
                f"line {number + 1} of {path} says what this evalkit does not know ({error!r}): install a newer evalkit"
            ) from error
    return replace(
        reader.result(), digest=chain[-1].digest if chain else "", trusted=b"".join(link.raw for link in chain)
    )


class _Link(NamedTuple):
    """A line with a digest that fits the line before it."""

    raw: bytes
    body: str
    digest: str
    before: int
    """Index of the line that it follows; -1 for a header."""
    length: int
    """Of its chain, in lines."""

    @property
    def ends(self) -> bool:
        return self.body.startswith('{"type":"end"')


def _best(content: bytes) -> tuple[list[_Link], str]:
    """The first chain of lines that is complete, else the longest, and what is wrong with the file."""
    links: list[_Link] = []
    damage = ""
    for number, raw in enumerate(content.splitlines(keepends=True), start=1):
        ended = bool(links and links[-1].ends)
        link = _link(raw, links)
        if ended:
            damage = damage or f"line {number} stands after the end"
        elif link is None:
            damage = damage or f"line {number} is incomplete or changed"
        elif link.before != len(links) - 1:
            damage = damage or f"line {number} is another writer's"
        if link:
            links.append(link)
    last = max(links, key=lambda link: (link.ends, link.length), default=None)  # of equals, the first
    chain = [last] if last else []
    while chain and chain[-1].before >= 0:
        chain.append(links[chain[-1].before])
    return chain[::-1], damage


def _link(raw: bytes, links: Sequence[_Link]) -> _Link | None:
    """The line as the continuation of the last good one, or of an earlier one; None if it fits nowhere."""
    text = raw.decode("ascii", "replace") if raw.endswith(b"}\n") else ""
    body, mark, tail = text.rpartition(',"digest":"')
    if not mark:
        return None
    for before in range(len(links) - 1, -2, -1):
        known = links[before] if before >= 0 else None
        if tail[:-3] == _digest(body + "}", known.digest if known else "") and not (known and known.ends):
            return _Link(raw, body + "}", tail[:-3], before, known.length + 1 if known else 1)
    return None


class _Reader:
    """Puts the lines of one file back together."""

    def __init__(self, path: Path, damage: str) -> None:
        self.path, self.damage = path, damage
        self.rollout: Rollout | None = None
        self.turns: list[Turn] = []
        self.seconds: list[float] = []
        self.failed: list[FailedAttempt] = []
        self.waited = self.elapsed = 0.0
        self.complete = False

    def take(self, line: dict[str, Any]) -> None:
        kind = line.get("type")
        self.elapsed = line.get("elapsed", self.elapsed)
        if kind == "rollout":
            self.rollout = _read_header(line, self.path)
        elif kind == "response":
            self.turns.append(Turn(max_tokens=line["max_tokens"], response=line["response"]))
            self.seconds.append(line.get("seconds", 0.0))
            self.waited += line.get("waited", 0.0)
        elif kind == "attempt":
            self.failed.append(FailedAttempt(line["reason"], line["seconds"], line["pause"]))
        elif kind == "reply":
            self.turns[-1] = _read_reply(self.turns[-1], line)
        elif kind == "end" and self.rollout is not None:
            self.complete = True
            self.elapsed = line.get("seconds", 0.0)
            self.rollout = replace(
                self.rollout,
                ending=Ending(line["ending"]),
                detail=line["detail"],
                leaked=line["leaked"],
                unfit=line.get("unfit"),
            )

    def result(self) -> Loaded:
        if self.rollout is None:
            blank = Rollout(run=0, prompt="", system="", tools=())
            return Loaded(blank, False, self.damage or "it is empty")
        timing = replace(
            self.rollout.timing,
            seconds=self.elapsed,
            turns=tuple(self.seconds),
            waited=self.waited,
            failed=tuple(self.failed),
        )
        rollout = replace(self.rollout, turns=tuple(self.turns), timing=timing)
        return Loaded(rollout, self.complete, self.damage)


def _lines(rollout: Rollout) -> Iterator[dict[str, Any]]:
    yield _header(rollout)
    for turn in rollout.turns:
        yield _response(turn)
        if turn.reply is not None or turn.submission or turn.cut_tokens is not None or turn.artifacts is not None:
            yield _reply(turn)
    yield _end(rollout)


def _header(rollout: Rollout) -> dict[str, Any]:
    header = {
        "type": "rollout",
        "version": VERSION,
        "run": rollout.run,
        "prompt": rollout.prompt,
        "system": rollout.system,
        "tools": list(rollout.tools),
        "files": dict(rollout.files),
        "set_up": rollout.set_up,
    }
    if not rollout.patterns:
        return header
    return header | {
        "artifacts": {
            "patterns": list(rollout.patterns),
            "files": dict(rollout.artifacts),
            "left_out": dict(rollout.left_out),
        }
    }


def _response(turn: Turn) -> dict[str, Any]:
    return {"type": "response", "max_tokens": turn.max_tokens, "response": turn.response}


def _reply(turn: Turn) -> dict[str, Any]:
    line: dict[str, Any] = {"type": "reply", "reply": None if turn.reply is None else list(turn.reply)}
    if turn.submission:
        line["submission"] = {"answer": turn.submission.answer}
    if turn.tool_errors:
        line["tool_errors"] = turn.tool_errors
    if turn.cut_tokens is not None:
        line["cut_tokens"] = turn.cut_tokens
    if turn.artifacts is not None:
        line["artifacts"] = dict(turn.artifacts)
        if turn.left_out:
            line["left_out"] = dict(turn.left_out)
    return line


def _end(rollout: Rollout) -> dict[str, Any]:
    line = {"type": "end", "ending": rollout.ending.value, "detail": rollout.detail, "leaked": rollout.leaked}
    return line if rollout.unfit is None else line | {"unfit": rollout.unfit}


def _read_header(line: dict[str, Any], path: Path) -> Rollout:
    major = str(line.get("version", "")).split(".")[0]
    if major != VERSION.split(".")[0]:
        raise UserError(
            f"{path} has format version {line.get('version')}, this evalkit reads {VERSION}: install a newer evalkit"
        )
    graded = line.get("artifacts", {})
    return Rollout(
        run=line["run"],
        prompt=line["prompt"],
        system=line["system"],
        tools=tuple(line["tools"]),
        files=line.get("files", {}),  # an older record says nothing of files: it serves tasks without any
        set_up=line.get("set_up", ""),
        timing=Timing(started=line.get("started", 0.0), launch=line.get("launch", "")),
        patterns=tuple(graded.get("patterns", ())),
        artifacts=graded.get("files", {}),
        left_out=graded.get("left_out", {}),
    )


def _read_reply(turn: Turn, line: dict[str, Any]) -> Turn:
    reply = line["reply"]
    return replace(
        turn,
        reply=None if reply is None else tuple(reply),
        submission=Submission(line["submission"]["answer"]) if "submission" in line else None,
        tool_errors=line.get("tool_errors", 0),
        cut_tokens=line.get("cut_tokens"),
        artifacts=line.get("artifacts"),
        left_out=line.get("left_out", {}),
    )


def _seal(line: Mapping[str, Any], before: str) -> tuple[bytes, str]:
    # ASCII: no line separator or lone surrogate can break a line.
    body = without_known(json.dumps(line, separators=(",", ":"), allow_nan=False))
    digest = _digest(body, before)
    return f'{body[:-1]},"digest":"{digest}"}}\n'.encode("ascii"), digest


def _digest(body: str, before: str) -> str:
    return hashlib.sha256((before + body).encode()).hexdigest()[:16]
