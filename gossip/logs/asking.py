"""Whom a start asks whether this log is the newest, and whose answers are enough.

Rules kept here, and nowhere else:
  * with a study under way: its neighbours, and as many of them as its plan says (nobody where it says so);
  * without one: every other member of the roster in force. All are waited for a few seconds; then as many are enough as
    half of those who had cosigned this log at its end, one at least, if nobody is missing that has a link;
  * a home that was copied or put back since it last ran: every other member, for as long as it takes.

Nobody is asked where no roster is in force: such a log has been shown to nobody but who founds one with it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gossip.logs.witness import neighbours_of, quorum_of

if TYPE_CHECKING:
    from gossip.peer import Peer

PATIENCE_MS = 5_000  # links that can come up are up by then
LINKED_MS = 30_000  # who has a link and answers nothing is waited for no longer
LATELY_S = 86_400


@dataclass(frozen=True, slots=True)
class Question:
    """What a start asks.

    Attributes:
        regions: Who is asked; nobody: nothing has to be asked.
        least: How many answers are enough, once all have been waited for.
        patience_ms: How long all are waited for, and who has a link; None: without end.
    """

    regions: frozenset[str] = frozenset()
    least: int = 0
    patience_ms: tuple[int, int] | None = (0, 0)

    def is_answered(self, heard: Collection[str], linked: Collection[str], waited_ms: int) -> bool:
        """Whether the answers that are here are enough."""
        missing = self.regions - set(heard)
        if not missing:
            return True
        if self.patience_ms is None or len(self.regions) - len(missing) < self.least:
            return False
        everybody_ms, linked_ms = self.patience_ms
        return waited_ms >= everybody_ms and (waited_ms >= linked_ms or not missing & set(linked))


def question(peer: Peer, *, moved: bool) -> Question:
    """Return what a start of this region has to ask.

    Args:
        moved: Whether its home seems to have been copied or put back since it last ran.
    """
    others = frozenset(peer.membership.names) - {peer.me}
    if moved:
        return Question(others, len(others), None)
    running = [s for s in peer.studies.values() if s.outcome is None]
    if running:
        asked = [Question(frozenset(neighbours_of(s, s.round)), quorum_of(s, s.round)) for s in running]
        return max(asked, key=lambda one: one.least)
    if not others:
        return Question()
    return Question(others, _least(peer), (PATIENCE_MS, LINKED_MS))


def _least(peer: Peer) -> int:
    """Half of those who had cosigned this log within a day of the last cosignature on it; one at least."""
    given = peer.witness.held.cosigned
    newest = max((one.t_s for one in given.values()), default=0)
    lately = [name for name, one in given.items() if one.t_s >= newest - LATELY_S and name in peer.membership.names]
    return max(1, -(-len(lately) // 2))
