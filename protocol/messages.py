"""The table of messages: which types there are, what each may carry, and where it belongs.

A *logged* type has an effect in a study, a session or the roster: the envelope is an entry of its
sender's log. A *service* type is none. *Flooded* types pass from link to link as they are; *carriers*
hold others' envelopes as their payload. Types of later versions are refused by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from protocol.codec import MAX_CONTROL, MAX_HEADER, MAX_INT, MAX_PLAN, Value
from protocol.errors import SchemaError
from protocol.schema import (
    Check,
    array,
    ascending,
    binary,
    boolean,
    code,
    hash32,
    integer,
    optional,
    origin,
    record,
    region,
    row,
    signature,
)

STATES = ("idle", "quiet", "rolled-back", "waiting", "sum", "train", "mix", "alone", "paused", "done")
REJECT_REASONS = ("data", "purpose", "privacy", "law", "time", "cost", "technical", "other")
COHORT_KINDS = ("mix", "state", "sum")
COHORT_VARIANTS = ("strict", "recoverable", "off")
LEFT_OUT = ("lost", "group")
COMPLAINT_REASONS = ("sealing", "commitment")
# Why a whole-network round opened nothing: those of ``kinds.VOID_REASONS`` that a root can have.
RESULT_REASONS = (
    "catch-up", "conflict", "left", "missing", "refused", "restart", "stopped", "too-few", "training",
)  # fmt: skip
MAX_ATTEMPTS = 100
MAX_STATS = 15 * 1024


@dataclass(frozen=True, slots=True)
class MessageType:
    """One row of the table.

    Attributes:
        name: TYPE; also the context of its signature.
        logged: Whether the envelope is an entry of its sender's log.
        sessioned: Whether it belongs to a session (then it names study and round too).
        flooded: Whether every region passes it on.
        carrier: Whether its payload holds others' envelopes.
        placed: Whether ``study`` and ``round`` are set: (True, True), (True, False), (False, False);
            None where both are set or both nil.
        payload: Least and largest length of the payload; (0, 0) where there is none.
        schema: Check of ``body``.
    """

    name: str
    logged: bool
    sessioned: bool
    flooded: bool
    carrier: bool
    placed: tuple[bool, bool] | None
    payload: tuple[int, int]
    schema: Check


def message_type(name: str) -> MessageType:
    """Return the row of a type.

    Raises:
        SchemaError: There is no such type in this version.
    """
    try:
        return TYPES[name]
    except KeyError:
        raise SchemaError(f"message type {name!r:.40} is not in this version; known are {', '.join(TYPES)}") from None


def about(type: str, body: Mapping[str, Value]) -> str:
    """Return whom a statement is about, part of what it may say once: ``body.about``, and "" in other types."""
    return str(body["about"]) if type in ("RECEIPT", "COMPLAINT") else ""


_NONE = (0, 0)
_VECTOR = (1, MAX_INT)
_CONTROL = (1, MAX_CONTROL)

_members = ascending(row(region, hash32, optional(integer(-1))), 1, by=0)
_named = ascending(row(region, hash32), 1, by=0)
_rounds = record({"first": integer(), "last": integer()})


def _absent(value: Any) -> str | None:
    problem = _rounds(value)
    if problem is None and value["last"] < value["first"]:
        return f".last: found {value['last']}, expected at least body.first, {value['first']}"
    return problem


_outcome = record({
    "outcome": code("done", "void"), "reason": optional(code(*RESULT_REASONS)), "members": ascending(region),
    "sum": optional(hash32),
})  # fmt: skip


def _result(value: Any) -> str | None:
    problem = _outcome(value)
    if problem is None and (value["outcome"] == "done") != (value["reason"] is None and value["sum"] is not None):
        return ".outcome: found no sum, or a reason beside it; expected done with a sum, or void with a reason"
    return problem


def _commitment(value: Any) -> str | None:
    """Nothing in the strict variant, else a hash."""
    return None if value == b"" else hash32(value)


_TABLE = (
    MessageType(
        "ROSTER", True, False, True, False, (False, False), (1, MAX_PLAN),
        record({"roster": hash32, "serial": integer(1), "sig": signature}),
    ),
    MessageType("PROPOSE", True, False, True, False, (True, False), (1, MAX_PLAN), record({})),
    MessageType("ACCEPT", True, False, True, False, (True, False), _NONE, record({"code_sha256": hash32})),
    MessageType("REJECT", True, False, True, False, (True, False), _NONE, record({"reason": code(*REJECT_REASONS)})),
    MessageType(
        "APPROVE", True, False, True, False, (True, False), _NONE,
        record({"kind": code("data", "model"), "file_sha256": hash32, "card_sha256": hash32}),
    ),
    MessageType(
        "ADVERT", True, True, False, False, (True, True), _NONE,
        record({
            "mask_key": hash32, "eph": hash32, "need_state": boolean,
            "stats": optional(binary(32, MAX_STATS)),
        }),
    ),
    MessageType(
        "COHORT", True, True, False, True, (True, True), _CONTROL,
        record({
            "members": _members, "eph": hash32,
            "kind": code(*COHORT_KINDS), "variant": code(*COHORT_VARIANTS),
        }),
    ),
    MessageType(
        "SHARES", True, True, False, False, (True, True), _CONTROL,
        record({"cohort": hash32, "commits": array(row(hash32, hash32), 1)}),
    ),
    MessageType(
        "ROUTED", True, True, False, True, (True, True), _CONTROL,
        record({"cohort": hash32, "members": _named}),
    ),
    MessageType(
        "MASKED", True, True, False, False, (True, True), _VECTOR,
        record({"view": hash32, "self_commit": _commitment}),
    ),
    MessageType(
        "RECEIPT", True, True, False, False, (True, True), _NONE,
        record({"about": region, "masked": hash32}),
    ),
    MessageType(
        "SURVIVORS", True, True, False, True, (True, True), _CONTROL,
        record({
            "view": hash32, "members": _named,
            "left_out": ascending(row(region, code(*LEFT_OUT)), by=0),
        }),
    ),
    MessageType("CONFIRM", True, True, False, False, (True, True), _NONE, record({"survivors": hash32})),
    MessageType("CONFIRMS", True, True, False, True, (True, True), _CONTROL, record({"survivors": hash32})),
    MessageType("REVEAL", True, True, False, False, (True, True), _CONTROL, record({"survivors": hash32})),
    MessageType(
        "COMPLAINT", True, True, False, False, (True, True), _NONE,
        record({"about": region, "reason": code(*COMPLAINT_REASONS)}),
    ),
    MessageType(
        "RESULT", True, True, False, False, (True, True), (0, MAX_INT),
        _result,
    ),
    MessageType(
        "PARTIAL", True, True, False, False, (True, True), _VECTOR,
        record({"view": hash32, "members": _named}),
    ),
    MessageType("DELTA", True, True, False, False, (True, True), _VECTOR, record({})),
    MessageType(
        "ABSENT", True, False, False, False, (True, True), _NONE,
        _absent,
    ),
    MessageType(
        "EVIDENCE", True, False, False, True, None, (1, 2 * (MAX_HEADER + 128)),
        record({"region": region, "code": code("LS-EQUIVOCATION", "LS-FALSE-DROPOUT", "LS-FORK")}),
    ),
    MessageType(
        "PING", False, False, False, False, None, _NONE,
        record({
            "state": code(*STATES), "attempt": integer(0, MAX_ATTEMPTS - 1), "seq": integer(),
            "echo": optional(integer()),
        }),
    ),
    MessageType(
        "HELLO", False, False, False, False, None, _NONE, record({"size": integer(1), "root": hash32}),
    ),
    MessageType("BEHIND", False, False, False, False, None, (1, 2 * 64 * 1024), record({})),
    MessageType("HEADS", False, False, False, False, None, _CONTROL, record({})),
    MessageType(
        "COSIGN", False, False, False, False, None, _NONE,
        record({"size": integer(1), "t_s": integer(), "line": binary(1, 512)}),
    ),
    MessageType(
        "PROVE", False, False, False, False, None, _NONE,
        record({
            "size": integer(1), "places": ascending(integer(), 0, 64), "heads": ascending(integer(1), 0, 64),
        }),
    ),
    MessageType("PROOF", False, False, False, False, None, (1, 4 * 2**20), record({})),
    MessageType(
        "MIRROR", False, False, False, False, None, (1, 4 * 2**20), record({"log": origin}),
    ),
)  # fmt: skip

TYPES: dict[str, MessageType] = {row.name: row for row in _TABLE}

# What an evidence payload or a carrier holds: header, signature, payload or nil.
carried = array(row(binary(1, MAX_HEADER), signature, optional(binary(0, MAX_CONTROL))))
