"""Overrides on the command line, prepared for Hydra: text stays as typed, and what Hydra cannot read is refused.

Hydra reads `1e5`, `007.10` and `true` as numbers and booleans even where a knob is text, and says so only by storing
another text; here such a value gets the quotes that Hydra wants. Nothing but the command line is looked at.
"""

from __future__ import annotations

import math
import re
import typing
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from hydra.conf import HydraConf
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Override, RangeSweep
from hydra.errors import OverrideParseException

from evalkit.config.overrides import literal
from evalkit.config.schema import Config
from evalkit.util.errors import UserError
from evalkit.util.files import exists

MAX_CELLS = 10_000
"""Cells of a sweep: composing that many takes a minute, and more is a typing error or several sweeps."""
MAX_DIGITS = 1000
PATHS = ("store", "model.replay_from", "hydra.run.dir", "hydra.sweep.dir")
"""Knobs that name a place: `~` is the home directory there."""
GROUPS = ("task", "model", "limits", "sandbox")
_NUMBER = re.compile(
    r"[+-]?(?:inf|nan|(?:(?:0|[1-9](?:_?\d)*)\.?|(?:0|[1-9](?:_?\d)*)?\.\d(?:_?\d)*)(?:e[+-]?\d(?:_?\d)*)?)", re.I
)
_QUOTED = re.compile(r"'([^'\\]*)'|\"([^\"\\]*)\"")


def spelled(overrides: Sequence[str], is_text: Callable[[str], bool]) -> list[str]:
    """Overrides that mean to Hydra what was typed. Raises `UserError` for words that no reading can save.

    `is_text` says whether a knob that only a task's file knows (`task.<…>`) is text.
    """
    words = [_spelled(word, is_text) for word in overrides]
    _check_given_once([_parsed(word) for word in words])
    return words


def _spelled(word: str, is_text: Callable[[str], bool]) -> str:
    key, equals, value = word.partition("=")
    name = key.lstrip("+~").partition("@")[0]
    if not word.strip() or (not equals and not key.startswith("~")):
        raise UserError(f"{word!r} is not an override: write key=value, such as runs.count=30")
    if not equals or not value:
        return word
    whole = _unquoted(value)
    if name in PATHS and whole is not None and re.match(r"~(/|$)", whole):
        return f"{key}={literal(str(Path(whole).expanduser()))}"
    if whole is not None and "${" in whole and exists(whole):
        return f"{key}={literal(whole)}"
    parts = value.split(",") if not re.search(r"[\"'()\[\]{}]", value) else [value]
    read_otherwise = [part for part in map(str.strip, parts) if _changes(part)]
    if read_otherwise and (text := _kind(name)) is not False and (text or is_text(name)):
        return f"{key}={','.join(literal(part) if _changes(part) else part for part in map(str.strip, parts))}"
    if any(len(digits) > MAX_DIGITS for digits in re.findall(r"\d+", value)):
        raise UserError(f"{key}=… has a number with more than {MAX_DIGITS:,} digits: write a smaller one")
    return word


def _unquoted(value: str) -> str | None:
    """What a value says where it is one piece of text, quoted or not; None for anything else."""
    if quoted := _QUOTED.fullmatch(value.strip()):
        return quoted[1] if quoted[1] is not None else quoted[2]
    return None if value.strip()[:1] in ("'", '"') else value


def _changes(part: str) -> bool:
    """Whether Hydra reads a number or a boolean that is not written like this."""
    if part.lower() in ("true", "false"):
        return True
    if not _NUMBER.fullmatch(part) or len(part) > MAX_DIGITS:
        return bool(_NUMBER.fullmatch(part))
    try:
        return str(int(part)) != part
    except ValueError:
        return str(float(part)) != part


def _kind(name: str) -> bool | None:
    """Whether a knob of the schema is text; None for one that the schema leaves open."""
    if name in GROUPS or "/" in name:
        return True
    path = name.split(".")
    holder: Any = HydraConf if path[0] == "hydra" else Config
    for part in path[1:] if path[0] == "hydra" else path:
        if typing.get_origin(holder) is dict:
            holder = typing.get_args(holder)[1]
        elif is_dataclass(holder) and part in {field.name for field in fields(holder)}:
            holder = typing.get_type_hints(holder)[part]
        else:
            return None
        holder = next((kind for kind in typing.get_args(holder) if _optional(holder)), holder)
    return None if holder is Any and path[0] == "task" else holder is str


def _optional(hint: Any) -> bool:
    return type(None) in typing.get_args(hint)


def _parsed(word: str) -> Override:
    """Raises `UserError` where Hydra's parser fails otherwise than by saying what it cannot read."""
    try:
        (override,) = OverridesParser.create().parse_overrides([word])
    except OverrideParseException:
        raise
    except Exception as error:  # antlr and the functions of the grammar raise anything: deep nesting, int('x')
        raise UserError(f"{word!r} cannot be read: {' '.join(str(error).split()) or type(error).__name__}") from error
    if override.key_or_group in ("hydra.callbacks", "hydra.callbacks.preflight"):
        raise UserError(f"{word} would disable the check of the input: add callbacks under other names")
    if override.key_or_group in GROUPS and not override.is_sweep_override():
        value = override.value()
        if not override.is_delete() and not isinstance(value, str) and "." not in override.key_or_group:
            raise UserError(
                f"{word} does not fit: {override.key_or_group} takes a name, "
                f"so write for example {EXAMPLES[override.key_or_group]}"
            )
    return override


EXAMPLES = {"task": "task=arithmetic", "model": "model=simulated", "limits": "limits=steps", "sandbox": "sandbox=auto"}


def _check_given_once(overrides: Sequence[Override]) -> None:
    """Of a knob that is given twice the last counts, except where one is a sweep: nobody knows which is meant."""
    given: dict[str, Override] = {}
    for override in overrides:
        name = override.key_or_group if override.package is None else f"{override.key_or_group}@{override.package}"
        before = given.get(name)
        if before and (before.is_sweep_override() or override.is_sweep_override()):
            raise UserError(f"{name} is given twice: write either {override.input_line} or {before.input_line}")
        given[name] = override


def check_cells(overrides: Sequence[Override]) -> None:
    """Raise `UserError` for a sweep without cells, and for one that could never be composed."""
    cells = 1
    for override in overrides:
        count = _values(override) if override.is_discrete_sweep() else 1
        if count == 0:
            raise UserError(f"{override.input_line} has no values: give at least one, such as {_some(override)}")
        cells *= count
    if cells > MAX_CELLS:
        many = f"{cells:,}" if cells < 10**12 else "too many"
        raise UserError(f"The sweep has {many} cells, more than {MAX_CELLS:,}: use fewer values or several sweeps")


def _some(override: Override) -> str:
    return f"{override.get_key_element()}=" + ("range(1,4)" if override.is_range_sweep() else "a,b")


def _values(override: Override) -> int:
    """How many values a sweep names, without naming them."""
    sweep = override.value()
    if isinstance(sweep, RangeSweep):
        return _steps(override, sweep)
    return len(sweep.list) if isinstance(sweep, ChoiceSweep) else sum(1 for _ in override.sweep_iterator())


def _steps(override: Override, sweep: RangeSweep) -> int:
    ends = (sweep.start or 0, sweep.stop or 0, sweep.step)
    if not all(math.isfinite(end) for end in ends) or not sweep.step:
        raise UserError(f"{override.input_line} never ends: use finite numbers and a step other than 0")
    start, stop, step = (Decimal(end) for end in ends)
    return max(0, math.ceil((stop - start) / step))
