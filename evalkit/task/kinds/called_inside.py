"""Runs inside a child: calls a submitted function with JSON and writes what every call gave."""

import importlib
import json
import signal
import sys
import types
from pathlib import Path
from typing import Any


def plain(value: Any, depth: int = 0) -> Any:
    """JSON of a value: tuples are lists, numbers of NumPy are numbers; TypeError for any other object."""
    if depth > 100:
        raise TypeError("a result that nests too deeply")
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, dict):
        return {
            key if type(key) is str else json.dumps(plain(key)): plain(item, depth + 1) for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [plain(item, depth + 1) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist(), depth + 1)
    raise TypeError(f"{type(value).__name__} is not JSON: return numbers, texts, lists and dicts")


def called(function: Any, given: Any) -> Any:
    """What one call gave; of one that raises, what."""
    try:
        return {"value": plain(function(**given) if isinstance(given, dict) else function(*given))}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"[:300]}


def too_long(*_: Any) -> None:
    """Handler of the alarm. Raises `TimeoutError`."""
    raise TimeoutError("it took too long")


def main(name: str, preload: list[str], each_s: float) -> None:
    """Call `name` of answer.py with every item of calls.json; write replies.json. Raises `NameError`."""
    for needed in preload:
        importlib.import_module(needed)
    calls = json.loads(Path("calls.json").read_text(encoding="utf-8"))
    source = Path("answer.py").read_text(encoding="utf-8")
    module = types.ModuleType("answer")
    sys.modules["answer"] = module  # dataclasses look their module up
    exec(compile(source, "answer.py", "exec"), vars(module))
    function = vars(module).get(name)
    if not callable(function):
        raise NameError(f"the answer defines no function {name}")
    replies = []
    if each_s:
        signal.signal(signal.SIGALRM, too_long)
    for given in calls:
        signal.setitimer(signal.ITIMER_REAL, each_s)
        replies.append(called(function, given))
        signal.setitimer(signal.ITIMER_REAL, 0)
    Path("replies.json").write_text(json.dumps(replies), encoding="utf-8")
