"""Which variant of a session the plan asks for, and its rules: who may send, in which ring, who goes together.

Pure functions of the plan, so that members, receivers and auditors know them before a session exists.
"""

from __future__ import annotations

from gossip.sessions.rules import SessionRules
from protocol.plan import Plan

MOST_STRICT = 3  # under ``auto``: the largest planned number of senders whose session is strict


def is_recoverable(plan: Plan, receiver: str, round: int, bucket: int = 0) -> bool:
    """Whether a receiver's session of a round survives losses; sum rounds and what is disclosed never do.

    Args:
        bucket: Which of the receiver's sessions, where the plan cuts its neighbourhood in parts.
    """
    mode = plan.masking["mode"]
    if round < plan.sum_rounds or mode in ("strict", "off") or plan.is_disclosed(receiver, round):
        return False
    return bool(mode == "recoverable") or plan.part(receiver, round, bucket).degree > MOST_STRICT


def rules_of(plan: Plan, receiver: str, round: int, bucket: int = 0) -> SessionRules:
    """Return the rules of a receiver's session in a training round, or of the one of a bucket."""
    around = plan.part(receiver, round, bucket)
    return SessionRules(
        planned=around.names, colluders=around.colluders, hidden=int(plan.masking["min_hidden"]),
        ring=plan.ring_at(round), prg=plan.prg, kinds=("mix", "state") if plan.exchange == "diff" else ("mix",),
        groups=groups_of(plan),
    )  # fmt: skip


def groups_of(plan: Plan) -> tuple[frozenset[str], ...] | None:
    """Return who goes together under ``masking.survivors = "group_atomic"``; None under ``free``."""
    return plan.twins if plan.masking["survivors"] == "group_atomic" else None
