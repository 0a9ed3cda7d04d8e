"""What a right answer rightly repeats of the question is no leak; told as the answer, it is one."""

from __future__ import annotations

import json

import pytest

from evalkit.audit.hidden_values import Hidden
from evalkit.util.errors import UserError

RAW = b"name,price,town\nAda Lovelace of the Analytical Engine Works,59240,London\nx,,\nBo,1234,Rome\n"
CLEAN = b"name,price,town\nAda Lovelace of the Analytical Engine Works,59240,London\nBo,1234,Rome\n"
MODULE = (
    "import collections\n\n\ndef most_common_words_of_all(texts, at_most):\n    return collections.Counter(texts)\n"
)
REPAIRED = MODULE.replace("Counter(texts)", "Counter(texts).most_common(at_most)[::1]")


class Spec:
    def __init__(self, prompt="", hidden=(), files=None):
        self.prompt, self.hidden, self.files = prompt, hidden, files or {}


TABLE = Spec("| flat | price |\n| a | 59,240 |\n| b | 1,234 |\n\nWhat does the dearest flat cost?")
CLEANING = Spec("Clean raw.csv.", files={"raw.csv": RAW})
REPAIR = Spec(f"Repair this:\n```\n{MODULE}```", files={"words.py": MODULE.encode()})


@pytest.mark.parametrize(
    ("spec", "right", "files"),
    [
        (TABLE, 59240, {}),
        (TABLE, {"dearest": 59240, "cheapest": 1234}, {}),
        (Spec("Sort 9876, 1234, 5678, 4321"), [1234, 4321, 5678, 9876], {}),
        (CLEANING, None, {"cleaned.csv": CLEAN}),
        (CLEANING, CLEAN.decode(), {}),
        (REPAIR, REPAIRED, {}),
        (REPAIR, None, {"words.py": REPAIRED.encode()}),
        (Spec("Which?", files={"words.py": MODULE.encode()}), None, {"words.py": MODULE.encode()}),
    ],
)
def test_what_the_question_gives_of_the_answer_is_no_leak(spec, right, files):
    hidden = Hidden.of(spec, right, files)
    assert hidden.seen_in(spec.prompt, "prompt") == ""
    for name, content in spec.files.items():
        assert hidden.seen_in(content.decode(), f"file {name}") == ""
    assert hidden.seen_in("\n".join([spec.prompt, *(c.decode() for c in spec.files.values())]), "workspace") == ""


@pytest.mark.parametrize(
    ("spec", "right", "files", "place", "text", "seen"),
    [
        (TABLE, 59240, {}, "prompt", TABLE.prompt + " (expected: 59240)", "59240"),
        (TABLE, 59240, {}, "reply of submit_answer (1)", "Wrong. The right answer is 59,240.", "59,240"),
        (TABLE, 59240, {}, "file expected.txt", "59240", "59240"),
        (Spec("Say 59240."), 59240, {}, "prompt", "Say 59240.", "59240"),
        (TABLE, 777123, {}, "prompt", "noted 777123 at 59240", "777123"),
        (Spec("4321 1234 5678 9876"), [1234, 4321, 5678, 9876], {}, "file x", "3333 1234 4321 5678 9876", "3333"),
        (CLEANING, None, {"cleaned.csv": CLEAN}, "file data/out.csv", CLEAN.decode(), "name,price,town"),
        (REPAIR, REPAIRED, {}, "reply of hint (1)", f"Try {REPAIRED.splitlines()[-1]}", "return collections.Counter"),
        (REPAIR, None, {"words.py": REPAIRED.encode()}, "workspace", REPAIRED, "return collections.Counter"),
        (Spec("Look it up.", hidden=["1234567", 1234567]), None, {}, "prompt", "in 1234567", "1234567"),
    ],
)
def test_what_is_told_as_the_answer_is_a_leak(spec, right, files, place, text, seen):
    assert Hidden.of(spec, right, files).seen_in(text, place).startswith(seen)


def test_what_a_spec_lists_as_hidden_is_a_leak_wherever_it_stands():
    spec = Spec("Of 59240, 1234 and the word sesame", hidden=[59240, "sesame"])
    assert Hidden.of(spec, 59240).seen_in("59240, 1234", "prompt") == "59240"
    assert Hidden.of(spec, 59240).seen_in(spec.prompt, "prompt") == "sesame"


def test_a_secret_that_is_neither_number_nor_text_is_one_sentence_with_the_authors_line():
    class Nested(Spec):
        hidden = None

    with pytest.raises(
        UserError, match=r'"hidden = None" \(.*test_hidden_values.py:\d+\) lists \[1, 2\]: list numbers'
    ):
        Hidden.of(Nested(hidden=[[1, 2]]), json.dumps(3))
