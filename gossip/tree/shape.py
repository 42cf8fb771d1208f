"""The tree of a whole-network round: who sends to whom, on whom everybody waits, and how a miscount is found.

    position 0 the root; parent of position p is (p - 1) // 2

The root of round t is the (t mod N)-th region in order of names. Below it stand the members of its cohort (where
losses are survived: of its ROUTED), ordered by a hash of study, round and name, so that nobody chooses whose parent
it is. A leaf sends its masked value to its parent; an inner node adds to its own what comes from below and sends
the sum up; the root adds up what is left. The result comes down the same tree; whoever hangs on a region that was
lost is told by the root itself.

Pure functions of names and hashes. Who waits for whom, and until when: ``tree_node``, ``tree_receiver``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gossip.events import Buffer
from protocol.buckets import tree_key
from protocol.codec import Value
from protocol.envelope import Envelope
from protocol.fixed_point import RING_DTYPES
from protocol.plan import Plan

STEP_MS = 2_000  # what a level of the tree is given beyond T_mask


def root_of(plan: Plan, round: int) -> str:
    """Return the receiver of a whole-network round."""
    return plan.regions[round % plan.n]


def tree_of(study: bytes, round: int, root: str, members: Collection[str]) -> Tree:
    """Return the tree over these members, the root above them."""
    below = sorted(set(members) - {root}, key=lambda name: tree_key(study, round, name))
    return Tree((root, *below))


@dataclass(frozen=True)
class Tree:
    """Regions by position, the root first."""

    order: tuple[str, ...]

    @cached_property
    def _at(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.order)}

    @property
    def root(self) -> str:
        """Position 0."""
        return self.order[0]

    def __contains__(self, name: object) -> bool:
        return name in self._at

    def parent(self, name: str) -> str:
        """Return to whom a member sends.

        Raises:
            KeyError: It is not in the tree.
            ValueError: It is the root.
        """
        place = self._at[name]
        if place == 0:
            raise ValueError(f"{name} is the root")
        return self.order[(place - 1) // 2]

    def children(self, name: str) -> tuple[str, ...]:
        """Return who sends to a region: two, one or nobody."""
        place = self._at[name]
        return self.order[2 * place + 1 : 2 * place + 3]

    def is_inner(self, name: str) -> bool:
        """Whether a member has others below it."""
        return bool(self.children(name)) and name != self.root

    def subtree(self, name: str) -> tuple[str, ...]:
        """Return a region and all below it."""
        found, level = [], [name]
        while level:
            found += level
            level = [child for one in level for child in self.children(one)]
        return tuple(found)

    def depth(self, name: str) -> int:
        """Return how many steps it is to the root."""
        return (self._at[name] + 1).bit_length() - 1

    @property
    def height(self) -> int:
        """Depth of the lowest member."""
        return len(self.order).bit_length() - 1

    def told_by(self, name: str, survivors: Collection[str]) -> str:
        """Return who passes the result on to a region: its parent, or the root where that one was lost."""
        if name not in self:
            return self.root
        parent = self.parent(name)
        return parent if parent in survivors else self.root

    def tells(self, name: str, survivors: Collection[str], everybody: Sequence[str]) -> tuple[str, ...]:
        """Return to whom a region passes the result on."""
        others = [one for one in everybody if one != self.root]
        return tuple(one for one in others if one != name and self.told_by(one, survivors) == name)


def up_ms(tree: Tree, name: str) -> int:
    """Return how long after T_mask a member waits for those below it, in ms: 2 s for each level below its own."""
    return STEP_MS * (tree.height - tree.depth(name))


# ---------------------------------------------------------------- what a parent has added


def partial_body(view: bytes, members: Mapping[str, bytes]) -> dict[str, Value]:
    """Return the body of a PARTIAL: the view, and each member with the digest of its MASKED."""
    rows: list[Value] = [[name, members[name]] for name in sorted(members)]
    return {"view": view, "members": rows}


def listed(partial: Envelope) -> dict[str, bytes]:
    """Return the members of a PARTIAL with the digest of each one's MASKED."""
    rows = partial.fields.body["members"]
    assert isinstance(rows, list)
    return {str(row[0]): bytes(row[1]) for row in rows if isinstance(row, list)}  # type: ignore[arg-type]


def added(payloads: Sequence[Buffer], ring: int) -> bytes:
    """Return the sum of masked vectors mod 2^w, little-endian words."""
    total = np.frombuffer(payloads[0], dtype=RING_DTYPES[ring]).copy()
    for payload in payloads[1:]:
        total += np.frombuffer(payload, dtype=total.dtype)
    return total.tobytes()


def counts_rightly(partial: Envelope, parts: Sequence[tuple[Envelope, Buffer]], ring: int) -> bool:
    """Whether a parent's PARTIAL is the sum of what was signed to it: its own MASKED, its children's MASKED or PARTIAL.

    What it shows to clear itself are signed statements with their payloads: each must be the one that its header
    names, together they must list just the members of the PARTIAL, and add up to it.

    Args:
        parts: The statements and payloads that it kept.
    """
    members: dict[str, bytes] = {}
    for envelope, payload in parts:
        if hashlib.sha256(payload).digest() != envelope.fields.sha256:
            return False
        found = listed(envelope) if envelope.fields.type == "PARTIAL" else {envelope.fields.sender: envelope.eid}
        if members.keys() & found.keys():
            return False
        members |= found
    if not parts or members != listed(partial):
        return False
    total = added([payload for _, payload in parts], ring)
    return hashlib.sha256(total).digest() == partial.fields.sha256
