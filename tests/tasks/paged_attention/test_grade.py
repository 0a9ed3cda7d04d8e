"""The grader: faults in their order, tolerances just inside and just outside, and answers that nobody should send."""

import json
import math
import time

import pytest
from evalkit_tasks.paged_attention.grade import grade as rule
from evalkit_tasks.paged_attention.grade import read_source
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import right_solutions
from evalkit import Attempt, GradingContext, Problem
from evalkit.task.grade import Measurement

from .shipped import grade, make, solution

RIGHT = solution("correct", "gather")
SIGNATURE = "def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):\n"


def changed(statement):
    """The right solution with `output` changed before it is returned."""
    body = RIGHT.replace("    return torch.einsum(", "    output = torch.einsum(")
    assert body != RIGHT
    return f"{body}    {statement}\n    return output\n"


@pytest.mark.parametrize(("error", "passed"), [(0.0499, True), (0.0501, False)])
async def test_an_output_that_is_off_everywhere_passes_just_inside_the_tolerance_only(error, passed, sandbox):
    got = await grade(make(), changed(f"output = output + {error}"), sandbox)
    assert got.passed is passed
    assert got.checks[0].value == pytest.approx(error, abs=1e-5)


async def test_one_element_of_one_case_that_is_off_is_found(sandbox):
    source = changed("output[-1, -1, -1] += 0.0501 if query.shape[0] == 4 else 0.0")
    task = make(hidden={"batch_sizes": [3, 5, 2]})
    measured = [
        await task.measure(Attempt(source), task.spec(Problem.seeded(seed)), GradingContext(sandbox))
        for seed in range(6)
    ]
    failed = [not task.grade(one).passed for one in measured]
    assert any(failed)  # where the drawn batch has four sequences
    assert failed == [max(one.values["max_abs_error"]) > 0.05 for one in measured]


@pytest.mark.parametrize(
    ("error", "passed"), [(math.nextafter(0.05, 0), True), (0.05, False), (math.nextafter(0.05, 1), False)]
)
async def test_the_tolerance_is_strict(error, passed):
    got = make().grade(Measurement({"max_abs_error": [0.0, error], "non_finite": [0, 0], "work": {}}))
    assert got.passed is passed


@given(
    errors=st.lists(st.none() | st.floats(0, 10), min_size=1, max_size=8),
    tolerances=st.tuples(st.floats(1e-9, 10), st.floats(1e-9, 10)),
)
def test_a_looser_tolerance_never_turns_a_pass_into_a_failure(errors, tolerances):
    found = Measurement({"max_abs_error": errors, "non_finite": [int(error is None) for error in errors]})
    tight, loose = (rule(found, tolerance) for tolerance in sorted(tolerances))
    assert loose.passed or not tight.passed
    assert loose.passed == (None not in errors and max(errors) < max(tolerances))


async def test_wrong_values_are_listed_for_every_hidden_case(sandbox):
    got = await grade(make(), solution("wrong", "missing_scale"), sandbox)
    listed = got.message.removeprefix("Wrong values: max abs error per hidden case ").split(" (allowed")[0]
    errors = [float(error) for error in listed.split(", ")]
    assert len(errors) == 3 + 5 + 6
    assert min(errors[:8]) > 1
    assert min(errors) > 0.3


@pytest.mark.parametrize(
    ("statement", "category"),
    [
        ("output = output[:, :, None] * math.nan", "shape_error"),
        ("output = (output * math.nan).double()", "dtype_error"),
        ("output = (output[:, :, None]).double()", "shape_error"),
        ("query.zero_(); output = output[:, :, None]", "shape_error"),
        ("value_cache.zero_(); output = output * 2", "mutated_inputs"),
        ("context_lens.add_(1); output = torch.stack([row * 2 for row in output])", "mutated_inputs"),
        ("block_table.t_()", "mutated_inputs"),
        ("output = torch.stack([row * math.nan for row in output])", "not_vectorized"),
        ("output = torch.stack([row * 2 for row in output])", "not_vectorized"),
        ("output = output * 2; output[0, 0, 0] = output[0, 0, 0] if query.shape[0] == 3 else math.nan", "wrong_values"),
        ("output[0, 0, 0] = math.inf", "non_finite"),
        ("assert query.shape[0] < 15, 'too many'; output = output.double()", "runtime_error"),
    ],
)
async def test_of_several_faults_the_first_in_the_published_order_counts(statement, category, sandbox):
    got = await grade(make(), changed(statement), sandbox)
    assert got.category == category, got.message


@pytest.mark.parametrize(
    ("body", "category", "message"),
    [
        ("    raise ValueError('no idea')", "runtime_error", "ValueError: no idea"),
        ("    raise KeyboardInterrupt", "runtime_error", "KeyboardInterrupt"),
        ("    raise SystemExit", "shape_error", "Returned no tensor"),
        ("    return undefined", "runtime_error", "NameError"),
        ("    return torch.ones(10**13)", "runtime_error", "memory"),
        ("    return torch.zeros(1).expand(10**12)", "shape_error", "64 MiB"),
        ("    return query.to_sparse()", "shape_error", "sparse"),
        ("    return query.to('meta')", "shape_error", "meta"),
        ("    return [query, 'text']", "shape_error", "str"),
        ("    return ()", "shape_error", "0 tensors"),
        ("    return query.to(torch.complex64)", "dtype_error", "complex64"),
        ("    return query.to(torch.float8_e5m2)", "shape_error", "float8"),
        ("    return query[:0]", "shape_error", "[0, 8, 32]"),
        ("    while True: pass", "timeout", "Not done within 0.5 s"),
    ],
)
async def test_whatever_a_function_does_has_a_category(body, category, message, sandbox):
    got = await grade(make(time_limit_s=0.5), SIGNATURE + body, sandbox)
    assert got.category == category, got.message
    assert message in got.message


@pytest.mark.parametrize(
    ("before", "category"),
    [
        ("while True: pass", "timeout"),
        ("raise ValueError('at definition')", "runtime_error"),
        ("raise SystemExit(3)", "runtime_error"),
        ("raise SystemExit", "runtime_error"),
        ("1 / 0", "runtime_error"),
    ],
)
async def test_whatever_a_definition_does_has_a_category(before, category, sandbox):
    got = await grade(make(time_limit_s=0.5), f"{before}\n{RIGHT}", sandbox)
    assert got.category == category, got.message


async def test_nobody_is_timed_for_what_torch_loads_at_first_use(sandbox):
    source = (right_solutions.FOLDER / "grad_of_logsumexp.py").read_text()
    got = await grade(make(time_limit_s=1.0), source, sandbox)
    assert got.passed, got.message


async def test_a_function_that_never_comes_to_be_is_a_runtime_error(sandbox):
    got = await grade(make(), f"if False:\n    {SIGNATURE}        return query\n", sandbox)
    assert got.category == "runtime_error"


async def test_without_the_requirement_a_loop_passes(sandbox):
    assert (await grade(make(vectorized=False), solution("wrong", "loops_over_sequences"), sandbox)).passed


EXAMPLE = "print(paged_attention_decode(query, key_cache, value_cache, block_table, context_lens))"
AROUND = {
    "nothing": "{}",
    "byte order mark": "\ufeff{}",
    "fence": "```python\n{}\n```",
    "fence that is not closed": "```python\n{}",
    "blank lines and carriage returns": "\n\n```py\r\n{}\r\n```\n",
    "old line ends": "```\r{}\r```",
    "tildes": "~~~\n{}\n~~~",
    "long fence": "`````python\n{}\n`````",
    "info string": "``` Python3 title=answer.py\n{}\n```",
    "attributes": "~~~{{.python}}\n{}\n~~~",
    "prose before": "Here is my solution:\n\n```python\n{}\n```",
    "prose after": "```python\n{}\n```\n\nIt gathers every block with one index.",
    "mark before prose": "\ufeffHere it is:\n~~~py\n{}\n~~~\nDone.",
    "mark in the fence": "```python\n\ufeff{}\n```",
    "example after it": f"```python\n{{}}\n```\nFor example:\n```python\n{EXAMPLE}\n```",
    "shell before it": "```sh\npip install torch\n```\n```python\n{}\n```",
    "an earlier try": f"```python\n{SIGNATURE}    return query\n```\nThat ignores the cache:\n```python\n{{}}\n```",
    "an earlier try in tildes": f"~~~\n{SIGNATURE}    return query\n~~~\n```python\n{{}}\n```",
}


@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND)
def test_what_stands_around_the_source_is_taken_off(around):
    assert read_source(around.format(RIGHT), 20_000).strip() == RIGHT.strip()


@pytest.mark.parametrize("indent", ["  ", "    ", "\t"])
@pytest.mark.parametrize("around", ["{}", "1. Like this:\n\n{0}```python\n{1}\n{0}```"])
def test_a_source_that_is_indented_as_a_whole_is_not(indent, around):
    source = "".join(f"{indent}{line}" if line.strip() else line for line in RIGHT.splitlines(keepends=True))
    answer = source if around == "{}" else around.format(indent, source)
    assert read_source(answer, 20_000).strip() == RIGHT.strip()


@pytest.mark.parametrize("mark", ["```", "~~~"])
def test_a_fence_in_a_docstring_is_part_of_the_source(mark):
    source = f'{SIGNATURE}    """Decode.\n\n{mark}python\n{EXAMPLE}\n{mark}\n    """\n    return query'
    for answer in (source, f"```python\n{source}\n```", f"Here:\n~~~\n{source}\n~~~"):
        assert read_source(answer, 20_000) == source


def test_a_fault_is_that_of_the_fenced_source():
    got = read_source("Like so:\n```python\nimport torch\ndef f(:\n```", 20_000)
    assert got.message.startswith("The answer is not Python in line 2")
    got = read_source(f"Like so:\n```python\nimport os\n{RIGHT}\n```", 20_000)
    assert got.message == "Line 1: `import os` is not allowed"


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


HOSTILE = {
    "null": None,
    "boolean": True,
    "number": 3.5,
    "huge number": 10**5000,
    "nan": math.nan,
    "infinity": -math.inf,
    "list": [RIGHT],
    "object": {"code": RIGHT},
    "deep list": nested(10_000),
    "long list": [0] * 1_000_000,
    "100 MB of text": "x" * 100_000_000,
    "one character too long": RIGHT + "#" * (20_001 - len(RIGHT)),
    "nothing": "",
    "prose": "Here is my solution: gather the blocks, then apply a softmax.",
    "a fence without the function": "Here it is:\n```python\nimport torch\n```",
    "fences only": "```\n" * 4_000,
    "tildes only": "~" * 20_000,
    "null byte": SIGNATURE + "    return '\0'",
    "lone surrogate": SIGNATURE + "    return '\ud800'",
    "deep parentheses": SIGNATURE + "    return " + "(" * 9_000 + "0" + ")" * 9_000,
    "deep lists": SIGNATURE + "    return " + "[" * 90 + "]" * 90 + "[" * 9_000,
    "huge integer": SIGNATURE + "    return " + "9" * 19_000,
    "tabs and spaces": SIGNATURE + "\tif 1:\n        return 1",
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_an_answer_that_is_no_source_is_a_parse_error_at_once(name, sandbox):
    started = time.perf_counter()
    got = await grade(make(), HOSTILE[name], sandbox)
    assert time.perf_counter() - started < 5  # not minutes
    assert got.category == "parse_error"
    assert len(got.message) < 300


@pytest.mark.parametrize(
    "expression",
    ["-" * 9_000 + "1", "query" + ".T" * 9_000, "query" + "[0]" * 6_000, "1" + "+1" * 9_000, "not " * 4_000 + "1",
     "lambda: " * 2_000 + "0", "query" + "(0)" * 6_000, "f'" + "{" * 400 + "}" * 400 + "'", "1if 1else " * 1_900 + "0"],
    ids=lambda text: text[:12],
)  # fmt: skip
async def test_source_that_is_hard_on_the_parser_has_a_category(expression, sandbox):
    got = await grade(make(), f"{SIGNATURE}    return {expression}", sandbox)
    assert got.category in ("parse_error", "runtime_error", "shape_error", "forbidden"), got.message
    assert len(got.message) < 600


async def test_a_measurement_is_json_and_the_same_every_time(sandbox):
    task = make()
    twice = [
        await task.measure(Attempt(RIGHT), task.spec(Problem.seeded(4)), GradingContext(sandbox)) for _ in range(2)
    ]
    assert twice[0] == twice[1]
    values = twice[0].values
    assert json.loads(json.dumps(values))["max_abs_error"] == values["max_abs_error"]
    assert task.grade(Measurement(json.loads(json.dumps(values)))) == task.grade(twice[0])


async def test_one_grading_leaves_nothing_for_the_next(sandbox):
    source = f"calls = []\n{SIGNATURE}    calls.append(1)\n    raise ValueError(len(calls))\n"
    messages = {(await grade(make(), source, sandbox)).message for _ in range(3)}
    assert len(messages) == 1
    assert "ValueError: 1 " in messages.pop()
