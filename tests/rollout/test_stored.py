"""Stored rollouts: the same as in memory, with the conversation on disk."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

from evalkit.results.writing import put_away
from evalkit.rollout.journal import write_rollout
from evalkit.rollout.limits import Limits, clip
from evalkit.rollout.record import Ending, Rollout
from evalkit.rollout.stored import StoredRollout
from tests.builders import rollout, turn
from tests.runs import passed


def stored(folder: Path) -> tuple[Rollout, StoredRollout]:
    whole = rollout(turn(100), turn(200, answer={"x": 1}), run=7)
    write_rollout(folder / "0007.jsonl", whole)
    return whole, StoredRollout.of(whole, folder / "0007.jsonl")


def test_every_field_and_count_reads_as_in_memory(tmp_path: Path) -> None:
    whole, found = stored(tmp_path)
    for name in [field.name for field in fields(Rollout)]:
        assert getattr(found, name) == getattr(whole, name), name
    for name in ("output_tokens", "input_tokens", "steps", "tool_errors", "submission", "asks_for_more"):
        assert getattr(found, name) == getattr(whole, name), name


def test_counts_need_no_file_and_the_conversation_is_not_in_memory(tmp_path: Path) -> None:
    whole, found = stored(tmp_path)
    (tmp_path / "0007.jsonl").unlink()
    assert (found.output_tokens, found.steps) == (whole.output_tokens, whole.steps)
    assert not {"turns", "prompt", "tools"} & set(vars(found))


def test_a_copy_and_a_clipped_one_count_for_themselves(tmp_path: Path) -> None:
    whole, found = stored(tmp_path)
    assert replace(found, ending=Ending.ERROR).output_tokens == whole.output_tokens
    clipped = clip(found, Limits(max_tokens=150))
    assert (clipped.output_tokens, clipped.ending) == (150, clip(whole, Limits(max_tokens=150)).ending)


def test_a_run_is_put_away_into_its_output_directory_unless_the_disk_refuses(tmp_path: Path) -> None:
    run = put_away(tmp_path, passed(3))
    assert isinstance(run.rollout, StoredRollout) and (tmp_path / "rollouts" / "0003.jsonl").is_file()
    (tmp_path / "file").write_text("")
    kept = put_away(tmp_path / "file", passed(3))
    assert type(kept.rollout) is Rollout
