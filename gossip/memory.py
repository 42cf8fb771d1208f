"""What a region has on its machine, in memory: store, chance, worker; for real peers in one process (``network``)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from crypto.merkle import leaf_hash
from crypto.note import Checkpoint, parse_note
from gossip.effects import Commit, CosigRow, Deposit, ErasedRow, HeadRow, MirrorRow, ProtectedRow, Retain, Sift
from gossip.events import TrainReport
from gossip.logs.holdings import Records
from gossip.logs.mirror import Mirror
from gossip.logs.witness import Witness
from gossip.studies.context import Columns
from protocol.cosignature import Cosignature
from protocol.epochs import epoch_of
from protocol.plan import Plan


@dataclass(slots=True)
class MemoryStore:
    """What a home holds: leaves, those of earlier epochs, kept payloads, state files, what is kept for an audit."""

    leaves: list[bytes] = field(default_factory=list)
    kept: dict[bytes, bytes] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    mirrors: dict[str, dict[int, tuple[bytes | None, bytes]]] = field(default_factory=dict)
    heads: dict[str, HeadRow] = field(default_factory=dict)
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
            head = self.heads[origin]
            seen = Checkpoint(origin, head.size, head.root)
            signature = parse_note(head.proof).signatures[0].signature
            mirrors.append(Mirror(origin, [rows[n][1] for n in range(head.size)], seen, signature))
        given = [Cosignature(c.by, c.size, c.t_s, c.sig) for c in self.cosignatures if c.origin == own]
        witness.held.load(mirrors, given)
        witness.protecting.load(self.protected)

    def firsts(self) -> list[tuple[str, bytes]]:
        """First entries of others' later epochs that were verified: origin, leaf."""
        rows = [(origin, copy[0][0]) for origin, copy in self.mirrors.items() if 0 in copy and epoch_of(origin) > 1]
        return [(origin, leaf) for origin, leaf in rows if leaf is not None]


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
