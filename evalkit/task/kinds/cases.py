"""Hidden cases of `kind: function`: arguments with what is expected, from the YAML, a file, or a column of the row."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evalkit.config.search_path import find_data
from evalkit.task.kinds.form import Checker, called
from evalkit.task.kinds.places import Path_
from evalkit.task.problem_files import read_rows
from evalkit.util.bounded_json import loads
from evalkit.util.errors import UserError
from evalkit.util.suggestions import suggestion

KEYS = ("arguments", "expected")


def data_file(name: str, folder: Path, knob: str) -> Path:
    """A file that the YAML names: in the task's folder, else wherever evalkit looks. Raises `UserError`."""
    own = folder / name
    return own if own.is_file() else find_data(name, knob)


def cases_in_file(name: str, folder: Path) -> list[Mapping[str, Any]]:
    """The rows of a .jsonl file as cases; `UserError` with the line for one that is none."""
    rows = read_rows(data_file(name, folder, "task.cases.file"))
    for row in rows:
        if said := _wrong(row, extra=("id",)):
            raise UserError(f"{row.place} {said}")
    return [{key: row[key] for key in KEYS if key in row} for row in rows]


def checked_cases(given: Any, checker: Checker, path: Path_) -> list[Mapping[str, Any]]:
    """Cases of the YAML or of a column, where they may be JSON as text. Raises `UserError` for what is no case."""
    found = given
    if isinstance(given, str):
        try:
            found = loads(given)
        except (ValueError, RecursionError) as error:
            raise checker.slip(path, f"the cases are not JSON: {error}") from error
    if not isinstance(found, list) or not found:
        raise checker.slip(path, f"the cases are {called(found)}: write a list of {{arguments: […], expected: …}}")
    for number, case in enumerate(found):
        if said := _wrong(case):
            raise checker.slip((*path, number), f"case {number + 1} {said}")
    return found


def _wrong(case: Any, extra: Sequence[str] = ()) -> str:
    if not isinstance(case, Mapping):
        return f"is {called(case)}: write {{arguments: […], expected: …}}"
    for key in case:
        if key not in (*KEYS, *extra):
            return f"has an unknown key {key!r}{suggestion(str(key), KEYS)}"
    if not isinstance(case.get("arguments"), list | Mapping):
        return "lacks arguments: add a list of them, or a mapping by name"
    return ""


def variants(arguments: Sequence[Any]) -> Iterator[Any]:
    """Arguments like these that are not among them: numbers moved, lists reversed and cut, texts changed."""
    drawn = random.Random(0)
    for given in arguments:
        for change in (_moved, _reversed, _shorter):
            yield _changed(copy.deepcopy(given), change, drawn)


def _changed(value: Any, change: Any, drawn: random.Random) -> Any:
    if isinstance(value, dict):
        return {key: _changed(item, change, drawn) for key, item in value.items()}
    if isinstance(value, list):
        return change([_changed(item, change, drawn) for item in value], drawn)
    return change(value, drawn)


def _moved(value: Any, drawn: random.Random) -> Any:
    if isinstance(value, bool):
        return drawn.random() < 0.5
    if isinstance(value, int):
        return value + drawn.choice((-2, -1, 1, 2, 3))
    if isinstance(value, float):
        return round(value * (1 + drawn.uniform(-0.5, 0.5)) + drawn.uniform(-1, 1), 6)
    return "".join(drawn.sample(value, len(value))) if isinstance(value, str) else value


def _reversed(value: Any, drawn: random.Random) -> Any:
    return value[::-1] if isinstance(value, list | str) else value


def _shorter(value: Any, drawn: random.Random) -> Any:
    return value[: len(value) // 2] if isinstance(value, list | str) and len(value) > 1 else value
