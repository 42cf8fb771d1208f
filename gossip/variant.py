"""Which variant of a session the plan asks for, and its rules: who may send, in which ring, who goes together.

Pure functions of the plan, so that members, receivers and auditors know them before a session exists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from gossip.session_rules import SessionRules
from protocol.plan import Plan

MOST_STRICT = 3  # under ``auto``: the largest planned number of senders whose session is strict


def is_recoverable(plan: Plan, receiver: str, round: int) -> bool:
    """Whether a receiver's session of a round survives losses; sum rounds and what is disclosed never do."""
    mode = plan.masking["mode"]
    if round < plan.sum_rounds or mode in ("strict", "off") or plan.is_disclosed(receiver, round):
        return False
    return bool(mode == "recoverable") or plan.degree(receiver, round) > MOST_STRICT


def rules_of(plan: Plan, receiver: str, round: int) -> SessionRules:
    """Return the rules of a receiver's session in a training round."""
    around = plan.neighbourhood(receiver, round)
    return SessionRules(
        planned=around.names, colluders=around.colluders, hidden=int(plan.masking["min_hidden"]),
        ring=plan.ring_at(round), prg=plan.prg, kinds=("mix", "state") if plan.exchange == "diff" else ("mix",),
        groups=groups_of(plan),
    )  # fmt: skip


def groups_of(plan: Plan) -> tuple[frozenset[str], ...] | None:
    """Return who goes together under ``masking.survivors = "group_atomic"``; None under ``free``."""
    return tuple(_twins(plan)) if plan.masking["survivors"] == "group_atomic" else None


@lru_cache(maxsize=64)
def _twins(plan: Plan) -> tuple[frozenset[str], ...]:
    return twin_groups([{name: around.names for name, around in graph.items()} for graph in plan.turn])


def twin_groups(graphs: Sequence[Mapping[str, tuple[str, ...]]]) -> tuple[frozenset[str], ...]:
    """Return the groups of regions that may be exchanged for each other in every graph, each of two or more.

    Two regions are twins where each has the same neighbours, themselves left out: then swapping them changes no
    weight, and no sum of others tells one from the other. Being twins in every graph is an equivalence.

    Args:
        graphs: Region to its neighbours, for each graph of a turn.
    """
    groups: list[list[str]] = []
    for name in sorted(graphs[0]):
        for group in groups:
            if all(set(g[name]) - {group[0]} == set(g[group[0]]) - {name} for g in graphs):
                group.append(name)
                break
        else:
            groups.append([name])
    return tuple(frozenset(group) for group in groups if len(group) > 1)
