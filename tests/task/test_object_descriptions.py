"""Objects as JSON: whatever can be set in one shows, whatever differs from process to process does not."""

import asyncio
import collections
import datetime
import decimal
import enum
import functools
import json
import logging
import os
import random
import re
import socket
import subprocess
import sys
import threading
import types
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from evalkit.task.object_descriptions import VARIES, Describer, common

ROOT = Path(__file__).parents[2]


def said(value):
    describer = Describer()
    return json.dumps([describer(value), describer.classes], sort_keys=True)


class Plain:
    def __init__(self, knob):
        self.knob = knob


class Slotted:
    __slots__ = ("__private", "knob")

    def __init__(self, knob):
        self.knob = 0
        self.__private = knob


class Derived(Slotted):
    __slots__ = ("more",)


class Both(Plain):
    __slots__ = ("more",)

    def __init__(self, knob):
        super().__init__(0)
        self.more = knob


class Level(enum.Enum):
    LOW, HIGH = 1, 2


class Hiding(Plain):
    """Does what it can to look always the same."""

    def __repr__(self):
        return "same"

    def __eq__(self, other):
        return True

    def __hash__(self):
        return 0

    def __reduce__(self):
        return Hiding, (0,)


class Rows(list):
    pass


@dataclass
class Partly:
    knob: int = field(repr=False, compare=False, default=0)


def closure(knob):
    def inner():
        return knob

    return inner


def instance_of_a_class_in_a_function(knob):
    class Inside:
        def __call__(self):
            return knob

    return Inside()


def base_with_a_closure(knob):
    class Inside:
        value = property(closure(knob))

    return type("Outside", (Inside,), {})()


def set_on_the_class(knob):
    class Inside:
        level = 0

    Inside.level = knob
    return Inside()


def with_attribute(knob):
    def inner():
        return 0

    inner.knob = knob
    return inner


def wrapped(knob):
    @functools.wraps(wrapped)
    def inner(*, inside=knob):
        return inside

    return inner


def looped(knob):
    one, other = Plain(knob), Plain(None)
    one.other, other.other = other, one
    return other


def tensor(knob):
    return torch.tensor([1.0, knob], requires_grad=True)


def rows(knob):
    made = Rows([1])
    made.knob = knob
    return made


MAKERS = {
    "attribute": Plain,
    "nested": lambda k: Plain([{"a": (Plain(k),)}]),
    "slots": Slotted,
    "slots of a base": Derived,
    "slots beside attributes": Both,
    "compared and shown without it": Hiding,
    "field that is not compared": lambda k: Partly(k),
    "closure": closure,
    "closure in a closure": lambda k: closure(closure(Plain(k))),
    "closure of a method": instance_of_a_class_in_a_function,
    "closure of a property of a base": base_with_a_closure,
    "number set on the class": set_on_the_class,
    "lambda": lambda k: lambda: k,
    "default": lambda k: lambda x=k: x,
    "default of a keyword": wrapped,
    "attribute of a function": with_attribute,
    "partial": lambda k: functools.partial(closure, k),
    "keyword of a partial": lambda k: functools.partial(closure, knob=k),
    "method": lambda k: Plain(k).__init__,
    "builtin method": lambda k: [k].append,
    "property": lambda k: property(closure(k)),
    "cached function": lambda k: functools.cache(closure(k)),
    "namespace": lambda k: types.SimpleNamespace(knob=k),
    "list with an attribute": rows,
    "default dict": lambda k: collections.defaultdict(closure(k)),
    "deque": lambda k: collections.deque([k]),
    "ordered": lambda k: collections.OrderedDict(knob=k),
    "read-only mapping": lambda k: types.MappingProxyType({"knob": k}),
    "set": lambda k: {"a", ("b", k)},
    "bytes": lambda k: bytes([k]),
    "bytearray": lambda k: bytearray([k]),
    "enum": Level,
    "decimal": decimal.Decimal,
    "date": lambda k: datetime.date(2026, 11, k),
    "pattern": lambda k: re.compile(f"a{k}"),
    "range": lambda k: range(k),
    "complex": lambda k: complex(0, k),
    "huge": lambda k: 10**5000 + k,
    "random with a seed": random.Random,
    "generator of NumPy": lambda k: np.random.default_rng(k),
    "array": lambda k: np.array([1, k]),
    "array of objects": lambda k: np.array([Plain(k)], dtype=object),
    "number of NumPy": lambda k: np.float32(k),
    "tensor": tensor,
    "loop of references": looped,
    "path": lambda k: Path(f"a/{k}"),
    "class made here": lambda k: type("Made", (), {"knob": k}),
    "kind of number": lambda k: k if k == 1 else float(1),
}


@pytest.mark.parametrize("maker", MAKERS.values(), ids=MAKERS)
def test_a_value_that_is_set_shows_wherever_it_is(maker):
    assert said(maker(1)) == said(maker(1))
    assert said(maker(1)) != said(maker(2))


@pytest.mark.parametrize(
    "odd",
    [
        threading.Lock(),
        asyncio.Event(),
        logging.getLogger("x"),
        (n for n in ()),
        sys.stdout,
        socket.socket,
        object(),
        Ellipsis,
        NotImplemented,
        float("nan"),
        "\ud800",
        "a\0.txt",
        "/proc/self/mem",
    ],
    ids=lambda odd: type(odd).__name__,
)
def test_odd_things_are_described_too(odd):
    assert said(odd) == said(odd)


def test_nothing_that_an_object_does_raises():
    class Hostile:
        __slots__ = ("unset",)

        def __getattribute__(self, name):
            raise RuntimeError("not for you")

    class Endless(collections.abc.Mapping):
        def __getitem__(self, key):
            raise KeyError

        def __iter__(self):
            while True:
                yield 1

        def __len__(self):
            return 1

    deep = []
    for _ in range(5000):
        deep = [deep]
    for value in (Hostile(), Endless(), deep, list(range(10**6))):
        said(value)


@given(st.recursive(st.none() | st.integers() | st.floats() | st.text() | st.binary(), st.lists, max_leaves=20))
def test_equal_data_is_described_equally(value):
    import copy

    assert said(value) == said(copy.deepcopy(value))


def test_what_a_cached_property_keeps_is_no_set_up():
    class Lazy:
        @functools.cached_property
        def table(self):
            return [1, 2]

    fresh, used = Lazy(), Lazy()
    assert used.table
    assert said(fresh) == said(used)


def test_a_file_counts_by_its_bytes(tmp_path):
    data = tmp_path / "table.json"
    for value in (data, str(data), Plain(data)):
        data.write_text("1")
        before = said(value)
        data.write_text("2")
        assert said(value) != before


def test_places_of_a_machine_can_be_left_out(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "t.json").write_text("1")
    one, other = (Describer({str(tmp_path / name): "tasks"})(tmp_path / name / "t.json") for name in "ab")
    assert one == other


def test_what_varies_between_two_equals_is_marked_and_the_rest_stays():
    one, other = ({"a": [1, n], "b": {"c": 1}, "d": float("nan")} for n in (1, 2))
    shared = common(one, other)
    assert shared["a"] == [1, VARIES]
    assert shared["b"] == {"c": 1}
    assert common({"a": 1}, {"b": 1}) == common([1], [1, 2]) == common(1, 1.0) == VARIES


CHAMELEON = """
import json, sys
sys.path.insert(0, sys.argv[1])
from evalkit.task.object_descriptions import Describer
from tests.task import test_object_descriptions as t
names = sorted(name for name in t.MAKERS if name != "class made here")
describer = Describer()
values = [t.MAKERS[name](1) for name in names] + [{f"{n}" for n in range(50)}, object(), lambda: {1, "x"}]
print(json.dumps([describer(values), describer.classes]))
"""


def test_another_process_says_the_same():
    """With another order of sets, other addresses, another day's hashes."""
    command = [sys.executable, "-c", CHAMELEON, str(ROOT)]
    running = [
        subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": seed}, stdout=subprocess.PIPE)
        for seed in ("1", "2")
    ]
    one, other = (process.communicate(timeout=120)[0] for process in running)
    assert one == other
    assert len(one) > 5000
