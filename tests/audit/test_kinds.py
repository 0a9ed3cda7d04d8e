"""What mutants mean for exact answers, scores and rubrics; and what no audit calls a false accept."""

from __future__ import annotations

import json

import pytest

from evalkit.__main__ import main
from evalkit.audit.run import audit
from evalkit.sampling.seeds import run_seed
from tests.launching import config_for

from .authors import COUNTER, FORECAST, TEXT, write


@pytest.fixture
def audited(tmp_path, monkeypatch, resources):
    """Writes a task and audits it."""

    async def audited(name, methods, solutions, seeds=3, **options):
        monkeypatch.setenv("EVALKIT_PATH", str(tmp_path))
        write(tmp_path, name, methods, **solutions)
        config = config_for(f"task={name}", store=tmp_path)
        return await audit(config, name, resources, seeds=seeds, **options)

    return audited


NAIVE = {"wrong__naive": "# breaks: it\ndef forecast(values):\n    return 0\n"}


@pytest.mark.asyncio(loop_scope="module")
async def test_a_mutant_of_a_forecast_that_is_good_enough_is_no_false_accept(audited):
    found = await audited("forecast_scored", FORECAST, NAIVE)
    assert found.plan.kind == "score"
    good = {one.solution.id for one in found.verdict.good_enough}
    assert any(id_.startswith("mutants/") for id_ in good)
    assert not [finding for finding in found.findings if finding.kind == "false-accept"]
    assert found.verdict.false_accepts.of > 0
    (row,) = found.tolerances.rows
    assert [mark.id for mark in row.marks if not mark.right] == ["wrong/naive"]  # mutants bound no window


@pytest.mark.asyncio(loop_scope="module")
async def test_the_same_forecast_with_one_right_answer_has_false_accepts(audited):
    found = await audited("forecast_exact", FORECAST.replace("score", "exact"), NAIVE)
    assert [finding.name for finding in found.findings if finding.name.startswith("false-accept mutants/")]
    assert found.verdict.good_enough == ()


@pytest.mark.asyncio(loop_scope="module")
async def test_a_wrong_forecast_of_the_author_that_passes_is_a_false_accept_of_a_score_too(audited):
    wrong = {"wrong__lucky": "# breaks: it\ndef forecast(values):\n    return 7\n"}
    found = await audited("forecast_lucky", FORECAST, wrong, mutants=False)
    assert "false-accept wrong/lucky" in {finding.name for finding in found.findings}


@pytest.mark.asyncio(loop_scope="module")
async def test_a_score_that_takes_what_is_no_number_for_good_enough_has_a_false_accept(audited):
    lenient = FORECAST.replace("float(output.stdout)", 'float(output.stdout.replace("nan", "0"))')
    found = await audited("forecast_lenient", lenient, NAIVE, mutants=False)
    names = {finding.name for finding in found.findings if finding.kind == "false-accept"}
    assert names == {"false-accept answers/not_a_number"}


TOWNS = {
    "correct__same": "# Says it.\nthe town of problem NUMBER",
    "wrong__equal": "# Is right after all.\nthe town of problem NUMBER",
    "wrong__other": "# breaks: it\na village",
    "exploits__guess": f"# Right on some problems.\nthe town of problem {run_seed(0, 1) % 7}",
}


@pytest.mark.asyncio(loop_scope="module")
async def test_a_text_that_equals_the_references_is_no_false_accept_and_any_other_is(audited):
    found = await audited("towns", TEXT, {**TOWNS, "wrong__longer": "the town of problem NUMBER!"}, seeds=9)
    names = {finding.name for finding in found.findings if finding.kind == "false-accept"}
    assert names == {"false-accept wrong/longer", "false-accept exploits/guess"}
    assert [one.solution.id for one in found.verdict.equivalent] == ["wrong/equal"]
    guess = next(one for one in found.verdict.wrong if one.solution.id == "exploits/guess")
    assert guess.accepted == len(guess.counted) == found.problems - 1  # not where it is right


@pytest.mark.asyncio(loop_scope="module")
async def test_every_problem_is_played_in_a_session_of_its_own(audited):
    found = await audited("counter", COUNTER, {}, seeds=9)
    (oracle,) = [one for one in found.verdict.right if one.solution.id == "correct/oracle"]
    assert [attempt.answer for attempt in oracle.result.attempts] == [1] * found.problems
    assert found.problems > 3


@pytest.mark.asyncio(loop_scope="module")
async def test_a_rubric_has_no_mutants_and_says_beforehand_how_often_it_measures(audited):
    told = []
    found = await audited("judged", FORECAST.replace("score", "rubric"), NAIVE, tell=told.append)
    (said,) = told
    assert said.startswith("judged is judged by a rubric: this audit calls its measure up to ")
    most = int(said.partition("up to ")[2].split()[0])
    assert 0 < found.measured <= most < 2 * found.measured
    assert {one.solution.kind for one in (*found.verdict.right, *found.verdict.wrong)} == {"correct", "wrong", "starts"}


@pytest.mark.asyncio(loop_scope="module")
async def test_of_a_task_without_judges_nothing_is_said_beforehand(audited):
    told = []
    await audited("towns_exact", TEXT, TOWNS, seeds=1, quick=True, tell=told.append)
    assert told == []


@pytest.mark.asyncio(loop_scope="module")
async def test_a_rule_that_a_breaker_breaks_unpunished_on_some_problems_is_not_said_to_be_broken_by_everything(audited):
    partly = "# breaks: it\nNUMBER at the town"
    methods = TEXT.replace('startswith("the town")', 'startswith(("0", "1", "2", "the town"))')
    both = {"wrong__partly": partly, "wrong__wholly": "# breaks: it\nthe town hall"}
    found = await audited("partly", methods, both, seeds=12)
    (said,) = [finding.message for finding in found.findings if finding.kind == "unenforced"]
    assert said == "what breaks it passes on some problems: wrong/partly, wrong/wholly"
    whole = TEXT.replace('startswith("the town")', 'endswith("town")')
    found = await audited("wholly", whole, {"wrong__wholly": partly}, seeds=4)
    (said,) = [finding.message for finding in found.findings if finding.kind == "unenforced"]
    assert said == "everything that breaks it passes: wrong/wholly"


def test_mutants_are_left_out_alone_and_the_report_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "forecast_alone", FORECAST.replace("score", "exact"), **NAIVE)
    (tmp_path / "tasks" / "forecast_alone" / "known_findings.yaml").write_text(
        "forecast_alone: [false-accept mutants/x, not-monotone task.most]\n"
    )
    main(["audit", "task=forecast_alone", "--no-mutants"])
    said = " ".join(capsys.readouterr().out.split())
    assert "NOT CHECKED: mutants (left out by --no-mutants)" in said
    assert "2 known and not tried with --no-mutants" in said
    facts = json.loads((tmp_path / "outputs/audit/forecast_alone/audit.json").read_text())
    kinds = {solution["id"].partition("/")[0] for solution in facts["solutions"]}
    assert "answers" in kinds and "mutants" not in kinds
