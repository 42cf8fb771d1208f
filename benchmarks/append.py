"""Append of one entry with its signed checkpoint, beside a bare SQLite FULL commit of the same bytes.

``append`` is a whole step of the log: encode the entry, hash it into the tree, sign the checkpoint, commit both.
The floor, taken in turn with it on the same disk, inserts the same bytes (leaf, hash, root, signature) in one
transaction under the same settings. Wall time, since the disk is what is waited for; ``ratio`` is the median over
turns of floor to ours. ``append.head`` also replaces the file HEAD, as once a round. ``append.start`` is what a
start costs for each entry: read, check against checkpoint and HEAD, replay.
"""

from __future__ import annotations

import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gossip.effects import Commit
from gossip.memory import SeededEntropy
from node.home import Home
from node.region import Region
from node.store.database import PRAGMAS
from node.store.storage import Store
from protocol.log import Log

LIMIT = 0.8
TURNS = 40
EACH = 25
EPOCH_MS = 1_700_000_000_000


def run(seed: int) -> list[dict[str, Any]]:
    """Return the rate of appends, with and without HEAD, and the time of a start."""
    with tempfile.TemporaryDirectory(prefix="landsting-bench-") as folder:
        home = Home.create(
            Path(folder) / "vgr",
            "bench.example",
            "vgr",
            ["tcp://127.0.0.1:7700"],
            None,
            entropy=SeededEntropy(seed, "append"),
        )
        floor = _bare(Path(folder) / "bare.sqlite")
        figures = [
            _appends(home, floor, "append", False, LIMIT, seed),
            _appends(home, floor, "append.head", True, None, seed),
        ]
        floor.close()
        return [*figures, _start(home, seed)]


def _appends(
    home: Home, floor: sqlite3.Connection, name: str, publish: bool, limit: float | None, seed: int
) -> dict[str, Any]:
    ours, bare, ratios = [], [], []
    with Store.open(home) as store:
        log = home.log(list(store.leaves()))
        for _ in range(TURNS + 1):
            commits: list[Commit] = []
            own = _wall_s(lambda made=commits: _append(store, log, publish, made))  # type: ignore[misc]
            plain = _wall_s(lambda made=commits: _insert(floor, made))  # type: ignore[misc]
            ours.append(EACH / own)
            bare.append(EACH / plain)
            ratios.append(plain / own)
    # The first turn grows the files, and is left out.
    ratio = statistics.median(ratios[1:])
    return {
        "name": name,
        "value": ratio if limit is not None else statistics.median(ours[1:]),
        "unit": "of the bare rate" if limit is not None else "entries/s",
        "limit": limit,
        "direction": "more",
        "floor": statistics.median(bare[1:]),
        "ratio": ratio,
        "seeds": [seed],
        "spread": [min(ratios[1:]), max(ratios[1:])] if limit is not None else [min(ours[1:]), max(ours[1:])],
    }


def _append(store: Store, log: Log, publish: bool, made: list[Commit]) -> None:
    for _ in range(EACH):
        log.add("node.stop", {"reason": "signal"}, study=None, now_ms=EPOCH_MS)
        pending = log.pending()
        assert pending is not None
        leaves, checkpoint, signature = pending
        commit = Commit(tuple(leaves), checkpoint, signature, publish=publish)
        store.commit(commit)
        made.append(commit)


def _bare(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in PRAGMAS:
        connection.execute(pragma)
    connection.execute("CREATE TABLE bare (n INTEGER PRIMARY KEY, leaf BLOB, hash BLOB, root BLOB, sig BLOB) STRICT")
    return connection


def _insert(floor: sqlite3.Connection, made: list[Commit]) -> None:
    for commit in made:
        (leaf,) = commit.leaves
        assert commit.checkpoint is not None
        floor.execute("BEGIN IMMEDIATE")
        floor.execute(
            "INSERT INTO bare (leaf, hash, root, sig) VALUES (?, ?, ?, ?)",
            (leaf.leaf, leaf.hash, commit.checkpoint.root, commit.signature),
        )
        floor.execute("COMMIT")


def _start(home: Home, seed: int) -> dict[str, Any]:
    times, size = [], 0
    for _ in range(5):
        start = time.perf_counter()
        with Region.open(home.path) as region:
            times.append(time.perf_counter() - start)
            size = region.peer.log.size
    return {
        "name": "append.start",
        "value": statistics.median(times) / size * 1e6,
        "unit": "µs an entry",
        "limit": None,
        "direction": "less",
        "floor": None,
        "ratio": None,
        "seeds": [seed],
        "spread": [min(times) / size * 1e6, max(times) / size * 1e6],
    }


def _wall_s(act: Callable[[], None]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start
