"""Budgets: what the next call may ask for, and what a rollout would have been under smaller limits."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.grading.procedure import without_submission
from evalkit.rollout.limits import MORE_FOLLOWS, UNCOUNTED, UNCUT, UNFIT, Limits, clip, cut_ending, join, next_call
from evalkit.rollout.record import Ending, Submission, Turn
from tests import worlds
from tests.builders import call, message, rollout, text, turn


def test_a_call_asks_for_at_most_what_is_left():
    assert next_call(Limits(max_tokens=2900), 2000, 3, ceiling=8000) == 900
    assert next_call(Limits(max_tokens=2900, max_tokens_per_turn=500), 2000, 3, ceiling=8000) == 500
    assert next_call(Limits(), 10**9, 10**6, ceiling=8000) == 8000


def test_a_call_that_could_only_be_thrown_away_is_not_bought():
    assert next_call(Limits(max_tokens=2900), 2900, 3, ceiling=8000) is Ending.TOKEN_LIMIT
    assert next_call(Limits(max_steps=3), 100, 3, ceiling=8000) is Ending.STEP_LIMIT
    # a thinking budget of 1,024 needs max_tokens above it, so 1,000 left buy nothing
    assert next_call(Limits(max_tokens=2900), 1900, 1, ceiling=8000, floor=1025) is Ending.TOKEN_LIMIT


@pytest.mark.parametrize(
    ("limits", "ending", "steps", "tokens"),
    [
        (Limits(), Ending.SUBMITTED, 3, 350),
        (Limits(max_tokens=350), Ending.SUBMITTED, 3, 350),  # a submission that ends exactly at the limit counts
        (Limits(max_tokens=349), Ending.TOKEN_LIMIT, 3, 349),  # one token less cuts it
        (Limits(max_tokens=300), Ending.TOKEN_LIMIT, 2, 300),  # nothing left: the third call is not bought
        (Limits(max_tokens=301), Ending.TOKEN_LIMIT, 3, 301),
        (Limits(max_tokens=150), Ending.TOKEN_LIMIT, 2, 150),
        (Limits(max_tokens=1), Ending.TOKEN_LIMIT, 1, 1),
        (Limits(max_steps=2), Ending.STEP_LIMIT, 2, 300),
        (Limits(max_steps=3), Ending.SUBMITTED, 3, 350),
        (Limits(max_steps=2, max_tokens=300), Ending.TOKEN_LIMIT, 2, 300),  # both at once: the token limit names it
        (Limits(max_steps=2, max_tokens=299), Ending.TOKEN_LIMIT, 2, 299),
        (Limits(max_tokens_per_turn=199), Ending.TOKEN_LIMIT, 2, 299),
        (Limits(max_tokens_per_turn=200), Ending.SUBMITTED, 3, 350),
    ],
)
def test_clipping_gives_what_would_have_happened(limits, ending, steps, tokens):
    whole = rollout(turn(100), turn(200), turn(50, answer=1))
    clipped = clip(whole, limits)
    assert (clipped.ending, clipped.steps, clipped.output_tokens) == (ending, steps, tokens)
    assert (clipped.submission is not None) == (ending is Ending.SUBMITTED)


@pytest.mark.parametrize(
    ("written", "asked", "ending"),
    [
        (115, 2900, Ending.CONTEXT_LIMIT),
        (2900, 2900, Ending.TOKEN_LIMIT),
        (2600, 2900, Ending.TOKEN_LIMIT),  # counted by another tokenizer
        (0, 2900, Ending.TOKEN_LIMIT),  # not counted at all
    ],
)
def test_a_full_context_is_told_from_a_used_up_budget(written, asked, ending):
    assert cut_ending(Turn(asked, message(text("x" * 400), stop="max_tokens", tokens=written)), asked) is ending


def test_a_cut_answer_with_a_refused_submission_ended_there_whatever_else_binds():
    """Its reply was never sent, so no later call was forbidden by the number of steps."""
    refused = Turn(100, message(text("x"), stop="max_tokens", tokens=100), reply=turn(1).reply)
    assert clip(rollout(refused, ending=Ending.TOKEN_LIMIT), Limits(max_steps=1)).ending is Ending.TOKEN_LIMIT
    assert not rollout(refused, ending=Ending.TIME_LIMIT).asks_for_more


def test_a_count_that_leaves_the_thinking_out_is_no_full_context():
    thinking = {"type": "thinking", "thinking": "x" * 12_000, "signature": ""}
    assert (
        cut_ending(Turn(2900, message(thinking, text("So"), tokens=2, stop="max_tokens")), 2900) is Ending.TOKEN_LIMIT
    )


@given(st.integers(1, 20), st.integers(1, 100), st.integers(-5, 120), st.integers(0, 2000))
def test_clipping_a_full_context_is_what_sampling_afresh_gives(first, room, small, large):
    """The context has room for `room` tokens after the first turn; the server cuts where room or budget ends."""

    def sampled(budget):
        if first > budget:
            return clip(rollout(turn(first)), Limits(max_tokens=budget))
        if first == budget:
            return rollout(turn(first), ending=Ending.TOKEN_LIMIT)
        asked = budget - first
        last = Turn(asked, message(text("abc"), stop="max_tokens", tokens=min(room, asked)))
        return rollout(turn(first), last, ending=cut_ending(last, asked))

    small = max(1, first + small)
    clipped, fresh = clip(sampled(small + large), Limits(max_tokens=small)), sampled(small)
    facts = [(r.ending, r.output_tokens, r.steps, without_submission(r, small, None)) for r in (clipped, fresh)]
    assert facts[0] == facts[1]


@pytest.mark.parametrize(
    ("limits", "ending"),
    [
        (Limits(), Ending.SUBMITTED),
        (Limits(max_steps=1), Ending.STEP_LIMIT),
        (Limits(max_tokens=10_000), Ending.ERROR),
        (Limits(max_tokens=9_999), Ending.UNKNOWN),
        (Limits(max_tokens_per_turn=500), Ending.UNKNOWN),
    ],
)
def test_what_was_not_counted_is_not_cut(limits, ending):
    uncounted = Turn(10_000, message(call("look", {}), usage={}), reply=turn(1).reply)
    clipped = clip(rollout(uncounted, turn(5, answer=1)), limits)
    assert clipped.ending is ending
    assert clipped.detail == {Ending.ERROR: UNCOUNTED, Ending.UNKNOWN: UNCUT}.get(ending, "")


def test_after_an_answer_that_was_not_counted_no_limit_of_tokens_can_allow_a_call():
    uncounted = Turn(10_000, message(call("look", {}), usage={}), reply=turn(1).reply)
    stopped = rollout(uncounted, ending=Ending.STEP_LIMIT)
    assert clip(stopped, Limits(max_steps=1)).ending is Ending.STEP_LIMIT
    assert clip(stopped, Limits(max_steps=1, max_tokens=10**6)).ending is Ending.ERROR


@pytest.mark.parametrize(
    ("budget", "ending"),
    [
        (4100, Ending.CONTEXT_LIMIT),  # 4,000 are left, and these did not fit
        (4099, Ending.UNKNOWN),
        (101, Ending.UNKNOWN),
        (100, Ending.TOKEN_LIMIT),  # the call is not made
    ],
)
def test_below_what_did_not_fit_the_context_nobody_knows_what_would_have(budget, ending):
    refused = replace(rollout(turn(100), ending=Ending.CONTEXT_LIMIT), unfit=4000)
    clipped = clip(refused, Limits(max_tokens=budget))
    assert (clipped.ending, clipped.detail == UNFIT) == (ending, ending is Ending.UNKNOWN)


def test_a_record_that_does_not_say_what_did_not_fit_is_known_under_no_smaller_limit():
    refused = rollout(turn(100), ending=Ending.CONTEXT_LIMIT)
    assert clip(refused, Limits(max_tokens=10**9)).ending is Ending.UNKNOWN
    assert clip(refused, Limits(max_steps=5)).ending is Ending.CONTEXT_LIMIT


@pytest.mark.parametrize("kind", ["text", "thinking", "look"])
@pytest.mark.parametrize(
    ("budget", "ending"),
    [(600, Ending.SUBMITTED), (599, Ending.UNKNOWN), (101, Ending.UNKNOWN), (100, Ending.TOKEN_LIMIT)],
)
def test_whatever_follows_a_submission_leaves_open_whether_a_smaller_budget_cuts_before_it(kind, budget, ending):
    more = {"text": text("so"), "thinking": {"type": "thinking", "thinking": "hm"}, "look": call("look", {})}[kind]
    submit = call("submit_answer", {"answer": 1})
    last = Turn(4000, message(submit, more, tokens=500), submission=Submission(1))
    clipped = clip(rollout(turn(100), last), Limits(max_tokens=budget))
    assert (clipped.ending, clipped.detail == MORE_FOLLOWS) == (ending, ending is Ending.UNKNOWN)


def test_a_refused_submission_before_other_words_is_a_failure_however_it_is_cut():
    wrong = call("submit_answer", {"answer": "?"})
    refused = Turn(4000, message(wrong, text("so"), tokens=500), reply=turn(1).reply, tool_errors=1)
    assert clip(rollout(refused, turn(5, answer=1)), Limits(max_tokens=400)).ending is Ending.TOKEN_LIMIT


def test_a_cut_turn_did_nothing():
    clipped = clip(rollout(turn(100), turn(200), turn(50, answer=1)), Limits(max_tokens=349))
    assert clipped.turns[-1].submission is None
    assert clipped.turns[-1].charged["output_tokens"] == 49


def test_an_error_beyond_the_smaller_limits_did_not_happen():
    broken = rollout(turn(100), turn(200), ending=Ending.ERROR, detail="overloaded")
    assert clip(broken, Limits(max_tokens=250)).ending is Ending.TOKEN_LIMIT
    assert clip(broken, Limits(max_tokens=301)).ending is Ending.ERROR


def test_giving_up_at_the_last_step_stays_giving_up():
    gave_up = rollout(turn(100), turn(50, reply=None), ending=Ending.GAVE_UP)
    assert clip(gave_up, Limits(max_steps=2)).ending is Ending.GAVE_UP
    assert clip(gave_up, Limits(max_tokens=150)).ending is Ending.GAVE_UP
    assert clip(gave_up, Limits(max_steps=1)).ending is Ending.STEP_LIMIT


budget = st.one_of(st.none(), st.integers(1, 900))
some_limits = st.builds(
    Limits, max_tokens=budget, max_tokens_per_turn=budget, max_steps=st.one_of(st.none(), st.integers(1, 6))
)
some_rollout = st.lists(st.integers(1, 300), min_size=1, max_size=5).map(
    lambda sizes: rollout(*(turn(n) for n in sizes[:-1]), turn(sizes[-1], answer=1))
)


@given(some_rollout, some_limits, some_limits)
def test_clipping_twice_is_clipping_once(whole, first, second):
    both = replace(
        first,
        **{
            name: min((n for n in (getattr(first, name), getattr(second, name)) if n is not None), default=None)
            for name in ("max_tokens", "max_tokens_per_turn", "max_steps")
        },
    )
    # Only where the first clip keeps what the second needs: `both` is dominated by `first`.
    assert first.dominates(both)
    again, once = clip(clip(whole, first), both), clip(whole, both)
    assert (again.ending, again.output_tokens, again.submission) == (once.ending, once.output_tokens, once.submission)


def test_of_two_limits_that_end_a_rollout_together_the_same_one_is_named_as_when_sampled_afresh():
    stopped = rollout(turn(100), ending=Ending.STEP_LIMIT)
    assert clip(stopped, Limits(max_steps=1, max_tokens=100)).ending is Ending.TOKEN_LIMIT
    assert clip(stopped, Limits(max_steps=1, max_tokens=101)).ending is Ending.STEP_LIMIT


@given(some_limits, some_limits)
def test_joined_limits_dominate_each(one, other):
    joined = join([one, other])
    assert joined.dominates(one)
    assert joined.dominates(other)


@pytest.mark.parametrize("name", ["max_tokens", "max_tokens_per_turn", "max_steps"])
def test_a_budget_dominates_smaller_ones_and_none_dominates_all(name):
    few, many, none = Limits(**{name: 5}), Limits(**{name: 6}), Limits()
    assert [one.dominates(few) for one in (few, many, none)] == [True, True, True]
    assert [one.dominates(many) for one in (few, many, none)] == [False, True, True]
    assert [one.dominates(none) for one in (few, many, none)] == [False, False, True]


def test_wall_clocks_are_never_clipped():
    for one, other in itertools.permutations([Limits(timeout_s=60), Limits(timeout_s=600), Limits()], 2):
        assert not one.dominates(other)
    assert not Limits(tool_timeout_s=30).dominates(Limits(tool_timeout_s=10))


@pytest.mark.parametrize("ending", [Ending.ERROR, Ending.CONTEXT_LIMIT, Ending.TIME_LIMIT])
def test_a_call_that_the_smaller_limits_would_not_have_bought_cannot_have_failed(ending):
    broken = replace(rollout(turn(100), turn(200), ending=ending, detail="overloaded"), unfit=1)
    assert clip(broken, Limits(max_tokens=301)).ending is ending
    assert clip(broken, Limits(max_tokens=300)).ending is Ending.TOKEN_LIMIT
    assert clip(broken, Limits(max_steps=3)).ending is ending
    assert clip(broken, Limits(max_steps=2)).ending is Ending.STEP_LIMIT
    assert clip(broken, Limits(max_steps=2)).detail == ""


def test_a_response_that_ended_the_conversation_stays_what_it_was():
    whole = rollout(turn(100), turn(200, reply=None, stop="model_context_window_exceeded"), ending=Ending.CONTEXT_LIMIT)
    assert clip(whole, Limits(max_tokens=300, max_steps=2)) == whole


def facts(one):
    return one.ending, one.output_tokens, one.steps, one.submission, one.tool_errors, one.detail


@settings(max_examples=600, deadline=None)
@given(worlds.worlds, worlds.limits, worlds.limits)
def test_what_a_fresh_launch_finds_under_smaller_limits_is_never_against_what_clipping_says(world, one, other):
    large, small = join([one, other]), one
    whole, fresh = world.sampled(large), clip(world.sampled(small), small)
    assert fresh.ending is not Ending.UNKNOWN  # under its own limits everything is known
    clipped = clip(whole, small)
    if clipped.ending is Ending.UNKNOWN:
        assert clipped.detail in (MORE_FOLLOWS, UNCUT, UNFIT)
    elif world.counts == "all":
        assert facts(clipped) == facts(fresh)
    else:  # of what is not counted, how much was spent differs; what came of it does not
        assert clipped.submission == fresh.submission
        assert (clipped.ending is Ending.ERROR) == (fresh.ending is Ending.ERROR)


@settings(max_examples=300, deadline=None)
@given(worlds.worlds, worlds.limits, worlds.limits, worlds.limits)
def test_clipping_step_by_step_tells_as_much_as_clipping_at_once(world, one, other, third):
    whole = world.sampled(join([one, other, third]))
    assert facts(clip(clip(whole, join([one, other])), one)) == facts(clip(whole, one))
