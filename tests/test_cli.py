"""The front door: help, verbs, flags, bad input in one sentence, exit statuses, and what it does not import."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from argparse import Namespace
from pathlib import Path
from types import ModuleType

import pytest

from evalkit.__main__ import main
from evalkit.cli import tree
from evalkit.cli.commands import VERBS
from evalkit.cli.parser import VerbParser
from evalkit.launch.flags import arranged
from evalkit.util.errors import ProviderError, UserError

KEYS = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "EVALKIT_MODEL", "EVALKIT_PATH", "HYDRA_FULL_ERROR")
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current directory, and an environment without keys."""
    monkeypatch.chdir(tmp_path)
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def python(*argv: str, cwd: Path, timeout: float = 60, **environ: str) -> subprocess.CompletedProcess[str]:
    """A real process of its own."""
    env = {name: value for name, value in os.environ.items() if name not in KEYS}
    env |= {"PYTHONPATH": str(ROOT), **environ}
    command = [sys.executable, *argv]
    return subprocess.run(command, cwd=cwd, env=env, timeout=timeout, capture_output=True, text=True, check=False)


BAD_INPUT = [
    # what is typed | what the sentence says
    (["tsak=arithmetic"], ["Unknown config key tsak", "task=arithmetic"]),
    (["runs.count=3"], ["task is missing", "task=<name>", "arithmetic"]),
    (["task=nothing_like_it"], ["Unknown task 'nothing_like_it'", "arithmetic, "]),
    (["task=arithmetics"], ["Unknown task 'arithmetics'", "did you mean task=arithmetic?"]),
    (["task=arithmetic", "model=simulatd"], ["Unknown model 'simulatd'", "model=simulated?"]),
    (["task=arithmetic", "limits=per_trun"], ["Unknown limits 'per_trun'", "limits=per_turn?"]),
    (["task=arithmetic", "sandbox.memory_mb=1"], ["sandbox.memory_mb=1 ", "from 16 up to"]),
    (["task=arithmetic", "sandbox.pool=65"], ["sandbox.pool=65 ", "from 0 up to 64"]),
    (["task=arithmetic", "sandbox=autoo"], ["Unknown sandbox 'autoo'", "sandbox=auto"]),
    (["task=arithmetic", "hydra/launcher=nope"], ["Unknown hydra/launcher 'nope'", "basic, evalkit"]),
    (["task=null"], ["task takes a name", "task=arithmetic"]),
    (["task=arithmetic", "limits=3"], ["limits takes a name"]),
    (["arithmetic"], ["'arithmetic' is a task", "task=arithmetic"]),
    (["arithmetik"], ["Unknown command 'arithmetik'", "task=arithmetic"]),
    (["zzzz"], ["Unknown command 'zzzz'", "task=arithmetic"]),
    (["--nonsense"], ["Unknown flag --nonsense"]),
    (["--cgf", "job", "task=arithmetic"], ["Unknown flag --cgf", "--cfg?"]),
    (["--cfg", "jbo", "task=arithmetic"], ["--cfg jbo is unknown", "job, hydra, all"]),
    (["task=arithmetic", "--cfg"], ["--cfg needs a value"]),
    (["task=arithmetic", "--config-dir", "nowhere"], ["nowhere does not exist"]),
    (["task=arithmetic", "runs.cuont=3"], ["Unknown config key runs.cuont", "runs.count=3?"]),
    (["task=arithmetic", "max_tokens=100"], ["Unknown config key max_tokens", "limits.max_tokens=100?"]),
    (
        ["task=arithmetic", "task.tolerances.anwser=1"],
        ["key task.tolerances.anwser", "task.tolerances.answer=1?"],
    ),
    (["task=arithmetic", "+color=red"], ["Unknown config key color"]),
    (["task=arithmetic", "++limits.max_token=1"], ["Unknown config key limits.max_token:", "limits.max_tokens=1?"]),
    (["task=arithmetic", "+runs.count=3"], ["runs.count already exists", "without +"]),
    (["task=arithmetic", "~runs.nope"], ["Unknown config key runs.nope"]),
    (["task=arithmetic", "~runs.count"], ["would delete runs.count", "runs.count=10"]),
    (["task=arithmetic", "runs"], ["'runs' is not an override", "key=value"]),
    (["task=arithmetic", "task.expression=1=2"], ["cannot be read", "quote values"]),
    (["task=arithmetic", "runs=3"], ["runs is a group of keys", "runs.<key>"]),
    (["task=arithmetic", "runs.count=1,2"], ["several values", "-m"]),
    (["task=arithmetic", "limits.max_tokens=0"], ["limits.max_tokens=0", "from 1 up"]),
    (["task=arithmetic", "limits.max_tokens=-5"], ["limits.max_tokens=-5", "from 1 up"]),
    (["task=arithmetic", "limits.max_tokens=abc"], ["limits.max_tokens=abc is not a whole number", "2900"]),
    (["task=arithmetic", "limits.max_tokens=1e3"], ["limits.max_tokens=1e3 is not a whole number"]),
    (["task=arithmetic", "limits.max_tokens=true"], ["limits.max_tokens=true"]),
    (["task=arithmetic", "limits.max_steps=0"], ["limits.max_steps=0"]),
    (["task=arithmetic", "limits.timeout_s=nan"], ["limits.timeout_s=nan"]),
    (["task=arithmetic", "limits.max_cost_usd=-1"], ["limits.max_cost_usd=-1"]),
    (["task=arithmetic", "runs.count=0"], ["runs.count=0", "from 1 up"]),
    (["task=arithmetic", "runs.count=null"], ["runs.count=null", "runs.count=10"]),
    (["task=arithmetic", "runs.count=2.5"], ["runs.count=2.5 is not a whole number"]),
    (["task=arithmetic", "runs.concurrency=0"], ["runs.concurrency=0"]),
    (["task=arithmetic", "runs.batches=11"], ["runs.batches=11", "runs.count"]),
    (["task=arithmetic", "verbose=loud"], ["verbose=loud is not true or false"]),
    (["task=arithmetic", "task.tolerances.answer=0"], ["task.tolerances.answer=0", "above 0"]),
    (["task=arithmetic", "task.tolerances.answer=-0.1"], ["task.tolerances.answer=-0.1", "above 0"]),
    (["task=arithmetic", "task.tolerances.answer=nan"], ["task.tolerances.answer=nan", "above 0"]),
    (["task=arithmetic", "task.tolerances.answer=inf"], ["task.tolerances.answer=inf"]),
    (["task=arithmetic", "task.tolerances.answer=much"], ["task.tolerances.answer does not fit", "answer: float"]),
    (["task=arithmetic", "band.low=0.5"], ["band.low=0.5", "not below band.high=0.4"]),
    (["task=arithmetic", "band.low=0.4"], ["band.low=0.4", "not below"]),
    (["task=arithmetic", "band.high=1.5"], ["band.high=1.5", "between 0 and 1"]),
    (["task=arithmetic", "band.high=nan"], ["band.high=nan"]),
    (["task=arithmetic", "runs.seed=${oc.env:NO_SUCH_THING}"], ["runs.seed cannot be resolved", "NO_SUCH_THING"]),
    (["task=arithmetic", "task.expression=${nowhere}"], ["task.expression cannot be resolved", "nowhere"]),
    (["task=arithmetic", "hydra.run.dir=${nowhere}"], ["hydra.run.dir cannot be resolved", "nowhere"]),
    (["task=arithmetic", "model=claude"], ["needs a key", "ANTHROPIC_API_KEY", "model=simulated"]),
    (["task=arithmetic", "model=replay"], ["model.replay_from"]),
    (["task=arithmetic", "model=replay", "model.replay_from=nowhere"], ["model.replay_from=nowhere", "no rollouts"]),
    (["task=arithmetic", "model=local", "model.base_url=http://127.0.0.1:9"], ["http://127.0.0.1:9"]),
    (["task=arithmetic", "hydra.run.dir=/proc/nowhere"], ["/proc/nowhere cannot be written", "hydra.run.dir=<folder>"]),
    (["task=arithmetic", "store=/proc/nowhere"], ["The store /proc/nowhere cannot be written", "store=<folder>"]),
    (["-m", "task=arithmetic", "hydra.sweep.dir=/proc/nowhere"], ["/proc/nowhere cannot be written"]),
    (["-m", "task=arithmetic", "limits.max_tokens=100,0"], ["limits.max_tokens=0"]),
    (["-m", "task=arithmetic", "limits.max_tokens=100,abc"], ["limits.max_tokens=abc is not a whole number"]),
    (["-m", "task=arithmetic,arithmetics"], ["Unknown task 'arithmetics'"]),
    (["-m", "task=arithmetic", "task.tolerances.answer=1,-1"], ["task.tolerances.answer=-1"]),
    (["-m", "task=arithmetic", "hydra.sweep.subdir=a,b"], ["hydra.sweep.subdir"]),
]


def test_where_no_isolation_holds_nothing_is_written(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    assert main(["task=arithmetic", "model=simulated", "sandbox=strict"]) == 2
    out, err = capsys.readouterr()
    assert err.startswith("evalkit: no acceptable isolation holds") and "apt install bubblewrap" in err
    assert err.count("\n") == 1 and out == ""
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(("argv", "said"), BAD_INPUT, ids=[" ".join(argv) for argv, _ in BAD_INPUT])
def test_bad_input_gets_one_sentence_with_the_fix_and_nothing_is_written(
    argv: list[str], said: list[str], here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(argv) == 2
    out, err = capsys.readouterr()
    assert err.startswith("evalkit: ") and err.count("\n") == 1
    assert [part for part in said if part not in err] == []
    assert out == ""
    assert list(here.iterdir()) == []


def test_bad_input_in_a_process_of_its_own(here: Path) -> None:
    done = python("-m", "evalkit", "task=arithmetic", "limits.max_tokens=0", cwd=here)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert list(here.iterdir()) == []


def test_a_default_model_that_does_not_exist_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EVALKIT_MODEL", "simulatd")
    assert main(["task=arithmetic"]) == 2
    assert "model=simulated?" in capsys.readouterr().err


def test_the_traceback_behind_a_sentence_is_there_for_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    with pytest.raises(UserError, match="Unknown task"):
        main(["task=arithmetics"])
    assert os.environ["HYDRA_FULL_ERROR"] == "1"


@pytest.mark.parametrize("argv", [[], ["--help"], ["-h"], ["help"]])
def test_help_says_what_can_be_run(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 0
    out = capsys.readouterr().out
    for word in ("task=<task>", "arithmetic", "paged_attention", "simulated", "limits.max_tokens", "-m", "--cfg job"):
        assert word in out
    assert max(len(line) for line in out.splitlines()) <= 120


def test_help_lists_the_users_own_tasks(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = here / "conf" / "task"
    own.mkdir(parents=True)
    (own / "mine.yaml").write_text("# @package _global_\n# What mine is about.\ntask: {name: mine}\n")
    assert main([]) == 0
    assert "mine                           What mine is about." in capsys.readouterr().out


def test_the_version_is_ours(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("evalkit ")


def test_a_verb_is_one_module_and_one_line_of_the_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its parser gets the words after it, its status is that of the process, and help and refusals come with it."""
    monkeypatch.setitem(VERBS, "probe", "Test only.")
    monkeypatch.setitem(sys.modules, "evalkit.cli.probe", Probe("evalkit.cli.probe"))
    assert main(["probe", "3"]) == 5
    assert main(["probe"]) == 2
    assert capsys.readouterr().err == "evalkit: probe needs N: write for example `python -m evalkit probe 1`\n"
    assert main(["help", "probe"]) == main([]) == 0
    out = capsys.readouterr().out
    assert "python -m evalkit probe      Test only." in out and "usage: python -m evalkit probe [-h] N" in out


class Probe(ModuleType):
    """The module of a command."""

    @staticmethod
    def parser() -> VerbParser:
        verb = VerbParser("probe", "Test only.", "probe 1")
        verb.add_argument("number", type=int, metavar="N")
        return verb

    @staticmethod
    def run(options: Namespace) -> int:
        return int(options.number) + 2


@pytest.mark.parametrize("argv", [["regrad"], ["help", "regrad"], ["--help", "regrad"], ["-h", "regrad"]])
def test_an_unknown_verb_is_answered_with_the_nearest(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 2
    assert "did you mean `python -m evalkit regrade`?" in capsys.readouterr().err


def test_every_verb_of_the_table_exists() -> None:
    for verb in VERBS:
        module = tree.module_of(verb)
        assert module.parser().verb == verb and callable(module.run)


@pytest.mark.parametrize(
    ("error", "status"),
    [(UserError("x"), 2), (ProviderError("x"), 1), (ExceptionGroup("both", [ValueError(), UserError("x")]), 2)],
)
def test_whose_fault_it_is_decides_the_exit_status(
    error: Exception, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(argv: list[str]) -> int:
        raise error

    monkeypatch.setattr(tree, "run", fail)
    assert main([]) == status
    assert capsys.readouterr().err == "evalkit: x\n"


def test_our_own_fault_is_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(argv: list[str]) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(tree, "run", fail)
    with pytest.raises(ZeroDivisionError):
        main([])


def test_flags_may_stand_anywhere() -> None:
    assert arranged(["task=a", "-m", "x=1,2", "--config-dir", "d", "y=~z"]) == [
        "-m",
        "--config-dir",
        "d",
        "task=a",
        "x=1,2",
        "y=~z",
    ]
    assert arranged(["task=a", "--cfg=job"]) == ["--cfg", "job", "task=a"]


@pytest.mark.parametrize("argv", [["--cfg", "job"], ["--cfg", "all"], ["--info", "defaults"], ["--info=searchpath"]])
def test_hydras_own_flags_work_and_write_nothing(argv: list[str], here: Path) -> None:
    done = python("-m", "evalkit", *argv, "task=arithmetic", cwd=here)  # `--info` leaves its log handlers behind
    assert (done.returncode, done.stderr) == (0, "")
    assert ("arithmetic" if argv != ["--info=searchpath"] else str(ROOT / "conf")) in done.stdout
    assert list(here.iterdir()) == []


def test_tab_completion_installs_and_answers(here: Path) -> None:
    installed = python("-m", "evalkit", "-sc", "install=bash", cwd=here)
    assert installed.returncode == 0 and "complete -o nospace" in installed.stdout
    asked = python("-m", "evalkit", "-sc", "query=bash", cwd=here, COMP_LINE="evalkit task=arith", COMP_POINT="18")
    assert asked.stdout.split() == ["task=arithmetic"]


HEAVY = ("anthropic", "torch", "numpy", "scipy", "jsonschema", "rich", "genai_prices", "pandas", "pydantic", "msgspec")


@pytest.mark.parametrize(
    "argv", [["--cfg", "job", "task=positional_attention"], ["--help"], ["no_such_verb"], ["-sc", "install=bash"]]
)
def test_what_calculates_nothing_imports_nothing_heavy(argv: list[str], here: Path) -> None:
    code = (
        "import sys; from evalkit.__main__ import main; main(sys.argv[1:]); "
        f"sys.stderr.write('loaded:' + ','.join(m for m in {HEAVY!r} if m in sys.modules))"
    )
    done = python("-c", code, *argv, cwd=here)
    assert done.stderr.endswith("loaded:"), done.stderr


def test_a_launch_ends_with_0_and_one_directory(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["task=arithmetic", "runs.count=2"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Model: simulated, because no API key is set")
    (folder,) = [path for path in (here / "outputs" / "arithmetic").iterdir() if path.is_dir()]
    assert {path.name for path in folder.iterdir()} >= {".hydra", "runs.jsonl", "summary.json", "manifest.json"}


def test_a_chosen_model_is_not_explained(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["task=arithmetic", "runs.count=1", "model=oracle"]) == 0
    assert "because" not in capsys.readouterr().out.splitlines()[0]


def test_ctrl_c_says_so_and_ends_with_130(here: Path) -> None:
    env = {name: value for name, value in os.environ.items() if name not in KEYS} | {"PYTHONPATH": str(ROOT)}
    # The shell of a background job has made it ignore SIGINT, and children inherit that.
    heed = (
        "import signal, os, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.executable, sys.argv[1:])"
    )
    launch = [sys.executable, "-m", "evalkit", "task=arithmetic", "runs.count=5000"]
    command = [sys.executable, "-c", heed, *launch]
    with subprocess.Popen(
        command, cwd=here, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=1
    ) as process:
        assert process.stdout and process.stderr
        for line in process.stdout:
            if "Run 3" in line:
                break
        process.send_signal(signal.SIGINT)
        started = time.monotonic()
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted" in err and "Traceback" not in err
    assert time.monotonic() - started < 30  # it does not wait for the other runs
