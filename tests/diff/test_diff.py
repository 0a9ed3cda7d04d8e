"""`diff` as a command: real launches, regrading, sweeps, every format, and exit statuses that scripts can use."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evalkit import UserError, load
from evalkit.diff.compare import compare_sweeps
from evalkit.results.reading import summary_from
from evalkit.results.runs import Run
from evalkit.results.writing import write_cell
from evalkit.task.grade import Grade
from tests.outputs import (
    CATEGORIES,
    config_of,
    failed,
    manifest_of,
    passed,
    some_runs,
    summary_of,
    write_launch,
    write_sweep,
)
from tests.verbs import verb

main = verb("diff")

ROOT = Path(__file__).resolve().parents[2]
NASTY = "\x1b[2J <script>alert(1)</script> | ![x](http://y) \u202e `code` *b*"


def diff(capsys: pytest.CaptureFixture[str], *argv: object) -> tuple[int, str]:
    status = main([str(word) for word in argv])
    return status, capsys.readouterr().out


def evalkit(folder: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    environ = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "120"}
    command = [sys.executable, "-m", "evalkit", *argv]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def launches(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Real launches of the simulated model that share their rollouts: twice the same, and one other tolerance."""
    home = tmp_path_factory.mktemp("launches")
    settings = {"first": 0.5, "again": 0.5, "loose": 1e6}
    for name, tolerance in settings.items():
        knobs = ("task=arithmetic", "model=simulated", "runs.count=20", f"task.tolerances.answer={tolerance}")
        done = evalkit(home, *knobs, f"hydra.run.dir={name}")
        assert done.returncode == 0, done.stderr
    return {name: home / name for name in settings}


def test_identical_launches_are_the_same_and_exit_0(
    launches: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    status, out = diff(capsys, launches["first"], launches["again"])
    assert status == 0
    assert "The same settings and the same results." in out
    assert "What came of it" not in out


def test_plain_diff_finds_times_where_times_belong_and_what_was_reused(launches: dict[str, Path]) -> None:
    command = ["diff", "-r", "-q", str(launches["first"]), str(launches["again"])]
    lines = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    differing = {line.removesuffix(" differ").rsplit("/", 1)[1] for line in lines}
    told = {"summary.json", "manifest.json", "report.md", "report.html"}
    assert differing - {"timing.json", "evalkit.log", "hydra.yaml", "overrides.yaml"} == told


def test_one_other_tolerance_shows_exactly_the_flipped_runs(
    launches: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = [run.number for run in load(launches["first"]).runs if run.category == "wrong_value"]
    assert wrong, "the simulated agents give some wrong values"
    status, out = diff(capsys, launches["first"], launches["loose"], "--format", "json")
    facts = json.loads(out)
    assert status == 1
    assert [change["name"] for change in facts["settings"]["config"]] == ["task.tolerances.answer"]
    assert [flip["run"] for flip in facts["flips"]] == wrong
    assert facts["changed_runs"] == [run.number for run in load(launches["first"]).runs if run.checks], "their bound"
    assert facts["test"] == "McNemar" and facts["shared"] == 20
    text = diff(capsys, launches["first"], launches["loose"])[1]
    assert "task.tolerances.answer=1000000.0" in text
    assert text.count("→") == 1 and "✓ Got" in text.partition("Flipped runs")[2]


def test_the_overrides_that_are_shown_make_the_second_launch(
    launches: dict[str, Path], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    facts = json.loads(diff(capsys, launches["first"], launches["loose"], "--format", "json")[1])
    pasted = [f"{change['name']}={change['new']}" for change in facts["settings"]["config"]]
    base = load(launches["first"]).cells[0].overrides
    done = evalkit(launches["first"].parent, *base, *pasted, f"hydra.run.dir={tmp_path / 'pasted'}")
    assert done.returncode == 0
    assert diff(capsys, launches["loose"], tmp_path / "pasted")[0] == 0


def test_exit_statuses_serve_scripts(launches: dict[str, Path], tmp_path: Path) -> None:
    first, again, loose = (str(launches[name]) for name in ("first", "again", "loose"))
    assert evalkit(tmp_path, "diff", first, again).returncode == 0
    assert evalkit(tmp_path, "diff", first, again, loose).returncode == 1
    trouble = evalkit(tmp_path, "diff", first, "nowhere")
    assert (trouble.returncode, trouble.stdout) == (2, "")
    assert trouble.stderr == "evalkit: nowhere does not exist: give the output directory " + (
        "that the launch printed last\n"
    )
    assert evalkit(tmp_path, "diff", first).returncode == 2
    assert evalkit(tmp_path, "diff", first, again, "--format", "pdf").returncode == 2


def test_comparing_imports_neither_torch_nor_anthropic(launches: dict[str, Path]) -> None:
    code = (
        "import sys; from evalkit.cli import tree; status = tree.run(['diff', *sys.argv[1:]]);"
        "print([name for name in ('torch', 'anthropic', 'pandas') if name in sys.modules])"
    )
    command = [sys.executable, "-c", code, str(launches["first"]), str(launches["loose"])]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.endswith("\n[]\n")


def test_several_launches_are_compared_with_the_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = write_launch(tmp_path / "a"), write_launch(tmp_path / "b")
    three = write_launch(tmp_path / "c", some_runs()[:6])
    status, out = diff(capsys, one, two, three, "--format", "json")
    assert status == 1
    assert [found["differ"] for found in json.loads(out)] == [False, True]


def test_what_cannot_be_told_from_chance_is_said_with_the_runs_it_would_take(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = [passed(run) if run <= 4 else failed(run) for run in range(1, 11)]
    new = [passed(run, stamp="b") if run <= 6 else failed(run, stamp="b") for run in range(1, 11)]
    other = manifest_of(rollouts={"set": "other/t500", "limits": {}})
    _, out = diff(capsys, write_launch(tmp_path / "a", old), write_launch(tmp_path / "b", new, manifest=other))
    assert "Boschloo's exact test on independent rollouts: p = 0.50." in out
    assert "cannot be told from chance at 95%" in out and "97 runs on each side (power 80%)" in " ".join(out.split())
    assert "40.0% (16.8-68.7%)" in out and "60.0% (31.3-83.2%)" in out and "+20.0 points (-20.6 to +52.8)" in out


def _with_old_grader(folder: Path, digest: str, *, prompt: str = "", **changed: Grade) -> None:
    """Make a real launch look as if an earlier grader had judged it: `r3=grade` was its verdict on run 3."""
    cell = load(folder).cells[0]
    runs = []
    for kept in cell.runs:
        grade = None
        if kept.passed is not None:
            grade = Grade(kept.passed, kept.message, kept.category, kept.checks, kept.score)
        grade = changed.get(f"r{kept.number}", grade)
        rollout = replace(kept.rollout, prompt=prompt or kept.rollout.prompt)
        runs.append(Run(kept.number, rollout, grade, kept.measurement, kept.cost_usd, error=kept.message))
    digests = {**cell.manifest["digests"], "grader": digest}
    facts = summary_of(runs, categories=CATEGORIES).to_dict()
    write_cell(folder, runs, summary_from(facts), {**cell.manifest, "digests": digests})


def test_the_effect_of_a_changed_grader_is_shown_apart(
    launches: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = next(run.number for run in load(launches["first"]).runs if run.passed)
    strict = tmp_path / "strict"
    done = evalkit(launches["first"].parent, *load(launches["first"]).cells[0].overrides, f"hydra.run.dir={strict}")
    assert done.returncode == 0
    _with_old_grader(strict, "0" * 16, **{f"r{good}": Grade(False, "compared with ==", "wrong_value")})
    status, out = diff(capsys, strict, launches["first"], "--format", "json")
    facts = json.loads(out)
    assert status == 1
    (effect,) = facts["grader_effects"]
    assert [(flip["run"], flip["old_message"]) for flip in effect["flips"]] == [(good, "compared with ==")]
    assert facts["flips"] == [] and facts["difference"] == 0, "under one grader the launches are the same"
    text = diff(capsys, strict, launches["first"])[1]
    assert "Effect of the grader alone" in text and "1 verdict changed" in text
    assert "Both sides under the grader of today." in text


def test_rollouts_of_another_prompt_are_not_graded_against_the_reference_of_today(
    launches: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = tmp_path / "before"
    shutil.copytree(launches["first"], before)
    _with_old_grader(before, "0" * 16, prompt="Calculate something else.")
    status, out = diff(capsys, before, launches["first"])
    said = " ".join(out.split())
    assert status == 1
    assert "the prompt, tools or files of task arithmetic are not those of" in said and "mixes the effects" in said


def test_where_interval_and_test_disagree_the_test_decides(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = [passed(run) if run <= 7 else failed(run) for run in range(1, 31)]
    new = [passed(run) if run <= 2 else failed(run) for run in range(1, 31)]
    _, out = diff(capsys, write_launch(tmp_path / "a", old), write_launch(tmp_path / "b", new))
    assert "p = 0.062" in out and "-33.3 to -1.3" in out
    assert "the test is exact and decides" in " ".join(out.split())


def test_a_grader_that_is_gone_is_said_to_mix_the_effects(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gone = manifest_of(task="no_such_task", digests={"prompt": "1" * 16, "tools": "2" * 16, "grader": "4" * 16})
    config = config_of(task__name="no_such_task")
    one = write_launch(tmp_path / "a", manifest=manifest_of(task="no_such_task"), config=config)
    status, out = diff(capsys, one, write_launch(tmp_path / "b", manifest=gone, config=config))
    assert status == 1
    said = " ".join(out.split())
    assert "could not be graded again" in said and "mixes the effects" in said


def test_two_tasks_are_said_to_measure_different_things(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = (
        write_launch(tmp_path / "a"),
        write_launch(tmp_path / "b", manifest=manifest_of(task="paged_attention")),
    )
    assert "These are two tasks" in diff(capsys, one, other)[1]


def _sweep(folder: Path, *, easier: bool = False, stamp: str = "a") -> Path:
    cells: dict[str, Any] = {}
    for tokens in (500, 900):
        for tolerance in (1, 2):
            good = 18 if easier and tokens == 900 else 2
            runs = [passed(run, stamp=stamp) if run <= good else failed(run, stamp=stamp) for run in range(1, 21)]
            cells[f"limits.max_tokens={tokens},task.tolerances.answer={tolerance}"] = runs
    return write_sweep(folder, cells)


def test_sweeps_are_compared_cell_by_cell_as_a_map(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = _sweep(tmp_path / "a"), _sweep(tmp_path / "b", easier=True)
    status, out = diff(capsys, old, new)
    assert status == 1
    assert "2 of 4 common cells differ in some run; 2 in the pass rate beyond chance" in " ".join(out.split())
    lines = [line.split() for line in out.partition("Difference map")[2].splitlines()]
    assert ["500", "+0.0", "+0.0"] in lines and ["900", "+80.0*", "+80.0*"] in lines
    assert diff(capsys, old, _sweep(tmp_path / "same"))[0] == 0


def test_sweeps_over_different_values_are_compared_where_they_meet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = write_sweep(tmp_path / "a", {f"limits.max_tokens={n}": some_runs() for n in (300, 500)})
    new = write_sweep(tmp_path / "b", {f"limits.max_tokens={n}": some_runs() for n in (500, 900)})
    status, out = diff(capsys, old, new, "--format", "json")
    facts = json.loads(out)
    assert status == 1 and [cell["knobs"] for cell in facts["cells"]] == [{"limits.max_tokens": "500"}]
    assert facts["only_old"] == [{"limits.max_tokens": "300"}] and facts["only_new"] == [{"limits.max_tokens": "900"}]
    strange = write_sweep(tmp_path / "c", {f"limits.max_tokens={n}": some_runs() for n in (1, 2)})
    with pytest.raises(UserError, match="have no cell in common"):
        main([str(old), str(strange)])


def test_a_difference_in_one_cell_of_many_is_not_told_from_chance(tmp_path: Path) -> None:
    def sweep(name: str, good: int) -> Any:
        cells = {}
        for tokens in range(100, 2100, 100):
            better = good if tokens == 100 else 2
            cells[f"limits.max_tokens={tokens}"] = [
                passed(run, stamp=name) if run <= better else failed(run, stamp=name) for run in range(1, 11)
            ]
        manifest = manifest_of(rollouts={"set": f"{name}/t", "limits": {}})
        return load(write_sweep(tmp_path / name, cells, manifest=manifest))

    cells = compare_sweeps(sweep("a", 2), sweep("b", 7)).cells
    assert cells[0].outcomes.comparison.p_value < 0.05, "alone it would be told"
    assert [cell.discovered for cell in cells] == [False] * 20


def test_a_sweep_and_a_launch_cannot_be_compared(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"is a sweep and .* a launch: name a cell of the sweep"):
        main([str(_sweep(tmp_path / "s")), str(write_launch(tmp_path / "a"))])


@pytest.fixture
def nasty(tmp_path: Path) -> tuple[Path, Path]:
    """Two launches with everything that could break out of data."""

    def run(good: bool) -> Run:
        made = passed(1) if good else failed(1)
        grade = Grade(True, NASTY) if good else Grade(False, NASTY, "wrong_value")
        prompt = f"{NASTY} {'new' if good else 'old'} words"
        return replace(made, grade=grade, rollout=replace(made.rollout, prompt=prompt))

    one = write_launch(tmp_path / "a", [run(False)], categories={"wrong_value": NASTY})
    other = write_launch(tmp_path / "b", [run(True)], config=config_of(task__expression=NASTY, model__id=NASTY))
    return one, other


def test_text_of_others_is_data_in_every_format(nasty: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    for form in ("text", "markdown", "html", "json"):
        status, out = diff(capsys, *nasty, "--format", form)
        assert status == 1
        assert "\x1b" not in out and ("\u202e" not in out)
        if form == "html":
            assert "<script" not in out and "&lt;script&gt;alert(1)" in out
            assert "default-src 'none'" in out and "script-src 'none'" in out
        if form == "markdown":
            shown = "".join(out.split("```sh")[::2])
            assert "<script>" not in shown.replace(r"\<script\>", "") and "](http://y)" not in shown


def test_changed_words_of_the_prompt_are_marked_in_every_format(
    nasty: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    marks = {"text": ("[-old-]", "{+new+}"), "markdown": ("<del>old</del>", "<ins>new</ins>")}
    for form, (old, new) in (marks | {"html": marks["markdown"]}).items():
        out = diff(capsys, *nasty, "--format", form)[1]
        assert old in out and new in out
