"""Records: what JSON they make, what they leave out, and what they answer to JSON that does not fit."""

from __future__ import annotations

import json

import numpy as np
import pytest
from msgspec import field

from evalkit.util.records import Positive, Record, Share


class Text(str):
    """As a library's text may be."""


class Line(Record, frozen=True, kw_only=True):
    number: Positive = field(name="run")
    note: str = ""
    share: Share | None


def test_a_record_comes_back_with_its_keys_in_the_order_of_its_fields() -> None:
    line = Line(number=1, note="a", share=0.5)
    assert json.dumps(line.to_dict()) == '{"run": 1, "note": "a", "share": 0.5}'
    assert Line.of_dict(line.to_dict()) == line


def test_a_field_with_its_default_is_left_out_and_an_unknown_key_ignored() -> None:
    assert Line(number=1, share=None).to_dict() == {"run": 1, "share": None}
    assert Line.of_dict({"run": 1, "share": None, "later": 2}) == Line(number=1, share=None)


def test_subclasses_of_text_and_numbers_are_written_as_what_they_are() -> None:
    assert Line(number=1, note=Text("a"), share=np.float64(0.25)).to_dict() == {"run": 1, "note": "a", "share": 0.25}


def test_what_json_cannot_hold_is_refused() -> None:
    with pytest.raises(TypeError, match="JSON cannot hold object"):
        Line(number=1, note=object(), share=None).to_dict()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("facts", "kind", "sentence"),
    [
        ({"run": 1}, KeyError, "'share'"),
        ({"run": "1", "share": None}, ValueError, "Expected int, got str at run"),
        ({"run": 0, "share": None}, ValueError, "Expected int >= 1 at run"),
        ([], ValueError, "Expected object, got array"),
    ],
)
def test_what_does_not_fit_is_named(facts: object, kind: type[Exception], sentence: str) -> None:
    with pytest.raises(kind) as raised:
        Line.of_dict(facts)
    assert str(raised.value) == sentence
