"""The shipped tasks: what their audits find, and that a new finding fails."""

from __future__ import annotations

import pytest
from evalkit_tasks.positional_attention import FOLDER

from evalkit.audit.findings import known_findings
from evalkit.audit.run import audit
from tests.launching import config_for

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("config", ["positional_attention", "positional_attention_textbook"])
async def test_the_published_task_has_exactly_its_known_findings(config, resources, tmp_path):
    found = await audit(config_for(f"task={config}", store=tmp_path), config, resources)
    assert {finding.name for finding in found.findings} == known_findings(FOLDER, config)
    assert "false-accept wrong/no_scale" in found.known
    assert (found.new, found.gone) == (set(), set())
    assert found.verdict.false_rejects.wrong == 0
    left_out = {id_ for ids in found.tried.same.values() for id_ in ids}
    assert len(left_out) > 60
    assert not left_out & {one.solution.id for one in (*found.verdict.wrong, *found.verdict.equivalent)}


async def test_arithmetic_is_clean(resources, tmp_path):
    found = await audit(config_for("task=arithmetic", store=tmp_path), "arithmetic", resources)
    assert found.findings == ()
    (row,) = found.tolerances.rows
    assert row.window == (0.0, pytest.approx(1e-6, rel=1e-3))
    assert found.verdict.false_accepts.of > 60


async def test_the_strict_task_is_clean(resources, tmp_path):
    name = "positional_attention_strict"
    found = await audit(config_for(f"task={name}", store=tmp_path), name, resources, seeds=3)
    assert found.findings == ()
    assert all(row.safe for row in found.tolerances.rows)
    assert len([one for one in found.verdict.wrong if one.solution.kind == "mutants"]) > 30  # each behaves differently
    assert all(found.promises.rules.values())


async def test_paged_attention_is_clean_and_its_window_is_wide(resources, tmp_path):
    config = config_for(
        "task=paged_attention", "task.time_limit_s=2", store=tmp_path
    )  # one solution waits for it, twice
    found = await audit(config, "paged_attention", resources, seeds=3, quick=True)
    assert found.findings == ()
    (row,) = found.tolerances.rows
    low, high = row.window
    assert low < 0.04 < 0.05 < 0.1 < high
    assert all(found.promises.rules.values())
    kinds = [one.solution.kind for one in (*found.verdict.right, *found.verdict.wrong)]
    assert kinds.count("correct") >= 6
    assert kinds.count("wrong") >= 15
    assert kinds.count("exploits") >= 8


async def test_where_no_tolerance_is_safe_a_larger_scale_is_tried_and_recommended(resources, tmp_path):
    config = config_for("task=positional_attention", "task.stated_accuracy=0.02", store=tmp_path)
    found = await audit(config, "positional_attention", resources, seeds=1, quick=True)
    said = [warning for warning in found.warnings if warning.startswith("task.tolerances.attention_weights")]
    assert "has no safe value: correct/a_little_" in said[0]
    assert "the softmax of head2_attention_weights is too flat to show the mistake" in said[1]
    assert "times as large" in said[1]
    assert "(tried on " in said[1]
