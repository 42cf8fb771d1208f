"""The task ``idle``: a vector of any length and a small seeded step, for benchmarks and tests.

Numpy only, no data, no torch: it starts fast and costs next to nothing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from node.learning.data.manifest import Schema
from node.learning.hashing import stream, uniform
from node.learning.task import Encoded, Local
from node.learning.vectors import Arrays, Shapes, SharePolicy

PATTERN = 4096


class Idle:
    """One parameter, ``model.x``; a round adds a repeated pattern of numbers within ``step``."""

    name = "idle"
    version = "1"
    needs_data = False
    with_dp = False
    targets = ()
    defaults: Mapping[str, object] = {"dim": 1000, "step": 0.01, "pause_ms": 0}

    def sums(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        """None: there is no data."""
        return ()

    def shapes(self, schema: Schema | None, settings: Mapping[str, Any]) -> Shapes:
        """Return the shape of the vector."""
        return {"model": {"x": (settings["dim"],)}}

    def shared(self) -> dict[str, SharePolicy]:
        """All of it travels."""
        return {"model": SharePolicy.TRAVELS}

    def initial(self, schema: Schema | None, settings: Mapping[str, Any], seed: int) -> Arrays:
        """Return the first vector."""
        pattern = (uniform(stream("init", seed, "model", "x"), PATTERN) - 0.5).astype(np.float32)
        return {"model": {"x": np.resize(pattern, settings["dim"])}}

    def train(self, arrays: Arrays, local: Local, settings: Mapping[str, Any]) -> tuple[Arrays, float | None]:
        """Return the vector with the step added, after ``pause_ms``."""
        if settings["pause_ms"]:
            time.sleep(settings["pause_ms"] / 1000)
        pattern = ((local.rng.random(PATTERN) * 2 - 1) * settings["step"]).astype(np.float32)
        x = arrays["model"]["x"]
        whole = len(x) // PATTERN * PATTERN
        x[:whole].reshape(-1, PATTERN)[:] += pattern
        x[whole:] += pattern[: len(x) - whole]
        return arrays, None

    def evaluate(self, arrays: Arrays, rows: Encoded, settings: Mapping[str, Any]) -> dict[str, float | None]:
        """Nothing to measure."""
        return {}
