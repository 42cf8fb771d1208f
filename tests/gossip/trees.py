"""Rounds over a tree, as tests look at them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gossip.effects import Send
from gossip.network import Network
from gossip.tree.shape import root_of, tree_of
from protocol.envelope import parse
from protocol.plan import Plan

NETWORK = {"aggregation": "network", "masking": {"mode": "auto"}}


def history_of(net: Network, name: str) -> list[tuple[int, str, object, list[str]]]:
    study = net.peer(name).current
    assert study is not None
    rows: list[Any] = study.history
    return [(row["round"], row["outcome"], row["reason"], row["missing"]) for row in rows]


def fields_of(send: Send) -> Any:
    return parse(send.header, send.signature).fields


def dropping(net: Network, drop: Callable[[str, Any], bool]) -> None:
    """Let messages of some sender vanish."""
    net.on_send = lambda who, send: [] if drop(who, fields_of(send)) else [send]


def places_of(plan: Plan, round: int) -> Any:
    root = root_of(plan, round)
    return tree_of(plan.study, round, root, plan.regions)
