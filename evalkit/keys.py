"""What a conversation, and what a measurement, can depend on: the parts of their keys."""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

from evalkit.config import Config
from evalkit.model.api import Model
from evalkit.output import versions
from evalkit.store import Key, digest
from evalkit.task import Spec, Task
from evalkit.tool import Tool, definition


def run_seed(seed: int, run: int) -> int:
    """The seed of everything random in one run: 63 bits, from the launch's seed and the run's number."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{run}".encode()).digest()[:8], "big") >> 1


def spec_of(task: Task, config: Config, run: int) -> Spec:
    """The problem of a run."""
    return task.spec(run_seed(config.runs.seed, run))


def rollout_key(config: Config, task: Task, model: Model) -> Key:
    """The key of a cell's rollouts. Tolerances, band, counts and clippable limits are no part of it.

    Prompts may differ from run to run: the key holds the first run's, and a rollout is used only after its own
    prompt was compared (`store.same_question`).
    """
    spec = spec_of(task, config, 1)
    sandbox = asdict(config.sandbox)
    for invisible in ("pool", "level", "allow_weak"):
        sandbox.pop(invisible, None)
    return Key(
        {
            "prompt": spec.prompt,
            "system": getattr(spec, "system", ""),
            "tools": [_tool(tool) for tool in spec.tools],
            "files": {name: hashlib.sha256(data).hexdigest() for name, data in _files(spec).items()},
            "agent": asdict(config.agent),
            "model": dict(model.identity),
            "sandbox": sandbox,
            "tool_timeout_s": config.limits.tool_timeout_s,
            "timeout_s": config.limits.timeout_s,
            "versions": {name: versions()[name] for name in ("python", "numpy", "torch")},
            "seed": config.runs.seed,
        }
    )


def measurement_key(config: Config, task: Task) -> str:
    """Digest of what a measurement can depend on besides the answer: the grader's code and the knobs it can see."""
    seen = {name: value for name, value in config.task.items() if name not in task.judged_by}
    return digest({"task": seen, "code": code_digest(task), "seed": config.runs.seed})[:12]


@cache
def _source_digest(folder: Path) -> str:
    sources = sorted(path for path in folder.rglob("*.py") if "solutions" not in path.relative_to(folder).parts)
    text = "".join(f"{path.relative_to(folder)}\n{path.read_text(encoding='utf-8')}\n" for path in sources)
    return hashlib.sha256(text.encode()).hexdigest()


def code_digest(task: Task) -> str:
    """Digest of all Python files in the task's folder, its solutions apart."""
    return _source_digest(Path(inspect.getfile(type(task))).parent)


def _tool(tool: Tool) -> dict[str, Any]:
    """A tool as the model sees it, how it is set up, and the code behind it."""
    kind = type(tool)
    set_up: dict[str, Any] = asdict(tool) if is_dataclass(tool) and not isinstance(tool, type) else {}
    file = getattr(sys.modules.get(kind.__module__), "__file__", None)
    code = Path(file).read_text(encoding="utf-8") if file else ""
    return {"definition": definition(tool), "set_up": digest(set_up), "code": digest(code)}


def _files(spec: Spec) -> Mapping[str, bytes]:
    return getattr(spec, "files", {})
