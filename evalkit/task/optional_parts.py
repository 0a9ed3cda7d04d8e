"""The optional parts of a spec, a task and a tool: a protocol for each, and what it is where the author says nothing.

An author whose type checker shall compare a part with its protocol says so: `checked: type[HasFiles] = MySpec`.
Everything that reads a part reads it here. An attribute that is nearly called like one of them is refused when the task
is loaded: it would silently be no part.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

from evalkit.sandbox.protocol import GradingSandbox
from evalkit.task.grade import Direction, Measurement
from evalkit.task.protocol import Spec, Task
from evalkit.task.scripted_agents import ScriptedAgent
from evalkit.task.tools import Tool

Kind = Literal["text", "number", "mapping", "items", "method", "choice", "path", "flag"]
TaskKind = Literal["exact", "score", "rubric"]


class HasSystem(Protocol):
    """A spec with a system prompt."""

    @property
    def system(self) -> str:
        """the system prompt"""
        ...


class HasFiles(Protocol):
    """A spec whose workspace is not empty."""

    @property
    def files(self) -> Mapping[str, bytes]:
        """relative path → bytes, put into the workspace before the rollout starts"""
        ...


class HasArtifacts(Protocol):
    """A spec whose task grades files that the model leaves."""

    @property
    def artifacts(self) -> Sequence[str]:
        """relative paths and patterns of the files that are graded, such as ("cleaned.csv", "src/**/*.py")"""
        ...


class HasNeedsSubmission(Protocol):
    """A spec whose rollouts are graded however they end."""

    @property
    def needs_submission(self) -> bool:
        """whether only a submission is graded; False: whatever is there when the rollout ends"""
        ...


class HasRules(Protocol):
    """A spec whose prompt audits compare with its grader."""

    @property
    def rules(self) -> Mapping[str, str]:
        """rule → the words of the prompt that state it"""
        ...


class HasHidden(Protocol):
    """A spec of whose secrets audits look for traces."""

    @property
    def hidden(self) -> Iterable[Any]:
        """numbers and texts that a model must not see, beside the right answer"""
        ...


class HasPlay(Protocol):
    """A spec that says how sources of solutions/ are played, for a task without a `solution`."""

    @property
    def play(self) -> str:
        """submit: the source is the answer; python: it is run and its output submitted; write:<file>: it is a file"""
        ...


class HasStatedAccuracy(Protocol):
    """A spec whose prompt names an accuracy."""

    @property
    def stated_accuracy(self) -> float | None:
        """how exact the prompt asks an answer to be"""
        ...


class Scalable(Protocol):
    """A spec that audits can make harder to compute."""

    def scaled(self, factor: float) -> Spec:
        """the same problem with larger inputs"""
        ...


class HasSolution(Protocol):
    """A task whose solutions are submitted in a way of its own. `spec`: what its own `spec` returned."""

    def solution(self, source: str, spec: Any) -> ScriptedAgent:
        """the agent that submits a source of solutions/"""
        ...


class HasReferenceSource(Protocol):
    """A task whose reference is a program. `spec`: what its own `spec` returned."""

    def reference_source(self, spec: Any) -> str:
        """the source that audits make mistakes in"""
        ...


class HasValues(Protocol):
    """A task whose answers are functions. `spec`: what its own `spec` returned."""

    async def values(self, answer: Any, spec: Any, sandbox: GradingSandbox) -> Any:
        """what a function computes on inputs that have nothing to do with the hidden ones"""
        ...


class MeasuresMany(Protocol):
    """A task that measures a submission on many problems at once. `specs`: what its own `spec` returned."""

    async def measure_many(self, answer: Any, specs: Sequence[Any], sandbox: GradingSandbox) -> Sequence[Measurement]:
        """the values of one submission on many problems"""
        ...


class HasProblems(Protocol):
    """A task that brings a set of problems."""

    def problems(self) -> Iterable[Mapping[str, Any]]:
        """a row for each problem, with its `id`, in the same order every time"""
        ...


class HasKnown(Protocol):
    """A task that knows answers, for audits. `spec`: what its own `spec` returned."""

    def known(self, spec: Any) -> Iterable[Mapping[str, Any]]:
        """known answers to a problem as rows of solutions/known.yaml, each with a `name`"""
        ...


class HasFolder(Protocol):
    """A task whose solutions lie elsewhere than beside its code."""

    @property
    def folder(self) -> Path:
        """the folder in which solutions/ and agents.yaml lie"""
        ...


class HasTaskKind(Protocol):
    """A task that says how its answers are right; audits read it."""

    @property
    def kind(self) -> str:
        """exact: one answer is right; score: whatever is good enough; rubric: what a judge says of it"""
        ...


class HasDirections(Protocol):
    """A task that says which way its thresholds loosen, where its checks do not (`Check.direction`)."""

    @property
    def directions(self) -> Mapping[str, Direction]:
        """knob → at_most or at_least, as in {"tolerances.items": "at_least"}: a larger value is looser or stricter"""
        ...


class HasShownSchema(Protocol):
    """A tool that shows the model more than it enforces."""

    @property
    def shown_schema(self) -> Mapping[str, Any]:
        """what the model sees instead of `input_schema`"""
        ...


class HasPreload(Protocol):
    """A tool that runs programs."""

    @property
    def preload(self) -> Iterable[str]:
        """modules that programs find in memory"""
        ...


@dataclass(frozen=True)
class Part:
    """One optional part: the only public member of a protocol."""

    protocol: type[Any]
    kind: Kind
    default: Any = None
    """What it is where the author says nothing, or None."""
    mistaken: tuple[str, ...] = ()
    """Other names that authors give it, and that mean nothing."""
    choices: tuple[str, ...] = ()
    """All values that it may have; empty where any of its kind will do."""

    @cached_property
    def name(self) -> str:
        """What the attribute is called."""
        return str(next(name for name in vars(self.protocol) if not name.startswith("_")))

    @property
    def meaning(self) -> str:
        """What it is, for the end of a sentence."""
        return inspect.getdoc(vars(self.protocol)[self.name]) or ""

    @property
    def wanted(self) -> str:
        """What it has to be, for the end of a sentence."""
        return f"one of {', '.join(self.choices)}" if self.choices else WANTED[self.kind]


SPEC = (
    Part(HasSystem, "text", "", mistaken=("system_prompt", "system_message")),
    Part(HasFiles, "mapping", {}),
    Part(HasArtifacts, "items", (), mistaken=("artefacts", "outputs")),
    Part(HasNeedsSubmission, "flag", True),
    Part(HasRules, "mapping", {}),
    Part(HasHidden, "items", ()),
    Part(HasStatedAccuracy, "number"),
    Part(Scalable, "method"),
    Part(HasPlay, "text", "submit"),
)
TASK = (
    Part(HasSolution, "method"),
    Part(HasReferenceSource, "method"),
    Part(HasValues, "method"),
    Part(MeasuresMany, "method"),
    Part(HasProblems, "method"),
    Part(HasDirections, "mapping", {}, mistaken=("direction",)),
    Part(HasKnown, "method"),
    Part(HasFolder, "path"),
    Part(HasTaskKind, "choice", "exact", choices=get_args(TaskKind)),
)
TOOL = (Part(HasShownSchema, "mapping"), Part(HasPreload, "items", ()))


def _read(parts: Sequence[Part], owner: object, name: str) -> Any:
    part = next(part for part in parts if part.name == name)
    value = getattr(owner, name, None)
    return part.default if value is None else value


def system_of(spec: Spec) -> str:
    """The system prompt."""
    return str(_read(SPEC, spec, "system"))


def files_of(spec: Spec) -> Mapping[str, bytes]:
    """Relative path → content, put into the workspace."""
    files: Mapping[str, bytes] = _read(SPEC, spec, "files")
    return files


def artifacts_of(spec: Spec) -> tuple[str, ...]:
    """Patterns of the files that are graded."""
    return tuple(_read(SPEC, spec, "artifacts"))


def needs_submission_of(spec: Spec) -> bool:
    """Whether a rollout without a submission fails unseen."""
    return bool(_read(SPEC, spec, "needs_submission"))


def rules_of(spec: Spec) -> Mapping[str, str]:
    """Rule → the words of the prompt that state it."""
    rules: Mapping[str, str] = _read(SPEC, spec, "rules")
    return rules


def hidden_of(spec: Spec) -> Iterable[Any]:
    """Numbers and texts that a model must not see."""
    hidden: Iterable[Any] = _read(SPEC, spec, "hidden")
    return hidden


def accuracy_of(spec: Spec) -> float | None:
    """How exact the prompt asks an answer to be."""
    accuracy = _read(SPEC, spec, "stated_accuracy")
    return None if accuracy is None else float(accuracy)


def play_of(spec: Spec) -> str:
    """How a source of solutions/ is played."""
    return str(_read(SPEC, spec, "play"))


def scaled_of(spec: Spec) -> Callable[[float], Spec] | None:
    """Makes the same problem with larger inputs."""
    scaled: Callable[[float], Spec] | None = _read(SPEC, spec, "scaled")
    return scaled


def solution_of(task: Task) -> Callable[[str, Spec], ScriptedAgent] | None:
    """Makes the agent that submits a source."""
    solution: Callable[[str, Spec], ScriptedAgent] | None = _read(TASK, task, "solution")
    return solution


def reference_source_of(task: Task) -> Callable[[Spec], str] | None:
    """Gives the source that audits make mistakes in."""
    source: Callable[[Spec], str] | None = _read(TASK, task, "reference_source")
    return source


def values_of(task: Task) -> Callable[[Any, Spec, GradingSandbox], Any] | None:
    """Computes what a function gives on inputs of its own; asynchronous."""
    values: Callable[[Any, Spec, GradingSandbox], Any] | None = _read(TASK, task, "values")
    return values


MeasureMany = Callable[[Any, "Sequence[Spec]", "GradingSandbox"], Any]


def measure_many_of(task: Task) -> MeasureMany | None:
    """Measures one submission on many problems; asynchronous, gives a sequence of `Measurement`."""
    many: MeasureMany | None = _read(TASK, task, "measure_many")
    return many


def problems_of(task: Task) -> Callable[[], Iterable[Mapping[str, Any]]] | None:
    """Gives a row for each problem of the task's own set."""
    problems: Callable[[], Iterable[Mapping[str, Any]]] | None = _read(TASK, task, "problems")
    return problems


def directions_of(task: Task) -> Mapping[str, Direction]:
    """Which way the thresholds loosen of which the task says it: `tolerances.items` → `at_least`."""
    directions: Mapping[str, Direction] = _read(TASK, task, "directions")
    return directions


def known_of(task: Task) -> Callable[[Spec], Iterable[Mapping[str, Any]]] | None:
    """Gives known answers to a problem."""
    known: Callable[[Spec], Iterable[Mapping[str, Any]]] | None = _read(TASK, task, "known")
    return known


def folder_of(task: Task) -> Path | None:
    """Where what belongs to a task lies; None: beside its code."""
    folder: Path | None = _read(TASK, task, "folder")
    return folder


def kind_of(task: Task) -> TaskKind:
    """How answers of the task are right."""
    kind: TaskKind = _read(TASK, task, "kind")
    return kind


def shown_schema_of(tool: Tool) -> Mapping[str, Any]:
    """The JSON Schema of a tool's input that the model sees."""
    shown: Mapping[str, Any] = _read(TOOL, tool, "shown_schema") or tool.input_schema
    return shown


def preload_of(tool: Tool) -> Iterable[str]:
    """Modules that the tool's programs find in memory."""
    preload: Iterable[str] = _read(TOOL, tool, "preload")
    return preload


_FITS: Mapping[str, Callable[[Any], bool]] = {
    "text": lambda value: isinstance(value, str),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "mapping": lambda value: isinstance(value, Mapping),
    "items": lambda value: isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping),
    "method": callable,
    "choice": lambda value: isinstance(value, str),
    "path": lambda value: isinstance(value, Path),
    "flag": lambda value: isinstance(value, bool),
}
WANTED: Mapping[str, str] = {
    "text": "a text",
    "number": "a number",
    "mapping": "a mapping",
    "items": "a sequence",
    "method": "a method",
    "choice": "a text",
    "path": "a pathlib.Path",
    "flag": "True or False",
}


def misfits(parts: Sequence[Part], owner: object) -> Iterable[tuple[Part, Any]]:
    """Parts of `owner` that are there and of the wrong kind, with what they are."""
    for part in parts:
        value = getattr(owner, part.name, None)
        if value is not None and (not _FITS[part.kind](value) or (part.choices and value not in part.choices)):
            yield part, value


def definition(tool: Tool) -> dict[str, Any]:
    """The tool as the Messages API wants it.

    A tool may show the model more than it enforces (`shown_schema`): `submit_answer` shows the form that an
    answer should have, yet takes any, because judging the form is the grader's work and has categories.
    """
    return {"name": tool.name, "description": tool.description, "input_schema": dict(shown_schema_of(tool))}
