"""Dotted names: the same for mappings, objects and both within each other."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from evalkit.util import dotted


def tree():
    return {"a": 1, "b": SimpleNamespace(c={"d": 0.5}, e=True), "f": {}}


@pytest.mark.parametrize(
    ("name", "value"), [("a", 1), ("b.c.d", 0.5), ("b.e", True), ("b.x", None), ("a.b.c", None), ("x.y", None)]
)
def test_a_value_is_found_by_name_and_none_where_there_is_none(name, value):
    assert dotted.get(tree(), name) == value


def test_a_value_is_set_in_place_in_mappings_and_objects():
    node = tree()
    dotted.put(node, "b.c.d", 2)
    dotted.put(node, "b.e", False)
    dotted.put(node, "a", 3)
    assert (node["b"].c["d"], node["b"].e, node["a"]) == (2, False, 3)
    with pytest.raises(KeyError):
        dotted.put(node, "x.y", 1)
    with pytest.raises(AttributeError):
        dotted.put(node, "b.x.y", 1)


def test_a_copy_with_another_value_leaves_the_original_alone():
    node = {"a": {"b": 1, "c": 2}, "d": 3}
    assert dotted.replaced(node, "a.b", 9) == {"a": {"b": 9, "c": 2}, "d": 3}
    assert node == {"a": {"b": 1, "c": 2}, "d": 3}


def test_leaves_are_in_order_and_lists_are_leaves_unless_their_items_are_asked_for():
    node = {"a": {"b": 1, "c": [2, {"d": 3}]}, "e": {}, "f": None}
    assert [*dotted.leaves(node)] == [("a.b", 1), ("a.c", [2, {"d": 3}]), ("f", None)]
    assert [*dotted.leaves(node, "t", items=True)] == [("t.a.b", 1), ("t.a.c", 2), ("t.a.c.d", 3), ("t.f", None)]


def test_numbers_are_leaves_that_are_no_booleans_or_text():
    assert [*dotted.numbers({"a": 1, "b": {"c": 0.5, "d": True, "e": "1"}}, "t")] == [("t.a", 1), ("t.b.c", 0.5)]
    assert [*dotted.numbers(0.1, "t")] == [("t", 0.1)]
    assert [*dotted.numbers(None, "t")] == []


def test_a_name_is_within_itself_and_what_it_starts_with_up_to_a_dot():
    assert dotted.within("limits", "limits") and dotted.within("limits.max_tokens", "limits")
    assert not dotted.within("limits_of", "limits") and not dotted.within("limits", "limits.max_tokens")
    assert (dotted.first("a.b.c"), dotted.last("a.b.c"), dotted.first("a"), dotted.last("a")) == ("a", "c", "a", "a")
