"""From a submitted function to a verdict, with a wall between it and the tests.

1. *recorded* The hidden tests run with the canonical solution; every call is noted (once a problem, then remembered).
2. *answered* The submission, in a child of its own that has the arguments and nothing else, makes those calls.
3. *checked* The tests run again, and every call gets what the submission returned.

Values cross between children as tagged JSON of plain Python types, so a submission can neither read what is expected
nor return an object that calls itself equal to everything.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evalkit import Fault, Measurement, Output, Sandbox
from evalkit.task.submitted_source import read_source
from evalkit.util.errors import TaskError

from .inputs import like
from .spec import Spec

CATEGORIES = {
    "no_submission": "No submission",
    "parse_error": "Not a Python function",
    "runtime_error": "Raised an error",
    "timeout": "Too slow",
    "wrong_values": "Wrong values",
}
MOST_BYTES = 8_000_000
"""Of all that a submission returns; what is expected is at most some hundred kilobytes."""
_CODEC = (Path(__file__).parent / "codec.py").read_text(encoding="utf-8")
_calls: dict[Spec, bytes] = {}
_right: dict[Spec, list[Any]] = {}
LINES = 100_000
"""That the canonical solution may execute on an input that is explored."""
PATIENCE = 10
"""How many times as many a submission may: one that is a little slower is not another function."""
EXPLORED_S = 120.0
"""For all inputs together: only a single endless call of a built-in function takes so long."""


async def measure(answer: Any, spec: Spec, sandbox: Sandbox) -> Measurement:
    """Value `failure`: the first test that fails, empty if none does."""
    source = read_source(answer, spec.function)
    if isinstance(source, Fault):
        return Measurement(fault=source)
    calls = await _recorded(spec, sandbox)
    results = await _answered(source, calls, spec, sandbox)
    if isinstance(results, Fault):
        return Measurement(fault=results)
    return Measurement({"failure": await _checked(calls, results, spec, sandbox)})


async def _recorded(spec: Spec, sandbox: Sandbox) -> bytes:
    """The arguments of every call that the tests make of the canonical solution."""
    if spec not in _calls:
        program = f"{_CODEC}\nrecord(text('solution.py'), text('tests.py'), {spec.function!r})"
        output, calls = await _run(
            program, {"solution.py": spec.solution, "tests.py": spec.tests}, sandbox, spec.time_limit_s
        )
        if calls is None:
            raise TaskError(f"the canonical solution of {spec.function} fails its own tests: {output.error}")
        _calls[spec] = calls
    return _calls[spec]


async def _answered(source: str, calls: bytes, spec: Spec, sandbox: Sandbox) -> bytes | Fault:
    """What the submission returns for these arguments, as it says itself."""
    program = f"{_CODEC}\nanswer(text('given.py'), text('submission.py'), {spec.function!r})"
    files = {"given.py": spec.given, "submission.py": source, "calls.json": calls}
    output, results = await _run(program, files, sandbox, spec.time_limit_s)
    if results is not None:
        return results
    if output.kind == "timeout":
        return Fault("timeout", f"It took more than {spec.time_limit_s:g} s for the hidden calls")
    return Fault("runtime_error", _last_line(output.error, "It ended the interpreter"))


async def _checked(calls: bytes, results: bytes, spec: Spec, sandbox: Sandbox) -> str:
    """What the tests say of these results; empty if nothing."""
    program = f"{_CODEC}\ncheck(text('solution.py'), text('tests.py'), {spec.function!r})"
    files = {"solution.py": spec.solution, "tests.py": spec.tests, "calls.json": calls, "results.json": results}
    output, said = await _run(program, files, sandbox, spec.time_limit_s)
    if said is None:  # results that no test can hold
        return _last_line(output.error, "The tests ended")
    failure: str = json.loads(said)
    return failure


async def values(answer: Any, spec: Spec, sandbox: Sandbox) -> list[int]:
    """A number for what a function returns on each of the inputs that are like the hidden ones and that the canonical
    solution takes; -1 where it raises. Empty for an answer that computes nothing."""
    inputs = like(await _recorded(spec, sandbox))
    if spec not in _right:
        _right[spec] = await _explored(spec.solution, inputs, spec, sandbox, LINES)
    source = read_source(answer, spec.function)
    found = [] if isinstance(source, Fault) else await _explored(source, inputs, spec, sandbox, PATIENCE * LINES)
    return [_number(result) for result, taken in zip(found, _right[spec], strict=False) if taken is not None]


async def _explored(source: str, inputs: bytes, spec: Spec, sandbox: Sandbox, lines: int) -> list[Any]:
    """The encoded result for every input, in a list of one; None where there is none, or after so many lines."""
    program = f"{_CODEC}\nexplore(text('given.py'), text('submission.py'), {spec.function!r}, {lines})"
    files = {"given.py": spec.given, "submission.py": source, "calls.json": inputs}
    _, results = await _run(program, files, sandbox, EXPLORED_S)
    found: list[Any] = json.loads(results) if results is not None else []
    return found


def _number(result: Any) -> int:
    """Equal for equal results, whatever their type: 48 bits of a digest, in which floats have six digits."""
    if result is None:
        return -1
    text = json.dumps(_rounded(result[0]))
    return int(hashlib.sha256(text.encode()).hexdigest()[:12], 16)


def _rounded(value: Any) -> Any:
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return float(f"{value:.6g}") if isinstance(value, float | int) else value


def _last_line(error: str, otherwise: str) -> str:
    return (error.strip().splitlines() or [otherwise])[-1][:300]


async def _run(
    program: str, files: Mapping[str, str | bytes], sandbox: Sandbox, timeout_s: float
) -> tuple[Output, bytes | None]:
    """Run a program in a child of its own; what it left in `out.json`, None if it failed."""
    stored = {name: text.encode() if isinstance(text, str) else text for name, text in files.items()}
    async with sandbox.session(files=stored) as session:
        output = await session.run(program, timeout_s=timeout_s)
        if output.kind != "ok":
            return output, None
        try:
            return output, await session.read_file("out.json", max_bytes=MOST_BYTES)
        except (FileNotFoundError, ValueError) as error:
            return Output(error=str(error), kind="raised"), None
