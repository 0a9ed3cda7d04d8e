"""What an installed wheel holds, and that it runs from an empty directory; that the project's files agree."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built with the backend that is installed."""
    out = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(out),
        str(ROOT),
    ]
    subprocess.run(command, check=True, timeout=120, capture_output=True)
    (built,) = out.glob("*.whl")
    return built


def test_the_wheel_holds_configs_tasks_plugins_types_and_licence(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for path in [*(ROOT / "conf").rglob("*.yaml"), *(ROOT / "tasks").rglob("*.py"), *(ROOT / "tasks").rglob("*.yaml")]:
        assert f"evalkit/_bundled/{path.relative_to(ROOT).as_posix()}" in names
    assert "evalkit/launch/hydra/hydra_plugins/evalkit_sweep.py" in names
    assert "evalkit/py.typed" in names
    assert [name for name in names if name.endswith("licenses/LICENSE")]
    assert [name for name in names if "__pycache__" in name or name.startswith(("tests/", "conf/", "tasks/"))] == []


def test_the_wheel_has_every_template_of_init(wheel: Path) -> None:
    below = ROOT / "evalkit" / "cli" / "templates"
    files = {path.relative_to(ROOT).as_posix() for path in below.rglob("*") if path.is_file()}
    wanted = {name for name in files if "__pycache__" not in name}
    assert len(wanted) > 10
    assert wanted <= set(zipfile.ZipFile(wheel).namelist())


def test_the_installed_wheel_runs_from_an_empty_directory(wheel: Path, tmp_path: Path) -> None:
    site, empty = tmp_path / "site", tmp_path / "empty"
    empty.mkdir()
    # No dependencies: they are those of this environment. `-P` and the path keep the checkout out.
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-index",
        "--target",
        str(site),
        str(wheel),
    ]
    subprocess.run(command, check=True, timeout=120, capture_output=True)
    hidden = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "EVALKIT_MODEL", "EVALKIT_PATH")
    env = {name: value for name, value in os.environ.items() if name not in hidden} | {"PYTHONPATH": str(site)}
    for arguments in (
        ["task=arithmetic", "runs.count=2"],
        ["-m", "task=arithmetic", "runs.count=2", "limits=default,steps"],
    ):
        done = subprocess.run(
            [sys.executable, "-P", "-m", "evalkit", *arguments],
            cwd=empty,
            env=env,
            timeout=120,
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stderr) == (0, "")
    where = "import evalkit, evalkit.config.search_path as p\n"
    where += "print(evalkit.__file__, p.bundled('conf'), p.bundled('tasks'), sep='|', end='')"
    found = subprocess.run([sys.executable, "-P", "-c", where], cwd=empty, env=env, check=True, capture_output=True)
    assert all(Path(path).is_relative_to(site) for path in found.stdout.decode().split("|"))
    assert {path.name for path in empty.iterdir()} == {"outputs"}
    assert len(list((empty / "outputs" / "arithmetic").glob("*/*/runs.jsonl"))) == 2


def test_every_dependency_is_pinned_within_its_range() -> None:
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    lines = (line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and line[0] != "#")
    pinned = {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines)}
    extras = [item for group in PROJECT["optional-dependencies"].values() for item in group]
    for requirement in map(Requirement, [*PROJECT["dependencies"], *extras]):
        if requirement.name == PROJECT["name"]:  # an extra that brings others along
            assert requirement.extras <= PROJECT["optional-dependencies"].keys()
            continue
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)]), requirement
    assert pinned["torch"] == "2.13.0"


def test_no_file_of_the_project_names_a_host_to_install_from() -> None:
    for name in ("constraints.txt", "pyproject.toml", ".ci/run"):
        assert not re.search(r"https?://|--index-url|--find-links", (ROOT / name).read_text()), name


def test_torch_is_an_extra_that_both_commands_of_readme_install() -> None:
    from evalkit.util.optional_packages import OPTIONAL

    extras = PROJECT["optional-dependencies"]
    assert not [line for line in PROJECT["dependencies"] if line.startswith("torch")]
    assert {name: extras[name] for name in OPTIONAL} == {name: [line] for name, line in OPTIONAL.items()}
    assert "evalkit[torch]" in extras["dev"]
    commands = re.findall(r"^python3\.11 -m venv .*$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert [re.findall(r"-c constraints\.txt -e '\.\[(\w+)\]'", command) for command in commands] == [
        ["torch"],
        ["dev"],
    ]


def test_ci_installs_and_tests_as_readme_says() -> None:
    readme, ci = (ROOT / "README.md").read_text(), (ROOT / ".ci" / "run").read_text()
    assert "-c constraints.txt -e '.[dev]'" in readme and "-c constraints.txt -e '.[dev]'" in ci
    command = "python -m pytest -n 2 --dist loadfile\n"
    assert f".venv/bin/{command}" in readme and f" {command}" in ci
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_readme_links_to_files_that_exist() -> None:
    for name in ("README.md", "CONTRIBUTING.md", "AGENTS.md", "SECURITY.md"):
        for link in re.findall(r"\]\(([^)#]+)\)", (ROOT / name).read_text()):
            assert link.startswith("http") or (ROOT / link).exists(), f"{name}: {link}"


def test_readme_and_help_name_every_command() -> None:
    from evalkit.cli.commands import VERBS
    from evalkit.cli.help import usage

    readme, shown = (ROOT / "README.md").read_text(), usage(VERBS)
    for verb in VERBS:
        assert re.search(rf"`{verb}\b", readme) and f"python -m evalkit {verb}" in shown, verb
