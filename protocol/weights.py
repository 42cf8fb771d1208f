"""What each neighbour's value weighs in a region's average, in whole numbers.

    uniform     a_ij = 1                                            Q = 1 + the largest degree of the round
    metropolis  a_ij = largest odd integer <= Q / (1 + max(d_i, d_j))      Q = ``weight_den``
    both        a_ii = Q - sum of the a_ij of those who took part

Degrees are those of the round's graph. W = a / Q is symmetric and its rows sum to 1, so mixing keeps the mean of
all regions exactly. Weights of others are odd: a mask is prepared with the inverse mod 2^w, and the receiver
multiplies, so that a logged payload can be replayed with the weight that the plan gives it. The region's own
weight never meets a mask and may be even.

Metropolis weights after Xiao, Boyd and Lall (2006), rounded down to odd integers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

UNIFORM, METROPOLIS = "uniform", "metropolis"


@dataclass(frozen=True, slots=True)
class Row:
    """The weights of one receiver in one round.

    Attributes:
        of: Planned sender to its weight a_ij, odd; in the order of names.
        den: Q, what weights are divided by.
    """

    of: Mapping[str, int]
    den: int

    def total(self, senders: Iterable[str]) -> int:
        """Return A_U, what the weights of these senders add up to."""
        return sum(self.of[name] for name in senders)

    def own(self, senders: Iterable[str]) -> int:
        """Return a_ii when these took part: what is missing stays with the region itself."""
        return self.den - self.total(senders)

    @property
    def bound(self) -> int:
        """The largest sum of weights that this receiver can see."""
        return sum(self.of.values())


def odd_weight(den: int, degree: int, other: int) -> int:
    """Return the Metropolis weight of an edge between regions with these degrees.

    Raises:
        ValueError: Q is below 1 + the larger degree: no odd weight is left.
    """
    most = den // (1 + max(degree, other))
    if most < 1:
        raise ValueError(f"weights over {den} with {max(degree, other)} neighbours; at least {1 + max(degree, other)}")
    return most if most % 2 else most - 1


def row(kind: str, den: int, degrees: Mapping[str, int], receiver: str, senders: Iterable[str]) -> Row:
    """Return one receiver's weights.

    Args:
        kind: ``uniform`` or ``metropolis``.
        den: Q of the round.
        degrees: Region to its degree in the round's graph.
        senders: The receiver's planned neighbours.

    Raises:
        ValueError: Another kind, or a Q too small for the degrees.
    """
    if kind not in (UNIFORM, METROPOLIS):
        raise ValueError(f"weights of kind {kind!r}; expected {UNIFORM} or {METROPOLIS}")
    names = sorted(senders)
    if kind == UNIFORM:
        return Row(dict.fromkeys(names, 1), den)
    mine = degrees[receiver]
    return Row({name: odd_weight(den, mine, degrees[name]) for name in names}, den)


def inverse(weight: int, ring: int) -> int:
    """Return a^-1 mod 2^w, with which masks are prepared so that they cancel after the receiver's multiplication.

    Args:
        weight: a, odd.
        ring: w in bits.

    Raises:
        ValueError: An even weight has no inverse.
    """
    if weight % 2 == 0:
        raise ValueError(f"a weight of {weight}; expected an odd one, since only those can be undone mod 2^{ring}")
    return pow(weight, -1, 1 << ring)
