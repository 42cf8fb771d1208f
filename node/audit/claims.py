"""What one message or one entry claims about its own place, and whether that can be.

Used twice: by the checks that find a fault, and by ``proofs``, which sees it again from a finding alone.
"""

from __future__ import annotations

from typing import Any, Protocol

from protocol.entries import Entry
from protocol.envelope import Envelope


class Claim(Protocol):
    """What a message says of itself, as ``Statement`` and ``Header`` have it."""

    @property
    def type(self) -> str: ...
    @property
    def sender(self) -> str: ...
    @property
    def study(self) -> bytes | None: ...
    @property
    def round(self) -> int | None: ...
    @property
    def session(self) -> bytes | None: ...
    @property
    def body(self) -> Any: ...


def slot(claim: Claim) -> tuple[object, ...] | None:
    """Return the place that one statement only may have; None for types without a session."""
    if claim.session is None:
        return None
    return (claim.study, claim.session, claim.type, claim.sender, claim.body.get("about"))


def head_fault(envelope: Envelope, origin: str, at: int, root: bytes | None) -> str | None:
    """Return what is false in the head of a message that its sender logged as entry ``at``, or None.

    Args:
        root: Root of the first ``at`` entries; None if it is not known.
    """
    fields = envelope.fields
    if fields.log != origin:
        return f"the head is of the log {fields.log}"
    if fields.head_size != at:
        return f"the head says entry {fields.head_size}"
    if root is not None and fields.head_root != root:
        return f"the head has another root over the first {at} entries"
    return None


def frame_fault(frame: dict[str, Any], origin: str, at: int, message: Claim | None) -> str | None:
    """Return what is false in the place that an entry claims, or None.

    Args:
        frame: The entry as a map, in its schema.
        message: What an ``env.sent`` or ``env.recv`` holds.
    """
    kind = frame["kind"]
    if frame["seq"] != at or frame["log"] != origin:
        return f"says it is entry {frame['seq']} of {frame['log']}"
    if (kind == "log.genesis") != (at == 0):
        return f"is {kind}; a log begins with log.genesis, and only begins so"
    if at == 0:
        network, region, _ = origin.split("/")
        named = str(frame["body"]["network"]), str(frame["body"]["region"])
        if named != (network, region):
            return f"founds the log of {'/'.join(named)}"
    if kind == "env.sent" and message is not None:
        if message.sender != origin.split("/")[1]:
            return f"holds as sent a message of {message.sender}"
        if message.study != frame["study"]:
            return "is filed under another study than its message"
    return None


def place_fault(entry: Entry, origin: str, at: int, message: Claim | None) -> str | None:
    """Return the same of a decoded entry."""
    frame = {"seq": entry.seq, "log": entry.log, "kind": entry.kind, "study": entry.study, "body": entry.body}
    return frame_fault(frame, origin, at, message)
