"""Settings that differ between two launches: config, prompt, tools, grader, versions. Says nothing about results."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.config.overrides import knob
from evalkit.diff.knobs import Change, changes
from evalkit.diff.pairs import identity
from evalkit.display.document import TextSpan
from evalkit.results.reading import CellRecord, read
from evalkit.util import dotted
from evalkit.util.yaml_files import read_yaml

NEUTRAL = ("store", "reuse", "verbose", "confirm", "runs.concurrency", "sandbox.pool", "hydra")
"""Knobs that cannot change a result: listed as provenance, and no difference."""

_WORD = re.compile(r"\s+|\w+|[^\w\s]")
_CONTEXT = 12
"""Tokens (words, spaces, signs) shown on both sides of a changed place in a text."""


@dataclass(frozen=True)
class Settings:
    """Everything that differs, in the order in which it is worth reading. Empty where nothing does."""

    config: tuple[Change, ...] = ()
    """Names and values in Hydra's override notation; `name` is what to put before the `=`."""
    unwritable: tuple[Change, ...] = ()
    """Knobs that differ, too, and that no override can write: names with odd letters, knobs of another version."""
    prompt: tuple[TextSpan, ...] = ()
    system: tuple[TextSpan, ...] = ()
    tools: tuple[Change, ...] = ()
    grader: tuple[Change, ...] = ()
    model: tuple[Change, ...] = ()
    versions: tuple[Change, ...] = ()
    provenance: tuple[Change, ...] = ()
    """What cannot change a result: commit, rollout set, neutral knobs. No difference."""

    @property
    def differ(self) -> bool:
        """Whether anything that can change a result was set differently."""
        parts = (
            self.config,
            self.unwritable,
            self.prompt,
            self.system,
            self.tools,
            self.grader,
            self.model,
            self.versions,
        )
        return any(parts)


def compare_settings(old: CellRecord, new: CellRecord, *, apart_from: Sequence[str] = ()) -> Settings:
    """What differs. `apart_from`: dotted names of config keys that are not compared (the swept knobs of a cell)."""
    config, unwritable = (
        [change for change in found if change.name.lstrip("+~") not in apart_from] for found in _config(old, new)
    )
    neutral = [change for change in config if _is_neutral(change.name.lstrip("+~"))]
    one, other = old.manifest, new.manifest
    prompts, systems, tools = _seen(old, new)
    provenance = [*_changes({"commit": one.get("commit")}, {"commit": other.get("commit")})]
    provenance += _changes({"rollouts": old.rollout_set}, {"rollouts": new.rollout_set})
    provenance += _changes({"sandbox": one.get("isolation")}, {"sandbox": other.get("isolation")})
    return Settings(
        config=tuple(change for change in config if change not in neutral),
        unwritable=tuple(unwritable),
        prompt=prompts,
        system=systems,
        tools=tools,
        grader=tuple(_changes({"grader": one["digests"].get("grader")}, {"grader": other["digests"].get("grader")})),
        model=tuple(_changes({"model": old.model}, {"model": new.model})),
        versions=tuple(_changes(one["versions"], other["versions"])),
        provenance=(*provenance, *neutral),
    )


def _is_neutral(name: str) -> bool:
    return any(dotted.within(name, known) for known in NEUTRAL)


def _changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for name in dict.fromkeys((*old, *new)):
        if old.get(name) != new.get(name):
            yield Change(name, _text(old.get(name)), _text(new.get(name)))


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _config(old: CellRecord, new: CellRecord) -> tuple[list[Change], list[Change]]:
    """Group choices first (`model=claude`), then single knobs; and what no override can write."""
    before, after = _choices(old.folder), _choices(new.folder)
    given = set(map(knob, old.overrides)), set(map(knob, new.overrides))
    shared = [name for name in before if name in after]
    groups = group_changes({name: before[name] for name in shared}, {name: after[name] for name in shared}, given[1])
    knobs, unwritable = changes(old.config, new.config, [group.name for group in groups], given)
    return [*groups, *knobs], unwritable


def group_changes(before: Mapping[str, str], after: Mapping[str, str], given: Collection[str]) -> list[Change]:
    """Groups of which another file was chosen: group → its name, `before` and `after`.

    A task may choose in other groups as well. Beside another one, what the second command line says of them (`given`)
    is told even where it is the same, for the first task may have chosen that by itself.
    """
    changed = list(_changes(before, after))
    names = [change.name for change in changed]
    kept = [name for name in after if "task" in names and name not in names and name in given]
    return [*changed, *(Change(name, before.get(name), after[name]) for name in kept)]


def _choices(folder: Path) -> dict[str, str]:
    """Config groups and what was chosen in them, Hydra's own groups apart."""
    path = folder / ".hydra" / "hydra.yaml"
    if not path.is_file():
        return {}
    choices = read(path, lambda file: dict(read_yaml(file)["hydra"]["runtime"]["choices"]))
    return {str(name): str(value) for name, value in choices.items() if value and name[:6] != "hydra/"}


def _seen(old: CellRecord, new: CellRecord) -> tuple[tuple[TextSpan, ...], tuple[TextSpan, ...], tuple[Change, ...]]:
    """What the models were shown, taken from the first run that both have: prompts, system prompts, tools.

    Sets without a common problem have no prompts to compare.
    """
    if not (old.runs and new.runs):
        return (), (), ()
    theirs = {identity(run): run for run in new.runs}
    both = next(((run, theirs[identity(run)]) for run in old.runs if identity(run) in theirs), None)
    one, other = (run.rollout for run in both or (old.runs[0], new.runs[0]))
    comparable = both or not (old.summary.set and new.summary.set)
    prompts = words(one.prompt, other.prompt) if comparable else ()
    return prompts, words(one.system, other.system), tuple(_tools(one.tools, other.tools))


def _tools(old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> Iterator[Change]:
    before, after = ({str(tool.get("name")): tool for tool in tools} for tools in (old, new))
    for name in dict.fromkeys((*before, *after)):
        one, other = before.get(name), after.get(name)
        if one is None or other is None:
            yield Change(name, None if one is None else "there", None if other is None else "there")
            continue
        for part in dict.fromkeys((*one, *other)):
            if one.get(part) != other.get(part):
                yield Change(f"{name} {part}", _text(one.get(part)), _text(other.get(part)))


def words(old: str, new: str) -> tuple[TextSpan, ...]:
    """The words that changed between two texts, with some context; empty if the texts are equal."""
    if old == new:
        return ()
    before, after = _WORD.findall(old), _WORD.findall(new)
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=len(before) > 5000)
    pieces: list[TextSpan] = []
    blocks = matcher.get_opcodes()
    for place, (kind, start, end, first, last) in enumerate(blocks):
        if kind == "equal":
            pieces += _context(before[start:end], at_start=place == 0, at_end=place == len(blocks) - 1)
            continue
        if start < end:
            pieces.append(TextSpan("-", "".join(before[start:end])))
        if first < last:
            pieces.append(TextSpan("+", "".join(after[first:last])))
    return tuple(pieces)


def _context(tokens: Sequence[str], *, at_start: bool, at_end: bool) -> Iterator[TextSpan]:
    left = 0 if at_start else _CONTEXT
    right = 0 if at_end else _CONTEXT
    if len(tokens) <= left + right + 2:
        yield TextSpan("=", "".join(tokens))
        return
    if left:
        yield TextSpan("=", "".join(tokens[:left]))
    yield TextSpan("…", "…")
    if right:
        yield TextSpan("=", "".join(tokens[-right:]))
