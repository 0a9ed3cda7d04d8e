"""Finishing a launch or a sweep from its output directory: same directory, same results, nothing bought twice."""

import shutil
from pathlib import Path

import pytest

from evalkit.__main__ import main
from evalkit.cli.resume import find_cells
from evalkit.util.errors import UserError
from tests.outputs import TIMED
from tests.verbs import verb

resume = verb("resume")


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """A working directory of its own, with the simulated model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EVALKIT_MODEL", "simulated")
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    """Every file that holds no times, and nothing that Hydra wrote."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and ".hydra" not in path.parts]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths if path.name not in TIMED}


def interrupt(folder: Path, store: Path, runs: list[int]) -> None:
    """As if the process had been killed: no analysis, and some rollouts without their end."""
    for name in ("summary.json", "runs.jsonl", "manifest.json", "measurements.jsonl"):
        (folder / name).unlink()
    shutil.rmtree(folder / "rollouts")
    for run in runs:
        (path,) = store.glob(f"*/*/*/{run:04d}.jsonl")
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(lines[:-2]))


def store_files(store: Path) -> list[Path]:
    return sorted(path for path in store.rglob("*.jsonl"))


@pytest.mark.parametrize("reuse", ["dominating", "never"])
def test_an_interrupted_launch_ends_as_if_it_had_not_been(here, monkeypatch, reuse):
    words = ["task=arithmetic", "runs.count=5", f"reuse={reuse}", "hydra.run.dir=out", "store=kept"]
    assert main(words) == 0
    undisturbed, files = contents(here / "out"), store_files(here / "kept")
    interrupt(here / "out", here / "kept", [2, 4])
    (here / "elsewhere").mkdir()
    monkeypatch.chdir(here / "elsewhere")  # the store is found from where the launch was started
    assert main(["resume", "../out"]) == 0
    assert contents(here / "out") == undisturbed
    assert store_files(here / "kept") == files


def test_an_interrupted_sweep_gets_its_cells_and_its_landscape(here, capsys):
    words = ["-m", "task=arithmetic", "runs.count=6", "limits.max_tokens=150,300", "hydra.sweep.dir=out", "store=kept"]
    assert main(words) == 0
    undisturbed = contents(here / "out")
    for cell in find_cells(here / "out"):
        interrupt(cell.folder, here / "kept", [])
    (here / "out" / "landscape.json").unlink()
    assert main(["resume", "out"]) == 0
    assert contents(here / "out") == undisturbed
    assert [cell.overrides for cell in find_cells(here / "out")] == [
        {"limits.max_tokens": "150"},
        {"limits.max_tokens": "300"},
    ]
    capsys.readouterr()
    assert resume(["out"]) == 0
    assert capsys.readouterr().out == "out is complete: nothing to resume.\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "resume needs DIR"),
        (["a", "b"], "resume does not take 'b'"),
        (["missing"], "missing is not an evalkit output directory"),
        (["empty"], "empty is not an evalkit output directory"),
        (["damaged"], "damaged/.hydra/config.yaml is damaged"),
    ],
)
def test_what_cannot_be_resumed_is_said_in_one_sentence(here, words, message):
    (here / "empty").mkdir()
    (here / "damaged" / ".hydra").mkdir(parents=True)
    (here / "damaged" / ".hydra" / "config.yaml").write_text("a: [")
    with pytest.raises(UserError) as caught:
        resume(words)
    assert message in str(caught.value)


def test_a_directory_with_damaged_files_is_finished_again(here):
    assert main(["task=arithmetic", "runs.count=2", "hydra.run.dir=out"]) == 0
    undisturbed = contents(here / "out")
    for name, content in (("summary.json", ""), ("manifest.json", "{}"), ("runs.jsonl", "[]"), ("timing.json", "null")):
        (here / "out" / name).write_text(content)
        assert main(["resume", "out"]) == 0
        assert contents(here / "out") == undisturbed
        assert (here / "out" / "timing.json").read_text() != "null"


def test_a_directory_of_a_newer_version_is_not_written_over(here):
    assert main(["task=arithmetic", "runs.count=1", "hydra.run.dir=out"]) == 0
    path = here / "out" / "manifest.json"
    path.write_text(path.read_text().replace('"format": "1.0"', '"format": "2.0"'))
    assert main(["resume", "out"]) == 2
    assert '"format": "2.0"' in path.read_text()


@pytest.mark.parametrize("name", ["config.yaml", "hydra.yaml"])
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_damaged_config_is_one_sentence(here, capsys, name, share):
    assert main(["task=arithmetic", "runs.count=1", "hydra.run.dir=out"]) == 0
    path = here / "out" / ".hydra" / name
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    (here / "out" / "summary.json").unlink()
    capsys.readouterr()
    if main(["resume", "out"]) == 2:
        assert len(capsys.readouterr().err.strip().splitlines()) == 1
