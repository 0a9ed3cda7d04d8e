"""The files of an output directory: times in their own file, whole, and nowhere else."""

import json

from tests.outputs import some_runs, write_launch


def test_times_of_the_launch_and_of_every_run_are_both_kept(tmp_path):
    folder = write_launch(tmp_path / "a", some_runs())
    timing = json.loads((folder / "timing.json").read_text())
    assert timing["timed_runs"] == 12
    assert timing["mean_s"] > 0
    assert [run["run"] for run in timing["runs"]] == list(range(1, 13))
    assert all(run.keys() > {"run", "started", "seconds", "waited", "turns"} for run in timing["runs"])
