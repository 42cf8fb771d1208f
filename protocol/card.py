"""A region's card: its name, addresses and public keys, signed by its identity key.

A card stands for itself: whoever holds it can check that all its keys belong together, and compare
its fingerprint with the region over the phone. As a file it is one line, ``landsting-card/v1`` and base64.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from crypto.agreement import x25519
from crypto.errors import CryptoError
from crypto.hashing import tagged
from crypto.keys import PrivateKeys
from crypto.mldsa import PUBLIC_BYTES
from crypto.signing import check_public, verify
from protocol import codec
from protocol.errors import CodecError, RosterError
from protocol.names import NETWORK, REGION, address_problem

CARD_PREFIX = "landsting-card/v1"
MAX_CARD = 16 * 1024
MAX_ADDRESSES = 8
_CARD_KEYS = ("v", "network", "name", "identity", "addresses", "keys", "sig")
_KEY_KEYS = ("serial", "sign", "log", "witness", "x25519", "curve", "release")
_SIGNING = ("identity", "sign", "log", "witness")
_AGREEING = ("x25519", "curve")
_P = 2**255 - 19


@dataclass(frozen=True, slots=True)
class Keys:
    """A region's key set.

    Attributes:
        serial: 1, 2, …; rises with each new set.
        sign, log, witness: Ed25519 keys for envelopes, checkpoints, cosignatures; 32 bytes each.
        x25519, curve: X25519 keys for masks and for links; 32 bytes each.
        release: ML-DSA-44 key for checkpoints at a release, 1312 bytes; None where the region has none.
    """

    serial: int
    sign: bytes
    log: bytes
    witness: bytes
    x25519: bytes
    curve: bytes
    release: bytes | None = None

    def value(self) -> dict[str, Any]:
        """Return the canonical map."""
        return {key: getattr(self, key) for key in _KEY_KEYS}


@dataclass(frozen=True, slots=True)
class Card:
    """One region's card.

    Attributes:
        network: Name of the network, the first part of the origin of its log.
        name: The region, unique in the network.
        identity: Ed25519 key, kept offline; it signs this card.
        addresses: Where others can dial it, the best first; empty if it can only dial out.
        keys: The keys in daily use.
        sig: By the identity key over all that, 64 bytes.
    """

    network: str
    name: str
    identity: bytes
    addresses: tuple[str, ...]
    keys: Keys
    sig: bytes

    def value(self) -> dict[str, Any]:
        """Return the canonical map, ``sig`` included."""
        return {**self._unsigned(), "sig": self.sig}

    def encode(self) -> bytes:
        """Return the canonical bytes."""
        return codec.encode(self.value())

    @property
    def fingerprint(self) -> bytes:
        """SHA-256 of the canonical bytes."""
        return hashlib.sha256(self.encode()).digest()

    @property
    def public_keys(self) -> dict[str, bytes]:
        """All public keys by what they are for; ``release`` where there is one."""
        keys = {"identity": self.identity}
        keys |= {key: getattr(self.keys, key) for key in ("sign", "log", "witness", "x25519", "curve")}
        return keys if self.keys.release is None else keys | {"release": self.keys.release}

    def statement(self) -> bytes:
        """Return the bytes that the identity key signs."""
        return tagged("CARD", codec.encode(self._unsigned()))

    def check(self) -> None:
        """Refuse a card with a wrong field, a bad or repeated key, or a false signature.

        Raises:
            RosterError: Naming the region and what is wrong.
        """
        _check_fields(self)
        _check_keys(self)
        try:
            verify(self.identity, self.sig, self.statement())
        except CryptoError as error:
            raise RosterError(
                f"{self.name}: the card is not signed by its own identity key; ask {self.name} to send it again"
            ) from error

    def _unsigned(self) -> dict[str, Any]:
        return {
            "v": 1,
            "network": self.network,
            "name": self.name,
            "identity": self.identity,
            "addresses": list(self.addresses),
            "keys": self.keys.value(),
        }


def make_card(network: str, name: str, addresses: Iterable[str], keys: PrivateKeys, serial: int = 1) -> Card:
    """Return the signed card of a region's key set with this serial.

    Raises:
        RosterError: A name or an address has a form that no card may have.
    """
    release = keys.release.public if keys.release is not None else None
    public = Keys(
        serial, keys.sign.public, keys.log.public, keys.witness.public, keys.x25519_public, keys.curve_public, release
    )
    unsigned = Card(network, name, keys.identity.public, tuple(addresses), public, b"")
    _check_fields(unsigned)
    card = Card(network, name, unsigned.identity, unsigned.addresses, public, keys.identity.sign(unsigned.statement()))
    card.check()
    return card


def card_line(card: Card) -> str:
    """Return a card as its file holds it, without the line's end."""
    return f"{CARD_PREFIX} {base64.b64encode(card.encode()).decode()}"


def parse_card(text: str) -> Card:
    """Return the card of a line, with its signature and every key checked.

    Raises:
        RosterError: The line is not a card, or not a valid one.
    """
    line = text.strip()
    prefix, _, payload = line.partition(" ")
    if prefix != CARD_PREFIX:
        raise RosterError(
            f"this is not a card: it begins with {line[:24]!r}, expected {CARD_PREFIX!r}; `landsting card` writes one"
        )
    if len(payload) > MAX_CARD:
        raise RosterError(f"a card of {len(payload)} characters; at most {MAX_CARD} are read")
    try:
        data = base64.b64decode(payload, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if not data or base64.b64encode(data).decode() != payload:
        raise RosterError("the card is cut or changed: what follows landsting-card/v1 is not base64; ask for it again")
    try:
        value = codec.decode(data, max_bytes=MAX_CARD)
    except CodecError as error:
        raise RosterError(f"the card is cut or changed ({error}); ask for it again") from error
    return card_of(value)


def card_of(value: object) -> Card:
    """Return the card of a canonical map, checked.

    Raises:
        RosterError: It is not a valid card.
    """
    card = _map(value, _CARD_KEYS, "a card")
    keys = _map(card["keys"], _KEY_KEYS, "the keys of a card")
    if card["v"] != 1 or type(card["v"]) is not int:
        raise RosterError("a card of another version; this version reads v = 1")
    addresses = card["addresses"]
    if not isinstance(addresses, list) or not all(isinstance(one, str) for one in addresses):
        raise RosterError("the addresses of a card are not a list of strings")
    found = Card(card["network"], card["name"], card["identity"], tuple(addresses), Keys(**keys), card["sig"])
    found.check()
    return found


def _map(value: object, keys: tuple[str, ...], what: str) -> dict[str, Any]:
    if not isinstance(value, dict) or set(value) != set(keys):
        raise RosterError(f"{what} must have exactly the fields {', '.join(keys)}")
    return value


def _check_fields(card: Card) -> None:
    if not isinstance(card.name, str) or REGION.fullmatch(card.name) is None:
        raise RosterError(f"a region cannot be called {card.name!r}: a name is 1 to 40 of a-z, 0-9 and -")
    if not isinstance(card.network, str) or NETWORK.fullmatch(card.network) is None:
        raise RosterError(
            f"{card.name}: a network cannot be called {card.network!r}: 1 to 64 letters, digits, points, _ and -"
        )
    if len(card.addresses) > MAX_ADDRESSES:
        raise RosterError(f"{card.name}: {len(card.addresses)} addresses; at most {MAX_ADDRESSES}")
    for address in card.addresses:
        problem = address_problem(address)
        if problem:
            raise RosterError(f"{card.name}: {problem}; give one such as tcp://fl.{card.name}.example:7700")
    if len(set(card.addresses)) < len(card.addresses):
        raise RosterError(f"{card.name}: an address stands twice in the card")


def _check_keys(card: Card) -> None:
    if type(card.keys.serial) is not int or card.keys.serial < 1:
        raise RosterError(f"{card.name}: the key set has serial {card.keys.serial!r}; they count from 1")
    if type(card.sig) is not bytes or len(card.sig) != 64:
        raise RosterError(f"{card.name}: the signature of the card is not 64 bytes")
    seen: dict[bytes, str] = {}
    for use, key in card.public_keys.items():
        wanted = PUBLIC_BYTES if use == "release" else 32
        if type(key) is not bytes or len(key) != wanted:
            raise RosterError(f"{card.name}: the {use} key is not {wanted} bytes")
        try:
            if use != "release":  # of ML-DSA every 1312 bytes are the one form of a key
                check_public(key) if use in _SIGNING else _check_agreeing(key)
        except CryptoError as error:
            raise RosterError(f"{card.name}: the {use} key cannot be used: {error}") from error
        if key in seen:
            raise RosterError(f"{card.name}: the {use} key is its {seen[key]} key again; each use has a key of its own")
        seen[key] = use


def _check_agreeing(key: bytes) -> None:
    if int.from_bytes(key, "little") >= _P:
        raise CryptoError("not in the one form of an X25519 key")
    x25519(b"\x01" * 32, key)  # refuses points of small order: their result is all zeros
