"""The live display on a terminal: a few Rich lines under the run lines, or a table of cells that fills in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TextIO

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as RichProgress
from rich.table import Column, Table
from rich.text import Text

from evalkit.display.progress import CellProgress, Progress
from evalkit.display.rates import bare_rate, rate_words
from evalkit.results.runs import Outcome
from evalkit.results.summary import Rate
from evalkit.stats.verdict import Decision
from evalkit.util import signals
from evalkit.util.redaction import redacted
from evalkit.util.text import counted, dollars, duration, for_encoding, plain, short_names

STYLES = {"✓": "green", "✗": "red", "!": "yellow", "?": "yellow", "+": "green", "x": "red"}
"""Colour of a line by its first character, in Unicode and in ASCII."""

LAST_ROWS = 200
"""Cells in the table that a sweep leaves on the screen; its landscape files have all of them."""


class LiveDisplay:
    """Owns the terminal between `start` and `stop`; lines printed meanwhile appear above the display."""

    def __init__(self, stream: TextIO, progress: Progress) -> None:
        self.console = Console(file=stream, highlight=False, markup=False, emoji=False)
        self._progress = progress
        self._forget: Callable[[], None] = lambda: None
        self._live = Live(_Screen(progress), console=self.console, refresh_per_second=4, transient=True, screen=False)

    def start(self) -> None:
        """Begin to draw."""
        self._forget = signals.add_last_rite(self._give_back)
        self._live.start(refresh=True)

    def stop(self) -> None:
        """Erase the display and give the terminal back; of a sweep, leave the table of its cells."""
        self._live.stop()
        self._forget()
        if len(self._progress.cells) > 1:
            self.console.print(cell_table(self._progress, LAST_ROWS, self.console.encoding))

    def _give_back(self) -> None:
        self.console.show_cursor()

    def print(self, line: str) -> None:
        """One line above the display; nothing in it is read as markup."""
        style = STYLES.get(line[:1], "") if line[1:2] == " " else ""
        self.console.print(Text(line, style=style, overflow="fold"))


class _Screen:
    """Renders the state of `progress` whenever Rich asks for it."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if len(self.progress.cells) > 1:
            room = max(3, options.size.height - 8)
            yield cell_table(self.progress, room, console.encoding)
        yield status(self.progress, options.max_width, console.encoding)


def status(progress: Progress, width: int, encoding: str) -> RenderableType:
    """A bar with runs and time left; the rate, tokens and cost; what is waited for, if anything."""
    left = progress.seconds_left
    parts = [f"{progress.done:,}/{counted(progress.total, 'run')}"]
    if progress.running:
        parts.append(f"{progress.running} running")
    parts.append(duration(progress.seconds) + (f", about {duration(left)} left" if left else ""))
    words = for_encoding(" · ".join(parts), encoding)
    room = max(10, min(60, width - cell_len(words) - 1))
    head = RichProgress(
        BarColumn(room, complete_style="green"),
        TextColumn("{task.description}", markup=False, table_column=Column()),  # by default it would not wrap
    )
    head.add_task(words, total=max(progress.total, 1), completed=progress.done)
    lines = [Text(for_encoding(figures(progress), encoding), style="dim")]
    if progress.wait and progress.wait.left:
        waits = f"waits another {duration(progress.wait.left)} for {progress.wait.where}: {progress.wait.reason}"
        words = for_encoding(plain(redacted(waits), one_line=True), encoding)
        lines.append(Text(words, style="yellow", no_wrap=True, overflow="ellipsis"))
    return Group(head.make_tasks_table(head.tasks), *lines)


def figures(progress: Progress) -> str:
    """`pass rate 33.3% · 14,200 tokens · $0.42`; of a sweep, tokens and cost alone."""
    parts = []
    if len(progress.cells) == 1:
        parts.append(f"pass rate {_rate(progress.cells[0])}")
        errors = progress.cells[0].count(Outcome.ERROR)
        if errors:
            parts.append(counted(errors, "error"))
    parts.append(counted(progress.tokens, "output token"))
    if progress.cost_usd:
        parts.append(dollars(progress.cost_usd))
    return " · ".join(parts)


def cell_table(progress: Progress, room: int, encoding: str) -> Table:
    """One row a cell; of more cells than `room` rows, those under way and then those not begun come first."""
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="bold")
    knobs = list(progress.cells[0].info.overrides)
    for name in short_names(knobs):
        table.add_column(plain(name, one_line=True), overflow="fold")
    for name in ("runs", "passed", "verdict"):
        table.add_column(name, justify="left" if name == "verdict" else "right", no_wrap=True)
    shown = _visible(progress.cells, room)
    for cell in shown:
        values = [plain(cell.info.overrides.get(name, ""), one_line=True, limit=40) for name in knobs]
        row = [*values, f"{cell.done}/{cell.total}", _rate(cell), _verdict(cell)]
        table.add_row(*(Text(for_encoding(item, encoding)) for item in row), style=_style(cell))
    hidden = len(progress.cells) - len(shown)
    if hidden:
        table.add_row(Text(for_encoding(f"… {counted(hidden, 'cell')} more", encoding), style="dim"))
    return table


def _verdict(cell: CellProgress) -> str:
    if cell.summary is None:
        return "running" if cell.running else ""
    return str(cell.summary.verdict)


def _visible(cells: Sequence[CellProgress], room: int) -> list[CellProgress]:
    if len(cells) <= room:
        return list(cells)
    chosen = sorted(cells, key=lambda cell: (cell.summary is not None, not cell.running, cell.info.index))[:room]
    return sorted(chosen, key=lambda cell: cell.info.index)


def _style(cell: CellProgress) -> str:
    return "green" if cell.summary and cell.summary.verdict.decision is Decision.IN_BAND else ""


def _rate(cell: CellProgress) -> str:
    """What was observed; the interval once the cell has ended, because an interval is not made to be watched."""
    if cell.summary:
        return rate_words(cell.summary.rate)
    passed, failed, unknown = map(cell.count, (Outcome.PASSED, Outcome.FAILED, Outcome.UNKNOWN))
    return bare_rate(Rate.of(passed, passed + failed + unknown, 0.95, unknown))
