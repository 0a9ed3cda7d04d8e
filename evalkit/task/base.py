"""Base class of tasks, for those who want it: what most tasks have in common, each part of which a task may replace."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from evalkit.task import protocol
from evalkit.task.playing import played
from evalkit.task.scripted_agents import ScriptedAgent, ScriptedTurn, Tokens, load_agents
from evalkit.util.errors import UserError
from evalkit.util.suggestions import suggestion


class Knobs:
    """The `task` node as an object, for a task without a `Config`: `config.tolerances.answer`."""

    def __init__(self, node: Mapping[str, Any]) -> None:
        for name, value in node.items():
            setattr(self, str(name), Knobs(value) if isinstance(value, Mapping) else copy.deepcopy(value))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(f"the config has no {name}{suggestion(name, vars(self))}")


class Task(protocol.Task, Protocol):
    """`class Task(evalkit.Task)` needs `categories`, `spec`, `measure` and `grade`, and has the rest.

    Nobody has to inherit from it: a plain class with all parts is a task, too.
    """

    @property
    def Config(self) -> type:
        """Without one the knobs are whatever the YAML has."""
        return Knobs

    @property
    def title(self) -> str:
        """The name of the task's folder in words."""
        return type(self).__module__.rpartition(".")[2].replace("_", " ").capitalize()

    @property
    def graded_by(self) -> Sequence[str]:
        """No knob is known to be read by `grade` alone."""
        return ()

    def __init__(self, config: Any) -> None:
        """The knobs are `self.config`; without a `Config` that is the YAML as an object."""
        vars(self)["config"] = config

    def oracle(self, spec: Any) -> ScriptedAgent:
        """Plays the first file of solutions/correct/. Raises `UserError` where there is none."""
        folder = _home(self) / "solutions" / "correct"
        files = sorted(path for path in folder.glob("*") if _is_solution(path))
        if not files:
            raise UserError(f"{folder} holds no solution: put a right one there, or give the task an `oracle`")
        return played(files[0].read_text(encoding="utf-8"), spec, "oracle")

    def agents(self, spec: Any) -> Sequence[ScriptedAgent]:
        """Those of agents.yaml; without the file the reference, and one that submits nothing."""
        path = _home(self) / "agents.yaml"
        if path.is_file():
            return load_agents(path)
        silent = ScriptedTurn(Tokens(60, 0.3), "I do not know.")
        return self.oracle(spec), ScriptedAgent("submits_nothing", (silent,))


def left_out(plugin: type, part: str) -> bool:
    """Whether a class takes a part from `Task`."""
    return hasattr(Task, part) and getattr(plugin, part, None) is getattr(Task, part)


def own_part(plugin: type, part: str) -> Any:
    """A part of a class, that of `Task` included; None where it is a mere declaration of the protocol."""
    value = getattr(plugin, part, None)
    return None if value is getattr(protocol.Task, part, None) else value


def _home(task: object) -> Path:
    return Path(inspect.getfile(type(task))).parent


def _is_solution(path: Path) -> bool:
    return path.is_file() and path.name != "edits.yaml" and not path.name.startswith((".", "_"))
