"""Every shipped task, in every shipped variant: the oracle passes through the real tools, doing nothing fails."""

from evalkit.config.search_path import bundled
from evalkit.engine.cells import Cell
from evalkit.engine.engine import Engine
from evalkit.results.runs import Outcome
from evalkit.sampling.resources import Resources
from tests.launching import Watcher, config_for

VARIANTS = sorted(path.stem for path in (bundled("conf") / "task").glob("*.yaml"))


async def test_the_oracle_passes_and_doing_nothing_fails_in_every_variant(tmp_path):
    cells = []
    for name in VARIANTS:
        for model in ("oracle", "noop"):
            folder = tmp_path / name / model
            folder.mkdir(parents=True)
            config = config_for(f"task={name}", f"model={model}", "runs.count=1", store=tmp_path / "store")
            cells.append(Cell(config, folder, {}, len(cells)))
    resources = Resources()
    try:
        results = await Engine(Watcher(), resources).run(cells)
    finally:
        await resources.close()
    found = {f"{result.cell.folder.parent.name} {result.cell.folder.name}": result.runs[0] for result in results}
    assert len(found) == 2 * len(VARIANTS) >= 18
    for name in VARIANTS:
        assert found[f"{name} oracle"].outcome is Outcome.PASSED, (name, found[f"{name} oracle"].message)
        noop = found[f"{name} noop"]
        assert (noop.outcome, noop.grade.category) == (Outcome.FAILED, "no_submission")
