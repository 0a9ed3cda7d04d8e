"""Output of a search: its path, its recommendation, and `find.json`."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from evalkit.display.rates import level, range_text, rate_text
from evalkit.display.view import CellInfo
from evalkit.landscape.round_numbers import number
from evalkit.landscape.search import GridPoint, Search
from evalkit.model.protocol import Wait
from evalkit.stats.inband import Plan, runs_to_be_sure
from evalkit.stats.intervals import wilson
from evalkit.stats.verdict import Decision
from evalkit.util.files import write_atomically
from evalkit.util.text import counted, percent

VERSION = "2.0"
MOST_NAMED = 6
"""Values in a list of the conclusion."""


@dataclass(frozen=True)
class SearchedKnob:
    """A searched knob and its candidates, in their order."""

    name: str
    values: tuple[float, ...]


def setting(knobs: Sequence[SearchedKnob], place: GridPoint) -> dict[str, float]:
    """The values of a candidate."""
    return {knob.name: knob.values[index] for knob, index in zip(knobs, place, strict=True)}


def in_words(values: Mapping[str, float]) -> str:
    """`task.sequence_length=6`."""
    return ", ".join(f"{name}={number(value)}" for name, value in values.items())


def step_line(search: Search, knobs: Sequence[SearchedKnob], place: GridPoint, step: int) -> str:
    """One step of the path. The guess is what the search goes by, and nothing that anybody should rely on."""
    visit = search.visits[place]
    decision = visit.decision(search.band)
    interval = wilson(visit.passed, visit.runs, search.confidence)
    rate = rate_text(visit.passed / visit.runs if visit.runs else None, interval)
    verdict = (
        decision.value
        if decision is not Decision.UNDECIDED
        else f"guess: {percent(min(search.guess(place), 0.99), 0)} in the band"
    )
    return f"[{step}] {in_words(setting(knobs, place))}: {visit.passed} of {visit.runs} pass, {rate}; {verdict}"


def conclusion(search: Search, knobs: Sequence[SearchedKnob], *, simulated: bool = False) -> str:
    """What to set, if the runs of one value decide that; else what is known, and what would settle it."""
    spent = f"{counted(search.spent, 'run')} at {counted(len(search.visits), 'value')}"
    if search.found is not None:
        whom = " for the simulated model (which measures no LLM)" if simulated else ""
        return (
            f"Set {in_words(setting(knobs, search.found))}{whom}: {_rate(search, search.found)}, in the band "
            f"({search.band}) with a chance of at least {level(search.confidence)}; found with {spent}."
        )
    unseen = math.prod(search.sizes) - len(search.visits)
    never = f"; {counted(unseen, 'value')} never sampled" if unseen else ""
    parts = [f"No value is known to be in the band ({search.band}) at {level(search.confidence)} after {spent}{never}"]
    parts += [
        f"{name}: {_listed([in_words(setting(knobs, place)) for place in places])}"
        for name, decision in (("too easy", Decision.TOO_EASY), ("too hard", Decision.TOO_HARD))
        if (places := [place for place, visit in search.visits.items() if visit.decision(search.band) is decision])
    ]
    return ". ".join(part[0].upper() + part[1:] for part in [*parts, *_open(search, knobs, unseen)]) + "."


def _open(search: Search, knobs: Sequence[SearchedKnob], unseen: int) -> Iterator[str]:
    """What is not known, and what would settle it."""
    place = search.nearest()
    words = in_words(setting(knobs, place))
    visit = search.visits[place]
    yield f"nearest to the band: {words}, {_rate(search, place)}, {visit.decision(search.band).value}"
    if visit.decision(search.band) is Decision.UNDECIDED:
        error = 1 - visit.sequence.confidence
        rate = visit.passed / visit.runs if visit.runs else 0.0
        needed = runs_to_be_sure(rate, search.band, 1 - 2 * error, Plan(stopped=True)) if rate in search.band else None
        more = max(needed - visit.runs, search.batch) if needed else None
        about = f"about {counted(more, 'more run')}" if more else "many more runs"
        budget = f" (hydra.sweeper.max_runs={search.spent + more:,})".replace(",", "") if more else ""
        yield f"{about} there would settle it if the rate stays the same{budget}"
        yield "the same search again goes on from the runs at hand"
    elif unseen:
        yield "the values that were never sampled are ruled out by a guess only: list some to have them sampled"
    else:
        yield "all values are decided: give others, between two that are too easy and too hard if there are any"


def _rate(search: Search, place: GridPoint) -> str:
    visit = search.visits[place]
    return f"{visit.passed} of {visit.runs} pass ({range_text(search.interval(place))}, holds at every look)"


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words[:MOST_NAMED]) + (f" and {len(words) - MOST_NAMED} more" if len(words) > MOST_NAMED else "")


def facts(
    search: Search, knobs: Sequence[SearchedKnob], path: Sequence[str], *, simulated: bool = False
) -> dict[str, Any]:
    """As `find.json` has it."""
    return {
        "version": VERSION,
        "band": asdict(search.band),
        "confidence": search.confidence,
        "knobs": [asdict(knob) for knob in knobs],
        "decided": search.found is not None,
        "setting": None if search.found is None else setting(knobs, search.found),
        "nearest": setting(knobs, search.nearest()) if search.visits else None,
        "simulated": simulated,
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
                "guess": round(search.guess(place), 4),
            }
            for place, visit in search.visits.items()
        ],
        "path": list(path),
        "conclusion": conclusion(search, knobs, simulated=simulated) if search.visits else None,
    }


def write_finding(
    folder: Path, search: Search, knobs: Sequence[SearchedKnob], path: Sequence[str], *, simulated: bool = False
) -> None:
    """Write `find.json` into the search's directory."""
    text = json.dumps(facts(search, knobs, path, simulated=simulated), indent=1, ensure_ascii=False) + "\n"
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
