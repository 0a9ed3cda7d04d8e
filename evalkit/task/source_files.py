"""Source files of a task's grader: those of its folder, and the code and data that it uses from elsewhere."""

from __future__ import annotations

import ast
import importlib.machinery
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from evalkit.config.search_path import NAMESPACE, folders
from evalkit.util.file_digests import code_file_digest, file_digest, tree

SOLUTIONS = "solutions"
"""The folder of a task that is not part of its grader: what `audit` plays."""
_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_LIKE_A_PATH = re.compile(r"[^\s<>\"'|?*{}]+[./][^\n<>\"|?*{}]*|\.[^\s<>\"'|?*{}]+")


@dataclass
class Sources:
    """Everything that was found. Names do not depend on where a checkout lies."""

    files: dict[str, str] = field(default_factory=dict)
    """`name/data.json` for a file of a task's folder, `module x` for other code, `file x` for data named in either →
    digest of its bytes."""
    packages: set[str] = field(default_factory=set)
    """Installed packages that any of it imports."""


def sources(folder: Path, knobs: Mapping[str, Any] | None = None) -> Sources:
    """The files of a task's folder, what its code imports that is not installed, and files that code or knobs name."""
    search = _Search()
    search.folder(folder)
    for text in _texts(knobs or {}):
        search.named_file(text, folder)
    return search.found


def module_sources(path: Path) -> Sources:
    """The same for code that lies in no task's folder: one file and what it imports."""
    search = _Search()
    search.module(path.name, path)
    return search.found


def kind_sources(kinds: Path, folder: Path, knobs: Mapping[str, Any]) -> Sources:
    """The same for a task in YAML: the code of the shipped kinds, its folder if there is one, files that knobs name."""
    search = _Search()
    for path in sorted(kinds.glob("*.py")):
        search.module(f"kinds/{path.name}", path)
    if folder.is_dir():
        search.folder(folder)
    for text in _texts(knobs):
        search.named_file(text, folder)
    return search.found


class _Search:
    """Follows imports from file to file."""

    def __init__(self) -> None:
        self.found = Sources()
        self._roots = folders("tasks")
        self._folders: list[Path] = []
        self._seen: set[Path] = set()

    def folder(self, folder: Path) -> None:
        """All of a task's folder."""
        if folder.resolve() in self._folders:
            return
        self._folders.append(folder.resolve())
        for path in tree(folder, apart_from=SOLUTIONS):
            name = f"{folder.name}/{path.relative_to(folder).as_posix()}"
            if path.suffix == ".py":
                self._code(name, path)
            else:
                self._add(name, file_digest(path))

    def module(self, name: str, path: Path) -> None:
        """One module that lies elsewhere; of another task, its whole folder, for it may read its own data."""
        owner = enclosing_task(path, self._roots)
        if owner:
            self.folder(owner)
        elif not self._covered(path):
            self._code(f"module {name}", path)

    def named_file(self, text: str, beside: Path) -> None:
        """A text that names a file, seen from `beside` or from the current directory."""
        if not _like_a_path(text):
            return
        for base in (beside, Path.cwd()):
            path = base / text
            try:
                if path.is_file() and not self._covered(path):
                    self._add(f"file {text}", file_digest(path))
            except (OSError, ValueError):
                continue

    def _covered(self, path: Path) -> bool:
        """Whether it was found already. A task's solutions count as covered: they are left out on purpose."""
        real = path.resolve()
        return real in self._seen or any(real.is_relative_to(folder) for folder in self._folders)

    def _add(self, name: str, digest: str) -> None:
        while self.found.files.get(name, digest) != digest:  # another file of that name
            name += "'"
        self.found.files[name] = digest

    def _code(self, name: str, path: Path) -> None:
        self._seen.add(path.resolve())
        digest = code_file_digest(path)
        self._add(name, digest)
        read = _read_code(path, digest)
        for level, module in read.imports:
            self._follow(path, level, module)
        for text in read.texts:
            if _DOTTED.fullmatch(text) and text in sys.modules:
                self._follow(path, 0, text)
            self.named_file(text, path.parent)

    def _follow(self, path: Path, level: int, module: str) -> None:
        parts = module.split(".") if module else []
        if not level and (parts[0] in sys.stdlib_module_names or parts[0] == "evalkit"):
            return
        bases, below = places(path, level, parts)
        if any(installed(base) for base in bases):
            self.found.packages.add(parts[0])
        else:
            self._walk(bases, below)

    def _walk(self, bases: list[Path], parts: list[str]) -> None:
        """Every file that importing `parts` below one of `bases` loads."""
        for depth, part in enumerate(parts):
            deeper = [base / part for base in bases]
            for path in deeper:
                for file in (path / "__init__.py", path.with_name(f"{part}.py")):
                    if file.is_file() and not self._covered(file):
                        self.module("/".join((*parts[:depth], *file.parts[len(path.parent.parts) :])), file)
            bases = deeper


@dataclass(frozen=True)
class _Code:
    imports: tuple[tuple[int, str], ...] = ()
    """Leading dots and dotted name; `from a import b` gives `a.b`, for `b` may be a module."""
    texts: tuple[str, ...] = ()


_parsed: dict[tuple[Path, str], _Code] = {}


def _read_code(path: Path, digest: str) -> _Code:
    if (path, digest) not in _parsed:
        try:
            _parsed[path, digest] = _parse(ast.parse(path.read_bytes()))
        except (OSError, SyntaxError, ValueError, RecursionError):  # no code, such as a template
            _parsed[path, digest] = _Code()
    return _parsed[path, digest]


def _parse(module: ast.AST) -> _Code:
    imports: list[tuple[int, str]] = []
    texts: list[str] = []
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            imports += [(0, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            stem = f"{node.module}." if node.module else ""
            imports += [(node.level, f"{stem}{alias.name}") for alias in node.names]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            texts += [node.value] if _like_a_path(node.value) or _DOTTED.fullmatch(node.value) else []
    return _Code(tuple(dict.fromkeys(imports)), tuple(dict.fromkeys(texts)))


def _like_a_path(text: str) -> bool:
    return len(text) <= 500 and bool(_LIKE_A_PATH.fullmatch(text))


def places(path: Path, level: int, parts: list[str]) -> tuple[list[Path], list[str]]:
    """Folders from which an import in the file `path` starts, and the names that lead on from there.

    `level`: leading dots. Nothing is imported.
    """
    roots = folders("tasks")
    if level:
        base = path.parents[min(level, len(path.parents)) - 1]
        return (roots if base in roots else [base]), parts  # all folders of tasks are one package
    if parts[0] == NAMESPACE:
        return roots, parts[1:]
    return [place.parent for place in _places(parts[0])], parts


def enclosing_task(path: Path, roots: Iterable[Path] | None = None) -> Path | None:
    """The folder of the task that a file belongs to, if it lies in one."""
    for root in folders("tasks") if roots is None else roots:
        if path.is_relative_to(root) and len(parts := path.relative_to(root).parts) > 1:
            folder = root / parts[0]
            if (folder / "__init__.py").is_file():
                return folder
    return None


def _places(top: str) -> list[Path]:
    """Where a top-level module or package lies; nothing of it is imported for that."""
    module = sys.modules.get(top)
    spec = getattr(module, "__spec__", None) if module else None
    if spec is None:
        try:
            spec = importlib.machinery.PathFinder.find_spec(top)
        except (ImportError, ValueError):
            return []
    if spec is None:
        return []
    if spec.submodule_search_locations is not None:
        return [Path(place) for place in spec.submodule_search_locations]
    return [Path(spec.origin)] if spec.has_location and spec.origin else []


def installed(place: Path) -> bool:
    """Whether a file or folder belongs to an installed package."""
    return bool({"site-packages", "dist-packages"} & set(place.parts))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, Iterable) and not isinstance(value, bytes):
        for item in value:
            yield from _texts(item)


@cache
def package_version(name: str) -> str:
    """Version of the installed distribution that a top-level module comes from."""
    from importlib import metadata

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
    for owner in metadata.distributions():  # faster by far than `packages_distributions`, which reads every record
        if name in (owner.read_text("top_level.txt") or "").split():
            return owner.version
    owners = metadata.packages_distributions().get(name, [])
    return ", ".join(sorted(metadata.version(owner) for owner in set(owners))) or "unknown"
