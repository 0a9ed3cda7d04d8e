"""Quotes a task author's own source: every sentence about a faulty plugin names file and line."""

from __future__ import annotations

import ast
import inspect
import textwrap
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from evalkit.util.optional_packages import how_to_get
from evalkit.util.text import plain


def quote(owner: type, name: str | None = None) -> str:
    """`"class Task:" (tasks/x/__init__.py:12)`: the author's definition of a class, or of something in it."""
    for holder in inspect.getmro(owner):
        line, text = _definition(holder, name)
        if text:
            return f'"{text}" ({file_of(holder)}:{line})'
    return quote(owner) if name else owner.__qualname__


def quote_function(function: Callable[..., Any]) -> str:
    """`"def look(at):" (tasks/x/__init__.py:12)`; a callable that is written in no file by its name."""
    while isinstance(function, partial):
        function = function.func
    try:
        lines, first = inspect.getsourcelines(function)
        file = inspect.getsourcefile(function)
    except (OSError, TypeError):
        return getattr(function, "__qualname__", type(function).__qualname__)
    at = next((n for n, line in enumerate(lines) if not line.lstrip().startswith(("@", "#"))), 0)
    return f'"{lines[at].strip()}" ({file}:{first + at})'


def _definition(owner: type, name: str | None) -> tuple[int, str]:
    """Line number and source line of a class, or of what its body defines as `name`; an empty text if there is none."""
    try:
        lines, first = inspect.getsourcelines(owner)
    except (OSError, TypeError):  # defined in no file, such as `object`
        return 0, ""
    tree = ast.parse(textwrap.dedent("".join(lines)))
    definition = next(node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    wanted: ast.stmt | None = definition
    if name is not None:
        wanted = next((node for node in definition.body if name in _defines(node)), None)
    if wanted is None:
        return 0, ""
    return first + wanted.lineno - 1, lines[wanted.lineno - 1].strip()


def _defines(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return {target.id for target in targets if isinstance(target, ast.Name)}


def file_of(owner: type) -> str:
    """Where a class is defined."""
    return inspect.getsourcefile(owner) or owner.__module__


def blame(error: BaseException, folder: Path) -> str:
    """`ValueError: … (tasks/x/__init__.py:12: "the line")`: the innermost frame that lies in the plugin's folder."""
    what = f"{type(error).__name__}: {first_line(error)}".removesuffix(": ")
    if isinstance(error, SyntaxError):
        line = f': "{plain(error.text.strip(), one_line=True, limit=120)}"' if error.text else ""
        return f"{type(error).__name__}: {error.msg} ({error.filename}:{error.lineno}{line})"
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).is_relative_to(folder)
    ]
    place = f' ({frames[-1].filename}:{frames[-1].lineno}: "{frames[-1].line}")' if frames else ""
    return f"{what}{place}{how_to_get(error)}"


def first_line(error: BaseException) -> str:
    """Of what an exception says, even one that cannot say anything."""
    try:
        said = str(error)
    except Exception as broken:
        said = f"(no text: {type(broken).__name__})"
    return plain(said.strip().split("\n")[0], one_line=True, limit=300)
