"""The command tree: a word from the table of commands, help, the version, or else a launch.

A bare first word is a command; an override contains `=`. Modules are imported only once it is clear which are needed.
"""

from __future__ import annotations

import re
import sys
from argparse import Namespace
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn, Protocol, cast

from evalkit.cli.commands import VERBS
from evalkit.launch.flags import arranged
from evalkit.util.errors import UserError
from evalkit.util.text import fitted, plain

if TYPE_CHECKING:  # a launch needs no parser
    from evalkit.cli.parser import VerbParser

HELP = ("--help", "-h", "help")


class Command(Protocol):
    """The module of a command."""

    def parser(self) -> VerbParser:
        """The arguments that it takes."""

    def run(self, options: Namespace) -> int:
        """Do it; the exit status."""


def run(words: Sequence[str]) -> int:
    """Do what the words of a command line say; the exit status. Raises `UserError` for bad input."""
    _refuse_what_is_not_text(words)
    first, *rest = words or ["help"]
    if first in VERBS:
        return _run_verb(first, rest)
    if first in HELP and rest and _is_bare(rest[0]):
        if rest[0] not in VERBS:
            _refuse_word(rest[0])
        return _run_verb(rest[0], ["--help"])
    if first == "help" or {"--help", "-h"} & set(words):
        from evalkit.cli.help import usage

        sys.stdout.write(fitted(usage(VERBS), sys.stdout))
        return 0
    if "--version" in words:
        from evalkit import __version__

        sys.stdout.write(f"evalkit {__version__}\n")
        return 0
    if _is_bare(first):
        _refuse_word(first)
    from evalkit.launch.entry import main as launch

    return launch(arranged(words))


def module_of(verb: str) -> Command:
    """The module of a command of the table."""
    return cast(Command, import_module(f"evalkit.cli.{verb}"))


def _run_verb(name: str, words: Sequence[str]) -> int:
    command = module_of(name)
    parser = command.parser()
    if parser.asks_for_help(words):
        sys.stdout.write(parser.format_help())
        return 0
    return command.run(parser.parse(words))


def _is_bare(word: str) -> bool:
    return "=" not in word and word[:1] not in ("-", "~", "+")


def _refuse_what_is_not_text(words: Sequence[str]) -> None:
    """Raise `UserError` for bytes that are not UTF-8 and for NUL: no file, YAML or terminal takes them."""
    for word in words:
        if re.search("[\0\ud800-\udfff]", word):
            raise UserError(f"{plain(word, one_line=True)!r} contains bytes that are not UTF-8: write it in UTF-8")


def _refuse_word(word: str) -> NoReturn:
    """Raise `UserError` for a first word that is not a command, with what was probably meant."""
    from evalkit.cli.help import choices
    from evalkit.util.suggestions import nearest

    if not word.strip():
        raise UserError(f"{word!r} is not a command: to launch, write key=value, such as task=arithmetic")
    tasks = [name for name, _ in choices("task")]
    if word in tasks:
        raise UserError(f"{word!r} is a task: write task={word}")
    unknown = f"Unknown command {word!r}"
    if verb := nearest(word, VERBS):
        raise UserError(f"{unknown}: did you mean `python -m evalkit {verb}`?")
    if task := nearest(word, tasks):
        raise UserError(f"{unknown}: did you mean task={task}?")
    raise UserError(f"{unknown}: commands are {', '.join(VERBS)}; to launch, write key=value, such as task=arithmetic")
