"""The demo's data against scikit-learn's, its splits, and figures against scikit-learn's metrics."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from node.learning import ConfigError, GateError, code_sha256
from node.learning.data.check import check_manifest
from node.learning.data.manifest import parse
from node.learning.demo_data import breast_cancer, digits, dirichlet, held_out, odd_even, write
from node.learning.evaluate import auroc, disagreement, figures

REGIONS = ("east", "north", "south", "west")


def test_the_files_are_what_scikit_learn_loads() -> None:
    from sklearn.datasets import load_breast_cancer, load_digits

    cancer, numbers = load_breast_cancer(), load_digits()

    assert breast_cancer().header[:-1] == tuple(cancer.feature_names)
    np.testing.assert_array_equal([[float(cell) for cell in line[:-1]] for line in breast_cancer().lines], cancer.data)
    np.testing.assert_array_equal(breast_cancer().label, 1 - cancer.target)
    np.testing.assert_array_equal([[float(cell) for cell in line[:-1]] for line in digits().lines], numbers.data)
    np.testing.assert_array_equal(digits().label, numbers.target)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_test_rows_are_three_tenths_of_each_class(seed: int) -> None:
    label = breast_cancer().label

    held = held_out(label, seed)

    assert held.sum() == 171
    assert abs(label[held].mean() - label.mean()) < 0.005


@pytest.mark.parametrize("regions", [2, 4, 8])
def test_dirichlet_gives_each_region_twenty_rows(regions: int) -> None:
    label = breast_cancer().label

    owner = dirichlet(label, regions, seed=1)

    assert np.bincount(owner, minlength=regions).min() >= 20
    shares = [label[owner == i].mean() for i in range(regions)]
    assert max(shares) - min(shares) > 0.2  # the skew that it is for


def test_too_many_regions_are_refused() -> None:
    with pytest.raises(GateError, match="100 training rows for 6 regions; expected at least 20 in each"):
        dirichlet(np.zeros(100, np.int64), 6, seed=1)


def test_every_other_region_sees_odd_digits_only() -> None:
    label = digits().label

    owner = odd_even(label, 3, seed=1)

    assert [set((label[owner == i] % 2).tolist()) for i in range(3)] == [{0}, {1}, {0}]


@pytest.mark.parametrize("data", ["breast-cancer", "digits-odd-even"])
def test_what_is_written_passes_the_gate_and_keeps_test_rows_apart(tmp_path: Path, data: str) -> None:
    demo = write(tmp_path, data, REGIONS, 1)

    sheets = [check_manifest(path) for path in demo.manifests.values()]

    assert [sheet.rows for sheet in sheets] == list(demo.rows.values())
    lines = [set(path.with_suffix(".csv").read_text().splitlines()[1:]) for path in demo.manifests.values()]
    tested = set(demo.test.read_text().splitlines()[1:])
    assert not any(tested & mine for mine in lines)
    assert check_manifest(demo.pooled).rows == sum(demo.rows.values())


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    one, other, third = (
        write(tmp_path / name, "breast-cancer", REGIONS, seed) for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )

    assert one.test.read_bytes() == other.test.read_bytes()
    assert one.test.read_bytes() != third.test.read_bytes()


def own_table(folder: Path) -> Path:
    """Write a table of one's own: 120 patients of two rows each, semicolons, a byte order mark."""
    (folder / "own.toml").write_text(
        'id = "own"\npatient = "pid"\n[[file]]\npath = "own.csv"\ndelimiter = ";"\n'
        '[[column]]\nname = "pid"\nkind = "text"\nrole = "ignore"\n'
        '[[column]]\nname = "x"\nkind = "number"\nrange = [0, 300]\n'
        '[[column]]\nname = "ill"\nkind = "boolean"\nrole = "label"\n'
    )
    rows = "".join(f"p{i // 2};{i};{'yes' if i % 4 < 2 else 'no'}\n" for i in range(240))
    (folder / "own.csv").write_text("\ufeffpid;x;ill\n" + rows, encoding="utf-8")
    return folder / "own.csv"


def test_a_table_of_ones_own_is_split_by_patient(tmp_path: Path) -> None:
    demo = write(tmp_path / "out", str(own_table(tmp_path)), ["north", "south"], 1)

    parts = [path.with_suffix(".csv") for path in demo.manifests.values()] + [demo.test]
    patients = [{line.split(",")[0] for line in path.read_text().splitlines()[1:]} for path in parts]
    assert sum(map(len, patients)) == 120
    assert len(set.union(*patients)) == 120


def test_unknown_demo_data_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"demo data 'heart'; expected breast-cancer, digits-odd-even or a FILE\.csv"):
        write(Path("nowhere"), "heart", REGIONS, 1)


# ---------------------------------------------------------------- figures


def test_auroc_by_hand_with_a_tie() -> None:
    scores = np.array([0.1, 0.4, 0.4, 0.8])

    # pairs (positive, negative): .4 beats .1, ties .4; .8 beats both: (1 + .5 + 2) / 4
    assert auroc(scores, np.array([False, False, True, True])) == 0.875


def test_auroc_of_one_class_is_none() -> None:
    assert auroc(np.array([0.1, 0.2]), np.array([True, True])) is None


def test_figures_are_those_of_scikit_learn() -> None:
    from sklearn.metrics import accuracy_score, roc_auc_score

    rng = np.random.default_rng(0)
    p = np.round(rng.dirichlet([1, 1, 1], 200), 2)  # with ties
    p[:, 2] = 1 - p[:, 0] - p[:, 1]
    y = rng.integers(0, 3, 200)

    found = figures(p, y)

    assert found["accuracy"] == accuracy_score(y, p.argmax(axis=1))
    assert found["auroc"] == pytest.approx(roc_auc_score(y, p, multi_class="ovr", average="macro"), abs=1e-12)


def test_a_class_without_rows_makes_the_macro_mean_undefined() -> None:
    assert figures(np.eye(3), np.array([0, 1, 1]))["auroc"] is None
    assert figures(np.empty((0, 2)), np.empty(0, np.int64)) == dict.fromkeys(
        ("accuracy", "auroc", "balanced_accuracy", "auprc", "ece")
    )


def test_disagreement_of_two_models_by_hand() -> None:
    assert disagreement([np.array([0, 3], np.float32), np.array([2, 3], np.float32)]) == 1.0


def test_the_code_hash_is_stable_in_a_process() -> None:
    assert len(code_sha256()) == 32
    assert code_sha256() == code_sha256()


# ---------------------------------------------------------------- the README of the folder


def test_the_readmes_example_and_figures_run(tmp_path: Path) -> None:
    readme = (Path(__file__).parents[2] / "node" / "learning" / "README.md").read_text(encoding="utf-8")
    example = readme.split("```python\n")[1].split("```")[0]
    command = [sys.executable, "-m", "node.learning.measured", "--data", "breast-cancer", "--seeds", "1"]

    ran = subprocess.run([sys.executable, "-c", example], cwd=tmp_path, capture_output=True, text=True, check=False)
    table = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("Score(accuracy=0.9")
    assert table.returncode == 0, table.stderr
    assert float(table.stdout.splitlines()[1].split()[3]) >= 0.94


def test_the_readmes_manifest_is_one() -> None:
    readme = (Path(__file__).parents[2] / "node" / "learning" / "README.md").read_text(encoding="utf-8")

    manifest = parse(readme.split("```toml\n")[1].split("```")[0], Path("heart.toml"))

    assert [column.name for column in manifest.schema_().features] == ["chol"]
