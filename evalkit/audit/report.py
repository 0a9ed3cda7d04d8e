"""The audit in words: a text for the terminal, markdown to keep, and the same facts as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from evalkit.audit.findings import KINDS, Finding
from evalkit.audit.grader_runs import FULL
from evalkit.audit.run import Audit
from evalkit.audit.tolerances import Row, need, window_words
from evalkit.audit.verdict import Count, GradedSolution
from evalkit.util.text import counted, percent, plain

CLEAN, DIRTY = "✓ CLEAN", "✗ NOT CLEAN"
MOST = 12
"""Findings of one kind that the terminal lists."""


def text(audit: Audit) -> str:
    """What the terminal shows."""
    lines = ["=" * 80, f"AUDIT - {audit.config} ({audit.title})", "=" * 80, *_scope(audit), ""]
    lines += _rates(audit)
    lines += ["", *_tolerances(audit)]
    lines += ["", *_findings(audit, MOST)]
    return plain("\n".join([*lines, "", conclusion(audit), "=" * 80])) + "\n"


def conclusion(audit: Audit) -> str:
    """The last line."""
    if not audit.findings:
        return f"{CLEAN}: no findings{_missed(audit)}"
    new = audit.new
    known = "" if not audit.known else f", {len(new)} of them new" if new else ", all of them known"
    return f"{DIRTY}: {counted(len(audit.findings), 'finding')}{known}{_missed(audit)}"


def _missed(audit: Audit) -> str:
    """Known findings that were not found: gone where they were looked for, and only there."""
    said = ""
    if audit.gone:
        said += f"; {len(audit.gone)} known and gone: {', '.join(sorted(audit.gone))}"
    if audit.untried and audit.tried.everything:
        said += f"; {len(audit.untried)} known that name nothing here: {', '.join(sorted(audit.untried))}"
    elif audit.untried:
        why = "with --quick" if audit.tried.whole else "on all problems"
        said += f"; {len(audit.untried)} known and not tried {why}"
    return said


def _scope(audit: Audit) -> Iterator[str]:
    verdict = audit.verdict
    kinds: dict[str, int] = {}
    for graded in (*verdict.right, *verdict.wrong):
        kinds[graded.solution.kind] = kinds.get(graded.solution.kind, 0) + 1
    listed = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    yield f"Solutions: {listed}; {len(verdict.equivalent)} more make no difference here"
    yield f"Problems: {_problems(audit)}; isolation {audit.isolation}"
    left_out = sum(map(len, audit.tried.same.values()))
    if left_out:
        yield f"Left out: {left_out} mutants and generic answers that give the same values as one that is counted"
    partly = sum(graded.result.partly for graded in (*verdict.right, *verdict.wrong))
    if partly:
        yield f"{counted(partly, 'solution')} failed before a value was compared and met {FULL} problems at most"
    if not kinds.get("mutants"):
        yield "NOT CHECKED: mutants (left out by --quick, or the task has no `reference_source` to mutate)"


def _problems(audit: Audit) -> str:
    runs = f"those of {counted(audit.seeds, 'run')}"
    if audit.problems == audit.seeds:
        return f"{runs}, all different" if audit.seeds > 1 else runs
    return f"{runs}, {audit.problems:,} different" if audit.problems > 1 else f"{runs}, all the same"


def _rates(audit: Audit) -> Iterator[str]:
    yield f"False accepts: {_of(audit.verdict.false_accepts, 'wrong solution')}"
    yield f"False rejects: {_of(audit.verdict.false_rejects, 'right solution')}"
    if audit.stability:
        repeated = counted(len(audit.stability.repeated), "solution")
        yield f"Repeated: {repeated} graded 20 times, {len(audit.stability.reordered)} once more in reverse order"
    if audit.promises:
        exercised = sum(bool(by) for by in audit.promises.rules.values())
        yield (
            f"Prompt: {counted(audit.promises.stated, 'promise')} looked for, {exercised} of "
            f"{counted(len(audit.promises.rules), 'rule')} broken by a rejected solution, "
            f"{counted(len(audit.promises.knobs), 'knob')} turned"
        )
    if audit.leaks:
        yield f"Leaks: {counted(audit.leaks.hidden, 'hidden value')} looked for in {len(audit.leaks.places)} places"


def _of(count: Count, what: str) -> str:
    """`0 of 95 wrong solutions`."""
    return f"{count.wrong} of {counted(count.of, what)}" if count.of else f"nothing to check: no {what}s"


def _tolerances(audit: Audit) -> Iterator[str]:
    if not audit.tolerances or not audit.tolerances.rows:
        yield "Tolerances: nothing to check, the task has none"
        return
    yield "Tolerances (from … to, the end excluded, every known solution is graded right; others may not be):"
    for row in audit.tolerances.rows:
        floor = f"{row.floor.id} needs {need(row.floor)}" if row.floor else "no right solution needs any"
        ceiling = (
            f"{row.ceiling.id} passes from {row.ceiling.critical:.3g}" if row.ceiling else "it alone stops nothing"
        )
        yield f"  {'✓' if row.safe else '✗'} {row.knob}={row.configured:g}: {window_words(row)}  ({floor}; {ceiling})"
        if row.always:
            yield f"      {counted(len(row.always), 'wrong solution')} that no value of it could stop: see the findings"
    for warning in audit.warnings:
        yield f"  Warning: {warning}"


def _findings(audit: Audit, most: int) -> Iterator[str]:
    for kind, meaning in KINDS.items():
        found = [finding for finding in audit.findings if finding.kind == kind]
        if not found:
            continue
        yield f"{kind}: {meaning} ({len(found)})"
        for finding in found[:most]:
            yield f"  {_flag(audit, finding)}{finding.subject}: {plain(finding.message, one_line=True, limit=220)}"
        if len(found) > most:
            yield f"  … and {len(found) - most} more in audit.md"


def _flag(audit: Audit, finding: Finding) -> str:
    return "" if not audit.known else "(known) " if finding.name in audit.known else "NEW "


def markdown(audit: Audit) -> str:
    """Everything, to keep and to paste."""
    parts = [f"# Audit of `{audit.config}`", "", audit.title, "", f"**{conclusion(audit)}**", ""]
    parts += [f"- {line}" for line in (*_scope(audit), *_rates(audit))]
    parts += ["", "## Findings", "", *(_finding_table(audit) or ["None."])]
    parts += ["", "## Tolerances", "", *_tolerance_table(audit)]
    parts += ["", "## Verdicts", "", *_matrix(audit)]
    if audit.verdict.equivalent:
        parts += [
            "",
            "## Without effect here",
            "",
            "Right under these settings, as far as values tell; not counted.",
            "",
        ]
        parts += [f"- `{graded.solution.id}` {_about(graded)}" for graded in audit.verdict.equivalent]
    if audit.tried.same:
        parts += ["", "## Left out", "", "They give the same values as one that is counted.", ""]
        parts += [f"- as `{id_}`: {_ids([*ids])}" for id_, ids in audit.tried.same.items()]
    if audit.promises:
        parts += ["", "## Rules of the prompt", "", "| rule | broken by |", "|---|---|"]
        parts += [f"| {rule} | {_ids(by)} |" for rule, by in audit.promises.rules.items()]
    return plain("\n".join(parts)) + "\n"


def _ids(ids: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in ids) or "nothing that is rejected"


def _cell(text: object, limit: int = 200) -> str:
    return plain(text, one_line=True, limit=limit).replace("|", "\\|")


def _finding_table(audit: Audit) -> list[str]:
    if not audit.findings:
        return []
    rows = [
        f"| {f.kind} | `{f.subject}` | {_cell(f.message)} | {'known' if f.name in audit.known else 'new'} |"
        for f in audit.findings
    ]
    return ["| finding | about | what | |", "|---|---|---|---|", *rows]


def _tolerance_table(audit: Audit) -> list[str]:
    if not audit.tolerances or not audit.tolerances.rows:
        return ["The task has none."]
    lines = ["| tolerance | configured | promised | safe window | least exact right | nearest wrong | pass always |"]
    lines.append("|---|---|---|---|---|---|---|")
    lines += [_tolerance_row(row) for row in audit.tolerances.rows]
    lines += ["", "![tolerances](tolerances.svg)", ""]
    return lines + [f"- {warning}" for warning in audit.warnings]


def _tolerance_row(row: Row) -> str:
    floor = f"`{row.floor.id}` {need(row.floor)}" if row.floor else "–"
    ceiling = f"`{row.ceiling.id}` {row.ceiling.critical:.3g}" if row.ceiling else "–"
    promised = "–" if row.promised is None else f"{row.promised:g}"
    window = window_words(row)
    return f"| `{row.knob}` | {row.configured:g} | {promised} | {window} | {floor} | {ceiling} | {len(row.always)} |"


def _matrix(audit: Audit) -> list[str]:
    """Solution × check: how often each check held."""
    graded = [*audit.verdict.right, *audit.verdict.wrong]
    checks = list(dict.fromkeys(name for one in graded for name in one.checks))
    lines = [f"| solution | passed | category | {' | '.join(checks)} | |", "|" + "---|" * (len(checks) + 4)]
    for one in graded:
        held = [_share(one.checks[name]) if name in one.checks else "" for name in checks]
        fair = "" if one.fair else "✗ "
        categories = ", ".join(one.categories)
        passed = f"{one.accepted}/{len(one.counted)}"
        lines.append(f"| {fair}`{one.solution.id}` | {passed} | {categories} | {' | '.join(held)} | {_about(one)} |")
    return lines


def _about(graded: GradedSolution) -> str:
    return _cell(graded.solution.about, 120)


def _share(held: float) -> str:
    return "✓" if held == 1 else "✗" if held == 0 else percent(held, 0)


def facts(audit: Audit) -> str:
    """As JSON."""
    content: Mapping[str, Any] = {
        "config": audit.config,
        "title": audit.title,
        "clean": not audit.findings,
        "seeds": audit.seeds,
        "problems": audit.problems,
        "findings": [
            {"kind": f.kind, "subject": f.subject, "message": f.message, "known": f.name in audit.known}
            for f in audit.findings
        ],
        "known_and_gone": sorted(audit.gone),
        "known_and_not_tried": sorted(audit.untried),
        "false_accepts": asdict(audit.verdict.false_accepts),
        "false_rejects": asdict(audit.verdict.false_rejects),
        "left_out": {id_: list(ids) for id_, ids in audit.tried.same.items()},
        "tolerances": [_row_facts(row) for row in audit.tolerances.rows] if audit.tolerances else [],
        "warnings": list(audit.warnings),
        "solutions": [
            {
                "id": one.solution.id,
                "right": one.solution.right,
                "passed": one.accepted,
                "problems": len(one.counted),
                "categories": dict(one.categories),
                "checks": one.checks,
            }
            for one in (*audit.verdict.right, *audit.verdict.wrong)
        ],
        "equivalent": [one.solution.id for one in audit.verdict.equivalent],
        "rules": {rule: list(by) for rule, by in audit.promises.rules.items()} if audit.promises else {},
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _row_facts(row: Row) -> dict[str, Any]:
    window = row.window and [None if math.isinf(end) else end for end in row.window]
    return {
        "knob": row.knob,
        "configured": row.configured,
        "promised": row.promised,
        "window": window,
        "safe": row.safe,
        "pass_always": list(row.always),
        "critical": {mark.id: mark.critical for mark in row.marks},
    }
