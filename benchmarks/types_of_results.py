"""Measures what could define the types of results: msgspec and pydantic against the reading and writing of plain code.

    python benchmarks/types_of_results.py [--lines 10000] [--repeat 7]

Prints the best and the median of the repetitions. Needs `pip install msgspec pydantic`.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

ENDINGS = ("submitted", "token_limit", "step_limit", "gave_up")


@dataclass(frozen=True)
class Check:
    name: str
    passed: bool
    value: float | None
    bound: float | None
    required: bool


@dataclass(frozen=True)
class Line:
    run: int
    outcome: str
    ending: str
    category: str | None
    message: str
    score: float | None
    checks: tuple[Check, ...]
    output_tokens: int
    input_tokens: int
    steps: int
    tool_errors: int
    cost_usd: float | None
    leaked: bool


def made(count: int) -> list[Line]:
    """Lines as a task with three checks writes them: lengths and numbers vary, the seed does not."""
    rng = random.Random(0)
    return [_line(number, rng) for number in range(1, count + 1)]


def _line(number: int, rng: random.Random) -> Line:
    passed = rng.random() < 0.3
    checks = tuple(
        Check(name, passed or rng.random() < 0.5, rng.lognormvariate(-9, 3), 1e-4, name != "speed")
        for name in ("forward", "backward", "speed")
    )
    return Line(
        number,
        "passed" if passed else "failed",
        rng.choice(ENDINGS),
        None if passed else "wrong_value",
        "the largest difference is " + "x" * rng.randrange(20, 160),
        float(passed),
        checks,
        rng.randrange(300, 20_000),
        rng.randrange(1_000, 200_000),
        rng.randrange(1, 30),
        rng.randrange(4),
        rng.random(),
        False,
    )


def by_hand(value: dict[str, Any]) -> Line:
    """A line as plain code reads it: keys are looked up, types are believed."""
    checks = tuple(Check(**check) for check in value["checks"])
    return Line(**{**value, "checks": checks})


def timed(work: Callable[[], object], repeat: int) -> str:
    """Best and median of `repeat` repetitions, in milliseconds."""
    taken = []
    for _ in range(repeat):
        start = time.perf_counter()
        work()
        taken.append((time.perf_counter() - start) * 1e3)
    return f"{min(taken):8.1f} {statistics.median(taken):8.1f}"


def imports(statement: str, repeat: int) -> str:
    """How long a fresh interpreter takes for a statement, without what an empty one takes."""
    code = f"import time; t = time.perf_counter(); {statement}; print((time.perf_counter() - t) * 1e3)"
    run = [sys.executable, "-c", code]
    taken = [float(subprocess.run(run, capture_output=True, text=True, check=True).stdout) for _ in range(repeat)]
    return f"{min(taken):8.1f} {statistics.median(taken):8.1f}"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=10_000)
    parser.add_argument("--repeat", type=int, default=7)
    asked = parser.parse_args(arguments)
    import msgspec
    import pydantic

    lines = made(asked.lines)
    text = "".join(json.dumps(asdict(line)) + "\n" for line in lines)
    raw = [line.encode() for line in text.splitlines()]
    decoder, adapter = msgspec.json.Decoder(Line), pydantic.TypeAdapter(Line)
    body = "from dataclasses import dataclass\n@dataclass\nclass A:\n a: int\n b: str\n"
    rows: dict[str, Callable[[], object]] = {
        "read: json.loads, by hand, nothing checked": lambda: [by_hand(json.loads(line)) for line in raw],
        "read: json.loads, msgspec.convert": lambda: [msgspec.convert(json.loads(line), Line) for line in raw],
        "read: msgspec.json.Decoder": lambda: [decoder.decode(line) for line in raw],
        "read: json.loads, TypeAdapter.validate_python": lambda: [adapter.validate_python(json.loads(x)) for x in raw],
        "read: TypeAdapter.validate_json": lambda: [adapter.validate_json(line) for line in raw],
        "write: asdict, json.dumps": lambda: [json.dumps(asdict(line)) for line in lines],
        "write: msgspec.to_builtins, json.dumps": lambda: [json.dumps(msgspec.to_builtins(line)) for line in lines],
        "write: msgspec.json.encode (other bytes)": lambda: [msgspec.json.encode(line) for line in lines],
        "write: TypeAdapter.dump_python, json.dumps": lambda: [json.dumps(adapter.dump_python(x)) for x in lines],
    }
    print(f"Python {sys.version.split()[0]}, msgspec {msgspec.__version__}, pydantic {pydantic.VERSION}")
    print(f"{asked.lines:,} lines, {len(text) / 1e6:.1f} MB; milliseconds: best, median of {asked.repeat}\n")
    for name, statement in {
        "import: json, dataclasses": "import json, dataclasses",
        "import: msgspec": "import json, dataclasses, msgspec",
        "import: pydantic.TypeAdapter": "import json, dataclasses; from pydantic import TypeAdapter",
        "import: pydantic.TypeAdapter, one type": (
            f"from pydantic import TypeAdapter; d = {{}}; exec({body!r}, d); TypeAdapter(d['A'])"
        ),
    }.items():
        print(f"{name:<48}{imports(statement, asked.repeat)}")
    for name, work in rows.items():
        print(f"{name:<48}{timed(work, asked.repeat)}")


if __name__ == "__main__":
    main()
