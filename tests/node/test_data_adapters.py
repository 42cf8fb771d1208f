"""Each layout gives the rows that are documented for it; real data where they lie beside the project."""

from __future__ import annotations

import csv
import gzip
import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from node.learning.baselines import average
from node.learning.data.adapters import fhir, folder, heart, isic, medmnist, meds, mimic, omop
from node.learning.data.adapters.icu import ITEMS, UNITS, Stays, Window
from node.learning.data.check import Sheet, inspect
from node.learning.data.manifest import Manifest, parse, to_toml
from node.learning.data.rows import Rows, in_validation
from node.learning.data.schema import Target
from node.learning.data.table import read
from node.learning.errors import ConfigError, GateError
from node.learning.trainer import Agreed, Trainer
from tests.node.data_tables import found, shared


def drafted(draft: Callable[[Path], dict[str, Any]], path: Path, **changes: Any) -> Manifest:
    """Return the manifest that a layout drafts for a path."""
    return parse(to_toml({**draft(path), **changes}), Path("drafted.toml"))


def read_of(manifest: Manifest) -> Rows:
    return read(manifest, Path("/"))[0]


def sheet_of(manifest: Manifest) -> Sheet:
    return inspect(manifest, Path("/"))


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


# ---------------------------------------------------------------- images: ISIC, MedMNIST, folders


def test_isic_metadata_have_the_official_totals_and_no_patient_on_both_sides() -> None:
    raw = isic.draft(shared("isic-2020-metadata") / "train.csv")
    without = [one for one in raw["column"] if one["kind"] != "image"]
    without.append({"name": "image_name", "kind": "text", "role": "ignore"})
    manifest = parse(to_toml({**raw, "column": without, "file": raw["file"][:1]}), Path("isic.toml"))

    rows = read_of(manifest)
    held = in_validation(rows, seed=1, region="north", share=0.2)

    assert (len(rows), len(set(rows.patients)), int(rows.label.sum())) == (33126, 2056, 584)
    assert max(Counter(rows.patients).values()) == 115
    gone = {name: int(np.isnan(values).sum()) for name, values in rows.features.items()}
    assert gone == {"sex": 65, "age_approx": 68, "anatom_site_general_challenge": 527}
    patients = np.array(rows.patients)
    assert not set(patients[held]) & set(patients[~held])
    assert 0.17 < held.mean() < 0.23


def drawn(folder: Path, names: list[str], ending: str = ".jpg") -> None:
    """Draw an image for each name: noise, of no patient."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(1)
    for name in names:
        pixels = rng.integers(0, 255, (40, 60, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{name}{ending}")


ISIC = "image_name,patient_id,sex,age_approx,anatom_site_general_challenge,benign_malignant,target\n"


def test_isic_images_are_found_and_fitted_and_a_changed_one_stops_the_study(tmp_path: Path) -> None:
    names = [f"ISIC_{i:07d}" for i in range(30)]
    drawn(tmp_path / "jpeg" / "train", names)
    lines = [f"{name},IP_{i // 3},female,{40 + i},torso,benign,{i % 2}" for i, name in enumerate(names)]
    (tmp_path / "train.csv").write_text(ISIC + "\n".join(lines) + "\n")
    manifest = drafted(isic.draft, tmp_path)

    sheet = sheet_of(manifest)
    rows = read_of(manifest)

    assert sheet.passed
    assert sheet.patients == 10
    assert rows.images is not None
    assert rows.images.shape == (30, 64, 64, 3)
    bound = isic.draft(tmp_path)
    bound["file"] = [{**file, "sha256": sheet.files[file["path"]]} for file in bound["file"]]
    drawn(tmp_path / "other", names[:1], ".png")
    Image.open(tmp_path / "other" / f"{names[0]}.png").save(tmp_path / "jpeg" / "train" / f"{names[4]}.jpg")
    with pytest.raises(GateError, match="has changed since it was added") as caught:
        read_of(parse(to_toml(bound), Path("isic.toml")))
    assert caught.value.code == "DATA_CHANGED"


def test_isic_images_that_are_missing_block_with_their_number(tmp_path: Path) -> None:
    names = [f"ISIC_{i:07d}" for i in range(30)]
    drawn(tmp_path / "train", names[:-2])
    (tmp_path / "train" / f"{names[3]}.jpg").write_bytes(b"\xff\xd8 no more")
    lines = [f"{name},IP_{i},female,50,torso,benign,{i % 2}" for i, name in enumerate(names)]
    (tmp_path / "train.csv").write_text(ISIC + "\n".join(lines) + "\n")

    [blocking] = sheet_of(drafted(isic.draft, tmp_path)).blocking

    assert (blocking.check, blocking.count) == ("images", 3)
    with pytest.raises(GateError, match="3 of 30 images do not open"):
        read_of(drafted(isic.draft, tmp_path))


def test_pneumoniamnist_has_the_official_counts() -> None:
    path = shared("pneumoniamnist") / "pneumoniamnist.npz"
    raw = medmnist.draft(path)
    counts = {}
    for part in medmnist.PARTS:
        rows = read_of(parse(to_toml({**raw, "file": [{"path": str(path), "part": part}]}), path))
        assert rows.images is not None
        counts[part] = (rows.images.shape, np.bincount(rows.label).tolist())

    assert counts["train"] == ((4708, 28, 28, 1), [1214, 3494])
    assert [counts[part][0][0] for part in medmnist.PARTS] == [4708, 524, 624]


def test_medmnist_with_several_labels_and_what_it_refuses(tmp_path: Path) -> None:
    images, labels = np.zeros((30, 8, 8, 3), np.uint8), np.tile([[1, 0, 1]], (30, 1))
    images[:, 2:5] = 200
    np.savez(tmp_path / "many.npz", train_images=images, train_labels=labels)
    np.savez(tmp_path / "objects.npz", train_images=np.array([{}], object), train_labels=labels)

    many = drafted(medmnist.draft, tmp_path / "many.npz")
    rows = read_of(many)

    assert many.schema_().target is Target.LABELS
    assert rows.target is not None
    np.testing.assert_array_equal(rows.target, labels)
    with pytest.raises(GateError, match="is not MedMNIST"):  # it would have to be unpickled
        medmnist.draft(tmp_path / "objects.npz")


def test_a_folder_of_folders_is_classes_and_the_patient_stands_before_the_underscore(tmp_path: Path) -> None:
    drawn(tmp_path / "ill", [f"p{i // 2}_{i}" for i in range(14)], ".png")
    drawn(tmp_path / "well", [f"q{i // 2}_{i}" for i in range(14)], ".png")

    manifest = drafted(folder.draft, tmp_path)
    rows, sheet = read_of(manifest), sheet_of(manifest)

    assert manifest.schema_().classes == ("ill", "well")
    assert (len(rows), len(set(rows.patients)), rows.label.tolist()) == (28, 14, [0] * 14 + [1] * 14)
    assert sheet.passed
    with pytest.raises(ConfigError, match="holds no folders with images"):
        folder.draft(tmp_path / "ill")


# ---------------------------------------------------------------- FHIR


def test_fhir_encounters_by_hand(tmp_path: Path) -> None:
    resources: list[dict[str, Any]] = []
    for i in range(24):
        patient = {"reference": f"Patient/p{i}"}
        end = {"resourceType": "Encounter", "subject": patient, "class": {"code": "IMP"}}
        end["period"] = {"start": "2024-03-01T08:00:00+01:00", "end": "2024-03-09T08:00:00+01:00"}
        if i < 3:
            end["hospitalization"] = {"dischargeDisposition": {"coding": [{"code": "exp"}]}}
        resources.append(end)
        person = {"resourceType": "Patient", "id": f"p{i}", "gender": "female", "birthDate": "1950-06"}
        resources.append(
            {**person, "name": [{"family": "Berg"}]} | ({"deceasedDateTime": "2024-03-05"} if i == 3 else {})
        )
        for hour, value in (("09", 80), ("10", 95)):
            code = {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]}
            at = f"2024-03-01T{hour}:00:00+01:00"
            seen = {"resourceType": "Observation", "subject": patient, "code": code, "effectiveDateTime": at}
            resources.append({**seen, "valueQuantity": {"value": value, "unit": "/min"}})
        resources.append({"resourceType": "Procedure", "subject": patient})
    (tmp_path / "all.ndjson").write_text("\n".join(map(json.dumps, resources)) + "\n")
    raw = fhir.draft(tmp_path)
    pulse = {"name": "obs_8867-4", "kind": "number", "unit": "1/min", "range": [20, 250], "missing": [""]}
    manifest = parse(to_toml({**raw, "column": [pulse, *raw["column"]]}), Path("fhir.toml"))

    rows, sheet = read_of(manifest), sheet_of(manifest)

    assert (len(rows), int(rows.label.sum())) == (24, 4)
    assert rows.features["obs_8867-4"].tolist() == [95.0] * 24
    assert rows.features["age"].tolist() == [73.0] * 24
    assert sheet.left_out == ("24 resources of type Procedure",)
    assert "Berg" not in sheet.text()
    (tmp_path / "all.ndjson").write_text('{"resourceType": "Patient"}\n{"name": "Berg"\n')
    with pytest.raises(GateError, match="line 2 is no FHIR resource") as caught:
        read_of(manifest)
    assert "Berg" not in str(caught.value)
