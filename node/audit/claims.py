"""What one message or one entry claims about its own place, and whether that can be.

Used twice: by the checks that find a fault, and by ``proofs``, which sees it again from a finding alone.
"""

from __future__ import annotations

from protocol.entries import Entry
from protocol.envelope import Envelope


def slot(envelope: Envelope) -> tuple[object, ...] | None:
    """Return the place that one statement only may have; None for types without a session."""
    fields = envelope.fields
    if fields.session is None:
        return None
    return (fields.study, fields.session, fields.type, fields.sender, fields.body.get("about"))


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


def place_fault(entry: Entry, origin: str, at: int, message: Envelope | None) -> str | None:
    """Return what is false in the place that an entry claims, or None.

    Args:
        message: What an ``env.sent`` or ``env.recv`` holds.
    """
    if entry.seq != at or entry.log != origin:
        return f"says it is entry {entry.seq} of {entry.log}"
    if (entry.kind == "log.genesis") != (at == 0):
        return f"is {entry.kind}; a log begins with log.genesis, and only begins so"
    if at == 0:
        network, region, _ = origin.split("/")
        named = str(entry.body["network"]), str(entry.body["region"])
        if named != (network, region):
            return f"founds the log of {'/'.join(named)}"
    if entry.kind == "env.sent" and message is not None:
        if message.fields.sender != origin.split("/")[1]:
            return f"holds as sent a message of {message.fields.sender}"
        if message.fields.study != entry.study:
            return "is filed under another study than its message"
    return None
