"""The store: one rollout per run and set, whoever asks; sets are chosen by what their limits dominate."""

import asyncio
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.rollout.journal import load, write_rollout
from evalkit.rollout.limits import Limits
from evalkit.sampling import claims
from evalkit.sampling.store import Key, RolloutSet, Store, _limits, _slug, digest
from evalkit.util.errors import ClaimLostError, UserError
from tests.builders import rollout, turn

KEY = Key({"prompt": "?"})


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "rollouts")


def fill(known, *runs):
    for run in runs:
        write_rollout(known.path(run), rollout(turn(10, answer=1), run=run))


def test_a_digest_does_not_depend_on_the_order_of_keys():
    assert digest({"a": 1, "b": {"c": 2, "d": 3}}) == digest({"b": {"d": 3, "c": 2}, "a": 1})
    assert digest(["a", "b"]) != digest(["b", "a"])


def test_the_same_limits_find_the_same_set(store):
    first = store.find("t", KEY, Limits(max_tokens=100), 10, "exact")
    assert store.find("t", KEY, Limits(max_tokens=100), 10, "exact") == first
    assert store.find("t", KEY, Limits(max_tokens=200), 10, "exact") != first
    assert store.find("t", Key({"prompt": "!"}), Limits(max_tokens=100), 10, "exact") != first


def test_a_dominating_set_serves_smaller_limits(store):
    large = store.find("t", KEY, Limits(max_tokens=4000), 10, "dominating")
    fill(large, 1, 2)
    assert store.find("t", KEY, Limits(max_tokens=1000, max_steps=5), 10, "dominating") == large
    assert store.find("t", KEY, Limits(max_tokens=1000), 10, "exact") != large
    assert store.find("t", KEY, Limits(max_tokens=5000), 10, "dominating") != large
    assert store.find("t", KEY, Limits(max_tokens=1000, tool_timeout_s=1), 10, "dominating") != large


def test_of_several_sets_the_fullest_is_taken(store):
    small, large = (store.find("t", KEY, Limits(max_tokens=n), 3, "exact") for n in (2000, 4000))
    fill(small, 1)
    fill(large, 1, 2, 3)
    assert store.find("t", KEY, Limits(max_tokens=1000), 3, "dominating") == large
    os.utime(small.folder / "set.json", (time.time() + 5, time.time() + 5))
    assert store.find("t", KEY, Limits(max_tokens=1000), 3, "dominating") == large  # older, and fuller
    fill(small, 2, 3)
    assert store.find("t", KEY, Limits(max_tokens=1000), 3, "dominating") == small


def test_never_starts_a_new_set_each_time(store):
    names = {store.find("t", KEY, Limits(), 1, "never").name for _ in range(3)}
    assert len(names) == 3


def test_unfinished_rollouts_do_not_count_as_complete(store):
    known = store.find("t", KEY, Limits(), 3, "exact")
    fill(known, 1, 2)
    torso = known.path(2).read_bytes().splitlines(keepends=True)[:-1]
    known.path(2).write_bytes(b"".join(torso))
    assert known.complete() == [1]


def test_a_newer_set_is_refused(store):
    known = store.find("t", KEY, Limits(), 3, "exact")
    about = known.folder / "set.json"
    about.write_text(about.read_text().replace('"version": "1.0"', '"version": "2.0"'))
    with pytest.raises(UserError, match="newer evalkit"):
        store.sets("t", KEY)


@pytest.mark.parametrize("content", [b"", b"{", b"null", b"[]", b"{}", b'{"version": "1.0"}', b"\xff", b"[" * 100_000])
@pytest.mark.parametrize("reuse", ["dominating", "never"])
def test_a_damaged_set_is_repaired_and_its_rollouts_are_used(store, content, reuse):
    limits = Limits(max_tokens=4_000_001, max_steps=7, timeout_s=0.1)
    known = store.find("t", KEY, limits, 3, reuse, since=1.0)
    fill(known, 1, 2)
    about = known.folder / "set.json"
    whole = about.read_bytes()
    about.write_bytes(content)
    assert store.find("t", KEY, limits, 3, reuse, since=1.0) == known
    assert about.read_bytes() == whole


def test_a_damaged_set_that_cannot_be_named_is_left_alone(store):
    known = store.find("t", KEY, Limits(), 3, "exact")
    other = known.folder.with_name("somebody's own")
    other.mkdir()
    (other / "set.json").write_text("{")
    assert store.sets("t", KEY) == [known]


@given(
    st.builds(
        Limits,
        max_tokens=st.none() | st.integers(1, 10**12),
        max_tokens_per_turn=st.none() | st.integers(1, 10**12),
        max_steps=st.none() | st.integers(1, 10**9),
        timeout_s=st.none() | st.floats(1e-3, 1e9),
        tool_timeout_s=st.floats(1e-3, 1e9),
    )
)
def test_the_name_of_a_set_says_its_limits_exactly(limits):
    assert _limits(_slug(limits)) == limits


def test_a_store_that_cannot_be_written_is_a_users_mistake(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"):
        Store(tmp_path / "file" / "x").find("t", KEY, Limits(), 1, "exact")


async def test_a_journal_of_the_store_is_a_complete_rollout_in_the_end(store):
    known = store.find("t", KEY, Limits(), 1, "exact")
    whole = rollout(turn(10), turn(5, answer=3), run=1)
    claim = known.claims.of(1)
    assert claim.take()
    journal = known.journal(whole, None, claim)
    for each in whole.turns:
        journal.response(each, 0.1, 0.0)
        journal.reply(each)
    journal.end(whole)
    assert known.load(1).rollout == whole
    assert known.complete() == [1]
    assert load(known.path(1)).complete
    await asyncio.sleep(0)


async def test_a_process_that_lost_its_claim_writes_nothing_more(store):
    known = store.find("t", KEY, Limits(), 1, "exact")
    whole = rollout(turn(10), turn(5, answer=3), run=1)
    claim = known.claims.of(1)
    assert claim.take()
    async with claim:
        journal = known.journal(whole, None, claim)
        claim.path.write_text("another process")
        with pytest.raises(ClaimLostError):
            journal.response(whole.turns[0], 0.1, 0.0)
        with pytest.raises(ClaimLostError):
            known.journal(whole, None, claim)
        with pytest.raises(ClaimLostError):
            known.exchange(whole, claim)
        journal.close()
    assert not known.path(1).exists()
    assert claim.path.read_text() == "another process"


@pytest.mark.parametrize("answers", [0, 1])
async def test_a_process_that_stood_still_before_a_rename_does_not_undo_what_its_successor_bought(
    store, monkeypatch, answers
):
    """It looked at its claim, stood still for longer than its lease, and renames its file when it wakes."""
    monkeypatch.setattr(claims, "LEASE_S", 0.2)
    known = store.find("t", KEY, Limits(), 1, "exact")
    whole = rollout(turn(10), turn(20), turn(5, answer=3), run=1)
    if answers:
        write_rollout(known.path(1), whole)
        known.path(1).write_bytes(b"".join(known.path(1).read_bytes().splitlines(keepends=True)[:3]))
    sleeper, successor = known.claims.of(1), RolloutSet(known.folder, known.limits).claims.of(1)
    assert sleeper.take()
    rename = Path.replace

    def late(path: Path, target: Path) -> Path:
        if target == known.path(1):
            monkeypatch.setattr(Path, "replace", rename)
            while not successor.take():
                time.sleep(0.05)
            journal = known.journal(whole, known.load(1), successor)
            for each in whole.turns[answers:]:
                journal.response(each, 0.1, 0.0)
                journal.reply(each)
            journal.end(whole)
        return rename(path, target)

    monkeypatch.setattr(Path, "replace", late)
    with pytest.raises(ClaimLostError):
        journal = known.journal(whole, known.load(1), sleeper)
        journal.response(whole.turns[answers], 0.1, 0.0)
    assert known.load(1).complete
    assert known.load(1).rollout == whole
    assert not list(known.folder.glob(".*"))


def test_what_others_lay_into_a_set_or_take_from_it_is_no_rollout(store, monkeypatch):
    """Copies that synchronizers and people make, links to nowhere, folders; files that vanish while one looks."""
    known = store.find("t", KEY, Limits(), 3, "exact")
    fill(known, 1, 2, 3)
    whole = known.path(1).read_bytes()
    for name in ("0001 (copy).jsonl", "0001.sync-conflict-2026.jsonl", "1.jsonl", "00001.jsonl", "._0001.jsonl", "²"):
        (known.folder / name).with_suffix(".jsonl").write_bytes(whole)
    (known.folder / "0004.jsonl").symlink_to("nowhere")
    (known.folder / "0005.jsonl").mkdir()
    (known.folder / "other.jsonl").mkdir()
    assert known.complete() == [1, 2, 3]
    assert store.find("t", KEY, Limits(), 3, "exact") == known
    monkeypatch.setattr(RolloutSet, "complete", lambda self, tries: [1, 2, 3, 4, 6])  # 4 and 6 were there a moment ago
    assert sum(known.answered(9).values()) <= 3
    assert known.sampled([1, 4, 6]).startswith("on 2")
    assert known.sampled([6]) == "on an unknown day"


def test_a_long_last_line_is_seen_to_be_the_end(store):
    known = store.find("t", KEY, Limits(), 1, "exact")
    whole = rollout(turn(5, answer=3), run=1)
    write_rollout(known.path(1), replace(whole, detail="x" * 10_000))
    assert known.complete() == [1]
