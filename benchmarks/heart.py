"""Four hospitals' heart disease: every node's accuracy and AUROC on the union of the tests, alone, together, pooled.

Logistic regression, 15 rounds of 100 steps, batch 4, lr .01, standardised by sums over all. Each of five seeds
runs among real peers with masks under a virtual clock, on complete and on a ring, and on complete among real
daemons, whose logs are audited. The seeds are fixed: ``--seed`` changes nothing.
Published on the union (FLamby): FedAvg .748, best federated .779, pooled .795; mean over clients, best .731.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import hospitals
from benchmarks.joint import in_daemons, in_process, spread
from node.learning.baselines import train_alone
from node.learning.evaluate import read_model

SEEDS = (42, 43, 44, 45, 46)
ROUNDS = 15
SETTINGS = {"hidden": 0, "lr": "0.01", "batch": 4, "local_steps": 100}
ACCURACY, AUROC, CLIENTS = 0.785, 0.875, 0.75


def run(seed: int) -> list[dict[str, Any]]:
    """Return the figures of five seeds."""
    figures: list[dict[str, Any]] = []
    for topology in ("complete", "ring"):
        rows = [_together(topology, one) for one in SEEDS]
        worst, area, clients = zip(*rows, strict=True)
        figures += [
            _figure(f"{topology}: worst node's accuracy", worst, ACCURACY),
            _figure(f"{topology}: worst node's AUROC", area, AUROC),
            _figure(f"{topology}: accuracy, mean over clients' own tests", clients, CLIENTS),
        ]
    alone, pooled = zip(*(_baselines(one) for one in SEEDS), strict=True)
    figures += [
        _figure("alone: mean accuracy", [float(np.mean([a for a, _ in one])) for one in alone], None),
        _figure("alone: worst accuracy", [min(a for a, _ in one) for one in alone], None),
        _figure("alone: mean AUROC", [float(np.mean([b for _, b in one])) for one in alone], None),
        _figure("pooled: accuracy", [a for a, _ in pooled], None),
        _figure("pooled: AUROC", [b for _, b in pooled], None),
    ]
    worst, area, clients, clean = zip(*(_daemons(one) for one in SEEDS), strict=True)
    return [
        *figures,
        _figure("daemons: worst node's accuracy", worst, ACCURACY),
        _figure("daemons: worst node's AUROC", area, AUROC),
        _figure("daemons: accuracy, mean over clients' own tests", clients, CLIENTS),
        {**_figure("daemons: the audit of their logs is clean", clean, 1.0), "value": min(clean)},
    ]


def _figure(name: str, values: Any, limit: float | None) -> dict[str, Any]:
    return {"name": name, **spread(values), "unit": "", "limit": limit, "direction": "more", "seeds": list(SEEDS)}


def _together(topology: str, seed: int) -> tuple[float, float, float]:
    """Return the worst node's accuracy and AUROC on the union, and the mean of accuracies on own tests."""
    with tempfile.TemporaryDirectory(prefix="landsting-heart-") as name:
        data = hospitals.write(Path(name) / "data")
        joint = in_process(data.train, Path(name), seed, settings=SETTINGS, rounds=ROUNDS, topology=topology)
        union = {region: joint.figures(region, data.union) for region in data.train}
        own = [joint.figures(region, data.test[region])["accuracy"] or 0.0 for region in data.train]
        accuracy = min(found["accuracy"] or 0.0 for found in union.values())
        return accuracy, min(found["auroc"] or 0.0 for found in union.values()), float(np.mean(own))


def _baselines(seed: int) -> tuple[list[tuple[float, float]], tuple[float, float]]:
    """Return (accuracy, AUROC) on the union of each hospital alone, and of all rows pooled."""
    with tempfile.TemporaryDirectory(prefix="landsting-heart-") as name:
        data = hospitals.write(Path(name) / "data")
        union = Path(name) / "data" / "union" / "union.csv"

        def one(region: str, manifest: Path) -> tuple[float, float]:
            found = train_alone(
                manifest, union, Path(name) / "m.safetensors", region=region, settings=SETTINGS, rounds=ROUNDS,
                seed=seed,
            ).score  # fmt: skip
            return found.accuracy or 0.0, found.auroc or 0.0

        return [one(region, manifest) for region, manifest in data.train.items()], one("pooled", data.pooled)


def _daemons(seed: int) -> tuple[float, float, float, float]:
    """Return the worst node's accuracy and AUROC on the union, the mean of accuracies on own tests, and whether the
    audit of all logs is clean (1.0), of one study among real daemons."""
    with tempfile.TemporaryDirectory(prefix="landsting-heart-") as name:
        data = hospitals.write(Path(name) / "data")
        models, report, _ = in_daemons(data.train, Path(name), seed, settings=SETTINGS, rounds=ROUNDS)
        union = [read_model(path).figures(data.union) for path in models.values()]
        own = [read_model(path).figures(data.test[region])["accuracy"] or 0.0 for region, path in models.items()]
        accuracy, area = (min(found[name] or 0.0 for found in union) for name in ("accuracy", "auroc"))
        return accuracy, area, float(np.mean(own)), 1.0 if report["verdict"] == "clean" else 0.0
