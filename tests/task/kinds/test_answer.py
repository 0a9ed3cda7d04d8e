"""`kind: answer`: a benchmark in one YAML file, from the launch to the audit, and every slip in it with its line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evalkit.__main__ import main
from evalkit.task.attempt import Attempt, GradingContext
from evalkit.task.problem import Problem
from evalkit.task.registry import load_task
from tests.launching import launch

from .writing import here, refusal, write

__all__ = ["here"]

INVOICE = """\
# @package _global_
task:
  name: invoice
  kind: answer
  prompt: |
    An invoice is {{ net }} euros net, at {{ rate }} % tax.
    What is the total, tax included? Submit the number.
  answer: {type: number, column: total}
  tolerances: {answer: 0.005}
  wrong:
    without_tax: {answer: "{{ net }}", breaks: tax}
    tax_alone: {answer: "{{ net | float * rate | float / 100 }}", title: Only the tax, breaks: tax}
  rules: {tax: "tax included", number: Submit the number}
problems: {file: invoices.csv}
"""
ROWS = "id,net,rate,total\na,100,19,119\nb,250.50,7,268.035\nc,80,0,80\n"


def kind(**task: Any) -> Any:
    """A task of this kind from its node."""
    return load_task({"name": "asked", "kind": "answer", "prompt": "What?", **task})


async def graded(task: Any, answer: Any, **row: Any) -> Any:
    spec = task.spec(Problem("0", 0, 7, row))
    context: Any = GradingContext.__new__(GradingContext)
    return task.grade(await task.measure(Attempt(answer), spec, context))


def test_a_benchmark_of_fourteen_lines_runs_is_swept_and_audited_clean(here: Path, capsys: Any) -> None:
    write("invoice", INVOICE, invoices_csv=ROWS)
    for model, passed in (("oracle", 3), ("noop", 0)):
        assert main(["task=invoice", f"model={model}", "runs.count=1", f"hydra.run.dir={model}"]) == 0
        assert json.loads((here / model / "summary.json").read_text())["passed"] == passed
    sweep = ["-m", "task=invoice", "model=simulated", "runs.count=12", "task.tolerances.answer=0.005,18"]
    assert main([*sweep, "hydra.sweep.dir=sweep"]) == 0
    cells = sorted((here / "sweep").glob("*/summary.json"))
    rates = [json.loads(path.read_text())["passed"] for path in cells]
    landscape = json.loads((here / "sweep" / "landscape.json").read_text())
    assert landscape["knobs"] == [{"name": "task.tolerances.answer", "kind": "tolerance"}]
    assert rates[0] < rates[1] <= 36
    categories = [json.loads(line)["category"] for line in cells[0].with_name("runs.jsonl").read_text().splitlines()]
    assert {"without_tax", "tax_alone", "no_submission"} <= set(categories)
    capsys.readouterr()
    assert main(["audit", "task=invoice"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "CLEAN: no findings" in out
    assert "2 of 2 rules broken by a rejected solution" in out


async def test_a_launch_gives_the_same_bytes_with_four_runs_at_once(here: Path) -> None:
    write("invoice", INVOICE, invoices_csv=ROWS)
    for folder, count in (("one", 1), ("four", 4)):
        words = ("task=invoice", "model=simulated", "runs.count=4", f"runs.concurrency={count}")
        await launch(here / folder, *words, store=here / f"store_{folder}")
    assert (here / "one" / "runs.jsonl").read_bytes() == (here / "four" / "runs.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("answer", "submitted", "category"),
    [
        ({"type": "number", "expected": 8769}, "8,769", None),
        ({"type": "number", "expected": "{{ 3 * 2923 }}"}, 8769.0, None),
        ({"type": "number", "expected": 8769}, 8768, "wrong_value"),
        ({"type": "number", "expected": 8769}, 59240, "minus"),
        ({"type": "number", "expected": 8769}, "NaN", "format_error"),
        ({"type": "number", "column": "n"}, 12, None),
        ({"type": "text", "expected": "Ada Lovelace"}, " ada  lovelace\n", None),
        ({"type": "text", "expected": "Ada", "normalise": ["space"]}, "ada", "wrong_value"),
        (
            {"type": "text", "expected": "The end", "normalise": ["articles", "punctuation", "case", "space"]},
            "end.",
            None,
        ),
        ({"type": "text", "expected": "Ada", "also": ["Countess"]}, "countess", None),
        ({"type": "text", "expected": "Ada"}, ["Ada"], "format_error"),
        ({"type": "choice", "choices": ["red", "blue"], "expected": "B"}, "(b)", None),
        ({"type": "choice", "choices": ["red", "blue"], "expected": "blue"}, "B. blue", None),
        ({"type": "choice", "choices": ["red", "blue"], "expected": 1}, "Blue", None),
        ({"type": "choice", "choices": ["red", "blue"], "expected": "B"}, "A", "wrong_value"),
        ({"type": "choice", "choices": ["red", "blue"], "expected": "B"}, "C", "format_error"),
        ({"type": "choice", "choices": ["red", "blue"], "expected": "B"}, "B. red", "format_error"),
        ({"type": "set", "expected": ["a", "b", 3]}, ["B", "3.0", "A"], None),
        ({"type": "set", "expected": "a, b"}, "b\na", None),
        ({"type": "set", "expected": ["a", "b"]}, ["a"], "wrong_value"),
        ({"type": "set", "expected": ["a"]}, ["a", "b"], "wrong_value"),
        ({"type": "set", "expected": ["a"]}, {"a": 1}, "format_error"),
        ({"type": "json", "expected": {"x": [1, 2.5]}}, '{"x": [1.0, 2.5]}', None),
        ({"type": "json", "expected": {"x": [1, 2]}}, {"x": [2, 1]}, "wrong_value"),
        ({"type": "json", "expected": {"x": 1}}, {"x": True}, "wrong_value"),
        ({"type": "json", "expected": {"x": 1}, "schema": {"type": "object"}}, [1], "format_error"),
    ],
)
async def test_answers_of_every_type_are_right_in_every_reasonable_form(
    answer: Any, submitted: Any, category: Any
) -> None:
    more = {"wrong": {"minus": 59240}} if answer["type"] == "number" else {}
    assert (await graded(kind(answer=answer, **more), submitted, n="12")).category == category


async def test_relative_tolerances_count_alone_or_beside_absolute_ones() -> None:
    answer = {"type": "number", "expected": 200}
    assert (await graded(kind(answer=answer, tolerances={"relative": 0.01}), 201)).passed
    assert not (await graded(kind(answer=answer, tolerances={"relative": 0.01}), 202)).passed
    assert not (await graded(kind(answer=answer, tolerances={"relative": 0.01, "answer": 0.5}), 201)).passed


async def test_values_are_drawn_from_the_seed_of_the_problem() -> None:
    values = {"a": "{{ random.randint(1, 10**6) }}", "b": "{{ a * 2 }}"}
    task = kind(prompt="Double {{ a }}.", values=values, answer={"type": "number", "expected": "{{ b }}"})
    specs = [task.spec(Problem(str(n), n, n)) for n in (1, 2, 1)]
    assert specs[0].prompt == specs[2].prompt != specs[1].prompt
    assert specs[0].prompt == f"Double {specs[0].expected // 2}."


def test_templates_reach_nothing_of_the_host() -> None:
    task = kind(prompt="{{ ''.__class__.__mro__ }}", answer={"type": "number", "expected": 1})
    with pytest.raises(Exception, match="unsafe"):
        task.spec(Problem("0", 0, 1))


SLIPS = [
    (("prompt: |", "promt: |"), ":5: kind: answer has no key 'promt': did you mean prompt?"),
    (("kind: answer", "kind: anser"), ":4: kind cannot be 'anser': did you mean answer?"),
    (("kind: answer", "kind: quiz"), ":4: kind cannot be 'quiz': there "),
    (("type: number", "type: numbr"), ":8: answer.type cannot be 'numbr': did you mean number?"),
    (("column: total", "column: totl"), ":8: *invoices.csv:2 has no column 'totl': did you mean total?"),
    (("{{ rate }}", "{{ rat }}"), ":6: prompt cannot be filled in: rat is not a column of *: did you mean rate?"),
    (("{{ rate }}", "{{ rate }"), ":6: prompt is not a template: unexpected '}'"),
    (("{{ rate }}", "{{ rate | rond }}"), ":6: prompt is not a template: No filter named 'rond'"),
    (("{{ rate }}", "{{ rate / 2 }}"), ":6: prompt cannot be filled in: TypeError: "),
    (("answer: 0.005", "answr: 0.005"), ":9: tolerances has no key 'answr': did you mean answer?"),
    (("answer: 0.005", "answer: -1"), ":9: tolerances.answer is -1, a number: write a number above 0"),
    (("answer: 0.005", "answer: small"), ":9: tolerances.answer is text: write a number above 0"),
    (("column: total", "expected: '{{ net + 1 }}'"), ":8: answer.expected cannot be filled in: TypeError"),
    (("column: total", "expected: abc"), ":8: answer.expected gives 'abc', which is not a finite number"),
    (("column: total", "column: id"), ":8: answer.column gives 'a', which is not a finite number in *invoices.csv:2"),
    (("column: total", "column: total, expected: 1"), ":8: answer has both expected and column"),
    ((", column: total", ""), ":8: answer lacks expected"),
    (("type: number", "type: choice"), ":8: answer lacks choices"),
    (("type: number", "type: text"), ":9: tolerances are for numbers, and answer.type is text"),
    (("column: total", "column: total, choices: [a, b]"), ":8: answer.choices is for type choice"),
    (('{answer: "{{ net }}", breaks: tax}', "{anser: 1}"), ":11: wrong.without_tax lacks answer"),
    (("without_tax", "wrong_value"), ":11: wrong.wrong_value cannot be a failure category"),
    (("title: Only the tax", "title: [a]"), ":12: wrong.tax_alone.title is a list: write a text"),
    (
        ("Only the tax, breaks: tax", "Only the tax, breaks: taxx"),
        ":12: wrong.tax_alone breaks 'taxx'*did you mean tax?",
    ),
    (('tax: "tax included"', "tax: 7"), ":13: rules.tax is 7, a number: write a text; put quotes around it"),
    (("kind: answer", "kind: answer\n  tools: [pyton]"), ":5: tools cannot be 'pyton': did you mean python?"),
    (("kind: answer", "kind: answer\n  values: [1]"), ":5: values is a list: write a mapping"),
    (("problems: {file: invoices.csv}", ""), ":8: *there is no problem file: set problems.file=<file>"),
    (("kind: answer", ""), "a task in one YAML file says `kind: answer`"),
]


@pytest.mark.parametrize(("change", "said"), SLIPS, ids=[said for _, said in SLIPS])
def test_a_slip_in_the_yaml_is_one_sentence_with_its_line(here: Path, change: tuple[str, str], said: str) -> None:
    write("invoice", INVOICE, change, invoices_csv=ROWS)
    sentence, place = refusal("invoice"), "conf/task/invoice.yaml" if said.startswith(":") else ""
    assert "\n" not in sentence
    position = 0
    for part in f"{place}{said}".split("*"):
        assert part in sentence[position:], sentence
        position = sentence.index(part, position) + len(part)


def test_a_launch_with_a_slip_ends_with_that_sentence_and_names_keys_of_the_command_line(
    here: Path, capsys: Any
) -> None:
    write("invoice", INVOICE, invoices_csv=ROWS)
    assert main(["task=invoice", "task.answer.type=numbr", "model=simulated", "hydra.run.dir=out"]) == 2
    said = capsys.readouterr().err
    assert said.endswith("evalkit: task.answer.type: answer.type cannot be 'numbr': did you mean number?\n")
    assert not (here / "out").exists()
