"""A rollout as a file: one JSON line for the header, each response, each reply and the end, chained by digests.

Lines are appended and flushed as things happen, a response before anything is done with it, so that whatever
dies, at most the response in flight is lost. Every line carries a digest of itself and of the line before it:
a damaged or half-written line is noticed, and what stands after it is not trusted.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evalkit.errors import UserError
from evalkit.rollout import Ending, Rollout, Submission, Timing, Turn

VERSION = "1.0"
"""Of the file format. Another major version is refused. Schema: `evalkit/schemas/rollout.schema.json`."""


@dataclass(frozen=True)
class Loaded:
    """What could be read of a rollout file."""

    rollout: Rollout
    complete: bool
    """The last line says how it ended."""
    damage: str = ""
    """What is wrong with the file, if anything; lines from there on were left out."""
    digest: str = ""
    """Of the last good line, and so of the whole file up to there."""
    good_bytes: int = 0
    """Length of the trusted part in bytes."""


class Journal:
    """Writes one rollout as it happens. `fsync` makes a line survive a power loss, not only a dead process."""

    def __init__(self, path: Path, *, fsync: bool = True) -> None:
        self.path, self._fsync = path, fsync
        self._file = path.open("ab")
        self._digest = ""

    def begin(self, rollout: Rollout, **extra: Any) -> None:
        """The header: what the model was shown. `extra` is kept in the header (the digests of a store)."""
        self._write(_header(rollout) | extra)

    def go_on(self, loaded: Loaded) -> None:
        """Continue after the trusted part of an unfinished file; anything after it is cut off."""
        self._file.truncate(loaded.good_bytes)
        self._digest = loaded.digest

    def response(self, turn: Turn, seconds: float, waited: float) -> None:
        """What the model answered, before anything is done with it."""
        self._write(_response(turn) | {"seconds": round(seconds, 3), "waited": round(waited, 3)})

    def reply(self, turn: Turn) -> None:
        """What came of it: tool results, a submission."""
        self._write(_reply(turn))

    def end(self, rollout: Rollout) -> None:
        """How it ended; the file is complete with this line."""
        self._write(_end(rollout) | {"seconds": round(rollout.timing.seconds, 3)})
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _write(self, line: Mapping[str, Any]) -> None:
        text, self._digest = _seal(line, self._digest)
        self._file.write(text)
        self._file.flush()
        if self._fsync:
            os.fsync(self._file.fileno())


def write_rollout(path: Path, rollout: Rollout) -> None:
    """A finished rollout as a file, without times, so that equal rollouts are equal bytes."""
    digest, parts = "", []
    for line in _lines(rollout):
        text, digest = _seal(line, digest)
        parts.append(text)
    path.write_bytes(b"".join(parts))


def read_rollout(path: Path) -> Rollout:
    """A complete rollout. UserError with the reason if the file is damaged, unfinished or of a newer version."""
    loaded = load(path)
    if loaded.damage:
        raise UserError(f"{path} is damaged ({loaded.damage}): delete it and run again, the rest is kept")
    if not loaded.complete:
        raise UserError(f"{path} is an unfinished rollout: finish its launch with `python -m evalkit resume`")
    return loaded.rollout


def load(path: Path) -> Loaded:
    """Everything of a rollout file that can be trusted."""
    reader = _Reader(path)
    for line in reader:
        reader.take(line)
    return reader.result()


class _Reader:
    """Puts the lines of one file back together."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rollout: Rollout | None = None
        self.turns: list[Turn] = []
        self.seconds: list[float] = []
        self.waited = 0.0
        self.complete = False
        self.damage = self.digest = ""
        self.good_bytes = 0

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for number, raw in enumerate(self.path.read_bytes().splitlines(keepends=True), start=1):
            if self.complete:
                self.damage = f"line {number} stands after the end"
                return
            line, digest = _open(raw, self.digest)
            if line is None:
                self.damage = f"line {number} is incomplete or changed"
                return
            yield line
            self.digest = digest
            self.good_bytes += len(raw)

    def take(self, line: dict[str, Any]) -> None:
        kind = line.get("type")
        if kind == "rollout":
            self.rollout = _read_header(line, self.path)
        elif kind == "response":
            self.turns.append(Turn(max_tokens=line["max_tokens"], response=line["response"]))
            self.seconds.append(line.get("seconds", 0.0))
            self.waited += line.get("waited", 0.0)
        elif kind == "reply":
            self.turns[-1] = _read_reply(self.turns[-1], line)
        elif kind == "end" and self.rollout is not None:
            self.complete = True
            timing = replace(self.rollout.timing, seconds=line.get("seconds", 0.0))
            self.rollout = replace(
                self.rollout, ending=Ending(line["ending"]), detail=line["detail"], leaked=line["leaked"], timing=timing
            )

    def result(self) -> Loaded:
        if self.rollout is None:
            blank = Rollout(run=0, prompt="", system="", tools=())
            return Loaded(blank, False, self.damage or "it is empty")
        timing = replace(self.rollout.timing, turns=tuple(self.seconds), waited=self.waited)
        rollout = replace(self.rollout, turns=tuple(self.turns), timing=timing)
        return Loaded(rollout, self.complete, self.damage, self.digest, self.good_bytes)


def _lines(rollout: Rollout) -> Iterator[dict[str, Any]]:
    yield _header(rollout)
    for turn in rollout.turns:
        yield _response(turn)
        if turn.reply is not None or turn.submission or turn.cut_tokens is not None:
            yield _reply(turn)
    yield _end(rollout)


def _header(rollout: Rollout) -> dict[str, Any]:
    return {
        "type": "rollout",
        "version": VERSION,
        "run": rollout.run,
        "prompt": rollout.prompt,
        "system": rollout.system,
        "tools": list(rollout.tools),
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
    return line


def _end(rollout: Rollout) -> dict[str, Any]:
    return {"type": "end", "ending": rollout.ending.value, "detail": rollout.detail, "leaked": rollout.leaked}


def _read_header(line: dict[str, Any], path: Path) -> Rollout:
    major = str(line.get("version", "")).split(".")[0]
    if major != VERSION.split(".")[0]:
        raise UserError(
            f"{path} has format version {line.get('version')}, this evalkit reads {VERSION}: install a newer evalkit"
        )
    return Rollout(
        run=line["run"],
        prompt=line["prompt"],
        system=line["system"],
        tools=tuple(line["tools"]),
        timing=Timing(started=line.get("started", 0.0)),
    )


def _read_reply(turn: Turn, line: dict[str, Any]) -> Turn:
    reply = line["reply"]
    return replace(
        turn,
        reply=None if reply is None else tuple(reply),
        submission=Submission(line["submission"]["answer"]) if "submission" in line else None,
        tool_errors=line.get("tool_errors", 0),
        cut_tokens=line.get("cut_tokens"),
    )


def _seal(line: Mapping[str, Any], before: str) -> tuple[bytes, str]:
    body = json.dumps(line, separators=(",", ":"))  # ASCII: no line separator or lone surrogate can break a line
    digest = _digest(body, before)
    return f'{body[:-1]},"digest":"{digest}"}}\n'.encode("ascii"), digest


def _open(raw: bytes, before: str) -> tuple[dict[str, Any] | None, str]:
    text = raw.decode("ascii", "replace") if raw.endswith(b"}\n") else ""
    body, mark, tail = text.rpartition(',"digest":"')
    if not mark or tail[:-3] != _digest(body + "}", before):
        return None, ""
    line: dict[str, Any] = json.loads(body + "}")
    return line, tail[:-3]


def _digest(body: str, before: str) -> str:
    return hashlib.sha256((before + body).encode()).hexdigest()[:16]
