"""Manifests, tables and the gate: what is refused is said in words, and never with a cell's value."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from node.learning import ConfigError, GateError
from node.learning.data.check import check_manifest
from node.learning.data.manifest import bound_text, load, parse
from node.learning.data.table import Guard, in_validation, read

MANIFEST = """
id = "clinic"
patient = "pid"
[[file]]
path = "clinic.csv"
[[column]]
name = "pid"
kind = "text"
role = "ignore"
[[column]]
name = "chol"
kind = "number"
range = [50, 700]
missing = ["?"]
[[column]]
name = "ward"
kind = "category"
categories = ["a", "b"]
[[column]]
name = "ill"
kind = "category"
role = "label"
categories = ["0", "1"]
"""
HEADER = "pid,chol,ward,ill\n"
LINES = [f"p{i},{100 + i},{'ab'[i % 2]},{i % 2}\n" for i in range(30)]
SECRET = "777123"  # a cell that no message may show


def clinic(folder: Path, lines: list[str], header: str = HEADER, manifest: str = MANIFEST) -> Path:
    """Write a table and its manifest; return the manifest's path."""
    (folder / "clinic.csv").write_text(header + "".join(lines))
    (folder / "clinic.toml").write_text(manifest)
    return folder / "clinic.toml"


def test_a_table_that_fits_gives_a_sheet_of_counts(tmp_path: Path) -> None:
    sheet = check_manifest(clinic(tmp_path, LINES))

    assert (sheet.rows, sheet.patients, sheet.classes) == (30, 30, {"0": 15, "1": 15})
    assert sheet.columns == ("chol", "ward")
    assert sheet.warnings == ()


def test_cells_become_numbers_places_and_missing(tmp_path: Path) -> None:
    path = clinic(tmp_path, ["p1,?,b,1\n", "p2,120,c,0\n"])

    rows, _ = read(load(path), tmp_path)

    np.testing.assert_array_equal(rows.features["chol"], [np.nan, 120])
    np.testing.assert_array_equal(rows.features["ward"], [1, 2])  # 2: in no category
    np.testing.assert_array_equal(rows.label, [1, 0])


@pytest.mark.parametrize(
    ("lines", "header", "words"),
    [
        pytest.param(LINES, HEADER.replace("ward", "wards"), "has no column ward", id="missing column"),
        pytest.param(
            [f"{line.strip()},1\n" for line in LINES], "pid,chol,ward,ill,x\n", "unknown column x", id="unknown column"
        ),
        pytest.param(
            [*LINES, f"p,{SECRET},a,\n"],
            HEADER,
            r"column ill: the label is missing in 1 rows \(first in line 32\)",
            id="no label",
        ),
        pytest.param(
            [*LINES, f"p,{SECRET},a,NaN\n"], HEADER, "column ill: the label is missing in 1 rows", id="NaN in the label"
        ),
        pytest.param(
            [*LINES, f"p,1,a,{SECRET}\n"], HEADER, "a class that the manifest does not list", id="unknown class"
        ),
        pytest.param([*LINES, f"p,x{SECRET},a,1\n"], HEADER, "column chol: 1 cells are no number", id="no number"),
        pytest.param([*LINES, "p,nan,a,1\n"], HEADER, "column chol: 1 cells are no number", id="nan"),
        pytest.param([*LINES, "p,100,,1\n"], HEADER, "column ward: 1 cells are empty", id="empty cell"),
        pytest.param([*LINES, f"p,{SECRET}\n"], HEADER, "line 32 has 2 cells; expected 4", id="short line"),
        pytest.param(LINES[:19], HEADER, "19 rows; expected at least 20", id="too few rows"),
        pytest.param([*LINES, f"p,{SECRET},a,1\n"], HEADER, "column chol: 1 of 31 values lie outside", id="range"),
        pytest.param([], "", "is empty", id="empty file"),
    ],
)
def test_a_table_that_does_not_fit_is_refused_in_words(
    tmp_path: Path, lines: list[str], header: str, words: str
) -> None:
    with pytest.raises(GateError, match=words) as caught:
        check_manifest(clinic(tmp_path, lines, header))

    assert SECRET not in str(caught.value)
    assert caught.value.fix


def test_one_class_only_is_a_warning(tmp_path: Path) -> None:
    sheet = check_manifest(clinic(tmp_path, [line.replace(",1\n", ",0\n") for line in LINES]))

    assert [finding.check for finding in sheet.warnings] == ["label"]
    assert "AUROC is undefined" in sheet.warnings[0].words


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    path = clinic(tmp_path, LINES)
    (tmp_path / "clinic.csv").unlink()

    with pytest.raises(ConfigError, match=r"clinic.csv cannot be read \(No such file"):
        check_manifest(path)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = clinic(tmp_path, LINES)
    (tmp_path / "clinic.csv").write_bytes(b"\xff\xfe\x00\x01")

    with pytest.raises(GateError, match="is not utf-8 text"):
        check_manifest(path)


def test_a_direct_identifier_blocks(tmp_path: Path) -> None:
    with pytest.raises(GateError, match="column pid is a direct identifier"):
        check_manifest(clinic(tmp_path, LINES, manifest=MANIFEST.replace('"ignore"', '"direct_identifier"')))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        pytest.param("range = [50, 700]", "", "column chol has no range", id="no range"),
        pytest.param(
            "range = [50, 700]", "range = [700, 50]", "column chol has an empty range", id="range upside down"
        ),
        pytest.param(
            "range = [50, 700]", "range = [50, inf]", "column chol has a range without bounds", id="endless range"
        ),
        pytest.param('categories = ["a", "b"]', "", "column ward has no categories", id="no categories"),
        pytest.param('role = "label"', 'role = "feature"', "0 columns have role", id="no label"),
        pytest.param('name = "ward"', 'name = "chol"', "column chol stands 2 times", id="twice"),
        pytest.param(
            'kind = "number"', 'kind = "float"', "column chol: kind is none of those known", id="unknown kind"
        ),
        pytest.param('id = "clinic"', 'id = "clinic"\ncolour = 1', "unknown key colour", id="unknown key"),
        pytest.param('id = "clinic"', "id = ", "is not TOML", id="no TOML"),
    ],
)
def test_a_wrong_manifest_is_refused_with_its_column(old: str, new: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        parse(MANIFEST.replace(old, new), Path("clinic.toml"))


def test_the_schema_hash_covers_what_regions_agree_on_and_nothing_else() -> None:
    first = parse(MANIFEST, Path("a.toml")).schema_().hash
    elsewhere = MANIFEST.replace("clinic.csv", "other.csv").replace('id = "clinic"', 'id = "ward4"\nowner = "vgr"')

    assert parse(elsewhere, Path("b.toml")).schema_().hash == first
    assert parse(MANIFEST.replace("700", "701"), Path("c.toml")).schema_().hash != first
    assert parse(MANIFEST.replace('"?"', '"-"'), Path("d.toml")).schema_().hash != first


def test_a_bound_table_that_changes_is_noticed(tmp_path: Path) -> None:
    path = clinic(tmp_path, LINES)
    path.write_text(bound_text(MANIFEST, tmp_path / "clinic.csv"))
    check_manifest(path)

    (tmp_path / "clinic.csv").write_text(HEADER + "".join(LINES[::-1]))

    with pytest.raises(GateError, match=r"clinic.csv has changed since it was added") as caught:
        check_manifest(path)
    assert caught.value.code == "DATA_CHANGED"


def test_a_table_that_changes_while_a_study_runs_is_noticed_unless_it_was_updated(tmp_path: Path) -> None:
    path, table = clinic(tmp_path, LINES), tmp_path / "clinic.csv"
    path.write_text(bound_text(MANIFEST, table))
    guard = Guard(path)

    guard.check()
    table.write_text(HEADER + "".join(LINES))  # written again, the same bytes
    guard.check()
    table.write_text(HEADER + "".join(LINES[::-1]))
    with pytest.raises(GateError, match=r"clinic.csv has changed since it was added") as caught:
        guard.check()
    assert caught.value.code == "DATA_CHANGED"
    path.write_text(bound_text(MANIFEST, table))  # as data update does
    guard.check()
    table.unlink()
    with pytest.raises(GateError, match="has changed"):
        guard.check()


def test_a_patients_rows_stay_on_one_side_of_the_split(tmp_path: Path) -> None:
    path = clinic(tmp_path, [line.replace(f"p{i},", f"p{i // 3},") for i, line in enumerate(LINES)])
    rows, _ = read(load(path), tmp_path)

    held = in_validation(rows, seed=1, region="north", share=0.4)

    sides = {(patient, bool(side)) for patient, side in zip(rows.patients, held, strict=True)}
    assert len(sides) == 10
    assert 0 < held.sum() < 30


def test_a_row_that_is_added_moves_no_other(tmp_path: Path) -> None:
    fewer, _ = read(load(clinic(tmp_path, LINES[:25])), tmp_path)
    more, _ = read(load(clinic(tmp_path, LINES)), tmp_path)

    np.testing.assert_array_equal(in_validation(fewer, 1, "north", 0.3), in_validation(more, 1, "north", 0.3)[:25])
