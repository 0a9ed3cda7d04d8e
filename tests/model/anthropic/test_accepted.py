"""Every parameter × model family × API version: refused before the launch, or accepted by the server."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

import pytest

from evalkit.config.schema import ModelConfig
from evalkit.model.anthropic import accepted
from evalkit.util.errors import UserError
from tests.model.conftest import Opener, ask
from tests.servers import families
from tests.servers.fixtures import MessagesServer

PARAMS: list[dict[str, Any]] = [
    {},
    {"temperature": 0.5},
    {"temperature": 1},
    {"top_p": 0.9},
    {"top_p": 1.0},
    {"top_k": 40},
    {"temperature": 0.5, "top_p": 0.9},
    *({"thinking": {"type": kind}} for kind in ("adaptive", "between_tools", "disabled", "enabled")),
    {"thinking": {"type": "enabled", "budget_tokens": 1000}},
    {"thinking": {"type": "enabled", "budget_tokens": 1024}},
    {"thinking": {"type": "adaptive", "budget_tokens": 2000}},
    {"thinking": {"type": "adaptive", "display": "summarized"}},
    {"thinking": {"type": "enabled", "budget_tokens": 1024}, "temperature": 0.5},
    {"thinking": {"type": "enabled", "budget_tokens": 1024}, "top_k": 3},
    *({"output_config": {"effort": level}} for level in families.LEVELS),
    *({"tool_choice": {"type": kind}} for kind in ("auto", "none", "any")),
    {"tool_choice": {"type": "tool", "name": "submit_answer"}},
    {"tool_choice": {"type": "any"}, "thinking": {"type": "adaptive"}},
    {"stop_sequences": ["END"], "metadata": {"user_id": "1"}},
]
TABLE = list(itertools.product(families.MODELS, (families.NEW, families.OLD)))


@pytest.mark.parametrize(("model", "version"), TABLE)
async def test_settings_are_refused_before_the_launch_exactly_where_the_server_refuses_them(
    opened: Opener, messages_api: MessagesServer, model: str, version: str
) -> None:
    messages_api.set_up(tells=True)
    expected = paid = 0
    for params in PARAMS:
        client = opened(
            base_url=messages_api.url, id=model, params=params, api_version=version, max_output_tokens=64_000
        )
        would = families.refused({"model": model, "max_tokens": 4000, **params}, version)
        try:
            await client.check()
        except UserError as error:
            assert would, f"{params} is accepted, and was refused: {error}"
            assert str(error).count("model.") >= 1 and "\n" not in str(error)
        else:
            assert not would, f"{params} passed the check, and the server says: {would}"
            await client.respond(ask())
            expected += 1
        paid = messages_api.counts.get("asked", 0)
        assert paid == expected, f"{params} was paid for"
    assert 0 < expected < len(PARAMS)


@pytest.mark.parametrize("model", families.MODELS)
@pytest.mark.parametrize("params", PARAMS, ids=str)
def test_documented_families_say_the_same_where_the_endpoint_says_nothing(model: str, params: dict[str, Any]) -> None:
    """Bedrock and Vertex list no models. What nobody documents is left to the server."""
    for version in (families.NEW, families.OLD):
        config = ModelConfig(id=model, params=params, max_output_tokens=64_000)
        would = families.refused({"model": model, "max_tokens": 4000, **params}, version)
        if accepted.refusal(config, version, {}):
            assert would
        elif would:
            assert "effort" in would or "between_tools" in would


async def test_a_longer_answer_than_the_model_can_write_is_refused_with_the_number(
    opened: Opener, messages_api: MessagesServer
) -> None:
    messages_api.set_up(tells=True)
    client = opened(base_url=messages_api.url, id="claude-sonnet-4-5-20250929", max_output_tokens=64_001)
    with pytest.raises(UserError, match=r"set model\.max_output_tokens=64000"):
        await client.check()


async def test_a_retiring_model_is_a_note_with_the_date_and_a_successor(
    opened: Opener, messages_api: MessagesServer
) -> None:
    messages_api.set_up(tells=True)
    notes = await opened(base_url=messages_api.url, id="claude-sonnet-4-5-20250929").check()
    assert len(notes) == 1 and "retires on 2026-11-30" in notes[0] and "claude-sonnet-5-5" in notes[0]
    assert await opened(base_url=messages_api.url, id="claude-sonnet-5-5").check() == ()


@pytest.mark.parametrize(
    ("told", "now", "said"),
    [
        ({"retires_at": "2026-11-30T00:00:00Z"}, "2026-11-28", "in 2 days"),
        ({"retires_at": "2026-11-30T00:00:00Z"}, "2026-11-29", "tomorrow"),
        ({"retires_at": "2026-11-30T00:00:00Z"}, "2026-11-30", "today"),
        ({"retires_at": "2026-11-30T00:00:00Z"}, "2026-12-05", "overdue"),
        ({"lifecycle": "deprecated"}, "2026-11-28", "will stop serving it"),
        ({"lifecycle": "active", "retires_at": None}, "2026-11-28", None),
        ({"retires_at": "soon"}, "2026-11-28", None),
    ],
)
def test_the_end_of_a_model_is_told_in_days(told: dict[str, Any], now: str, said: str | None) -> None:
    notes = accepted.lifecycle_notes("claude-opus-4-6", told, datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert (said is None and notes == []) or (said and said in notes[0])


def test_a_retired_model_is_refused_with_its_successor() -> None:
    why = accepted.refusal(ModelConfig(id="claude-haiku-4-5"), families.NEW, {"lifecycle": "retired"})
    assert "retired" in why and "model.id=claude-haiku-5-5" in why


async def test_a_server_that_tells_nothing_gets_the_benefit_of_the_doubt(
    opened: Opener, messages_api: MessagesServer
) -> None:
    messages_api.set_up()
    asked = {"base_url": messages_api.url, "params": {"temperature": 0.5}}
    assert any("may refuse" in note for note in await opened(id="claude-sonnet-5-5", **asked).check())
    assert await opened(id="qwen3", **asked).check() == ()


async def test_a_pinned_api_version_is_sent_and_part_of_the_key(opened: Opener, messages_api: MessagesServer) -> None:
    messages_api.set_up()
    pinned = opened(base_url=messages_api.url, api_version="2023-06-01")
    free = opened(base_url=messages_api.url)
    await pinned.respond(ask())
    await free.respond(ask())
    sent = [request["headers"]["anthropic-version"] for request in messages_api.requests]
    assert sent[0] == "2023-06-01" and sent[1] > "2026"
    assert pinned.identity != free.identity and pinned.identity["api_version"] == "2023-06-01"


@pytest.mark.parametrize("version", ["latest", "2023-6-1", "2023-06-01\n"])
def test_an_api_version_that_is_no_date_is_refused(opened: Opener, version: str) -> None:
    with pytest.raises(UserError, match=r"model\.api_version="):
        opened(base_url="http://127.0.0.1:9", api_version=version)
