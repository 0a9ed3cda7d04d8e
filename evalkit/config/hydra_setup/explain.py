"""Config error messages: rewrites those of Hydra and OmegaConf as one sentence with the fix."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import is_dataclass
from textwrap import shorten
from typing import Any

import yaml
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import OmegaConf
from omegaconf.errors import InterpolationKeyError, InterpolationResolutionError, OmegaConfBaseException

from evalkit.config import hydra_setup
from evalkit.config.overrides import knob, written
from evalkit.config.schema import Config
from evalkit.config.search_path import bundled, folders
from evalkit.util import dotted
from evalkit.util.errors import UserError
from evalkit.util.suggestions import nearest, suggestion
from evalkit.util.yaml_lines import quoted_key, slip

_KINDS = {
    "Integer": ("a whole number", "10"),
    "Float": ("a number", "0.5"),
    "Boolean": ("true or false", "true"),
    "bool": ("true or false", "true"),
}
"""What OmegaConf calls a type → what people call it, and an example."""
_GROUP = re.compile(r"^(task|model|limits|sandbox)=[\w-]+$")


_GROUP_OF_KNOBS = object()
OPEN = tuple(
    f"{group}.{name}"
    for group, node in vars(Config()).items()
    if is_dataclass(node)
    for name, value in vars(node).items()
    if isinstance(value, dict)
)
"""Holders of knobs that no schema names."""


Defaults = Callable[[str], Mapping[str, str]]
"""Task name → knobs to which its plugin gives a default, each with the line that does. Raises `UserError`."""


def no_defaults(task: str) -> Mapping[str, str]:
    """For configs whose task cannot be looked at."""
    return {}


def explain(error: Exception, argv: Sequence[str], defaults: Defaults = no_defaults) -> str:
    """One sentence for an error that Hydra raised while it composed `argv`."""
    text = str(error)
    if isinstance(error, yaml.MarkedYAMLError):
        return slip(error)
    if said := _in_a_file(error):
        return said
    if isinstance(error, MissingConfigException) and error.options and error.missing_cfg_file:
        group, _, name = error.missing_cfg_file.rpartition("/")
        group = group.partition("//")[0].rstrip("/")
        return f"Unknown {group} {name!r}{suggestion(name, error.options, group + '={}')}"
    if missing := re.match(r"(?:In '.+': )?You must specify '(\w+)'", text):
        typed = [arg.partition("=")[0] for arg in argv if re.match(r"\w+=", arg)]
        if misspelt := next((key for key in typed if key not in Config.__dataclass_fields__ and key != "hydra"), None):
            return _unknown_key(misspelt, argv, defaults)
        group, options = missing[1], re.findall(r"\t([\w-]+)", text)
        return f"{group} is missing: write {group}=<name> with one of {', '.join(options)}"
    if unknown := re.match(r"Could not override '(.+)'\.", text):
        return _unknown_key(unknown[1], argv, defaults)
    if scoped := re.match(r"In '(\S+)': Could not override '(\w+)@\w+\.\2'", text):
        return f"conf/{scoped[1]}.yaml cannot choose {scoped[2]} yet: make `# @package _global_` its first line"
    if delete := re.match(r"Could not delete from config\. '(.+)' does not exist", text):
        return _unknown_key(delete[1], argv, defaults)
    if exists := re.match(r"Could not append to config\. An item is already at '(.+)'", text):
        return f"{exists[1]} already exists: write it without +, {exists[1]}=<value>"
    if several := re.match(r"(?:Ambiguous value for argument|Sweep parameters) '(.+?)'(?:\n| requires)", text):
        key, _, value = several[1].partition("=")
        return f"{several[1]} has several values: add -m to sweep over them, or write {key}=[{value}] for a list"
    if isinstance(error, OverrideParseException):
        return _unreadable(error.override)
    if absent := re.search(r"Missing mandatory value: (\S+)", text):
        key = getattr(error, "full_key", None) or absent[1]
        return f"{key} needs a value: write {key}=<value>"
    if merging := re.match(r"Error merging override (.+)", text, re.DOTALL):
        return _bad_value(merging[1], error.__cause__, argv)
    if text.startswith("Config group override must be a string"):
        return "task, model, limits and sandbox take a name: write for example task=arithmetic or model=simulated"
    if re.match(r"Key '.+' (not in|is not in struct)", text) and getattr(error, "full_key", None):
        return _unknown_key(str(getattr(error, "full_key", "")), argv, defaults)
    if isinstance(error, InterpolationResolutionError | InterpolationKeyError):
        return f"{error.full_key or 'The config'} cannot be resolved: {_flat(text).rpartition('interpolation: ')[2]}"
    if folder := re.match(r"Additional config directory '(.+)' not found", text):
        return f"--config-dir {folder[1]} does not exist: name a directory with task/, model/ or limits/ in it"
    if isinstance(error, OmegaConfBaseException) and error.full_key and str(error.full_key) not in text.split("\n")[0]:
        return f"{error.full_key} does not fit: {_flat(text)}"
    cause = error.__cause__
    return _flat(
        f"{text}: {cause}" if isinstance(cause, OmegaConfBaseException) else text.split("Config search path")[0]
    )


def _in_a_file(error: Exception) -> str:
    """For a key or a value of a file in conf/ that the schema does not take: its line; else empty."""
    named = re.match(r"In '(\S+)': \w+ raised while composing config:\n(.+)", str(error))
    if not named:
        return ""
    found = re.search(r"full_key: (\S+)", str(error))
    kind = re.search(r"is not a subclass of (\w+)", named[2])
    groups = {type(value).__name__: name for name, value in vars(Config()).items() if is_dataclass(value)}
    key = found[1] if found else groups.get(kind[1] if kind else "", "")
    if not key:
        return ""
    path = next((file for folder in folders("conf") if (file := folder / f"{named[1]}.yaml").is_file()), None)
    if path is None:
        return ""
    return _misfit(quoted_key(path, key.split(".")), key, named[2])


def _misfit(place: str, key: str, first: str) -> str:
    """`place`: the line that sets `key`; `first`: what OmegaConf says of it."""
    holder, _, leaf = key.rpartition(".")
    if re.match(r"Key '.+' not in", first):
        names = list(vars(dotted.get(vars(Config()), holder)) if holder else vars(Config()))
        where = f"{holder} has no key {leaf}" if holder else f"no config has the key {leaf}"
        return f"{place}: {where}{suggestion(leaf, names)}"
    if kind := re.search(r"could not be converted to (\w+)", first):
        return f"{place}: {key} must be {_KINDS.get(kind[1], (f'of type {kind[1]}', ''))[0]}"
    if "is not a subclass of" in first:
        return f"{place}: {key} is a group of keys: write them below it, indented"
    return f"{place}: {first}"


def _unreadable(override: object) -> str:
    text = str(override)
    if "=" not in text:
        return f"{text!r} is not an override: write key=value, such as runs.count=30"
    return (
        f"{text!r} cannot be read: quote values with special characters once for the shell and once for Hydra, "
        f"such as 'key=\"a=b, c\"'"
    )


def _unknown_key(key: str, argv: Sequence[str], defaults: Defaults) -> str:
    value = next((arg.partition("=")[2] for arg in argv if knob(arg) == key), "")
    if merged := next((arg for arg in argv if knob(arg) in OPEN and dotted.within(key, knob(arg))), None):
        return f"{merged} adds a key: write +{merged.lstrip('+')}"
    known = dict(knobs(argv))
    own = _only_in_python(str(known.get("task.name")), defaults)
    if key in own:
        return (
            f"{key} is not a config key yet: its value is set in {own[key]}. Add it to the file in conf/task/, "
            f"or write +{key}={value or '<value>'}"
        )
    known |= dict.fromkeys(own)
    leaf = dotted.last(key)
    same_leaf = [name for name in known if dotted.last(name) == leaf]
    alike = [name for name, value in known.items() if value is not _GROUP_OF_KNOBS or "." not in key]
    holder = key.rpartition(".")[0]
    if holder in OPEN and not same_leaf:  # any name may be meant there
        return f"{holder} does not contain {leaf}: to add it, write +{key}={value or '<value>'}"
    match = same_leaf[0] if same_leaf else nearest(key, alike)
    if match:
        return f"Unknown config key {key}: did you mean {match}={value or '<value>'}?"
    return f"Unknown config key {key}: `python -m evalkit --cfg job task=<name>` lists all keys"


def _only_in_python(name: str, defaults: Defaults) -> dict[str, str]:
    """Knobs to which the task's `Config` gives a default → the line that does. The YAML need not repeat them."""
    try:
        return {f"task.{knob}": where for knob, where in defaults(name).items()}
    except UserError:  # another sentence will say what is wrong with the plugin
        return {}


def _bad_value(override: str, cause: BaseException | None, argv: Sequence[str]) -> str:
    key = knob(override)
    said = _flat(str(cause))
    now = dict(knobs(argv)).get(key)
    if kind := re.search(r"could not be converted to (\w+)|is not a valid (bool)", said):
        name, example = _KINDS.get(kind[1] or kind[2], (f"of type {kind[1] or kind[2]}", "<value>"))
        return f"{override} is not {name}: write for example {key}={example if now is None else _written(now)}"
    if now is _GROUP_OF_KNOBS and "does not support deletion" not in said:
        return f"{override} does not fit: {key} is a group of keys, so write {key}.<key>=<value>"
    example = "<value>" if now is None or now is _GROUP_OF_KNOBS else _written(now)
    if "is not Optional" in said:
        return f"{override} leaves {key} without a value: write for example {key}={example}"
    if "does not support deletion" in said:
        if now is _GROUP_OF_KNOBS:
            return f"{override} would delete {key}, a group of keys that can only be changed: write {key}.<key>=<value>"
        return f"{override} would delete {key}, which can only be changed: write for example {key}={example}"
    return f"{override} does not fit: {_flat(said)}"


def _written(value: object) -> str:
    return shorten(written(value), 60, placeholder=" …")


def knobs(argv: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Every dotted key with its value, as the groups that were chosen on the command line have it."""
    chosen = [arg for arg in argv if _GROUP.match(arg)]
    try:
        running = GlobalHydra.instance().is_initialized()
        version: dict[str, Any] = {"version_base": "1.3"} if hydra_setup.IS_1_3 else {}
        with nullcontext() if running else initialize_config_dir(str(bundled("conf")), **version):
            node: Any = compose("config", overrides=chosen)
    except (HydraException, OmegaConfBaseException):
        node = OmegaConf.structured(Config)
    yield from _leaves(OmegaConf.to_container(node, resolve=False))


def _leaves(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if not isinstance(node, Mapping):
        yield prefix, node
        return
    if prefix:
        yield prefix, _GROUP_OF_KNOBS
    for key, value in node.items():
        yield from _leaves(value, f"{prefix}.{key}" if prefix else str(key))


def _flat(text: str) -> str:
    """Several lines as one sentence, without what only OmegaConf's authors need."""
    lines = (line.strip() for line in text.split("\n"))
    return "; ".join(line for line in lines if line and not re.match(r"(full_key|reference_type|object_type)\b", line))
