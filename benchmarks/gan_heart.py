"""Four hospitals' heart disease, made up: train on synthetic, test on real, likeness, membership; ring, alone, with DP.

60 rounds of 10 steps on a ring, the discriminator private. The seeds run as plain averaging by the ring's
weights in one process, as ``node.learning.measured`` does; once in real daemons with masks, whose logs are audited.
As many rows as there are training rows (486) are drawn from each node's generator; figures are those of the release
gate (``node/learning/synth/measure``) against all hospitals' held-out rows (254), which chose nothing: rounds, rate and
schedule were chosen on a third of the training rows. Second table: breast cancer (scikit-learn), Dirichlet(1).

With privacy nothing is opened before training, so bins are tenths of the public ranges and no share is known. Settings
there were chosen on a third of the training rows too. Sampling rate and clip are those of ``study new --dp``.
"""

from __future__ import annotations

import resource
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.gan_tables import Tables, breast_cancer, heart, rows_of
from benchmarks.joint import in_daemons, spread
from node.learning.data.manifest import File, load
from node.learning.data.rows import Rows
from node.learning.data.schema import Schema
from node.learning.data.table import parse
from node.learning.measured import mixing
from node.learning.privacy import plan_values
from node.learning.synth import judge, tabvae
from node.learning.synth.measure import distance, likeness, utility
from node.learning.synth.measure.gate import Figure
from node.learning.synth.measure.tables import Space, table_of
from node.learning.synth.sampling import generate
from node.learning.trainer import Agreed, Trainer

SEEDS = (0, 1, 2, 3, 4)
ROUNDS = 60
TASKS: dict[str, dict[str, Any]] = {"tabgan": {}, "tabvae": {}}
DELTA = "1e-3"
LIMITS = {"tstr": 0.85, "shapes": 0.86, "pairs": 0.79, "mia": 0.55, "copies": 0.0}
CPU_S, WORST, ABOVE, JUDGE = 60.0, 0.82, 0.04, 0.55
LEAST = {"8": 0.80, "3": 0.77}


@dataclass(frozen=True, slots=True)
class Private:
    """How a task trains under privacy: settings, rounds, steps of each, share of patients drawn for a step, clip."""

    settings: Mapping[str, Any]
    rounds: int
    steps: int
    q: float
    clip: float


DP = {
    "tabvae": Private({"hidden": 16, "noise": 8, "lr": "1", "full_patients": 200}, 20, 5, 0.5, 0.5),
    "tabgan": Private(
        {
            "judge": "columns",
            "maker_steps": 5,
            "full_patients": 200,
            "lr": "0.002",
            "lr_d": "0.2",
            "schedule": "constant",
        },
        20,
        5,
        0.5,
        0.5,
    ),
}


def run(seed: int) -> list[dict[str, Any]]:
    """Return the figures of five seeds, and of real daemons."""
    with tempfile.TemporaryDirectory(prefix="landsting-gan-") as name:
        tables = heart(Path(name) / "heart")
        figures = [_real(tables, "heart")]
        ring = [ring_of(tables, Path(name), one, "tabgan") for one in SEEDS]
        figures += _of("heart, ring", ring, LIMITS)
        figures.append(_figure("heart, ring: worst node's TSTR", [_worst(one) for one in ring], WORST))
        alone = [alone_of(tables, Path(name), one) for one in SEEDS]
        gains = [_mean(a) - _mean(b) for a, b in zip(ring, alone, strict=True)]
        figures.append(_figure("heart, hospitals alone: mean TSTR", [_mean(one) for one in alone], None))
        figures.append(_figure("heart, ring above hospitals alone: mean TSTR", gains, ABOVE))
        figures += _of("heart, ring, tabvae", [ring_of(tables, Path(name), one, "tabvae") for one in SEEDS], {})
        narrow = heart(Path(name) / "narrow", narrow=True)
        for task in DP:
            for epsilon, least in LEAST.items():
                private = [ring_of(narrow, Path(name), one, task, epsilon) for one in SEEDS]
                what = f"heart, ring, {task}, epsilon {epsilon}"
                figures += _of(what, private, {"tstr": least, "judge": JUDGE})
                figures.append(_figure(f"{what}: worst node's TSTR", [_worst(one) for one in private], None))
        second = breast_cancer(Path(name) / "bc")
        figures.append(_real(second, "breast cancer"))
        for task in TASKS:
            few = [ring_of(second, Path(name), one, task) for one in SEEDS[:3]]
            figures += [one | {"seeds": list(SEEDS[:3])} for one in _of(f"breast cancer, ring, {task}", few, {})]
        return figures + _daemons(tables, Path(name), SEEDS[seed % len(SEEDS)])


Nodes = dict[str, dict[str, float]]


def _real(tables: Tables, what: str) -> dict[str, Any]:
    """Return the AUROC on held-out rows of what is fitted on the training rows themselves."""
    value = scored(tables, tables.frame(tables.pooled))["tstr"]
    return {"name": f"{what}: AUROC, real on real", "value": value, "unit": "", "seeds": []}


def _mean(nodes: Nodes) -> float:
    return float(np.mean([one["tstr"] for one in nodes.values()]))


def _worst(nodes: Nodes) -> float:
    return min(one["tstr"] for one in nodes.values())


def _figure(name: str, values: list[float], limit: float | None, direction: str = "more") -> dict[str, Any]:
    return {"name": name, **spread(values), "unit": "", "limit": limit, "direction": direction, "seeds": list(SEEDS)}


def _of(what: str, runs: list[Nodes], limits: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return one figure a measure: of each seed the median over nodes; of copies the largest."""
    out = []
    for key in next(iter(runs[0].values())):
        of_node = max if key in ("copies", "judged most") else np.median
        values = [float(of_node([one[key] for one in nodes.values()])) for nodes in runs]
        less = key.split(" ")[0] in ("mia", "copies", "judge", "judged", "dcr")
        out.append(_figure(f"{what}: {NAMES[key]}", values, limits.get(key), "less" if less else "more"))
    return out


NAMES = {
    "tstr": "TSTR, AUROC of logistic regression", "forest": "TSTR, AUROC of a forest", "shapes": "shapes",
    "pairs": "pairs", "mia": "membership by distance",
    "mia upper": "membership by distance, upper bound (95 %, bootstrap over patients)", "copies": "exact copies",
    "dcr": "share nearer to training rows", "dcr upper": "share nearer to training rows, upper bound",
    "judge": "membership by what stays (D, or the VAE's loss)", "judged most": "the same, largest of hospitals",
    "judge upper": "membership by what stays, upper bound",
}  # fmt: skip


# ---------------------------------------------------------------- measuring


def typed(frame: pd.DataFrame, schema: Schema) -> Rows:
    """Return a table's rows as a region would read them."""
    return parse(frame.to_csv(index=False).encode(), schema, File(path="made.csv"), "made.csv")


def scored(tables: Tables, frame: pd.DataFrame) -> dict[str, float]:
    """Return the figures of made rows against all training and all held-out rows."""
    schema = load(tables.pooled).schema_()
    made = typed(frame, schema)
    real, held, some = (table_of(rows, schema) for rows in (rows_of(tables.pooled), rows_of(tables.union), made))
    space = Space.of(real)
    r, h, s = (space.place(one) for one in (real, held, some))
    inputs = utility.inputs_of(real, held, some)
    assert inputs is not None
    to_s = -distance.nearest(r, s)[0], -distance.nearest(h, s)[0]
    owners = (real.patients, held.patients)
    by_distance, share = distance.membership(to_s, owners, 0), distance.dcr_share(s, r, h, owners, 0)
    return {
        "tstr": _or(utility.transfer("logistic", inputs[2], inputs[1], 0).value, 0.5),
        "forest": _or(utility.transfer("forest", inputs[2], inputs[1], 0).value, 0.5),
        "shapes": _or(likeness.shapes(real, some, None).value, 0.0),
        "pairs": _or(likeness.pairs(real, some, None).value, 0.0),
        "mia": _or(by_distance.value, 0.5),
        "mia upper": _or(by_distance.upper, 1.0),
        "dcr": _or(share.value, 0.5),
        "dcr upper": _or(share.upper, 1.0),
        "copies": float(distance.exact_copies(s, np.concatenate([r, h]))),  # who was held out is a patient too
    }


def _rows(model: Path, seed: int, like: Tables) -> pd.DataFrame:
    count = len(rows_of(like.pooled))
    return pd.concat(generate(model, rows=count, seed=seed), ignore_index=True)


# ---------------------------------------------------------------- training


def ring_of(tables: Tables, folder: Path, seed: int, task: str, epsilon: str | None = None) -> Nodes:
    """Return each node's figures after a study on a ring."""
    return _averaged(tables, folder, seed, task, epsilon, mixing("ring", len(tables.train)))


def alone_of(tables: Tables, folder: Path, seed: int) -> Nodes:
    """Return the figures of each hospital's own generator; one with a single class has none, and is left out."""
    out: Nodes = {}
    for region, manifest in tables.train.items():
        if len(set(rows_of(manifest).label.tolist())) > 1:
            one = Tables({region: manifest}, {region: tables.test[region]}, tables.pooled, tables.union)
            out |= _averaged(one, folder, seed, "tabgan", None, np.ones((1, 1)))
    return out


def _averaged(
    tables: Tables, folder: Path, seed: int, task: str, epsilon: str | None, weights: np.ndarray[Any, Any]
) -> Nodes:
    settings, rounds, terms = TASKS[task], ROUNDS, None
    if epsilon is not None:
        way = DP[task]
        settings, rounds = {**way.settings, "local_steps": way.steps}, way.rounds
        terms = plan_values(epsilon, DELTA, rounds=rounds, local_steps=way.steps, q=way.q, clip=way.clip)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        nodes = {
            region: Trainer(
                Agreed(task, "1", settings, seed, dp=terms, rounds=rounds, regions=len(tables.train)),
                study="gan", region=region, manifest=manifest, ledger=Path(name) / f"{region}.ledger",
            )
            for region, manifest in tables.train.items()
        }  # fmt: skip
        first = next(iter(nodes.values()))
        totals: list[Any] = []
        for stage in first.sums:
            totals.append(np.sum([node.measure(stage, totals) for node in nodes.values()], axis=0, dtype=np.int64))
        vectors = [node.initial() for node in nodes.values()]
        for round in range(len(first.sums), len(first.sums) + rounds):
            after = [node.train(round, v, totals)[0] for node, v in zip(nodes.values(), vectors, strict=True)]
            vectors = [row.astype(np.float32) for row in weights @ np.asarray(after, np.float64)]
        out: Nodes = {}
        for number, (region, node) in enumerate(nodes.items()):
            node.export(vectors[number], totals, Path(name) / "m.safetensors")
            out[region] = scored(tables, _rows(Path(name) / "m.safetensors", 100 * seed + number, tables))
            if epsilon is not None:
                judged = _judge(node, vectors[number], totals, tables.test[region])
                out[region] |= {"judge": _or(judged.value, 0.5), "judge upper": _or(judged.upper, 1.0)}
                out[region]["judged most"] = out[region]["judge"]
        return out


def _judge(node: Trainer, vector: Any, totals: list[Any], test: Path) -> Figure:
    """Return the AUROC by which what stays tells a hospital's training rows from its held-out ones, with bounds."""
    assert node.rows is not None
    arrays = node.split.arrays(vector, node.kept())
    a, b = (
        judge.verdicts(arrays["D"], coded) if "D" in arrays else tabvae.verdicts(arrays, coded, node.settings)
        for coded in (node.encoded(rows, totals) for rows in (node.rows, rows_of(test)))
    )
    return distance.membership(
        (a.astype(np.float64), b.astype(np.float64)), (np.arange(len(a)), np.arange(len(b))), 0
    )  # fmt: skip


def _or(value: float | None, undefined: float) -> float:
    return undefined if value is None else value


def _daemons(tables: Tables, folder: Path, seed: int) -> list[dict[str, Any]]:
    """Return the figures of one study among real daemons."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    models, report, _ = in_daemons(
        tables.train, folder / "daemons", seed, task="tabgan", settings=TASKS["tabgan"], rounds=ROUNDS, topology="ring"
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / len(models)
    found = {one: scored(tables, _rows(path, 100 * seed + i, tables)) for i, (one, path) in enumerate(models.items())}
    about: dict[str, Any] = {"unit": "", "seeds": [seed]}
    median = {key: float(np.median([one[key] for one in found.values()])) for key in LIMITS}
    out: list[dict[str, Any]] = [
        {"name": f"daemons: {NAMES[key]}", "value": value, "limit": LIMITS[key],
         "direction": "less" if key in ("mia", "copies") else "more", **about}
        for key, value in median.items()
    ]  # fmt: skip
    return [
        *out,
        {"name": "daemons: worst node's TSTR", "value": _worst(found), "limit": WORST, "direction": "more", **about},
        {"name": "daemons: CPU of a node", "value": used, "limit": CPU_S, "direction": "less", **about, "unit": "s"},
        {"name": "daemons: the audit of their logs is clean", "value": float(report["verdict"] == "clean"),
         "limit": 1.0, "direction": "more", **about},
    ]  # fmt: skip
