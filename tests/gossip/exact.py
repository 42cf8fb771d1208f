"""Whether every sum that a region has logged is the sum of what its members made, to the integer."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gossip.exchange.values import Full
from gossip.network import Network
from protocol.entries import Entry, decode_entry
from protocol.plan import Plan


class Codes:
    """Every region's own integers of every round, as it made them."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.of: dict[tuple[str, int], NDArray[np.signedinteger]] = {}
        original = Full.ready

        def ready(exchange: Full, step: Any, round: int, value: Any) -> None:
            original(exchange, step, round, value)
            self.of[(exchange.me, round)] = exchange._codes[round].copy()

        patch.setattr(Full, "ready", ready)


def entries(net: Network, name: str, kind: str) -> list[Entry]:
    """A region's own entries of one kind."""
    return [e for leaf in net.regions[name].store.leaves if (e := decode_entry(leaf)).kind == kind]


def count_exact(net: Network, plan: Plan, codes: Codes) -> int:
    """Every sum that any region has logged is the sum of what its survivors made; returns how many there are."""
    count = 0
    for name in plan.regions:
        mixes = {bytes(row["session"]): e for e in entries(net, name, "round.mix") for row in e.body["in"]}
        for entry in entries(net, name, "session.sum"):
            mix = mixes.get(bytes(entry.body["session"]))
            if mix is None:
                continue
            total = sum(codes.of[(who, mix.body["round"])] for who in entry.body["survivors"])
            assert entry.body["sum"] == hashlib.sha256(total.tobytes()).digest()
            count += 1
    return count
