"""`kind: files`: work on files in one YAML file, graded by named checks, and every slip in it with its line."""

from __future__ import annotations

import json
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


REMOVED = """\
# @package _global_
runs: {count: 2}
task:
  name: removed
  kind: files
  prompt: Leave src as it is.
  files: {src/a.py: "x = 1\\n", src/deep/b.py: "y = 2\\n", notes.md: kept}
  artifacts: ["src/**/*.py"]
  reference: {src/a.py: "x = 1\\n"}
  tests: |
    from pathlib import Path
    def test_first(): assert Path("src/a.py").exists()
    def test_second(): assert Path("src/deep/b.py").exists() and Path("notes.md").exists()
  agents:
    - name: removes
      turns:
        - text: ""
          tokens: {median: 9}
          calls: [{name: python_expression, input: {expression: "import os; os.remove('src/FILE')"}}]
        - {text: Done., tokens: {median: 9}}
"""


@pytest.mark.parametrize(("file", "category"), [("a.py", "test_first"), ("deep/b.py", "test_second")])
def test_a_start_file_that_was_removed_is_gone_for_a_test_file_too(here: Path, file: str, category: str) -> None:
    write("removed", REMOVED.replace("FILE", file))
    assert main(["task=removed", "model=simulated", "quiet=true", "agent.nudges=0", "hydra.run.dir=out"]) == 0
    runs = [json.loads(line) for line in (here / "out" / "runs.jsonl").read_text().splitlines()]
    assert [run["category"] for run in runs] == [category] * 2


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
