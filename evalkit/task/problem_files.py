"""Problem files: the rows of a JSONL, CSV or Parquet file, each with its place in it.

Every fault of a file is one sentence with the file and the line. CSV: RFC 4180, the first line names the columns.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from evalkit.util import bounded_json
from evalkit.util.errors import UserError
from evalkit.util.suggestions import suggestion

MOST_ROWS = 200_000
"""All rows of a file are held in memory, one to two kilobytes each with a prompt of some hundred characters."""
ID_LENGTH = 200
"""The longest id in characters: ids stand in tables, file names and command lines."""


class Row(dict[str, Any]):
    """A row by column. A column that it lacks raises `UserError` with the file and the line."""

    def __init__(self, values: Mapping[str, Any], place: str, used: set[str]) -> None:
        """`place`: file and line, for people; `used`: shared by the rows of a file, the columns that were asked for."""
        super().__init__(values)
        self.place, self._used = place, used

    def __getitem__(self, column: str) -> Any:
        self._used.add(column)
        return super().__getitem__(column)

    def __missing__(self, column: str) -> Any:
        raise UserError(f"{self.place} has no column {column!r}{suggestion(column, self)}")

    @property
    def digest(self) -> str:
        """12 hexadecimal digits that tell this row from every other one."""
        text = json.dumps(self, sort_keys=True, ensure_ascii=False, default=str)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]

    @cached_property
    def id(self) -> str:
        """What its column `id` says, else its digest. Raises `UserError` for what is no name."""
        if "id" not in self:
            return self.digest
        found = self.get("id")
        if isinstance(found, bool) or not isinstance(found, str | int) or not str(found).strip():
            raise UserError(f"{self.place} has {found!r} as its id: use text or a whole number")
        if len(str(found)) > ID_LENGTH or not str(found).isprintable():
            raise UserError(
                f"{self.place} has an id that names no problem: use at most {ID_LENGTH} printable characters"
            )
        return str(found)


def read_rows(path: Path) -> list[Row]:
    """The rows of a problem file, in its order. Raises `UserError` for whatever is wrong with it."""
    read = _READERS.get(path.suffix.lower())
    if read is None:
        raise UserError(f"problems.file={path} is neither .jsonl, .csv nor .parquet: convert it to one of these")
    used: set[str] = set()
    rows: list[Row] = []
    try:
        for line, values in read(path):
            if len(rows) == MOST_ROWS:
                raise UserError(f"{path}:{line} is beyond the {MOST_ROWS:,} rows that a set may have: split the file")
            rows.append(Row(values, f"{path}:{line}", used))
    except OSError as error:
        raise UserError(f"problems.file={path} cannot be read: {error.strerror or error}") from error
    if not rows:
        raise UserError(f"problems.file={path} holds no problem: give it a row for each")
    _check_ids(rows)
    return rows


def as_rows(given: Iterable[Mapping[str, Any]], source: str) -> list[Row]:
    """The rows that a task brings itself. Raises `UserError` for what is no row, and for an id that comes twice."""
    used: set[str] = set()
    rows = [Row(values, f"{source}, number {number}", used) for number, values in enumerate(given, 1)]
    if not rows:
        raise UserError(f"{source} are none: let `problems` return a row for each")
    _check_ids(rows)
    return rows


def check_columns(rows: Iterable[Row]) -> None:
    """Raise `UserError` for the first row without a column that the spec of another row has read."""
    for row in rows:
        for column in sorted(row._used):
            row[column]


def _check_ids(rows: list[Row]) -> None:
    seen: dict[str, Row] = {}
    for row in rows:
        if (name := row.id) in seen:
            what = f"repeats id {name!r} of" if "id" in row else "is the same as"
            raise UserError(f"{row.place} {what} {seen[name].place}: every problem needs an id of its own")
        seen[name] = row


def _jsonl(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for line, text in enumerate(_lines(path), 1):
        if not text.strip():
            continue
        try:
            row = bounded_json.loads(text)
        except (ValueError, RecursionError) as error:
            raise UserError(f"{path}:{line} is not valid JSON: {error}") from error
        if not isinstance(row, dict):
            raise UserError(f"{path}:{line} is {type(row).__name__}, not a JSON object: write one object a line")
        yield line, row


def _csv(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    reader = csv.reader(_lines(path), strict=True)
    try:
        columns = next(reader, [])
        if len(set(columns)) < len(columns) or not all(columns):
            raise UserError(f"{path}:1 must name every column once: it says {', '.join(map(repr, columns))}")
        for values in reader:
            if not values:
                continue
            if len(values) != len(columns):
                raise UserError(
                    f"{path}:{reader.line_num} has {len(values)} values for {len(columns)} columns: quote values that "
                    "hold a comma"
                )
            yield reader.line_num, dict(zip(columns, values, strict=True))
    except csv.Error as error:
        raise UserError(f"{path}:{reader.line_num} is not valid CSV: {error}") from error


def _lines(path: Path) -> Iterator[str]:
    """Lines as they are read, with their ends. Raises `UserError` where a line is not UTF-8."""
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            try:
                yield raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise UserError(
                    f"{path}:{number} is not UTF-8 (byte {error.start + 1}): convert it, such as with iconv"
                ) from error


def _parquet(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        from pyarrow import ArrowException, parquet  # a hundred megabytes that few need
    except ImportError as error:
        raise UserError(
            f"problems.file={path} needs pyarrow: pip install 'evalkit[parquet]', or convert it to .jsonl"
        ) from error
    try:
        with parquet.ParquetFile(path) as file:
            number = 0
            for batch in file.iter_batches(batch_size=1024):
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
    except ArrowException as error:
        raise UserError(f"{path} is not a valid Parquet file: {str(error).splitlines()[0]}") from error


_READERS: Mapping[str, Callable[[Path], Iterator[tuple[int, Mapping[str, Any]]]]] = {
    ".jsonl": _jsonl,
    ".csv": _csv,
    ".parquet": _parquet,
}
