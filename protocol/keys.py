"""Key sets that follow one another, and key sets that count no more: what is signed, and by whom.

A new set is signed by the identity key, and each of its three signing keys shows that whoever rotates holds it.
A set is revoked by its region's identity key, or by two thirds of the members of a roster.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crypto.hashing import tagged
from crypto.keys import PrivateKeys
from crypto.signing import SigningKey, verify
from protocol.card import Keys
from protocol.codec import Value, decode, encode
from protocol.errors import CodecError, RosterError
from protocol.kinds import REVOKE_REASONS
from protocol.roster import Roster

APPROVAL_PREFIX = "landsting-revoke/v1"
MAX_APPROVAL = 4096


@dataclass(frozen=True, slots=True)
class Revocation:
    """What is said of a key set that counts no more.

    Attributes:
        region, serial: Whose set.
        size, root: The last head of that region's log that is still believed; from ``size`` on the set counts for
            nothing.
        reason: A word of ``REVOKE_REASONS``.
    """

    region: str
    serial: int
    size: int
    root: bytes
    reason: str

    def statement(self) -> bytes:
        """What is signed."""
        return tagged("REVOKE", encode(self._value()))

    def _value(self) -> dict[str, Value]:
        return {
            "region": self.region, "serial": self.serial,
            "last_good": {"size": self.size, "root": self.root}, "reason": self.reason,
        }  # fmt: skip

    def by_identity(self, identity: SigningKey) -> dict[str, Value]:
        """Body of ``key.revoke`` by the region's own identity key."""
        return {**self._value(), "sig": identity.sign(self.statement()), "by": "identity", "approvals": []}

    def by_quorum(self, approvals: Mapping[str, bytes]) -> dict[str, Value]:
        """Body of ``key.revoke`` by members, each with its identity key's signature."""
        signed: list[Value] = [{"region": name, "sig": sig} for name, sig in sorted(approvals.items())]
        return {**self._value(), "sig": None, "by": "quorum", "approvals": signed}


def rotation(identity: SigningKey, keys: Keys, private: PrivateKeys) -> dict[str, Value]:
    """Body of ``key.rotate``: the new set, signed by the identity key and by each of its own signing keys."""
    value = keys.value()
    held = tagged("ROTATE", identity.public + encode(value))
    pop: list[Value] = [key.sign(held) for key in (private.sign, private.log, private.witness)]
    return {"keys": value, "sig": identity.sign(tagged("KEYS", encode(value))), "pop": pop}


def check_rotation(body: Mapping[str, Any], identity: bytes) -> Keys:
    """Return the set of a ``key.rotate`` that the identity key and the set's own keys have signed.

    Raises:
        CryptoError: A signature does not hold.
    """
    keys = Keys(**body["keys"])
    value = encode(keys.value())
    verify(identity, body["sig"], tagged("KEYS", value))
    held = tagged("ROTATE", identity + value)
    for public, sig in zip((keys.sign, keys.log, keys.witness), body["pop"], strict=True):
        verify(public, sig, held)
    return keys


def check_revocation(body: Mapping[str, Any], roster: Roster) -> Revocation:
    """Return the revocation of a ``key.revoke`` that who may has signed.

    Raises:
        RosterError: The region is not on the roster, or fewer than two thirds of the members have signed.
        CryptoError: A signature does not hold.
    """
    said = Revocation(
        body["region"], body["serial"], body["last_good"]["size"], body["last_good"]["root"], body["reason"]
    )
    card = roster.card(said.region)
    if body["by"] == "identity":
        verify(card.identity, body["sig"], said.statement())
        return said
    for one in body["approvals"]:
        verify(roster.card(one["region"]).identity, one["sig"], said.statement())
    if 3 * len(body["approvals"]) < 2 * len(roster.names):
        raise RosterError(
            f"{len(body['approvals'])} of {len(roster.names)} members revoke a key set of {said.region};"
            " two thirds must"
        )
    return said


def approval_line(said: Revocation, region: str, identity: SigningKey) -> str:
    """Return one member's word for a revocation, as its file holds it."""
    value: dict[str, Value] = {
        "region": said.region, "serial": said.serial, "size": said.size, "root": said.root, "reason": said.reason,
        "by": region, "sig": identity.sign(said.statement()),
    }  # fmt: skip
    return f"{APPROVAL_PREFIX} {base64.b64encode(encode(value)).decode()}"


def read_approvals(lines: Sequence[str]) -> tuple[Revocation, dict[str, bytes]]:
    """Return what all these lines revoke, and who has signed; the signatures are not checked.

    Raises:
        RosterError: A line is none, or two speak of different things.
    """
    said: Revocation | None = None
    signed: dict[str, bytes] = {}
    for line in lines:
        prefix, _, payload = line.strip().partition(" ")
        value: Any = None
        if prefix == APPROVAL_PREFIX and len(payload) <= MAX_APPROVAL:
            try:
                value = decode(base64.b64decode(payload, validate=True), max_bytes=MAX_APPROVAL)
            except (CodecError, binascii.Error, ValueError):
                value = None
        match value:
            case {
                "region": str(region), "serial": int(serial), "size": int(size), "root": bytes(root),
                "reason": str(reason), "by": str(by), "sig": bytes(sig),
            } if reason in REVOKE_REASONS and len(root) == 32 and len(sig) == 64:  # fmt: skip
                one = Revocation(region, serial, size, root, reason)
            case _:
                raise RosterError("this is not a member's word for a revocation; `landsting keys approve` writes one")
        if said is not None and said != one:
            raise RosterError("these words for a revocation speak of different key sets, places or reasons")
        said = one
        signed[by] = sig
    if said is None:
        raise RosterError("no member's word for a revocation was given")
    return said, signed
