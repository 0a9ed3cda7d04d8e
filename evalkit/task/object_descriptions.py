"""Any Python object as JSON that is equal in every process: its data, never an address, an order of a set or a time."""

from __future__ import annotations

import copyreg
import enum
import functools
import hashlib
import json
import re
import sys
import types
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePath
from typing import Any

from evalkit.task.source_files import installed
from evalkit.util.file_digests import file_digest

_DEEP, _MANY = 100, 200_000
"""Levels and parts of an object that are looked at."""
_RUNNING = ("asyncio", "concurrent", "logging", "multiprocessing", "socket", "ssl", "subprocess", "threading")
"""Modules whose objects belong to a running process: they count by their type."""
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]{6,}")
VARIES = "(differs each time)"


class Describer:
    """Turns objects into JSON and collects the classes and functions that it meets on the way. Never raises."""

    def __init__(self, places: Mapping[str, str] | None = None, apart: tuple[type, Iterable[str]] = (type, ())) -> None:
        """`places`: folders → what stands for them in texts. `apart`: a class and its attributes that do not count."""
        self.code: dict[int, Any] = {}
        """Classes and functions, by identity."""
        self.paths: list[str] = []
        """Texts that name a file or folder."""
        self._places = dict(places or {})
        self._apart = apart[0], set(apart[1])
        self._classes: dict[int, Any] = {}
        self._under_way: dict[int, int] = {}
        self._count = 0

    def __call__(self, value: Any) -> Any:
        """JSON of an object."""
        self._count += 1
        if value is None or type(value) in (bool, float) or (type(value) is int and abs(value) < 1 << 64):
            return value
        if id(value) in self._under_way:
            return {"seen above": self._under_way[id(value)]}
        if self._count > _MANY or len(self._under_way) > _DEEP:
            return {"too large": _name(type(value))}
        self._under_way[id(value)] = len(self._under_way)
        try:
            return self._one(value)
        except Exception as error:  # a property or a comparison of somebody's own may raise anything
            return {"type": _name(type(value)), "raised": type(error).__name__}
        finally:
            del self._under_way[id(value)]

    def _one(self, value: Any) -> Any:
        for kinds, form in self._forms():
            if isinstance(value, kinds):
                return form(value)
        if (array := _array(value)) is not None:
            return array
        return self._object(value)

    def _forms(self) -> list[tuple[Any, Callable[[Any], Any]]]:
        return [
            (enum.Enum, lambda v: {"enum": f"{_name(type(v))}.{v.name}"}),
            (type, self._class),
            (types.FunctionType, self._function),
            (types.MethodType, lambda v: {"method": self(v.__func__), "of": self(v.__self__)}),
            (types.BuiltinFunctionType, lambda v: {"builtin": v.__qualname__, "of": self._owner(v.__self__)}),
            (types.ModuleType, lambda v: {"module": v.__name__}),
            (functools.partial, lambda v: {"partial": [self(part) for part in (v.func, v.args, v.keywords, vars(v))]}),
            (property, lambda v: {"property": [self(part) for part in (v.fget, v.fset, v.fdel)]}),
            ((staticmethod, classmethod), lambda v: {"wrapped": self(v.__func__)}),
            (PurePath, lambda v: {"path": self._text(str(v))}),
        ]

    def _owner(self, value: Any) -> Any:
        return None if value is None or isinstance(value, types.ModuleType) else self(value)

    def _plain(self, value: Any) -> Any:
        """JSON of what Python itself makes, and of what is derived from it; None for other objects."""
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, int):
            return hex(value)
        if isinstance(value, bytes | bytearray | memoryview):
            return {"bytes": hashlib.sha256(value).hexdigest()}
        if isinstance(value, Mapping):
            return {"mapping": _sorted([self(key), self(item)] for key, item in value.items())}
        if isinstance(value, set | frozenset):
            return {"set": _sorted(self(item) for item in value)}
        if isinstance(value, list | tuple):
            return [self(item) for item in value]
        return None

    def _text(self, text: str) -> Any:
        """A text; with the digest of the file, if it names one."""
        if 0 < len(text) <= 1000 and "\n" not in text and ("/" in text or "." in text):
            found = file_digest(Path(text))
            if not found.startswith("missing"):
                self.paths.append(text)
            if len(found) == 64:
                return {"text": self._without_places(text), "file": found}
        return self._without_places(text)

    def _without_places(self, text: str) -> str:
        for place, name in self._places.items():
            text = text.replace(place, name)
        return _ADDRESS.sub(" at 0x…", text)

    @property
    def classes(self) -> list[Any]:
        """What the classes themselves hold: methods with closures, numbers and texts that somebody may have set."""
        return _sorted(self._classes.values())

    def _class(self, value: type) -> Any:
        self._know(value)
        return {"class": _name(value)}

    def _know(self, kind: type) -> None:
        """Note a class and its bases, whose members count where the class is somebody's own."""
        for base in kind.__mro__:
            if id(base) not in self.code:
                self.code[id(base)] = base
                if is_own(base.__module__):
                    members = {name: item for name, item in vars(base).items() if _is_member(name, item)}
                    self._classes[id(base)] = {"class": _name(base), "members": self(members)}

    def _function(self, value: types.FunctionType) -> Any:
        self.code[id(value)] = value
        cells = [_cell(cell) for cell in value.__closure__ or ()]
        parts = (value.__defaults__, value.__kwdefaults__, cells, vars(value))
        return {"function": f"{value.__module__}.{value.__qualname__}", "with": [self(part) for part in parts]}

    def _object(self, value: Any) -> Any:
        kind = type(value)
        plain = self._plain(value)
        if plain is not None and kind.__module__ == "builtins":
            return plain
        if kind.__module__.partition(".")[0] in _RUNNING:
            return {"type": _name(kind)}
        self._know(kind)
        state = _state(value)
        if isinstance(value, self._apart[0]):
            state = {name: item for name, item in state.items() if name not in self._apart[1]}
        found = {"type": _name(kind), "state": self(state)}
        if plain is not None:
            found["value"] = plain
        if _can_be_reduced(kind):
            found["reduced"] = self._reduced(value)
        return found

    def _reduced(self, value: Any) -> Any:
        """What `copy` would rebuild it from: for objects made in C, whose attributes nobody can list."""
        reduce = copyreg.dispatch_table.get(type(value))
        parts: Any = reduce(value) if reduce else value.__reduce_ex__(2)
        if isinstance(parts, str):
            return parts
        return [self(list(part) if hasattr(part, "__next__") else part) for part in parts]


def is_own(module: str) -> bool:
    """Whether a module is neither Python's, nor evalkit's, nor installed."""
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names or top in ("builtins", "evalkit"):
        return top == "__main__"
    file = getattr(sys.modules.get(module), "__file__", None)
    return not (file and installed(Path(file)))


def _is_member(name: str, item: Any) -> bool:
    dunder = name.startswith("__") and name.endswith("__")
    kinds = (types.FunctionType, functools.partial, property, staticmethod, classmethod)
    return isinstance(item, kinds) or (not dunder and isinstance(item, bool | int | float | str | bytes))


def _can_be_reduced(kind: type) -> bool:
    names = ("__reduce__", "__reduce_ex__")
    return kind in copyreg.dispatch_table or any(getattr(kind, n) is not getattr(object, n) for n in names)


def _state(value: Any) -> dict[str, Any]:
    """Attributes by name, from `__dict__` and the slots of every class; what `cached_property` keeps is derived."""
    state: dict[str, Any] = {}
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            name = f"_{kind.__name__.lstrip('_')}{slot}" if slot.startswith("__") and not slot.endswith("__") else slot
            if name not in ("__dict__", "__weakref__"):
                state[name] = _attribute(value, name)
    kept = functools.cached_property
    derived = {name for kind in type(value).__mro__ for name, item in vars(kind).items() if isinstance(item, kept)}
    own = getattr(value, "__dict__", {})
    return state | {name: item for name, item in own.items() if name not in derived}


def _attribute(value: Any, name: str) -> Any:
    try:
        return getattr(value, name)
    except Exception:
        return "(unset)"


def _array(value: Any) -> Any:
    """Tensors and arrays by their bytes."""
    torch, numpy = sys.modules.get("torch"), sys.modules.get("numpy")
    if torch is not None and isinstance(value, torch.Tensor):
        flat = value.detach().cpu().contiguous().flatten()
        data = flat.view(torch.uint8).numpy().tobytes()
        return {"tensor": hashlib.sha256(data).hexdigest(), "of": [str(value.dtype), list(value.shape)]}
    if numpy is not None and isinstance(value, numpy.ndarray | numpy.generic) and not value.dtype.hasobject:
        return {"array": hashlib.sha256(value.tobytes()).hexdigest(), "of": [str(value.dtype), list(value.shape)]}
    return None


def _cell(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return "(empty)"


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _sorted(items: Iterable[Any]) -> list[Any]:
    return sorted(items, key=lambda item: json.dumps(item, sort_keys=True, default=str))


def common(one: Any, other: Any) -> Any:
    """What two descriptions share; where they differ, `VARIES` stands."""
    if type(one) is type(other):
        if isinstance(one, dict) and one.keys() == other.keys():
            return {name: common(one[name], other[name]) for name in one}
        if isinstance(one, list) and len(one) == len(other):
            return [common(*pair) for pair in zip(one, other, strict=True)]
        if one == other or one != one:
            return one
    return VARIES
