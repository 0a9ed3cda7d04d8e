"""Data of a launch's page as JSON: figures, the failure table, runs and settings; conversations apart."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

from evalkit.display.formatting import run_name
from evalkit.display.rates import bare_rate
from evalkit.report.launch import MOST_RUNS
from evalkit.results.reading import CellRecord, RunRecord
from evalkit.results.runs import check_facts
from evalkit.util.text import dollars, duration


def page_facts(cell: CellRecord) -> dict[str, Any]:
    """Everything that is shown at once."""
    summary = cell.summary
    return {
        "title": cell.title,
        "task": cell.task,
        "model": cell.model,
        "simulated": cell.simulated,
        "rate": summary.rate.value,
        "range": asdict(summary.rate.range) if summary.rate.range else None,
        "rate_words": bare_rate(summary.rate),
        "unknown": summary.rate.unknown,
        "interval": asdict(summary.rate.interval),
        "confidence": summary.confidence,
        "band": asdict(summary.band),
        "verdict": str(summary.verdict),
        "decision": summary.verdict.decision.value,
        "failures": [{"label": row.label, "count": row.count, "share": row.share} for row in summary.failures],
        "graded": summary.rate.runs,
        "limits": {
            "tokens": cell.limits.max_tokens,
            "turn_tokens": cell.limits.max_tokens_per_turn,
            "steps": cell.limits.max_steps,
        },
        "runs": [_run(run) for run in cell.runs[:MOST_RUNS]],
    }


def _run(run: RunRecord) -> dict[str, Any]:
    facts = {
        "run": run.number,
        "outcome": run.outcome.value,
        "ending": run.ending.value,
        "label": run.label,
        "diagnosis": run.diagnosis,
        "message": run.message,
        "tokens": run.output_tokens,
        "input": run.input_tokens,
        "steps": run.steps,
        "tool_errors": run.tool_errors,
        "cost": run.cost_usd,
        "cost_words": "–" if run.cost_usd is None else dollars(run.cost_usd),
        "leaked": run.leaked,
        "score": run.score,
        "checks": [check_facts(asdict(check)) for check in run.checks],
    }
    if run.problem is not None:
        facts |= {"name": run_name(run), "problem": run.problem}
    return facts if run.seconds is None else facts | {"seconds": run.seconds, "time": duration(run.seconds)}


def as_json(value: Any) -> str:
    """JSON that is safe inside a script element: no `<`, ASCII only, and no NaN, which browsers do not read."""
    try:
        text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    except ValueError:
        text = json.dumps(finite(value), separators=(",", ":"))
    return text.replace("<", "\\u003c")


def finite(value: Any) -> Any:
    """The same JSON with numbers that are not finite as words."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value
