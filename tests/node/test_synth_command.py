"""``landsting synth generate, report, compare``: marked rows, their manifest, what is measured of them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from node.__main__ import main
from node.cli.output import Refusal
from node.learning.data.check import inspect
from node.learning.data.manifest import load, to_toml
from node.learning.data.schema import Schema
from node.learning.data.table import read
from node.learning.errors import GateError
from node.learning.synth.measure import utility
from node.learning.synth.measure.gate import read_report
from node.synthetic import Origin, data_sha256
from node.synthetic_report import synthetic_rows
from tests.node.learning.synth.made_up import rows_of, untrained, write


@pytest.fixture
def clinic(tmp_path: Path) -> Path:
    """A folder with real.toml, held.toml and the generator m.safetensors, which was never trained."""
    write(tmp_path, 60, 1)
    write(tmp_path, 40, 2, "held")
    untrained(tmp_path, rows_of(tmp_path / "real.toml")[1])
    return tmp_path


def run(*words: object) -> int:
    return main([str(word) for word in words])


def generate(clinic: Path, name: str = "made.csv", rows: int = 50, *more: object) -> Path:
    assert run("synth", "generate", clinic / "m.safetensors", "--rows", rows, "-o", clinic / name, *more) == 0
    return clinic / name


@pytest.mark.parametrize("name", ["made.csv", "made.parquet"])
def test_rows_are_marked_and_their_manifest_has_the_study_s_schema(name: str, clinic: Path) -> None:
    made = generate(clinic, name)
    manifest = load(made.with_suffix(".toml"))

    assert manifest.synthetic
    assert manifest.schema_().hash == load(clinic / "real.toml").schema_().hash
    assert manifest.file[0].sha256 == data_sha256(made)
    rows, _ = read(manifest, clinic)
    assert len(rows) == 50
    assert inspect(manifest, clinic).passed


def test_one_seed_gives_the_same_bytes_and_another_gives_others(clinic: Path) -> None:
    first, again, other = (generate(clinic, f"{k}.csv", 50, "--seed", s) for k, s in (("a", 7), ("b", 7), ("c", 8)))

    assert first.read_bytes() == again.read_bytes() != other.read_bytes()
    assert Origin.of_text(load(clinic / "a.toml").source_system) == Origin(
        "", data_sha256(clinic / "m.safetensors"), 7, 50
    )


def test_rows_can_be_of_one_class_and_within_bounds(clinic: Path) -> None:
    generate(clinic, "ill.csv", 30, "--where", "ill=1", "--where", "age=40..60")

    rows, _ = read(load(clinic / "ill.toml"), clinic)
    assert set(rows.label.tolist()) == {1}
    assert 40 <= rows.features["age"].min() <= rows.features["age"].max() <= 60
    assert "ill = '1'" in (clinic / "ill.toml").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--where", "ill"], "COLUMN=VALUE"),
        (["--where", "height=2"], "condition on 'height'"),
        (["--where", "ill=1", "--where", "ill=0"], "given twice"),
        (["-o", "made.txt"], ".csv or .parquet"),
        (["-o", "real.csv"], "there already"),
    ],
    ids=["no value", "no such column", "twice", "another ending", "a file is there"],
)
def test_what_does_not_fit_is_said(words: list[str], said: str, clinic: Path, capsys: Any, monkeypatch: Any) -> None:
    monkeypatch.chdir(clinic)
    output = [] if "-o" in words else ["-o", "made.csv"]

    assert run("synth", "generate", "m.safetensors", "--rows", 5, *output, *words) in (1, 2)
    assert said in capsys.readouterr().err
    assert not (clinic / "made.csv").exists()
    assert not list(clinic.glob("*.part"))


def test_no_model_and_a_model_that_makes_no_rows_are_refused(clinic: Path, capsys: Any) -> None:
    assert run("synth", "generate", "--rows", 5, "-o", clinic / "x.csv") == 1
    assert "MODEL.safetensors, or a study" in capsys.readouterr().err
    about = json.loads((clinic / "m.json").read_text())
    (clinic / "m.json").write_text(json.dumps(about | {"task": "classifier"}))
    assert run("synth", "generate", clinic / "m.safetensors", "--rows", 5, "-o", clinic / "x.csv") == 1
    assert "a model of task classifier" in capsys.readouterr().err


# ---------------------------------------------------------------- ways to be cheated: made-up rows as real ones


def test_a_table_of_made_up_rows_is_not_taken_for_real_ones(clinic: Path) -> None:
    made = generate(clinic)
    plain = load(clinic / "real.toml")

    with pytest.raises(GateError, match="has the column __synthetic, and its manifest says synthetic = false"):
        read(plain.model_copy(update={"file": (plain.file[0].model_copy(update={"path": made.name}),)}), clinic)


def test_a_manifest_of_made_up_rows_is_not_put_on_real_ones(clinic: Path) -> None:
    manifest = load(clinic / "real.toml").model_copy(update={"synthetic": True})

    with pytest.raises(GateError, match="has no column __synthetic"):
        read(manifest, clinic)


def test_a_real_row_among_made_up_ones_is_noticed(clinic: Path) -> None:
    made = generate(clinic)
    lines = made.read_text().splitlines()
    made.write_text("\n".join([*lines[:-1], lines[-1][:-1] + "0"]) + "\n")
    manifest = load(clinic / "made.toml")
    unbound = manifest.model_copy(update={"file": (manifest.file[0].model_copy(update={"sha256": None}),)})

    with pytest.raises(GateError, match="1 rows are not marked as synthetic"):
        read(unbound, clinic)


# ---------------------------------------------------------------- dates, missing codes, images


def test_days_become_dates_that_the_schema_reads_back(tmp_path: Path) -> None:
    columns: list[dict[str, Any]] = [
        {"name": "admitted", "kind": "date", "role": "ignore"},
        {"name": "seen", "kind": "date", "role": "feature", "range": [0, 30], "since": "admitted"},
        {"name": "lab", "kind": "number", "range": [0, 9], "decimals": 0, "missing": ["-1"]},
        {"name": "ill", "kind": "boolean", "role": "label"},
    ]
    untrained(tmp_path, Schema.of_value("days", [{"role": "feature", **one} for one in columns]))
    generate(tmp_path, rows=200)

    rows, _ = read(load(tmp_path / "made.toml"), tmp_path)
    days = rows.features["seen"]
    assert 0 <= days.min() < days.max() <= 30
    assert np.isnan(rows.features["lab"]).any()
    assert ",-1," in (tmp_path / "made.csv").read_text()


def test_images_are_written_marked_indexed_and_read_back(tmp_path: Path) -> None:
    from safetensors.numpy import save

    from node.learning.evaluate import FORMAT
    from node.learning.preprocessing import encoder
    from node.learning.registry import get_task
    from node.learning.task import decimal_settings, read_settings

    task = get_task("imagegan")
    settings = read_settings(task, {})
    schema = Schema.of_value(
        "drawn",
        [
            {"name": "image", "kind": "image", "role": "feature", "shape": [28, 28, 1]},
            {"name": "label", "kind": "category", "role": "label", "categories": ["well", "ill/b"]},
        ],
    )
    weights = task.initial(schema, settings, 1)
    (tmp_path / "m.safetensors").write_bytes(
        save({f"{m}.{p}": v for m, values in weights.items() if m != "D" for p, v in values.items()})
    )
    about = {
        "format": FORMAT, "task": "imagegan", "version": task.version, "settings": decimal_settings(settings),
        "study": "", "schema_id": "drawn", "schema": schema.value(), "encoder": encoder(schema, None).value(),
    }  # fmt: skip
    (tmp_path / "m.json").write_text(json.dumps(about))
    made = generate(tmp_path, "made", 6)

    assert sorted(path.name for path in made.iterdir()) == ["class1", "index.csv", "manifest.toml", "well"]
    manifest = load(made / "manifest.toml")
    rows, _ = read(manifest, made)
    assert rows.images is not None
    assert rows.images.shape == (6, 28, 28, 1)
    assert manifest.schema_().hash == schema.hash
    home = tmp_path / "home"
    assert run("init", "--home", home, "--name", "north", "--network", "landsting.example") == 0
    more = generate(tmp_path, "more", 24)
    assert run("data", "add", more / "manifest.toml", "--home", home) == 0
    before = data_sha256(made)
    real: Any = SimpleNamespace(
        model=hashlib.sha256((tmp_path / "m.safetensors").read_bytes()).hexdigest(), schema=schema
    )
    assert len(synthetic_rows(made, real)) == 6
    stranger = made / "well" / "scan.png"  # let out with the rest, it would have been judged by nobody
    stranger.write_bytes((made / "well" / "0000000.png").read_bytes())
    with pytest.raises(Refusal, match=r"well/scan\.png, which is not in its index"):
        synthetic_rows(made, real)
    stranger.unlink()
    stranger.symlink_to(tmp_path / "m.json")
    with pytest.raises(Refusal, match=r"well/scan\.png"):
        synthetic_rows(made, real)
    stranger.unlink()
    (made / "well" / "0000000.png").write_bytes(b"another")
    assert data_sha256(made) != before


def test_a_column_that_no_generator_makes_is_let_out_by_nobody(tmp_path: Path) -> None:
    """A study's manifest may name a column that is not learned from: among made rows its cells would be patients'."""
    columns = [
        {"name": "age", "kind": "number", "role": "feature", "range": [0, 120]},
        {"name": "ill", "kind": "boolean", "role": "label"},
        {"name": "note", "kind": "text", "role": "ignore"},
    ]
    raw = {"id": "s", "source_system": Origin("51" * 32, "77" * 32, 1, 2).text(), "synthetic": True, "column": columns}
    (tmp_path / "s.toml").write_text(to_toml({**raw, "file": [{"path": "s.csv"}]}))
    real: Any = SimpleNamespace(model="77" * 32, schema=load(tmp_path / "s.toml").schema_())
    (tmp_path / "s.csv").write_text("age,ill,__synthetic\n40,1,1\n51,0,1\n")
    assert len(synthetic_rows(tmp_path / "s.csv", real)) == 2
    (tmp_path / "s.csv").write_text("age,ill,note,__synthetic\n40,1,somebody,1\n51,0,somebody else,1\n")
    with pytest.raises(GateError, match="the unknown column note"):
        synthetic_rows(tmp_path / "s.csv", real)


# ---------------------------------------------------------------- report and compare


@pytest.fixture
def _small_forests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(utility, "TREES", 10)


def against(clinic: Path) -> list[object]:
    return ["--real", clinic / "real.toml", "--held-out", clinic / "held.toml"]


@pytest.mark.usefixtures("_small_forests")
def test_a_generator_that_was_never_trained_is_refused_with_the_figures_that_failed(clinic: Path, capsys: Any) -> None:
    made = generate(clinic)
    capsys.readouterr()

    assert run("synth", "report", clinic / "m.safetensors", "--data", made, *against(clinic), "--lang", "sv") == 1
    said = capsys.readouterr().out
    assert "Det håller inte" in said
    assert "HÅLLER INTE" in said
    assert "DOES NOT" not in said
    report, _ = read_report(clinic / "made.report.json")
    assert report.data == data_sha256(made)
    assert report.model == data_sha256(clinic / "m.safetensors")
    assert "shapes" in {one.name for one in report.failed}
    assert '<html lang="sv">' in (clinic / "made.report.html").read_text()


@pytest.mark.usefixtures("_small_forests")
def test_a_report_is_of_the_model_that_made_the_rows(clinic: Path, capsys: Any) -> None:
    made = generate(clinic)
    untrained(clinic / "other", rows_of(clinic / "real.toml")[1], seed=2)

    words = ["synth", "report", clinic / "other" / "m.safetensors", "--data", made, *against(clinic)]
    assert run(*words) == 1
    assert "was made by model" in capsys.readouterr().err
    assert not (clinic / "made.report.json").exists()


def test_synthetic_rows_are_not_compared_with_synthetic_rows(clinic: Path, capsys: Any) -> None:
    made = generate(clinic)

    words = ["--real", clinic / "made.toml", "--held-out", clinic / "held.toml"]
    assert run("synth", "report", clinic / "m.safetensors", "--data", made, *words) == 1
    assert "is synthetic itself" in capsys.readouterr().err


@pytest.mark.usefixtures("_small_forests")
def test_real_synthetic_and_both_train_the_same_models_and_are_tested_on_the_same_rows(
    clinic: Path, capsys: Any
) -> None:
    made = generate(clinic)
    capsys.readouterr()
    words = ["synth", "compare", clinic / "m.safetensors", "--data", made, *against(clinic), "--repeats", 2, "--json"]

    assert run(*words) == 0
    found = json.loads(capsys.readouterr().out)
    rows = {one["trained_on"]: one["rows"] for one in found["compared"]}
    assert rows == {"real": 60, "synthetic": 60, "both": 120}
    assert [one["model"] for one in found["compared"]] == ["logistic"] * 3 + ["forest"] * 3
    best = next(one for one in found["compared"] if one["trained_on"] == "real")
    assert best["least"] <= best["median"] <= best["largest"]
    assert best["median"] > 0.6  # what is drawn goes together with the label


def test_bound_synthetic_rows_are_never_what_a_study_is_accepted_with(clinic: Path, capsys: Any) -> None:
    from node.cli.data import fitting
    from node.cli.output import Refusal

    made = generate(clinic)
    home = clinic / "home"
    assert run("init", "--home", home, "--name", "north", "--network", "landsting.example") == 0
    assert run("data", "add", clinic / "real.csv", "--home", home) == 0
    capsys.readouterr()
    assert run("data", "add", made, "--home", home) == 0
    assert f"--set synthetic={data_sha256(made)}" in capsys.readouterr().out

    schema = load(clinic / "real.toml").schema_().hash
    assert fitting(home, None, schema) == "clinic"
    with pytest.raises(Refusal, match="'clinic-synthetic' is synthetic"):
        fitting(home, "clinic-synthetic", schema)
