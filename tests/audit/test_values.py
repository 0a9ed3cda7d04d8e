"""Numbers in answers, and how far answers are apart."""

from __future__ import annotations

import math

import pytest

from evalkit.audit.generic import answers, function_in
from evalkit.audit.hidden_values import Hidden
from evalkit.audit.values import difference, distance, flat_weights, numbers


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (3, {"": 3.0}),
        ("8,769", {"": 8769.0}),
        ({"a": [[1, 2]], "b": True}, {".a[0][0]": 1.0, ".a[0][1]": 2.0, ".b": 1.0}),
        ('{"a": 1}', {".a": 1.0}),
        ({"a": "1"}, None),
        ("words", None),
        (None, None),
        ([], None),
        ({"a": 10**400}, {".a": math.inf}),
    ],
)
def test_numbers_are_read_by_place(answer, expected):
    assert numbers(answer) == expected


def test_flags_can_be_left_out():
    assert numbers({"a": 1, "done": True}, flags=False) == {".a": 1.0}


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        ([1, 2], [1, 2.5], 0.5),
        ([1, 2], [1], math.inf),
        ([1], "x", math.inf),
        ([float("nan")], [1], math.inf),
        ([float("inf")], [float("inf")], 0.0),
    ],
)
def test_answers_are_apart_by_their_largest_difference(one, other, apart):
    assert distance(numbers(one), numbers(other)) == apart


def test_a_flat_softmax_is_told_from_a_peaked_one():
    assert flat_weights({"w": [[0.5, 0.5], [0.45, 0.55]]}) == "w"
    assert flat_weights({"w": [[0.9, 0.1], [0.2, 0.8]]}) == ""


class Spec:
    def __init__(self, prompt="", hidden=()):
        self.prompt, self.hidden = prompt, hidden


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("it is 8769", "8769"),
        ("it is 8,769.0", "8,769.0"),
        ("weights 0.57746, done", "0.57746"),
        ("process 57746", ""),
        ("the key word", "the key word"),
        ("0.5 and 1 and 100", ""),
    ],
)
def test_hidden_values_are_found_in_texts(text, seen):
    hidden = Hidden.of(Spec(hidden=["the key word"]), {"a": [8769, 0.57746123, 0.5, 100]})
    assert hidden.seen_in(text) == seen


def test_generic_answers_follow_the_problem():
    one, other = Spec(), Spec()
    made = {
        s.name: s for s in answers([(one, {"m": [[1.0, 2.0], [3.0, 4.0]]}), (other, {"m": [[5.0, 6.0], [7.0, 8.0]]})])
    }
    assert made["transposed"].build(one) == {"m": [[1.0, 3.0], [2.0, 4.0]]}
    assert made["transposed"].build(other) == {"m": [[5.0, 7.0], [6.0, 8.0]]}
    assert made["zero_m"].build(other) == {"m": [[0, 0], [0, 0]]}


def test_generic_answers_of_a_number_do_not_mind_a_problem_whose_answer_is_text():
    one, other = Spec(), Spec()
    made = {s.name: s for s in answers([(one, "8,769"), (other, "none of them")])}
    assert (made["doubled"].build(one), made["doubled"].build(other)) == (17538, "none of them")


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        ("a", "a", 0.0),
        ("a", "b", math.inf),
        (b"\x00", b"\x00", 0.0),
        (b"\x00", b"\x01", math.inf),
        ({"a": "x", "b": [1, None]}, '{"b": [1.5, null], "a": "x"}', 0.5),
        ({"a": "x"}, {"a": "x", "b": 1}, math.inf),
        (["x", 1], ["x"], math.inf),
        (True, 1, math.inf),
        (None, None, 0.0),
        ("[1, ", "[1, ", 0.0),
        ({}, {}, 0.0),
    ],
)
def test_answers_of_any_kind_are_apart_by_their_numbers_where_all_else_is_equal(one, other, apart):
    assert difference(one, other) == difference(other, one) == apart


def test_functions_are_recognised():
    assert function_in("def f(x):\n    return x\n\ndef g(x):\n    return x\n") == "g"
    assert function_in("The answer is 42") == function_in(42) == function_in("x = 1") == ""
