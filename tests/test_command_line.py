"""Whatever can be typed for any knob: one sentence, status 2 and nothing written, or a config that runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from evalkit.__main__ import main
from evalkit.config.overrides import literal, quoted
from evalkit.config.schema import Config
from evalkit.launch.entry import compose
from evalkit.util.errors import UserError

NOWHERE = "store=/proc/nowhere"
"""A store that cannot be made: everything else was right where the sentence is about it."""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "EVALKIT_MODEL", "EVALKIT_PATH", "HYDRA_FULL_ERROR"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


HUGE = "9" * 5000
BAD_INPUT = [
    # what is typed | what the sentence says
    ([""], "'' is not a command"),
    ([" "], "' ' is not a command"),
    (["\n"], "is not a command"),
    (["-"], "Unknown flag -"),
    (["--"], "Unknown flag --"),
    (["task=arithmetic", ""], "'' is not an override"),
    (["task=arithmetic", "\udcff"], "not UTF-8"),
    (["task=arithmetic", "task.expression='a\0b'"], "not UTF-8"),
    (["task=arithmetic", f"runs.seed={HUGE}"], "runs.seed=… has a number with more than 1,000 digits"),
    (["task=arithmetic", f"task.expression={HUGE}x,{HUGE}"], "has several values"),
    (["task=arithmetic", f"model.params=[{HUGE}]"], "1,000 digits"),
    (["task=arithmetic", f"runs.until={'x' * 5000}"], "runs.until=xxx"),
    (["task=arithmetic", "runs.seed='a\nb'"], "runs.seed='a b' is not a whole number"),
    (["task=arithmetic", "task.x=" + "[" * 2000 + "]" * 2000], "recursion"),
    (["task=[1,2]"], "task takes a name"),
    (["task=arithmetic", "model=[[]]"], "model takes a name"),
    (["task=arithmetic", "model={a:1}"], "model takes a name"),
    (["task=arithmetic", "limits=null"], "limits takes a name"),
    (["task=arithmetic", "model=/dev/null"], "Unknown model 'null'"),
    (["task=arithmetic", "model.params=null"], "model.params is a group of keys"),
    (["task=arithmetic", "~model.params"], "would delete model.params"),
    (["task=arithmetic", "model.params={a:1}"], "write +model.params={a:1}"),
    (["task=arithmetic", "model.params.temperature=1"], "write +model.params.temperature=1"),
    (["task=arithmetic", "sandbox.options={a:1}"], "write +sandbox.options={a:1}"),
    (["task=arithmetic", "sandbox.options.a=1"], "write +sandbox.options.a=1"),
    (["task=arithmetic", "model.params=${runs.count}"], "model.params"),
    (["task=arithmetic", "verbose=${oc.env:HOME}"], "verbose does not fit"),
    (["task=arithmetic", "task.expression=???"], "expression needs a value"),
    (["task=arithmetic", "hydra.run.dir=???"], "hydra.run.dir needs a value"),
    (["task=arithmetic", "store="], "store= is out of range"),
    (["task=arithmetic", "store=' '"], "name a folder"),
    (["task=arithmetic", "hydra.run.dir="], "hydra.run.dir is empty"),
    (["task=arithmetic", "hydra.run.dir=" + "x" * 300], "cannot be written (File name too long)"),
    (["task=arithmetic", "store=file/below"], "cannot be written (Not a directory)"),
    (["task=arithmetic", "store=dangling"], "cannot be written (File exists)"),
    (["task=arithmetic", "hydra.callbacks.preflight=null"], "would disable the check"),
    (["task=arithmetic", "~hydra.callbacks"], "would disable the check"),
    (["task=arithmetic", "hydra.searchpath=[nope]"], "path=nope is not available"),
    (["task=arithmetic", "band.confidence=0.9999999999999999"], "band.confidence=0.9999999999999999 is out of range"),
    (["task=arithmetic", "band.confidence=1e-300"], "between 0.01 and 0.999999"),
    (["task=arithmetic", "limits.timeout_s=1e308"], "up to 1,000,000,000, or null"),
    (["task=arithmetic", "sandbox.memory_mb=1"], "sandbox.memory_mb=1 is out of range"),
    (["task=arithmetic", "sandbox.cpu_s=99999999999999999999"], "sandbox.cpu_s"),
    (["task=arithmetic", "runs.count=99999999999999999999"], "from 1 up to 10,000,000"),
    (["--multirun=3", "task=arithmetic"], "--multirun takes no value"),
    (["--run", "-m", "task=arithmetic"], "--run and --multirun exclude each other"),
    (["--cfg", "", "task=arithmetic"], "--cfg needs a value"),
    (["--cfg", "job", "--cfg", "hydra", "task=arithmetic"], "--cfg is given twice"),
    (["--config-dir", "", "task=arithmetic"], "--config-dir needs a value"),
    (["--package", "zzz", "--cfg", "job", "task=arithmetic"], "--package zzz"),
    (["--package", "zzz", "task=arithmetic"], "--package goes with --cfg"),
    (["--resolve", "task=arithmetic"], "--resolve goes with --cfg"),
    (["--info", "nope", "task=arithmetic"], "--info nope is unknown"),
    (["--experimental-rerun", "x"], "Unknown flag --experimental-rerun"),
    (["-sc"], "-sc install=bash"),
    (["-m", "task=arithmetic", "runs.count=range(1,1)"], "runs.count=range(1,1) has no values"),
    (["-m", "task=arithmetic", "runs.count=range(1,5,0)"], "range(1,5,0) never ends"),
    (["-m", "task=arithmetic", "band.high=range(0,inf)"], "range(0,inf) never ends"),
    (["-m", "task=arithmetic", "runs.seed=range(0,1000000000000)"], "more than 10,000"),
    (["-m", "task=arithmetic", "runs.seed=range(0,1000)", "runs.count=range(1,1000)"], "999,000 cells"),
    (["-m", "task=glob(zzz*)"], "has no values"),
    (["-m", "task=arithmetic", "runs.count=interval(1,5)"], "INTERVAL_SWEEP"),
    (["-m", "task=arithmetic", "runs.count=1,2", "runs.count=3"], "runs.count is given twice"),
    (["-m", "task=arithmetic", "hydra.sweep.dir="], "hydra.sweep.dir is empty"),
    (["-m", "task=arithmetic", "hydra.sweep.subdir=x", "runs.seed=0,1"], "its own folder"),
    (["-m", "task=arithmetic", "hydra.sweep.subdir=../x"], "its own folder"),
    (["-m", "task=arithmetic", "hydra.sweeper.max_batch_size=0", "runs.seed=0,1"], "at least 1"),
    (["-m", "task=arithmetic", "hydra/sweeper=find", "runs.seed=interval(1,inf)"], "finite ends"),
]


@pytest.mark.parametrize(("argv", "said"), BAD_INPUT, ids=[" ".join(argv)[:60] for argv, _ in BAD_INPUT])
def test_bad_input_gets_one_sentence_and_nothing_is_written(
    argv: list[str], said: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "file").write_text("x")
    (here / "dangling").symlink_to("gone/further")
    before = sorted(here.rglob("*"))
    assert main(argv) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n"), err.startswith("evalkit: ")) == ("", 1, True), (out, err)
    assert said in err
    assert len(err) < 1000
    assert sorted(here.rglob("*")) == before


def test_text_stays_as_it_was_typed(capsys: pytest.CaptureFixture[str]) -> None:
    typed = ["1e234", "1_1_1", "007", "3.10", "0x1F", "true", "no", "2026-11-27", "12:30", "nan", "1e5", "-0", "+3"]
    for text in typed:
        words = [f"model.id={text}", f"task.expression={text}", f"+model.headers.x={text}", f"store={text}"]
        config = compose(["task=arithmetic", *words], "simulated")
        assert [config.model.id, str(config.task["expression"]), config.model.headers["x"], config.store] == [text] * 4
    assert compose(["task=arithmetic", "+model.params.x=1e5"], "simulated").model.params["x"] == 100000.0


def test_places_may_start_at_home_and_hold_what_looks_like_a_name(here: Path) -> None:
    (here / "a${x}b").mkdir()
    config = compose(["task=arithmetic", "store=~/kept", "model.replay_from='a${x}b'"], "simulated")
    assert (config.store, config.model.replay_from) == (str(here / "home" / "kept"), "a${x}b")


def test_a_cell_that_is_named_twice_runs_once(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["-m", "task=arithmetic", "runs.count=1", "task.tolerances.answer=1e-5,0.00001,0.1"]
    assert main([*argv, "hydra.sweep.dir=out"]) == 0
    assert "1 cell of 3 skipped: same settings as another cell." in capsys.readouterr().out
    assert len(list((here / "out").glob("*/summary.json"))) == 2


HASTY: Any = {
    "phases": [Phase.explicit, Phase.generate],  # to shrink takes minutes
    "suppress_health_check": [HealthCheck.function_scoped_fixture],
}
LETTERS = st.text(alphabet=st.sampled_from(list("ab'\"\\${}[](),:= \n\té\u2028#~+0")), max_size=12)


@settings(max_examples=150, deadline=None)
@given(LETTERS)
@example("${a}")
@example("\\${a}")
@example("a${")
@example("a\\")
def test_any_text_survives_its_quotes(text: str) -> None:
    (plain,) = OverridesParser.create().parse_overrides([f"k={quoted(text)}"])
    assert plain.value() == text
    (named,) = OverridesParser.create().parse_overrides([f"k={literal(text)}"])
    assert OmegaConf.to_container(OmegaConf.create({"k": named.value()}), resolve=True) == {"k": text}


def knobs(config: Any, prefix: str = "") -> Iterator[str]:
    """Every knob of the schema by its full name, and what holds it."""
    for field in fields(config):
        value, name = getattr(config, field.name), f"{prefix}{field.name}"
        yield name
        if is_dataclass(value):
            yield from knobs(value, f"{name}.")


OPEN = [
    "task.expression",
    "task.tolerances",
    "task.tolerances.answer",
    "task.name",
    "model.params.x",
    "model.headers.x",
]
KNOBS = sorted(
    {*knobs(Config()), *OPEN, "hydra.run.dir", "hydra.job.name", "hydra.sweep.dir", "nonsense", "limits.nope"}
)
VALUES = [
    *[
        "",
        "''",
        "' '",
        "é",
        "'日本'",
        "'a\nb'",
        "\t",
        "9" * 30,
        "-1",
        "-0",
        "0",
        "-0.0",
        "1e308",
        "1e309",
        "inf",
        "-inf",
    ],
    *[
        "nan",
        "null",
        "true",
        "[]",
        "[1,2]",
        "{}",
        "{a:1}",
        "{a:{b:[null]}}",
        "${runs.count}",
        "${runs.seed}",
        "${nowhere}",
    ],
    *[
        "${oc.env:NOPE}",
        "${oc.env:HOME}",
        "${oc.decode:1+}",
        "${",
        "$${",
        "\\${x}",
        "'",
        '"',
        "(",
        "1,",
        "1,2",
        "choice()",
    ],
    *[
        "glob(*)",
        "range(1,1)",
        "interval(1,2)",
        "sort(1,2)",
        "shuffle(1)",
        "a=b",
        "???",
        "0x10",
        "1_000",
        "007",
        "1e3",
        "~/x",
    ],
    *[
        "/dev/null",
        "x" * 300,
        "int(3)",
        "str(3)",
        "int(x)",
        "extend_list(1)",
        "[${runs}]",
        "*",
        "arithmetic",
        "simulated",
    ],
]


@settings(max_examples=60, deadline=None, **HASTY)
@given(
    st.sampled_from(["", "", "", "+", "++", "~"]),
    st.sampled_from(KNOBS),
    st.sampled_from(VALUES) | LETTERS | st.floats().map(str) | st.integers().map(str),
)
@example("", "runs.seed", "9" * 5000)
@example("~", "task.tolerances", "")
@example("", "model.params", "null")
def test_any_value_of_any_knob_is_refused_in_a_sentence_or_makes_a_config(sign: str, knob: str, value: str) -> None:
    try:
        config = compose(["task=arithmetic", f"{sign}{knob}={value}"], "simulated")
    except UserError as error:
        assert str(error).strip() and "object at 0x" not in str(error)
    else:
        assert asdict(config)["task"]


SOME = [value for value in VALUES if value not in ("", "arithmetic")]


@settings(max_examples=25, deadline=None, **HASTY)
@given(
    st.sampled_from(["", "-m"]), st.sampled_from(["", "+", "++", "~"]), st.sampled_from(KNOBS), st.sampled_from(SOME)
)
def test_any_launch_is_refused_before_anything_is_written(
    here: Path, capsys: pytest.CaptureFixture[str], mode: str, sign: str, knob: str, value: str
) -> None:
    if knob == "store":
        return
    word = f"{sign}{knob}={value}"
    assert main([*[mode] * bool(mode), "task=arithmetic", word, NOWHERE]) == 2, word
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and err.startswith("evalkit: "), (word, err)
    assert list(here.iterdir()) == [], word
