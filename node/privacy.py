"""What a topology or a plan gives away, computed once and said two ways: as values and as sentences.

The algebra is ``topologies``'. Here it is decided how far to look, and how it is told: first the one
sentence with names, then availability, then what failures and lies change, then the figures. A caller
that has a clock may end searches early; without one they are bounded by counting.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gossip.consent.plan_privacy import mixing_of
from gossip.sessions.variant import groups_of
from protocol.buckets import BUCKETS
from protocol.plan import Plan
from topologies import Overview, Schedule
from topologies.coalitions import Found, attackers, exposed_to_one, least_coalition, least_in_degree
from topologies.failures import Failures, failures
from topologies.integers import Mixing, metropolis_mixing, uniform_mixing
from topologies.measures import needed_neighbours
from topologies.privacy import Lasting, fresh_share, lasting_share, seen_in_one_round
from topologies.symmetry import twin_groups

SOFT_ROUNDS = 32  # more change no digit that is shown
MOST_ATTACKERS = 40  # regions tried for R2 and exposure; more are thinned out evenly
MOST_FAILING = 64  # regions up to which failures are computed
MOST_ROUNDS = 64  # rounds that failures are computed over
KINDS = ("masked", "clear")
Tick = Callable[[str, int, int, int], bool]  # what, size, done, of how many: whether to go on


@dataclass(frozen=True, slots=True)
class Subject:
    """A topology, a plan, or a run that really happened.

    Attributes:
        title: What it is called.
        names: Regions in order.
        weights: Which weights, in words.
        away, critical: How many may be absent, and whose loss then leaves one alone; None: it cannot be masked.
        hidden, colluders, budget: As a plan says: h, c (None: from the degree), L.
        groups: Regions that the group rule lets be left out together only.
        observed: It has happened; what might go wrong is in it already.
    """

    title: str
    names: tuple[str, ...]
    mixing: Mixing
    weights: str = "uniform weights"
    away: int | None = None
    critical: tuple[int, ...] = ()
    hidden: int = 2
    colluders: int | None = None
    budget: int = 4
    groups: tuple[tuple[int, ...], ...] | None = None
    observed: bool = False

    @property
    def n(self) -> int:
        """How many regions."""
        return len(self.names)


@dataclass(frozen=True, slots=True)
class PrivacyReport:
    """All figures of one subject; regions as numbers."""

    subject: Subject
    rounds: int
    in_degree: int
    fresh: Found
    const: Found
    exposed: tuple[float, float]
    r2: dict[str, Any]
    left_out: int
    failing: Failures | None


def subject_of(one: Overview, names: Sequence[str], *, metropolis: bool = False, den: int = 256) -> Subject:
    """Return the subject of a topology that was drawn by a label."""
    schedule = Schedule(one.n, one.graphs)
    return Subject(
        title=one.label,
        names=tuple(names),
        mixing=metropolis_mixing(schedule, den) if metropolis else uniform_mixing(schedule),
        weights=f"Metropolis weights over {den}" if metropolis else "uniform weights",
        away=one.away if one.is_maskable else None,
        critical=one.critical,
        groups=_groups(one),
    )


def subject_of_plan(plan: Plan) -> Subject:
    """Return the subject of a plan: its own graphs, weights, thresholds and names."""
    masking = plan.masking
    index = {name: i for i, name in enumerate(plan.regions)}
    network = plan.aggregation == "network"
    weights = f"Metropolis weights over {plan.weight_den}" if plan.weights == "metropolis" else "uniform weights"
    shown = bool(plan.disclosures()) or masking["mode"] == "off"
    spare = plan.n - 1 - needed_neighbours(plan.n - 1, masking["min_hidden"], masking["colluders"])
    return Subject(
        title="one sum of all" if network else plan.topology,
        names=plan.regions,
        mixing=mixing_of(plan),
        weights="equal weights" if network else f"{weights} in buckets" if plan.robustness == BUCKETS else weights,
        away=None if shown else max(0, spare) if network else plan.may_be_away,
        critical=tuple(range(plan.n)) if network else tuple(index[name] for name in plan.away_regions),
        hidden=masking["min_hidden"],
        colluders=masking["colluders"],
        budget=masking["change_budget"],
        groups=_plan_groups(plan) if plan.masking["survivors"] == "group_atomic" else None,
    )


def _groups(one: Overview) -> tuple[tuple[int, ...], ...] | None:
    """Return who goes together under the group rule, the default of a plan on ``groups:M``; else None."""
    if one.label.partition(":")[0] != "groups":
        return None
    return tuple(twin_groups(uniform_mixing(Schedule(one.n, one.graphs)).weights))


def _plan_groups(plan: Plan) -> tuple[tuple[int, ...], ...]:
    """Return who goes together, and everybody else alone."""
    index = {name: i for i, name in enumerate(plan.regions)}
    together = [tuple(sorted(index[name] for name in group)) for group in groups_of(plan) or ()]
    grouped = {i for group in together for i in group}
    return (*together, *((i,) for i in range(plan.n) if i not in grouped))


def report_of(
    subject: Subject,
    *,
    rounds: int | None = None,
    rhos: Sequence[float] = (0.0, 1.0, 3.0),
    max_size: int = 3,
    with_failures: bool = True,
    most_attackers: int = MOST_ATTACKERS,
    tick: Tick = lambda what, size, done, total: True,
) -> PrivacyReport:
    """Return what coalitions learn from the sums.

    Args:
        rounds: T; 2 N if None.
        max_size: Largest coalitions searched.
        most_attackers: Regions tried as the curious one; of more, evenly chosen ones.
        tick: Asked while searching; False ends that search.
    """
    mixing = subject.mixing
    rounds = rounds or max(2 * mixing.n, 2 * mixing.turn)
    lasting = Lasting(mixing, rounds)
    fresh = least_coalition(
        mixing, lambda members: seen_in_one_round(mixing, members), max_size=max_size,
        keep_going=lambda *at: tick("fresh contributions", *at),
    )  # fmt: skip
    const = least_coalition(
        mixing, lasting.exposes, max_size=max_size, keep_going=lambda *at: tick("lasting contributions", *at)
    )
    every = attackers(mixing)
    alone = every if len(every) <= most_attackers else every[:: -(-len(every) // most_attackers)]
    exposed = (exposed_to_one(lasting, alone), exposed_to_one(lasting, alone, clear=True))
    soft = min(rounds, SOFT_ROUNDS)
    r2: dict[str, Any] = {"rounds": soft, "fresh": 0.0} | {kind: {key_of(r): 0.0 for r in rhos} for kind in KINDS}
    for done, (region, _) in enumerate(alone):
        tick("shares explained", 1, done, len(alone))
        others = [i for i in range(mixing.n) if i != region]
        r2["fresh"] = max(r2["fresh"], float(fresh_share(mixing, [region], soft)[others].max()))
        for kind in KINDS:
            for rho in rhos:
                share = lasting_share(mixing, [region], soft, rho, clear=kind == "clear")[others].max()
                r2[kind][key_of(rho)] = max(r2[kind][key_of(rho)], float(share))
    failing = None
    if with_failures and not subject.observed and subject.away is not None and mixing.n <= MOST_FAILING:
        tick("failures", 1, 0, 1)
        failing = failures(
            mixing, min(rounds, MOST_ROUNDS), lambda d: needed_neighbours(d, subject.hidden, subject.colluders),
            budget=subject.budget, groups=subject.groups,
        )  # fmt: skip
    return PrivacyReport(
        subject, rounds, least_in_degree(mixing), fresh, const, exposed, r2, len(every) - len(alone), failing
    )


def key_of(rho: float) -> str:
    """Return how a rho is written as a key."""
    return f"{rho:g}"
