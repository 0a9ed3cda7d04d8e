"""Vectorization is measured: whatever iterates over data is found, whatever does a constant amount of work passes."""

import pytest

from evalkit import Attempt, GradingContext, Problem

from .shipped import grade, make, solution

PLAIN = solution("correct", "sdpa")
SIGNATURE = "def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):\n"

LOOPS = {
    "for over the batch": "for b in range(query.shape[0]):\n        pass",
    "while over the batch": "b = 0\n    while b < query.shape[0]: b += 1",
    "comprehension over lengths": "lens = [int(n) for n in context_lens.tolist()]",
    "generator over lengths": "total = sum(n for n in context_lens.tolist())",
    "dictionary over sequences": "table = {b: 0 for b in range(query.shape[0])}",
    "map of a lambda": "doubled = list(map(lambda n: n * 2, context_lens.tolist()))",
    "filter of a lambda": "long = list(filter(lambda n: n > 9, context_lens.tolist()))",
    "key of max": "longest = max(range(query.shape[0]), key=lambda b: b)",
    "map of a tensor method": "rows = list(map(torch.Tensor.sum, query))",
    "item of every sequence": "lens = [context_lens[b].item() for b in range(query.shape[0])]",
    "iterating over a tensor": "rows = [row * 2 for row in query]",
    "recursion": "f = lambda n: n and f(n - 1)\n    f(query.shape[0])",
    "index built in Python": "index = torch.tensor([b for b in range(query.shape[0])])",
    "for over heads": "for h in range(query.shape[1]):\n        pass",
    "heads by unbind": "heads = [head.sum() for head in query.unbind(1)]",
    "for over logical blocks": "for block in range(block_table.shape[1]):\n        pass",
    "for over physical blocks": "for block in range(key_cache.shape[0]):\n        pass",
    "blocks in pieces of four": "for part in block_table.split(4, 1):\n        part = part * 2 + 1",
    "for over positions": "for i in range(int(context_lens.max())):\n        pass",
    "appending in a lambda": "lens = [0]\n    list(map(lambda b: lens.append(b), range(query.shape[0])))",
    "nested helper": "def one(b):\n        return query[b]\n    rows = [one(b) for b in range(query.shape[0])]",
    "star of a generator": "rows = [*(b for b in range(query.shape[0]))]",
    "walrus": "b = 0\n    while (b := b + 1) < query.shape[0]: pass",
    "iter and next": "it = iter(range(query.shape[0]))\n    while next(it, None) is not None: pass",
    "iter of a function": "b = [0]\n    list(iter(lambda: b.append(0) or len(b) > query.shape[0], True))",
    "split of exceptions": "e = [ValueError()] * query.shape[0]\n    ExceptionGroup('', e).split(lambda x: False)",
    "map of a Python function of torch": "list(map(torch.sym_float, context_lens.tolist()))",
    "map of a method": "list(map(query[0].add, query))",
    "pieces of 24 sequences": "for part in query.split(24):\n        ((part * 2 + 1) / 3 - 4).exp().log()",
    "until next raises": "i = iter(context_lens)\n    try:\n        while 1: next(i)\n    except StopIteration: pass",
}
HARMLESS = {
    "loop over a fixed tuple": "for cache in (key_cache, value_cache):\n        cache.shape",
    "comprehension over arguments": "shapes = [tuple(t.shape) for t in (query, key_cache, block_table)]",
    "loop over the slots of a block": "for slot in range(key_cache.shape[2]):\n        slot + 1",
    "loop over the axes": "sizes = [int(size) for size in query.shape]",
    "views by unbind": "rows = torch.cat(torch.unbind(query))",
    "list of lengths for one call": "longest = max(context_lens.tolist())",
    "a branch for large batches": "if query.shape[0] > 8:\n        query = (query * 1.0 + 0.0) / 1.0 - 0.0",
    "a branch for long contexts": "if context_lens.max() > 100:\n        query = (query * 1.0 + 0.0) / 1.0 - 0.0",
    "a cast where it is needed": "if query.dtype != torch.float32:\n        query = query.float()",
    "vmap over a tensor": "doubled = torch.vmap(lambda row: row * 2)(query)",
    "a helper": "def scale(x):\n        return x * 1.0\n    query = scale(query)",
    "a layer without parameters": "query = torch.nn.Identity()(query)\n    torch.nn.Softmax(dim=-1)(query)",
    "a branch for what is very large": "if query.shape[0] > 99:\n        query = (query * 1.0 + 0.0) / 1.0 - 0.0",
    "another way for long contexts": "if block_table.shape[1] > 99:\n        for _ in range(7): (query * 2).exp()",
    "an error that is caught": "try:\n        query.view(7, 7, 7)\n    except RuntimeError:\n        pass",
    "an assertion for each argument": "assert all(isinstance(t, torch.Tensor) for t in (query, key_cache))",
}


def with_line(line):
    return PLAIN.replace(SIGNATURE, f"{SIGNATURE}    {line}\n")


@pytest.mark.parametrize("name", LOOPS)
async def test_an_iteration_over_data_is_found_in_any_disguise(name, sandbox):
    got = await grade(make(), with_line(LOOPS[name]), sandbox)
    assert got.category == "not_vectorized", got.message
    assert got.message.startswith("Work grows with the ")


@pytest.mark.parametrize("name", HARMLESS)
async def test_a_constant_amount_of_work_passes(name, sandbox):
    got = await grade(make(), with_line(HARMLESS[name]), sandbox)
    assert got.passed, got.message


@pytest.mark.parametrize(
    ("loop", "named"),
    [
        ("range(query.shape[0])", "the batch"),
        ("range(query.shape[1])", "the heads"),
        ("range(int(context_lens.max()))", "the context length"),
        ("range(key_cache.shape[0] - int(((context_lens + 15) // 16).sum()))", "the blocks"),
    ],
)
async def test_the_message_names_the_size_that_the_work_grows_with(loop, named, sandbox):
    # The longest context of a drawn batch varies: only seeds where it does not grow by accident name the size alone.
    got = await grade(make(hidden={"context_lengths": [33, 47]}), with_line(f"for i in {loop}:\n        pass"), sandbox)
    assert got.message.startswith(f"Work grows with {named}: ")


async def test_the_work_of_right_solutions_does_not_depend_on_the_hidden_seed(sandbox):
    task = make()
    measured = [
        await task.measure(Attempt(PLAIN), task.spec(Problem.seeded(seed)), GradingContext(sandbox))
        for seed in range(3)
    ]
    work = [one.values["work"] for one in measured]
    assert work[0] == work[1] == work[2]
    alone = ["batch", "context length", "heads", "blocks"]
    together = ["batch and context length", "batch, context length and heads"]
    assert list(work[0]) == [
        "case 1",
        "case 2",
        "case 3",
        "base",
        *alone,
        *(f"far {what}" for what in alone),
        *together,
    ]
    one_head = work[0].pop(together[0])  # where torch skips a step or two
    (usual,) = set(map(tuple, work[0].values()))
    assert (usual[0], usual[1] - 4) <= tuple(one_head) <= usual


PADDED = """
    for b in range({least}):
        row = query[min(b, query.shape[0] - 1)]
"""


@pytest.mark.parametrize(("least", "passes"), [("4", True), ("max(64, query.shape[0])", False), ("258", False)])
async def test_a_loop_that_is_padded_is_found_by_what_one_call_may_do(least, passes, sandbox):
    got = await grade(make(), with_line(PADDED.format(least=least).strip()), sandbox)
    assert got.passed is passes, got.message
    assert passes or "in one call: at most 256 and 256" in got.message or got.message.startswith("Work grows with")


async def test_values_are_compared_in_every_call(sandbox):
    task = make()
    source = PLAIN.replace("return output.squeeze(2)", "return output.squeeze(2) + 0.25")
    errors = (await task.measure(Attempt(source), task.spec(Problem.seeded(0)), GradingContext(sandbox))).values[
        "max_abs_error"
    ]
    assert errors == pytest.approx(
        [0.25] * len([*task.spec(Problem.seeded(0)).cases(), *task.spec(Problem.seeded(0)).far_cases()]), abs=1e-5
    )


async def test_the_clock_shows_a_loop_that_runs_below_what_is_counted(sandbox):
    hidden_loop = with_line("sum(range(100_000_000 if query.shape[0] > 10 else 1))")
    got = await grade(make(time_limit_s=60.0), hidden_loop, sandbox)
    assert got.category == "not_vectorized", got.message
    assert got.message.startswith("Work grows with the batch: ")
