"""`hydra/sweeper=find`: searches the values of a knob that needs new rollouts for a pass rate in the band."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override
from hydra.core.utils import JobReturn
from omegaconf import DictConfig

from evalkit.config.hydra_setup.words import check_cells
from evalkit.config.schema import Config
from evalkit.launch import entry
from evalkit.rollout.limits import cost_limit_reached
from evalkit.util.errors import UserError
from evalkit.util.text import counted, fitted, for_encoding, plain

if TYPE_CHECKING:
    from evalkit.launch.hydra.hydra_plugins.evalkit_sweep import CheckedSweeper
else:  # the module that Hydra scans: there must be one class of that name, not two
    from hydra_plugins.evalkit_sweep import CheckedSweeper

_NODE = {
    "_target_": f"{__name__}.FindSweeper",
    "max_batch_size": None,
    "params": None,
    "max_runs": 400,
    "batch": 8,
    "points": 25,
}
ConfigStore.instance().store(group="hydra/sweeper", name="find", node=_NODE, provider="evalkit")

EXAMPLE = "for example 'task.sequence_length=range(2,12)'"
SCRIPTS = ("oracle", "noop", "replay")
"""Models that do the same whatever is asked, or know the rollouts of one value only."""
COUNTED = ("runs.count", "runs.until", "runs.batches", "limits.max_cost_usd", "confirm")
"""Knobs that the search turns itself."""


class FindSweeper(CheckedSweeper):
    """Samples where the band is likely, a few runs at a time, until a value is in it for sure.

    Its own settings: `hydra.sweeper.max_runs` (runs of the whole search), `hydra.sweeper.batch` (runs between two
    decisions), `hydra.sweeper.points` (candidates of an `interval(a,b)`; `tag(log,interval(a,b))` spaces them evenly
    on a logarithmic scale).
    """

    def __init__(self, max_runs: int, batch: int, points: int, **basic: Any) -> None:
        super().__init__(**basic)
        if min(max_runs, batch) < 1 or points < 2:
            raise UserError("hydra.sweeper.max_runs and batch must be at least 1, and points at least 2")
        self.max_runs, self.batch, self.points = max_runs, batch, points

    def sweep(self, arguments: list[str]) -> Any:
        """Search, say the path, and end with a recommendation. Returns the jobs of every step."""
        # Hydra loads this module in every launch, and few search.
        from evalkit.landscape.finding import SearchedKnob, StepView, conclusion, step_line, write_finding
        from evalkit.landscape.search import Search
        from evalkit.stats.verdict import Band

        assert self.hydra_context is not None and self.config is not None and self.launcher is not None
        loader = self.hydra_context.config_loader
        parsed = OverridesParser.create(config_loader=loader).parse_overrides([*self._parse_config(), *arguments])
        check_cells(parsed)
        searched = [override for override in parsed if override.is_sweep_override()]
        knobs = [SearchedKnob(override.get_key_element(), self._candidates(override)) for override in searched]
        _refuse_what_needs_no_search(knobs)
        fixed = [f"{o.get_key_element()}={o.get_value_element_as_str()}" for o in parsed if not o.is_sweep_override()]
        config, folder = self._check(parsed, fixed, knobs)
        search = Search(
            tuple(len(knob.values) for knob in knobs),
            Band(config.band.low, config.band.high),
            config.band.confidence,
            self.batch,
            self.max_runs,
        )
        simulated = config.model.kind == "simulated"
        budget = _SearchBudget(config.limits.max_cost_usd)
        jobs: list[Sequence[JobReturn]] = []
        path: list[str] = []
        with entry.watched_by(StepView(_say)):
            while (step := search.next()) is not None and not budget.empty:
                place, count = step
                (job,) = self.launcher.launch([[*fixed, *_turned(knobs, place, count, budget)]], len(jobs))
                jobs.append([job])
                entry.note_status([job.return_value])
                before = search.spent
                search.tell(place, budget.results(_output(job)))
                path.append(step_line(search, knobs, place, len(jobs)))
                _say(path[-1])
                write_finding(folder, search, knobs, path, simulated=simulated)
                if search.spent == before:  # no run came back: asking again would not help
                    break
        if budget.empty:
            _say(cost_limit_reached(budget.spent_usd, budget.limit_usd))
        _say(conclusion(search, knobs, simulated=simulated))
        _say(f"Search: {folder / 'find.json'}")
        return jobs

    def _candidates(self, override: Override) -> tuple[float, ...]:
        """The values of a searched knob, in the order in which they were given."""
        sweep, key = override.value(), override.get_key_element()
        if isinstance(sweep, IntervalSweep):
            low, high = float(sweep.start or 0), float(sweep.end or 0)
            if not -math.inf < low < high < math.inf or ("log" in sweep.tags and low <= 0):
                raise UserError(
                    f"{key}: an interval needs finite ends, the first below the second, and above 0 with tag(log,…)"
                )
            share = [n / (self.points - 1) for n in range(self.points)]
            if "log" in sweep.tags:
                found = [low * (high / low) ** part for part in share]
            else:
                found = [low + (high - low) * part for part in share]
            whole = isinstance(sweep.start, int) and isinstance(sweep.end, int)
            return tuple(dict.fromkeys(round(value) if whole else float(f"{value:.6g}") for value in found))
        words = [str(word) for word in override.sweep_iterator()]
        try:
            return tuple(float(word) if not _is_whole(word) else int(word) for word in words)
        except ValueError:
            raise UserError(
                f"{key}: hydra/sweeper=find searches numbers, {EXAMPLE}; start one search for each of "
                f"{', '.join(words)}"
            ) from None

    def _check(self, parsed: list[Override], fixed: list[str], knobs: list[Any]) -> tuple[Config, Path]:
        """Check both ends and the middle of the range before anything is written; the middle's config."""
        assert self.hydra_context is not None and self.config is not None
        HydraConfig.instance().set_config(self.config)
        folder = Path(self.config.hydra.sweep.dir)
        names = [override.get_key_element() for override in parsed if not override.is_sweep_override()]
        self._tell_jobs(folder, list(dict.fromkeys([*names, *COUNTED])))
        loader = self.hydra_context.config_loader
        cells: list[DictConfig] = []
        for part in (0.5, 0.0, 1.0):
            values = [f"{knob.name}={knob.values[int(part * (len(knob.values) - 1))]}" for knob in knobs]
            cells.append(loader.load_sweep_config(self.config, [*fixed, *values]))
        config = entry.typed(cells[0])
        if config.model.kind in SCRIPTS:
            raise UserError(
                f"model={config.model.kind} is a script, not a language model, so no value could be recommended: "
                "search with another model (model=simulated is free)"
            )
        if config.reuse == "never":
            raise UserError("reuse=never would sample every step of a search anew: leave it out, or use another store")
        entry.check_sweep(self.config.hydra.sweep.dir, [entry.typed(cell) for cell in cells])
        return config, folder


class _SearchBudget:
    """Dollars that the search has spent: rollouts that the store had before cost nothing."""

    def __init__(self, limit_usd: float | None) -> None:
        self.limit_usd, self._began = limit_usd, time.time()
        self._paid: dict[tuple[str, int], float] = {}

    @property
    def spent_usd(self) -> float:
        return math.fsum(self._paid.values())

    @property
    def left(self) -> float | None:
        return None if self.limit_usd is None else self.limit_usd - self.spent_usd

    @property
    def empty(self) -> bool:
        return self.left is not None and self.left <= 0

    def results(self, folder: Path) -> list[bool | None]:
        """Verdicts of a step's runs in their order; None for an error. Counts what was bought.

        Raises `UserError` where runs are unknown: they are not errors, and nobody knows which way they count.
        """
        from evalkit.results.reading import load  # as above

        cell = load(folder).cells[0]
        timing = json.loads((folder / "timing.json").read_text(encoding="utf-8"))
        started = {entry["run"]: entry["started"] for entry in timing["runs"]}
        for run in cell.runs:
            if started.get(run.number, 0.0) >= self._began:
                self._paid[cell.rollout_set, run.number] = run.cost_usd or 0.0
        if cell.summary.rate.unknown:
            unknown, reason = counted(cell.summary.rate.unknown, "run"), cell.summary.unknown[0].reason
            raise UserError(
                f"{unknown} of {folder} are unknown under these limits ({reason}): search with reuse=exact, which "
                "samples under them"
            )
        return [run.passed for run in sorted(cell.runs, key=lambda run: run.number)]


def _turned(knobs: Sequence[Any], place: tuple[int, ...], count: int, budget: _SearchBudget) -> list[str]:
    """The overrides of one step."""
    values = [f"{knob.name}={knob.values[index]}" for knob, index in zip(knobs, place, strict=True)]
    left = [] if budget.left is None else [f"limits.max_cost_usd={budget.left:.6f}"]
    return [*values, f"runs.count={count}", "runs.until=count", "runs.batches=1", "confirm=false", *left]


def _output(job: JobReturn) -> Path:
    """The directory of a job; `working_dir` is the launch's, unless jobs change theirs."""
    assert job.hydra_cfg is not None
    return Path(job.hydra_cfg.hydra.runtime.output_dir)


def _refuse_what_needs_no_search(knobs: Sequence[Any]) -> None:
    if not knobs:
        raise UserError(f"hydra/sweeper=find needs a config key to search: give it a range, {EXAMPLE}")
    for knob in knobs:
        if knob.name.startswith(("limits.", "task.tolerances.")):
            raise UserError(
                f"{knob.name} needs no search: sweep it without hydra/sweeper=find, since one sample serves all values"
            )
        if len(knob.values) < 2:
            raise UserError(f"{knob.name} has a single value: give it a range, {EXAMPLE}")


def _is_whole(word: str) -> bool:
    return word.lstrip("+-").isdigit()


def _say(text: str) -> None:
    sys.stdout.write(for_encoding(fitted(plain(text), sys.stdout), sys.stdout.encoding) + "\n")
    sys.stdout.flush()
