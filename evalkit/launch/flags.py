"""The flags of a launch: Hydra's own, told apart from overrides and checked before Hydra's parser can complain."""

from __future__ import annotations

from collections.abc import Sequence

from evalkit.util.errors import UserError

FLAGS = {
    **dict.fromkeys(("--multirun", "-m", "--run", "-r", "--resolve", "--hydra-help", "--shell-completion", "-sc"), 0),
    **dict.fromkeys(("--cfg", "-c", "--package", "-p", "--config-path", "-cp", "--config-name", "-cn"), 1),
    **dict.fromkeys(("--config-dir", "-cd", "--info", "-i"), 1),
}
"""Flags and how many values follow each; that of `--info` may be left out."""

VALUES = {
    **dict.fromkeys(("--cfg", "-c"), ("job", "hydra", "all")),
    **dict.fromkeys(("--info", "-i"), ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")),
}
"""What may follow a flag."""

LONG = {
    "-m": "--multirun",
    "-r": "--run",
    "-sc": "--shell-completion",
    "-c": "--cfg",
    "-p": "--package",
    "-cp": "--config-path",
    "-cn": "--config-name",
    "-cd": "--config-dir",
    "-i": "--info",
}
_MODES = ("--run", "--multirun", "--cfg", "--info", "--shell-completion")


def arranged(argv: Sequence[str]) -> list[str]:
    """Flags first, overrides after them: Hydra does not understand `task=arithmetic -m runs.count=1,2`.

    Raises `UserError` like `split`.
    """
    flags, overrides = split(argv)
    return [*flags, *overrides]


def split(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """Flags with their values, and overrides.

    Raises `UserError` for a flag that does not exist, lacks its value, has one that it does not know, or that does not
    go with another.
    """
    flags: list[str] = []
    overrides: list[str] = []
    given: dict[str, str] = {}
    words = list(argv)
    while words:
        word = words.pop(0)
        if not word.startswith("-"):
            overrides.append(word)
            continue
        name, value = _flag(word, words)
        full = LONG.get(name, name)
        if value and given.get(full, value) != value:
            raise UserError(f"{name} is given twice: write {full} {given[full]}, or {full} {value}")
        if full not in given:
            flags += [name, value] if value else [name]
        given[full] = value
    _check_together(given, overrides)
    return flags, overrides


def _flag(word: str, rest: list[str]) -> tuple[str, str]:
    """Name and value of a flag; takes the value out of `rest` where it is the next word."""
    name, equals, value = word.partition("=")
    if name not in FLAGS:
        from evalkit.util.suggestions import suggestion

        raise UserError(f"Unknown flag {name}{suggestion(name, [flag for flag in FLAGS if flag[:2] == '--'])}")
    if not FLAGS[name]:
        if equals:
            raise UserError(f"{name} takes no value: write {name} alone")
        return name, ""
    optional = LONG.get(name, name) == "--info"
    if not equals and rest and not (optional and ("=" in rest[0] or rest[0].startswith("-"))):
        value = rest.pop(0)
    if optional and not equals and not value:
        value = "all"  # what Hydra takes, which would else read the next word as the value
    if not value:
        raise UserError(f"{name} needs a value: write {name} <value>")
    known = VALUES.get(name)
    if value and known and value not in known:
        raise UserError(f"{name} {value} is unknown: write {name} followed by one of {', '.join(known)}")
    return name, value


def _check_together(given: dict[str, str], overrides: Sequence[str]) -> None:
    modes = [mode for mode in _MODES if mode in given]
    if len(modes) > 1:
        raise UserError(f"{modes[0]} and {modes[1]} exclude each other: write one of them")
    if "--shell-completion" in given and not any(
        word in (f"{what}={shell}" for what in ("install", "uninstall", "query") for shell in ("bash", "zsh", "fish"))
        for word in overrides
    ):
        raise UserError("-sc installs tab completion: write -sc install=bash (or zsh, fish; uninstall=… takes it away)")
    for flag in ("--resolve", "--package"):
        if flag in given and "--cfg" not in given:
            raise UserError(f"{flag} goes with --cfg: write --cfg job {flag}")
