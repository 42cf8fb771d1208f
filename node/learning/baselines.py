"""What the demo's table compares with: each region alone, all rows pooled, and plain averaging in one process.

All take equally many local steps. Alone and pooled are standardised by their own rows. Averaging
is the oracle of a study on ``complete``: the same rounds with nothing but a mean between them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from node.learning.evaluate import Score, read_model, score
from node.learning.trainer import Agreed, Totals, Trainer
from node.learning.vectors import Floats


@dataclass(frozen=True, slots=True)
class Baseline:
    """A model trained without a network, and its figures on the test rows."""

    region: str
    score: Score
    model: Path
    sha256: str
    vector: Floats


def own_totals(trainer: Trainer, sums: Sequence[str]) -> Totals:
    """Return the totals of a region by itself."""
    totals: list[Any] = []
    for stage in sums:
        totals.append(trainer.measure(stage, totals))
    return totals


def train_alone(
    manifest: Path,
    test: Path,
    out: Path,
    *,
    region: str,
    settings: Mapping[str, object],
    rounds: int,
    seed: int,
    sums: Sequence[str] = ("count", "moment"),
    dp: Mapping[str, Any] | None = None,
    task: str = "classifier",
    version: str = "1",
) -> Baseline:
    """Train one manifest's rows for as many local steps as a study has, and score it.

    Pooled is the same with the pooled manifest. With ``dp``, its ledger lies beside ``out`` and
    is not the region's own.

    Args:
        out: Where the model goes (safetensors; its description beside it).
    """
    ledger = out.with_suffix(".ledger") if dp is not None else None
    if ledger is not None:
        ledger.parent.mkdir(parents=True, exist_ok=True)
        ledger.unlink(missing_ok=True)
    agreed = Agreed(task, version, settings, seed, dp=dp)
    trainer = Trainer(agreed, study="alone", region=region, manifest=manifest, ledger=ledger)
    totals = own_totals(trainer, sums)
    vector = trainer.initial()
    for round in range(len(sums), len(sums) + rounds):
        vector, _ = trainer.train(round, vector, totals)
    sha256 = trainer.export(vector, totals, out)
    return Baseline(region, score(read_model(out), test), out, sha256, vector)


def average(
    trainers: Sequence[Trainer], rounds: int, sums: Sequence[str] = ("count", "moment")
) -> tuple[Floats, Totals]:
    """Train all, take the plain mean after every round; return the last mean and the totals."""
    totals: list[Any] = []
    for stage in sums:
        totals.append(np.sum([trainer.measure(stage, totals) for trainer in trainers], axis=0, dtype=np.int64))
    vector = trainers[0].initial()
    for round in range(len(sums), len(sums) + rounds):
        after = [trainer.train(round, vector, totals)[0] for trainer in trainers]
        vector = np.mean(np.asarray(after, np.float64), axis=0).astype(np.float32)
    return vector, totals
