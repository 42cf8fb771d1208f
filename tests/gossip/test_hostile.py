"""A member that signs whatever the format allows, thousands of times: nobody stops, nobody else is blamed for it,
and little of it is written down."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from gossip.effects import Send
from gossip.network import Network
from protocol.envelope import Envelope, encode_carried, parse
from protocol.errors import LogError
from protocol.messages import STATES
from protocol.plan import Plan

Make = Callable[..., Any]
SELDOM = ["ROSTER", "PROPOSE", "ACCEPT", "REJECT", "ABSENT", "PING"]
SESSIONED = ["ADVERT", "COHORT", "MASKED", "DELTA"]


class Babbler:
    """Says random things of every type, with bodies that the schema allows and payloads that are sometimes right.

    One with an odd seed is careful: it never contradicts itself, and so is not suspended.
    """

    def __init__(self, net: Network, liar: Any, plan: Plan, seed: int) -> None:
        self.net, self.liar, self.plan, self.rng = net, liar, plan, random.Random(seed)
        roster = net.peer(liar.name).membership.in_force
        assert roster is not None
        self.roster = roster.encode()
        self.heard: list[Envelope] = []
        self.said: list[tuple[Envelope, bytes | None]] = []
        self.is_careful = seed % 2 == 1
        self.places: set[tuple[bytes, str]] = set()
        net.on_send = self.hear

    def hear(self, sender: str, send: Send) -> list[Send]:
        envelope = parse(send.header, send.signature)
        if envelope.fields.type in ("ADVERT", "ABSENT", "COHORT") and (send.link == self.liar.name or self._now()):
            self.heard.append(envelope)
        return [] if send.link == self.liar.name else [send]

    def _now(self) -> bool:
        return self.rng.random() < 0.1

    def bytes(self, n: int = 32) -> bytes:
        return self.rng.choice([bytes(n), bytes([1]) + bytes(n - 1), self.rng.randbytes(n)])

    def babble(self) -> None:
        rng, plan, net = self.rng, self.plan, self.net
        victim = rng.choice([n for n in net.names if n != self.liar.name and net.regions[n].peer])
        if self.said and rng.random() < 0.1:
            envelope, payload = rng.choice(self.said)
            self.liar.deliver(victim, envelope, payload)
            return
        type = rng.choice(SELDOM + 4 * SESSIONED)
        study = net.peer(victim).current
        at = study.round if study is not None else 0
        round = rng.choice([at, at, at, at + 1, at + 2, 0, plan.end_round - 1, plan.end_round, 2**40])
        about = rng.choice([victim, victim, self.liar.name, rng.choice(plan.regions)])
        bucket = rng.choice([0, 0, 1, 5, 99])
        sid = study.context.sid(round, about, bucket) if study is not None and rng.random() < 0.9 else self.bytes()
        place: dict[str, Any] = {"study": plan.study if rng.random() < 0.95 else self.bytes()}
        body, payload = self.content(type, round)
        if type in SESSIONED:
            place |= {"round": round, "session": sid}
            if self.is_careful and (sid, type) in self.places:
                return
            self.places.add((sid, type))
        elif type in ("ABSENT", "PING"):
            place |= {"round": round}
        elif type == "ROSTER":
            place = {}
        try:
            envelope = self.liar.log.seal(type, body, to=[victim], now_ms=net.now_ms, payload=payload, **place)
        except LogError:
            return  # not even the schema allows it
        self.liar.log.pending()
        self.said.append((envelope, payload))
        self.liar.deliver(victim, envelope, payload)

    def content(self, type: str, round: int) -> tuple[dict[str, Any], bytes | None]:
        rng = self.rng
        some = rng.choice([0, 1, 5, 2**30])
        match type:
            case "ROSTER":
                body = {"roster": self.bytes(), "serial": 1, "sig": self.bytes(64)}
                return body, rng.choice([self.roster, self.garble(self.roster)])
            case "PROPOSE":
                return {}, rng.choice([self.plan.encode(), self.garble(self.plan.encode())])
            case "ACCEPT":
                return {"code_sha256": self.bytes()}, None
            case "REJECT":
                return {"reason": "law"}, None
            case "ABSENT":
                first = rng.choice([round, 0, some])
                return {"first": first, "last": first + rng.choice([0, 3, 2**50])}, None
            case "PING":
                return {"state": rng.choice(STATES), "attempt": rng.choice([0, 1, 99]), "seq": some, "echo": None}, None
            case "ADVERT":
                stats = rng.choice([None, None, self.bytes(), self.rng.randbytes(36)])
                flag = rng.random() < 0.2
                return {"mask_key": self.bytes(), "eph": self.bytes(), "need_state": flag, "stats": stats}, None
            case "COHORT":
                return self.cohort()
            case "MASKED":
                view = rng.choice([e.eid for e in self.heard if e.fields.type == "COHORT"] or [bytes(32)])
                return {"view": view, "self_commit": b""}, self.vector()
            case _:
                return {}, self.vector()

    def cohort(self) -> tuple[dict[str, Any], bytes]:
        """Of envelopes that were really heard and of own ones; now and then the bytes are changed."""
        rng = self.rng
        inside = rng.sample(self.heard, min(len(self.heard), rng.randrange(5)))
        own = [e for e, _ in self.said[-40:] if e.fields.type in ("ADVERT", "ABSENT")]
        inside += [e for e in own if rng.random() < 0.2]
        adverts = {e.fields.sender: e for e in inside if e.fields.type == "ADVERT"}
        carried = [(e, None) for e in (*adverts.values(), *(e for e in inside if e.fields.type != "ADVERT"))]
        payload = encode_carried(carried) if carried else b"\x90"
        body = {
            "members": [[n, e.eid, rng.choice([None, None, None, 3])] for n, e in sorted(adverts.items())],
            "eph": self.bytes(),
            "kind": rng.choice(["mix", "sum", "state"]),
            "variant": "strict",
        }
        return body, self.garble(payload) if rng.random() < 0.2 else payload

    def vector(self) -> bytes:
        right = 4 * self.plan.dim
        return self.rng.randbytes(self.rng.choice([right, right, 8, 16, 1, right + 1]))

    def garble(self, data: bytes) -> bytes:
        out = bytearray(data)
        for _ in range(self.rng.choice([1, 1, 4])):
            out[self.rng.randrange(len(out))] = self.rng.randrange(256)
        return bytes(out[: self.rng.choice([len(out), len(out), self.rng.randrange(1, len(out) + 1)])])


def babble_through(make: Make, hostile: Any, seed: int, times: int) -> None:
    sums = [[], ["count"], ["count", "moment"]][seed % 3]
    masking = {"mode": "strict", "colluders": 0}
    net, _, plan = make(4, rounds=5, sums=sums, round_min_s=1, round_timeout_s=4, masking=masking)
    name = net.names[seed % 4]
    if seed % 4:
        hostile.until_round(net, net.names[0 if seed % 4 else 1], seed % 3)
    liar = hostile.liar(net, name)
    babbler = Babbler(net, liar, plan, seed)
    net.kill(name)
    for other in net.names:
        if other != name:
            net._up.add(frozenset((name, other)))
    before = {n: len(net.regions[n].store.leaves) for n in net.names}
    for _ in range(times):
        babbler.babble()
        if babbler.rng.random() < 0.05:
            net.run(lambda: False, limit_ms=babbler.rng.choice([1, 200, 2_000]))
        if babbler.rng.random() < 0.005:
            victim = babbler.rng.choice([n for n in net.names if n != name])
            net.kill(victim)
            net.start(victim)
            net._up.add(frozenset((name, victim)))
    net.run(limit_ms=300_000)
    for other in net.names:
        if other != name:
            assert len(net.regions[other].store.leaves) - before[other] < 1_200
    honest = [n for n in net.names if n != name]
    blamed = {region for n in honest for region, _ in hostile.faults(net, n)}
    assert blamed <= {name}


@pytest.mark.attack("S20")
@pytest.mark.parametrize("seed", range(6))
def test_whatever_a_member_signs_it_stops_nobody_and_frames_nobody(make_network: Make, hostile: Any, seed: int) -> None:
    babble_through(make_network, hostile, seed, 400)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 400))
def test_three_hundred_babblers(make_network: Make, hostile: Any, seed: int) -> None:
    babble_through(make_network, hostile, seed, 600)
