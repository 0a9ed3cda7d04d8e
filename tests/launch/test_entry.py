"""Launches and sweeps through Hydra: directories, what a cell knows of itself, other launchers, callbacks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml
from hydra.experimental.callback import Callback

from evalkit.__main__ import main
from evalkit.config.hydra_setup import IS_1_3


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current directory, and an environment without keys."""
    monkeypatch.chdir(tmp_path)
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "EVALKIT_MODEL", "EVALKIT_PATH"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def launched(here: Path, *argv: str) -> Path:
    """Launch with two runs; the directory that it made."""
    folder = here / "outputs" / "arithmetic"
    before = set(folder.glob("*"))
    assert main([*argv, "task=arithmetic", "runs.count=2"]) == 0
    (made,) = set(folder.glob("*")) - before
    return made


def names(sweep: Path) -> list[str]:
    """Folders of the cells."""
    return sorted(path.parent.name for path in sweep.glob("*/runs.jsonl"))


def test_launches_in_the_same_second_have_directories_of_their_own(here: Path) -> None:
    assert len({launched(here), launched(here), launched(here)}) == 3


def test_the_config_and_the_overrides_of_a_launch_are_kept(here: Path) -> None:
    kept = launched(here, "limits.max_tokens=2000") / ".hydra"
    assert yaml.safe_load((kept / "overrides.yaml").read_text()) == [
        "limits.max_tokens=2000",
        "task=arithmetic",
        "runs.count=2",
    ]
    assert yaml.safe_load((kept / "config.yaml").read_text())["limits"]["max_tokens"] == 2000


def test_the_directory_can_be_chosen(here: Path) -> None:
    assert main(["task=arithmetic", "runs.count=1", "hydra.run.dir=deep/er/here"]) == 0
    assert (here / "deep" / "er" / "here" / "runs.jsonl").is_file()


def test_cells_are_named_after_the_knobs_that_vary(here: Path) -> None:
    sweep = launched(here, "-m", "limits.max_tokens=100,2900", "limits.max_steps=5")
    assert names(sweep) == ["000_limits.max_tokens=100", "001_limits.max_tokens=2900"]


def test_a_cells_name_is_safe_whatever_its_values_are(here: Path) -> None:
    sweep = launched(here, "-m", "task.expression='1 / 2','(1+1) * \"x\"[:0].count(\"\")'")
    assert len(names(sweep)) == 2
    assert not [name for name in names(sweep) if set(name) & set("/ '\"()*")]


def test_a_sweep_may_go_to_any_directory(here: Path) -> None:
    odd = "it's a 'place', {really}"
    assert main(["-m", "task=arithmetic", "runs.count=1,2", f'hydra.sweep.dir="{odd}"']) == 0
    assert names(here / odd) == ["000_runs.count=1", "001_runs.count=2"]


def test_a_sweep_of_one_cell_is_one_cell(here: Path) -> None:
    assert names(launched(here, "-m")) == ["000"]


def test_a_sweep_says_how_to_go_on_where_cells_are_undecided(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    launched(here, "-m", "limits.max_tokens=100,2900")
    assert (
        "\nUNDECIDED: 2 of 2 cells; the same command with runs.until=decided keeps these 2 runs"
        in capsys.readouterr().out
    )


def test_a_sweep_over_tasks_has_one_directory(here: Path) -> None:
    assert main(["-m", "task=arithmetic,positional_attention", "runs.count=1", "runs.batches=1"]) == 0
    (sweep,) = (here / "outputs").glob("*/sweep-*")
    assert sweep.parent.name == "several"
    assert names(sweep) == ["000_task=arithmetic", "001_task=positional_attention"]


@pytest.mark.parametrize("launcher", ["hydra/launcher=basic", "hydra.sweeper.max_batch_size=1"])
def test_jobs_that_run_apart_give_the_same_runs_as_one_loop(launcher: str, here: Path) -> None:
    grid = ["-m", "limits.max_tokens=100,2900"]
    together, apart = launched(here, *grid, "reuse=never"), launched(here, *grid, "reuse=never", launcher)
    assert names(together) == names(apart)
    for name in names(together):
        assert (together / name / "runs.jsonl").read_bytes() == (apart / name / "runs.jsonl").read_bytes()


def test_cells_of_one_loop_share_their_rollouts(here: Path) -> None:
    sweep = launched(here, "-m", "limits.max_tokens=100,2900")
    sets = {json.loads(path.read_text())["rollouts"]["set"] for path in sweep.glob("*/manifest.json")}
    assert len(sets) == 1


class Witness(Callback):
    """A user's own callback."""

    seen: ClassVar[list[str]] = []

    def on_job_start(self, config: Any, **kwargs: Any) -> None:
        """Count it, with whether the runs are there."""
        Witness.seen.append(f"start {config.hydra.job.num} {self._there(config)}")

    def on_job_end(self, config: Any, job_return: Any, **kwargs: Any) -> None:
        """Count it, with whether the runs are there."""
        Witness.seen.append(f"end {config.hydra.job.num} {self._there(config)} {job_return.return_value}")

    def on_multirun_end(self, config: Any, **kwargs: Any) -> None:
        """Count it."""
        Witness.seen.append("over")

    @staticmethod
    def _there(config: Any) -> bool:
        return (Path(config.hydra.runtime.output_dir) / "runs.jsonl").is_file()


@pytest.mark.skipif(not IS_1_3, reason="Hydra 1.4 calls no callback that the program has not listed")
def test_callbacks_see_jobs_start_before_their_runs_and_end_after_them(here: Path) -> None:
    Witness.seen = []
    launched(here, "-m", "limits.max_tokens=100,2900", f"+hydra.callbacks.witness._target_={__name__}.Witness")
    assert Witness.seen == ["start 0 False", "start 1 False", "end 0 True 0", "end 1 True 0", "over"]


def test_a_key_given_by_mistake_is_not_accepted_as_a_knob(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["task=arithmetic", "model.api_key=sk-ant-secret"]) == 2
    assert "model.api_key would write a secret to disk" in capsys.readouterr().err
    assert list(here.iterdir()) == []


def test_a_path_of_the_machine_is_no_name_in_the_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "a ${x} 'b' [1] é"
    place.mkdir()
    monkeypatch.chdir(place)
    assert main(["task=arithmetic", "runs.count=1", "hydra.run.dir=out"]) == 0
    assert main(["-m", "task=arithmetic", "runs.count=1", "runs.seed=0,1", "hydra.sweep.dir=sweep"]) == 0
    assert main(["resume", "out"]) == main(["landscape", "sweep"]) == main(["regrade", "sweep"]) == 0
    words = f'model.replay_from="{place / "out"}"'
    assert main(["task=arithmetic", "model=replay", words, "runs.count=1"]) == 0
