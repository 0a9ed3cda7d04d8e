"""Finds a task plugin, checks that it is all that `evalkit.Task` asks for, and builds it from its config node.

Every fault is the author's to fix, so every error quotes the author's own definition: file, line and source.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from evalkit.config.search_path import import_task, task_folders
from evalkit.task import base
from evalkit.task.author_faults import from_outside
from evalkit.task.checks import takes, wrong_agents, wrong_files, wrong_patterns, wrong_tools
from evalkit.task.directions import check_thresholds
from evalkit.task.earlier_form import present_form
from evalkit.task.kinds import kind_config, kind_of_node, plugin_of_kind
from evalkit.task.near_misses import near_miss
from evalkit.task.optional_parts import (
    SPEC,
    TASK,
    Part,
    artifacts_of,
    definition,
    files_of,
    misfits,
    needs_submission_of,
    system_of,
)
from evalkit.task.problem import Problem
from evalkit.task.protocol import Spec, Task
from evalkit.task.scripted_agents import ScriptedAgent
from evalkit.util.errors import TaskError, UserError
from evalkit.util.source_quotes import blame, file_of, first_line, quote
from evalkit.util.suggestions import nearest, suggestion

_METHODS = {
    "spec": "def spec(self, problem: Problem) -> Spec",
    "measure": "async def measure(self, attempt: Attempt, spec: Spec, context: GradingContext) -> Measurement",
    "grade": "def grade(self, measurement: Measurement) -> Grade",
    "oracle": "def oracle(self, spec: Spec) -> ScriptedAgent",
    "agents": "def agents(self, spec: Spec) -> Sequence[ScriptedAgent]",
}
_ABSENT = object()
_SPEC_PARTS = {
    "prompt": (str, "the text that the model is asked"),
    "answer_schema": (Mapping, 'the JSON Schema of an answer, such as {"type": "number"}'),
    "tools": (Sequence, "such as (PythonExpression(), SubmitAnswer(self.answer_schema))"),
}


def load_task(node: Mapping[str, Any]) -> Task:
    """The task that a `task` node describes. Raises `UserError` for whatever is wrong with the node or the plugin."""
    name = node.get("name")
    if name is None and isinstance(node.get("task"), Mapping):
        raise UserError(
            "The knobs are in task.task, where nobody looks: make `# @package _global_` the first line of the file "
            "in conf/task/"
        )
    if not isinstance(name, str) or not name:
        raise UserError("task.name is missing: name the folder of tasks/ that holds the plugin")
    plugin = plugin_of(node)
    config = build_config(plugin, node)
    with _refusing(f"Task {name} cannot be built", Path(file_of(plugin)).parent):
        task = plugin(config)
    _check_near_misses(task, TASK)
    check_thresholds(task, node)
    return task


@contextmanager
def _refusing(what: str, folder: Path) -> Iterator[None]:
    """Raise `UserError` for whatever the author's code inside raises, quoting its innermost line in `folder`."""
    try:
        yield
    except UserError:
        raise
    except TaskError as error:
        raise UserError(str(error)) from error
    except BaseException as error:
        if from_outside(error):
            raise
        raise UserError(f"{what}: {blame(error, folder)}") from error


def plugin_of(node: Mapping[str, Any]) -> type[Task]:
    """The checked `Task` class behind a `task` node: a plugin, or one of the shipped kinds. Raises `UserError`."""
    kind = kind_of_node(node)
    return load_plugin(str(node["name"])) if kind is None else plugin_of_kind(kind, node)


@cache
def load_plugin(name: str) -> type[Task]:
    """The checked `Task` class of a plugin.

    Raises `UserError` for a name that no plugin has or two have, and for a plugin that cannot be used.
    """
    found = task_folders().get(name, [])
    if not found:
        raise UserError(
            f"Unknown task {name!r}{suggestion(name, task_folders())} "
            "(evalkit looks for tasks/ in the current directory, in EVALKIT_PATH and where the launch was started; "
            "a task in one YAML file says `kind: answer`)"
        )
    if len(found) > 1:
        places = " and ".join(str(path) for path in found)
        raise UserError(f"Two plugins are called {name!r}, rename one of them: {places}")
    with _refusing(f"Task plugin {name} cannot be imported", found[0]):
        module = import_task(name)
    plugin = getattr(module, "Task", None)
    if not inspect.isclass(plugin):
        likely = next((one for one in vars(module).values() if inspect.isclass(one) and hasattr(one, "measure")), None)
        hint = f" (is it {quote(likely)}?)" if likely else ""
        raise UserError(
            f"Task plugin {name} has no class Task{hint}: define or import one in {found[0] / '__init__.py'}"
        )
    plugin = present_form(plugin)
    _check_parts(name, plugin)
    checked: type[Task] = plugin
    return checked


def check_specs(task: Task, problem: Problem, *, disk_mb: int | None = None, audit: bool = False) -> None:
    """Raise `UserError` where a spec, or what the task makes of it, is not what everybody counts on.

    `disk_mb`: how much a workspace holds. `audit`: also of what only audits read.
    """
    with _refusing(f"{quote(type(task))} fails", Path(file_of(type(task))).parent):
        spec = task.spec(problem)
        _check_near_misses(spec, SPEC)
        check_spec(task, spec, disk_mb=disk_mb)
        _check_kinds(task, "spec", spec, SPEC if audit else ())
        _check_kinds(task, None, task, TASK)
        _check_repeatable(task, spec, task.spec(problem))
        check_agents(task, "oracle", [task.oracle(spec)])
        check_agents(task, "agents", task.agents(spec))


_SEEN = ("system", "files", "artifacts", "needs_submission")
"""Optional parts of a spec on which a rollout hangs; audits alone read the others."""


def check_spec(task: Task, spec: Spec, *, disk_mb: int | None = None) -> None:
    """Raise `UserError` for the first part of a spec that is missing or wrong."""
    if spec is None:
        raise UserError(f"{quote(type(task), 'spec')} returns None: let it return the spec of that problem")
    for part, (kind, want) in _SPEC_PARTS.items():
        if inspect.getattr_static(spec, part, _ABSENT) is _ABSENT:  # a property that fails is there
            if type(spec).__module__ == "builtins":
                gave = f"{quote(type(task), 'spec')} returns {type(spec).__name__}"
                raise UserError(f"{gave}, which has no {part}: let it return the spec of that problem")
            raise UserError(f"{quote(type(spec))} lacks {part}: add a property or attribute, {want}")
        if inspect.ismethod(getattr(spec, part)):
            raise UserError(f"{quote(type(spec), part)} is a method where a value is wanted: put @property above it")
        _returned(task, "spec", part, getattr(spec, part), kind)
    _check_kinds(task, "spec", spec, [part for part in SPEC if part.name in _SEEN])
    if not spec.prompt.strip():
        raise UserError(f"{quote(type(task), 'spec')} gives an empty prompt: say what the model is to do")
    needs = needs_submission_of(spec)
    said = wrong_tools(spec.tools, needs_submission=needs) or wrong_files(files_of(spec), disk_mb)
    if said := said or wrong_patterns(artifacts_of(spec), needs_submission=needs):
        raise UserError(f"{quote(type(task), 'spec')} gives {said}")


def _check_near_misses(owner: object, parts: Sequence[Part]) -> None:
    if found := near_miss(parts, owner):
        name, part = found
        raise UserError(
            f"{quote(type(owner), name)} means nothing: did you mean {part.name} ({part.meaning})? "
            f"If not, give it another name, such as _{name}"
        )


def _check_kinds(task: Task, method: str | None, owner: object, parts: Sequence[Part]) -> None:
    for part, value in misfits(parts, owner):
        where = quote(type(task), method or part.name)
        given = repr(value) if part.choices else type(value).__name__
        raise UserError(f"{where} gives {part.name} as {given}: use {part.wanted}, {part.meaning}")


def _check_repeatable(task: Task, spec: Spec, again: Spec) -> None:
    """A question that is another one each time can neither be kept nor resumed."""
    if _asked(spec) != _asked(again):
        raise UserError(
            f"{quote(type(task), 'spec')} gives another spec the second time, for the same problem: "
            "draw everything from `problem.seed`, such as random.Random(problem.seed)"
        )


def _asked(spec: Spec) -> tuple[Any, ...]:
    """Everything that a model can see of a problem."""
    return (
        spec.prompt,
        system_of(spec),
        [definition(tool) for tool in spec.tools],
        dict(files_of(spec)),
        artifacts_of(spec),
    )


def check_agents(task: Task, method: str, agents: Any) -> None:
    """Raise `UserError` where nobody can play what `oracle` or `agents` gave."""
    if method == "oracle":
        _returned(task, method, "", agents[0], ScriptedAgent)
    else:
        _returned(task, method, "", agents, Sequence)
    if said := wrong_agents(agents):
        raise UserError(f"{quote(type(task), method)} gives {said}: see {method} in evalkit.task")


def _config_of(plugin: type[Task]) -> Any:
    """The dataclass of its knobs; `_check_parts` has seen that it is one."""
    return plugin.Config


def build_config(plugin: type[Task], node: Mapping[str, Any]) -> Any:
    """The node as an instance of the plugin's `Config`; raises `UserError` where the two disagree."""
    from omegaconf import DictConfig, OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    if base.left_out(plugin, "Config"):
        _check_graded_by(plugin, list(node), "the config")
        return base.Knobs(node)
    if kind_of_node(node) is not None:
        return kind_config(node)
    values = dict(node)
    if "name" not in {field.name for field in dataclasses.fields(_config_of(plugin))}:
        values.pop("name", None)
    try:
        merged = OmegaConf.merge(OmegaConf.structured(_config_of(plugin)), values)
    except OmegaConfBaseException as error:
        raise UserError(_disagreement(plugin, node, error)) from error
    assert isinstance(merged, DictConfig)
    if missing := sorted(OmegaConf.missing_keys(merged)):
        owner, knob = _owner(_config_of(plugin), missing[0])
        raise UserError(
            f"The config of task {node.get('name')} lacks task.{missing[0]}, which {quote(owner, knob)} asks for: "
            f"add it to conf/task/, or give the field a default"
        )
    return OmegaConf.to_object(merged)


def defaults(name: str) -> dict[str, str]:
    """Dotted names of the knobs to which a plugin's `Config` gives a default → the line that does."""
    plugin = load_plugin(name)
    return {} if base.left_out(plugin, "Config") else dict(_defaults(_config_of(plugin), ""))


def _defaults(config: type, prefix: str) -> Iterator[tuple[str, str]]:
    hints = inspect.get_annotations(config, eval_str=True)
    for field in dataclasses.fields(config):
        if field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING:
            yield prefix + field.name, quote(config, field.name)
        if dataclasses.is_dataclass(inner := hints.get(field.name)) and inspect.isclass(inner):
            yield from _defaults(inner, f"{prefix}{field.name}.")


def _disagreement(plugin: type[Task], node: Mapping[str, Any], error: Exception) -> str:
    """One sentence for a key or a value of the node that the plugin's `Config` does not take."""
    from omegaconf.errors import ConfigAttributeError, ConfigKeyError, ValidationError

    if "annotation" in str(error):
        return (
            f"{quote(_config_of(plugin))} has a type that a config cannot hold ({first_line(error)}): "
            "use bool, int, float, str, enums, list, dict, dataclasses and Optional of these"
        )
    key = str(getattr(error, "full_key", None) or "?")
    if key == "?" and (group := _group_that_is_none(_config_of(plugin), node)):
        return f"task.{group} does not fit {quote(_config_of(plugin), group)}: write its keys below it, indented"
    owner, knob = _owner(_config_of(plugin), key)
    if isinstance(error, ConfigKeyError | ConfigAttributeError):
        fields = [field.name for field in dataclasses.fields(owner)]
        if knob in vars(owner) and knob not in fields:
            return f"{quote(owner, knob)} has no type, so that it is no field: write {knob}: <type>"
        return (
            f"The config sets task.{key}, but {quote(owner)} has no field {knob}"
            f"{suggestion(knob, fields)} (take the key out of conf/task/, or add the field)"
        )
    if isinstance(error, ValidationError):
        return f"task.{key} does not fit {quote(owner, knob)}: {first_line(error)}"
    return f"The config of task {node.get('name')} does not fit {quote(_config_of(plugin))}: {first_line(error)}"


def _group_that_is_none(config: type, node: Mapping[str, Any]) -> str | None:
    """A key of the node that stands for a dataclass and has no keys below it."""
    hints = inspect.get_annotations(config, eval_str=True)
    wrong = (name for name, value in node.items() if not isinstance(value, Mapping))
    return next((name for name in wrong if dataclasses.is_dataclass(hints.get(name))), None)


def _owner(config: type, key: str) -> tuple[type, str]:
    """The dataclass that holds the last part of a dotted key, and that part."""
    *path, knob = key.split(".")
    for part in path:
        hints = inspect.get_annotations(config, eval_str=True)
        inner = hints.get(part)
        if not (inspect.isclass(inner) and dataclasses.is_dataclass(inner)):
            return config, part
        config = inner
    return config, knob


_KNOWN = {"Config", "title", "categories", "graded_by", *_METHODS, *(part.name for part in TASK)}
_ATTRIBUTES: tuple[tuple[str, Any, str], ...] = (
    ("title", str, "one line of text"),
    ("categories", Mapping, "a mapping of failure category to its title"),
    ("graded_by", Sequence, "a sequence of knob names"),
)


def _check_parts(name: str, plugin: Any) -> None:
    """Raise `UserError` for the first part of the protocol that the class lacks or that has the wrong type."""
    config = base.own_part(plugin, "Config")
    own = not base.left_out(plugin, "Config")
    if own and _is_plain(config, plugin):
        raise UserError(f"{quote(config)} is no dataclass: put @dataclass above it, and a field for every knob in it")
    if own and not (inspect.isclass(config) and dataclasses.is_dataclass(config)):
        raise _wrong(name, plugin, "Config", "a dataclass with a field for every knob")
    for part, kind, want in _ATTRIBUTES:
        value = base.own_part(plugin, part)
        if value is not None and base.left_out(plugin, part):
            continue
        if not isinstance(value, kind) or (kind is Sequence and isinstance(value, str)):
            raise _wrong(name, plugin, part, want)
    if not takes(plugin, 1):
        raise UserError(f"{quote(plugin, '__init__')} takes other arguments: it must be `def __init__(self, config)`")
    for part, signature in _METHODS.items():
        method = base.own_part(plugin, part)
        if not inspect.isfunction(method) or not takes(method, signature.count(",") + 1):
            raise _wrong(name, plugin, part, f"`{signature}`")
        if (part == "measure") != inspect.iscoroutinefunction(method):
            kind = "asynchronous (async def)" if part == "measure" else "an ordinary function, without async"
            raise UserError(f"{quote(plugin, part)} must be {kind}: `{signature}`")
    if own and not base.left_out(plugin, "graded_by"):
        fields = {field.name for field in dataclasses.fields(_config_of(plugin))}
        _check_graded_by(plugin, fields, quote(_config_of(plugin)))


def _check_graded_by(plugin: type[Task], knobs: Collection[str], holder: str) -> None:
    listed: Any = () if base.left_out(plugin, "graded_by") else plugin.graded_by
    for knob in listed:
        if knob not in knobs:
            raise UserError(
                f"{quote(plugin, 'graded_by')} names {knob!r}, which {holder} does not have"
                f"{suggestion(str(knob), knobs)}"
            )


def _is_plain(config: Any, plugin: type) -> bool:
    """Whether it is a class beside the task's that lacks its decorator."""
    own = inspect.isclass(config) and config.__module__ == plugin.__module__
    return own and not dataclasses.is_dataclass(config)


def _wrong(name: str, plugin: type, part: str, want: str) -> UserError:
    value = base.own_part(plugin, part)
    if value is None:
        own = [known for known in vars(plugin) if not known.startswith("_")]
        near = nearest(part, own)
        hint = f" (is it {near}?)" if near and near not in _KNOWN else ""
        return UserError(f"Task plugin {name} lacks {part}{hint}: add {want} to {quote(plugin)}")
    what = "takes other arguments" if inspect.isfunction(value) else f"is {type(value).__name__}"
    return UserError(f"{quote(plugin, part)} {what}: {part} must be {want}")


def _returned(task: Task, method: str, part: str, value: Any, kind: Any) -> None:
    if not isinstance(value, kind) or (kind is Sequence and isinstance(value, str)):
        what = f"gives {part} as" if part else "returns"
        raise UserError(
            f"{quote(type(task), method)} {what} {type(value).__name__} where {kind.__name__} is wanted: "
            f"see {method} in evalkit.task"
        )
