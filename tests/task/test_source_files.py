"""What a task's grader consists of: whatever grades is found, whatever does not is left out."""

import os
import sys
import time
from pathlib import Path

import pytest

from evalkit.task.source_files import module_sources, sources
from evalkit.util import file_digests
from evalkit.util.file_digests import code_file_digest, file_digest
from tests.owntask import write_task


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with nothing in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def put(path: Path, content: str | bytes = "1") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def task(root: Path, code: str = "") -> Path:
    return root / "tasks" / write_task(root, "# imports", code)


@pytest.mark.parametrize(
    "name",
    [
        "expected.json",
        "weights.bin",
        "data/deep/er/table.csv",
        "data/solutions/expected.json",
        ".hidden.json",
        "prompt.md",
        "native.so",
        "without suffix",
        "umlaut ä.txt",
        "template.py",
    ],
)
def test_every_file_of_the_folder_counts_by_its_bytes_and_by_its_name(root, name):
    folder = task(root)
    put(folder / name, b"\x00\xff1")
    before = sources(folder).files
    put(folder / name, b"\x00\xff2")
    assert sources(folder).files != before
    put(folder / name, b"\x00\xff1")
    assert sources(folder).files == before or name.endswith(".py")
    (folder / name).rename(folder / "another.json")
    assert sources(folder).files != before


@pytest.mark.parametrize(
    "name",
    [
        "solutions/correct/a.py",
        "solutions/expected.json",
        "__pycache__/__init__.cpython-311.pyc",
        "data/__pycache__/x.pyc",
        ".ipynb_checkpoints/a.ipynb",
        ".git/index",
        "expected.json~",
        ".expected.json.swp",
        "#expected.json#",
        ".DS_Store",
    ],
)
def test_solutions_caches_and_what_editors_leave_do_not(root, name):
    folder = task(root)
    before = sources(folder).files
    put(folder / name)
    assert sources(folder).files == before


def test_where_a_checkout_lies_does_not_matter(root, tmp_path_factory, monkeypatch):
    folder = root / "tasks" / write_task(root, "# imports", "import helper", name="moved")
    put(root / "helper.py")
    here = sources(folder).files
    other = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.chdir(other)
    monkeypatch.syspath_prepend(str(other))
    put(other / "helper.py")
    assert "module helper.py" in here
    assert sources(other / "tasks" / write_task(other, "# imports", "import helper", name="moved")).files == here


@pytest.mark.parametrize(
    ("code", "path"),
    [
        ("from ..common import rule", "tasks/common.py"),
        ("from .. import common", "tasks/common.py"),
        ("from evalkit_tasks.common import rule", "tasks/common.py"),
        ("import evalkit_tasks.common as c", "tasks/common.py"),
        ("from evalkit_tasks import common", "tasks/common.py"),
        ("import helper", "helper.py"),
        ("def late():\n    from helper import rule", "helper.py"),
        ("from library.rules import rule", "library/rules.py"),
        ("from library.rules import rule", "library/__init__.py"),
        ("from library import rules", "library/rules.py"),
        ("import library.rules", "library/rules.py"),
        ("from bare.rules import rule", "bare/rules.py"),
        ("from evalkit_tasks.other import rule", "tasks/other/__init__.py"),
        ("from ..other.parts import rule", "tasks/other/parts.py"),
        ("from ..other.parts import rule", "tasks/other/data.json"),
        ("import first", "second.py"),
        ("import first", "second.json"),
        ("DATA = open('shared/data.json')", "shared/data.json"),
        ("DATA = HERE.joinpath('../shared.json')", "tasks/shared.json"),
    ],
)
def test_code_and_data_from_outside_the_folder_count(root, code, path):
    """Named by an import, at the top or inside a function, or by a text that is the path of a file."""
    put(root / "library" / "__init__.py", "")
    put(root / "library" / "rules.py")
    put(root / "bare" / "rules.py")
    put(root / "tasks" / "common.py")
    put(root / "tasks" / "other" / "__init__.py")
    put(root / "tasks" / "other" / "parts.py")
    put(root / "helper.py")
    put(root / "first.py", "import second\n")
    put(root / "second.py", "TABLE = 'second.json'\n")
    folder = task(root, code)
    put(root / path, "1  # before")
    before = sources(folder).files
    put(root / path, "2  # after")
    assert sources(folder).files != before


def test_what_is_imported_by_a_name_in_a_text_counts_once_it_is_loaded(root):
    put(root / "loaded_by_name.py", "RULE = 1\n")
    folder = task(root, "import importlib\nRULES = importlib.import_module('loaded_by_name')")
    import loaded_by_name

    assert loaded_by_name.RULE == 1
    assert "module loaded_by_name.py" in sources(folder).files


def test_a_file_that_a_knob_names_counts(root):
    folder, data = task(root), put(root / "data" / "expected.json")
    for text in ("data/expected.json", str(data)):
        knobs = {"deep": [{"file": text}]}
        put(data, "1")
        before = sources(folder, knobs).files
        put(data, "2")
        assert sources(folder, knobs).files != before
    assert sources(folder, {"expression": "2^10 + 1.5/3", "path": "data/missing.json"}).files == sources(folder).files


def test_installed_packages_count_by_version_and_evalkit_itself_not(root):
    found = sources(task(root, "import numpy as np, yaml.reader\nfrom scipy import stats\nimport os, evalkit.text"))
    assert found.packages == {"numpy", "yaml", "scipy"}
    assert not [name for name in found.files if name.startswith("module")]


def test_links_are_followed_and_loops_end(root):
    folder = task(root)
    put(root / "elsewhere" / "expected.json", "1")
    (folder / "linked.json").symlink_to(root / "elsewhere" / "expected.json")
    (folder / "linked").symlink_to(root / "elsewhere")
    (folder / "loop").symlink_to(folder)
    (folder / "dangling.json").symlink_to(root / "nothing")
    before = sources(folder).files
    put(root / "elsewhere" / "expected.json", "2")
    after = sources(folder).files
    changed = {name.partition("/")[2] for name in before if before[name] != after[name]}
    assert changed == {"linked.json", "linked/expected.json"}


def test_a_file_that_cannot_be_read_is_part_of_it_without_an_error(root):
    folder = task(root)
    (folder / "secret.json").symlink_to("/proc/self/mem")  # a file that nobody can read, root neither
    assert "unreadable" in sources(folder).files[f"{folder.name}/secret.json"]


def test_a_pipe_is_not_waited_for(root):
    folder = task(root)
    os.mkfifo(folder / "pipe")
    assert "no file" in sources(folder).files[f"{folder.name}/pipe"]


def test_a_file_that_changed_just_now_is_read_again_however_it_looks(tmp_path, monkeypatch):
    path = put(tmp_path / "expected.json", "1")
    first = file_digest(path)
    assert first not in file_digests._known.values()
    monkeypatch.setattr(file_digests, "_SETTLED_NS", -1)
    assert file_digest(path) == first
    assert first in file_digests._known.values()


def test_a_change_that_keeps_size_and_time_is_seen(tmp_path, monkeypatch):
    monkeypatch.setattr(file_digests, "_SETTLED_NS", -1)  # nothing is read twice that looks the same
    path = put(tmp_path / "expected.json", "1")
    stamp = path.stat()
    first = file_digest(path)
    time.sleep(0.02)
    put(path, "2")
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert file_digest(path) != first


def test_code_that_was_edited_after_its_import_is_neither_the_old_nor_the_new(tmp_path):
    path = put(tmp_path / "grader.py", "old")
    old = code_file_digest(path)
    put(path, "new")
    assert code_file_digest(path) not in (old, file_digest(path))
    put(path, "old")
    assert code_file_digest(path) == old


def test_code_that_lies_in_no_task_counts_with_what_it_imports(root):
    put(root / "alone.py", "import beside\n")
    put(root / "beside.py")
    put(root / "unrelated.json")
    assert set(module_sources(root / "alone.py").files) == {"module alone.py", "module beside.py"}
    assert "beside" not in sys.modules  # found without being run
