"""Bytes of a study: what is said over a link, what a home keeps; beside vectors by straight lines that were measured.

A round's messages are headers, signatures, cohorts, shares and the ends of others' logs; a home keeps the log with what
it heard, and copies of its neighbours' logs. Measured in real nodes of task ``idle`` with vectors of 8 numbers and 3 to
8 regions; the lines are within a tenth of it. Names of regions are short there.
"""

from __future__ import annotations

from gossip.sessions.variant import is_recoverable
from node.store.vault import forecast_bytes
from protocol.plan import Plan

# Bytes over one link, one way, in a round of a region with d neighbours: (each round, for each neighbour).
SAID = {"disclosed": (2_500, 4_500), "strict": (5_200, 4_500), "recoverable": (0, 14_400)}
# Bytes that the home keeps of it, for each neighbour.
KEPT = {"disclosed": (5_000, 4_900), "strict": (10_000, 4_900), "recoverable": (-54_000, 33_000)}
AHEAD_BYTES = 4 * 2**20  # SQLite's write-ahead log, before it is taken into the database: 1000 pages
SPARE_MODELS = 3  # vectors of a study that a home holds beside its neighbours' last ones


def link_bytes(plan: Plan, region: str, stages_bytes: int = 0) -> int:
    """Return about how much a study sends over each link of a region, one way.

    Args:
        stages_bytes: Of all vectors of the sum rounds together.
    """
    payload = plan.payload_bytes(plan.first_round)
    return (
        plan.rounds * (payload + _beside(SAID, plan, region)) + plan.sum_rounds * _strict(plan, region) + stages_bytes
    )


def disk_bytes(plan: Plan, region: str) -> int:
    """Return about how much a study takes in a region's home, at most: logs, models, what its plan keeps of rounds."""
    degree = degree_of(plan, region)
    log = (plan.rounds + plan.sum_rounds) * degree * _beside(KEPT, plan, region)
    return (
        AHEAD_BYTES
        + log
        + (SPARE_MODELS + degree) * plan.payload_bytes(plan.first_round)
        + forecast_bytes(plan, region)
    )


def degree_of(plan: Plan, region: str) -> int:
    """Return how many neighbours a region has, at most, in a round of training."""
    return max(len(plan.neighbours(region, t)) for t in range(plan.first_round, plan.first_round + len(plan.turn)))


def _strict(plan: Plan, region: str) -> int:
    first, each = SAID["strict"]
    return first + each * degree_of(plan, region)


def _beside(line: dict[str, tuple[int, int]], plan: Plan, region: str) -> int:
    first, each = line[_variant(plan, region)]
    return first + each * degree_of(plan, region)


def _variant(plan: Plan, region: str) -> str:
    if plan.disclosures():
        return "disclosed"
    around = {region, *plan.neighbours(region, plan.first_round)}
    survives = any(is_recoverable(plan, receiver, plan.first_round) for receiver in around)
    return "recoverable" if survives else "strict"
