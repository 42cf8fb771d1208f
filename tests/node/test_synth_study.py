"""What a report takes from a study at one home: its rows, the discriminator, the plan's thresholds, epsilon."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from node.cli.output import Refusal
from node.cli.study_new import advice
from node.learning.accounting import Spent, epsilon
from node.learning.baselines import own_totals
from node.learning.privacy import plan_values
from node.learning.synth import judge, tables
from node.learning.synth.measure import utility
from node.learning.synth.measure.gate import Thresholds
from node.learning.trainer import Agreed, Trainer
from node.synthetic import generate
from node.synthetic_report import measured, of_study
from protocol.release import THRESHOLDS
from tests.node.learning.synth.made_up import write

STUDY = "ab" * 32
SMALL = {"hidden": 16, "noise": 4, "local_steps": 5, "test_share": "0.3"}


def held(folder: Path, monkeypatch: pytest.MonkeyPatch, dp: Any = None, tests: Any = None, **settings: Any) -> Any:
    """Train two rounds at one region, and have the home hold what came out."""
    sums = None if dp is None else []
    agreed = Agreed("tabgan", "1", {**SMALL, **settings}, seed=3, dp=dp, sums=sums, rounds=2)
    manifest = write(folder, 120, 1)
    trainer = Trainer(
        agreed, study=STUDY, region="north", manifest=manifest, state=folder / "state", ledger=folder / "ledger"
    )
    totals = own_totals(trainer, trainer.sums)
    vector = trainer.initial()
    for round in range(len(totals), len(totals) + 2):
        vector, _ = trainer.train(round, vector, totals)
    plan = SimpleNamespace(release={"tests": tests or {}, "min_approvals": 0}, rounds=2)
    found = SimpleNamespace(plan=plan, trainer=trainer, vector=vector, totals=totals, round=2)
    monkeypatch.setattr("node.models.held_model", lambda *_, **__: found)
    monkeypatch.setattr(utility, "TREES", 5)
    return found


def made(folder: Path, found: Any) -> Path:
    found.trainer.export(found.vector, found.totals, folder / "m.safetensors")
    generate(folder / "m.safetensors", folder / "made.csv", rows=60, seed=1, condition={})
    return folder / "made.csv"


def test_rows_model_and_thresholds_are_the_study_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {"shapes": 10_000, "shapes_gap": 990_000, "auroc": 900_000}  # the last is asked of models, not of rows
    found = held(tmp_path, monkeypatch, tests=asked)
    real = of_study(tmp_path, STUDY, None)

    assert real.real is found.trainer.rows
    assert real.held is found.trainer.validation
    assert not real.shared
    assert real.dp is None
    report = measured(made(tmp_path, found), real)
    tests = {one.name: one for one in report.tests}
    assert (report.study, report.region) == (STUDY, "north")
    assert tests["shapes"].passed
    assert tests["shapes"].threshold is not None
    assert tests["shapes"].threshold < 0.1 < tests["shapes"].default  # type: ignore[operator]
    # The region's own discriminator is measured; as it never left, nothing is asked of it.
    assert report.figures["mia_discriminator"].value is not None
    assert tests["mia_discriminator"].threshold is None


def test_the_discriminator_s_logits_are_the_network_s_without_dropout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = held(tmp_path, monkeypatch)
    ask = of_study(tmp_path, STUDY, None).discriminator
    assert ask is not None

    torch = pytest.importorskip("torch")
    rows = found.trainer.rows
    coded = found.trainer.encoded(rows, found.totals)
    private = found.trainer._state.before(2**60)
    d = {name.removeprefix("D."): value for name, value in private.items() if name.startswith("D.")}
    inputs = np.concatenate([coded.x, tables.one_hot(coded.y, 2)], axis=1)
    with torch.no_grad():
        expected = judge.network(d)(torch.from_numpy(inputs))[:, 0].numpy()
    np.testing.assert_allclose(ask(rows), expected, rtol=1e-4, atol=1e-5)


def test_a_discriminator_that_travelled_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = held(tmp_path, monkeypatch, share="both", disclose=True)
    real = of_study(tmp_path, STUDY, None)

    assert real.shared
    report = measured(made(tmp_path, found), real)
    assert next(one for one in report.tests if one.name == "mia_discriminator").threshold == 0.55


def test_epsilon_of_the_whole_plan_stands_in_the_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dp = plan_values("8", "0.001", rounds=2, local_steps=5, q=0.5, clip=1.0, stages=0, preprocess_bp=0)
    found = held(tmp_path, monkeypatch, dp=dp)
    real = of_study(tmp_path, STUDY, None)

    expected = epsilon([Spent(dp["q_u"], dp["sigma_min_u"], 10)], 1e-3)
    assert real.dp is not None
    assert real.dp["epsilon"] == pytest.approx(expected, abs=1e-6)
    assert real.dp["epsilon"] >= expected
    assert {"delta": 1e-3, "accountant": "rdp", "steps": 10}.items() <= real.dp.items()
    report = measured(made(tmp_path, found), real)
    assert report.tests[-1].words["en"].startswith("ε ")


def test_a_study_that_kept_nothing_back_asks_for_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held(tmp_path, monkeypatch, test_share="0")
    with pytest.raises(Refusal, match="kept none back"):
        of_study(tmp_path, STUDY, None)

    other = write(tmp_path / "held", 40, 9)
    assert len(of_study(tmp_path, STUDY, other).held) == 40


def test_the_defaults_here_are_those_by_which_everybody_judges_a_release() -> None:
    assert {name: None if v is None else round(v * 1e6) for name, v in asdict(Thresholds()).items()} == THRESHOLDS


@pytest.mark.parametrize(
    ("task", "settings", "private", "said"),
    [
        ("tabgan", {"test_share": 0.3}, False, []),
        ("imagegan", {"test_share": 0.0}, False, ["--set test_share=0.3"]),
        ("tabgan", {"test_share": 0.3}, True, ["--task tabvae", "--set judge=columns"]),
        ("tabgan", {"test_share": 0.3, "judge": "columns"}, True, ["--task tabvae"]),
        ("tabvae", {"test_share": 0.3, "lr": "0.002"}, True, ["--set lr=1 "]),
        ("tabvae", {"test_share": 0.3, "lr": "1"}, True, []),
    ],
)
def test_a_generators_plan_is_told_what_it_had_better_say(
    task: str, settings: dict[str, Any], private: bool, said: list[str]
) -> None:
    lines = advice(task, {"share": "generator"} | settings, private=private)
    assert len(lines) == len(said)
    assert all(part in line for part, line in zip(said, lines, strict=True))
    assert advice("classifier", {"lr": "0.1"}, private=private) == []
    drawn = advice(task, {"share": "generator"} | settings, private=private, draw=0.1)
    assert "the last three rounds" in drawn[0]
    assert drawn[1:] == lines
