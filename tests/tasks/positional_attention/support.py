"""What the tests of positional_attention share: tasks from the shipped configs, right answers, and their variants."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

from evalkit_tasks.positional_attention import FOLDER, Config, Task
from omegaconf import OmegaConf

from evalkit import Attempt, GradingContext, Problem
from evalkit.audit.labelled_solutions import Solution, solutions
from evalkit.config.search_path import bundled
from evalkit.task.grade import Grade, Measurement
from evalkit.task.registry import build_config, load_task

CONFIGS = ("positional_attention", "positional_attention_textbook", "positional_attention_strict")

PUBLISHED_VARIANTS = (
    (),
    ("values_from=values",),
    ("mask=future",),
    ("values_from=values", "mask=future"),
    ("position_encoding=none",),
    ("position_encoding=sinusoidal",),
    ("residual=true",),
    ("layer_norm=true",),
    ("residual=true", "layer_norm=true"),
    ("heads=[{qk: 2, v: 1}, {qk: 1, v: 2}]",),
    ("heads=[{qk: 3, v: 3}]",),
    ("heads=[{qk: 1, v: 1}, {qk: 1, v: 1}, {qk: 1, v: 1}]",),
)
"""Every knob that the model can see, on the published numbers."""
SEEDED_VARIANTS = (
    (),
    ("sequence_length=2",),
    ("sequence_length=9", "heads=[{qk: 3, v: 2}, {qk: 2, v: 3}]", "position_encoding=sinusoidal"),
    ("heads=[{qk: 1, v: 3}, {qk: 2, v: 1}, {qk: 3, v: 2}]", "residual=true", "layer_norm=true", "mask=future"),
    ("position_encoding=none", "values_from=values"),
    ("sequence_length=40", "heads=[{qk: 6, v: 6}]"),
)
"""The same on fresh numbers."""


def make_task(name: str = "positional_attention", *overrides: str) -> Task:
    """The task of a shipped config, with `knob=value` overrides, built as a launch builds it."""
    return load_task(_node(name, *overrides))


def make_config(name: str = "positional_attention", *overrides: str) -> Config:
    """The typed config of the same."""
    return build_config(Task, _node(name, *overrides))


def _node(name: str, *overrides: str) -> dict[str, Any]:
    layers = ["positional_attention"] + [name] * (name != "positional_attention")
    nodes = [OmegaConf.load(bundled("conf") / "task" / f"{layer}.yaml").task for layer in layers]
    return OmegaConf.to_container(OmegaConf.merge(*nodes, OmegaConf.from_dotlist(list(overrides))))


def right_answer(spec: Any) -> dict[str, Any]:
    """The reference as it would be submitted."""
    return {key: matrix.tolist() for key, matrix in spec.exact.items()} | {"causal_mask_applied": True}


def shifted(answer: Mapping[str, Any], **errors: float) -> dict[str, Any]:
    """A copy with one entry of each named matrix off by so much. The entry lies where no mask of this task removes."""
    answer = copy.deepcopy(dict(answer))
    for key, error in errors.items():
        answer[key][-1][-1] += error
    return answer


async def measured(task: Task, answer: Any, seed: int = 0) -> Measurement:
    """The measurement of one submission; this grader needs no sandbox."""
    return await task.measure(Attempt(answer), task.spec(Problem.seeded(seed)), GradingContext(None))  # type: ignore[arg-type]


async def graded(task: Task, answer: Any, seed: int = 0) -> Grade:
    """The grade of one submission."""
    return task.grade(await measured(task, answer, seed))


def labels(solution: Solution) -> dict[str, str]:
    """The `# name: value` comments that a solution starts with."""
    found = {}
    for line in solution.source.splitlines():
        name, colon, value = line.removeprefix("# ").partition(": ")
        if not line.startswith("# ") or not colon or " " in name:
            break
        found[name] = value
    return found


def programs(kind: str) -> list[Solution]:
    """The solutions of one kind: correct, wrong or exploits."""
    return [solution for solution in solutions(FOLDER) if solution.kind == kind]


def answer_of(solution: Solution, spec: Any) -> Any:
    """What a program of ours answers, run in this process: not for exploits."""
    names: dict[str, Any] = {"__name__": solution.name}
    exec(compile(solution.source, solution.id, "exec"), names)
    return json.loads(json.dumps(names["answer"](spec.facts)))
