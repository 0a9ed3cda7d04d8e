"""Warnings: a tool that never works is told from a model that errs; no shipped task triggers one without a reason."""

import json
from dataclasses import replace

import pytest

from evalkit.results.summary import summarize
from evalkit.results.warnings import MANY_CALLS
from evalkit.rollout.record import Ending, Turn
from evalkit.sampling.problem_set import TRIES
from evalkit.stats import Band
from evalkit.task.tools import called_wrongly
from tests.builders import call, message, rollout
from tests.launching import launch
from tests.runs import failed, passed, stopped

TOOLS = tuple({"name": name, "description": "", "input_schema": {}} for name in ("look", "python_expression"))
BROKEN = "the archive is not there"
OWN = json.dumps({"result": None, "error": 'Traceback …\n  File "<program>", line 1\nNameError: name x is not defined'})


def warnings(runs):
    return summarize(runs, band=Band(0.1, 0.4), confidence=0.95, categories={}).warnings


def answered(error, *, name="look", id="toolu_1"):
    """A turn with one call; `error` None: it worked."""
    result = {"type": "tool_result", "tool_use_id": id, "content": error or "fine"}
    result |= {"is_error": True} if error else {}
    response = message(call(name, {}, id))
    return Turn(10_000, response, reply=(result,), tool_errors=int(error is not None))


def using(number, *turns, ending=Ending.TOKEN_LIMIT):
    """A failed run whose model made these calls."""
    done = replace(rollout(*turns, ending=ending, run=number), tools=TOOLS)
    return replace(stopped(number), rollout=done)


def test_a_tool_that_never_works_is_named_with_a_run_to_look_at():
    runs = [using(number, answered(BROKEN), answered(BROKEN)) for number in (2, 3, 4)]
    (said,) = warnings([passed(1), *runs])
    assert said == (
        "none of 6 calls of look worked, in 3 runs such as run 2 (wrong arguments and exceptions in the model's own "
        "programs left out): try the tool before you believe the rate"
    )


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("look", called_wrongly("look") + "input: 'x' is a required property"),
        ("no_such_tool", "There is no tool 'no_such_tool'. Available: look."),
        ("python_expression", OWN),
    ],
)
def test_mistakes_of_the_model_are_no_fault_of_a_tool(name, error):
    assert not warnings([using(number, *[answered(error, name=name)] * 5) for number in range(1, 6)])


def test_a_warning_names_a_run_of_a_set_by_problem_and_try():
    runs = [using(index * TRIES + 2, *[answered(BROKEN)] * 3) for index in range(1, 4)]
    (said,) = warnings([replace(run, problem=f"p{run.number // TRIES}", attempt=2) for run in runs])
    assert "in 3 runs such as p1 try 2 (" in said and "1000002" not in said


def test_the_same_error_from_the_tool_itself_is_one():
    timed_out = json.dumps({"result": None, "error": "timed out after 0.01 s"})
    (said,) = warnings([using(n, *[answered(timed_out, name="python_expression")] * 3) for n in range(1, 4)])
    assert said.startswith("none of 9 calls of python_expression worked")


def test_a_tool_that_worked_once_anywhere_works():
    broken = [using(number, answered(BROKEN), answered(BROKEN)) for number in range(1, 5)]
    assert warnings(broken)
    assert not warnings([*broken, using(5, answered(None))])
    error = replace(using(5, answered(None)), grade=None, error="overloaded")  # also in a run that was lost later
    assert not warnings([*broken, error])


@pytest.mark.parametrize(("calls", "runs", "said"), [(MANY_CALLS - 1, 1, False), (MANY_CALLS, 1, True), (1, 5, True)])
def test_a_few_calls_prove_nothing(calls, runs, said):
    found = warnings([using(number, *[answered(BROKEN)] * calls) for number in range(1, runs + 1)])
    assert bool(found) is said
    if runs == 1:  # one run of several may have met an accident
        assert not warnings([using(1, *[answered(BROKEN)] * calls), failed(2)])


def test_a_response_that_the_budget_cut_says_nothing():
    cut = replace(answered(BROKEN), cut_tokens=10)
    assert not warnings([using(number, cut, cut, cut) for number in range(1, 5)])


def test_other_calls_beside_a_submission_count_as_working_unless_all_were_refused():
    both = message(call("look", {}, "a"), call("submit_answer", {"answer": 1}, "b"))
    turn = replace(passed(1).rollout.turns[0], response=both)
    broken = [using(number, answered(BROKEN), answered(BROKEN)) for number in range(2, 5)]
    assert not warnings([using(1, turn, ending=Ending.SUBMITTED), *broken])
    assert warnings([using(1, replace(turn, tool_errors=1), ending=Ending.SUBMITTED), *broken])


@pytest.mark.parametrize("task", ["positional_attention", "arithmetic"])
async def test_shipped_tasks_whose_simulated_agents_err_get_no_warning(task, tmp_path):
    words = (f"task={task}", "model=simulated", "runs.count=20", "runs.concurrency=5")
    result = await launch(tmp_path / "out", *words, store=tmp_path / "store")
    assert result.summary.failed
    assert task == "arithmetic" or result.summary.tool_errors
    assert result.summary.warnings == ()


def test_one_reason_for_nearly_all_failures_is_a_warning():
    runs = [failed(n) for n in range(1, 10)] + [failed(10, "format_error")]
    (said,) = warnings(runs)
    assert said.startswith("9 of 10 failed runs have one reason, Wrong values: the failures say little")
    assert not warnings(runs[:9])  # too few to tell
    assert not warnings([failed(n, ("wrong_values", "format_error")[n % 2]) for n in range(1, 21)])


def test_a_leak_is_a_warning():
    run = passed(1)
    found = warnings([replace(run, rollout=replace(run.rollout, leaked=True)), passed(2)])
    assert found == ("the grader's secrets leaked into 1 conversation: the grades prove nothing",)
