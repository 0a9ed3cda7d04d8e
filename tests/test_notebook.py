"""The example notebook: it runs from top to bottom, and shows what it shows in the documentation."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tools.notebook import NOTEBOOKS, execute


def outputs(notebook: Any) -> list[tuple[str, list[str]]]:
    """RolloutSampler and text outputs of every cell with code."""
    return [
        ("".join(cell["source"]), ["".join(out.get("text") or out["data"]["text/plain"]) for out in cell["outputs"]])
        for cell in notebook["cells"]
        if cell["cell_type"] == "code"
    ]


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_runs_and_gives_the_outputs_that_are_stored_in_it(path: Path, monkeypatch: Any) -> None:
    if importlib.util.find_spec("nbclient") is None or importlib.util.find_spec("ipykernel") is None:
        if os.environ.get("CI", "").lower() in ("1", "true"):
            pytest.fail("nbclient or ipykernel is missing: .ci/run installs them")
        pytest.skip("notebooks cannot be executed: pip install -c constraints.txt -e '.[docs]'")
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "EVALKIT_MODEL", "EVALKIT_PATH"):
        monkeypatch.delenv(name, raising=False)
    stored = json.loads(path.read_text(encoding="utf-8"))
    assert outputs(execute(path)) == outputs(stored), "python -m tools.notebook writes the outputs again"
