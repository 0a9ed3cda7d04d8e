"""JSON however deep: parsed if it can be, cut where it cannot, refused where it is none."""

import json

import pytest

from evalkit.deepjson import DEPTH, loads


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
