"""What a search says while it goes on and in the end: its path, its recommendation, and `find.json`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from evalkit.landscape.recommend import number
from evalkit.landscape.search import Place, Search
from evalkit.model.api import Wait
from evalkit.stats.intervals import wilson
from evalkit.stats.verdict import Decision
from evalkit.store import write_atomically
from evalkit.text import counted, percent
from evalkit.view import CellInfo
from evalkit.wording import level, range_text, rate_text

VERSION = "1.0"


@dataclass(frozen=True)
class Knob:
    """A searched knob and its candidates, in their order."""

    name: str
    values: tuple[float, ...]


def setting(knobs: Sequence[Knob], place: Place) -> dict[str, float]:
    """The values of a candidate."""
    return {knob.name: knob.values[index] for knob, index in zip(knobs, place, strict=True)}


def in_words(values: Mapping[str, float]) -> str:
    """`task.sequence_length=6`."""
    return ", ".join(f"{name}={number(value)}" for name, value in values.items())


def step_line(search: Search, knobs: Sequence[Knob], place: Place, step: int) -> str:
    """One step of the path."""
    visit = search.visits[place]
    decision = visit.decision(search.band)
    interval = wilson(visit.passed, visit.runs, search.confidence)
    rate = rate_text(visit.passed / visit.runs if visit.runs else None, interval)
    verdict = "" if decision is Decision.UNDECIDED else f", {decision.value}"
    return (
        f"[{step}] {in_words(setting(knobs, place))}: {visit.passed} of {visit.runs} pass, {rate}{verdict}; "
        f"in the band with a chance of {percent(search.chance(place))}"
    )


def conclusion(search: Search, knobs: Sequence[Knob]) -> str:
    """What to set, and how sure that is."""
    spent = f"{counted(search.spent, 'run')} at {counted(len(search.visits), 'value')}"
    place = search.best()
    visit, words = search.visits[place], in_words(setting(knobs, place))
    interval = search.interval(place)
    rate = f"{visit.passed} of {visit.runs} pass ({range_text(interval)}, holds at every look)"
    if search.found is not None:
        return f"Set {words}: {rate}; IN BAND at {level(search.confidence)}, found with {spent}."
    if visit.decision(search.band) is Decision.UNDECIDED and search.chance(place) >= 0.5:
        return (
            f"Set {words}: {rate}; in the band ({search.band}) with a chance of {percent(search.chance(place))}, not "
            f"certain after {spent}."
        )
    return f"No value was found in the band ({search.band}) with {spent}; {words} comes nearest: {rate}."


def facts(search: Search, knobs: Sequence[Knob], path: Sequence[str]) -> dict[str, Any]:
    """As `find.json` has it."""
    return {
        "version": VERSION,
        "band": asdict(search.band),
        "confidence": search.confidence,
        "knobs": [asdict(knob) for knob in knobs],
        "decided": search.found is not None,
        "setting": setting(knobs, search.best()) if search.visits else None,
        "runs": search.spent,
        "max_runs": search.max_runs,
        "visited": [
            {
                "setting": setting(knobs, place),
                "passed": visit.passed,
                "runs": visit.runs,
                "errors": visit.seen - visit.runs,
                "decision": visit.decision(search.band).value,
                "interval": asdict(visit.sequence.interval),
                "confidence": visit.sequence.confidence,
                "chance": round(search.chance(place), 4),
            }
            for place, visit in search.visits.items()
        ],
        "path": list(path),
        "conclusion": conclusion(search, knobs) if search.visits else None,
    }


def write_finding(folder: Path, search: Search, knobs: Sequence[Knob], path: Sequence[str]) -> None:
    """Write `find.json` into the search's directory."""
    text = json.dumps(facts(search, knobs, path), indent=1, ensure_ascii=False) + "\n"
    write_atomically(folder / "find.json", text)


class StepView:
    """Shows nothing of a single step but what nobody must miss, once: the search says the rest in one line."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say, self._said = say, set[str]()

    def begin(self, cells: list[CellInfo]) -> None: ...

    def note(self, text: str) -> None:
        if not text.startswith("Reuses ") and text not in self._said:
            self._said.add(text)
            self._say(text)

    def warn(self, text: str) -> None:
        self.note(text)

    def waiting(self, wait: Wait) -> None:
        if wait.seconds >= 1:
            self.note(str(wait))

    def tick(self) -> None: ...

    def result(self, text: str) -> None: ...

    def run_started(self, cell: int, run: int) -> None: ...

    def turn_done(self, cell: int, run: int, turn: object) -> None: ...

    def run_done(self, cell: int, run: object) -> None: ...

    def cell_done(self, cell: int, summary: object) -> None: ...

    def end(self) -> None: ...
