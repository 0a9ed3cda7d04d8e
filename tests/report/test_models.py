"""The matrix of models: what `-m model=…` over a set of problems says in its report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from evalkit.display.document import Table, text_of
from evalkit.report.matrix import matrices
from evalkit.report.sweep import sweep_document
from evalkit.results.reading import load

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three models that are none, over seven problems with three tries."""
    home = tmp_path_factory.mktemp("matrix")
    command = [
        *(sys.executable, "-m", "evalkit", "-m", "task=positional_attention_strict", "model=simulated,oracle,noop"),
        *("problems.count=7", "runs.count=3", "runs.concurrency=4", "hydra.sweep.dir=sweep"),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CI": "1"}
    done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return home / "sweep"


def test_models_are_compared_by_problem_and_ranked(matrix: Path) -> None:
    (section,) = sweep_document(load(matrix))[1:]
    assert section.title == "Models"
    ranks, differences, separating = [part for part in section.parts if isinstance(part, Table)]
    assert [(text_of(row[0]), text_of(row[2])) for row in ranks.rows] == [
        ("oracle (simulated)", "1"),
        ("simulated", "2 to 3"),
        ("noop (simulated)", "2 to 3"),
    ]
    assert [text_of(row[3]) for row in ranks.rows] == ["21", "21", "21"]
    p_values = {tuple(map(text_of, row[:2])): text_of(row[3]) for row in differences.rows}
    assert p_values["oracle (simulated)", "noop (simulated)"] == "0.047"  # 3 · 2 / 2⁷
    assert len(p_values) == 3
    rates = load(matrix).cells[0].summary.rate
    assert text_of(ranks.rows[1][1]).startswith(f"{100 * rates.value:.1f}%")
    assert text_of(separating.rows[0][4]) == "100 points"


def test_the_matrix_is_in_the_markdown_and_on_the_page(matrix: Path) -> None:
    for name in ("report.md", "report.html"):
        text = (matrix / name).read_text()
        assert "Problems that separate the models most" in text and "oracle (simulated)" in text


def test_the_matrix_is_a_file_that_satisfies_its_schema(matrix: Path) -> None:
    facts = json.loads((matrix / "models.json").read_text())
    schema = json.loads(resources.files("evalkit.results").joinpath("schemas", "models.schema.json").read_text())
    assert list(Draft202012Validator(schema).iter_errors(facts)) == []
    (known,) = facts["matrices"]
    ranks = {each["model"]: (each["best_rank"], each["worst_rank"]) for each in known["models"]}
    assert ranks == {"oracle": (1, 1), "simulated": (2, 3), "noop": (2, 3)}
    pairs = {(each["first"], each["second"]): each for each in known["differences"]}
    assert pairs["oracle", "noop"]["p_value"] == pytest.approx(2 / 2**7)
    assert pairs["oracle", "noop"]["adjusted_p_value"] == pytest.approx(3 * 2 / 2**7)
    for cell in load(matrix).cells:
        model = next(each for each in known["models"] if each["model"] == cell.knobs["model"])
        assert model["rate"] == pytest.approx(cell.summary.rate.value)
        assert sum(each["passed"][cell.knobs["model"]] for each in known["problems"]) == cell.summary.passed
    assert [each["apart"] for each in known["problems"]] == sorted(
        (e["apart"] for e in known["problems"]), reverse=True
    )


def test_without_a_swept_model_there_is_no_matrix(matrix: Path) -> None:
    cells = load(matrix).cells
    assert list(matrices(cells, ["runs.count"])) == []
    assert len(list(matrices(cells, ["model"]))) == 1
