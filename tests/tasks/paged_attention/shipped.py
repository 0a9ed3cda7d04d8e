"""What the tests read from the shipped folders: configs, solutions, and a submission's grade in one call."""

from pathlib import Path

import yaml

from evalkit import Attempt, GradingContext, Problem
from evalkit.config import search_path
from evalkit.task.registry import load_task

SOLUTIONS = search_path.bundled("tasks") / "paged_attention" / "solutions"
CONFIGS = search_path.bundled("conf") / "task"
VARIANTS = sorted(path.stem for path in CONFIGS.glob("paged_attention*.yaml"))


def make(config="paged_attention", **knobs):
    """The task of a shipped config; nested knobs are given as dictionaries."""
    node = yaml.safe_load((CONFIGS / "paged_attention.yaml").read_text())["task"]
    own = yaml.safe_load((CONFIGS / f"{config}.yaml").read_text())["task"]
    for changes in (own, knobs):
        for key, value in changes.items():
            node[key] = {**node[key], **value} if isinstance(value, dict) else value
    return load_task(node)


def solution(kind, name):
    return (SOLUTIONS / kind / f"{name}.py").read_text(encoding="utf-8")


def paths(kind):
    found = sorted((SOLUTIONS / kind).glob("*.py"))
    assert found, f"no solutions in {SOLUTIONS / kind}"
    return found


def header(path: Path) -> dict[str, str]:
    """The `# key: value` lines that a solution starts with."""
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("# ") or ": " not in line:
            break
        key, value = line[2:].split(": ", 1)
        found[key] = value
    return found


def oracle_source(task, spec):
    return task.oracle(spec).turns[-1].calls[0]["input"]["answer"]


async def grade(task, answer, sandbox, seed=0):
    return task.grade(await task.measure(Attempt(answer), task.spec(Problem.seeded(seed)), GradingContext(sandbox)))
