"""One row of figures for a topology: what ``landsting topology`` prints and this folder's README shows."""

from __future__ import annotations

from dataclasses import dataclass

from topologies.generators import MASKED, SHOWN, build
from topologies.measures import (
    Unmaskable,
    degrees,
    diameter,
    may_be_away,
    rounds_to_mix,
    schedule_gap,
    unmaskable,
    vectors_per_round,
)
from topologies.schedule import Schedule


@dataclass(frozen=True, slots=True)
class Overview:
    """A topology over n regions in figures.

    Attributes:
        label, n: As asked for.
        turn: Graphs in a turn, 1 for a fixed topology.
        degree: Fewest and most neighbours of a region in a round.
        diameter: Rounds until everybody has heard of everybody.
        gap: Spectral gap a round, uniform weights.
        rounds: Rounds until a millionth of any disagreement is left; None for never.
        vectors: Models that a region sends in a round, mean.
        away, critical: How many regions may be absent, and those whose loss then leaves one alone.
        shown: Receivers that masking cannot protect from.
        graphs: Edges, i < j, one list per graph of the turn.
    """

    label: str
    n: int
    turn: int
    degree: tuple[int, int]
    diameter: int | None
    gap: float
    rounds: int | None
    vectors: float
    away: int
    critical: tuple[int, ...]
    shown: tuple[Unmaskable, ...]
    graphs: tuple[tuple[tuple[int, int], ...], ...]

    @property
    def is_maskable(self) -> bool:
        """Whether every update hides in a sum in every round."""
        return not self.shown

    @property
    def daemons(self) -> str:
        """Who runs it."""
        return MASKED if self.is_maskable else SHOWN


def overview(
    label: str, n: int, *, seed: int = 0, edges_text: str | None = None, hidden: int = 2, colluders: int | None = None
) -> Overview:
    """Return the figures of a topology.

    Raises:
        TopologyError: No such label, it does not fit n regions, or the graph is in pieces.
    """
    schedule = Schedule(n, build(label, n, seed=seed, edges_text=edges_text))
    schedule.check_connected()
    gap = schedule_gap(schedule)
    away, critical = may_be_away(schedule.graphs, n, hidden, colluders)
    return Overview(
        label=label,
        n=n,
        turn=schedule.turn,
        degree=degrees(schedule),
        diameter=diameter(schedule),
        gap=gap,
        rounds=rounds_to_mix(gap, turn=schedule.turn),
        vectors=vectors_per_round(schedule),
        away=away,
        critical=critical,
        shown=tuple(unmaskable(schedule.graphs, n, hidden, colluders)),
        graphs=schedule.graphs,
    )
