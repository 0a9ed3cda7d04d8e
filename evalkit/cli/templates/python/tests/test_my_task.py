"""The grader of my_task: right answers pass in every form, and wrong ones fail for the right reason.

Run from the folder that holds conf/ and tasks/: python -m pytest tests/test_my_task.py
"""

import asyncio

import pytest

from evalkit import Problem
from evalkit.testing import grade, load

# Three lines make a small problem. Any knob can be overridden here as on the command line.
TASK = load("my_task", "task.rows=3")
EXPECTED = TASK.spec(Problem.seeded(1)).expected


def graded(answer):
    return asyncio.run(grade(TASK, answer, seed=1))


@pytest.mark.parametrize("answer", [EXPECTED, str(EXPECTED), f" {EXPECTED:.2f}\n", EXPECTED + 0.004])
def test_a_right_total_passes_in_every_form(answer):
    assert graded(answer).passed


@pytest.mark.parametrize("answer", [EXPECTED + 0.006, EXPECTED - 0.006, 0])
def test_another_total_is_wrong(answer):
    assert graded(answer).category == "wrong_value"


@pytest.mark.parametrize("answer", ["about ten", None, [EXPECTED], float("nan")])
def test_what_is_no_number_is_a_format_error(answer):
    assert graded(answer).category == "format_error"
