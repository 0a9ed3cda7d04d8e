"""Hidden inputs tell right from wrong: every position matters, and reading what must not be read shows."""

import math

import numpy as np
import pytest
from evalkit_tasks.paged_attention import reference
from evalkit_tasks.paged_attention.work import MOST_OPERATIONS

from evalkit import Problem

from .shipped import VARIANTS, make

SEEDS = range(4)


def decode(config, case, *, inside=None, scale=None):
    """An independent decoder in plain Python and float64. `inside(position, length)` says what takes part."""
    query, keys, values = (tensor.numpy().astype(np.float64) for tensor in case.arguments[:3])
    table = case.block_table.numpy()
    size, group = config.block_size, case.sizes.num_heads // case.sizes.num_kv_heads
    scale = 1 / math.sqrt(config.head_dim) if scale is None else scale
    output = np.zeros_like(query)
    for b, length in enumerate(case.sizes.context_lens):
        chosen = [i for i in range(table.shape[1] * size) if (inside or _inside(config))(i, length)]
        rows = [(table[b, i // size], i % size) for i in chosen]
        for h in range(case.sizes.num_heads):
            scores = np.array([query[b, h] @ keys[block, h // group, slot] for block, slot in rows]) * scale
            if config.logit_softcap:
                scores = config.logit_softcap * np.tanh(scores / config.logit_softcap)
            weights = np.exp(scores - scores.max(initial=-np.inf))
            for weight, (block, slot) in zip(weights / weights.sum(), rows, strict=True):
                output[b, h] += weight * values[block, h // group, slot]
    return output


def _inside(config):
    window = config.sliding_window or 10**9
    return lambda i, length: length - window <= i < length


def off(config, cases, **changes):
    """The largest error that a decoder with these changes has on any case."""
    return max(np.abs(decode(config, case, **changes) - reference.attend(config, case)).max() for case in cases)


def small(task, seed):
    """The hidden cases without those that only show growth: enough for values, and fast in plain Python."""
    return task.spec(Problem.seeded(seed)).cases()[: task.config.hidden.count + 1]


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_reference_agrees_with_an_independent_decoder(variant):
    task = make(variant)
    assert off(task.config, small(task, 0)) < 1e-12


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("seed", SEEDS)
def test_small_mistakes_are_far_outside_the_tolerance(variant, seed):
    task = make(variant)
    config, cases = task.config, small(task, seed)
    tolerance = config.tolerances.output
    window = config.sliding_window or 10**9
    mistakes = {
        "no scale": {"scale": 1.0},
        "half the scale": {"scale": 0.5 / math.sqrt(config.head_dim)},
        "uniform": {"scale": 0.0},
        "first position missing": {"inside": lambda i, n: max(n - window, 0) < i < n or n == 1 == i + 1},
        "last position missing": {"inside": lambda i, n: n - window <= i < max(n - 1, 1)},
        "one position too many": {"inside": lambda i, n: n - window <= i < n + 1},
        "whole blocks": {"inside": lambda i, n: n - window <= i < -(-n // config.block_size) * config.block_size},
    }
    if config.sliding_window:
        mistakes["no window"] = {"inside": lambda i, n: i < n}
        mistakes["window one too wide"] = {"inside": lambda i, n: n - window - 1 <= i < n}
    errors = {name: off(config, cases, **changes) for name, changes in mistakes.items()}
    assert min(errors.values()) > 2 * tolerance, errors
    zeros = max(np.abs(reference.attend(config, case)).max() for case in cases)
    assert zeros > 10 * tolerance


@pytest.mark.parametrize("seed", range(2))
def test_no_single_position_can_be_left_out(seed):
    task = make()
    cases = small(task, seed)
    longest = max(max(case.sizes.context_lens) for case in cases)
    errors = [
        off(task.config, cases, inside=lambda i, n, left_out=left_out: i < n and (i != left_out or n == 1))
        for left_out in range(longest)
    ]
    assert min(errors) > task.config.tolerances.output, int(np.argmin(errors))


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("seed", SEEDS)
def test_hidden_inputs_are_what_an_allocator_leaves(variant, seed):
    task = make(variant)
    for case in [
        *task.spec(Problem.seeded(seed)).cases(),
        *(task.spec(Problem.seeded(seed)).far_cases() if seed == 0 else ()),
    ]:
        size, table, lens = task.config.block_size, case.block_table.numpy(), case.sizes.context_lens
        blocks = case.key_cache.shape[0]
        used = [-(-n // size) for n in lens]
        owned = [block for row, count in zip(table, used, strict=True) for block in row[:count]]
        assert len(set(owned)) == len(owned)
        assert all(0 <= block < blocks - 1 for block in owned)
        padding = np.concatenate([row[count:] for row, count in zip(table, used, strict=True)])
        assert {-1} < set(padding.tolist()) | {0} <= set(range(-1, blocks))
        assert all(1 <= n <= table.shape[1] * size for n in lens)
        assert case.context_lens.numpy().tolist() == list(lens)


def test_some_padding_is_another_sequences_block_some_zero_some_minus_one():
    found = set()
    for case in make().spec(Problem.seeded(0)).cases():
        table, lens = case.block_table.numpy(), case.sizes.context_lens
        rows = list(zip(table, [-(-n // 16) for n in lens], strict=True))
        owned = [set(row[:count].tolist()) for row, count in rows]
        for b, (row, count) in enumerate(rows):
            for entry in row[count:].tolist():
                others = set().union(*owned[:b], *owned[b + 1 :])
                found.add(entry if entry < 1 else "another's" if entry in others else "own")
    assert {-1, 0, "another's"} <= found


def test_most_lengths_are_no_multiple_of_the_block_size_and_the_edges_are_there():
    lens = [
        n
        for seed in range(20)
        for case in make().spec(Problem.seeded(seed)).cases()[:4]
        for n in case.sizes.context_lens
    ]
    assert np.mean([n % 16 == 0 for n in lens]) < 0.15
    assert {1, 16, 60} <= set(lens)


def test_each_probe_grows_in_one_size_only():
    config = make().config
    *_, base, batch, context, heads, blocks = [case.sizes for case in make().spec(Problem.seeded(0)).cases()]
    shape = {"batch": base.batch, "heads": base.num_heads, "longest": max(base.context_lens)}
    assert batch.batch == shape["batch"] + config.hidden.growth
    assert (batch.num_heads, heads.batch) == (base.num_heads, base.batch)
    assert max(context.context_lens) == shape["longest"] + config.hidden.growth * config.block_size
    assert heads.num_heads == shape["heads"] + config.hidden.growth
    assert (blocks.context_lens, blocks.num_heads) == (base.context_lens, base.num_heads)
    assert blocks.spare_blocks == base.spare_blocks + config.hidden.growth


def test_sizes_that_grow_far_are_beyond_what_one_call_may_do():
    alone = {case.sizes.label: case.sizes for case in make().spec(Problem.seeded(0)).far_cases()}
    assert alone["far batch"].batch > MOST_OPERATIONS
    assert alone["far heads"].num_heads > MOST_OPERATIONS
    assert max(alone["far context length"].context_lens) > MOST_OPERATIONS * 16
    assert alone["far blocks"].spare_blocks == alone["far blocks"].spare_columns > MOST_OPERATIONS


def test_sizes_also_grow_together():
    *_, two, three = [case.sizes for case in make().spec(Problem.seeded(0)).far_cases()]
    assert two.batch == -(-max(two.context_lens) // 16) == 90
    assert three.batch == -(-max(three.context_lens) // 16) == three.num_heads == 20


@pytest.mark.parametrize(
    "knobs",
    [{}, {"block_size": 64, "head_dim": 128}, {"block_size": 1024, "head_dim": 256}, {"block_size": 1, "head_dim": 2},
     {"hidden": {"context_lengths": [900, 1000]}}],
    ids=str,
)  # fmt: skip
def test_far_inputs_stay_small_enough_to_be_sent(knobs):
    for case in make(**knobs).spec(Problem.seeded(0)).far_cases():
        assert sum(len(tensor.data) for tensor in case.arguments) < 24 << 20, case.sizes.label


def test_every_run_has_hidden_inputs_of_its_own_and_the_same_ones_every_time():
    task = make()
    assert task.spec(Problem.seeded(1)).cases() == make().spec(Problem.seeded(1)).cases()
    assert task.spec(Problem.seeded(1)).cases() != task.spec(Problem.seeded(2)).cases()
    assert task.spec(Problem.seeded(1)).cases() != make(hidden={"seed": 1}).spec(Problem.seeded(1)).cases()


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_inputs_have_the_dtype_that_the_config_says(dtype):
    case = make(dtype=dtype).spec(Problem.seeded(0)).cases()[0]
    assert [tensor.dtype for tensor in case.arguments] == [dtype] * 3 + ["int64"] * 2


def test_a_sliding_window_is_shorter_than_some_contexts_whatever_its_size():
    for window in (1, 24, 300):
        cases = make(sliding_window=window).spec(Problem.seeded(0)).cases()
        assert max(max(case.sizes.context_lens) for case in cases[:4]) > window
