"""Messages that carry others' envelopes in a recoverable session, read: SHARES, ROUTED, SURVIVORS, CONFIRMS, REVEAL.

What is checked here needs no key and no state: form, order, that each carried envelope belongs to the session of
its carrier, that lists and what is carried say the same, hashes of payloads. Signatures of what is carried and
the rules of the session are checked by who asked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crypto.errors import CryptoError
from crypto.sealing import OVERHEAD_BYTES
from crypto.shamir import SHARE_BYTES, check_share
from protocol.codec import MAX_CONTROL, MAX_HEADER, Value, decode, encode
from protocol.envelope import Envelope, decode_carried
from protocol.errors import CodecError

PAIR_BYTES = 2 * SHARE_BYTES
SEALED_BYTES = PAIR_BYTES + OVERHEAD_BYTES
_ROW_BYTES = 2 + 42 + 2 + SHARE_BYTES  # a name and a share, as REVEAL holds them


def most_bytes(type: str, n: int) -> int:
    """Return the longest payload that a message may have in a session of n planned senders; 0 where there is none."""
    shares = 5 + n * (SEALED_BYTES + 2)
    match type:
        case "SHARES":
            most = shares
        case "ROUTED":
            most = 5 + n * (MAX_HEADER + shares + 128)
        case "SURVIVORS" | "CONFIRMS":
            most = 5 + n * (MAX_HEADER + 128)
        case "REVEAL":
            most = 5 + n * _ROW_BYTES + OVERHEAD_BYTES
        case _:
            most = 0
    return min(most, MAX_CONTROL)


@dataclass(frozen=True, slots=True)
class Shares:
    """One member's shares: its SHARES and the payload.

    Attributes:
        commits: (of the mask key, of the self seed) for each member, in the order of the cohort.
        sealed: Sealed pairs in the same order, each ``SEALED_BYTES`` long; nothing in the own place.
    """

    envelope: Envelope
    commits: tuple[tuple[bytes, bytes], ...]
    sealed: tuple[bytes, ...]

    @property
    def payload(self) -> bytes:
        """The payload, as it came: it has one encoding."""
        return encode(list(self.sealed))


def read_shares(envelope: Envelope, payload: bytes, cohort: bytes, members: Sequence[str]) -> Shares:
    """Return the shares of one member of a cohort.

    Raises:
        CodecError: On another cohort, or not one pair and one commitment for each member.
    """
    sender = envelope.fields.sender
    body: Any = envelope.fields.body
    if body["cohort"] != cohort:
        raise CodecError(f"SHARES of {sender} are for another cohort")
    if sender not in members:
        raise CodecError(f"SHARES of {sender}, who is not in the cohort")
    sealed: Any = decode(payload, max_bytes=most_bytes("SHARES", len(members)))
    lengths = [0 if name == sender else SEALED_BYTES for name in members]
    if (
        type(sealed) is not list
        or any(type(one) is not bytes for one in sealed)
        or [len(one) for one in sealed] != lengths
        or len(body["commits"]) != len(members)
    ):
        raise CodecError(f"SHARES of {sender}; expected {len(members)} commitments and sealed pairs")
    return Shares(envelope, tuple((c, b) for c, b in body["commits"]), tuple(sealed))


@dataclass(frozen=True, slots=True)
class Routed:
    """A ROUTED as a member reads it: who goes on (K2), ascending, and their shares."""

    envelope: Envelope
    shares: Mapping[str, Shares]

    @property
    def members(self) -> tuple[str, ...]:
        """K2, ascending."""
        return tuple(self.shares)

    @property
    def carried(self) -> tuple[Envelope, ...]:
        """All envelopes that came inside."""
        return tuple(shares.envelope for shares in self.shares.values())


def read_routed(envelope: Envelope, payload: bytes, cohort: bytes, members: Sequence[str]) -> Routed:
    """Return what a ROUTED holds.

    Args:
        members: K, the cohort, ascending.

    Raises:
        CodecError: On another cohort, or its list and what it carries differ.
    """
    if envelope.fields.body["cohort"] != cohort:
        raise CodecError("ROUTED is for another cohort")
    shares: dict[str, Shares] = {}
    for inner, data in _carried(envelope, payload, "SHARES"):
        if data is None or hashlib.sha256(data).digest() != inner.fields.sha256:
            raise CodecError(f"ROUTED carries SHARES of {inner.fields.sender} without the payload that belongs to them")
        shares[inner.fields.sender] = read_shares(inner, data, cohort, members)
    _same(envelope, {name: one.envelope for name, one in shares.items()})
    return Routed(envelope, shares)


@dataclass(frozen=True, slots=True)
class Survivors:
    """A SURVIVORS as a member reads it.

    Attributes:
        masked: U: name to the MASKED taken in, ascending.
        left_out: The rest of K2, and why: ``lost`` or ``group``.
    """

    envelope: Envelope
    masked: Mapping[str, Envelope]
    left_out: Mapping[str, str]

    @property
    def members(self) -> tuple[str, ...]:
        """U, ascending."""
        return tuple(self.masked)

    @property
    def carried(self) -> tuple[Envelope, ...]:
        """All envelopes that came inside."""
        return tuple(self.masked.values())


def read_survivors(envelope: Envelope, payload: bytes, view: bytes, members: Sequence[str]) -> Survivors:
    """Return what a SURVIVORS holds.

    Args:
        view: Digest of the ROUTED that all must have been shown.
        members: K2, ascending.

    Raises:
        CodecError: On another view, its list and what it carries differ, or it does not account for each of K2 once.
    """
    body: Any = envelope.fields.body
    if body["view"] != view:
        raise CodecError("SURVIVORS is on another ROUTED")
    masked: dict[str, Envelope] = {}
    for inner, data in _carried(envelope, payload, "MASKED"):
        name = inner.fields.sender
        if data is not None:
            raise CodecError(f"SURVIVORS carries the payload of {name}; expected its header only")
        if inner.fields.body["view"] != view:
            raise CodecError(f"SURVIVORS carries a MASKED of {name} on another ROUTED")
        if not inner.fields.body["self_commit"]:
            raise CodecError(f"SURVIVORS carries a MASKED of {name} that commits to no self mask")
        masked[name] = inner
    _same(envelope, masked)
    left_out = dict(body["left_out"])
    if sorted([*masked, *left_out]) != list(members):
        raise CodecError("SURVIVORS does not name each routed member once, as in or as left out")
    return Survivors(envelope, masked, left_out)


@dataclass(frozen=True, slots=True)
class Confirms:
    """A CONFIRMS as a member reads it: name to CONFIRM, ascending."""

    envelope: Envelope
    confirms: Mapping[str, Envelope]

    @property
    def carried(self) -> tuple[Envelope, ...]:
        """All envelopes that came inside."""
        return tuple(self.confirms.values())


def read_confirms(envelope: Envelope, payload: bytes, survivors: bytes, members: Sequence[str]) -> Confirms:
    """Return what a CONFIRMS holds.

    Args:
        survivors: Digest of the SURVIVORS that all must have confirmed.
        members: U, ascending.

    Raises:
        CodecError: On another SURVIVORS, or by somebody who is not in it.
    """
    if envelope.fields.body["survivors"] != survivors:
        raise CodecError("CONFIRMS is on another SURVIVORS")
    confirms: dict[str, Envelope] = {}
    for inner, data in _carried(envelope, payload, "CONFIRM"):
        name = inner.fields.sender
        if data is not None or inner.fields.body["survivors"] != survivors or name not in members:
            raise CodecError(f"CONFIRMS carries a CONFIRM of {name} on another SURVIVORS")
        confirms[name] = inner
    return Confirms(envelope, confirms)


def encode_reveal(shares: Mapping[str, bytes]) -> bytes:
    """Return the payload of a REVEAL, unsealed: name and share, ascending."""
    rows: list[Value] = [[name, shares[name]] for name in sorted(shares)]
    return encode(rows)


def read_reveal(data: bytes, members: Sequence[str]) -> dict[str, bytes]:
    """Return name to share of an unsealed REVEAL.

    Args:
        members: K2, ascending; one share of each is expected.

    Raises:
        CodecError: Not exactly these, or something that is no share.
    """
    rows: Any = decode(data, max_bytes=most_bytes("REVEAL", len(members)))
    if type(rows) is not list or any(type(row) is not list or len(row) != 2 for row in rows):
        raise CodecError("REVEAL is no list of names and shares")
    if [name for name, _ in rows] != list(members) or any(type(share) is not bytes for _, share in rows):
        raise CodecError(f"REVEAL of {len(rows)} shares; expected one of each of {len(members)} members, ascending")
    for name, share in rows:
        try:
            check_share(share)
        except CryptoError as error:
            raise CodecError(f"REVEAL holds no share of {name}: {error}") from error
    return dict(rows)


def _carried(carrier: Envelope, payload: bytes, type: str) -> list[tuple[Envelope, bytes | None]]:
    """What came inside, each of one type, of the carrier's own session, at most one of each sender."""
    items = decode_carried(payload)
    seen: set[str] = set()
    for inner, _ in items:
        fields, own = inner.fields, carrier.fields
        if fields.type != type:
            raise CodecError(f"{own.type} carries {fields.type}; expected {type}")
        if (fields.study, fields.round, fields.session) != (own.study, own.round, own.session):
            raise CodecError(f"{own.type} carries a {type} of {fields.sender} for another session")
        if fields.sender in seen:
            raise CodecError(f"{own.type} carries two {type} of {fields.sender}")
        seen.add(fields.sender)
    return items


def _same(carrier: Envelope, carried: Mapping[str, Envelope]) -> None:
    body: Any = carrier.fields.body
    if [[name, one.eid] for name, one in carried.items()] != body["members"]:
        raise CodecError(f"{carrier.fields.type} names other members than it carries")
