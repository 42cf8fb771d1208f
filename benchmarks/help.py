"""Wall time of ``landsting --help``: the command line must feel like one.

The floor is a bare interpreter of the same environment, in the same run. What is heavy (torch,
numpy, zmq) is imported by the commands that need it.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from typing import Any

LIMIT_S = 0.3
REPEATS = 9


def run(seed: int) -> list[dict[str, Any]]:
    """Return the median wall time of ``--help``, beside a bare interpreter's."""
    ours, bare = [], []
    for _ in range(REPEATS):
        bare.append(_wall([sys.executable, "-c", ""]))
        ours.append(_wall([sys.executable, "-m", "node", "--help"]))
    value, floor = statistics.median(ours), statistics.median(bare)
    return [
        {
            "name": "help",
            "value": value,
            "unit": "s",
            "limit": LIMIT_S,
            "direction": "less",
            "floor": floor,
            "ratio": value / floor,
            "spread": [min(ours), max(ours)],
        }
    ]


def _wall(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start
