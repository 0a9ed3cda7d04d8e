"""Solutions written as edits are read like files of their own, and an edit that does not apply is one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from evalkit.audit.labelled_solutions import solutions
from evalkit.util.errors import UserError

RIGHT = "# The right one.\n# Two lines about it.\ndef f(x):\n    return x * 2 + 1\n"


def folder(tmp_path: Path, edits: object) -> Path:
    for kind in ("correct", "wrong"):
        (tmp_path / "solutions" / kind).mkdir(parents=True)
    (tmp_path / "solutions" / "correct" / "right.py").write_text(RIGHT)
    (tmp_path / "solutions" / "wrong" / "m.py").write_text("# expect: other\ndef f(x):\n    return 0\n")
    text = edits if isinstance(edits, str) else yaml.safe_dump(edits, sort_keys=False)
    (tmp_path / "solutions" / "wrong" / "edits.yaml").write_text(text)
    return tmp_path


def edits(**entry: object) -> dict[str, object]:
    return {"of": "../correct/right.py", "solutions": {"z": entry}}


def test_a_solution_of_edits_is_like_one_with_a_file(tmp_path):
    entry = {"expect": "off", "breaks": "sum", "needs": "a=1 b=2", "about": "Wrong twice.\nSee above."}
    listed = edits(**entry, edits={" * 2": "", "+ 1": "+ 2"})
    listed["solutions"]["a"] = {"edits": {"return": "return -"}}
    right, first, own, last = solutions(folder(tmp_path, listed))
    assert [right.id, first.id, own.id, last.id] == ["correct/right", "wrong/a", "wrong/m", "wrong/z"]
    assert (last.expect, last.breaks, last.needs) == ("off", "sum", ("a=1", "b=2"))
    assert last.about == "Wrong twice. See above."
    assert last.source.endswith("# Wrong twice.\n# See above.\ndef f(x):\n    return x + 2\n")
    assert first.source == "def f(x):\n    return - x * 2 + 1\n"
    assert first.expect == "any"


WRONG_FILES = {
    "gone": (edits(edits={"x * 3": "x"}), r"edits.yaml: z: the edit of 'x \* 3' does not apply: .* 0 times, not once"),
    "twice": (edits(edits={"x": "y"}), r"edits.yaml: z: the edit of 'x' does not apply: .* 2 times, not once"),
    "in turn": (edits(edits={"x * 2": "x", "* 2": ""}), r"z: the edit of '\* 2' does not apply"),
    "no edits": (edits(expect="off"), r"edits.yaml: z must have `edits`"),
    "a number": (edits(edits={"1": 2}), r"z: the edit '1': 2 must be text on both sides"),
    "a label": (edits(expects="off", edits={"1": "2"}), r"z has an unknown label expects: did you mean expect\?"),
    "no solution": ({"of": "../correct/left.py", "solutions": {}}, r"edits.yaml: `of` names \.\./correct/left.py"),
    "no mapping": (["z"], r"edits.yaml must have `of`"),
    "no YAML": ("{", r"edits.yaml cannot be read \(.*\): write it as YAML"),
    "a name twice": (
        {"of": "../correct/right.py", "solutions": {"m": {"edits": {"1": "2"}}}},
        r"edits.yaml describes m, which .*m.py is: rename one of them",
    ),
}


@pytest.mark.parametrize(("listed", "said"), WRONG_FILES.values(), ids=WRONG_FILES)
def test_what_cannot_be_applied_is_one_sentence_that_names_file_and_edit(tmp_path, listed, said):
    with pytest.raises(UserError, match=said) as caught:
        solutions(folder(tmp_path, listed))
    assert "\n" not in str(caught.value)
