"""Copies of shipped tasks with one thing broken in each, and the name under which the audit must report it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from evalkit.config.search_path import bundled

TELLING = '''

@dataclass(frozen=True)
class Telling(SubmitAnswer):
    """Says what it should keep to itself."""

    secret: str = ""

    async def __call__(self, input, context):
        from dataclasses import replace

        result = await super().__call__(input, context)
        return replace(result, content=f"{result.content} (expected {self.secret})")

'''
"""A `submit_answer` that tells the answer in its reply."""

HINT = '''

@dataclass(frozen=True)
class Hint:
    """Returns plain text, as a tool may."""

    secret: str
    name: str = "hint"
    description: str = "A hint."
    input_schema: ClassVar[Mapping[str, Any]] = {"type": "object", "properties": {}}

    async def __call__(self, input, context):
        return f"It is {self.secret}."

'''


@dataclass(frozen=True)
class Break:
    """One way to break a task."""

    task: str
    """Config that it starts from."""
    what: str
    found: Sequence[str]
    """Names of findings that the audit must report; those of a clean audit are none."""
    edits: Sequence[tuple[str, str, str]] = ()
    """File, text in it, what takes its place."""
    knobs: Mapping[str, object] = field(default_factory=dict)
    """Nested values of the `task` node."""


ARITHMETIC = [
    Break(
        "arithmetic",
        "prompt_and_grader_disagree",
        ["unstated expression"],
        [("__init__.py", 'f"Calculate {self.expression}, where', 'f"Calculate {self.expression} + 1, where')],
    ),
    Break(
        "arithmetic",
        "grader_and_prompt_disagree",
        ["oracle-fails correct/oracle", "false-reject correct/as_it_stands"],
        [("__init__.py", "return found", "return 8770.0")],
    ),
    Break(
        "arithmetic",
        "tolerance_too_wide",
        ["false-accept wrong/off_by_one", "false-accept wrong/one_less"],
        knobs={"tolerances": {"answer": 1.5}},
    ),
    Break(
        "arithmetic",
        "flag_trusted",
        ["false-accept exploits/claims_success"],
        [
            (
                "__init__.py",
                "        number = as_number(attempt.answer)\n",
                '        claims = isinstance(attempt.answer, dict) and attempt.answer.get("passed")\n'
                "        number = spec.expected if claims else as_number(attempt.answer)\n",
            )
        ],
    ),
    Break(
        "arithmetic",
        "answer_in_a_reply_of_plain_text",
        ["leak reply of hint (1)"],
        [
            ("__init__.py", "\n@dataclass(frozen=True)\nclass Spec:", HINT + "\n@dataclass(frozen=True)\nclass Spec:"),
            ("__init__.py", "PythonExpression(), Sub", "PythonExpression(), Hint(str(self.expected)), Sub"),
        ],
    ),
    Break(
        "arithmetic",
        "answer_in_a_reply",
        ["leak reply of submit_answer (1)"],
        [
            (
                "__init__.py",
                "\n@dataclass(frozen=True)\nclass Spec:",
                TELLING + "\n@dataclass(frozen=True)\nclass Spec:",
            ),
            (
                "__init__.py",
                "SubmitAnswer(self.answer_schema)",
                "Telling(self.answer_schema, secret=str(self.expected))",
            ),
        ],
    ),
    Break(
        "arithmetic",
        "correct_rejected",
        ["false-reject correct/with_separators", "false-reject correct/as_text"],
        [
            (
                "__init__.py",
                "as_number(attempt.answer)",
                "answer if isinstance(answer := attempt.answer, int | float) else None",
            )
        ],
    ),
    Break(
        "arithmetic",
        "grader_raises",
        ["grader-exception wrong/in_words"],
        [("__init__.py", "as_number(attempt.answer)", 'float(str(attempt.answer).replace(",", ""))')],
    ),
    Break(
        "arithmetic",
        "verdict_by_chance",
        ["changing-verdict correct/oracle"],
        [("__init__.py", "if check.passed:", "import random\n        if check.passed and random.random() < 0.7:")],
    ),
    Break(
        "arithmetic",
        "tolerance_turned_round",
        ["not-monotone task.tolerances.answer"],
        [
            (
                "__init__.py",
                "if check.passed:",
                'if check.passed and self.config.tolerances.answer < 100 or measurement.values["error"] == 50:',
            )
        ],
    ),
]

POSITIONAL = [
    Break(
        "positional_attention_strict",
        "prompt_and_grader_disagree",
        ["unstated mask"],
        [("prompt.md", "`A[i, j] = -inf` where `$removed`", "`A[i, j] = -inf` where `j > i`")],
    ),
    Break(
        "positional_attention_strict",
        "grader_and_prompt_disagree",  # as in the code that was published with the task
        [
            "oracle-fails correct/oracle",
            "false-reject correct/einsum",
            "false-accept wrong/values_from_the_other_matrix",
        ],
        [("spec.py", "return Recipe(self.values_from,", 'return Recipe("values",')],
    ),
    Break(
        "positional_attention_strict",
        "tolerance_too_wide",
        ["false-accept wrong/two_decimals", "unenforced accuracy"],
        knobs={"tolerances": {"position_encoding": 0.1, "attention_weights": 0.1, "output": 0.1}},
    ),
    Break(
        "positional_attention_strict",
        "tolerance_too_tight",
        ["too-tight task.tolerances.output", "false-reject correct/a_little_above"],
        knobs={"tolerances": {"output": 0.0005}},
    ),
    Break(
        "positional_attention_strict",
        "flag_trusted",
        ["false-accept exploits/claims_a_mask"],
        [
            (
                "verdict.py",
                '        values = measurement.values\n        found, flag = self._errors(values), values["flag"]\n',
                '        values = measurement.values\n        found, flag = self._errors(values), values["flag"]\n'
                "        found = dict.fromkeys(found, 0.0) if flag else found\n",
            )
        ],
    ),
    Break(
        "positional_attention_strict",
        "answer_in_a_reply",
        ["leak reply of submit_answer (1)"],
        [
            ("spec.py", "\n@dataclass(frozen=True)\nclass Spec:", TELLING + "\n@dataclass(frozen=True)\nclass Spec:"),
            (
                "spec.py",
                "SubmitAnswer(self.answer_schema)",
                'Telling(self.answer_schema, secret=str(self.exact["final_output"].tolist()))',
            ),
        ],
    ),
    Break(
        "positional_attention_strict",
        "correct_rejected",
        ["false-reject correct/json_text"],
        [("measure.py", "    if not isinstance(answer, str):\n", "    if True:\n")],
    ),
]

PAGED = [
    Break(
        "paged_attention",
        "prompt_and_grader_disagree",
        ["unstated block_table"],
        [("prompt.md", "`block_table[b, i // block_size]`", "`block_table[i // block_size, b]`")],
    ),
    Break(
        "paged_attention",
        "grader_and_prompt_disagree",
        ["oracle-fails correct/oracle", "false-reject correct/bmm", "false-accept wrong/missing_scale"],
        [("reference.py", " / np.sqrt(config.head_dim)", "")],
    ),
    Break(
        "paged_attention",
        "tolerance_too_wide",
        ["false-accept wrong/keys_in_quarters", "unenforced accuracy"],
        knobs={"tolerances": {"output": 1.0}},
    ),
    Break(
        "paged_attention",
        "flag_trusted",
        ["false-accept exploits/prints_verified"],
        [
            (
                "grade.py",
                "    source = read_source(answer, spec.config.max_source_chars)\n    if isinstance(source, Fault):\n"
                "        return Measurement(fault=source)\n",
                "    source = read_source(answer, spec.config.max_source_chars)\n    if isinstance(source, Fault):\n"
                "        return Measurement(fault=source)\n"
                '    if "VERIFIED" in source:\n'
                '        return Measurement({"max_abs_error": [0.0], "non_finite": [0], "work": {}})\n',
            )
        ],
    ),
    Break(
        "paged_attention",
        "answer_in_a_reply",
        ["leak reply of submit_answer (1)"],
        [
            ("spec.py", "\n@dataclass(frozen=True)\nclass Spec:", TELLING + "\n@dataclass(frozen=True)\nclass Spec:"),
            (
                "spec.py",
                "SubmitAnswer(self.answer_schema)",
                "Telling(self.answer_schema, secret=str(self.hidden[-5:]))",
            ),
        ],
    ),
    Break(
        "paged_attention",
        "correct_rejected",
        ["false-reject correct/bmm"],
        [("rules.yaml", "    apply_ associative_scan", "    bmm apply_ associative_scan")],
    ),
]

KEPT = {
    "paged_attention": {
        "correct": ("bmm", "gather"),
        "wrong": ("missing_scale", "keys_in_quarters", "ignores_the_block_table"),
        "exploits": ("prints_verified", "zeros"),
    }
}
"""Solutions of slow tasks that a copy keeps."""


def copy(broken: Break, root: Path) -> str:
    """Make the broken task in `root`/tasks and `root`/conf; its name, which no other task has."""
    plugin = broken.task.removesuffix("_strict")
    name = f"{plugin}_{broken.what}"
    folder = root / "tasks" / name
    shutil.copytree(bundled("tasks") / plugin, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for kind, kept in KEPT.get(plugin, {}).items():
        for path in (folder / "solutions" / kind).glob("*.py"):
            if path.stem not in kept:
                path.unlink()
        (folder / "agents.yaml").write_text("[{name: idle, turns: [{tokens: {median: 1}}]}]")
    for file, before, after in broken.edits:
        text = (folder / file).read_text(encoding="utf-8")
        assert before in text, f"{file} of {plugin} has changed: {before!r} is gone"
        (folder / file).write_text(text.replace(before, after, 1), encoding="utf-8")
    conf = root / "conf" / "task" / f"{name}.yaml"
    conf.parent.mkdir(parents=True)
    node = {"defaults": [broken.task, "_self_"], "task": {"name": name, **broken.knobs}}
    conf.write_text("# @package _global_\n" + yaml.safe_dump(node, sort_keys=False), encoding="utf-8")
    return name
