"""A network of logs without daemons: real keys, real envelopes, honest by default, and ways to cheat.

``Small(names).run()`` is a whole study: genesis, roster, plan, two rounds of masked sums, the end. Each
region has its ``protocol.log.Log``; a message is sealed in one and logged as received in another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from crypto.keys import PrivateKeys
from crypto.merkle import Tree, leaf_hash
from crypto.note import Checkpoint, checkpoint_body, parse_checkpoint, parse_note, sign_note
from gossip.effects import ProtectedRow
from gossip.sessions.session import session_id
from node.audit.bundle import manifest_body, write_bundle
from node.tamper import files as tamper_files
from node.tamper.files import contents, edited, records  # noqa: F401 (edited: for those who import from here)
from protocol.codec import Value
from protocol.envelope import Envelope, encode_carried
from protocol.log import Log
from protocol.plan import Plan
from protocol.roster import Card, Roster, found, make_card, sign_roster

NETWORK = "test.example"
START_MS = 1_700_000_000_000
CODE = bytes(32)
SOFTWARE: dict[str, Value] = {"name": "landsting", "version": "0.1.0", "source_sha256": bytes(32)}


def seeded(*parts: object) -> Callable[[int], bytes]:
    """Reproducible bytes for tests: SHA-256 in counter mode."""
    count = 0

    def entropy(n: int) -> bytes:
        nonlocal count
        out = b""
        while len(out) < n:
            out += hashlib.sha256(repr((parts, count)).encode()).digest()
            count += 1
        return out[:n]

    return entropy


@dataclass
class Home:
    """One region: keys, log, leaves, kept payloads."""

    name: str
    keys: PrivateKeys
    card: Card
    log: Log
    leaves: list[bytes] = field(default_factory=list)
    kept: dict[bytes, bytes] = field(default_factory=dict)
    protected: list[ProtectedRow] = field(default_factory=list)

    def add(self, kind: str, body: dict[str, Value], *, study: bytes | None = None, now_ms: int) -> None:
        self.log.add(kind, body, study=study, now_ms=now_ms)
        self.drain()

    def drain(self) -> None:
        pending = self.log.pending()
        if pending is not None:
            self.leaves += [leaf.leaf for leaf in pending[0]]
            lines = self.log.protected(*pending[1:])
            self.protected += [ProtectedRow(self.origin, key, pending[1].size, note) for key, note in lines]

    def receive(self, envelope: Envelope, payload: bytes | None = None, *, now_ms: int, via: str | None = None) -> None:
        body: dict[str, Value] = {"header": envelope.header, "sig": envelope.signature, "via": via}
        self.add("env.recv", body, study=envelope.fields.study, now_ms=now_ms)
        if payload is not None:
            self.kept[hashlib.sha256(payload).digest()] = payload

    def twin(self) -> Log:
        """A second log that goes on from the same entries: what a forker keeps."""
        return Log(
            network=NETWORK,
            region=self.name,
            sign_key=self.keys.sign,
            log_key=self.keys.log,
            leaves=list(self.leaves),
        )

    @property
    def origin(self) -> str:
        return self.log.origin

    def checkpoint(self, leaves: Sequence[bytes] | None = None) -> bytes:
        """A checkpoint over these leaves (default: all), signed by this region's log key."""
        tree = Tree(leaf_hash(leaf) for leaf in (self.leaves if leaves is None else leaves))
        return sign_note(checkpoint_body(Checkpoint(self.origin, tree.size, tree.root())), self.origin, self.keys.log)


class Small:
    """A network of a few regions on ``complete`` and one study."""

    def __init__(
        self,
        names: Sequence[str] = ("halland", "kalmar", "vgr"),
        *,
        rounds: int = 2,
        masking: str = "strict",
        salt: str = "",
        with_release: bool = False,
    ) -> None:
        self.names = tuple(sorted(names))
        self.rounds = rounds
        self.now_ms = START_MS
        self.masking = masking
        self.homes: dict[str, Home] = {}
        for name in self.names:
            keys = PrivateKeys.generate(seeded("audit", name, salt), with_release=with_release)
            card = make_card(NETWORK, name, [f"tcp://{name}.example:7700"], keys)
            log = Log(
                network=NETWORK, region=name, sign_key=keys.sign, log_key=keys.log, release_key=keys.release
            )  # fmt: skip
            self.homes[name] = Home(name, keys, card, log)
        self.roster: Roster = found(home.card for home in self.homes.values())
        self.plan = self._plan()
        self.study = self.plan.study
        self.cohorts: dict[tuple[str, int], Envelope] = {}
        self.sums: dict[tuple[str, int], bytes] = {}
        self.keep_values = False
        self.before_receive: Callable[[Home, Envelope], bool] = lambda _home, _envelope: True

    def _plan(self) -> Plan:
        return Plan.make(
            lab=self.masking == "off",
            roster=self.roster.hash,
            regions=list(self.names),
            task={"name": "idle", "version": "1"},
            schema=bytes(32),
            layout=bytes(32),
            dim=4,
            init=bytes(32),
            code_sha256s=[CODE],
            sums=[],
            rounds=self.rounds,
            masking={"mode": self.masking},
            witness={"quorum": 0},
        )

    def tick(self) -> int:
        self.now_ms += 7
        return self.now_ms

    def others(self, name: str) -> list[str]:
        return [other for other in self.names if other != name]

    def add(self, name: str, kind: str, body: dict[str, Value], *, study: bool = True) -> None:
        self.homes[name].add(kind, body, study=self.study if study else None, now_ms=self.tick())

    def say(
        self,
        sender: str,
        type: str,
        body: dict[str, Value],
        to: Sequence[str],
        *,
        study: bytes | None = None,
        round: int | None = None,
        session: bytes | None = None,
        payload: bytes | None = None,
        log: Log | None = None,
        keep: bool = True,
    ) -> Envelope:
        """Seal one message (in another ``log`` than the sender's own, if one is given) and log it at its receivers."""
        home = self.homes[sender]
        envelope = (log or home.log).seal(
            type, body, study=study, round=round, session=session, payload=payload, to=list(to), now_ms=self.tick()
        )
        home.drain()
        kept = payload if keep else None
        if kept is not None:
            home.kept[hashlib.sha256(kept).digest()] = kept
        for name in to:
            if self.before_receive(self.homes[name], envelope):
                self.homes[name].receive(envelope, kept, now_ms=self.tick())
        return envelope

    # ------------------------------------------------------------ the honest run

    def begin(self) -> None:
        """Genesis, roster, plan and everybody's answer."""
        for name, home in self.homes.items():
            genesis: dict[str, Value] = {
                "network": NETWORK,
                "region": name,
                "identity": home.card.identity,
                "keys": home.card.value()["keys"],
                "software": SOFTWARE,
                "prev": None,
            }
            self.add(name, "log.genesis", genesis, study=False)
        for name, home in self.homes.items():
            sig = sign_roster(self.roster.hash, home.keys.identity)
            accept: dict[str, Value] = {
                "roster": self.roster.hash,
                "old": None,
                "role": "technical",
                "decision_ref": None,
                "sig": sig,
            }
            self.add(name, "roster.accept", accept, study=False)
            said: dict[str, Value] = {"roster": self.roster.hash, "serial": 1, "sig": sig}
            self.say(name, "ROSTER", said, self.others(name), payload=self.roster.encode())
        first = self.names[0]
        self.say(first, "PROPOSE", {}, self.others(first), study=self.study, payload=self.plan.encode())
        answers = {}
        for name in self.names:
            accept = {"plan": self.study, "role": "technical", "decision_ref": "DNR 1", "sheet": None}
            self.add(name, "study.accept", accept)
            code: dict[str, Value] = {"code_sha256": CODE}
            answers[name] = self.say(name, "ACCEPT", code, self.others(name), study=self.study)
        for name in self.names:
            accepts: list[Value] = [{"region": other, "eid": answers[other].eid} for other in self.names]
            start: dict[str, Value] = {
                "roster": self.roster.hash,
                "regions": list(self.names),
                "init": bytes(32),
                "masking": self.masking,
                "lab": self.masking == "off",
                "accepts": accepts,
            }
            self.add(name, "study.start", start)

    def propose_only(self, rounds: int) -> Plan:
        """Another plan, which nobody answers."""
        mine, self.rounds = self.rounds, rounds
        plan, self.rounds = self._plan(), mine
        first = self.names[0]
        self.say(first, "PROPOSE", {}, self.others(first), study=plan.study, payload=plan.encode())
        return plan

    def sid(self, receiver: str, round: int) -> bytes:
        return session_id(self.study, round, receiver, self.roster.hash)

    def advert(self, sender: str, receiver: str, round: int) -> Envelope:
        key = hashlib.sha256(f"{sender} {receiver} {round}".encode()).digest()
        body: dict[str, Value] = {"mask_key": key, "eph": key[::-1], "need_state": False, "stats": None}
        sid = self.sid(receiver, round)
        return self.say(sender, "ADVERT", body, [receiver], study=self.study, round=round, session=sid)

    def cohort_body(self, adverts: dict[str, Envelope], eph: bytes = bytes(32)) -> dict[str, Value]:
        members: list[Value] = [[name, adverts[name].eid, None] for name in sorted(adverts)]
        return {"members": members, "eph": eph, "kind": "mix", "variant": "strict"}

    def session(self, receiver: str, round: int) -> None:
        """One secure sum; the masked vectors are made up, their sum, hashes and places are real."""
        sid = self.sid(receiver, round)
        adverts = {name: self.advert(name, receiver, round) for name in self.others(receiver)}
        cohort = self.say(
            receiver,
            "COHORT",
            self.cohort_body(adverts),
            self.others(receiver),
            study=self.study,
            round=round,
            session=sid,
            payload=encode_carried([(advert, None) for advert in adverts.values()]),
        )
        self.cohorts[receiver, round] = cohort
        total = np.zeros(4, "<u4")
        for name in self.others(receiver):
            vector = hashlib.sha256(f"{name} {receiver} {round}".encode()).digest()[:16]
            total += np.frombuffer(vector, "<u4")
            if self.keep_values:
                self.homes[receiver].kept[hashlib.sha256(vector).digest()] = vector
            masked: dict[str, Value] = {"view": cohort.eid, "self_commit": b""}
            place = {"study": self.study, "round": round, "session": sid}
            self.say(name, "MASKED", masked, [receiver], payload=vector, keep=False, **place)  # type: ignore[arg-type]
        result: dict[str, Value] = {
            "session": sid,
            "receiver": receiver,
            "survivors": list(self.others(receiver)),
            "sum": hashlib.sha256(total.tobytes()).digest(),
            "opened": [],
        }
        self.sums[receiver, round] = hashlib.sha256(total.tobytes()).digest()
        self.add(receiver, "session.sum", result)

    def round(self, round: int) -> None:
        for name in self.names:
            self.session(name, round)
        n = len(self.names)
        for name in self.names:
            weights: dict[str, Value] = dict.fromkeys(self.names, 1)
            mix: dict[str, Value] = {
                "round": round,
                "in": [{"session": self.sid(name, round), "sum": self.sums[name, round]}],
                "missing": [],
                "weights": weights,
                "den": n,
                "own": None,
                "model": bytes(32),
            }
            self.add(name, "round.mix", mix)
            self.add(name, "round.end", {"round": round, "outcome": "mixed", "reason": None})

    def end(self) -> None:
        for name in self.names:
            self.add(name, "study.end", {"round": self.rounds - 1, "outcome": "done", "reason": None, "model": None})

    def run(self) -> Small:
        self.begin()
        for round in range(self.rounds):
            self.round(round)
        self.end()
        return self

    # ------------------------------------------------------------ handing over

    def export(self, name: str, folder: Path, *, payloads: str = "kept", logged: bool = True) -> Path:
        """Append ``audit.export`` and write the region's bundle."""
        home = self.homes[name]
        if logged:
            body: dict[str, Value] = {"requester_ref": None, "study": None, "payloads": payloads, "mirrors": False}
            self.add(name, "audit.export", body, study=False)
        return self.write(name, folder, home.leaves, payloads=payloads)

    def write(self, name: str, folder: Path, leaves: Sequence[bytes], *, payloads: str = "kept") -> Path:
        """Write a bundle over any leaves of the region, with a checkpoint that it signs."""
        home = self.homes[name]
        out = folder / f"{name}.bundle"
        write_bundle(
            out,
            origin=home.origin,
            note_key=home.keys.log,
            leaves=leaves,
            checkpoint=home.checkpoint(leaves),
            payload=home.kept.get,
            payloads=payloads,
            protected=home.protected,
        )
        return out

    def export_all(self, folder: Path, *, but: str | None = None) -> list[Path]:
        return [self.export(name, folder) for name in self.names if name != but]


# ---------------------------------------------------------------- changing bundles


def rewrite(
    bundle: Path, change: Callable[[dict[str, bytes]], None], *, signer: Home | None = None, out: Path | None = None
) -> Path:
    """Change files of a bundle and write the manifest anew; with ``signer`` the note is signed anew too."""

    def note(files: dict[str, bytes], manifest: bytes) -> bytes:
        assert signer is not None
        body = manifest_body(signer.origin, None, files[f"logs/{signer.name}.1/checkpoint.note"], manifest)
        return sign_note(body, signer.origin, signer.keys.log)

    return tamper_files.rewrite(bundle, change, note=note if signer is not None else None, out=out)


def with_leaves(home: Home, leaves: Sequence[bytes], *, sign: bool) -> Callable[[dict[str, bytes]], None]:
    """Return a change for ``rewrite``: other leaves, and (with ``sign``) a checkpoint of their owner over them."""

    def change(files: dict[str, bytes]) -> None:
        files[f"logs/{home.name}.1/leaves.bin"] = records(leaves)
        files[f"logs/{home.name}.1/leaves.jsonl"] = _views(leaves)
        if sign:
            files[f"logs/{home.name}.1/checkpoint.note"] = home.checkpoint(leaves)

    return change


def _views(leaves: Sequence[bytes]) -> bytes:
    from protocol.entries import view
    from protocol.errors import CodecError

    lines = []
    for seq, leaf in enumerate(leaves):
        try:
            lines.append(view(seq, leaf))
        except CodecError:
            break
    return "".join(lines).encode()


def head_of(bundle: Path, region: str) -> Checkpoint:
    """The checkpoint in a bundle."""
    return parse_checkpoint(parse_note(contents(bundle)[f"logs/{region}.1/checkpoint.note"]).body)
