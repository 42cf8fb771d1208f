"""One secure sum towards one receiver: what both variants share, and the two machines of the strict one.

A *session* belongs to (study, round, receiver, bucket). Every member announces itself with a fresh
X25519 mask key; the receiver names the *cohort*; every pair of members derives one seed, salted by
the digest of that COHORT, and the two masks made from it cancel in the sum and only there.

Rules kept here, and nowhere else:
  * a member masks once, for the first COHORT it takes, and forgets its secrets in the same breath;
  * the receiver opens the sum of the whole cohort or nothing: one missing value and the session is VOID;
  * ABORTED, CLOSED, DONE and VOID are final.

The variant that survives losses: ``recoverable_member``, ``recoverable_receiver``. Who may be in a cohort,
deadlines and what is logged: ``sender``, ``round``, ``sums``. State diagram: README.md. Construction after
Bonawitz et al. (CCS 2017).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crypto.agreement import x25519, x25519_public
from crypto.masking import add_masks
from gossip.events import Buffer
from gossip.sessions.derived import mask_key, pair_seed
from protocol.codec import Value, hash_of
from protocol.envelope import Envelope, decode_carried, encode_carried
from protocol.errors import CodecError
from protocol.fixed_point import RING_DTYPES
from protocol.weights import inverse

Entropy = Callable[[int], bytes]
_ANY_PRIVATE = bytes(31) + b"\x40"
_CHUNK_WORDS = 1 << 15


@dataclass(frozen=True, slots=True)
class Statement:
    """What a machine wants to say: whoever drives it seals it, logs it, sends it, and tells the machine."""

    type: str
    body: dict[str, Value]
    payload: Buffer | None = field(default=None, repr=False)


def session_id(study: bytes, round: int, receiver: str, roster: bytes, bucket: int = 0) -> bytes:
    """Return the 32-byte name of a session; it binds the plan, and with round and kind all its sizes."""
    return hash_of("sid", [study, round, receiver, roster, bucket])


def receipt(masked: Envelope) -> Statement:
    """Return the RECEIPT of a MASKED that was taken in: its sender's proof of delivery."""
    return Statement("RECEIPT", {"about": masked.fields.sender, "masked": masked.eid})


def add_weighted(total: NDArray[np.unsignedinteger[Any]], data: Buffer, weight: int) -> None:
    """Add ``weight`` times the words of a payload to ``total``, in place, mod 2^w.

    Args:
        total: Shape (m,), unsigned, of the ring's width.
        data: Exactly as many little-endian words.
        weight: At least 1; counted mod 2^w.
    """
    words = np.frombuffer(data, dtype=total.dtype)
    if words.shape != total.shape:
        raise ValueError(f"a payload of {words.size} words; expected {total.size}")
    if weight == 1:
        np.add(total, words, out=total)
        return
    # Multiplied in the unsigned dtype, so that it wraps; in chunks, so that no second vector is held.
    times = total.dtype.type(weight % (1 << 8 * total.dtype.itemsize))
    scratch = np.empty(min(_CHUNK_WORDS, total.size), dtype=total.dtype)
    for start in range(0, total.size, _CHUNK_WORDS):
        part = total[start : start + _CHUNK_WORDS]
        np.multiply(words[start : start + part.size], times, out=scratch[: part.size])
        np.add(part, scratch[: part.size], out=part)


@dataclass(frozen=True, slots=True)
class Cohort:
    """A COHORT as a member reads it.

    Attributes:
        envelope: The receiver's COHORT; its eid salts every mask.
        adverts: Member name to its ADVERT, in the order of names.
        absents: ABSENT envelopes that came with it, at most one a region.
        since: Member name to the last round whose value the receiver's running sum holds; None under ``full``.
    """

    envelope: Envelope
    adverts: Mapping[str, Envelope]
    absents: tuple[Envelope, ...]
    since: Mapping[str, int | None]

    @property
    def members(self) -> tuple[str, ...]:
        """Names of the cohort, ascending."""
        return tuple(self.adverts)

    @property
    def carried(self) -> tuple[Envelope, ...]:
        """All envelopes that came inside."""
        return (*self.adverts.values(), *self.absents)


def check_mask_key(public: bytes) -> None:
    """Refuse a mask key on which any two would agree alike.

    Raises:
        CryptoError: It is of small order: every shared secret would be all zeros.
    """
    x25519(_ANY_PRIVATE, public)


def read_cohort(envelope: Envelope, payload: bytes) -> Cohort:
    """Return the cohort of a COHORT and its payload; signatures of what it carries are not checked here.

    Raises:
        CodecError: Members and carried ADVERTs do not match, something stands twice, another session or round.
    """
    body = envelope.fields.body
    members: Sequence[Sequence[Value]] = body["members"]  # type: ignore[assignment]
    adverts: dict[str, Envelope] = {}
    absents: list[Envelope] = []
    for carried, inner in decode_carried(payload):
        if inner is not None:
            raise CodecError(f"COHORT carries a payload inside {carried.fields.type}; expected none")
        if carried.fields.type == "ADVERT":
            if (carried.fields.session, carried.fields.round) != (envelope.fields.session, envelope.fields.round):
                raise CodecError(f"COHORT carries an ADVERT of {carried.fields.sender} for another session")
            if carried.fields.sender in adverts:
                raise CodecError(f"COHORT carries two ADVERTs of {carried.fields.sender}")
            adverts[carried.fields.sender] = carried
        elif carried.fields.type == "ABSENT":
            if absents and absents[-1].fields.sender == carried.fields.sender:
                raise CodecError(f"COHORT carries two ABSENTs of {carried.fields.sender}")
            absents.append(carried)
        else:
            raise CodecError(f"COHORT carries {carried.fields.type}; expected ADVERT or ABSENT")
    named = {str(m[0]): m[1] for m in members}
    if list(named) != sorted(adverts) or any(adverts[name].eid != digest for name, digest in named.items()):
        raise CodecError("COHORT names other members than the ADVERTs it carries")
    keys = [a.fields.body["mask_key"] for a in adverts.values()]
    if len(set(map(bytes, keys))) != len(keys):  # type: ignore[arg-type]
        raise CodecError("COHORT holds one mask key twice")
    since: dict[str, int | None] = {str(m[0]): m[2] for m in members}  # type: ignore[misc]
    return Cohort(envelope, {n: adverts[n] for n in sorted(adverts)}, tuple(absents), since)


class MemberState(Enum):
    """States of a member; SHARED and CONFIRMED in the recoverable variant only."""

    INIT = "init"
    ADVERTISED = "advertised"
    SHARED = "shared"
    MASKED = "masked"
    CONFIRMED = "confirmed"
    CLOSED = "closed"
    ABORTED = "aborted"


class MemberSession:
    """This region as one member of another's session."""

    def __init__(self, sid: bytes, round: int, bucket: int, me: str, receiver: str) -> None:
        self.sid = sid
        self.round = round
        self.bucket = bucket
        self.receiver = receiver
        self.state = MemberState.INIT
        self.sent: list[tuple[Envelope, Buffer | None]] = []
        self._me = me
        self._private: bytes | None = None
        self._public = b""

    def advert(self, entropy: Entropy, stats: bytes | None, need_state: bool = False) -> dict[str, Value]:
        """Return the body of this member's ADVERT, with fresh keys; ``need_state``: see ``exchange``."""
        if self.state is not MemberState.INIT:
            raise ValueError(f"a session announces once; this one is {self.state.value}")
        # 31 random bytes: the seed fits the field of the recoverable variant's shares.
        self._private = mask_key(entropy(31), self.sid, self._me)
        self._public = x25519_public(self._private)
        self.state = MemberState.ADVERTISED
        return {
            "mask_key": self._public,
            "eph": x25519_public(entropy(32)),
            "need_state": need_state,
            "stats": stats,
        }

    def mask(
        self,
        cohort: Cohort,
        value: NDArray[np.signedinteger],
        *,
        masked: bool,
        weight: int = 1,
        prg: str = "aes256ctr",
    ) -> memoryview:
        """Return this member's payload y = X + a^-1 masks mod 2^w; its secrets are gone afterwards.

        Args:
            cohort: Contains this member's own ADVERT, unchanged.
            value: X, signed integers of the ring's width, shape (m,).
            masked: False only under ``masking.mode = "off"``: the same session with all masks zero.
            weight: a, odd, by which the receiver multiplies y.
            prg: Name of the stream, as the plan says.

        Raises:
            ValueError: Not ADVERTISED (one session masks once), or an even weight.
            CryptoError: A member's key agrees on nothing.
        """
        if self.state is not MemberState.ADVERTISED or self._private is None:
            raise ValueError(f"a member masks once, after its ADVERT; this one is {self.state.value}")
        factor = inverse(weight, 8 * value.dtype.itemsize)
        plus: list[bytes] = []
        minus: list[bytes] = []
        for name, advert in cohort.adverts.items():
            if name == self._me:
                continue
            theirs = bytes(advert.fields.body["mask_key"])  # type: ignore[arg-type]
            seed = pair_seed(self._private, self._public, cohort.envelope.eid, self._me, name, theirs)
            (plus if name > self._me else minus).append(seed)
        y = value.view(f"<u{value.dtype.itemsize}").copy()
        if masked:
            add_masks(y, plus, minus, prg=prg, factor=factor)
        self._private = None
        self.state = MemberState.MASKED
        return y.data.cast("B")

    def close(self, state: MemberState) -> None:
        """End the session: CLOSED or ABORTED; drops secrets and the payload kept for sending again."""
        self._private = None
        self.state = state
        if state is MemberState.ABORTED:
            self.sent = [(envelope, payload) for envelope, payload in self.sent if payload is None]
        else:
            self.sent = []

    @property
    def is_open(self) -> bool:
        """Whether the session can still do something."""
        return self.state in (MemberState.ADVERTISED, MemberState.MASKED)


class ReceiverState(Enum):
    """States of a receiver; ROUTED, SURVIVORS and CONFIRMS in the recoverable variant only."""

    OPEN = "open"
    COHORT = "cohort"
    ROUTED = "routed"
    SURVIVORS = "survivors"
    CONFIRMS = "confirms"
    DONE = "done"
    VOID = "void"


class ReceiverSession:
    """This region as receiver: gathers announcements, names the cohort, adds up what comes.

    Args:
        planned: All regions that the plan lets send, N(i).
        needed: Fewest members of a cohort, h + c.
        ring: Width w in bits.
        weights: Member to a_j, odd, by which its value is multiplied; who is not named weighs 1.
    """

    def __init__(
        self,
        sid: bytes,
        round: int,
        bucket: int,
        planned: Sequence[str],
        needed: int,
        ring: int,
        weights: Mapping[str, int] | None = None,
    ) -> None:
        self.sid = sid
        self.round = round
        self.bucket = bucket
        self.planned = tuple(planned)
        self.needed = needed
        self.state = ReceiverState.OPEN
        self.adverts: dict[str, Envelope] = {}
        self.members: tuple[str, ...] = ()
        self.sent: tuple[Envelope, bytes] | None = None
        self.reason: str | None = None
        self._weights = dict(weights or {})
        self._dtype = np.dtype(RING_DTYPES[ring])
        self._missing: set[str] = set()
        self._sum: NDArray[np.unsignedinteger] | None = None

    def announce(self, advert: Envelope) -> None:
        """Take in one ADVERT while OPEN."""
        if self.state is ReceiverState.OPEN:
            self.adverts[advert.fields.sender] = advert

    def cohort(
        self, entropy: Entropy, kind: str, absents: Sequence[Envelope], since: Mapping[str, int] | None = None
    ) -> tuple[dict[str, Value], bytes]:
        """Name all who announced themselves as the cohort; returns body and payload of the COHORT.

        Args:
            since: Member to the last round whose value is counted; nil for who is not named.

        Raises:
            ValueError: Not OPEN, or fewer than ``needed`` announced.
        """
        if self.state is not ReceiverState.OPEN or len(self.adverts) < self.needed:
            raise ValueError(f"{len(self.adverts)} announced in state {self.state.value}; {self.needed} are needed")
        self.members = tuple(sorted(self.adverts))
        self._missing = set(self.members)
        self.state = ReceiverState.COHORT
        if kind == "state":
            self._dtype = np.dtype(RING_DTYPES[64])
        carried: list[tuple[Envelope, bytes | None]] = [(self.adverts[name], None) for name in self.members]
        carried += [(envelope, None) for envelope in absents]
        counted = since or {}
        members: list[Value] = [[name, self.adverts[name].eid, counted.get(name)] for name in self.members]
        body: dict[str, Value] = {
            "members": members,
            "eph": x25519_public(entropy(32)),
            "kind": kind,
            "variant": "strict",
        }
        return body, encode_carried(carried)

    def add(self, sender: str, data: Buffer, others: Collection[str] = ()) -> None:
        """Add one member's payload; DONE when it was the last.

        Args:
            others: Members whose values are in it, too, where a tree adds up on the way.

        Raises:
            ValueError: No COHORT yet, or a sender that is not awaited.
        """
        if self.state is not ReceiverState.COHORT or not self._missing.issuperset({sender, *others}):
            raise ValueError(f"no value of {sender} is awaited")
        if self._sum is None:
            self._sum = np.zeros(len(data) // self._dtype.itemsize, dtype=self._dtype)
        add_weighted(self._sum, data, self._weights.get(sender, 1))
        self._missing -= {sender, *others}
        if not self._missing:
            self.state = ReceiverState.DONE

    def disclose(self, values: Mapping[str, Buffer]) -> None:
        """Add up values that came unmasked (``masking.on_unmaskable = "disclose"``); DONE."""
        self.members = tuple(sorted(values))
        self._missing = set(self.members)
        self.state = ReceiverState.COHORT
        for name in self.members:
            self.add(name, values[name])

    def total(self) -> NDArray[np.signedinteger]:
        """Return S, the sum read as two's complement, shape (m,); only when DONE."""
        if self.state is not ReceiverState.DONE or self._sum is None:
            raise ValueError(f"a session that is {self.state.value} opens nothing")
        return self._sum.view(f"<i{self._dtype.itemsize}")

    def void(self, reason: str) -> None:
        """End without a sum; what was added up is dropped."""
        self.state = ReceiverState.VOID
        self.reason = reason
        self._sum = None

    def awaits(self, masked: Envelope) -> bool:
        """Whether this MASKED is the answer of a member to the COHORT of this session, and the first."""
        fields = masked.fields
        return (
            self.state is ReceiverState.COHORT
            and self.sent is not None
            and fields.session == self.sid
            and fields.round == self.round
            and fields.body["view"] == self.sent[0].eid
            and fields.sender in self._missing
        )

    @property
    def missing(self) -> tuple[str, ...]:
        """Members of the cohort whose value is not here yet."""
        return tuple(sorted(self._missing))

    @property
    def is_final(self) -> bool:
        """DONE or VOID."""
        return self.state in (ReceiverState.DONE, ReceiverState.VOID)
