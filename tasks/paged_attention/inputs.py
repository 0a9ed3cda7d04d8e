"""Hidden inputs on which every position matters: a submission that misses one, or reads one too many, is far off.

The scores are chosen first and the keys solved for them. Within the context of a sequence each position is a
peak of the softmax of some head. Whatever must not be read (slots past the end, blocks of nobody, positions
before the sliding window) would get an even higher score than the peaks.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from evalkit.sandbox.tensor_bytes import Tensor

from .config import Config

PEAK, VALLEY, TRAP = 0.0, -4.0, 2.0
"""Mean scores of the positions that a head attends to, of those it does not, and of what must not be read."""
SPREAD = 0.4
"""Standard deviation of the scores of peaks: their order and weights must come out right as well."""
CAPPED_AT = 0.5
"""With a soft cap, the middle of the capped scores as a share of the cap: where it bends them clearly."""


@dataclass(frozen=True)
class Sizes:
    """Everything that a hidden case may vary; the rest (`block_size`, `head_dim`) is fixed by the config."""

    label: str
    context_lens: tuple[int, ...]
    num_heads: int
    num_kv_heads: int
    spare_columns: int
    """Columns of the block table that no sequence uses."""
    spare_blocks: int
    """Physical blocks that belong to no sequence."""

    @property
    def grown(self) -> str:
        """What is larger than in the case to compare with; empty where that is the same for all."""
        return "" if self.label == "base" or self.label.startswith("case ") else self.label.removeprefix("far ")

    @property
    def batch(self) -> int:
        """Sequences."""
        return len(self.context_lens)


@dataclass(frozen=True)
class Case:
    """One call of the function: its arguments, in the order of the signature."""

    sizes: Sizes
    query: Tensor
    key_cache: Tensor
    value_cache: Tensor
    block_table: Tensor
    context_lens: Tensor

    @property
    def arguments(self) -> tuple[Tensor, ...]:
        """As they are passed."""
        return self.query, self.key_cache, self.value_cache, self.block_table, self.context_lens


GROWING = ("batch", "context length", "heads", "blocks")
"""Sizes with which the work of a vectorized function does not grow."""
FAR, FAR_TOGETHER = 256, 128
"""How far each of them grows a second time, with the others small; and how far several grow together, at most."""
FAR_BYTES, PADDED_BYTES = 2 << 20, 16 << 20
"""About the bytes of a float32 cache where one grows, and of keys that are gathered and padded where several do."""
FEWEST = 6
"""Sizes that grow together by no more than this are no case: the base has as many."""


def draw_sizes(config: Config, rng: np.random.Generator) -> list[Sizes]:
    """The hidden cases, then five more: one to compare with, and one for each size that grows.

    Lengths and batch sizes of all of them are drawn, so that no submission can tell them apart.
    """
    hidden = config.hidden
    cases = []
    for index in range(hidden.count):
        lens = _draw_lengths(config, hidden.batch_sizes[index % len(hidden.batch_sizes)], rng)
        if index == 0:
            lens = (*_edges(config), *lens[3:])[: len(lens)]
        cases.append(_sizes(config, f"case {index + 1}", lens))
    base = _sizes(config, "base", _draw_lengths(config, int(rng.integers(3, 4, endpoint=True)), rng))
    return [*cases, base, *(grow(config, base, what, hidden.growth, rng) for what in GROWING)]


TOGETHER = ("batch and context length", "batch, context length and heads")
"""Sizes that grow together as well: a loop over whichever of them is smallest grows with none of them alone."""


def far_sizes(config: Config, what: str, rng: np.random.Generator) -> Sizes | None:
    """One of `GROWING` far beyond what anybody would pad to and all others small, or `TOGETHER`; None without room.

    Where batch and context grow together, one sequence is long: little data, and no smaller size to loop over.
    """
    short, kv_heads = 2 * config.block_size, min(2, config.kv_heads)
    room = FAR_BYTES // (4 * config.block_size * config.head_dim)  # in blocks of one key/value head
    if what in GROWING:
        units = min(FAR, room // 4)
        small = _sizes(config, "small", _draw_lengths(config, 2, rng, short), kv_heads)
        grown = replace(grow(config, small, what, units, rng, short), label=f"far {what}")
        return grown if units > config.hidden.growth else None
    room = PADDED_BYTES // (4 * config.block_size * config.head_dim * (config.num_heads // config.kv_heads))
    count = min(FAR_TOGETHER, math.isqrt(room) if what == TOGETHER[0] else int(room ** (1 / 3)))
    lens = [
        *_draw_lengths(config, count - 1, rng, short),
        count * config.block_size - int(rng.integers(config.block_size)),
    ]
    heads = 1 if what == TOGETHER[0] else count
    return _sizes(config, what, tuple(int(n) for n in rng.permutation(lens)), heads) if count > FEWEST else None


def grow(
    config: Config, base: Sizes, what: str, units: int, rng: np.random.Generator, most: int | None = None
) -> Sizes:
    """`base` with so many more sequences, blocks of context, key/value heads, or blocks that nobody uses."""
    lens, kv_heads = base.context_lens, base.num_kv_heads
    if what == "batch":
        lens += _draw_lengths(config, units, rng, most)
    elif what == "context length":
        lens = tuple(n + units * config.block_size for n in lens)
    elif what == "heads":
        kv_heads += units
    return _sizes(config, what, lens, kv_heads, base.spare_blocks + units * (what == "blocks"))


def _sizes(config: Config, label: str, lens: tuple[int, ...], kv_heads: int = 0, spare: int = 2) -> Sizes:
    kv_heads = kv_heads or config.kv_heads
    return Sizes(label, lens, kv_heads * config.num_heads // config.kv_heads, kv_heads, spare, spare)


def _range(config: Config) -> tuple[int, int]:
    shortest, longest = config.hidden.context_lengths
    if config.sliding_window:
        longest = max(longest, config.sliding_window + config.block_size + 1)  # else the window would change nothing
    return shortest, longest


def _draw_lengths(config: Config, batch: int, rng: np.random.Generator, most: int | None = None) -> tuple[int, ...]:
    """Context lengths, none above `most`, full blocks avoided where there is a choice."""
    shortest, longest = (min(n, most or n) for n in _range(config))
    drawn = rng.integers(shortest, longest, batch, endpoint=True)
    return tuple(int(n) for n in np.where(drawn % config.block_size == 0, np.maximum(drawn - 1, shortest), drawn))


def _edges(config: Config) -> tuple[int, ...]:
    """The longest context, a block that is just full, and the shortest."""
    shortest, longest = _range(config)
    return longest, min(max(config.block_size, shortest), longest), shortest


def build(config: Config, sizes: Sizes, rng: np.random.Generator) -> Case:
    """Draw one case of the given sizes, rounded to the config's dtype."""
    table, blocks, owner = _allocate(config, sizes, rng)
    dim, group = config.head_dim, sizes.num_heads // sizes.num_kv_heads
    query = rng.standard_normal((sizes.batch, sizes.num_kv_heads, group, dim))
    scores = _scores(config, sizes, table, owner, rng)  # [blocks, kv heads, block size, group]
    mine = query[owner[:, 0]]  # the queries that could read a block: [blocks, kv heads, group, dim]
    inverse = np.linalg.pinv(query)[owner[:, 0]]  # [blocks, kv heads, dim, group]
    noise = rng.standard_normal((blocks, sizes.num_kv_heads, config.block_size, dim))
    wanted = scores * np.sqrt(dim) - np.einsum("nhsd,nhgd->nhsg", noise, mine)
    keys = noise + np.einsum("nhsg,nhdg->nhsd", wanted, inverse)
    return Case(
        sizes,
        query=Tensor.of(query.reshape(sizes.batch, sizes.num_heads, dim), config.dtype),
        key_cache=Tensor.of(keys, config.dtype),
        value_cache=Tensor.of(rng.standard_normal(keys.shape), config.dtype),
        block_table=Tensor.of(table, "int64"),
        context_lens=Tensor.of(np.array(sizes.context_lens), "int64"),
    )


PROBE_SCALE = 2.0
"""Standard deviation of a probe's queries: scores of some units, a softmax that is neither flat nor a maximum."""


def probes(config: Config, count: int = 6) -> list[Case]:
    """Plain random inputs, drawn without any thought of the grader: they show whether two functions are the same.

    Contexts of one position, of full blocks, just over them, and of any length. Always the same for a config.
    """
    rng = np.random.default_rng(20_260_101)
    longest = max(4 * config.block_size, 2 * (config.sliding_window or 1) + config.block_size)
    drawn = []
    for number in range(1, count + 1):
        lens = [1, config.block_size, config.block_size + 1, *rng.integers(1, longest, 3, endpoint=True)]
        chosen = tuple(int(n) for n in rng.permutation(lens)[:number])
        drawn.append(_plain(config, _sizes(config, f"probe {number}", chosen), rng))
    return drawn


def _plain(config: Config, sizes: Sizes, rng: np.random.Generator) -> Case:
    table, blocks, _ = _allocate(config, sizes, rng)
    cache = (blocks, sizes.num_kv_heads, config.block_size, config.head_dim)
    query = PROBE_SCALE * rng.standard_normal((sizes.batch, sizes.num_heads, config.head_dim))
    return Case(
        sizes,
        query=Tensor.of(query, config.dtype),
        key_cache=Tensor.of(rng.standard_normal(cache), config.dtype),
        value_cache=Tensor.of(rng.standard_normal(cache), config.dtype),
        block_table=Tensor.of(table, "int64"),
        context_lens=Tensor.of(np.array(sizes.context_lens), "int64"),
    )


def _allocate(config: Config, sizes: Sizes, rng: np.random.Generator) -> tuple[np.ndarray, int, np.ndarray]:
    """Hand out physical blocks as an allocator that has run for a while would.

    Returns the block table with what such an allocator leaves in its padding, the number of blocks, and for
    each block its `(sequence, logical block)`, or `(some sequence, -1)` for a block of nobody.
    """
    used = [-(-n // config.block_size) for n in sizes.context_lens]
    blocks = sum(used) + sizes.spare_blocks
    # The last block stays nobody's: it is what a padding entry of -1 reads by accident.
    order = rng.permutation(blocks - 1)[: sum(used)]
    owner = np.stack([rng.integers(0, sizes.batch, blocks), np.full(blocks, -1)], axis=1)
    table = rng.choice(order, (sizes.batch, max(used) + sizes.spare_columns))  # another sequence's, or an old one
    leftover = rng.random(table.shape)
    table[leftover < 0.4] = 0
    table[leftover < 0.2] = -1
    table[0, used[0] :] = -1  # every case has some
    start = 0
    for sequence, count in enumerate(used):
        mine = order[start : start + count]
        table[sequence, :count] = mine
        owner[mine] = np.stack([np.full(count, sequence), np.arange(count)], axis=1)
        start += count
    return table, blocks, owner


def _scores(config: Config, sizes: Sizes, table: np.ndarray, owner: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The score `q·k / sqrt(head_dim)` that each slot shall have for each head of its sequence, before any cap."""
    group = sizes.num_heads // sizes.num_kv_heads
    lens = np.array(sizes.context_lens)[owner[:, 0]][:, None]
    position = owner[:, 1:] * config.block_size + np.arange(config.block_size)  # [blocks, block size]
    first = np.maximum(lens - (config.sliding_window or lens), 0)
    readable = (owner[:, 1:] >= 0) & (position >= first) & (position < lens)
    edge = (position == first) | (position == lens - 1)
    head = np.arange(sizes.num_heads).reshape(1, sizes.num_kv_heads, 1, group)
    comb = min(sizes.num_heads, 8)
    peak = ((position[:, None, :, None] + owner[:, :1, None, None]) % comb == head % comb) | edge[:, None, :, None]
    mean = np.where(readable[:, None, :, None], np.where(peak, PEAK, VALLEY), TRAP)
    scores = mean + SPREAD * rng.standard_normal(mean.shape)
    if config.logit_softcap is None:
        return scores
    cap = config.logit_softcap
    capped = CAPPED_AT + scores * min(1 / cap, 0.09)  # well inside (-1, 1): the inverse below stays finite
    return cap * np.arctanh(np.clip(capped, -0.97, 0.97))
