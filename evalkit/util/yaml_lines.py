"""Lines of YAML files as sentences quote them: the one with a slip, and the one that sets a key."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.util.text import plain

if TYPE_CHECKING:
    import yaml

_FIXES = {
    "cannot start any token": "indent with spaces, not with tabs, and put text with % @ ` in quotes",
    "could not find expected ':'": "write key: value",
    "mapping values are not allowed here": "indent keys of one level alike, and put text with a colon in quotes",
    "found duplicate key": "keep one of the two",
    "found unexpected end of stream": "close the quotes",
    "expected <block end>": "indent items of one level alike",
    "expected ',' or": "close the bracket",
}
"""What the parser says → what to do."""

_UNFINISHED = ("could not find expected ':'", "end of stream", "expected ',' or")
"""Where the line that began is the slip, and not the one at which the parser gave up."""


def slip(error: yaml.MarkedYAMLError) -> str:
    """`conf/task/x.yaml:3: "rows 6": could not find expected ':': write key: value`, of the line with the slip."""
    mark = error.problem_mark or error.context_mark
    said = plain(error.problem or "cannot be read", one_line=True)
    if mark is None:
        return f"A YAML file cannot be read: {said}"
    opened = error.context_mark
    unfinished = opened is not None and any(part in said for part in _UNFINISHED)
    line = (opened if unfinished and opened else mark).line
    place = Path(mark.name)
    fix = next((fix for part, fix in _FIXES.items() if part in said), "compare it with the lines around it")
    return f'{place}:{line + 1}: "{_line(place, line)}": {said}: {fix}'


def _line(path: Path, number: int) -> str:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return plain(lines[number].strip(), one_line=True, limit=120) if number < len(lines) else ""


def quoted_key(path: Path, keys: Sequence[str | int]) -> str:
    """`conf/task/x.yaml:3: "cuont: 20"`: the line that sets a nested key, or begins an item of a list, counted from 0;
    the path alone where none does.

    A file need not repeat the group that it belongs to: `max_steps` in conf/limits/ is `limits.max_steps`.
    """
    import yaml

    top = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    for first in range(len(keys)):
        node, found = top, None
        for key in keys[first:]:
            found, node = _entry(node, key)
        if found is not None:
            return f'{path}:{found.start_mark.line + 1}: "{_line(path, found.start_mark.line)}"'
    return str(path)


def _entry(node: yaml.Node | None, key: str | int) -> tuple[yaml.Node | None, yaml.Node | None]:
    """The node where an entry begins, and that of its value; None twice where there is none."""
    import yaml

    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        return node.value[key], node.value[key]
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    return next(((one, value) for one, value in pairs if one.value == key), (None, None))
