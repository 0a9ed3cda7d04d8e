"""Launches against one endpoint: whose answers they are, what is waited for, when it is given up, and its secrets."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from evalkit.launch.preflight import preflight
from evalkit.model.anthropic.endpoint import about, entries
from evalkit.results.reading import load
from evalkit.results.runs import Outcome
from evalkit.util.errors import UserError
from tests.launching import Watcher, config_for
from tests.launching import launch as launch_here
from tests.model.conftest import Opener
from tests.servers.fixtures import MessagesServer

KEY = "planted-key-0123456789"
SUBMIT = [{"type": "tool_use", "id": "toolu_1", "name": "submit_answer", "input": {"answer": 8769}}]
WRONG = [{"type": "tool_use", "id": "toolu_1", "name": "submit_answer", "input": {"answer": 1}}]
RUN = [{"type": "tool_use", "id": "toolu_1", "name": "python_expression", "input": {"expression": "print(1)"}}]
BUSY = {"kind": "status", "status": 429, "headers": {"retry-after-ms": "30"}}
BROKEN = {"kind": "status", "status": 500, "headers": {"retry-after-ms": "5"}}


def answered(content: list[Any], model: str = "small") -> dict[str, Any]:
    """An answer that says which model gave it."""
    return {"model": model, "content": content}


def local(api: MessagesServer, *overrides: str) -> list[str]:
    """A launch of arithmetic against the server."""
    return ["task=arithmetic", "model=local", f"model.base_url={api.url}", "model.max_retries=1", *overrides]


def manifest(folder: Path) -> dict[str, Any]:
    """What the launch wrote about its model."""
    model: dict[str, Any] = json.loads((folder / "manifest.json").read_text())["model"]
    return model


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Own pauses are short."""
    monkeypatch.setattr("evalkit.model.anthropic.backoff.FIRST_S", 0.01)
    monkeypatch.setattr("evalkit.model.anthropic.backoff.LOADING_S", 0.05)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("http://127.0.0.1:1", "http://127.0.0.1:2", False),
        ("http://127.0.0.1:1/a", "http://127.0.0.1:1/b", False),
        ("http://127.0.0.1:1", "https://127.0.0.1:1", False),
        ("http://127.0.0.1:1", "HTTP://127.0.0.1:1/v1/", True),
    ],
)
def test_addresses_that_differ_are_different_models(
    one: str, other: str, same: bool, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    assert (opened(base_url=one).identity == opened(base_url=other).identity) is same


async def test_another_model_behind_the_same_port_is_asked_itself(messages_api: MessagesServer, tmp_path: Path) -> None:
    """A server that takes any id was started again with another model: its list tells."""
    rates = []
    for model, content in (("small", SUBMIT), ("large", WRONG), ("small", SUBMIT)):
        messages_api.set_up(dialect="llama.cpp", models=[model], answers=[answered(content, model)])
        folder = tmp_path / f"{len(rates)}"
        result = await launch_here(folder, *local(messages_api, "runs.count=2"), store=tmp_path / "s")
        rates.append([run.outcome for run in result.runs])
        assert messages_api.counts.get("asked", 0) == (0 if len(rates) == 3 else 2)
        assert manifest(folder)["serves"]["id"] == model
    assert rates == [[Outcome.PASSED] * 2, [Outcome.FAILED] * 2, [Outcome.PASSED] * 2]


def test_what_a_list_says_about_a_model_leaves_out_what_changes_every_day() -> None:
    entry = {"id": "m", "object": "model", "created": 1, "meta": {"n_params": 7, "n_ctx_train": 9, "loaded": "today"}}
    later = {**entry, "created": 2, "meta": {**entry["meta"], "loaded": "now"}}  # type: ignore[dict-item]
    assert about("m", [entry]) == about("m", [later]) == {"id": "m", "n_params": 7, "n_ctx_train": 9}
    assert about("any", [entry]) == about("m", [entry])
    assert about("any", [entry, {"id": "n"}]) is None
    assert about("m", []) is None


@pytest.mark.parametrize(
    "body",
    [None, [], "x", {"data": None}, {"data": "x"}, {"data": [None, 1, {"id": 3}, {}]}, {"models": [{"id": None}]}],
)
def test_a_list_of_any_form_is_read(body: Any) -> None:
    assert entries(body) == []


async def test_answers_of_another_model_are_not_mixed_with_those_of_the_store(
    messages_api: MessagesServer, tmp_path: Path
) -> None:
    messages_api.set_up(lists_models=False, answers=[answered(SUBMIT, "small")])
    await launch_here(tmp_path / "a", *local(messages_api, "runs.count=2"), store=tmp_path / "s")
    messages_api.set_up(lists_models=False, answers=[answered(WRONG, "large")])
    with pytest.raises(ExceptionGroup) as raised:
        await launch_here(tmp_path / "b", *local(messages_api, "runs.count=4"), store=tmp_path / "s")
    (fault,) = raised.value.exceptions
    assert isinstance(fault, UserError)
    assert "now answers as 'large'" in str(fault)
    assert "answered by 'small'" in str(fault)
    assert {path.name for path in tmp_path.rglob("s/**/0*.jsonl")} == {"0001.jsonl", "0002.jsonl"}
    messages_api.set_up(lists_models=False, answers=[answered(SUBMIT, "small")])
    again = await launch_here(tmp_path / "c", *local(messages_api, "runs.count=4"), store=tmp_path / "s")
    assert [run.outcome for run in again.runs] == [Outcome.PASSED] * 4
    assert manifest(tmp_path / "c")["answered"] == ["small"]


async def test_two_models_in_one_conversation_are_an_error(messages_api: MessagesServer, tmp_path: Path) -> None:
    messages_api.set_up(answers=[answered(RUN, "small"), answered(SUBMIT, "large")])
    result = await launch_here(tmp_path / "a", *local(messages_api, "runs.count=1"), store=tmp_path / "s")
    assert [run.outcome for run in result.runs] == [Outcome.ERROR]
    assert "answered as 'large', after 'small'" in result.runs[0].message


async def test_what_the_check_finds_reaches_console_log_manifest_and_report(
    messages_api: MessagesServer, tmp_path: Path
) -> None:
    messages_api.set_up(dialect="llama.cpp", models=["small", "large"], answers=[answered(SUBMIT)])
    view = Watcher()
    await launch_here(tmp_path / "a", *local(messages_api, "runs.count=1"), store=tmp_path / "s", view=view)
    said = "lists small, large and not model.id=local"
    assert any(said in text for name, *texts in view.events if name == "warn" for text in texts)
    assert said in (tmp_path / "a" / "evalkit.log").read_text()
    assert said in manifest(tmp_path / "a")["notes"][0]


async def test_a_note_and_the_name_of_who_answered_are_in_manifest_and_report(
    messages_api: MessagesServer, tmp_path: Path
) -> None:
    messages_api.set_up(answers=[answered(SUBMIT, "small")])
    overrides = local(messages_api, "runs.count=1", "model.id=claude-sonnet-4-5-20250929")
    await launch_here(tmp_path / "a", *overrides, store=tmp_path / "s")
    written = manifest(tmp_path / "a")
    assert written["endpoint"] == messages_api.url
    assert written["answered"] == ["small"]
    assert "is deprecated" in written["notes"][0]
    report = (tmp_path / "a" / "report.md").read_text()
    assert "**Note:** claude-sonnet-4-5-20250929 is deprecated" in report
    assert "| Answered by | small |" in report
    assert "is deprecated" in (tmp_path / "a" / "report.html").read_text()
    assert load(tmp_path / "a").cells[0].notes == tuple(written["notes"])


async def test_a_server_that_is_loading_its_model_is_waited_for_by_name(
    messages_api: MessagesServer, tmp_path: Path
) -> None:
    messages_api.set_up(loading=5, answers=[answered(SUBMIT)])
    view = Watcher()
    overrides = local(messages_api, "runs.count=2", "model.max_retries=0")
    result = await launch_here(tmp_path / "a", *overrides, store=tmp_path / "s", view=view)
    assert [run.outcome for run in result.runs] == [Outcome.PASSED] * 2
    waits = [event[1] for event in view.events if event[0] == "waiting"]
    assert {wait.reason for wait in waits} == {"it is loading its model"}
    assert "it is loading its model" in (tmp_path / "a" / "evalkit.log").read_text()


async def test_errors_in_a_row_stop_the_launch_and_the_next_one_goes_on(
    messages_api: MessagesServer, tmp_path: Path
) -> None:
    messages_api.set_up(plan=[None] + [BROKEN] * 99, answers=[answered(SUBMIT)])
    view = Watcher()
    overrides = local(messages_api, "runs.count=30", "runs.max_errors=3", "model.max_retries=0")
    result = await launch_here(tmp_path / "a", *overrides, store=tmp_path / "s", view=view)
    assert [run.outcome for run in result.runs] == [Outcome.PASSED] + [Outcome.ERROR] * 3
    assert not result.done
    assert messages_api.counts["asked"] == 4
    (said,) = [event[1] for event in view.events if event[0] == "warn"]
    assert "3 runs in a row ended by a fault (runs.max_errors=3)" in said
    assert "HTTP 500" in said
    assert said in (tmp_path / "a" / "evalkit.log").read_text()
    assert manifest(tmp_path / "a")["notes"] == [said]
    messages_api.set_up(answers=[answered(SUBMIT)])
    again = await launch_here(tmp_path / "b", *overrides, store=tmp_path / "s")
    assert again.done
    assert messages_api.counts["asked"] == 29


async def test_errors_with_others_between_them_stop_nothing(messages_api: MessagesServer, tmp_path: Path) -> None:
    messages_api.set_up(plan=[BROKEN, BROKEN, None], repeat=True, answers=[answered(SUBMIT)])
    overrides = local(messages_api, "runs.count=9", "runs.max_errors=3", "model.max_retries=0")
    result = await launch_here(tmp_path / "a", *overrides, store=tmp_path / "s")
    assert [run.outcome for run in result.runs].count(Outcome.ERROR) == 6


async def test_a_context_too_small_for_the_first_request_stores_nothing(
    messages_api: MessagesServer, tmp_path: Path
) -> None:
    messages_api.set_up(dialect="llama.cpp", context=100)
    with pytest.raises(ExceptionGroup) as raised:
        await launch_here(tmp_path / "a", *local(messages_api, "runs.count=3"), store=tmp_path / "s")
    assert "has a context of 100 tokens, and the prompt alone takes" in str(raised.value.exceptions[0])
    assert not list(tmp_path.rglob("s/**/0*.jsonl"))


async def test_failed_attempts_are_counted_beside_the_models_time(messages_api: MessagesServer, tmp_path: Path) -> None:
    slow = {"kind": "slow", "seconds": 0.2}
    messages_api.set_up(plan=[BUSY, {"kind": "drop"}, None, slow], answers=[answered(SUBMIT)])
    overrides = local(messages_api, "runs.count=2", "model.max_retries=4")
    await launch_here(tmp_path / "a", *overrides, store=tmp_path / "s")
    timing = json.loads((tmp_path / "a" / "timing.json").read_text())
    assert timing["failed_attempts"]["count"] == 2
    assert {entry["reason"][:8] for run in timing["runs"] for entry in run["failed"]} == {"HTTP 429", "Server d"}
    first, second = timing["runs"]
    assert first["waited"] >= 0.03 > 0 == second["waited"]
    log = (tmp_path / "a" / "evalkit.log").read_text()
    assert "Run 1: an attempt failed after" in log
    assert "HTTP 429" in log
    report = (tmp_path / "a" / "report.md").read_text()
    assert "| Failed attempts | 2 model calls failed and counted for nothing: 1 × HTTP 429" in report
    # A launch that reuses them knows them, too.
    await launch_here(tmp_path / "b", *overrides, store=tmp_path / "s")
    assert json.loads((tmp_path / "b" / "timing.json").read_text())["runs"] == timing["runs"]


async def test_the_times_of_a_resumed_run_hold_all_its_parts(messages_api: MessagesServer, tmp_path: Path) -> None:
    slow = {"kind": "slow", "seconds": 0.3}
    messages_api.set_up(plan=[slow, BROKEN, BROKEN], answers=[answered(RUN), answered(SUBMIT)])
    overrides = local(messages_api, "runs.count=1")
    broken = await launch_here(tmp_path / "a", *overrides, store=tmp_path / "s")
    assert [run.outcome for run in broken.runs] == [Outcome.ERROR]
    resumed = await launch_here(tmp_path / "b", *overrides, store=tmp_path / "s")
    assert [run.outcome for run in resumed.runs] == [Outcome.PASSED]
    (timing,) = json.loads((tmp_path / "b" / "timing.json").read_text())["runs"]
    assert len(timing["turns"]) == 2
    assert timing["seconds"] >= timing["turns"][0] >= 0.3
    assert len(timing["failed"]) == 2
    again = await launch_here(tmp_path / "c", *overrides, store=tmp_path / "s")
    assert again.runs[0].rollout.timing.seconds == pytest.approx(timing["seconds"], abs=0.01)


async def test_a_dead_attempt_costs_the_run_no_time(messages_api: MessagesServer, tmp_path: Path) -> None:
    silent = {"kind": "slow", "seconds": 2}
    messages_api.set_up(plan=[silent, silent, silent, None], answers=[answered(SUBMIT)])
    overrides = local(messages_api, "runs.count=1", "model.timeout_s=0.5", "limits.timeout_s=1", "model.max_retries=4")
    result = await launch_here(tmp_path / "a", *overrides, store=tmp_path / "s")
    assert [run.outcome for run in result.runs] == [Outcome.PASSED]
    assert result.runs[0].rollout.timing.seconds < 1
    assert result.runs[0].rollout.timing.waited > 1.4


async def test_a_key_that_an_endpoint_repeats_is_written_nowhere(
    messages_api: MessagesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    echo = {"kind": "status", "status": 500, "message": f"bad key {KEY}", "headers": {"retry-after-ms": "5"}}
    content = [{"type": "text", "text": f'Your key is "{KEY}".'}, *SUBMIT]
    messages_api.set_up(plan=[echo, None, echo, echo], answers=[answered(content, f"model-{KEY}")])
    result = await launch_here(tmp_path / "a", *local(messages_api, "runs.count=2"), store=tmp_path / "s")
    assert [run.outcome for run in result.runs] == [Outcome.PASSED, Outcome.ERROR]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in files if KEY.encode() in path.read_bytes()]
    assert [path for path in files if b"<ANTHROPIC_API_KEY>" in path.read_bytes()]
    assert KEY not in "".join(capsys.readouterr())
    record = json.loads((tmp_path / "a" / "rollouts" / "0001.jsonl").read_text().splitlines()[1])
    assert record["response"]["content"][0]["text"] == 'Your key is "<ANTHROPIC_API_KEY>".'
    assert KEY not in repr(result.runs)  # nor is it graded, or sent back
    again = await launch_here(tmp_path / "b", *local(messages_api, "runs.count=1"), store=tmp_path / "s")
    assert [run.outcome for run in again.runs] == [Outcome.PASSED]


def test_a_cost_limit_without_a_price_is_refused(messages_api: MessagesServer) -> None:
    config = config_for(*local(messages_api, "limits.max_cost_usd=0.01"))
    with pytest.raises(UserError, match=r"limits\.max_cost_usd=0\.01 cannot be enforced.*max_cost_usd=null"):
        preflight([config])
    preflight([config_for("task=arithmetic", "model=simulated", "limits.max_cost_usd=0.01")]).close()


async def test_slow_calls_give_time_for_a_sign_of_life(
    messages_api: MessagesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evalkit.engine.engine.TICK_S", 0.05)
    messages_api.set_up(plan=[{"kind": "slow", "seconds": 0.6}], answers=[answered(SUBMIT)])
    view = Watcher()
    await launch_here(tmp_path / "a", *local(messages_api, "runs.count=1"), store=tmp_path / "s", view=view)
    assert [name for name, *_ in view.events].count("tick") >= 5
    await asyncio.sleep(0.1)
    ticks = [name for name, *_ in view.events].count("tick")
    await asyncio.sleep(0.2)
    assert [name for name, *_ in view.events].count("tick") == ticks
