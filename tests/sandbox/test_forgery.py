"""Descriptions of tensors that a hostile child made up: refused, whatever they hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.sandbox.local.session import tensors_of


@pytest.mark.parametrize(
    "spec",
    [
        None,
        3,
        {},
        {"dtype": "object", "shape": [1]},
        {"dtype": ["float32"], "shape": [1]},
        {"dtype": "float32", "shape": 1},
        {"dtype": "float32", "shape": [-1]},
        {"dtype": "float32", "shape": [True]},
        {"dtype": "float32", "shape": [1.0]},
        {"dtype": "float32", "shape": [2]},
        {"dtype": "float32", "shape": [10**9] * 60},
        {"dtype": "float32", "shape": [1] * 65},
        {"dtype": "float32", "shape": []},
    ],
)
def test_forged_description_of_a_tensor_is_refused(spec: object) -> None:
    with pytest.raises(ValueError):
        tensors_of([spec], b"1234" if spec != {"dtype": "float32", "shape": []} else b"12345")


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=10))
def test_no_json_makes_the_host_fail_on_a_description(value: object) -> None:
    for spec in (value, {"dtype": value, "shape": [1]}, {"dtype": "int8", "shape": value}):
        try:
            tensors_of([spec], b"1")
        except ValueError:
            continue
