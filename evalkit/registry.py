"""Finds a task plugin, checks that it is all that `evalkit.task.Task` asks for, and builds it from its config node.

Every fault is the author's to fix, so every error quotes the author's own definition: file, line and source.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import math
import textwrap
import traceback
import types
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from evalkit.errors import UserError
from evalkit.nearest import suggestion
from evalkit.plugins import import_task, task_folders
from evalkit.scripted import ScriptedAgent
from evalkit.task import Spec, Task

_METHODS = {
    "spec": "def spec(self, seed: int) -> Spec",
    "measure": "async def measure(self, answer: Any, spec: Spec, sandbox: Sandbox) -> Measurement",
    "judge": "def judge(self, measurement: Measurement) -> Grade",
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
    if not isinstance(name, str) or not name:
        raise UserError("task.name is missing: name the folder of tasks/ that holds the plugin")
    plugin = load_plugin(name)
    config = build_config(plugin, node)
    _check_tolerances(node.get("tolerances"), "task.tolerances")
    try:
        return plugin(config)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"Task {name} cannot be built: {_blame(error, Path(_file(plugin)).parent)}") from error


@cache
def load_plugin(name: str) -> type[Task]:
    """The checked `Task` class of a plugin."""
    found = task_folders().get(name, [])
    if not found:
        raise UserError(
            f"There is no task plugin {name!r}{suggestion(name, task_folders())} "
            "(tasks/ is looked for in the current directory, in EVALKIT_PATH and where the launch was started)"
        )
    if len(found) > 1:
        places = " and ".join(str(path) for path in found)
        raise UserError(f"Two plugins are called {name!r}, rename one of them: {places}")
    try:
        module = import_task(name)
    except Exception as error:
        raise UserError(f"Task plugin {name} cannot be imported: {_blame(error, found[0])}") from error
    plugin = getattr(module, "Task", None)
    if not inspect.isclass(plugin):
        raise UserError(f"Task plugin {name} has no class Task: define or import one in {found[0] / '__init__.py'}")
    _check_parts(name, plugin)
    checked: type[Task] = module.Task
    return checked


def check_specs(task: Task, seed: int) -> None:
    """Raise `UserError` where a spec, or what the task makes of it, is of the wrong type."""
    try:
        spec = task.spec(seed)
        _check_spec(task, spec)
        _returned(task, "oracle", "", task.oracle(spec), ScriptedAgent)
        agents = task.agents(spec)
        _returned(task, "agents", "", agents, Sequence)
        for agent in agents:
            _returned(task, "agents", "an item", agent, ScriptedAgent)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{_quote(type(task))} fails: {_blame(error, Path(_file(type(task))).parent)}") from error


def _check_spec(task: Task, spec: Spec) -> None:
    for part, (kind, want) in _SPEC_PARTS.items():
        if inspect.getattr_static(spec, part, _ABSENT) is _ABSENT:  # a property that fails is there
            raise UserError(f"{_quote(type(spec))} lacks {part}: add a property or attribute, {want}")
        _returned(task, "spec", part, getattr(spec, part), kind)
    for tool in spec.tools:
        if not all(hasattr(tool, part) for part in ("name", "description", "input_schema", "__call__")):
            raise UserError(
                f"{_quote(type(task), 'spec')} gives a tool without name, description, input_schema or __call__: "
                f"{type(tool).__name__}"
            )
    if "submit_answer" not in {tool.name for tool in spec.tools}:
        raise UserError(
            f"{_quote(type(task), 'spec')} gives no submit_answer among its tools, so that no run can pass: "
            "add SubmitAnswer(answer_schema)"
        )


def build_config(plugin: type[Task], node: Mapping[str, Any]) -> Any:
    """The node as an instance of the plugin's `Config`; raises `UserError` where the two disagree."""
    from omegaconf import DictConfig, OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    values = dict(node)
    if "name" not in {field.name for field in dataclasses.fields(plugin.Config)}:
        values.pop("name", None)
    try:
        merged = OmegaConf.merge(OmegaConf.structured(plugin.Config), values)
    except OmegaConfBaseException as error:
        raise UserError(_disagreement(plugin, node, error)) from error
    assert isinstance(merged, DictConfig)
    if missing := sorted(OmegaConf.missing_keys(merged)):
        owner, knob = _owner(plugin.Config, missing[0])
        raise UserError(
            f"The config of task {node.get('name')} lacks task.{missing[0]}, which {_quote(owner, knob)} asks for: "
            f"add it to conf/task/, or give the field a default"
        )
    return OmegaConf.to_object(merged)


def _disagreement(plugin: type[Task], node: Mapping[str, Any], error: Exception) -> str:
    """One sentence for a key or a value of the node that the plugin's `Config` does not take."""
    from omegaconf.errors import ConfigAttributeError, ConfigKeyError, ValidationError

    if "annotation" in str(error):
        return (
            f"{_quote(plugin.Config)} has a type that a config cannot hold ({_first_line(error)}): "
            "use bool, int, float, str, enums, list, dict, dataclasses and Optional of these"
        )
    key = str(getattr(error, "full_key", None) or "?")
    owner, knob = _owner(plugin.Config, key)
    if isinstance(error, ConfigKeyError | ConfigAttributeError):
        fields = [field.name for field in dataclasses.fields(owner)]
        return (
            f"The config sets task.{key}, but {_quote(owner)} has no field {knob}"
            f"{suggestion(knob, fields)} (take the key out of conf/task/, or add the field)"
        )
    if isinstance(error, ValidationError):
        return f"task.{key} does not fit {_quote(owner, knob)}: {_first_line(error)}"
    return f"The config of task {node.get('name')} does not fit {_quote(plugin.Config)}: {_first_line(error)}"


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


_ATTRIBUTES: tuple[tuple[str, Any, str], ...] = (
    ("title", str, "one line of text"),
    ("categories", Mapping, "a mapping of failure category to its title"),
    ("judged_by", Sequence, "a sequence of knob names"),
)


def _check_parts(name: str, plugin: Any) -> None:
    """Raise `UserError` for the first part of the protocol that the class lacks or that has the wrong type."""
    config = getattr(plugin, "Config", None)
    if not (inspect.isclass(config) and dataclasses.is_dataclass(config)):
        raise _wrong(name, plugin, "Config", "a dataclass with a field for every knob")
    for part, kind, want in _ATTRIBUTES:
        value = getattr(plugin, part, None)
        if not isinstance(value, kind) or (kind is Sequence and isinstance(value, str)):
            raise _wrong(name, plugin, part, want)
    for part, signature in _METHODS.items():
        method = getattr(plugin, part, None)
        if not inspect.isfunction(method) or not _takes(method, signature.count(",") + 1):
            raise _wrong(name, plugin, part, f"`{signature}`")
        if (part == "measure") != inspect.iscoroutinefunction(method):
            kind = "asynchronous (async def)" if part == "measure" else "an ordinary function, without async"
            raise UserError(f"{_quote(plugin, part)} must be {kind}: `{signature}`")
    fields = {field.name for field in dataclasses.fields(config)}
    for knob in plugin.judged_by:
        if knob not in fields:
            raise UserError(
                f"{_quote(plugin, 'judged_by')} names {knob!r}, which {_quote(config)} does not have"
                f"{suggestion(str(knob), fields)}"
            )


def _takes(method: types.FunctionType, arguments: int) -> bool:
    """Whether it can be called with so many positional arguments."""
    try:
        inspect.signature(method).bind(*range(arguments))
    except TypeError:
        return False
    return True


def _wrong(name: str, plugin: type, part: str, want: str) -> UserError:
    value = getattr(plugin, part, None)
    if value is None:
        return UserError(f"Task plugin {name} lacks {part}: add {want} to {_quote(plugin)}")
    what = "takes other arguments" if inspect.isfunction(value) else f"is {type(value).__name__}"
    return UserError(f"{_quote(plugin, part)} {what}: {part} must be {want}")


def _returned(task: Task, method: str, part: str, value: Any, kind: Any) -> None:
    if not isinstance(value, kind) or (kind is Sequence and isinstance(value, str)):
        what = f"gives {part} as" if part else "returns"
        raise UserError(
            f"{_quote(type(task), method)} {what} {type(value).__name__} where {kind.__name__} is wanted: "
            f"see {method} in evalkit.task"
        )


def _check_tolerances(value: Any, key: str) -> None:
    """A tolerance is a bound that an error must stay below: 0, less and NaN would fail every submission."""
    for path, number in _numbers(value, key):
        if not number > 0 or math.isinf(number):
            raise UserError(f"{path}={number} is out of range: use a number above 0")


def _numbers(value: Any, key: str) -> Iterator[tuple[str, float]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _numbers(inner, f"{key}.{name}")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield key, value


def _quote(owner: type, name: str | None = None) -> str:
    """`"class Task:" (tasks/x/__init__.py:12)`: the author's definition of a class, or of something in it."""
    for holder in inspect.getmro(owner):
        line, text = _definition(holder, name)
        if text:
            return f'"{text}" ({_file(holder)}:{line})'
    return _quote(owner) if name else owner.__qualname__


def _definition(owner: type, name: str | None) -> tuple[int, str]:
    """Line number and source line of a class, or of what its body defines as `name`; an empty text if there is none."""
    try:
        lines, first = inspect.getsourcelines(owner)
    except (OSError, TypeError):  # defined in no file, such as `object`
        return 0, ""
    tree = ast.parse(textwrap.dedent("".join(lines)))
    definition = next(node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    wanted: ast.stmt | None = definition
    if name is not None:
        wanted = next((node for node in definition.body if name in _defines(node)), None)
    if wanted is None:
        return 0, ""
    return first + wanted.lineno - 1, lines[wanted.lineno - 1].strip()


def _defines(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _file(owner: type) -> str:
    return inspect.getsourcefile(owner) or owner.__module__


def _blame(error: BaseException, folder: Path) -> str:
    """`ValueError: … (tasks/x/__init__.py:12: "the line")`: the innermost frame that lies in the plugin's folder."""
    what = f"{type(error).__name__}: {_first_line(error)}"
    if isinstance(error, SyntaxError):
        return f"{what} ({error.filename}:{error.lineno})"
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).is_relative_to(folder)
    ]
    return f'{what} ({frames[-1].filename}:{frames[-1].lineno}: "{frames[-1].line}")' if frames else what


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0]
