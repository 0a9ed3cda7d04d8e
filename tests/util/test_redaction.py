"""Secrets: which names hold one, what is known, and that nothing written or printed keeps one."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.__main__ import main
from evalkit.config.checks import check_config
from evalkit.config.model_settings import check_settings
from evalkit.config.schema import Config, ModelConfig
from evalkit.display.log import cell_log
from evalkit.rollout.journal import Journal, load
from evalkit.rollout.record import Turn
from evalkit.util import redaction
from evalkit.util.errors import UserError
from evalkit.util.files import write_atomically
from evalkit.util.redaction import learn, learn_from, names_secret, redacted, redacted_json, typed_secrets
from tests.builders import message, rollout, text

SECRET = "Zx-planted/secret+42"


@pytest.fixture(autouse=True)
def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Secrets of a test are not those of the next."""
    monkeypatch.setattr(redaction, "_known", {})
    monkeypatch.setattr(redaction, "_looked_at", set())
    redaction._matcher.cache_clear()


@pytest.mark.parametrize(
    "name",
    ["api-key", "api_key", "apiKey", "APIKEY", "X-Api-Key", "x-goog-api-key", "Authorization", "proxy-authorization",
     "AUTHORIZATION", "cookie", "Set-Cookie", "x-auth-token", "access_token", "token", "key", "x-key", "password",
     "client_secret", "x-amz-security-token", "cf-aig-authorization", "helicone-auth", "ocp-apim-subscription-key",
     "ANTHROPIC_AUTH_TOKEN", "AWS_SECRET_ACCESS_KEY", "private_key"],
)  # fmt: skip
def test_names_that_hold_a_secret(name: str) -> None:
    assert names_secret(name)


@pytest.mark.parametrize(
    "name",
    ["anthropic-beta", "anthropic-version", "x-version", "x-request-id", "user-agent", "max_tokens", "budget_tokens",
     "eos_token", "stop_token_ids", "tokens", "cache_key", "monkey", "author", "metadata", "temperature", "x-note"],
)  # fmt: skip
def test_names_that_hold_none(name: str) -> None:
    assert not names_secret(name)


def test_the_environment_tells_keys_and_passwords_of_addresses() -> None:
    learn_from(
        {
            "ANTHROPIC_API_KEY": "plainword",
            "MY_SERVICE_TOKEN": "tok3n-of-some-length",
            "HTTPS_PROXY": "http://someone:pr0xy-pass@proxy:3128",
            "ANTHROPIC_CUSTOM_HEADERS": "x-version: harmless1\nx-api-key: hdr-key-1234",
            "DB_PASSWORD": "postgres",
            "PRIVATE_KEY_FILE": "/home/me/key.pem",
            "SECRET_NUMBER": "12345678",
        }
    )
    said = redacted("plainword tok3n-of-some-length pr0xy-pass harmless1 hdr-key-1234 postgres 12345678 key.pem")
    assert said == (
        "<ANTHROPIC_API_KEY> <MY_SERVICE_TOKEN> <HTTPS_PROXY> harmless1 <ANTHROPIC_CUSTOM_HEADERS> postgres 12345678 "
        "key.pem"
    )


@pytest.mark.parametrize(
    "text_",
    ["sk-ant-api03-abcdefgh12345", "sk-proj-abcdefgh12345678", "Bearer abcdefgh12345", "AKIAABCDEFGHIJKLMNOP",
     "http://user:passw0rd@host/x"],
)  # fmt: skip
def test_what_looks_like_a_key_is_not_printed(text_: str) -> None:
    said = redacted(f"<{text_}>")
    assert "secret" in said
    assert text_ not in said


def test_the_same_text_is_redacted_the_same_way_whatever_came_before() -> None:
    for order in (("A_TOKEN", "B_TOKEN"), ("B_TOKEN", "A_TOKEN")):
        redaction._known.clear()
        redaction._looked_at.clear()
        learn_from(dict.fromkeys(order, "one-value-for-both-1"))
        assert redacted("one-value-for-both-1") == "<A_TOKEN>"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.just(SECRET),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.just(SECRET), inner, max_size=4),
    max_leaves=12,
)


@given(JSON, st.text(min_size=8, max_size=20))
def test_no_secret_survives_in_json_and_json_stays_json(value: Any, other: str) -> None:
    redaction._known.clear()
    learn(SECRET, "K")
    learn(other, "O")
    for form in (json.dumps(value), json.dumps(value, ensure_ascii=False)):
        safe = redaction.without_known(form)
        assert SECRET not in json.dumps(json.loads(safe), ensure_ascii=False)
    safe = redacted_json(value)
    assert SECRET not in json.dumps(safe, ensure_ascii=False)
    assert redacted_json(safe) == safe


@given(JSON.filter(lambda value: SECRET not in json.dumps(value)))
def test_json_without_secrets_is_the_very_same(value: Any) -> None:
    redaction._known.clear()
    learn(SECRET, "K")
    assert redacted_json(value) is value


def test_every_way_to_a_file_is_redacted(tmp_path: Path) -> None:
    learn(SECRET, "K")
    write_atomically(tmp_path / "facts.json", json.dumps({"x": SECRET}))
    journal = Journal(tmp_path / "0001.jsonl", fsync=False)
    journal.begin(rollout())
    journal.response(Turn(10, message(text(f'quoted "{SECRET}"'))), 0.1, 0.0)
    journal.close()
    with cell_log(tmp_path):
        logging.getLogger("evalkit").info("said %s", SECRET)
    files = list(tmp_path.iterdir())
    assert len(files) == 3
    assert not [path for path in files if SECRET in path.read_text()]
    assert json.loads((tmp_path / "facts.json").read_text()) == {"x": "<K>"}
    loaded = load(tmp_path / "0001.jsonl")
    assert not loaded.damage
    assert loaded.rollout.turns[0].content[0]["text"] == 'quoted "<K>"'


TYPED = [
    f"+model.headers.api-key={SECRET}",
    f"+model.headers.Authorization={SECRET}",
    f"+model.headers={{x-goog-api-key: {SECRET}}}",
    f"+model.params.api_key={SECRET}",
    f"+model.params.extra={{auth: {{token: {SECRET}}}}}",
    f"+model.api_key={SECRET}",
    f"model.base_url=http://user:{SECRET}@127.0.0.1:9",
    f"model.base_url=http://127.0.0.1:9/?key={SECRET}",
    "model.id=sk-ant-api03-abcdefgh12345",
    f"++hydra.job.env_set.ANTHROPIC_API_KEY={SECRET}",
]


@pytest.mark.parametrize("how", ([], ["--cfg", "job"], ["-m", "runs.count=1,2"]))
@pytest.mark.parametrize("typed", TYPED)
def test_a_secret_on_the_command_line_is_refused_whatever_the_model_and_repeated_nowhere(
    typed: str, how: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for model in ("simulated", "local"):
        assert main([*how, "task=arithmetic", f"model={model}", typed]) == 2
    said = "".join(capsys.readouterr())
    assert SECRET not in said
    assert "abcdefgh12345" not in said
    assert "environment" in said or "model.base_url" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "typed", ["task.name=x", "agent.nudge='password: say it'", "+task.token=abcdefgh", "runs.count=3"]
)
def test_other_knobs_may_be_called_anything(typed: str) -> None:
    assert list(typed_secrets([typed])) == []


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"headers": {"X-API-Key": "x"}}, "would write a secret"),
        ({"headers": {"x-note": "é"}}, "one line of ASCII"),
        ({"headers": {"x-note": "a\r\nb: c"}}, "one line of ASCII"),
        ({"headers": {"bad name": "x"}}, "one line of ASCII"),
        ({"headers": {"x-note": SECRET}}, "would write a secret"),
        ({"params": {"extra": [{"password": "x"}]}}, "would write a secret"),
        ({"params": {"note": f"the key is {SECRET}"}}, "would write a secret"),
        ({"params": {"temperature": float("inf")}}, "write a finite number"),
        ({"params": {"tools": []}}, "is set by evalkit"),
        ({"base_url": f"http://127.0.0.1/{SECRET}"}, "would write a secret"),
        ({"base_url": "http://u:p@h"}, "user name or a password"),
    ],
)
@pytest.mark.parametrize("kind", ["anthropic", "simulated"])
def test_settings_are_checked_whatever_the_model(config: dict[str, Any], said: str, kind: str) -> None:
    learn(SECRET, "K")
    model = ModelConfig(kind=kind, id="m", **config)
    for refuse in (lambda: check_settings(model), lambda: check_config(Config(model=model))):
        with pytest.raises(UserError, match=said) as raised:
            refuse()
        assert SECRET not in str(raised.value)


def test_a_key_from_the_environment_is_refused_where_a_config_would_keep_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANTHROPIC_API_KEY", SECRET)
    assert main(["task=arithmetic", "model=simulated", "+model.headers.x-note=${oc.env:ANTHROPIC_API_KEY}"]) == 2
    assert main(["task=arithmetic", "model=simulated", f"+model.params.note={SECRET}"]) == 2
    main(["--cfg", "job", "--resolve", "task=arithmetic", "+model.headers.x-note=${oc.env:ANTHROPIC_API_KEY}"])
    assert SECRET not in "".join(capsys.readouterr())
    assert list(tmp_path.iterdir()) == []
