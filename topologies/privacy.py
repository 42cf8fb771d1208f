"""What the sums themselves give away: which region's contribution a coalition works out, over rounds.

Masks hide the terms of a sum, not the sum. A coalition of regions that pools every sum it ever
received can solve for one region's contribution; this module says for whom, exactly. Unknown is
u_j^t, what region j adds to its model in round t; the first model is public. Three attackers:

  * ``FRESH``: contributions of different rounds have nothing to do with each other;
  * ``CONST``: a region contributes the same in every round;
  * ``INIT``: only the first models are unknown, nothing is added later.

Truth lies between, so ``lasting_share`` has a soft measure for contributions that are partly lasting.

Two theorems bound all of it; README.md has them, the tests hold them as properties. (1) FRESH: what
no single round gives away, many do not: ``seen_in_one_round`` decides it. (2) Regions that all
weights treat alike (``symmetry.twin_groups``) hide behind each other: while two of a group are
outside the coalition, neither is worked out. Coalitions are searched in ``coalitions``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from topologies.field import P, Span, inverse, times
from topologies.integers import Mixing

_EPS = float(np.finfo(np.float64).eps)


class Attacker(Enum):
    """What a coalition takes for granted about the contributions of others."""

    FRESH = "fresh"
    CONST = "const"
    INIT = "init"


def isolated(
    mixing: Mixing,
    coalition: Collection[int],
    rounds: int,
    attacker: Attacker,
    *,
    clear: bool = False,
    published: Collection[int] = (),
) -> frozenset[tuple[int, int]]:
    """Return what a coalition works out: pairs (region, round) of the contributions that it knows in the end.

    Args:
        coalition: Regions that pool all they see; what they add themselves they know.
        rounds: T, rounds that are run.
        clear: Every neighbour's model as it is sent, instead of their sum.
        published: Regions whose model after the last round is known to all.

    Returns:
        In CONST and INIT the round is 0.

    Raises:
        ValueError: No region in the coalition, or one out of range.
    """
    members = _members(mixing, coalition)
    outside = np.setdiff1d(np.arange(mixing.n), members)
    span, last = _observed(mixing, members, rounds, attacker, clear, stop_early=not published)
    if published:
        span.add(_columns(last[sorted(published)], outside, mixing.n))
    return frozenset((int(outside[c % len(outside)]), int(c) // len(outside)) for c in span.alone())


def exposed(
    mixing: Mixing,
    coalition: Collection[int],
    rounds: int,
    attacker: Attacker = Attacker.CONST,
    *,
    clear: bool = False,
) -> frozenset[int]:
    """Return the regions of which a coalition works out a contribution."""
    return frozenset(region for region, _ in isolated(mixing, coalition, rounds, attacker, clear=clear))


def seen_in_one_round(mixing: Mixing, coalition: Collection[int], *, clear: bool = False) -> frozenset[int]:
    """Return the regions whose sent value the sums of one single round give away, in some round of the turn.

    The hard check of a plan: with fresh contributions nobody else is isolated, however many rounds are
    run (theorem 1).
    """
    members = _members(mixing, coalition)
    found: set[int] = set()
    for round in mixing.distinct:
        span = Span(mixing.n)
        span.add(mixing.seen(round, members, clear=clear))
        found.update(map(int, span.alone()))
    return frozenset(found)


class Lasting:
    """The states of CONST, computed once for all coalitions that are asked about.

    ``exposes`` is ``exposed`` with ``Attacker.CONST`` and masks: the same answer, faster for many coalitions.
    """

    def __init__(self, mixing: Mixing, rounds: int) -> None:
        self.mixing = mixing
        self._states = list(_states(mixing, rounds, Attacker.CONST))

    def exposes(self, coalition: Sequence[int], *, clear: bool = False) -> frozenset[int]:
        """Return the regions whose lasting contribution a coalition works out."""
        outside = np.setdiff1d(np.arange(self.mixing.n), list(coalition))
        span = _grown(self.mixing, coalition, iter(self._states), outside, clear, stop_early=True)[0]
        return frozenset(map(int, outside[span.alone()]))


def lasting_share(
    mixing: Mixing, coalition: Collection[int], rounds: int, rho: float, *, clear: bool = False
) -> NDArray[np.float64]:
    """Return R2 of each region: how much of its lasting contribution the best linear attacker explains.

    A contribution is a lasting part plus rho times a part that is new each round, all of variance 1 and
    independent: R2_j = [M_c' (M_c M_c' + rho^2 M_f M_f')^+ M_c]_jj, the share of the variance of j's
    lasting part. M_c and M_f are the rows that the coalition sees in the unknowns of CONST and of FRESH.

    With rho = 0 it is what double precision tells apart, which may be less than the exact ``exposed``.

    Returns:
        Shape (n,), 1 for the coalition's own.
    """
    members = _members(mixing, coalition)
    lasting, fresh = _real_rows(mixing, members, rounds, clear)
    share = np.ones(mixing.n)
    outside = np.setdiff1d(np.arange(mixing.n), members)
    share[outside] = _explained(lasting, rho * fresh) if rho else _projection(lasting)
    return share


def fresh_share(mixing: Mixing, coalition: Collection[int], rounds: int, *, clear: bool = False) -> NDArray[np.float64]:
    """Return, for each region, the largest share of one round's contribution that a linear attacker explains.

    Contributions are fresh, of equal variance and independent. Shape (n,), 1 for the coalition's own.
    """
    members = _members(mixing, coalition)
    fresh = _real_rows(mixing, members, rounds, clear)[1]
    share = np.ones(mixing.n)
    outside = np.setdiff1d(np.arange(mixing.n), members)
    share[outside] = _explained(fresh, None).reshape(rounds, len(outside)).max(axis=0)
    return share


def _members(mixing: Mixing, coalition: Collection[int]) -> list[int]:
    members = sorted(set(coalition))
    if not members or members[0] < 0 or members[-1] >= mixing.n:
        raise ValueError(f"coalition {members}; expected one region or more, from 0 to {mixing.n - 1}")
    return members


def _states(mixing: Mixing, rounds: int, attacker: Attacker) -> Iterator[NDArray[np.int64]]:
    """Yield for each round what every region sends, one row a region, in all unknowns; then the last models."""
    n = mixing.n
    width = n * rounds if attacker is Attacker.FRESH else n
    state = np.zeros((n, width), dtype=np.int64)
    regions = np.arange(n)
    if attacker is Attacker.INIT:
        state[regions, regions] = 1
    for round in range(rounds):
        sent = state.copy()
        if attacker is not Attacker.INIT:
            added = round * n if attacker is Attacker.FRESH else 0
            sent[regions, added + regions] += 1
            sent %= P
        yield sent
        q = inverse(mixing.denominators[round % mixing.turn])
        state = times(mixing.weights[round % mixing.turn], sent) * q % P
    yield state


def _observed(
    mixing: Mixing, members: list[int], rounds: int, attacker: Attacker, clear: bool, *, stop_early: bool
) -> tuple[Span, NDArray[np.int64]]:
    outside = np.setdiff1d(np.arange(mixing.n), members)
    states = _states(mixing, rounds, attacker)
    return _grown(mixing, members, states, outside, clear, stop_early=stop_early and attacker is not Attacker.FRESH)


def _grown(
    mixing: Mixing,
    members: Sequence[int],
    states: Iterator[NDArray[np.int64]],
    outside: NDArray[np.int64],
    clear: bool,
    *,
    stop_early: bool,
) -> tuple[Span, NDArray[np.int64]]:
    """Return the space of all that is seen, in the unknowns of the others, and the last models.

    Stopping early is exact. With one graph, the rows seen so far, together with the coalition's own
    unknowns, span {e_b W^s}, b the senders seen, s up to now: a round that adds nothing makes that
    space invariant under W, so that no later round adds anything.
    """
    seen = [mixing.seen(round, members, clear=clear) for round in range(mixing.turn)]
    sent = next(states)
    span = Span(sent.shape[1] // mixing.n * len(outside))
    for round, following in enumerate(states):
        rows = seen[round % mixing.turn]
        grew = span.add(times(rows[:, outside], _columns(sent[outside], outside, mixing.n)))
        sent = following
        if stop_early and (span.rank == span.width or (mixing.turn == 1 and not grew)):
            break
    return span, sent


def _columns(rows: NDArray[np.int64], outside: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Return rows without the columns of the coalition's own unknowns, round by round."""
    rounds = rows.shape[1] // n
    return rows.reshape(len(rows), rounds, n)[:, :, outside].reshape(len(rows), rounds * len(outside))


def _real_rows(
    mixing: Mixing, members: list[int], rounds: int, clear: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return M_c and M_f: all rows that are seen, over the reals; columns of M_f round by round."""
    outside = np.setdiff1d(np.arange(mixing.n), members)
    w = [one / q for one, q in zip(mixing.weights, mixing.denominators, strict=True)]
    # What is seen in round t holds the contribution of s rounds ago as B_t W_(t-1) ... W_(t-s): the same
    # for every t at one place of the turn.
    chains = []
    for place in range(min(mixing.turn, rounds)):
        step = mixing.seen(place, members, clear=clear).astype(np.float64)
        chain = []
        for ago in range(rounds):
            chain.append(step[:, outside])
            step = step @ w[(place - 1 - ago) % mixing.turn]
        chains.append(np.stack(chain, axis=1))
    rows = []
    for round in range(rounds):
        chain_here = chains[round % mixing.turn]
        one = np.zeros((len(chain_here), rounds, len(outside)))
        one[:, : round + 1] = chain_here[:, round::-1]
        rows.append(one)
    fresh = np.concatenate(rows)
    # A lasting contribution is the same unknown in every round: its columns add up.
    return fresh.sum(axis=1), fresh.reshape(len(fresh), rounds * len(outside))


def _explained(wanted: NDArray[np.float64], noise: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """Return the diagonal of wanted' (wanted wanted' + noise noise')^+ wanted.

    By eigenvalues of the small matrix in the middle: new noise in every row keeps those that are not 0
    far from it, so that squaring costs no digit that is shown.
    """
    gram = wanted @ wanted.T if noise is None else wanted @ wanted.T + noise @ noise.T
    size, vectors = np.linalg.eigh(gram)
    kept = size > (size[-1] if size.size else 0.0) * len(gram) * _EPS
    found: NDArray[np.float64] = ((vectors[:, kept].T @ wanted) ** 2 / size[kept, None]).sum(axis=0)
    return found


def _projection(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the diagonal of the projection on the space of rows, which may be close to dependent."""
    _, size, right = np.linalg.svd(rows, full_matrices=False)
    kept = size > (size[0] if size.size else 0.0) * max(rows.shape) * _EPS
    found: NDArray[np.float64] = (right[kept] ** 2).sum(axis=0)
    return found
