"""Entries of this region's own log that neighbours' copies give back.

Rules kept here, and nowhere else:
  * what leads to no head that this region has signed is nobody's word but the neighbour's, and is not taken;
  * entries of which only hashes came back end a log; it is not gone on with behind them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from crypto.merkle import Tree
from crypto.note import Checkpoint
from gossip.logs.mirror import MAX_COMING, MAX_COMING_BYTES, Item, weight
from protocol.entries import decode_entry
from protocol.log import Log


class Returned:
    """What came back, by the region whose copy it is from."""

    def __init__(self) -> None:
        self._copies: dict[str, tuple[int, list[Item]]] = {}
        self._weights: dict[str, int] = {}
        self._trees: dict[str, Tree] = {}  # of the log and a copy behind it, as far as it has been looked at

    def take(self, log: Log, name: str, first: int, items: Sequence[Item]) -> None:
        """Take entries from position ``first`` on, as far as they go on from what is here."""
        begun, held = self._copies.get(name, (log.size, []))
        end = begun + len(held)
        new = items[end - first :] if first <= end else []
        if not new or len(held) + len(new) > MAX_COMING:
            return
        heavy = self._weights.get(name, 0) + weight(new)
        if heavy <= MAX_COMING_BYTES:
            held.extend(new)
            self._copies[name], self._weights[name] = (begun, held), heavy

    @property
    def reached(self) -> dict[str, int]:
        """Up to where each region's copy of this log came back."""
        return {name: begun + len(items) for name, (begun, items) in sorted(self._copies.items())}

    def leading_to(self, log: Log, heads: Mapping[Checkpoint, bool]) -> list[Item] | None:
        """The entries behind this log as far as copies lead to one of these heads; None where none do.

        Bytes of one copy stand in for hashes of another.

        Args:
            heads: Each with whether entries up to it were shown; if not, it may be of an end that was lost before.
        """
        best = 0
        found: list[Item] | None = None
        for name, (begun, held) in sorted(self._copies.items()):
            tree = self._tree(name, log)
            mine = [h for h in heads if h.origin == log.origin and h.size <= tree.size]
            on = [h.size for h in mine if tree.root_at(h.size) == h.root]
            reach = max(on, default=0)
            # Two signed heads of which one is not on the way to the other: that is a fork, and none is taken.
            is_forked = any(heads[h] and h.size <= reach and h.size not in on for h in mine)
            if begun != log.size or reach <= max(best, log.size) or is_forked:
                continue
            best, found = reach, held[: reach - log.size]
        if found is None:
            return None
        return [(leaf or self._leaf(at, digest), digest) for at, (leaf, digest) in enumerate(found)]

    def _tree(self, name: str, log: Log) -> Tree:
        begun, held = self._copies[name]
        if name not in self._trees:
            self._trees[name] = Tree(log.tree.hash_at(n) for n in range(begun))
        tree = self._trees[name]
        for _, digest in held[tree.size - begun :]:
            tree.append(digest)
        return tree

    def _leaf(self, at: int, digest: bytes) -> bytes | None:
        for _, items in self._copies.values():
            if at < len(items) and items[at][1] == digest and items[at][0] is not None:
                return items[at][0]
        return None


def unread(first: int, items: Sequence[Item]) -> int:
    """How many entries came back as hashes alone, those apart that a later one says this region has erased itself.

    What it has said in these is not known to it: it must not go on with them, or it would say it once more.

    Args:
        first: Position of the first.
    """
    bare = {first + at for at, (leaf, _) in enumerate(items) if leaf is None}
    for leaf, _ in items if bare else ():
        if leaf is not None and b"redact" in leaf:
            entry = decode_entry(leaf)
            bare -= {entry.body.get("seq")} if entry.kind == "redact" else set()
    return len(bare)
