"""One problem: prompt, answer form, reference and hidden inputs, all from the same config and seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any, ClassVar

import numpy as np

from evalkit.tool import PythonExpression, SubmitAnswer, Tool

from . import inputs, reference, rules
from .config import Config

VECTORIZED = """\
- It is fully vectorized: no iteration in Python over sequences, positions, blocks or heads, in any disguise (`for`,
  `while`, a comprehension, `map`, recursion, `vmap` over a list, `.tolist()`, …). This is measured: when the batch, the
  context lengths, the number of heads or the number of blocks grow, the function executes no more Python and no more
  tensor operations.
"""


@dataclass(frozen=True)
class Spec:
    """The problem of one run."""

    config: Config
    seed: int

    answer_schema: ClassVar[Mapping[str, Any]] = {
        "type": "string",
        "description": f"Python source that defines {rules.FUNCTION}",
    }

    @property
    def prompt(self) -> str:
        """What the model is asked: every rule that the grader enforces, and no tolerance."""
        config = self.config
        grouped = config.num_kv_heads is not None
        template = Template(Path(__file__).with_name("prompt.md").read_text(encoding="utf-8"))
        return template.substitute(
            self.facts,
            cache_heads="num_kv_heads" if grouped else "num_heads",
            kv_sizes=f" num_kv_heads is {config.kv_heads}," if grouped else "",
            group_stays=" The number of query heads for each key/value head is always the same." if grouped else "",
            attention=_attention(config),
            accuracy=f"{config.stated_accuracy:g}",
            time_limit=f"{config.time_limit_s:g}",
            max_chars=f"{config.max_source_chars:,}",
            vectorized=VECTORIZED if config.vectorized else "",
            rules=rules.WORDS,
        ).strip()

    @property
    def tools(self) -> Sequence[Tool]:
        """What the model may call."""
        return PythonExpression(preload=("torch",)), SubmitAnswer(self.answer_schema)

    @property
    def facts(self) -> dict[str, str]:
        """Values that the prompt states, as Python would write them."""
        config = self.config
        names = ("block_size", "num_heads", "head_dim", "sliding_window", "logit_softcap")
        return {name: repr(getattr(config, name)) for name in names} | {
            "dtype": config.dtype,
            "num_kv_heads": repr(config.kv_heads),
        }

    def cases(self) -> list[inputs.Case]:
        """The hidden inputs, drawn anew each time: some MB that nobody should keep for every run."""
        rng = np.random.default_rng([self.config.hidden.seed, self.seed])
        return [inputs.build(self.config, sizes, rng) for sizes in inputs.draw_sizes(self.config, rng)]

    def larger(self, base: inputs.Sizes, what: str, units: int) -> inputs.Case:
        """A case of `base` with `what` grown by so many units."""
        rng = np.random.default_rng([self.config.hidden.seed, self.seed, units])
        return inputs.build(self.config, inputs.grow(self.config, base, what, units, rng), rng)

    def reference(self, case: inputs.Case) -> np.ndarray:
        """The exact output for one of them."""
        return reference.attend(self.config, case)


def _attention(config: Config) -> str:
    """What is computed, in one sentence and as many more as the variant needs."""
    window, cap = config.sliding_window, config.logit_softcap
    first = f"max(0, context_len−{window})" if window else "0"
    scores = "q·Kᵀ / sqrt(head_dim)"
    lines = [
        f"`softmax(scores) · V` over the positions {first} … context_len−1 only, separately for each sequence and head,"
    ]
    if cap:
        lines.append(f"where `scores = {cap:g} · tanh(({scores}) / {cap:g})` (a soft cap of the logits).")
    else:
        lines.append(f"where `scores = {scores}`.")
    if window:
        lines.append(f"Positions before these are outside the sliding window of {window} and take no part.")
    if config.num_kv_heads is not None:
        lines.append(
            "Grouped-query attention: query head `h` reads key/value head `h // (num_heads // num_kv_heads)` of the "
            "caches."
        )
    return "\n".join(lines)
