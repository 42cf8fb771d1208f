"""A receiver that says right and wrong things in any order, again and again: what one honest member lets out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.errors import CryptoError
from gossip.sessions.rules import SessionError
from gossip.sessions.session import MemberState, Statement
from protocol.envelope import Envelope, decode_carried, encode_carried
from protocol.errors import CodecError
from tests.gossip.recoverable_table import RECEIVER, Said, Table, envelope, key_of

VICTIM = "m00"
HONEST = ("cohort", "routed", "value", "receipt", "survivors", "confirms")
LIES = (
    *HONEST, "another cohort", "a smaller cohort", "a smaller routed", "other survivors", "few confirms",
    "foreign confirms", "a false receipt", "a receipt of another",
)  # fmt: skip


class Adversary:
    """A receiver with the signing keys of m03 and m04; the others at the table are honest, and answer one of a kind."""

    def __init__(self, seed: int) -> None:
        self.table = Table(5, seed=("orders", seed))
        self.table.announce()
        self.honest = self.table.cohort()
        self.table.share(self.honest, set(self.table.names) - {VICTIM})
        self.out: list[str] = []
        self.revealed: list[tuple[str, str]] = []
        self._view: Said | None = None
        self._sets: Said | None = None
        self._signed: list[Envelope] = []

    # ---------------------------------------------------------------- what it can build

    def _of(self, type: str) -> dict[str, Said]:
        return {made.fields.sender: (made, data) for made, data in self.table.said if made.fields.type == type}

    def _say(self, type: str, body: dict[str, Any], carried: list[tuple[Envelope, bytes | None]]) -> Said:
        payload = encode_carried(carried) if carried else b"\x90"
        return envelope(RECEIVER, type, body, self.table.sid, payload), payload

    def _cohort(self, names: list[str], eph: bytes) -> Said:
        adverts = self._of("ADVERT")
        body = {
            "members": [[name, adverts[name][0].eid, None] for name in names], "eph": eph,
            "kind": "mix", "variant": "recoverable",
        }  # fmt: skip
        return self._say("COHORT", body, [(adverts[name][0], None) for name in names])

    def _routed(self, names: list[str]) -> Said | None:
        shares = self._of("SHARES")
        if VICTIM not in shares:
            return None
        members = [[name, shares[name][0].eid] for name in names]
        sent = self._say("ROUTED", {"cohort": self.honest[0].eid, "members": members}, [shares[n] for n in names])
        if self._view is None:  # the honest ones take the first
            self._view = sent
            for name in set(names) - {VICTIM}:
                try:
                    self.table.members[name].on_routed(*sent)
                except CodecError:  # the victim has answered another cohort
                    continue
                self.table.seal(name, self.table.members[name].mask(self.table.values()[name]))
        return sent

    def _survivors(self, names: list[str]) -> Said | None:
        masked = self._of("MASKED")
        if not set(names) <= masked.keys() or self._view is None:
            return None
        routed: Any = self._view[0].fields.body["members"]
        left_out = [[name, "lost"] for name, _ in routed if name not in names]
        members = [[name, masked[name][0].eid] for name in names]
        body = {"view": self._view[0].eid, "members": members, "left_out": left_out}
        sent = self._say("SURVIVORS", body, [(masked[n][0], None) for n in names])
        if self._sets is None:
            self._sets = sent
            for name in set(names) - {VICTIM}:
                try:
                    self.table.members[name].check_survivors(*sent)
                except (SessionError, CodecError):
                    continue
                self._signed.append(self.table.seal(name, self.table.members[name].confirm())[0])
        return sent

    def _confirms(self, count: int, *, foreign: bool = False) -> Said | None:
        if self._sets is None:
            return None
        survivors = bytes(32) if foreign else self._sets[0].eid
        by_liars = [envelope(n, "CONFIRM", {"survivors": survivors}, self.table.sid) for n in ("m03", "m04")]
        signed = {one.fields.sender: one for one in (*by_liars, *([] if foreign else self._signed))}
        mine = self._of("CONFIRM").get(VICTIM)
        if mine is not None and not foreign:
            signed[VICTIM] = mine[0]
        chosen = [signed[name] for name in sorted(signed)][:count]
        return self._say("CONFIRMS", {"survivors": self._sets[0].eid}, [(one, None) for one in chosen])

    def build(self, what: str) -> Said | None:
        """The message, from all that is known by now; None where a part of it is not yet on the table."""
        names = self.table.names
        masked = self._of("MASKED").get(VICTIM)
        match what:
            case "cohort":
                return self.honest
            case "another cohort":
                return self._cohort(names, key_of("another").public)
            case "a smaller cohort":
                return self._cohort(names[:3], key_of("another").public)
            case "routed":
                return self._routed(names)
            case "a smaller routed":
                return self._routed(names[:4])
            case "survivors":
                return self._survivors(names)
            case "other survivors":
                return self._survivors(names[:4])
            case "confirms" | "few confirms" | "foreign confirms":
                return self._confirms(3 if what == "few confirms" else 5, foreign=what == "foreign confirms")
            case "receipt":
                digest = masked[0].eid if masked is not None else bytes(32)
                return envelope(RECEIVER, "RECEIPT", {"about": VICTIM, "masked": digest}, self.table.sid), b""
            case "a false receipt":
                return envelope(RECEIVER, "RECEIPT", {"about": VICTIM, "masked": bytes(32)}, self.table.sid), b""
            case _:
                return envelope(RECEIVER, "RECEIPT", {"about": "m04", "masked": bytes(32)}, self.table.sid), b""

    # ---------------------------------------------------------------- what the victim does with it

    def show(self, what: str) -> None:
        """Let the victim hear it; what it says comes out."""
        member = self.table.members[VICTIM]
        if what == "value":
            if member.is_routed:
                self._said(member.mask(self.table.values()[VICTIM]))
            return
        sent = self.build(what)
        if sent is None:
            return
        made, data = sent
        if not member.awaits(made):
            return
        held = dict(member._shares)
        calls: dict[str, Callable[[], Statement | None]] = {
            "COHORT": lambda: (member.check_cohort(made, data), member.share(self.table.entropy))[1],
            "ROUTED": lambda: member.on_routed(made, data),
            "RECEIPT": lambda: member.on_receipt(made),  # type: ignore[func-returns-value]
            "SURVIVORS": lambda: (member.check_survivors(made, data), member.confirm())[1],
            "CONFIRMS": lambda: member.on_confirms(made, data),
        }
        try:
            statement = calls[made.fields.type]()
        except (SessionError, CodecError, CryptoError):
            assert member.state is MemberState.ABORTED
            return
        if statement is None:
            return
        self._said(statement)
        if statement.type == "REVEAL":
            assert len({one.fields.sender for one, _ in decode_carried(data)}) >= 4
            assert self._sets is not None
            inside: Any = self._sets[0].fields.body["members"]
            self.revealed = [(about, "b" if about in dict(inside) else "c") for about in held]

    def _said(self, statement: Statement) -> None:
        self.out.append(statement.type)
        self.table.seal(VICTIM, statement)


def _orders() -> st.SearchStrategy[list[str]]:
    """The honest order, with lies and repeats strewn in, or anything at all."""
    strewn = st.lists(st.tuples(st.integers(0, 12), st.sampled_from(LIES)), max_size=8).map(
        lambda extra: [what for _, what in sorted([*((2 * i + 1, h) for i, h in enumerate(HONEST)), *extra])]
    )
    return st.one_of(strewn, st.lists(st.sampled_from(LIES), max_size=14))


@pytest.mark.attack("S04")
@settings(max_examples=60, deadline=None)
@given(order=_orders(), seed=st.integers(0, 3))
def test_in_whatever_order_a_member_says_each_thing_once_and_reveals_one_kind(order: list[str], seed: int) -> None:
    adversary = Adversary(seed)
    for what in order:
        adversary.show(what)
    member = adversary.table.members[VICTIM]
    # Each thing once, in the order of the states.
    assert adversary.out == [type for type in ("SHARES", "MASKED", "CONFIRM", "REVEAL") if type in adversary.out]
    assert len({about for about, _ in adversary.revealed}) == len(adversary.revealed)
    if "REVEAL" in adversary.out:
        assert adversary.out == ["SHARES", "MASKED", "CONFIRM", "REVEAL"]
    if member.state in (MemberState.ABORTED, MemberState.CLOSED):
        assert member._shares == member._channels == {}
        assert (member._seed_c, member._seed_b, member._private, member._ephemeral) == (b"", b"", b"", b"")
    # Whatever it hears afterwards, it says nothing more.
    if member.state in (MemberState.ABORTED, MemberState.CLOSED):
        before = list(adversary.out)
        for what in LIES:
            adversary.show(what)
        assert adversary.out == before


def test_the_honest_order_is_answered_to_the_end() -> None:
    adversary = Adversary(0)
    for what in HONEST:
        adversary.show(what)
    assert adversary.out == ["SHARES", "MASKED", "CONFIRM", "REVEAL"]
    assert {kind for _, kind in adversary.revealed} == {"b"}
