"""Audits of tasks in one YAML file: clean where they are right, and true findings only where they are not."""

from __future__ import annotations

import pytest

from evalkit.audit.run import audit
from tests.launching import config_for

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOOK_UP = """\
# @package _global_
task:
  name: look
  kind: answer
  prompt: |
    | flat | price |
    | a | 59240 |
    | b | 34125 |
    What is the price of the dearest flat?
  answer: {type: number, expected: 59240}
  wrong: {first: 34125}
"""
RESIDENTS = """\
# @package _global_
problems:
  file: rows.csv
task:
  name: residents
  kind: answer
  prompt: "Who lives in {{ town }}: {{ name }}, or nobody?"
  answer: {type: text, column: name}
  wrong: {nobody: nobody}
"""
BALANCE = """\
# @package _global_
problems:
  file: rows.csv
task:
  name: balance
  kind: answer
  prompt: "What do {{ a }} and {{ b }} make?"
  answer: {type: number, expected: "{{ a | float + b | float }}"}
  wrong: {first: "{{ a }}"}
"""
SUMS = "id,a,b\na,5,-5\nb,1,1\n"
ROWS = "id,name,town\na,nobody,Paris\nb,Bo,Rome\n"


@pytest.fixture
def audited(tmp_path, monkeypatch, resources):
    async def audited(name, text, rows=ROWS):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "conf" / "task").mkdir(parents=True, exist_ok=True)
        (tmp_path / "conf" / "task" / f"{name}.yaml").write_text(text)
        (tmp_path / "rows.csv").write_text(rows)
        return await audit(config_for(f"task={name}", store=tmp_path), name, resources)

    return audited


async def test_a_value_to_look_up_is_clean_though_the_prompt_has_it_and_a_knob_is_the_answer(audited):
    found = await audited("look", LOOK_UP)
    assert found.findings == ()
    assert found.problems == 1  # the same in every run
    assert "answer.expected" in found.promises.knobs


async def test_a_broken_config_of_another_name_is_not_in_the_way(audited, tmp_path):
    (tmp_path / "conf" / "task").mkdir(parents=True)
    (tmp_path / "conf" / "task" / "look_broken.yaml").write_text("task: [")
    (tmp_path / "conf" / "task" / "look_odd.yaml").write_text("- task\n")
    assert (await audited("look", LOOK_UP)).findings == ()


async def test_a_prompt_that_tells_the_answer_has_a_leak(audited):
    found = await audited("look", LOOK_UP.replace("flat?", "flat? (Expected: 59240)"))
    assert [finding.name for finding in found.findings] == ["leak prompt"]


async def test_a_knob_that_changes_the_right_answer_and_not_the_prompt_is_still_found(audited):
    text = LOOK_UP.replace("expected: 59240", 'expected: "{{ 59240 + extra }}"') + "  values: {extra: 0}\n"
    found = await audited("look", text)
    assert "unstated task.values.extra" in {finding.name for finding in found.findings}


async def test_zero_is_no_false_accept_where_it_is_the_answer_and_one_elsewhere(audited):
    found = await audited("balance", BALANCE, SUMS)
    assert found.findings == ()
    found = await audited("balance", BALANCE + "  tolerances: {answer: 2.5}\n", SUMS)
    assert "start-passes starts/zero" in {finding.name for finding in found.findings}


async def test_a_known_answer_of_some_problems_only_is_graded_again_on_one_that_has_it(audited):
    found = await audited("residents", RESIDENTS)
    assert found.findings == ()
    assert "wrong/nobody" in found.stability.reordered
    (nobody,) = [one for one in found.verdict.wrong if one.solution.id == "wrong/nobody"]
    (oracle,) = [one for one in found.verdict.right if one.solution.name == "oracle"]
    first, second = oracle.result.attempts
    assert first.answer == "nobody" and [one.run for one in nobody.result.attempts] == [second.run]
