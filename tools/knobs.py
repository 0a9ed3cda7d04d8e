"""Names, defaults and meanings of all knobs, from the comments in conf/ and the docstrings of the config's schema."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CONF = Path(__file__).resolve().parent.parent / "conf"
GROUPS = ("task", "model", "limits", "sandbox")
"""The config groups: folders of conf/ whose files are chosen by name."""


@dataclass(frozen=True)
class Knob:
    """One row of a table: dotted name, default as YAML would write it, and what it means."""

    name: str
    value: str
    meaning: str


def knobs_of_evalkit() -> list[Knob]:
    """Every knob that belongs to evalkit and not to a task; raise `ValueError` for one whose meaning stands nowhere."""
    from evalkit.config.schema import Config

    written = {
        knob.name: knob
        for prefix, path in (("", "config"), ("limits.", "limits/default"), ("sandbox.", "sandbox/auto"))
        for knob in knobs_of_file(CONF / f"{path}.yaml", prefix)
    }
    found = []
    for name, value, meaning in _schema(Config()):
        knob = written.get(name, Knob(name, value, ""))
        found.append(dataclasses.replace(knob, meaning=knob.meaning or meaning))
    silent = [knob.name for knob in found if not knob.meaning]
    if silent:
        raise ValueError(f"say what {', '.join(silent)} means: a comment in conf/, or a docstring below the field")
    return found


def knobs_of_task(path: Path) -> list[Knob]:
    """The knobs under `task:` in a file of conf/task/, without the task's name.

    A variant says what it sets differently; where it does not say what a knob means, the file that it builds on does.
    """
    defaults = yaml.safe_load(path.read_text(encoding="utf-8")).get("defaults", [])
    bases = [CONF / "task" / f"{name}.yaml" for name in defaults if isinstance(name, str) and name != "_self_"]
    meant = {knob.name: knob.meaning for base in bases for knob in knobs_of_task(base)}
    knobs = [knob for knob in knobs_of_file(path) if re.match(r"task\.(?!name$)", knob.name)]
    return [dataclasses.replace(knob, meaning=knob.meaning or meant.get(knob.name, "")) for knob in knobs]


def knobs_of_file(path: Path, prefix: str = "") -> list[Knob]:
    """The leaves of a YAML file, and those of its mappings that say something about all of their leaves."""
    text = path.read_text(encoding="utf-8")
    node = yaml.compose(text)
    assert isinstance(node, yaml.MappingNode), path
    return list(_leaves(node, text, prefix))


def header(path: Path) -> str:
    """The comment that opens a YAML file, as one paragraph, without package lines and everything from a list on."""
    words = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#") or line.startswith(("# - ", "#   ")):
            break
        if not line.startswith("# @"):
            words.append(line[1:].strip())
    return " ".join(words)


def _leaves(node: yaml.MappingNode, text: str, prefix: str) -> Iterator[Knob]:
    lines = text.splitlines()
    for key, value in node.value:
        name = f"{prefix}{key.value}"
        meaning = _comment(key, value, lines)
        if not isinstance(value, yaml.MappingNode):
            yield Knob(name, _written(value, text), meaning)
        elif value.value:
            if meaning:
                yield Knob(f"{name}.…", "", meaning)
            yield from _leaves(value, text, f"{name}.")
        else:
            yield Knob(name, "{}", meaning)


def _written(node: yaml.Node, text: str) -> str:
    if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
        return str(node.value).strip()
    raw = text[node.start_mark.index : node.end_mark.index]
    return raw if isinstance(node, yaml.ScalarNode) else " ".join(re.sub(r"(?m)\s#.*$", "", raw).split())


def _comment(key: yaml.Node, value: yaml.Node, lines: list[str]) -> str:
    """What stands behind a value on its line; else the lines of comment directly above its key."""
    block = isinstance(value, yaml.ScalarNode) and value.style in ("|", ">")
    on_its_line = getattr(value, "flow_style", False) or (isinstance(value, yaml.ScalarNode) and not block)
    end = value.end_mark if on_its_line else key.end_mark
    behind = re.fullmatch(r"[:>|+-]*\s*#\s*(.*)", re.sub(r"^:\s+", "", lines[end.line][end.column :]))
    if behind:
        return behind[1].strip()
    above: list[str] = []
    indent = " " * key.start_mark.column
    for before in reversed(lines[: key.start_mark.line]):
        if not before.startswith(f"{indent}#"):
            break
        above.insert(0, before.strip().lstrip("# "))
    return " ".join(above)


def _schema(config: Any, prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """Name, default and docstring of every leaf of a config's dataclasses."""
    said = _docstrings(type(config))
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            yield from _schema(value, f"{prefix}{field.name}.")
        elif f"{prefix}{field.name}" not in GROUPS:  # `task` is a group whose schema every task brings along
            written = value if isinstance(value, str) and value else json.dumps(value)
            yield f"{prefix}{field.name}", written, said.get(field.name, "")


def _docstrings(kind: type) -> dict[str, str]:
    """The texts that stand below the fields of a class."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(definition, ast.ClassDef)
    said = {}
    for field, below in zip(definition.body, definition.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(below, ast.Expr):
            said[field.target.id] = str(ast.literal_eval(below.value))
    return said
