"""Two signed statements of one region that exclude each other: evidence that anybody can check, and nobody can invent.

A pure function of the two statements and of who signs with which key. What does not verify accuses nobody, least of
all the region that it names.
"""

from __future__ import annotations

from collections.abc import Callable

from crypto.errors import CryptoError
from protocol.codec import MAX_HEADER, Value
from protocol.envelope import Envelope, Header, decode_carried, encode_carried, verify
from protocol.errors import CodecError
from protocol.messages import TYPES

CODES = ("LS-EQUIVOCATION", "LS-FALSE-DROPOUT", "LS-FORK")
MAX_EVIDENCE = 2 * (MAX_HEADER + 128)


def place_of(fields: Header) -> tuple[bytes, bytes, str, str, str] | None:
    """Return (study, session, type, sender, about), of which there is one statement; None outside of sessions."""
    if fields.study is None or fields.session is None or not TYPES[fields.type].logged:
        return None
    about = fields.body["about"] if fields.type in ("RECEIPT", "COMPLAINT") else ""
    return fields.study, fields.session, fields.type, fields.sender, str(about)


def excludes(first: Envelope, second: Envelope) -> str | None:
    """Return the code under which two statements of one region exclude each other; None if both may stand.

    ``LS-FORK``: one log with two roots for one size, or two entries at one place. ``LS-EQUIVOCATION``: two statements
    where a session has room for one. ``LS-FALSE-DROPOUT``: a member was given a RECEIPT for its value and then named
    as lost, or (whole-network rounds) is not in what its parent sent on. Signatures are not looked at.
    """
    a, b = first.fields, second.fields
    if a.sender != b.sender or first.eid == second.eid:
        return None
    both_logged = TYPES[a.type].logged and TYPES[b.type].logged
    if (a.log, a.head_size) == (b.log, b.head_size) and (a.head_root != b.head_root or both_logged):
        return "LS-FORK"
    place = place_of(a)
    if place is not None and place == place_of(b):
        return "LS-EQUIVOCATION"
    for receipt, survivors in ((a, b), (b, a)):
        if receipt.type == "RECEIPT" and survivors.type in ("SURVIVORS", "PARTIAL") and _denies(receipt, survivors):
            return "LS-FALSE-DROPOUT"
    return None


def _denies(receipt: Header, survivors: Header) -> bool:
    same = (receipt.study, receipt.session) == (survivors.study, survivors.session)
    # Said before the SURVIVORS: a receipt for what came too late denies nothing.
    before = receipt.log == survivors.log and receipt.head_size < survivors.head_size
    if survivors.type == "PARTIAL":
        members: Value = survivors.body["members"]
        assert isinstance(members, list)
        is_out = [receipt.body["about"], receipt.body["masked"]] not in members
    else:
        left_out: Value = survivors.body["left_out"]
        assert isinstance(left_out, list)
        is_out = [receipt.body["about"], "lost"] in left_out
    return same and before and is_out


def verify_evidence(payload: bytes, key_of: Callable[[Envelope], bytes | None]) -> tuple[str, Envelope, Envelope]:
    """Return the code and the two statements of an evidence payload.

    Args:
        payload: Canonical array of two ``[header, signature, nil]``, as EVIDENCE carries it.
        key_of: The key with which the sender of a statement signs; None if it is unknown.

    Raises:
        CodecError: Not two statements of one region that exclude each other.
        CryptoError: One of them is not signed by it.
    """
    items = decode_carried(payload, max_bytes=MAX_EVIDENCE)
    if len(items) != 2 or any(inner is not None for _, inner in items):
        raise CodecError(f"evidence of {len(items)} statements; expected two, without what they carry")
    (first, _), (second, _) = items
    code = excludes(first, second)
    if code is None:
        raise CodecError(f"{first.fields.type} and {second.fields.type} do not exclude each other")
    for statement in (first, second):
        key = key_of(statement)
        if key is None:
            raise CryptoError(f"nobody knows the key of {statement.fields.sender}")
        verify(statement, key)
    return code, first, second


def encode_evidence(first: Envelope, second: Envelope) -> bytes:
    """Return two statements in one payload, as EVIDENCE carries them."""
    return encode_carried([(first, None), (second, None)])
