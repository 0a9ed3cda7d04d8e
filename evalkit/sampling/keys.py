"""Keys of rollouts and measurements: digests of everything that they can depend on."""

from __future__ import annotations

import hashlib
import inspect
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from evalkit.config.schema import Config, SandboxConfig
from evalkit.config.search_path import NAMESPACE, folders
from evalkit.model.protocol import Model
from evalkit.model.providers import MODELS
from evalkit.rollout.record import Rollout
from evalkit.sampling.agent import begin
from evalkit.sampling.problem_set import ProblemSet
from evalkit.sampling.reminders import reminders
from evalkit.sampling.store import Key, digest
from evalkit.sandbox.providers import SANDBOXES
from evalkit.task import author_code, grade, kinds
from evalkit.task.object_descriptions import Describer, common
from evalkit.task.optional_parts import definition, files_of, folder_of, preload_of, system_of
from evalkit.task.problem import Problem
from evalkit.task.protocol import Spec, Task
from evalkit.task.source_files import Sources, kind_sources, module_sources, package_version, sources
from evalkit.task.tool_code import data_files, reached
from evalkit.task.tools import OWN
from evalkit.util.file_digests import file_digest
from evalkit.util.versions import versions


def rollout_key(config: Config, task: Task, model: Model, problems: ProblemSet) -> Key:
    """The key of a cell's rollouts. Tolerances, band, counts and clippable limits are not part of it.

    Prompts, files and the set-up of tools may differ from run to run: the key holds the first run's, and a rollout is
    used only after its own were compared (`question`, `store.same_question`). A set of problems leaves prompts and
    files to that comparison altogether, so that it can grow.
    """
    spec = author_code.spec_for(task, problems.origin)
    return Key(
        ({} if problems.several else {"prompt": spec.prompt, "files": _files(spec)})
        | {
            "system": system_of(spec),
            "tools": [definition(tool) for tool in spec.tools],
            "behind_tools": _behind(task, problems.origin, spec),
            "agent": _agent(config, spec),
            "model": {**_identity(config, task, model, problems), **_provided(MODELS.package_of(config.model.kind))},
            "sandbox": _sandbox(config.sandbox),
            "tool_timeout_s": config.limits.tool_timeout_s,
            "timeout_s": config.limits.timeout_s,
            "versions": {name: versions()[name] for name in ("python", "numpy", "torch")},
            "seed": config.runs.seed,
        }
    )


def _agent(config: Config, spec: Spec) -> dict[str, Any]:
    nudges, nudge = reminders(config.agent, spec)
    return asdict(config.agent) | {"nudges": nudges, "nudge": nudge}


def _identity(config: Config, task: Task, model: Model, problems: ProblemSet) -> dict[str, Any]:
    """What the model is. Scripts of a set differ from problem to problem: what makes them stands for them."""
    identity = dict(model.identity)
    if problems.several and config.model.kind in ("simulated", "oracle"):
        identity["script"] = grader_digest(config, task)[:16]
    return identity


def _sandbox(config: SandboxConfig) -> dict[str, Any]:
    """What programs can feel of where they run; the mechanism of evalkit's own levels they cannot."""
    invisible = {"pool", "level", "allow_weak"} | ({"provider", "options"} if config.provider == "local" else set())
    seen = {name: value for name, value in asdict(config).items() if name not in invisible}
    return seen | _provided(SANDBOXES.package_of(config.provider))


def _provided(package: str) -> dict[str, str]:
    """The package that a provider comes from, and its version; nothing for evalkit's own."""
    return {"provided_by": package} if package else {}


def measurement_key(config: Config, task: Task, files: TaskFiles | None = None) -> str:
    """Digest of what a measurement can depend on besides the answer: the grader, and the knobs it can see."""
    parts = {
        "task": _seen(config, task),
        "code": grader_digest(config, task, files),
        "versions": grader_versions(config, task, files),
        "seed": config.runs.seed,
    }
    if config.sandbox.provider != "local":
        parts["sandbox"] = _sandbox(config.sandbox)
    return digest(parts)[:12]


def _seen(config: Config, task: Task) -> dict[str, Any]:
    return {name: value for name, value in config.task.items() if name not in task.graded_by}


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
    if kinds.kind_of_node(config.task) is not None:
        return kind_sources(Path(kinds.__file__).parent, folder_of(task) or Path(), knobs)
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
    return digest({"files": found.files, "evalkit": file_digest(Path(inspect.getfile(grade)))})


def grader_versions(config: Config, task: Task, files: TaskFiles | None = None) -> dict[str, str]:
    """Versions of what grades besides that: evalkit, Python, and the installed packages that the task imports."""
    found = (files or TaskFiles()).of(config, task)
    own = {name: versions()[name] for name in ("evalkit", "python", "numpy", "torch")}
    return own | {name: package_version(name) for name in sorted(found.packages) if name not in own}


def question(task: Task, problems: ProblemSet, run: int, spec: Spec | None = None) -> Rollout:
    """A run before its first turn: what its model is shown, and digests of what it is not shown but can feel.

    `spec`: of its problem, where it is known already.
    """
    problem = problems.problem(run)
    spec = spec or author_code.spec_for(task, problem)
    return replace(begin(run, spec), files=_files(spec), set_up=digest(_set_up(task, problem, spec)[0])[:16])


def _files(spec: Spec) -> dict[str, str]:
    return {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files_of(spec).items())}


def _set_up(task: Task, problem: Problem, spec: Spec) -> tuple[Any, Describer]:
    """How the tools of a problem are set up, and what was met in describing them.

    A task with tools of its own is asked twice: what differs between two specs of one problem (a time, a random number)
    is an accident.
    """
    unseen = getattr(task, "Config", object), task.graded_by
    places = {str(folder): "tasks" for folder in folders("tasks")}
    one, other = Describer(places, unseen), Describer(places, unseen)
    described = [[one(tool) for tool in spec.tools], one.classes]
    if not all(type(tool) in OWN for tool in spec.tools):
        again = author_code.spec_for(task, problem)
        described = common(described, [[other(tool) for tool in again.tools], other.classes])
    return described, one


def _preloaded(spec: Spec) -> set[str]:
    """Packages that programs find in memory, but for those whose version every key holds."""
    return {name.partition(".")[0] for tool in spec.tools for name in preload_of(tool)} - {"numpy", "torch"}


def _behind(task: Task, problem: Problem, spec: Spec) -> dict[str, str]:
    """What stands behind tools: their set-up, their code, the data that it may read, and what it builds on."""
    described, met = _set_up(task, problem, spec)
    found = reached(met.code.values())
    return {
        "set_up": digest(described),
        "code": digest([found.code, found.values]),
        "data": digest(data_files(found, met.paths)),
        "packages": digest({name: package_version(name) for name in found.packages | _preloaded(spec)}),
    }
