"""Mutants of a small reference: every operator makes what its name says, and nothing twice."""

from __future__ import annotations

import ast

import pytest

from evalkit.audit.mutants import OPERATORS, mutants

SOURCE = """
import numpy as np

WINDOW = None


def attend(facts):
    Q, K, V = (np.array(facts[name]) for name in "QKV")
    removed = i > j
    scores = Q @ K.T / np.sqrt(Q.shape[1])
    scores[removed] = -np.inf
    weights = np.exp(scores)
    weights /= weights.sum(axis=1, keepdims=True)
    if WINDOW is not None:
        weights = weights * WINDOW
    source = Q if facts["from"] == "queries" else V
    return (weights @ source)[:, :3]
"""


@pytest.fixture(scope="module")
def texts():
    return {mutant.name: mutant.source for mutant in mutants(SOURCE)}


@pytest.mark.parametrize(
    ("operator", "line"),
    [
        ("off_by_one", "removed = i >= j"),
        ("off_by_one", "return (weights @ source)[:, :4]"),
        ("dropped_operand", "scores = Q @ K.T"),
        ("doubled_scale", "scores = Q @ K.T / np.sqrt(Q.shape[1]) / np.sqrt(Q.shape[1])"),
        ("other_operator", "scores = Q @ K.T * np.sqrt(Q.shape[1])"),
        ("swapped_operands", "return (source @ weights)[:, :3]"),
        ("wrong_mask_side", "removed = i < j"),
        ("dropped_statement", "scores = Q @ K.T / np.sqrt(Q.shape[1])\n    pass"),
        ("dropped_call", "scores = Q @ K.T / Q.shape[1]"),
        ("dropped_call", "scores = Q @ K / np.sqrt(Q.shape[1])"),
        ("wrong_axis", "weights /= weights.sum(axis=0, keepdims=True)"),
        ("less_precision", "Q, K, V = (np.array(facts[name], dtype=np.float16) for name in 'QKV')"),
        ("ignored_knob", "source = V if facts['from'] == 'queries' else Q"),
        ("other_name", "scores = K @ K.T / np.sqrt(Q.shape[1])"),
    ],
)
def test_an_operator_makes_the_mistake_of_its_name(texts, operator, line):
    assert any(line in source for name, source in texts.items() if name.startswith(f"{operator}_line_"))


def test_every_operator_is_covered_here(texts):
    made = {name.rpartition("_line_")[0] for name in texts}
    assert made | {"shifted_constant"} == set(OPERATORS)


def test_mutants_parse_and_differ(texts):
    assert all(ast.parse(source) for source in texts.values())
    assert len(set(texts.values())) == len(texts) > 30


def test_branches_that_a_constant_closes_are_not_mutated(texts):
    assert not any("WINDOW is" in source for source in texts.values())


def test_a_source_that_does_not_parse_has_none():
    assert mutants("The answer is 42.") == []


def test_long_references_keep_every_operator():
    long = "def f(a, b):\n" + "".join(f"    x{n} = a * {n} + b\n" for n in range(200)) + "    return x1 > a\n"
    made = mutants(long)
    assert len(made) == 120
    assert any(mutant.name.startswith("wrong_mask_side") for mutant in made)
