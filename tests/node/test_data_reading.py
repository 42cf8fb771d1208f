"""Tables as hospitals have them: encodings, delimiters, gzip, Parquet, several hospitals, opt-outs, all targets."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.learning.data.cells import day, number
from node.learning.data.check import inspect
from node.learning.data.manifest import File, parse
from node.learning.data.readers import TableFile
from node.learning.data.schema import Column, Schema, Target, differences
from node.learning.data.table import read
from node.learning.errors import ConfigError, GateError
from node.pages.sheet_page import page
from tests.node.data_tables import LABEL, column, found, manifest, sheet_of, write
from tests.node.readable import faults

N = 40
VALUES = {"x": [str(i) for i in range(N)], "ill": [str(i % 2) for i in range(N)]}


def text_of(delimiter: str = ",", decimal: str = ".", word: str = "å") -> str:
    lines = [delimiter.join(["x", "ward", "ill"])]
    lines += [delimiter.join([f"{i}{decimal}5", word, str(i % 2)]) for i in range(N)]
    return "\n".join(lines) + "\n"


WARD = column("ward", "category", categories=["å", "ä"])


@pytest.mark.parametrize(
    ("data", "file"),
    [
        pytest.param(text_of().encode(), {}, id="utf-8"),
        pytest.param(b"\xef\xbb\xbf" + text_of().encode(), {}, id="byte order mark"),
        pytest.param(text_of().encode("cp1252"), {"encoding": "cp1252"}, id="windows"),
        pytest.param(text_of().encode("utf-16"), {"encoding": "utf-16"}, id="utf-16"),
        pytest.param(text_of(";", ",").encode(), {"delimiter": ";", "decimal": ","}, id="semicolons and commas"),
        pytest.param(text_of("\t").encode(), {"delimiter": "\t"}, id="tabs"),
        pytest.param(text_of().replace("\n", "\r\n").encode(), {}, id="line ends of Windows"),
        pytest.param(text_of().replace("\n", "\n\n").encode(), {}, id="empty lines"),
    ],
)
def test_a_table_is_read_as_its_manifest_says(tmp_path: Path, data: bytes, file: dict[str, str]) -> None:
    (tmp_path / "t.csv").write_bytes(data)

    rows, sha256 = read(manifest(column("x"), WARD, LABEL, file=[{"path": "t.csv", **file}]), tmp_path)

    np.testing.assert_array_equal(rows.features["x"], np.arange(N) + 0.5)
    assert not rows.features["ward"].any()
    assert sha256 == hashlib.sha256(data).digest()


@pytest.mark.parametrize(
    ("data", "file", "words"),
    [
        pytest.param(text_of().encode("cp1252"), {}, 'is not utf-8 text.*perhaps encoding = "latin-1"', id="no utf-8"),
        pytest.param(text_of().encode(), {"encoding": "latin-1"}, "UTF-8 text that .* misreads", id="utf-8 as latin-1"),
        pytest.param(text_of().encode(), {"encoding": "cp1252"}, "UTF-8 text that .* misreads", id="utf-8 as windows"),
        pytest.param(text_of().encode("utf-16"), {}, 'is not utf-8 text.*perhaps encoding = "utf-16"', id="utf-16"),
        pytest.param(text_of(";").encode(), {}, 'semicolons in its header.*delimiter = ";"', id="semicolons"),
        pytest.param(text_of("\t").encode(), {}, r'tabs in its header.*delimiter = "\\t"', id="tabs"),
        pytest.param(text_of(";", ",").encode(), {"delimiter": ";"}, 'decimal comma.*decimal = ","', id="commas"),
        pytest.param(b"x,ill\n1,0\n2\n", {}, "line 3 has 1 cells; expected 2", id="short line"),
        pytest.param(b"x,x\n1,0\n", {}, "repeats a column name", id="a name twice"),
        pytest.param(b"x,ill\n1,\0\n", {}, "holds zero bytes", id="zero bytes"),
        pytest.param(b"", {}, "is empty", id="empty"),
    ],
)
def test_a_table_that_is_read_wrongly_is_refused_with_what_to_set(
    tmp_path: Path, data: bytes, file: dict[str, str], words: str
) -> None:
    (tmp_path / "t.csv").write_bytes(data)

    with pytest.raises(GateError, match=words):
        read(manifest(column("x"), WARD, LABEL, file=[{"path": "t.csv", **file}]), tmp_path)


def test_gzip_is_read_and_its_own_bytes_are_hashed(tmp_path: Path) -> None:
    data = gzip.compress(text_of().encode())
    (tmp_path / "t.csv.gz").write_bytes(data)
    described = manifest(column("x"), WARD, LABEL, file="t.csv.gz")

    rows, sha256 = read(described, tmp_path)
    (tmp_path / "t.csv.gz").write_bytes(data[:-20])

    assert (len(rows), sha256) == (N, hashlib.sha256(data).digest())
    with pytest.raises(GateError, match="cannot be read to its end"):
        read(described, tmp_path)


def test_parquet_gives_the_rows_of_the_csv(tmp_path: Path) -> None:
    table = pa.table(
        {
            "x": pa.array([*range(N - 2), None, float("nan")], pa.float64()),
            "ward": pa.array(["å"] * N).dictionary_encode(),
            "ill": pa.array([i % 2 == 1 for i in range(N)]),
        }
    )
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=7)

    rows, _ = read(
        manifest(column("x", missing=[""]), WARD, column("ill", "boolean", "label"), file="t.parquet"), tmp_path
    )

    np.testing.assert_array_equal(rows.features["x"], [*range(N - 2), np.nan, np.nan])
    np.testing.assert_array_equal(rows.label, np.arange(N) % 2)
    (tmp_path / "t.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(GateError, match="is not Parquet"):
        read(manifest(column("x"), WARD, LABEL, file="t.parquet"), tmp_path)


def test_a_long_table_comes_in_chunks_and_lines_are_counted_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.learning.data.readers.ROWS", 7)
    write(tmp_path, {**VALUES, "x": [*VALUES["x"][:-1], "oops"]})

    chunks = list(TableFile(tmp_path / "clinic.csv", File(path="clinic.csv")).chunks())

    assert [(chunk.first, len(chunk)) for chunk in chunks][:2] == [(2, 7), (9, 7)]
    with pytest.raises(GateError, match=rf"1 cells are no number \(first in line {N + 1}\)"):
        read(manifest(column("x"), LABEL), tmp_path)


@given(st.text("0123456789.,-+eE_ naif", max_size=8))
@settings(max_examples=200)
def test_only_finite_decimal_numbers_are_numbers(cell: str) -> None:
    value = number(cell)
    if np.isfinite(value):
        assert float(cell) == value
        assert "_" not in cell


CELLS = st.sampled_from(
    ["0", "1", "", "nan", "1e999", "-0", "1,5", '"', "å", "2024-01-01", "191212121212", "x y", "\n", "1_0"]
)
COLUMNS = (
    column("x", missing=[""]),
    column("n", "integer"),
    column("b", "boolean"),
    column("w", "category", categories=["0"]),
    column("d", "date", since="e", range=[0, 9]),
    column("e", "date", "ignore"),
    column("t", "text", "quasi_identifier"),
)


@given(st.lists(st.lists(CELLS, min_size=8, max_size=8), max_size=30), st.sampled_from([".csv", ".csv.gz", ".parquet"]))
@settings(max_examples=60, deadline=None)
def test_any_cells_give_a_sheet_and_no_fault(rows: list[list[str]], ending: str) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        text = "\n".join([",".join([*(c["name"] for c in COLUMNS), "ill"]), *map(",".join, rows)])
        (folder / f"t{ending}").write_bytes(gzip.compress(text.encode()) if ending == ".csv.gz" else text.encode())

        sheet = inspect(manifest(*COLUMNS, LABEL, file=f"t{ending}"), folder)

        assert json.loads(sheet.text())["rows"] == sheet.rows
        assert not faults(page([sheet.value()]))
        assert not faults(page([sheet.value()], "sv"))


@given(st.binary(max_size=300))
@settings(max_examples=60, deadline=None)
def test_any_bytes_are_a_table_or_are_refused_in_words(data: bytes) -> None:
    with TemporaryDirectory() as name:
        for ending in (".csv", ".csv.gz", ".parquet"):
            (Path(name) / f"t{ending}").write_bytes(data)

            sheet = inspect(manifest(column("x"), LABEL, file=f"t{ending}"), Path(name))

            assert not sheet.passed
            assert sheet.blocking[0].words


def test_moments_of_different_zones_are_one_time() -> None:
    assert day("1970-01-02") == 1
    assert day("1970-01-02T06:00:00") == 1.25
    assert day("1970-01-02T07:00:00+01:00") == day("1970-01-02T06:00:00Z") == 1.25
    assert np.isnan(day("2024-02-30"))
    assert np.isnan(day("9999-12-31T23:59:59-01:00"))


def test_a_file_without_a_header_has_the_manifests_columns(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("".join(f"{i},{i % 2}\n" for i in range(N)))

    rows, _ = read(manifest(column("x"), LABEL, file=[{"path": "t.csv", "header": False}]), tmp_path)

    np.testing.assert_array_equal(rows.features["x"], np.arange(N))


def test_one_hospital_of_a_table_of_many_is_a_region(tmp_path: Path) -> None:
    write(tmp_path, {"hospitalid": [str(60 + i % 3) for i in range(N)], **VALUES})
    columns = column("hospitalid", "text", "ignore"), column("x"), LABEL

    parts = [read(manifest(*columns, hospital="hospitalid", only=[str(h)]), tmp_path)[0] for h in (60, 61, 62)]

    assert sum(map(len, parts)) == N
    np.testing.assert_array_equal(parts[1].features["x"], np.arange(1, N, 3))
    with pytest.raises(ConfigError, match="`only` without `hospital`"):
        manifest(*columns, only=["60"])


def test_rows_of_who_opted_out_are_never_read(tmp_path: Path) -> None:
    values = {"pid": [f"p{i // 2}" for i in range(N)], "x": VALUES["x"]}
    (tmp_path / "no.txt").write_text("p0\np3\np99\n")

    sheet = sheet_of(tmp_path, values, column("pid", "text", "ignore"), column("x"), patient="pid", opt_out="no.txt")

    assert (sheet.rows, sheet.patients) == (N - 4, N // 2 - 2)
    assert sheet.left_out == ("4 rows of patients who opted out",)
    assert "p3" not in sheet.text()


def test_rows_that_are_not_complete_are_left_out_where_the_manifest_asks(tmp_path: Path) -> None:
    sheet = sheet_of(tmp_path, {"x": ["?"] * 5 + [1] * (N - 5)}, column("x", missing=["?"]), complete=True)

    assert sheet.rows == N - 5
    assert sheet.left_out == ("5 rows that are not complete",)


# ---------------------------------------------------------------- what is learned


def test_survival_has_a_time_and_an_event(tmp_path: Path) -> None:
    write(tmp_path, {"x": VALUES["x"], "time": [str(10 + i) for i in range(N)], "death": VALUES["ill"]})
    time = column("time", "time_to_event", "label", unit="d", range=[0, 3650])

    described = manifest(column("x"), time, column("death", "boolean", "label"))
    rows, _ = read(described, tmp_path)

    assert described.schema_().target is Target.SURVIVAL
    assert described.schema_().label.name == "death"
    assert rows.target is not None
    np.testing.assert_array_equal(rows.target[:, 0], 10 + np.arange(N))
    np.testing.assert_array_equal(rows.label, np.arange(N) % 2)
    assert len(rows.take(rows.label == 1).target) == N // 2  # type: ignore[arg-type]  # it is there


def test_several_labels_and_numbers_are_targets(tmp_path: Path) -> None:
    write(tmp_path, {"x": VALUES["x"], "a": VALUES["ill"], "b": [1] * N})
    both = manifest(column("x"), column("a", "boolean", "label"), column("b", "boolean", "label"))
    one = manifest(column("x", role="label"), column("a", "boolean"), column("b", "boolean"))

    labels, numbers = read(both, tmp_path)[0], read(one, tmp_path)[0]

    assert (both.schema_().target, one.schema_().target) == (Target.LABELS, Target.NUMBER)
    assert labels.target is not None
    assert numbers.target is not None
    np.testing.assert_array_equal(labels.target, np.stack([np.arange(N) % 2, np.ones(N)], 1))
    np.testing.assert_array_equal(numbers.target[:, 0], np.arange(N))
    with pytest.raises(ConfigError, match="the label is number, not classes"):
        _ = one.schema_().classes


def test_label_columns_of_no_known_form_are_refused() -> None:
    with pytest.raises(ConfigError, match="label columns of kind number, category"):
        manifest(column("x"), column("y", role="label"), LABEL)


# ---------------------------------------------------------------- manifests in words


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('role = "feature"', 'rolle = "feature"', "column x: unknown key rolle.*Did you mean role"),
        ('kind = "number"', 'kind = "numeric"', "column x: kind is none of those known; expected number, integer"),
        ('kind = "number"\n', "", "column x has no kind"),
        ('id = "clinic"', 'id = "My Clinic"', 'id is no name.*For example id = "heart"'),
        ('path = "clinic.csv"', 'path = "clinic.csv"\nsep = ";"', "file clinic.csv: unknown key sep"),
        ('id = "clinic"', 'id = "clinic"\npatient = "pid"', "patient = pid is none of the columns"),
        ('id = "clinic"', 'id = "clinic"\npurposes = ["profit"]', "purposes is none of those known"),
        ('kind = "number"', 'kind = "date"', "column x is a feature of kind date.*since"),
        ('kind = "number"', 'kind = "image"', "column x has no shape"),
    ],
)
def test_a_wrong_manifest_is_answered_in_words(old: str, new: str, words: str) -> None:
    from node.learning.data.manifest import to_toml

    text = to_toml({"id": "clinic", "file": [{"path": "clinic.csv"}], "column": [column("x"), LABEL]})
    assert old in text

    with pytest.raises(ConfigError, match=words):
        parse(text.replace(old, new, 1), Path("clinic.toml"))


def test_two_schemas_differ_in_named_columns_and_no_value_is_said() -> None:
    def schema(*columns: Column) -> Schema:
        return Schema("clinic", columns)

    a, b = Column(name="a", kind="number", range=(0, 1)), Column(name="b", kind="boolean")
    other = schema(a.model_copy(update={"range": (0, 700), "unit": "kg"}), Column(name="c", kind="boolean"))

    assert differences(schema(a, b), schema(a, b)) == []
    assert differences(schema(a, b), other) == [
        "column b is missing there",
        "column c is missing here",
        "column a has another unit and range there than here",
    ]
    assert differences(schema(a, b), schema(b, a)) == ["the columns stand in another order there than here, from a on"]


def test_bands_and_decimals_are_no_part_of_the_schema() -> None:
    one, other = manifest(column("x"), LABEL), manifest(column("x", band=5.0, decimals=1), LABEL)
    shaped = manifest(column("i", "image", shape=[8, 8, 1]), LABEL).schema_()

    assert one.schema_().hash == other.schema_().hash
    assert manifest(column("i", "image", shape=[9, 9, 1]), LABEL).schema_().hash != shaped.hash
    assert Schema.of_value("x", shaped.value()).hash == shaped.hash


def test_a_row_without_a_patient_blocks(tmp_path: Path) -> None:
    values = {"pid": ["", *(f"p{i}" for i in range(N - 1))], "x": VALUES["x"]}
    sheet = sheet_of(tmp_path, values, column("pid", "text", "ignore"), column("x"), patient="pid")

    [blocking] = sheet.blocking
    assert (blocking.check, blocking.column, blocking.count) == ("missing", "pid", 1)
    assert found(sheet, "duplicates") == []
