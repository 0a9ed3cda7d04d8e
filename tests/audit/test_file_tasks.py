"""Audits of tasks that grade files: a module to repair, graded as it stands."""

from __future__ import annotations

import pytest

from evalkit.audit.run import audit
from tests.launching import config_for

from .authors import write

pytestmark = pytest.mark.asyncio(loop_scope="module")

REPAIR = """
broken = "def words(text, most):\\n    counted = sorted(set(text), key=text.count)  # rarest first, always\\n"
broken += "    return counted[:most]\\n"
right = broken.replace("set(text)", "set(text.split())")

def spec(self, problem):
    return Repair(self.broken)

def oracle(self, spec):
    return played(self.right, spec, "oracle")

async def measure(self, attempt, spec, context):
    program = "import sys; sys.path.insert(0, '.'); from words import words; print(words('b a bb b', 9))"
    async with context.sandbox.session(files=attempt.artifacts) as session:
        output = await session.run(program, timeout_s=5)
    return Measurement({"error": 0.0 if output.stdout == "['a', 'bb', 'b']\\n" else 9.0})
"""
SPEC = """
from evalkit import ReadFile, WriteFile
from evalkit.task.playing import played


@dataclass(frozen=True)
class Repair:
    broken: str
    prompt = "Repair words.py: Do it."
    rules = {"it": "Do it."}
    answer_schema = {}
    tools = (ReadFile(), WriteFile())
    artifacts = ("*.py",)
    needs_submission = False
    play = "write:words.py"

    @property
    def files(self):
        return {"words.py": self.broken.encode()}


class Task:"""
WRONG = {
    "wrong__letters": "# breaks: it\ndef words(text, most):\n    return list(text)[:most]\n",
    "exploits__exits": "import sys; sys.exit(0)\n",
    "correct__another": "def words(text, most):\n    return sorted(set(text.split()), key=text.count)[:most]\n",
}


@pytest.fixture
def audited(tmp_path, monkeypatch, resources):
    async def audited(name, methods=REPAIR, spec=SPEC):
        monkeypatch.setenv("EVALKIT_PATH", str(tmp_path))
        write(tmp_path, name, methods, **WRONG)
        plugin = tmp_path / "tasks" / name / "__init__.py"
        plugin.write_text(plugin.read_text().replace("\nclass Task:", spec))
        return await audit(config_for(f"task={name}", store=tmp_path), name, resources)

    return audited


async def test_a_module_to_repair_is_audited_by_its_file_with_mutants_of_the_repaired_one(audited):
    found = await audited("repair")
    accepted = {finding.subject for finding in found.findings}
    assert {finding.kind for finding in found.findings} <= {"false-accept"}
    assert all(id_.startswith("mutants/") for id_ in accepted)  # the slice, which the tests do not look at
    assert any(one.solution.kind == "mutants" and one.fair for one in found.verdict.wrong)
    starts = [one for one in found.verdict.wrong if one.solution.kind == "starts"]
    assert starts and not any(one.accepted for one in starts)
    assert "wrong/letters" in found.stability.reordered  # graded again with its file


async def test_a_repaired_module_among_the_start_files_is_a_leak(audited):
    leaking = SPEC.replace("self.broken.encode()}", 'self.broken.encode(), "old/words.txt": Task.right.encode()}')
    found = await audited("repair_leaking", spec=leaking)
    assert {finding.name for finding in found.findings if finding.kind == "leak"} == {
        "leak file old/words.txt",
        "leak workspace",
    }


async def test_a_file_that_equals_the_references_is_no_false_accept(audited):
    methods = (
        REPAIR
        + """
def solution(self, source, spec):
    return played(self.right if "return list" in source else source, spec)
"""
    )
    found = await audited("repair_equal", methods=methods)
    assert [one.solution.id for one in found.verdict.equivalent] == ["wrong/letters"]


async def test_a_module_that_is_right_from_the_start_passes_without_anything_done(audited):
    found = await audited("repair_done", methods=REPAIR.replace("Repair(self.broken)", "Repair(self.right)"))
    assert "start-passes starts/noop" in {finding.name for finding in found.findings}
