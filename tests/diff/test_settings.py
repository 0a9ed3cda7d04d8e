"""What was set differently: overrides that Hydra reads back as they were, changed words, tools, versions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from evalkit.config.overrides import written
from evalkit.diff.knobs import Change
from evalkit.diff.settings import compare_settings, words
from evalkit.results.reading import CellRecord, load
from evalkit.util.versions import versions
from tests.outputs import config_of, conversation, manifest_of, passed, write_launch

PARSER = OverridesParser.create()
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.from_regex(r"[a-z]{1,5}", fullmatch=True), inner, max_size=3)
    ),
    max_leaves=6,
)


def cell(folder: Path, **keywords: Any) -> CellRecord:
    return load(write_launch(folder, **keywords)).cells[0]


def _read(value: Any) -> Any:
    if isinstance(value, list):
        return [_read(item) for item in value]
    if isinstance(value, dict):
        return {key: _read(item) for key, item in value.items()}
    return getattr(value, "text", value)


@given(VALUES)
def test_hydra_reads_back_what_was_written(value: Any) -> None:
    read = _read(PARSER.parse_override(f"key={written(value)}").value())
    assert read == value and type(read) is type(value)


@pytest.mark.parametrize(
    "text", ['"', "\\", '\\"', "it's", "${oc.env:HOME}", "null", "1e-6", "new\nline", "a b", "[1]", "#"]
)
def test_hydra_reads_back_difficult_texts(text: str) -> None:
    assert _read(PARSER.parse_override(f"key={written(text)}").value()) == text


def test_equal_launches_have_equal_settings(tmp_path: Path) -> None:
    found = compare_settings(cell(tmp_path / "a"), cell(tmp_path / "b"))
    assert not found.differ and found.provenance == ()


def test_only_what_differs_is_named_with_both_values(tmp_path: Path) -> None:
    changed = config_of(
        limits__max_tokens=900, task__expression="1 + 1", model__params={"temperature": 0.5}, band__new=True
    )
    del changed["limits"]["max_steps"]
    found = compare_settings(cell(tmp_path / "a"), cell(tmp_path / "b", config=changed))
    assert set(found.config) == {
        Change("limits.max_tokens", "500", "900"),
        Change("task.expression", '"(2^10 + 3^5) * 7 - 100"', '"1 + 1"'),
        Change("+model.params.temperature", None, "0.5"),
        Change("+band.new", None, "true"),
    }
    assert found.unwritable == (Change("limits.max_steps", "null", None),)


def test_a_number_and_its_text_are_two_values(tmp_path: Path) -> None:
    found = compare_settings(cell(tmp_path / "a"), cell(tmp_path / "b", config=config_of(runs__seed="0"))).config
    assert found == (Change("runs.seed", "0", '"0"'),)


def test_knobs_that_cannot_change_a_result_are_provenance(tmp_path: Path) -> None:
    one = config_of(runs__concurrency=1) | {"store": "a", "verbose": False}
    other = config_of(runs__concurrency=8) | {"store": "b", "verbose": True}
    old, new = (
        cell(tmp_path / "a", config=one),
        cell(tmp_path / "b", config=other, manifest=manifest_of(commit="f" * 8)),
    )
    found = compare_settings(old, new)
    assert not found.differ
    assert {change.name for change in found.provenance} == {"commit", "store", "verbose", "runs.concurrency"}


def _choose(folder: Path, **choices: str) -> None:
    node = {"hydra": {"runtime": {"choices": {**choices, "hydra/launcher": folder.name}}}}
    (folder / ".hydra" / "hydra.yaml").write_text(yaml.safe_dump(node))


def test_a_group_choice_stands_for_what_it_brings_along(tmp_path: Path) -> None:
    changed = config_of(
        model__id="claude", model__kind="anthropic", model__params={"top_p": 0.5}, limits__max_tokens=900
    )
    overrides = ["task=arithmetic", "model=claude", "+model.params.top_p=0.5"]
    one, other = write_launch(tmp_path / "a"), write_launch(tmp_path / "b", config=changed, overrides=overrides)
    _choose(one, model="simulated", task="arithmetic")
    _choose(other, model="claude", task="arithmetic")
    found = compare_settings(load(one).cells[0], load(other).cells[0]).config
    assert [change.name for change in found] == ["model", "++model.params.top_p", "limits.max_tokens"]
    assert found[0] == Change("model", "simulated", "claude")


def test_the_words_of_a_prompt_that_changed_are_shown_in_context(tmp_path: Path) -> None:
    start, end = "one two three " * 20, " four five six" * 20
    found = words(f"{start}mask the past{end}", f"{start}mask the future steps{end}")
    assert [(piece.kind, piece.text) for piece in found if piece.kind in "-+"] == [("-", "past"), ("+", "future steps")]
    assert [piece.kind for piece in found] == ["…", "=", "-", "+", "=", "…"]
    assert len("".join(piece.text for piece in found)) < 150
    assert words("same", "same") == ()


def test_every_word_of_both_texts_is_there_when_they_are_short() -> None:
    for old, new in (("a b c", "a c d"), ("", "new"), ("gone", ""), ("a\n\nb", "a b")):
        found = words(old, new)
        assert "".join(piece.text for piece in found if piece.kind in "=-") == old
        assert "".join(piece.text for piece in found if piece.kind in "=+") == new


def test_prompt_tools_grader_model_and_versions_are_compared(tmp_path: Path) -> None:
    from dataclasses import replace

    tools = ({"name": "python_expression", "description": "Run Python code.", "input_schema": {}}, {"name": "look"})
    run = passed(1)
    shown = replace(run, rollout=replace(conversation(1, prompt="Compute it."), tools=tools, system="Be brief."))
    manifest = manifest_of(
        versions=versions() | {"torch": "9.9"},
        digests={"prompt": "x", "tools": "y", "grader": "z"},
        model={"id": "claude", "kind": "anthropic", "simulated": False},
    )
    found = compare_settings(cell(tmp_path / "a", runs=[run]), cell(tmp_path / "b", runs=[shown], manifest=manifest))
    assert [piece.text for piece in found.system if piece.kind == "+"] == ["Be brief."]
    assert next(piece.text for piece in found.prompt if piece.kind == "+") == "Compute"
    assert [change.name for change in found.tools] == [
        "python_expression description",
        "python_expression input_schema",
        "look",
    ]
    assert found.grader == (Change("grader", "3" * 16, "z"),)
    assert found.model == (Change("model", "simulated", "claude"),)
    assert [change.name for change in found.versions] == ["torch"]
