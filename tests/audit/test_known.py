"""Known findings: gone only where they were looked for."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from evalkit.__main__ import main
from evalkit.audit.findings import KINDS, known_findings
from evalkit.audit.known import Tried
from evalkit.util.errors import UserError

from .broken import Break, copy

FULL = Tried(
    50,
    played=("correct/oracle", "wrong/x", "exploits/y", "mutants/z"),
    repeated=("wrong/x",),
    reordered=("exploits/y",),
)


@pytest.mark.parametrize(
    ("name", "tried"),
    [
        ("false-accept mutants/z", True),
        ("false-accept mutants/not_there", False),
        ("false-accept answers/zeros", False),
        ("wrong-category wrong/x", True),
        ("grader-exception wrong/x", True),
        ("grader-exception wrong/deleted", False),
        ("grader-exception spec of run 50", True),
        ("grader-exception spec of run 51", False),
        ("changing-verdict wrong/x", True),
        ("changing-verdict exploits/y", False),
        ("order-dependent exploits/y", True),
        ("order-dependent wrong/x", False),
        ("unenforced accuracy", True),
        ("unknown-category odd", True),
        ("false-acept wrong/x", False),
    ],
)
def test_a_finding_is_gone_only_if_the_audit_would_have_found_it(name, tried):
    assert FULL.includes(name) is tried


@pytest.mark.parametrize("kind", ["unknown-category", "not-monotone"])
def test_what_any_solution_may_show_is_not_tried_where_some_were_left_out(kind):
    assert FULL.includes(f"{kind} x")
    assert not Tried(50, quick=True).includes(f"{kind} x")


@given(st.sampled_from(sorted(KINDS)), st.sampled_from(["wrong/x", "accuracy", "spec of run 3"]))
def test_on_fewer_problems_nothing_is_gone(kind, subject):
    assert not Tried(3, whole=False, played=("wrong/x",), repeated=("wrong/x",), reordered=("wrong/x",)).includes(
        f"{kind} {subject}"
    )


@pytest.fixture
def knowing(tmp_path, monkeypatch):
    """Makes a copy of `arithmetic` that lists known findings of which none is there."""

    def make(name, *listed):
        name = copy(Break("arithmetic", name, []), tmp_path)
        (tmp_path / "tasks" / name / "known_findings.yaml").write_text(yaml.safe_dump({name: list(listed)}))
        return f"task={name}"

    monkeypatch.setenv("EVALKIT_PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return make


def test_a_quick_audit_does_not_call_gone_what_it_left_out(knowing, capsys):
    task = knowing("some_gone", "false-accept answers/zero", "false-accept wrong/off_by_one", "false-accept mutants/x")
    assert main(["audit", task, "--quick", "--known"]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "1 known and gone: false-accept wrong/off_by_one; 2 known and not tried with --quick " in said


def test_a_known_finding_about_nothing_that_is_there_fails_a_whole_audit_by_its_name(knowing, capsys):
    task = knowing("stale", "false-accept wrong/deleted")
    assert main(["audit", task, "--quick", "--known"]) == 0
    assert main(["audit", task, "--known"]) == 1
    assert "1 known that name nothing here: false-accept wrong/deleted\n" in capsys.readouterr().out


def test_a_known_finding_about_a_mutant_that_is_counted_with_another_is_known_under_that_name(
    knowing, tmp_path, capsys
):
    task = knowing("doubled")
    words = ["audit", task, "task.expression=1 * 1 * 1", "task.tolerances.answer=1000", "--known", "--out", "found"]
    main(words)
    facts = json.loads((tmp_path / "found" / "arithmetic_doubled" / "audit.json").read_text())
    found = {finding["subject"] for finding in facts["findings"] if finding["kind"] == "false-accept"}
    counted, others = next((id_, ids) for id_, ids in facts["left_out"].items() if id_ in found)
    listed = {"arithmetic_doubled": [f"false-accept {others[0]}"]}
    (tmp_path / "tasks" / "arithmetic_doubled" / "known_findings.yaml").write_text(yaml.safe_dump(listed))
    main(words)
    facts = json.loads((tmp_path / "found" / "arithmetic_doubled" / "audit.json").read_text())
    assert facts["known_and_gone"] == []
    assert [finding["subject"] for finding in facts["findings"] if finding["known"]] == [counted]


FORMS = {
    "no YAML": ("a:\n  - false-accept wrong/x\n  - [", r'known_findings\.yaml:3: "- \[": '),
    "a tab": ("a:\n\t- false-accept wrong/x", r':2: "- false-accept wrong/x": .*indent with spaces'),
    "a list": ("- false-accept wrong/x", r'"- false-accept wrong/x" \(.*:1\) is no map from configs to findings'),
    "a text": ("a: []\nb: false-accept wrong/x", r'"b: false-accept wrong/x" \(.*:2\) is no list of findings'),
    "a map": (
        "a:\n  - false-accept: wrong/x",
        r'"- false-accept: wrong/x" \(.*:2\) is not the name of a finding: list',
    ),
    "a slip": (
        "a:\n- leak x\n- false-acept wrong/x",
        r":3\): 'false-acept' is not a kind of finding: did you mean false-accept",
    ),
    "bytes": (b"a: [\xff]", r"cannot be read \(.*: write it as UTF-8 text"),
}


@pytest.mark.parametrize(("text", "said"), FORMS.values(), ids=FORMS)
def test_a_list_of_another_form_is_one_sentence_that_quotes_its_line(tmp_path, text, said):
    (tmp_path / "known_findings.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError, match=said) as caught:
        known_findings(tmp_path, "arithmetic")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "# nothing\n", "a:\n", "b: [leak x]\n"])
def test_a_list_may_be_empty_or_about_other_configs(tmp_path, text):
    (tmp_path / "known_findings.yaml").write_text(text)
    assert known_findings(tmp_path, "a") == frozenset()
