"""Networks that exchange differences, as tests look at them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gossip.exchange.diff import Diff
from gossip.network import Network
from protocol.entries import decode_entry
from protocol.plan import Plan

Make = Callable[..., tuple[Network, Any, Plan]]


DIFF = {"exchange": "diff", "ring": 16, "step_log2": 10}


def bodies(net: Network, name: str, kind: str) -> list[dict[str, Any]]:
    entries = [decode_entry(leaf) for leaf in net.regions[name].store.leaves]
    return [e.body for e in entries if e.kind == kind]


def outcomes(net: Network, name: str) -> list[str]:
    return [str(b["outcome"]) for b in bodies(net, name, "round.end")]


def round_of(net: Network, name: str) -> int:
    study = net.peer(name).current
    return -1 if study is None else study.round


def exchange(net: Network, name: str) -> Diff:
    study = next(iter(net.peer(name).studies.values()))
    assert isinstance(study.context.exchange, Diff)
    return study.context.exchange
