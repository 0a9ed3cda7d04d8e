"""Loading output directories: what comes back is what was written, and bad directories get one clear sentence."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import evalkit
from evalkit import UserError
from evalkit.results.runs import Outcome
from evalkit.rollout.record import Ending
from evalkit.sampling.problem_set import TRIES
from evalkit.stats import Interval
from evalkit.task.grade import Check, Grade
from tests.outputs import broken, failed, passed, some_runs, summary_of, write_launch, write_sweep
from tests.runs import unknown


def test_a_launch_comes_back_as_it_was_written(tmp_path: Path) -> None:
    runs = some_runs()
    results = evalkit.load(write_launch(tmp_path / "a", runs))
    (cell,) = results.cells
    assert not results.is_sweep and not cell.knobs
    assert cell.summary == summary_of(runs)
    assert (cell.task, cell.model, cell.simulated, cell.limits.max_tokens) == ("arithmetic", "simulated", True, 500)
    assert cell.overrides == ("task=arithmetic", "model=simulated")
    assert [run.outcome for run in results.runs] == [run.outcome for run in runs]
    assert [run.message for run in results.runs] == [run.message for run in runs]
    assert [run.rollout for run in results.runs] == [run.rollout for run in runs]
    assert [run.measurement for run in results.runs] == [run.measurement for run in runs]
    assert [run.seconds for run in results.runs] == [run.rollout.timing.seconds for run in runs]


def test_a_failed_run_carries_the_name_that_reports_give_its_failure(tmp_path: Path) -> None:
    runs = evalkit.load(write_launch(tmp_path / "a")).runs
    labels = {run.label for run in runs if run.outcome is Outcome.FAILED}
    assert labels == {"Wrong value", "Token limit"}
    assert {run.label for run in runs if run.outcome is not Outcome.FAILED} == {None}


def test_an_error_is_neither_passed_nor_failed(tmp_path: Path) -> None:
    run = evalkit.load(write_launch(tmp_path / "a", [passed(1), broken(2)])).runs[1]
    assert run.passed is None and run.ending is Ending.ERROR
    assert run.message == "the provider answered 529 five times"


def test_the_stability_over_batches_comes_back_too(tmp_path: Path) -> None:
    cell = evalkit.load(write_launch(tmp_path / "a", batches=3)).cells[0]
    assert cell.summary.stability == summary_of(some_runs(), batches=3).stability
    assert cell.summary.stability is not None


def test_a_check_without_a_finite_number_comes_back(tmp_path: Path) -> None:
    check = Check("loss", False, float("inf"), 1.0)
    run = replace(failed(1), grade=Grade(False, "diverged", "wrong_value", (check,)))
    assert evalkit.load(write_launch(tmp_path / "a", [run])).runs[0].checks == (check,)


def test_text_that_utf8_cannot_hold_comes_back(tmp_path: Path) -> None:
    run = replace(failed(1), grade=Grade(False, "half a pair: \ud83d", "wrong_value"))
    assert evalkit.load(write_launch(tmp_path / "a", [run])).runs[0].message == "half a pair: \ud83d"


def test_a_sweep_is_its_cells_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    cells = {f"limits.max_tokens={100 * n}": [passed(1), failed(2)] for n in range(1, 13)}
    results = evalkit.load(write_sweep(tmp_path / "s", cells))
    assert results.is_sweep and results.knobs == ("limits.max_tokens",)
    assert [cell.knobs["limits.max_tokens"] for cell in results.cells] == [str(100 * n) for n in range(1, 13)]
    assert len(results.runs) == 24


def test_what_every_cell_shares_is_no_swept_knob(tmp_path: Path) -> None:
    cells = {f"limits.max_tokens=100,+task.a={n},runs.count=2": [passed(1), failed(2)] for n in (1, 2)}
    assert evalkit.load(write_sweep(tmp_path / "s", cells)).knobs == ("task.a",)


def test_unfinished_cells_of_a_sweep_are_named(tmp_path: Path) -> None:
    sweep = write_sweep(tmp_path / "s", {f"a={n}": [passed(1)] for n in (1, 2, 3)})
    (sweep / "1,a=2" / "summary.json").unlink()
    results = evalkit.load(sweep)
    assert results.unfinished == (sweep / "1,a=2",)
    assert [dict(cell.knobs) for cell in results.cells] == [{"a": "1"}, {"a": "3"}]


def test_a_frame_has_a_row_a_run_and_a_column_a_swept_knob(tmp_path: Path) -> None:
    frame = evalkit.load(write_sweep(tmp_path / "s", {f"a={n}": some_runs() for n in (1, 2)})).frame()
    assert len(frame) == 24
    assert frame.groupby("a")["passed"].sum().tolist() == [4, 4]
    assert frame["check.answer"].dropna().tolist() == [0.0, 1.0, 0.0, 1.0, 0.0, 0.0] * 2
    assert set(frame["label"].dropna()) == {"Wrong value", "Token limit"}


def test_a_frame_of_a_set_has_the_problem_and_the_try_of_every_run(tmp_path: Path) -> None:
    runs = [replace(passed(n * TRIES + 1), problem=f"p{n}", attempt=1) for n in range(2)]
    runs.append(replace(failed(TRIES + 2), problem="p1", attempt=2))
    frame = evalkit.load(write_launch(tmp_path / "a", runs)).frame()
    assert frame[["problem", "try"]].to_numpy().tolist() == [["p0", 1], ["p1", 1], ["p1", 2]]
    assert frame.groupby("problem")["passed"].mean().to_dict() == {"p0": 1.0, "p1": 0.5}
    assert "problem" not in evalkit.load(write_launch(tmp_path / "b")).frame()


def test_the_ends_of_a_rate_are_means_of_a_frame(tmp_path: Path) -> None:
    unsure = [unknown(20), unknown(21), unknown(22)]
    results = evalkit.load(write_sweep(tmp_path / "s", {"a=1": some_runs(), "a=2": [*some_runs(), *unsure]}))
    ends = results.frame().groupby("a")[["passed_low", "passed_high"]].mean()
    for cell, (low, high) in zip(results.cells, ends.to_numpy().tolist(), strict=True):
        assert cell.summary.rate.range == Interval(pytest.approx(low), pytest.approx(high))
    assert results.cells[1].summary.rate.unknown == 3
    assert [run.outcome for run in results.cells[1].runs[-3:]] == [Outcome.UNKNOWN] * 3


def test_without_pandas_frame_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UserError, match="pip install 'evalkit\\[notebooks\\]'"):
        evalkit.load(write_launch(tmp_path / "a")).frame()


def _newer(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"format": "2.0"}))


def _cut_short(folder: Path) -> None:
    lines = (folder / "runs.jsonl").read_text().splitlines(keepends=True)
    (folder / "runs.jsonl").write_text("".join(lines[:5]))


def _write(name: str, text: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_text(text) and None


def _change(key: str, value: object) -> Callable[[Path], None]:
    """Another value in the third run."""

    def change(folder: Path) -> None:
        lines = (folder / "runs.jsonl").read_text().splitlines()
        lines[2] = json.dumps(json.loads(lines[2]) | {key: value})
        (folder / "runs.jsonl").write_text("\n".join(lines))

    return change


def _remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (_newer, "manifest.json has format version 2.0, this evalkit reads 1.0: use the version"),
        (_remove("summary.json"), "is an unfinished launch .*`python -m evalkit resume"),
        (_remove("manifest.json"), "manifest.json is missing: run the launch again"),
        (_remove("runs.jsonl"), "runs.jsonl is missing"),
        (_remove(".hydra/overrides.yaml"), "overrides.yaml is missing"),
        (_cut_short, r"runs.jsonl is damaged \(it has 5 of 12 runs\)"),
        (_write("runs.jsonl", '{"run": 1}\n{"run'), r"runs.jsonl is damaged \(no 'outcome'\)"),
        (_change("score", "1"), r"runs.jsonl is damaged \(line 3: Expected float \| null, got str at score\)"),
        (_change("outcome", "maybe"), r"runs.jsonl is damaged \(line 3: Invalid enum value 'maybe' at outcome\)"),
        (_write("runs.jsonl", "{"), r"damaged \(line 1 is not JSON\)"),
        (_write("runs.jsonl", "[]\n"), r"damaged \(line 1 is not an object\)"),
        (_write("summary.json", "{}"), r"summary.json is damaged \(no 'stability'\)"),
        (_write("summary.json", "[]"), r"summary.json is damaged \(it is not an object\)"),
        (_write("manifest.json", '{"format": "1.0"}'), r"manifest.json is damaged \(no 'task'\)"),
        (_write(".hydra/config.yaml", "a: [1"), r"config.yaml is damaged \(it is not YAML\)"),
        (_write("measurements.jsonl", "null\n"), r"measurements.jsonl is damaged"),
        (_write("timing.json", "{"), r"timing.json is damaged"),
    ],
)
def test_a_bad_directory_gets_one_clear_sentence(tmp_path: Path, harm: Callable[[Path], None], sentence: str) -> None:
    folder = write_launch(tmp_path / "a")
    harm(folder)
    with pytest.raises(UserError, match=sentence) as raised:
        evalkit.load(folder)
    assert "\n" not in str(raised.value)


def test_what_is_no_output_directory_is_called_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "notes.txt").write_text("x")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "set.json").write_text("{}")
    write_launch(tmp_path / "many" / "one")
    for name, sentence in {
        "nothing": "does not exist",
        "empty": "is empty",
        "file": "is a file",
        "foreign": "is not an evalkit output directory",
        "set": "is a set of rollouts in the store",
        "many": "contains 1 launch: name one of them, such as .*many/one",
    }.items():
        with pytest.raises(UserError, match=sentence):
            evalkit.load(tmp_path / name)


def test_a_sweep_without_results_is_unfinished(tmp_path: Path) -> None:
    sweep = write_sweep(tmp_path / "s", {"a=1": [passed(1)]})
    (sweep / "0,a=1" / "summary.json").unlink()
    with pytest.raises(UserError, match="is a sweep without a finished cell"):
        evalkit.load(sweep)


def test_a_missing_conversation_is_a_sentence(tmp_path: Path) -> None:
    folder = write_launch(tmp_path / "a")
    shutil.rmtree(folder / "rollouts")
    with pytest.raises(UserError, match=r"0001\.jsonl is missing"):
        _ = evalkit.load(folder).runs[0].rollout


def test_a_damaged_conversation_is_a_sentence(tmp_path: Path) -> None:
    folder = write_launch(tmp_path / "a")
    path = folder / "rollouts" / "0001.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match="damaged"):
        _ = evalkit.load(folder).runs[0].rollout


def test_loading_imports_neither_torch_nor_anthropic_nor_numpy(tmp_path: Path) -> None:
    folder = write_launch(tmp_path / "a")
    code = (
        "import sys, evalkit; evalkit.load(sys.argv[1]).runs[0].rollout;"
        "print([name for name in ('torch', 'anthropic', 'numpy', 'scipy', 'pandas', 'hydra') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_launch_made_from_python_has_no_hydra_folder_and_can_be_loaded(tmp_path: Path) -> None:
    folder = write_launch(tmp_path / "a")
    shutil.rmtree(folder / ".hydra")
    (cell,) = evalkit.load(folder).cells
    assert (cell.config, cell.overrides, len(cell.runs)) == ({}, (), 12)
