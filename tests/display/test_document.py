"""One document in a terminal, as markdown and as a page: everything is said in each, and text of others is data."""

from __future__ import annotations

from io import StringIO

import pytest

from evalkit.display.document import (
    Changes,
    Code,
    Document,
    Items,
    Note,
    Section,
    Sentence,
    Table,
    TextSpan,
    Words,
    tone_of,
    with_content,
)
from evalkit.display.html import as_html
from evalkit.display.markdown import markdown
from evalkit.display.pager import present
from evalkit.display.terminal import terminal

NASTY = "\x1b[2J<b>|`x`"


def shown(document: Document, form: str) -> str:
    if form == "markdown":
        return markdown(document)
    if form == "html":
        return as_html(document)
    stream = StringIO()
    present(terminal(document), stream, pager=False)
    return stream.getvalue()


@pytest.fixture
def everything() -> Document:
    spans = (TextSpan("=", "the same "), TextSpan("-", "before"), TextSpan("+", "after"))
    return [
        Section("Head", ("a sentence", Sentence("a good one", "passed"), Note("Warning", "be careful"))),
        Section("More", (Items(("an item", Words("a_name", name=True))), Table(("knob", "7th"), (("x", "1,234"),)))),
        Section("Last", (Code("first line\n  second line", "sh"), Changes(spans))),
    ]


@pytest.mark.parametrize("form", ["terminal", "markdown", "html"])
def test_every_part_is_said_in_every_form(everything: Document, form: str) -> None:
    out = shown(everything, form)
    said = ("Head", "a sentence", "a good one", "Warning:", "be careful", "an item", "a_name", "knob", "7th", "1,234")
    for words in (*said, "first line", "  second line", "the same", "before", "after"):
        assert words in out, words


@pytest.mark.parametrize(
    ("form", "safe"), [("terminal", "<b>|`x`"), ("markdown", r"\<b\>\|\`x\`"), ("html", "&lt;b&gt;|`x`")]
)
def test_text_of_others_is_data_in_every_part(form: str, safe: str) -> None:
    parts = (NASTY, Sentence(NASTY), Note(NASTY, NASTY), Items((NASTY, Words(NASTY, name=True))))
    table = Table((NASTY, "b"), ((NASTY, Words(NASTY, "passed", link='"><b>')),))
    out = shown([Section(NASTY, (*parts, table, Changes((TextSpan("-", NASTY),))))], form)
    assert out.count(safe) == 11
    assert "\x1b" not in out and (form != "html" or "<b>" not in out)


def test_numbers_stand_to_the_right_and_a_dash_is_one() -> None:
    table = Table(("name", "count", "text", "none"), (("a", "1,200", "12 runs", ""), ("b", "–", "3", "")))
    assert [table.numeric(place) for place in range(4)] == [False, True, False, False]
    assert shown([Section("", (table,))], "terminal").splitlines()[1].startswith("a     1,200")
    assert '<td class="figure">1,200</td>' in shown([Section("", (table,))], "html")


def test_a_mark_gives_its_tone_and_a_word_that_starts_like_one_does_not() -> None:
    assert [tone_of(cell) for cell in ("✓", "✗ FAILURE", "!important", Words("✓", "muted"))] == [
        "passed",
        "failed",
        "",
        "muted",
    ]


def test_sections_without_content_are_left_out() -> None:
    assert with_content([Section("a", ()), Section("b", ("x",))]) == [Section("b", ("x",))]


def test_a_table_whose_words_do_not_fit_is_a_line_a_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table(("name", "long"), (("a" * 20, "b" * 24), ("c" * 20, "✗ d")))
    monkeypatch.setenv("COLUMNS", "46")
    assert shown([Section("", (table,))], "terminal").splitlines()[1] == f"{'a' * 20}  {'b' * 24}"
    monkeypatch.setenv("COLUMNS", "45")
    lines = shown([Section("", (table,))], "terminal").splitlines()
    assert lines == [f"name: {'a' * 20}", f"long: {'b' * 24}", "", f"name: {'c' * 20}", "long: ✗ d"]
