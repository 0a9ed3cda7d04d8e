"""Rollout files: nothing that was paid for is lost, and nothing damaged is trusted."""

import errno
import json
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalkit.rollout.journal import Journal, _seal, load, read_rollout, write_rollout
from evalkit.rollout.record import Ending, FailedAttempt
from evalkit.util import bounded_json
from evalkit.util.errors import ClaimLostError, UserError
from tests.builders import message, rollout, text, turn


@pytest.fixture
def whole():
    return rollout(turn(100), turn(200), turn(50, answer={"x": [1, 2.5, None, "ü\u2028"]}))


def test_what_is_written_is_read(tmp_path, whole):
    write_rollout(tmp_path / "1.jsonl", whole)
    assert read_rollout(tmp_path / "1.jsonl") == whole


def test_equal_rollouts_are_equal_bytes(tmp_path, whole):
    write_rollout(tmp_path / "a", whole)
    write_rollout(tmp_path / "b", read_rollout(tmp_path / "a"))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_response_is_on_disk_before_anything_is_done_with_it(tmp_path, whole):
    journal = Journal(tmp_path / "1.jsonl")
    journal.begin(whole)
    journal.response(whole.turns[0], 1.0, 0.0)
    loaded = load(tmp_path / "1.jsonl")  # read while the writer still has it open
    assert [t.response for t in loaded.rollout.turns] == [whole.turns[0].response]
    assert not loaded.complete
    journal.close()


def test_a_half_written_line_loses_that_line_alone(tmp_path, whole):
    path = tmp_path / "1.jsonl"
    write_rollout(path, whole)
    lines = path.read_bytes().splitlines(keepends=True)
    for cut in (1, len(lines[3]) // 2, len(lines[3]) - 1):
        path.write_bytes(b"".join(lines[:3]) + lines[3][:cut])
        loaded = load(path)
        assert loaded.damage
        assert loaded.rollout.turns == whole.turns[:1]


def test_a_changed_line_is_noticed_and_what_follows_is_not_trusted(tmp_path, whole):
    path = tmp_path / "1.jsonl"
    write_rollout(path, whole)
    path.write_bytes(path.read_bytes().replace(b'"output_tokens":200', b'"output_tokens":201'))
    loaded = load(path)
    assert "line 4" in loaded.damage
    assert len(loaded.rollout.turns) == 1
    with pytest.raises(UserError, match="damaged"):
        read_rollout(path)


def test_a_removed_line_is_noticed(tmp_path, whole):
    path = tmp_path / "1.jsonl"
    write_rollout(path, whole)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:1] + lines[3:]))
    assert load(path).damage


def test_an_unfinished_record_goes_on_where_it_stopped(tmp_path, whole):
    path = tmp_path / "1.jsonl"
    write_rollout(path, whole)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:3]) + b'{"type":"resp')
    journal = Journal(path)
    journal.go_on(load(path))
    for later in whole.turns[1:]:
        journal.response(later, 0.0, 0.0)
        journal.reply(later)
    journal.end(whole)
    assert read_rollout(path) == whole


def lines_of(path, story):
    write_rollout(path, story)
    return path.read_bytes().splitlines(keepends=True)


def test_a_complete_rollout_stays_complete_whatever_stands_after_its_end(tmp_path, whole):
    path = tmp_path / "1.jsonl"
    lines = lines_of(path, whole)
    for after in (lines[-1], lines[-3], lines[0], b"half a li", b"\0" * 100):
        path.write_bytes(b"".join(lines) + after)
        loaded = load(path)
        assert (loaded.rollout, loaded.complete, loaded.trusted) == (whole, True, b"".join(lines))
        assert "after the end" in loaded.damage
    path.write_bytes(b"".join(lines))
    journal = Journal(path)
    journal.go_on(load(path))
    journal.end(whole)  # as a version that did not look would go on
    loaded = load(path)
    assert (loaded.rollout, loaded.complete, loaded.trusted) == (whole, True, b"".join(lines))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_of_two_writers_in_one_file_the_one_that_came_to_an_end_is_kept(tmp_path, whole, data):
    """In whatever order their lines stand, from wherever they began to differ, with torn lines between."""
    path = tmp_path / "1.jsonl"
    mine = lines_of(path, whole)
    other = rollout(turn(100), turn(201), turn(202), turn(203), turn(204))
    theirs = lines_of(path, other)[:-1]
    shared = sum(one == two for one, two in zip(mine, theirs, strict=False))
    assert shared == 3
    file, queues = mine[:shared], [mine[shared:], theirs[shared:]]
    cut = data.draw(st.integers(0, len(queues[1])))
    queues[1] = queues[1][:cut]
    while any(queues):
        chosen = data.draw(st.sampled_from([queue for queue in queues if queue]))
        file.append(chosen.pop(0))
        if data.draw(st.integers(0, 5)) == 0:
            file.append(data.draw(st.sampled_from([b"torn\n", file[-1][:-2] + b"\n"])))
    path.write_bytes(b"".join(file))
    loaded = load(path)
    assert loaded.complete
    assert loaded.rollout == whole
    assert loaded.trusted == b"".join(mine)


def test_of_two_unfinished_writers_the_one_that_came_further_is_kept(tmp_path, whole):
    path = tmp_path / "1.jsonl"
    mine, theirs = lines_of(path, whole), lines_of(path, rollout(turn(100), turn(201), turn(202)))
    path.write_bytes(b"".join([*mine[:4], theirs[3], theirs[4], theirs[5], mine[4]]))
    loaded = load(path)
    assert not loaded.complete
    assert [turn.output_tokens for turn in loaded.rollout.turns] == [100, 201, 202]
    assert "another writer" in loaded.damage
    journal = Journal(path)
    journal.go_on(loaded)
    journal.close()
    assert not load(path).damage


def test_a_writer_that_was_replaced_reaches_the_file_no_more(tmp_path, whole):
    path = tmp_path / "1.jsonl"
    old = Journal(path)
    old.begin(whole)
    old.response(whole.turns[0], 0.0, 0.0)
    new = Journal(path)
    new.go_on(load(path))
    before = path.read_bytes()
    old.reply(whole.turns[0])
    assert path.read_bytes() == before
    new.reply(whole.turns[0])
    assert len(load(path).rollout.turns) == 1
    assert not load(path).damage
    new.close()
    old.close()


def test_a_journal_asks_before_every_write(tmp_path, whole):
    class Refused(Exception):
        pass

    asked = []

    def guard():
        asked.append(1)
        if len(asked) == refuse_at:
            raise Refused

    lines_before = {1: 0, 2: 0, 3: 0, 4: 2, 5: 3}  # the first answer brings the header and is asked for twice
    for refuse_at, lines in lines_before.items():
        asked.clear()
        path = tmp_path / f"{refuse_at}.jsonl"
        journal = Journal(path, guard=guard)
        with pytest.raises(Refused):
            journal.begin(whole)
            journal.response(whole.turns[0], 0.0, 0.0)
            journal.reply(whole.turns[0])
            journal.end(whole)
        journal.close()
        assert (len(path.read_bytes().splitlines()) if path.exists() else 0) == lines
        assert [left for left in tmp_path.iterdir() if left.suffix != ".jsonl"] == []


def test_what_nobody_answered_leaves_no_file_and_failed_attempts_stand_before_the_first_answer(tmp_path, whole):
    path = tmp_path / "1.jsonl"
    for answered in (False, True):
        journal = Journal(path)
        journal.begin(whole)
        journal.failed(FailedAttempt("no answer", 1.0, 0.5))
        if answered:
            journal.response(whole.turns[0], 0.0, 0.0)
        journal.end(whole)
        assert path.exists() == answered
    assert [json.loads(line)["type"] for line in path.read_bytes().splitlines()] == [
        *("rollout", "attempt", "response", "end")
    ]


def test_a_disk_that_refuses_a_replaced_file_says_that_another_process_took_over(tmp_path, whole, monkeypatch):
    """A file server calls the file stale that another machine replaced."""
    lost = []

    def guard() -> None:
        if lost:
            raise ClaimLostError("lost")

    def stale(*_: object) -> int:
        lost.append(1)
        raise OSError(errno.ESTALE, "Stale file handle")

    journal = Journal(tmp_path / "1.jsonl", guard=guard)
    journal.begin(whole)
    journal.response(whole.turns[0], 0.0, 0.0)
    monkeypatch.setattr(os, "write", stale)
    with pytest.raises(ClaimLostError):
        journal.reply(whole.turns[0])


def test_nothing_is_written_behind_half_a_line(tmp_path, whole, monkeypatch):
    path = tmp_path / "1.jsonl"
    journal = Journal(path)
    journal.begin(whole)
    journal.response(whole.turns[0], 0.0, 0.0)
    write = os.write

    def full(file: int, content: bytes) -> int:
        if len(content) < 20:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, content[: len(content) // 2])

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space"):
        patch.setattr(os, "write", full)
        journal.reply(whole.turns[0])
    half = path.read_bytes()
    with pytest.raises(OSError, match="descriptor"):  # there is room again
        journal.reply(whole.turns[0])
    assert path.read_bytes() == half
    assert len(load(path).rollout.turns) == 1


def test_a_record_that_is_replaced_while_it_is_read_is_read_again(tmp_path, whole, monkeypatch):
    path = tmp_path / "1.jsonl"
    write_rollout(path, whole)
    read, failed = Path.read_bytes, []

    def replaced(self: Path) -> bytes:
        if len(failed) < 3:
            failed.append(1)
            raise OSError(errno.ESTALE, "Stale file handle")
        return read(self)

    monkeypatch.setattr(Path, "read_bytes", replaced)
    assert load(path).rollout == whole


def test_an_empty_file_holds_nothing(tmp_path):
    (tmp_path / "1.jsonl").touch()
    assert load(tmp_path / "1.jsonl").damage == "it is empty"


def test_a_newer_major_version_is_refused(tmp_path, whole, monkeypatch):
    monkeypatch.setattr("evalkit.rollout.journal.VERSION", "2.0")
    write_rollout(tmp_path / "1.jsonl", whole)
    monkeypatch.undo()
    with pytest.raises(UserError, match=r"2\.0.*newer evalkit"):
        read_rollout(tmp_path / "1.jsonl")


def line_of(line, before=""):
    """A line with the digest that belongs to it, and that digest."""
    return _seal(line, before)


@pytest.mark.parametrize(
    "later",
    [
        {"type": "end", "ending": "fell_asleep", "detail": "", "leaked": False},
        {"type": "end", "why": "a newer evalkit says it so"},
        {"type": "reply", "reply": [], "submission": 7},
        {"type": "reply", "reply": 7},
        {"type": "attempt", "count": 3},
        {"type": "response", "response": message(text("hm"))},
    ],
)
def test_what_a_newer_minor_version_says_otherwise_is_refused_in_one_sentence(tmp_path, whole, later):
    path = tmp_path / "1.jsonl"
    lines = lines_of(path, whole)[:2]
    added, _ = line_of(later, json.loads(lines[-1])["digest"])
    path.write_bytes(b"".join(lines) + added)
    with pytest.raises(UserError, match=r"line 3 of .*1\.jsonl says what this evalkit does not know .*newer evalkit"):
        load(path)


def test_what_a_newer_minor_version_adds_is_kept_and_not_minded(tmp_path, whole):
    path = tmp_path / "1.jsonl"
    lines = lines_of(path, whole)[:2]
    added, _ = line_of({"type": "dream", "of": "sheep"}, json.loads(lines[-1])["digest"])
    path.write_bytes(b"".join(lines) + added)
    loaded = load(path)
    assert (loaded.damage, len(loaded.rollout.turns), loaded.trusted) == ("", 1, path.read_bytes())


def test_the_first_line_is_a_header_or_the_file_is_another_versions(tmp_path, whole):
    path = tmp_path / "1.jsonl"
    path.write_bytes(line_of({"type": "reply", "reply": None})[0])
    with pytest.raises(UserError, match="line 1 of"):
        load(path)
    path.write_bytes(line_of({"type": "rollout", "version": "1.7"})[0])
    with pytest.raises(UserError, match="newer evalkit"):
        load(path)


def test_a_response_as_long_as_one_may_be_is_read_again(tmp_path):
    """What comes as three bytes a character is written as six."""
    long = rollout(turn(5, answer=1))
    response = message(text("\u65e5" * (bounded_json.SIZE // 5)))
    long = replace(long, turns=(replace(long.turns[0], response=response), *long.turns[1:]))
    write_rollout(tmp_path / "1.jsonl", long)
    assert (tmp_path / "1.jsonl").stat().st_size > bounded_json.SIZE
    assert read_rollout(tmp_path / "1.jsonl") == long


def test_every_line_is_on_the_disk_before_anything_is_done_with_it(tmp_path, whole, monkeypatch):
    """Not only in the system's memory, which a power loss empties: the last thing that happens is a sync."""
    synced: dict[int, int] = {}
    sync, path = os.fsync, tmp_path / "r.jsonl"

    def watched(file: int) -> None:
        sync(file)
        synced[os.fstat(file).st_ino] = os.fstat(file).st_size

    monkeypatch.setattr(os, "fsync", watched)

    def is_synced() -> bool:
        return synced.get(path.stat().st_ino) == path.stat().st_size

    journal = Journal(path)
    journal.begin(whole)
    for one in whole.turns:
        journal.response(one, 1.0, 0.0)
        assert is_synced()
        assert tmp_path.stat().st_ino in synced  # its name, too
        journal.reply(one)
        assert is_synced()
    journal.end(whole)
    assert is_synced()


def test_every_line_is_json_with_a_digest(tmp_path, whole):
    write_rollout(tmp_path / "1.jsonl", whole)
    lines = [json.loads(line) for line in (tmp_path / "1.jsonl").read_text().splitlines()]
    assert [line["type"] for line in lines] == ["rollout", *["response", "reply"] * 3, "end"]
    assert all(len(line["digest"]) == 16 for line in lines)


def test_lone_surrogates_and_unknown_blocks_survive(tmp_path):
    odd = rollout(turn(5, reply=None), ending=Ending.GAVE_UP)
    response = message(text("\ud800"), {"type": "brand_new", "payload": [1]}, brand_new_key=True)
    odd = odd.__class__(**{**vars(odd), "turns": (odd.turns[0].__class__(100, response),)})
    write_rollout(tmp_path / "1.jsonl", odd)
    assert read_rollout(tmp_path / "1.jsonl") == odd


def test_times_and_failed_attempts_of_every_sitting_add_up(tmp_path, whole):
    path, seconds = tmp_path / "1.jsonl", []
    for sitting in range(3):
        journal = Journal(path, fsync=False)
        if sitting:
            journal.go_on(load(path))
        else:
            journal.begin(whole)
        time.sleep(0.05)
        journal.failed(FailedAttempt(f"sitting {sitting}", 0.5, 0.25))
        journal.response(whole.turns[0], 1.5, 0.01)
        journal.close()
        timing = load(path).rollout.timing
        seconds.append(timing.seconds)
    assert seconds[0] >= 0.04
    assert seconds[1] >= seconds[0] + 0.04
    assert seconds[2] >= seconds[1] + 0.04
    assert timing.turns == (1.5, 1.5, 1.5)
    assert timing.waited == pytest.approx(0.03)
    assert timing.failed == tuple(FailedAttempt(f"sitting {sitting}", 0.5, 0.25) for sitting in range(3))
