"""Providers of installed packages: that of docs/providers.md is installed and chosen; broken ones are one sentence."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from evalkit.config.checks import check_config
from evalkit.config.schema import Config, SandboxConfig
from evalkit.config.search_path import PACKAGE
from evalkit.util.errors import UserError

ROOT = PACKAGE.parent
PAGE = (ROOT / "docs" / "providers.md").read_text(encoding="utf-8")
ACME = ("model.kind=acme", "model.id=acme-1")
BOX = ("sandbox.provider=acme", "+sandbox.options.image=small")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def install(site: Path, name: str, version: str, code: str, points: dict[str, dict[str, str]]) -> None:
    """A distribution as pip leaves it: a module, and metadata that declares its entry points."""
    about = site / f"{name.replace('-', '_')}-{version}.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = [f"[{group}]\n" + "".join(f"{n} = {v}\n" for n, v in named.items()) for group, named in points.items()]
    (about / "entry_points.txt").write_text("\n".join(lines))
    (site / f"{name.replace('-', '_')}.py").write_text(code)


def install_acme(site: Path, version: str = "1.2") -> None:
    project = tomllib.loads(blocks("toml")[0])["project"]
    code = "\n\n".join(blocks("python"))
    install(site, project["name"], version, code, project["entry-points"])


def launch(folder: Path, site: Path, *overrides: str) -> tuple[int, str, dict[str, Any]]:
    """Exit status, everything printed on one line, and the manifest if there is one."""
    folder.mkdir(exist_ok=True)
    argv = ["task=arithmetic", "model=simulated", "runs.count=2", f"hydra.run.dir={folder / 'out'}", *overrides]
    environ = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{site}", "CI": "1"}
    command = [sys.executable, "-m", "evalkit", *argv]
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=300)
    manifest = folder / "out" / "manifest.json"
    facts = json.loads(manifest.read_text()) if manifest.exists() else {}
    return done.returncode, " ".join((done.stdout + done.stderr).split()), facts


def test_the_documented_package_answers_and_runs_programs(tmp_path: Path) -> None:
    install_acme(tmp_path / "site")
    status, said, manifest = launch(tmp_path / "here", tmp_path / "site", *ACME, *BOX, "sandbox.allow_weak=true")
    assert (status, "acme:small on " in said) == (0, True), said
    assert manifest["model"] == {"id": "acme-1", "kind": "acme", "simulated": True}
    assert manifest["isolation"].startswith("acme:small on ")
    runs = (tmp_path / "here" / "out" / "runs.jsonl").read_text().splitlines()
    assert [json.loads(line)["outcome"] for line in runs] == ["passed", "passed"]


def test_another_version_of_the_package_has_other_rollouts(tmp_path: Path) -> None:
    sets = {}
    for version in ("1.2", "1.3"):
        install_acme(tmp_path / version, version)
        status, said, manifest = launch(tmp_path / f"with-{version}", tmp_path / version, *ACME)
        assert status == 0, said
        sets[version] = manifest["rollouts"]["set"]
    assert sets["1.2"] != sets["1.3"]


MODELS, SANDBOXES = "evalkit.models", "evalkit.sandboxes"
FAULTS: list[tuple[str, dict[str, dict[str, str]], tuple[str, ...], str]] = [
    ("", {}, ("model.kind=acne",), "model.kind=acne is unknown: use one of anthropic, bedrock"),
    ("", {}, ("sandbox.provider=docker",), "sandbox.provider=docker is unknown: use one of local"),
    (
        "",
        {MODELS: {"acme": "acme_evalkit:gone"}},
        ACME,
        "AttributeError: module 'acme_evalkit' has no attribute 'gone'",
    ),
    (
        "import no_such_library",
        {MODELS: {"acme": "acme_evalkit:x"}},
        ACME,
        "No module named 'no_such_library'; correct",
    ),
    ("raise SystemExit(0)", {SANDBOXES: {"acme": "acme_evalkit:x"}}, BOX, "of package acme-evalkit 1.2: SystemExit: 0"),
    ("x = 3", {MODELS: {"acme": "acme_evalkit:x"}}, ACME, "names 3, not a function"),
    (
        "class Half:\n    id = 'half'\n    async def check(self): return ()\n\ndef x(config, opening): return Half()",
        *({MODELS: {"acme": "acme_evalkit:x"}}, ACME),
        "opens a Half without simulated, ceiling, floor, identity, where, watch, respond, cost_usd, close",
    ),
    ("", {}, ("+sandbox.options.image=small",), "sandbox.options is for other providers than sandbox.provider=local"),
]


@pytest.mark.parametrize(("code", "points", "overrides", "sentence"), FAULTS)
def test_a_provider_that_cannot_be_used_is_one_sentence_and_writes_nothing(
    code: str, points: dict[str, dict[str, str]], overrides: tuple[str, ...], sentence: str, tmp_path: Path
) -> None:
    install(tmp_path / "site", "acme-evalkit", "1.2", code, points)
    status, said, _ = launch(tmp_path / "here", tmp_path / "site", *overrides)
    assert (status, "Traceback" in said) == (2, False), said
    assert sentence in said
    assert list((tmp_path / "here").iterdir()) == []


def test_a_name_of_two_packages_is_refused_and_one_of_evalkits_own_stays_its_own(tmp_path: Path) -> None:
    for name in ("acme-evalkit", "other-evalkit"):
        code = "raise SystemError('loaded')"
        point = {"acme": f"{name.replace('-', '_')}:x", "simulated": f"{name.replace('-', '_')}:x"}
        install(tmp_path / "site", name, "1.2", code, {MODELS: point})
    status, said, _ = launch(tmp_path / "here", tmp_path / "site", *ACME)
    assert status == 2
    assert "declared by acme_evalkit:x of package acme-evalkit 1.2 and other_evalkit:x of package other" in said
    assert launch(tmp_path / "here", tmp_path / "site")[0] == 0


def test_a_secret_for_a_sandbox_is_refused_where_it_stands_in_a_file() -> None:
    config = Config(sandbox=SandboxConfig(provider="acme", options={"registry": {"api_key": "typed"}}))
    with pytest.raises(UserError, match=r"sandbox\.options\.registry\.api_key would write a secret to disk"):
        check_config(config)
