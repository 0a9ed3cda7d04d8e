"""Whatever `diff` prints behind the first launch's command composes, and makes the second one's config of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from evalkit.config import hydra_setup
from evalkit.config.hydra_setup.words import spelled
from evalkit.config.overrides import knob, written
from evalkit.config.search_path import bundled
from evalkit.diff.knobs import Change, changes
from evalkit.diff.settings import group_changes

VERSION: dict[str, Any] = {"version_base": "1.3"} if hydra_setup.IS_1_3 else {}
GROUPS = ("task", "model", "limits", "sandbox")


def composed(overrides: list[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """The config as an output directory keeps it, and what was chosen."""
    hydra_setup.install("simulated")
    with initialize_config_dir(str(bundled("conf")), **VERSION):
        node = compose("config", overrides=spelled(overrides, lambda name: False), return_hydra_config=True)
    choices = {name: value for name, value in node.hydra.runtime.choices.items() if name in GROUPS and value}
    kept = OmegaConf.masked_copy(node, [str(key) for key in node if key != "hydra"])
    return yaml.safe_load(OmegaConf.to_yaml(kept)), choices


def printed(first: list[str], second: list[str]) -> tuple[list[str], list[Change]]:
    """The overrides that `diff` prints, and what it says that none can write."""
    (old, before), (new, after) = composed(first), composed(second)
    given = set(map(knob, first)), set(map(knob, second))
    groups = group_changes(before, after, given[1])
    found, unwritable = changes(old, new, [group.name for group in groups], given)
    return [
        change.name if change.new is None else f"{change.name}={change.new}" for change in (*groups, *found)
    ], unwritable


TEXT = st.text(alphabet=st.sampled_from(list("ab'\"\\{}[](),:= \n\té#~+0$")), max_size=8)
NAMES = st.sampled_from(["thinking", "type", "x-y", "a_b", "A1"]) | st.sampled_from(["a b", "é", "1", "x.y", "a'b"])
SCALARS = st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats() | TEXT
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b-c", "D_1"]), inner, max_size=3)
    ),
    max_leaves=5,
)
OPEN = st.builds(
    lambda name, value: f"++model.params.{name}={written(value)}", st.sampled_from(["t", "x-y", "k_1"]), VALUES
)
TYPED = st.sampled_from(
    [
        *[
            "runs.count=3",
            "runs.seed=7",
            "verbose=true",
            "limits.max_tokens=null",
            "limits.max_tokens=17",
            "band.low=0.2",
        ],
        *["limits.timeout_s=1.5e-7", "store='a b'", "agent.nudge=''", "++model.headers.anthropic-beta='a,b'"],
        *["~model.params", "task.tolerances.answer=1e-9", "model.timeout_s=1e5", "runs.until=decided"],
    ]
).filter(lambda word: not word.startswith("~"))
TASKS = st.sampled_from(["task=arithmetic", "task=positional_attention", "task=paged_attention"])
CHOICES = st.sampled_from(["model=simulated", "model=claude_opus", "model=local", "limits=steps", "sandbox=weak"])
COMMANDS = st.builds(
    lambda task, choices, typed, values: [task, *dict.fromkeys(choices), *typed, *values],
    TASKS,
    st.lists(CHOICES, max_size=2),
    st.lists(TYPED, max_size=3),
    st.lists(OPEN, max_size=3, unique_by=knob),
)


def possible(words: list[str]) -> list[str]:
    """Without what the chosen task does not have, and what OmegaConf itself cannot hold."""
    kept = [word for word in words if "tolerances.answer" not in word or words[0] == "task=arithmetic"]
    return [word for word in kept if "${" not in word and '"???"' not in word]


@settings(max_examples=30, deadline=None, phases=[Phase.explicit, Phase.generate])  # to shrink takes minutes
@given(COMMANDS, COMMANDS)
@example(["task=arithmetic"], ["task=arithmetic", "++model.params.t={a:{}}"])
@example(["task=arithmetic", "++model.params.t={a:{}}"], ["task=arithmetic"])
@example(["task=arithmetic", "++model.params.t={a:1}"], ["task=arithmetic", "++model.params.t={b:[{},null]}"])
@example(["task=arithmetic", "++model.params.t={a:1}"], ["task=arithmetic", "++model.params.t=3"])
@example(["task=arithmetic", "++model.params.t=[{a:1}]"], ["task=arithmetic", "++model.params.t={a:nan}"])
@example(["task=arithmetic", "++model.params.t=nan"], ["task=arithmetic", "++model.params.t=nan"])
@example(["task=arithmetic", "++model.params.t=null"], ["task=arithmetic"])
@example(["task=arithmetic", "model=claude_opus"], ["task=arithmetic", "model=simulated", "++model.params.t=1"])
@example(
    ["task=positional_attention", "limits.max_tokens=17"], ["task=arithmetic", "limits.max_tokens=17", "limits=steps"]
)
@example(["task=positional_attention"], ["task=arithmetic", "limits=steps", "limits.max_tokens=null"])
@example(["task=arithmetic", "store=a"], ["task=positional_attention", "limits=steps", "store='a\nb'"])
def test_whatever_is_printed_composes_to_the_second_config(first: list[str], second: list[str]) -> None:
    first, second = possible(first), possible(second)
    if first[0] != second[0]:  # what only the first task has cannot stand behind another
        first = [word for word in first if not word.startswith("task.")]
    overrides, unwritable = printed(first, second)
    assert unwritable == []
    again, wanted = (json.dumps(composed(words), sort_keys=True) for words in ([*first, *overrides], second))
    assert again == wanted, overrides


def test_equal_configs_have_no_differences() -> None:
    words = ["task=arithmetic", "++model.params.t={a:nan,b:[1.0,null]}"]
    assert printed(words, words) == ([], [])


@pytest.mark.parametrize("name", ["a b", "é", "x.y", "a'b", ""])
def test_what_no_override_can_write_is_said_apart(name: str) -> None:
    config = {"model": {"params": {}}, "runs": {"count": 1}}
    other = {"model": {"params": {name: 1, "fine": {"é": 2}}}, "runs": {"count": 1}}
    overrides, unwritable = changes(config, other)
    assert overrides == []
    assert unwritable == [Change(f"model.params.{name}", None, "1"), Change("model.params.fine.é", None, "2")]


def test_a_knob_that_one_version_lacks_is_set_plainly_or_said_apart() -> None:
    older, newer = {"runs": {"count": 1}}, {"runs": {"count": 1, "seed": 0}}
    assert changes(older, newer) == ([Change("runs.seed", None, "0")], [])
    assert changes(newer, older) == ([], [Change("runs.seed", "0", None)])
