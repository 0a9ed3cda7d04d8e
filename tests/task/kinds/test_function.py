"""`kind: function`: a function in one YAML file, graded on hidden cases, and every slip in it with its line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evalkit.__main__ import main
from tests.launching import launch

from .writing import here, refusal, write

__all__ = ["here"]

MEDIAN = """\
# @package _global_
task:
  name: median
  kind: function
  prompt: |
    Write a Python function median(values) that returns the median of a list of numbers: the middle one of an odd
    number of values, and the mean of the two middle ones of an even number. Of an empty list it returns None.
  signature: median(values)
  reference: median.py
  cases:
    - {arguments: [[3, 1, 2]], expected: 2}
    - {arguments: [[4, 1, 3, 2]]}
    - {arguments: [[]]}
    - {arguments: {values: [9, 2, 7, 4, 11, 5]}}
    - {arguments: [[1.5, -7.25, 3.5, 100.0]]}
  tolerances: {error: 1.0e-6}
"""
SOURCE = """\
def median(values):
    ordered = sorted(values)
    half = len(ordered) // 2
    if not ordered:
        return None
    if len(ordered) % 2:
        return ordered[half]
    return (ordered[half - 1] + ordered[half]) / 2
"""
ANSWERS = [
    (SOURCE, None),
    (f"Here:\n```python\n{SOURCE}```", None),
    (SOURCE.replace(") / 2\n", ") / 2 + 1e-7\n"), None),
    (SOURCE.replace(") / 2\n", ") / 2 + 1e-5\n"), "wrong_values"),
    (SOURCE.replace("return None", "return float('nan')"), "wrong_values"),
    (SOURCE.replace("return None", "return {1}"), "runtime_error"),
    (SOURCE.replace("return None", "return values[0]"), "runtime_error"),
    (SOURCE.replace("return None", "while True: pass"), "timeout"),
    (SOURCE.replace("return None", "import os; os._exit(0)"), "runtime_error"),
    (SOURCE.replace("median", "mean"), "parse_error"),
    ("def median(values:", "parse_error"),
    (7, "parse_error"),
]


def put(*changes: tuple[str, str], **files: str) -> None:
    write("median", MEDIAN, *changes, median_py=SOURCE, **files)


async def test_every_category_is_given_for_its_reason(here: Path) -> None:
    agents = [
        {"name": f"a{n}", "turns": [{"tokens": {"median": 9}, "submit": answer}]}
        for n, (answer, _) in enumerate(ANSWERS)
    ]
    put(("  tolerances", f"  agents: {json.dumps(agents)}\n  time_limit_s: 1\n  tolerances"))
    words = ("task=median", "model=simulated", "runs.count=60", "runs.concurrency=4")
    result = await launch(here / "out", *words, store=here / "store")
    found = {json.dumps(run.rollout.submission.answer): run.grade.category for run in result.runs}
    assert found == {json.dumps(answer): category for answer, category in ANSWERS}


def test_the_audit_makes_mistakes_in_the_reference_and_finds_them_all(here: Path, capsys: Any) -> None:
    put()
    assert main(["audit", "task=median"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "CLEAN: no findings" in out and " mutants, " in out


def test_weak_cases_are_a_finding(here: Path, capsys: Any) -> None:
    put(("    - {arguments: {values: [9, 2, 7, 4, 11, 5]}}\n", ""))
    assert main(["audit", "task=median"]) == 1
    assert "`half - 1` became `1`" in " ".join(capsys.readouterr().out.split())


SLIPS = [
    (("signature: median(values)", "signature: median values"), ":8: signature is 'median values': write it as Python"),
    (("signature", "signatur"), ":8: kind: function has no key 'signatur': did you mean signature?"),
    (("  signature: median(values)\n", ""), ":3: kind: function lacks signature: add `signature: median(values)`"),
    (("reference: median.py", "reference: medium.py"), ":9: task.reference=medium.py is not a file"),
    (("signature: median(values)", "signature: mean(values)"), ":9: the reference is wrong: *defines no function mean"),
    (("  reference: median.py\n", ""), "no right function is known: add `reference: <file.py>`"),
    (("expected: 2}", "expekted: 2}"), ":11: case 1 has an unknown key 'expekted': did you mean expected?"),
    (("{arguments: [[4, 1, 3, 2]]}", "[4]"), ":12: case 2 is a list: write {arguments: […], expected: …}"),
    (("{arguments: [[4, 1, 3, 2]]}", "{arguments: 4}"), ":12: case 2 lacks arguments"),
    (("error: 1.0e-6", "error: 0"), ":16: tolerances.error is 0, a number: write a number above 0"),
    (("error: 1.0e-6", "answer: 1"), ":16: tolerances has no key 'answer'"),
    (("tolerances: ", "time_limit_s: long\n  tolerances: "), ":16: time_limit_s is text: write a number above 0"),
]


@pytest.mark.parametrize(("change", "said"), SLIPS, ids=[said for _, said in SLIPS])
def test_a_slip_in_the_yaml_is_one_sentence_with_its_line(here: Path, change: tuple[str, str], said: str) -> None:
    put(change)
    sentence, place = refusal("median"), "conf/task/median.yaml" if said.startswith(":") else ""
    for part in f"{place}{said}".split("*"):
        assert part in sentence, sentence


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ('{"arguments": [[1]], "expected": 1}\n{"argumnts": [[1]]}', "cases.jsonl:2 has an unknown key 'argumnts'"),
        ('{"arguments": [[1]], "expected": 1}\n{"arguments": [[1]', "cases.jsonl:2 is not valid JSON"),
        ('{"arguments": 1, "expected": 1}', "cases.jsonl:1 lacks arguments"),
    ],
)
def test_a_slip_in_a_file_of_cases_is_one_sentence_with_both_lines(here: Path, rows: str, said: str) -> None:
    text = MEDIAN[: MEDIAN.index("    - {")].replace("cases:\n", "cases: {file: cases.jsonl}\n")
    write("median", text, median_py=SOURCE, cases_jsonl=rows)
    sentence = refusal("median")
    assert sentence.startswith("conf/task/median.yaml:10: ")
    assert said in sentence
