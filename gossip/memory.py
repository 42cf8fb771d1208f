"""What a region has on its machine, in memory: home, store, chance, worker; for peers in one process (``network``)."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from crypto.keys import PrivateKeys
from crypto.merkle import leaf_hash
from crypto.note import Checkpoint, parse_note
from gossip.effects import Commit, CosigRow, Deposit, ErasedRow, HeadRow, MirrorRow, ProtectedRow, Retain, Sift
from gossip.events import TrainReport
from gossip.logs.holdings import Records, Seen
from gossip.logs.mirror import Mirror
from gossip.logs.witness import Witness
from gossip.peer import Peer
from gossip.studies.context import Columns
from protocol.codec import Value
from protocol.cosignature import Cosignature
from protocol.epochs import Previous, epoch_of
from protocol.log import Log
from protocol.plan import Plan
from protocol.roster import Card, make_card

SOFTWARE: dict[str, Value] = {"name": "landsting", "version": "0", "source_sha256": bytes(32)}


@dataclass(slots=True)
class MemoryStore:
    """What a home holds: leaves, those of earlier epochs, kept payloads, state files, what is kept for an audit."""

    leaves: list[bytes] = field(default_factory=list)
    kept: dict[bytes, bytes] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    mirrors: dict[str, dict[int, tuple[bytes | None, bytes]]] = field(default_factory=dict)
    heads: dict[str, HeadRow] = field(default_factory=dict)
    copied: dict[str, HeadRow] = field(default_factory=dict)
    cosignatures: list[CosigRow] = field(default_factory=list)
    protected: list[ProtectedRow] = field(default_factory=list)
    bulk: dict[tuple[int, bytes], bytes] = field(default_factory=dict)
    openings: dict[tuple[int, int, str], bytes] = field(default_factory=dict)
    past: list[bytes] = field(default_factory=list)
    epoch: int = 1

    def commit(self, commit: Commit) -> None:
        """Take one step's entries and files."""
        self.kept.update(commit.kept)
        for blob in commit.blobs:
            if blob.data is None:
                self.blobs.pop(blob.name, None)
            else:
                self.blobs[blob.name] = bytes(blob.data)
        self.leaves.extend(leaf.leaf for leaf in commit.leaves)
        for row in commit.rows:
            match row:
                case MirrorRow():
                    self.mirrors.setdefault(row.origin, {})[row.seq] = row.leaf, row.hash
                case HeadRow(how="verified"):
                    self.heads[row.origin] = row
                    if row.size <= len(self.mirrors.get(row.origin, {})):
                        self.copied[row.origin] = row
                case CosigRow():
                    self.cosignatures.append(row)
                case ProtectedRow():
                    self.protected.append(row)
                case ErasedRow():
                    self.mirrors[row.origin][row.seq] = None, self.mirrors[row.origin][row.seq][1]

    def record(self, effect: Retain | Deposit | Sift) -> None:
        """Keep or remove what is beside the log."""
        match effect:
            case Retain():
                self.bulk[(effect.round, effect.sha256)] = bytes(effect.data)
            case Deposit():
                self.openings[(effect.round, effect.seq, effect.name)] = effect.salt + bytes(effect.value)
            case Sift(until=until, held=held):
                for place in [p for p in self.bulk if until is None or p[0] <= until]:
                    if place[1] not in held.get(place[0], ()):
                        del self.bulk[place]
                for name in [n for n in self.openings if n[0] >= 0 and (until is None or n[0] <= until)]:
                    if name[0] not in held:
                        del self.openings[name]

    def records(self) -> Records:
        """Readers of the own log and of the copies of others'."""
        return Records(
            lambda first, stop: [(leaf, leaf_hash(leaf)) for leaf in self.leaves[first:stop]],
            lambda origin, seq: self.mirrors.get(origin, {}).get(seq, (None, b""))[0],
        )

    def load(self, witness: Witness, own: str) -> None:
        """Give a witness what earlier runs have verified and been given."""
        mirrors = []
        for origin, rows in self.mirrors.items():
            if origin in self.copied:
                seen = _seen(self.copied[origin])
                hashes = [rows[n][1] for n in range(seen.checkpoint.size)]
                mirrors.append(Mirror(origin, hashes, seen.checkpoint, seen.signature))
        copied = {mirror.origin: mirror.size for mirror in mirrors}
        proved = [_seen(head) for origin, head in self.heads.items() if head.size > copied.get(origin, 0)]
        given = [Cosignature(c.by, c.size, c.t_s, c.sig) for c in self.cosignatures if c.origin == own]
        witness.held.load(mirrors, given, proved)
        witness.protecting.load(self.protected)

    def firsts(self) -> list[tuple[str, bytes]]:
        """First entries of others' later epochs that were verified: origin, leaf."""
        rows = [(origin, copy[0][0]) for origin, copy in self.mirrors.items() if 0 in copy and epoch_of(origin) > 1]
        return [(origin, leaf) for origin, leaf in rows if leaf is not None]


def _seen(head: HeadRow) -> Seen:
    point = Checkpoint(head.origin, head.size, head.root)
    return Seen(point, parse_note(head.proof).signatures[0].signature)


@dataclass(slots=True)
class MemoryHome:
    """A region's home: its keys, its card, its store; and the peer that knows what is in it.

    Args:
        network, name: Make up the origin of its log.
        entropy: Where its keys and all its chance come from.
        with_release: Whether its key sets have release keys.

    Attributes:
        keys, card: Of the key set in use.
        sets: All its private key sets by serial.
    """

    network: str
    name: str
    entropy: SeededEntropy
    with_release: bool = False
    store: MemoryStore = field(default_factory=MemoryStore)
    sets: dict[int, PrivateKeys] = field(init=False)
    keys: PrivateKeys = field(init=False)
    card: Card = field(init=False)

    def __post_init__(self) -> None:
        self.sets = {1: PrivateKeys.generate(self.entropy, with_release=self.with_release)}
        self.use(1)

    def use(self, serial: int) -> None:
        """Take another key set into use."""
        self.keys = self.sets[serial]
        self.card = self._card(self.keys, serial)

    def next_keys(self) -> tuple[Card, PrivateKeys]:
        """Make the key set after the one in use; returns its card and its keys."""
        serial = self.card.keys.serial + 1
        made = PrivateKeys.generate(self.entropy, with_release=self.with_release)
        self.sets[serial] = dataclasses.replace(made, identity=self.keys.identity, curve=self.keys.curve)
        return self._card(self.sets[serial], serial), self.sets[serial]

    def _card(self, keys: PrivateKeys, serial: int) -> Card:
        return make_card(self.network, self.name, [f"tcp://{self.name}.example:7700"], keys, serial)

    def log(self) -> Log:
        """The log as it is stored."""
        return Log(
            network=self.network,
            region=self.name,
            sign_key=self.keys.sign,
            log_key=self.keys.log,
            release_key=self.keys.release,
            leaves=list(self.store.leaves),
            epoch=self.store.epoch,
        )

    def found(self, now_ms: int, previous: Previous | None = None) -> None:
        """Write the first entry of the log."""
        log = self.log()
        body: dict[str, Value] = {
            "network": self.network, "region": self.name, "identity": self.card.identity,
            "keys": self.card.value()["keys"], "software": dict(SOFTWARE),
            "prev": previous.value() if previous is not None else None,
        }  # fmt: skip
        log.add("log.genesis", body, study=None, now_ms=now_ms)
        self.store.leaves.extend(one.leaf for one in log.pending_leaves)

    def begin_anew(self, now_ms: int, previous: Previous, recovered: Sequence[bytes] = ()) -> None:
        """Begin the log anew, after what neighbours gave back of the one before."""
        self.store.past += [*self.store.leaves, *recovered]
        self.store.leaves.clear()
        self.store.epoch += 1
        self.found(now_ms, previous)

    def replayed(self, code_sha256: bytes = bytes(32)) -> Peer:
        """A peer that knows what the store holds, before any event."""
        store = self.store
        peer = Peer(
            keys=self.keys,
            card=self.card,
            log=self.log(),
            entropy=self.entropy,
            code_sha256=code_sha256,
            software=dict(SOFTWARE),
            blob=store.blobs.get,
            kept=store.kept.get,
            records=store.records(),
            key_sets=self.sets,
        )
        peer.replay([*store.past, *store.leaves])
        peer.following.load(store.firsts())
        store.load(peer.witness, peer.log.origin)
        return peer


class Worker(Protocol):
    """What trains: a toy in tests, the real tasks in simulations. A ``ValueError`` is a worker that could not."""

    def open(self, region: str, plan: Plan) -> NDArray[np.float32]:
        """Return the initial model, float32 (dim,)."""
        ...

    def measure(
        self, region: str, plan: Plan, stage: str, totals: Sequence[NDArray[np.int64]]
    ) -> tuple[NDArray[np.int64], Columns]:
        """Return one stage's integers and their columns."""
        ...

    def train(
        self, region: str, plan: Plan, round: int, vector: NDArray[np.float32], totals: Sequence[NDArray[np.int64]]
    ) -> tuple[NDArray[np.float32], TrainReport]:
        """Return the local update of one round."""
        ...


class SeededEntropy:
    """Reproducible bytes for tests and simulations: SHA-256 in counter mode over a seed. Never for real keys."""

    def __init__(self, *parts: object) -> None:
        self._seed = repr(parts).encode()
        self._count = 0

    def __call__(self, n: int) -> bytes:
        out = b""
        while len(out) < n:
            out += hashlib.sha256(self._seed + self._count.to_bytes(8, "big")).digest()
            self._count += 1
        return out[:n]
