"""Runs inside the children: plain Python values as tagged JSON, and the three programs of grade.py."""

import collections.abc
import decimal
import fractions
import json
import random
import sys
import types
from pathlib import Path

TAGS = {"l": list, "t": tuple, "s": set, "z": frozenset}
PLAIN = {str: str.__str__, int: int.__int__, float: float.__float__}
"""How a value of a subclass becomes one of the type, whatever methods the subclass has."""
EXACT = {"f": fractions.Fraction, "m": decimal.Decimal}
"""Numbers that equal ordinary ones, as text."""


def encode(value):
    """JSON of a value of plain types; TypeError for any other object."""
    if value is None or isinstance(value, bool):
        return value
    for kind, plain in PLAIN.items():
        if isinstance(value, kind):
            return plain(value)
    for tag, kind in EXACT.items():
        if isinstance(value, kind):
            return [tag, str(value)]
    if isinstance(value, complex):
        return ["c", value.real, value.imag]
    if isinstance(value, (bytes, bytearray)):
        return ["b", bytes(value).hex()]
    if isinstance(value, dict):
        return ["d", [[encode(key), encode(item)] for key, item in value.items()]]
    for tag, kind in TAGS.items():
        if isinstance(value, kind):
            return [tag, [encode(item) for item in value]]
    if isinstance(value, collections.abc.Set):  # such as the keys of a dict
        return ["s", [encode(item) for item in value]]
    if isinstance(value, collections.abc.Iterator):  # equal to nothing, but tests may iterate
        return ["i", [encode(item) for item in value]]
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        return encode(value.item())
    raise TypeError(f"{type(value).__name__} is no plain Python value")


def decode(value):
    """The value of a JSON that `encode` made."""
    if not isinstance(value, list):
        return value
    tag, *rest = value
    if tag == "c":
        return complex(*rest)
    if tag in EXACT:
        return EXACT[tag](rest[0])
    if tag == "i":
        return (decode(item) for item in rest[0])
    if tag == "b":
        return bytes.fromhex(rest[0])
    if tag == "d":
        return {decode(key): decode(item) for key, item in rest[0]}
    return TAGS[tag](decode(item) for item in rest[0])


def run_tests(solution, tests, function, candidate):
    """Execute the tests on `candidate`, drawing the same random numbers every time."""
    random.seed(0)
    names = {"__name__": "tests"}
    exec(compile(solution, "solution.py", "exec"), names)
    real = names[function]
    exec(compile(tests, "tests.py", "exec"), names)
    names["check"](lambda *args, **kwargs: candidate(real, args, kwargs))


def record(solution, tests, function):
    """Write the arguments of every call."""
    calls = []

    def candidate(real, args, kwargs):
        calls.append([encode(args), encode(kwargs)])
        return real(*args, **kwargs)

    run_tests(solution, tests, function, candidate)
    write(calls)


def answer(given, submission, function):
    """Write what the submission returns for these arguments."""
    called = defined(given, submission, function)
    write([encode(called(*decode(args), **decode(kwargs))) for args, kwargs in read("calls.json")])


class TooLong(BaseException):
    """Not an Exception: a submission that catches those does not catch this."""


def explore(given, submission, function, lines):
    """Write what the submission returns for every one of these arguments; null where it raises, or takes too long.

    Too long is a call that executes more than so many lines: how long they take depends on the machine and its load.
    """
    called = defined(given, submission, function)
    results = []
    for args, kwargs in read("calls.json"):
        sys.settrace(counting(lines))
        try:
            result = called(*decode(args), **decode(kwargs))
            results.append([encode(result)])
        except (Exception, TooLong):
            results.append(None)
        finally:
            sys.settrace(None)
    write(results)


def counting(lines):
    """A trace function that raises TooLong after so many lines."""

    def trace(frame, event, arg):
        nonlocal lines
        lines -= event == "line"
        if lines < 0:
            raise TooLong
        return trace

    return trace


def defined(given, submission, function):
    """The submitted function."""
    module = types.ModuleType("submission")
    sys.modules["submission"] = module  # dataclasses look their module up
    names = vars(module)
    exec(compile(given, "given.py", "exec"), names)
    stub = names[function]
    exec(compile(submission, "submission.py", "exec"), names)
    if names.get(function) is stub or not callable(names.get(function)):
        raise NameError(f"the answer defines no function {function}")
    return names[function]


def check(solution, tests, function):
    """Write which test fails when every call gets the recorded result; an empty text if none does."""
    calls = read("calls.json")
    results = read("results.json")
    made = 0

    def candidate(real, args, kwargs):
        nonlocal made
        if [encode(args), encode(kwargs)] != calls[made]:
            raise RuntimeError("the tests make other calls than before")
        made += 1
        return decode(results[made - 1])

    try:
        run_tests(solution, tests, function, candidate)
        failure = "" if made == len(calls) else "the tests made fewer calls than before"
    except Exception as error:
        failure = f"call {made} of {len(calls)}: {type(error).__name__}: {error}"[:300]
    write(failure)


def text(name):
    return Path(name).read_text(encoding="utf-8")


def read(name):
    return json.loads(text(name))


def write(value):
    Path("out.json").write_text(json.dumps(value))
