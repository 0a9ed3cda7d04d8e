"""Problem files: rows of three formats, and one sentence with file and line for whatever is wrong with one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.task.problem_files import MOST_ROWS, as_rows, check_columns, read_rows
from evalkit.util.errors import UserError


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_rows_of_jsonl_keep_their_types_and_blank_lines_are_skipped(tmp_path: Path) -> None:
    path = written(tmp_path, "a.jsonl", '{"id": 1, "x": [1.5, null]}\n\n{"id": "two", "x": "é"}\n')
    assert read_rows(path) == [{"id": 1, "x": [1.5, None]}, {"id": "two", "x": "é"}]
    assert [row.id for row in read_rows(path)] == ["1", "two"]
    assert [row.place for row in read_rows(path)] == [f"{path}:1", f"{path}:3"]


def test_rows_of_csv_are_text_and_may_hold_lines(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", '\ufeffid,question\r\n1,"a, ""b""\nc"\r\n2,d\r\n')
    assert read_rows(path) == [{"id": "1", "question": 'a, "b"\nc'}, {"id": "2", "question": "d"}]
    assert [row.place for row in read_rows(path)] == [f"{path}:3", f"{path}:4"]


def test_rows_of_parquet_are_those_that_were_written(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="needs the extra parquet: pip install 'evalkit[parquet]'")
    from pyarrow import parquet

    rows = [{"id": "a", "n": 1, "tags": ["x"]}, {"id": "b", "n": None, "tags": []}]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "a.parquet")
    assert read_rows(tmp_path / "a.parquet") == rows


def test_a_row_without_an_id_is_called_by_its_digest_wherever_it_stands(tmp_path: Path) -> None:
    one = read_rows(written(tmp_path, "a.jsonl", '{"x": 1, "y": 2}\n{"x": 3}\n'))
    other = read_rows(written(tmp_path, "b.jsonl", '{"x": 3}\n{"y": 2, "x": 1}\n'))
    assert [row.id for row in one] == [row.id for row in reversed(other)]
    assert one[0].id != one[1].id


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.jsonl", '{"id": 1}\n{"id": 1}\n', "a.jsonl:2 repeats id '1' of .*a.jsonl:1"),
        ("a.jsonl", '{"id": 1}\n{"id": "1"}\n', "a.jsonl:2 repeats id '1'"),
        ("a.jsonl", '{"x": 1}\n{"x": 1}\n', "a.jsonl:2 is the same as .*a.jsonl:1"),
        ("a.jsonl", '{"id": 1}\nnot json\n', "a.jsonl:2 is not valid JSON"),
        ("a.jsonl", '{"id": 1}\n[1]\n', "a.jsonl:2 is list, not a JSON object"),
        ("a.jsonl", b'{"id": 1}\n{"x": "\xff"}\n', "a.jsonl:2 is not UTF-8 \\(byte 8\\)"),
        ("a.jsonl", '{"id": null}\n', "a.jsonl:1 has None as its id"),
        ("a.jsonl", '{"id": ""}\n', "a.jsonl:1 has '' as its id"),
        ("a.jsonl", '{"id": true}\n', "a.jsonl:1 has True as its id"),
        ("a.jsonl", json.dumps({"id": "x" * 201}), "a.jsonl:1 has an id that names no problem"),
        ("a.jsonl", json.dumps({"id": "a\nb"}), "a.jsonl:1 has an id that names no problem"),
        ("a.jsonl", "\n\n", "holds no problem"),
        ("a.csv", "id,x\n1\n", "a.csv:2 has 1 values for 2 columns"),
        ("a.csv", "id,id\n1,2\n", "a.csv:1 must name every column once"),
        ("a.csv", 'id,x\n1,"2\n', "a.csv:2 is not valid CSV"),
        ("a.csv", b"id,x\n1,\xe9\n", "a.csv:2 is not UTF-8"),
        ("a.txt", "x", "is neither .jsonl, .csv nor .parquet"),
    ],
)
def test_a_bad_row_is_one_sentence_with_file_and_line(
    tmp_path: Path, name: str, content: str | bytes, said: str
) -> None:
    with pytest.raises(UserError, match=said) as caught:
        read_rows(written(tmp_path, name, content))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_or_is_a_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    for name in ("gone.jsonl", "folder.csv"):
        with pytest.raises(UserError, match="cannot be read"):
            read_rows(tmp_path / name)


def test_a_million_rows_are_refused_as_soon_as_there_are_too_many(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", "id\n" + "\n".join(map(str, range(MOST_ROWS + 2))))
    with pytest.raises(UserError, match=f"a.csv:{MOST_ROWS + 2} is beyond the 200,000 rows"):
        read_rows(path)


def test_a_column_that_a_row_lacks_is_named_with_what_it_has(tmp_path: Path) -> None:
    rows = read_rows(written(tmp_path, "a.jsonl", '{"id": 1, "question": "q"}\n{"id": 2}\n'))
    with pytest.raises(UserError, match=r"a.jsonl:1 has no column .qestion.: did you mean question"):
        rows[0]["qestion"]
    assert rows[1].get("question", "none") == "none"


def test_a_column_that_one_spec_reads_is_asked_of_every_row(tmp_path: Path) -> None:
    rows = read_rows(written(tmp_path, "a.jsonl", '{"id": 1, "question": "q"}\n{"id": 2, "extra": 1}\n'))
    check_columns(rows)
    rows[0]["question"]
    with pytest.raises(UserError, match=r"a.jsonl:2 has no column 'question'"):
        check_columns(rows)


def test_rows_that_a_task_brings_are_checked_alike() -> None:
    assert [row.id for row in as_rows([{"id": "a"}, {"id": "b"}], "the problems of task t")] == ["a", "b"]
    with pytest.raises(UserError, match="the problems of task t, number 2 repeats id 'a'"):
        as_rows([{"id": "a"}, {"id": "a"}], "the problems of task t")
    with pytest.raises(UserError, match="are none"):
        as_rows([], "the problems of task t")


@given(content=st.binary(max_size=200), suffix=st.sampled_from([".jsonl", ".csv"]))
def test_any_bytes_are_rows_or_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, suffix: str
) -> None:
    path = tmp_path_factory.mktemp("any") / f"a{suffix}"
    path.write_bytes(content)
    try:
        rows = read_rows(path)
    except UserError as error:
        assert "\n" not in str(error).replace(str(path), "")
    else:
        assert len({row.id for row in rows}) == len(rows) > 0
