"""Two launches over sets: matched by problem, tested by problem, and what pairing saved."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evalkit.diff.document import sentences
from evalkit.diff.outcomes import compare_outcomes
from evalkit.diff.pairs import Pairing, pair
from evalkit.diff.problems import CommonProblems, common_problems, compare_problems
from evalkit.diff.settings import compare_settings
from evalkit.results.reading import RunRecord, load
from evalkit.results.runs import Outcome
from tests.diff.test_outcomes import record
from tests.engine.test_problem_sets import PLUGIN, over, write_rows
from tests.launching import launch
from tests.verbs import verb


def tries(passes: dict[str, tuple[int, int]]) -> list[RunRecord]:
    """Runs with (passed, tries) at each problem."""
    return [
        record(1_000_000 * index + n, n <= passed).replace(problem=name, attempt=n)
        for index, (name, (passed, of)) in enumerate(passes.items())
        for n in range(1, of + 1)
    ]


def outcomes(old: dict[str, tuple[int, int]], new: dict[str, tuple[int, int]]):
    common = common_problems(dict.fromkeys(old, "?"), dict.fromkeys(new, "?"), same_source=True)
    return compare_outcomes(tries(old), tries(new), Pairing("problem", (), len(common.same), common), 0.95)


def test_problems_are_matched_by_id_and_by_question() -> None:
    old, new = {"a": "1", "b": "2", "c": "3"}, {"d": "4", "c": "3", "b": "other"}
    found = common_problems(old, new, same_source=True)
    assert found == CommonProblems(("c",), ("b",), ("a",), ("d",))
    other_wording = {"a": "x", "b": "y"}
    reworded = common_problems({"a": "1", "b": "2"}, other_wording, same_source=True)
    assert reworded.same == ("a", "b") and reworded.reworded
    drawn_twice = common_problems({"a": "1", "b": "2"}, other_wording, same_source=False)
    assert drawn_twice.same == () and drawn_twice.changed == ("a", "b")


def test_a_difference_is_tested_by_problem_and_not_by_try() -> None:
    """Two problems of six changed, with 32 tries each: by try that is certain, by problem it is not."""
    old = dict.fromkeys("abcdef", (0, 32))
    new = old | {"e": (32, 32), "f": (32, 32)}
    found = outcomes(old, new)
    assert found.comparison.method == "exact permutation" and found.pairs is None
    assert found.comparison.p_value == pytest.approx(0.5)  # 2 of the 2² choices of signs are as far from 0
    assert not found.tells
    assert found.set is not None and [each.problem for each in found.set.problems[:3]] == ["e", "f", "a"]


def test_problems_weigh_the_same_however_many_tries_they_had() -> None:
    old = {"a": (0, 2), "b": (4, 4)}
    found = outcomes(old, {"a": (6, 6), "b": (0, 2)})
    assert found.comparison.difference == 0
    assert (found.old.rate.value, found.new.rate.value) == (0.5, 0.5)
    assert found.old.rate.passed / found.old.rate.runs == pytest.approx(4 / 6)


def test_what_pairing_saved_is_said_in_runs() -> None:
    old = {f"p{n}": (n % 9, 10) for n in range(18)}
    new = {name: (passed + (1 + (n % 2)) // 2, of) for n, (name, (passed, of)) in enumerate(old.items())}
    found = outcomes(old, new)
    assert found.set is not None and found.set.comparison.saved is not None
    extra = round((found.set.comparison.saved - 1) * 360)
    assert extra > 360
    (said,) = [line for line in sentences(found) if "Pairing" in line]
    assert f"saved about {extra:,} runs" in said
    against = outcomes(old, {name: (8 - passed, of) for name, (passed, of) in old.items()})
    (said,) = [line for line in sentences(against) if "Pairing" in line]
    assert said.startswith("Pairing by problem saved no runs")


def test_a_problem_that_one_side_could_not_grade_is_left_out() -> None:
    common = common_problems({"a": "1", "b": "2"}, {"a": "1", "b": "2"}, same_source=True)
    broken = [
        run.replace(outcome=Outcome.ERROR) if run.problem == "b" else run for run in tries({"a": (1, 2), "b": (2, 2)})
    ]
    found = compare_problems(tries({"a": (0, 2), "b": (0, 2)}), broken, common, 0.95)
    assert found.comparison.problems == 1 and [each.problem for each in found.problems] == ["a"]


SET = ("task=positional_attention_strict", "runs.count=3", "runs.concurrency=4")


@pytest.mark.asyncio
async def test_launches_of_two_models_over_sets_that_overlap(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "store"
    await launch(tmp_path / "a", *SET, "model=simulated", "problems.count=5", store=store)
    await launch(tmp_path / "b", *SET, "model=oracle", "problems.ids=[2,3,4,5,6]", "problems.count=6", store=store)
    assert verb("diff")([str(tmp_path / "a"), str(tmp_path / "b"), "--format", "json"]) == 1
    facts = json.loads(capsys.readouterr().out)
    assert (facts["set"]["only_old"], facts["set"]["only_new"]) == (["1"], ["6"])
    assert facts["paired_by"] == "problem" and facts["test"] == "exact permutation"
    assert facts["set"]["problems"][0]["new"] == [3, 3]
    assert sorted(each["problem"] for each in facts["set"]["problems"]) == ["2", "3", "4", "5"]
    verb("diff")([str(tmp_path / "a"), str(tmp_path / "b")])
    text = capsys.readouterr().out
    assert "1 problem only on the old side: 1." in text and "1 problem only on the new side: 6." in text
    assert "Problems that changed most" in text and "permutation test of the differences of 4 problems" in " ".join(
        text.split()
    )


@pytest.mark.asyncio
async def test_shared_tries_are_tested_by_mcnemar_and_problems_like_these_by_permutation(tmp_path: Path) -> None:
    for name, limit in (("wide", 4000), ("tight", 1000)):
        knobs = ("model=simulated", "problems.count=5", f"limits.max_tokens={limit}")
        await launch(tmp_path / name, *SET, *knobs, store=tmp_path / "store")
    wide, tight = (load(tmp_path / name).cells[0] for name in ("wide", "tight"))
    pairing = pair(wide, tight)
    assert (pairing.by, pairing.shared) == ("rollout", 15)
    found = compare_outcomes(wide.runs, tight.runs, pairing, 0.95)
    assert found.comparison.method == "McNemar" and found.pairs is not None and found.pairs.total == 15
    assert found.set is not None and found.set.comparison.method == "exact permutation"
    assert any(line.startswith("For problems like these") for line in sentences(found))
    assert all(flip.problem is not None for flip in found.flips) and found.flips


@pytest.mark.asyncio
async def test_problems_of_two_seeds_are_not_the_same_for_having_the_same_numbers(tmp_path: Path) -> None:
    for seed in (1, 2):
        knobs = ("model=noop", "problems.count=3", f"runs.seed={seed}")
        await launch(tmp_path / str(seed), *SET, *knobs, store=tmp_path / "store")
    one, two = (load(tmp_path / str(seed)).cells[0] for seed in (1, 2))
    pairing = pair(one, two)
    assert pairing.by is None and pairing.common is not None and pairing.common.same == ()


@pytest.mark.asyncio
async def test_rows_that_moved_keep_their_conversations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another row stands first: run 1 of both sides is about another problem, and a scripted model says the same."""
    await of_rows(tmp_path, monkeypatch, "one", "a", "b", "c")
    await of_rows(tmp_path, monkeypatch, "moved", "new", "c", "b", "a")
    old, new = (load(tmp_path / name).cells[0] for name in ("one", "moved"))
    pairing = pair(old, new)
    assert pairing.by == "rollout" and pairing.shared == 6
    found = compare_outcomes(old.runs, new.runs, pairing, 0.95)
    assert not found.flips and {run.problem for run in new.runs if run.number in found.changed_runs} == {"new"}
    assert not compare_settings(old, new).prompt


@pytest.mark.asyncio
async def test_sets_without_a_common_problem_share_no_conversation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    await of_rows(tmp_path, monkeypatch, "one", "a", "b", "c")
    await of_rows(tmp_path, monkeypatch, "others", "x", "y", "z")
    old, new = (load(tmp_path / name).cells[0] for name in ("one", "others"))
    assert pair(old, new).shared == 0
    assert not compare_settings(old, new).prompt
    verb("diff")([str(tmp_path / "one"), str(tmp_path / "others")])
    text = " ".join(capsys.readouterr().out.split())
    assert "The permutation test of the rates of 6 problems, dealt to the two sides at random: p =" in text


def test_without_a_common_problem_problems_are_compared_and_not_tries() -> None:
    """Half of six problems always pass, and one of six others: by try that is certain."""
    old = {name: (32 * (place < 3), 32) for place, name in enumerate("abcdef")}
    new = {name: (32 * (place < 1), 32) for place, name in enumerate("uvwxyz")}
    found = outcomes(old, new)
    assert found.comparison.p_value > 0.3 and not found.tells and found.pairs is None
    assert found.comparison.difference == pytest.approx(-1 / 3)
    assert found.set is not None and found.runs_needed == found.set.problems_needed


async def of_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, *ids: str) -> None:
    """A launch over rows with these ids."""
    (tmp_path / "tasks" / "rows_task").mkdir(parents=True, exist_ok=True)
    (tmp_path / "tasks" / "rows_task" / "__init__.py").write_text(PLUGIN)
    monkeypatch.chdir(tmp_path)
    write_rows(tmp_path / "rows.jsonl", *ids)
    await over(tmp_path / name, "runs.count=2")
