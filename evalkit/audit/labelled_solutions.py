"""What is known about a task before anybody plays it: the solutions in its folder, each with what it must come to.

    solutions/correct/*.py    must pass, however they are written
    solutions/wrong/*.py      a mistake each; `# expect:` is the failure category that it must get
    solutions/exploits/*.py   attempts to pass without solving anything
    solutions/*/edits.yaml    more of them, written as edits of another one (`edited_solutions`)
    solutions/known.yaml      answers in a table (`known_table`)

Labels are comments at the top of a file, one a line; every other comment there says what the solution is.

    # expect: <category>        the failure category, or `any`
    # breaks: <rule>            the one rule of the prompt that it breaks
    # needs: <knob>=<value> …   what it is made for. Where the config says otherwise it is left out, and a correct one
                                is wrong: it breaks the rule that is called like the knob
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from evalkit.audit.edited_solutions import EDITS, edited_solutions
from evalkit.audit.known_table import read_known
from evalkit.task.earlier_form import solution_folders
from evalkit.task.near_misses import nearly
from evalkit.task.optional_parts import folder_of, solution_of
from evalkit.task.playing import played
from evalkit.task.protocol import Spec, Task
from evalkit.task.scripted_agents import ScriptedAgent, submitting
from evalkit.util import dotted
from evalkit.util.errors import UserError

KINDS = ("correct", "wrong", "exploits")
"""Folders of solutions, and what a complete set of evidence has."""
LABELS = ("expect", "breaks", "accepted", "needs")
NOT_GIVEN: Any = object()


@dataclass(frozen=True)
class Solution:
    """One submission of which it is known whether it is right."""

    kind: str
    """`correct`, `wrong`, `exploits`, `mutants` (of the reference), `answers` (generic ones), or `starts`."""
    name: str
    source: str = ""
    answer: Any = field(default=NOT_GIVEN, compare=False)
    """Submitted as it is; where it is not given, `source` is played."""
    build: Callable[[Spec], Any] | None = field(default=None, compare=False)
    """Makes the answer to a problem, in place of both."""
    agent: Callable[[Task, Spec], ScriptedAgent] | None = field(default=None, compare=False)
    """Makes the agent that plays, in place of everything else."""
    skips: Callable[[Spec], bool] | None = field(default=None, compare=False)
    """Whether a problem has no such solution; None: every problem has it."""
    expect: str = "any"
    """The failure category that it must get, or `any`."""
    breaks: str = ""
    """The rule that it breaks."""
    about: str = ""
    """What it is, in words."""
    needs: tuple[str, ...] = ()
    """`knob=value`: the settings that it is made for."""
    constant: bool = False
    """Says the same whatever is asked, and so may be right by chance."""

    @property
    def id(self) -> str:
        """`wrong/no_scale`: how reports call it."""
        return f"{self.kind}/{self.name}"

    @property
    def right(self) -> bool:
        """Whether it must pass."""
        return self.kind == "correct"

    @property
    def content(self) -> str:
        """What is submitted, for digests; of one that is made for each problem its name."""
        return self.source or (self.id if self.answer is NOT_GIVEN else json.dumps(self.answer, sort_keys=True))

    def fits(self, spec: Spec) -> bool:
        """Whether a problem has such a solution."""
        return self.skips is None or not self.skips(spec)

    def play(self, task: Task, spec: Spec) -> ScriptedAgent:
        """The agent that submits it: the task's own way of running a source, else the source as the answer."""
        if self.agent is not None:
            return self.agent(task, spec)
        if self.build is not None:
            return submitting(self.build(spec), name=self.name)
        if self.answer is not NOT_GIVEN:
            return submitting(self.answer, name=self.name)
        own = solution_of(task)
        return own(self.source, spec) if own else played(self.source, spec, self.name)


def oracle() -> Solution:
    """The task's own reference, as `model=oracle` plays it."""
    return Solution("correct", "oracle", agent=lambda task, spec: task.oracle(spec), about="the reference")


def task_folder(task: Task) -> Path:
    """The folder that holds a task's plugin, or what belongs to a task in YAML."""
    return folder_of(task) or Path(inspect.getfile(type(task))).parent


def solutions(folder: Path) -> list[Solution]:
    """Everything in `folder`/solutions, sorted, and then the answers of known.yaml. Raises `UserError` for a file that
    cannot be read, or an edit that does not apply."""
    files = [
        _labelled(kind, Path(name).stem, source)
        for kind in KINDS
        for place in solution_folders(kind)
        for name, source in sorted(_sources(folder / "solutions" / place).items())
    ]
    return files + [_known(row) for row in read_known(folder / "solutions", KINDS)]


def _known(row: Mapping[str, Any]) -> Solution:
    return Solution(
        row["kind"],
        row["name"],
        answer=row["answer"],
        expect=row.get("expect", "any"),
        breaks=row.get("breaks", ""),
        about=row.get("about", ""),
        needs=tuple(row.get("needs", "").split()),
    )


def fitting(found: Sequence[Solution], node: Mapping[str, Any]) -> list[Solution]:
    """The solutions under a config's `task` node: those made for other settings are wrong here, or left out."""
    here = []
    for solution in found:
        unmet = next((need for need in solution.needs if not _met(need, node)), None)
        if unmet is None:
            here.append(solution)
        elif solution.right:
            rule = unmet.partition("=")[0]
            here.append(replace(solution, kind="wrong", breaks=rule, about=f"right where {unmet}: {solution.about}"))
    return here


def check_labels(found: Sequence[Solution], task: Task, rules: Iterable[str]) -> None:
    """Raise `UserError` for a label that is nearly, but not quite, one of the task's categories or rules."""
    for solution in found:
        for label, value, known in (
            ("expect", solution.expect, task.categories),
            ("breaks", solution.breaks, rules),
        ):
            if value not in known and value != "any" and (meant := nearly(value, known)):
                raise UserError(
                    f"`# {label}: {value}` of solutions/{solution.id} is none of the task's "
                    f"{'categories' if label == 'expect' else 'rules'}: did you mean {meant}?"
                )


def _met(need: str, node: Mapping[str, Any]) -> bool:
    import yaml

    knob, _, value = need.partition("=")
    wanted: bool = dotted.get(node, knob) == yaml.safe_load(value)
    return wanted


def _sources(folder: Path) -> dict[str, str]:
    """File name → source of each solution of one kind, whether it has a file of its own or is written as edits."""
    found = {path.name: _text(path) for path in folder.glob("*") if _counts(path)}
    edited = edited_solutions(folder, LABELS)
    if twice := next((name for name in edited if name in found), None):
        raise UserError(f"{folder / EDITS} describes {Path(twice).stem}, which {folder / twice} is: rename one of them")
    return found | edited


def _counts(path: Path) -> bool:
    return path.is_file() and not path.name.startswith((".", "_")) and path.name != EDITS


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read ({error}): write solutions as UTF-8 text") from None


def _labelled(kind: str, name: str, source: str) -> Solution:
    labels, about = labels_of(source)
    return Solution(
        kind,
        name,
        source,
        expect=labels.get("expect", "any"),
        breaks=labels.get("breaks", ""),
        about=about,
        needs=tuple(labels.get("needs", "").split()),
    )


def labels_of(source: str) -> tuple[Mapping[str, str], str]:
    """The labels that a source starts with, and its other opening comments as one text.

    Raises `UserError` for a misspelt label.
    """
    labels: dict[str, str] = {}
    about: list[str] = []
    for line in _opening_comments(source):
        name, colon, value = line.partition(":")
        if colon and name in LABELS:
            labels[name] = value.strip()
        elif colon and name.isidentifier() and (meant := nearly(name, LABELS)):
            raise UserError(f"`# {line}` is not a label: did you mean `# {meant}:{value}`?")
        else:
            about.append(line)
    return labels, " ".join(about)


def _opening_comments(source: str) -> Iterator[str]:
    for line in source.splitlines():
        if not line.startswith("#"):
            return
        yield line.lstrip("#").strip()
