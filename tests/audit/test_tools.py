"""A tool that remembers beyond its rollout is a finding; one that remembers in `context.state` is none."""

from __future__ import annotations

import pytest

from evalkit.audit.run import audit
from tests.launching import config_for

from .authors import TEXT, write

COUNTS = (
    TEXT
    + """
def spec(self, problem):
    from evalkit import tool

    def count(context):
        kept = context.state
        kept["calls"] = kept.get("calls", 0) + 1
        return f"call {kept['calls']} of {object()}"

    class Counted(Spec):
        tools = (tool("count", "Count.", {}, count), SubmitAnswer({}))

    return Counted(problem.seed % 7)
"""
)


@pytest.mark.parametrize(("kept", "found"), [("context.state", False), ("vars(self)", True)])
@pytest.mark.asyncio(loop_scope="module")
async def test_state_that_leaks_into_the_next_rollout_is_a_finding(kept, found, resources, tmp_path, monkeypatch):
    name = f"counts_{'self' if found else 'state'}"
    monkeypatch.setenv("EVALKIT_PATH", str(tmp_path))
    write(tmp_path, name, COUNTS.replace("kept = context.state", f"kept = {kept}"))
    made = await audit(config_for(f"task={name}", store=tmp_path), name, resources, seeds=2, quick=True, mutants=False)
    changing = [finding for finding in made.findings if finding.kind == "changing-reply"]
    assert [finding.name for finding in changing] == ["changing-reply tool count"] * found
    assert all("keep what it remembers in context.state" in finding.message for finding in changing)
