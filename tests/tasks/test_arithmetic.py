"""The grader of `arithmetic`: a right answer is right in every reasonable form, and nothing else is."""

from pathlib import Path

import evalkit_tasks.arithmetic
import pytest
from evalkit_tasks.arithmetic import Config, Task, Tolerances

from evalkit import Attempt, GradingContext, Problem
from evalkit.task.scripted_agents import load_agents

FOLDER = Path(evalkit_tasks.arithmetic.__file__).parent


@pytest.fixture
def task():
    return Task(Config("arithmetic", "(2^10 + 3^5) * 7 - 100", Tolerances(1e-9)))


async def grade(task, answer):
    return task.grade(await task.measure(Attempt(answer), task.spec(Problem.seeded(0)), GradingContext(None)))


RIGHT = [
    8769, 8769.0, "8769", " 8769\n", "+8769", "8769.", "8769.0", "8,769", "8,769.00", "8_769", "8 769", "8\u202f769",
    "8'769", "8.769e3", "87.69E+02", "0008769", "\ufeff8769", "```\n8769\n```", "~~~text\r\n 8,769\r\n~~~", "８７６９",
    "８，７６９",
]  # fmt: skip
WRONG = [
    8769.4, 8768.6, 8769.0001, 8769.000001, "8769.4", "8.769", "-8769", "\N{MINUS SIGN}8769", 0, 10**15, 1e300, "8768",
    "1e300",
]  # fmt: skip


@pytest.mark.parametrize("answer", RIGHT, ids=ascii)
async def test_a_right_answer_is_right_in_every_form(task, answer):
    got = await grade(task, answer)
    assert got.passed
    assert got.message == "Got 8769"


@pytest.mark.parametrize("answer", WRONG, ids=ascii)
async def test_an_answer_that_is_not_exact_is_wrong(task, answer):
    got = await grade(task, answer)
    assert got.category == "wrong_value"


@pytest.mark.parametrize(
    ("answer", "passes"), [(2**60 + 1, True), (str(2**60 + 1), True), (2**60, False), (2.0**60, False)]
)
async def test_a_large_whole_number_is_exact_too(answer, passes):
    task = Task(Config("arithmetic", "2^60 + 1", Tolerances(1e-9)))
    got = await grade(task, answer)
    assert got.passed is passes
    assert passes or got.message.endswith("expected 1152921504606846977")


@pytest.mark.parametrize("answer", [0.3, "0.3", "0.30000000000000004", ".3"])
async def test_the_rounding_of_fractions_is_no_error(answer):
    assert (await grade(Task(Config("arithmetic", "0.1 + 0.2", Tolerances(1e-9))), answer)).passed


@pytest.mark.parametrize(
    "answer",
    [None, True, "", "eight", "8769 eggs", [8769], {"answer": 8769}, float("nan"), float("inf"), 10**400, "1" * 10**6,
     "87,69", "8769,0", "8,7,6,9", "87 69", "8,769,", "1,234 567", "8_7_6_9", "0x2241", "1e400", "8769²", "⑧⑦⑥⑨",
     "87\n69", "= 8769", "```", -(10**309)],
    ids=lambda answer: ascii(answer)[:20],
)  # fmt: skip
async def test_what_is_no_finite_number_has_a_category(task, answer):
    got = await grade(task, answer)
    assert got.category == "format_error"
    assert len(got.message) < 200


async def test_the_cheat_that_looks_for_the_grader_passes_where_it_is_within_reach(task, capsys):
    exploit = (FOLDER / "solutions" / "exploits" / "imports_the_task.py").read_text(encoding="utf-8")
    exec(exploit.replace("EXPRESSION", task.config.expression), {})
    assert (await grade(task, capsys.readouterr().out)).passed


async def test_the_failure_message_says_both_values(task):
    assert (await grade(task, 6901)).message == "Got 6901, expected 8769"


def test_prompt_and_reference_come_from_the_same_expression():
    spec = Task(Config("arithmetic", "2^3 + 1", Tolerances(1e-9))).spec(Problem.seeded(0))
    assert "2^3 + 1" in spec.prompt
    assert spec.expected == 9


def test_the_agents_load_and_their_weights_are_a_distribution(task):
    agents = task.agents(task.spec(Problem.seeded(0)))
    assert sum(agent.weight for agent in agents) == pytest.approx(1)
    assert task.oracle(task.spec(Problem.seeded(0))).turns[-1].submit_output


def test_a_turn_with_two_actions_is_refused(tmp_path):
    from evalkit.util.errors import UserError

    (tmp_path / "a.yaml").write_text("- {name: x, turns: [{tokens: {median: 1}, submit: 1, python: print(1)}]}")
    with pytest.raises(UserError, match="at most one of"):
        load_agents(tmp_path / "a.yaml")
