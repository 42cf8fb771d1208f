"""Four regions' chest X-rays under differential privacy: the small CNN's AUROC at every node, epsilon 8 and 3.

The splits, images and network of ``pneumonia``; DP-SGD, 40 rounds of 10 steps, q .1, clip 1, lr 4, delta 1e-4 a region,
each image a patient of its own; a region with fewer images than ``full_patients`` takes shorter steps. Nothing is
opened and no region's shares leave its loss, for both would be figures without noise. Settings were chosen at epsilon 8
on the published validation images of split 11; that choice carries no epsilon. Real peers with masks under a virtual
clock.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.joint import in_process, spread
from benchmarks.pneumonia import NAMES, SEEDS, write

ROUNDS, RATE, CLIP, DELTA = 40, 0.1, 1.0, "1e-4"
SETTINGS: dict[str, Any] = {"model": "cnn", "lr": "4", "local_steps": 10, "full_patients": 1000}


def run(seed: int) -> list[dict[str, Any]]:
    """Return the figures of five seeds."""
    figures = []
    for epsilon in ("8", "3"):
        worst, spent, cpu = zip(*(_together(one, epsilon) for one in SEEDS), strict=True)
        figures += [
            _figure(f"epsilon {epsilon}: worst node's AUROC", worst),
            {**_figure(f"epsilon {epsilon}: spent, largest of the regions", spent), "limit": float(epsilon),
             "direction": "less"},
            {**_figure(f"epsilon {epsilon}: CPU of one study, all four nodes", cpu), "unit": "s", "direction": "less"},
        ]  # fmt: skip
    return figures


def _figure(name: str, values: Any) -> dict[str, Any]:
    return {"name": name, **spread(values), "unit": "", "limit": None, "direction": "more", "seeds": list(SEEDS)}


def _together(seed: int, epsilon: str) -> tuple[float, float, float]:
    """Return the worst node's AUROC on the test images, the largest epsilon spent, and the study's CPU seconds."""
    with tempfile.TemporaryDirectory(prefix="landsting-pneumonia-dp-") as name:
        manifests, _, test = write(Path(name) / "data", seed)
        before = time.process_time()
        joint = in_process(
            manifests, Path(name), seed, settings=SETTINGS, rounds=ROUNDS, dp=(epsilon, DELTA), dp_rate=(RATE, CLIP)
        )
        cpu = time.process_time() - before
        areas = [joint.figures(region, test)["auroc"] or 0.0 for region in NAMES]
        return min(areas), max(joint.epsilon.values()), cpu
