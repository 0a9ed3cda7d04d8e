"""`evalkit landscape DIR`: the same landscape from the directories of the cells, also after regrading."""

import json
from pathlib import Path

import pytest

from evalkit.__main__ import main

SWEEP = ("-m", "task=arithmetic", "runs.count=20", "runs.concurrency=8", "hydra.sweep.dir=out")
FILES = ("landscape.csv", "landscape.json", "landscape.svg", "landscape.html")


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """A working directory of its own, with the simulated model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EVALKIT_MODEL", "simulated")
    return tmp_path


def test_the_directories_of_a_sweep_hold_its_whole_landscape(here):
    assert main([*SWEEP, "limits.max_tokens=130,160,400", "task.tolerances.answer=0.1,10000", "confirm=true"]) == 0
    before = {name: (here / "out" / name).read_bytes() for name in FILES}
    for name in FILES[:2] + FILES[3:]:
        if name != "landscape.json":  # it holds the confirmation, which cannot be made again without sampling
            (here / "out" / name).unlink()
    assert main(["landscape", "out"]) == 0
    assert {name: (here / "out" / name).read_bytes() for name in FILES} == before


def test_a_regraded_sweep_has_the_landscape_of_its_new_verdicts(here):
    assert main([*SWEEP, "limits.max_tokens=130,160,400"]) == 0
    assert main(["regrade", "out", "task.tolerances.answer=10000", "--out", "again"]) == 0
    cells = json.loads((here / "again" / "landscape.json").read_text())["panels"][0]["cells"]
    words = [*SWEEP[:-1], "hydra.sweep.dir=fresh", "limits.max_tokens=130,160,400", "task.tolerances.answer=10000"]
    assert main(words) == 0
    fresh = json.loads((here / "fresh" / "landscape.json").read_text())["panels"][0]["cells"]
    assert [(cell["passed"], cell["runs"], cell["at"]) for cell in cells] == [
        (cell["passed"], cell["runs"], cell["at"]) for cell in fresh
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "landscape needs DIR"),
        (["single"], "single is not a sweep"),
        (["gone"], "gone does not exist"),
    ],
)
def test_what_is_no_sweep_is_refused_in_one_sentence(here, capsys, words, message):
    assert main([*SWEEP[1:4], "hydra.run.dir=single", "runs.count=1"]) == 0
    assert main(["landscape", *words]) == 2
    assert message in capsys.readouterr().err
