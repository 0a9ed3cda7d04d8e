"""Thresholds of each rollout: the smallest limits and tolerances under which it passes. Pure."""

from __future__ import annotations

import copy
import math
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise, product
from typing import Any

from evalkit.results.runs import Run
from evalkit.rollout.limits import BEFORE_AN_ANSWER, unclear
from evalkit.rollout.record import Ending, Rollout, Turn
from evalkit.task.author_faults import blamed, from_outside, task_error
from evalkit.task.grade import Grade, Measurement
from evalkit.task.protocol import Task
from evalkit.task.registry import build_config, plugin_of
from evalkit.task.returned_values import checked_grade
from evalkit.util import dotted
from evalkit.util.errors import UserError

LARGEST = float(2**1023)
SMALLEST = 5e-324
"""Tolerances are positive and finite: the ends of the line that is searched."""

Box = tuple[tuple[int, int], ...]
"""A half-open range of indices for every axis."""


@dataclass(frozen=True)
class Reach:
    """The smallest limits under which `clip` keeps a rollout up to its end. Infinite: no limit is enough."""

    max_tokens: float
    max_tokens_per_turn: float
    max_steps: float

    def of(self, knob: str) -> float:
        """By the knob's name: `limits.max_tokens` or `max_tokens`."""
        found: float = getattr(self, knob.removeprefix("limits."))
        return found


NEVER = Reach(math.inf, math.inf, math.inf)

Gap = tuple[Reach, Reach | None]
"""Limits from the first reach on, but short of the second: something else is true there. None: it never ends."""


@dataclass
class Path:
    """What `clip` needs to get past every turn, up to the submission if there is one, and to a call that failed."""

    rollout: Rollout
    tokens: float = 0.0
    spent: int = 0
    widest: int = 1
    steps: int = 0
    unknown: list[Gap] = field(default_factory=list)
    """Where nobody knows how the rollout would have ended."""
    errors: list[Gap] = field(default_factory=list)
    """Where it is an error, because a limit of tokens cannot hold."""

    @property
    def here(self) -> Reach:
        """The limits that are needed so far."""
        return Reach(self.tokens, self.widest, self.steps)

    def walk(self) -> Reach:
        """The limits from which on the rollout is what it is on record."""
        for turn in self.rollout.turns:
            self._call()
            if turn.cut_tokens is not None or turn.counted > turn.max_tokens:
                self._cut(turn)
                return NEVER
            self._answered(turn)
            if turn.submission:
                return self.here
            if turn.uncounted and (self.steps < self.rollout.steps or self._goes_on):
                self.errors.append((self.here, Reach(math.inf, self.widest, self.steps)))
                self.tokens = math.inf
        if self.rollout.ending is Ending.ERROR and self._goes_on:
            self._call()
        elif self.rollout.ending in (Ending.CONTEXT_LIMIT, Ending.UNKNOWN) and self._goes_on:
            self._refused()
        return self.here

    @property
    def _goes_on(self) -> bool:
        return self.rollout.ending in BEFORE_AN_ANSWER and self.rollout.asks_for_more

    def _call(self) -> None:
        """One more call, which needs at least one token left."""
        self.tokens, self.steps = max(self.tokens, self.spent + 1), self.steps + 1

    def _allow(self, tokens: int) -> None:
        self.tokens, self.widest = max(self.tokens, self.spent + tokens), max(self.widest, tokens)

    def _cut(self, turn: Turn) -> None:
        """A response that every limit cuts."""
        if not turn.more_follows or (turn.cut_tokens is not None and self.rollout.ending is not Ending.UNKNOWN):
            if self.rollout.ending is Ending.UNKNOWN:
                self._allow(turn.counted)
                self.unknown.append((self.here, None))
            return
        start = self.here
        self._allow(turn.max_tokens)
        self.unknown.append((start, None if turn.cut_tokens is not None else self.here))

    def _answered(self, turn: Turn) -> None:
        """A response that is whole where its tokens fit; the mirror of `limits.unclear`."""
        start = self.here
        self._allow(turn.counted)
        if turn.more_follows:
            self.unknown.append((start, self.here))
        if unclear(self.rollout, turn, turn.counted):
            start = self.here
            self._allow(turn.max_tokens)
            self.unknown.append((start, self.here))
        self.spent += turn.counted

    def _refused(self) -> None:
        """A call that was refused because the context is full; asked for less, it might have been answered."""
        self._call()
        start = self.here
        if self.rollout.ending is Ending.UNKNOWN:
            self.unknown.append((start, None))
        elif self.rollout.unfit is None:
            self.unknown.append((start, Reach(math.inf, math.inf, self.steps)))
        else:
            self._allow(self.rollout.unfit)
            self.unknown.append((start, self.here))


@dataclass(frozen=True)
class Trial:
    """What the landscape depends on, of one run under the largest limits.

    Below `reach` a run is a failure: its rollout was cut; in a gap it is an error, or nobody knows. From `reach` on it
    is what it was under the largest limits: graded by its measurement, an error that is left out of the rate, or a
    failure without a submission.
    """

    run: int
    reach: Reach
    measurement: Measurement | None = None
    error: bool = False
    errors: tuple[Gap, ...] = ()
    unknown: tuple[Gap, ...] = ()

    @classmethod
    def as_it_stands(cls, run: Run) -> Trial:
        """A run of a task that grades files however it ends: true under the very limits that it was graded under."""
        here, unknown = Reach(1, 1, 1), run.rollout.ending is Ending.UNKNOWN
        error = run.grade is None and not unknown
        return cls(run.number, here, run.measurement, error, unknown=((here, None),) if unknown else ())

    @classmethod
    def of(cls, run: Run) -> Trial:
        """A run that was graded under limits which dominate those of every cell in question."""
        submitted = run.rollout.submission is not None
        error = run.grade is None and (submitted or run.rollout.ending is Ending.ERROR)
        path = Path(run.rollout)
        needed = path.walk()
        measurement = run.measurement if submitted and not error else None
        return cls(run.number, needed, measurement, error, tuple(path.errors), tuple(path.unknown))


class KnobGrader:
    """Judges measurements under any values of some tolerance knobs; every other knob is as in `node`."""

    def __init__(self, node: Mapping[str, Any], knobs: Sequence[str] = ()) -> None:
        """`node`: the `task` node of a config. `knobs`: full names such as `task.tolerances.output`."""
        self.knobs = tuple(knobs)
        self._plugin = plugin_of(node)
        self._config = build_config(self._plugin, node)
        self._names = [knob.removeprefix("task.") for knob in knobs]
        self._task = lru_cache(maxsize=4096)(self.task)

    def __call__(self, values: Sequence[float], measurement: Measurement) -> Grade:
        """The grade under these values of the knobs, in their order.

        Raises `UserError` where the task refuses one, `TaskError` where its code fails.
        """
        task = self._task(tuple(values))
        with blamed("the task's grade", task.grade):
            grade: Any = task.grade(measurement)
            return grade if isinstance(grade, Grade) else checked_grade(grade, None)

    def task(self, values: tuple[float, ...]) -> Task:
        """The task under these values. Raises `UserError` where it refuses one."""
        config = copy.deepcopy(self._config)
        for name, value in zip(self._names, values, strict=True):
            dotted.put(config, name, value)
        try:
            return self._plugin(config)
        except UserError:
            raise
        except BaseException as error:
            if from_outside(error):
                raise
            raise task_error("the task's constructor", error) from error

    def values(self) -> tuple[Any, ...]:
        """What the config says for every knob."""
        return tuple(dotted.get(self._config, name) for name in self._names)

    def domain(self, index: int, *, signed: bool = False) -> tuple[float, float]:
        """The smallest and largest value of one knob that the task's constructor accepts, the others as configured.

        `signed`: 0 and negative values count too.
        """
        values = self.values()

        def accepts(value: float) -> bool:
            try:
                self.task((*values[:index], value, *values[index + 1 :]))
            except UserError:
                return False
            return True

        here = float(values[index])
        least = -LARGEST if signed else SMALLEST
        low = least if accepts(least) else _edge(accepts, here, least)
        return low, LARGEST if accepts(LARGEST) else _edge(accepts, here, LARGEST)


class NotMonotoneError(Exception):
    """A looser tolerance turned a pass into a failure: the task's `grade` breaks its contract."""


def breakpoints(grades: Iterable[Grade]) -> list[float]:
    """Tolerances at which a verdict may change, ascending: each checked value, and the next number above it.

    Only a hint that makes searching fast: whatever is found is verified by grading.
    """
    values = {float(check.value) for grade in grades for check in grade.checks if check.value is not None}
    fine = [value for value in values if 0 <= value < LARGEST]
    return sorted(
        {max(SMALLEST, candidate) for value in fine for candidate in (value, math.nextafter(value, math.inf))}
    )


def critical(
    passes: Callable[[float], bool],
    hints: Iterable[float] = (),
    smallest: float = SMALLEST,
    largest: float = LARGEST,
) -> float:
    """The smallest float from `smallest` to `largest` that passes, exactly; infinite if none does.

    `passes` must be monotone: false below some point, true from there on. Bisects over the hints first, then over
    the representable numbers between the two that remain, so at most 64 calls more.
    """
    if not passes(largest):
        return math.inf
    if passes(smallest):
        return smallest
    failing, passing = smallest, largest
    points = sorted(point for point in set(hints) if smallest < point < largest)
    while points:
        middle = len(points) // 2
        if passes(points[middle]):
            passing, points = points[middle], points[:middle]
        else:
            failing, points = points[middle], points[middle + 1 :]
    below = math.nextafter(passing, -math.inf)
    if failing < below and not passes(below):
        return passing
    low, high = _ordinal(failing), _ordinal(passing)
    while high - low > 1:
        middle = (low + high) // 2
        if passes(_float(middle)):
            high = middle
        else:
            low = middle
    return _float(high)


def passing_boxes(passes: Callable[[tuple[int, ...]], bool], cuts: Sequence[Sequence[int]]) -> list[Box]:
    """Where a monotone verdict passes on a grid: disjoint boxes, exactly, with as few calls as its shape allows.

    `cuts`: for every axis the ascending indices 0 … size at which the grid is divided first. In a box whose lowest
    corner passes everything passes, and where the highest fails everything fails; only mixed boxes are divided
    further. With cuts at the true breakpoints no box is mixed.
    Raises `NotMonotoneError` where a box passes at its lowest corner and not at its highest.
    """
    found: list[Box] = []
    open_boxes: list[Box] = list(product(*(tuple(pairwise(axis)) for axis in cuts)))
    while open_boxes:
        box = open_boxes.pop()
        lowest, highest = tuple(low for low, _ in box), tuple(high - 1 for _, high in box)
        if passes(lowest):
            if lowest != highest and not passes(highest):
                raise NotMonotoneError
            found.append(box)
        elif lowest != highest and passes(highest):
            open_boxes.extend(_halves(box))
    return found


def _halves(box: Box) -> list[Box]:
    axis = max(range(len(box)), key=lambda n: box[n][1] - box[n][0])
    low, high = box[axis]
    middle = (low + high) // 2
    return [(*box[:axis], half, *box[axis + 1 :]) for half in ((low, middle), (middle, high))]


def _ordinal(value: float) -> int:
    """Positive floats in order of size are their bit patterns in order of size; negative ones are their mirror."""
    number: int = struct.unpack("<q", struct.pack("<d", abs(value)))[0]
    return -number if value < 0 else number


def _float(ordinal: int) -> float:
    value: float = struct.unpack("<d", struct.pack("<q", abs(ordinal)))[0]
    return -value if ordinal < 0 else value


def _edge(accepts: Callable[[float], bool], good: float, bad: float) -> float:
    inside, outside = _ordinal(good), _ordinal(bad)
    while abs(outside - inside) > 1:
        middle = (inside + outside) // 2
        if accepts(_float(middle)):
            inside = middle
        else:
            outside = middle
    return _float(inside)
