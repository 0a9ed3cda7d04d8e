"""The code behind tools: of the modules of a task, only what a tool reaches, so that a grader can change without it."""

from __future__ import annotations

import ast
import hashlib
import inspect
import sys
import types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalkit.task.source_files import SOLUTIONS, enclosing_task, installed, places
from evalkit.util.file_digests import code_file_digest, file_digest, tree

_ANYTHING = {"globals", "locals", "vars", "eval", "exec", "__import__", "import_module"}
"""Names with which code can reach everything in its module."""
_OWN_PLACE = {"__file__", "__path__", "__spec__", "__package__", "resources", "get_data", "getfile", "getsourcefile"}
"""Names with which code finds the folder that it lies in, and so its data."""
_LISTING = {"glob", "rglob", "iglob", "iterdir", "listdir", "scandir", "walk"}
"""Names with which it takes files without naming them."""


@dataclass
class Reached:
    """What the code of tools consists of."""

    code: dict[str, str] = field(default_factory=dict)
    """`<module file> <name>` → digest of the statements that define it, comments and layout apart."""
    values: dict[str, Any] = field(default_factory=dict)
    """Numbers and texts at the top of its modules, as they are now: a task may have set them."""
    packages: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    """Every name and attribute that it uses."""
    texts: set[str] = field(default_factory=set)
    folders: set[Path] = field(default_factory=set)
    """Folders of tasks that some of it lies in."""


def reached(things: Iterable[Any]) -> Reached:
    """The code of classes and functions, and whatever it uses of modules that are not installed."""
    search = _Search()
    for thing in things:
        search.start(thing)
    return search.found


def data_files(found: Reached, paths: Iterable[str]) -> dict[str, str]:
    """Data files of the tasks' folders that tools may read, with their digests. `paths`: what their set-up names.

    None where tools cannot find their folder. Else all, but those that only code outside the tools names.
    """
    digests: dict[str, str] = {}
    set_up = {Path(path).resolve() for path in paths}
    for folder in found.folders:
        held = any(path == folder or path in folder.parents for path in set_up)
        files = [path for path in tree(folder, apart_from=SOLUTIONS) if path.suffix != ".py"]
        if not held and not found.names & _OWN_PLACE:
            files = [path for path in files if _is_named(path, found.texts)]
        elif not found.names & _LISTING:
            elsewhere = _texts_of(folder)
            files = [path for path in files if _is_named(path, found.texts) or not _is_named(path, elsewhere)]
        digests |= {f"{folder.name}/{path.relative_to(folder).as_posix()}": file_digest(path) for path in files}
    return digests


def _is_named(path: Path, texts: Iterable[str]) -> bool:
    return any(path.name in text or path.stem in text for text in texts)


def _texts_of(folder: Path) -> set[str]:
    texts: set[str] = set()
    for path in tree(folder, apart_from=SOLUTIONS):
        if path.suffix == ".py":
            texts |= _module(path).texts
    return texts


@dataclass
class _Module:
    """One parsed file."""

    statements: list[ast.stmt]
    always: set[int]
    """Places of statements that do something when the module is loaded."""
    defined: dict[str, set[int]]
    """Name → places of the statements that bind it."""
    texts: set[str]


_modules: dict[tuple[Path, str], _Module] = {}


def _module(path: Path) -> _Module:
    key = path, code_file_digest(path)
    if key not in _modules:
        try:
            body = ast.parse(path.read_bytes()).body
        except (OSError, SyntaxError, ValueError, RecursionError):
            body = []
        always = {place for place, node in enumerate(body) if _does_something(node)}
        defined: dict[str, set[int]] = {}
        for place, node in enumerate(body):
            for name in _binds(node):
                defined.setdefault(name, set()).add(place)
        texts = {text for node in body for text in _texts(node)}
        _modules[key] = _Module(body, always, defined, texts)
    return _modules[key]


def _does_something(node: ast.stmt) -> bool:
    """Whether a statement at the top of a module can matter to code that does not name what it binds."""
    if isinstance(node, ast.Expr):
        return not isinstance(node.value, ast.Constant)
    if isinstance(node, ast.ImportFrom):
        return any(alias.name == "*" for alias in node.names)
    if isinstance(node, ast.Assign):
        return not all(isinstance(target, ast.Name | ast.Tuple) for target in node.targets)
    plain = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.AnnAssign, ast.Pass)
    return not isinstance(node, plain)


def _binds(node: ast.AST) -> Iterator[str]:
    """Names that a statement binds in its module."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Import | ast.ImportFrom):
        for alias in node.names:
            yield alias.asname or alias.name.partition(".")[0]
    else:
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store | ast.Del):
                yield inner.id
            elif inner is not node and isinstance(inner, ast.stmt):
                yield from _binds(inner)


def _texts(node: ast.AST) -> set[str]:
    return {i.value for i in ast.walk(node) if isinstance(i, ast.Constant) and isinstance(i.value, str)}


def _names(node: ast.AST) -> set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}


def _attributes(node: ast.AST) -> set[str]:
    return {inner.attr for inner in ast.walk(node) if isinstance(inner, ast.Attribute)}


class _Search:
    """Follows names from statement to statement, and from module to module."""

    def __init__(self) -> None:
        self.found = Reached()
        self._done: set[tuple[Path, int]] = set()
        self._loaded = {getattr(module, "__file__", None): module for module in list(sys.modules.values())}

    def start(self, thing: Any) -> None:
        """A class with its bases, or a function."""
        if isinstance(thing, type):
            for kind in thing.__mro__:
                file = getattr(sys.modules.get(kind.__module__), "__file__", None)
                self._enter(kind.__module__, file, kind.__qualname__, kind)
        else:
            code = thing.__code__
            self._enter(thing.__module__ or "", code.co_filename, code.co_qualname, thing)

    def _enter(self, module: str, file: str | None, qualname: str, thing: Any) -> None:
        top = module.partition(".")[0]
        if top in sys.stdlib_module_names or top == "builtins":
            return
        path = Path(file) if file else None
        if path is None or not path.is_file() or path.suffix != ".py":
            self._found_in_memory(f"{module}.{qualname}", thing)
        elif top == "evalkit":
            self.found.code[module] = code_file_digest(path)
        elif installed(path):
            self.found.packages.add(top)
        else:
            self._need(path, qualname.partition(".")[0])

    def _found_in_memory(self, name: str, thing: Any) -> None:
        """Code without a file, as in a notebook."""
        functions = [thing] if isinstance(thing, types.FunctionType) else list(vars(thing).values())
        codes = [bytecode(item.__code__) for item in functions if isinstance(item, types.FunctionType)]
        if codes:
            self.found.code[name] = hashlib.sha256("\n".join(codes).encode()).hexdigest()

    def _need(self, path: Path, name: str | None) -> None:
        """What binds `name` in a module, or all of it (None, or where that cannot be told)."""
        if folder := enclosing_task(path):
            self.found.folders.add(folder)
        module = _module(path)
        wanted = module.defined.get(name or "") or set(range(len(module.statements)))
        for place in sorted(wanted | module.always):
            self._take(path, module, place)

    def _take(self, path: Path, module: _Module, place: int) -> None:
        if (path, place) in self._done:
            return
        self._done.add((path, place))
        node = module.statements[place]
        names, texts = _names(node), _texts(node)
        self.found.names |= names | _attributes(node)
        self.found.texts |= texts
        if isinstance(node, ast.Import | ast.ImportFrom):
            self._import(path, node)
            return
        text = ast.dump(node)
        label = f"{'/'.join(path.parts[-2:])} {hashlib.sha256(text.encode()).hexdigest()[:12]}"
        self.found.code[label] = text
        self._values(path, node)
        for name in module.defined if (names | _attributes(node)) & _ANYTHING else names | texts:
            if name in module.defined:
                for other in module.defined[name]:
                    self._take(path, module, other)

    def _values(self, path: Path, node: ast.stmt) -> None:
        """Numbers and texts that the statement bound, as the module has them now."""
        if isinstance(node, ast.Assign | ast.AnnAssign):
            for name in _binds(node):
                self._value(f"{path.name} {name}", getattr(self._loaded.get(str(path)), name, None))

    def _value(self, name: str, value: Any) -> None:
        if isinstance(value, bool | int | float | str | bytes):
            self.found.values[name] = repr(value)

    def _import(self, path: Path, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            if isinstance(node, ast.Import):
                self._from(path, 0, alias.name, None)
            else:
                self._from(path, node.level, node.module or "", None if alias.name == "*" else alias.name)

    def _from(self, path: Path, level: int, module: str, name: str | None) -> None:
        """`from <dots><module> import <name>`, or the whole of a module."""
        parts = module.split(".") if module else []
        if not level and (parts[0] in sys.stdlib_module_names or parts[0] == "evalkit"):
            if parts[0] == "evalkit" and name:
                self._helper(module, name)
            return
        bases, below = places(path, level, parts)
        if any(installed(base) for base in bases):
            self.found.packages.add(parts[0])
            return
        for base in bases:
            inside = base.joinpath(*below)
            if name and (file := _file(inside / name)):
                self._need(file, None)
            elif file := _file(inside):
                self._need(file, name)
            for outer in range(1, len(below)) if not level else ():
                if (init := base.joinpath(*below[:outer], "__init__.py")).is_file() and enclosing_task(init) is None:
                    self._need(init, None)

    def _helper(self, module: str, name: str) -> None:
        """A part of evalkit that a tool builds on."""
        thing = getattr(sys.modules.get(module), name, None)
        if isinstance(thing, type | types.FunctionType):
            try:
                self.found.code[thing.__module__] = code_file_digest(Path(inspect.getfile(thing)))
            except (OSError, TypeError):
                return


def _file(path: Path) -> Path | None:
    """The file of a module that lies at `path`, without its suffix."""
    for file in (path / "__init__.py", path.with_name(f"{path.name}.py")):
        if file.is_file():
            return file
    return None


def bytecode(code: types.CodeType) -> str:
    """What a function does, as text: instructions, constants and names, no line numbers."""
    constants = [bytecode(c) if isinstance(c, types.CodeType) else _constant(c) for c in code.co_consts]
    return repr((code.co_code.hex(), constants, code.co_names, code.co_varnames))


def _constant(value: Any) -> str:
    return repr(sorted(map(repr, value))) if isinstance(value, frozenset) else repr(value)
