"""The simulated agents reproduce the published figures as an expectation, with code that really runs."""

import random
from functools import cache

import pytest

from evalkit import Problem
from evalkit.rollout.limits import Limits, next_call
from evalkit.rollout.record import Ending

from .shipped import VARIANTS, grade, make

LIMIT = 2900
RIGHT = {
    "tests against a loop, then submits",
    "looks at shapes first",
    "expand mismatch, finds it in the third attempt",
}


def agents(config="paged_attention", seed=0):
    task = make(config)
    return task.agents(task.spec(Problem.seeded(seed)))


@cache
def expectation(limit, runs=10_000):
    """Pass rate, mean tokens and share of cut runs over so many draws, as the embedded model draws them."""
    draw = random.Random(0)
    everyone = agents()
    weights = [agent.weight for agent in everyone]
    passed = tokens = cut = 0
    for agent in draw.choices(everyone, weights, k=runs):
        spent, ending = 0, Ending.SUBMITTED
        for step, turn in enumerate(agent.turns):
            allowed = next_call(Limits(max_tokens=limit), spent, step, ceiling=32_000)
            wanted = turn.tokens.draw(draw.gauss(0, 1))
            if isinstance(allowed, Ending) or wanted > allowed:
                ending, spent = Ending.TOKEN_LIMIT, limit
                break
            spent += wanted
        cut += ending is Ending.TOKEN_LIMIT
        passed += ending is Ending.SUBMITTED and agent.name in RIGHT
        tokens += spent
    return passed / runs, tokens / runs, cut / runs


def test_the_published_figures_are_the_expectation():
    passed, tokens, cut = expectation(LIMIT)
    assert passed == pytest.approx(0.40, abs=0.01)
    assert tokens == pytest.approx(2400, abs=100)
    assert cut > 0.5 * (1 - passed)  # more than all other failures together


def test_a_larger_limit_lets_cut_runs_recover():
    rates = [expectation(limit)[0] for limit in (1500, 2000, 2900, 4500, 6000, 20_000)]
    assert rates == sorted(rates)
    assert rates[0] < 0.02
    assert rates[4] > rates[2] + 0.2
    assert expectation(20_000)[2] == 0


def test_weights_are_a_distribution_and_names_are_unique():
    found = agents()
    assert sum(agent.weight for agent in found) == pytest.approx(1)
    assert len({agent.name for agent in found}) == len(found)


def test_no_agent_knows_a_limit():
    said = " ".join(
        f"{turn.text} {call['input']}" for agent in agents() for turn in agent.turns for call in turn.calls
    ).lower()
    assert not any(word in said for word in ("2900", "2,900", "token", "budget", "limit"))


@pytest.mark.parametrize("agent", agents(), ids=lambda agent: agent.name)
async def test_the_programs_of_an_agent_run_and_its_answer_is_as_good_as_its_name(agent, sandbox):
    task = make()
    for turn in agent.turns:
        for call in turn.calls:
            if call["name"] == "submit_answer":
                got = await grade(task, call["input"]["answer"], sandbox, seed=2)
                assert got.passed is (agent.name in RIGHT), got.message
            else:
                async with sandbox.session() as session:
                    output = await session.run(call["input"]["expression"], timeout_s=20, preload=("torch",))
                assert output.kind == ("raised" if "mismatch" in agent.name else "ok") or agent.name in RIGHT
                assert "NameError" not in (output.error or "")
                assert "SyntaxError" not in (output.error or "")


async def test_the_loop_starts_with_a_real_expand_error(sandbox):
    lost = [agent for agent in agents() if agent.name.startswith("expand mismatch")]
    assert len(lost) == 2
    for agent in lost:
        async with sandbox.session() as session:
            program = agent.turns[0].calls[0]["input"]["expression"]
            output = await session.run(program, timeout_s=20, preload=("torch",))
        assert "RuntimeError: The expanded size of the tensor" in output.error


@pytest.mark.parametrize("variant", VARIANTS)
async def test_the_right_agents_are_right_in_every_variant(variant, sandbox):
    task = make(variant)
    for agent in task.agents(task.spec(Problem.seeded(4))):
        if agent.name in RIGHT:
            got = await grade(task, agent.turns[-1].calls[0]["input"]["answer"], sandbox, seed=4)
            assert got.passed, got.message
