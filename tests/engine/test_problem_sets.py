"""Launches over sets of problems: what is asked, what is kept, and that a set grows without buying anything twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evalkit.sampling.problem_set import TRIES
from tests.launching import launch

SEEDED = ("task=positional_attention", "task.data=seeded", "model=simulated")

PLUGIN = """
from dataclasses import dataclass

from evalkit import Grade, Measurement, ScriptedAgent, ScriptedTurn, SubmitAnswer, Tokens, submitting


@dataclass
class Config:
    name: str


class Spec:
    answer_schema = {"type": "number"}
    tools = (SubmitAnswer(answer_schema),)

    def __init__(self, row):
        self.prompt, self.expected = row["question"], float(row["answer"])


class Task:
    Config = Config
    title = "Rows"
    categories = {"wrong": "Wrong"}
    graded_by = ()

    def __init__(self, config):
        pass

    def spec(self, problem):
        return Spec(problem.row)

    async def measure(self, attempt, spec, context):
        return Measurement({"right": attempt.answer == spec.expected})

    def grade(self, measurement):
        right = measurement.values["right"]
        return Grade(right, "", None if right else "wrong")

    def oracle(self, spec):
        return submitting(spec.expected)

    def agents(self, spec):
        wrong = ScriptedAgent("wrong", submitting(-1).turns, 0.5)
        return [ScriptedAgent("right", submitting(spec.expected).turns, 0.5), wrong]
"""


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A task whose spec reads rows, and a file with three of them."""
    (tmp_path / "tasks" / "rows_task").mkdir(parents=True)
    (tmp_path / "tasks" / "rows_task" / "__init__.py").write_text(PLUGIN)
    monkeypatch.chdir(tmp_path)
    write_rows(tmp_path / "rows.jsonl", "a", "b", "c")
    return tmp_path / "rows.jsonl"


def write_rows(path: Path, *ids: str, **answers: float) -> None:
    rows = [{"id": name, "question": f"What is {name}?", "answer": answers.get(name, ord(name[0]))} for name in ids]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


async def over(out: Path, *overrides: str, **options: Any) -> Any:
    own = ("task.name=rows_task", "~task.expression", "~task.tolerances")
    knobs = ("task=arithmetic", *own, "model=simulated", "problems.file=rows.jsonl", *overrides)
    return await launch(out, *knobs, store=out.parent / "s", **options)


async def test_every_problem_is_tried_as_often_as_runs_count_says(tmp_path: Path, rows: Path) -> None:
    result = await over(tmp_path / "a", "runs.count=2")
    assert [(run.problem, run.attempt) for run in result.runs] == [(name, t) for name in "abc" for t in (1, 2)]
    assert {run.rollout.prompt for run in result.runs if run.problem == "b"} == {"What is b?"}
    assert result.summary.set.problems == 3


async def test_more_tries_and_more_problems_buy_only_what_is_new(tmp_path: Path, rows: Path) -> None:
    await over(tmp_path / "a", "runs.count=2")
    more = await over(tmp_path / "b", "runs.count=3")
    assert sorted(more.source.reused) == [i * TRIES + t for i in range(3) for t in (1, 2)]
    write_rows(rows, "a", "b", "c", "d")
    wider = await over(tmp_path / "c", "runs.count=3")
    assert sorted(wider.source.reused) == [i * TRIES + t for i in range(3) for t in (1, 2, 3)]


async def test_rows_may_move_in_their_file_and_a_choice_of_them_is_the_same_set(tmp_path: Path, rows: Path) -> None:
    first = await over(tmp_path / "a", "runs.count=2")
    write_rows(rows, "c", "a", "b")
    moved = await over(tmp_path / "b", "runs.count=2")
    assert moved.source.budget.output_tokens == 0
    some = await over(tmp_path / "c", "runs.count=2", "problems.ids=[b]")
    assert some.source.budget.output_tokens == 0

    def outcomes(result: Any) -> set[Any]:
        return {(run.problem, run.attempt, run.outcome) for run in result.runs}

    assert outcomes(moved) == outcomes(first) > outcomes(some)


async def test_a_row_that_asks_something_else_is_asked_anew_and_the_others_are_not(tmp_path: Path, rows: Path) -> None:
    await over(tmp_path / "a", "runs.count=1")
    rows.write_text(rows.read_text().replace("What is b?", "Tell me b."))
    again = await over(tmp_path / "b", "runs.count=1")
    assert sorted(again.source.reused) == [1, 2 * TRIES + 1]
    write_rows(rows, "a", "b", "c")
    assert (await over(tmp_path / "c", "runs.count=1")).source.budget.output_tokens == 0


async def test_a_corrected_answer_in_a_row_grades_the_same_rollouts_anew(tmp_path: Path, rows: Path) -> None:
    before = await over(tmp_path / "a", "runs.count=1", "model=oracle")
    assert all(run.grade.passed for run in before.runs)
    write_rows(rows, "a", "b", "c", b=7)
    after = await over(tmp_path / "b", "runs.count=1", "model=oracle", "reuse=dominating")
    graded = {run.problem: run.grade.passed for run in after.runs if run.number in after.source.reused}
    assert graded.get("b") is not True


async def test_seeded_problems_are_those_that_single_runs_have(tmp_path: Path) -> None:
    single = await launch(tmp_path / "a", *SEEDED, "runs.count=3", store=tmp_path / "s")
    several = await launch(tmp_path / "b", *SEEDED, "problems.count=3", "runs.count=1", store=tmp_path / "s")
    one, other = (
        [run.rollout.prompt for run in sorted(result.runs, key=lambda run: run.number)] for result in (single, several)
    )
    assert one == other and len(set(one)) == 3


async def test_many_at_once_and_one_after_the_other_give_the_same_bytes(tmp_path: Path, rows: Path) -> None:
    for name, concurrency in (("a", 1), ("b", 4)):
        await over(tmp_path / name / "out", "runs.count=3", f"runs.concurrency={concurrency}")
    for file in ("runs.jsonl", "problems.jsonl", "summary.json"):
        assert (tmp_path / "a" / "out" / file).read_bytes() == (tmp_path / "b" / "out" / file).read_bytes()


async def test_a_set_is_clipped_to_smaller_limits_as_it_would_have_been_sampled(tmp_path: Path) -> None:
    common = (*SEEDED, "problems.count=3", "runs.count=2")
    await launch(tmp_path / "a", *common, "limits.max_tokens=3000", store=tmp_path / "s")
    clipped = await launch(tmp_path / "b", *common, "limits.max_tokens=700", store=tmp_path / "s")
    assert clipped.source.budget.output_tokens == 0
    await launch(tmp_path / "c", *common, "limits.max_tokens=700", store=tmp_path / "fresh")
    for file in ("runs.jsonl", "problems.jsonl"):
        assert (tmp_path / "b" / file).read_bytes() == (tmp_path / "c" / file).read_bytes()
