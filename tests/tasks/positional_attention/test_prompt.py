"""Prompt, reference and answer form come from one spec: they cannot disagree, and every knob moves them together."""

import ast
import re

import numpy as np
import pytest
from evalkit_tasks.positional_attention.prompt import requirements
from jsonschema import Draft202012Validator

from evalkit import Attempt, GradingContext, Problem
from evalkit.task.optional_parts import definition

from .support import CONFIGS, PUBLISHED_VARIANTS, SEEDED_VARIANTS, graded, make_task, right_answer

STRICT_PUBLISHED = ("data=published",)
VARIANTS = [(*STRICT_PUBLISHED, *variant) for variant in PUBLISHED_VARIANTS] + list(SEEDED_VARIANTS)


def answer_from_the_text(prompt: str) -> dict:
    """Follows the prompt to the letter: executes its formulas on its numbers. Knows nothing else of the task."""
    names = {"concatenate": np.concatenate, "sqrt": np.sqrt, "sin": np.sin, "cos": np.cos}
    for name, matrix in re.findall(r"^(\w+) = (\[\[.*\]\])$", prompt, re.M):
        names[name] = np.array(ast.literal_eval(matrix))
    if wave := re.search(r"is `(.+?)` in even columns and `(.+?)` in odd columns, with d = (\d+)", prompt):
        p, c = np.indices(names["Q"].shape)
        there = {**names, "p": p, "c": c, "d": int(wave[3])}
        names["pos_emb"] = np.where(c % 2 == 0, eval(wave[1], there), eval(wave[2], there))
    for statement in re.findall(r"`([QKV]_\w+ = [^`]+)`", prompt):
        exec(statement, names)
    i, j = np.indices((len(names["Q"]),) * 2)
    removed = eval(re.search(r"`A\[i, j\] = -inf` where `([^`]+)`", prompt)[1], {"i": i, "j": j})
    answer = {}
    for h in re.findall(r"Head (\d+):", prompt):
        q, k = names[f"Q_{h}"], names[f"K_{h}"]
        scores = np.where(removed, -np.inf, q @ k.T / np.sqrt(q.shape[1]))
        weights = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        names[f"W_{h}"], names[f"O_{h}"] = weights, weights @ names[f"V_{h}"]
    exec(re.search(r"`(final_output = [^`]+)`", prompt)[1], names)
    names["mean"] = names["final_output"].mean(axis=1, keepdims=True)
    names["variance"] = names["final_output"].var(axis=1, keepdims=True)
    if norm := re.search(r"`(layer_normalized_output = [^`]+)`", prompt):
        exec(norm[1], names)
    for key, rows, columns, meaning in re.findall(r"^- `(\w+)`: (\d+)x(\d+), (\w+)", prompt, re.M):
        value = names[key] if key in names else names[meaning]
        assert value.shape == (int(rows), int(columns))
        answer[key] = value.tolist()
    return answer | {"causal_mask_applied": True}


@pytest.mark.parametrize("variant", VARIANTS, ids=" ".join)
async def test_an_answer_computed_from_the_text_of_the_prompt_passes(variant):
    task = make_task("positional_attention_strict", *variant)
    grade = await graded(task, answer_from_the_text(task.spec(Problem.seeded(5)).prompt), seed=5)
    assert grade.passed, grade.message


@pytest.mark.parametrize("turned", PUBLISHED_VARIANTS[1:], ids=" ".join)
async def test_turning_a_knob_turns_prompt_and_grader_together(turned):
    before = make_task("positional_attention_strict", "data=published")
    after = make_task("positional_attention_strict", "data=published", *turned)
    assert before.spec(Problem.seeded(0)).prompt != after.spec(Problem.seeded(0)).prompt
    assert not (await graded(after, answer_from_the_text(before.spec(Problem.seeded(0)).prompt))).passed
    assert not (await graded(before, answer_from_the_text(after.spec(Problem.seeded(0)).prompt))).passed


@pytest.mark.parametrize(
    ("values_from", "mask", "said"),
    [
        (
            "queries",
            "past",
            ["columns of `Q_pos`, not of `V_pos`", "removes the past", "LATER positions only (j >= i)"],
        ),
        ("values", "future", ["columns of `V_pos`", "removes the future", "earlier positions only (j <= i)"]),
    ],
)
async def test_the_stated_mask_and_values_are_the_graded_ones(values_from, mask, said):
    task = make_task("positional_attention", f"values_from={values_from}", f"mask={mask}", "success=full")
    assert [words for words in said if words not in task.spec(Problem.seeded(0)).prompt] == []
    other = {"queries": "values", "values": "queries"}[values_from]
    for wrong in (f"values_from={other}", "mask=" + {"past": "future", "future": "past"}[mask]):
        knobs = {"values_from": values_from, "mask": mask} | dict([wrong.split("=")])
        mistaken = make_task("positional_attention", *(f"{knob}={value}" for knob, value in knobs.items()))
        assert not (await graded(task, right_answer(mistaken.spec(Problem.seeded(0))))).passed


@pytest.mark.parametrize("variant", VARIANTS, ids=" ".join)
def test_the_right_answer_has_the_form_that_the_model_is_shown(variant):
    spec = make_task("positional_attention_strict", *variant).spec(Problem.seeded(1))
    Draft202012Validator.check_schema(spec.answer_schema)
    validator = Draft202012Validator(spec.answer_schema)
    assert validator.is_valid(right_answer(spec))
    keys = re.findall(r"^- `(\w+)`:", spec.prompt, re.M)
    assert keys == spec.answer_schema["required"] == list(right_answer(spec))
    for key in keys:
        assert not validator.is_valid({name: value for name, value in right_answer(spec).items() if name != key})


@pytest.mark.parametrize("variant", VARIANTS, ids=" ".join)
def test_every_enforced_rule_is_in_the_prompt(variant):
    spec = make_task("positional_attention_strict", *variant).spec(Problem.seeded(1))
    assert {rule: words for rule, words in requirements(spec).items() if words not in spec.prompt} == {}


@pytest.mark.parametrize(
    "judged",
    [
        "tolerances.position_encoding=0.3",
        "tolerances.attention_weights=0.3",
        "tolerances.output=0.3",
        "tolerances.masked_weight=0.3",
        "success=full",
        "require_mask_evidence=true",
        "require_all_head_outputs=true",
    ],
)
async def test_knobs_of_the_judge_change_nothing_that_the_model_sees_or_that_is_measured(judged):
    plain, turned = make_task(), make_task("positional_attention", judged)
    assert judged.split("=")[0].split(".")[0] in plain.graded_by
    assert turned.spec(Problem.seeded(0)) == plain.spec(Problem.seeded(0))
    assert turned.spec(Problem.seeded(0)).prompt == plain.spec(Problem.seeded(0)).prompt
    assert [definition(tool) for tool in turned.spec(Problem.seeded(0)).tools] == [
        definition(tool) for tool in plain.spec(Problem.seeded(0)).tools
    ]
    answer, spec = right_answer(plain.spec(Problem.seeded(0))), plain.spec(Problem.seeded(0))
    assert await turned.measure(Attempt(answer), spec, GradingContext(None)) == await plain.measure(
        Attempt(answer), spec, GradingContext(None)
    )


def test_the_stated_accuracy_is_part_of_the_prompt():
    prompt = make_task("positional_attention", "stated_accuracy=1e-05").spec(Problem.seeded(0)).prompt
    assert "less than 1e-05 away" in prompt
    assert "at least 6 decimals" in prompt


@pytest.mark.parametrize("config", CONFIGS)
def test_no_result_of_the_task_is_given_away(config):
    spec = make_task(config).spec(Problem.seeded(2))
    shown = spec.prompt + "".join(str(definition(tool)) for tool in spec.tools)
    hidden = {f"{x:.4f}" for key, matrix in spec.exact.items() if "encoded" not in key for x in matrix.ravel() if x % 1}
    assert {number for number in hidden if number.rstrip("0") in shown and len(number.rstrip("0")) > 5} == set()


def test_published_numbers_are_the_same_for_every_run_and_seeded_ones_are_not():
    published, seeded = make_task(), make_task("positional_attention", "data=seeded")
    assert published.spec(Problem.seeded(1)) == published.spec(Problem.seeded(2))
    assert seeded.spec(Problem.seeded(1)) == make_task("positional_attention", "data=seeded").spec(Problem.seeded(1))
    prompts = {seeded.spec(Problem.seeded(seed)).prompt for seed in range(20)}
    assert len(prompts) == 20
