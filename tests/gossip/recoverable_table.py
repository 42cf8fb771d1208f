"""A receiver and its members at one table: the recoverable machines with nothing between them.

``Table`` seals what they state, hands it on, and lets a test take members away, or change what goes over the table.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crypto.agreement import x25519, x25519_public
from crypto.signing import SigningKey
from gossip.memory import SeededEntropy
from gossip.sessions.recoverable_member import RecoverableMember
from gossip.sessions.recoverable_receiver import RecoverableReceiver
from gossip.sessions.rules import SessionRules
from gossip.sessions.session import ReceiverState, Statement, session_id
from protocol.envelope import Envelope, Header, build, verify

STUDY, ROSTER = bytes([1]) * 32, bytes([2]) * 32
RECEIVER = "r"
Vector = NDArray[np.signedinteger[Any]]
Said = tuple[Envelope, bytes]

_keys: dict[str, SigningKey] = {}


def key_of(name: str) -> SigningKey:
    """The signing key of a region at the table."""
    if name not in _keys:
        _keys[name] = SigningKey(hashlib.sha256(name.encode()).digest())
    return _keys[name]


def lasting_private(name: str) -> bytes:
    """The lasting X25519 key of a region."""
    return hashlib.sha256(b"lasting " + name.encode()).digest()


_agreed: dict[frozenset[str], bytes] = {}


def lasting(me: str) -> Callable[[str], bytes]:
    """What the machines ask for: X25519 of two lasting keys."""

    def agree(other: str) -> bytes:
        pair = frozenset((me, other))
        if pair not in _agreed:
            _agreed[pair] = x25519(lasting_private(me), x25519_public(lasting_private(other)))
        return _agreed[pair]

    return agree


def envelope(
    sender: str, type: str, body: Mapping[str, Any], sid: bytes, data: bytes = b"", round: int = 0
) -> Envelope:
    """A signed envelope of a region at the table."""
    fields = Header(
        type=type, sender=sender, log=f"net.example/{sender}/1", head_size=1, head_root=bytes(32), study=STUDY,
        round=round, session=sid, body=dict(body), bytes=len(data),
        sha256=hashlib.sha256(data).digest() if data else None,
    )  # fmt: skip
    return build(fields, key_of(sender))


_verified: set[tuple[bytes, bytes]] = set()


def check(carried: Envelope) -> None:
    """What a region asks of what comes inside another envelope: that its sender has signed it."""
    if (carried.eid, carried.signature) not in _verified:
        verify(carried, key_of(carried.fields.sender).public)
        _verified.add((carried.eid, carried.signature))


class Table:
    """One session.

    Attributes:
        said: Every envelope with its payload, in the order in which it was said.
    """

    def __init__(
        self,
        members: int | Sequence[str],
        *,
        ring: int = 32,
        words: int = 8,
        weights: Mapping[str, int] | None = None,
        planned: int | None = None,
        hidden: int = 2,
        colluders: int | None = None,
        groups: tuple[frozenset[str], ...] | None = None,
        prg: str = "aes256ctr",
        seed: object = 0,
    ) -> None:
        self.names = [f"m{i:02d}" for i in range(members)] if isinstance(members, int) else list(members)
        degree = planned or len(self.names)
        self.rules = SessionRules(
            tuple(self.names), (degree - 1) // 3 if colluders is None else colluders, hidden, ring, prg, groups=groups
        )
        self.sid = session_id(STUDY, 0, RECEIVER, ROSTER)
        self.entropy = SeededEntropy(seed, "recoverable table")
        self.weights = dict(weights or {})
        self.words = words
        self.receiver = RecoverableReceiver(
            self.sid, 0, 0, RECEIVER, self.rules, words=words, lasting=lasting(RECEIVER), weights=self.weights
        )
        self.members = {
            name: RecoverableMember(
                self.sid, 0, 0, name, RECEIVER, self.rules,
                lasting=lasting(name), check=check, weight=self.weights.get(name, 1),
            )
            for name in self.names
        }  # fmt: skip
        self.said: list[Said] = []

    # ---------------------------------------------------------------- one thing said

    def seal(self, sender: str, statement: Statement) -> Said:
        """Seal a statement and tell its machine."""
        data = bytes(statement.payload) if statement.payload is not None else b""
        made = envelope(sender, statement.type, statement.body, self.sid, data)
        (self.receiver if sender == RECEIVER else self.members[sender]).sealed(made, data or None)
        self.said.append((made, data))
        return made, data

    # ---------------------------------------------------------------- steps

    def announce(self, names: Collection[str] | None = None) -> None:
        """These announce themselves."""
        for name in self.names if names is None else sorted(names):
            self.receiver.announce(self.seal(name, self.members[name].advert(self.entropy, None))[0])

    def cohort(self) -> Said:
        """The receiver names the cohort."""
        statement = self.receiver.cohort(self.entropy, "mix", [])
        assert statement is not None
        return self.seal(RECEIVER, statement)

    def share(self, cohort: Said, names: Collection[str] | None = None) -> None:
        """These answer the cohort with their shares."""
        for name in self.receiver.members if names is None else sorted(names):
            self.members[name].check_cohort(*cohort)
            shares = self.seal(name, self.members[name].share(self.entropy))
            assert self.receiver.awaits(shares[0])
            self.receiver.take_shares(*shares)

    def route(self) -> Said:
        """The receiver hands the shares on."""
        statement = self.receiver.route()
        assert statement is not None
        return self.seal(RECEIVER, statement)

    def mask(self, routed: Said, values: Mapping[str, Vector]) -> None:
        """These send their values; each has its RECEIPT back."""
        for name in sorted(values):
            assert self.members[name].on_routed(*routed) is None
            masked = self.seal(name, self.members[name].mask(values[name]))
            assert self.receiver.awaits(masked[0])
            self.members[name].on_receipt(self.seal(RECEIVER, self.receiver.add(*masked))[0])

    def survive(self) -> Said:
        """The receiver declares who is in."""
        statement = self.receiver.survive()
        assert statement is not None
        return self.seal(RECEIVER, statement)

    def confirm(self, survivors: Said, names: Collection[str] | None = None) -> Said | None:
        """These sign the survivors; CONFIRMS once enough have."""
        confirms = None
        for name in self.receiver.survivors if names is None else sorted(names):
            self.members[name].check_survivors(*survivors)
            signed, _ = self.seal(name, self.members[name].confirm())
            if self.receiver.awaits(signed):
                statement = self.receiver.take_confirm(signed)
                confirms = self.seal(RECEIVER, statement) if statement is not None else confirms
        return confirms

    def reveal(self, confirms: Said, names: Collection[str] | None = None) -> None:
        """These reveal their shares, until the receiver has enough."""
        for name in self.receiver.survivors if names is None else sorted(names):
            revealed = self.seal(name, self.members[name].on_confirms(*confirms))
            if self.receiver.awaits(revealed[0]):
                self.receiver.take_reveal(*revealed)

    # ---------------------------------------------------------------- whole sessions

    def values(self, seed: int = 0) -> dict[str, Vector]:
        """Values whose weighted sum the ring can hold, with both extremes among them."""
        info = np.iinfo(f"i{self.rules.ring // 8}")
        bound = int(info.max) // max(1, sum(self.weights.get(name, 1) for name in self.names))
        rng = np.random.default_rng(seed)
        values = {name: rng.integers(-bound, bound, self.words, endpoint=True, dtype=info.dtype) for name in self.names}
        for value in values.values():
            value[0], value[-1] = bound, -bound
        return values

    def plain(self, values: Mapping[str, Vector], names: Collection[str]) -> list[int]:
        """The sum in plain integers, the oracle."""
        return [sum(self.weights.get(name, 1) * int(values[name][i]) for name in names) for i in range(self.words)]

    def run(
        self,
        values: Mapping[str, Vector],
        *,
        unshared: Collection[str] = (),
        unmasked: Collection[str] = (),
        unconfirmed: Collection[str] = (),
        unrevealed: Collection[str] = (),
    ) -> ReceiverState:
        """A whole session in which these are lost: before SHARES, before MASKED, before CONFIRM, before REVEAL."""
        self.announce()
        self.share(self.cohort(), set(self.names) - set(unshared))
        routed = self.receiver.route()
        if routed is None:
            return self.receiver.state
        here = set(self.receiver.routed) - set(unmasked)
        self.mask(self.seal(RECEIVER, routed), {name: values[name] for name in here})
        survivors = self.receiver.survive()
        if survivors is None:
            return self.receiver.state
        here -= set(unconfirmed)
        confirms = self.confirm(self.seal(RECEIVER, survivors), here.intersection(self.receiver.survivors))
        if confirms is None:
            self.receiver.void("missing")
            return self.receiver.state
        self.reveal(confirms, here.intersection(self.receiver.survivors) - set(unrevealed))
        if not self.receiver.is_final:
            self.receiver.void("missing")
        return self.receiver.state

    def total(self) -> list[int]:
        """The opened sum."""
        return [int(x) for x in self.receiver.total()]
