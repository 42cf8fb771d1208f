"""SIGKILL at any moment: what was acknowledged is there, once, and whole; and the audit finds nothing.

The killed process says what it has on disk over a pipe, only after the commit has returned; the test kills it at a
moment drawn by a seed, looks at what is on disk, and starts it again on that.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import random
import signal
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest

from crypto.merkle import Tree, leaf_hash
from gossip.effects import Commit
from gossip.logs.holdings import Records
from gossip.memory import MemoryStore, SeededEntropy
from gossip.network import Network
from node.audit import Severity, verify
from node.home import Home
from node.region import Region
from node.store.storage import Store
from protocol.plan import Plan
from protocol.roster import Roster
from tests.node.test_audit_networks import NAMES, Still, export

LINE = struct.Struct(">B q 32s")
MIRRORED = {"quorum": None, "max_lag_rounds": 3, "mirror": True}


@contextmanager
def process(work: Callable[[Path, Connection], None], folder: Path) -> Iterator[tuple[int, Connection]]:
    """A process that does some work and is gone at the end, whatever happens: its id, and what it says."""
    context = multiprocessing.get_context("spawn")
    reading, writing = context.Pipe(duplex=False)
    child = context.Process(target=work, args=(folder, writing), daemon=True)
    child.start()
    writing.close()
    try:
        assert child.pid is not None
        yield child.pid, reading
    finally:
        child.kill()
        child.join()
        reading.close()


def kill_after(child: int, reading: Connection, seconds: float) -> list[tuple[int, int, bytes]]:
    """Wait for its first word and then so long, kill, and return all that it has said."""
    reading.poll(200.0)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    said = []
    with suppress(EOFError, OSError):  # its last word may be half a word
        while True:
            said.append(LINE.unpack(reading.recv_bytes()))
    return said


# ---------------------------------------------------------------- appends


def append(path: Path, writing: Connection) -> None:
    """Append without end, and say so after each commit; now and then HEAD is replaced as well."""
    with Region.open(path) as region:
        for number in range(10**6):
            if number % 5 == 4:
                region.ask("export", {"study": None, "payloads": "none"})
            else:
                region.peer.log.add("node.stop", {"reason": "signal"}, study=None, now_ms=region.peer.log.last_ms)
                pending = region.peer.log.pending()
                assert pending is not None
                leaves, checkpoint, signature = pending
                region.store.commit(Commit(tuple(leaves), checkpoint, signature))
            writing.send_bytes(LINE.pack(0, region.peer.log.size, region.peer.log.root))


@pytest.mark.parametrize("kills", [6, pytest.param(120, marks=pytest.mark.slow)])
def test_no_acknowledged_entry_is_lost_torn_or_written_twice(tmp_path: Path, kills: int) -> None:
    home = Home.create(
        tmp_path / "vgr", "test.example", "vgr", ["tcp://127.0.0.1:7700"], None, entropy=SeededEntropy("kills")
    )
    chance, heads = random.Random(4), dict[int, bytes]()
    for _ in range(kills):
        with process(append, home.path) as (child, reading):
            said = kill_after(child, reading, chance.uniform(0.0, 0.08))
        assert said, "it had time for one entry at least"
        for _, size, root in said:
            assert heads.setdefault(size, root) == root  # one root for one size, over all its lives
        with Region.open(home.path) as region:  # checks every root, every sent head, and the file HEAD
            tree, last = region.peer.log.tree, said[-1][1]
            assert tree.size in (last, last + 1)  # one more: on disk, and killed before it could say so
            assert all(tree.root_at(size) == root for size, root in heads.items())
            assert all(leaf is not None and leaf_hash(leaf) == digest for leaf, digest in region.store.entries())


# ---------------------------------------------------------------- rounds


class DiskStore(MemoryStore):
    """A region's store in a real home: each commit is on disk when it returns, and then said."""

    def __init__(self, home: Home, number: int, writing: Connection | None) -> None:
        super().__init__()
        self.store = Store.open(home)
        self.number, self.writing = number, writing
        self.leaves = list(self.store.leaves())

    def commit(self, commit: Commit) -> None:
        self.store.commit(commit)
        super().commit(commit)
        if commit.checkpoint is not None and self.writing is not None:
            self.writing.send_bytes(LINE.pack(self.number, commit.checkpoint.size, commit.checkpoint.root))

    def records(self) -> Records:
        return Records(lambda first, stop: list(self.store.entries(first, stop)), self.store.copies.leaf)


class DiskNetwork(Network):
    """A network whose regions live in homes; made again on the same folder it goes on from what is there."""

    def __init__(self, folder: Path, writing: Connection | None = None) -> None:
        super().__init__(NAMES, Still(), seed=11, network="test.example", train_ms=lambda _region, _round: 200)
        for number, (name, region) in enumerate(sorted(self.regions.items())):
            home = Home.open(folder / name)
            store = DiskStore(home, number, writing)
            region.store, region.keys, region.card = store, home.keys(), home.card()
            region.sets = {1: region.keys}
            region.entropy = os.urandom  # type: ignore[assignment]
            self.now_ms = max(self.now_ms, home.log(store.leaves).last_ms)  # a clock does not go back

    def replayed(self, name: str, code_sha256: bytes = bytes(32)):  # type: ignore[no-untyped-def]
        region = self.regions[name]
        store = region.store
        assert isinstance(store, DiskStore)
        store.blobs, store.kept = _Reader(store.store.blob), _Reader(store.store.kept)  # type: ignore[assignment]
        peer = super().replayed(name, code_sha256)
        peer.witness.held.load(store.store.copies.mirrors(), store.store.copies.cosignatures(peer.log.origin))
        return peer


class _Reader(dict):  # type: ignore[type-arg]
    """Looks like a dictionary of what is on disk; what is put into it is there already."""

    def __init__(self, read: Callable[..., bytes | None]) -> None:
        super().__init__()
        self.get = read  # type: ignore[method-assign, assignment]


def plan_of(roster: Roster, rounds: int) -> Plan:
    """Some rounds among all, each log mirrored and cosigned by the neighbours."""
    return Plan.make(
        lab=True, roster=roster.hash, regions=list(roster.names), task={"name": "still", "version": "1"},
        schema=bytes(32), layout=bytes(32), dim=12, init=hashlib.sha256(np.zeros(12, "<f4").tobytes()).digest(),
        code_sha256s=[bytes(32)], sums=["count"], rounds=rounds, round_timeout_s=4, topology="complete",
        masking={"mode": "strict"}, witness=MIRRORED,
    )  # fmt: skip


def prepared(folder: Path, rounds: int) -> Plan:
    """Homes with one study that everybody has accepted."""
    for name in NAMES:
        address = f"tcp://{name}.example:7700"
        Home.create(folder / name, "test.example", name, [address], None, entropy=SeededEntropy(name))
    network = DiskNetwork(folder)
    plan = plan_of(network.found(), rounds)
    network.agree(plan)
    for region in network.regions.values():
        assert isinstance(region.store, DiskStore)
        region.store.store.close()
    return plan


def go_on(folder: Path, writing: Connection) -> None:
    """Start all regions on what is on disk and let time pass."""
    network = DiskNetwork(folder, writing)
    for name in NAMES:
        network.start(name)
    network.run(limit_ms=10_000_000)


@pytest.mark.parametrize("kills", [4, pytest.param(80, marks=pytest.mark.slow)])
def test_regions_killed_in_their_rounds_lose_nothing_and_the_audit_convicts_nobody(tmp_path: Path, kills: int) -> None:
    plan = prepared(tmp_path, 8 + kills // 2)
    chance = random.Random(7)
    heads: dict[tuple[int, int], bytes] = {}
    for _ in range(kills):
        with process(go_on, tmp_path) as (child, reading):
            said = kill_after(child, reading, chance.uniform(0.0, 0.5))
        for number, size, root in said:
            assert heads.setdefault((number, size), root) == root
    network = DiskNetwork(tmp_path)
    for name in NAMES:
        network.start(name)
    assert network.run(limit_ms=10_000_000)
    for number, name in enumerate(NAMES):
        tree = Tree(map(leaf_hash, network.regions[name].store.leaves))
        assert all(tree.root_at(size) == root for (who, size), root in heads.items() if who == number)
        assert not network.peer(name).blame.suspended
    bundles = [export(network, name, tmp_path) for name in NAMES]
    report = verify(bundles, study=plan.study)
    # All are killed in the same instant, over and over, and with them what is on its way: confirmations may come late.
    found = {finding.code for finding in report.findings if finding.severity is not Severity.INFO}
    assert found <= {"LS-COSIG-LAG"}, "a true word of a small matter, which convicts nobody"
