"""How far false values can pull a region: bounds on what a sum, or one sender, may change.

``clip_sum`` needs no view of single values: the receiver bounds the length of the whole step, exactly in
integers, and refuses a sum that is far beyond it (a wrapped one, for instance). ``buckets`` sees the sums of parts of
the neighbourhood, and takes the median of their means. The ``clear`` rules see every neighbour's value and need
differential privacy for it:

    clear            ClippedGossip: each neighbour pulls by at most ``clip`` (He, Karimireddy and Jaggi 2022)
    clear-nearest    the mean of the region itself and its nearest neighbours (Allouah et al. 2023)
    clear-trimmed    in each coordinate, the mean without the c largest and c smallest (Yin et al. 2018)

Lengths are computed on integers in steps of 2^-f, so that every machine decides alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import Enum
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

ALARM = 10
MOST = (1 << 32) - 1
_RUN = 1 << 14  # so many squares of 24 bits add up to less than 2^64
Codes = NDArray[np.int64]


class Verdict(Enum):
    """What ``clip`` found."""

    WITHIN = "within"
    CLIPPED = "clipped"
    ALARM = "alarm"


def threshold(clip: str, den: int, step_log2: int) -> int:
    """Return T = floor(tau Q 2^f), the longest D that may be applied whole.

    Args:
        clip: tau, a decimal string, as the plan has it.
        den: Q.
        step_log2: f.
    """
    return math.floor(Fraction(clip) * den * Fraction(2) ** step_log2)


def squared_length(change: Codes) -> int:
    """Return the sum of squares of integers of at most 32 bits and a sign, exact for up to 2^31 of them."""
    size = np.abs(change).astype(np.uint64)
    low, high = size & np.uint64(0xFFFF), size >> np.uint64(16)
    return (
        int((low * low).sum(dtype=np.uint64))
        + (int((low * high).sum(dtype=np.uint64)) << 17)
        + (int((high * high).sum(dtype=np.uint64)) << 32)
    )


def clip(change: Codes, most: int) -> tuple[Codes, Verdict]:
    """Return D no longer than T, and what was found.

    Coordinates are first bounded by 2^32 - 1. A D of more than 10 T comes back as it is, with ``ALARM``: it must
    not be applied.

    Args:
        change: D, int64, shape (p,).
        most: T, from ``threshold``.
    """
    bounded = np.clip(change, -MOST, MOST)
    squared = squared_length(bounded)
    if squared <= most * most:
        return bounded, Verdict.WITHIN
    if squared > ALARM * ALARM * most * most:
        return bounded, Verdict.ALARM
    return _shortened(bounded, squared, most), Verdict.CLIPPED


def _shortened(bounded: Codes, squared: int, most: int) -> Codes:
    factor = math.isqrt((most * most << 32) // squared)
    short: Codes = np.abs(bounded)
    short *= factor
    short >>= 16
    return np.where(bounded < 0, -short, short)


def moves_too_far(total: Codes, count: int, before: Codes, count_before: int, tau: str, step_log2: int) -> bool:
    """Whether the mean of all regions is more than tau away from the one before, exactly (whole-network mode).

    D = S n' - S' n is the way between the two means in steps of 2^-k / (n n').

    Args:
        total, count: S, of fewer than 2^41 in each coordinate, and n, at most 64 regions.
        before, count_before: The same of the sum that was adopted last.
        tau: The plan's ``clip``.
    """
    most = math.floor(Fraction(tau) * count * count_before * Fraction(2) ** step_log2)
    squared = 0
    for start in range(0, total.size, _RUN):
        run = slice(start, start + _RUN)
        size = np.abs(total[run] * count_before - before[run] * count).astype(np.uint64)
        low, high = size & np.uint64(0xFFFFFF), size >> np.uint64(24)
        squared += int((low * low).sum()) + (int((low * high).sum()) << 25) + (int((high * high).sum()) << 48)
    return squared > most * most


# ---------------------------------------------------------------- with the means of buckets in sight


def median(values: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the median of each coordinate; of an even number half the sum of the two in the middle.

    With fewer than half of the values false it lies between two that are not, in every coordinate: a bound that needs
    no number chosen beforehand (Yin et al. 2018).

    Args:
        values: Of one shape (p,), at least one.
    """
    ordered = np.sort(np.stack(values), axis=0)
    half = len(values) // 2
    middle: NDArray[np.float64] = ordered[half] if len(values) % 2 else (ordered[half - 1] + ordered[half]) * 0.5
    return middle


# ---------------------------------------------------------------- with single values in sight


def clipped(own: Codes, others: Sequence[Codes], weights: Sequence[int], most: int) -> tuple[Codes, list[int]]:
    """Return D of ClippedGossip, sum of a_j clip(X_j - X_i, T), and the places of those beyond 10 T, who do not count.

    Args:
        most: T = floor(tau 2^f): how far one neighbour may pull before its weight.
    """
    total = np.zeros(own.size, np.int64)
    far: list[int] = []
    for place, (other, weight) in enumerate(zip(others, weights, strict=True)):
        pull, verdict = clip(other - own, most)
        if verdict is Verdict.ALARM:
            far.append(place)
        else:
            total += weight * pull
    return total, far


def nearest(own: Codes, others: Sequence[Codes], colluders: int) -> tuple[Codes, int, list[int]]:
    """Return D and Q of the mean over the region itself and its nearest others, and the places left out.

    The ``colluders`` farthest are left out; of two equally far, the later one.
    """
    lengths = [squared_length(np.clip(other - own, -MOST, MOST)) for other in others]
    order = sorted(range(len(others)), key=lambda place: (lengths[place], place))
    kept = sorted(order[: max(0, len(others) - colluders)])
    total = np.zeros(own.size, np.int64)
    for place in kept:
        total += others[place] - own
    return total, len(kept) + 1, sorted(set(order) - set(kept))


def trimmed(own: Codes, others: Sequence[Codes], colluders: int) -> tuple[Codes, int]:
    """Return D and Q of the mean, in each coordinate, without the c largest and the c smallest values.

    Raises:
        ValueError: Nothing is left: at most 2 c values.
    """
    values = np.sort(np.stack([own, *others]), axis=0)
    left = len(values) - 2 * colluders
    if left < 1:
        raise ValueError(f"{len(values)} values, of which {colluders} may be false at either end; nothing is left")
    kept = values[colluders : colluders + left]
    return kept.sum(axis=0, dtype=np.int64) - left * own, left
