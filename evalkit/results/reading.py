"""Reads output directories as typed objects: `evalkit.load(folder)` for notebooks, reports and comparisons."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from evalkit.config.saved import is_sweep
from evalkit.results.early_stopping import Stopping
from evalkit.results.failures import Failure
from evalkit.results.runs import MeasurementLine, Outcome, RunLine
from evalkit.results.set_summary import SetSummary
from evalkit.results.summary import Rate, Stability, Summary, Unknown
from evalkit.results.writing import FORMAT
from evalkit.rollout import artifacts
from evalkit.rollout.journal import read_rollout
from evalkit.rollout.limits import Limits
from evalkit.rollout.record import Rollout
from evalkit.sampling.provenance import Reused
from evalkit.stats.intervals import Interval
from evalkit.stats.verdict import Band, Decision, Verdict
from evalkit.task.grade import Measurement
from evalkit.util.errors import UserError
from evalkit.util.records import Record
from evalkit.util.text import counted
from evalkit.util.yaml_files import read_yaml

if TYPE_CHECKING:  # pandas is optional, and slow to load
    import pandas as pd

_AGAIN = "run the launch again, its rollouts are kept in the store and cost nothing"
T = TypeVar("T")
R = TypeVar("R", bound=Record)


class OtherFormatError(UserError):
    """The directory was written by another major version."""


class RunRecord(RunLine, frozen=True, kw_only=True, dict=True):
    """One run: its line in `runs.jsonl`, and what other files of the directory know of it.

    The conversation is read when it is first asked for.
    """

    label: str | None
    """The category as reports call it."""
    folder: Path
    """The launch's output directory."""
    measurement: Measurement | None = None
    """What the grader found out about the submission; None where nothing was submitted."""
    seconds: float | None = None
    """Wall clock without waiting for rate limits."""
    reused: bool = False
    """Whether another launch sampled its rollout, so that this one does not replicate it."""
    diagnosis: str = ""
    """The known mistake that it made (``matches `no_mask` to 5e-05``), as far as `diagnose` was asked and found one."""

    @property
    def passed(self) -> bool | None:
        """The verdict; None for an error, which is not a verdict on the model, and where the outcome is unknown."""
        return {Outcome.PASSED: True, Outcome.FAILED: False}.get(self.outcome)

    @property
    def path(self) -> Path:
        """The file that holds the conversation."""
        return self.folder / "rollouts" / f"{self.number:04d}.jsonl"

    def conversation(self) -> Rollout:
        """The conversation, not kept: for who goes through thousands of them. Raises like `rollout`."""
        return self.__dict__.get("rollout") or read(self.path, read_rollout)

    @cached_property
    def rollout(self) -> Rollout:
        """The conversation. Raises `UserError` if its file is missing or damaged."""
        return replace(read(self.path, read_rollout), blobs=self.folder / artifacts.FOLDER)


@dataclass(frozen=True)
class CellRecord:
    """The output directory of one launch, or of one cell of a sweep."""

    folder: Path
    manifest: Mapping[str, Any]
    config: Mapping[str, Any]
    """As Hydra composed it; interpolations are not resolved."""
    overrides: tuple[str, ...]
    """What was given on the command line, in Hydra's notation."""
    runs: tuple[RunRecord, ...]
    summary: Summary
    knobs: Mapping[str, str] = field(default_factory=dict)
    """The swept knobs with this cell's values; empty for a single launch."""
    lost: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """Attempts at model calls that failed, and what they took: `failed_attempts` and `waited_s` of `timing.json`."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the endpoint said before the launch, and why it stopped early, if it did."""
        return tuple(map(str, self.manifest["model"].get("notes", ())))

    @property
    def task(self) -> str:
        """The plugin's name."""
        return str(self.manifest["task"])

    @property
    def title(self) -> str:
        """The task's title."""
        return str(self.manifest["title"])

    @property
    def model(self) -> str:
        """The model's id."""
        return str(self.manifest["model"]["id"])

    @property
    def simulated(self) -> bool:
        """Whether the model was an embedded one: its figures measure no LLM."""
        return bool(self.manifest["model"]["simulated"])

    @property
    def limits(self) -> Limits:
        """The limits that the runs were graded under."""
        known = {entry.name for entry in fields(Limits)}
        return Limits(**{name: value for name, value in self.manifest["limits"].items() if name in known})

    @property
    def rollout_set(self) -> str:
        """`<key>/<set>` in the store that the rollouts came from."""
        return str(self.manifest["rollouts"]["set"])


@dataclass(frozen=True)
class Results:
    """Everything in one output directory: one cell for a launch, several for a sweep."""

    folder: Path
    cells: tuple[CellRecord, ...]
    is_sweep: bool = False
    unfinished: tuple[Path, ...] = ()
    """Cells of a sweep that have no results yet."""

    @property
    def runs(self) -> tuple[RunRecord, ...]:
        """The runs of all cells, cell by cell."""
        return tuple(run for cell in self.cells for run in cell.runs)

    @property
    def knobs(self) -> tuple[str, ...]:
        """Names of the swept knobs."""
        return tuple(self.cells[0].knobs)

    def frame(self) -> pd.DataFrame:
        """One row a run: the swept knobs, then the run's facts; a check's value is in `check.<name>`.

        `passed` is True, False or, for an error and an unknown run, None; `passed_low` counts an unknown run as failed,
        `passed_high` as passed, so their means are the ends of the range. Needs pandas
        (`pip install evalkit[notebooks]`). Raises `UserError` without pandas.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise UserError("frame() needs pandas: install it with `pip install 'evalkit[notebooks]'`") from error
        return pd.DataFrame([_row(cell, index, run) for index, cell in enumerate(self.cells) for run in cell.runs])


def load(folder: str | Path) -> Results:
    """The results in an output directory, of a launch or of a sweep.

    Raises `UserError` in one sentence for a directory that is missing, empty, unfinished, damaged, not evalkit's or
    written by a newer version. Of a sweep, cells without results are named in `unfinished`.
    """
    folder = Path(folder)
    if is_sweep(folder):
        return _load_sweep(folder)
    if not any((folder / name).exists() for name in ("manifest.json", "summary.json", ".hydra")):
        raise UserError(_why_foreign(folder))
    return Results(folder, (_load_cell(folder),))


def read(path: Path, reader: Callable[[Path], T]) -> T:
    """What `reader` makes of a file of an output directory; `UserError` if it is missing or damaged."""
    try:
        return reader(path)
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing: {_AGAIN}") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): check its permissions") from error
    except (ValueError, KeyError, TypeError, AttributeError, AssertionError) as error:
        raise UserError(f"{path} is damaged ({_one_line(error)}): {_AGAIN}") from error


def _one_line(error: Exception) -> str:
    words = f"no {error}" if isinstance(error, KeyError) else str(error)
    return " ".join(words.split())[:120]


def _why_foreign(folder: Path) -> str:
    if not folder.exists():
        return f"{folder} does not exist: give the output directory that the launch printed last"
    if not folder.is_dir():
        return f"{folder} is a file: give the output directory of a launch"
    if not any(folder.iterdir()):
        return f"{folder} is empty: give the output directory that the launch printed last"
    inside = sorted(path.parent.parent for path in folder.glob("*/.hydra/config.yaml"))
    inside = inside or sorted(path.parent for path in folder.glob("*/*/.hydra"))
    if inside:
        return f"{folder} contains {counted(len(inside), 'launch', 'launches')}: name one of them, such as {inside[-1]}"
    if (folder / "set.json").exists():
        return f"{folder} is a set of rollouts in the store: give the output directory of a launch"
    return f"{folder} is not an evalkit output directory: it has no manifest.json"


def _load_sweep(folder: Path) -> Results:
    found = sorted((path.parent for path in folder.rglob(".hydra")), key=lambda cell: _natural(cell, folder))
    ready = [cell for cell in found if _is_finished(cell)]
    if not ready:
        raise UserError(f"{folder} is a sweep without a finished cell: {_finish(folder)}")
    overrides = {cell: _overrides(cell) for cell in found}
    swept = _swept(list(overrides.values()))
    cells = tuple(
        _load_cell(cell, {name: value for name, value in map(_split, overrides[cell]) if name in swept})
        for cell in ready
    )
    return Results(folder, cells, is_sweep=True, unfinished=tuple(cell for cell in found if not _is_finished(cell)))


def _is_finished(cell: Path) -> bool:
    return (cell / "summary.json").is_file()


def _finish(folder: Path) -> str:
    return f"finish it with `python -m evalkit resume {folder}`"


def _natural(path: Path, root: Path) -> list[tuple[int, str]]:
    """Sorts `2,…` before `10,…`: cells are named after their number."""
    parts = re.split(r"(\d+)", path.relative_to(root).as_posix())
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts if part]


def _split(override: str) -> tuple[str, str]:
    name, _, value = override.partition("=")
    return name.lstrip("+"), value


def _swept(cells: Sequence[Sequence[str]]) -> list[str]:
    """Names of the overrides that differ between cells, in their order."""
    values: dict[str, set[str]] = {}
    for overrides in cells:
        for name, value in map(_split, overrides):
            values.setdefault(name, set()).add(value)
    return [name for name, different in values.items() if len(different) > 1]


def _load_cell(folder: Path, knobs: Mapping[str, str] | None = None) -> CellRecord:
    if not _is_finished(folder):
        raise UserError(f"{folder} is an unfinished launch (it has no summary.json): {_finish(folder)}")
    manifest = read(folder / "manifest.json", _manifest)
    timing, seconds = read(folder / "timing.json", _timing) if (folder / "timing.json").is_file() else ({}, {})
    summary = read(folder / "summary.json", lambda path: summary_from(_json(path), seconds, manifest))
    measured = folder / "measurements.jsonl"
    measurements = read(measured, _measurements) if measured.is_file() else {}
    diagnoses = read(folder / "diagnosis.json", _diagnoses) if (folder / "diagnosis.json").is_file() else {}
    runs = read(folder / "runs.jsonl", lambda path: tuple(_runs(path, summary, measurements, seconds, diagnoses)))
    if len(runs) != summary.total:
        raise UserError(f"{folder / 'runs.jsonl'} is damaged (it has {len(runs)} of {summary.total} runs): {_AGAIN}")
    hydra = (folder / ".hydra").is_dir()  # a launch made from Python has none
    config = read(folder / ".hydra" / "config.yaml", read_yaml) if hydra else {}
    lost: dict[str, Any] = {name: timing[name] for name in ("failed_attempts", "waited_s") if name in timing}
    return CellRecord(folder, manifest, config or {}, _overrides(folder), runs, summary, knobs or {}, lost)


def _overrides(folder: Path) -> tuple[str, ...]:
    path = folder / ".hydra" / "overrides.yaml"
    return tuple(map(str, read(path, read_yaml) or ())) if path.parent.is_dir() else ()


def _json(path: Path, hook: Callable[[dict[str, Any]], Any] | None = None) -> Any:
    value = json.loads(path.read_text(encoding="utf-8", errors="surrogatepass"), object_hook=hook)
    if not isinstance(value, dict):
        raise ValueError("it is not an object")
    return value


def _timing(path: Path) -> tuple[dict[str, Any], dict[int, float]]:
    timing: dict[str, Any] = _json(path, _seconds_alone)
    return timing, dict(timing.get("runs") or ())


def _seconds_alone(entry: dict[str, Any]) -> Any:
    """Of a run's times what is read of them: tens of thousands of runs have many more."""
    return (entry["run"], entry["seconds"]) if "run" in entry and "seconds" in entry else entry


def _manifest(path: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = _json(path)
    written = str(manifest["format"])
    if written.split(".")[0] != FORMAT.split(".")[0]:
        raise OtherFormatError(
            f"{path} has format version {written}, this evalkit reads {FORMAT}: "
            "use the version of evalkit that wrote it, or a newer one"
        )
    for key in ("task", "title", "model", "limits", "rollouts", "digests", "versions"):
        manifest[key]  # a KeyError says which one is missing
    return manifest


def _lines(path: Path, kind: type[R]) -> Iterator[R]:
    with path.open(encoding="utf-8", errors="surrogatepass", newline="\n") as lines:
        yield from _parsed(lines, kind)


def _parsed(lines: Iterable[str], kind: type[R]) -> Iterator[R]:
    for number, line in enumerate(lines, start=1):
        if line == "\n":
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"line {number} is not JSON") from error
        if not isinstance(value, dict):
            raise ValueError(f"line {number} is not an object")
        try:
            yield kind.of_dict(value)
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from error


def _measurements(path: Path) -> dict[int, Measurement]:
    return {line.run: Measurement(line.values, line.fault) for line in _lines(path, MeasurementLine)}


def _diagnoses(path: Path) -> dict[int, str]:
    return {int(run): str(match["words"]) for run, match in _json(path)["runs"].items()}


def _runs(
    path: Path,
    summary: Summary,
    measurements: Mapping[int, Measurement],
    seconds: Mapping[int, float],
    diagnoses: Mapping[int, str],
) -> Iterator[RunRecord]:
    labels = {number: row.label for row in summary.failures for number in row.runs}
    reused = set(summary.reused.runs)
    for line in _lines(path, RunLine):
        yield RunRecord(
            **{name: getattr(line, name) for name in RunLine.__struct_fields__},
            label=labels.get(line.number),
            folder=path.parent,
            measurement=measurements.get(line.number),
            seconds=seconds.get(line.number),
            reused=line.number in reused,
            diagnosis=diagnoses.get(line.number, ""),
        )


def summary_from(
    facts: Mapping[str, Any], seconds: Mapping[int, float] | None = None, manifest: Mapping[str, Any] | None = None
) -> Summary:
    """A summary from its JSON, the inverse of `Summary.to_dict`. `seconds`: wall clock by run number.

    `manifest`: knows when rollouts were sampled that other launches had.
    """
    stability, verdict = facts["stability"], facts["verdict"]
    return Summary(
        total=facts["runs"],
        passed=facts["passed"],
        failed=facts["failed"],
        errors=facts["errors"],
        confidence=facts["confidence"],
        band=Band(facts["band"]["low"], facts["band"]["high"]),
        rate=_rate(facts["pass_rate"]),
        rate_with_errors=_rate(facts["pass_rate_errors_as_failures"]),
        verdict=Verdict(Decision(verdict["decision"]), verdict["more_runs"]),
        failures=tuple(Failure(row["label"], tuple(row["runs"]), row["share"]) for row in facts["failures"]),
        error_runs=tuple(facts["error_runs"]),
        endings=dict(facts["endings"]),
        mean_tokens=facts["mean_output_tokens"],
        mean_steps=facts["mean_steps"],
        mean_score=facts["mean_score"],
        total_tokens=facts["total_output_tokens"],
        cost_usd=facts["cost_usd"],
        tool_errors=facts["tool_errors"],
        leaked=tuple(facts["leaked_runs"]),
        problems=facts["problems"],
        pass_at_k={int(k): value for k, value in facts["pass_at_k"].items()},
        pass_hat_k={int(k): value for k, value in facts["pass_hat_k"].items()},
        stability=Stability(**{**stability, "rates": tuple(stability["rates"])}) if stability else None,
        warnings=tuple(facts["warnings"]),
        unknown=tuple(Unknown(each["reason"], tuple(each["runs"])) for each in facts.get("unknown", ())),
        stopping=Stopping.of(facts["stopping"]) if facts.get("stopping") else None,
        reused=Reused.read(facts, manifest or {}),
        seconds=tuple((seconds or {}).values()),
        set=SetSummary.of(facts["set"]) if facts.get("set") else None,
    )


def _rate(facts: Mapping[str, Any]) -> Rate:
    interval = Interval(facts["interval"]["low"], facts["interval"]["high"])
    unknown = facts.get("unknown", 0)
    pooled = facts["passed"] / facts["runs"] if facts["runs"] and not unknown else None
    mean = facts["rate"] if facts["rate"] != pooled else None
    return Rate(facts["passed"], facts["runs"], interval, unknown, mean)


def _row(cell: CellRecord, index: int, run: RunRecord) -> dict[str, Any]:
    row: dict[str, Any] = {"cell": index, **cell.knobs, "run": run.number}
    row |= {"problem": run.problem, "try": run.attempt} if run.problem is not None else {}
    row["passed"] = run.passed
    for name, unknown in (("passed_low", False), ("passed_high", True)):
        row[name] = unknown if run.outcome is Outcome.UNKNOWN else run.passed
    for name in RunLine.__struct_fields__:
        if name not in ("number", "problem", "attempt", "checks", "traceback"):
            value = getattr(run, name)
            row[name] = value.value if isinstance(value, Enum) else value
        if name == "category":
            row["label"] = run.label
    row |= {"seconds": run.seconds, "reused": run.reused}
    return row | {f"check.{check.name}": check.value for check in run.checks}
