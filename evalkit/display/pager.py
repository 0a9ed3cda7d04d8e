"""Long output on a terminal: coloured, and through a pager where it is taller than the screen."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from io import StringIO
from typing import TextIO

from rich.console import Console, RenderableType

from evalkit.util.text import for_encoding


def present(content: RenderableType, stream: TextIO, *, colour: bool | None = None, pager: bool = True) -> None:
    """Write to `stream`: on a terminal with colours, and through `$PAGER` (else `less`) what is taller than it."""
    on_terminal = stream.isatty()
    if colour is None:
        colour = on_terminal and not os.environ.get("NO_COLOR")
    size = shutil.get_terminal_size((100, 24))
    buffer = StringIO()
    console = Console(
        file=buffer,
        width=max(size.columns, 40),
        force_terminal=colour,
        no_color=not colour,
        color_system="standard" if colour else None,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )
    console.print(content)
    text = "".join(line.rstrip() + "\n" for line in buffer.getvalue().split("\n")[:-1])
    text = for_encoding(text, stream.encoding)
    if on_terminal and pager and text.count("\n") >= size.lines and _paged(text):
        return
    stream.write(text)
    stream.flush()


def _paged(text: str) -> bool:
    """Whether a pager took it."""
    command = shlex.split(os.environ.get("PAGER", "")) or [shutil.which("less") or ""]
    if not command[0] or os.environ.get("TERM", "dumb") == "dumb":
        return False
    environ = {"LESS": "FRX", **os.environ}  # F: quit if it fits, R: colours, X: leave it on the screen
    try:
        subprocess.run(command, input=text.encode("utf-8", "replace"), env=environ, check=False)
    except OSError:
        return False
    return True
