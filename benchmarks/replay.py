"""A sum computed again by the auditor: four masked vectors of a million words, beside hashing and adding them.

CPU time. ``replay.sum`` is what the audit does for one sum: the hash of each payload, the weighted sum mod 2^32, its
hash. The floor hashes the same bytes and adds them at once.
"""

from __future__ import annotations

import hashlib
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from node.audit.replay import sum_hash

REGIONS, WORDS, TURNS = 4, 1_000_000, 15


def run(seed: int) -> list[dict[str, Any]]:
    """Return the CPU time of one recomputed sum, with uniform and with other weights."""
    rng = np.random.default_rng(seed)
    vectors = [rng.integers(0, 2**32, WORDS, dtype=np.uint32) for _ in range(REGIONS)]
    payloads = [vector.tobytes() for vector in vectors]

    def floor() -> None:
        for payload in payloads:
            hashlib.sha256(payload).digest()
        total = vectors[0] + vectors[1] + vectors[2] + vectors[3]
        hashlib.sha256(total.data).digest()

    bare = [_cpu_ms(floor) for _ in range(TURNS)]
    figures = []
    for name, weights in (("replay.sum", [1] * REGIONS), ("replay.weighted", [3, 5, 7, 9])):

        def ours(weights: list[int] = weights) -> None:
            for payload in payloads:
                hashlib.sha256(payload).digest()
            sum_hash(payloads, weights, 32)

        times = [_cpu_ms(ours) for _ in range(TURNS)]
        middle, least = statistics.median(times), statistics.median(bare)
        limit = {"limit": 60.0, "direction": "less", "floor": least, "ratio": least / middle}
        figure = {"name": name, "value": middle, "unit": "ms", **limit, "seeds": [seed]}
        figures.append(figure | {"spread": [min(times), max(times)]})
    return figures


def _cpu_ms(act: Callable[[], None]) -> float:
    start = time.process_time()
    act()
    return (time.process_time() - start) * 1000
