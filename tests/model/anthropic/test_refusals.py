"""The words of many servers: what does not fit, what is too long an answer, and what wants to be paid."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import httpx2
import pytest

from evalkit.model.anthropic import faults, refusals
from evalkit.model.anthropic.answers import read_message
from evalkit.model.anthropic.backoff import repeatable
from evalkit.model.anthropic.sse import BrokenAnswer, Reported
from evalkit.model.protocol import ContextLimitError
from evalkit.util.errors import UserError

FULL: dict[str, tuple[int | None, int | None]] = {
    "You passed 4001 input tokens and requested 8192 output tokens. However, the model's context length is only 4096 "
    "tokens, resulting in a maximum input length of 0 tokens.": (4001, 4096),
    "Input validation error: `inputs` must have less than 1024 tokens. Given: 4000": (4000, 1024),
    "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 400 `inputs` tokens": (
        400,
        4096,
    ),
    "The number of tokens to keep from the initial prompt is greater than the context length.": (None, None),
    "Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded with context length "
    "of only 4096 tokens, which is not enough.": (5000, 4096),
    "the input length exceeds the context length": (None, None),
    "prompt too long; exceeded max context length by 5 tokens": (None, None),
    "The input (5000 tokens) is longer than the model's context length (4096 tokens).": (5000, 4096),
    "The input token count (5000) exceeds the maximum number of tokens allowed (4096).": (5000, 4096),
    "Prompt contains 5000 tokens and 0 draft tokens, too large for model with 4096 maximum context length": (
        5000,
        4096,
    ),
    "The sum of prompt length (400), query length (0), and max_tokens (8192) should not exceed max_num_tokens (4096)": (
        400,
        4096,
    ),
    "This endpoint's maximum context length is 4096 tokens. However, you requested about 8592 tokens (400 of text "
    "input, 8192 in the output).": (400, 4096),
}
LONG_ANSWER = {
    "max_tokens=8192 cannot be greater than max_model_len=max_total_tokens=4096. Please request fewer": 4096,
    "Input validation error: `max_new_tokens` must be <= 512. Given: 8192": 512,
    "max_tokens is too large: 8192. This model supports at most 4096 completion tokens, whereas you gave 8192.": 4096,
    "`max_tokens` must be less than or equal to `4096`, the maximum value for `max_tokens` is": 4096,
    "Invalid max_tokens value, the valid range of max_tokens is [1, 8192]": 8192,
    "max_tokens: 8192 > 4096, which is the maximum allowed number of output tokens": 4096,
}
UNPAID = (
    "You have reached your specified API usage limits. You will regain access on 2026-12-01",
    "Budget has been exceeded! Current cost: 10.1, Max budget: 10.0",
    "Insufficient account balance",
    "You are out of credits",
    "Key limit exceeded (total limit).",
    "Monthly spend limit reached",
)
BUSY = (
    "This request would exceed your organization's rate limit of 40,000 input tokens per minute",
    "Rate limit reached on tokens per min (TPM). Visit https://example.com/account/billing to add a payment method",
    "Number of request tokens has exceeded your per-minute rate limit; reduce the prompt length or the maximum tokens",
)
PLACE = faults.FaultSource("http://127.0.0.1:1", answered=True)


def answered(status: int, body: Any) -> anthropic.APIStatusError:
    """The SDK's exception for such an answer."""
    response = httpx2.Response(status, request=httpx2.Request("POST", "http://127.0.0.1:1"), json=body)
    return anthropic.AsyncAnthropic(api_key="none")._make_status_error_from_response(response)


def streamed(error: Any) -> Exception:
    """The exception for the same within a stream."""
    with pytest.raises(anthropic.RetryableError) as raised:
        try:
            read_message(f"event: error\ndata: {json.dumps({'error': error})}\n\n".encode(), "text/event-stream")
        except BrokenAnswer as fault:
            raise anthropic.RetryableError("the answer broke off") from fault
    return raised.value


@pytest.mark.parametrize("said", FULL)
def test_a_full_context_is_known_by_its_words_with_any_status_and_in_a_stream(said: str) -> None:
    assert refusals.sizes(said) == FULL[said]
    for error in (*(answered(status, {"error": said}) for status in (400, 422, 500)), streamed({"message": said})):
        assert not repeatable(error)
        assert isinstance(faults.translate(error, PLACE, first=False), ContextLimitError)
        first = faults.translate(error, PLACE, first=True)
        assert isinstance(first, UserError) and "context" in str(first)


def test_a_code_or_fields_without_words_tell_of_a_full_context() -> None:
    coded = answered(400, {"error": {"message": "Bad request", "code": "context_length_exceeded"}})
    assert isinstance(faults.translate(coded, PLACE, first=False), ContextLimitError)
    fields = streamed({"message": "no", "type": "exceed_context_size_error", "n_prompt_tokens": 10, "n_ctx": 30})
    later = faults.translate(fields, PLACE, first=False)
    assert isinstance(later, ContextLimitError) and later.room == 20


@pytest.mark.parametrize("said", LONG_ANSWER)
def test_an_answer_that_no_model_writes_names_the_knob_and_its_value(said: str) -> None:
    error = faults.translate(answered(400, {"error": said}), PLACE, first=True, asked=8192)
    assert isinstance(error, UserError) and f"at most model.max_output_tokens={LONG_ANSWER[said]}" in str(error)


@pytest.mark.parametrize("said", UNPAID)
def test_who_wants_to_be_paid_is_asked_once(said: str) -> None:
    for error in (*(answered(status, {"error": said}) for status in (400, 403, 429)), streamed({"message": said})):
        assert not repeatable(error)
        assert "add credit" in str(faults.translate(error, PLACE, first=False))


@pytest.mark.parametrize("said", BUSY)
def test_a_rate_limit_that_speaks_of_tokens_or_billing_is_waited_for(said: str) -> None:
    error = answered(429, {"type": "error", "error": {"type": "rate_limit_error", "message": said}})
    assert repeatable(error) and not faults.is_refused(error) and not faults.wants_money(error)


HEAD = {"id": "m", "role": "assistant", "model": "m", "content": [], "stop_reason": None, "usage": {"input_tokens": 1}}
PARTS = {
    "message_start": {"message": HEAD},
    "message_delta": {"delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 7}},
    "message_stop": {"usage": None},
}
BARE = "".join(f"event: {kind}\ndata: {json.dumps(part)}\n\n" for kind, part in PARTS.items())


@pytest.mark.parametrize(
    "stream",
    [
        BARE,
        BARE.replace("\n", "\r"),
        "data:\n\n: hello\n\nevent: ping\ndata: ping\n\n" + BARE,
        "data: [DONE]\n\n" + BARE,
    ],
)
@pytest.mark.parametrize("content_type", ["text/event-stream", "application/json", ""])
def test_events_are_read_in_the_dialects_of_gateways(stream: str, content_type: str) -> None:
    assert read_message(stream.encode(), content_type)["usage"] == {"input_tokens": 1, "output_tokens": 7}


def test_json_under_the_name_of_a_stream_is_read() -> None:
    assert read_message(json.dumps(HEAD).encode(), "text/event-stream")["id"] == "m"


@pytest.mark.parametrize(
    "body",
    ['{"error": "boom"}', "event: error\ndata: boom\n\n", 'event: error\ndata: {"type": "x", "message": "boom"}\n\n'],
)
def test_an_error_where_an_answer_should_be_is_told_in_the_servers_words(body: str) -> None:
    with pytest.raises(Reported, match="boom"):
        read_message(body.encode(), "application/json")
