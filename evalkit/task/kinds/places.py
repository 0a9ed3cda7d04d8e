"""Where a value of a task's config stands: file and line of the YAML, for sentences about a slip in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.config.search_path import config_files
from evalkit.util.dotted import leaves

if TYPE_CHECKING:
    import yaml

Path_ = tuple[str | int, ...]
"""Keys, and places in lists, from the `task` node on."""


@dataclass(frozen=True)
class _Document:
    """A file of conf/task/ with the nodes of its `task`."""

    path: Path
    node: yaml.Node
    values: Any


class Places:
    """Finds the lines of one task's config. Reads files only when asked."""

    def __init__(self, node: Mapping[str, Any]) -> None:
        """`node`: the composed `task` node."""
        self._node = node
        self._found: list[_Document] | None = None

    def of(self, path: Path_, *, line: int = 0) -> str:
        """`conf/task/x.yaml:12`, or `task.a.b` for a value that the command line sets.

        `line`: within a text of several lines, from 1; 0 for its beginning. Of what is nowhere: where its holder is.
        """
        for document in self._documents():
            key, value = _at(document.node, path)
            if key is not None and value is not None and _same(document.values, self._node, path):
                return f"{_short(document.path)}:{_line(key, value, line)}"
        if path and _value(self._node, path) is None:
            return self.of(path[:-1])
        documents = self._documents()
        if path or not documents:
            return ".".join(map(str, ("task", *path)))
        return f"{_short(documents[0].path)}:{documents[0].node.start_mark.line + 1}"

    def _documents(self) -> Sequence[_Document]:
        """The files that configure this task, the one that says most of what the config says first."""
        if self._found is None:
            name, own = self._node.get("name"), dict(leaves(self._node))
            found = [document for path in config_files("task") if (document := _read(path, name))]
            same = {
                id(one): sum(own.get(key) == value for key, value in leaves(one.values) if key in own) for one in found
            }
            self._found = sorted(found, key=lambda one: -same[id(one)])
        return self._found


def _read(path: Path, name: Any) -> _Document | None:
    """A file's `task` node if it is about the task of that name."""
    import yaml

    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), yaml.SafeLoader)
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):  # Hydra says so where it matters
        return None
    if root is None or not isinstance(values, Mapping):
        return None
    if isinstance(values.get("task"), Mapping):
        _, node = _at(root, ("task",))
        values = values["task"]
        return _Document(path, node, values) if node is not None and values.get("name") == name else None
    return _Document(path, root, values) if values.get("name") == name else None


def _at(node: yaml.Node, path: Path_) -> tuple[yaml.Node | None, yaml.Node | None]:
    """The nodes of a key and of its value; of a list's item twice the item."""
    import yaml

    key: yaml.Node | None = node
    value: yaml.Node | None = node
    for part in path:
        if isinstance(value, yaml.MappingNode):
            pairs = [pair for pair in value.value if pair[0].value == str(part)]
            key, value = pairs[0] if pairs else (None, None)
        elif isinstance(value, yaml.SequenceNode) and isinstance(part, int) and part < len(value.value):
            key = value = value.value[part]
        else:
            return None, None
    return key, value


def _same(one: Any, other: Any, path: Path_) -> bool:
    """Whether both hold the same in a place; of mappings it is enough that both hold one."""
    first, second = _value(one, path), _value(other, path)
    return first == second or (isinstance(first, Mapping) and isinstance(second, Mapping))


def _value(node: Any, path: Path_) -> Any:
    for part in path:
        try:
            node = node[part]
        except (KeyError, IndexError, TypeError):
            return None
    return node


def _line(key: yaml.Node, value: yaml.Node, line: int) -> int:
    import yaml

    if not line or not isinstance(value, yaml.ScalarNode) or value.style == ">":
        return int(key.start_mark.line) + 1
    first = int(value.start_mark.line) + 1
    return first + line if value.style == "|" else first + line - 1


def _short(path: Path) -> str:
    """As seen from the current directory, where it lies below it."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
