"""The published JSON Schemas: real output satisfies them, and they leave no key of it undocumented."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from evalkit.results.runs import Outcome
from evalkit.rollout.journal import Journal
from evalkit.rollout.record import Ending
from evalkit.stats.verdict import Decision
from tests.launching import launch
from tests.outputs import conversation, some_runs, write_launch
from tools import schemas as published

FILES = {
    "run": "runs.jsonl",
    "measurement": "measurements.jsonl",
    "summary": "summary.json",
    "manifest": "manifest.json",
    "rollout": "rollouts/*.jsonl",
    "problem": "problems.jsonl",
    "selection": "selection.jsonl",
}


@pytest.mark.parametrize("name", published.TYPES)
def test_the_published_file_is_what_its_type_gives(name: str) -> None:
    text = resources.files("evalkit.results").joinpath("schemas", f"{name}.schema.json").read_text(encoding="utf-8")
    assert text == published.text(name), "write it again: python -m tools.schemas"


def schema(name: str) -> dict[str, Any]:
    text = resources.files("evalkit.results").joinpath("schemas", f"{name}.schema.json").read_text()
    found: dict[str, Any] = json.loads(text)
    return found


def strict(node: Any) -> Any:
    """The same schema without tolerance for keys that it does not name."""
    if isinstance(node, list):
        return [strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    closed = {key: strict(value) for key, value in node.items()}
    if isinstance(node.get("properties"), dict) and "const" not in node:
        closed.setdefault("additionalProperties", False)
    return closed


def values(folder: Path, pattern: str) -> Iterator[Any]:
    for path in sorted(folder.glob(pattern)):
        text = path.read_text()
        yield from map(json.loads, text.splitlines()) if path.suffix == ".jsonl" else [json.loads(text)]


def faults(folder: Path, name: str, close: Callable[[Any], Any] = strict) -> list[str]:
    validator = Draft202012Validator(close(schema(name)))
    return [
        f"{error.json_path}: {error.message}"
        for value in values(folder, FILES[name])
        for error in validator.iter_errors(value)
    ]


@pytest.fixture
async def real(tmp_path: Path) -> Path:
    """A launch of the real engine."""
    await launch(tmp_path / "a", "task=positional_attention", "runs.count=12", store=tmp_path / "store")
    return tmp_path / "a"


async def test_a_real_launch_satisfies_every_schema_and_they_name_every_key(real: Path) -> None:
    for name, pattern in FILES.items():
        if name not in ("problem", "selection"):
            assert any(values(real, pattern)), name
        assert faults(real, name) == []


async def test_a_launch_that_stopped_early_satisfies_them_too(tmp_path: Path) -> None:
    knobs = ("task=arithmetic", "runs.until=decided", "runs.max=40", "runs.batches=1")
    await launch(tmp_path / "a", *knobs, store=tmp_path / "store")
    assert json.loads((tmp_path / "a" / "summary.json").read_text())["stopping"]
    assert faults(tmp_path / "a", "summary") == []


def test_errors_cuts_and_batches_are_in_the_schemas(tmp_path: Path) -> None:
    folder = write_launch(tmp_path / "a", some_runs(), batches=3)
    for name in FILES:
        assert faults(folder, name) == []


def test_the_journal_of_the_store_has_times_and_satisfies_the_schema(tmp_path: Path) -> None:
    rollout = conversation(1)
    (tmp_path / "rollouts").mkdir()
    journal = Journal(tmp_path / "rollouts" / "0001.jsonl", fsync=False)
    journal.begin(rollout, started=1.0)
    for turn in rollout.turns:
        journal.response(turn, 0.5, 0.1)
        journal.reply(turn)
    journal.end(rollout)
    assert faults(tmp_path, "rollout") == []


@pytest.mark.parametrize("name", FILES)
def test_every_schema_is_one(name: str) -> None:
    Draft202012Validator.check_schema(schema(name))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("run", {"outcome": "maybe"}),
        ("run", {"run": 0}),
        ("run", {"leaked": None}),
        ("summary", {"confidence": 95}),
        ("manifest", {"format": "2.0"}),
        ("manifest", {"seed": "0"}),
    ],
)
def test_what_is_wrong_is_refused(tmp_path: Path, name: str, change: dict[str, Any]) -> None:
    folder = write_launch(tmp_path / "a")
    value = next(values(folder, FILES[name]))
    assert Draft202012Validator(schema(name)).is_valid(value)
    assert not Draft202012Validator(schema(name)).is_valid(value | change)


def test_the_lists_in_the_schemas_are_those_of_the_code() -> None:
    run, summary = schema("run")["properties"], schema("summary")["properties"]
    assert run["ending"]["enum"] == [ending.value for ending in Ending]
    assert run["outcome"]["enum"] == [outcome.value for outcome in Outcome]
    assert sorted(summary["verdict"]["properties"]["decision"]["enum"]) == sorted(one.value for one in Decision)


async def test_a_launch_over_a_set_of_problems_satisfies_them_and_has_a_line_for_each_problem(tmp_path: Path) -> None:
    for about, more in (("these", ()), ("like_these", ("runs.until=decided",))):
        folder = tmp_path / about
        knobs = ("problems.count=4", "runs.count=3", "runs.max=5", f"band.about={about}", *more)
        await launch(folder, "task=positional_attention", "task.data=seeded", *knobs, store=tmp_path / "store")
        assert len(list(values(folder, "problems.jsonl"))) == 4
        for name in ("run", "summary", "problem"):
            assert faults(folder, name) == []
