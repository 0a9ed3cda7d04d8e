"""Text that others wrote (models, providers, submitted code), made safe to print, and small number formats."""

from __future__ import annotations

import math
import re
import shutil
import textwrap
from collections.abc import Sequence
from typing import TextIO

_ESCAPE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor movement, screen modes
    r"|[\x1b](?:[\]PX^_])[^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC, DCS, SOS, PM, APC: titles, links, clipboard
    r"|\x1b[ -/]*[0-~]"  # every other two-character escape
)
# C0 but tab and newline, DEL, C1 (a terminal may read U+009B as CSI), characters that reorder or hide what
# stands beside them (bidirectional controls, zero width, tags), line separators, and what UTF-8 cannot hold.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f\ud800-\udfff]"
)
_ASCII = str.maketrans(
    {"✓": "+", "✗": "x", "–": "-", "—": "-", "−": "-", "─": "-", "╌": "-", "…": "...", "±": "+/-", "·": "|"}
    | {"≈": "~", "→": "->", "≤": "<=", "≥": ">=", "×": "x", "\N{NO-BREAK SPACE}": " "}
)


ASCII_MARKS = "evalkit.ascii"
"""Name of the error handler of codecs that `in_ascii` is."""


def in_ascii(error: UnicodeError) -> tuple[str | bytes, int]:
    """Error handler for a stream's encoding: marks get their ASCII form, whatever else is missing becomes `?`.

    Raises the error itself if it is about decoding.
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(_ASCII.get(ord(sign), "?") for sign in missing), error.end


def plain(text: object, *, one_line: bool = False, limit: int | None = None) -> str:
    """`text` without anything that a terminal obeys: escapes vanish, other control characters become U+FFFD.

    `one_line` turns every run of white space into one space; `limit` cuts to that many characters. What is
    returned is data: print it where no markup is read (Rich: `Text(plain(x))`, never `print(x)` with markup on).
    """
    result = str(text)
    if limit is not None and len(result) > 20 * limit + 1000:
        result = result[: 20 * limit + 1000]  # a submission may be 100 MB long
    result = _ESCAPE.sub("", result.replace("\r\n", "\n"))
    if one_line:
        result = " ".join(result.split())
    result = _UNSAFE.sub("\ufffd", result)
    return result if limit is None or len(result) <= limit else result[: max(limit - 1, 0)] + "…"


def for_encoding(text: str, encoding: str | None) -> str:
    """`text` as `encoding` can show it: marks get their ASCII form, whatever else is missing becomes `?`.

    None: a stream that takes any text, such as `io.StringIO`.
    """
    if encoding is None:
        return text
    try:
        text.encode(encoding)
    except LookupError:
        encoding = "ascii"
    except UnicodeEncodeError:
        pass
    else:
        return text
    return text.translate(_ASCII).encode(encoding, "replace").decode(encoding)


def fitted(text: str, stream: TextIO) -> str:
    """`text` with the lines that a terminal is too narrow for broken between words; as it is for pipes and files.

    What follows hangs below the last column of the line, where it has several. Paths and other long words stay whole.
    """
    if not stream.isatty():
        return text
    width = max(shutil.get_terminal_size().columns, 20)
    return "\n".join(_hanging(line, width) if len(line) > width else line for line in text.split("\n"))


def _hanging(line: str, width: int) -> str:
    columns = re.match(r"\s*(?:\S+ )*\S+ {2,}(?=\S)", line)
    indent = columns.end() if columns and columns.end() <= width // 2 else len(line) - len(line.lstrip()) + 2
    spaces = " " * indent
    start, rest = line[:indent], line[indent:]
    if not columns or columns.end() != indent:
        start, rest = line[: len(line) - len(line.lstrip())], line.lstrip()
    words = textwrap.wrap(
        rest, width, initial_indent=start, subsequent_indent=spaces, break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(words)


def counted(number: int, singular: str, plural: str | None = None) -> str:
    """`1 run`, `2 runs`, `1,200 tokens`."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def percent(share: float, digits: int = 1) -> str:
    """A share as `26.7%`."""
    return f"{100 * share:.{digits}f}%"


def dollars(usd: float) -> str:
    """US dollars with at least two digits that matter: `$12.30`, `$0.15`, `$0.0042`."""
    digits = 2 if usd <= 0 or usd >= 0.1 else 1 - math.floor(math.log10(usd))
    return f"${usd:,.{digits}f}"


def duration(seconds: float) -> str:
    """`0.31 s`, `12.4 s`, `3 min 05 s`, `2 h 07 min`."""
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 1 else f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def short_names(knobs: Sequence[str]) -> list[str]:
    """Knobs as tables and pictures call them: the last parts of their names, as many as keep them apart.

    `max_tokens`; `limits.timeout_s` beside `model.timeout_s`.
    """
    parts = [name.split(".") for name in knobs]
    for length in range(1, max(map(len, parts), default=1)):
        short = [".".join(name[-length:]) for name in parts]
        if len(set(short)) == len(short):
            return short
    return list(knobs)


def without_addresses(text: str) -> str:
    """The same without addresses of objects in memory (`<object at 0x7f…>`), which say nothing."""
    return re.sub(r"0x[0-9a-f]{6,}", "0x…", text)
