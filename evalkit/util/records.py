"""Records: types from which a JSON file is written, into which it is read, and whose published schema they make.

The string below a field is its description, in the Python reference and in the schema (`tools/schemas.py`).
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Self

import msgspec
from msgspec import Meta

Count = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(ge=1)]
Share = Annotated[float, Meta(ge=0, le=1)]
Amount = Annotated[float, Meta(ge=0)]
OF_SHARES = Meta(extra_json_schema={"properties": {end: {"minimum": 0, "maximum": 1} for end in ("low", "high")}})
"""Of an interval: between 0 and 1, which one of differences is not."""


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An object of a JSON file. A field is absent from the file where it has its default; unknown keys are ignored."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON, keys in the order of the fields."""
        facts: dict[str, Any] = msgspec.to_builtins(self, enc_hook=_plain)
        return facts

    def replace(self, **changes: Any) -> Self:
        """A copy with other values: `dataclasses.replace` is for dataclasses alone."""
        return msgspec.structs.replace(self, **changes)

    @classmethod
    def of_dict(cls, facts: Any) -> Self:
        """From its JSON. Raises `KeyError` for a key that is missing and `ValueError` for a value of another type."""
        try:
            return msgspec.convert(facts, cls)
        except msgspec.ValidationError as error:
            missing = re.fullmatch(r"Object missing required field `(.*?)`.*", str(error))
            if missing:
                raise KeyError(missing[1]) from error
            raise ValueError(str(error).replace("`", "").replace(" - at $.", " at ")) from error


def _plain(value: Any) -> Any:
    """What JSON calls the same: subclasses of text and numbers come from tasks."""
    for kind in (str, int, float):
        if isinstance(value, kind):
            return kind.__str__(value) if kind is str else kind(value)
    raise TypeError(f"JSON cannot hold {type(value).__name__}")
