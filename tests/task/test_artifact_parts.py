"""What an author can get wrong about files that are graded: one sentence that quotes the pattern and says the fix."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evalkit.task.checks import wrong_patterns, wrong_tools
from evalkit.task.problem import Problem
from evalkit.task.registry import check_specs, load_task
from evalkit.task.tools import PythonExpression, SubmitAnswer
from evalkit.util.errors import UserError
from tests.file_task import SOURCE
from tests.own_tasks import Write, own_task  # noqa: F401


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("/out.csv", "the artifact '/out.csv', which lies outside the workspace: use a relative path without .."),
        ("../out.csv", "the artifact '../out.csv', which lies outside the workspace"),
        ("a/../../b", "the artifact 'a/../../b', which lies outside the workspace"),
        ("src\\a.py", "use / between folders, 'src/a.py'"),
        ("src/", "the artifact 'src/', which is a folder: name its files, 'src/**' for all of them"),
        ("", "the artifact '', which no file can be called: use a pattern such as out.csv"),
        ("./out.csv", "the artifact './out.csv', which no file can be called"),
        ("a//b", "the artifact 'a//b', which no file can be called"),
        ("x\0", "which no file can be called"),
        (Path("out.csv"), "which is PosixPath: use patterns as text, such as out.csv"),
        (3, "artifacts with 3, which is int: use patterns as text"),
    ],
)
def test_patterns_that_no_file_of_the_workspace_fits_are_refused(pattern: Any, words: str) -> None:
    assert words in wrong_patterns(["fine.txt", pattern])


@pytest.mark.parametrize("pattern", ["out.csv", "src/**/*.py", "**", "*", ".hidden", "data/part-[0-9].txt", "a..b"])
def test_patterns_of_files_are_taken(pattern: str) -> None:
    assert wrong_patterns([pattern], needs_submission=False) == ""


def test_submit_answer_may_be_missing_where_files_are_graded_without_it() -> None:
    assert "set needs_submission = False if the files in artifacts" in wrong_tools([PythonExpression()])
    assert wrong_tools([PythonExpression()], needs_submission=False) == ""
    assert wrong_tools([SubmitAnswer({"type": "object"})]) == ""


@pytest.mark.parametrize(
    ("line", "by", "words"),
    [
        ('("numbers.txt", "src/**/*.py")', '"numbers.txt"', "gives artifacts as str: use a sequence"),
        ("    artifacts =", "    artefacts =", "did you mean artifacts"),
        ("    artifacts =", "    artifact =", "did you mean artifacts"),
        ("needs_submission = False", 'needs_submission = "no"', "gives needs_submission as str: use True or False"),
        ("    needs_submission", "    need_submission", "did you mean needs_submission"),
        ('("numbers.txt", "src/**/*.py")', "()", "no artifacts, so that nothing is graded: name the files"),
        ('("numbers.txt", "src/**/*.py")', '("../x",)', "the artifact '../x', which lies outside the workspace"),
    ],
)
def test_slips_in_a_spec_quote_the_author(own_task: Write, line: str, by: str, words: str) -> None:  # noqa: F811
    assert SOURCE.count(line) == 1
    name = own_task(source=SOURCE.replace(line, by))

    with pytest.raises(UserError) as refused:
        check_specs(load_task({"name": name}), Problem.seeded(0))

    assert words in str(refused.value)
    assert f"tasks/{name}/__init__.py:" in str(refused.value)
