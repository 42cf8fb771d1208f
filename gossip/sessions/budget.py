"""The change budget: how many different sets of senders one receiver may show this region.

Sums over K and over K without k give k away, so a receiver that shows ever new sets is not answered.

Rules kept here, and nowhere else:
  * of the last 32 rounds a receiver may show ``masking.change_budget`` different sets, the whole neighbourhood
    always being one of them (of every graph of a schedule: the plan itself changes those). So a budget of 1 answers
    nobody who leaves out a region that has not excused itself;
  * a region that has excused itself from a round (ABSENT, before or after) counts as shown in it: nobody else
    can leave it out in its name. A cut line is not excused: it looks like a receiver that leaves somebody out;
  * where the plan cuts neighbourhoods in buckets, what counts is the one bucket that this region is in: of the
    others it is shown nothing;
  * a set that was refused does not enter the window.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping, Sequence

from gossip.studies.context import StudyContext

WINDOW_ROUNDS = 32
Spans = Sequence[tuple[int, int]]


class ChangeBudget:
    """The sets that this region has answered, by receiver."""

    def __init__(self, context: StudyContext) -> None:
        self._context = context
        self._windows: dict[str, deque[tuple[int, str, frozenset[str]]]] = {}

    def allows(self, receiver: str, round: int, members: Collection[str], excuses: Mapping[str, Spans]) -> bool:
        """Whether the set may be answered; ``excuses`` came with it and are not taken in yet."""
        window = [w for w in self._windows.get(self._key(receiver), ()) if w[0] > round - WINDOW_ROUNDS]
        seen = {frozenset[str](), *(self._shown(who, r, shown, excuses) for r, who, shown in window)}
        budget = int(self._context.plan.masking["change_budget"])
        return self._shown(receiver, round, members, excuses) in seen or len(seen) < budget

    def spend(self, receiver: str, round: int, members: Collection[str]) -> None:
        """Count a set that is answered."""
        window = self._windows.setdefault(self._key(receiver), deque())
        while window and window[0][0] <= round - WINDOW_ROUNDS:
            window.popleft()
        window.append((round, receiver, frozenset(members)))

    def _key(self, receiver: str) -> str:
        """Whose window counts: in whole-network mode the receivers take turns, and there is one for the study."""
        return "" if self._context.plan.aggregation == "network" else receiver

    def _shown(
        self, receiver: str, round: int, members: Collection[str], excuses: Mapping[str, Spans]
    ) -> frozenset[str]:
        """The set as it counts: with those who excused themselves; empty for the whole neighbourhood."""
        plan, me = self._context.plan, self._context.me
        planned = plan.part(receiver, round, plan.bucket_of(receiver, round, me)).names
        shown = {
            k
            for k in planned
            if k in members
            or self._context.is_excused(k, round)
            or any(first <= round <= last for first, last in excuses.get(k, ()))
        }
        own = {receiver} if self._context.plan.aggregation == "network" else set[str]()
        return frozenset() if len(shown) == len(planned) else frozenset(shown | own)
