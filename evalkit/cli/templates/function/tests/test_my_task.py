"""The grader of my_task: right functions pass in every form, and wrong ones fail for the right reason.

Run from the folder that holds conf/ and tasks/: python -m pytest tests/test_my_task.py
"""

import asyncio
from pathlib import Path

import pytest

from evalkit.testing import grade, load

# Any knob can be overridden here as on the command line: load("my_task", "task.time_limit_s=1").
TASK = load("my_task")
RIGHT = Path("tasks/my_task/solutions/correct/by_sorting.py").read_text()


def graded(answer):
    return asyncio.run(grade(TASK, answer))


@pytest.mark.parametrize("answer", [RIGHT, f"Here it is:\n```python\n{RIGHT}```"])
def test_a_right_function_passes_in_every_form(answer):
    assert graded(answer).passed


@pytest.mark.parametrize(
    ("answer", "category"),
    [
        (RIGHT.replace(") / 2", ") / 2 + 0.1"), "wrong_values"),
        (RIGHT.replace("return None", "return values[0]"), "runtime_error"),
        (RIGHT.replace("def median", "def mean"), "parse_error"),
        (7, "parse_error"),
    ],
)
def test_a_wrong_function_fails_for_its_reason(answer, category):
    assert graded(answer).category == category
