"""Kinds of tasks that need no Python: `kind: answer`, … in conf/task/<name>.yaml.

A kind is a class like that of any task; its config is a `KindConfig`, and `check` refuses a node with a slip in it.
"""

from __future__ import annotations

import copy
import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from evalkit.config.search_path import task_folders

if TYPE_CHECKING:
    from evalkit.task.protocol import Task

KINDS = ("answer", "function", "files")
"""Each is a module here with a class `Task`."""


def kind_of_node(node: Mapping[str, Any]) -> str | None:
    """The kind that a `task` node names; None where a plugin in Python stands behind it."""
    if "kind" not in node or node.get("name") in task_folders():
        return None
    return str(node["kind"])


def plugin_of_kind(kind: str, node: Mapping[str, Any]) -> type[Task]:
    """The class of a kind, its node checked. Raises `UserError` for an unknown kind and a slip in the node."""
    from evalkit.task.kinds.form import Checker
    from evalkit.task.kinds.places import Places
    from evalkit.util.suggestions import suggestion

    if kind not in KINDS:
        hint = suggestion(kind, KINDS)
        raise Checker(Places(node), kind).slip(("kind",), f"kind cannot be {kind!r}{hint}")
    plugin: Any = importlib.import_module(f"evalkit.task.kinds.{kind}").Task
    plugin.check(node)
    return plugin  # type: ignore[no-any-return]


def kind_config(node: Mapping[str, Any]) -> Any:
    """The config of a checked node: a copy, as an object."""
    from evalkit.task.kinds.common import config_of

    return copy.deepcopy(config_of(node))
