"""A deliberately broken copy of each task is caught by name."""

from __future__ import annotations

import pytest

from evalkit.audit.run import audit
from evalkit.sampling.resources import Resources
from tests.launching import config_for

from .broken import ARITHMETIC, PAGED, POSITIONAL, Break, copy


@pytest.mark.parametrize(
    "broken", [*ARITHMETIC, *POSITIONAL, *PAGED], ids=lambda broken: f"{broken.task}-{broken.what}"
)
@pytest.mark.asyncio(loop_scope="module")
async def test_a_broken_copy_is_caught_by_name(broken: Break, resources: Resources, tmp_path, monkeypatch):
    name = copy(broken, tmp_path)
    monkeypatch.setenv("EVALKIT_PATH", str(tmp_path))
    found = await audit(config_for(f"task={name}", store=tmp_path), name, resources, seeds=2, quick=True)
    names = {finding.name for finding in found.findings}
    assert set(broken.found) <= names
    assert all(finding.message for finding in found.findings)
