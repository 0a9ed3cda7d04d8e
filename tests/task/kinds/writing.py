"""Tasks in one YAML file, written as an author would into the current directory."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from evalkit.task.problem import NoRow, Problem
from evalkit.task.problem_files import read_rows
from evalkit.task.registry import check_specs, load_task
from evalkit.util.errors import UserError


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current directory."""
    monkeypatch.chdir(tmp_path)
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "EVALKIT_MODEL", "EVALKIT_PATH", "HYDRA_FULL_ERROR"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "conf" / "task").mkdir(parents=True)
    return tmp_path


def write(name: str, text: str, *changes: tuple[str, str], **files: str) -> None:
    """conf/task/`name`.yaml with some of its text changed, and files beside it: `rows_jsonl` is rows.jsonl."""
    for before, after in changes:
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    Path("conf", "task", f"{name}.yaml").write_text(text)
    for file, content in files.items():
        Path(".".join(file.rsplit("_", 1))).write_text(content)


def refusal(name: str) -> str:
    """The one sentence with which the task is refused before a launch."""
    config = yaml.safe_load(Path("conf", "task", f"{name}.yaml").read_text())
    file = config.get("problems", {}).get("file")
    row = read_rows(Path(file))[0] if file else NoRow()
    with pytest.raises(UserError) as refused:
        check_specs(load_task(config["task"]), Problem("0", 0, 7, row))
    return str(refused.value)
