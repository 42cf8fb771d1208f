"""Makes ``session/*.json`` beside this file from the second implementation, without the code that is checked with them.

Whole sessions, byte for byte: every draw of entropy, every header, signature and payload in the order in which they are
said, every opened seed, and the sum. Run it with ``make_vectors.py session``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tests.vectors import reference as r
from tests.vectors import reference_sharing as s
from tests.vectors.reference_codec import encode

HERE = Path(__file__).resolve().parent / "session"
Case = dict[str, Any]

STUDY, ROSTER, RECEIVER = b"\1" * 32, b"\2" * 32, "r"
SID = s.hashed("sid", [STUDY, 0, RECEIVER, ROSTER, 0])


def digest(text: str) -> bytes:
    """32 bytes that a reader can make again: SHA-256 of a word."""
    return hashlib.sha256(text.encode()).digest()


def person(name: str) -> s.Person:
    """A region: its signing key and its lasting key come from its name."""
    return s.Person(name, digest(name), digest("lasting " + name))


class Session:
    """What is drawn and said, in order; values and masks in plain lists of integers."""

    def __init__(
        self, names: Sequence[str], width: int, weights: Sequence[int], values: Sequence[Sequence[int]]
    ) -> None:
        self.people = {name: person(name) for name in (*names, RECEIVER)}
        self.names, self.width = list(names), width
        self.weights = dict(zip(names, weights, strict=True))
        self.values = dict(zip(names, values, strict=True))
        self.drawn: list[bytes] = []
        self.said: list[Case] = []
        self.digests: dict[tuple[str, str], bytes] = {}
        self.carried: dict[tuple[str, str], list[Any]] = {}
        self.cohort = b""

    def draw(self, size: int) -> bytes:
        """The next bytes of entropy."""
        seed = f"entropy {len(self.drawn)}".encode()
        self.drawn.append(hashlib.sha512(seed).digest()[:size])
        return self.drawn[-1]

    def say(self, sender: str, type: str, body: Case, payload: bytes = b"", about: str = "") -> None:
        """Seal and keep an envelope."""
        header = encode({
            "v": 1, "type": type, "from": sender, "log": f"net.example/{sender}/1", "head": [1, bytes(32)],
            "study": STUDY, "round": 0, "session": SID, "body": body, "bytes": len(payload),
            "sha256": hashlib.sha256(payload).digest() if payload else None,
        })  # fmt: skip
        message = s.tagged(type, header)
        signature = r.ed25519_sign(self.people[sender].sign, message)
        self.digests[sender, type + about] = hashlib.sha256(message).digest()
        self.carried[sender, type] = [header, signature, payload]
        self.said.append({
            "from": sender, "type": type, "header": header.hex(), "signature": signature.hex(),
            "payload": payload.hex(),
        })  # fmt: skip

    def inside(self, type: str, names: Iterable[str], *, payload: bool = False) -> bytes:
        """Others' envelopes as a payload."""
        rows = [self.carried[name, type] for name in sorted(names)]
        return encode([[header, signature, data if payload else None] for header, signature, data in rows])

    def listed(self, type: str, names: Iterable[str]) -> list[Any]:
        """[name, digest] of each."""
        return [[name, self.digests[name, type]] for name in sorted(names)]

    # ---------------------------------------------------------------- steps of both variants

    def announce(self) -> None:
        """ADVERT of everybody."""
        for name in self.names:
            one = self.people[name]
            one.seed_c = self.draw(31)
            if self.recoverable:
                one.seed_b = self.draw(31)
            one.eph = self.draw(32)
            key = r.x25519_public(one.mask_key(SID))
            self.say(
                name, "ADVERT",
                {"mask_key": key, "eph": r.x25519_public(one.eph), "need_state": False, "stats": None},
            )  # fmt: skip

    recoverable = True

    def name_cohort(self) -> None:
        """COHORT of everybody."""
        self.people[RECEIVER].eph = self.draw(32)
        body = {
            "members": [[*row, None] for row in self.listed("ADVERT", self.names)],
            "eph": r.x25519_public(self.people[RECEIVER].eph), "kind": "mix",
            "variant": "recoverable" if self.recoverable else "strict",
        }  # fmt: skip
        self.say(RECEIVER, "COHORT", body, self.inside("ADVERT", self.names))
        self.cohort = self.digests[RECEIVER, "COHORT"]

    def masks(self, name: str, among: Sequence[str]) -> list[int]:
        """m_j over these, unreduced."""
        me, size = self.people[name], self.width // 8
        count = len(self.values[name])
        total = [0] * count
        for other in among:
            if other == name:
                continue
            seed = me.pair_seed(self.people[other], SID, self.cohort)
            sign = 1 if other > name else -1
            stream = s.words(r.keystream(seed, 0, count * size), size)
            total = [x + sign * y for x, y in zip(total, stream, strict=True)]
        if self.recoverable:
            stream = s.words(r.keystream(me.self_seed(self.cohort), 0, count * size), size)
            total = [x + y for x, y in zip(total, stream, strict=True)]
        return total

    def masked(self, name: str, among: Sequence[str]) -> bytes:
        """y_j as bytes."""
        factor = pow(self.weights[name], -1, 2**self.width)
        rows = zip(self.values[name], self.masks(name, among), strict=True)
        return b"".join(((x + factor * m) % 2**self.width).to_bytes(self.width // 8, "little") for x, m in rows)

    def total(self, names: Sequence[str]) -> list[int]:
        """S in plain integers."""
        count = len(self.values[names[0]])
        return [sum(self.weights[name] * self.values[name][i] for name in names) for i in range(count)]

    def made(self, comment: str, survivors: Sequence[str], opened: list[Case]) -> Case:
        """The file."""
        total = self.total(survivors)
        words = b"".join((x % 2**self.width).to_bytes(self.width // 8, "little") for x in total)
        return {
            "comment": comment, "names": self.names, "ring": self.width,
            "weights": self.weights, "values": self.values, "sid": SID.hex(),
            "entropy": [one.hex() for one in self.drawn], "said": self.said, "opened": opened,
            "survivors": list(survivors), "total": total, "sum_sha256": hashlib.sha256(words).hexdigest(),
        }  # fmt: skip


def recoverable(comment: str, weights: Sequence[int]) -> Case:
    """Four members, c = 1, t = 3; the last is lost after SHARES."""
    values = [[1, -2, 3, 4095, -4095, 0, 7, 100], [5] * 8, [0, 1, 2, 3, 4, 5, 6, -7], [9, 8, 7, 6, 5, 4, 3, 2]]
    one = Session(["halland", "kalmar", "skane", "vgr"], 16, weights, values)
    t, names, survivors = 3, one.names, ["halland", "kalmar", "skane"]
    one.announce()
    one.name_cohort()
    held: dict[str, dict[str, tuple[bytes, bytes]]] = {name: {} for name in names}
    for dealer in names:
        me = one.people[dealer]
        polynomials = [[int.from_bytes(one.draw(64), "big") for _ in range(t - 1)] for _ in "cb"]
        commits: list[Any] = []
        pairs: list[bytes] = []
        for x, name in enumerate(names, 1):
            c, b = s.share(me.seed_c, polynomials[0], x), s.share(me.seed_b, polynomials[1], x)
            held[name][dealer] = c, b
            kinds = (("c", c), ("b", b))
            commits.append([s.hashed("share", [one.cohort, dealer, name, kind, part]) for kind, part in kinds])
            pairs.append(b"" if name == dealer else me.seal(one.people[name], one.cohort, "SHARES", c + b))
        one.say(dealer, "SHARES", {"cohort": one.cohort, "commits": commits}, encode(pairs))
    body = {"cohort": one.cohort, "members": one.listed("SHARES", names)}
    one.say(RECEIVER, "ROUTED", body, one.inside("SHARES", names, payload=True))
    view = one.digests[RECEIVER, "ROUTED"]
    for name in survivors:
        commit = s.hashed("self-mask-commit", [one.cohort, name, one.people[name].self_seed(one.cohort)])
        one.say(name, "MASKED", {"view": view, "self_commit": commit}, one.masked(name, names))
        one.say(RECEIVER, "RECEIPT", {"about": name, "masked": one.digests[name, "MASKED"]}, about=name)
    body = {"view": view, "members": one.listed("MASKED", survivors), "left_out": [["vgr", "lost"]]}
    one.say(RECEIVER, "SURVIVORS", body, one.inside("MASKED", survivors))
    agreed = {"survivors": one.digests[RECEIVER, "SURVIVORS"]}
    for name in survivors:
        one.say(name, "CONFIRM", agreed)
    one.say(RECEIVER, "CONFIRMS", agreed, one.inside("CONFIRM", survivors))
    for name in survivors:
        shares = [[about, held[name][about][about in survivors]] for about in names]
        sealed = one.people[name].seal(one.people[RECEIVER], one.cohort, "REVEAL", encode(shares))
        one.say(name, "REVEAL", agreed, sealed)
    opened: list[Case] = [
        {"kind": "self", "region": name, "of": None, "seed": one.people[name].self_seed(one.cohort).hex()}
        for name in survivors
    ]
    lost = one.people["vgr"]
    for name in survivors:
        seed = lost.pair_seed(one.people[name], SID, one.cohort)
        opened.append({"kind": "pair", "region": "vgr", "of": name, "seed": seed.hex()})
    return one.made(comment, survivors, opened)


def strict() -> Case:
    """Three members, nobody lost."""
    one = Session(["halland", "kalmar", "vgr"], 32, [1, 1, 1], [[1, -1, 2**20], [10, -10, 0], [100, -100, -(2**20)]])
    one.recoverable = False
    one.announce()
    one.name_cohort()
    for name in one.names:
        one.say(name, "MASKED", {"view": one.cohort, "self_commit": b""}, one.masked(name, one.names))
    return one.made("strict, three members, words of 32 bits", one.names, [])


def derivations() -> Case:
    """Every derivation by itself, from the private keys of RFC 7748, section 6.1."""
    a, b = person("halland"), person("vgr")
    alice = bytes.fromhex("77076d0a7318a57d3c16c17251b26645df4c2f92ebc0992ac177fba51db92c2a")
    bob = bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
    a.eph, b.eph = alice, bob
    a.seed_c, b.seed_c, a.seed_b = digest("seed c a")[:31], digest("seed c b")[:31], digest("seed b")[:31]
    cohort, share = digest("cohort"), digest("share")[:31] + b"\0"
    own = a.self_seed(cohort)
    return {
        "comment": "one row for each derivation, between halland and vgr; ephemeral keys are those of RFC 7748.",
        "study": STUDY.hex(), "roster": ROSTER.hex(), "round": 0, "receiver": RECEIVER, "bucket": 0, "sid": SID.hex(),
        "cohort": cohort.hex(), "names": ["halland", "vgr"],
        "seed_c": [a.seed_c.hex(), b.seed_c.hex()], "seed_b": a.seed_b.hex(),
        "eph": [alice.hex(), bob.hex()], "lasting": [a.lasting.hex(), b.lasting.hex()],
        "mask_key": [a.mask_key(SID).hex(), b.mask_key(SID).hex()],
        "pair_seed": a.pair_seed(b, SID, cohort).hex(),
        "self_seed": own.hex(),
        "self_commitment": s.hashed("self-mask-commit", [cohort, "halland", own]).hex(),
        "share": share.hex(),
        "share_commitments": [s.hashed("share", [cohort, "halland", "vgr", kind, share]).hex() for kind in "cb"],
        "sealed": a.seal(b, cohort, "SHARES", share + share).hex(),
        "sealed_back": b.seal(a, cohort, "SHARES", share + share).hex(),
    }  # fmt: skip


MADE = {
    "derivations": derivations,
    "recoverable_uniform": lambda: recoverable("four members, one lost, words of 16 bits, all weights 1", [1, 1, 1, 1]),
    "recoverable_metropolis": lambda: recoverable("the same with odd weights", [3, 51, 1, 5]),
    "strict": strict,
}


def text_of(made: Case) -> str:
    """A vector file as it stands on disk."""
    return json.dumps(made, indent=1, ensure_ascii=True, sort_keys=True) + "\n"


def main() -> None:
    """Write the files."""
    HERE.mkdir(exist_ok=True)
    for name, make in MADE.items():
        (HERE / f"{name}.json").write_text(text_of(make()), encoding="utf-8")


if __name__ == "__main__":
    main()
