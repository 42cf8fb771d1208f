"""One secure sum that survives losses: this region as a member of another's session.

    INIT ─advert─► ADVERTISED ─check_cohort, share─► SHARED ─on_routed, mask─► MASKED ─check_survivors, confirm─►
    CONFIRMED ─on_confirms─► CLOSED          any failed check ─► ABORTED

How it is driven. Methods take envelopes that were admitted (form, signature, no contradiction) with their payload,
and return a ``Statement`` to seal as this region's own; the sealed envelope goes back in through ``sealed``, which
also keeps it for sending again:

    advert = member.advert(entropy, stats)                        # when the round begins, before training
    cohort = member.check_cohort(envelope, payload)               # then the change budget, then:
    shares = member.share(entropy)
    complaint = member.on_routed(envelope, payload)               # None, or a COMPLAINT and ABORTED
    masked = member.mask(value)                                   # when routed *and* the own value is ready
    member.on_receipt(envelope)                                   # no answer
    survivors = member.check_survivors(envelope, payload)         # then the change budget on survivors.members, then:
    confirm = member.confirm()
    reveal = member.on_confirms(envelope, payload)

``awaits(envelope)`` says whether a message has its turn; what has not leaves the state as it is. A raised
``CodecError``, ``CryptoError``, ``SessionError``, or what the given ``check`` raises for a carried envelope, has
ended the session: ABORTED, secrets gone. ``close`` ends it at its deadline.

Rules kept here, and nowhere else:
  * a member masks once, for the one ROUTED it takes, and forgets its own secrets in the same breath;
  * it reveals once, after t survivors have signed the one SURVIVORS that it confirmed, and of everybody one kind of
    share: of the self seed if it is in, of the mask key if it was left out;
  * it reveals nothing where it holds a RECEIPT for somebody who was declared lost.

Construction after Bonawitz et al. (CCS 2017), with all keys signed and masks bound to the cohort.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from crypto.agreement import x25519_public
from crypto.masking import add_masks
from crypto.shamir import SECRET_BYTES
from gossip.events import Buffer
from gossip.sessions.carried import Routed, Survivors, encode_reveal, read_confirms, read_routed, read_survivors
from gossip.sessions.derived import Channel, mask_key, pair_seed, self_commitment, self_seed
from gossip.sessions.rules import SessionError, SessionRules
from gossip.sessions.session import Cohort, Entropy, MemberState, Statement, read_cohort
from gossip.sessions.sharing import BadShare, Pair, deal, open_pair
from protocol.envelope import Envelope
from protocol.weights import inverse

_AWAITED = {
    MemberState.ADVERTISED: "COHORT",
    MemberState.SHARED: "ROUTED",
    MemberState.MASKED: "SURVIVORS",
    MemberState.CONFIRMED: "CONFIRMS",
}


class RecoverableMember:
    """This region in one session of a receiver.

    Args:
        rules: What the plan says of this receiver's sessions.
        weight: a_j, odd, by which the receiver multiplies this region's value.
        lasting: Returns X25519 of the own and a region's lasting keys (those of the roster), 32 bytes.
        check: Raises unless a carried envelope is signed by a participant and contradicts nothing held.
    """

    def __init__(
        self,
        sid: bytes,
        round: int,
        bucket: int,
        me: str,
        receiver: str,
        rules: SessionRules,
        *,
        lasting: Callable[[str], bytes],
        check: Callable[[Envelope], object],
        weight: int = 1,
    ) -> None:
        self.sid = sid
        self.round = round
        self.bucket = bucket
        self.receiver = receiver
        self.rules = rules
        self.state = MemberState.INIT
        self.sent: list[tuple[Envelope, Buffer | None]] = []
        self._me = me
        self._lasting = lasting
        self._check = check
        self._weight = weight
        self._own: dict[str, bytes] = {}
        self._receipts: set[str] = set()
        self._cohort: Cohort | None = None
        self._routed: Routed | None = None
        self._survivors: Survivors | None = None
        self._public = b""
        self._forget()

    def _forget(self) -> None:
        self._seed_c = self._seed_b = self._private = self._ephemeral = b""
        self._channels: dict[str, Channel] = {}
        self._shares: dict[str, Pair] = {}

    def __reduce__(self) -> NoReturn:
        raise TypeError("a member of a session holds secrets: it is neither copied nor written down")

    # ---------------------------------------------------------------- turns

    def sealed(self, envelope: Envelope, payload: Buffer | None = None) -> None:
        """Take this region's own envelope of what it stated last; kept for sending again until the session ends."""
        self._own[envelope.fields.type] = envelope.eid
        if self.state is not MemberState.ABORTED:
            self.sent.append((envelope, payload))

    def awaits(self, envelope: Envelope) -> bool:
        """Whether this message of the receiver has its turn."""
        fields = envelope.fields
        if (fields.session, fields.round, fields.sender) != (self.sid, self.round, self.receiver):
            return False
        if fields.type == "RECEIPT":
            # One for each whose shares were routed: a receiver may sign others without end.
            about, known = fields.body["about"], self._routed.members if self._routed is not None else ()
            return "MASKED" in self._own and about in known and about not in self._receipts
        waits = (
            self._cohort is None if self.state is MemberState.ADVERTISED
            else self._routed is None if self.state is MemberState.SHARED
            else self._survivors is None if self.state is MemberState.MASKED
            else True
        )  # fmt: skip
        return waits and _AWAITED.get(self.state) == fields.type

    def _expect(self, envelope: Envelope) -> None:
        if not self.awaits(envelope):
            raise ValueError(f"{envelope.fields.type} of {envelope.fields.sender} is not awaited in {self.state.value}")

    @contextmanager
    def _aborting(self) -> Iterator[None]:
        """A check that fails ends the session, with its secrets."""
        try:
            yield
        except BaseException:
            self.close(MemberState.ABORTED)
            raise

    # ---------------------------------------------------------------- before training

    def advert(self, entropy: Entropy, stats: bytes | None, need_state: bool = False) -> Statement:
        """Announce this member with fresh keys."""
        if self.state is not MemberState.INIT:
            raise ValueError(f"a session announces once; this one is {self.state.value}")
        self._seed_c, self._seed_b, self._ephemeral = entropy(SECRET_BYTES), entropy(SECRET_BYTES), entropy(32)
        self._private = mask_key(self._seed_c, self.sid, self._me)
        self._public = x25519_public(self._private)
        self.state = MemberState.ADVERTISED
        keys = {"mask_key": self._public, "eph": x25519_public(self._ephemeral)}
        return Statement("ADVERT", {**keys, "need_state": need_state, "stats": stats})

    def check_cohort(self, envelope: Envelope, payload: bytes) -> Cohort:
        """Return the cohort if it may be answered; the first one that passes is the session's.

        Raises:
            CodecError, CryptoError, SessionError: It may not; the session is ABORTED.
        """
        self._expect(envelope)
        with self._aborting():
            cohort, rules = read_cohort(envelope, payload), self.rules
            body = envelope.fields.body
            if body["variant"] != "recoverable":
                raise SessionError("variant", f"a COHORT of variant {body['variant']!r}; expected recoverable")
            if body["kind"] not in rules.kinds:
                raise SessionError("kind", f"a COHORT of kind {body['kind']!r}; expected {' or '.join(rules.kinds)}")
            strangers = sorted({one.fields.sender for one in cohort.carried}.difference(rules.planned))
            if strangers:
                raise SessionError("stranger", f"the plan does not let {', '.join(strangers)} send to {self.receiver}")
            mine = cohort.adverts.get(self._me)
            if mine is None or mine.eid != self._own.get("ADVERT"):
                raise SessionError("own-advert", "the COHORT does not hold this region's ADVERT unchanged")
            n = len(cohort.members)
            if n < rules.fewest(n):
                raise SessionError("too-few", f"a cohort of {n}; at least {rules.fewest(n)} hide one value")
            rules.check_whole(cohort.members, "the cohort")
            for carried in cohort.carried:
                self._check(carried)
        self._cohort = cohort
        return cohort

    def share(self, entropy: Entropy) -> Statement:
        """Share both secrets among the cohort that was checked."""
        cohort = self._cohort
        if self.state is not MemberState.ADVERTISED or cohort is None:
            raise ValueError(f"shares follow a checked cohort; this session is {self.state.value}")
        digest, members = cohort.envelope.eid, cohort.members
        own = x25519_public(self._ephemeral)
        with self._aborting():
            for name in (*members, self.receiver):
                if name == self._me:
                    continue
                theirs = _key(cohort.envelope if name == self.receiver else cohort.adverts[name], "eph")
                self._channels[name] = Channel.between(
                    self._me, self._ephemeral, own, name, theirs, self._lasting(name), digest
                )
        self._ephemeral = b""
        t = self.rules.threshold(len(members))
        statement, self._shares[self._me] = deal(
            self._seed_c, self._seed_b, t, self._me, self._channels, members, digest, entropy
        )
        self.state = MemberState.SHARED
        return statement

    def on_routed(self, envelope: Envelope, payload: bytes) -> Statement | None:
        """Take the shares of those who go on.

        Returns:
            None; or the COMPLAINT about the first whose shares are bad, and the session is ABORTED.

        Raises:
            CodecError, CryptoError, SessionError: The receiver broke a rule; the session is ABORTED.
        """
        self._expect(envelope)
        cohort, rules = self._need_cohort(), self.rules
        digest, members = cohort.envelope.eid, cohort.members
        with self._aborting():
            routed = read_routed(envelope, payload, digest, members)
            mine = routed.shares.get(self._me)
            if mine is None or mine.envelope.eid != self._own.get("SHARES"):
                raise SessionError("own-shares", "the ROUTED does not hold this region's SHARES unchanged")
            if len(routed.members) < rules.fewest(len(members)):
                raise SessionError(
                    "too-few", f"{len(routed.members)} go on; at least {rules.fewest(len(members))} of {len(members)}"
                )
            rules.check_whole(routed.members, "the ROUTED")
            for carried in routed.carried:
                self._check(carried)
        at = members.index(self._me)
        for name, shares in routed.shares.items():
            if name == self._me:
                continue
            try:
                self._shares[name] = open_pair(self._channels[name], shares, at)
            except BadShare as error:
                self.close(MemberState.ABORTED)
                return Statement("COMPLAINT", {"about": name, "reason": error.reason})
        self._channels = {self.receiver: self._channels[self.receiver]}
        self._routed = routed
        return None

    # ---------------------------------------------------------------- after training

    @property
    def routed(self) -> Routed | None:
        """What the receiver has routed, once it is here."""
        return self._routed

    @property
    def is_routed(self) -> bool:
        """Whether only the own value is missing."""
        return self.state is MemberState.SHARED and self._routed is not None

    def mask(self, value: NDArray[np.signedinteger]) -> Statement:
        """Return MASKED with y = X + (pair masks + self mask) / a mod 2^w; what made the masks is gone afterwards.

        Args:
            value: X, signed integers of the ring's width, shape (m,).

        Raises:
            ValueError: Not routed, masked already, or a value of another width.
            CryptoError: A mask key agrees on nothing; the session is ABORTED.
        """
        if not self.is_routed or self._routed is None:
            raise ValueError(f"a member masks once, after ROUTED; this one is {self.state.value}")
        if 8 * value.dtype.itemsize != self.rules.ring:
            raise ValueError(f"a value of {8 * value.dtype.itemsize} bits; expected {self.rules.ring}")
        cohort = self._need_cohort()
        digest = cohort.envelope.eid
        own = self_seed(self._seed_b, digest, self._me)
        plus: list[bytes] = [own]
        minus: list[bytes] = []
        with self._aborting():
            for name in self._routed.members:
                if name == self._me:
                    continue
                theirs = _key(cohort.adverts[name], "mask_key")
                seed = pair_seed(self._private, self._public, digest, self._me, name, theirs)
                (plus if name > self._me else minus).append(seed)
        y = value.view(f"<u{value.dtype.itemsize}").copy()
        add_masks(y, plus, minus, prg=self.rules.prg, factor=inverse(self._weight, self.rules.ring))
        self._seed_c = self._seed_b = self._private = b""
        self.state = MemberState.MASKED
        commitment = self_commitment(digest, self._me, own)
        return Statement("MASKED", {"view": self._routed.envelope.eid, "self_commit": commitment}, y.data.cast("B"))

    def on_receipt(self, envelope: Envelope) -> None:
        """Take a RECEIPT of the receiver, the own one or one that another member has shown.

        Raises:
            SessionError: It names another MASKED than this member's; the session is ABORTED.
        """
        self._expect(envelope)
        fields = envelope.fields
        about = str(fields.body["about"])
        with self._aborting():
            if about == self._me and fields.body["masked"] != self._own.get("MASKED"):
                raise SessionError("receipt", f"{self.receiver} signs for another value than this region has sent")
        self._receipts.add(about)

    def check_survivors(self, envelope: Envelope, payload: bytes) -> Survivors:
        """Return whose values the receiver wants to open the sum of, if that may be confirmed; the first and only one.

        Raises:
            CodecError, CryptoError, SessionError: It may not; the session is ABORTED.
        """
        self._expect(envelope)
        rules = self.rules
        with self._aborting():
            assert self._routed is not None
            survivors = read_survivors(envelope, payload, self._routed.envelope.eid, self._routed.members)
            lost = self._check_lost(survivors)
            if self._me in survivors.left_out:
                raise SessionError("left-out", "this region is not among the survivors")
            if survivors.masked[self._me].eid != self._own.get("MASKED"):
                raise SessionError("own-masked", "the SURVIVORS does not hold this region's MASKED unchanged")
            t = rules.threshold(len(self._need_cohort().members))
            if len(survivors.members) < t:
                raise SessionError("too-few", f"{len(survivors.members)} survivors; at least {t}")
            rules.check_whole(survivors.members, "the SURVIVORS")
            for name, why in survivors.left_out.items():
                if why == "group" and not lost & rules.group_of(name):
                    raise SessionError("group-rule", f"{name} is left out for its group, of which nobody is lost")
            for carried in survivors.carried:
                self._check(carried)
        self._survivors = survivors
        return survivors

    def _check_lost(self, survivors: Survivors) -> set[str]:
        """Return who is declared lost; nobody may be of whom a RECEIPT is held."""
        lost = {name for name, why in survivors.left_out.items() if why == "lost"}
        if lost & self._receipts:
            names = ", ".join(sorted(lost & self._receipts))
            raise SessionError("false-dropout", f"{names} declared lost against a RECEIPT")
        return lost

    def confirm(self) -> Statement:
        """Sign the survivors that were checked."""
        if self.state is not MemberState.MASKED or self._survivors is None:
            raise ValueError(f"CONFIRM follows checked survivors; this session is {self.state.value}")
        self.state = MemberState.CONFIRMED
        return Statement("CONFIRM", {"survivors": self._survivors.envelope.eid})

    def on_confirms(self, envelope: Envelope, payload: bytes) -> Statement:
        """Reveal one share of each routed member, sealed to the receiver; CLOSED, secrets gone.

        Raises:
            CodecError, CryptoError, SessionError: Too few or other signatures; the session is ABORTED.
        """
        self._expect(envelope)
        survivors = self._survivors
        assert survivors is not None
        assert self._routed is not None
        with self._aborting():
            confirms = read_confirms(envelope, payload, survivors.envelope.eid, survivors.members)
            t = self.rules.threshold(len(self._need_cohort().members))
            if len(confirms.confirms) < t:
                raise SessionError("confirms", f"{len(confirms.confirms)} have signed the survivors; at least {t}")
            self._check_lost(survivors)
            for carried in confirms.carried:
                self._check(carried)
        shares = {name: b if name in survivors.masked else c for name, (c, b) in self._shares.items()}
        sealed = self._channels[self.receiver].seal("REVEAL", encode_reveal(shares))
        self._forget()
        self.state = MemberState.CLOSED
        return Statement("REVEAL", {"survivors": survivors.envelope.eid}, sealed)

    # ---------------------------------------------------------------- the end

    def close(self, state: MemberState) -> None:
        """End the session: CLOSED at its deadline, or ABORTED; secrets and the payload kept for sending again go."""
        self._forget()
        self.state = state
        self.sent = [one for one in self.sent if one[1] is None] if state is MemberState.ABORTED else []

    @property
    def is_open(self) -> bool:
        """Whether the session can still do something, be it to send its REVEAL again."""
        return self.state not in (MemberState.INIT, MemberState.ABORTED) and bool(self.sent)

    def _need_cohort(self) -> Cohort:
        assert self._cohort is not None
        return self._cohort


def _key(envelope: Envelope, name: str) -> bytes:
    key = envelope.fields.body[name]
    assert isinstance(key, bytes)
    return key
