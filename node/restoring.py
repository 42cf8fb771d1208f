"""What was lost of a log, asked back from the neighbours that keep a copy of it.

Rules kept here, and nowhere else:
  * entries come back only if they lead from what is here to the largest head that anybody can prove;
  * they are appended with one ``log.recover`` behind them, in one transaction; nothing else is.

What cannot be brought back is not made up: then the log goes on only in a new epoch.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

from gossip.events import Commit
from node.daemon import COMMANDS_S, Daemon
from node.errors import StoreError
from node.region import Region, wall_ms
from protocol.codec import Value

SETTLE_S = 1.5


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back.

    Attributes:
        before, after: Entries before, and with what came back (``log.recover`` not counted).
        sources: Regions whose copies helped, with the size of each.
        hash_only: Entries of which only the hash came back.
    """

    before: int
    after: int
    sources: dict[str, int]
    hash_only: int


def restore(path: Path, *, wait_s: float = 60.0, bind: str | None = None) -> Restored | None:
    """Ask all neighbours for what this log has lost, and append it; None if nobody knows of more than is here.

    Raises:
        ConfigError, BusyError: The home cannot be taken.
        StoreError: The log is damaged, or what the neighbours hold does not reach the largest head that is proven.
    """
    with Region.open(path, role="node", wait_s=COMMANDS_S, recovering=True) as region:
        peer, store = region.peer, region.store
        head = store.head()
        if head is not None and (head.size > peer.log.size or peer.log.tree.root_at(head.size) != head.root):
            peer.waking.larger = head
        _ask(region, wait_s, bind)
        if peer.waking.larger is None:
            return None
        found = peer.waking.complete()
        if found is None:
            raise StoreError(
                f"ROLLED-BACK: this log has had {peer.waking.larger.size} entries, and the neighbours' copies do not"
                " reach so far",
                "copies of every entry that was signed",
                "wait until more neighbours are up and try again; or put back a newer copy of the home",
            )
        items, sources = found
        before, after = peer.log.size, peer.log.size + len(items)
        leaves = [leaf for leaf, _ in store.entries()] + [leaf for leaf, _ in items]
        hashes = [digest for _, digest in store.entries()] + [digest for _, digest in items]
        log = region.home.log(leaves, hashes)
        lost = sum(leaf is None for leaf, _ in items)
        shown: list[Value] = [{"region": name, "size": size} for name, size in sorted(sources.items())]
        log.add(
            "log.recover", {"from_size": before, "to_size": after, "from": shown, "hash_only": lost}, study=None,
            now_ms=wall_ms(),
        )  # fmt: skip
        pending = log.pending()
        assert pending is not None
        new, checkpoint, signature = pending
        recovered = tuple((before + at, leaf, digest) for at, (leaf, digest) in enumerate(items))
        store.commit(Commit(tuple(new), checkpoint, signature, publish=True, recovered=recovered))
        return Restored(before, after, sources, lost)


def _ask(region: Region, wait_s: float, bind: str | None) -> None:
    """Run a node that only asks, until all have answered or the copies are complete, or for so long."""
    peer = region.peer
    end, complete = time.monotonic() + wait_s, 0.0

    def is_over() -> bool:
        nonlocal complete
        now = time.monotonic()
        others = [name for name in peer.membership.names if name != peer.me]
        if not complete and (peer.waking.answered >= set(others) or peer.waking.complete() is not None):
            complete = now
        return now > end or bool(complete and now > complete + SETTLE_S)

    daemon = Daemon(region, bind=bind, recovering=True)
    with contextlib.closing(daemon):
        daemon.run(is_over)
