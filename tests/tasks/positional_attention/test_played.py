"""Programs and agents that really run: solutions through the real tools, simulated agents, oracle and noop launches."""

from __future__ import annotations

import asyncio
import json
import random
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest

from evalkit import Attempt, GradingContext, Problem
from evalkit.config.schema import SandboxConfig
from evalkit.engine.cells import Cell
from evalkit.launch.pipeline import execute
from evalkit.results.runs import Outcome
from evalkit.sandbox import open_sandbox
from evalkit.task.grade import Grade, Measurement
from evalkit.task.scripted_agents import ScriptedAgent
from evalkit.task.tools import ToolContext
from tests.launching import Watcher, config_for

from .support import CONFIGS, PUBLISHED_VARIANTS, SEEDED_VARIANTS, labels, make_task, programs

MAX_STEPS = 15
VARIANTS = [("data=published", *variant) for variant in PUBLISHED_VARIANTS] + list(SEEDED_VARIANTS)


@dataclass(frozen=True)
class ScriptedRun:
    """What an agent of one task came to, without any limit."""

    agent: ScriptedAgent
    answer: Any
    step: int | None
    """The model call that submitted, from 1; None if none did."""
    measurement: Measurement | None


async def play(agent, task, spec, sandbox) -> ScriptedRun:
    """Every turn of `agent` with the task's real tools in a real sandbox."""
    tools = {tool.name: tool for tool in spec.tools}
    printed = ""
    async with sandbox.session() as session:
        for step, turn in enumerate(agent.turns, 1):
            submitted = [call["input"]["answer"] for call in turn.calls if call["name"] == "submit_answer"]
            if turn.submit_output:
                submitted = [read(printed)]
            if submitted:
                measurement = await task.measure(Attempt(submitted[0]), spec, GradingContext(sandbox))
                return ScriptedRun(agent, submitted[0], step, measurement)
            for call in turn.calls:
                result = await tools[call["name"]](call["input"], ToolContext(session, 30.0))
                printed = json.loads(result.content)["result"] or ""
    return ScriptedRun(agent, None, None, None)


def read(printed: str) -> Any:
    """The last line as JSON, or as text if it is none, as the embedded models submit it."""
    lines = printed.strip().splitlines() or [""]
    try:
        return json.loads(lines[-1])
    except ValueError:
        return lines[-1]


async def play_everything() -> dict[str, Any]:
    found: dict[str, Any] = defaultdict(list)
    async with open_sandbox(SandboxConfig()) as sandbox:
        for config in CONFIGS:
            task = make_task(config)
            spec = task.spec(Problem.seeded(7))
            found[config] = [await play(agent, task, spec, sandbox) for agent in task.agents(spec)]
            for kind in ("correct", "exploits"):
                for solution in programs(kind):
                    agent = task.solution(solution.source, spec)
                    found[kind].append((config, solution, await play(agent, task, spec, sandbox)))
        for variant in VARIANTS:
            task = make_task("positional_attention_strict", *variant)
            spec = task.spec(Problem.seeded(3))
            careful = next(agent for agent in task.agents(spec) if agent.name == "careful")
            for agent in (task.oracle(spec), careful):
                found["attentive"].append((variant, await play(agent, task, spec, sandbox)))
    return found


@pytest.fixture(scope="module")
def played():
    return asyncio.run(play_everything())


def verdict(result: ScriptedRun, task) -> Grade | None:
    """None where nothing was submitted within the published steps."""
    return task.grade(result.measurement) if result.step and result.step <= MAX_STEPS else None


def pass_rate(results, task, *, within=None) -> float:
    """Expected pass rate at the published steps, of those `within` may submit."""
    grades = [(result, verdict(result, task)) for result in results]
    return sum(r.agent.weight for r, g in grades if g and g.passed and (within is None or within(r)))


def test_every_correct_solution_passes_through_the_real_tools(played):
    for config, solution, result in played["correct"]:
        grade = make_task(config).grade(result.measurement)
        assert grade.message.startswith("SUCCESS: Complete"), (config, solution.name, grade.message)


def test_no_cheat_passes_but_those_that_the_published_settings_let_through(played):
    accepted = defaultdict(set)
    for config, solution, result in played["exploits"]:
        grade = make_task(config).grade(result.measurement)
        if grade.passed:
            accepted[solution.name].add(config)
        else:
            assert labels(solution)["expect"] in ("any", grade.category), (config, solution.name, grade.message)
    labelled = {solution.name: set(labels(solution).get("accepted", "").split()) for solution in programs("exploits")}
    assert accepted == {name: configs for name, configs in labelled.items() if configs}
    assert "walks_the_frames" not in accepted
    assert "positional_attention_strict" not in set().union(*accepted.values())


def test_agents_make_every_mistake_that_the_categories_name(played):
    task = make_task()
    shares = defaultdict(float)
    for result in played["positional_attention"]:
        grade = verdict(result, task)
        shares["no_submission" if grade is None else grade.category or "passed"] += result.agent.weight
    assert set(shares) == {"passed", *task.categories}
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["passed"] == pytest.approx(0.27)
    titles = defaultdict(float)
    for category, share in shares.items():
        titles[task.categories.get(category)] += share
    ranked = sorted((title for title in titles if title), key=lambda title: -titles[title])
    assert ranked[:4] == ["Dimension errors", "Missing causal mask", "Numerical issues", "No submission"]


@pytest.mark.parametrize(("config", "rate"), list(zip(CONFIGS, (0.27, 0.31, 0.17), strict=True)))
def test_every_config_is_in_the_target_band(played, config, rate):
    assert pass_rate(played[config], make_task(config)) == pytest.approx(rate)


def test_sweeping_the_tolerance_of_the_weights_finds_something(played):
    rates = [
        pass_rate(
            played["positional_attention"], make_task("positional_attention", f"tolerances.attention_weights={t}")
        )
        for t in (0.05, 0.1, 0.15, 0.3)
    ]
    assert rates == pytest.approx([0.21, 0.24, 0.27, 0.30])


def test_sweeping_tokens_and_steps_finds_something(played):
    results, normals, task = played["positional_attention"], random.Random(1), make_task()
    totals = {
        result.agent.name: [
            sum(turn.tokens.draw(normals.gauss(0, 1)) for turn in result.agent.turns[: result.step]) for _ in range(500)
        ]
        for result in results
    }
    by_tokens = []
    for limit in (1000, 1500, 2000, 2900, 4000):
        share = {name: sum(total <= limit for total in drawn) / len(drawn) for name, drawn in totals.items()}
        passing = [result for result in results if (grade := verdict(result, task)) and grade.passed]
        by_tokens.append(sum(result.agent.weight * share[result.agent.name] for result in passing))
    assert all(after - before > 0.01 for before, after in pairwise(by_tokens)), by_tokens
    by_steps = [
        pass_rate(results, task, within=lambda result, steps=steps: result.step <= steps) for steps in (1, 2, 5, 10)
    ]
    assert all(after > before for before, after in pairwise(by_steps)), by_steps


def test_oracle_and_attentive_agents_follow_whatever_the_prompt_asks(played):
    for variant, result in played["attentive"]:
        grade = make_task("positional_attention_strict", *variant).grade(result.measurement)
        assert grade.message.startswith("SUCCESS: Complete"), (variant, result.agent.name, grade.message)


async def test_a_launch_of_the_oracle_passes_and_of_noop_fails(tmp_path):
    launches = [(model, config) for model in ("oracle", "noop") for config in CONFIGS]
    cells = []
    for number, (model, config) in enumerate(launches):
        folder = tmp_path / str(number)
        folder.mkdir()
        told = config_for(f"task={config}", f"model={model}", "runs.count=1", store=tmp_path / "store")
        cells.append(Cell(told, folder))
    by_folder = {result.cell.folder: result for result in await execute(cells, Watcher())}
    for cell, (model, config) in zip(cells, launches, strict=True):
        runs = by_folder[cell.folder].runs
        assert len(runs) == (10 if config.endswith("strict") else 1)  # a set of ten problems
        for run in runs:
            assert run.outcome is (Outcome.PASSED if model == "oracle" else Outcome.FAILED), (model, config, run)
            assert model == "oracle" or run.grade.category == "no_submission"
