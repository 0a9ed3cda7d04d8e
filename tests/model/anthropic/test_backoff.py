"""The gate of an endpoint: what closes it, for how long, who is told, and which failures use up a call's retries."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import anthropic
import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.model.anthropic import backoff as module
from evalkit.model.anthropic.backoff import Effort, RetryGate, asked_pause, closes_gate, repeatable
from evalkit.model.protocol import Request, Wait
from evalkit.rollout.record import FailedAttempt

REQUEST = httpx2.Request("POST", "http://127.0.0.1/v1/messages")


def refusal(status: int, message: str = "planned", **headers: str) -> anthropic.APIStatusError:
    """The SDK's exception for an HTTP status."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    response = httpx2.Response(status, headers=named, request=REQUEST)
    body = {"type": "error", "error": {"type": "planned_error", "message": message}}
    return anthropic.APIStatusError(message, response=response, body=body)


def effort(retries: int = 4, patience_s: float = 60, failed: Callable[[FailedAttempt], None] | None = None) -> Effort:
    """A call that nobody times."""
    return Effort(
        retries, patience_s, Request(run=1, messages=(), max_tokens=1).clock, failed or (lambda attempt: None)
    )


def script(*faults: Exception | None) -> Callable[[], Any]:
    """Attempts that fail as planned, then succeed."""
    rest = list(faults)

    async def attempt() -> str:
        fault = rest.pop(0) if rest else None
        if fault is not None:
            raise fault
        return "answer"

    return attempt


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Own pauses are short; what an endpoint asks for is kept."""
    monkeypatch.setattr(module, "FIRST_S", 0.002)
    monkeypatch.setattr(module, "LONGEST_PAUSE_S", 0.004)
    monkeypatch.setattr(module, "LOADING_S", 0.01)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "7"}, 7.0),
        ({"retry_after": "0.5"}, 0.5),
        ({"retry_after_ms": "300"}, 0.3),
        ({"retry_after_ms": "inf", "retry_after": "7"}, 7.0),
        ({"retry_after_ms": "-1", "retry_after": "7"}, 7.0),
        *(
            ({"retry_after": odd}, None)
            for odd in ("0", "-5", "soon", "", "inf", "-inf", "nan", "1e400", "1e308", "9" * 99)
        ),
        ({"retry_after": formatdate(1_800_000_090, usegmt=True), "date": formatdate(1_800_000_000, usegmt=True)}, 90.0),
        ({"retry_after": formatdate(1_700_000_000, usegmt=True)}, None),
        ({"retry_after": "Fri, 31 Dec 9999 23:59:59 GMT"}, None),
        ({"retry_after": "Mon, 32 Foo 99999 99:99:99 GMT"}, None),
    ],
)
def test_retry_after_counts_only_where_it_names_a_time_to_come(headers: dict[str, str], seconds: float | None) -> None:
    assert asked_pause(refusal(429, **headers)) == seconds


def test_a_date_is_read_by_ones_own_clock_where_the_server_tells_no_time() -> None:
    asked = asked_pause(refusal(429, retry_after=formatdate(time.time() + 100, usegmt=True)))
    assert asked is not None
    assert 97 < asked <= 101


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=30))
def test_any_retry_after_is_a_pause_or_none(text: str) -> None:
    for name in ("retry_after", "retry_after_ms"):
        asked = asked_pause(refusal(429, **{name: text}))
        assert asked is None or 0 < asked < float("inf")


@pytest.mark.parametrize(
    ("error", "again", "gate"),
    [
        (refusal(429), True, True),
        (refusal(529), True, True),
        (refusal(429, "insufficient_quota"), False, False),
        (refusal(503, "Loading model"), True, True),
        (refusal(503, "Service Unavailable"), True, False),
        (refusal(500, retry_after="60"), True, True),
        (refusal(500), True, False),
        (refusal(500, x_should_retry="false"), False, False),
        (refusal(400, x_should_retry="true"), True, False),
        (refusal(408), True, False),
        (refusal(409), True, False),
        (refusal(400), False, False),
        (refusal(501), False, False),
        (refusal(404), False, False),
        (anthropic.APIConnectionError(request=REQUEST), True, False),
        (anthropic.APITimeoutError(request=REQUEST), True, False),
        (anthropic.RetryableError("the answer broke off"), True, False),
    ],
)
def test_what_is_repeated_and_what_holds_all_calls_back(error: Exception, again: bool, gate: bool) -> None:
    assert (repeatable(error), closes_gate(error)) == (again, gate)


async def test_a_thousand_refusals_in_a_row_overflow_nothing() -> None:
    gate = RetryGate("here")
    answer, _ = await gate.call(script(*[refusal(529)] * 1200), effort(retries=1200))
    assert answer == "answer"


async def test_pauses_of_one_call_overflow_nothing() -> None:
    answer, _ = await RetryGate("here").call(script(*[refusal(500, retry_after_ms="1")] * 1200), effort(retries=1200))
    assert answer == "answer"


async def test_refusals_of_one_round_count_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifty calls that left together and were all refused wait as long as one would."""
    monkeypatch.setattr(module, "FIRST_S", 0.05)
    monkeypatch.setattr(module, "LONGEST_PAUSE_S", 60.0)
    told: list[Wait] = []
    gate = RetryGate("here", told=[told.append])
    arrived = asyncio.Event()

    async def refused_together() -> None:
        await arrived.wait()
        raise refusal(429)

    def one() -> Callable[[], Any]:
        attempts = iter([refused_together, script()])
        return lambda: next(attempts)()

    calls = [asyncio.create_task(gate.call(one(), effort())) for _ in range(50)]
    await asyncio.sleep(0.01)
    began = time.monotonic()
    arrived.set()
    await asyncio.gather(*calls)
    assert [wait.seconds for wait in told] == [0.1]
    assert time.monotonic() - began < 2


async def test_refusals_in_later_rounds_wait_longer_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_PAUSE_S", 60.0)
    told: list[Wait] = []
    await RetryGate("here", told=[told.append]).call(script(*[refusal(429)] * 4), effort())
    assert [wait.seconds for wait in told] == [0.004, 0.008, 0.016, 0.032]


async def test_hours_of_patience_are_told_at_once_and_capped() -> None:
    told: list[Wait] = []
    call = asyncio.create_task(
        RetryGate("http://here", told=[told.append]).call(script(refusal(429, "later", retry_after="7200")), effort())
    )
    await asyncio.sleep(0.05)
    call.cancel()
    (wait,) = told
    assert (wait.seconds, wait.asked) == (3600, 7200)
    assert 3590 < wait.left <= 3600
    assert str(wait) == (
        "Waits 1 h 00 min for http://here: HTTP 429 planned_error: later; "
        "it asked for 2 h 00 min, and is asked again sooner"
    )


async def test_a_call_that_loses_to_others_uses_up_no_retry() -> None:
    """Where others are answered between its refusals, a rate limit is shared, not down."""
    gate = RetryGate("here")
    refusals = 0

    async def unlucky() -> str:
        nonlocal refusals
        refusals += 1
        if refusals > 10:
            return "answer"
        await gate.call(script(), effort())
        raise refusal(429)

    assert (await gate.call(unlucky, effort(retries=1)))[0] == "answer"


@pytest.mark.parametrize("dropped", [False, True])
async def test_faults_between_answers_to_others_are_bad_luck_as_often_as_a_call_may_fail(
    dropped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that answers others may still fail on what this call asks: it is not asked for ever."""
    monkeypatch.setattr("evalkit.model.anthropic.backoff.FIRST_S", 0.001)
    gate, attempts = RetryGate("here"), list[FailedAttempt]()

    async def unlucky() -> str:
        await gate.call(script(), effort())
        raise anthropic.APIConnectionError(request=httpx2.Request("POST", "http://here")) if dropped else refusal(500)

    with pytest.raises(anthropic.AnthropicError):
        await gate.call(unlucky, effort(retries=2, failed=attempts.append))
    assert len(attempts) == 1 + 2 + 2


async def test_a_rate_limit_that_never_ends_uses_up_the_retries() -> None:
    attempts: list[FailedAttempt] = []
    with pytest.raises(anthropic.APIStatusError):
        await RetryGate("here").call(script(*[refusal(429)] * 9), effort(retries=2, failed=attempts.append))
    assert len(attempts) == 3
    assert [attempt.pause > 0 for attempt in attempts] == [True, True, False]


async def test_a_server_that_loads_its_model_uses_up_no_retry_and_is_named() -> None:
    told: list[Wait] = []
    gate = RetryGate("here", told=[told.append])
    answer, _ = await gate.call(script(*[refusal(503, "Loading model")] * 9), effort(retries=0))
    assert answer == "answer"
    assert {wait.reason for wait in told} == {"it is loading its model"}


async def test_patience_with_a_server_that_loads_for_ever_ends() -> None:
    with pytest.raises(anthropic.APIStatusError, match="Loading"):
        await RetryGate("here").call(script(*[refusal(503, "Loading model")] * 999), effort(retries=0, patience_s=0.1))


async def test_a_time_out_of_a_process_that_stood_still_uses_up_no_retry() -> None:
    async def attempt() -> None:
        time.sleep(1.5)  # noqa: ASYNC251 - this process is busy, and its time-outs fire although the server is idle
        await asyncio.sleep(0)
        raise anthropic.APITimeoutError(request=REQUEST)

    stalled = [attempt, attempt, script()]
    answer, _ = await RetryGate("here").call(lambda: stalled.pop(0)(), effort(retries=0))
    assert answer == "answer"


async def test_a_time_out_of_an_idle_process_is_a_failure() -> None:
    async def attempt() -> None:
        await asyncio.sleep(0.05)
        raise anthropic.APITimeoutError(request=REQUEST)

    with pytest.raises(anthropic.APITimeoutError):
        await RetryGate("here").call(attempt, effort(retries=1))


async def test_after_an_answer_the_next_refusal_is_a_first_one_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_PAUSE_S", 1.0)
    waits: list[Wait] = []
    gate = RetryGate("here", [waits.append])
    for _ in range(2):
        await gate.call(script(refusal(429), refusal(429)), effort())
    first, second, again, last = (wait.seconds for wait in waits)
    assert (first, second) == (again, last)
    assert second == 2 * first
