"""Writes the JSON Schemas that evalkit publishes, from the types that write and read the files.

    python -m tools.schemas

Descriptions are the strings below fields and types. Schemas that no type gives yet are left as they are.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
import textwrap
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from evalkit.report.matrix import ModelsFile
from evalkit.results.problem_tallies import ProblemLine
from evalkit.results.runs import MeasurementLine, RunLine
from evalkit.select.choose import SelectionLine
from evalkit.util.records import Record

FOLDER = Path(__file__).parent.parent / "evalkit" / "results" / "schemas"
TYPES: dict[str, tuple[str, type[Record]]] = {
    "run": ("A line of runs.jsonl", RunLine),
    "measurement": ("A line of measurements.jsonl", MeasurementLine),
    "problem": ("A line of problems.jsonl", ProblemLine),
    "selection": ("A line of selection.jsonl", SelectionLine),
    "models": ("models.json of a sweep", ModelsFile),
}
"""Name of a schema → title and type."""
JSON_WORDS = {"None": "null", "True": "true", "False": "false"}
FOR_READERS = (
    "Readers ignore keys that they do not know; numbers that are not finite are written NaN, Infinity and -Infinity."
)


def schema(name: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a published file or line."""
    title, kind = TYPES[name]
    nodes, kinds = msgspec.json.schema(kind)["$defs"], {one.__name__: one for one in _kinds(kind)}
    known = {part: _described(node, kinds[part]) for part, node in nodes.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:evalkit:1:{name}",
        "title": title,
        "description": f"{' '.join((kind.__doc__ or '').split())} {FOR_READERS}",
        **_inlined(known[kind.__name__], known),
    }


def text(name: str) -> str:
    """What the published file holds."""
    return json.dumps(schema(name), indent=1, ensure_ascii=False) + "\n"


def _kinds(kind: type) -> list[type]:
    """The type and every one that its fields mention."""
    found: dict[type, None] = {}

    def visit(node: Any) -> None:
        kind = getattr(node, "cls", None)
        if not isinstance(node, msgspec.inspect.Type | msgspec.inspect.Field | tuple) or kind in found:
            return
        found.update({kind: None} if kind else {})
        for part in node if isinstance(node, tuple) else map(partial(getattr, node), node.__struct_fields__):
            visit(part)

    visit(msgspec.inspect.type_info(kind))
    return list(found)


def _described(node: dict[str, Any], kind: type) -> dict[str, Any]:
    """With the strings below its fields. What a record leaves out is never null, and a dataclass leaves nothing out."""
    if issubclass(kind, Enum):
        return {"enum": [member.value for member in kind]}
    record, strings, names = issubclass(kind, Record), _strings(kind), {}
    if issubclass(kind, Record):
        names = dict(zip(kind.__struct_encode_fields__, kind.__struct_fields__, strict=True))
    for name, field in node["properties"].items():
        if "default" in field and record:
            field.update(*(one for one in field.pop("anyOf", ()) if one != {"type": "null"}))
        if field.get("anyOf") and all(one.keys() == {"type"} for one in field["anyOf"]):
            field["type"] = [one["type"] for one in field.pop("anyOf")]
        field.pop("default", None)
        said = {"description": strings[names.get(name, name)]} if names.get(name, name) in strings else {}
        node["properties"][name] = field | said
    required = node["required"] if record else list(node["properties"])
    return {"type": "object", "properties": node["properties"], "required": required}


def _inlined(node: Any, known: dict[str, Any]) -> Any:
    """With the parts that it refers to in their places: the types refer to no type that holds itself."""
    if isinstance(node, list):
        return [_inlined(one, known) for one in node]
    if not isinstance(node, dict):
        return node
    node = {name: _inlined(value, known) for name, value in node.items()}
    reference = node.pop("$ref", None)
    return _merged(_inlined(known[reference.rpartition("/")[2]], known), node) if reference else node


def _merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    both = {name: _merged(one[name], other[name]) for name in one.keys() & other.keys() if isinstance(one[name], dict)}
    return {**one, **other, **both}


def _strings(kind: type) -> dict[str, str]:
    """Field → the string below it."""
    body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    assert isinstance(body, ast.ClassDef)
    found = {}
    for field, below in zip(body.body, body.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(below, ast.Expr):
            assert isinstance(below.value, ast.Constant)
            words = " ".join(str(below.value.value).split())
            found[field.target.id] = re.sub(r"\b(None|True|False)\b", lambda word: JSON_WORDS[word[0]], words)
    return found


def main() -> int:
    """Write them."""
    for name in TYPES:
        (FOLDER / f"{name}.schema.json").write_text(text(name), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
