"""A tool call that the server's template did not parse is told from a model that only talks."""

from __future__ import annotations

import pytest

from evalkit.results.summary import summarize
from evalkit.rollout.record import Turn
from evalkit.rollout.text_tool_calls import called_in_text
from evalkit.stats.verdict import Band
from evalkit.task.optional_parts import definition
from evalkit.task.tools import PythonExpression, SubmitAnswer
from tests.builders import call, message, rollout, text
from tests.runs import failed, passed

TOOLS = [definition(PythonExpression()), definition(SubmitAnswer({"type": "number"}))]


@pytest.mark.parametrize(
    ("said", "is_call"),
    [
        ('```json\n{"name": "python_expression", "arguments": {"expression": "print(1)"}}\n```', True),
        ('I compute.\n{"tool": "submit_answer", "input": {"answer": 5}}', True),
        ('{"type": "function", "function": {"name": "python_expression", "parameters": {}}}', True),
        ('```json\n{"expression": "print(1)"}\n```', True),
        ('{"answer": 8769}', True),
        ("<tool_call>\n{broken", True),
        ("[TOOL_CALLS] [", True),
        ("The answer is 8769.", False),
        ('A dict such as {"a": 1} or {x} is not it.', False),
        ("{" * 5000, False),
        ('{"a":' * 5000, False),
        ("", False),
    ],
)
def test_a_call_as_text_is_recognised(said: str, is_call: bool) -> None:
    assert called_in_text(Turn(100, message(text(said))), TOOLS) is is_call


def test_an_answer_that_calls_a_tool_is_fine() -> None:
    said = message(text('{"answer": 5}'), call("python_expression", {"expression": "print(5)"}))
    assert not called_in_text(Turn(100, said), TOOLS)


def test_a_warning_counts_the_answers_that_hold_one() -> None:
    from dataclasses import replace

    talking = Turn(100, message(text('{"name": "submit_answer", "arguments": {"answer": 5}}')))
    runs = [
        replace(failed(number), rollout=replace(rollout(talking, run=number), tools=tuple(TOOLS))) for number in (1, 2)
    ]
    band = Band(0.1, 0.4)
    found = summarize([*runs, passed(3)], band=band, confidence=0.95, categories={}).warnings
    assert any(
        "2 of 3 answers hold what looks like a tool call as text: check the chat template" in one for one in found
    )
    found = summarize([passed(number) for number in range(1, 5)], band=band, confidence=0.95, categories={}).warnings
    assert not any("as text" in one for one in found)
