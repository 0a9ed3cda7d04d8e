"""The shipped solutions: every correct one passes, no wrong one does where the settings are strict, and the gaps of the
published settings are exactly those that the solutions' labels name."""

import sys

import pytest
from evalkit_tasks.positional_attention import Task
from evalkit_tasks.positional_attention.data import MARGIN
from evalkit_tasks.positional_attention.diagnosis import hypotheses, separation
from evalkit_tasks.positional_attention.mistakes import known_mistakes
from evalkit_tasks.positional_attention.prompt import requirements
from evalkit_tasks.positional_attention.reference import compute

from evalkit import Attempt, GradingContext, Problem

from .support import SEEDED_VARIANTS, answer_of, labels, make_task, measured, programs

LENIENT = ("positional_attention", "positional_attention_textbook")
CORRECT, WRONG, EXPLOITS = (programs(kind) for kind in ("correct", "wrong", "exploits"))
HERE = [solution for solution in CORRECT if "import torch" not in solution.source]
"""Run in this process; all of them run in the sandbox in test_played.py."""
EQUIVALENT = 1e-9


def name(solution):
    return solution.name


def equivalent(measurement):
    """The mistake makes no difference under these knobs, such as a forgotten residual where there is none."""
    values = measurement.values
    return measurement.fault is None and values["flag"] and max(values["errors"].values()) < EQUIVALENT


def test_there_is_enough_evidence():
    assert len(CORRECT) >= 8
    assert len(WRONG) >= 18
    assert len(EXPLOITS) >= 10


@pytest.mark.parametrize("solution", HERE, ids=name)
async def test_a_correct_solution_passes_everywhere(solution):
    for config, variant in [(config, ()) for config in LENIENT] + [(None, variant) for variant in SEEDED_VARIANTS]:
        task = make_task(config or "positional_attention_strict", *variant)
        for seed in range(3):
            grade = task.grade(await measured(task, answer_of(solution, task.spec(Problem.seeded(seed))), seed))
            assert grade.message.startswith("SUCCESS: Complete"), (config, variant, seed, grade.message)


@pytest.mark.parametrize("exploit", ["imports_the_reference", "walks_the_frames"])
async def test_a_cheat_that_looks_for_the_grader_passes_where_it_is_within_reach(exploit, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])  # which the exploit extends
    (solution,) = (solution for solution in EXPLOITS if solution.name == exploit)
    for config in (*LENIENT, "positional_attention_strict"):
        task = make_task(config)
        assert task.grade(await measured(task, answer_of(solution, task.spec(Problem.seeded(0))), 0)).passed


@pytest.mark.parametrize("solution", WRONG, ids=name)
async def test_a_wrong_solution_fails_as_labelled_under_strict_settings(solution):
    told_apart = 0
    extra = [("residual=true", "layer_norm=true"), ("position_encoding=sinusoidal",)]
    for variant in [*SEEDED_VARIANTS, *extra]:
        task = make_task("positional_attention_strict", *variant)
        for seed in range(3):
            measurement = await measured(task, answer_of(solution, task.spec(Problem.seeded(seed))), seed)
            if equivalent(measurement):
                continue
            grade = task.grade(measurement)
            told_apart += 1
            if "sequence_length=2" not in variant:
                assert grade.category == labels(solution)["expect"], (variant, seed, grade.message)
            assert not grade.passed, (variant, seed, grade.message)
    assert told_apart


@pytest.mark.parametrize("config", LENIENT)
async def test_published_settings_accept_exactly_the_labelled_wrong_solutions(config):
    task, accepted, labelled = make_task(config), set(), set()
    for solution in WRONG:
        measurement = await measured(task, answer_of(solution, task.spec(Problem.seeded(0))))
        labelled |= {solution.name} if config in labels(solution).get("accepted", "").split() else set()
        if not equivalent(measurement) and task.grade(measurement).passed:
            accepted.add(solution.name)
    assert accepted == labelled
    assert {"no_scale", "values_from_the_other_matrix"} <= accepted


def test_labels_name_categories_requirements_and_configs():
    known = set(Task.categories)
    task = make_task("positional_attention_strict", "layer_norm=true", "residual=true")
    rules = set(requirements(task.spec(Problem.seeded(0))))
    for solution in [*WRONG, *EXPLOITS]:
        found = labels(solution)
        assert found["expect"] in known | ({"any"} if solution in EXPLOITS else set()), solution
        assert found["breaks"] in rules, solution
        assert set(found.get("accepted", "").split()) <= set(LENIENT), solution


def test_every_requirement_is_broken_by_a_wrong_solution():
    rules = set(requirements(make_task("positional_attention_strict", "layer_norm=true").spec(Problem.seeded(0))))
    assert rules - {labels(solution)["breaks"] for solution in WRONG} == set()


@pytest.mark.parametrize("config", ["positional_attention", "positional_attention_strict"])
async def test_a_known_mistake_is_diagnosed_by_name(config):
    task = make_task(config)
    spec = task.spec(Problem.seeded(4))
    known = hypotheses(spec).names
    for mistake in known_mistakes(spec):
        submitted = {key: matrix.tolist() for key, matrix in compute(spec, mistake.recipe).items()}
        diagnosis = (
            await task.measure(Attempt(submitted | {"causal_mask_applied": True}), spec, GradingContext(None))
        ).values["diagnosis"]
        if mistake.name in known:
            assert diagnosis["nearest"] == mistake.name
            assert diagnosis["category"] == mistake.category
            assert diagnosis["distance"] < EQUIVALENT


@pytest.mark.parametrize("variant", SEEDED_VARIANTS, ids=" ".join)
def test_seeded_numbers_tell_every_known_mistake_from_the_right_answer(variant):
    task = make_task("positional_attention_strict", *variant)
    assert min(separation(task.spec(Problem.seeded(seed))) for seed in range(20)) >= MARGIN
