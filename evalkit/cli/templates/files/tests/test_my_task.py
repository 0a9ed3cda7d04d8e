"""The checks of my_task: right files pass in every form, and wrong ones fail for the right reason.

Run from the folder that holds conf/: python -m pytest tests/test_my_task.py
"""

import asyncio

import pytest

from evalkit.testing import grade, load

# Any knob can be overridden here as on the command line: load("my_task", "task.time_limit_s=5").
TASK = load("my_task")
RIGHT = "day,amount\n2026-03-01,7.00\n2026-03-02,12.50\n2026-03-03,9.25\n"


def graded(files):
    artifacts = {path: text.encode() for path, text in files.items()}
    return asyncio.run(grade(TASK, "I cleaned it.", artifacts=artifacts))


@pytest.mark.parametrize("text", [RIGHT, RIGHT.replace(".00", ""), RIGHT.replace("\n", "\r\n"), RIGHT.rstrip("\n")])
def test_a_right_file_passes_in_every_form(text):
    assert graded({"cleaned.csv": text}).passed


@pytest.mark.parametrize(
    ("files", "category"),
    [
        ({"cleaned.csv": RIGHT.replace("7.00", "7.01")}, "complete"),
        ({"cleaned.csv": RIGHT.replace("amount", "sum")}, "columns"),
        ({"cleaned.csv": ""}, "columns"),
        ({"elsewhere.csv": RIGHT}, "missing_file"),
    ],
)
def test_a_wrong_file_fails_for_its_reason(files, category):
    assert graded(files).category == category
