"""The live display on a terminal: a few Rich lines under the run lines, or a table of cells that fills in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from evalkit.progress import CellProgress, Progress
from evalkit.run import Outcome
from evalkit.stats.intervals import wilson
from evalkit.text import counted, dollars, duration, for_encoding, percent, plain
from evalkit.wording import range_text

STYLES = {"✓": "green", "✗": "red", "!": "yellow", "+": "green", "x": "red"}
"""Colour of a line by its first character, in Unicode and in ASCII."""


class LiveDisplay:
    """Owns the terminal between `start` and `stop`; lines printed meanwhile appear above the display."""

    def __init__(self, stream: TextIO, progress: Progress, confidence: float) -> None:
        self.console = Console(file=stream, highlight=False, markup=False, emoji=False)
        self._live = Live(
            _Screen(progress, confidence), console=self.console, refresh_per_second=4, transient=True, screen=False
        )

    def start(self) -> None:
        """Begin to draw."""
        self._live.start(refresh=True)

    def stop(self) -> None:
        """Erase the display and give the terminal back."""
        self._live.stop()

    def print(self, line: str) -> None:
        """One line above the display; nothing in it is read as markup."""
        style = STYLES.get(line[:1], "") if line[1:2] == " " else ""
        self.console.print(Text(line, style=style), soft_wrap=True)


class _Screen:
    """Renders the state of `progress` whenever Rich asks for it."""

    def __init__(self, progress: Progress, confidence: float) -> None:
        self.progress = progress
        self.confidence = confidence

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if len(self.progress.cells) > 1:
            room = max(3, options.size.height - 8)
            yield cell_table(self.progress, self.confidence, room, console.encoding)
        yield status(self.progress, self.confidence, console.encoding)


def status(progress: Progress, confidence: float, encoding: str) -> RenderableType:
    """Two lines: a bar with runs and time left; the rate with its interval, tokens and cost."""
    head = Table.grid(padding=(0, 1), expand=True)
    head.add_column(ratio=1, min_width=10)
    head.add_column(no_wrap=True)
    bar = ProgressBar(total=max(progress.total, 1), completed=progress.done, complete_style="green")
    left = progress.seconds_left
    parts = [f"{progress.done:,}/{counted(progress.total, 'run')}"]
    if progress.running:
        parts.append(f"{progress.running} running")
    parts.append(duration(progress.seconds) + (f", about {duration(left)} left" if left else ""))
    head.add_row(bar, Text(for_encoding(" · ".join(parts), encoding)))
    return Group(head, Text(for_encoding(figures(progress, confidence), encoding), style="dim"))


def figures(progress: Progress, confidence: float) -> str:
    """`pass rate 33.3% (9.7-70.0%) · 14,200 tokens · $0.42`; of a sweep, tokens and cost alone."""
    parts = []
    if len(progress.cells) == 1:
        parts.append(f"pass rate {_rate(progress.cells[0], confidence)}")
        errors = progress.cells[0].count(Outcome.ERROR)
        if errors:
            parts.append(counted(errors, "error"))
    parts.append(counted(progress.tokens_so_far, "output token"))
    if progress.cost_usd:
        parts.append(dollars(progress.cost_usd))
    return " · ".join(parts)


def cell_table(progress: Progress, confidence: float, room: int, encoding: str) -> Table:
    """One row a cell; of more cells than `room` rows, those under way and then those not begun come first."""
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="bold")
    knobs = list(progress.cells[0].info.overrides)
    for name in knobs:
        table.add_column(plain(name.removeprefix("task."), one_line=True), overflow="fold")
    table.add_column("runs", justify="right", no_wrap=True)
    table.add_column("passed", justify="right", no_wrap=True)
    table.add_column("verdict")
    shown = _visible(progress.cells, room)
    for cell in shown:
        values = [plain(cell.info.overrides.get(name, ""), one_line=True, limit=40) for name in knobs]
        verdict = str(cell.summary.verdict) if cell.summary else "running" if cell.running else ""
        row = [*values, f"{cell.done}/{cell.total}", _rate(cell, confidence), verdict]
        table.add_row(*(Text(for_encoding(item, encoding)) for item in row), style=_style(cell))
    hidden = len(progress.cells) - len(shown)
    if hidden:
        table.add_row(Text(for_encoding(f"… {counted(hidden, 'cell')} more", encoding), style="dim"))
    return table


def _visible(cells: Sequence[CellProgress], room: int) -> list[CellProgress]:
    if len(cells) <= room:
        return list(cells)
    chosen = sorted(cells, key=lambda cell: (cell.summary is not None, not cell.running, cell.info.index))[:room]
    return sorted(chosen, key=lambda cell: cell.info.index)


def _style(cell: CellProgress) -> str:
    if cell.summary is None or cell.summary.rate.value is None:
        return ""
    return "green" if cell.summary.rate.value in cell.summary.band else ""


def _rate(cell: CellProgress, confidence: float) -> str:
    passed, failed = cell.count(Outcome.PASSED), cell.count(Outcome.FAILED)
    if passed + failed == 0:
        return "–"
    interval = wilson(passed, passed + failed, confidence)
    return f"{percent(passed / (passed + failed))} ({range_text(interval)})"
