"""Paged attention: write one vectorized decoding step over a paged KV cache; graded on hidden inputs in a sandbox."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evalkit.sandbox.protocol import Sandbox
from evalkit.task.attempt import Attempt, GradingContext
from evalkit.task.grade import Grade, Measurement
from evalkit.task.problem import Problem
from evalkit.task.scripted_agents import ScriptedAgent, ScriptedTurn, Tokens, load_agents, submitting

from . import grade, inputs
from .config import Config, Hidden, Tolerances, check
from .spec import Spec

__all__ = ["Config", "Hidden", "Spec", "Task", "Tolerances"]

FOLDER = Path(__file__).parent


class Task:
    """Prompt, tools and grader."""

    Config = Config
    title = "Paged Attention Decode"
    categories = grade.CATEGORIES
    graded_by = ("tolerances",)

    def __init__(self, config: Config) -> None:
        check(config)
        self.config = config

    def spec(self, problem: Problem) -> Spec:
        """The same question for every run, with hidden inputs of its own."""
        return Spec(self.config, problem.seed)

    async def measure(self, attempt: Attempt, spec: Spec, context: GradingContext) -> Measurement:
        """Run the submission on the hidden inputs. Values: `max_abs_error` and `non_finite` per case, `work`."""
        return await grade.measure(attempt.answer, spec, context.sandbox)

    async def measure_many(self, answer: Any, specs: Sequence[Spec], sandbox: Sandbox) -> list[Measurement]:
        """The same on many problems, for audits."""
        return await grade.measure_many(answer, specs, sandbox)

    async def values(self, answer: Any, spec: Spec, sandbox: Sandbox) -> dict[str, list[float]] | None:
        """What a submission computes on inputs that have nothing to do with the hidden ones, for audits."""
        return await grade.outputs(answer, spec, inputs.probes(self.config), sandbox)

    def grade(self, measurement: Measurement) -> Grade:
        """Right if every element is within the tolerance."""
        return grade.grade(measurement, self.config.tolerances.output)

    def oracle(self, spec: Spec) -> ScriptedAgent:
        """Tries the reference solution once, then submits it."""
        source = solution(spec)
        look = {"name": "python_expression", "input": {"expression": source + TRIAL.format(**spec.facts)}}
        submit = {"name": "submit_answer", "input": {"answer": source}}
        return ScriptedAgent(
            "oracle",
            (
                ScriptedTurn(Tokens(700), "A quick check before I submit.", (look,)),
                ScriptedTurn(Tokens(600), "It runs and has the right shape.", (submit,)),
            ),
        )

    def solution(self, source: str, spec: Spec) -> ScriptedAgent:
        """Submits one source of solutions/."""
        return submitting(fitted(source, spec), name="solution")

    def agents(self, spec: Spec) -> Sequence[ScriptedAgent]:
        """Simulated agents, from the careful one to those that get lost in shapes."""
        return load_agents(FOLDER / "agents.yaml", spec.facts)


def solution(spec: Spec) -> str:
    """The reference in PyTorch for the variant that `spec` describes."""
    return fitted((FOLDER / "solutions" / "correct" / "gather.py").read_text(encoding="utf-8"), spec)


def fitted(source: str, spec: Spec) -> str:
    """A source with the constants of the variant, where it has any."""
    for name in ("sliding_window", "logit_softcap"):
        source = source.replace(f"{name.upper()} = None", f"{name.upper()} = {spec.facts[name]}")
    return source


TRIAL = """
torch.manual_seed(0)
query = torch.randn(2, {num_heads}, {head_dim}, dtype=torch.{dtype})
cache = torch.randn(2, 6, {num_kv_heads}, {block_size}, {head_dim}, dtype=torch.{dtype})
table = torch.tensor([[4, 1, -1], [0, 5, 2]])
lens = torch.tensor([{block_size} + 1, 2 * {block_size} + 1])
print(paged_attention_decode(query, cache[0], cache[1], table, lens).shape)
"""
