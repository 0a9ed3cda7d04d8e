"""What a program gets back from `run`, and what it leaves behind for the next one."""

from __future__ import annotations

import asyncio

import pytest

from evalkit.sandbox import Sandbox, Session

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize(
    ("code", "printed"),
    [
        ("6 * 7", "42\n"),
        ("x = 6\nx * 7", "42\n"),
        ("'a\\nb'", "'a\\nb'\n"),
        ("None", ""),
        ("print('only once')", "only once\n"),
        ("x = 3", ""),
        ("", ""),
        ("# nothing\n", ""),
        ("for i in range(2): print(i)", "0\n1\n"),
    ],
)
async def test_last_expression_is_shown_unless_it_is_none(session: Session, code: str, printed: str) -> None:
    output = await session.run(code, timeout_s=10)

    assert (output.stdout, output.error, output.kind) == (printed, None, "ok")


async def test_output_and_errors_arrive_in_the_order_in_which_they_were_written(session: Session) -> None:
    code = "import os, sys\nprint('a')\nprint('b', file=sys.stderr)\n"
    code += "os.write(1, b'c\\n')\nos.write(2, b'd\\n')\nprint('e')"

    assert (await session.run(code, timeout_s=10)).stdout == "a\nb\nc\nd\ne\n"


async def test_every_call_has_a_fresh_namespace(session: Session) -> None:
    await session.run("x = 1", timeout_s=10)

    assert "NameError: name 'x' is not defined" in str((await session.run("x", timeout_s=10)).error)


async def test_names_persist_when_asked_for(session: Session) -> None:
    await session.run("def twice(x): return 2 * x", timeout_s=10, persistent=True)
    await session.run("y = twice(4)", timeout_s=10, persistent=True)

    assert (await session.run("y", timeout_s=10, persistent=True)).stdout == "8\n"
    assert (await session.run("'y' in dir()", timeout_s=10)).stdout == "False\n"


async def test_preloaded_modules_are_there_without_an_import(session: Session) -> None:
    code = "print(np.arange(3).sum(), torch.ones(2).sum().item())"

    assert (await session.run(code, timeout_s=10, preload=["numpy", "torch"])).stdout == "3 2.0\n"
    assert "NameError" in str((await session.run("np", timeout_s=10)).error)


async def test_traceback_shows_the_frames_of_the_program_and_no_others(session: Session) -> None:
    code = "import json\n\ndef f(x):\n    return json.loads(x)\n\nprint('before')\nf('{')"

    output = await session.run(code, timeout_s=10)

    assert output.kind == "raised" and output.stdout == "before\n"
    lines = str(output.error).splitlines()
    assert [line.strip() for line in lines if "File" in line] == [
        'File "<program>", line 7, in <module>',
        'File "<program>", line 4, in f',
    ]
    assert "return json.loads(x)" in str(output.error)
    assert lines[-1].startswith("json.decoder.JSONDecodeError: Expecting property name")


async def test_traceback_of_a_chain_shows_both_errors(session: Session) -> None:
    code = "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    raise ValueError('second') from error"

    error = str((await session.run(code, timeout_s=10)).error)

    assert "ZeroDivisionError" in error and "direct cause" in error and error.endswith("ValueError: second")


async def test_each_program_of_a_persistent_session_keeps_its_source_in_tracebacks(session: Session) -> None:
    await session.run("def f():\n    raise ValueError('old')", timeout_s=10, persistent=True)

    error = str((await session.run("x = 1\ny = 2\nf()", timeout_s=10, persistent=True)).error)

    assert 'File "<program 2>", line 3' in error and "raise ValueError('old')" in error


async def test_syntax_error_points_at_the_place(session: Session) -> None:
    error = str((await session.run("x = (1 +\ny = 2", timeout_s=10)).error)

    assert 'File "<program>", line 1' in error and "SyntaxError" in error


@pytest.mark.parametrize(
    ("code", "kind", "error"),
    [
        ("import sys; print(1); sys.exit()", "ok", None),
        ("raise SystemExit(0)", "ok", None),
        ("exit(3)", "raised", "the program exited with status 3"),
        ("import os; os._exit(3)", "died", "ended the interpreter: exit status 3; the next call starts a fresh one"),
        ("import ctypes; ctypes.string_at(0)", "died", "killed by signal 11 (Segmentation fault)"),
    ],
)
async def test_ways_to_exit(session: Session, code: str, kind: str, error: str | None) -> None:
    output = await session.run(code, timeout_s=10)

    assert output.kind == kind
    assert (output.error is None) if error is None else (error in str(output.error))


async def test_loop_is_interrupted_and_its_state_survives(session: Session) -> None:
    output = await session.run("n = 0\nwhile True: n += 1", timeout_s=0.3, persistent=True)

    assert (output.kind, output.error) == ("timeout", "timed out after 0.3 s and was interrupted")
    assert (await session.run("n > 0", timeout_s=10, persistent=True)).stdout == "True\n"


async def test_what_was_printed_before_a_timeout_comes_back(session: Session) -> None:
    output = await session.run("print('started')\nwhile True: pass", timeout_s=0.3)

    assert output.stdout == "started\n"


async def test_files_outlive_a_process_that_had_to_be_killed(session: Session) -> None:
    code = "import os, signal\nos.makedirs('a/b')\nopen('a/b/c', 'w').write('kept')\nos.symlink('/etc', 'link')\n"
    code += "signal.signal(signal.SIGINT, signal.SIG_IGN)\nx = 1\nwhile True: pass"

    output = await session.run(code, timeout_s=0.3, persistent=True)

    assert output.kind == "timeout" and "its state is lost" in str(output.error)
    assert "NameError" in str((await session.run("x", timeout_s=10, persistent=True)).error)
    assert (await session.run("import os; print(open('a/b/c').read(), os.listdir())", timeout_s=10)).stdout == (
        "kept ['a']\n"
    )


async def test_long_output_is_cut_with_a_note_that_says_how_much(session: Session) -> None:
    output = await session.run("print('x' * 10_000)", timeout_s=10)

    assert output.stdout == "x" * 8192 + "\n[output cut here: 1809 more bytes were printed]"
    assert output.dropped_bytes == 1809


async def test_flood_ends_the_process_and_says_why(session: Session) -> None:
    output = await session.run("while True: print('x' * 100_000)", timeout_s=30)

    assert output.kind == "died" and "it printed more than 64 MiB" in str(output.error)


async def test_memory_is_limited(session: Session) -> None:
    output = await session.run("hoard = [bytearray(1 << 20) for _ in range(1000)]", timeout_s=10)

    assert output.kind == "raised" and str(output.error).endswith("MemoryError")


async def test_threads_are_waited_for_as_at_the_end_of_a_program(session: Session) -> None:
    code = "import threading, time\nthreading.Thread(target=lambda: (time.sleep(0.05), print('done'))).start()"

    assert (await session.run(code, timeout_s=10)).stdout == "done\n"


@pytest.mark.parametrize("end", ["", "\n1 / 0", "\nraise SystemExit"])
async def test_daemon_threads_do_not_print_into_the_next_call(session: Session, end: str) -> None:
    code = "import threading\ndef chat():\n    while True: print('noise')\n"
    code += "threading.Thread(target=chat, daemon=True).start()" + end
    await session.run(code, timeout_s=10)

    assert (await session.run("1", timeout_s=10)).stdout == "1\n"


@pytest.mark.parametrize("code", ["x = '\ud800'", "x = 1\x00", "x = 1  # " + "y" * 3_000_000, "(" * 100_000])
async def test_odd_programs_are_answered(session: Session, code: str) -> None:
    output = await session.run(code, timeout_s=30)

    assert output.kind in ("ok", "raised", "died")
    assert (await session.run("1", timeout_s=10)).stdout == "1\n"


async def test_error_with_half_a_character_can_be_stored(session: Session) -> None:
    output = await session.run(r"raise ValueError('\ud800')", timeout_s=10)

    assert str(output.error).encode().endswith(b"ValueError: ?")


async def test_same_seed_gives_the_same_numbers(sandbox: Sandbox) -> None:
    code = "import random\nprint(random.random(), np.random.rand(), torch.rand(1).item(), {'a', 'b', 'c', 'd'})"

    async def numbers(seed: int) -> str:
        async with sandbox.session(seed=seed) as session:
            return (await session.run(code, timeout_s=10, preload=["numpy", "torch"])).stdout

    assert await numbers(5) == await numbers(5) != await numbers(6)


@pytest.mark.parametrize("seed", [0, 1, 1234567, 2**62 + 12345])
async def test_no_generator_gives_the_seed_away(sandbox: Sandbox, seed: int) -> None:
    """Hidden inputs are drawn from the same seed, and the state of a generator can be inverted to what seeded it."""
    compare = f"""import random
seed = {seed}
print(torch.initial_seed() == seed, random.Random(seed).getstate() == random.getstate())
print(bool((np.random.RandomState(seed % 2**32).get_state()[1] == np.random.get_state()[1]).all()))
print(torch.equal(torch.Generator().manual_seed(seed % 2**63).get_state(), torch.get_rng_state()))
"""
    async with sandbox.session(seed=seed) as session:
        output = await session.run(compare, timeout_s=20, preload=["numpy", "torch"])

    assert output.stdout.split() == ["False"] * 4, output.error


async def test_overlapping_calls_wait_for_each_other(session: Session) -> None:
    codes = [f"import time; time.sleep(0.01); print({i})" for i in range(5)]

    outputs = await asyncio.gather(*(session.run(code, timeout_s=10) for code in codes))

    assert [output.stdout for output in outputs] == [f"{i}\n" for i in range(5)]


async def test_cancelled_call_leaves_a_session_that_goes_on(session: Session) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await session.run("while True: pass", timeout_s=60)

    assert (await session.run("1", timeout_s=10)).stdout == "1\n"


async def test_programs_can_use_asyncio(session: Session) -> None:
    code = "import asyncio\nasync def f():\n    await asyncio.sleep(0)\n    return 5\nasyncio.run(f())"

    assert (await session.run(code, timeout_s=10)).stdout == "5\n"


async def test_programs_can_import_what_is_installed(session: Session) -> None:
    code = "import scipy.linalg, sqlite3, zoneinfo, decimal\nscipy.linalg.det([[2.0]])"

    assert (await session.run(code, timeout_s=30)).error is None
