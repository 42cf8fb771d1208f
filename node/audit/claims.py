"""What one message or one entry claims about its own place, and whether that can be.

Used twice: by the checks that find a fault, and by ``proofs``, which sees it again from a finding alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from node.audit.shapes import Form
from protocol.entries import Entry
from protocol.envelope import Envelope

ABOUT = frozenset({"RECEIPT", "COMPLAINT"})
"""Types of which one session may have several by one sender, about different regions."""


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
    about = claim.body.get("about") if claim.type in ABOUT else None
    return (claim.study, claim.session, claim.type, claim.sender, about)


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


def frame_fault(form: Form, claimed: int, body: Mapping[str, Any], origin: str, at: int) -> str | None:
    """Return what is false in the place that an entry claims, or None.

    Args:
        claimed: Place that the entry says.
        body: Of ``log.genesis``; of others nothing is asked.
    """
    if claimed != at or form.log != origin:
        return f"says it is entry {claimed} of {form.log}"
    if (form.kind == "log.genesis") != (at == 0):
        return f"is {form.kind}; a log begins with log.genesis, and only begins so"
    if form.received or form.own:
        return None
    network, region, _ = origin.split("/")
    if at == 0:
        named = str(body["network"]), str(body["region"])
        if named != (network, region):
            return f"founds the log of {'/'.join(named)}"
        return _epoch_fault(origin, body["prev"])
    if form.type is not None and not form.received:
        if form.sender != region:
            return f"holds as sent a message of {form.sender}"
        if form.about != form.study:
            return "is filed under another study than its message"
    return None


def _epoch_fault(origin: str, prev: Mapping[str, Any] | None) -> str | None:
    """Return what is false in what a first entry says of the log before it, or None."""
    whose, _, epoch = origin.rpartition("/")
    if prev is None:
        return None if epoch == "1" else f"founds epoch {epoch} without naming the log before it"
    before, _, earlier = str(prev["origin"]).rpartition("/")
    if before != whose or not earlier.isdecimal() or int(earlier) >= int(epoch):
        return f"names {prev['origin']} as the log before it"
    return None


def place_fault(entry: Entry, origin: str, at: int, message: Claim | None) -> str | None:
    """Return the same of a decoded entry and the message in it."""
    form = Form(entry.kind, entry.log, entry.study)
    if message is not None:
        form = Form(
            entry.kind, entry.log, entry.study, message.type, entry.kind == "env.recv", message.sender, message.study
        )
    return frame_fault(form, entry.seq, entry.body, origin, at)
