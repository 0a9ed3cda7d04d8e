"""The audit as a document, for the terminal and to keep, and the same facts as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from evalkit.audit.findings import KINDS, Finding
from evalkit.audit.grader_runs import FULL
from evalkit.audit.picture import row_figure
from evalkit.audit.run import Audit
from evalkit.audit.tolerances import Row, need, window_words
from evalkit.audit.verdict import Count, GradedSolution
from evalkit.display.document import (
    Cell,
    Items,
    Note,
    Part,
    Picture,
    Section,
    Sentence,
    Table,
    Words,
    tone_of,
    with_content,
)
from evalkit.util.text import counted, percent, plain, short_names

CLEAN, DIRTY = "✓ CLEAN", "✗ NOT CLEAN"
MOST = 12
"""Findings of one kind that the terminal lists."""


def overview(audit: Audit) -> list[Section]:
    """What the terminal shows: the sentences, the tolerances, and the first findings of every kind."""
    end = Section("Conclusion", (Sentence(conclusion(audit), tone_of(conclusion(audit))),))
    return with_content([_head(audit), _tolerances(audit), _findings(audit, MOST), end])


def document(audit: Audit) -> list[Section]:
    """Everything, to keep and to paste. A new section is added here."""
    sections = [
        _head(audit, conclusion(audit)),
        _findings(audit),
        _tolerances(audit),
        Section("Verdicts", (_matrix(audit),)),
        _each_problem(audit),
        _without_effect(audit),
        _good_enough(audit),
        _left_out(audit),
        _rules(audit),
    ]
    return with_content(sections)


def _head(audit: Audit, *first: str) -> Section:
    said = [Sentence(words, tone_of(words)) for words in first]
    return Section(f"Audit of {audit.config} ({audit.title})", (*said, Items((*_scope(audit), *_rates(audit)))))


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
        why = f"with {audit.tried.smaller}" if audit.tried.whole else "on all problems"
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
    if verdict.good_enough:
        made = counted(len(verdict.good_enough), "mutant or generic answer", "mutants and generic answers")
        yield f"Good enough: {made} pass where a score is graded (the task's kind); listed, not counted"
    if audit.plan.kind == "rubric":
        measured = counted(audit.measured, "time")
        yield f"Cost: measure was called {measured}; only that can have cost money, because an audit asks no model"
    if audit.each:
        yield _each(audit)
    if audit.plan.left_out:
        yield f"NOT CHECKED: {audit.plan.left_out}"
    elif not audit.each and not any(
        one.solution.kind == "mutants" for one in (*verdict.wrong, *verdict.equivalent, *verdict.good_enough)
    ):
        yield "NOT CHECKED: mutants (the task has no `reference_source` to mutate)"


def _each(audit: Audit) -> str:
    made, rejected, same = (sum(getattr(one, name) for one in audit.each) for name in _FATES)
    weak = [one for one in audit.each if one.accepted]
    if not audit.plan.makes_mutants:
        failed = sum(any(finding.kind == "oracle-fails" for finding in one.findings) for one in audit.each)
        return f"Each problem: the references of {counted(len(audit.each), 'problem')} were graded, {failed:,} fail"
    good = sum(one.good_enough for one in audit.each)
    enough = f"{good:,} are good enough, " if good else ""
    return (
        f"Each problem: {counted(made, 'mutant')} of the references of {counted(len(audit.each), 'problem')}: "
        f"{rejected:,} rejected, {same:,} compute the same, {enough}{sum(len(one.accepted) for one in weak):,} of "
        f"{counted(len(weak), 'problem')} pass and compute something else"
    )


_FATES = ("mutants", "rejected", "equivalent")


def _each_problem(audit: Audit) -> Section:
    """A row for every problem of a set whose problems have a program each."""
    rows: list[tuple[Cell, ...]] = []
    enough = any(one.good_enough for one in audit.each)
    for one in audit.each:
        accepted = ", ".join(finding.subject.rpartition("/")[2] for finding in one.accepted)
        good = (str(one.good_enough),) if enough else ()
        made = (str(one.mutants), str(one.rejected), str(one.equivalent), *good)
        rows.append((Words(one.id, name=True), *made, accepted))
    header = ("problem", "mutants", "rejected", "the same", *(("good enough",) if enough else ()), "accepted")
    table = Table(header, tuple(rows))
    return Section("Each problem", (table,) if rows else ())


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


def _findings(audit: Audit, most: int | None = None) -> Section:
    """A table for every kind."""
    parts: list[Part] = []
    for kind, meaning in KINDS.items():
        found = [finding for finding in audit.findings if finding.kind == kind]
        if found:
            table = Table(("about", "what", "status"), tuple(_finding(audit, finding) for finding in found[:most]))
            parts += [f"{kind}: {meaning} ({len(found)})", table]
        if most and len(found) > most:
            parts.append(f"… and {len(found) - most} more in audit.md")
    return Section("Findings", tuple(parts) or ("None.",))


def _finding(audit: Audit, finding: Finding) -> tuple[Cell, ...]:
    known = "known" if finding.name in audit.known else "new"
    return Words(finding.subject, name=True), plain(finding.message, one_line=True, limit=220), known


def _tolerances(audit: Audit) -> Section:
    """From … to, the end excluded, every known solution is graded right; others may not be."""
    if not audit.tolerances or not audit.tolerances.rows:
        return Section("Tolerances", ("Nothing to check: the task has none.",))
    header = ("tolerance", "configured", "promised", "safe window", "least exact right", "nearest wrong", "pass always")
    names = short_names([row.knob for row in audit.tolerances.rows])
    table = Table(header, tuple(map(_tolerance, names, audit.tolerances.rows)))
    picture = Picture(tuple(map(row_figure, audit.tolerances.rows)), "tolerances", "tolerances.svg")
    warned = [Note("Warning", warning) for warning in audit.warnings]
    end = "its looser end" if any(row.falling for row in audit.tolerances.rows) else "its end"
    safe = f"In the safe window, {end} excluded, every known solution is graded right; others may not be."
    return Section("Tolerances", (safe, table, picture, *warned))


def _tolerance(name: str, row: Row) -> tuple[Cell, ...]:
    return (
        Words(name, name=True),
        f"{'✓' if row.safe else '✗'} {row.configured:g}",
        "–" if row.promised is None else f"{row.promised:g}",
        window_words(row),
        f"{row.floor.id}: {need(row.floor, row)}" if row.floor else "–",
        f"{row.ceiling.id}: {row.ceiling.critical:.3g}" if row.ceiling else "–",
        str(len(row.always)),
    )


def _matrix(audit: Audit) -> Table:
    """Solution × check: how often each check held."""
    graded = [*audit.verdict.right, *audit.verdict.wrong]
    checks = list(dict.fromkeys(name for one in graded for name in one.checks))
    rows: list[tuple[Cell, ...]] = []
    for one in graded:
        held = [_share(one.checks[name]) if name in one.checks else "" for name in checks]
        name = Words(one.solution.id, name=True) if one.fair else f"✗ {one.solution.id}"
        passed = f"{one.accepted}/{len(one.counted)}"
        rows.append((name, passed, ", ".join(one.categories), *held, _about(one)))
    return Table(("solution", "passed", "category", *checks, "about"), tuple(rows))


def _without_effect(audit: Audit) -> Section:
    rows = tuple((Words(graded.solution.id, name=True), _about(graded)) for graded in audit.verdict.equivalent)
    said = "Right under these settings, as far as values tell; not counted."
    return Section("Without effect here", (said, Table(("solution", "about"), rows)) if rows else ())


def _good_enough(audit: Audit) -> Section:
    rows = tuple((Words(graded.solution.id, name=True), _about(graded)) for graded in audit.verdict.good_enough)
    said = "Made mistakes that pass. The task grades a score, so whatever is good enough is right; not counted."
    return Section("Good enough", (said, Table(("solution", "about"), rows)) if rows else ())


def _left_out(audit: Audit) -> Section:
    rows = tuple((Words(id_, name=True), ", ".join(ids)) for id_, ids in audit.tried.same.items())
    said = "They give the same values as one that is counted."
    return Section("Left out", (said, Table(("counted", "left out"), rows)) if rows else ())


def _rules(audit: Audit) -> Section:
    rules = audit.promises.rules if audit.promises else {}
    rows = tuple((rule, ", ".join(by) or "nothing that is rejected") for rule, by in rules.items())
    return Section("Rules of the prompt", (Table(("rule", "broken by"), rows),) if rows else ())


def _about(graded: GradedSolution) -> str:
    return plain(graded.solution.about, one_line=True, limit=120)


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
        "good_enough": [one.solution.id for one in audit.verdict.good_enough],
        "kind": audit.plan.kind,
        "not_checked": audit.plan.left_out,
        "rules": {rule: list(by) for rule, by in audit.promises.rules.items()} if audit.promises else {},
    }
    if audit.each:
        rows = [{"id": one.id, **{name: getattr(one, name) for name in _FATES}} for one in audit.each]
        content = {
            **content,
            "each_problem": [{**r, "accepted": len(one.accepted)} for r, one in zip(rows, audit.each, strict=True)],
        }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _row_facts(row: Row) -> dict[str, Any]:
    window = row.window and [None if math.isinf(end) else end for end in row.window]
    return {
        "knob": row.knob,
        **({"direction": "at_least"} if row.falling else {}),
        "configured": row.configured,
        "promised": row.promised,
        "window": window,
        "safe": row.safe,
        "pass_always": list(row.always),
        "critical": {mark.id: mark.critical for mark in row.marks},
    }
