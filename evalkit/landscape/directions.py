"""Which way a threshold loosens, and the line of its values from the strictest to the loosest."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from evalkit.landscape.thresholds import LARGEST, KnobGrader
from evalkit.task.grade import Direction, Grade, Measurement
from evalkit.task.optional_parts import directions_of
from evalkit.util.errors import TaskError


@dataclass(frozen=True)
class Line:
    """The values of one knob as places that ascend from strict to loose.

    Of a knob that loosens downwards (`at_least`) a place is the negative of its value, else it is the value. So
    everything that inverts a curve or searches a threshold knows ascending places only.
    """

    low: float
    high: float
    """Places: all values that the task's constructor accepts."""
    falling: bool = False
    signed: bool = False
    """Whether values may be 0 and negative."""

    def turned(self, number: float) -> float:
        """The place of a value, or the value at a place."""
        return turned(number) if self.falling else number

    def hints(self, grades: Iterable[Grade]) -> list[float]:
        """Places at which a verdict may change: each checked value with its neighbours."""
        checks = (check for grade in grades for check in grade.checks)
        values = {float(check.value) for check in checks if check.value is not None and abs(check.value) < LARGEST}
        near = {end for value in values for end in neighbours(self.turned(value))}
        return sorted(place for place in near if self.low <= place <= self.high)


def turned(number: float) -> float:
    """Negated, but for 0, which stays positive."""
    return 0.0 - number


def neighbours(number: float) -> tuple[float, float, float]:
    """The number between the next smaller and the next larger one."""
    return math.nextafter(number, -math.inf), number, math.nextafter(number, math.inf)


def line_of(grader: KnobGrader, index: int, measurements: Sequence[Measurement]) -> Line:
    """The line of one knob, the others as configured.

    Its direction is what the task's `directions` say, or else the checks of a grade that name the knob, or else what
    grades at both ends show; where none of them tells, a larger value is looser.
    """
    said = _declared(grader, index) or _checked(grader, index, measurements)
    falling = said == "at_least" or (said is None and _shown_falling(grader, index, measurements))
    signed = said is not None or falling or not float(grader.values()[index]) > 0
    low, high = grader.domain(index, signed=signed)
    return Line(turned(high), turned(low), falling, signed) if falling else Line(low, high, falling, signed)


def _declared(grader: KnobGrader, index: int) -> Direction | None:
    return directions_of(grader.task(grader.values())).get(_name(grader, index))


def _name(grader: KnobGrader, index: int) -> str:
    return grader.knobs[index].removeprefix("task.")


def _checked(grader: KnobGrader, index: int, measurements: Sequence[Measurement]) -> Direction | None:
    name, values = _name(grader, index), grader.values()
    for measurement in measurements:
        grade = _grade(grader, values, measurement)
        for check in grade.checks if grade else ():
            if check.knob == name and check.direction is not None:
                return check.direction
    return None


def _shown_falling(grader: KnobGrader, index: int, measurements: Sequence[Measurement]) -> bool:
    """Whether the first submission whose verdict differs between the ends of the knob passes at the lower one."""
    values, ends = grader.values(), grader.domain(index)
    if isinstance(values[index], int):
        ends = math.ceil(ends[0]), math.floor(ends[1])
    for measurement in measurements:
        grades = [_grade(grader, (*values[:index], end, *values[index + 1 :]), measurement) for end in ends]
        low, high = (grade is not None and grade.passed for grade in grades)
        if low != high and all(grades):
            return low
    return False


def _grade(grader: KnobGrader, values: Sequence[float], measurement: Measurement) -> Grade | None:
    """None where `grade` raises: whoever maps or counts says so."""
    try:
        return grader(values, measurement)
    except TaskError:
        return None
