"""Prompt, reference and hidden inputs follow the same knobs, and the prompt states every rule that is enforced."""

import numpy as np
import pytest
from evalkit_tasks.paged_attention import reference, rules

from evalkit import Problem
from evalkit.task.optional_parts import definition

from .shipped import VARIANTS, make


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({"block_size": 8}, "block_size is 8"),
        ({"num_heads": 4}, "num_heads is 4"),
        ({"head_dim": 64}, "head_dim is 64"),
        ({"dtype": "bfloat16"}, "bfloat16"),
        ({"num_kv_heads": 2}, "num_kv_heads is 2"),
        ({"sliding_window": 24}, "max(0, context_len−24) … context_len−1"),
        ({"logit_softcap": 30.0}, "30 · tanh((q·Kᵀ / sqrt(head_dim)) / 30)"),
        ({"stated_accuracy": 0.001}, "within 0.001 of the exact result"),
        ({"time_limit_s": 2.5}, "less than 2.5 seconds"),
        ({"max_source_chars": 5000}, "at most 5,000 characters"),
    ],
)
def test_turning_a_knob_changes_what_the_prompt_says(knobs, said):
    assert said in make(**knobs).spec(Problem.seeded(0)).prompt
    assert said not in make().spec(Problem.seeded(0)).prompt


def test_the_requirement_to_be_vectorized_is_stated_exactly_where_it_is_enforced():
    assert "fully vectorized" in make().spec(Problem.seeded(0)).prompt
    assert "vectorized" not in make(vectorized=False).spec(Problem.seeded(0)).prompt


@pytest.mark.parametrize(
    "knobs",
    [{"num_kv_heads": 2}, {"sliding_window": 12}, {"logit_softcap": 5.0}, {"dtype": "bfloat16"}, {"head_dim": 16},
     {"block_size": 8}],
    ids=str,
)  # fmt: skip
def test_prompt_reference_and_hidden_inputs_change_together(knobs):
    plain, turned = make(), make(**knobs)
    assert plain.spec(Problem.seeded(0)).prompt != turned.spec(Problem.seeded(0)).prompt
    assert plain.spec(Problem.seeded(0)).cases()[0] != turned.spec(Problem.seeded(0)).cases()[0]
    case = turned.spec(Problem.seeded(0)).cases()[0]
    answers = []
    for task in (plain, turned):
        try:
            answers.append(reference.attend(task.config, case))
        except IndexError:  # the other block size finds no such block
            answers.append(np.zeros(()))
    if set(knobs) & {"sliding_window", "logit_softcap", "head_dim", "block_size"}:
        assert np.abs(answers[0] - answers[1]).max() > 0.1


@pytest.mark.parametrize("variant", VARIANTS)
def test_tolerances_are_no_part_of_the_question(variant):
    specs = [make(variant, tolerances={"output": tolerance}).spec(Problem.seeded(0)) for tolerance in (0.06, 0.0123)]
    assert specs[0].prompt == specs[1].prompt
    assert [definition(tool) for tool in specs[0].tools] == [definition(tool) for tool in specs[1].tools]
    assert specs[0].cases() == specs[1].cases()
    assert "0.0123" not in specs[1].prompt


def test_the_hidden_seed_and_the_runs_seed_are_no_part_of_the_question():
    assert make().spec(Problem.seeded(0)).prompt == make(hidden={"seed": 9}).spec(Problem.seeded(12345)).prompt


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_prompt_states_every_rule(variant):
    prompt = make(variant).spec(Problem.seeded(0)).prompt
    assert rules.WORDS in prompt
    assert "$" not in prompt
    assert max(map(len, prompt.splitlines())) <= 140
    for words in (
        f"def {rules.FUNCTION}(query, key_cache, value_cache, block_table, context_lens)",
        "softmax(scores) · V",
        "sqrt(head_dim)",
        "`block_table[b, i // block_size]`",
        "`i % block_size`",
        "never depends on",
        "same dtype and device",
        "[batch, num_heads, head_dim]",
        "finite",
        "not modified",
        "seconds on one CPU core",
        "characters",
        "No classes",
        "no assignment to attributes",
        "starts with `_`",
        "`exec`",
        "`getattr`",
        "methods of built-in types are called",
        *(f"`{module}`" for module in rules.MODULES),
    ):
        assert words in prompt, words


def test_the_tools_are_the_two_that_every_task_can_use():
    first, last = make().spec(Problem.seeded(0)).tools
    assert (first.name, last.name) == ("python_expression", "submit_answer")
    assert first.preload == ("torch",)
    assert definition(last)["input_schema"]["properties"]["answer"]["type"] == "string"
