"""Docstrings of public functions: each names the errors that its own body raises."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import evalkit

ROOT = Path(evalkit.__file__).parent
FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef


def raised_unnamed(source: str) -> list[str]:
    """`line function: Error` of every error that a public function's body raises and its docstring does not name."""
    found = []
    for name, function in public_functions(ast.parse(source).body):
        said = ast.get_docstring(function) or ""
        for error, line in raised(function):
            if not (error in said if error[:1].isupper() else "raises" in said.lower() or "raise " in said.lower()):
                found.append(f"{line} {name}: {error}")
    return found


def public_functions(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, FUNCTIONS]]:
    """Functions, and methods of public classes, whose names have no leading underscore."""
    for node in body:
        if isinstance(node, ast.ClassDef | FUNCTIONS) and node.name.startswith("_"):
            continue
        if isinstance(node, ast.ClassDef):
            yield from public_functions(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, FUNCTIONS):
            yield f"{prefix}{node.name}", node


def raised(function: ast.AST) -> Iterator[tuple[str, int]]:
    """Name and line of everything that is raised; a function or class inside is not part of it."""
    for node in ast.iter_child_nodes(function):
        if isinstance(node, FUNCTIONS | ast.ClassDef | ast.Lambda):
            continue
        if isinstance(node, ast.Raise) and node.exc is not None:
            error = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            yield ast.unparse(error).rpartition(".")[2], node.lineno
        yield from raised(node)


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_public_functions_say_what_they_raise(path: Path) -> None:
    assert raised_unnamed(path.read_text(encoding="utf-8")) == []


def test_an_error_that_is_not_named_is_found() -> None:
    source = '''
class Reader:
    def read(self):
        """What is there. Raises `UserError`."""
        if self:
            raise UserError("x")
        raise errors.StorageError("y")

    def _private(self):
        raise ValueError

def run(failure):
    """Runs."""
    def inner():
        raise KeyError
    raise failure
'''
    assert raised_unnamed(source) == ["7 Reader.read: StorageError", "16 run: failure"]
