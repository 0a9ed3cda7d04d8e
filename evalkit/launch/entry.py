"""Entry point of a launch: composes with Hydra, refuses bad input, hands checked cells to the engine.

    argv ─→ Hydra composes ─→ check (nothing written yet) ─→ Hydra makes directories ─→ cells ─→ engine

A single launch is checked by `evalkit.launch.hydra.preflight_callback`,
a sweep by the sweeper in `evalkit/launch/hydra/hydra_plugins`;
with another launcher (joblib, submitit, ray) every job is a launch of one cell in a process of its own.
"""

from __future__ import annotations

import errno
import os
import sys
import traceback
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, redirect_stderr, suppress
from dataclasses import dataclass, field
from functools import partial
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
import yaml
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from evalkit.config import hydra_setup
from evalkit.config.checks import check_config, check_selection
from evalkit.config.default_model import default_model
from evalkit.config.hydra_setup.explain import explain, knobs
from evalkit.config.hydra_setup.words import spelled
from evalkit.config.schema import Config
from evalkit.config.search_path import bundled, reject_duplicates
from evalkit.config.typed import to_config
from evalkit.launch.flags import split
from evalkit.util import addresses
from evalkit.util.errors import UserError
from evalkit.util.redaction import learn_from, printed_safely, redacted, typed_secrets
from evalkit.util.text import fitted

if TYPE_CHECKING:  # what shows a config or refuses bad input needs no engine
    from evalkit.display.view import View
    from evalkit.engine.cells import Cell
    from evalkit.launch.preflight import Prepared
    from evalkit.rollout.limits import Limits


@dataclass
class _Launch:
    """What Hydra's entry point cannot pass on: it takes nothing but `sys.argv` and returns nothing."""

    notes: list[str] = field(default_factory=list)
    """What to say first: which model plays and why, where nobody chose one; cells that are left out."""
    checked: bool = False
    """Whether everything was composed and checked: what Hydra raises before that is the input's fault."""
    statuses: list[int] = field(default_factory=list)
    """Exit statuses of what ran."""
    failure: Exception | None = None
    """What ended it early."""
    prepared: Prepared | None = None
    """What the check before the launch has opened already."""
    view: View | None = None
    """Watches instead of the console."""
    folder: Path | None = None
    """The directory of the launch or sweep, once it is made."""


_current = _Launch()
_NAME = "${"


class Refused(BaseException):
    """Carries an error out of a Hydra callback, where every `Exception` is turned into a mere warning."""


def main(argv: Sequence[str]) -> int:
    """Do what Hydra's command line says; the exit status. Raises `UserError` before anything is written."""
    global _current
    flags, overrides = split(argv)
    _refuse_secrets(overrides)
    reject_duplicates()
    model, why = default_model(os.environ)
    hydra_setup.install(model)
    _current = _Launch([] if any(arg.startswith("model=") for arg in argv) else [why])
    try:
        with _in_one_sentence(overrides), printed_safely():
            words = spelled(overrides, partial(_is_text, overrides))
            with _raw_errors([*flags, *words]), _no_words_of_hydra("--package" in flags or "-p" in flags):
                _start()
    except SystemExit as left:
        if left.code:
            raise UserError(f"{' '.join(flags)} is not in the config: `--cfg job` shows the whole config") from left
    finally:
        if _current.prepared:  # refused after all, or run by another launcher
            _current.prepared.close()
    if _current.failure:
        raise _current.failure
    return max(_current.statuses, default=0)


def compose(overrides: Sequence[str], default: str) -> Config:
    """The checked config that a launch with these overrides would have; `default` plays where no model is named.

    Raises `UserError` for whatever `main` would refuse before it looks at task and model.
    """
    global _current
    _current = _Launch()
    _refuse_secrets(overrides)
    reject_duplicates()
    hydra_setup.install(default)
    version: dict[str, Any] = {"version_base": "1.3"} if hydra_setup.IS_1_3 else {}
    with _in_one_sentence(overrides):
        words = spelled(overrides, partial(_is_text, overrides))
        with hydra.initialize_config_dir(str(bundled("conf")), **version):
            config = typed(hydra.compose("config", overrides=words))
    check_config(config)
    return config


@contextmanager
def _in_one_sentence(overrides: Sequence[str]) -> Iterator[None]:
    """Turn what Hydra and its libraries raise while they compose `overrides` into a `UserError`."""
    try:
        yield
    except (HydraException, OmegaConfBaseException, yaml.YAMLError) as error:
        raise UserError(_explained(error, overrides)) from error
    except Exception as error:
        if _current.checked or not _raised_by_hydra(error):
            raise
        raise UserError(_explained(error, overrides)) from error


@hydra.main(config_path=str(bundled("conf")), config_name="config", **hydra_setup.MAIN_OPTIONS)
def _start(node: DictConfig) -> int:
    """Hydra's task function. Launchers with processes of their own pickle it, with every global that it names."""
    from evalkit.launch import entry

    return entry.run_here(node)


def run_here(node: DictConfig) -> int:
    """One cell, here and now. The exit status."""
    try:
        return run_cells([cell(node)])
    except Exception as error:
        if HydraConfig.get().mode is RunMode.MULTIRUN:  # a job of another launcher, perhaps in another process
            raise
        _current.failure = error  # raised by `main`: Hydra would print a line of its own above it
        return 1


def check_launch(config: DictConfig) -> None:
    """Raise `UserError` for anything that is wrong with a single launch; make its directory if nothing is."""
    HydraConfig.instance().set_config(config)
    folder = _named("hydra.run.dir", config.hydra.run.dir)
    keep_hydra_from(folder, config)
    _make("hydra.run.dir", folder, _check([typed(config)]))


def check_sweep(folder: str, configs: Sequence[Config]) -> None:
    """The same for all cells of a sweep and its directory."""
    _make("hydra.sweep.dir", _named("hydra.sweep.dir", folder), _check(configs))


def note(text: str) -> None:
    """Say something before the cells run."""
    _current.notes.append(text)


def _named(key: str, folder: str) -> Path:
    if not folder.strip():
        raise UserError(f"{key} is empty: leave it out, or write {key}=<folder>")
    return Path(folder)


def _check(configs: Sequence[Config]) -> set[Path]:
    """Everything that can be checked without writing; the stores that are wanted."""
    from evalkit.launch.preflight import preflight
    from evalkit.sampling.problem_set import problem_set
    from evalkit.task.registry import check_specs, load_task

    for config in configs:
        check_config(config)
    for config in configs:
        task = load_task(config.task)
        problems = problem_set(config, task)
        check_specs(task, problems.problem(problems.first), disk_mb=config.sandbox.disk_mb)
        problems.check_columns()
        check_selection(config, len(problems) if problems.several else None)
    _current.prepared = preflight(configs, lambda text: _say(f"evalkit: {text}"))
    _current.checked = True
    return {Path(config.store) for config in configs}


def _refuse_secrets(argv: Sequence[str]) -> None:
    """Whatever is typed is written to disk, and printed by `--cfg job`: no key may stand there, nor its echo."""
    learn_from(os.environ)
    overrides = [word for word in argv if "=" in word]
    found = list(typed_secrets(overrides))
    for word in overrides:
        key, _, value = word.partition("=")
        if key.lstrip("+") == "model.base_url" and any(mark in value for mark in "@?#"):
            addresses.parse(value.strip("'\""))
    for name, _ in found:
        raise UserError(
            f"{name} would write a secret to disk: set ANTHROPIC_API_KEY, "
            "ANTHROPIC_AUTH_TOKEN or ANTHROPIC_CUSTOM_HEADERS in the environment instead"
        )


def _say(text: str) -> None:
    sys.stderr.write(fitted(redacted(text), sys.stderr) + "\n")
    sys.stderr.flush()


def _make(key: str, output: Path, stores: Iterable[Path]) -> None:
    """Make the output directory and the stores, all or none."""
    wanted = [(key, "The output directory", output), *(("store", "The store", store) for store in sorted(stores))]
    made: list[Path] = []
    for name, what, folder in wanted:
        try:
            made += [path for path in reversed([folder, *folder.parents]) if not path.exists()]
            folder.mkdir(parents=True, exist_ok=True)
            if not os.access(folder, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        except (OSError, ValueError) as error:
            for path in reversed(made):
                with suppress(OSError):
                    path.rmdir()
            raise UserError(
                f"{what} {folder} cannot be written ({getattr(error, 'strerror', None) or error}): "
                f"change to another directory, or set {name}=<folder>"
            ) from error
    _current.folder = output


def resumable() -> Path | None:
    """The directory that `resume` would finish; None before there is one, and for a search, which goes on by itself."""
    searches = _current.folder and HydraConfig.get().runtime.choices.get("hydra/sweeper") == "find"
    return None if searches else _current.folder


def typed(node: DictConfig) -> Config:
    """A composed config as dataclasses; `UserError` for a foreign key and a value that cannot be resolved."""
    return to_config(node, _defaults)


def _defaults(task: str) -> Mapping[str, str]:
    from evalkit.task.registry import defaults  # loads the plugin, for a sentence about a mistake only

    return defaults(task)


def cell(node: DictConfig, index: int = 0) -> Cell:
    """The cell that Hydra has just made a directory for; `index` counts those that run together."""
    from evalkit.engine.cells import Cell

    own = HydraConfig.get()
    config = typed(node)
    check_config(config)
    folder = Path(unresolved(own.runtime)["output_dir"])
    if _NAME in str(folder):
        for name, saved in (("config", node), ("hydra", HydraConfig.instance().cfg), ("overrides", own.overrides.task)):
            (folder / ".hydra").mkdir(exist_ok=True)
            OmegaConf.save(saved, folder / ".hydra" / f"{name}.yaml")
    return Cell(config, folder, _swept(own), index, reach=_reach(config, own))


def keep_hydra_from(folder: Path, config: DictConfig) -> None:
    """Let Hydra save nothing where a path has `${` in it, which it takes for a name in the config: `cell` does."""
    if _NAME in str(folder.absolute()):
        with read_write(config.hydra), open_dict(config.hydra):
            config.hydra.output_subdir = None


def unresolved(node: Any) -> Any:
    return OmegaConf.to_container(node, resolve=False)


def _reach(config: Config, own: Any) -> Limits | None:
    """The limits that the other cells of a sweep need, where they run in other processes."""
    if own.mode is not RunMode.MULTIRUN:
        return None
    from evalkit.launch.shared_limits import largest_limits

    return largest_limits(Path(own.sweep.dir), config)


def _swept(own: Any) -> dict[str, str]:
    """The overrides that make this cell differ from the others; the sweeper listed the rest as excluded."""
    if own.mode is not RunMode.MULTIRUN:
        return {}
    excluded = set(own.job.config.override_dirname.exclude_keys)
    pairs = (override.lstrip("+~").partition("=") for override in own.overrides.task)
    return {key: value for key, _, value in pairs if key not in excluded}


def run_cells(cells: Sequence[Cell]) -> int:
    """Run cells on one event loop and count their exit status into that of the launch."""
    from evalkit.display.console import ConsoleView
    from evalkit.launch.pipeline import run_cells as run_on_one_loop

    config = cells[0].config
    view = _current.view or ConsoleView(
        verbose=config.verbose,
        quiet=config.quiet,
        published=config.report.format == "published",
    )
    while _current.notes:
        view.note(_current.notes.pop(0))
    prepared, _current.prepared = _current.prepared, None  # for the first batch; a search runs several
    status = run_on_one_loop(cells, view, prepared)
    note_status([status])
    return status


@contextmanager
def watched_by(view: View) -> Iterator[None]:
    """What is launched inside is shown by `view`, not by the console."""
    _current.view = view
    try:
        yield
    finally:
        _current.view = None


def note_status(statuses: Iterable[Any]) -> None:
    """Count the exit statuses of jobs, which may have run elsewhere, into that of the launch."""
    _current.statuses.extend(status for status in statuses if isinstance(status, int))


@contextmanager
def _no_words_of_hydra(silent: bool) -> Iterator[None]:
    """Make Hydra raise where it would warn of a path that does not exist; `silent` where it writes before it exits."""
    with warnings.catch_warnings(), redirect_stderr(StringIO()) if silent else nullcontext():
        warnings.filterwarnings("error", message=".*is not available", category=UserWarning)
        yield


@contextmanager
def _raw_errors(argv: Sequence[str]) -> Iterator[None]:
    """Hydra reads `sys.argv`, and raises its errors instead of printing them only where HYDRA_FULL_ERROR is 1."""
    arguments, wanted = sys.argv, os.environ.get("HYDRA_FULL_ERROR")
    sys.argv = [arguments[0], *argv]
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        yield
    except Refused as refused:
        raise (refused.__cause__ or refused) from None
    finally:
        sys.argv = arguments
        os.environ.pop("HYDRA_FULL_ERROR")
        if wanted is not None:
            os.environ["HYDRA_FULL_ERROR"] = wanted


def _raised_by_hydra(error: Exception) -> bool:
    """Whether the innermost frame is Hydra's or of a library below it, so that the words it was given are at fault."""
    trace = traceback.extract_tb(error.__traceback__)
    return bool(trace) and bool({"hydra", "omegaconf", "antlr4", "yaml"} & set(Path(trace[-1].filename).parts))


def _is_text(overrides: Sequence[str], knob: str) -> bool:
    """Whether a knob has text as its value in the groups that were chosen."""
    return isinstance(dict(knobs(overrides)).get(knob), str)


def _explained(error: Exception, argv: Sequence[str]) -> str:
    return explain(error, argv, _defaults)
