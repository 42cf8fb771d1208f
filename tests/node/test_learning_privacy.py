"""Differential privacy: epsilon against an independent formula, the ledger, the hard stop."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from node.learning import BudgetError, ConfigError
from node.learning.accounting import ORDERS, Spent, epsilon, noise_for, prv_epsilon, statistics_sigma_u
from node.learning.demo_data import PRIVATE_SETTINGS, DemoData, write
from node.learning.hashing import tagged_hash
from node.learning.ledger import Ledger, Line
from node.learning.privacy import DPContext, Terms, noise_generator, plan_values, warnings_for
from node.learning.trainer import Agreed, Trainer

TERMS = Terms(eps_max_u=3_000_000, delta_u12=10**9, clip_u=1_000_000, q_u=200_000, sigma_u=2_490_000)


def independent_epsilon(q: float, sigma: float, steps: int, delta: float) -> float:
    """Return epsilon by integrating the Renyi divergence of the sampled Gaussian numerically.

    Source: Mironov, Talwar and Zhang (2019), section 3.3: A(alpha) = E_z~N(0, sigma^2) of
    (1 - q + q exp((2z - 1) / (2 sigma^2)))^alpha; conversion: Canonne, Kamath and Steinke (2020).
    """
    found = []
    for alpha in ORDERS:
        z = np.linspace(-30 * sigma, 30 * sigma + alpha, 400_001)
        log_ratio = np.logaddexp(np.log1p(-q), np.log(q) + (2 * z - 1) / (2 * sigma**2))
        log_f = alpha * log_ratio - z**2 / (2 * sigma**2)
        top = log_f.max()
        log_a = top + np.log(np.exp(log_f - top).sum() * (z[1] - z[0])) - np.log(sigma * np.sqrt(2 * np.pi))
        rdp = steps * log_a / (alpha - 1)
        found.append(rdp + np.log1p(-1 / alpha) - (np.log(delta) + np.log(alpha)) / (alpha - 1))
    return float(max(0, min(found)))


@pytest.mark.parametrize(
    ("q", "sigma", "steps", "delta"),
    [(0.2, 2.49, 100, 1e-3), (0.2, 5.98, 100, 1e-3), (0.5, 5.819, 100, 1e-3), (0.1, 1.1, 20, 1e-5)],
)
def test_epsilon_is_that_of_an_independent_formula(q: float, sigma: float, steps: int, delta: float) -> None:
    spent = [Spent(round(q * 1e6), round(sigma * 1e6), steps)]

    assert epsilon(spent, delta) == pytest.approx(independent_epsilon(q, sigma, steps, delta), rel=1e-6)


def test_epsilon_of_no_steps_is_zero() -> None:
    assert epsilon([], 1e-3) == 0
    assert epsilon([Spent(200_000, 2_000_000, 0)], 1e-3) == 0


def test_epsilon_is_never_below_zero() -> None:
    assert epsilon([Spent(10_000, 100_000_000, 1)], 0.5) == 0


def test_the_noise_is_the_least_that_keeps_within_epsilon() -> None:
    sigma = noise_for(3, 1e-3, 0.2, 100)

    assert sigma == pytest.approx(2.49, abs=0.02)  # README of this folder: 2.49 for epsilon 3
    assert epsilon([Spent(200_000, round(sigma * 1e6), 100)], 1e-3) <= 3
    assert epsilon([Spent(200_000, round(sigma * 1e6) - 1000, 100)], 1e-3) > 3


@pytest.mark.parametrize("wanted", [("0", "1e-3"), ("3", "1"), ("3", "0"), ("many", "1e-3")])
def test_an_impossible_wish_is_refused(wanted: tuple[str, str]) -> None:
    with pytest.raises(ConfigError):
        plan_values(*wanted, rounds=20, local_steps=5)


def test_prv_is_shown_beside_and_is_the_tighter_one() -> None:
    """Design figure: sigma 5.98, q .2, 100 steps, delta 1e-3: RDP .994, PRV .867 at the default eps_error."""
    spent = [Spent(200_000, 5_980_000, 100)]

    assert epsilon(spent, 1e-3) == pytest.approx(0.994, abs=0.001)
    assert prv_epsilon(spent, 1e-3) == pytest.approx(0.867, abs=0.002)


# ---------------------------------------------------------------- ledger


def line(round: int, study: str = "ab") -> Line:
    """Return a round's line with the terms above."""
    return Line(study, round, "00", "11", TERMS.q_u, TERMS.sigma_u, 5, TERMS.delta_u12)


def test_a_ledger_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    ledger.charge(line(0), TERMS)
    facts = ledger.charge(line(1), TERMS)

    assert Ledger(tmp_path / "ledger").lines == [line(0), line(1)]
    assert facts["eps_study_u"] == facts["eps_data_u"]
    expected = independent_epsilon(0.2, 2.49, 10, 1e-3)
    assert facts["eps_study_u"] == pytest.approx(expected * 1e6, rel=1e-6, abs=1)  # in millionths, rounded up


def test_other_studies_count_for_the_data(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    ledger.charge(line(0, "other"), TERMS)

    facts = ledger.charge(line(0), TERMS)

    assert facts["eps_round_u"] == facts["eps_study_u"]
    assert facts["eps_data_u"] > facts["eps_study_u"]  # type: ignore[operator] # integers, all but the accountant


def test_the_same_round_from_the_same_vector_is_paid_once(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")

    assert ledger.charge(line(0), TERMS) == ledger.charge(line(0), TERMS)
    assert len(ledger.lines) == 1


def test_a_round_over_the_budget_does_not_run_and_is_not_paid(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    small = Terms(eps_max_u=700_000, delta_u12=10**9, clip_u=1_000_000, q_u=200_000, sigma_u=2_490_000)
    ledger.charge(line(0), small)

    with pytest.raises(
        BudgetError, match=r"round 1 would bring epsilon to 0\.8\d+; expected at most 0.7, the budget of the study"
    ):
        ledger.charge(line(1), small)
    assert len(Ledger(tmp_path / "ledger").lines) == 1


def test_the_regions_own_budget_holds_over_studies(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    ledger.charge(line(0, "other"), TERMS)

    with pytest.raises(BudgetError, match="the budget of the region"):
        ledger.charge(line(0), TERMS, budget_u=700_000)


def test_a_study_of_a_larger_delta_does_not_make_what_was_spent_smaller(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    ledger.charge(line(0, "other"), TERMS)
    loose = Terms(eps_max_u=9_000_000, delta_u12=5 * 10**11, clip_u=1_000_000, q_u=200_000, sigma_u=2_490_000)
    cheap = replace(line(0), delta_u12=loose.delta_u12)

    with pytest.raises(BudgetError, match=r"would bring epsilon to 0\.8\d+; expected at most 0.75, the budget"):
        ledger.charge(cheap, loose, budget_u=750_000)
    facts = ledger.charge(cheap, loose, budget_u=900_000)

    assert facts["eps_data_u"] < 100_000  # type: ignore[operator] # what the log says is of this study's delta


def test_a_line_that_a_crash_cut_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    Ledger(path).charge(line(0), TERMS)
    with path.open("ab") as file:
        file.write(b'{"study": "a')

    ledger = Ledger(path)
    ledger.charge(line(1), TERMS)

    assert Ledger(path).lines == [line(0), line(1)]


def test_a_line_that_the_disk_took_half_of_does_not_spoil_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(tmp_path / "ledger")
    ledger.charge(line(0), TERMS)
    monkeypatch.setattr(os, "fsync", _full)
    with pytest.raises(ConfigError, match="cannot be written"):
        ledger.charge(line(1), TERMS)
    monkeypatch.undo()

    ledger.charge(line(2), TERMS)

    assert Ledger(tmp_path / "ledger").lines == [line(0), line(2)]


def _full(_: int) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_ledger_is_its_owners_alone(tmp_path: Path) -> None:
    Ledger(tmp_path / "ledger").charge(line(0), TERMS)

    assert (tmp_path / "ledger").stat().st_mode & 0o777 == 0o600


def test_a_ledger_that_was_damaged_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    path.write_text('{"study": 1}\n')

    with pytest.raises(ConfigError, match="line 1 of the privacy ledger"):
        Ledger(path)


# ---------------------------------------------------------------- training


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoData:
    """Breast cancer over two regions, seed 1."""
    return write(tmp_path_factory.mktemp("demo"), "breast-cancer", ["north", "south"], 1)


def private(demo: DemoData, home: Path, dp: dict[str, object], rows: Path | None = None) -> Trainer:
    """Open a study with privacy."""
    agreed = Agreed("classifier", "1", PRIVATE_SETTINGS, 1, dp=dp)
    manifest = rows or demo.manifests["north"]
    return Trainer(agreed, study="ab", region="north", manifest=manifest, state=home / "state", ledger=home / "ledger")


def plan(**change: object) -> dict[str, object]:
    """Return a plan's dp map."""
    return {"accountant": "rdp", "eps_max_u": 3_000_000, "delta_u12": 10**9, "clip_u": 500_000, "q_u": 500_000,
            "sigma_min_u": 5_819_000, "preprocess_bp": 0, "noise_rng": "torch", **change}  # fmt: skip


def test_a_round_is_on_disk_before_it_trains(demo: DemoData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(DPContext, "train", crash)
    north = private(demo, tmp_path, plan())

    with pytest.raises(KeyboardInterrupt):
        north.train(0, north.initial())
    assert len((tmp_path / "ledger").read_text().splitlines()) == 1


def test_a_repeated_round_gives_the_same_bytes_and_costs_nothing_more(demo: DemoData, tmp_path: Path) -> None:
    north = private(demo, tmp_path, plan())
    first, report = north.train(0, north.initial())

    second, again = private(demo, tmp_path, plan()).train(0, north.initial())

    assert first.tobytes() == second.tobytes()
    assert report.dp == again.dp
    assert report.loss is None


def test_a_round_repeated_under_a_new_secret_is_paid_again(demo: DemoData, tmp_path: Path) -> None:
    """Two outputs of one vector under two noises are two releases."""
    north = private(demo, tmp_path, plan())
    first, report = north.train(0, north.initial())
    (tmp_path / "state" / "ab" / "chance").unlink()

    second, again = private(demo, tmp_path, plan()).train(0, north.initial())

    assert first.tobytes() != second.tobytes()
    assert report.dp is not None
    assert again.dp is not None
    assert again.dp["eps_study_u"] > report.dp["eps_study_u"]  # type: ignore[operator] # integers


def with_sums(demo: DemoData, home: Path, manifest: Path | None = None, **change: object) -> Trainer:
    """Open a study with privacy whose statistics are summed, a tenth of epsilon for their noise."""
    agreed = Agreed("classifier", "1", PRIVATE_SETTINGS, 1, dp=plan(**{"preprocess_bp": 1000, **change}),
                    sums=("count", "moment"), regions=4)  # fmt: skip
    rows = manifest or demo.manifests["north"]
    return Trainer(agreed, study="ab", region="north", manifest=rows, state=home / "state", ledger=home / "ledger")


def test_sums_under_privacy_are_refused_without_a_share_of_epsilon(demo: DemoData, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no share of epsilon for them"):
        with_sums(demo, tmp_path, preprocess_bp=0)


def test_a_sum_round_carries_the_regions_whole_noise_and_is_in_the_ledger_first(demo: DemoData, tmp_path: Path) -> None:
    """Each integer moves by sigma times the sensitivity: 30 features, so the root of 63 in stage count."""
    noisy = with_sums(demo, tmp_path)
    plain = Trainer(Agreed("classifier", "1", {}, 1), study="a", region="north", manifest=demo.manifests["north"])

    moved = noisy.measure("count") - plain.measure("count")

    sigma = statistics_sigma_u(3_000_000, 10**9, 1000, 2) / 1e6
    # 64 draws: relative error of a standard deviation 1/sqrt(128), five times.
    assert np.sqrt(np.mean(np.square(moved))) == pytest.approx(sigma * 63**0.5, rel=0.45)
    (paid,) = Ledger(tmp_path / "ledger").lines
    assert (paid.q_u, paid.sigma_u, paid.steps) == (1_000_000, round(sigma * 1e6), 1)


def test_a_repeated_sum_round_gives_the_same_integers_and_costs_nothing_more(demo: DemoData, tmp_path: Path) -> None:
    first = with_sums(demo, tmp_path).measure("count")

    second = with_sums(demo, tmp_path).measure("count")

    np.testing.assert_array_equal(first, second)
    assert len(Ledger(tmp_path / "ledger").lines) == 1


def test_noise_of_the_sums_is_not_to_be_had_from_public_seeds(demo: DemoData, tmp_path: Path) -> None:
    assert (with_sums(demo, tmp_path / "a").measure("count") != with_sums(demo, tmp_path / "b").measure("count")).any()


@pytest.mark.parametrize(("eps_u", "bp", "stages"), [(3_000_000, 1000, 2), (1_000_000, 1000, 5), (8_000_000, 5000, 1)])
def test_the_sums_take_no_more_than_their_share(eps_u: int, bp: int, stages: int) -> None:
    """The closed form is for a whole range of orders at once, so the accountant finds no more."""
    sigma_u = statistics_sigma_u(eps_u, 10**9, bp, stages)

    assert epsilon([Spent(1_000_000, sigma_u, stages)], 1e-3) <= eps_u / 1e6 * bp / 1e4


def test_a_plan_with_noise_on_its_sums_stays_within_epsilon() -> None:
    dp = plan_values("3", "0.001", rounds=20, local_steps=5, stages=2, preprocess_bp=1000)
    terms = Terms.of_plan(dp)

    spent = [Spent(1_000_000, terms.statistics_sigma_u(2), 2), Spent(terms.q_u, terms.sigma_u, 100)]

    assert 2.9 < epsilon(spent, terms.delta) <= 3


def many_rows_of_few(demo: DemoData, folder: Path) -> Path:
    """Write north's table with three rows of each patient."""
    from node.learning.data.manifest import to_toml

    source = demo.manifests["north"]
    header, *lines = source.with_name("north.csv").read_text().splitlines()
    folder.mkdir(parents=True)
    lines = [f"p{i // 3},{line}" for i, line in enumerate(lines)]
    (folder / "north.csv").write_text("\n".join([f"pid,{header}", *lines]) + "\n")
    raw = tomllib.loads(source.read_text())
    raw["patient"] = "pid"
    raw["column"] = [{"name": "pid", "kind": "text", "role": "ignore"}, *raw["column"]]
    (folder / "north.toml").write_text(to_toml(raw))
    return folder / "north.toml"


def test_a_patient_with_three_rows_moves_a_step_no_further_than_one_clip(demo: DemoData, tmp_path: Path) -> None:
    """Next to no noise, everybody drawn: without the last patient the vector differs by at most lr clip / n."""
    manifest = many_rows_of_few(demo, tmp_path / "data")
    settings = {"hidden": 0, "lr": "1", "local_steps": 1}
    terms = plan(sigma_min_u=1000, q_u=1_000_000, eps_max_u=2**50)

    def step(where: str, keep: int | None) -> np.typing.NDArray[np.float32]:
        trainer = Trainer(Agreed("classifier", "1", settings, 1, dp=terms), study=where, region="north",
                          manifest=manifest, ledger=tmp_path / where)  # fmt: skip
        assert trainer.rows is not None
        if keep is not None:
            trainer.rows = trainer.rows.take(np.arange(len(trainer.rows)) < keep)
        return trainer.train(0, trainer.initial())[0]

    patients = -(-demo.rows["north"] // 3)
    whole, less = step("a", None), step("b", 3 * (patients - 1))

    # Means over n and n - 1 patients, each at most the clip long: their difference is at most 2 clip / n.
    assert np.linalg.norm(whole - less) <= 2 * 0.5 / patients + 1e-4


def test_one_row_a_patient_and_grouped_rows_take_the_same_step(demo: DemoData) -> None:
    """A patient's number beside each row changes nothing where every patient has one row."""
    rows = torch.randn(8, 3, generator=torch.Generator().manual_seed(1))

    def step(patients: np.typing.NDArray[np.int64] | None) -> torch.Tensor:
        network = torch.nn.Linear(3, 1)
        torch.nn.init.zeros_(network.weight)
        torch.nn.init.zeros_(network.bias)
        DPContext(TERMS, bytes(32)).train(network, lambda net, at: net(rows[at])[:, 0] ** 2 + 1, 8, 3, 0.1, patients)
        return network.weight.detach()

    assert torch.equal(step(None), step(np.arange(8)))


def test_two_vectors_in_one_round_never_share_noise(demo: DemoData, tmp_path: Path) -> None:
    """The difference of two outputs under one noise would be without any."""
    north = private(demo, tmp_path, plan(sigma_min_u=1_000_000_000, eps_max_u=10**9))
    start = north.initial()
    moved = start + np.float32(1e-3)

    first, _ = north.train(0, start)
    second, _ = north.train(0, moved)

    assert np.linalg.norm((second - moved) - (first - start)) > 1
    assert len((tmp_path / "ledger").read_text().splitlines()) == 2


def test_noise_is_not_to_be_had_from_public_seeds(demo: DemoData, tmp_path: Path) -> None:
    first, _ = private(demo, tmp_path / "a", plan()).train(0, (one := private(demo, tmp_path / "a", plan())).initial())
    second, _ = private(demo, tmp_path / "b", plan()).train(0, one.initial())

    assert first.tobytes() != second.tobytes()
    assert (tmp_path / "a" / "state" / "ab" / "chance").stat().st_mode & 0o077 == 0


def test_all_of_the_noise_generators_state_comes_from_the_key() -> None:
    """The words drawn are those of numpy's Mersenne Twister in the state that the key gives, not in one of 2^32."""
    words = np.frombuffer(hashlib.shake_256(tagged_hash("dp-noise", bytes(32))).digest(4 * 624), "<u4")
    oracle = np.random.MT19937()
    oracle.state = {"bit_generator": "MT19937", "state": {"key": words, "pos": 624}}

    drawn = torch.randint(0, 2**32, (700,), generator=noise_generator(bytes(32)), dtype=torch.int64)

    np.testing.assert_array_equal(drawn.numpy(), oracle.random_raw(1400)[1::2])  # torch takes two words, keeps one


def test_the_noise_has_the_stated_size(demo: DemoData, tmp_path: Path) -> None:
    """One step at a huge sigma: the change is lr * sigma * clip / (q n) times a standard normal vector."""
    settings = {"hidden": 32, "lr": "1", "local_steps": 1}
    agreed = Agreed("classifier", "1", settings, 1, dp=plan(sigma_min_u=1_000_000_000, eps_max_u=10**9))
    manifest = demo.manifests["north"]
    north = Trainer(agreed, study="ab", region="north", manifest=manifest, ledger=tmp_path / "ledger")

    after, _ = north.train(0, north.initial())

    expected = 1000 * 0.5 / (0.5 * demo.rows["north"])
    noise = after - north.initial()
    assert noise.std() == pytest.approx(expected, rel=0.1)  # 1025 draws: relative error 1/sqrt(2 * 1025), four times
    assert abs(noise.mean()) < 4 * expected / 32


def test_a_rows_influence_is_bounded_by_the_clip(demo: DemoData, tmp_path: Path) -> None:
    """Next to no noise, every row drawn: one row more moves a step by at most lr * clip / (q n)."""
    csv = demo.manifests["north"].with_name("north.csv").read_text().splitlines(keepends=True)
    odd = tmp_path / "north.toml"
    odd.write_text(demo.manifests["north"].read_text())
    (tmp_path / "north.csv").write_text("".join(csv[:-1]))
    settings = {"hidden": 0, "lr": "1", "local_steps": 1}
    agreed = Agreed("classifier", "1", settings, 1, dp=plan(sigma_min_u=1000, q_u=1_000_000, eps_max_u=10**15))
    outputs = []
    for name, manifest in (("all", demo.manifests["north"]), ("less", odd)):
        one = Trainer(agreed, study="ab", region="north", manifest=manifest, ledger=tmp_path / name)
        after, _ = one.train(0, one.initial())
        outputs.append((after - one.initial()).astype(np.float64) * len(one.rows or ()))  # the sum of clipped gradients

    assert np.linalg.norm(outputs[0] - outputs[1]) <= 0.5 * 1.05  # the noise: 0.001 * 0.5 * sqrt(31), twice


def test_a_step_that_draws_no_row_is_a_step(demo: DemoData, tmp_path: Path) -> None:
    north = private(demo, tmp_path, plan(q_u=1, sigma_min_u=1_000_000))

    after, report = north.train(0, north.initial())

    assert report.steps == 5
    assert np.isfinite(after).all()
    assert report.dp is not None
    assert report.dp["steps"] == 5


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param({"accountant": "prv"}, "'prv' is not in this version", id="accountant"),
        pytest.param({"noise_rng": "system"}, "'system' is not in this version", id="noise"),
        pytest.param({"q_u": 0}, "dp.q_u is missing or not above 0", id="rate"),
        pytest.param({"q_u": 1_000_001}, "a rate and a delta below 1", id="rate above 1"),
    ],
)
def test_terms_that_cannot_be_kept_are_refused(
    demo: DemoData, tmp_path: Path, change: dict[str, object], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        private(demo, tmp_path, plan(**change))


def test_a_task_that_cannot_train_with_privacy_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="task idle with DP is not in this version"):
        Trainer(Agreed("idle", "1", {}, 1, dp=plan()), study="ab", region="north", manifest=None, ledger=tmp_path)


def test_warnings_say_when_noise_outweighs_the_rows() -> None:
    assert len(warnings_for(TERMS, 10)) == 2
    assert "noise outweighs" in warnings_for(TERMS, 10)[0]
    assert any("1/n" in words for words in warnings_for(TERMS, 1000))
    assert warnings_for(TERMS, 300) == []


def test_the_plans_map_holds_integers_only() -> None:
    values = plan_values("3", "1e-3", rounds=20, local_steps=5)

    assert json.loads(json.dumps(values)) == values
    assert values["eps_max_u"] == 3_000_000
    assert values["delta_u12"] == 10**9
    assert all(isinstance(value, int) for key, value in values.items() if key not in ("accountant", "noise_rng"))
