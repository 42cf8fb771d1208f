"""Synthetic rows beside real ones in a study: trained on, and counted nowhere."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from node.learning import ConfigError
from node.learning.augment import extra_rows
from node.learning.baselines import own_totals
from node.learning.data.manifest import load, to_toml
from node.learning.describe import describe
from node.learning.ledger import Ledger
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


# ---------------------------------------------------------------- beside privacy


LR, CLIP = 1.0, 0.5


def private(folder: Path, where: str, *, sigma_u: int, sha256: str = "", local_steps: int = 1) -> Trainer:
    """Open a linear model at q 1, so that every real patient is in every step."""
    settings = {"hidden": 0, "lr": str(LR), "local_steps": local_steps, "synthetic": sha256}
    dp = {"eps_max_u": 2**50, "delta_u12": 10**9, "clip_u": 500_000, "q_u": 1_000_000, "sigma_min_u": sigma_u}
    agreed = Agreed("classifier", "1", settings, seed=4, dp=dp, sums=[])
    (folder / where / "s").mkdir(parents=True)
    state = folder / where
    return Trainer(agreed, study="s", region="north", manifest=folder / "real.toml", state=state, ledger=state / "paid")


def test_made_up_rows_beside_patients_cost_no_epsilon(clinic: tuple[Path, str]) -> None:
    folder, sha256 = clinic
    plain = private(folder, "a", sigma_u=2_000_000, local_steps=3)
    more = private(folder, "b", sigma_u=2_000_000, local_steps=3, sha256=sha256)

    without = plain.train(0, plain.initial())[1].dp
    beside = more.train(0, more.initial())[1].dp

    assert without is not None
    assert without == beside
    lines = [Ledger(folder / where / "paid").lines for where in ("a", "b")]
    assert [one.spent for one in lines[0]] == [one.spent for one in lines[1]]
    assert more.warnings == plain.warnings  # of the real patients' number


def test_a_patient_beside_made_up_rows_moves_a_step_by_one_clip_at_most(clinic: tuple[Path, str]) -> None:
    """Next to no noise, everybody drawn: the sum of a step is what it is without the patient, and one clip at most."""
    folder, sha256 = clinic

    def summed(where: str, keep: int) -> np.typing.NDArray[np.float64]:
        one = private(folder, where, sigma_u=1000, sha256=sha256)
        assert one.rows is not None
        assert one.extra is not None
        one.rows = one.rows.take(np.arange(len(one.rows)) < keep)  # the made-up rows stay the same
        drawn = len(set(one.rows.patients)) + len(one.extra)
        begin = one.initial()
        return (begin - one.train(0, begin)[0]).astype(np.float64) * drawn / LR

    whole = private(folder, "n", sigma_u=1000).rows
    assert whole is not None
    n = len(whole)
    moved = np.linalg.norm(summed("a", n) - summed("b", n - 1))

    assert 0.05 < moved <= CLIP + 0.01  # the noise of each step is .0005 in a place


def test_the_noise_beside_made_up_rows_is_whole(clinic: tuple[Path, str]) -> None:
    """Two secrets: their steps differ by two draws of noise, sigma times clip in each place of the sum."""
    folder, sha256 = clinic
    sigma = 400.0

    def summed(where: str) -> np.typing.NDArray[np.float64]:
        one = private(folder, where, sigma_u=int(sigma * 1e6), sha256=sha256)
        assert one.rows is not None
        assert one.extra is not None
        begin = one.initial()
        return (begin - one.train(0, begin)[0]).astype(np.float64) * (len(one.rows) + len(one.extra)) / LR

    differences = np.concatenate([summed(f"a{i}") - summed(f"b{i}") for i in range(20)])

    expected = 2**0.5 * sigma * CLIP
    assert np.std(differences) == pytest.approx(expected, rel=5 / (2 * len(differences)) ** 0.5)  # five deviations


def test_each_made_up_row_is_drawn_by_itself_where_patients_have_several_rows(clinic: tuple[Path, str]) -> None:
    folder, sha256 = clinic
    one = private(folder, "a", sigma_u=1000, sha256=sha256)
    assert one.rows is not None
    assert one.extra is not None
    one.rows = replace(one.rows, patients=tuple(f"p{i // 2}" for i in range(len(one.rows))))

    numbers = one._patients()

    assert numbers is not None
    made = numbers[len(one.rows) :]
    assert len(made) == len(one.extra) == len(set(made))
    assert made.min() > numbers[: len(one.rows)].max()


def test_a_private_plan_may_name_them(clinic: tuple[Path, str]) -> None:
    folder, sha256 = clinic

    assert (
        describe("classifier", {"synthetic": sha256}, folder / "real.toml", dp=True)["settings"]["synthetic"] == sha256
    )
