"""Facets: which cells belong together, and the one whose rollouts say what the others would have been."""

from __future__ import annotations

from dataclasses import replace

from evalkit.landscape.facets import facets
from evalkit.landscape.knobs import Entry, swept

FIXED = ["task=arithmetic", "model=simulated", "runs.count=2"]


async def test_cells_of_one_set_have_a_top_and_cells_of_several_have_none(sweep) -> None:
    results = await sweep(FIXED, {"task.tolerances.answer": ["0.1", "1"]})
    entries = [Entry.of(result) for result in results]
    (together,) = facets(entries, swept(entries))
    assert together.top in entries
    apart = [entries[0], replace(entries[1], rollouts="another/set")]
    (separate,) = facets(apart, swept(apart))
    assert separate.top is None


async def test_every_value_of_a_knob_that_needs_rollouts_of_its_own_is_a_facet(sweep) -> None:
    results = await sweep(FIXED, {"runs.seed": ["1", "2"], "limits.max_tokens": ["100", "2900"]})
    entries = [Entry.of(result) for result in results]
    found = facets(entries, swept(entries))
    assert [dict(facet.fixed) for facet in found] == [{"runs.seed": "1"}, {"runs.seed": "2"}]
    assert [facet.top and facet.top.limits.max_tokens for facet in found] == [2900, 2900]
