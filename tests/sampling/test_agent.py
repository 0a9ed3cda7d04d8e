"""The conversation loop: every way a rollout can end, and everything a model can do in a turn."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from evalkit.grading.procedure import without_submission
from evalkit.model.protocol import ContextLimitError, Response
from evalkit.rollout.limits import Limits, clip
from evalkit.rollout.record import Ending
from evalkit.sampling.agent import Agent, DivergedError, begin, mismatch
from evalkit.task.tools import SubmitAnswer, ToolResult
from evalkit.util.errors import ProviderError, SandboxError, ToolError
from tests.builders import ScriptedModel, call, message, text

UNLIMITED = Limits()
SUBMIT = call("submit_answer", {"answer": 42}, "toolu_s")


@dataclass
class Look:
    """A tool that counts its calls; can be told to raise."""

    raises: BaseException | None = None
    returns: Any = field(default_factory=lambda: ToolResult("seen nothing"))
    waits: Any = None
    name: str = "look"
    description: str = "look"
    input_schema: Any = field(
        default_factory=lambda: {
            "type": "object",
            "properties": {"at": {"type": "integer"}},
            "additionalProperties": False,
        }
    )
    calls: int = 0

    async def __call__(self, input, context):
        self.calls += 1
        if self.waits:
            await self.waits()
        if self.raises is not None:
            raise self.raises
        return ToolResult(f"seen {input['at']}") if "at" in input else self.returns


@dataclass
class Asked:
    prompt: str = "What is it?"
    tools: Any = ()


class Recorded:
    def __init__(self):
        self.lines = []

    async def response(self, turn, seconds, waited):
        self.lines.append("response")

    async def reply(self, turn):
        self.lines.append("reply")


def agent(*script, limits=UNLIMITED, look=None, nudges=0, past=(), **model) -> Agent:
    spec = Asked(tools=(look or Look(), SubmitAnswer({"type": "integer"})))
    start = begin(1, spec)
    if past:
        start = start.__class__(**{**vars(start), "turns": tuple(past)})
    return Agent(
        start=start,
        tools=spec.tools,
        model=ScriptedModel(script, **model),
        limits=limits,
        session=None,
        recorder=Recorded(),
        nudges=nudges,
        nudge="Please submit.",
        canary="c4n4ry",
    )


async def test_a_submission_ends_the_rollout():
    rollout = await agent(message(call("look", {"at": 3})), message(SUBMIT)).roll_out()
    assert rollout.ending is Ending.SUBMITTED
    assert rollout.submission.answer == 42
    assert rollout.turns[0].reply == ({"type": "tool_result", "tool_use_id": "toolu_1", "content": "seen 3"},)


async def test_requests_are_clamped_to_what_is_left():
    playing = agent(
        message(call("look", {}), tokens=700),
        message(call("look", {}), tokens=250),
        message(text("…"), stop="max_tokens", tokens=50),
        limits=Limits(max_tokens=1000, max_tokens_per_turn=800),
    )
    rollout = await playing.roll_out()
    assert [request.max_tokens for request in playing.model.requests] == [800, 300, 50]
    assert rollout.ending is Ending.TOKEN_LIMIT
    assert rollout.output_tokens == 1000


async def test_no_call_is_bought_when_nothing_is_left():
    playing = agent(message(call("look", {}), tokens=1000), limits=Limits(max_tokens=1000))
    assert (await playing.roll_out()).ending is Ending.TOKEN_LIMIT
    assert len(playing.model.requests) == 1


async def test_steps_run_out():
    playing = agent(*[message(call("look", {}))] * 3, limits=Limits(max_steps=3))
    assert (await playing.roll_out()).ending is Ending.STEP_LIMIT


async def test_a_cut_response_ends_the_rollout_even_with_a_call_in_its_torso():
    rollout = await agent(message(text("hm"), SUBMIT, stop="max_tokens", tokens=8_000)).roll_out()
    assert rollout.ending is Ending.TOKEN_LIMIT
    assert rollout.submission is None


@pytest.mark.parametrize(
    ("tokens", "ending"),
    [(115, Ending.CONTEXT_LIMIT), (2_900, Ending.TOKEN_LIMIT), (2_890, Ending.TOKEN_LIMIT), (0, Ending.TOKEN_LIMIT)],
)
async def test_an_answer_that_is_cut_before_the_tokens_asked_for_filled_the_context(tokens, ending):
    rollout = await agent(
        message(text("hm"), stop="max_tokens", tokens=tokens), limits=Limits(max_tokens=2_900)
    ).roll_out()
    assert rollout.ending is ending
    assert clip(rollout, Limits(max_tokens=2_900)).ending is ending


async def test_a_refused_submission_in_a_cut_response_is_no_error_that_anybody_was_told():
    refused = message(call("submit_answer", {"answr": 1}), text("so"), stop="max_tokens", tokens=50)
    rollout = await agent(refused, limits=Limits(max_tokens=50)).roll_out()
    assert (rollout.ending, rollout.tool_errors) == (Ending.TOKEN_LIMIT, 0)


async def test_what_no_longer_fitted_the_context_is_on_record():
    asked = await agent(message(call("look", {}), tokens=10), ContextLimitError("full"), limits=Limits(500)).roll_out()
    assert (asked.ending, asked.unfit) == (Ending.CONTEXT_LIMIT, 490)
    prompt = await agent(message(call("look", {}), tokens=10), ContextLimitError("full", 0)).roll_out()
    assert prompt.unfit == 1


async def test_a_complete_submission_before_the_cut_counts():
    rollout = await agent(message(SUBMIT, text("and also"), stop="max_tokens")).roll_out()
    assert rollout.ending is Ending.SUBMITTED


async def test_a_context_that_fills_up_while_the_model_writes_is_no_token_limit():
    playing = agent(message(text("I look"), stop="max_tokens", tokens=115), limits=Limits(max_tokens=2900))
    rollout = await playing.roll_out()
    assert rollout.ending is Ending.CONTEXT_LIMIT
    assert without_submission(rollout, 2900, None).message == (
        "[LIMIT REACHED] The model's context was full after 115 tokens of a response"
    )


@pytest.mark.parametrize("usage", [None, {}, {"output_tokens": None}, {"input_tokens": 5, "output_tokens": 0}])
async def test_a_token_limit_that_cannot_hold_is_an_error(usage):
    uncounted = message(call("look", {}), usage=usage)
    rollout = await agent(uncounted, uncounted, limits=Limits(max_tokens=100)).roll_out()
    assert (rollout.ending, rollout.steps) == (Ending.ERROR, 1)
    assert "limits.max_tokens=null" in rollout.detail
    free = await agent(uncounted, uncounted, message(SUBMIT, usage=usage)).roll_out()
    assert (free.ending, free.output_tokens) == (Ending.SUBMITTED, 0)


async def test_a_submission_in_the_first_answer_needs_no_count():
    rollout = await agent(message(SUBMIT, usage={}), limits=Limits(max_tokens=100)).roll_out()
    assert rollout.ending is Ending.SUBMITTED


async def test_a_model_that_ends_its_turn_is_reminded_then_given_up():
    playing = agent(message(text("It is 42.")), message(text("42!")), nudges=1)
    rollout = await playing.roll_out()
    assert rollout.ending is Ending.GAVE_UP
    assert playing.model.requests[1].messages[-1]["content"] == [{"type": "text", "text": "Please submit."}]


async def test_a_reminder_can_help():
    assert (await agent(message(text("42.")), message(SUBMIT), nudges=1).roll_out()).ending is Ending.SUBMITTED


async def test_an_empty_response_is_sent_back_with_words():
    playing = agent(message(), message(SUBMIT), nudges=1)
    assert (await playing.roll_out()).ending is Ending.SUBMITTED
    assert [m["role"] for m in playing.model.requests[1].messages] == ["user", "assistant", "user"]
    assert playing.model.requests[1].messages[1]["content"] == [text("(no content)")]


async def test_parallel_calls_are_answered_in_order_beside_text_and_thinking():
    thinking = {"type": "thinking", "thinking": "hm", "signature": "sig"}
    first = message(thinking, text("Looking."), call("look", {"at": 1}, "a"), call("look", {"at": 2}, "b"))
    playing = agent(first, message(SUBMIT))
    rollout = await playing.roll_out()
    assert [block["tool_use_id"] for block in rollout.turns[0].reply] == ["a", "b"]
    assert playing.model.requests[1].messages[1]["content"] == first["content"]  # thinking goes back unchanged


async def test_calls_after_a_submission_are_not_executed():
    look = Look()
    rollout = await agent(message(call("look", {}, "a"), SUBMIT, call("look", {}, "b")), look=look).roll_out()
    assert rollout.ending is Ending.SUBMITTED
    assert look.calls == 1


async def test_unknown_blocks_and_keys_are_recorded_as_they_came():
    odd = message({"type": "hologram", "beam": 7}, SUBMIT, future_key=1)
    rollout = await agent(odd).roll_out()
    assert rollout.turns[0].response == odd


async def test_a_paused_turn_goes_on_without_a_word_from_us():
    playing = agent(message(text("searching"), stop="pause_turn"), message(SUBMIT))
    assert (await playing.roll_out()).ending is Ending.SUBMITTED
    assert [m["role"] for m in playing.model.requests[1].messages] == ["user", "assistant"]


async def test_a_refusal_says_why():
    refusal = message(stop="refusal", stop_details={"explanation": "not allowed"})
    rollout = await agent(refusal).roll_out()
    assert (rollout.ending, rollout.detail) == (Ending.REFUSED, "not allowed")


async def test_a_full_context_is_its_own_ending():
    assert (await agent(message(stop="model_context_window_exceeded")).roll_out()).ending is Ending.CONTEXT_LIMIT
    assert (await agent(ContextLimitError("too long")).roll_out()).ending is Ending.CONTEXT_LIMIT


@pytest.mark.parametrize("fault", [ProviderError("529 overloaded"), SandboxError("the zygote died")])
async def test_faults_of_others_are_errors_and_keep_what_was_paid_for(fault):
    rollout = await agent(message(call("look", {})), fault).roll_out()
    assert (rollout.ending, rollout.detail, rollout.steps) == (Ending.ERROR, str(fault), 1)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (call("lok", {}), "no tool 'lok'. Available: look, submit_answer"),
        (call("look", {"at": "x"}), "look was called wrongly: input['at']: 'x' is not of type 'integer'"),
        (call("look", ["at"]), "is not of type 'object'"),
        (call("look", None), "is not of type 'object'"),
        (call("submit_answer", {}), "'answer' is a required property"),
        ({"type": "tool_use", "id": "x"}, "no tool None"),
        (call("l" * 100_000, {}), "l…. Available: look, submit_answer"),
        (call("look", {"y" * 100_000: 1}), "y…"),
    ],
)
async def test_a_malformed_call_is_answered_and_counted(bad, said):
    rollout = await agent(message(bad), message(SUBMIT)).roll_out()
    answer = rollout.turns[0].reply[0]
    assert answer["is_error"]
    assert said in answer["content"]
    assert (rollout.ending, rollout.tool_errors) == (Ending.SUBMITTED, 1)


def test_a_number_that_the_check_cannot_divide_is_the_models_mistake():
    schema = {"properties": {"at": {"type": "number", "multipleOf": 0.1}}}
    assert mismatch({"at": 10**4000}, schema) == "input: int too large to convert to float"
    assert mismatch({"at": 1}, schema) == ""


async def test_what_a_tool_has_to_say_is_answered():
    rollout = await agent(message(call("look", {})), message(SUBMIT), look=Look(ToolError("no such place"))).roll_out()
    assert rollout.turns[0].reply[0]["content"] == "no such place"
    assert rollout.turns[0].reply[0]["is_error"]
    assert rollout.ending is Ending.SUBMITTED


@pytest.mark.parametrize(
    "fault",
    [
        *(ValueError("broken"), SystemExit(0), KeyboardInterrupt(), GeneratorExit(), asyncio.CancelledError()),
        *(StopIteration(), ExceptionGroup("two", [ValueError("one"), OSError("two")]), BaseException("bare")),
    ],
)
async def test_what_a_tool_raises_is_its_authors_fault_and_loses_no_turn(fault):
    playing = agent(message(call("look", {}), tokens=70), message(SUBMIT), look=Look(fault))
    rollout = await playing.roll_out()
    assert (rollout.ending, rollout.output_tokens, rollout.tool_errors) == (Ending.ERROR, 70, 0)
    assert rollout.detail.startswith("the task's tool look raised ")
    assert type(fault).__name__ in rollout.detail
    assert "raise self.raises" in rollout.traceback
    assert "evalkit/" not in rollout.traceback
    assert playing.recorder.lines == ["response"]


@pytest.mark.parametrize("given", [None, b"seen", 3, ["seen"], {"content": "seen"}])
async def test_a_tool_that_returns_something_else_is_its_authors_fault(given):
    rollout = await agent(message(call("look", {})), message(SUBMIT), look=Look(returns=given)).roll_out()
    assert rollout.ending is Ending.ERROR
    assert rollout.detail.startswith(f"the task's tool look returned {type(given).__name__} where ToolResult")


async def test_a_tool_may_return_text():
    rollout = await agent(message(call("look", {})), message(SUBMIT), look=Look(returns="a door")).roll_out()
    assert rollout.turns[0].reply[0]["content"] == "a door"
    assert rollout.ending is Ending.SUBMITTED


async def test_a_time_limit_in_a_tool_call_loses_no_turn():
    async def forever():
        await asyncio.sleep(3600)

    playing = agent(message(call("look", {}), tokens=70), look=Look(waits=forever), limits=Limits(timeout_s=0.1))
    rollout = await playing.roll_out()
    assert (rollout.ending, rollout.output_tokens) == (Ending.TIME_LIMIT, 70)
    assert rollout.turns[0].reply is None


async def test_a_sandbox_that_fails_in_a_tool_call_loses_no_turn():
    rollout = await agent(message(call("look", {}), tokens=70), look=Look(SandboxError("gone"))).roll_out()
    assert (rollout.ending, rollout.detail, rollout.output_tokens) == (Ending.ERROR, "gone", 70)


async def test_a_fault_while_calls_are_repeated_loses_no_recorded_turn():
    whole = await agent(*[message(call("look", {}), tokens=70)] * 3, message(SUBMIT)).roll_out()
    resumed = agent(message(SUBMIT), look=Look(SandboxError("gone")), past=whole.turns[:3])
    rollout = await resumed.roll_out()
    assert (rollout.ending, rollout.turns) == (Ending.ERROR, whole.turns[:3])


async def test_an_answer_of_any_form_is_taken():
    for answer in (None, "x", [1, {"a": float("nan")}], 10**400):
        rollout = await agent(message(call("submit_answer", {"answer": answer}))).roll_out()
        assert rollout.ending is Ending.SUBMITTED


async def test_time_runs_out():
    async def slow(request):
        await asyncio.sleep(30)

    rollout = await agent(slow, limits=Limits(timeout_s=0.05)).roll_out()
    assert rollout.ending is Ending.TIME_LIMIT


async def test_waiting_for_a_rate_limit_does_not_count():
    async def throttled(request):
        with request.clock:
            await asyncio.sleep(0.3)
        return message(SUBMIT)

    rollout = await agent(throttled, limits=Limits(timeout_s=0.15)).roll_out()
    assert rollout.ending is Ending.SUBMITTED


async def test_a_canary_in_the_conversation_is_flagged():
    clean = await agent(message(text("hm"), SUBMIT)).roll_out()
    leaky = await agent(message(call("look", {"at": 1})), message(text("I found c4n4ry"), SUBMIT)).roll_out()
    assert (clean.leaked, leaky.leaked) == (False, True)


async def test_a_resumed_rollout_repeats_its_tool_calls_and_goes_on():
    whole = await agent(message(call("look", {"at": 1})), message(call("look", {"at": 2})), message(SUBMIT)).roll_out()
    look = Look()
    torso = [whole.turns[0], whole.turns[1].__class__(whole.turns[1].max_tokens, whole.turns[1].response)]
    resumed = agent(message(SUBMIT), look=look, past=torso)
    rollout = await resumed.roll_out()
    assert rollout.turns == whole.turns
    assert look.calls == 2
    assert resumed.recorder.lines == ["reply", "response", "reply"]  # the missing reply, then the new turn


async def test_another_address_of_the_same_object_is_no_difference():
    whole = await agent(
        message(call("look", {"at": 1})), message(SUBMIT), look=Look(ToolError("<f at 0x7f00aa>"))
    ).roll_out()
    again = agent(message(SUBMIT), look=Look(ToolError("<f at 0x7f11bb>")), past=whole.turns[:1])
    assert (await again.roll_out()).ending is Ending.SUBMITTED


async def test_a_tool_that_answers_differently_is_noticed():
    whole = await agent(message(call("look", {"at": 1})), message(SUBMIT)).roll_out()
    with pytest.raises(DivergedError, match="turn 1"):
        await agent(message(SUBMIT), look=Look(ToolError("gone")), past=whole.turns[:1]).roll_out()


async def test_seconds_are_kept_apart_from_facts():
    async def timed(request):
        return message(SUBMIT)

    playing = agent(timed)
    playing.model.respond = lambda request: _respond()

    async def _respond():
        return Response(message(SUBMIT), seconds=1.5, waited=0.5)

    rollout = await playing.roll_out()
    assert rollout.timing.turns == (1.5,)
    assert rollout.timing.waited == 0.5
