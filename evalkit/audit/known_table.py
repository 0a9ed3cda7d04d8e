"""Known answers as a table: solutions/known.yaml, in place of a file for each.

    - {answer: 8769}                                               right, for it names no category
    - {answer: 59240, expect: accuracy_boundary, breaks: accuracy} wrong: the category it must get, the rule it breaks
    - {answer: "SUCCESS", expect: any, kind: exploits}             an attempt to pass without solving anything

`name` and `about` say what an answer is, `needs` the settings that it is made for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evalkit.util.errors import UserError
from evalkit.util.suggestions import suggestion

KNOWN = "known.yaml"
_KEYS = ("answer", "expect", "breaks", "name", "about", "kind", "needs")


def read_known(folder: Path, kinds: Sequence[str]) -> list[Mapping[str, Any]]:
    """The rows of `folder`/known.yaml in its order, each with `name` and `kind`; none without the file.

    Raises `UserError` with file and line for a row of another form.
    """
    path = folder / KNOWN
    if not path.is_file():
        return []
    entries, lines = _entries(path)
    found = [_checked(entry, number, f"{path}:{lines[number]}", kinds) for number, entry in enumerate(entries)]
    seen: dict[str, int] = {}
    for number, row in enumerate(found):
        id_ = f"{row['kind']}/{row['name']}"
        if id_ in seen:
            raise UserError(
                f"{path}:{lines[number]} is called {id_} like the answer in line {lines[seen[id_]]}: "
                "give it another name"
            )
        seen[id_] = number
    return found


def kind_of_row(row: Mapping[str, Any]) -> str:
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


def _checked(entry: Any, number: int, where: str, kinds: Sequence[str]) -> Mapping[str, Any]:
    if not isinstance(entry, Mapping) or "answer" not in entry:
        raise UserError(f"{where} has no answer: write `- {{answer: …, expect: …, breaks: …}}`")
    for key, value in entry.items():
        if key not in _KEYS:
            hint = suggestion(str(key), _KEYS)
            raise UserError(f"{where} has an unknown key {key!r}{hint}")
        if key != "answer" and not isinstance(value, str):
            raise UserError(f"{where} gives {key} as {type(value).__name__}: write a text")
    kind = kind_of_row(entry)
    if kind not in kinds:
        hint = suggestion(kind, kinds)
        raise UserError(f"{where} has the kind {kind!r}{hint}")
    return {"name": f"known_{number + 1}", **entry, "kind": kind}
