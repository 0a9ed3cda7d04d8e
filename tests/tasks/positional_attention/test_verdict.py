"""The verdict table: messages to the letter, tolerances just inside and just outside, and monotone in each of them."""

import json
import math
from dataclasses import replace

import pytest
from evalkit_tasks.positional_attention import Task
from evalkit_tasks.positional_attention.knobs import Tolerances
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit import Problem
from evalkit.task.grade import Measurement

from .support import graded, make_config, make_task, measured, right_answer, shifted

JUST = 1e-9


@pytest.fixture
def answer():
    return right_answer(make_task().spec(Problem.seeded(0)))


async def test_everything_right_is_complete(answer):
    grade = await graded(make_task(), answer)
    assert grade.passed
    assert grade.message == (
        "SUCCESS: Complete multi-head attention. Errors: pos=0.000, w1=0.000, w2=0.000, final=0.000"
    )


async def test_one_head_right_is_partial_success(answer):
    grade = await graded(make_task(), shifted(answer, head2_attention_weights=0.4))
    assert grade.passed
    assert grade.message == "SUCCESS: Core concepts correct, one head working. Errors: pos=0.000, better_head=0.000"


async def test_partial_success_fails_where_full_success_is_asked_for(answer):
    grade = await graded(
        make_task("positional_attention", "success=full"), shifted(answer, head2_attention_weights=0.4)
    )
    assert not grade.passed
    assert grade.message == "FAILURE: Incorrect head2_weights (err: 0.400)"


@pytest.mark.parametrize("damage", [{}, {"head1_attention_weights": 0.9, "head2_attention_weights": 0.9}])
async def test_a_right_encoding_with_the_flag_down_is_a_missing_mask(answer, damage):
    grade = await graded(make_task(), shifted(answer, **damage) | {"causal_mask_applied": False})
    assert not grade.passed
    assert grade.category == "missing_mask"
    assert grade.message == "PARTIAL: Good position encoding but missing causal mask. Pos_err: 0.000"


async def test_any_other_failure_names_what_is_incorrect(answer):
    wrong = shifted(answer, position_encoded_queries=0.31, head1_attention_weights=0.402)
    grade = await graded(make_task(), wrong | {"causal_mask_applied": False})
    assert grade.message == (
        "FAILURE: Incorrect position_encoding (err: 0.310), head1_weights (err: 0.402), causal_mask_missing"
    )


async def test_a_full_failure_names_outputs_too(answer):
    task = make_task("positional_attention", "success=full", "require_all_head_outputs=true")
    wrong = shifted(answer, head2_output=0.25, final_output=0.5)
    assert (await graded(task, wrong)).message == (
        "FAILURE: Incorrect head2_output (err: 0.250), final_output (err: 0.500)"
    )


async def test_errors_too_large_to_print_stay_short(answer):
    wrong = shifted(answer, head1_attention_weights=1e300, head2_attention_weights=1e300)
    assert (await graded(make_task(), wrong)).message == (
        "FAILURE: Incorrect head1_weights (err: 1.000e+300), head2_weights (err: 1.000e+300)"
    )


BOUNDS = [
    ("position_encoded_queries", 0.1, ()),
    ("head1_attention_weights", 0.15, ("success=full",)),
    ("head2_attention_weights", 0.15, ("success=full",)),
    ("head1_output", 0.2, ("success=full", "require_all_head_outputs=true")),
    ("head2_output", 0.2, ("success=full", "require_all_head_outputs=true")),
    ("final_output", 0.2, ("success=full",)),
    ("layer_normalized_output", 0.2, ("success=full", "layer_norm=true")),
]


@pytest.mark.parametrize(("key", "tolerance", "knobs"), BOUNDS, ids=[row[0] for row in BOUNDS])
@pytest.mark.parametrize("sign", [1, -1])
async def test_tolerances_hold_just_inside_and_not_just_outside(key, tolerance, knobs, sign):
    task = make_task("positional_attention", *knobs)
    right = right_answer(task.spec(Problem.seeded(0)))
    assert (await graded(task, shifted(right, **{key: sign * (tolerance - JUST)}))).passed
    assert not (await graded(task, shifted(right, **{key: sign * (tolerance + JUST)}))).passed


async def test_an_error_of_exactly_the_tolerance_fails(answer):
    task = make_task("positional_attention", "tolerances.position_encoding=0.25")
    exact = answer["position_encoded_queries"][0][2]
    answer["position_encoded_queries"][0][2] = exact + 0.25
    assert (await measured(task, answer)).values["errors"]["position_encoded_queries"] == 0.25
    assert not (await graded(task, answer)).passed


async def test_full_success_needs_one_head_output_or_all_as_asked(answer):
    wrong = shifted(answer, head1_output=0.9)
    assert (await graded(make_task("positional_attention", "success=full"), wrong)).passed
    every = make_task("positional_attention", "success=full", "require_all_head_outputs=true")
    assert not (await graded(every, wrong)).passed
    both = shifted(answer, head1_output=0.9, head2_output=0.9)
    assert not (await graded(make_task("positional_attention", "success=full"), both)).passed


async def test_the_flag_alone_is_no_evidence_of_a_mask(answer):
    for row, matrix in ((3, "head1_attention_weights"), (2, "head2_attention_weights")):
        answer[matrix][row][0] = 0.1  # a masked position, within the tolerance for weights
    lenient = await graded(make_task(), answer)
    check = next(check for check in lenient.checks if check.name == "mask_respected")
    assert lenient.passed
    assert (check.passed, check.required, check.value) == (False, False, 0.1)
    demanding = await graded(make_task("positional_attention", "require_mask_evidence=true"), answer)
    assert demanding.category == "missing_mask"
    assert demanding.message == "FAILURE: Incorrect mask_not_respected (err: 0.100)"


async def test_without_an_encoding_step_its_check_and_words_are_gone():
    task = make_task("positional_attention", "position_encoding=none")
    right = right_answer(task.spec(Problem.seeded(0)))
    assert "position_encoded_queries" not in right
    grade = await graded(task, right)
    assert grade.message == "SUCCESS: Complete multi-head attention. Errors: w1=0.000, w2=0.000, final=0.000"
    assert "position_encoding" not in {check.name for check in grade.checks}
    grade = await graded(task, right | {"causal_mask_applied": False})
    assert (grade.category, grade.message) == ("missing_mask", "PARTIAL: Missing causal mask.")


async def test_one_head_makes_partial_success_need_that_head():
    task = make_task("positional_attention", "heads=[{qk: 3, v: 3}]")
    wrong = shifted(right_answer(task.spec(Problem.seeded(0))), head1_attention_weights=0.2)
    assert (await graded(task, wrong)).message == "FAILURE: Incorrect head1_weights (err: 0.200)"


errors = st.floats(0, 1)
tolerances = st.floats(1e-6, 1.5)
TOLERANCES = ("position_encoding", "attention_weights", "output", "masked_weight")


@st.composite
def measurements(draw):
    keys = (
        "position_encoded_queries",
        *(f"head{h}_{part}" for h in (1, 2) for part in ("attention_weights", "output")),
    )
    found = {key: draw(errors) for key in (*keys, "final_output")}
    diagnosis = {"nearest": draw(st.sampled_from(["reference", "no_mask"])), "distance": 0.1, "category": "logic"}
    facts = {"errors": found, "flag": draw(st.booleans()), "masked_weight": draw(errors), "diagnosis": diagnosis}
    return Measurement(facts)


CONFIG = make_config()


@settings(deadline=None)
@given(
    measurement=measurements(),
    bounds=st.tuples(*[tolerances] * 4),
    loosened=st.sampled_from(TOLERANCES),
    factor=st.floats(1, 10),
    success=st.sampled_from(["any", "full"]),
    demands=st.tuples(st.booleans(), st.booleans()),
)
def test_a_looser_tolerance_never_fails_what_passed(measurement, bounds, loosened, factor, success, demands):
    tight = Tolerances(*bounds)
    loose = replace(tight, **{loosened: getattr(tight, loosened) * factor})
    mask, outputs = demands
    knobs = {"success": success, "require_mask_evidence": mask, "require_all_head_outputs": outputs}
    before, after = (Task(replace(CONFIG, tolerances=bound, **knobs)).grade(measurement) for bound in (tight, loose))
    assert after.passed or not before.passed
    for grade in (before, after):
        assert grade.passed == all(check.passed for check in grade.checks if check.required)
        assert grade.passed == grade.message.startswith("SUCCESS: ")
        assert grade.passed or grade.message.startswith(("FAILURE: Incorrect ", "PARTIAL: "))
        assert not grade.message.endswith("Incorrect ")


async def test_a_stricter_demand_never_passes_what_failed(answer):
    wrong = shifted(answer, head2_attention_weights=0.4, head1_output=0.3)
    verdicts = [
        (await graded(make_task("positional_attention", *knobs), wrong)).passed
        for knobs in ((), ("success=full",), ("success=full", "require_all_head_outputs=true"))
    ]
    assert verdicts == sorted(verdicts, reverse=True)


async def test_measurements_are_json_and_judged_again_alike(answer):
    task = make_task()
    for submitted in (answer, shifted(answer, final_output=1e308), shifted(answer, head1_output=math.pi)):
        measurement = await measured(task, submitted)
        kept = Measurement(json.loads(json.dumps(measurement.values, allow_nan=False)))
        assert task.grade(kept) == task.grade(measurement)
