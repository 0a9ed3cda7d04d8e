"""Text of models and providers on a terminal: nothing in it is obeyed. Number formats."""

import codecs
import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.util.text import (
    ASCII_MARKS,
    counted,
    dollars,
    duration,
    fitted,
    for_encoding,
    in_ascii,
    percent,
    plain,
    short_names,
)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[H", ""),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]52;c;ZXZpbA==\x07", ""),
        ("\x1bPq#0\x1b\\after", "after"),
        ("\x1bc", ""),
        ("bell\x07", "bell\ufffd"),
        ("\x9b31mred", "\ufffd31mred"),
        ("back\x08\x08", "back\ufffd\ufffd"),
        ("over\rwritten", "over\ufffdwritten"),
        ("line\r\nline", "line\nline"),
        ("right\u202eto left", "right\ufffdto left"),
        ("zero\u200bwidth", "zero\ufffdwidth"),
        ("half \ud83d", "half \ufffd"),
        ("\x1b", "\ufffd"),
        ("[bold]kept[/bold] é ✓ 漢字\ttab", "[bold]kept[/bold] é ✓ 漢字\ttab"),
    ],
)
def test_what_a_terminal_obeys_is_removed(raw, shown):
    assert plain(raw) == shown


@given(st.text(st.characters(codec=None), max_size=200), st.booleans(), st.integers(1, 50) | st.none())
def test_no_control_character_survives(raw, one_line, limit):
    shown = plain(raw, one_line=one_line, limit=limit)
    allowed = "" if one_line else "\n\t"
    control = {"Cc", "Cs", "Zl", "Zp"}
    assert not [found for found in shown if unicodedata.category(found) in control and found not in allowed]
    shown.encode("utf-8")
    assert limit is None or len(shown) <= limit
    assert plain(shown, one_line=one_line) == shown


def test_a_huge_text_is_cut_before_it_is_searched():
    assert plain("x" * 50_000_000, limit=20) == "x" * 19 + "…"


def test_marks_have_an_ascii_form():
    assert for_encoding("✓ Run 1 … – ≈3", "ascii") == "+ Run 1 ... - ~3"
    assert for_encoding("漢", "latin-1") == "?"
    assert for_encoding("✓", "utf-8") == "✓"
    assert for_encoding("✓", None) == "✓"
    assert for_encoding("✓", "no-such-encoding") == "+"


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (counted(1, "run"), "1 run"),
        (counted(0, "run"), "0 runs"),
        (counted(1200, "batch", "batches"), "1,200 batches"),
        (percent(4 / 15), "26.7%"),
        (dollars(0), "$0.00"),
        (dollars(0.00042), "$0.00042"),
        (dollars(0.15), "$0.15"),
        (dollars(1234.5), "$1,234.50"),
        (duration(0.3), "0.30 s"),
        (duration(12.34), "12.3 s"),
        (duration(185), "3 min 05 s"),
        (duration(7620), "2 h 07 min"),
    ],
)
def test_numbers_read_well(shown, expected):
    assert shown == expected


class Terminal(io.StringIO):
    """A stream that claims to be one."""

    def isatty(self) -> bool:
        return True


LONG = [
    "Model: simulated, because no API key is set: its agents are scripted and measure no language model at all.",
    "  runs.count=10                how many rollouts, each of which is an independent try, whatever the model does",
    "evalkit: /a/very/long/path/that/nobody/can/break/without/making/it/useless/for/whoever/copies/it/out.html is it",
    "short",
    "",
]


@pytest.mark.parametrize("columns", [40, 80, 160])
def test_a_terminal_breaks_sentences_between_words_only(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    shown = fitted("\n".join(LONG), Terminal())
    assert shown.split() == " ".join(LONG).split()
    assert all(len(line) <= columns or len(line.split()) == 1 for line in shown.split("\n"))
    assert fitted("short\n", Terminal()) == "short\n"


def test_what_follows_hangs_below_the_last_column(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "70")
    first, second, *_ = fitted(LONG[1], Terminal()).split("\n")
    assert first.index("how many") == len(second) - len(second.lstrip())


def test_pipes_and_files_get_lines_as_they_are() -> None:
    assert fitted("\n".join(LONG), io.StringIO()) == "\n".join(LONG)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8", "cp437"])
def test_a_stream_of_any_encoding_takes_any_text(encoding: str) -> None:
    codecs.register_error(ASCII_MARKS, in_ascii)
    written = "✓ 26.7% → done – … ≈3 日本".encode(encoding, ASCII_MARKS).decode(encoding)
    assert written == "✓ 26.7% → done – … ≈3 日本" if encoding == "utf-8" else "26.7%" in written
    if encoding == "ascii":
        assert written == "+ 26.7% -> done - ... ~3 ??"


@pytest.mark.parametrize(
    ("knobs", "names"),
    [
        (["limits.max_tokens", "task.tolerances.output"], ["max_tokens", "output"]),
        (["limits.timeout_s", "model.timeout_s"], ["limits.timeout_s", "model.timeout_s"]),
        (["task"], ["task"]),
        (["runs.count", "count"], ["runs.count", "count"]),
        ([], []),
    ],
)
def test_a_knob_is_shortened_as_far_as_others_allow(knobs: list[str], names: list[str]) -> None:
    assert short_names(knobs) == names
