"""Known answers in a table: labels as of files, and what is wrong with the table with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalkit.audit.known_table import read_known
from evalkit.audit.labelled_solutions import KINDS, solutions
from evalkit.util.errors import UserError

TABLE = """\
- {answer: 8769}
- {answer: 59240, expect: accuracy_boundary, breaks: accuracy, name: too_far, about: beyond the boundary}
- {answer: {passed: true}, expect: any, kind: exploits}
"""


def test_rows_are_solutions_beside_those_of_files(tmp_path: Path) -> None:
    (tmp_path / "solutions" / "wrong").mkdir(parents=True)
    (tmp_path / "solutions" / "wrong" / "other.py").write_text("# expect: x\n1")
    (tmp_path / "solutions" / "known.yaml").write_text(TABLE)
    found = solutions(tmp_path)
    assert [one.id for one in found] == ["wrong/other", "correct/known_1", "wrong/too_far", "exploits/known_3"]
    assert [one.answer for one in found[1:]] == [8769, 59240, {"passed": True}]
    far = found[2]
    assert (far.expect, far.breaks, far.about, far.right) == (
        "accuracy_boundary",
        "accuracy",
        "beyond the boundary",
        False,
    )


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("answer: 1", "known.yaml must be a list of answers"),
        ("- {answer: 1", "known.yaml cannot be read"),
        ("- {answer: 1}\n- {anser: 2}", "known.yaml:2 has no answer"),
        ("- {answer: 1}\n\n- {answer: 2, expekt: x}", "known.yaml:3 has an unknown key 'expekt': did you mean expect?"),
        ("- {answer: 1, breaks: [a]}", "known.yaml:1 gives breaks as list: write a text"),
        ("- {answer: 1, kind: corect}", "known.yaml:1 has the kind 'corect': did you mean correct?"),
        (
            "- {answer: 1, name: a}\n- {answer: 2, name: a}",
            "known.yaml:2 is called correct/a like the answer in",
        ),
    ],
)
def test_a_slip_is_one_sentence_with_its_line(tmp_path: Path, table: str, said: str) -> None:
    (tmp_path / "known.yaml").write_text(table)
    with pytest.raises(UserError) as refused:
        read_known(tmp_path, KINDS)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
