"""The tutorial does what it says: its files are written and its commands run in an empty folder, as they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TUTORIAL = (Path(__file__).resolve().parents[1] / "docs" / "tutorial.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)(?: title=\"(.+?)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def follow(text: str, folder: Path) -> int:
    """Write every file and run every command of a tutorial in `folder`; how many commands that were."""
    count = 0
    for language, title, content in BLOCK.findall(text):
        if title:
            (folder / title).parent.mkdir(parents=True, exist_ok=True)
            (folder / title).write_text(content, encoding="utf-8")
        elif language == "console":
            for command, expected in _commands(content):
                _run(command, expected, folder)
                count += 1
    return count


def _commands(content: str) -> Iterator[tuple[str, str]]:
    for part in re.split(r"^\$ ", content, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        yield command, expected


def _run(command: str, expected: str, folder: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANTHROPIC_", "EVALKIT_"))}
    path = os.pathsep.join([str(Path(sys.executable).parent), kept["PATH"]])
    done = subprocess.run(command, shell=True, cwd=folder, env=kept | {"PATH": path}, capture_output=True, text=True)
    said = "".join(line.rstrip() + "\n" for line in done.stdout.splitlines())
    status = re.search(r"# exit status (\d+)", command)
    assert done.returncode == (int(status[1]) if status else 0), f"{command}\n{said}{done.stderr}"
    pattern = "".join(map(_matched, expected.splitlines()))
    assert re.fullmatch(pattern, said, re.DOTALL), f"{command}\nprinted\n{said}where the tutorial has\n{expected}"


def _matched(line: str) -> str:
    return ".*" if line == "…" else "[^\n]*".join(map(re.escape, line.split("…"))) + "\n"


def test_every_command_of_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    assert follow(TUTORIAL, tmp_path) == len(re.findall(r"^\$ ", TUTORIAL, re.MULTILINE)) > 5


@pytest.mark.parametrize(
    ("written", "mutated"),
    [("model=oracle", "model=noop"), ("runs.count=1", "runs.cuont=1"), ("  data/shop.csv\n", "  data/shop.json\n")],
)
def test_a_tutorial_that_says_something_else_is_noticed(written: str, mutated: str, tmp_path: Path) -> None:
    beginning = TUTORIAL.partition("## 2.")[0]
    assert written in beginning
    with pytest.raises(AssertionError, match="python -m evalkit"):
        follow(beginning.replace(written, mutated, 1), tmp_path)
