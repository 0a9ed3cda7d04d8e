"""Generated parts of the documentation site, as a Python-Markdown extension.

A line `<!-- generated: NAME -->` in a page of docs/ is replaced by the markdown that `PARTS[NAME]` returns, so that
facts of conf/, the schemas and the decisions are not written down twice. mkdocs.yml loads the extension.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.knobs import GROUPS, Knob, header, knobs_of_evalkit, knobs_of_task

if TYPE_CHECKING:
    from markdown import Markdown

ROOT = Path(__file__).resolve().parent.parent
MARK = re.compile(r"<!-- generated: (\w+)(?: (\S+)(?: (.+))?)? -->")


def knobs() -> str:
    """Every knob of evalkit itself, a table for each part of the config."""
    parts: dict[str, list[Knob]] = {}
    for knob in knobs_of_evalkit():
        part, dot, _ = knob.name.partition(".")
        parts.setdefault(part if dot else "", []).append(knob)
    titles = {part: f"`{part}`" if part else "Top level" for part in parts}
    return "\n\n".join(f"### {titles[part]}\n\n{_knob_table(parts[part])}" for part in sorted(parts, key=_order))


def _order(part: str) -> tuple[int, str]:
    first = ["runs", "limits", "band", "model", "sandbox", "agent", "report", ""]
    return (first.index(part) if part in first else len(first), part)


def _knob_table(knobs: list[Knob]) -> str:
    return table(("knob", "default", "meaning"), [(f"`{k.name}`", _code(k.value), _cell(k.meaning)) for k in knobs])


def options() -> str:
    """The named files of every config group, with the comment that opens each."""
    tables = []
    for group in GROUPS:
        rows = [
            (f"`{group}={path.stem}`", _cell(header(path))) for path in sorted((ROOT / "conf" / group).glob("*.yaml"))
        ]
        tables.append(f"### `{group}=`\n\n{table((f'`{group}=`', 'meaning'), rows)}")
    return "\n\n".join(tables)


def task_knobs() -> str:
    """The knobs of every shipped task: all of a task's own file, and what its variants set differently."""
    tables = []
    for path in sorted((ROOT / "conf" / "task").glob("*.yaml")):
        tables.append(f"### `task={path.stem}`\n\n{header(path)}\n\n{_knob_table(knobs_of_task(path))}")
    return "\n\n".join(tables)


def decisions() -> str:
    """Links to the decision records, newest first."""
    rows = []
    for path in sorted((ROOT / "docs" / "decisions").glob("20*.md"), reverse=True):
        title = path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
        rows.append(f"- {path.name[:10]} · [{title}]({path.name})")
    return "\n".join(rows)


def schemas() -> str:
    """A section for every published JSON Schema: its fields, and those of the parts that it names."""
    parts = []
    for path in sorted(ROOT.glob("evalkit/**/*.schema.json")):
        schema = json.loads(path.read_text(encoding="utf-8"))
        parts.append(f"## {schema['title']} {{ #{path.name.partition('.')[0]} }}\n\n{schema['description']}")
        for kind in schema.get("oneOf", [schema]):
            if kind is not schema:
                parts.append(f"### `type: {kind['properties']['type']['const']}`")
            parts.append(_field_table(kind))
        for name, kind in schema.get("$defs", {}).items():
            parts += [f"### {name.replace('_', ' ')}", kind.get("description", ""), _field_table(kind)]
    return "\n\n".join(filter(None, parts))


def _field_table(schema: dict[str, Any]) -> str:
    rows = [(f"`{name}`", kind, _cell(meaning)) for name, kind, meaning in _fields(schema)]
    return table(("field", "type", "meaning"), rows) if rows else f"Type: {_type(schema)}."


def _fields(schema: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """Name, type and meaning of the properties of an object, those of objects within it behind a dot."""
    for name, field in schema.get("properties", {}).items():
        yield f"{prefix}{name}", _type(field), field.get("description", "")
        for kind in [field, *field.get("anyOf", [])]:
            yield from _fields(kind, f"{prefix}{name}.")


def _type(field: dict[str, Any]) -> str:
    if "enum" in field or "const" in field:
        return " \\| ".join(_code(json.dumps(value)) for value in field.get("enum", [field.get("const")]))
    if "$ref" in field:
        return str(field["$ref"]).rpartition("/")[2].replace("_", " ")
    if "anyOf" in field:
        return " \\| ".join(dict.fromkeys(_type(kind) for kind in field["anyOf"]))
    kind = field.get("type", "any")
    if kind == "array":
        return f"list of {_type(field.get('items', {}))}"
    return " \\| ".join(kind) if isinstance(kind, list) else str(kind)


def root_file(name: str) -> str:
    """A file that stands in the root of the project, its links changed to those of the site."""
    text = (ROOT / name).read_text(encoding="utf-8")
    pages = {"AGENTS.md": "house-rules.md"}
    text = re.sub(r"\]\(([A-Z]+\.md)\)", lambda link: f"]({pages.get(link[1], link[1].lower())})", text)
    return text.replace("](docs/", "](")


def section(name: str, title: str) -> str:
    """What stands below a heading of a file in the root of the project, up to the next heading of that level."""
    text = root_file(name)
    start = text.index(f"\n## {title}\n")
    return text[start:].partition("\n## ")[2].partition("\n## ")[0].partition("\n")[2].strip()


def notebook(name: str) -> str:
    """A notebook of docs/: its texts, its code, and its outputs as text."""
    parts = []
    for cell in json.loads((ROOT / "docs" / name).read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        parts.append(source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```")
        for output in cell.get("outputs", []):
            text = "".join(output.get("text") or output["data"]["text/plain"])
            parts.append(f"```text\n{text.rstrip()}\n```")
    return "\n\n".join(parts)


PARTS: dict[str, Callable[..., str]] = {
    "knobs": knobs,
    "options": options,
    "task_knobs": task_knobs,
    "decisions": decisions,
    "schemas": schemas,
    "file": root_file,
    "section": section,
    "notebook": notebook,
}


def fill(lines: list[str]) -> list[str]:
    """The lines of a page with every mark replaced; raise `KeyError` for a mark that names nothing."""
    filled: list[str] = []
    for line in lines:
        mark = MARK.fullmatch(line.strip())
        filled += PARTS[mark[1]](*filter(None, mark.groups()[1:])).split("\n") if mark else [line]
    return filled


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A markdown table."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def makeExtension(**_: Any) -> Any:
    """The extension that mkdocs.yml names."""
    from markdown.extensions import Extension
    from markdown.preprocessors import Preprocessor

    class Fill(Preprocessor):
        def run(self, lines: list[str]) -> list[str]:
            return fill(lines)

    class Pages(Extension):
        def extendMarkdown(self, md: Markdown) -> None:
            md.preprocessors.register(Fill(md), "generated", 100)  # before code fences and HTML are looked for

    return Pages()
