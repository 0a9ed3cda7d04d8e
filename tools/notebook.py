"""Executes the example notebooks as Jupyter does: `python -m tools.notebook` writes their outputs again."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

NOTEBOOKS = Path(__file__).resolve().parent.parent / "docs" / "notebooks"
KERNEL = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}


def execute(path: Path) -> Any:
    """The notebook with the outputs of a fresh kernel, started in an empty directory.

    Raises `nbclient.exceptions.CellExecutionError` for a cell that raises. Needs the extra `docs`.
    """
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        where = {"metadata": {"path": folder}}
        NotebookClient(notebook, timeout=120, record_timing=False, resources=where).execute()
    notebook.metadata = KERNEL  # the kernel adds its own version
    return notebook


def main() -> None:
    """Execute every notebook and write it with its outputs."""
    import nbformat

    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        path.write_text(nbformat.writes(execute(path)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
