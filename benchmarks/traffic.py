"""Traffic: the bytes of a study in 16 and 8 bits beside 32, and what its accuracy loses, through real peers.

Four regions learn handwritten digits (scikit-learn's 1 797 images of 8 x 8, split unevenly) with a perceptron of
about 400 000 parameters, on ``complete``, with masks. ``u32`` sends whole values (``exchange = "full"``), ``u16``
and ``u8`` differences. Eight bits need noise: they are compared with 32 bits of the same DP-SGD (per-sample
clipping and Gaussian noise; its epsilon is not the subject here and is not stated). Bytes are all that the peers
send, headers, signatures and witnesses too. Accuracy is that of each region's own model, mean over the regions, on
rows that nobody trained on (their mean model hardly notices: mixing keeps it whatever rounding does). Each figure
is over several seeds: ``value`` is the mean, ``spread`` the least and the greatest.
"""

from __future__ import annotations

import hashlib
import importlib
import statistics
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gossip.events import TrainReport
from gossip.network import Network
from protocol.plan import Plan

Floats = NDArray[np.float64]
NAMES = ("halland", "orebro", "skane", "vgr")
SHARES = (0.4, 0.3, 0.2, 0.1)
SHAPE = (64, 1024, 320, 10)
DIM = sum(a * b + b for a, b in pairwise(SHAPE))
SEEDS = 4
ROUNDS, RATE, BATCH, MOMENTS = 20, 0.1, 32, 8
# DP-SGD: bound of one row's gradient, noise multiplier, rows a step, steps a round.
CLIP, SIGMA, DP_BATCH, DP_STEPS, DP_RATE = 1.0, 0.6, 128, 4, 0.25
STATED: dict[str, int | str] = {
    "q_u": 1, "sigma_u": 600_000, "steps": DP_STEPS, "clip_u": 1_000_000, "delta_u12": 1, "accountant": "rdp",
    "eps_round_u": 1, "eps_study_u": 1, "eps_data_u": 1,
}  # fmt: skip
DP = {"eps_max_u": 10**9, "delta_u12": 1, "clip_u": 10**6, "q_u": 10**5, "sigma_min_u": 600_000}
LIMITS = {"u16": 0.51, "u8": 0.26}
MOST_LOST = 0.005


def run(seed: int) -> list[dict[str, Any]]:
    """Return for 16 and 8 bits the share of the bytes of 32, and the accuracy lost."""
    # On small matrices a second thread costs more than it brings; threadpoolctl comes with scikit-learn.
    with importlib.import_module("threadpoolctl").threadpool_limits(1):
        return _figures(seed)


def _figures(seed: int) -> list[dict[str, Any]]:
    # A round of noise moves a parameter by this standard deviation; 8 bits get the power of two below half of it.
    std = DP_RATE * SIGMA * CLIP / DP_BATCH * np.sqrt(DP_STEPS)
    fine = -int(np.floor(np.log2(std / 2)))
    cases: dict[str, dict[str, Any]] = {
        "u16": {"exchange": "diff", "ring": 16, "step_log2": 14},
        "u8": {"exchange": "diff", "ring": 8, "step_log2": fine, "dp": DP},
    }
    figures = []
    for name, plan in cases.items():
        shares, lost, accuracies = [], [], []
        for one in range(seed, seed + SEEDS):
            whole = _study(one, {"dp": plan.get("dp")})
            small = _study(one, plan)
            shares.append(small[0] / whole[0])
            lost.append(whole[1] - small[1])
            accuracies.append((whole[1], small[1]))
        seeds = list(range(seed, seed + SEEDS))
        noise = ", with noise" if "dp" in plan else ""
        figures += [
            _figure(f"traffic {name}: bytes beside u32{noise}", shares, "share", LIMITS[name], seeds),
            _figure(f"traffic {name}: accuracy lost beside u32{noise}", lost, "share", MOST_LOST, seeds),
            _figure(f"traffic {name}: accuracy{noise}", [b for _, b in accuracies], "share", None, seeds)
            | {"direction": "more", "floor": statistics.mean(a for a, _ in accuracies)},
        ]
    return figures


def _figure(name: str, values: Sequence[float], unit: str, limit: float | None, seeds: list[int]) -> dict[str, Any]:
    spread = [min(values), max(values)]
    return {
        "name": name, "value": statistics.mean(values), "unit": unit, "limit": limit, "seeds": seeds, "spread": spread
    }  # fmt: skip


def _study(seed: int, changes: dict[str, Any]) -> tuple[int, float]:
    """Return the bytes that all regions sent, and the accuracy of their models, mean over the regions."""
    worker = Digits(seed)
    net = Network(NAMES, worker, seed=seed)
    roster = net.found()
    values: dict[str, Any] = {
        "lab": True, "roster": roster.hash, "regions": list(NAMES), "seed": seed,
        "task": {"name": "digits", "version": "1"}, "schema": bytes(32), "layout": bytes(32), "dim": DIM,
        "init": hashlib.sha256(worker.initial.astype("<f4").tobytes()).digest(), "code_sha256s": [bytes(32)],
        "rounds": ROUNDS, "round_timeout_s": 60, "topology": "complete", "masking": {"mode": "strict"},
    }  # fmt: skip
    plan = Plan.make(**(values | changes))
    plan.check()
    net.agree(plan)
    sent = sum(net.sent_bytes.values())
    if not net.run():
        raise RuntimeError("the study did not end")
    if any(net.ended[name].outcome != "done" for name in NAMES):
        raise RuntimeError("a region did not end its study")
    accuracy = statistics.mean(worker.accuracy(net.models[name].astype(np.float64)) for name in NAMES)
    return sum(net.sent_bytes.values()) - sent, accuracy


class Digits:
    """A perceptron on digits in numpy: plain SGD, or DP-SGD where the plan has ``dp``; the same for one seed."""

    def __init__(self, seed: int) -> None:
        from sklearn.datasets import load_digits  # only this benchmark needs it, and it is slow to import

        rng = np.random.default_rng([seed, 1])
        rows, labels = load_digits(return_X_y=True)
        order = rng.permutation(len(labels))
        rows, labels = rows[order] / 16.0, labels[order]
        cut = len(labels) * 3 // 4
        self._test = rows[cut:], labels[cut:]
        ends = np.rint(np.cumsum(SHARES) * cut).astype(int)
        self._rows = {
            name: (rows[start:end], labels[start:end])
            for name, start, end in zip(NAMES, (0, *ends), ends, strict=False)
        }
        parts = [
            np.concatenate([rng.normal(scale=np.sqrt(2 / a), size=a * b), np.zeros(b)]) for a, b in pairwise(SHAPE)
        ]
        self.initial = np.concatenate(parts).astype(np.float32)
        self._seed = seed

    def open(self, region: str, plan: Plan) -> NDArray[np.float32]:
        """Return the initial model."""
        return self.initial

    def measure(self, region: str, plan: Plan, stage: str, totals: object) -> Any:
        """There are no sum rounds here."""
        raise ValueError("no stages")

    def train(
        self, region: str, plan: Plan, round: int, vector: NDArray[np.float32], totals: object
    ) -> tuple[NDArray[np.float32], TrainReport]:
        """Return the local update of one round."""
        rng = np.random.default_rng([self._seed, NAMES.index(region), round])
        after = vector.astype(np.float64)
        rows, labels = self._rows[region]
        steps = DP_STEPS if plan.dp is not None else MOMENTS
        for _ in range(steps):
            if plan.dp is not None:
                picked = np.flatnonzero(rng.random(len(labels)) < min(1.0, DP_BATCH / len(labels)))
                total = _gradient(after, rows[picked], labels[picked], CLIP)
                total += rng.normal(scale=SIGMA * CLIP, size=DIM)
                after -= DP_RATE / DP_BATCH * total
            else:
                picked = rng.choice(len(labels), min(BATCH, len(labels)), replace=False)
                after -= RATE / len(picked) * _gradient(after, rows[picked], labels[picked], None)
        out = after.astype(np.float32)
        dp = dict(STATED) if plan.dp is not None else None
        return out, TrainReport(steps, float(np.linalg.norm(out - vector)), dp=dp)

    def accuracy(self, model: Floats) -> float:
        """Return the share of test rows that a model gets right."""
        rows, labels = self._test
        return float(np.mean(_forward(model, rows)[-1].argmax(axis=1) == labels))


def _layers(model: Floats) -> list[tuple[Floats, Floats]]:
    layers, at = [], 0
    for a, b in pairwise(SHAPE):
        layers.append((model[at : at + a * b].reshape(a, b), model[at + a * b : at + a * b + b]))
        at += a * b + b
    return layers


def _forward(model: Floats, rows: Floats) -> list[Floats]:
    """Return the inputs of every layer and, last, the outputs."""
    found = [rows]
    layers = _layers(model)
    for place, (w, b) in enumerate(layers):
        out = found[-1] @ w + b
        found.append(out if place == len(layers) - 1 else np.maximum(out, 0.0))
    return found


def _gradient(model: Floats, rows: Floats, labels: NDArray[np.int64], clip: float | None) -> Floats:
    """Return the sum over rows of the gradient of the cross-entropy, each row's clipped to ``clip``."""
    values = _forward(model, rows)
    shifted = np.exp(values[-1] - values[-1].max(axis=1, keepdims=True))
    delta = shifted / shifted.sum(axis=1, keepdims=True)
    delta[np.arange(len(labels)), labels] -= 1.0
    deltas = [delta]
    for (w, _), value in zip(reversed(_layers(model)[1:]), reversed(values[1:-1]), strict=True):
        deltas.insert(0, (deltas[0] @ w.T) * (value > 0))
    if clip is not None:
        # A row's gradient of one layer is an outer product: its length needs no gradient of its own.
        squares = sum(
            ((value**2).sum(axis=1) + 1) * (d**2).sum(axis=1) for value, d in zip(values, deltas, strict=False)
        )
        factor = np.minimum(1.0, clip / np.maximum(np.sqrt(squares), 1e-12))
        deltas = [d * factor[:, None] for d in deltas]
    parts: list[Floats] = []
    for value, d in zip(values, deltas, strict=False):
        parts += [(value.T @ d).reshape(-1), d.sum(axis=0)]
    return np.concatenate(parts)
