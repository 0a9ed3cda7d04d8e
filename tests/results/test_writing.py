"""The files of an output directory: times in their own file, whole, and nowhere else."""

import json
from dataclasses import replace

from evalkit.report.page import launch_page
from evalkit.results.reading import load
from evalkit.rollout.record import FailedAttempt, Timing
from tests.outputs import some_runs, write_launch


def test_times_of_the_launch_and_of_every_run_are_both_kept(tmp_path):
    folder = write_launch(tmp_path / "a", some_runs())
    timing = json.loads((folder / "timing.json").read_text())
    assert timing["timed_runs"] == 12
    assert timing["mean_s"] > 0
    assert [run["run"] for run in timing["runs"]] == list(range(1, 13))
    assert all(run.keys() > {"run", "started", "seconds", "waited", "turns"} for run in timing["runs"])


def test_times_are_written_run_by_run_as_if_all_were_written_at_once(tmp_path):
    failed = FailedAttempt("HTTP 529\u2028overloaded", 0.25, 1.0)
    runs = some_runs()
    runs[0] = replace(runs[0], rollout=replace(runs[0].rollout, timing=Timing(1.0, 2.0, 0.5, (1.0, 1.0), (failed,))))
    for count in (12, 0):
        folder = write_launch(tmp_path / str(count), runs[:count])
        text = (folder / "timing.json").read_text()
        assert text == json.dumps(json.loads(text), indent=1, ensure_ascii=False) + "\n"
        assert len(json.loads(text)["runs"]) == count
    assert load(tmp_path / "12").runs[0].seconds == 2.0


def test_a_report_keeps_no_conversation_in_memory(tmp_path):
    (cell,) = load(write_launch(tmp_path / "a", some_runs())).cells
    launch_page(cell)
    assert not any("rollout" in vars(run) for run in cell.runs)
    assert cell.runs[3].rollout is cell.runs[3].conversation()
