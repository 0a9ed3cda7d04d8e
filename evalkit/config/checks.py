"""Ranges of all config values. A value out of range is reported in one sentence with the fix."""

from __future__ import annotations

from typing import Any

from evalkit.config.model_settings import check_settings
from evalkit.config.schema import SANDBOX_LEVELS, Config, SandboxConfig
from evalkit.util.dotted import leaves
from evalkit.util.errors import UserError
from evalkit.util.redaction import holds_secret, learn, names_secret


def check_config(config: Config) -> None:
    """Raise `UserError` for the first value out of its range. Types were checked when it was composed."""
    for key, value, fine, want in _rules(config):
        if value is not None and not fine(value):
            raise UserError(f"{key}={value} is out of range: {want}")
    check_settings(config.model)
    _check_options(config.sandbox)
    band = config.band
    if band.low >= band.high:
        raise UserError(
            f"band.low={band.low} is not below band.high={band.high}: set for example band.low=0.1 band.high=0.4"
        )


def check_selection(config: Config, problems: int | None) -> None:
    """Raise `UserError` where `runs.until=selected` cannot choose; `problems`: of the set, None without one."""
    if config.runs.until != "selected":
        return
    if problems is None:
        raise UserError("runs.until=selected chooses among several problems: set problems.file or problems.count")
    if config.select.rule != "signal":
        return
    if config.select.count is None:
        raise UserError("select.rule=signal needs to know how many problems to choose: set select.count")
    if config.select.count > problems:
        raise UserError(f"select.count={config.select.count} is more than there are: use at most {problems}")


def _check_options(config: SandboxConfig) -> None:
    if config.provider == "local" and config.options:
        raise UserError("sandbox.options is for other providers than sandbox.provider=local: take it out")
    for path, value in leaves(config.options, "sandbox.options", items=True):
        if any(map(names_secret, path.split(".")[2:])) or (isinstance(value, str) and holds_secret(value)):
            learn(str(value))
            raise UserError(f"{path} would write a secret to disk: give it to the provider in the environment instead")


def _rules(config: Config) -> list[tuple[str, Any, Any, str]]:
    limits, runs, band, box, model = config.limits, config.runs, config.band, config.sandbox, config.model
    return [
        ("limits.max_tokens", limits.max_tokens, *_whole(1, 10**12, ", or null for no limit")),
        ("limits.max_tokens_per_turn", limits.max_tokens_per_turn, *_whole(1, 10**12, ", or null for no limit")),
        ("limits.max_steps", limits.max_steps, *_whole(1, 10**9, ", or null for no limit")),
        ("limits.timeout_s", limits.timeout_s, *_above(YEARS_S, ", or null for no limit")),
        ("limits.tool_timeout_s", limits.tool_timeout_s, *_above(YEARS_S)),
        ("limits.max_cost_usd", limits.max_cost_usd, *_above(1e12, ", or null for no limit")),
        ("reuse", config.reuse, *_one_of("never", "exact", "dominating")),
        ("store", config.store, str.strip, "name a folder, such as store=outputs/rollouts"),
        ("problems.count", config.problems.count, *_whole(1, 200_000, ", or null")),
        ("problems.sample", config.problems.sample, *_whole(1, 200_000, ", or null for all")),
        ("problems.file", config.problems.file, str.strip, "name a .jsonl, .csv or .parquet file"),
        ("problems.ids", config.problems.ids, _named, "name ids or a pattern, such as problems.ids='easy-*'"),
        ("runs.count", runs.count, *_whole(1, 10**7)),
        ("runs.concurrency", runs.concurrency, *_whole(1, 10**5)),
        ("runs.seed", runs.seed, *_whole(0, 2**63 - 1)),
        ("runs.batches", runs.batches, lambda n: 1 <= n <= runs.count, "use 1 up to runs.count"),
        ("runs.until", runs.until, *_one_of("count", "decided", "selected")),
        ("runs.max", runs.max, *_whole(1, 10**7)),
        ("runs.max_errors", runs.max_errors, *_whole(1, 10**7, ", or null to go on")),
        ("runs.grading_timeout_s", runs.grading_timeout_s, *_above(YEARS_S, ", or null for no limit")),
        ("band.low", band.low, lambda x: 0 <= x <= 1, "use a share between 0 and 1, such as 0.25"),
        ("band.high", band.high, lambda x: 0 <= x <= 1, "use a share between 0 and 1, such as 0.25"),
        ("band.confidence", band.confidence, *_CONFIDENCE),
        ("band.about", band.about, *_one_of("these", "like_these")),
        ("band.group", band.group, *_whole(2, 10**6)),
        ("select.rule", config.select.rule, *_one_of("expected", "anytime", "signal")),
        ("select.level", config.select.level, lambda x: 0 < x < 1, "use a share between 0 and 1, such as 0.1"),
        ("select.count", config.select.count, *_whole(1, 200_000, ", or null")),
        ("select.step", config.select.step, *_whole(1, 1000)),
        ("sweep.aim", config.sweep.aim, *_one_of("rate", "signal")),
        ("report.format", config.report.format, *_one_of("full", "published")),
        ("durability", config.durability, *_one_of("full", "os")),
        ("agent.nudges", config.agent.nudges, *_whole(0, 10**6)),
        ("model.max_retries", model.max_retries, *_whole(0, 10**6)),
        ("model.timeout_s", model.timeout_s, *_above(YEARS_S)),
        ("model.patience_s", model.patience_s, lambda x: 0 <= x <= YEARS_S, f"use seconds from 0 up to {YEARS_S:,.0f}"),
        ("model.max_output_tokens", model.max_output_tokens, *_whole(1, 10**9)),
        ("model.stream", model.stream, *_one_of("auto", "always", "never")),
        ("sandbox.level", box.level, *_one_of(*SANDBOX_LEVELS)),
        ("sandbox.memory_mb", box.memory_mb, *_whole(16, 1 << 20)),  # with less, Python itself does not get far
        ("sandbox.cpu_s", box.cpu_s, *_whole(1, 1 << 20)),
        ("sandbox.disk_mb", box.disk_mb, *_whole(1, 1 << 20)),
        ("sandbox.processes", box.processes, *_whole(1, 1 << 15)),
        ("sandbox.output_kb", box.output_kb, *_whole(1, 1 << 15)),
        ("sandbox.pool", box.pool, *_whole(0, 64)),
    ]


YEARS_S = 1e9
"""Thirty years: timers of the operating system overflow somewhere beyond."""
_CONFIDENCE = (lambda x: 0.01 <= x <= 0.999999, "use a share between 0.01 and 0.999999, such as 0.95")
"""Nearer to 1 the quantiles of every distribution lose their digits, and then they are infinite."""


def _named(ids: Any) -> bool:
    """Whether it is an id or a list of them."""
    names = ids if isinstance(ids, list | tuple) else [ids]
    return bool(names) and all(isinstance(name, str | int) and not isinstance(name, bool) for name in names)


def _whole(low: int, high: int, more: str = "") -> tuple[Any, str]:
    """A whole number, both ends included, and what to say of another."""
    return (lambda n: low <= n <= high), f"use a whole number from {low:,} up to {high:,}{more}"


def _above(most: float, more: str = "") -> tuple[Any, str]:
    return (lambda x: 0 < x <= most), f"use a number above 0, up to {most:,.0f}{more}"


def _one_of(*names: str) -> tuple[Any, str]:
    return (lambda name: name in names), f"use {', '.join(names[:-1])} or {names[-1]}"
