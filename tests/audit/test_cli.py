"""The verb: what it prints, writes and returns."""

from __future__ import annotations

import json

import pytest

from evalkit.__main__ import main
from evalkit.util.errors import UserError
from tests.verbs import verb


def test_a_clean_task_returns_0_and_writes_its_report(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["audit", "task=arithmetic", "--seeds", "2"]) == 0
    out = capsys.readouterr().out
    assert "False accepts: 0 of 81 wrong solutions\n" in out
    assert "✓ CLEAN: no findings" in out
    folder = tmp_path / "outputs" / "audit" / "arithmetic"
    facts = json.loads((folder / "audit.json").read_text())
    assert facts["clean"] is True
    assert facts["false_accepts"] == {"wrong": 0, "of": 81}
    assert not any("interval" in file.read_text() for file in folder.glob("audit.*"))
    assert facts["tolerances"][0]["knob"] == "task.tolerances.answer"
    assert "| ✓ |" in (folder / "audit.md").read_text()
    assert (folder / "tolerances.svg").read_text().startswith("<svg ")


def test_a_finding_returns_1_and_overrides_work_as_in_a_launch(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    arguments = ["audit", "task=arithmetic", "task.tolerances.answer=1.5", "--quick", "--out", "here"]
    assert main(arguments) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert "false-accept: something wrong passes (4)" in out
    assert "wrong/off_by_one passes 1 of 1 problem: One too many. new" in out
    assert "NOT CHECKED: mutants" in out
    assert main([*arguments, "--known"]) == 1
    assert (tmp_path / "here" / "arithmetic" / "audit.md").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["task=arithmetik"], "did you mean task=arithmetic"),
        (["arithmetic"], "write task=arithmetic"),
        (["task=arithmetic", "--seeds", "0"], "from 1 up"),
        (["task=arithmetic", "task.tolerance=1"], "tolerances"),
        (["task=arithmetic", "task.tolerances.answer=-1"], "out of range"),
    ],
)
def test_bad_input_is_one_sentence_with_the_fix(words, said):
    with pytest.raises(UserError, match=said):
        verb("audit")(words)


def test_a_task_without_evidence_is_not_fine(tmp_path, monkeypatch, capsys):
    from .broken import Break, copy

    name = copy(Break("arithmetic", "without_evidence", []), tmp_path)
    for path in (tmp_path / "tasks" / name / "solutions").rglob("*.py"):
        path.unlink()
    monkeypatch.setenv("EVALKIT_PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert main(["audit", f"task={name}"]) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert "nothing-to-check" in out
    assert "solutions/wrong the task's folder has no solutions/wrong/" in out
    assert "CLEAN: no findings" not in out
