"""Synthetic rows beside real ones in a study: trained on, and counted nowhere."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from node.learning import ConfigError
from node.learning.augment import extra_rows
from node.learning.baselines import own_totals
from node.learning.data.manifest import load, to_toml
from node.learning.describe import describe
from node.learning.privacy import plan_values
from node.learning.trainer import Agreed, Trainer
from node.synthetic import data_sha256, generate
from tests.node.learning.synth.made_up import rows_of, untrained, write

SETTINGS = {"hidden": 0, "local_steps": 5}


@pytest.fixture
def clinic(tmp_path: Path) -> tuple[Path, str]:
    """A folder as a home binds data: real.toml and made.toml; and the hash of the synthetic file."""
    write(tmp_path, 60, 1)
    model = untrained(tmp_path / "model", rows_of(tmp_path / "real.toml")[1])
    generate(model, tmp_path / "made.csv", rows=40, seed=1, condition={})
    return tmp_path, data_sha256(tmp_path / "made.csv")


def trainer(folder: Path, **settings: Any) -> Trainer:
    agreed = Agreed("classifier", "1", {**SETTINGS, "test_share": "0.3", **settings}, seed=4)
    return Trainer(agreed, study="s", region="north", manifest=folder / "real.toml")


def test_synthetic_rows_change_what_is_learned_and_no_count_no_sum_and_no_figure(clinic: tuple[Path, str]) -> None:
    folder, sha256 = clinic
    plain, more = trainer(folder), trainer(folder, synthetic=sha256)
    totals = own_totals(plain, plain.sums)

    assert more.extra is not None
    assert len(more.extra) == 40
    assert more.rows is not None
    assert plain.rows is not None
    assert more.rows.patients == plain.rows.patients
    for a, b in zip(own_totals(more, more.sums), totals, strict=True):
        np.testing.assert_array_equal(a, b)
    begin = plain.initial()
    np.testing.assert_array_equal(more.initial(), begin)
    assert more.evaluate(begin, totals) == plain.evaluate(
        begin, totals
    )  # validation and training rows are the real ones
    assert not np.array_equal(more.train(2, begin, totals)[0], plain.train(2, begin, totals)[0])
    np.testing.assert_array_equal(
        more.train(2, begin, totals)[0], trainer(folder, synthetic=sha256).train(2, begin, totals)[0]
    )


def test_the_plan_says_how_many_for_each_real_row(clinic: tuple[Path, str]) -> None:
    folder, sha256 = clinic
    half = trainer(folder, synthetic=sha256, synthetic_share="0.5")

    assert half.rows is not None
    assert half.extra is not None
    assert len(half.extra) == round(0.5 * len(half.rows))
    none = trainer(folder, synthetic=sha256, synthetic_share="0")
    assert none.extra is not None
    assert len(none.extra) == 0


def test_a_region_s_own_training_uses_its_own_rows_only(clinic: tuple[Path, str]) -> None:
    folder, sha256 = clinic

    assert trainer(folder, synthetic=sha256).without_privacy().extra is None


def test_a_region_without_the_file_that_the_plan_names_is_told_to_bind_it(clinic: tuple[Path, str]) -> None:
    folder, _ = clinic
    with pytest.raises(ConfigError, match=r"no synthetic data with SHA-256 0000.* is bound here"):
        trainer(folder, synthetic="0" * 64)
    with pytest.raises(ConfigError, match="no synthetic data"):
        describe("classifier", {"synthetic": "0" * 64}, folder / "real.toml")  # when the plan is written or accepted
    with pytest.raises(ConfigError, match="no hash"):
        trainer(folder, synthetic="made.csv")


def test_made_up_rows_are_not_what_a_region_takes_part_with(clinic: tuple[Path, str]) -> None:
    folder, _ = clinic
    with pytest.raises(ConfigError, match="'clinic-synthetic' is synthetic"):
        Trainer(Agreed("classifier", "1", SETTINGS, seed=4), study="s", region="north", manifest=folder / "made.toml")


def test_real_rows_cannot_slip_in_as_synthetic_ones(clinic: tuple[Path, str]) -> None:
    folder, _ = clinic
    write(folder, 50, 9, "others")
    raw = tomllib.loads((folder / "others.toml").read_text())
    raw["file"][0]["sha256"] = data_sha256(folder / "others.csv")
    (folder / "others.toml").write_text(to_toml(raw))

    with pytest.raises(ConfigError, match="no synthetic data"):
        trainer(folder, synthetic=raw["file"][0]["sha256"])


def test_another_schema_is_refused(clinic: tuple[Path, str]) -> None:
    folder, sha256 = clinic
    raw = tomllib.loads((folder / "made.toml").read_text())
    raw["column"][2]["range"] = [-20, 20]
    (folder / "made.toml").write_text(to_toml(raw))

    schema = load(folder / "real.toml").schema_()
    settings = {"synthetic": sha256, "synthetic_share": 1.0}
    with pytest.raises(ConfigError, match="another schema"):
        extra_rows(folder / "real.toml", schema, settings, own=10, seed=1, region="north")


def test_beside_privacy_it_is_refused_when_the_plan_is_written_and_when_it_is_opened(clinic: tuple[Path, str]) -> None:
    folder, sha256 = clinic
    dp = plan_values("3", "0.001", rounds=2, local_steps=5, q=0.5, clip=0.5, stages=0, preprocess_bp=0)
    agreed = Agreed("classifier", "1", {**SETTINGS, "synthetic": sha256}, seed=4, dp=dp, sums=[])

    with pytest.raises(ConfigError, match="beside differential privacy"):
        describe("classifier", {"synthetic": sha256}, folder / "real.toml", dp=True)
    with pytest.raises(ConfigError, match="beside differential privacy"):
        Trainer(agreed, study="s", region="north", manifest=folder / "real.toml", ledger=folder / "ledger")
