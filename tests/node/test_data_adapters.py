"""Each layout gives the rows that are documented for it; real data where they lie beside the project."""

from __future__ import annotations

import csv
import gzip
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from node.learning.baselines import average
from node.learning.data.adapters import heart, meds, mimic, omop
from node.learning.data.adapters.icu import ITEMS, UNITS, Stays, Window
from node.learning.data.check import inspect
from node.learning.data.manifest import parse, to_toml
from node.learning.errors import ConfigError, GateError
from node.learning.trainer import Agreed, Trainer
from tests.node.data_tables import found, shared
from tests.node.drafts import drafted, read_of, sheet_of

# ---------------------------------------------------------------- UCI heart

HOSPITALS = {"cleveland": (303, 139), "hungarian": (261, 98), "switzerland": (46, 45), "va": (130, 101)}
WHOLE = {"cleveland": 303, "hungarian": 294, "switzerland": 123, "va": 200}


def as_published(path: Path) -> dict[str, Any]:
    """0 is a value, as in the published figures."""
    raw = heart.draft(path)
    for one in raw["column"]:
        if one["name"] in ("chol", "trestbps"):
            one |= {"range": [0, 700], "missing": ["?"]}
    return raw


@pytest.mark.parametrize("hospital", HOSPITALS)
def test_a_hospitals_complete_rows_are_those_of_the_published_benchmark(hospital: str) -> None:
    path = shared("heart-disease-uci") / f"processed.{hospital}.data"

    sheet = sheet_of(drafted(as_published, path, complete=True))

    assert (sheet.rows, sheet.classes["1"]) == HOSPITALS[hospital]


@pytest.mark.parametrize("hospital", WHOLE)
def test_a_hospitals_drafted_table_passes_with_all_its_rows(hospital: str) -> None:
    sheet = sheet_of(drafted(heart.draft, shared("heart-disease-uci") / f"processed.{hospital}.data"))

    assert sheet.rows == WHOLE[hospital]
    assert sheet.passed  # with age and sex as quasi-identifiers
    assert sheet.groups is not None
    assert sheet.groups.columns == ("age", "sex")
    assert [one.check for one in sheet.warnings if one.check == "k"] == ["k"]


def test_cholesterol_of_switzerland_that_was_not_measured_is_said() -> None:
    path = shared("heart-disease-uci") / "processed.switzerland.data"

    raw = as_published(path)
    as_value = sheet_of(drafted(as_published, path))
    next(one for one in raw["column"] if one["name"] == "chol")["range"] = [50, 700]
    as_measured = inspect(parse(to_toml(raw), path), Path("/"))
    as_drafted = sheet_of(drafted(heart.draft, path))

    assert [one.column for one in found(as_value, "constant")] == ["chol"]
    [blocking] = found(as_measured, "range")
    assert (blocking.column, blocking.count, blocking.blocks) == ("chol", 123, True)
    assert blocking.words.endswith("all the same one")
    assert ("chol", 123, 123) in [(one.column, one.count, one.of) for one in found(as_drafted, "missing")]


def test_a_heart_file_whose_label_is_no_number_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "processed.x.data").write_text("63,1,1,145,233,1,2,150,0,2.3,3,0,6,ill\n" * 30)

    with pytest.raises(GateError, match="column ill: the label has a class that the manifest does not list in 30 rows"):
        read_of(drafted(heart.draft, tmp_path / "processed.x.data"))


# ---------------------------------------------------------------- MIMIC-IV and MEDS


def test_the_mimic_cohort_is_the_documented_one_and_passes_the_gates() -> None:
    sheet = sheet_of(drafted(mimic.draft, shared("mimic-iv-demo-relayout")))

    assert (sheet.rows, sheet.patients, sheet.classes) == (83, 83, {"0": 76, "1": 7})
    assert sheet.passed
    assert sheet.left_out == (
        "40 stays that are not the patient's first",
        "2 first stays without an admission",
        "15 stays shorter than a day",
        "3 measurements outside plausible bounds",
    )


def test_the_same_patients_as_meds_events_give_the_same_rows() -> None:
    events = shared("mimic-iv-demo-meds") / "mimic_iv_demo_meds_events.parquet"
    tables = read_of(drafted(mimic.draft, shared("mimic-iv-demo-relayout")))

    rows = read_of(drafted(meds.draft, events))

    assert rows.patients == tables.patients
    np.testing.assert_array_equal(rows.label, tables.label)
    for name, values in tables.features.items():
        np.testing.assert_allclose(rows.features[name], values, atol=1e-4, err_msg=name)  # MEDS holds float32


def test_mimic_without_compression_or_with_it_and_with_more_columns_is_the_same(tmp_path: Path) -> None:
    source = shared("mimic-iv-demo-relayout")
    shutil.copytree(source, tmp_path / "m", copy_function=shutil.copyfile)
    for one in (tmp_path / "m", tmp_path / "m" / "hosp", tmp_path / "m" / "icu"):
        one.chmod(0o755)
    packed, plain = tmp_path / "m" / "icu" / "chartevents.csv.gz", tmp_path / "m" / "icu" / "chartevents.csv"
    plain.write_bytes(gzip.decompress(packed.read_bytes()))
    packed.unlink()
    admissions = tmp_path / "m" / "hosp" / "admissions.csv"
    lines = admissions.read_text().splitlines()
    lines = [f"{line},{'insurance' if i == 0 else 'Other'}" for i, line in enumerate(lines)]
    admissions.unlink()
    (tmp_path / "m" / "hosp" / "admissions.csv.gz").write_bytes(gzip.compress("\n".join(lines).encode()))

    rows, original = read_of(drafted(mimic.draft, tmp_path / "m")), read_of(drafted(mimic.draft, source))

    assert rows.patients == original.patients
    for name, values in original.features.items():
        np.testing.assert_array_equal(rows.features[name], values)


def test_a_mimic_table_that_is_none_is_refused_without_its_cells(tmp_path: Path) -> None:
    source = shared("mimic-iv-demo-relayout")
    shutil.copytree(source, tmp_path / "m", copy_function=shutil.copyfile)
    (tmp_path / "m" / "icu").chmod(0o755)
    stays = tmp_path / "m" / "icu" / "icustays.csv"
    stays.write_text(stays.read_text().replace("2180-07-23 14:00:00", "yesterday 777"))

    with pytest.raises(GateError, match=r"icustays.csv is not the table of MIMIC-IV") as caught:
        read_of(drafted(mimic.draft, tmp_path / "m"))

    assert "777" not in str(caught.value)
    (tmp_path / "m" / "icu" / "icustays.csv").unlink()
    with pytest.raises(ConfigError, match=r"has no icu/icustays.csv or .csv.gz"):
        mimic.draft(tmp_path / "m")


def test_two_regions_by_their_care_units_train_on_the_mimic_cohort(tmp_path: Path) -> None:
    place = shared("mimic-iv-demo-relayout")
    whole = read_of(drafted(mimic.draft, place))
    medical = [unit for unit in UNITS if "Medical" in unit or "Coronary" in unit]
    paths = {"north": medical, "south": [unit for unit in UNITS if unit not in medical]}
    regions = []
    for name, only in paths.items():
        raw = {**mimic.draft(place), "hospital": "first_careunit", "only": only}
        (tmp_path / f"{name}.toml").write_text(to_toml(raw))
        agreed = Agreed("classifier", "1", {"hidden": 0, "test_share": "0.2"}, seed=1)
        regions.append(Trainer(agreed, study="mimic", region=name, manifest=tmp_path / f"{name}.toml"))

    before = regions[0].initial()
    vector, totals = average(regions, rounds=3)

    parts = [read_of(parse((tmp_path / f"{name}.toml").read_text(), tmp_path / "m.toml")) for name in paths]
    assert sorted(parts[0].patients + parts[1].patients) == sorted(whole.patients)
    assert regions[0].schema is not None
    assert regions[1].schema is not None
    assert regions[0].schema.hash == regions[1].schema.hash
    assert np.isfinite(vector).all()
    assert not np.array_equal(vector, before)
    auroc = regions[0].evaluate(vector, totals)["train_auroc"]  # 7 deaths prove that it runs, and no performance
    assert auroc is not None


def test_a_days_events_of_one_stay_by_hand() -> None:
    stays = Stays(np.array([7]), np.array([1000]), np.array([60]), ["F"], ["URGENT"], ["CCU"], np.array([True]))
    window = Window(stays)
    day = 86400
    # heart rate before, at, within and after the day; °F and °C; one artefact; GCS parts at one moment and not.
    events = [
        (999, 220045, 50.0), (1000, 220045, 80.0), (2000, 220045, 120.0), (1500, 220045, 70.0),
        (1000 + day, 220045, 10.0), (1000, 223761, 98.6), (1100, 223762, 38.0), (1200, 223762, 99.0),
        (1300, 220739, 4.0), (1300, 223900, 5.0), (1300, 223901, 6.0), (1400, 220739, 1.0), (1000, 220277, np.nan),
    ]  # fmt: skip
    time, item, value = (np.array(one) for one in zip(*events, strict=True))
    half = len(events) // 2
    for part in (slice(half, None), slice(None, half)):  # in any order
        window.add(np.full(len(time[part]), 7), time[part], item[part], value[part])
    window.add(np.array([8]), np.array([1000]), np.array([220045]), np.array([300.0]))  # somebody else

    [chunk] = window.chunks()

    def cells(name: str) -> list[str]:
        return [chunk.cells[f"{name}_{figure}"][0] for figure in ("min", "max", "mean", "last")]

    assert cells("heart_rate") == ["70.0", "120.0", "90.0", "120.0"]
    assert cells("temperature") == ["37.0", "38.0", "37.5", "38.0"]
    assert cells("gcs") == ["15.0"] * 4
    assert cells("spo2") == [""] * 4
    assert window.artefacts == 1
    assert len({item.name for item in ITEMS}) == 22


# ---------------------------------------------------------------- OMOP


def test_the_omop_visits_of_the_demo_are_read_with_their_ids_as_they_are() -> None:
    place = shared("mimic-iv-demo-omop")

    rows = read_of(drafted(omop.draft, place))
    sheet = sheet_of(drafted(omop.draft, place))

    with (place / "person.csv").open(newline="") as file:
        people = {row["person_id"] for row in csv.DictReader(file)}
    assert set(rows.patients) <= people  # 64-bit and negative: a float would have changed them
    assert any(one.startswith("-") for one in rows.patients)
    assert (sheet.rows, sheet.patients, sheet.classes["1"]) == (247, 100, 14)
    assert sheet.passed


def test_omop_measurements_of_the_first_day_become_columns(tmp_path: Path) -> None:
    place = shared("mimic-iv-demo-omop")
    for path in place.glob("*.csv"):
        (tmp_path / path.name).symlink_to(path)
    with (place / "visit_occurrence.csv").open(newline="") as file:
        visit = next(row for row in csv.DictReader(file) if row["visit_concept_id"] == "8870")
    when = visit["visit_start_datetime"]
    (tmp_path / "measurement.csv").write_text(
        "person_id,measurement_concept_id,measurement_datetime,value_as_number\n"
        f"{visit['person_id']},3004249,{when},120\n{visit['person_id']},3004249,{when},140\n"
        f"{visit['person_id']},999,{when},1\n"
    )
    raw = omop.draft(tmp_path)
    raw["file"].append({"path": str(tmp_path / "measurement.csv")})
    mean = {"name": "measurement_3004249_mean", "kind": "number", "range": [20, 300], "missing": [""]}

    rows = read_of(parse(to_toml({**raw, "column": [mean, *raw["column"]]}), Path("omop.toml")))

    values = rows.features["measurement_3004249_mean"]
    assert values[np.isfinite(values)].tolist() == [130.0]
