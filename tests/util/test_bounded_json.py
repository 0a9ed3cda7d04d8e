"""JSON however deep: parsed if it can be, cut where it cannot, refused where it is none."""

import json

import pytest

from evalkit.util.bounded_json import DEPTH, DIGITS, NOTE, SIZE, bounded, loads


@pytest.mark.parametrize("depth", [10, 5_000, 100_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[{"b":', "}]")])
def test_depth_is_no_obstacle(depth, opening, closing):
    text = '{"before": [1, "]}[{"], "deep": ' + opening * depth + "1" + closing * depth + ', "after": "\\"]"}'
    parsed = loads(text.encode())
    assert (parsed["before"], parsed["after"]) == ([1, "]}[{"], '"]')
    assert ("nested too deep" in json.dumps(parsed)) == (depth > 10)


def test_siblings_of_what_is_too_deep_are_kept():
    deep = "[" * 5_000 + "]" * 5_000
    inner = loads("[" * (DEPTH - 1) + f"[1, {deep}, 2, {deep}, 3]" + "]" * (DEPTH - 1))
    for _ in range(DEPTH - 1):
        inner = inner[0]
    assert inner == [1, "(nested too deep)", 2, "(nested too deep)", 3]


@pytest.mark.parametrize("text", ["", "[", "{'a': 1}", "[" * 5_000, "]" * 5_000])
def test_what_is_no_json_is_a_value_error(text):
    with pytest.raises(ValueError, match=r"."):
        loads(text)


@pytest.mark.parametrize("number", ["1e999", "-1e400", "NaN", "-Infinity", "7" * (DIGITS + 1), "-" + "7" * 5_000])
def test_a_number_that_cannot_be_held_is_its_own_text(number):
    assert loads(f'{{"a": [{number}]}}') == {"a": [number]}


@pytest.mark.parametrize("number", ["1e308", "5e-324", "1e-999", "7" * DIGITS, "-" + "7" * (DIGITS - 1), "0", "-0.0"])
def test_a_number_that_can_be_held_is_kept(number):
    value = loads(number)
    assert value == json.loads(number)
    assert bounded(value) == value


@pytest.mark.parametrize("depth", [500, 900, 100_000])
def test_depth_that_would_parse_is_cut_all_the_same(depth):
    deep = loads('{"a": ' + "[" * depth + "]" * depth + "}")
    for _ in range(DEPTH - 1):
        (deep,) = deep.values() if isinstance(deep, dict) else deep
    assert deep == [NOTE]


def test_what_python_code_made_is_bounded_alike():
    assert bounded({"a": (float("nan"), float("-inf")), "b": 10**DIGITS}) == {
        "a": ["NaN", "-Infinity"],
        "b": f"{10**DIGITS:#x}",
    }
    assert bounded([[[]]], 2) == [[NOTE]]


def test_a_text_without_an_end_is_not_parsed():
    with pytest.raises(ValueError, match="longer than"):
        loads("[" * (SIZE + 1))


def test_a_quote_that_is_never_closed_is_searched_once():
    with pytest.raises(ValueError, match=r"."):
        loads("[" * 100_000 + '"\\"' * 1_000_000)
