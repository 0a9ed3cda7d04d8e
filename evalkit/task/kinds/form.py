"""Form of a task in YAML: which keys it has and what each must be. Every slip is one sentence with file and line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from evalkit.task.kinds.places import Path_, Places
from evalkit.util.dotted import is_number
from evalkit.util.errors import UserError
from evalkit.util.suggestions import suggestion

_FITS: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "text": ("a text", lambda value: isinstance(value, str)),
    "number": ("a number", is_number),
    "positive": ("a number above 0", lambda value: is_number(value) and value > 0),
    "switch": ("true or false", lambda value: isinstance(value, bool)),
    "list": ("a list", lambda value: isinstance(value, list)),
    "texts": ("a list of texts", lambda value: isinstance(value, list) and all(isinstance(x, str) for x in value)),
    "mapping": ("a mapping", lambda value: isinstance(value, Mapping)),
    "list or text": ("a list or a template that gives one", lambda value: isinstance(value, list | str)),
    "anything": ("anything", lambda value: True),
}
_CALLED = {str: "text", bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "a mapping"}


@dataclass(frozen=True)
class Key:
    """One key of a YAML form."""

    kind: str
    """One of `_FITS`."""
    about: str = ""
    """What it says, for `add prompt: <about>`."""
    required: bool = False
    one_of: tuple[str, ...] = ()
    keys: Mapping[str, Key] | None = None
    """What a mapping may hold; None: anything."""
    each: Key | None = None
    """What every value of a mapping, or item of a list, must be."""


class Checker:
    """Checks a `task` node against its form."""

    def __init__(self, places: Places, kind: str) -> None:
        self._places, self._kind = places, kind

    def check(self, node: Mapping[str, Any], keys: Mapping[str, Key], path: Path_ = ()) -> None:
        """Raise `UserError` for the first slip."""
        what = f"kind: {self._kind}" if not path else dotted(path)
        for given in node:
            if given not in keys:
                hint = suggestion(str(given), keys)
                raise self.slip((*path, given), f"{what} has no key {given!r}{hint}")
        for name, key in keys.items():
            if node.get(name) is not None:
                self._value(node[name], key, (*path, name))
            elif key.required:
                raise self.slip(path, f"{what} lacks {name}: add `{name}: {key.about}`")

    def _value(self, value: Any, key: Key, path: Path_) -> None:
        want, fits = _FITS[key.kind]
        if not fits(value):
            hint = "; put quotes around it" if key.kind == "text" and not isinstance(value, list | Mapping) else ""
            raise self.slip(path, f"{dotted(path)} is {called(value)}: write {want}{hint}")
        if key.one_of:
            for one in value if isinstance(value, list) else [value]:
                if one not in key.one_of:
                    hint = suggestion(str(one), key.one_of)
                    raise self.slip(path, f"{dotted(path)} cannot be {one!r}{hint}")
        if key.keys is not None:
            self.check(value, key.keys, path)
        if key.each is not None:
            inner = value.items() if isinstance(value, Mapping) else enumerate(value)
            for name, item in inner:
                self._value(item, key.each, (*path, name))

    def slip(self, path: Path_, said: str, *, line: int = 0) -> UserError:
        """The error for something in this place."""
        return UserError(f"{self._places.of(path, line=line)}: {said}")


def dotted(path: Path_) -> str:
    """`answer.type`, as it stands below `task`."""
    return ".".join(map(str, path))


def called(value: Any) -> str:
    """What a YAML value is, for people."""
    if value is None:
        return "empty"
    kind = _CALLED.get(type(value), type(value).__name__)
    return f"{value!r}, {kind}" if isinstance(value, bool | int | float) else kind
