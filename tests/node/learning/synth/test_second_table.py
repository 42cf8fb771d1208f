"""Generators of others beside ours: another Python reads a CSV and writes one; nothing of theirs is imported here."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from benchmarks import gan_second
from benchmarks.gan_second import HOW, OTHERS, fitted, other, run, side_by_side, trial_file
from benchmarks.gan_tables import ACTG, actg175, breast_cancer, rows_of
from node.__main__ import main
from node.learning.data.manifest import load

COPIES = """#!{python}
import json, sys
script, kind, seed, rows, source, target, *discrete = sys.argv[2:]
assert sys.argv[1] == "-I" and script.endswith("gan_others.py") and discrete == ["malignant"]
head, *lines = open(source).read().splitlines()
assert int(rows) == len(lines)
open(target, "w").write("\\n".join([head, *lines]) + "\\n")
print("a word of a library")
print(json.dumps({{"cpu_s": 1.5, "ctgan": "0"}}))
"""


def python_that(folder: Path, text: str) -> Path:
    path = folder / "python"
    path.write_text(text.format(python=sys.executable))
    path.chmod(0o755)
    return path


def test_a_generator_that_copies_is_found_out(tmp_path):
    tables = breast_cancer(tmp_path / "bc")
    found = other(tables, tmp_path, 0, "CTGAN", python_that(tmp_path, COPIES))
    assert found["copies"] == len(rows_of(tables.pooled))
    assert min(found["shapes"], found["pairs"]) > 0.99  # not 1: rounded to the schema's decimals
    assert found["mia"] > 0.9
    assert found["cpu"] == 1.5


def test_a_python_without_the_package_is_told_how_to_get_it(tmp_path):
    tables = breast_cancer(tmp_path / "bc")
    with pytest.raises(RuntimeError, match=r"ctgan[\s\S]*pip install"):
        other(tables, tmp_path, 0, "TVAE", python_that(tmp_path, "#!{python}\nraise SystemExit('no module ctgan')\n"))


def test_numbers_of_others_get_range_and_decimals(tmp_path):
    tables = breast_cancer(tmp_path / "bc")
    schema = load(tables.pooled).schema_()
    frame = tables.frame(tables.pooled).head(2)
    column = schema.columns[0]
    assert column.range is not None
    frame[column.name] = ["-3", "12.34567"]
    low, inside = fitted(frame, schema)[column.name]
    assert low == column.range[0]
    assert inside == round(12.34567, column.decimals)


def test_without_the_option_a_row_says_how(monkeypatch):
    figures = dict.fromkeys(gan_second.KEYS, 0.5)
    for name in ("pooled", "ring", "scored"):
        monkeypatch.setattr(gan_second, name, lambda *_: figures)
    names = [figure["name"] for figure in run(3)]
    assert not any(f": {kind}" in name for kind in OTHERS for name in names)
    assert [name for name in names if HOW in name] == names[-1:]


def test_figures_of_one_measure_stand_together():
    none = dict.fromkeys(gan_second.KEYS, 0.0)
    runs = {"a": [none | {"shapes": 0.1}, none | {"shapes": 0.3}], "b": [none | {"shapes": 0.2}] * 2}
    found = side_by_side("t", runs, dict.fromkeys(gan_second.KEYS, 0.9), [4, 5])
    shapes = [figure for figure in found if "shapes" in figure["name"]]
    assert [one["name"].rpartition(": ")[2] for one in shapes] == ["a", "b"]
    assert [one["spread"] for one in shapes] == [[0.1, 0.3], [0.2, 0.2]]
    assert any("TRTR" in figure["name"] and figure["value"] == 0.9 for figure in found)


def test_actg_175_keeps_every_patient_and_no_later_column(tmp_path):
    lines = [",".join(["1"] * len(ACTG) + ["300"]) for _ in range(40)]
    lines += [",".join(["1"] * (len(ACTG) - 1) + ["0", "900"]) for _ in range(60)]
    source = tmp_path / "ACTG175.csv"
    source.write_text("\n".join([",".join([*ACTG, "days"]), *lines]) + "\n")
    tables = actg175(tmp_path / "a", source)
    assert len(rows_of(tables.pooled)) + len(rows_of(tables.union)) == 100
    assert "days" not in tables.frame(tables.pooled).columns
    assert sorted(set(rows_of(tables.pooled).label.tolist())) == [0, 1]


def test_a_python_without_lifelines_has_no_trial():
    if importlib.util.find_spec("lifelines") is not None:
        pytest.skip("this Python has lifelines")
    assert trial_file(Path(sys.executable)) is None


def test_the_option_belongs_to_one_benchmark(capsys):
    assert main(["bench", "help", "--ctgan", sys.executable, "--json"]) == 1
    assert "gan-second" in json.loads(capsys.readouterr().err)["expected"]
