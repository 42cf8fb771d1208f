"""What the plan says of the sessions of one receiver: who may send, how many are needed, who goes together.

Rules kept here, and nowhere else:
  * t = max(floor((n + c) / 2) + 1, h + c). A receiver that lies needs t shares of a member's self seed and t of
    its mask key to open it alone; honest members reveal one kind, the c colluders both: (n - c) + 2c < 2t;
  * c comes from the planned senders, never from the cohort shown: else a receiver shows {victim, colluder};
  * with ``masking.survivors = "group_atomic"`` every set shown is a union of whole groups.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass


class SessionError(Exception):
    """A session breaks a rule; ``rule`` names it in a word or two."""

    def __init__(self, rule: str, reason: str) -> None:
        super().__init__(f"{rule}: {reason}")
        self.rule = rule


def threshold(n: int, colluders: int, hidden: int) -> int:
    """Return t, the shares that open a secret and the fewest survivors of a recoverable session of n members."""
    return max((n + colluders) // 2 + 1, hidden + colluders)


@dataclass(frozen=True, slots=True)
class SessionRules:
    """The plan's word on one receiver's sessions in one round.

    Attributes:
        planned: N(i), all regions that may send, ascending.
        colluders: c, from the planned degree.
        hidden: h, honest values that a sum hides at the least.
        ring: w in bits.
        prg: Name of the stream, see ``crypto.masking``.
        kinds: Kinds of COHORT that the plan allows here.
        groups: Regions that go together, with or without the receiver in them; None: everybody by itself.
    """

    planned: tuple[str, ...]
    colluders: int
    hidden: int
    ring: int
    prg: str = "aes256ctr"
    kinds: tuple[str, ...] = ("mix",)
    groups: tuple[frozenset[str], ...] | None = None

    def threshold(self, n: int) -> int:
        """Return t for a cohort of n."""
        return threshold(n, self.colluders, self.hidden)

    def fewest(self, n: int) -> int:
        """Return the fewest members that may go on with a cohort of n: its threshold, and never below h + c."""
        return max(self.threshold(n), self.hidden + self.colluders)

    def group_of(self, name: str) -> frozenset[str]:
        """Return who goes with a sender: its group among the planned ones, or itself."""
        for group in self.groups or ():
            if name in group:
                return group.intersection(self.planned)
        return frozenset({name})

    def whole(self, names: Collection[str]) -> tuple[str, ...]:
        """Return those of ``names`` whose whole group is among them, ascending."""
        return tuple(sorted(name for name in names if self.group_of(name).issubset(names)))

    def check_whole(self, names: Collection[str], what: str) -> None:
        """Refuse a set that takes a part of a group.

        Raises:
            SessionError: ``group-rule``.
        """
        cut = sorted(set(names).difference(self.whole(names)))
        if cut:
            raise SessionError("group-rule", f"{what} holds {', '.join(cut)} without the rest of the group")
