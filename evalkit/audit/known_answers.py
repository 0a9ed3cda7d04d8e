"""Known answers: a table in solutions/known.yaml, in place of a file each, and those that a task knows itself.

    - {answer: 8769}                                               right, for it names no category
    - {answer: 59240, expect: accuracy_boundary, breaks: accuracy} wrong: the category it must get, the rule it breaks
    - {answer: "SUCCESS", expect: any, kind: exploits}             an attempt to pass without solving anything

`name` and `about` say what an answer is, `needs` the settings that it is made for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from evalkit.audit.labelled_solutions import KINDS, Solution
from evalkit.task.optional_parts import known_of
from evalkit.task.protocol import Spec, Task
from evalkit.util.errors import UserError
from evalkit.util.suggestions import suggestion

KNOWN = "known.yaml"
_KEYS = ("answer", "expect", "breaks", "name", "about", "kind", "needs")


def read_known(folder: Path) -> list[Solution]:
    """The answers of `folder`/known.yaml in its order; none without the file.

    Raises `UserError` with file and line for an entry of another form.
    """
    path = folder / KNOWN
    if not path.is_file():
        return []
    entries, lines = _entries(path)
    found = [_solution(entry, number, f"{path}:{lines[number]}") for number, entry in enumerate(entries)]
    seen: dict[str, int] = {}
    for number, one in enumerate(found):
        if one.id in seen:
            raise UserError(
                f"{path}:{lines[number]} is called {one.id} like the answer in line {lines[seen[one.id]]}: "
                "give it another name"
            )
        seen[one.id] = number
    return found


def task_answers(task: Task, specs: Sequence[Spec]) -> list[Solution]:
    """The answers that a task knows itself, each on those of the problems that it has one for."""
    known = known_of(task)
    if known is None:
        return []
    rows: dict[str, Mapping[str, Any]] = {}
    for spec in specs:
        for row in known(spec):
            rows.setdefault(row["name"], row)
    return [_own(task, row) for row in rows.values()]


def _own(task: Task, row: Mapping[str, Any]) -> Solution:
    return Solution(
        _kind(row),
        row["name"],
        build=partial(_answer, task, row["name"]),
        skips=partial(_skips, task, row["name"]),
        expect=row.get("expect", "any"),
        breaks=row.get("breaks", ""),
        about=row.get("about", ""),
    )


def _row(task: Task, name: str, spec: Spec) -> Mapping[str, Any] | None:
    known = known_of(task)
    rows: Iterable[Mapping[str, Any]] = known(spec) if known else ()
    return next((row for row in rows if row["name"] == name), None)


def _answer(task: Task, name: str, spec: Spec) -> Any:
    row = _row(task, name, spec)
    return None if row is None else row["answer"]


def _skips(task: Task, name: str, spec: Spec) -> bool:
    return _row(task, name, spec) is None


def _kind(row: Mapping[str, Any]) -> str:
    """A row that names no category is right."""
    return str(row.get("kind") or ("wrong" if "expect" in row or "breaks" in row else "correct"))


def _entries(path: Path) -> tuple[Sequence[Any], Sequence[int]]:
    """The entries, and the line of each."""
    import yaml

    try:
        text = path.read_text(encoding="utf-8")
        node, entries = yaml.compose(text, yaml.SafeLoader), yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{path} cannot be read ({' '.join(str(error).split())}): write it as YAML") from None
    if not isinstance(entries, list) or node is None:
        raise UserError(f"{path} must be a list of answers, such as `- {{answer: 8769}}`")
    return entries, [item.start_mark.line + 1 for item in node.value]


def _solution(entry: Any, number: int, where: str) -> Solution:
    if not isinstance(entry, Mapping) or "answer" not in entry:
        raise UserError(f"{where} has no answer: write `- {{answer: …, expect: …, breaks: …}}`")
    for key, value in entry.items():
        if key not in _KEYS:
            hint = suggestion(str(key), _KEYS)
            raise UserError(f"{where} has an unknown key {key!r}{hint}")
        if key != "answer" and not isinstance(value, str):
            raise UserError(f"{where} gives {key} as {type(value).__name__}: write a text")
    kind = _kind(entry)
    if kind not in KINDS:
        hint = suggestion(kind, KINDS)
        raise UserError(f"{where} has the kind {kind!r}{hint}")
    return Solution(
        kind,
        entry.get("name", f"known_{number + 1}"),
        answer=entry["answer"],
        expect=entry.get("expect", "any"),
        breaks=entry.get("breaks", ""),
        about=entry.get("about", ""),
        needs=tuple(entry.get("needs", "").split()),
    )
