"""``own_prior``: a region's own shares of classes are taken out of its loss, and of nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.learning.baselines import average
from node.learning.data.manifest import to_toml
from node.learning.describe import describe
from node.learning.errors import ConfigError
from node.learning.priors import offsets
from node.learning.trainer import Agreed, Trainer

COLUMNS = [
    {"name": "x", "kind": "number", "role": "feature", "range": [-4, 4]},
    {"name": "ill", "kind": "category", "role": "label", "categories": ["0", "1"]},
]
LINEAR = {"hidden": 0, "lr": "0.3", "local_steps": 60, "batch": 400}


def region(folder: Path, healthy: int, ill: int, seed: int) -> Path:
    """The ill have x around 1, the healthy around -1, in every region alike; only how many differs."""
    rng = np.random.default_rng(seed)
    y = np.repeat([0, 1], [healthy, ill])
    x = rng.normal(np.where(y == 1, 1.0, -1.0), 1.0).clip(-4, 4)
    folder.mkdir()
    (folder / "t.csv").write_text("x,ill\n" + "".join(f"{a:.3f},{b}\n" for a, b in zip(x, y, strict=True)))
    (folder / "t.toml").write_text(to_toml({"id": "t", "file": [{"path": "t.csv"}], "column": COLUMNS}))
    return folder / "t.toml"


def test_offsets_are_logs_of_the_shares_here_over_those_everywhere() -> None:
    """Here 1 healthy and 7 ill, everywhere 49 and 49; one more of each is counted: 2/10 and 8/10 over 1/2."""
    found = offsets(np.repeat([0, 1], [1, 7]), (49, 49))

    np.testing.assert_allclose(found, np.log([0.4, 1.6]))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 500), min_size=2, max_size=5))
def test_a_region_with_the_shares_of_all_moves_nothing_and_no_region_moves_to_infinity(counts: list[int]) -> None:
    own = np.repeat(np.arange(len(counts)), counts)

    np.testing.assert_allclose(offsets(own, counts), 0, atol=1e-12)
    assert np.isfinite(offsets(np.zeros(5, np.int64), counts)).all()


def test_what_all_rows_together_teach_moves_little_in_a_region_of_other_shares(tmp_path: Path) -> None:
    """The model of all rows is right in each region but for its share of ill; without that, training undoes it."""
    ill = region(tmp_path / "ill", 20, 380, 1)
    both = region(tmp_path / "both", 20, 20, 2)
    rest = region(tmp_path / "healthy", 380, 20, 3).with_suffix(".csv").read_text().partition("\n")[2]
    both.with_suffix(".csv").write_text(ill.with_suffix(".csv").read_text() + rest)
    whole = Trainer(Agreed("classifier", "1", LINEAR, seed=1), study="s", region="all", manifest=both)
    goal, totals = average([whole], rounds=20)

    def moved(own_prior: bool) -> float:
        agreed = Agreed("classifier", "1", {**LINEAR, "own_prior": own_prior}, seed=1)
        after, _ = Trainer(agreed, study="s", region="ill", manifest=ill).train(2, goal, totals)
        return float(np.linalg.norm(after - goal))

    assert moved(own_prior=True) < moved(own_prior=False) / 3


def test_beside_differential_privacy_it_is_refused_when_the_plan_is_made(tmp_path: Path) -> None:
    """A region's own shares carry no noise."""
    manifest = region(tmp_path / "a", 30, 30, 1)

    with pytest.raises(ConfigError, match=r"beside differential privacy.*own_prior=false"):
        describe("classifier", {**LINEAR, "own_prior": True}, manifest, dp=True)


def test_of_several_labels_it_is_refused(tmp_path: Path) -> None:
    columns = [COLUMNS[0], *({"name": n, "kind": "boolean", "role": "label"} for n in ("a", "b"))]
    (tmp_path / "l.toml").write_text(to_toml({"id": "l", "file": [{"path": "l.csv"}], "column": columns}))

    with pytest.raises(ConfigError, match="several labels"):
        describe("classifier", {"own_prior": True}, tmp_path / "l.toml")
