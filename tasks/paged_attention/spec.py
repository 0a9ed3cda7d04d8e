"""One problem: prompt, answer form, reference and hidden inputs, all from the same config and seed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from string import Template
from typing import Any, ClassVar

import numpy as np

from evalkit.task.tools import PythonExpression, SubmitAnswer, Tool

from . import inputs, reference, rules, work
from .config import Config

VECTORIZED = f"""\
- It is fully vectorized: no iteration in Python over sequences, positions, blocks or heads, in any disguise (`for`,
  `while`, a comprehension, `map`, recursion, `vmap` over a list, `.tolist()`, …). This is measured: when the batch, the
  context lengths, the number of heads or the number of blocks grow, the function executes no more Python and no more
  tensor operations. One call executes at most {work.MOST_OPERATIONS} tensor operations, and {work.MOST_STEPS} lines
  and calls of your code.
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
        """The hidden inputs. Some MB that nobody should keep for every run: the latest few problems are kept."""
        return list(_cases(self))

    def far_cases(self) -> Iterator[inputs.Case]:
        """More hidden inputs, so large that no loop can hide. Made one at a time: each has some MB."""
        made = (_far_case(self, what) for what in (*inputs.GROWING, *inputs.TOGETHER))
        return (case for case in made if case)

    def hidden_cases(self) -> list[inputs.Case]:
        """The first of them: those that only tell right from wrong values."""
        return list(_hidden_cases(self))

    def __hash__(self) -> int:
        return hash((repr(self.config), self.seed))

    @property
    def stated_accuracy(self) -> float:
        """How exact the prompt asks the output to be."""
        return self.config.stated_accuracy

    @property
    def hidden(self) -> list[float]:
        """Numbers that a model must not see: some of the first hidden case, and its right answer."""
        case = self.hidden_cases()[0]
        seen = (case.query.numpy(), case.key_cache.numpy(), case.value_cache.numpy(), self.reference(case))
        return [float(value) for array in seen for value in array.ravel()[:50]]

    @property
    def rules(self) -> dict[str, str]:
        """Every rule that the grader enforces → the words of the prompt that state it."""
        return requirements(self.config)

    def reference(self, case: inputs.Case) -> np.ndarray:
        """The exact output for one of them."""
        return _reference(self, case)


@lru_cache(maxsize=4)
def _cases(spec: Spec) -> tuple[inputs.Case, ...]:
    rng = np.random.default_rng([spec.config.hidden.seed, spec.seed])
    return tuple(inputs.build(spec.config, sizes, rng) for sizes in inputs.draw_sizes(spec.config, rng))


@lru_cache(maxsize=6)
def _far_case(spec: Spec, what: str) -> inputs.Case | None:
    number = (*inputs.GROWING, *inputs.TOGETHER).index(what)
    rng = np.random.default_rng([spec.config.hidden.seed, spec.seed, inputs.FAR, number])
    sizes = inputs.far_sizes(spec.config, what, rng)
    return inputs.build(spec.config, sizes, rng) if sizes else None


@lru_cache(maxsize=24)
def _reference(spec: Spec, case: inputs.Case) -> np.ndarray:
    return reference.attend(spec.config, case)


@lru_cache(maxsize=64)
def _hidden_cases(spec: Spec) -> tuple[inputs.Case, ...]:
    rng = np.random.default_rng([spec.config.hidden.seed, spec.seed])
    sizes = inputs.draw_sizes(spec.config, rng)[: spec.config.hidden.count]
    return tuple(inputs.build(spec.config, one, rng) for one in sizes)


def requirements(config: Config) -> dict[str, str]:
    """Rules by name, in the prompt's order."""
    window, cap = config.sliding_window, config.logit_softcap
    imports, torch, classes, attributes, builtins, called = rules.WORDS.split("\n- ")
    scores = (
        "scores = q·Kᵀ / sqrt(head_dim)" if not cap else f"scores = {cap:g} · tanh((q·Kᵀ / sqrt(head_dim)) / {cap:g})"
    )
    stated = {
        "function": f"def {rules.FUNCTION}(query, key_cache, value_cache, block_table, context_lens):",
        "padding": "the block of another sequence, 0, or -1. The output never depends on them",
        "block_table": "lies in slot `i % block_size` of the physical block `block_table[b, i // block_size]`",
        "shape": "Returns `output` [batch, num_heads, head_dim]",
        "dtype": "same dtype and device as `query`",
        "softmax": "`softmax(scores) · V` over the positions",
        "context_lens": f"over the positions {f'max(0, context_len−{window})' if window else '0'} … context_len−1 only",
        "heads": "separately for each sequence and head",
        "scores": scores,
        "sizes": "numbers of blocks and numbers of heads: read them from the shapes",
        "finite": "Every element of `output` is finite",
        "accuracy": f"within {config.stated_accuracy:g} of the exact result",
        "unmodified": "The arguments are not modified",
        "time_limit": f"takes less than {config.time_limit_s:g} seconds",
        "source": f"one string, at most {config.max_source_chars:,} characters, with `{rules.FUNCTION}` at its top",
        "imports": imports.removeprefix("- "),
        "torch": torch,
        "classes": classes,
        "attributes": attributes,
        "builtins": builtins,
        "called": called,
    }
    if config.vectorized:
        stated["vectorized"] = VECTORIZED
    if cap:
        stated["logit_softcap"] = scores
    if window:
        stated["sliding_window"] = f"Positions before these are outside the sliding window of {window} and take no part"
    if config.num_kv_heads is not None:
        stated["num_kv_heads"] = "query head `h` reads key/value head `h // (num_heads // num_kv_heads)`"
    return stated


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
