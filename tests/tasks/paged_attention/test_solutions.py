"""The labelled solutions: every right one passes, every wrong one and every exploit gets what its label says."""

import pytest

from benchmarks.right_solutions import right_solutions
from evalkit import Problem

from .shipped import VARIANTS, grade, header, make, oracle_source, paths

FAST = {"time_limit_s": 1.0}  # the solution that never ends would take five seconds to find out


@pytest.mark.parametrize("path", paths("correct"), ids=lambda path: path.stem)
async def test_a_right_solution_passes(path, sandbox):
    got = await grade(make(), path.read_text(), sandbox, seed=11)
    assert got.passed, got.message
    assert got.message == "Got VERIFIED"


@pytest.mark.parametrize("path", right_solutions(), ids=lambda path: path.stem)
async def test_a_right_solution_in_any_style_passes(path, sandbox):
    """Written from the prompt alone; benchmarks/right_solutions.py tries them on 50 seeds and in every variant."""
    got = await grade(make(), path.read_text(), sandbox, seed=11)
    assert got.passed, got.message


@pytest.mark.parametrize("path", [*paths("wrong"), *paths("exploits")], ids=lambda path: path.stem)
async def test_a_wrong_solution_gets_the_category_in_its_header(path, sandbox):
    got = await grade(make(**FAST), path.read_text(), sandbox, seed=11)
    assert got.category == header(path)["expect"], got.message
    assert len(got.message) < 600


async def test_every_category_is_produced_by_a_shipped_solution():
    expected = {header(path)["expect"] for path in [*paths("wrong"), *paths("exploits")]}
    assert expected == set(make().categories) - {"no_submission"}


async def test_wrong_solutions_say_what_they_break():
    missing = [path.stem for path in [*paths("wrong"), *paths("exploits")] if not header(path).get("breaks")]
    assert missing == []


@pytest.mark.parametrize("variant", VARIANTS)
async def test_the_oracle_passes_in_every_shipped_variant(variant, sandbox):
    task = make(variant)
    spec = task.spec(Problem.seeded(3))
    got = await grade(task, oracle_source(task, spec), sandbox, seed=3)
    assert got.passed, got.message


@pytest.mark.parametrize(
    "knobs",
    [
        {"dtype": "float64"},
        {"dtype": "float16"},
        {"num_kv_heads": 1},
        {"num_heads": 1},
        {"block_size": 1},
        {"block_size": 64},
        {"head_dim": 128},
        {"sliding_window": 1},
        {"sliding_window": 500},
        {"logit_softcap": 50.0},
        {"logit_softcap": 0.5},
        {"num_kv_heads": 4, "sliding_window": 20, "logit_softcap": 10.0},
        {"vectorized": False},
        {"hidden": {"count": 1, "batch_sizes": [1], "context_lengths": [1, 1]}},
        {"hidden": {"seed": 7, "count": 5, "growth": 8, "context_lengths": [16, 16]}},
    ],
    ids=str,
)
async def test_the_oracle_passes_wherever_a_knob_is_turned(knobs, sandbox):
    task = make(**knobs)
    got = await grade(task, oracle_source(task, task.spec(Problem.seeded(5))), sandbox, seed=5)
    assert got.passed, got.message


@pytest.mark.parametrize(
    "knobs",
    [
        {"num_kv_heads": 2, "num_heads": 4},
        {"sliding_window": 20},
        {"logit_softcap": 5.0},
        {"logit_softcap": 50.0},
        {"dtype": "float16"},
    ],
    ids=str,
)
async def test_the_solution_of_the_plain_task_fails_where_a_knob_changes_the_question(knobs, sandbox):
    plain = next(path for path in paths("correct") if path.stem == "sdpa").read_text()
    if "dtype" in knobs:
        plain = plain.replace(".squeeze(2)", ".squeeze(2).float()")
    assert not (await grade(make(**knobs), plain, sandbox, seed=5)).passed


async def test_the_oracle_tries_its_solution_with_the_tool_first(sandbox):
    for variant in VARIANTS:
        task = make(variant)
        first = task.oracle(task.spec(Problem.seeded(0))).turns[0].calls[0]
        assert first["name"] == "python_expression"
        async with sandbox.session() as session:
            output = await session.run(first["input"]["expression"], timeout_s=20, preload=("torch",))
        assert (output.error, output.stdout) == (None, "torch.Size([2, 8, 32])\n")
