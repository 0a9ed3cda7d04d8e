"""Command line: `python -m evalkit <overrides>` launches, `python -m evalkit <verb> …` runs another command.

The commands are in `evalkit.cli`; here, errors and signals become a sentence and an exit status.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import re
import shlex
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import NoReturn

from evalkit.cli import tree
from evalkit.cli.commands import VERBS
from evalkit.util import signals
from evalkit.util.errors import ProviderError, SandboxError, StorageError, TaskError, UserError
from evalkit.util.redaction import print_traceback, redacted
from evalkit.util.text import ASCII_MARKS, fitted, in_ascii, plain

_ENDLESS = re.compile(r"\S{300,}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Exit status: 0 done, 1 runs could not be completed, 2 bad input, 128 + n ended by signal n (130 for Ctrl-C).
    """
    sys.excepthook = print_traceback
    _show_anything()
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        with signals.end_orderly():
            return tree.run(words)
    except KeyboardInterrupt as error:
        number = getattr(error, "number", signal.SIGINT)
        name = "" if number == signal.SIGINT else f" by {signal.Signals(number).name}"
        with suppress(OSError):  # the terminal may be what has gone
            sys.stderr.write(f"\nevalkit: interrupted{name}; {_how_to_go_on(words)}\n")
        return 128 + number
    except BrokenPipeError:  # the reader of the output has left
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        for status, kind in ((2, UserError), (1, TaskError), (1, StorageError), (1, ProviderError), (1, SandboxError)):
            if fault := next((one for one in _leaves(error) if isinstance(one, kind)), None):
                if os.environ.get("HYDRA_FULL_ERROR") == "1":
                    raise
                sys.stderr.write(fitted(sentence(fault), sys.stderr))
                if isinstance(fault, TaskError):
                    sys.stderr.write(f"{plain(redacted(fault.traceback))}\n")
                return status
        for one in _leaves(error):
            if isinstance(one, OSError) and one.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS):
                return _say_what_the_disk_refuses(one)
        raise


def program() -> NoReturn:
    """Run the process. After a signal has ended `main`, everything is closed and a second one is ignored."""
    with signals.to_the_end():
        status = main()
        if status > 128:
            for stream in (sys.stdout, sys.stderr):
                with suppress(OSError, ValueError):
                    stream.flush()
            os._exit(status)
    sys.exit(status)


def _say_what_the_disk_refuses(error: OSError) -> int:
    where = error.filename or "the output"
    with suppress(OSError):
        sys.stderr.write(
            f"evalkit: {where} cannot be written ({error.strerror}): free some space and run the command again\n"
        )
    try:
        sys.stdout.flush()
    except OSError:  # it is standard output that is refused: Python would complain once more when it flushes at exit
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


def _how_to_go_on(words: Sequence[str]) -> str:
    if words and words[0] in VERBS:
        return f"`python -m evalkit {words[0]}` can be run again"
    launch = sys.modules.get("evalkit.launch.entry")
    resumable = launch.resumable() if launch else None
    also = f", as does `python -m evalkit resume {shlex.quote(str(resumable))}`" if resumable else ""
    return f"the same command continues where it stopped{also}"


def _show_anything() -> None:
    """Let stdout and stderr print any text: characters that their encoding lacks become ASCII marks."""
    codecs.register_error(ASCII_MARKS, in_ascii)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=ASCII_MARKS)


def sentence(fault: BaseException) -> str:
    """An error as one line without line breaks, terminal escapes, keys or endless words, even if it quotes some."""
    said = _ENDLESS.sub(lambda word: f"{word[0][:60]}…{word[0][-20:]}", redacted(str(fault)))
    return f"evalkit: {plain(said, one_line=True, limit=4000)}\n"


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """The error itself, or those of a group: tasks on one event loop fail together."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


if __name__ == "__main__":
    program()
