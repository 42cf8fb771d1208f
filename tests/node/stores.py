"""A home with a store of one entry, and the steps that its tests write."""

from __future__ import annotations

import hashlib
from pathlib import Path

from crypto.signing import SigningKey
from gossip.effects import Blob, Commit
from gossip.memory import SeededEntropy
from node.home import Home
from node.store.payloads import SMALL
from node.store.soundness import check_log
from node.store.storage import Store
from protocol.codec import Value
from protocol.log import Log

NOW_MS = 1_800_000_000_000
KEY = SigningKey(bytes([9]) * 32)
END: dict[str, Value] = {"round": 0, "outcome": "done", "reason": None, "model": None}
PAYLOAD = b"a kept payload"
SHA256 = hashlib.sha256(PAYLOAD).digest()
LARGE = bytes(SMALL)
LARGE_SHA256 = hashlib.sha256(LARGE).digest()


def make_home(tmp_path: Path) -> Home:
    """A new home, the same each time."""
    return Home.create(
        tmp_path / "vgr", "test.example", "vgr", ["tcp://127.0.0.1:7700"], None, entropy=SeededEntropy("store")
    )


def loaded(home: Home) -> tuple[Store, Log, list[bytes]]:
    """The store of a home, its log, and the entries on disk; whoever asks closes the store."""
    store = Store.open(home)
    leaves = list(store.leaves())
    return store, home.log(leaves), leaves


def check(home: Home) -> None:
    """Fail unless what is on disk is a sound log."""
    store, log, leaves = loaded(home)
    try:
        check_log(store, log.tree, leaves, home.origin, home.keys().log.public)
    finally:
        store.close()


def step(log: Log, *, publish: bool = False, kept: bool = False, blobs: tuple[Blob, ...] = ()) -> Commit:
    """One step with two entries, one of them a message that was sent."""
    log.add("node.stop", {"reason": "signal"}, study=None, now_ms=NOW_MS)
    log.seal("ROSTER", {"roster": bytes(32), "serial": 1, "sig": bytes(64)}, payload=b"x", to=["skane"], now_ms=NOW_MS)
    pending = log.pending()
    assert pending is not None
    leaves, checkpoint, signature = pending
    return Commit(
        tuple(leaves),
        checkpoint,
        signature,
        kept=((SHA256, PAYLOAD), (LARGE_SHA256, LARGE)) if kept else (),
        blobs=blobs,
        publish=publish,
    )


def append(home: Home, **what: object) -> Log:
    """Write one step, as ``step`` makes it; returns the log."""
    store, log, _ = loaded(home)
    store.commit(step(log, **what))  # type: ignore[arg-type]
    store.close()
    return log
