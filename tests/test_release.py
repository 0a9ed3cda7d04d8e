"""The release recipe: what keeps a wheel back, and that the files about the project agree with each other."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
import yaml

import evalkit
from tools.release import describe, faults

ROOT = Path(__file__).resolve().parent.parent
WHOLE = ("evalkit/__main__.py", "evalkit/py.typed", "evalkit/_bundled/conf/config.yaml")


def wheel(folder: Path, *names: str) -> Path:
    """A wheel of version 1.2.3 with files of these names."""
    path = folder / "evalkit-1.2.3-py3-none-any.whl"
    said = "Name: evalkit\nVersion: 1.2.3\nRequires-Python: >=3.11\nLicense-Expression: Apache-2.0\n"
    with zipfile.ZipFile(path, "w") as file:
        for name in names:
            file.writestr(name, "12345")
        file.writestr("evalkit-1.2.3.dist-info/METADATA", said)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project that is ready for the release of 1.2.3."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "config.yaml").write_text("a: 1\n")
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## 1.2.3 (2026-11-28)\n\n- Everything.\n")
    (tmp_path / "CITATION.cff").write_text("title: evalkit\nversion: 1.2.3\nlicense: Apache-2.0\n")
    return tmp_path


def test_a_whole_wheel_of_a_ready_project_has_no_faults(root: Path) -> None:
    assert faults(wheel(root, *WHOLE), root) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "fault"),
    [
        ("CHANGELOG.md", "(2026-11-28)", "(unreleased)", "CHANGELOG.md has no heading"),
        ("CHANGELOG.md", "1.2.3", "1.2.4", "CHANGELOG.md has no heading"),
        ("CITATION.cff", "1.2.3", "1.2.2", "CITATION.cff names another version"),
    ],
)
def test_a_project_that_is_not_ready_keeps_the_wheel_back(
    file: str, old: str, new: str, fault: str, root: Path
) -> None:
    (root / file).write_text((root / file).read_text().replace(old, new))
    (found,) = faults(wheel(root, *WHOLE), root)
    assert found.startswith(fault)


@pytest.mark.parametrize("name", WHOLE)
def test_a_file_that_is_missing_keeps_the_wheel_back(name: str, root: Path) -> None:
    assert faults(wheel(root, *(set(WHOLE) - {name})), root) == [f"{name} is missing"]


@pytest.mark.parametrize("name", ["tests/test_cli.py", "conf/config.yaml", "setup.py"])
def test_a_file_that_does_not_belong_keeps_the_wheel_back(name: str, root: Path) -> None:
    assert faults(wheel(root, *WHOLE, name), root) == [f"{name} does not belong in it"]


def test_a_description_counts_files_and_bytes(root: Path) -> None:
    lines = describe(wheel(root, *WHOLE)).split("\n")
    assert "bytes, 4 files, " in lines[0] and lines[1].startswith("SHA-256 ")
    assert lines[2] == "evalkit 1.2.3, Python >=3.11, Apache-2.0"
    counts = [line.split() for line in lines[3:]]
    assert [(count, part) for count, _, _, part in counts] == [
        ("2", "evalkit"),
        ("1", "evalkit-1.2.3.dist-info"),
        ("1", "evalkit/_bundled/conf"),
    ]


def test_the_citation_and_the_package_name_one_version() -> None:
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == evalkit.__version__


def test_hooks_before_a_commit_run_what_ci_runs() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    ci = (ROOT / ".ci" / "run").read_text()
    assert {hook["id"] for hook in hooks} == {"ruff", "ruff-format", "mypy"}
    for command in ('ruff" check', 'ruff" format --check', 'mypy"'):
        assert command in ci
