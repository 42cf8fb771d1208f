"""Recoverable sessions: CPU ms of a member's masked step and of unmasking, control bytes of a session.

One process plays the receiver and all members, without sockets or logs. ``masked`` is the step after training: masks
made and added, the payload hashed, the header signed. ``collect`` takes in all values, ``unmask`` is the last REVEAL:
shares opened and joined, masks taken away, one member being lost. CPU time, median of the repeats; the floor is
plain AES-256-CTR over as many bytes of keystream in the same run.

Control bytes count each envelope once: header, signature and a payload of its own. What a carrier repeats of others'
envelopes is in ``on the wire``, where each envelope also counts once for each region it goes to.
"""

from __future__ import annotations

import hashlib
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

from crypto.agreement import x25519, x25519_public
from crypto.masking import CHUNK_BYTES
from crypto.signing import SigningKey
from gossip.memory import SeededEntropy
from gossip.sessions.recoverable_member import RecoverableMember
from gossip.sessions.recoverable_receiver import RecoverableReceiver
from gossip.sessions.rules import SessionRules
from gossip.sessions.session import ReceiverState, Statement, session_id
from protocol.envelope import Envelope, Header, build, verify

NAMES = ("halland", "kalmar", "orebro", "skane", "sormland", "uppsala", "vasterbotten", "vgr")
RECEIVER = "stockholm"
STUDY, ROSTER = bytes([1]) * 32, bytes([2]) * 32
CARRIERS = ("COHORT", "ROUTED", "SURVIVORS", "CONFIRMS")
REPEATS = 7
# (name, members, words, ring, ms): what the specification allows.
MASKED = (("5 members, 1M u16", 5, 1_000_000, 16, 15.0), ("8 members, 10M u16", 8, 10_000_000, 16, 150.0))
UNMASK = (
    ("8 members, one lost, 1M u32", 8, 1_000_000, 32, 35.0),
    ("4 members, one lost, 1M u32", 4, 1_000_000, 32, None),
)
CONTROL = ((4, 15_000), (8, 35_000))


def run(seed: int) -> list[dict[str, Any]]:
    """Return the figures."""
    figures = [_masked(seed, *case) for case in MASKED]
    for case in UNMASK:
        figures += _unmask(seed, *case)
    for members, limit in CONTROL:
        figures += _control(seed, members, limit)
    return figures


class Play:
    """A session up to the moment that is measured; ``said`` holds every envelope with its payload and receivers."""

    def __init__(self, seed: int, members: int, words: int, ring: int) -> None:
        self.names, everybody = NAMES[:members], (*NAMES[:members], RECEIVER)
        self.entropy = SeededEntropy("bench session", seed)
        self.sid = session_id(STUDY, 0, RECEIVER, ROSTER)
        self.keys = {name: SigningKey(self.entropy(32)) for name in everybody}
        lasting = {name: self.entropy(32) for name in everybody}
        public = {name: x25519_public(private) for name, private in lasting.items()}
        rules = SessionRules(self.names, (members - 1) // 3, 2, ring)

        def agree(me: str) -> Callable[[str], bytes]:
            return lambda other: x25519(lasting[me], public[other])

        def check(carried: Envelope) -> None:
            verify(carried, self.keys[carried.fields.sender].public)

        self.receiver = RecoverableReceiver(self.sid, 0, 0, RECEIVER, rules, words=words, lasting=agree(RECEIVER))
        self.members = {
            name: RecoverableMember(self.sid, 0, 0, name, RECEIVER, rules, lasting=agree(name), check=check)
            for name in self.names
        }
        self.value: NDArray[np.signedinteger[Any]] = np.full(words, 3, f"<i{ring // 8}")
        self.said: list[tuple[Envelope, bytes, int]] = []

    def seal(self, sender: str, statement: Statement) -> tuple[Envelope, bytes]:
        """Hash, sign, and tell the machine."""
        # Bytes, or the masked vector as it lies in memory: it is not copied here, and not in a node.
        data: Any = statement.payload if statement.payload is not None else b""
        fields = Header(
            type=statement.type, sender=sender, log=f"landsting.example/{sender}/1", head_size=1234,
            head_root=bytes(32), study=STUDY, round=0, session=self.sid, body=statement.body, bytes=len(data),
            sha256=hashlib.sha256(data).digest() if len(data) else None,
        )  # fmt: skip
        made = build(fields, self.keys[sender])
        (self.receiver if sender == RECEIVER else self.members[sender]).sealed(made, data or None)
        copies = len(self.receiver.sent[-1][2]) if sender == RECEIVER else 1
        self.said.append((made, data if statement.type != "MASKED" else b"", copies))
        return made, data

    def until_routed(self) -> None:
        """All that happens while the model trains."""
        for name in self.names:
            self.receiver.announce(self.seal(name, self.members[name].advert(self.entropy, None))[0])
        cohort = self.seal(RECEIVER, _some(self.receiver.cohort(self.entropy, "mix", [])))
        for name in self.names:
            self.members[name].check_cohort(*cohort)
            self.receiver.take_shares(*self.seal(name, self.members[name].share(self.entropy)))
        routed = self.seal(RECEIVER, _some(self.receiver.route()))
        for name in self.names:
            self.members[name].on_routed(*routed)

    def until_revealed(self, lost: int) -> tuple[float, tuple[Envelope, bytes]]:
        """Everything but the last REVEAL that is needed; returns CPU s of collecting, and that REVEAL."""
        here = self.names[: len(self.names) - lost]
        values = [self.seal(name, self.members[name].mask(self.value)) for name in here]
        start = time.process_time()
        receipts = [self.receiver.add(*one) for one in values]
        collect = time.process_time() - start
        for receipt in receipts:
            self.seal(RECEIVER, receipt)
        survivors = self.seal(RECEIVER, _some(self.receiver.survive()))
        confirms = None
        for name in here:
            self.members[name].check_survivors(*survivors)
            signed, _ = self.seal(name, self.members[name].confirm())
            if self.receiver.awaits(signed):
                made = self.receiver.take_confirm(signed)
                confirms = self.seal(RECEIVER, made) if made is not None else confirms
        assert confirms is not None
        reveals = [self.seal(name, self.members[name].on_confirms(*confirms)) for name in here]
        t = self.receiver.rules.threshold(len(self.names))
        for one in reveals[: t - 1]:
            self.receiver.take_reveal(*one)
        return collect, reveals[t - 1]


def _some(statement: Statement | None) -> Statement:
    assert statement is not None
    return statement


def _masked(seed: int, name: str, members: int, words: int, ring: int, limit: float) -> dict[str, Any]:
    play = Play(seed, members, words, ring)
    play.until_routed()
    ours, floor = [], []
    for one in play.names[: min(members, REPEATS)]:
        floor.append(_aes_ms(members, words * ring // 8))
        start = time.process_time()
        play.seal(one, play.members[one].mask(play.value))
        ours.append(1e3 * (time.process_time() - start))
    return _figure(seed, f"masked, {name}", ours, floor, limit)


def _unmask(seed: int, name: str, members: int, words: int, ring: int, limit: float | None) -> list[dict[str, Any]]:
    ours, collect, floor = [], [], []
    for repeat in range(REPEATS):
        play = Play(seed + repeat, members, words, ring)
        play.until_routed()
        took, last = play.until_revealed(1)
        collect.append(1e3 * took)
        # A self mask of each survivor, and a pair mask of each with the one that was lost.
        floor.append(_aes_ms(2 * (members - 1), words * ring // 8))
        start = time.process_time()
        play.receiver.take_reveal(*last)
        ours.append(1e3 * (time.process_time() - start))
        assert play.receiver.state is ReceiverState.DONE
        assert int(play.receiver.total()[-1]) == 3 * (members - 1)
    return [
        _figure(seed, f"unmask, {name}", ours, floor, limit),
        _figure(seed, f"collect, {name}", collect, [], None),
    ]


def _control(seed: int, members: int, limit: int) -> list[dict[str, Any]]:
    play = Play(seed, members, 16, 16)
    play.until_routed()
    play.until_revealed(0)
    once = sum(_size(e) + (0 if e.fields.type in CARRIERS else len(p)) for e, p, _ in play.said)
    wire = sum(copies * (_size(e) + len(p)) for e, p, copies in play.said)
    return [
        {"name": f"control, {members} members", "value": once, "unit": "bytes", "limit": limit, "seeds": [seed]},
        {"name": f"control on the wire, {members} members", "value": wire, "unit": "bytes", "seeds": [seed]},
    ]


def _size(envelope: Envelope) -> int:
    return len(envelope.header) + len(envelope.signature)


def _aes_ms(masks: int, size: int) -> float:
    zeros, buffer = memoryview(bytes(CHUNK_BYTES)), bytearray(CHUNK_BYTES + 15)
    start = time.process_time()
    for index in range(masks):
        encryptor = Cipher(algorithms.AES256(bytes([index]) * 32), modes.CTR(bytes(16))).encryptor()
        for at in range(0, size, CHUNK_BYTES):
            encryptor.update_into(zeros[: min(CHUNK_BYTES, size - at)], buffer)
    return 1e3 * (time.process_time() - start)


def _figure(seed: int, name: str, ours: list[float], floor: list[float], limit: float | None) -> dict[str, Any]:
    figure: dict[str, Any] = {
        "name": name, "value": statistics.median(ours), "unit": "ms", "limit": limit, "seeds": [seed],
        "spread": [min(ours), max(ours)],
    }  # fmt: skip
    if floor:
        figure |= {"floor": statistics.median(floor), "ratio": statistics.median(ours) / statistics.median(floor)}
    return figure
