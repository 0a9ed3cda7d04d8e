"""`python -m evalkit show DIR [RUN]`: a launch, a sweep or one conversation in the terminal, coloured and paged.

Whatever a model or a provider wrote goes through `evalkit.util.text.plain`: no escapes but our own reach the terminal.
"""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from evalkit.cli.parser import DIR, VerbParser, directory
from evalkit.display.document import tone_of
from evalkit.display.formatting import run_name
from evalkit.display.pager import present
from evalkit.display.terminal import STYLES, terminal
from evalkit.report.launch import launch_overview, status
from evalkit.report.sweep import sweep_document
from evalkit.results.reading import CellRecord, Results, RunRecord, load
from evalkit.results.runs import Outcome
from evalkit.rollout.record import Ending, Turn
from evalkit.util import bounded_json
from evalkit.util.errors import UserError
from evalkit.util.suggestions import suggestion
from evalkit.util.text import counted, dollars, duration, plain

HIGHLIGHTED = 60_000
"""Characters of one program that are coloured; longer ones are shown without colours."""


def parser() -> VerbParser:
    """The arguments."""
    verb = VerbParser("show", "Show a launch, a sweep or a conversation.", f"show {DIR} 3")
    verb.add_argument("folder", type=directory, metavar="DIR", help="output directory of a launch or a sweep")
    verb.add_argument(
        "run", nargs="?", metavar="RUN|PROBLEM", help="a run whose conversation to show: its number, or its problem"
    )
    verb.add_argument("attempt", nargs="?", metavar="TRY", help="which try at the problem (default: the first)")
    verb.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="default: on a terminal")
    verb.add_argument("--no-pager", action="store_true", help="do not use a pager")
    return verb


def run(options: Namespace) -> int:
    """Show what was asked for. Raises `UserError` for a directory or a run that cannot be read."""
    results = load(options.folder)
    if options.run is None:
        document = sweep_document(results) if results.is_sweep else launch_overview(results.cells[0])
        content: RenderableType = terminal(document)
    else:
        content = conversation(*_pick(results, options.run, options.attempt))
    wanted = {"always": True, "never": False}.get(options.color)
    present(content, sys.stdout, colour=wanted, pager=not options.no_pager)
    return 0


def _pick(results: Results, name: str, attempt: str | None) -> tuple[CellRecord, RunRecord]:
    """A run by its number, or by its problem and its try. Raises `UserError` where there is none."""
    if results.is_sweep:
        raise UserError(f"{results.folder} is a sweep: name one of its cells, such as {results.cells[0].folder}")
    of_problem = {str(run.attempt): run for run in results.runs if run.problem == name}
    if of_problem:
        found = of_problem.get(attempt or next(iter(of_problem)))
        if found is None:
            raise UserError(f"{name} has no try {attempt} in {results.folder}: its tries are 1 to {len(of_problem)}")
        return results.cells[0], found
    found = next((run for run in results.runs if str(run.number) == name and attempt is None), None)
    if found is None:
        ids = list(dict.fromkeys(run.problem for run in results.runs if run.problem is not None))
        if ids:
            raise UserError(f"{results.folder} has no problem {name}{suggestion(name, ids)} ({', '.join(ids[:5])}, …)")
        raise UserError(f"{results.folder} has no run {name}: its runs are 1 to {len(results.runs)}")
    return results.cells[0], found


def conversation(cell: CellRecord, run: RunRecord) -> RenderableType:
    """One run: verdict, checks, and everything that was said."""
    rollout = run.rollout
    verdict = status(run)
    parts: list[RenderableType] = [Rule(Text(f"{run_name(run)}: {verdict}", style=STYLES[tone_of(verdict)]))]
    parts.append(Text(plain(run.message), style="bold"))
    parts += [Text(line) for line in _figures(cell, run)]
    if run.checks:
        parts += [Text(), _checks(run)]
    parts += _diagnosis(run)
    if rollout.system:
        parts += [_who("System prompt"), _indented(plain(rollout.system))]
    parts += [_who("Prompt"), _indented(plain(rollout.prompt))]
    spent = 0
    for step, turn in enumerate(rollout.turns, start=1):
        spent += turn.output_tokens
        last = step == len(rollout.turns)
        parts += _turn(cell, turn, step, spent, stopped=last and run.ending is Ending.TOKEN_LIMIT)
    parts.append(Rule(Text(f"{run.ending.value}{f': {plain(rollout.detail)}' if rollout.detail else ''}")))
    return Group(*parts)


def _figures(cell: CellRecord, run: RunRecord) -> Iterator[str]:
    of = f" of {cell.limits.max_tokens:,}" if cell.limits.max_tokens else ""
    parts = [f"{run.output_tokens:,}{of} output tokens", counted(run.steps, "step")]
    if run.tool_errors:
        parts.append(counted(run.tool_errors, "tool error"))
    if run.cost_usd:
        parts.append(dollars(run.cost_usd))
    if run.seconds is not None:
        parts.append(duration(run.seconds))
    yield ", ".join(parts)
    if cell.simulated:
        yield "simulated model: this measures no LLM"
    if run.leaked:
        yield "LEAKED: the grader's secrets were found in this conversation, so its grade is not evidence"


def _diagnosis(run: RunRecord) -> Iterator[RenderableType]:
    """A task's own finding about a failure, which it keeps in the measurement."""
    found = run.measurement.values.get("diagnosis") if run.measurement else None
    if found is not None and run.outcome is Outcome.FAILED:
        items = found.items() if isinstance(found, Mapping) else [("", found)]
        yield _who("Diagnosis")
        yield _indented(plain("\n".join(f"{name}: {value}" if name else str(value) for name, value in items)))


def _checks(run: RunRecord) -> Table:
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="bold")
    for name in ("check", "", "value", "bound"):
        table.add_column(name, overflow="fold")
    for check in run.checks:
        mark = Text("✓" if check.passed else "✗", style="green" if check.passed else "red")
        numbers = ("" if value is None else f"{value:g}" for value in (check.value, check.bound))
        table.add_row(Text(plain(check.name, one_line=True)), mark, *numbers, style="" if check.required else "dim")
    return table


def _turn(cell: CellRecord, turn: Turn, step: int, spent: int, *, stopped: bool) -> Iterator[RenderableType]:
    limit = cell.limits.max_tokens
    of = f" of {limit:,}" if limit else ""
    reason = plain(turn.stop_reason, one_line=True, limit=40)
    yield Text()
    yield Rule(Text(f"turn {step}: {turn.output_tokens:,} output tokens, {spent:,}{of}, {reason}"), align="left")
    for block in turn.content:
        yield from _said(block)
    if turn.cut_tokens is not None:
        written = turn.usage.get("output_tokens") or 0
        sentence = f"the budget ended in this response, after {turn.output_tokens:,} of its {written:,} tokens"
        yield Rule(Text(sentence, style="red"), style="red", characters="╌")
    elif stopped:
        yield Rule(Text("the budget ended here", style="red"), style="red", characters="╌")
    for block in turn.reply or ():
        yield from _answered(block)


def _said(block: Mapping[str, Any]) -> Iterator[RenderableType]:
    match block.get("type"):
        case "text":
            yield _indented(plain(block.get("text", "")))
        case "thinking":
            yield _indented(plain(block.get("thinking", "")), style="dim italic")
        case "tool_use":
            yield _who(f"calls {plain(block.get('name'), one_line=True)}")
            yield from _arguments(block.get("input"))
        case other:
            yield _indented(f"({plain(other, one_line=True)})", style="dim")


def _arguments(value: Any) -> Iterator[RenderableType]:
    if not isinstance(value, Mapping):
        yield _indented(plain(_json(value)))
        return
    for name, item in value.items():
        if len(value) > 1:
            yield _indented(plain(name, one_line=True) + ":", style="dim")
        yield _code(item) if isinstance(item, str) else _indented(plain(_json(item)))


def _code(source: str) -> RenderableType:
    text = plain(source)
    if ("\n" not in text and "(" not in text) or len(text) > HIGHLIGHTED:
        return _indented(text)
    return Padding(Syntax(text, "python", theme="ansi_dark", background_color="default", word_wrap=True), (0, 0, 0, 4))


def _answered(block: Mapping[str, Any]) -> Iterator[RenderableType]:
    if block.get("type") != "tool_result":
        yield _who("is told")
        yield from _said(block)
        return
    content = block.get("content")
    if isinstance(content, list):
        content = "\n".join(str(item.get("text", f"({item.get('type')})")) for item in content)
    failed = bool(block.get("is_error"))
    yield _who("tool answers with an error" if failed else "tool answers")
    for text, style in _results(str(content if content is not None else ""), failed):
        yield _indented(plain(text.rstrip("\n")), style=style)


def _results(content: str, failed: bool) -> Iterator[tuple[str, str]]:
    """What was printed and what went wrong, out of the JSON of `python_expression`; other answers as they are."""
    try:
        value = bounded_json.loads(content)
    except ValueError:
        value = None
    if not isinstance(value, dict) or set(value) != {"result", "error"}:
        yield content, "red" if failed else ""
        return
    if value["result"]:
        yield str(value["result"]), ""
    if value["error"]:
        yield str(value["error"]), "red"


def _who(title: str) -> Text:
    return Text(title, style="bold cyan")


def _indented(text: str, style: str = "") -> Padding:
    return Padding(Text(text, style=style, overflow="fold"), (0, 0, 0, 4))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) if value is not None else "null"
