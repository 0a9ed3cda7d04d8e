"""`python -m evalkit init NAME`: write a small task with comments, which runs and audits at once, to be changed.

The templates are a task called `my_task` for each kind, in `templates/<kind>`; its name is all that is replaced.
"""

from __future__ import annotations

import keyword
import os
import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from evalkit.cli.parser import VerbParser
from evalkit.config.search_path import folders, task_folders
from evalkit.task import kinds
from evalkit.util.errors import UserError
from evalkit.util.text import fitted

ABOUT = {
    "answer": "a question over the rows of a table",
    "function": "a Python function that hidden cases try",
    "files": "files that the model changes, and checks of them",
    "python": "a grader of your own",
}
"""Template → what it is for."""
KINDS = {kind: about for kind, about in ABOUT.items() if kind in (*kinds.KINDS, "python")}
DEFAULT = "answer"
PLACEHOLDER = "my_task"


def parser() -> VerbParser:
    """The arguments."""
    about = "; ".join(f"{kind}: {what}" for kind, what in KINDS.items())
    verb = VerbParser("init", f"Write a task into the current directory ({about}).", "init my_task --kind python")
    verb.add_argument("name", metavar="NAME", help="the task's name, such as my_task")
    verb.add_argument("--kind", choices=list(KINDS), default=DEFAULT, help=f"what to begin with (default {DEFAULT})")
    return verb


def run(options: Namespace) -> int:
    """Write the files and say what to do next. Raises `UserError` where a name or a file is taken."""
    _check_name(options.name)
    files = dict(_files(options.kind, options.name))
    _write(Path.cwd(), files)
    sys.stdout.write(fitted(_said(options.name, files), sys.stdout))
    return 0


def _check_name(name: str) -> None:
    if not (name.isascii() and name.isidentifier()) or keyword.iskeyword(name):
        plain = "".join(char if char.isascii() and char.isalnum() else "_" for char in name).strip("_")
        better = plain if plain.isidentifier() and not keyword.iskeyword(plain) else f"task_{plain}".rstrip("_")
        raise UserError(
            f"{name!r} cannot name a task: use letters, digits and _, not a digit first and no Python keyword, "
            f"such as {better}"
        )
    taken = {path.stem: path for folder in folders("conf") for path in (folder / "task").glob("*.yaml")}
    taken |= {found: paths[0] for found, paths in task_folders().items()}
    here = next((other for other in taken if other.lower() == name.lower()), None)  # some file systems do not tell
    if here is not None:
        raise UserError(f"There is a task {here!r} already, in {taken[here]}: choose another name")


def _files(kind: str, name: str) -> Iterator[tuple[str, bytes]]:
    """Relative path → content of everything that a task of this kind begins with."""
    for path, file in _below(resources.files("evalkit.cli") / "templates" / kind):
        yield path.replace(PLACEHOLDER, name), file.read_bytes().replace(PLACEHOLDER.encode(), name.encode())


def _below(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, Traversable]]:
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        if item.is_dir() and item.name != "__pycache__":
            yield from _below(item, f"{prefix}{item.name}/")
        elif item.is_file():
            yield prefix + item.name, item


def _write(root: Path, files: Mapping[str, bytes]) -> None:
    """Write all files, or none. Raises `UserError` where one exists or cannot be written."""
    for path in files:
        if os.path.lexists(root / path):
            raise UserError(f"{path} exists already: choose another name, or move it away")
    made: list[Path] = []
    try:
        for path, content in files.items():
            _make_folders(root / Path(path).parent, made)
            with (root / path).open("xb") as file:
                made.append(root / path)
                file.write(content)
    except OSError as error:
        for entry in reversed(made):
            entry.rmdir() if entry.is_dir() else entry.unlink()
        place = error.filename or root
        raise UserError(f"{place} cannot be written ({error.strerror}): change to a folder that is yours") from None


def _make_folders(folder: Path, made: list[Path]) -> None:
    if not folder.is_dir():
        _make_folders(folder.parent, made)
        folder.mkdir()
        made.append(folder)


def _said(name: str, files: Mapping[str, bytes]) -> str:
    written = "\n".join(f"  {path}" for path in files)
    return f"""Wrote
{written}

Try it:
  python -m evalkit task={name} model=oracle runs.count=1      the reference must pass
  python -m evalkit task={name} model=simulated                simulated agents: no key, no cost
  python -m evalkit audit task={name}                          is the grader right?
  python -m pytest tests/test_{name}.py                        the grader's own tests

Then change it: docs/authoring.md explains every part.
"""
