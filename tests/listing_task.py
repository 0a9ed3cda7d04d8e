"""A task with thresholds in every direction: a list needs enough items, few repeats and a sum between two bounds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from evalkit.config import search_path

SOURCE = """
from dataclasses import dataclass

from evalkit import Grade, Measurement, SubmitAnswer, at_least, at_most, between, submitting


@dataclass
class Tolerances:
    items: int
    repeats: float
    low: float
    high: float


@dataclass
class Config:
    name: str
    tolerances: Tolerances


class Spec:
    prompt = "List numbers."
    answer_schema = {"type": "array"}
    tools = (SubmitAnswer(answer_schema),)


class Task:
    Config = Config
    title = "A list"
    categories = {"too_few": "Too few", "repeated": "Repeated", "unbalanced": "Unbalanced"}
    graded_by = ("tolerances",)
    # declared

    def __init__(self, config):
        self.config = config

    def spec(self, problem):
        return Spec()

    async def measure(self, attempt, spec, context):
        answer = attempt.answer
        return Measurement({"items": len(answer), "repeats": len(answer) - len(set(answer)), "sum": sum(answer)})

    def grade(self, measurement):
        found, bounds = measurement.values, self.config.tolerances
        return Grade.of(
            [
                at_least(found["items"], bounds.items, knob="tolerances.items", category="too_few"),
                at_most(found["repeats"], bounds.repeats, knob="tolerances.repeats", category="repeated"),
                between(
                    found["sum"],
                    bounds.low,
                    bounds.high,
                    knobs=("tolerances.low", "tolerances.high"),
                    category="unbalanced",
                ),
            ]
        )

    def oracle(self, spec):
        return submitting([-4, -3, -2, -1, 1, 2, 3, 4])

    def agents(self, spec):
        return [submitting([n - size // 2 for n in range(size)], name=f"of {size}") for size in range(1, 13)]
"""
_numbers = count()
TOLERANCES = {"items": 6, "repeats": 0, "low": -4.5, "high": 7}
BY_HAND = "        return Grade.of("


@contextmanager
def listing_task(root: Path, *replacements: str) -> Iterator[dict[str, Any]]:
    """Its `task` node, while `root` is the current directory. `replacements`: old, new, old, new … of its source."""
    source, name = SOURCE, f"listing_{next(_numbers)}"
    for old, new in zip(replacements[::2], replacements[1::2], strict=True):
        assert old in source
        source = source.replace(old, new)
    folder = root / "tasks" / name
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(source)
    bounds = ", ".join(f"{knob}: {value}" for knob, value in TOLERANCES.items())
    (root / "conf" / "task").mkdir(parents=True, exist_ok=True)
    (root / "conf" / "task" / f"{name}.yaml").write_text(
        f"# @package _global_\ntask:\n  name: {name}\n  tolerances: {{{bounds}}}\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.delenv("EVALKIT_PATH", raising=False)
        search_path.expose()
        yield {"name": name, "tolerances": dict(TOLERANCES)}
