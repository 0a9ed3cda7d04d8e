"""Rollout keys: everything a conversation can depend on changes them, nothing else does."""

from pathlib import Path

import pytest

from evalkit.model import Opening, open_model
from evalkit.sampling.keys import grader_digest, measurement_key, rollout_key
from evalkit.sampling.problem_set import problem_set
from evalkit.task import grade
from evalkit.task.registry import load_task
from evalkit.util.versions import versions
from tests.launching import config_for
from tests.owntask import write_task

BASE = ("task=positional_attention", "model=simulated")
REAL = (*BASE[:1], "model=claude")


def key(*overrides, base=BASE):
    config = config_for(*base, *overrides)
    task = load_task(config.task)
    model = open_model(config.model, Opening(task, problem_set(config, task).specs(task), config.runs.seed))
    return rollout_key(config, task, model, problem_set(config, task)).digest


@pytest.mark.parametrize(
    "override",
    [
        "runs.seed=1",
        "task.mask=future",
        "task.stated_accuracy=0.01",
        "task.data=seeded",
        "agent.nudges=2",
        "agent.nudge=Go on.",
        "limits.tool_timeout_s=5",
        "limits.timeout_s=99",
        "sandbox.output_kb=1",
        "sandbox.memory_mb=512",
        "task=positional_attention_textbook",
        "task=arithmetic",
        "model=noop",
    ],
)
def test_what_a_conversation_can_depend_on_changes_the_key(override):
    assert key(override) != key()


@pytest.mark.parametrize(
    "override",
    [
        "model.id=claude-opus-5-5",
        "+model.params.temperature=0.5",
        "+model.params.thinking={type: enabled, budget_tokens: 2000}",
        "+model.headers.anthropic-beta=x",
        "model.base_url=http://127.0.0.1:9",
    ],
)
def test_the_model_and_what_is_asked_of_it_change_the_key(override, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test-not-a-key")
    assert key(override, base=REAL) != key(base=REAL)


@pytest.mark.parametrize(
    "override",
    [
        "task.tolerances.attention_weights=0.05",
        "task.success=full",
        "task.require_mask_evidence=true",
        "band.low=0.2",
        "band.confidence=0.9",
        "limits.max_tokens=1500",
        "limits.max_steps=3",
        "limits.max_tokens_per_turn=400",
        "limits.max_cost_usd=1",
        "runs.count=99",
        "runs.concurrency=2",
        "verbose=true",
        "reuse=exact",
        "sandbox.pool=0",
        "sandbox.allow_weak=true",
        "sandbox.level=weak",
    ],
)
def test_what_a_model_cannot_see_does_not(override):
    assert key(override) == key()


@pytest.mark.parametrize("override", ["model.max_retries=1", "model.timeout_s=9", "model.cache_prompt=false"])
def test_how_a_model_is_reached_does_not(override, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test-not-a-key")
    assert key(override, base=REAL) == key(base=REAL)


def test_a_conversation_can_depend_on_these_and_nothing_else():
    """Whoever adds a part or takes one away decides anew which rollouts are the same."""
    config = config_for(*BASE)
    task = load_task(config.task)
    model = open_model(config.model, Opening(task, problem_set(config, task).specs(task), config.runs.seed))
    assert set(rollout_key(config, task, model, problem_set(config, task)).parts) == {
        *("prompt", "system", "tools", "behind_tools", "files", "agent", "model", "sandbox"),
        *("tool_timeout_s", "timeout_s", "versions", "seed"),
    }


@pytest.mark.parametrize("name", ["python", "numpy", "torch"])
def test_versions_change_the_key(name, monkeypatch):
    before = key()
    monkeypatch.setitem(versions(), name, "0.0")
    assert key() != before


def test_a_file_in_the_workspace_of_the_first_run_changes_the_key(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    more = "    files = property(lambda self: {'data.csv': self.config.expression.encode()})\n    answer_schema"
    name = write_task(tmp_path, "    answer_schema", more, '{self.config.expression}."', '."')
    base = ("task=arithmetic", f"task.name={name}", "model=oracle")
    assert key("task.expression=7", base=base) != key(base=base) == key(base=base)


def test_the_key_of_the_environment_is_in_no_key(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test-one")
    one = key(base=REAL)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test-two")
    assert key(base=REAL) == one


def test_code_of_a_tool_changes_the_key(tmp_path, monkeypatch):
    """A tool whose definition is the same but whose code is not makes another conversation."""
    before = key()
    import evalkit.task.tools.ready as tool_module

    source = tmp_path / "tool.py"
    source.write_text(Path(tool_module.__file__).read_text() + "\n# changed\n")
    monkeypatch.setattr(tool_module, "__file__", str(source))
    assert key() != before


def measured(*overrides):
    config = config_for(*BASE, *overrides)
    return measurement_key(config, load_task(config.task))


def test_measurements_depend_on_what_the_grader_sees_and_not_on_thresholds():
    assert measured("task.tolerances.output=1") == measured()
    assert measured("task.success=full") == measured()
    assert measured("task.mask=future") != measured()
    assert measured("runs.seed=1") != measured()


def test_measurements_depend_on_the_help_that_evalkit_gives_with_grading(tmp_path, monkeypatch):
    before = measured()
    source = tmp_path / "grading.py"
    source.write_text(Path(grade.__file__).read_text() + "\n# changed\n")
    monkeypatch.setattr(grade, "__file__", str(source))
    assert measured() != before


def test_measurements_depend_on_versions(monkeypatch):
    before = measured()
    monkeypatch.setitem(versions(), "python", "3.99")
    assert measured() != before


def test_measurements_depend_on_a_file_that_a_knob_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = config_for("task=arithmetic", f"task.name={write_task(tmp_path)}", "task.expression=elsewhere/data.json")
    (tmp_path / "elsewhere").mkdir()
    keys = set()
    for content in "121":
        (tmp_path / "elsewhere" / "data.json").write_text(content)
        keys.add(measurement_key(config, load_task(config.task)))
    assert len(keys) == 2


def test_a_task_whose_class_lies_elsewhere_is_graded_by_the_files_of_its_own_folder_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    base, name = write_task(tmp_path), "re_exported"
    own = tmp_path / "tasks" / name
    own.mkdir()
    (own / "__init__.py").write_text(f"from evalkit_tasks.{base} import Task\n")
    node = ("task=arithmetic", f"task.name={name}")
    digests = set()
    for folder in (own, tmp_path / "tasks" / base):
        for content in "12":
            (folder / "expected.json").write_text(content)
            config = config_for(*node)
            digests.add(grader_digest(config, load_task(config.task)))
    assert len(digests) == 4
