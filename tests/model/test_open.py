"""Opening a model: what is refused before anything is written or sent, which model is the default, floors, identity."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from evalkit.config.default_model import default_model
from evalkit.config.schema import ModelConfig
from evalkit.config.search_path import bundled
from evalkit.model import MODELS
from evalkit.model.anthropic.prices import cost_usd
from evalkit.util.errors import UserError
from tests.model.conftest import Opener

KEYS = (
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "ANTHROPIC_PROFILE",
    "ANTHROPIC_BASE_URL",
    "ANTHROPIC_CONFIG_DIR",
    "AWS_REGION",
)


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for key in KEYS:
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))  # the SDK looks for a signed-in profile there


@pytest.mark.parametrize(
    ("config", "fix"),
    [
        ({}, "set ANTHROPIC_API_KEY, or use model=simulated"),
        ({"kind": "antropic"}, "use one of anthropic, bedrock"),
        ({"id": ""}, "model.id is empty"),
        ({"headers": {"X-Api-Key": "sk-secret"}}, "set ANTHROPIC_API_KEY"),
        ({"headers": {"authorization": "Bearer sk-secret"}}, "in the environment instead"),
        ({"params": {"max_tokens": 5}}, r"remove it and use limits"),
        ({"kind": "bedrock"}, "region"),
        ({"kind": "replay"}, "model.replay_from=<output directory"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_fix(config: dict[str, Any], fix: str, opened: Opener) -> None:
    with pytest.raises(UserError, match=fix) as raised:
        opened(**config)
    assert "sk-secret" not in str(raised.value)


def test_a_broken_profile_of_the_sdk_is_refused_with_its_fix(
    opened: Opener, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ANTHROPIC_PROFILE", "missing")
    with pytest.raises(UserError, match="set ANTHROPIC_API_KEY"):
        opened()


def test_a_platform_without_its_library_names_the_extra(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.delenv("AWS_BEARER_TOKEN_BEDROCK", raising=False)
    monkeypatch.setitem(__import__("sys").modules, "boto3", None)
    with pytest.raises(UserError, match=r"pip install 'anthropic\[bedrock\]'"):
        opened(kind="bedrock")


@pytest.mark.parametrize(
    ("environ", "name", "reason"),
    [
        ({}, "simulated", "no API key"),
        ({"ANTHROPIC_API_KEY": "k"}, "claude", "ANTHROPIC_API_KEY is set"),
        ({"ANTHROPIC_AUTH_TOKEN": "k"}, "claude", "ANTHROPIC_AUTH_TOKEN is set"),
        ({"ANTHROPIC_API_KEY": ""}, "simulated", "no API key"),
        ({"EVALKIT_MODEL": "local", "ANTHROPIC_API_KEY": "k"}, "local", "EVALKIT_MODEL"),
    ],
)
def test_the_default_model(environ: dict[str, str], name: str, reason: str) -> None:
    chosen, why = default_model(environ)
    assert chosen == name
    assert reason in why


@pytest.mark.parametrize(
    ("params", "floor"),
    [
        ({}, 1),
        ({"thinking": {"type": "adaptive"}}, 1),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, 1025),
    ],
)
def test_a_thinking_budget_is_the_least_worth_buying(params: dict[str, Any], floor: int, opened: Opener) -> None:
    assert opened(base_url="http://127.0.0.1:9", params=params).floor == floor


def test_identity_holds_what_a_conversation_can_depend_on(opened: Opener) -> None:
    def identity(**config: Any) -> dict[str, Any]:
        return dict(opened(**{"base_url": "http://127.0.0.1:9", **config}).identity)

    plain = identity()
    assert json.loads(json.dumps(plain)) == plain
    for same in ({"cache_prompt": False}, {"max_retries": 9}, {"stream": "always"}, {"timeout_s": 5.0}):
        assert identity(**same) == plain
    for other in ({"id": "b"}, {"params": {"a": 1}}, {"headers": {"b": "c"}}, {"base_url": "http://localhost:9"}):
        assert identity(**other) != plain


def test_prices_come_with_cache_reads_and_writes() -> None:
    usage = {
        "input_tokens": 300,
        "cache_creation_input_tokens": 400,
        "cache_read_input_tokens": 300,
        "output_tokens": 100,
    }
    together, plain = (
        cost_usd("claude-sonnet-4-5-20250929", [usage, usage]),
        {"input_tokens": 1000, "output_tokens": 100},
    )
    once = (300 * 3 + 400 * 3.75 + 300 * 0.3 + 100 * 15) / 1e6
    assert together == pytest.approx(2 * once)
    assert cost_usd("claude-sonnet-4-5-20250929", [plain]) == pytest.approx((1000 * 3 + 100 * 15) / 1e6)


def test_an_unknown_price_is_none_and_no_guess(opened: Opener) -> None:
    usage = [{"input_tokens": 10, "output_tokens": 10}]
    assert cost_usd("no-such-model", usage) is None
    assert cost_usd("claude-haiku-5-5", []) == 0
    assert opened(base_url="http://127.0.0.1:9", id="claude-sonnet-5-5").cost_usd(usage) is None


def test_missing_usage_keys_count_nothing() -> None:
    assert cost_usd("claude-sonnet-5-5", [{}, {"output_tokens": None}]) == 0


@pytest.mark.parametrize("path", sorted(bundled("conf").glob("model/*.yaml")), ids=lambda path: path.stem)
def test_shipped_configs_use_known_settings_and_hold_no_secret(path: Path) -> None:
    node = yaml.safe_load(path.read_text())
    node.pop("defaults", None)
    config = ModelConfig(**node)
    assert config.kind in MODELS.names
    assert not config.headers
    assert (config.kind in ("simulated", "oracle", "noop", "replay")) <= (config.base_url is None)
    if config.kind == "anthropic" and config.id.startswith("claude"):
        assert cost_usd(config.id, [{"output_tokens": 1}]), "the price list knows it"
