"""What the shipped configs compose to, who may change what, and that every knob is documented."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from evalkit.__main__ import main
from evalkit.config.checks import check_config
from evalkit.config.hydra_setup import FOLDER_LENGTH, cell_name, folder_name
from evalkit.config.schema import BandConfig, Config
from evalkit.config.search_path import bundled
from evalkit.results.summary import summarize
from evalkit.stats import Band
from evalkit.stats.sequential import UntilDecided
from evalkit.util.errors import UserError
from tests.runs import failed as run_failed
from tests.runs import passed as run_passed
from tools.knobs import knobs_of_evalkit

CONF = bundled("conf")
TASKS = sorted(path.stem for path in (CONF / "task").glob("*.yaml"))
MODELS = sorted(path.stem for path in (CONF / "model").glob("*.yaml"))


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current directory, and an environment without keys."""
    monkeypatch.chdir(tmp_path)
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "EVALKIT_MODEL", "EVALKIT_PATH"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def composed(capsys: pytest.CaptureFixture[str]) -> Any:
    """`composed("task=arithmetic", …)` → the config as `--cfg job` shows it."""

    def compose(*overrides: str) -> Any:
        assert main(["--cfg", "job", *overrides]) == 0
        return yaml.safe_load(capsys.readouterr().out)

    return compose


@pytest.mark.parametrize("task", TASKS)
def test_every_task_composes_and_is_within_its_ranges(task: str, composed: Any) -> None:
    node = composed(f"task={task}")
    assert node["task"]["name"]
    check_config(config(node))


@pytest.mark.parametrize("model", MODELS)
def test_every_model_composes_and_is_within_its_ranges(model: str, composed: Any) -> None:
    check_config(config(composed("task=arithmetic", f"model={model}")))


def config(node: dict[str, Any]) -> Config:
    """The dataclasses of a plain node."""
    kinds = {field.name: field.default_factory for field in dataclasses.fields(Config)}
    parts = {
        name: kinds[name](**value) if name != "task" and isinstance(value, dict) else value  # type: ignore[operator,misc]
        for name, value in node.items()
    }
    return Config(**parts)


@pytest.mark.parametrize(
    ("limits", "tokens", "per_turn", "steps"),
    [
        ("default", 2900, None, 50),
        ("per_turn", None, 2900, 50),
        ("steps", None, None, 15),
        ("unlimited", None, None, None),
    ],
)
def test_limits_are_the_published_ones(
    limits: str, tokens: int | None, per_turn: int | None, steps: int | None, composed: Any
) -> None:
    node = composed("task=arithmetic", f"limits={limits}")["limits"]
    assert (node["max_tokens"], node["max_tokens_per_turn"], node["max_steps"]) == (tokens, per_turn, steps)


def test_a_task_may_choose_its_limits_and_runs_and_the_command_line_wins(composed: Any) -> None:
    published = composed("task=positional_attention")
    assert (published["runs"]["count"], published["runs"]["concurrency"]) == (15, 15)
    assert published["limits"]["max_steps"] == 15
    chosen = composed("task=positional_attention", "runs.count=3", "limits=default", "limits.max_steps=7")
    assert (chosen["runs"]["count"], chosen["limits"]["max_tokens"], chosen["limits"]["max_steps"]) == (3, 2900, 7)


@pytest.mark.parametrize(
    ("environ", "model"),
    [({}, "simulated"), ({"ANTHROPIC_API_KEY": "k"}, "claude"), ({"EVALKIT_MODEL": "oracle"}, "oracle")],
)
def test_the_default_model_follows_the_environment(
    environ: dict[str, str], model: str, composed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    expected = yaml.safe_load((CONF / "model" / f"{model}.yaml").read_text())
    assert composed("task=arithmetic")["model"]["kind"] == expected.get("kind", "anthropic")
    assert composed("task=arithmetic", "model=noop")["model"]["kind"] == "noop"


def test_no_key_of_the_environment_reaches_the_config(composed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-secret")
    assert "secret" not in str(composed("task=arithmetic"))


@pytest.mark.parametrize("place", ["cwd", "EVALKIT_PATH", "--config-dir"])
def test_the_users_own_configs_are_found(
    place: str, here: Path, tmp_path_factory: pytest.TempPathFactory, composed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = here if place == "cwd" else tmp_path_factory.mktemp("mine")
    (root / "conf" / "limits").mkdir(parents=True)
    (root / "conf" / "limits" / "mine.yaml").write_text("max_tokens: 77\n")
    if place == "EVALKIT_PATH":
        monkeypatch.setenv("EVALKIT_PATH", f"{root}:/nowhere")
    flags = ["--config-dir", str(root / "conf")] if place == "--config-dir" else []
    assert composed(*flags, "task=arithmetic", "limits=mine")["limits"]["max_tokens"] == 77


def test_a_config_of_the_same_name_is_refused_unless_it_is_the_same(
    here: Path, composed: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    own = here / "conf" / "limits" / "steps.yaml"
    own.parent.mkdir(parents=True)
    own.write_bytes((CONF / "limits" / "steps.yaml").read_bytes())
    assert composed("task=arithmetic", "limits=steps")["limits"]["max_steps"] == 15
    own.write_text("max_steps: 3\n")
    assert main(["--cfg", "job", "task=arithmetic"]) == 2
    err = capsys.readouterr().err
    assert str(own) in err and str(CONF / "limits" / "steps.yaml") in err and "rename yours" in err


def test_a_broken_yaml_is_the_users_to_mend(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = here / "conf" / "limits" / "broken.yaml"
    own.parent.mkdir(parents=True)
    own.write_text("max_steps: [1\n")
    assert main(["--cfg", "job", "task=arithmetic", "limits=broken"]) == 2
    assert str(own) in capsys.readouterr().err


def test_a_yaml_with_a_wrong_type_names_the_file_and_the_key(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = here / "conf" / "limits" / "wrong.yaml"
    own.parent.mkdir(parents=True)
    own.write_text("max_steps: many\n")
    assert main(["--cfg", "job", "task=arithmetic", "limits=wrong"]) == 2
    err = capsys.readouterr().err
    assert "limits/wrong" in err and "many" in err and err.count("\n") == 1


def test_every_knob_of_the_shipped_configs_says_what_it_means() -> None:
    silent = []
    for path in [CONF / "config.yaml", *(CONF / "limits").glob("*.yaml")]:
        above = ""
        for line in path.read_text().split("\nhydra:")[0].splitlines():
            if re.match(r"\s*[a-z_]+: \S", line) and "#" not in line and not above.lstrip().startswith("#"):
                silent.append(f"{path.name}: {line.strip()}")
            above = line
    assert silent == []


def test_every_top_level_knob_has_its_value_in_a_yaml() -> None:
    node = yaml.safe_load((CONF / "config.yaml").read_text())
    groups = {"task", "model", "limits", "sandbox"}
    assert {field.name for field in dataclasses.fields(Config)} - groups <= set(node)
    for name in ("runs", "band", "agent"):
        field = Config.__dataclass_fields__[name].default_factory
        assert {f.name for f in dataclasses.fields(field)} == set(node[name])  # type: ignore[arg-type]


def test_check_accepts_the_ends_of_every_range() -> None:
    config = Config()
    config.band.low, config.band.high = 0.0, 1.0
    config.runs.count = config.runs.concurrency = config.runs.batches = 1
    config.limits.max_tokens = config.limits.max_steps = 1
    check_config(config)
    config.band.low = 1.0
    with pytest.raises(UserError, match="not below"):
        check_config(config)


@pytest.mark.parametrize(
    ("text", "name"),
    [("limits.max_tokens=2900", "limits.max_tokens=2900"), ("plain", "plain"), ("", "default"), ("..", "default-")],
)
def test_a_folder_name_that_is_safe_stays_as_it_is(text: str, name: str) -> None:
    assert folder_name(text).startswith(name)


@pytest.mark.parametrize("text", ["a/b", "../../etc", "task.expression='1 + \"2\"'", "x=" + "y" * 500, "ü=ß", "a\nb"])
def test_a_folder_name_is_safe_and_tells_different_texts_apart(text: str) -> None:
    name = folder_name(text)
    assert re.fullmatch(r"[A-Za-z0-9_.,=+-]+", name) and len(name) <= FOLDER_LENGTH and not name.startswith(".")
    assert folder_name(text + "!") != name


def test_cells_sort_by_their_number() -> None:
    names = [cell_name(number, "x=1") for number in (0, 2, 10, 100)]
    assert names == sorted(names)


def knobs(config: Any, prefix: str = "") -> Iterator[str]:
    for entry in dataclasses.fields(config):
        value = getattr(config, entry.name)
        if dataclasses.is_dataclass(value):
            yield from knobs(value, f"{prefix}{entry.name}.")
        else:
            yield f"{prefix}{entry.name}"


def test_the_documentation_lists_every_knob_and_no_other() -> None:
    listed = knobs_of_evalkit()
    assert sorted(knob.name for knob in listed) == sorted(name for name in knobs(Config()) if name != "task")
    assert [knob.name for knob in listed if not knob.meaning or not knob.value] == []


@pytest.mark.parametrize("confidence", [0.01, 0.5, 0.95, 0.999999])
def test_a_verdict_is_possible_at_every_confidence_that_is_allowed(confidence: float) -> None:
    check_config(Config(band=BandConfig(confidence=confidence)))
    for passed in (0, 1, 7, 30):
        runs = [run_passed(n) if n <= passed else run_failed(n) for n in range(1, 31)]
        summary = summarize(runs, band=Band(0.1, 0.4), confidence=confidence, categories={}, batches=3, seconds={})
        assert 0 <= summary.rate.interval.low <= passed / 30 <= summary.rate.interval.high <= 1
        assert str(summary.verdict)
        watched = UntilDecided(Band(0.1, 0.4), confidence)
        for run in runs:
            watched.add(run.number, run.grade.passed if run.grade else None)
