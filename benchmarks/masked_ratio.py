"""What masks cost: CPU of a masked round over that of a clear one, among real nodes that train nothing.

Five nodes on ``complete`` (sums that survive losses: shares, two kinds of masks, five trips) at 1M parameters, and
four on a ring (strict sums) at 10M. The clear round is the same plan with ``masking.mode = "off"``: the same keys,
messages and log of the strict session, all masks zero. Both run in turn, ``TURNS`` times; the figure is the ratio of
the least of each, since what else the machine does only adds.
"""

from __future__ import annotations

from typing import Any

from benchmarks.nodes import measure

FIVE = ("vgr", "skane", "halland", "orebro", "kalmar")
CASES: tuple[tuple[str, tuple[str, ...], str, int, int], ...] = (
    ("complete of 5, 1M", FIVE, "complete", 1_000_000, 24),
    ("ring of 4, 10M", FIVE[:4], "ring", 10_000_000, 8),
)
TURNS = 2
LIMIT = 1.3


def run(seed: int) -> list[dict[str, Any]]:
    """Return the ratio and both terms for each case."""
    figures: list[dict[str, Any]] = []
    for case, names, topology, dim, rounds in CASES:
        cpu: dict[str, list[float]] = {"auto": [], "off": []}
        for _ in range(TURNS):
            for masking, found in cpu.items():
                found.append(measure(names, dim, rounds, seed, topology=topology, masking=masking)[0])
        masked, clear = min(cpu["auto"]), min(cpu["off"])
        figures += [
            {"name": f"{case}: masked round, CPU", "value": masked, "unit": "s", "floor": clear,
             "ratio": masked / clear, "spread": sorted(cpu["auto"])},
            {"name": f"{case}: masked over clear", "value": masked / clear, "unit": "", "limit": LIMIT},
        ]  # fmt: skip
    return figures
