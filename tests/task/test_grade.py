"""What every grader reads an answer with: numbers in every reasonable form, and text in or out of a fence."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.task.grade import as_number, readings

GROUPS = [",", "_", " ", "'", "\N{RIGHT SINGLE QUOTATION MARK}", "\N{NO-BREAK SPACE}", "\N{NARROW NO-BREAK SPACE}"]
WHOLE = st.integers(-(10**30), 10**30)


@given(
    number=WHOLE, separator=st.sampled_from(GROUPS), around=st.sampled_from(["{}", " {}\n", "\ufeff{}", "```\n{}\n```"])
)
def test_a_whole_number_is_read_exactly_however_it_is_grouped(number, separator, around):
    assert as_number(number) == number
    assert as_number(around.format(f"{number:,}".replace(",", separator))) == number


@given(number=st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_is_read_as_python_writes_it(number):
    assert as_number(repr(number)) == number == as_number(number)


@given(number=st.integers(1000, 10**9), place=st.integers(1, 12), separator=st.sampled_from(GROUPS))
def test_a_separator_anywhere_else_makes_it_no_number(number, place, separator):
    digits = str(number)
    place = min(place, len(digits) - 1)
    text = digits[:place] + separator + digits[place:]
    regular = place <= 3 and len(digits) - place == 3
    assert as_number(text) == (number if regular else None)


@pytest.mark.parametrize(
    "answer", [True, None, [], {}, "", " ", "x", "1 2", "1__000", ",1", "1,", "1,0000", "0x10", "1j", "²"]
)
def test_what_is_no_number_is_none(answer):
    assert as_number(answer) is None


WIDE = str.maketrans({chr(33 + n): chr(0xFF01 + n) for n in range(94)})


@given(
    number=st.one_of(WHOLE, st.floats(allow_nan=False, allow_infinity=False)),
    sign=st.sampled_from("-\u2212\u2013\uff0d"),
)
def test_signs_digits_and_points_of_other_keyboards_are_read(number, sign):
    text = repr(number)
    assert as_number(text.replace("-", sign)) == number
    if "e" not in text:
        assert as_number(text.translate(WIDE)) == number


@given(
    rest=st.integers(0, 999),
    more=st.sampled_from(["", ",000"]),
    separator=st.sampled_from(GROUPS),
    zeros=st.integers(1, 3),
)
def test_groups_that_start_with_a_zero_are_no_number(rest, more, separator, zeros):
    """`0,769` is 0.769 where the comma is the decimal point, and nobody's 769."""
    assert as_number(f"{'0' * zeros},{rest:03}{more}".replace(",", separator)) is None


def test_integers_that_no_float_can_hold_are_infinite():
    assert as_number(10**400) == math.inf == as_number("1e400")
    assert as_number(-(10**400)) == -math.inf
    assert as_number("9" * 10_000) is None  # nobody's answer


LINES = st.text(st.characters(blacklist_characters="`~\r\n\ufeff", blacklist_categories=["Cs"]), max_size=20)


@given(
    lines=st.lists(LINES, min_size=1, max_size=6),
    mark=st.sampled_from(["```", "~~~", "`````"]),
    info=st.sampled_from(["", "python", " py3"]),
)
def test_what_a_fence_holds_is_a_reading(lines, mark, info):
    body = "x" + "\n".join(lines)
    assert body in readings(body)
    for text in (
        f"{mark}{info}\n{body}\n{mark}",
        f"\ufeffSo:\n{mark}{info}\n{body}\n{mark}\nDone.",
        f"{mark}\r\n{body}",
    ):
        assert body in readings(text)


def test_the_whole_text_comes_first_and_then_the_last_block():
    text = "one\n```\ntwo\n```\nthree\n~~~\nfour\n~~~"
    assert readings(text) == [text, "two\n```\nthree\n~~~\nfour", "four", "two"]


@given(st.text(max_size=300))
def test_any_text_has_readings(text):
    assert readings(text)
