"""The bounds of work: what is a branch and what a loop, and what one call may do at most."""

import pytest
from evalkit_tasks.paged_attention.spec import VECTORIZED
from evalkit_tasks.paged_attention.work import (
    BRANCH_OPERATIONS,
    BRANCH_STEPS,
    MOST_OPERATIONS,
    MOST_STEPS,
    Work,
)


@pytest.mark.parametrize(
    ("steps", "operations", "allowed"),
    [(MOST_STEPS, MOST_OPERATIONS, True), (MOST_STEPS + 1, 1, False), (1, MOST_OPERATIONS + 1, False), (0, 0, True)],
)
def test_one_call_may_do_so_much_and_no_more(steps, operations, allowed):
    assert (Work(steps, operations).fault() == "") is allowed


def test_work_that_was_not_counted_to_the_end_is_a_fault_however_little_it_is():
    assert "ended before" in Work(3, 3, lost=True).fault()


@pytest.mark.parametrize(
    ("steps", "operations", "loop"),
    [
        (0, 0, False),
        (BRANCH_STEPS, BRANCH_OPERATIONS, False),
        (BRANCH_STEPS + 1, 0, True),
        (0, BRANCH_OPERATIONS + 1, True),
        (-100, -100, False),
        (-100, BRANCH_OPERATIONS + 1, True),
    ],
)
def test_work_grows_when_larger_inputs_cost_more_than_a_branch(steps, operations, loop):
    assert Work(120, 120).grows_to(Work(120 + steps, 120 + operations)) is loop


def test_the_prompt_states_both_bounds():
    assert f"at most {MOST_OPERATIONS} tensor operations" in VECTORIZED
    assert f"{MOST_STEPS} lines\n  and calls of your code" in VECTORIZED
