"""Launches over sets of problems played back: the whole set, and a part of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.launching import launch

SET = ("task=positional_attention_strict", "runs.concurrency=4", "problems.count=4")


@pytest.mark.asyncio
async def test_a_replayed_set_is_the_same_and_so_is_a_part_of_it(tmp_path: Path) -> None:
    first = tmp_path / "first"
    await launch(first, *SET, "model=simulated", "runs.count=3", store=tmp_path / "store")
    replay = (*SET, "model=replay", f"model.replay_from={first}")
    await launch(tmp_path / "again", *replay, "runs.count=3", store=tmp_path / "other")
    for name in ("runs.jsonl", "problems.jsonl"):
        assert (tmp_path / "again" / name).read_bytes() == (first / name).read_bytes()
    await launch(tmp_path / "part", *replay, "problems.ids=[2,4]", "runs.count=2", store=tmp_path / "other")
    lines = (first / "runs.jsonl").read_text().splitlines()
    kept = [line for line in lines if '"problem": "2"' in line or '"problem": "4"' in line]
    assert (tmp_path / "part" / "runs.jsonl").read_text().splitlines() == [
        line for line in kept if '"try": 3' not in line
    ]
