"""The grader of my_task: right answers pass in every form, and wrong ones fail for the right reason.

Run from the folder that holds conf/ and data/: python -m pytest tests/test_my_task.py
"""

import asyncio

import pytest

from evalkit.testing import grade, load

# Any knob can be overridden here as on the command line: load("my_task", "task.tolerances.answer=1").
TASK = load("my_task")


def graded(answer):
    return asyncio.run(grade(TASK, answer, problem="pens"))


@pytest.mark.parametrize("answer", [6.1, "6.10", " 6.1\n", 6.104])
def test_a_right_answer_passes_in_every_form(answer):
    assert graded(answer).passed


@pytest.mark.parametrize(
    ("answer", "category"),
    [
        (6.11, "wrong_value"),
        (3.7, "one_item"),
        (3.6, "without_postage"),
        ("six", "format_error"),
        (None, "format_error"),
    ],
)
def test_a_wrong_answer_fails_for_its_reason(answer, category):
    assert graded(answer).category == category
