"""The documentation site: what is generated, that nothing is left out, that links hold, that no network is used."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest
import yaml

import evalkit
from tools import pages
from tools.knobs import CONF, Knob, header, knobs_of_file, knobs_of_task

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"


@pytest.mark.parametrize(
    ("text", "knob"),
    [
        ("a: 1 # one", Knob("a", "1", "one")),
        ("# one\na: 1", Knob("a", "1", "one")),
        ("# one,\n# two\na: 1", Knob("a", "1", "one, two")),
        ("# far away\n\na: 1", Knob("a", "1", "")),
        ("# above\na: 1 # behind", Knob("a", "1", "behind")),
        ("a: 'x # y' # one", Knob("a", "'x # y'", "one")),
        ("a: [1, 2] # two of them", Knob("a", "[1, 2]", "two of them")),
        ("a: >- # what it says\n  one\n  two", Knob("a", "one two", "what it says")),
        ("a:\n  # inside\n  b: null", Knob("a.b", "null", "inside")),
        ("# of lists\na:\n  - {x: 1} # first\n  - {x: 2}", Knob("a", "- {x: 1} - {x: 2}", "of lists")),
    ],
)
def test_a_knob_means_what_the_comment_at_it_says(text: str, knob: Knob, tmp_path: Path) -> None:
    file = tmp_path / "some.yaml"
    file.write_text(f"{text}\n")
    assert knobs_of_file(file) == [knob]


def test_a_comment_at_a_mapping_is_a_row_for_all_of_it(tmp_path: Path) -> None:
    file = tmp_path / "some.yaml"
    file.write_text("a: # of all\n  b: 1\n  c: 2 # of one\n")
    assert knobs_of_file(file) == [Knob("a.…", "", "of all"), Knob("a.b", "1", ""), Knob("a.c", "2", "of one")]


@pytest.mark.parametrize("path", sorted((CONF / "task").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_knob_of_a_shipped_task_says_what_it_means(path: Path) -> None:
    listed = knobs_of_task(path)
    groups = [knob.name[:-1] for knob in listed if knob.name.endswith(".…")]
    silent = [knob.name for knob in listed if not knob.meaning and not knob.name.startswith(tuple(groups))]
    assert listed and silent == []
    assert header(path)


def test_a_knob_without_a_meaning_stops_the_build(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.knobs.knobs_of_file", lambda path, prefix="": [])
    with pytest.raises(ValueError, match=r"say what .*limits\.max_tokens.* means"):
        pages.knobs()


def test_a_mark_is_replaced_and_one_that_names_nothing_is_refused() -> None:
    assert pages.fill(["a", "<!-- generated: decisions -->"]) == ["a", *pages.decisions().split("\n")]
    with pytest.raises(KeyError):
        pages.fill(["<!-- generated: nonsense -->"])


def test_a_section_of_the_readme_ends_where_the_next_one_begins() -> None:
    text = pages.section("README.md", "Two commands")
    assert text.startswith("On a fresh machine") and "\n## " not in text and "ANTHROPIC_API_KEY" not in text
    assert "](authoring.md)" in pages.section("README.md", "Tasks")  # links are those of the site


def test_decisions_are_listed_newest_first_and_none_is_left_out() -> None:
    files = [path.name for path in (DOCS / "decisions").glob("*.md") if path.name != "index.md"]
    listed = re.findall(r"\]\((.+?)\)", pages.decisions())
    assert listed == sorted(files, reverse=True)


def test_every_public_name_is_in_the_python_reference_once() -> None:
    listed = re.findall(r"(?m)^::: evalkit\.(\w+)$", (DOCS / "python.md").read_text(encoding="utf-8"))
    assert sorted(listed) == sorted(set(evalkit.__all__) - {"__version__"})


def test_every_field_of_the_schemas_has_a_row() -> None:
    listed = pages.schemas()
    for name in ("outcome", "model.simulated", "verdict", "panels"):
        assert f"| `{name}` |" in listed, name


def test_every_page_is_in_the_navigation() -> None:
    """A page that no menu leads to is found by nobody. Decisions are listed on their own page."""
    written = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    menu = set(re.findall(r": (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE))
    assert menu == {name for name in written if not re.match(r"decisions/20", name)}


def test_no_page_names_a_module_of_the_package() -> None:
    """Modules are private, and move."""
    for path in DOCS.glob("*.md"):
        assert not re.search(r"evalkit/\w+(/\w+)*\.py", path.read_text(encoding="utf-8")), path


# Decisions keep the names of their day, and the comparison names files of other projects.
NAMING = sorted({*DOCS.glob("*.md"), *DOCS.glob("tasks/*.md"), *ROOT.glob("*.md")} - {DOCS / "compare.md"})


@pytest.mark.parametrize("path", NAMING, ids=lambda path: path.stem)
def test_every_file_of_the_project_that_a_page_names_exists(path: Path) -> None:
    named = re.findall(r"`((?:tests|benchmarks|tools|docs|tasks)/[\w./-]+)`", path.read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as CI builds it, in a folder of its own."""
    if importlib.util.find_spec("zensical") is None:
        if os.environ.get("CI", "").lower() in ("1", "true"):
            pytest.fail("zensical is missing: .ci/run installs it")
        pytest.skip("the site cannot be built: pip install -c constraints.txt -e '.[docs]'")
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(DOCS, folder / "docs")
    shutil.copy(ROOT / "mkdocs.yml", folder)
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean"]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=env, timeout=120, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "site"


class Links(HTMLParser):
    """Where the elements of a page point, and the names that can be pointed at."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.names: set[str] = set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        self.names |= {known[name] for name in ("id", "name") if name in known}
        if tag != "link" or known.get("rel") == "stylesheet":
            self.targets += [known[name] for name in ("href", "src") if name in known]


def test_every_link_of_the_site_leads_somewhere_generated_parts_included(site: Path) -> None:
    pages_of_site = {page: Links(page) for page in site.rglob("*.html") if page.name != "404.html"}
    assert len(pages_of_site) > 20
    dead = []
    for page, links in pages_of_site.items():
        for target in links.targets:
            path, fragment = urldefrag(target)
            if re.match(r"[a-z]+:", path):
                continue
            file = (page.parent / unquote(path)).resolve() if path else page
            if not file.is_file() or (fragment and file in pages_of_site and fragment not in pages_of_site[file].names):
                dead.append(f"{page.relative_to(site)}: {target}")
    assert dead == []


def test_the_site_loads_nothing_from_a_network(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        loads = re.findall(r'<(?:script|img|iframe)[^>]+src="([^"]+)"', text)
        loads += re.findall(r'<link[^>]+rel="(?:stylesheet|preconnect|preload)"[^>]*>', text)
        assert [load for load in loads if re.search(r"https?://|=\"?//", load)] == [], page


def test_every_mark_is_filled(site: Path) -> None:
    assert [page for page in site.rglob("*.html") if "generated:" in page.read_text(encoding="utf-8")] == []


def test_ci_builds_the_site_with_warnings_as_errors() -> None:
    assert "-m zensical build --strict" in (ROOT / ".ci" / "run").read_text()
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    assert settings["strict"] is True and settings["theme"]["font"] is False
