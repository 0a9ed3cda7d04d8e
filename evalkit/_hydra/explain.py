"""Turns what Hydra and OmegaConf say about a command line into one sentence that contains the fix."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from evalkit.config import Config
from evalkit.nearest import nearest, suggestion
from evalkit.plugins import bundled

_KINDS = {"Integer": "a whole number", "Float": "a number", "Boolean": "true or false"}
_GROUP = re.compile(r"^(task|model|limits|sandbox)=[\w-]+$")


def explain(error: Exception, argv: Sequence[str]) -> str:
    """One sentence for an error that Hydra raised while it composed `argv`."""
    text = str(error)
    if isinstance(error, MissingConfigException) and error.options and error.missing_cfg_file:
        group, _, name = error.missing_cfg_file.rpartition("/")
        return f"There is no {group} {name!r}{suggestion(name, error.options, group + '={}')}"
    if missing := re.match(r"You must specify '(\w+)'", text):
        group, options = missing[1], re.findall(r"\t([\w-]+)", text)
        return f"Say which {group}: write {group}=<name>, where <name> is one of {', '.join(options)}"
    if unknown := re.match(r"Could not override '(.+)'\.", text):
        return _unknown_key(unknown[1], argv)
    if delete := re.match(r"Could not delete from config\. '(.+)' does not exist", text):
        return _unknown_key(delete[1], argv)
    if exists := re.match(r"Could not append to config\. An item is already at '(.+)'", text):
        return f"{exists[1]} exists already, so that it needs no +: write {exists[1]}=<value>"
    if several := re.match(r"(?:Ambiguous value for argument|Sweep parameters) '(.+?)'(?:\n| requires)", text):
        key, _, value = several[1].partition("=")
        return f"{several[1]} names several values: add -m to sweep over them, or write {key}=[{value}] for a list"
    if isinstance(error, OverrideParseException):
        return (
            f"{error.override!r} cannot be read: write key=value without spaces, and put quotes around a value with "
            f"special characters, such as 'key=\"a,b\"'"
        )
    if merging := re.match(r"Error merging override (.+)", text):
        return _bad_value(merging[1], error.__cause__, argv)
    if text.startswith("Config group override must be a string"):
        return "task, model, limits and sandbox are chosen by name, such as task=arithmetic, model=simulated"
    return _flat(f"{text}: {error.__cause__}" if isinstance(error.__cause__, OmegaConfBaseException) else text)


def _unknown_key(key: str, argv: Sequence[str]) -> str:
    value = next((arg.partition("=")[2] for arg in argv if arg.lstrip("+~").partition("=")[0] == key), "")
    known = dict(_knobs(argv))
    leaf = key.rpartition(".")[2]
    same_leaf = [name for name in known if name.rpartition(".")[2] == leaf]
    match = same_leaf[0] if same_leaf else nearest(key, known)
    if match:
        return f"There is no knob {key}: did you mean {match}={value or '<value>'}?"
    return f"There is no knob {key}: `python -m evalkit --cfg job task=<name>` lists them all"


def _bad_value(override: str, cause: BaseException | None, argv: Sequence[str]) -> str:
    key = override.lstrip("+~").partition("=")[0]
    said = str(cause).split("\n")[0]
    now = dict(_knobs(argv)).get(key)
    example = f", for example {key}={_written(now)}" if now is not None else ""
    if kind := re.search(r"could not be converted to (\w+)", said):
        return f"{override} is not {_KINDS.get(kind[1], kind[1])}: write {key}=<value>{example}"
    if "is not Optional" in said:
        return f"{override} leaves {key} without a value, which it needs: write {key}=<value>{example}"
    if "does not support deletion" in said:
        return f"{override} would delete {key}, which can only be changed: write {key}=<value>{example}"
    return f"{override} does not fit: {_flat(said)}"


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _knobs(argv: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Every dotted key with its value, as the groups that were chosen on the command line have it."""
    chosen = [arg for arg in argv if _GROUP.match(arg)]
    try:
        with initialize_config_dir(str(bundled("conf")), version_base="1.3"):
            node: Any = compose("config", overrides=chosen)
    except (HydraException, OmegaConfBaseException):
        node = OmegaConf.structured(Config)
    yield from _leaves(OmegaConf.to_container(node, resolve=False))


def _leaves(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if not isinstance(node, Mapping):
        yield prefix, node
        return
    if prefix:
        yield prefix, None
    for key, value in node.items():
        yield from _leaves(value, f"{prefix}.{key}" if prefix else str(key))


def _flat(text: str) -> str:
    """Several lines as one sentence."""
    return "; ".join(line.strip() for line in text.split("\n") if line.strip())
