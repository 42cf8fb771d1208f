"""The roster: the regions of a network with all their keys, one encoding, signed by its members.

Equal cards give equal bytes in every home, so that members can compare one hash. The first roster is
in force when all its members have signed it; a later one when two thirds of the members before and
every new one have. Whose signatures are at hand is the log's business; the rule is here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from crypto.errors import CryptoError
from crypto.hashing import tagged
from crypto.signing import SigningKey, verify
from protocol import codec
from protocol.card import CARD_PREFIX, Card, Keys, card_line, card_of, make_card, parse_card
from protocol.errors import CodecError, RosterError
from protocol.names import closest, look_alike

__all__ = [
    "CARD_PREFIX", "Card", "Keys", "Roster", "card_line", "decode_roster", "found", "make_card", "parse_card",
    "sign_roster", "verify_roster_sig", "who_must_sign",
]  # fmt: skip

_ROSTER_KEYS = ("v", "network", "serial", "old", "cards")


@dataclass(frozen=True, slots=True)
class Roster:
    """The regions of a network.

    Attributes:
        network: Name of the network, the same in all cards.
        serial: 1, 2, …
        old: Hash of the roster before; nil in the first.
        cards: Ascending by name.
    """

    network: str
    serial: int
    old: bytes | None
    cards: tuple[Card, ...]
    _bytes: bytes = field(init=False, repr=False, compare=False)
    _by_name: dict[str, Card] = field(init=False, repr=False, compare=False)
    _hash: bytes = field(init=False, repr=False, compare=False)
    _names: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        value: dict[str, Any] = {
            "v": 1, "network": self.network, "serial": self.serial, "old": self.old,
            "cards": [card.value() for card in self.cards],
        }  # fmt: skip
        object.__setattr__(self, "_bytes", codec.encode(value, wide_text=True))
        object.__setattr__(self, "_by_name", {card.name: card for card in self.cards})
        # Asked for at every event: of a thousand cards it is a hash of half a megabyte.
        object.__setattr__(self, "_hash", hashlib.sha256(self._bytes).digest())
        object.__setattr__(self, "_names", tuple(self._by_name))

    def encode(self) -> bytes:
        """Return the canonical bytes."""
        return self._bytes

    @property
    def hash(self) -> bytes:
        """SHA-256 of the canonical bytes: what members sign and plans name."""
        return self._hash

    @property
    def names(self) -> tuple[str, ...]:
        """All regions, sorted."""
        return self._names

    def card(self, name: str) -> Card:
        """Return a region's card.

        Raises:
            RosterError: It is not in the roster.
        """
        try:
            return self._by_name[name]
        except KeyError:
            near = closest(name, self._by_name)
            hint = f"; did you mean {near}?" if near else ""
            raise RosterError(f"{name} is not in the roster of {self.network}{hint}") from None


def found(cards: Iterable[Card], previous: Roster | None = None) -> Roster:
    """Return the roster of these cards: the first, or the one after ``previous``.

    The same card given twice counts once.

    Raises:
        RosterError: The cards are of two networks, two of one name or with one key, or names look alike; or,
            against the roster before, nothing has changed, or a name has another identity or an older key set.
    """
    chosen: dict[str, Card] = {}
    for card in cards:
        card.check()
        other = chosen.setdefault(card.name, card)
        if other != card:
            raise RosterError(
                f"two different cards of {card.name} (fingerprints {other.fingerprint.hex()[:16]} and"
                f" {card.fingerprint.hex()[:16]}); keep the newer, and ask {card.name} which one that is"
            )
    ordered = tuple(chosen[name] for name in sorted(chosen))
    _check_together(ordered)
    network = ordered[0].network
    if previous is None:
        return _bounded(Roster(network, 1, None, ordered))
    if previous.network != network:
        raise RosterError(f"the cards are of {network}, the roster in force is of {previous.network}")
    if previous.cards == ordered:
        raise RosterError(f"nothing has changed since roster {previous.serial}; it stays in force")
    for card in ordered:
        _check_successor(previous, card)
    return _bounded(Roster(network, previous.serial + 1, previous.hash, ordered))


def decode_roster(data: bytes) -> Roster:
    """Return the roster of canonical bytes, with every card, key and name checked.

    Raises:
        RosterError: The bytes are not canonical, or not a valid roster.
    """
    try:
        value = codec.decode(data, max_bytes=codec.MAX_PLAN, wide_text=True)
    except CodecError as error:
        raise RosterError(f"the roster's bytes are not in their one form ({error})") from error
    if not isinstance(value, dict) or set(value) != set(_ROSTER_KEYS):
        raise RosterError(f"a roster must have exactly the fields {', '.join(_ROSTER_KEYS)}")
    serial, old, listed, network = value["serial"], value["old"], value["cards"], value["network"]
    if type(value["v"]) is not int or value["v"] != 1:
        raise RosterError("a roster of another version; this version reads v = 1")
    if type(serial) is not int or serial < 1:
        raise RosterError(f"the roster has serial {serial!r}; they count from 1")
    if not (old is None if serial == 1 else isinstance(old, bytes) and len(old) == 32):
        wanted = "none before it" if serial == 1 else "the hash of the one before it, 32 bytes"
        raise RosterError(f"roster {serial} must name {wanted}")
    if not isinstance(listed, list):
        raise RosterError("the cards of a roster are not a list")
    cards = tuple(card_of(one) for one in listed)
    for before, after in pairwise(cards):
        if not before.name < after.name:
            raise RosterError(f"cards must ascend by name, each once; {after.name} stands after {before.name}")
    _check_together(cards)
    if network != cards[0].network:
        raise RosterError(f"the roster is of {network!r}, its cards are of {cards[0].network}")
    return Roster(cards[0].network, serial, old if isinstance(old, bytes) else None, cards)


def sign_roster(roster_hash: bytes, identity: SigningKey) -> bytes:
    """Return the signature of a member under a roster, 64 bytes."""
    return identity.sign(tagged("ROSTER_SIGN", roster_hash))


def verify_roster_sig(card: Card, roster_hash: bytes, sig: bytes) -> None:
    """Check a member's signature under a roster.

    Raises:
        RosterError: It is not by the identity key of that card.
    """
    try:
        verify(card.identity, sig, tagged("ROSTER_SIGN", roster_hash))
    except CryptoError as error:
        raise RosterError(f"{card.name}: roster {roster_hash.hex()[:16]}… is not signed by its identity key") from error


def who_must_sign(roster: Roster, signers: Collection[str], previous: Roster | None = None) -> tuple[str, ...]:
    """Return who is missing before a roster is in force, sorted; empty when it is.

    Args:
        signers: Regions whose signature under this roster has been checked.
        previous: The roster in force before; None for the first roster.
    """
    if previous is None:
        return tuple(name for name in roster.names if name not in signers)
    added = [name for name in roster.names if name not in previous.names and name not in signers]
    members = [name for name in previous.names if name not in signers]
    enough = 3 * (len(previous.names) - len(members)) >= 2 * len(previous.names)
    return tuple(sorted(added if enough else added + members))


def _check_together(cards: tuple[Card, ...]) -> None:
    if not cards:
        raise RosterError("no cards were given; a roster has at least one region")
    owners: dict[bytes, tuple[str, str]] = {}
    for card in cards:
        if card.network != cards[0].network:
            raise RosterError(
                f"{card.name} is of network {card.network}, {cards[0].name} of {cards[0].network}; a roster has one"
            )
        for use, key in card.public_keys.items():
            name, other = owners.setdefault(key, (card.name, use))
            if name != card.name:
                raise RosterError(
                    f"the {use} key of {card.name} is the {other} key of {name}; each region makes its own"
                    " (`landsting init`), and a copied home is not a new region"
                )
    alike = look_alike(card.name for card in cards)
    if alike:
        raise RosterError(
            f"{alike[0]} and {alike[1]} look too much alike to be told apart on a page or over the phone; rename one"
        )


def _check_successor(previous: Roster, card: Card) -> None:
    if card.name not in previous.names:
        return
    before = previous.card(card.name)
    if before.identity != card.identity:
        raise RosterError(
            f"{card.name} has another identity key than in roster {previous.serial}; a region keeps its identity key"
        )
    if card.keys.serial < before.keys.serial:
        raise RosterError(
            f"{card.name}: key set {card.keys.serial} is older than {before.keys.serial} of roster {previous.serial};"
            " ask for its newest card"
        )


def _bounded(roster: Roster) -> Roster:
    size = len(roster.encode())
    if size > codec.MAX_PLAN:
        raise RosterError(f"a roster of {size} bytes; at most {codec.MAX_PLAN} are read")
    return roster
