"""What a submitted function can give back, and how its work is counted."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.sandbox import Call, Session, Tensor
from evalkit.sandbox.tensor_bytes import ITEMSIZE

pytestmark = pytest.mark.asyncio(loop_scope="module")

MATRIX = Tensor.of(np.arange(6, dtype=np.float32).reshape(2, 3))


async def call(session: Session, source: str, *arguments: Tensor, **options: bool) -> Call:
    defined = await session.define(source, "f", timeout_s=10)
    assert defined.kind == "ok", defined.error
    return await session.call(arguments, timeout_s=10, **options)


@pytest.mark.parametrize("dtype", ITEMSIZE)
async def test_every_dtype_crosses_both_ways_unchanged(session: Session, dtype: str) -> None:
    sent = Tensor(dtype, (2, 2), bytes([1, 0] * (2 * ITEMSIZE[dtype])))

    assert (await call(session, "def f(x): return x.clone()", sent)).returned == (sent,)


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1, 1, 1, 1, 1, 1)])
async def test_every_shape_crosses_both_ways_unchanged(session: Session, shape: tuple[int, ...]) -> None:
    sent = Tensor.of(np.ones(shape, np.float64))

    assert (await call(session, "def f(x): return x", sent)).returned == (sent,)


async def test_views_come_back_dense_and_row_major(session: Session) -> None:
    returned = (await call(session, "def f(x): return (x.T, x[:, ::2], x.requires_grad_() * 1j)", MATRIX)).returned

    assert returned[0].shape == (3, 2) and (returned[0].numpy() == MATRIX.numpy().T).all()
    assert (returned[1].numpy() == MATRIX.numpy()[:, ::2]).all()
    assert returned[2].dtype == "complex64"


async def test_arguments_come_back_as_they_are_after_the_call(session: Session) -> None:
    result = await call(session, "def f(x):\n    x.add_(1)\n    return [x * 0]", MATRIX, return_arguments=True)

    assert (result.arguments[0].numpy() == MATRIX.numpy() + 1).all()
    assert (result.returned[0].numpy() == 0).all()


async def test_each_call_gets_fresh_arguments(session: Session) -> None:
    await call(session, "def f(x): return x.add_(1)", MATRIX)

    assert (await session.call([MATRIX], timeout_s=10)).returned[0].numpy()[0, 0] == 1


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("None", "is a NoneType, not a torch.Tensor"),
        ("x.tolist()", "item 0 of what the function returned is a list"),
        ("x.numpy()", "is a ndarray, not a torch.Tensor"),
        ("(x, 3)", "item 1 of what the function returned is a int"),
        ("{'x': x}", "is a dict, not a torch.Tensor"),
        ("x.to_sparse()", "not a plain dense one"),
        ("x.to('meta')", "not a plain dense one"),
        ("x.to(torch.float8_e5m2)", "not a plain dense one"),
        ("x[0, 0].expand(10**6, 10**6)", "shape [1000000, 1000000]: more than an answer of 64 MiB holds"),
        ("[x] * 65", "returned 65 values, more than 64"),
    ],
)
async def test_what_is_no_tensor_is_named(session: Session, expression: str, words: str) -> None:
    result = await call(session, f"import torch\ndef f(x): return {expression}", MATRIX)

    assert result.kind == "bad_reply" and words in str(result.error)
    assert result.returned == ()


async def test_answer_that_is_too_large_with_its_arguments_is_no_forgery(session: Session) -> None:
    large = Tensor.of(np.zeros(5 << 20))

    result = await call(session, "def f(x): return x", large, return_arguments=True)

    assert result.kind == "bad_reply" and "was left in the arguments" in str(result.error)
    assert (await session.call([large], timeout_s=10)).returned == (large,)


async def test_error_of_a_function_is_shown_with_its_own_frames(session: Session) -> None:
    result = await call(session, "def f(x):\n    return x.expand(4, 4)", MATRIX)

    assert result.kind == "raised"
    assert str(result.error).startswith('Traceback (most recent call last):\n  File "<program>", line 2, in f')


async def test_function_that_hangs_times_out_and_can_be_called_again(session: Session) -> None:
    await session.define("def f(x):\n    while x.sum() > 0: pass\n    return x", "f", timeout_s=10)

    assert (await session.call([MATRIX], timeout_s=0.3)).kind == "timeout"
    assert (await session.call([Tensor.of(np.zeros(2))], timeout_s=10)).kind == "ok"


async def test_function_is_gone_with_the_process_that_had_it(session: Session) -> None:
    assert (await session.call([MATRIX], timeout_s=10)).kind == "died"

    died = await call(session, "import os\ndef f(x): os._exit(0)", MATRIX)

    assert died.kind == "died" and "exit status 0" in str(died.error)
    assert "no function is defined" in str((await session.call([MATRIX], timeout_s=10)).error)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def g(x): return x", "the program defines no function named f"),
        ("f = 3", "the program defines no function named f"),
        ("def f(x:", "SyntaxError"),
        ("1 / 0", "ZeroDivisionError"),
    ],
)
async def test_definition_that_fails_says_why(session: Session, source: str, words: str) -> None:
    output = await session.define(source, "f", timeout_s=10)

    assert output.kind == "raised" and words in str(output.error)


async def work(session: Session, body: str, size: int) -> dict[str, int]:
    source = f"import torch\nfrom functools import reduce\n{body}"
    result = await call(session, source, Tensor.of(np.ones((size, 2), np.float32)), count_work=True)
    assert result.kind == "ok", result.error
    return dict(result.work)


@pytest.mark.parametrize(
    "body",
    [
        "def f(x):\n    y = 0\n    for row in x: y = y + row\n    return y",
        "def f(x): return torch.stack([row * 2 for row in x])",
        "def f(x): return torch.stack(list(map(lambda row: row * 2, x)))",
        "def f(x): return torch.stack(list(map(torch.neg, x)))",
        "def f(x): return reduce(torch.add, x)",
        "def g(x, i): return x[i] if i == 0 else x[i] + g(x, i - 1)\ndef f(x): return g(x, len(x) - 1)",
        "def f(x):\n    i = 0\n    while i < len(x): i += 1\n    return x",
        "def f(x): return torch.tensor([v for v in sum(x.tolist(), [])])",
        "def f(x): return torch.func.vmap(lambda row: row * 2, chunk_size=1)(x)",
        "def f(x):\n    exec('for row in x: row + 1')\n    return x",
        "def f(x):\n    exec('def g():\\n for i in x: i\\ng()', {'x': x, '__name__': 'torch'})\n    return x",
        "__name__ = 'torch'\ndef f(x):\n    for _ in range(len(x)): pass\n    return x",
    ],
    ids=[
        *("for", "comprehension", "map", "map_in_c", "reduce", "recursion", "while", "tolist", "vmap_chunks", "exec"),
        *("exec_under_another_name", "under_another_name"),
    ],
)
async def test_work_grows_with_the_size_however_a_loop_is_written(session: Session, body: str) -> None:
    small, large = await work(session, body, 8), await work(session, body, 256)

    assert large["python"] > 2 * small["python"] or large["tensor"] > 2 * small["tensor"]


async def test_work_of_vectorized_code_does_not_depend_on_the_size(session: Session) -> None:
    body = "def f(x):\n    for scale in (1, 2, 3): x = torch.softmax(x * scale, -1) @ x.T @ x\n    return x"
    await work(session, body, 4)

    assert await work(session, body, 8) == await work(session, body, 64)


async def test_code_that_a_library_makes_while_torch_loads_a_part_of_itself_is_no_work(session: Session) -> None:
    first = await work(session, "def f(x):\n    torch.broadcast_shapes(x.shape, (1,))\n    return x", 4)

    assert first["python"] < 10 and first["lost"] == 0


@pytest.mark.parametrize("body", ["deeper()", "abs(0); deeper()"], ids=["trace", "profile"])
async def test_work_says_when_the_program_ended_the_counting(session: Session, body: str) -> None:
    recursing = (
        f"def deeper():\n    {body}\ndef f(x):\n    try: deeper()\n    except RecursionError: pass\n    return x"
    )

    assert (await work(session, recursing, 4))["lost"] == 1
    assert (await work(session, "def f(x): return x * 2", 4))["lost"] == 0


FINALIZED = """
def f(x):
    ended = []
    def suspended():
        try: yield
        finally: ended.append([v for v in x.tolist()] and x.mul_(2))
    ring = [suspended()]
    next(ring[0])
    ring.append(ring)
    del ring
    kept = list(map(set, [()] * 20_000))
    return x * len(ended) + 7
"""


async def test_no_finalizer_runs_beside_a_call(session: Session) -> None:
    result = await call(session, FINALIZED, MATRIX, count_work=True, return_arguments=True)

    assert (result.returned[0].numpy() == 7).all()
    assert (result.arguments[0].numpy() == MATRIX.numpy()).all()


async def test_the_collector_is_on_outside_of_calls(session: Session) -> None:
    await call(session, "def f(x): return x", MATRIX)

    assert (await session.run("import gc; gc.isenabled()", timeout_s=10)).stdout == "True\n"
