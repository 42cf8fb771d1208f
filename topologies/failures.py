"""What the sums give away when regions are away, and what a receiver gains that lies about who was.

A missing member makes the weights of that round unequal: regions that were alike are so no longer. And
a receiver that leaves a sender out, or says that its line was cut, holds two sums whose difference is
that sender. The change budget of a plan bounds how many sets a receiver may show one member: L of them
in 32 rounds, the whole neighbourhood being one, so L - 1 that leave somebody out. The group rule lets whole
groups be left out only. Everything is computed for contributions that last (CONST) or are fresh, as said.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from topologies.coalitions import attackers, least_coalition
from topologies.integers import Mixing, as_run
from topologies.privacy import Lasting, seen_in_one_round

MOST_RUNS = 120  # runs that are computed for one figure; more are thinned out evenly
MOST_FRESH = 20_000  # coalitions that are tried with one region away
Needed = Callable[[int], int]  # degree to h + c
Groups = Sequence[Collection[int]] | None


@dataclass(frozen=True, slots=True)
class Failures:
    """What failures and lies give away.

    Attributes:
        away_fresh: Members of the least coalition with fresh contributions while one region is away; None where
            none was found up to ``away_searched``.
        away_const: Others that one curious region works out (CONST) if one other region is away for one turn: most.
        away_example: (curious, away, worked out) of that.
        lone_liar: Others that one region works out (CONST) by leaving out as many senders as the budget allows,
            one after the other: most; None where it may leave nobody out.
        lone_example: (liar, left out, worked out).
        pair: Two receivers, and the region whose value they open in one single round by leaving it out of one of
            their two sums; None where thresholds, group rule or budget do not let them.
        thinned: Some runs were left out.
    """

    away_fresh: int | None
    away_searched: int
    away_const: int
    away_example: tuple[int, int, tuple[int, ...]] | None
    lone_liar: int | None
    lone_example: tuple[int, tuple[int, ...], tuple[int, ...]] | None
    pair: tuple[int, int, int] | None
    thinned: bool


def failures(
    mixing: Mixing,
    rounds: int,
    needed: Needed,
    *,
    budget: int,
    groups: Groups = None,
    max_size: int = 2,
) -> Failures:
    """Return what a turn gives away when one region is away, and when receivers lie.

    Args:
        rounds: T, rounds that are run; a region that is away is so for the second turn.
        needed: Fewest members of a cohort, h + c, by planned degree.
        budget: L, different sets a receiver may show in 32 rounds, the whole neighbourhood being one.
        groups: Regions that the group rule lets be left out together only; None: anybody may be.
        max_size: Largest coalitions searched with one region away.
    """
    every = [region for region, _ in attackers(mixing)]
    away_fresh, searched = _fresh_with_one_away(mixing, needed, every, max_size, groups)
    pairs = [(i, k) for i in every for k in range(mixing.n) if i != k]
    chosen = _thinned(pairs)
    worst, example = 0, None
    for curious, k in chosen:
        found = Lasting(_with_one_away(mixing, rounds, k, needed, groups), rounds).exposes([curious]) - {k}
        if len(found) > worst:
            worst, example = len(found), (curious, k, tuple(sorted(found)))
    lone, lone_example, cut = _lone_liar(mixing, rounds, needed, budget, groups, every)
    pair = _lying_pair(mixing, needed, groups) if budget > 1 else None
    return Failures(away_fresh, searched, worst, example, lone, lone_example, pair, cut or len(chosen) < len(pairs))


def left_out(degree: Sequence[int], needed: Needed, groups: Groups) -> list[frozenset[int]]:
    """Return the sets that a receiver with these senders may leave out of one sum: one sender, or one group of them."""
    senders = set(degree)
    parts = [{j} for j in senders] if groups is None else [senders & set(group) for group in groups]
    return [frozenset(part) for part in parts if part and len(senders - part) >= needed(len(senders))]


def _senders(mixing: Mixing, round: int) -> list[list[int]]:
    return [[int(j) for j in np.flatnonzero(row)] for row in mixing.weighed(round)]


def _thinned(several: Sequence[tuple[int, int]]) -> Sequence[tuple[int, int]]:
    return several[:: -(-len(several) // MOST_RUNS)] if several else several


def _with_one_away(mixing: Mixing, rounds: int, away: int, needed: Needed, groups: Groups) -> Mixing:
    """One region is away for the second turn."""
    second = range(mixing.turn, 2 * mixing.turn)
    return as_run(
        mixing, [_sums(mixing, round, away if round in second else None, needed, groups) for round in range(rounds)]
    )


def _sums(mixing: Mixing, round: int, away: int | None, needed: Needed, groups: Groups) -> dict[int, list[int]]:
    """Who is in whose sum; receivers that would have too few senders keep their models. Its group goes with it."""
    whole = _senders(mixing, round)
    if away is None:
        return dict(enumerate(whole))
    out = next((set(group) for group in groups or [] if away in group), {away})
    found = {i: [j for j in one if j not in out] if away in one else one for i, one in enumerate(whole) if i != away}
    return {i: one for i, one in found.items() if len(one) >= _least(whole[i], needed)}


def _least(planned: Sequence[int], needed: Needed) -> int:
    return min(needed(len(planned)), len(planned))


def _fresh_with_one_away(
    mixing: Mixing, needed: Needed, every: Sequence[int], max_size: int, groups: Groups
) -> tuple[int | None, int]:
    least: int | None = None
    searched = max_size
    tried = 0

    def going(size: int, _done: int, _total: int) -> bool:
        nonlocal tried
        tried += 1
        return tried <= MOST_FRESH and (least is None or size < least)

    for away in every:
        one = as_run(mixing, [_sums(mixing, round, away, needed, groups) for round in range(mixing.turn)])
        found = least_coalition(
            one,
            lambda members, one=one, away=away: seen_in_one_round(one, members) - {away},  # type: ignore[misc]
            max_size=max_size,
            keep_going=going,
        )
        if found.least is not None and (least is None or found.least < least):
            least = found.least
        if tried > MOST_FRESH:
            searched = min(searched, found.searched_to)
    return least, searched


def _lone_liar(
    mixing: Mixing,
    rounds: int,
    needed: Needed,
    budget: int,
    groups: Groups,
    every: Sequence[int],
) -> tuple[int | None, tuple[int, tuple[int, ...], tuple[int, ...]] | None, bool]:
    """One receiver leaves one sender (or group) out in each of ``budget`` - 1 rounds, then shows all again."""
    choices = [(i, at) for i in every for at in range(max(len(one[i]) for one in _turns(mixing)))]
    worst, example, able = 0, None, False
    chosen = _thinned(choices)
    for liar, at in chosen:
        shown: list[dict[int, list[int]]] = []
        out: list[int] = []
        for round in range(rounds):
            whole = _senders(mixing, round)
            options = left_out(whole[liar], needed, groups)
            sums = dict(enumerate(whole))
            # The first turn is shown whole: what it shows is what later sums are compared with.
            if mixing.turn <= round and len(out) < budget - 1 and options:
                part = options[(at + len(out)) % len(options)]
                out.append(min(part))
                sums[liar] = [j for j in whole[liar] if j not in part]
            shown.append(sums)
        if not out:
            continue
        able = True
        found = Lasting(as_run(mixing, shown), rounds).exposes([liar])
        if len(found) > worst or example is None:
            worst, example = len(found), (liar, tuple(out), tuple(sorted(found)))
    return (worst if able else None), example, len(chosen) < len(choices)


def _turns(mixing: Mixing) -> Iterator[list[list[int]]]:
    for round in mixing.distinct:
        yield _senders(mixing, round)


def _lying_pair(mixing: Mixing, needed: Needed, groups: Groups) -> tuple[int, int, int] | None:
    """Two receivers whose sums of one round differ by one region: both name the same set, one of them without it.

    Exact for two receivers and equal weights: apart from single rows that is the only way to leave one unknown. Under
    the group rule it may name a pair that the rule just stops, where one of the two is in the other's cohort.
    """
    of = {i: frozenset(group) for group in groups or [] for i in group}
    for whole in _turns(mixing):
        for a, b in combinations(range(mixing.n), 2):
            for first, second in ((a, b), (b, a)):
                pair = {first, second}
                common = set(whole[first]) & set(whole[second]) - pair
                for target in sorted(set(whole[first]) - pair):
                    if of.get(target, frozenset({target})) - pair != {target}:
                        continue  # its group stands or falls with it
                    shared = common - {target}
                    if groups is not None:
                        shared = {j for j in shared if (of[j] & set(whole[first])) - pair <= common - {target}}
                    inside = len(shared)
                    if inside + 1 + (second in whole[first]) >= needed(len(whole[first])) and inside + (
                        first in whole[second]
                    ) >= needed(len(whole[second])):
                        return first, second, target
    return None
