"""The store: one rollout per run and set, whoever asks; sets are chosen by what their limits dominate."""

import asyncio
import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.rollout.journal import load, write_rollout
from evalkit.rollout.limits import Limits
from evalkit.sampling.store import Key, Store, _limits, _slug, digest
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
        before = known.path(1).read_bytes()
        with pytest.raises(ClaimLostError):
            journal.response(whole.turns[0], 0.1, 0.0)
        with pytest.raises(ClaimLostError):
            known.journal(whole, None, claim)
        journal.close()
    assert known.path(1).read_bytes() == before
    assert claim.path.read_text() == "another process"
