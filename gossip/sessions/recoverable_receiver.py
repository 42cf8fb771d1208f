"""One secure sum that survives losses: this region as receiver.

    OPEN ─cohort─► COHORT ─route─► ROUTED ─survive─► SURVIVORS ─confirms─► CONFIRMS ─reveals─► DONE
    too few at any of these, or a deadline: VOID

How it is driven. Envelopes come in admitted, with their payload, and only when ``awaits(envelope)``; a
``CodecError`` or ``CryptoError`` refuses that one message and leaves the state as it is. Statements go out, are
sealed by the caller and come back in through ``sealed``. Times are the caller's:

    receiver.announce(advert)                                   # while OPEN
    statement = receiver.cohort(entropy, "mix", absents)        # all here, or T_adv; None: VOID, see ``reason``
    receiver.take_shares(envelope, payload)                     # until ``has_all_shares``, or T_share:
    statement = receiver.route()                                # None: VOID
    statement = receiver.add(envelope, payload)                 # a RECEIPT; until ``has_all_values``, or T_mask:
    statement = receiver.survive()                              # None: VOID
    statement = receiver.take_confirm(envelope)                 # CONFIRMS once t have signed, else None
    receiver.take_reveal(envelope, payload)                     # DONE, or VOID, once there are shares enough
    receiver.total(), receiver.opened                           # when DONE
    receiver.void("missing")                                    # T_conf, T_reveal

``to`` names whom a statement goes to, ``missing`` for whom it waits, ``blamed`` who has dealt or revealed false
shares. Blame is local: a proof would need the key of the share channel.

Rules kept here, and nowhere else:
  * one COHORT, one ROUTED, one SURVIVORS: what comes after its turn changes nothing any more;
  * a share counts if it is the one that was committed to; the joined seeds must be those of the mask key in the
    ADVERT and of the commitment in the MASKED. Else VOID: never a wrong sum;
  * nothing of a session that is VOID is opened, and what was added up is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from crypto.agreement import x25519_public
from crypto.errors import CryptoError
from crypto.masking import add_masks
from gossip.events import Buffer
from gossip.sessions.carried import Shares, read_reveal, read_shares
from gossip.sessions.derived import MASK_KEY, SELF, Channel, share_commitment
from gossip.sessions.rules import SessionRules
from gossip.sessions.session import Entropy, ReceiverState, Statement, add_weighted, check_mask_key, receipt
from gossip.sessions.sharing import OpenedSeed, joined_pairs, joined_self
from protocol.codec import Value
from protocol.envelope import Envelope, encode_carried
from protocol.errors import CodecError
from protocol.fixed_point import RING_DTYPES

_TAKES = {
    "SHARES": ReceiverState.COHORT,
    "MASKED": ReceiverState.ROUTED,
    "COMPLAINT": ReceiverState.ROUTED,
    "CONFIRM": ReceiverState.SURVIVORS,
    "REVEAL": ReceiverState.CONFIRMS,
}


class RecoverableReceiver:
    """This region's session as receiver.

    Args:
        rules: What the plan says of it.
        words: Length m of the vectors.
        lasting: Returns X25519 of the own and a region's lasting keys, 32 bytes.
        weights: a_j by sender, odd; left out: 1.
    """

    def __init__(
        self,
        sid: bytes,
        round: int,
        bucket: int,
        me: str,
        rules: SessionRules,
        *,
        words: int,
        lasting: Callable[[str], bytes],
        weights: Mapping[str, int] | None = None,
    ) -> None:
        self.sid = sid
        self.round = round
        self.bucket = bucket
        self.rules = rules
        self.state = ReceiverState.OPEN
        self.adverts: dict[str, Envelope] = {}
        self.members: tuple[str, ...] = ()
        self.routed: tuple[str, ...] = ()
        self.survivors: tuple[str, ...] = ()
        self.left_out: dict[str, str] = {}
        self.blamed: list[tuple[str, str]] = []
        self.opened: tuple[OpenedSeed, ...] = ()
        self.sent: list[tuple[Envelope, Buffer | None, tuple[str, ...]]] = []
        self.reason: str | None = None
        self._me = me
        self._lasting = lasting
        self._weights = dict(weights or {})
        self._dtype = np.dtype(RING_DTYPES[rules.ring])
        self._words = words
        self._said: dict[str, bytes] = {}
        self._complained: set[str] = set()
        self._shares: dict[str, Shares] = {}
        self._masked: dict[str, Envelope] = {}
        self._confirms: dict[str, Envelope] = {}
        self._revealed: set[str] = set()
        self._sums: dict[frozenset[str], NDArray[np.unsignedinteger[Any]]] = {}
        self._forget()

    def _forget(self) -> None:
        self._ephemeral = b""
        self._joining: dict[str, dict[int, bytes]] = {}

    def __reduce__(self) -> NoReturn:
        raise TypeError("a receiver's session holds secrets: it is neither copied nor written down")

    # ---------------------------------------------------------------- turns

    def sealed(self, envelope: Envelope, payload: Buffer | None = None) -> None:
        """Take this region's own envelope of what it stated last; kept for sending again until the session ends."""
        self._said[envelope.fields.type] = envelope.eid
        self.sent.append((envelope, payload, self.to(envelope)))

    def to(self, envelope: Envelope) -> tuple[str, ...]:
        """Whom a statement of this session goes to."""
        match envelope.fields.type:
            case "COHORT":
                return self.members
            case "ROUTED":
                return self.routed
            case "RECEIPT":
                return (str(envelope.fields.body["about"]),)
            case _:
                return self.survivors

    def awaits(self, envelope: Envelope) -> bool:
        """Whether this message of a member has its turn, and is the first of its kind."""
        fields = envelope.fields
        name, type, body = fields.sender, fields.type, fields.body
        if (fields.session, fields.round) != (self.sid, self.round) or _TAKES.get(type) is not self.state:
            return False
        match type:
            case "SHARES":
                return name in self.members and name not in self._shares and body["cohort"] == self._said.get("COHORT")
            case "MASKED":
                return name in self.missing and body["view"] == self._said.get("ROUTED") and body["self_commit"] != b""
            case "COMPLAINT":
                return name in self.missing and body["about"] in self.routed and body["about"] != name
            case _:  # CONFIRM, REVEAL
                return name in self.missing and body["survivors"] == self._said.get("SURVIVORS")

    def _expect(self, envelope: Envelope) -> None:
        if not self.awaits(envelope):
            raise ValueError(f"{envelope.fields.type} of {envelope.fields.sender} is not awaited in {self.state.value}")

    @property
    def missing(self) -> tuple[str, ...]:
        """Members whose next message is not here yet, ascending."""
        awaited: Sequence[str]
        heard: Any
        match self.state:
            case ReceiverState.COHORT:
                awaited, heard = self.members, self._shares
            case ReceiverState.ROUTED:
                awaited, heard = self.routed, {*self._masked, *self._complained}
            case ReceiverState.SURVIVORS:
                awaited, heard = self.survivors, self._confirms
            case ReceiverState.CONFIRMS:
                awaited, heard = self.survivors, self._revealed
            case _:
                return ()
        return tuple(name for name in awaited if name not in heard)

    @property
    def is_final(self) -> bool:
        """DONE or VOID."""
        return self.state in (ReceiverState.DONE, ReceiverState.VOID)

    # ---------------------------------------------------------------- before training

    def announce(self, advert: Envelope) -> None:
        """Take in one ADVERT while OPEN.

        Raises:
            CryptoError: A key in it is of small order, or its mask key another's: no member answers such a cohort.
        """
        if self.state is ReceiverState.OPEN:
            check_mask_key(_bytes(advert, "mask_key"))
            check_mask_key(_bytes(advert, "eph"))
            name, key = advert.fields.sender, advert.fields.body["mask_key"]
            if any(one.fields.body["mask_key"] == key for other, one in self.adverts.items() if other != name):
                raise CryptoError(f"the mask key of {name} is that of another member, too")
            self.adverts[name] = advert

    def cohort(
        self, entropy: Entropy, kind: str, absents: Sequence[Envelope], since: Mapping[str, int] | None = None
    ) -> Statement | None:
        """Name all who announced themselves, in whole groups, as the cohort; None and VOID if they are too few."""
        if self.state is not ReceiverState.OPEN:
            raise ValueError(f"a session names one cohort; this one is {self.state.value}")
        self.members = self.rules.whole(self.adverts)
        n = len(self.members)
        if n < self.rules.fewest(n):
            self.void("too-few")
            return None
        self._ephemeral = entropy(32)
        self.state = ReceiverState.COHORT
        carried: list[tuple[Envelope, bytes | None]] = [(self.adverts[name], None) for name in self.members]
        carried += [(envelope, None) for envelope in absents]
        counted = since or {}
        members: list[Value] = [[name, self.adverts[name].eid, counted.get(name)] for name in self.members]
        body: dict[str, Value] = {
            "members": members, "eph": x25519_public(self._ephemeral), "kind": kind, "variant": "recoverable",
        }  # fmt: skip
        return Statement("COHORT", body, encode_carried(carried))

    def take_shares(self, envelope: Envelope, payload: bytes) -> None:
        """Take one member's shares.

        Raises:
            CodecError: They are not what the cohort asks for; the member counts as lost.
        """
        self._expect(envelope)
        self._shares[envelope.fields.sender] = read_shares(envelope, bytes(payload), self._said["COHORT"], self.members)

    @property
    def has_all_shares(self) -> bool:
        """Whether ROUTED need not wait."""
        return self.state is ReceiverState.COHORT and not self.missing

    def route(self) -> Statement | None:
        """Hand the shares on to who has sent theirs, in whole groups; None and VOID if they are too few."""
        if self.state is not ReceiverState.COHORT:
            raise ValueError(f"ROUTED follows COHORT; this session is {self.state.value}")
        self.routed = self.rules.whole(self._shares)
        if len(self.routed) < self.rules.fewest(len(self.members)):
            self.void("too-few")
            return None
        self.state = ReceiverState.ROUTED
        members: list[Value] = [[name, self._shares[name].envelope.eid] for name in self.routed]
        carried = [(self._shares[name].envelope, self._shares[name].payload) for name in self.routed]
        return Statement("ROUTED", {"cohort": self._said["COHORT"], "members": members}, encode_carried(carried))

    # ---------------------------------------------------------------- after training

    def add(self, envelope: Envelope, payload: Buffer) -> Statement:
        """Add one member's value; returns its RECEIPT.

        Raises:
            CodecError: A payload of another length.
        """
        self._expect(envelope)
        if len(payload) != self._words * self._dtype.itemsize:
            raise CodecError(f"a MASKED of {len(payload)} bytes; expected {self._words * self._dtype.itemsize}")
        name = envelope.fields.sender
        # With groups one sum each, since a group is left out as a whole.
        group = self.rules.group_of(name) if self.rules.groups is not None else frozenset[str]()
        if group not in self._sums:
            self._sums[group] = np.zeros(self._words, dtype=self._dtype)
        add_weighted(self._sums[group], payload, self._weights.get(name, 1))
        self._masked[name] = envelope
        return receipt(envelope)

    def take_complaint(self, envelope: Envelope) -> None:
        """A member has found another's shares bad and left; nobody waits for it."""
        self._expect(envelope)
        self._complained.add(envelope.fields.sender)
        self.blamed.append((str(envelope.fields.body["about"]), f"complaint of {envelope.fields.sender}"))

    @property
    def has_all_values(self) -> bool:
        """Whether SURVIVORS need not wait."""
        return self.state is ReceiverState.ROUTED and not self.missing

    def survive(self) -> Statement | None:
        """Declare who is in and who was left out; None and VOID if too few are in."""
        if self.state is not ReceiverState.ROUTED:
            raise ValueError(f"SURVIVORS follows ROUTED, once; this session is {self.state.value}")
        self.survivors = self.rules.whole(self._masked)
        if len(self.survivors) < self.rules.threshold(len(self.members)):
            self.void("missing")
            return None
        self.left_out = {
            name: "group" if name in self._masked else "lost" for name in self.routed if name not in self.survivors
        }
        self.state = ReceiverState.SURVIVORS
        members: list[Value] = [[name, self._masked[name].eid] for name in self.survivors]
        out: list[Value] = [[name, why] for name, why in self.left_out.items()]
        body: dict[str, Value] = {"view": self._said["ROUTED"], "members": members, "left_out": out}
        return Statement("SURVIVORS", body, encode_carried([(self._masked[name], None) for name in self.survivors]))

    def take_confirm(self, envelope: Envelope) -> Statement | None:
        """Take one signature under the survivors; returns CONFIRMS with the t-th."""
        self._expect(envelope)
        self._confirms[envelope.fields.sender] = envelope
        if len(self._confirms) < self.rules.threshold(len(self.members)):
            return None
        self.state = ReceiverState.CONFIRMS
        carried = encode_carried([(one, None) for one in self._confirms.values()])
        return Statement("CONFIRMS", {"survivors": self._said["SURVIVORS"]}, carried)

    def take_reveal(self, envelope: Envelope, payload: bytes) -> None:
        """Take one survivor's shares; with enough of them the sum is opened: DONE, or VOID if a member dealt falsely.

        Raises:
            CodecError, CryptoError: It does not open, or is not one share of each; another survivor's may do.
        """
        self._expect(envelope)
        name = envelope.fields.sender
        self._revealed.add(name)
        try:
            channel = Channel.between(
                self._me, self._ephemeral, x25519_public(self._ephemeral), name,
                _bytes(self.adverts[name], "eph"), self._lasting(name), self._said["COHORT"],
            )  # fmt: skip
            shares = read_reveal(channel.unseal("REVEAL", bytes(payload)), self.routed)
        except (CodecError, CryptoError):
            self.blamed.append((name, "reveal"))
            if not self.missing:
                self.void("missing")
            raise
        at = self.members.index(name)
        for about, share in shares.items():
            kind = SELF if about in self.survivors else MASK_KEY
            committed = self._shares[about].commits[at][kind == SELF]
            if share_commitment(self._said["COHORT"], about, name, kind, share) != committed:
                self.blamed.append((name, f"share of {about}"))
            else:
                self._joining.setdefault(about, {})[at + 1] = share
        t = self.rules.threshold(len(self.members))
        if all(len(self._joining.get(one, ())) >= t for one in self.routed):
            self._open(t)
        elif not self.missing:
            self.void("missing")

    # ---------------------------------------------------------------- the end

    def _open(self, t: int) -> None:
        """Join the seeds, check them against what their owners have said, and take the masks away."""
        cohort, keys = self._said["COHORT"], {name: _bytes(one, "mask_key") for name, one in self.adverts.items()}
        plus: list[bytes] = []
        minus: list[bytes] = []
        opened: list[OpenedSeed] = []
        for name in self.routed:
            shares = self._joining[name]
            first = {x: shares[x] for x in sorted(shares)[:t]}
            try:
                if name in self.survivors:
                    found = joined_self(name, first, cohort, _bytes(self._masked[name], "self_commit"))
                else:
                    found = joined_pairs(name, first, self.sid, cohort, keys, self.survivors)
            except CryptoError:
                # All these shares are those that their dealer has committed to: nobody else can have spoilt them.
                self.blamed.append((name, "dealt"))
                self.void("refused")
                return
            for one in found:
                (plus if one.of is not None and one.of > name else minus).append(one.seed)
            opened += found
        total = self._sum_of_survivors()
        add_masks(total, plus, minus, prg=self.rules.prg)
        self._sums = {frozenset(): total}
        self.opened = tuple(opened)
        self._forget()
        self.state = ReceiverState.DONE

    def _sum_of_survivors(self) -> NDArray[np.unsignedinteger[Any]]:
        sums = [total for group, total in self._sums.items() if group.issubset(self.survivors)]
        total = sums[0]
        for other in sums[1:]:
            np.add(total, other, out=total)
        return total

    def _dealt_falsely(self, name: str) -> None:
        self.blamed.append((name, "dealt"))
        self.void("refused")

    def total(self) -> NDArray[np.signedinteger]:
        """Return S, the sum of a_j X_j over the survivors as two's complement, shape (m,); only when DONE."""
        if self.state is not ReceiverState.DONE:
            raise ValueError(f"a session that is {self.state.value} opens nothing")
        return self._sums[frozenset()].view(f"<i{self._dtype.itemsize}")

    def void(self, reason: str) -> None:
        """End without a sum; secrets and what was added up are dropped."""
        self._forget()
        self._sums, self.opened = {}, ()
        self.state = ReceiverState.VOID
        self.reason = reason


def _bytes(envelope: Envelope, name: str) -> bytes:
    key = envelope.fields.body[name]
    assert isinstance(key, bytes)
    return key
