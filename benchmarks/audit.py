"""An audit of a long study, beside what its signatures alone cost to check.

Eight real peers under a virtual clock write the logs: 1000 rounds on ``complete``, strict sums, twelve parameters.
``audit.signatures`` is the CPU time of bare Ed25519 verification of the distinct signatures (of messages, heads and
cosignatures), over that of the whole audit, both in this run, the bare one before and after. ``audit.cpu`` and
``audit.memory`` are the audit's own, in a process by itself; ``audit.entry`` is its memory for each entry.
``audit.two`` is the wall time of one process over that of two, with the load average between both: alone, one process
makes a load of 1, and beside other work the figure says nothing. ``audit.two.cpu`` is what two take together.
"""

from __future__ import annotations

import hashlib
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from numpy.typing import NDArray

from crypto.hashing import tagged
from crypto.keys import PrivateKeys
from crypto.merkle import Tree, leaf_hash
from crypto.note import Checkpoint, checkpoint_body, sign_note
from gossip.events import TrainReport
from gossip.network import Network
from node.audit.bundle import write_bundle
from protocol.plan import Plan

REGIONS = 8
ROUNDS = int(os.environ.get("LANDSTING_BENCH_ROUNDS", "1000"))
DIM = 12


Task = tuple[bytes, bytes, bytes]


@dataclass(frozen=True, slots=True)
class PublicKeys:
    """What a region signs with, 32 bytes each."""

    sign: bytes
    log: bytes
    witness: bytes

    @classmethod
    def of(cls, keys: PrivateKeys) -> PublicKeys:
        """Return those of a home."""
        return cls(keys.sign.public, keys.log.public, keys.witness.public)


class Still:
    """A task that moves a little each round."""

    def open(self, region: str, plan: Plan) -> NDArray[np.float32]:
        return np.zeros(plan.dim, np.float32)

    def measure(
        self, region: str, plan: Plan, stage: str, totals: Sequence[NDArray[np.int64]]
    ) -> tuple[NDArray[np.int64], tuple[tuple[str, int], ...]]:
        return np.array([len(region)], dtype=np.int64), (("rows", 1),)

    def train(
        self, region: str, plan: Plan, round: int, vector: NDArray[np.float32], totals: Sequence[NDArray[np.int64]]
    ) -> tuple[NDArray[np.float32], TrainReport]:
        return vector * np.float32(0.5) + np.float32(len(region)), TrainReport(steps=1, norm=1.0)


def run(seed: int) -> list[dict[str, Any]]:
    """Return the ratio to bare verification, CPU, memory, and what a second process gives."""
    with tempfile.TemporaryDirectory(prefix="landsting-bench-") as folder:
        network, plan = study(ROUNDS, seed)
        bundles = export(network, Path(folder))
        leaves = {name: list(region.store.leaves) for name, region in network.regions.items()}
        entries = sum(map(len, leaves.values()))
        tasks = signatures(leaves, {name: PublicKeys.of(region.keys) for name, region in network.regions.items()})
        del network, leaves
        before = bare_s(tasks)
        one = audited(bundles, plan, 1)
        bare = (before + bare_s(tasks)) / 2
        load = os.getloadavg()[0]
        two = audited(bundles, plan, 2)
    unit = "MB for a million entries"
    return [
        figure("audit.signatures", bare / one["cpu_s"], "of bare verification", 0.6, "more", seed, floor=bare),
        figure("audit.cpu", one["cpu_s"], "s", 60.0, "less", seed),
        figure("audit.memory", one["rss_mb"], "MB", 500.0, "less", seed),
        figure("audit.entry", one["rss_mb"] / entries * 1e6, unit, 1000.0, "less", seed),
        figure("audit.entries", entries / one["cpu_s"], "entries/s", None, "more", seed),
        figure("audit.two", one["wall_s"] / two["wall_s"], f"times one, load {load:.1f}", 1.7, "more", seed),
        figure("audit.two.cpu", two["cpu_s"] / one["cpu_s"], "of the CPU of one process", None, "less", seed),
    ]


def figure(
    name: str, value: float, unit: str, limit: float | None, direction: str, seed: int, floor: float | None = None
) -> dict[str, Any]:
    """Return one figure."""
    return {
        "name": name, "value": value, "unit": unit, "limit": limit, "direction": direction, "floor": floor,
        "seeds": [seed],
    }  # fmt: skip


def study(rounds: int, seed: int) -> tuple[Network, Plan]:
    """Return a network whose study has ended."""
    network = Network([f"region-{letter}" for letter in "abcdefgh"[:REGIONS]], Still(), seed=seed)
    roster = network.found()
    plan = Plan.make(
        lab=True,
        roster=roster.hash,
        regions=list(roster.names),
        task={"name": "still", "version": "1"},
        schema=bytes(32),
        layout=bytes(32),
        dim=DIM,
        init=hashlib.sha256(np.zeros(DIM, "<f4").tobytes()).digest(),
        code_sha256s=[bytes(32)],
        sums=["count"],
        rounds=rounds,
        round_timeout_s=10,
        topology="complete",
        masking={"mode": "strict"},
    )
    network.agree(plan)
    assert network.run(limit_ms=10**10)
    return network, plan


def export(network: Network, folder: Path) -> list[Path]:
    """Let every region hand over its log."""
    bundles = []
    for name in network.names:
        network.ask(name, "export", study=None, payloads="kept", requester=None)
        region, log = network.regions[name], network.peer(name).log
        point = checkpoint_body(Checkpoint(log.origin, log.size, log.root))
        out = folder / f"{name}.bundle"
        write_bundle(
            out,
            origin=log.origin,
            note_key=region.keys.log,
            leaves=region.store.leaves,
            checkpoint=sign_note(point, log.origin, region.keys.log),
            payload=region.store.kept.get,
        )
        bundles.append(out)
    return bundles


_AUDIT = """
import sys
from pathlib import Path
from node.audit import verify
report = verify([Path(p) for p in sys.argv[3:]], study=bytes.fromhex(sys.argv[1]), jobs=int(sys.argv[2]))
assert report.exit_code == 0, report.sentence
# Not ru_maxrss: that of a child begins with what its parent used.
status = Path("/proc/self/status").read_text()
print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))
"""


def audited(bundles: Sequence[Path], plan: Plan, jobs: int) -> dict[str, float]:
    """Return CPU seconds, wall seconds and largest memory of one audit in a process of its own."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-c", _AUDIT, plan.study.hex(), str(jobs), *map(str, bundles)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    memory_kb = int(done.stdout)
    return {"cpu_s": cpu, "wall_s": wall, "rss_mb": memory_kb / 1024}


def bare_s(tasks: Sequence[Task]) -> float:
    """Return the CPU seconds that verifying signatures takes, keys loaded and messages made ready before."""
    loaded = {key: Ed25519PublicKey.from_public_bytes(key) for key in {task[0] for task in tasks}}
    ready = [(loaded[key], signature, message) for key, signature, message in tasks]
    start = time.process_time()
    for key, signature, message in ready:
        key.verify(signature, message)
    return time.process_time() - start


def signatures(leaves: Mapping[str, Sequence[bytes]], keys: Mapping[str, PublicKeys]) -> list[Task]:
    """Return (key, signature, message) of each distinct signature in the logs: messages, heads, cosignatures."""
    tasks: set[Task] = set()
    for log in leaves.values():
        tree, origin = Tree(map(leaf_hash, log)), msgpack.unpackb(log[0])["log"]
        for leaf in log:
            entry = msgpack.unpackb(leaf)
            body = entry["body"]
            if entry["kind"] == "env.sent":
                fields = msgpack.unpackb(body["header"])
                tasks.add((keys[fields["from"]].sign, body["sig"], tagged(fields["type"], body["header"])))
            elif entry["kind"] == "round.heads":
                for row in body["seen"]:
                    seen = checkpoint_body(Checkpoint(row["origin"], row["size"], row["root"]))
                    tasks.add((keys[row["origin"].split("/")[1]].log, row["sig"], seen))
                for row in body["cosigned"]:
                    mine = checkpoint_body(Checkpoint(origin, row["size"], tree.root_at(row["size"])))
                    timed = b"cosignature/v1\ntime %d\n" % row["t_s"] + mine
                    tasks.add((keys[row["by"]].witness, row["sig"], timed))
    return sorted(tasks)
