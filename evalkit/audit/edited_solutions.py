"""Solutions that differ from another one in a few places, written as edits of it in one file beside the solutions.

    of: ../correct/numpy_heads.py          the solution that is edited, as seen from this file
    solutions:
      no_scale:                            what the solution is called
        expect: numerical                  labels, as in a file of its own; `about` says in words what it is
        edits: {" / np.sqrt(qk)": ""}      what is replaced → by what, in this order

Each text that is replaced must occur exactly once. The source is the edited one, with these labels in place of the
comments at its top.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evalkit.util.errors import UserError
from evalkit.util.suggestions import suggestion

EDITS = "edits.yaml"
"""The file of edits in a folder of solutions."""


def edited_solutions(folder: Path, labels: Sequence[str]) -> dict[str, str]:
    """File name → source of every solution that `folder`/edits.yaml describes; none where there is no such file.

    Raises `UserError` that names file and edit: for a file of another form, a label that is not in `labels`, and an
    edit that does not apply.
    """
    path = folder / EDITS
    if not path.is_file():
        return {}
    entries = _read(path)
    of = (folder / entries["of"]).resolve()
    try:
        lines = of.read_text(encoding="utf-8").splitlines(keepends=True)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: `of` names {entries['of']}, which cannot be read ({error})") from None
    while lines and lines[0].startswith("#"):
        del lines[0]
    source, known = "".join(lines), [*labels, "about", "edits"]
    return {
        f"{name}{of.suffix}": _edited(source, entry, known, f"{path}: {name}")
        for name, entry in entries["solutions"].items()
    }


def _read(path: Path) -> dict[str, Any]:
    import yaml

    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{path} cannot be read ({' '.join(str(error).split())}): write it as YAML") from None
    form = {"of": str, "solutions": dict}
    if not isinstance(found, dict) or any(not isinstance(found.get(key), kind) for key, kind in form.items()):
        raise UserError(f"{path} must have `of`, the solution that is edited, and `solutions`, a mapping from names")
    return found


def _edited(source: str, entry: Any, known: Sequence[str], where: str) -> str:
    edits = entry.get("edits") if isinstance(entry, Mapping) else None
    if not isinstance(edits, Mapping) or not edits:
        raise UserError(f"{where} must have `edits`, a mapping from what is replaced to what replaces it")
    if unknown := next((str(key) for key in entry if key not in known), None):
        raise UserError(f"{where} has an unknown label {unknown}{suggestion(unknown, known)}")
    for before, after in edits.items():
        if not (isinstance(before, str) and isinstance(after, str)):
            raise UserError(f"{where}: the edit {before!r}: {after!r} must be text on both sides: put quotes around it")
        if (count := source.count(before)) != 1:
            raise UserError(f"{where}: the edit of {before!r} does not apply: its text occurs {count} times, not once")
        source = source.replace(before, after)
    head = [f"# {name}: {value}" for name, value in entry.items() if name not in ("about", "edits")]
    head += [f"# {line}" for line in str(entry.get("about", "")).splitlines()]
    return "".join(f"{line}\n" for line in head) + source
