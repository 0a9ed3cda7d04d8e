"""The optional parts of a spec, a task and a tool: read in one place, and never missed for a slip of the finger."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import evalkit
from evalkit.config.search_path import task_folders
from evalkit.task import near_misses, optional_parts
from evalkit.task.registry import load_plugin

EVERYTHING = [*optional_parts.SPEC, *optional_parts.TASK, *optional_parts.TOOL]
PROBES = {part.name for part in EVERYTHING}
VALUES: dict[str, Any] = {
    "text": "x",
    "number": 0.1,
    "mapping": {},
    "items": (),
    "method": lambda self: None,
    "choice": "exact",
    "path": Path("there"),
    "flag": True,
}


def holding(name: str, value: Any) -> object:
    return type("Own", (), {name: value})()


@given(st.data())
def test_one_slip_in_a_name_is_noticed(data: st.DataObject) -> None:
    part = data.draw(st.sampled_from(EVERYTHING))
    place = data.draw(st.integers(1, len(part.name) - 1))
    slips = [
        part.name[:place] + part.name[place + 1 :],
        part.name[:place] + part.name[place] + part.name[place:],
        part.name[: place - 1] + part.name[place] + part.name[place - 1] + part.name[place + 1 :],
        part.name.upper(),
        part.name.capitalize(),
        part.name.replace("_", ""),
    ]
    slip = data.draw(
        st.sampled_from([slip for slip in slips if slip not in PROBES and slip[0].lower() == part.name[0]])
    )
    found = near_misses.near_miss([part], holding(slip, VALUES[part.kind]))
    assert found == (slip, part)


@pytest.mark.parametrize("part", EVERYTHING, ids=lambda part: part.name)
def test_the_part_itself_is_no_slip_and_hides_its_likes(part: optional_parts.Part) -> None:
    own = type("Own", (), {part.name: VALUES[part.kind], part.name + "s": VALUES[part.kind]})()
    assert near_misses.near_miss([part], own) is None
    assert list(optional_parts.misfits([part], own)) == []
    assert [
        wrong.name
        for wrong, _ in optional_parts.misfits([part], holding(part.name, 3 if part.kind != "number" else "x"))
    ] == [part.name]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kinds", ("a", "b")),
        ("scale", 0.5),
        ("tiles", {}),
        ("roles", {}),
        ("_hiden", ()),
        ("value", 3),
        ("file", 3),
        ("facts", {}),
    ],
)
def test_what_an_author_may_well_mean_is_let_alone(name: str, value: Any) -> None:
    for several in (optional_parts.SPEC, optional_parts.TASK, optional_parts.TOOL):
        assert near_misses.near_miss(several, holding(name, value)) is None


def test_a_value_that_is_not_among_the_choices_does_not_fit() -> None:
    ((part, value),) = optional_parts.misfits(optional_parts.TASK, holding("kind", "fuzzy"))
    assert (part.wanted, value) == ("one of exact, score, rubric", "fuzzy")


@pytest.mark.parametrize("name", sorted(task_folders()))
def test_shipped_tasks_have_no_slips(name: str) -> None:
    assert near_misses.near_miss(optional_parts.TASK, load_plugin(name)) is None


def test_every_part_says_what_it_is_in_a_protocol_that_authors_can_import() -> None:
    for part in EVERYTHING:
        assert getattr(evalkit, part.protocol.__name__) is part.protocol
        assert [name for name in vars(part.protocol) if not name.startswith("_")] == [part.name]
        assert part.meaning and "\n" not in part.meaning and part.meaning[-1] != "."


def test_nothing_else_probes_for_a_part() -> None:
    """`getattr(spec, "hidden", …)` elsewhere would know nothing of kinds and defaults."""
    for path in sorted(Path(optional_parts.__file__).parent.rglob("*.py")):
        if path == Path(optional_parts.__file__) or "inside" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in ("getattr", "hasattr")
            ):
                named = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
                assert not PROBES & {name for name in named if isinstance(name, str)}, path
