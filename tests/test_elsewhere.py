"""Directories that are read from another place than they were launched from: tasks, stores and files are found."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from evalkit.__main__ import main
from evalkit.config.search_path import bundled
from evalkit.task.registry import load_plugin

NAME = "sums_of_mine"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a task of its own, a launch of it that was never finished, and a sweep without its landscape."""
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "EVALKIT_MODEL", "EVALKIT_PATH", "HYDRA_FULL_ERROR"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "project"
    (folder / "conf" / "task").mkdir(parents=True)
    shutil.copytree(bundled("tasks") / "arithmetic", folder / "tasks" / NAME)
    config = (bundled("conf") / "task" / "arithmetic.yaml").read_text().replace("name: arithmetic", f"name: {NAME}")
    (folder / "conf" / "task" / f"{NAME}.yaml").write_text(config)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(folder)
    forget()
    assert main([f"task={NAME}", "runs.count=2", "hydra.run.dir=out"]) == 0
    assert main(["-m", f"task={NAME}", "runs.count=2", "limits.max_tokens=150,300", "hydra.sweep.dir=sweep"]) == 0
    monkeypatch.chdir(tmp_path / "elsewhere")
    forget()
    return folder


def forget() -> None:
    """As in a new process: which tasks there are was looked up once."""
    load_plugin.cache_clear()
    for module in [name for name in sys.modules if name.startswith(f"evalkit_tasks.{NAME}")]:
        del sys.modules[module]


@pytest.mark.parametrize("place", ["../project/{}", "{project}/{}"])
def test_every_verb_finds_a_launchs_own_task_and_store(
    project: Path, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    launch, sweep = (place.replace("{}", name).format(project=project) for name in ("out", "sweep"))
    kept = (project / "out" / "runs.jsonl").read_bytes()
    (project / "out" / "summary.json").unlink()
    (project / "sweep" / "landscape.json").unlink()
    capsys.readouterr()
    assert main(["resume", launch]) == 0
    assert "Reuses 2 of 2" in capsys.readouterr().out
    assert (project / "out" / "runs.jsonl").read_bytes() == kept
    for argv in (["resume", sweep], ["landscape", sweep], ["regrade", launch], ["show", launch], ["report", launch]):
        forget()
        assert main(argv) == 0, argv
    forget()
    assert main(["diff", launch, f"{launch}-regraded"]) == 0
    assert list(Path.cwd().iterdir()) == []


def test_a_grader_that_changed_is_compared_from_elsewhere(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = project / "tasks" / NAME / "__init__.py"
    assert main(["regrade", "../project/out", "task.tolerances.answer=0.25", "--out", "again"]) == 0
    assert Path("again/summary.json").is_file()
    code.write_text(code.read_text() + "\n# another digest\n")
    forget()
    assert main(["diff", "../project/out", "again", "--no-pager"]) == 1
    assert "task.tolerances.answer=0.25" in capsys.readouterr().out


def test_a_recording_is_played_from_elsewhere(project: Path) -> None:
    words = ["model=replay", "model.replay_from=../project/out", "runs.count=2", "hydra.run.dir=out"]
    assert main(["task=arithmetic", *words]) == 0
    (Path("out") / "summary.json").unlink()
    assert main(["resume", "out"]) == 0
    assert Path("out/summary.json").is_file()


def test_a_task_that_was_moved_is_found_where_one_is_or_missed_by_name(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = project.parent / "moved"
    moved.mkdir()
    shutil.move(project / "tasks", moved / "tasks")
    assert main(["regrade", "../project/out"]) == 2
    err = capsys.readouterr().err
    assert f"Unknown task '{NAME}'" in err and "EVALKIT_PATH" in err
    monkeypatch.chdir(moved)
    forget()
    assert main(["regrade", "../project/out"]) == 0
    shutil.move(project / "out", moved / "out")
    shutil.rmtree(project)
    forget()
    assert main(["regrade", "out"]) == 0
