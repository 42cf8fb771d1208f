"""Whom a start asks whether this log is the newest, and whose answers are enough.

Rules kept here, and nowhere else:
  * with a study under way: its neighbours, and as many of them as its plan says (nobody where it says so);
  * without one: every other member of the roster in force, and half of those who had cosigned this log at its end, one
    at least;
  * all are waited for a few seconds, and who has a link longer: a quick answer must not outrun the one that shows more;
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
        keepers: Whose answers count towards ``least``; None: everybody's.
    """

    regions: frozenset[str] = frozenset()
    least: int = 0
    patience_ms: tuple[int, int] | None = (PATIENCE_MS, LINKED_MS)
    keepers: frozenset[str] | None = None

    def is_answered(self, heard: Collection[str], linked: Collection[str], waited_ms: int) -> bool:
        """Whether the answers that are here are enough."""
        missing = self.regions - set(heard)
        if not missing:
            return True
        if self.patience_ms is None or not self.is_enough(heard):
            return False
        everybody_ms, linked_ms = self.patience_ms
        return waited_ms >= everybody_ms and (waited_ms >= linked_ms or not missing & set(linked))

    def is_enough(self, heard: Collection[str]) -> bool:
        """Whether so many have answered that it does, if nobody else can be waited for."""
        counted = self.keepers if self.keepers is not None else self.regions
        return len(counted & set(heard)) >= self.least


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
        study = max(running, key=lambda one: quorum_of(one, one.round))
        least, around = quorum_of(study, study.round), frozenset(neighbours_of(study, study.round))
        return Question(around, least) if least else Question()
    if not others:
        return Question()
    keepers = _keepers(peer)
    return Question(others, max(1, -(-len(keepers) // 2)), keepers=keepers or None)


def _keepers(peer: Peer) -> frozenset[str]:
    """Members that had cosigned this log within a day of the last cosignature on it.

    A time counts up to that of the log's last entry: whoever states one far in the future would be the last alone.
    """
    end_s = peer.log.last_ms // 1000
    given = {n: min(one.t_s, end_s) for n, one in peer.witness.held.cosigned.items() if n in peer.membership.names}
    newest = max(given.values(), default=0)
    return frozenset(name for name, t_s in given.items() if t_s >= newest - LATELY_S)
