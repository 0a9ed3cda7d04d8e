"""evalkit without torch: everything works but tasks that need it, and those say in one sentence how to get it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HIDDEN = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "EVALKIT_MODEL", "EVALKIT_PATH", "PYTHONPATH")
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # on another file system
        shutil.copy2(source, target)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs `python -m evalkit …` in a virtual environment with all packages of this one but torch."""
    place = tmp_path_factory.mktemp("no torch")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place / "venv")], check=True, timeout=60)
    (site,) = (place / "venv" / "lib").glob("python*/site-packages")
    for entry in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if entry.name.startswith("numpy"):  # programs import it within the sandbox, which sees no other folder
            shutil.copytree(entry, site / entry.name, copy_function=link_or_copy)
        elif not entry.name.startswith(("torch", "functorch")):
            (site / entry.name).symlink_to(entry)
    env = {name: value for name, value in os.environ.items() if name not in HIDDEN} | {"PYTHONPATH": str(ROOT)}

    def command(*words: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
        ours = env | ({"EVALKIT_PATH": str(path)} if path else {})
        python = str(place / "venv" / "bin" / "python")
        return subprocess.run(
            [python, "-P", "-m", "evalkit", *words], cwd=place, env=ours, capture_output=True, text=True, timeout=240
        )

    return command


def test_tasks_about_numbers_and_text_work_without_torch(run: Run) -> None:
    for words in (
        ["--cfg", "job", "task=paged_attention"],
        ["task=arithmetic", "model=simulated", "runs.count=4", "hydra.run.dir=first"],
        ["task=positional_attention", "model=simulated", "runs.count=2", "hydra.run.dir=numbers"],
        ["task=arithmetic", "model=simulated", "runs.count=4", "hydra.run.dir=second"],
        ["report", "first"],
        ["show", "first"],
        ["diff", "first", "second"],
        ["diagnose", "first"],
        ["doctor"],
        ["audit", "task=arithmetic", "--out", "audit", "--quick", "--known"],
    ):
        done = run(*words)
        assert (done.returncode, done.stderr) == (0, ""), words
    assert "torch       not installed: pip install 'torch>=2.13', for tasks that need it" in run("doctor").stdout


NEEDS = "evalkit: The task needs torch, which is not installed: pip install 'torch>=2.13'\n"


@pytest.mark.parametrize("words", [["task=paged_attention"], ["audit", "task=positional_attention", "--out", "audit"]])
def test_a_task_whose_programs_need_torch_says_how_to_get_it(run: Run, words: list[str]) -> None:
    done = run(*words, *(["hydra.run.dir=paged"] if len(words) == 1 else []))
    assert (done.returncode, done.stdout, done.stderr) == (2, "", NEEDS)


def test_a_plugin_that_imports_torch_says_how_to_get_it(run: Run, tmp_path: Path) -> None:
    (tmp_path / "tasks" / "needy").mkdir(parents=True)
    (tmp_path / "tasks" / "needy" / "__init__.py").write_text("import torch\n")
    (tmp_path / "conf" / "task").mkdir(parents=True)
    node = "# @package _global_\ntask:\n  name: needy\n"
    (tmp_path / "conf" / "task" / "needy.yaml").write_text(node)
    done = run("task=needy", "hydra.run.dir=needy", path=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("evalkit: Task plugin needy cannot be imported: ModuleNotFoundError: No module named")
    assert done.stderr.endswith("__init__.py:1: \"import torch\"): pip install 'torch>=2.13'\n")
    assert done.stderr.count("\n") == 1
