"""Argument parser of the commands: `--help` with an example, and one sentence with the fix for bad arguments."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from evalkit.util.errors import UserError
from evalkit.util.suggestions import suggestion

EXIT = "Exit status: 0 done, 1 something failed, 2 bad input, 130 interrupted."
DIR = "outputs/arithmetic/2026-11-27_10-00-00-ab12"
SWEEP = "outputs/arithmetic/sweep-2026-11-27_10-00-00-ab12"
"""Directories in the examples of the help."""


class VerbParser(argparse.ArgumentParser):
    """Argument parser of one verb, which never prints usage for a mistake and never exits."""

    def __init__(self, verb: str, about: str, example: str, status: str = EXIT, *, intermixed: bool = False) -> None:
        """`about` says what the verb does; `example` is what follows `python -m evalkit`.

        `intermixed`: options may stand between the words of a list.
        """
        super().__init__(
            f"python -m evalkit {verb}",
            description=about,
            epilog=f"example:\n  python -m evalkit {example}\n\n{status}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
            add_help=False,
        )
        self.verb, self.example, self._intermixed = verb, f"python -m evalkit {example}", intermixed
        self.add_argument("-h", "--help", action="store_true", help="show this")

    def takes_directories(self, nargs: str | None = None, what: str = "a launch or a sweep") -> None:
        """Add `folder`: one output directory, or with `nargs` as many as that says."""
        self.add_argument("folder", type=directory, nargs=nargs, metavar="DIR", help=f"output directory of {what}")

    def asks_for_help(self, words: Sequence[str]) -> bool:
        """Whether `--help` is among the words, before any `--`."""
        own = words[: words.index("--")] if "--" in words else words
        return "-h" in own or "--help" in own

    def parse(self, words: Sequence[str]) -> argparse.Namespace:
        """The arguments. Raises `UserError` for bad ones."""
        return (self.parse_intermixed_args if self._intermixed else self.parse_args)(list(words))

    def error(self, message: str) -> NoReturn:
        """One sentence instead of the usage that argparse prints. Raises `UserError`, always."""
        raise UserError(f"{self.verb} {self._put(message)}: write for example `{self.example}`")

    def _put(self, message: str) -> str:
        options = [option for action in self._actions for option in action.option_strings if option[:2] == "--"]
        if unknown := re.match(r"unrecognized arguments: (\S+)", message):
            word = unknown[1]
            if word.startswith("-"):
                return f"has no option {word}{suggestion(word.partition('=')[0], options)}"
            return f"does not take {word!r}"
        if missing := re.match(r"the following arguments are required: (.+)", message):
            return f"needs {missing[1]}"
        if value := re.match(r"argument (\S+): (.+)", message, re.DOTALL):
            return f"cannot take this as {value[1]}: {value[2]}"
        return f"cannot read its arguments ({message})"


def directory(text: str) -> Path:
    """A directory given to a verb. Raises `UserError` for text that cannot name one, and for one that is locked."""
    if not text.strip():
        raise UserError("The directory is empty text: give the output directory that the launch printed last")
    path = Path(text)
    try:
        locked = path.is_dir() and not os.access(path, os.R_OK | os.X_OK)
    except (OSError, ValueError) as error:
        raise UserError(f"{text} is not a directory ({getattr(error, 'strerror', None) or error})") from error
    if locked:
        raise UserError(f"{text} cannot be read (Permission denied): check its permissions")
    return path
