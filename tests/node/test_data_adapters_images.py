"""Adapters of image files and of FHIR: layouts as they are published, drafts, refusals."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from node.learning.data.adapters import fhir, folder, isic, medmnist
from node.learning.data.manifest import parse, to_toml
from node.learning.data.rows import in_validation
from node.learning.data.schema import Target
from node.learning.errors import ConfigError, GateError
from tests.node.data_tables import shared
from tests.node.drafts import drafted, read_of, sheet_of

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
