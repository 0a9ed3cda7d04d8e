"""The conversations of a launch, packed for its page: each compressed by itself and unpacked when it is opened."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalkit.report.facts import as_json
from evalkit.report.launch import MOST_RUNS
from evalkit.results.reading import CellRecord, RunRecord
from evalkit.rollout.record import Rollout, Turn

ROOM = 22_000_000
"""Characters that all conversations of a page may take, so that it stays below 25 MB."""
TEXT_LIMITS = (2_000_000, 200_000, 20_000, 4_000, 1_000)
"""Characters of one text that are kept: the largest of these with which a launch fits the page."""
_SAMPLE = 12
_DROPPED = ("signature", "data", "citations", "caller")
"""Keys of content blocks that nobody reads: proofs and encrypted thinking."""


class Conversations:
    """Iterate once for `(run number, text)` of every run that fits the page.

    Raw deflate in base64, which browsers unpack themselves. Texts are cut, and at last runs left out, only where the
    page would become too large to open; the page says so and names the file that has everything.
    """

    def __init__(self, cell: CellRecord) -> None:
        self._runs = cell.runs[:MOST_RUNS]
        self.shared: list[Any] = []
        """Prompts and tools, which are the same in most runs; conversations hold their places in this list."""
        self.left_out: list[int] = []
        """Numbers of runs that did not fit."""
        self._places: dict[str, int] = {}
        self._limit = self._text_limit()
        self._packed = list(self._pack_all())

    def __iter__(self) -> Iterator[tuple[int, str]]:
        return iter(self._packed)

    def _text_limit(self) -> int:
        """The largest text limit with which a sample of the runs promises to fit."""
        step = max(1, len(self._runs) // _SAMPLE)
        sample = list(self._runs[::step])
        if not sample:
            return TEXT_LIMITS[0]
        for limit in TEXT_LIMITS[:-1]:
            size = sum(len(self._pack(run, limit)) for run in sample)
            if size / len(sample) * len(self._runs) <= ROOM * 0.9:
                return limit
        return TEXT_LIMITS[-1]

    def _pack_all(self) -> Iterator[tuple[int, str]]:
        room = ROOM
        for run in self._runs:
            text = self._pack(run, self._limit)
            if len(text) > room:
                self.left_out.append(run.number)
                continue
            room -= len(text)
            yield run.number, text

    def _pack(self, run: RunRecord, limit: int) -> str:
        facts = _shorter(self._facts(run, run.conversation()), limit)
        raw = as_json(facts).encode()
        squeeze = zlib.compressobj(6, zlib.DEFLATED, -15)
        return base64.b64encode(squeeze.compress(raw) + squeeze.flush()).decode()

    def _facts(self, run: RunRecord, rollout: Rollout) -> dict[str, Any]:
        measured = run.measurement
        return {
            "prompt": self._share(rollout.prompt),
            "system": self._share(rollout.system),
            "tools": self._share(list(rollout.tools)),
            "turns": [_turn(turn) for turn in rollout.turns],
            "detail": rollout.detail,
            "submission": {"answer": rollout.submission.answer} if rollout.submission else None,
            "measured": {"values": dict(measured.values), "fault": bool(measured.fault)} if measured else None,
        }

    def _share(self, value: Any) -> int:
        text = json.dumps(value, sort_keys=True)
        if text not in self._places:
            self._places[text] = len(self.shared)
            self.shared.append(value)
        return self._places[text]


def _turn(turn: Turn) -> dict[str, Any]:
    return {
        "said": [_block(block) for block in turn.content],
        "reply": None if turn.reply is None else [_block(block) for block in turn.reply],
        "stop": turn.stop_reason,
        "tokens": turn.output_tokens,
        "written": turn.usage.get("output_tokens") or 0,
        "input": turn.input_tokens,
        "cut": turn.cut_tokens is not None,
    }


def _block(block: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in block.items() if key not in _DROPPED}


def _shorter(value: Any, limit: int) -> Any:
    """The same JSON with no text longer than `limit` characters."""
    if isinstance(value, str):
        if len(value) <= limit:
            return value
        left = len(value) - limit
        return f"{value[: limit * 3 // 4]}\n… {left:,} characters are left out here …\n{value[-(limit // 4) :]}"
    if isinstance(value, Mapping):
        return {key: _shorter(item, limit) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [_shorter(item, limit) for item in value]
    return value
