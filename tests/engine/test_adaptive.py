"""Adaptive tries: rounds go where the choice of problems hangs, and do not depend on the order in which runs end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evalkit.config.checks import check_selection
from evalkit.config.schema import Config
from evalkit.engine.adaptive import AdaptiveTries
from evalkit.results.stopped_summary import UNCHOSEN, was_cut_short
from evalkit.sampling.problem_set import TRIES, ProblemSet
from evalkit.sampling.sampler import CostBudget
from evalkit.select.problems import read_problems
from evalkit.stats.selection_policy import next_tries
from evalkit.stats.verdict import Band
from evalkit.util.errors import UserError
from tests.launching import launch
from tests.runs import failed, lost, passed, unknown

SEEDED = (
    "task=positional_attention",
    "task.data=seeded",
    "model=simulated",
    "problems.count=5",
    "runs.until=selected",
    "runs.max=12",
    "band.high=0.6",
)


def planner(problems: int = 4, **runs: Any) -> AdaptiveTries:
    config = Config()
    config.runs.until = "selected"
    config.runs.max = runs.get("max", 12)
    return AdaptiveTries(ProblemSet(0, [f"p{n}" for n in range(problems)], range(problems)), config)


def test_the_first_round_gives_every_problem_its_first_tries() -> None:
    assert planner(3).next_round() == [index * TRIES + attempt for index in range(3) for attempt in (1, 2, 3, 4)]


def test_a_round_gives_the_tries_that_the_policy_gives_for_the_results_so_far() -> None:
    plan = planner(40, max=64)
    for run in plan.next_round():
        hard = run // TRIES < 20
        plan.take(failed(run) if hard or run % 2 else passed(run))
    counts = [(0, 4)] * 20 + [(2, 4)] * 20
    wanted = next_tries(counts, Band(0.1, 0.4), cap=64)
    got = [0] * 40
    for run in plan.next_round():
        got[run // TRIES] += 1
    assert got == wanted and sum(wanted) > 0


def test_no_problem_gets_more_tries_than_runs_max_whatever_its_tries_tell() -> None:
    plan, made = planner(2, max=6), []
    while runs := plan.next_round():
        made += runs
        for run in runs:
            plan.take(lost(run) if run < TRIES else unknown(run))
    assert len(made) == 12 and {run % TRIES for run in made} == set(range(1, 7))


async def test_results_do_not_depend_on_how_many_run_at_once(tmp_path: Path) -> None:
    for name, concurrency in (("a", 1), ("b", 7)):
        await launch(tmp_path / name / "out", *SEEDED, f"runs.concurrency={concurrency}", store=tmp_path / name / "s")
    for file in ("runs.jsonl", "problems.jsonl", "summary.json"):
        assert (tmp_path / "a" / "out" / file).read_bytes() == (tmp_path / "b" / "out" / file).read_bytes()


async def test_a_launch_ends_whole_and_its_problems_have_what_their_rounds_gave(tmp_path: Path) -> None:
    result = await launch(tmp_path / "a", *SEEDED, store=tmp_path / "s")
    assert result.done and len(result.runs) == result.asked
    tried = read_problems(tmp_path / "a")
    assert len(tried.problems) == 5 and all(4 <= each.tries <= 12 for each in tried.problems)
    summary = json.loads((tmp_path / "a" / "summary.json").read_text())
    assert summary["verdict"]["decision"] == "UNDECIDED"
    assert any("runs.until=selected" in warning for warning in summary["warnings"])


async def test_a_launch_that_its_budget_ended_says_that_its_rule_wanted_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = await launch(tmp_path / "whole", *SEEDED, store=tmp_path / "s")
    assert not was_cut_short(whole.summary)
    with monkeypatch.context() as patch:
        patch.setattr(CostBudget, "empty", property(lambda budget: budget.output_tokens > 0))
        cut = await launch(tmp_path / "cut", *SEEDED, "runs.concurrency=1", store=tmp_path / "t")
    assert len(cut.runs) < len(whole.runs)
    assert was_cut_short(cut.summary) and UNCHOSEN in cut.summary.warnings


async def test_a_second_launch_buys_nothing(tmp_path: Path) -> None:
    await launch(tmp_path / "a", *SEEDED, store=tmp_path / "s")
    again = await launch(tmp_path / "b", *SEEDED, store=tmp_path / "s")
    assert again.source.budget.output_tokens == 0


def test_what_cannot_be_chosen_from_is_refused_in_one_sentence() -> None:
    config = Config()
    config.runs.until = "selected"
    with pytest.raises(UserError, match=r"set problems.file or"):
        check_selection(config, None)
    config.select.rule = "signal"
    with pytest.raises(UserError, match=r"set select.count"):
        check_selection(config, 5)
    config.select.count = 6
    with pytest.raises(UserError, match="use at most 5"):
        check_selection(config, 5)
