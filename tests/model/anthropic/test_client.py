"""The real SDK against a server on loopback: what is sent, what is recorded, what faults do and do not change."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import Any

import pytest

from evalkit.util.errors import ProviderError, UserError
from tests.model.conftest import Opener, ask, then
from tests.servers.fixtures import MessagesServer

SOON = {"retry-after-ms": "20"}
AGENTS = [
    {
        "name": "calculates",
        "turns": [
            {"text": "Let me see.", "calls": [{"name": "python_expression", "input": {"expression": "print(42)"}}],
             "tokens": {"median": 120, "spread": 0.3}},
            {"submit_output": True, "tokens": {"median": 40}},
        ],
    }
]  # fmt: skip
FAULTS: dict[str, dict[str, Any]] = {
    "429 with retry-after": {"kind": "status", "status": 429, "headers": SOON},
    "529": {"kind": "status", "status": 529, "headers": SOON},
    "500": {"kind": "status", "status": 500, "headers": SOON},
    "408": {"kind": "status", "status": 408, "headers": SOON},
    "a dropped connection": {"kind": "drop"},
    "an answer that breaks off": {"kind": "cut"},
    "a malformed body": {"kind": "malformed"},
    "a slow response": {"kind": "slow", "seconds": 0.3},
}


async def conversation(model: Any) -> list[Any]:
    """The answers of a whole conversation."""
    request = ask()
    first = (await model.respond(request)).message
    second = (await model.respond(then(request, first, '{"result": "42\\n", "error": null}'))).message
    return [first, second]


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries without a `retry-after` wait hardly."""
    monkeypatch.setattr("evalkit.model.anthropic.backoff.FIRST_S", 0.01)


def test_a_user_without_a_home_directory_is_connected(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `docker run --user 12345` has it: no HOME, and no entry in the list of users."""
    monkeypatch.setenv("HOME", "restored afterwards")
    for name in ("HOME", "ANTHROPIC_CONFIG_DIR", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 2**31 - 2)
    with pytest.raises(UserError, match="needs a key: set ANTHROPIC_API_KEY"):
        opened(base_url=None, kind="anthropic")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-none")

    assert not opened(base_url=None, kind="anthropic").simulated


@pytest.mark.parametrize("stream", ["never", "always"])
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_that_passes_changes_nothing(
    fault: str, stream: str, opened: Opener, messages_api: MessagesServer
) -> None:
    model = opened(base_url=messages_api.url, stream=stream)
    messages_api.set_up(agents=AGENTS)
    undisturbed = await conversation(model)
    messages_api.set_up(agents=AGENTS, plan=[FAULTS[fault], None, FAULTS[fault], FAULTS[fault]])
    assert await conversation(model) == undisturbed
    assert messages_api.counts[FAULTS[fault]["kind"]] == (1 if fault == "a slow response" else 3)
    assert undisturbed[1]["content"][-1]["input"] == {"answer": 42}


async def test_streaming_changes_nothing_in_the_record(opened: Opener, messages_api: MessagesServer) -> None:
    answers = []
    for stream in ("never", "always"):
        messages_api.set_up(agents=AGENTS)
        answers.append(await conversation(opened(base_url=messages_api.url, stream=stream)))
        assert bool(messages_api.requests[0]["body"].get("stream")) is (stream == "always")
    assert answers[0] == answers[1]


@pytest.mark.parametrize("fault", [name for name, fault in FAULTS.items() if fault["kind"] != "slow"])
async def test_a_fault_that_stays_is_the_providers(fault: str, opened: Opener, messages_api: MessagesServer) -> None:
    messages_api.set_up(plan=[None, FAULTS[fault]], repeat=True)
    model = opened(base_url=messages_api.url, max_retries=0)
    await model.respond(ask())
    with pytest.raises(ProviderError, match="failed and kept failing") as raised:
        await model.respond(ask())
    assert "\n" not in str(raised.value)


async def test_attempts_are_counted_against_one_budget(opened: Opener, messages_api: MessagesServer) -> None:
    kinds = ["malformed", "cut", "drop"]
    messages_api.set_up(plan=[{"kind": kind} for kind in kinds])
    with pytest.raises((ProviderError, UserError)):
        await opened(base_url=messages_api.url, max_retries=2).respond(ask())
    assert messages_api.counts["asked"] == 3
    messages_api.set_up(plan=[{"kind": kind} for kind in kinds])
    await opened(base_url=messages_api.url, max_retries=3).respond(ask())
    assert messages_api.counts["asked"] == 4


async def test_a_silent_server_is_the_providers_fault(opened: Opener, messages_api: MessagesServer) -> None:
    messages_api.set_up(plan=[{"kind": "slow", "seconds": 0.6}], repeat=True)
    with pytest.raises(ProviderError):
        await opened(base_url=messages_api.url, timeout_s=0.1, max_retries=1).respond(ask())


async def test_time_lost_to_faults_is_told_apart(opened: Opener, messages_api: MessagesServer) -> None:
    slow_down = {"kind": "status", "status": 429, "headers": {"retry-after-ms": "200"}}
    messages_api.set_up(plan=[slow_down, {"kind": "slow", "seconds": 0.1}])
    response = await opened(base_url=messages_api.url).respond(ask())
    assert response.waited >= 0.2
    assert 0.1 <= response.seconds < response.waited + 0.1


async def test_the_clock_of_a_run_stands_still_while_it_waits(opened: Opener, messages_api: MessagesServer) -> None:
    class Pause:
        entered = left = 0

        def __enter__(self) -> None:
            self.entered += 1

        def __exit__(self, *exception: object) -> None:
            self.left += 1

    model, pause = opened(base_url=messages_api.url), Pause()
    await model.respond(ask(clock=pause))
    assert (pause.entered, pause.left) == (0, 0)
    messages_api.set_up(
        plan=[{"kind": "status", "status": 529, "headers": SOON}, {"kind": "drop"}, {"kind": "malformed"}]
    )
    await model.respond(ask(clock=pause))
    assert (pause.entered, pause.left) == (3, 3)


async def test_one_rate_limit_holds_all_concurrent_calls_back(opened: Opener, messages_api: MessagesServer) -> None:
    slow_down = {"kind": "status", "status": 429, "headers": {"retry-after-ms": "900"}}
    messages_api.set_up(plan=[slow_down])
    model = opened(base_url=messages_api.url, id="rate-limited")
    first = asyncio.create_task(model.respond(ask(run=1)))
    while not messages_api.counts:  # noqa: ASYNC110 - the server is another process
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.3)
    others = [asyncio.create_task(model.respond(ask(run=run))) for run in range(2, 6)]
    await asyncio.sleep(0.1)
    assert messages_api.counts["asked"] == 1
    responses = await asyncio.gather(first, *others)
    assert messages_api.counts["asked"] == 6
    assert all(response.waited >= 0.05 for response in responses)


@pytest.mark.parametrize(
    ("fault", "error", "fix"),
    [
        ({"status": 401, "message": "invalid x-api-key"}, UserError, "ANTHROPIC_API_KEY"),
        ({"status": 403, "message": "not yours"}, UserError, "ANTHROPIC_API_KEY"),
        ({"status": 402, "message": "no credit"}, UserError, "add credit"),
        ({"status": 400, "message": "temperature is not supported"}, UserError, "change model.params"),
        ({"status": 400, "message": "Your credit balance is too low"}, UserError, "add credit"),
        ({"status": 429, "message": "insufficient_quota"}, UserError, "add credit"),
        ({"status": 413, "message": "Request exceeds the maximum size"}, UserError, "model.max_output_tokens"),
        (
            {"status": 307, "headers": {"location": "https://elsewhere.example/v1"}},
            UserError,
            "redirects to https://else",
        ),
    ],
)
async def test_an_error_that_no_retry_helps(
    fault: dict[str, Any], error: type[Exception], fix: str, opened: Opener, messages_api: MessagesServer
) -> None:
    messages_api.set_up(plan=[{"kind": "status", **fault}])
    with pytest.raises(error, match=fix):
        await opened(base_url=messages_api.url).respond(ask())
    assert messages_api.counts["asked"] == 1


NO_ROOM = {
    "prompt is too long: 210000 tokens > 200000 maximum": "prompt alone takes 210,000",
    "the request exceeds the available context size": "lower model.max_output_tokens",
    "request (9000 tokens) exceeds the available context size (4096 tokens), try increasing it": "alone takes 9,000",
    "This model's maximum context length is 4096 tokens. However, you requested 8592 tokens (400 in the messages, 8192 "
    "in the completion).": "at most 3,696 fit",
    "'max_tokens' is too large: 8192. This model's maximum context length is 4096 tokens and your request has 400 "
    "input tokens (8192 > 4096 - 400).": "at most 3,696 fit",
    "input length and `max_tokens` exceed context limit: 400 + 8192 > 4096, decrease it": "at most 3,696 fit",
    "Requested token count exceeds the model's maximum context length of 4096 tokens. You requested a total of 8592 "
    "tokens: 400 tokens from the input messages and 8192 tokens for the completion.": "at most 3,696 fit",
    "max_tokens: 8192 > 4096, which is the maximum allowed number of output tokens": "model.max_output_tokens=4096",
}


@pytest.mark.parametrize("said", NO_ROOM)
async def test_a_first_request_that_does_not_fit_is_a_wrong_setting(
    said: str, opened: Opener, messages_api: MessagesServer
) -> None:
    messages_api.set_up(plan=[{"kind": "status", "status": 400, "message": said}])
    with pytest.raises(UserError, match=NO_ROOM[said]):
        await opened(base_url=messages_api.url).respond(ask(max_tokens=8192))
    assert messages_api.counts["asked"] == 1


async def test_a_conversation_that_grew_asks_again_for_what_still_fits(
    opened: Opener, messages_api: MessagesServer
) -> None:
    full = "input length and `max_tokens` exceed context limit: 3000 + 4000 > 4096, decrease it"
    messages_api.set_up(agents=AGENTS, plan=[None, {"kind": "status", "status": 400, "message": full}])
    await conversation(opened(base_url=messages_api.url))
    assert [sent["body"]["max_tokens"] for sent in messages_api.requests] == [4000, 4000, 1096]


async def test_a_request_refused_later_is_an_error_of_that_run(opened: Opener, messages_api: MessagesServer) -> None:
    messages_api.set_up(agents=AGENTS, plan=[None, {"kind": "status", "status": 400, "message": "odd content"}])
    with pytest.raises(ProviderError, match="odd content"):
        await conversation(opened(base_url=messages_api.url))


async def test_an_unknown_model_names_what_the_server_lists(opened: Opener, messages_api: MessagesServer) -> None:
    messages_api.set_up(models=["claude-one", "claude-two"])
    model = opened(base_url=messages_api.url, id="claude-onee")
    assert "claude-one, claude-two" in (await model.check())[0]
    with pytest.raises(UserError, match=r"did you mean model\.id=claude-one\? .* claude-one, claude-two"):
        await model.respond(ask())


async def test_a_server_without_a_model_list_passes_the_check(opened: Opener, messages_api: MessagesServer) -> None:
    messages_api.set_up(lists_models=False)
    model = opened(base_url=messages_api.url)
    assert list(await model.check()) == []
    assert (await model.respond(ask())).message["stop_reason"] == "end_turn"


async def test_the_check_buys_nothing(opened: Opener, messages_api: MessagesServer) -> None:
    assert list(await opened(base_url=messages_api.url).check()) == []
    assert messages_api.counts == {}


async def test_an_endpoint_that_refuses_connections_says_what_to_do(opened: Opener) -> None:
    model = opened(base_url="http://127.0.0.1:9", max_retries=0)
    with pytest.raises(UserError, match=r"http://127\.0\.0\.1:9 cannot be reached .* correct model\.base_url"):
        await model.check()
    with pytest.raises(UserError, match="cannot be reached"):
        await model.respond(ask())


async def test_deviations_of_local_servers_are_tolerated(opened: Opener, messages_api: MessagesServer) -> None:
    messages_api.set_up(agents=AGENTS, dialect="llama.cpp")
    first, second = await conversation(opened(base_url=messages_api.url))
    assert first["id"].startswith("chatcmpl-")
    assert re.fullmatch("[0-9a-z]{32}", first["content"][1]["id"])
    assert set(first["usage"]) == {"input_tokens", "cache_read_input_tokens", "output_tokens"}
    assert second["content"][0]["input"] == {"answer": 42}
    messages_api.set_up(dialect="llama.cpp", context=3)
    with pytest.raises(UserError, match="context of 3 tokens, and the prompt alone takes"):
        await opened(base_url=messages_api.url).respond(ask())


async def test_a_local_server_lists_its_models_twice_and_has_no_page_for_one(
    opened: Opener, messages_api: MessagesServer
) -> None:
    messages_api.set_up(dialect="llama.cpp", models=["a-model.gguf"], context=4096)
    assert (
        "lists a-model.gguf and not model.id=other" in (await opened(base_url=messages_api.url, id="other").check())[0]
    )
    assert list(await opened(base_url=messages_api.url, id="a-model.gguf").check()) == []


async def test_a_server_that_loads_its_model_is_waited_for(
    opened: Opener, messages_api: MessagesServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evalkit.model.anthropic.backoff.LOADING_S", 0.05)
    messages_api.set_up(dialect="llama.cpp", loading=1)
    response = await opened(base_url=messages_api.url, max_retries=0).respond(ask())
    assert response.message["stop_reason"] == "end_turn"
    assert response.waited > 0


async def test_a_call_that_is_repeated_may_be_counted_anew(opened: Opener, messages_api: MessagesServer) -> None:
    messages_api.set_up(agents=AGENTS, dialect="llama.cpp")
    model = opened(base_url=messages_api.url)
    # Another run of the same prompt: what the server calls run 1 goes on from its first answer.
    first = (await model.respond(ask())).message
    request = then(ask(), first, "42")
    counted = [(await model.respond(request)).message["usage"]["output_tokens"] for _ in range(2)]
    assert counted[1] == counted[0] + 1


@pytest.mark.parametrize(
    ("cut_as", "last"), [("text", "text"), ("empty", "tool_use"), ("half", "tool_use"), ("whole", "tool_use")]
)
async def test_a_local_server_cuts_calls_in_its_own_ways(
    cut_as: str, last: str, opened: Opener, messages_api: MessagesServer
) -> None:
    messages_api.set_up(agents=AGENTS, dialect="llama.cpp", cut_as=cut_as)
    message = (await opened(base_url=messages_api.url).respond(ask(max_tokens=60))).message
    assert (message["stop_reason"], message["usage"]["output_tokens"]) == ("max_tokens", 60)
    assert message["content"][-1]["type"] == last


async def test_parameters_and_headers_pass_through(opened: Opener, messages_api: MessagesServer) -> None:
    messages_api.set_up(strict=False)  # the parameter of tomorrow
    params = {"temperature": 0.3, "thinking": {"type": "adaptive"}, "a_key_of_tomorrow": [1]}
    model = opened(base_url=messages_api.url, params=params, headers={"anthropic-beta": "one,two"}, cache_prompt=False)
    tools = [{"name": "t", "description": "d", "input_schema": {"type": "object"}}]
    await model.respond(ask(run=3, max_tokens=77, system="Be brief.", tools=tools))
    sent = messages_api.requests[0]
    assert sent["body"] == {
        "model": "claude-test",
        "max_tokens": 77,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "What is 6 times 7?"}]}],
        "system": [{"type": "text", "text": "Be brief."}],
        "tools": tools,
        **params,
    }
    headers = {name.lower(): value for name, value in sent["headers"].items()}
    assert headers["anthropic-beta"] == "one,two"
    assert not any("evalkit" in name for name in headers)


async def test_the_unchanging_prefix_is_marked_for_the_cache(opened: Opener, messages_api: MessagesServer) -> None:
    messages_api.set_up(agents=AGENTS)
    model = opened(base_url=messages_api.url)
    schema = {"type": "object"}
    tools = [{"name": "a", "input_schema": schema}, {"name": "b", "input_schema": schema}]
    request = ask(system="Be brief.", tools=tools)
    message = (await model.respond(request)).message
    await model.respond(then(request, message, "42"))
    first, second = (sent["body"] for sent in messages_api.requests)
    mark = {"type": "ephemeral"}
    assert [tool.get("cache_control") for tool in first["tools"]] == [None, mark]
    assert first["system"][-1]["cache_control"] == mark
    assert first["messages"][-1]["content"][-1]["cache_control"] == mark
    assert "cache_control" not in str(second["messages"][:-1])
    assert second["messages"][-1]["content"][-1]["cache_control"] == mark
    assert "cache_control" not in str(request)


async def test_a_paused_turn_is_sent_back_without_a_mark_on_it(opened: Opener, messages_api: MessagesServer) -> None:
    search = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
    paused = {"role": "assistant", "content": [search]}
    asked = ask()
    await opened(base_url=messages_api.url).respond(replace(asked, messages=[*asked.messages, paused]))
    first, second = messages_api.requests[0]["body"]["messages"]
    assert "cache_control" in first["content"][-1]
    assert second == paused


async def test_half_a_surrogate_pair_is_replaced_in_requests(opened: Opener, messages_api: MessagesServer) -> None:
    await opened(base_url=messages_api.url).respond(ask(text="half a \ud83d, a whole \U0001f600, é"))
    sent = messages_api.requests[0]["body"]["messages"][0]["content"][0]["text"]
    assert sent == "half a \ufffd, a whole \U0001f600, é"


async def test_long_answers_are_streamed(opened: Opener, messages_api: MessagesServer) -> None:
    model = opened(base_url=messages_api.url)
    await model.respond(ask(max_tokens=21_333))
    await model.respond(ask(max_tokens=21_334))
    assert [bool(sent["body"].get("stream")) for sent in messages_api.requests] == [False, True]


@pytest.mark.parametrize("scheme", ["http", "HTTP", "Http"])
async def test_a_server_without_encryption_is_never_sent_the_key(
    scheme: str, opened: Opener, messages_api: MessagesServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-planted")
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "x-goog-api-key: sk-planted\nx-team: seven")
    model = opened(base_url=messages_api.url.replace("http", scheme, 1))
    await model.check()
    await model.respond(ask())
    assert "sk-planted" not in str(messages_api.requests)
    assert "sk-planted" not in str(model.identity)


async def test_the_environment_may_name_a_gateway_with_a_password(
    opened: Opener, messages_api: MessagesServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-planted")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", messages_api.url.replace("//", "//me:pass-of-mine@") + "/v1")
    model = opened(base_url=None, headers={"x-team": "seven"})
    await model.check()
    await model.respond(ask())
    headers = {name.lower(): value for name, value in messages_api.requests[0]["headers"].items()}
    assert headers["authorization"].startswith("Basic ")
    assert headers["x-team"] == "seven"
    assert "pass-of-mine" not in f"{model.identity} {model.where}"
    assert model.where == messages_api.url


async def test_a_redirect_takes_no_key_along(
    opened: Opener, messages_api: MessagesServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-planted")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", messages_api.url)
    there = {"location": f"{messages_api.url}/v1/messages"}
    messages_api.set_up(plan=[{"kind": "status", "status": 307, "headers": there}])
    with pytest.raises(UserError, match="redirects to"):
        await opened(base_url=None).respond(ask())
    assert messages_api.counts["asked"] == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [("ALL_PROXY", "socks5://127.0.0.1:9"), ("HTTPS_PROXY", "no address [::"), ("NO_PROXY", "::1/128,fe80::/10")],
)
async def test_odd_proxy_variables_do_not_concern_a_server_on_this_machine(
    name: str, value: str, opened: Opener, messages_api: MessagesServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    await opened(base_url=messages_api.url).respond(ask())
    with pytest.raises(UserError, match=r"PROXY .*(correct or unset)"):
        opened(base_url="http://elsewhere.invalid")


async def test_a_proxy_of_the_environment_does_not_stand_before_this_machine(
    opened: Opener, messages_api: MessagesServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://me:pass-of-mine@127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    await opened(base_url=messages_api.url).respond(ask())
    with pytest.raises(UserError, match="through the proxy of http_proxy") as raised:
        await opened(base_url="http://elsewhere.invalid", max_retries=0).respond(ask())
    assert "pass-of-mine" not in str(raised.value)


def test_a_proxy_that_cannot_be_used_is_named(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://me:pass-of-mine@127.0.0.1:9")
    with pytest.raises(UserError, match="proxy of ALL_PROXY cannot be used") as raised:
        opened(base_url="http://elsewhere.invalid")
    assert "pass-of-mine" not in str(raised.value)


async def test_a_retiring_model_is_announced_once_and_warns_no_more(
    opened: Opener, messages_api: MessagesServer
) -> None:
    model = opened(base_url=messages_api.url, id="claude-sonnet-4-5-20250929")
    (note,) = await model.check()
    assert "November 30th, 2026" in note
    assert (await model.respond(ask())).message["stop_reason"] == "end_turn"


async def test_an_id_that_no_path_can_hold_is_one_sentence(opened: Opener, messages_api: MessagesServer) -> None:
    with pytest.raises(UserError, match=r"model\.id=\.\. is not a name of a model"):
        await opened(base_url=messages_api.url, id="..").check()
