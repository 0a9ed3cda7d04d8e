"""What a conversation, and what a measurement, can depend on: the parts of their keys."""

from __future__ import annotations

import hashlib
import inspect
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

from evalkit import authored, grading
from evalkit.config import Config
from evalkit.model.api import Model
from evalkit.output import versions
from evalkit.plugins import NAMESPACE
from evalkit.sources import Sources, module_sources, package_version, sources
from evalkit.store import Key, digest
from evalkit.task import Spec, Task
from evalkit.tool import Tool, definition
from evalkit.trees import file_digest


def run_seed(seed: int, run: int) -> int:
    """The seed of everything random in one run: 63 bits, from the launch's seed and the run's number."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{run}".encode()).digest()[:8], "big") >> 1


def spec_of(task: Task, config: Config, run: int) -> Spec:
    """The problem of a run. Raises `TaskError`."""
    return authored.spec_for(task, run_seed(config.runs.seed, run))


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


def measurement_key(config: Config, task: Task, files: TaskFiles | None = None) -> str:
    """Digest of what a measurement can depend on besides the answer: the grader, and the knobs it can see."""
    parts = {
        "task": _seen(config, task),
        "code": grader_digest(config, task, files),
        "versions": grader_versions(config, task, files),
        "seed": config.runs.seed,
    }
    return digest(parts)[:12]


def _seen(config: Config, task: Task) -> dict[str, Any]:
    return {name: value for name, value in config.task.items() if name not in task.judged_by}


class TaskFiles:
    """The files of tasks as they were at one moment: what was looked at once is not looked at again."""

    def __init__(self) -> None:
        self.taken = time.monotonic()
        """When it was begun: seconds on the clock that never goes back."""
        self._known: dict[str, Sources] = {}

    def of(self, config: Config, task: Task) -> Sources:
        """What the task's grader consists of."""
        knobs = _seen(config, task)
        same = digest([config.task["name"], type(task).__qualname__, knobs])
        if same not in self._known:
            self._known[same] = _sources(config, task, knobs)
        return self._known[same]


def _sources(config: Config, task: Task, knobs: Mapping[str, Any]) -> Sources:
    plugin = sys.modules.get(f"{NAMESPACE}.{config.task['name']}")
    if plugin is not None and (places := list(plugin.__path__)):
        return sources(Path(places[0]), knobs)
    file = getattr(sys.modules.get(type(task).__module__), "__file__", None)
    return module_sources(Path(file)) if file else Sources()


def grader_digest(config: Config, task: Task, files: TaskFiles | None = None) -> str:
    """SHA-256 of everything that grades: the task's code and data, and evalkit's own help with it.

    docs/decisions/2026-11-27-what-identity-covers.md says what that is. `files`: not to look at files again.
    """
    found = (files or TaskFiles()).of(config, task)
    return digest({"files": found.files, "evalkit": file_digest(Path(inspect.getfile(grading)))})


def grader_versions(config: Config, task: Task, files: TaskFiles | None = None) -> dict[str, str]:
    """Versions of what grades besides that: evalkit, Python, and the installed packages that the task imports."""
    found = (files or TaskFiles()).of(config, task)
    own = {name: versions()[name] for name in ("evalkit", "python", "numpy", "torch")}
    return own | {name: package_version(name) for name in sorted(found.packages) if name not in own}


def _tool(tool: Tool) -> dict[str, Any]:
    """A tool as the model sees it, how it is set up, and the code behind it."""
    kind = type(tool)
    set_up: dict[str, Any] = asdict(tool) if is_dataclass(tool) and not isinstance(tool, type) else {}
    file = getattr(sys.modules.get(kind.__module__), "__file__", None)
    code = Path(file).read_text(encoding="utf-8") if file else ""
    return {"definition": definition(tool), "set_up": digest(set_up), "code": digest(code)}


def _files(spec: Spec) -> Mapping[str, bytes]:
    return getattr(spec, "files", {})
