"""Runs inside a child: runs named checks on the files of its folder and writes which of them failed, and how."""

import json
import sys
import types
from pathlib import Path
from typing import Any


def run(name: str, source: str) -> str:
    """What is wrong, empty if nothing: of an expression that is false, of statements or a test what they raise."""
    try:
        code = compile(source, name, "eval")
    except SyntaxError:
        return raised(lambda: exec(compile(source, name, "exec"), {"__name__": name}))
    return raised(lambda: None if eval(code, {"__name__": name}) else fail("it is false"))


def fail(said: str) -> None:
    """Raises `AssertionError`."""
    raise AssertionError(said)


def raised(work: Any) -> str:
    """What work raises, as text."""
    try:
        work()
    except (Exception, SystemExit) as error:
        said = str(error).strip()
        kind = type(error).__name__
        return (said or "it is false")[:300] if isinstance(error, AssertionError) else f"{kind}: {said}"[:300]
    return ""


def main(checks: list[list[str]], tests: str, names: list[str], out: str) -> None:
    """Run `checks`, name and source each, and the functions `names` of the source `tests`."""
    sys.path.insert(0, ".")
    failed = {name: run(name, source) for name, source in checks}
    if names:
        module = types.ModuleType("tests")
        broken = raised(lambda: exec(compile(tests, "tests", "exec"), vars(module)))
        for name in names:
            failed[name] = broken or raised(vars(module)[name])
    Path(out).write_text(json.dumps(failed), encoding="utf-8")
