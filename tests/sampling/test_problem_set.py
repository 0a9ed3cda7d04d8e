"""Problem sets: which problems a config names, and numbers of runs that stay when the set grows."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.config.schema import Config, ProblemsConfig
from evalkit.sampling.problem_set import TRIES, ProblemSet, folder_name, problem_set
from evalkit.sampling.seeds import run_seed
from evalkit.util.errors import UserError


def asked(task: Any = None, **problems: Any) -> ProblemSet:
    config = Config(task={"name": "own"}, problems=ProblemsConfig(**problems))
    return problem_set(config, task or SimpleNamespace())


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "problems.jsonl"
    path.write_text("".join(json.dumps({"id": f"p{n}", "n": n}) + "\n" for n in range(6)))
    return str(path)


def ids(found: ProblemSet) -> list[str | None]:
    return [found.id(run) for run in found.runs(1)]


def test_a_task_has_one_problem_whose_runs_are_its_tries_each_with_its_own_seed() -> None:
    found = asked()
    assert list(found.runs(3)) == [1, 2, 3]
    assert [found.attempt(run) for run in found.runs(3)] == [1, 2, 3]
    assert [found.problem(run).seed for run in found.runs(3)] == [run_seed(0, run) for run in (1, 2, 3)]
    assert {found.id(run) for run in found.runs(3)} == {None}
    assert found.stem(2) == "0002"


def test_problems_from_seeds_are_those_that_single_runs_had() -> None:
    found = asked(count=3)
    assert [found.problem(run).seed for run in found.runs(1)] == [asked().problem(run).seed for run in (1, 2, 3)]
    assert ids(found) == ["1", "2", "3"]


def test_every_try_at_a_problem_has_its_seed_and_its_row(file: str) -> None:
    found = asked(file=file)
    first, second = (found.problem(run) for run in list(found.runs(2))[2:4])
    assert first == second
    assert first.id == "p1" and first.index == 1 and first.row["n"] == 1


@pytest.mark.parametrize(
    ("problems", "names"),
    [
        ({}, ["p0", "p1", "p2", "p3", "p4", "p5"]),
        ({"count": 2}, ["p0", "p1"]),
        ({"ids": "p3"}, ["p3"]),
        ({"ids": ["p4", "p1"]}, ["p1", "p4"]),
        ({"ids": "p[1-3]"}, ["p1", "p2", "p3"]),
        ({"ids": ["p0", "p*"], "count": 3}, ["p0", "p1", "p2"]),
    ],
)
def test_count_and_ids_choose_rows_in_the_order_of_the_file(file: str, problems: Any, names: list[str]) -> None:
    assert ids(asked(file=file, **problems)) == names


def test_a_larger_sample_holds_the_smaller_one(file: str) -> None:
    samples = [set(ids(asked(file=file, sample=size))) for size in range(1, 7)]
    assert all(one < other for one, other in pairwise(samples))


def test_people_are_told_of_a_run_of_a_set_by_problem_and_try(file: str) -> None:
    found = asked(file=file)
    assert found.name(TRIES + 2) == f"{found.id(TRIES + 2)} try 2"
    assert asked().name(3) == "Run 3"


def test_another_seed_draws_another_sample(file: str) -> None:
    config = Config(task={"name": "own"}, problems=ProblemsConfig(file=file, sample=2))
    drawn = set()
    for seed in range(20):
        config.runs.seed = seed
        drawn.add(tuple(ids(problem_set(config, SimpleNamespace()))))  # type: ignore[arg-type]
    assert len(drawn) > 5


@pytest.mark.parametrize(
    ("problems", "said"),
    [
        ({"ids": "p9"}, "problems.ids=p9 names no problem"),
        ({"ids": "x*"}, r"problems.ids=x\* names no problem"),
        ({"count": 7}, "problems.count=7 is more than .* has: use at most 6 problems"),
        ({"sample": 7}, "problems.sample=7 is more than there are: use at most 6 problems"),
        ({"ids": "p1", "sample": 2}, "use at most 1 problem"),
    ],
)
def test_what_names_no_problem_is_one_sentence(file: str, problems: Any, said: str) -> None:
    with pytest.raises(UserError, match=said):
        asked(file=file, **problems)


def test_more_tries_than_numbers_can_tell_apart_are_refused(file: str) -> None:
    config = Config(task={"name": "own"}, problems=ProblemsConfig(file=file))
    config.runs.count = TRIES
    with pytest.raises(UserError, match="use less than 1,000,000"):
        problem_set(config, SimpleNamespace())  # type: ignore[arg-type]


def test_a_task_that_reads_rows_says_so_where_there_is_no_file() -> None:
    with pytest.raises(UserError, match=r"reads column 'question'.*set problems.file"):
        asked(count=2).problem(1).row["question"]
    assert not asked().problem(1).row


def test_ids_and_samples_need_several_problems() -> None:
    for knob, value in (("ids", "a"), ("sample", 2)):
        with pytest.raises(UserError, match=f"problems.{knob} chooses among several problems"):
            asked(**{knob: value})


def test_a_task_may_bring_its_own_problems() -> None:
    task = SimpleNamespace(problems=lambda: [{"id": "a", "x": 1}, {"id": "b", "x": 2}])
    found = asked(task)
    assert ids(found) == ["a", "b"]
    assert [found.problem(run).row["x"] for run in found.runs(1)] == [1, 2]
    assert ids(asked(task, ids="b")) == ["b"]


def test_an_audit_may_ask_the_first_rows_or_as_many_seeds_as_it_likes(file: str) -> None:
    assert ids(asked(file=file, ids="p[2-5]").of_size(2)) == ["p2", "p3"]
    assert ids(asked(count=2).of_size(4)) == ["1", "2", "3", "4"]
    assert list(asked().of_size(4).runs(2)) == [1, 2]


def test_a_file_that_was_edited_is_read_again(file: str) -> None:
    assert len(asked(file=file)) == 6
    with open(file, "a") as more:  # noqa: PTH123
        more.write('{"id": "p6", "n": 6}\n')
    assert len(asked(file=file)) == 7


@given(count=st.integers(1, 50), more=st.integers(0, 50), tries=st.integers(1, 20), further=st.integers(0, 20))
def test_runs_keep_their_numbers_when_problems_and_tries_are_added(
    count: int, more: int, tries: int, further: int
) -> None:
    small, large = asked(count=count), asked(count=count + more)
    before, after = set(small.runs(tries)), set(large.runs(tries + further))
    assert before <= after and len(after) == (count + more) * (tries + further)
    for run in before:
        assert (small.stem(run), small.problem(run)) == (large.stem(run), large.problem(run))
        assert small.attempt(run) == run % TRIES


@given(names=st.lists(st.text(max_size=60), unique=True, max_size=20))
def test_different_ids_lie_in_different_folders_on_every_file_system(names: list[str]) -> None:
    folders = [folder_name(name) for name in names]
    assert len({folder.casefold() for folder in folders}) == len(names)
    assert all(folder and "/" not in folder and not folder.startswith(".") and len(folder) <= 60 for folder in folders)
