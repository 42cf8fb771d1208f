"""The figures of README.md, made again: ``python -m node.learning.measured --help``.

Plain averaging in one process (no network, no masks) over the complete graph or a ring, beside each
region alone and all rows pooled; the worst region of each seed, then least, median and largest over
the seeds.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from node.learning.baselines import train_alone
from node.learning.demo_data import DATA, write
from node.learning.evaluate import Score, disagreement, score
from node.learning.preprocessing import STAGES
from node.learning.privacy import plan_values
from node.learning.trainer import Agreed, Trainer

ROUNDS = 20
NAMES = ("together: worst accuracy", "together: worst AUROC", "disagreement", "alone: mean accuracy",
         "alone: worst accuracy", "pooled: accuracy", "pooled: AUROC")  # fmt: skip


def mixing(topology: str, n: int) -> NDArray[np.float64]:
    """Return the uniform mixing matrix of ``complete`` or ``ring``, (n, n)."""
    if topology == "complete" or n <= 3:
        return np.full((n, n), 1 / n)
    w = np.zeros((n, n))
    for i in range(n):
        w[i, [i - 1, i, (i + 1) % n]] = 1 / 3
    return w


def one_seed(data: str, n: int, topology: str, seed: int, dp: Mapping[str, Any] | None) -> list[float]:
    """Return the figures of ``NAMES`` for one seed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        regions = [f"region{i + 1}" for i in range(n)]
        demo = write(folder, data, regions, seed)
        settings = demo.settings if dp is None else demo.private_settings
        sums = STAGES if dp is None else ()
        nodes = [
            Trainer(
                Agreed("classifier", "1", settings, seed, dp=dp),
                study="measured",
                region=region,
                manifest=demo.manifests[region],
                ledger=folder / f"{region}.ledger",
            )
            for region in regions
        ]
        totals: list[Any] = []
        for stage in sums:
            totals.append(np.sum([node.measure(stage, totals) for node in nodes], axis=0, dtype=np.int64))
        w = mixing(topology, n)
        vectors = [node.initial() for node in nodes]
        for round in range(len(sums), len(sums) + ROUNDS):
            after = [node.train(round, vector, totals)[0] for node, vector in zip(nodes, vectors, strict=True)]
            vectors = [row.astype(np.float32) for row in w @ np.asarray(after, np.float64)]
        together = []
        for node, vector in zip(nodes, vectors, strict=True):
            node.export(vector, totals, folder / "model.safetensors")
            together.append(score(folder / "model.safetensors", demo.test))

        def alone(region: str, manifest: Path, private: bool) -> Score:
            terms = dp if private else None
            out = folder / "alone.safetensors"
            return train_alone(
                manifest,
                demo.test,
                out,
                region=region,
                settings=settings,
                rounds=ROUNDS,
                seed=seed,
                sums=sums,
                dp=terms,
            ).score

        singles = [alone(region, demo.manifests[region], True).accuracy for region in regions]
        pooled = alone("pooled", demo.pooled, False)
        return [
            min(s.accuracy or 0 for s in together),
            min(s.auroc or 0 for s in together),
            disagreement(vectors),
            float(np.mean([s or 0 for s in singles])),
            min(s or 0 for s in singles),
            pooled.accuracy or 0,
            pooled.auroc or 0,
        ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Figures of plain averaging in one process.")
    parser.add_argument("--data", choices=DATA, default="breast-cancer")
    parser.add_argument("--regions", type=int, default=4)
    parser.add_argument("--topology", choices=["complete", "ring"], default="complete")
    parser.add_argument("--seeds", type=int, default=5, help="seeds 1 to this")
    parser.add_argument("--epsilon", help="with differential privacy, delta 1e-3")
    wish = parser.parse_args()
    dp = None
    if wish.epsilon:
        dp = plan_values(wish.epsilon, "1e-3", rounds=ROUNDS, local_steps=5)
    rows = [one_seed(wish.data, wish.regions, wish.topology, seed, dp) for seed in range(1, wish.seeds + 1)]
    print(f"{'':26}{'seed 1':>9}{'least':>9}{'median':>9}{'largest':>9}")
    for name, values in zip(NAMES, np.array(rows).T, strict=True):
        parts = (values[0], values.min(), np.median(values), values.max())
        print(f"{name:26}" + "".join(f"{part:9.4f}" for part in parts))


if __name__ == "__main__":
    main()
