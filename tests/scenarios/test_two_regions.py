"""Two regions cannot hide from each other: disclosed, under dp, and sums with each region's noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.joint import in_process
from node.learning.demo_data import PRIVATE_SETTINGS, write
from node.learning.trainer import Agreed, Trainer


def test_two_regions_open_their_sums_under_noise_and_train_within_epsilon(tmp_path: Path) -> None:
    data = write(tmp_path / "data", "breast-cancer", ["north", "south"], 1)

    joint = in_process(
        data.manifests, tmp_path, 1, rounds=3, disclose=True, dp=("3", "1e-3"), preprocess_bp=1000,
        settings=PRIVATE_SETTINGS,
    )  # fmt: skip

    assert joint.plan.sums == ("count", "moment")
    assert joint.plan.sentences() == ["north sees every update of south", "south sees every update of north"]
    assert all(2 < epsilon <= 3 for epsilon in joint.epsilon.values())
    # What was opened is not the sum of the counts: each region has added noise of its own.
    plain = [
        Trainer(Agreed("classifier", "1", {}, 1), study="s", region=name, manifest=path).measure("count")
        for name, path in data.manifests.items()
    ]
    assert (joint.totals[0] != np.sum(plain, axis=0)).mean() > 0.9
    # Each adds the other's coded value to its own, uncoded one: the same model but for a step of the code.
    np.testing.assert_allclose(joint.vectors["north"], joint.vectors["south"], atol=1e-5)
