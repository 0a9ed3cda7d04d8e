"""Runs are compared in pairs where both sides had the same problems, and only there; the test of pairs is exact."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from evalkit import load
from evalkit.diff.pairs import Pairing, pair
from evalkit.results.reading import CellRecord
from evalkit.results.runs import Run
from evalkit.rollout.record import Rollout
from evalkit.stats import compare_paired
from tests.outputs import broken, failed, passed, write_launch, write_sweep
from tests.verbs import verb

main = verb("diff")

NUMBERS = (1, 2, 3, 4)


def runs(stamp: str, verdicts: str, prompts: Sequence[str]) -> list[Run]:
    """`✓` passes, `✗` fails, `!` is an error, one run each; `stamp` sets apart what was sampled anew."""
    make = {"✓": passed, "✗": failed}
    return [
        broken(number) if said == "!" else make[said](number, prompt=prompt, stamp=stamp)
        for number, (said, prompt) in enumerate(zip(verdicts, prompts, strict=True), start=1)
    ]


def cell(folder: Path, stamp: str, verdicts: str, prompts: Sequence[str]) -> CellRecord:
    return load(write_launch(folder / stamp, runs(stamp, verdicts, prompts))).cells[0]


def test_runs_with_the_same_problems_are_pairs(tmp_path: Path) -> None:
    old, new = (cell(tmp_path, stamp, "✓✗✗✓", "abcd") for stamp in ("one", "two"))
    assert pair(old, new) == Pairing("problem", NUMBERS, 4)


def test_problems_that_come_again_are_counted_once(tmp_path: Path) -> None:
    old, new = (cell(tmp_path, stamp, "✓✗✗✓", "abab") for stamp in ("one", "two"))
    assert pair(old, new) == Pairing("problem", NUMBERS, 2)


def test_one_problem_for_all_runs_makes_no_pairs(tmp_path: Path) -> None:
    old, new = (cell(tmp_path, stamp, "✓✗✗✓", "aaaa") for stamp in ("one", "two"))
    assert pair(old, new) == Pairing(problems=1)


@pytest.mark.parametrize("prompts", ["efgh", "abce", "bacd", "eeee"])
def test_other_problems_in_any_run_make_no_pairs(tmp_path: Path, prompts: str) -> None:
    old, new = cell(tmp_path, "one", "✓✗✗✓", "abcd"), cell(tmp_path, "two", "✓✗✗✓", prompts)
    assert pair(old, new).by is None and pair(old, new).problems > 1


def test_other_files_make_another_problem(tmp_path: Path) -> None:
    def with_files(run: Run, digest: str) -> Run:
        rollout: Rollout = replace(run.rollout, files={"data.csv": digest * 64})
        return replace(run, rollout=rollout)

    sides = []
    for stamp, digests in (("one", "abcd"), ("two", "abcd"), ("three", "abce")):
        made = [with_files(run, digest) for run, digest in zip(runs(stamp, "✓✗✗✓", "aaaa"), digests, strict=True)]
        sides.append(load(write_launch(tmp_path / stamp, made)).cells[0])
    assert pair(sides[0], sides[1]) == Pairing("problem", NUMBERS, 4)
    assert pair(sides[0], sides[2]).by is None


def test_a_shared_conversation_comes_before_a_shared_problem(tmp_path: Path) -> None:
    old = cell(tmp_path / "a", "one", "✓✗✗✓", "abcd")
    new = load(write_launch(tmp_path / "b", [*runs("one", "✓✗", "ab"), *runs("two", "✓✗✗✓", "abcd")[2:]])).cells[0]
    assert pair(old, new) == Pairing("rollout", (1, 2))


def test_errors_and_runs_without_a_partner_are_no_pairs(tmp_path: Path) -> None:
    old, new = cell(tmp_path, "one", "✓✗!✓✓✗", "abcdef"), cell(tmp_path, "two", "!✗✗✓", "abcd")
    assert pair(old, new) == Pairing("problem", (2, 4), 2)


def test_the_comparison_says_how_it_paired_and_what_came_of_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    letters = "abcdefghij"
    old = write_launch(tmp_path / "old", runs("one", "✓✗✗✗✗✗✗✗✗✓", letters))
    new = write_launch(tmp_path / "new", [*runs("two", "✓✓✓✓✓✓✓✓✗✗", letters), passed(11, prompt="k", stamp="two")])
    assert main([str(old), str(new), "--format", "json"]) == 1
    facts = json.loads(capsys.readouterr().out)
    assert (facts["test"], facts["paired_by"], facts["shared"]) == ("McNemar", "problem", 0)
    assert facts["pairs"] == {"both": 1, "only_old": 1, "only_new": 7, "neither": 1}
    assert facts["p_value"] == pytest.approx(binomtest(1, 8).pvalue)
    assert [flip["run"] for flip in facts["flips"]] == [*range(2, 9), 10]
    main([str(old), str(new), "--format", "markdown"])
    text = capsys.readouterr().out
    assert "the same problem (10 different ones): the test compares them in pairs; 1 run without a partner" in text
    assert "1 passed on both sides, 1 only on the old one, 7 only on the new one, 1 on neither." in text
    assert "McNemar's exact test on 10 pairs of runs with the same problem: p = 0.07" in text


def test_it_says_that_problems_differ_where_they_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sides = [
        write_launch(tmp_path / stamp, runs(stamp, "✓✗✗✓", prompts))
        for stamp, prompts in (("o", "abcd"), ("n", "efgh"))
    ]
    main([*map(str, sides), "--format", "markdown"])
    text = capsys.readouterr().out
    assert "have different problems: the test takes them for independent samples" in text
    assert "Boschloo's exact test on independent rollouts" in text


def test_cells_of_sweeps_are_paired_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sides = []
    for stamp, prompts in (("one", "abcd"), ("two", "aaaa")):
        cells = {f"limits.max_tokens={limit}": runs(stamp + limit, "✓✗✗✓", prompts) for limit in ("300", "500")}
        cells["limits.max_tokens=700"] = runs(stamp, "✓✗✗✓", "abcd")
        sides.append(write_sweep(tmp_path / stamp, cells))
    main([*map(str, sides), "--format", "json"])
    facts = json.loads(capsys.readouterr().out)
    assert [one["paired_by"] for one in facts["cells"]] == [None, None, "problem"]
    assert any(note.startswith("In 1 of 3 common cells") for note in facts["notes"])


@given(*[st.integers(0, 60)] * 4)
def test_the_p_value_is_that_of_the_sign_test_on_discordant_pairs(
    both: int, one: int, other: int, neither: int
) -> None:
    expected = binomtest(one, one + other).pvalue if one + other else 1.0
    assert compare_paired(both, one, other, neither).p_value == pytest.approx(expected, rel=1e-9)


@settings(max_examples=30)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.sampled_from([0.01, 0.05, 0.1, 0.3]))
def test_however_hard_each_problem_is_the_test_keeps_its_level(rates: list[float], alpha: float) -> None:
    """P(p ≤ α) summed over every outcome, where both sides pass each problem with the same probability."""
    chance = {(0, 0): 1.0}
    for rate in rates:
        differs, after = rate * (1 - rate), dict[tuple[int, int], float]()
        for (old, new), share in chance.items():
            for step, weight in (((1, 0), differs), ((0, 1), differs), ((0, 0), 1 - 2 * differs)):
                place = old + step[0], new + step[1]
                after[place] = after.get(place, 0.0) + share * weight
        chance = after
    rejects = sum(share for (old, new), share in chance.items() if compare_paired(0, old, new, 0).p_value <= alpha)
    assert rejects <= alpha + 1e-9
