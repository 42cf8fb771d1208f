"""``landsting data init``: what a draft tells from a file as hospitals have them, and what it leaves to people."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from node.learning.data.draft import draft_text
from node.learning.data.manifest import parse, to_toml
from node.learning.errors import ConfigError, GateError
from tests.node.data_tables import LABEL, column, manifest

N = 60
NAMES = [f"{first} {last}" for first in ("Anna", "Erik", "Maria") for last in ("Berg", "Lund", "Ek")]


def drafted(path: Path) -> tuple[dict[str, Any], list[str]]:
    text, hints = draft_text(path, None)
    return tomllib.loads(text), hints


def kinds(raw: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {one["name"]: (one["kind"], one["role"]) for one in raw["column"]}


def test_a_draft_knows_kinds_codes_and_identifiers_and_leaves_the_rest_to_people(
    tmp_path: Path,
) -> None:
    lines = ["patient_id;namn;ålder;kön;vikt;inlagd;prov;sjuk"]
    for i in range(60):
        test = "?" if i % 9 == 0 else i
        lines.append(f"p{i // 2};N{i};{30 + i};{'MK'[i % 2]};{70 + i / 4};2024-01-{1 + i % 28:02d};{test};{i % 2}")
    (tmp_path / "egen.csv").write_bytes("\n".join(lines).encode("cp1252"))

    raw, hints = drafted(tmp_path / "egen.csv")

    kinds = {one["name"]: (one["kind"], one["role"]) for one in raw["column"]}
    assert (raw["id"], raw["patient"]) == ("egen", "patient_id")
    assert raw["file"] == [{"path": "egen.csv", "encoding": "cp1252", "delimiter": ";"}]
    assert kinds == {
        "patient_id": ("text", "ignore"), "namn": ("text", "direct_identifier"), "ålder": ("integer", "feature"),
        "kön": ("category", "feature"), "vikt": ("number", "feature"), "inlagd": ("date", "ignore"),
        "prov": ("integer", "feature"), "sjuk": ("boolean", "feature"),
    }  # fmt: skip
    assert next(one for one in raw["column"] if one["name"] == "prov")["missing"] == ["?"]
    assert not any("range" in one for one in raw["column"])  # never taken from the data
    assert any("ålder" in hint for hint in hints)


def test_a_draft_takes_over_the_columns_that_regions_agreed_on(tmp_path: Path) -> None:
    """Two drafts of two extracts differ: one region's has no empty cell, another's has."""
    agreed = manifest(column("pid", "text", "ignore"), column("x"), LABEL, patient="pid")
    (tmp_path / "clinic.toml").write_text(
        to_toml({"id": "clinic", "patient": "pid", "column": [one.value() for one in agreed.column]})
    )
    other = tmp_path / "other.csv"
    other.write_text("pid,x,ward,ill\n" + "".join(f"p{i},,{i},{i % 2}\n" for i in range(30)))

    text, hints = draft_text(other, None, tmp_path / "clinic.toml")

    assert parse(text, Path("o.toml")).schema_().hash == agreed.schema_().hash
    assert hints[0] == "ward: in the table, and not agreed on; leave it out of the extract"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_what_excel_exports_in_sweden_is_read_as_numbers(tmp_path: Path, encoding: str, delimiter: str) -> None:
    rows = [
        ["Löpnr", "Vikt (kg)", "Kön"],
        *([f"p{i}", f"{70 + i / 4:.2f}".replace(".", ","), "MK"[i % 2]] for i in range(N)),
    ]
    (tmp_path / "uttag.csv").write_bytes("\r\n".join(map(delimiter.join, rows)).encode(encoding))

    raw, _ = drafted(tmp_path / "uttag.csv")

    [file] = raw["file"]
    assert (file["delimiter"], file["decimal"]) == (delimiter, ",")
    assert file.get("encoding", "utf-8") == {"utf-8-sig": "utf-8"}.get(encoding, encoding)
    assert raw["patient"] == "Löpnr"
    assert kinds(raw) == {
        "Löpnr": ("text", "ignore"),
        "Vikt (kg)": ("number", "feature"),
        "Kön": ("category", "feature"),
    }


def test_a_draft_is_written_in_the_letters_of_its_columns(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("Ålder,sjuk\n" + "".join(f"{i},{i % 2}\n" for i in range(N)), encoding="utf-8")

    text, _ = draft_text(tmp_path / "t.csv", None)

    assert 'name = "Ålder"' in text


def test_any_text_in_a_manifest_is_read_back_as_it_was() -> None:
    name = 'å\x7f\x01"\\\n€'

    assert tomllib.loads(to_toml({"id": name, "column": [{"name": name}]})) == {"id": name, "column": [{"name": name}]}


@pytest.mark.parametrize(
    ("start", "words"),
    [
        pytest.param(b"PK\x03\x04\x14\0", "workbook.*Save the sheet as CSV", id="xlsx"),
        pytest.param(b"\xd0\xcf\x11\xe0\xa1\xb1", "workbook.*Save the sheet as CSV", id="xls"),
        pytest.param(b"PAR1\x15\x04", "Parquet.*.parquet", id="Parquet under another name"),
        pytest.param(b"\x1f\x8b\x08\0", "gzip.*.csv.gz", id="gzip under another name"),
    ],
)
def test_a_file_that_is_no_text_is_told_what_it_is(tmp_path: Path, start: bytes, words: str) -> None:
    (tmp_path / "uttag.xlsx").write_bytes(start + bytes(range(256)))

    with pytest.raises(GateError, match=words):
        draft_text(tmp_path / "uttag.xlsx", None)


def test_a_table_without_a_header_does_not_name_its_columns_by_a_patient(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("".join(f"P{i},{i},2024-01-02,1,1\n" for i in range(N)))

    with pytest.raises(GateError, match=r"first line .* looks like a row") as refused:
        draft_text(tmp_path / "t.csv", None)

    assert "P0" not in str(refused.value)


def test_names_of_people_are_no_categories(tmp_path: Path) -> None:
    lines = ["läkare,avd,x", *(f"{NAMES[i % 9]},{'AB'[i % 2]},{i}" for i in range(N))]
    (tmp_path / "t.csv").write_text("\n".join(lines), encoding="utf-8")

    text, hints = draft_text(tmp_path / "t.csv", None)

    assert kinds(tomllib.loads(text))["läkare"] == ("text", "ignore")
    assert not any(name in text + " ".join(hints) for name in NAMES)
    assert any(hint.startswith("läkare: its cells look like first and last names; left out") for hint in hints)


@pytest.mark.parametrize("name", ["Patient ID", "patient-id", "PatientID", "Löpnummer", "lopnr", "person_id", "Pat_id"])
def test_a_patients_column_is_known_by_its_name(tmp_path: Path, name: str) -> None:
    (tmp_path / "t.csv").write_text(f"{name},x\n" + "".join(f"{i // 2},{i}\n" for i in range(N)), encoding="utf-8")

    raw, _ = drafted(tmp_path / "t.csv")

    assert raw["patient"] == name
    assert kinds(raw)[name] == ("text", "ignore")


def test_what_a_draft_leaves_out_is_said(tmp_path: Path) -> None:
    """Half of the columns that are ignored without a word would be missed when the model is poor."""
    lines = ["in,fritext,x,sjuk", *(f"2024-01-{1 + i % 28:02d},{i} mmol,{i},{i % 2}" for i in range(N))]
    (tmp_path / "t.csv").write_text("\n".join(lines))

    _, hints = drafted(tmp_path / "t.csv")

    assert "fritext: neither numbers nor a few words; left out" in hints
    assert any(hint.startswith("in: a date; left out, unless since") for hint in hints)
    assert any("time_to_event" in hint for hint in hints)  # how other things are learned than classes


def test_a_folder_of_tables_names_what_lies_in_it(tmp_path: Path) -> None:
    for name in ("a.csv", "b.npz"):
        (tmp_path / name).write_bytes(b"")

    with pytest.raises(ConfigError, match=r"is a folder of no known layout.*a\.csv, b\.npz"):
        draft_text(tmp_path, None)


def test_an_image_that_does_not_open_does_not_stop_the_draft_of_its_folder(tmp_path: Path) -> None:
    for label in ("sick", "well"):
        (tmp_path / label).mkdir()
    (tmp_path / "sick" / "0_broken.png").write_bytes(b"none")
    Image.fromarray(np.zeros((40, 50, 3), np.uint8)).save(tmp_path / "well" / "1_a.png")

    raw, _ = drafted(tmp_path)

    assert next(one["shape"] for one in raw["column"] if one["kind"] == "image") == [40, 40, 3]


def test_a_draft_of_fhir_says_how_observations_are_read(tmp_path: Path) -> None:
    (tmp_path / "Patient.ndjson").write_text(json.dumps({"resourceType": "Patient", "id": "a"}))

    _, hints = drafted(tmp_path)

    assert any("obs_" in hint for hint in hints)
