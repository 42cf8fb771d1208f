"""The envelope: one signed message from a region, as it travels and as it is logged.

A header is a canonical map of eleven keys; the signature is Ed25519 over the type's own context and the
header. ``parse`` checks everything that needs no key and no memory; ``verify`` checks the signature; who
may say what and when is ``gossip``'s business. An envelope is known by its ``eid``, never by the bytes
of its signature.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from crypto import signing
from crypto.errors import CryptoError
from crypto.hashing import tagged, tagged_hash
from crypto.signing import SigningKey
from protocol.codec import MAX_CONTROL, MAX_HEADER, Value, decode, encode
from protocol.errors import CodecError, SchemaError
from protocol.messages import carried, message_type
from protocol.schema import hash32, integer, optional, origin, record, region, require, row, text

VERSION = 1
TYPE = r"[A-Z][A-Z_]{1,23}"

_Bin = bytes  # in ``Header`` the name is a field


@dataclass(frozen=True, slots=True)
class Header:
    """The fields of a header.

    Attributes:
        type: TYPE of the message.
        sender: Region that signs; ``from`` on the wire.
        log: Origin of the sender's log.
        head_size, head_root: Size and root of that log just before this envelope's own entry, so a logged
            envelope is entry ``head_size``. Of a service type: any earlier head.
        study: Study id, 32 bytes.
        round: From 0, sum rounds first.
        session: Session id, 32 bytes.
        body: Fields of the type.
        bytes: Length of the payload; 0 without one.
        sha256: Its hash; None without one.
    """

    type: str
    sender: str
    log: str
    head_size: int
    head_root: _Bin
    study: _Bin | None
    round: int | None
    session: _Bin | None
    body: dict[str, Value]
    bytes: int
    sha256: _Bin | None


@dataclass(frozen=True, slots=True)
class Envelope:
    """A header, its signature, and what they say.

    Attributes:
        header: Canonical bytes.
        signature: Ed25519, 64 bytes.
        fields: The header, read.
        eid: tagged_hash(TYPE, header): the identity of the statement.
    """

    header: bytes
    signature: bytes
    fields: Header
    eid: bytes


def parse(header: bytes, signature: bytes) -> Envelope:
    """Return the envelope of two frames; the signature is *not* checked.

    Raises:
        CodecError: Wrong size, not canonical, or a frame or body that its type does not have.
    """
    if len(signature) != 64:
        raise CodecError(f"a signature of {len(signature)} bytes; expected 64")
    value = decode(header, max_bytes=MAX_HEADER)
    fields = _fields(value)
    return Envelope(bytes(header), bytes(signature), fields, tagged_hash(fields.type, header))


def build(fields: Header, key: SigningKey) -> Envelope:
    """Return the signed envelope of a header.

    Raises:
        CodecError: The fields are not what the type allows, or take more than 16 KiB.
    """
    value: Value = {
        "v": VERSION, "type": fields.type, "from": fields.sender, "log": fields.log,
        "head": [fields.head_size, fields.head_root],
        "study": fields.study, "round": fields.round, "session": fields.session,
        "body": fields.body, "bytes": fields.bytes, "sha256": fields.sha256,
    }  # fmt: skip
    _fields(value)
    try:
        header = encode(value)
    except ValueError as error:
        raise SchemaError(f"{fields.type}: {error}") from error
    if len(header) > MAX_HEADER:
        raise SchemaError(f"{fields.type}: a header of {len(header)} bytes; at most {MAX_HEADER} are allowed")
    signature = key.sign(tagged(fields.type, header))
    return Envelope(header, signature, fields, tagged_hash(fields.type, header))


def verify(envelope: Envelope, public: bytes) -> None:
    """Check the signature.

    Raises:
        CryptoError: ``public`` did not sign this header as this type.
    """
    signing.verify(public, envelope.signature, tagged(envelope.fields.type, envelope.header))


def is_signed(envelope: Envelope, public: bytes) -> bool:
    """Whether a key has signed an envelope; where one of several may have."""
    try:
        verify(envelope, public)
    except CryptoError:
        return False
    return True


def encode_carried(items: Sequence[tuple[Envelope, bytes | None]]) -> bytes:
    """Return the payload of a carrier: others' envelopes by sender, type and place, payloads in them or nil."""
    ordered = sorted(items, key=lambda item: _order(item[0]))
    return encode([[envelope.header, envelope.signature, payload] for envelope, payload in ordered])


def decode_carried(payload: bytes, *, max_bytes: int = MAX_CONTROL) -> list[tuple[Envelope, bytes | None]]:
    """Return what a carrier's payload holds; signatures and payload hashes are *not* checked.

    Raises:
        CodecError: Not canonical, an envelope in it that ``parse`` refuses, out of order, or the same twice.
    """
    value: Any = decode(payload, max_bytes=max_bytes)
    require(carried, value, "carried envelopes")
    items: list[tuple[Envelope, bytes | None]] = []
    for header, signature, inner in value:
        envelope = parse(header, signature)
        if items and not _order(items[-1][0]) < _order(envelope):
            raise CodecError(
                f"carried envelopes: {envelope.fields.type} of {envelope.fields.sender} after "
                f"{items[-1][0].fields.type} of {items[-1][0].fields.sender}; expected order by sender, type and place"
            )
        if inner is not None and len(inner) != envelope.fields.bytes:
            raise CodecError(f"carried envelopes: a payload of {envelope.fields.type} of another length than it says")
        items.append((envelope, inner))
    return items


def _order(envelope: Envelope) -> tuple[str, str, int, bytes]:
    # The header last: two statements for one place, as evidence carries them, have an order too.
    fields = envelope.fields
    return fields.sender, fields.type, fields.head_size, envelope.header


_frame = record(
    {
        "v": integer(VERSION, VERSION), "type": text(TYPE, "a TYPE in capitals"), "from": region, "log": origin,
        "head": row(integer(1), hash32), "study": optional(hash32), "round": optional(integer()),
        "session": optional(hash32), "body": lambda value: None if type(value) is dict else ": expected a map",
        "bytes": integer(), "sha256": optional(hash32),
    }
)  # fmt: skip


def _fields(value: Any) -> Header:
    """Return the fields of a decoded header, checked against frame and type."""
    require(_frame, value, "header")
    type = message_type(value["type"])
    head_size, head_root = value["head"]
    fields = Header(
        type=type.name, sender=value["from"], log=value["log"],
        head_size=head_size, head_root=head_root,
        study=value["study"], round=value["round"], session=value["session"],
        body=value["body"], bytes=value["bytes"], sha256=value["sha256"],
    )  # fmt: skip
    if fields.log.split("/")[1] != fields.sender:
        raise SchemaError(f"{type.name}: from {fields.sender} with the log {fields.log}; expected the sender's own log")
    placed = fields.study is not None, fields.round is not None
    if placed[0] is not placed[1] if type.placed is None else placed != type.placed:
        raise SchemaError(f"{type.name}: study and round are set as {placed}, which the type does not allow")
    if (fields.session is not None) is not type.sessioned:
        raise SchemaError(f"{type.name}: the session must be {'set' if type.sessioned else 'nil'}")
    low, high = type.payload
    if not low <= fields.bytes <= high or (fields.bytes == 0) is not (fields.sha256 is None):
        raise SchemaError(f"{type.name}: a payload of {fields.bytes} bytes; expected {low} to {high}, its hash with it")
    require(type.schema, fields.body, f"{type.name}: body")
    return fields
