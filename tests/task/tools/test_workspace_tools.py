"""Tools for files and command lines, played in real sandboxes."""

from __future__ import annotations

import pytest
import pytest_asyncio

from evalkit import ListFiles, PythonExpression, ReadFile, Shell, SubmitAnswer, UserError, WriteFile
from evalkit.config.schema import SandboxConfig
from evalkit.sampling.agent import mismatch
from evalkit.sandbox.providers import open_sandbox
from evalkit.task import author_code
from evalkit.task.checks import wrong_tools
from evalkit.task.tools.shell import check_processes
from evalkit.task.tools.workbench import Workbench

FILES = {"data/in.csv": b"a,b\n1,2\n", "picture.png": b"\x89PNG\xff"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox():
    async with open_sandbox(SandboxConfig(pool=1), preload=("pandas", "scipy.stats")) as opened:
        yield opened


async def told(tool, bench: Workbench, **input):
    assert mismatch(input, tool.input_schema) == ""
    result = await author_code.call_tool(tool, input, bench)
    return (result.content, "error") if result.is_error else result.content


@pytest.mark.asyncio(loop_scope="module")
async def test_files_are_read_written_and_listed(sandbox):
    read, write, look = ReadFile(max_bytes=50), WriteFile(only=("solution.py", "src/**/*.py")), ListFiles()
    async with sandbox.session(files=FILES) as session:
        bench = Workbench(session, 20)
        assert await told(read, bench, path="data/in.csv") == "a,b\n1,2\n"
        assert await told(read, bench, path="picture.png") == ("picture.png is not text in UTF-8.", "error")
        assert await told(read, bench, path="no.csv") == ("the workspace holds no file no.csv.", "error")
        assert "not a path inside the workspace" in (await told(read, bench, path="../etc/passwd"))[0]
        assert await told(write, bench, path="src/a/b.py", content="é") == "Wrote 2 bytes to src/a/b.py."
        assert await told(write, bench, path="solution.py", content="x = 1\n" * 20) == "Wrote 120 bytes to solution.py."
        assert await told(read, bench, path="solution.py") == ("solution.py is larger than 50 bytes.", "error")
        assert await told(write, bench, path="data/in.csv", content="") == (
            "data/in.csv was not written: you may write solution.py, src/**/*.py only.", "error",
        )  # fmt: skip
        assert "could not be written" in (await told(WriteFile(), bench, path="data", content=""))[0]
        listed = "data/in.csv 8\npicture.png 5\nsolution.py 120\nsrc/a/b.py 2"
        assert await told(look, bench) == listed
        assert (await session.read_file("src/a/b.py", max_bytes=9)) == "é".encode()
    async with sandbox.session() as session:
        assert await told(look, Workbench(session, 20)) == "There are no files."


def test_what_may_be_written_stands_in_the_description():
    assert "You may write solution.py only." in WriteFile(only=("solution.py",)).description
    assert "only" not in WriteFile().description
    assert wrong_tools((ReadFile(), WriteFile(), ListFiles(), Shell(), SubmitAnswer({}))) == ""


@pytest.mark.asyncio(loop_scope="module")
async def test_any_installed_library_is_there_under_its_usual_name(sandbox):
    python = PythonExpression(preload=("pandas", "scipy.stats"))
    assert "in which `pd` (pandas) and `scipy.stats` can be used without an import" in python.description
    async with sandbox.session() as session:
        program = "print(pd.Series([1, 2]).sum(), scipy.stats.norm.cdf(0))"
        assert '"result": "3 0.5\\n"' in await told(python, Workbench(session, 20), expression=program)


def test_descriptions_of_numpy_and_torch_are_what_they_were():
    before = (
        "Run a Python program and get back what it prints; use print() for everything you want to see. "
        "Every call starts with a fresh namespace"
    )
    assert PythonExpression().description == f"{before}."
    numpy = PythonExpression(preload=("numpy",)).description
    assert numpy == f"{before}, in which `np` (numpy) can be used without an import."
    both = PythonExpression(preload=("numpy", "torch")).description
    assert both == f"{before}, in which `np` (numpy) and `torch` can be used without an import."


async def test_a_library_that_is_not_there_is_named_with_the_command_that_installs_it():
    for module, command in (("sklearn", "scikit-learn"), ("nowhere.at_all", "nowhere")):
        with pytest.raises(UserError, match=f"needs {module}, which is not installed: pip install {command}$"):
            async with open_sandbox(SandboxConfig(), preload=(module,)):
                pass


def test_what_is_no_module_is_refused_when_the_task_is_loaded():
    for preload in (("import pandas",), (3,)):
        assert "name modules, such as pandas" in wrong_tools((PythonExpression(preload=preload), SubmitAnswer({})))


def test_a_shell_is_refused_where_no_process_may_start():
    for level in ("auto", "landlock+seccomp", "namespaces+landlock+seccomp"):
        with pytest.raises(UserError, match=r"refuses fork and execve.*sandbox=weak"):
            check_processes((Shell(),), SandboxConfig(level=level, allow_weak=True))
    check_processes((Shell(),), SandboxConfig(level="weak", allow_weak=True))
    check_processes((Shell(),), SandboxConfig(provider="other"))
    check_processes((PythonExpression(),), SandboxConfig())


async def test_a_shell_runs_command_lines_where_the_sandbox_lets_it():
    config = SandboxConfig(level="weak", allow_weak=True, pool=1)
    async with open_sandbox(config, preload=()) as sandbox, sandbox.session(files={"in.txt": b"b\na\n"}) as session:
        bench = Workbench(session, 20)
        assert await told(Shell(), bench, command="sort in.txt | tee out.txt") == "a\nb\n"
        assert await told(Shell(), bench, command="cat out.txt; echo odd >&2; exit 3") == "a\nb\nodd\n[exit status 3]\n"
        hung = await told(Shell(), Workbench(session, 0.5), command="echo begun; sleep 60")
        assert "begun" in hung[0] and "timed out" in hung[0]
