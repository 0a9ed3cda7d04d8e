"""The exploit that the popular template falls for: walk the stack, read the expected answer, submit it."""

from __future__ import annotations

import contextlib
import io
import json

import pytest
from evalkit_tasks.arithmetic import Config, Task, Tolerances

from evalkit import Attempt, GradingContext, Problem
from evalkit.sandbox import Sandbox
from evalkit.task.tools import PythonExpression, ToolContext

CHEAT = """
import gc, sys

def numbers():
    frame = sys._getframe()
    while frame:
        yield from (getattr(value, "expected", value) for value in list(frame.f_locals.values()))
        frame = frame.f_back
    for thing in gc.get_objects():
        if type(thing).__name__ == "Spec":
            yield getattr(thing, "expected", None)

found = [n for n in numbers() if type(n) in (int, float) and n > 1000]
print(found[0] if found else "nothing found")
"""


@pytest.fixture
def task() -> Task:
    return Task(Config("arithmetic", "(2^10 + 3^5) * 7 - 100", Tolerances(0.5)))


async def passes(task: Task, answer: str, sandbox: Sandbox | None) -> bool:
    return task.grade(await task.measure(Attempt(answer), task.spec(Problem.seeded(0)), GradingContext(sandbox))).passed


async def test_cheat_passes_where_submitted_code_runs_in_the_process_of_the_grader(task: Task) -> None:
    expected = task.spec(Problem.seeded(0)).expected
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(CHEAT, {})

    assert expected and await passes(task, printed.getvalue().strip(), None)


@pytest.mark.asyncio(loop_scope="module")
async def test_cheat_finds_nothing_in_the_sandbox(task: Task, sandbox: Sandbox) -> None:
    spec = task.spec(Problem.seeded(0))
    assert spec.expected
    async with sandbox.session() as session:
        result = await PythonExpression()({"expression": CHEAT}, ToolContext(session, 10))

    answer = json.loads(result.content)["result"].strip()
    assert answer  # whatever it found: the answer was not there to be found
    assert not await passes(task, answer, sandbox)
