"""`kind: files`: work on files in one YAML file, graded by named checks, and every slip in it with its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evalkit.__main__ import main

from .writing import here, refusal, write

__all__ = ["here"]

CLEANING = """\
# @package _global_
task:
  name: cleaning
  kind: files
  prompt: Write cleaned.csv with the header and the rows of people.csv that have an age, sorted by name.
  files: {people.csv: "name,age\\nbob,40\\neve,\\nada,36\\n"}
  artifacts: [cleaned.csv]
  reference: {cleaned.csv: "name,age\\nada,36\\nbob,40\\n"}
  checks:
    header: open("cleaned.csv").readline().strip() == "name,age"
    rows: sorted(open("cleaned.csv").read().split()[1:]) == ["ada,36", "bob,40"]
    order: open("cleaned.csv").read().split()[1:] == ["ada,36", "bob,40"]
  wrong:
    unsorted: {files: {cleaned.csv: "name,age\\nbob,40\\nada,36\\n"}, expect: order, breaks: sorted}
    kept: {files: {cleaned.csv: "name,age\\nada,36\\nbob,40\\neve,\\n"}, expect: rows, breaks: ages}
  rules: {ages: that have an age, sorted: sorted by name}
"""


def test_work_on_files_is_graded_by_its_checks_and_audited_clean(here: Path, capsys: Any) -> None:
    write("cleaning", CLEANING)
    assert main(["audit", "task=cleaning"]) == 0, capsys.readouterr().out
    assert "CLEAN: no findings" in capsys.readouterr().out


SLIPS = [
    (("artifacts: [cleaned.csv]", "artefacts: [a]"), ":7: kind: files has no key 'artefacts': did you mean artifacts?"),
    (("artifacts: [cleaned.csv]", "artifacts: cleaned.csv"), ":7: artifacts is text: write a list of texts"),
    (('header: open("cleaned.csv")', 'header: open("cleaned.csv"'), ":10: checks.header is not Python: "),
    (("expect: order", "expect: ordr"), ":14: wrong.unsorted expects 'ordr', and no check has that name: did you mean"),
    (("  checks:\n", "  tests: absent.py\n  checks:\n"), ":9: task.tests=absent.py is not a file"),
    (('  reference: {cleaned.csv: "name,age\\nada,36\\nbob,40\\n"}\n', ""), "no right files are known: add `reference"),
]


@pytest.mark.parametrize(("change", "said"), SLIPS, ids=[said for _, said in SLIPS])
def test_a_slip_in_the_yaml_is_one_sentence_with_its_line(here: Path, change: tuple[str, str], said: str) -> None:
    write("cleaning", CLEANING, change)
    assert said in refusal("cleaning")
