"""Sweeps whose cells run in processes of their own, and sweeps that another sweeper made."""

import json
import shutil
from pathlib import Path

from evalkit.__main__ import main
from evalkit.config.saved import is_sweep
from evalkit.launch.shared_limits import largest_limits, write_limits
from evalkit.results.reading import load
from evalkit.rollout.limits import Limits
from tests.launching import config_for

SWEEP = ("-m", "task=arithmetic", "model=simulated", "runs.count=3", "limits.max_tokens=150,300", "quiet=true")


def sets(folder: Path) -> list[Path]:
    return sorted((folder / "outputs" / "rollouts").rglob("set.json"))


def test_jobs_of_another_launcher_buy_what_one_event_loop_buys(tmp_path, monkeypatch):
    bought = {}
    for launcher in ("evalkit", "basic"):  # Hydra's basic launcher runs every job as a launch of its own
        (tmp_path / launcher).mkdir()
        monkeypatch.chdir(tmp_path / launcher)
        assert main([*SWEEP, f"hydra/launcher={launcher}", "hydra.sweep.dir=swept"]) == 0
        (only,) = sets(tmp_path / launcher)
        assert json.loads(only.read_text())["limits"]["max_tokens"] == 300
        bought[launcher] = [path.read_text() for path in sorted(Path("swept").glob("*/runs.jsonl"))]
    assert bought["basic"] == bought["evalkit"]
    assert len(bought["basic"]) == 2


def test_only_cells_that_share_a_conversation_reach_as_far_as_each_other(tmp_path):
    small, large = (config_for("task=arithmetic", f"limits.max_tokens={n}") for n in (100, 900))
    other = config_for("task=arithmetic", "limits.max_tokens=500", "runs.seed=7")
    slow = config_for("task=arithmetic", "limits.max_tokens=700", "limits.timeout_s=9")
    write_limits(tmp_path, [small, large, other, slow])
    found = [largest_limits(tmp_path, config) for config in (small, large, other, slow)]
    assert [limits.max_tokens for limits in found if isinstance(limits, Limits)] == [900, 900, 500, 700]
    looser = config_for("task=arithmetic", "limits.max_tokens=100", "task.tolerances.answer=0.5")
    assert largest_limits(tmp_path, looser) == found[0]  # a tolerance changes no conversation
    assert largest_limits(tmp_path / "elsewhere", small) is None


def test_a_sweep_without_hydras_record_of_it_is_mapped_regraded_and_resumed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([*SWEEP, "hydra.sweep.dir=swept"]) == 0
    Path("swept/multirun.yaml").unlink()  # as after optuna's sweeper
    assert is_sweep(Path("swept"))
    assert len(load("swept").cells) == 2
    for words in (["landscape", "swept"], ["regrade", "swept", "--out", "again"], ["resume", "swept"]):
        assert main(words) == 0, capsys.readouterr().err
    assert len(load("again").cells) == 2


def test_a_launch_and_a_folder_of_launches_are_no_sweep(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["task=arithmetic", "model=simulated", "runs.count=1", "quiet=true", "hydra.run.dir=all/one"]) == 0
    assert not is_sweep(Path("all/one"))
    assert not is_sweep(Path("all"))
    shutil.rmtree("all/one/.hydra")
    assert not is_sweep(Path("all"))
