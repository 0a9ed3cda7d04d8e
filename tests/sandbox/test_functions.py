"""Submitted functions on JSON values: what comes back faithfully, what is named, what cannot be forged."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalkit.sandbox import PURE, Builtins, Sandbox
from evalkit.sandbox.functions import Function, function
from evalkit.task.function_faults import fault_of
from evalkit.task.grade import Fault

pytestmark = pytest.mark.asyncio(loop_scope="module")
IDENTITY = "def f(*values):\n    return values[0] if len(values) == 1 else values\n"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**300), 10**300) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def identity(sandbox: Sandbox) -> AsyncIterator[Function]:
    async with function(sandbox, IDENTITY, "f", timeout_s=20) as f:
        yield f


async def called(sandbox: Sandbox, body: str, *arguments: Any, **options: Any) -> Any:
    """The reply of `def f(x=None)` with this body."""
    source = "def f(x=None):\n" + "".join(f"    {line}\n" for line in body.splitlines())
    async with function(sandbox, source, "f", **{"timeout_s": 5, **options}) as f:
        return await f(*arguments)


def same(one: Any, other: Any) -> bool:
    """Equal with type, NaN included, and -0.0 apart from 0.0."""
    return repr(one) == repr(other)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=JSON)
async def test_any_json_value_goes_there_and_back(identity: Function, value: Any) -> None:
    reply = await identity(value)
    assert reply.kind == "ok" and same(reply.value, value) and same(list(reply.arguments), [value])


async def test_arguments_come_back_as_they_were_left(sandbox: Sandbox) -> None:
    reply = await called(sandbox, "x.append(4)\nprint('seen')\nreturn tuple(x)", [1, 2, 3])
    assert (reply.value, reply.arguments, reply.printed) == ([1, 2, 3, 4], ([1, 2, 3, 4],), "seen\n")
    assert reply.seconds > 0


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return {1, 2}", "what the function returned is a set"),
        ("return {1: 2}", "a key that is a int"),
        ("return [b'x']", "what the function returned[0] is a bytes"),
        ("return {'a': object()}", "['a'] is a object"),
        ("import enum\nreturn enum.IntEnum('E', 'a b').a", "is a E"),
        ("return type('str', (str,), {})('x')", "is a str"),
        ("import numpy\nreturn numpy.float64(1)", "is a float64"),
        ("y = []\ny.append(y)\nreturn y", "nested more than 100"),
        ("y = []\nfor _ in range(100_000): y = [y]\nreturn y", "nested more than 100"),
        ("return 10 ** 5000", "cannot be written as JSON"),
        ("return 'x' * (20 << 20)", "more than 16 MiB"),
        ("x.append({3})", "what it left in its arguments[0][0] is a set"),
    ],
)
async def test_what_json_cannot_hold_is_a_bad_reply_with_its_place(sandbox: Sandbox, body: str, said: str) -> None:
    reply = await called(sandbox, body, [])
    assert reply.kind == "bad_reply" and said in (reply.error or "")


async def test_an_exception_is_named(sandbox: Sandbox) -> None:
    reply = await called(sandbox, "return 1 / x", 0)
    assert (reply.kind, reply.exception) == ("raised", "ZeroDivisionError")
    assert "return 1 / x" in (reply.error or "")


async def test_a_call_that_takes_too_long_leaves_the_function_usable(sandbox: Sandbox) -> None:
    stubborn = "    try:\n        time.sleep(x)\n    except KeyboardInterrupt:\n        time.sleep(9)\n"
    source = f"import time\ndef f(x):\n{stubborn}    return 'awake'\n"
    async with function(sandbox, source, "f", timeout_s=0.5) as f:
        assert (await f(9)).kind == "timeout"  # it ignores the interrupt, and is killed
        assert (await f(0)).value == "awake"


@pytest.mark.parametrize("body", ["import os\nos._exit(0)", "import os\nos.abort()", "import os\nos.close(3)"])
async def test_a_process_that_ends_is_a_reply_and_the_next_call_has_another(sandbox: Sandbox, body: str) -> None:
    source = "def f(x):\n    if not x: return 'fine'\n" + "".join(f"    {line}\n" for line in body.splitlines())
    async with function(sandbox, source, "f", timeout_s=5) as f:
        assert (await f(1)).kind in ("died", "bad_reply")
        assert (await f(0)).value == "fine"


MEDDLE = "import sys\nfor m in list(sys.modules.values()):\n    if hasattr(m, 'dump'): m.dump = lambda _: {}\nreturn 1"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("import os\nos.write(3, b'\\0\\0\\0\\x20' + b'{}' * 16)", "bad_reply"),
        ("import json\njson.dumps = lambda *a, **k: '[1,[1]]'\nreturn {1}", "bad_reply"),
        (MEDDLE.format("b'nonsense'"), "bad_reply"),
        (MEDDLE.format("b'[' * 9000"), "bad_reply"),
        (MEDDLE.format("b'[1,2,3]'"), "bad_reply"),
        (MEDDLE.format("b'[2,[null]]'"), "ok"),  # a forged value says no more than the function could have said
    ],
)
async def test_a_program_that_meddles_with_its_reply_cannot_raise_in_the_host(
    sandbox: Sandbox, body: str, kind: str
) -> None:
    assert (await called(sandbox, body)).kind == kind


async def test_threads_that_outlive_a_call_do_not_reach_the_next(sandbox: Sandbox) -> None:
    source = (
        "import threading, time\nstate = []\ndef f(x):\n    def later():\n        while True:\n"
        "            state.append(1); time.sleep(0.001)\n"
        "    if x: threading.Thread(target=later, daemon=True).start()\n    time.sleep(0.05)\n    return len(state)\n"
    )
    async with function(sandbox, source, "f", timeout_s=5) as f:
        assert (await f(True)).kind == "ok"
        assert (await f(False)).value == 0


async def test_state_is_kept_between_calls_and_seeded(sandbox: Sandbox) -> None:
    source = "import random\nseen = []\ndef f():\n    seen.append(random.random())\n    return seen\n"
    for _ in range(2):
        async with function(sandbox, source, "f", seed=3) as f:
            await f()
            first = (await f()).value
        assert len(first) == 2
        async with function(sandbox, source, "f", seed=3) as f:
            assert (await f()).value == first[:1]


@pytest.mark.parametrize(
    ("source", "kind", "exception", "said"),
    [
        ("def g(): pass", "raised", "", "no function named f"),
        ("f = 3", "raised", "", "no function named f"),
        ("def f(:", "raised", "SyntaxError", "SyntaxError"),
        ("1/0", "raised", "ZeroDivisionError", "ZeroDivisionError"),
        ("while True: pass", "timeout", "", "timed out"),
        ("import os; os._exit(3)", "died", "", "exit status 3"),
    ],
)
async def test_a_source_that_defines_nothing_answers_every_call_with_the_reason(
    sandbox: Sandbox, source: str, kind: str, exception: str, said: str
) -> None:
    async with function(sandbox, source, "f", timeout_s=1) as f:
        replies = [await f(), await f(1)]
    for reply in replies:
        assert (reply.kind, reply.exception) == (kind, exception) and said in (reply.error or "")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("return open('x')", "forbidden"),
        ("return eval('1')", "forbidden"),
        ("import os\nreturn 1", "forbidden"),
        ("from os import path\nreturn 1", "forbidden"),
        ("import math\nfrom collections import Counter\nreturn [math.sqrt(4), dict(Counter('aab'))]", "ok"),
        ("class A:\n    y = 3\nreturn [sum(sorted([A.y, 1])), isinstance(x, list)]", "ok"),
        ("return undefined", "raised"),
        ("raise ValueError('mine')", "raised"),
        ("import nothing_of_that_name", "forbidden"),
    ],
)
async def test_restricted_builtins_are_a_rule_whose_breach_is_named(sandbox: Sandbox, body: str, kind: str) -> None:
    assert (await called(sandbox, body, [], builtins=PURE)).kind == kind


async def test_restricted_builtins_are_no_wall_and_do_not_outlive_their_function(sandbox: Sandbox) -> None:
    around = "return ().__class__.__base__.__subclasses__().__len__()"
    assert (await called(sandbox, around, builtins=Builtins(names=()))).value > 50
    assert (await called(sandbox, "import os\nreturn bool(os.getpid())")).value is True


@pytest.mark.parametrize("argument", [{1, 2}, {1: 2}, [{"a": ({None: 1},)}]])
async def test_arguments_that_are_not_json_are_the_graders_own_mistake(sandbox: Sandbox, argument: Any) -> None:
    with pytest.raises(TypeError, match="not JSON serializable"):
        await called(sandbox, "return x", argument)


async def test_replies_become_faults_by_the_categories_of_the_task(sandbox: Sandbox) -> None:
    zero = await called(sandbox, "return 1 / x", 0)
    assert (fault_of(zero, raised={"ZeroDivisionError": "divides", "": "crash"}) or Fault("", "")).category == "divides"
    assert (fault_of(zero) or Fault("", "")).category == "runtime_error"
    assert (fault_of(await called(sandbox, "return {1}")) or Fault("", "")).category == "bad_reply"
    assert fault_of(await called(sandbox, "return x", math.inf)) is None


async def test_the_host_bounds_a_forged_reply_before_it_reads_it(sandbox: Sandbox) -> None:
    large = "b'[\"' + b'x' * (20 << 20) + b'\",[]]'"
    reply = await called(sandbox, MEDDLE.format(large))
    assert (reply.kind, reply.value) == ("bad_reply", None) and "more than 16 MiB" in (reply.error or "")


async def test_a_forged_name_of_an_exception_can_be_stored(sandbox: Sandbox) -> None:
    forge = "if hasattr(m, 'Worker'): m.Worker._about = lambda *_: {'exception': '\\ud800'}"
    reply = await called(sandbox, f"import sys\nfor m in list(sys.modules.values()):\n    {forge}\nraise ValueError")
    assert (reply.kind, reply.exception) == ("raised", "?")
