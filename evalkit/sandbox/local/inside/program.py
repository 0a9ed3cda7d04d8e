"""Runs model-written programs the way an interactive interpreter does, and words their errors."""

from __future__ import annotations

import ast
import importlib
import linecache
import sys
import traceback
import types
from collections.abc import Sequence
from typing import Any

FILE = "<program"
"""How the file name of every program starts; frames of anything else are not shown."""
MAX_ERROR = 16_000
SHORT_NAMES = {"numpy": "np", "pandas": "pd", "polars": "pl", "networkx": "nx", "matplotlib.pyplot": "plt"}
"""Module → what everybody calls it."""


def namespace(preload: Sequence[str]) -> dict[str, Any]:
    """A fresh `__main__` with the preloaded modules in it."""
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module  # where dataclasses and pickle look names up
    for name in preload:
        loaded = importlib.import_module(name)
        if name in SHORT_NAMES:
            vars(module)[SHORT_NAMES[name]] = loaded
        else:  # `scipy.stats` is reached by way of `scipy`
            vars(module)[name.partition(".")[0]] = sys.modules[name.partition(".")[0]]
    return vars(module)


def execute(source: str, names: dict[str, Any], number: int = 1) -> None:
    """Run a program; print the repr of a trailing expression unless it is None."""
    file = f"{FILE}>" if number == 1 else f"{FILE} {number}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    tree = ast.parse(source, file)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, file, "exec", dont_inherit=True), names)
    if isinstance(last, ast.Expr):
        value = eval(compile(ast.Expression(last.value), file, "eval", dont_inherit=True), names)
        if value is not None:
            print(repr(value))  # noqa: T201  (this is what a REPL does)


def describe(error: BaseException) -> str:
    """The traceback with the program's own frames only, cut in the middle when it is long."""
    report = traceback.TracebackException.from_exception(error, compact=True)
    _keep_own_frames(report)
    text = "".join(report.format()).strip()
    if len(text) > MAX_ERROR:
        half = MAX_ERROR // 2
        text = f"{text[:half]}\n[{len(text) - MAX_ERROR} characters cut]\n{text[-half:]}"
    return text


def _keep_own_frames(report: traceback.TracebackException) -> None:
    own = [frame for frame in report.stack if frame.filename.startswith(FILE)]
    report.stack = traceback.StackSummary.from_list(own)
    for other in (report.__cause__, report.__context__, *(report.exceptions or ())):
        if other is not None:
            _keep_own_frames(other)
