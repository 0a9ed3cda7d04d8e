"""A submission may be anything: each gets a category and a short message, never an exception."""

import copy
import json

import pytest

from evalkit import Problem

from .support import graded, make_task, measured, right_answer

RIGHT = right_answer(make_task().spec(Problem.seeded(0)))
KEYS = list(RIGHT)
DEEP = "[" * 10_000 + "]" * 10_000


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


def without(key):
    return {name: value for name, value in RIGHT.items() if name != key}


def replaced(**values):
    return copy.deepcopy(RIGHT) | values


def with_entry(entry, key="head1_attention_weights"):
    answer = copy.deepcopy(RIGHT)
    answer[key][1][2] = entry
    return answer


HOSTILE = [
    # no JSON object
    ("parse_error", None),
    ("parse_error", True),
    ("parse_error", 42),
    ("parse_error", 10**5000),
    ("parse_error", float("nan")),
    ("parse_error", []),
    ("parse_error", [RIGHT]),
    ("parse_error", ""),
    ("parse_error", "SUCCESS: Complete multi-head attention."),
    ("parse_error", "{"),
    ("parse_error", DEEP),
    ("parse_error", nested(10_000)),
    ("parse_error", json.dumps(json.dumps(RIGHT))),
    ("parse_error", '{"final_output": ' + "9" * 10_000 + "}"),
    ("parse_error", "x" * 100_000_000),
    ("parse_error", "\x00\ud800\x1b[31m"),
    # keys
    ("format_error", {}),
    ("format_error", {"answer": RIGHT}),
    *[("format_error", without(key)) for key in KEYS],
    ("format_error", replaced(passed=True)),
    ("format_error", replaced(**{"k" * 1_000_000: 1})),
    ("format_error", {str(number): number for number in range(100_000)}),
    ("format_error", replaced(**{"\x1b[2J": 1})),
    # types
    ("format_error", replaced(causal_mask_applied="true")),
    ("format_error", replaced(causal_mask_applied=1)),
    ("format_error", replaced(causal_mask_applied=None)),
    ("format_error", replaced(final_output=None)),
    ("format_error", replaced(final_output="[[1, 2, 3]]")),
    ("format_error", replaced(final_output={"0": [1, 2, 3]})),
    ("format_error", replaced(final_output=1.5)),
    ("format_error", with_entry(True)),
    ("format_error", with_entry("0.5")),
    ("format_error", with_entry("x" * 10_000_000)),
    ("format_error", with_entry(None)),
    ("format_error", with_entry({})),
    ("format_error", replaced(head2_output=[[None]] * 4)),
    # shapes
    ("shape_error", replaced(final_output=[])),
    ("shape_error", replaced(final_output=[[]] * 4)),
    ("shape_error", replaced(final_output=[[0.0] * 3] * 3)),
    ("shape_error", replaced(final_output=[[0.0] * 4] * 4)),
    ("shape_error", replaced(final_output=[[0.0] * 3] * 3 + [[0.0] * 2])),
    ("shape_error", replaced(final_output=[[0.0] * 3] * 3 + [0.0])),
    ("shape_error", replaced(head2_output=[0.1, 0.2, 0.3, 0.4])),
    ("shape_error", replaced(head2_output=[[0.1, 0.2, 0.3, 0.4]])),
    ("shape_error", replaced(head2_output=[[[0.1]], [[0.2]], [[0.3]], [[0.4]]])),
    ("shape_error", replaced(final_output=nested(10_000))),
    ("shape_error", replaced(final_output=[[0.0] * 3] * 1_000_000)),
    ("shape_error", replaced(final_output=[[0.0] * 1_000_000] * 4)),
    ("shape_error", with_entry([0.5])),
    # numbers
    ("non_finite", with_entry(float("nan"))),
    ("non_finite", with_entry(float("inf"))),
    ("non_finite", with_entry(float("-inf"))),
    ("non_finite", with_entry(10**400)),
    ("non_finite", with_entry(-(10**400))),
    ("non_finite", json.dumps(with_entry("BIG")).replace('"BIG"', "1e999")),
    ("non_finite", json.dumps(with_entry(float("nan")))),
]


@pytest.mark.parametrize(("category", "answer"), HOSTILE, ids=range(len(HOSTILE)))
async def test_a_hostile_submission_gets_its_category(category, answer):
    grade = await graded(make_task(), answer)
    assert grade.category == category
    assert len(grade.message) < 1000
    assert grade.message.isprintable()


@pytest.mark.parametrize("entry", [1e308, -1e308, 1e150, 10**300, 5e-324, -0.0])
@pytest.mark.parametrize("key", KEYS[:-1])
async def test_any_finite_number_is_measured(entry, key):
    answer = copy.deepcopy(RIGHT)
    answer[key][-1][-1] = entry
    measurement = await measured(make_task("positional_attention_strict", "data=published"), answer)
    assert measurement.fault is None
    json.dumps(measurement.values, allow_nan=False)


AROUND = {
    "nothing": "{}",
    "blank lines": "\n {} \n",
    "byte order mark": "\ufeff{}",
    "fence": "```json\n{}\n```",
    "bare fence": "```\n{}\n```",
    "carriage returns": "```json\r\n{}\r\n```\r\n",
    "tildes": "~~~\n{}\n~~~",
    "mark and fence": "\ufeff```JSON\n{}\n```",
    "fence that is not closed": "```json\n{}",
    "indented fence": "  ```json\n  {}\n  ```",
    "prose": "Here is the result:\n```json\n{}\n```\nAll errors are below 0.001.",
    "the program before it": "```python\nprint(answer)\n```\nprinted\n```json\n{}\n```",
}


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND)
async def test_text_that_holds_the_object_is_as_good_as_the_object(around, indent):
    got = await graded(make_task(), around.format(json.dumps(RIGHT, indent=indent)))
    assert got.passed, got.message


@pytest.mark.parametrize(
    "text",
    [
        f"Here it is: {json.dumps(RIGHT)}",
        "```json\n```",
        "```json\n[1]\n```",
        f"```json\n{json.dumps(RIGHT)[:-5]}\n```",
    ],
    ids=range(4),
)
async def test_text_around_no_object_is_a_parse_error(text):
    assert (await graded(make_task(), text)).category == "parse_error"


async def test_whole_numbers_are_numbers():
    answer = copy.deepcopy(RIGHT)
    answer["head1_attention_weights"][-1] = [0, 0, 0, 1]
    assert (await graded(make_task(), answer)).passed


async def test_form_is_judged_before_shape_and_shape_before_values():
    wrong = replaced(head2_output=[0.1] * 4, causal_mask_applied="yes")
    assert (await graded(make_task(), wrong)).category == "format_error"
    wrong = replaced(head2_output=[0.1] * 4, final_output=[[float("nan")] * 3] * 4)
    assert (await graded(make_task(), wrong)).category == "shape_error"


async def test_messages_say_what_was_expected():
    grade = await graded(make_task(), replaced(head2_output=[0.1] * 4, head1_output=[[0.0] * 3] * 4))
    assert grade.message == "SHAPE ERROR: head1_output is 4x3, expected 4x2, head2_output is 4, expected 4x1"
    grade = await graded(make_task(), without("final_output") | {"final": 1})
    assert grade.message == "FORMAT ERROR: missing keys final_output; unknown keys 'final'"
    grade = await graded(make_task(), with_entry(float("nan")))
    assert grade.message == "NOT FINITE: head1_attention_weights[1][2] is nan"
    grade = await graded(make_task(), with_entry("0.5"))
    assert grade.message == "FORMAT ERROR: head1_attention_weights holds '0.5', not a number"


async def test_what_was_seen_is_kept_for_the_log():
    values = (await measured(make_task(), RIGHT)).values
    assert values["keys"] == KEYS
    assert values["shapes"]["head2_output"] == [4, 1]
    assert values["flag"] is True
    values = (await measured(make_task(), replaced(head2_output=[0.1] * 4))).values
    assert values["shapes"]["head2_output"] == [4]
