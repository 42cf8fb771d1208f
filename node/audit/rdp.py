"""The privacy of noisy, sampled steps, counted by Renyi divergence: the audit's own arithmetic.

No line of it is shared with what a region runs. Source: Mironov, Talwar and Zhang (2019), "Renyi Differential
Privacy of the Sampled Gaussian Mechanism", section 3.3; conversion to (epsilon, delta) after Balle, Barthe, Gaboardi,
Hsu and Sato (2020), "Hypothesis Testing Interpretations and Renyi Differential Privacy", theorem 21.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import lru_cache

ORDERS = (*(1 + x / 10 for x in range(1, 100)), *map(float, range(12, 64)))
"""The orders that ``accountant = "rdp"`` in a plan stands for."""


def epsilon(steps: Mapping[tuple[float, float], int] | Iterable[tuple[float, float, int]], delta: float) -> float:
    """Return the epsilon of all steps together; 0 for none.

    Args:
        steps: (sampling rate q, noise multiplier sigma) to how many steps, or rows of the three.
        delta: In (0, 1).
    """
    rows = [(*key, count) for key, count in steps.items()] if isinstance(steps, Mapping) else list(steps)
    if not any(count for _, _, count in rows):
        return 0.0
    best = math.inf
    for index, order in enumerate(ORDERS):
        spent = sum(count * _divergences(q, sigma)[index] for q, sigma, count in rows if count)
        best = min(best, spent - (math.log(delta) + math.log(order)) / (order - 1) + math.log1p(-1 / order))
    return max(0.0, best)


@lru_cache(maxsize=1024)
def _divergences(q: float, sigma: float) -> tuple[float, ...]:
    """Return the Renyi divergence of one step at each order."""
    return tuple(_divergence(q, sigma, order) for order in ORDERS)


def _divergence(q: float, sigma: float, order: float) -> float:
    if q == 0:
        return 0.0
    if sigma == 0:
        return math.inf
    if q == 1:
        return order / (2 * sigma**2)
    log_a = _whole(q, sigma, round(order)) if order.is_integer() else _fraction(q, sigma, order)
    return log_a / (order - 1)


def _whole(q: float, sigma: float, order: int) -> float:
    """Return log A for a whole order: a binomial sum, every term positive."""
    terms = [
        math.log(math.comb(order, k)) + k * math.log(q) + (order - k) * math.log1p(-q) + (k * k - k) / (2 * sigma**2)
        for k in range(order + 1)
    ]
    return _log_sum(terms)


def _fraction(q: float, sigma: float, order: float) -> float:
    """Return log A for any order: two series with signs, one for each side of the point where densities cross."""
    z = sigma**2 * math.log(1 / q - 1) + 0.5
    plus: list[float] = []
    minus: list[float] = []
    coefficient, k = 1.0, 0
    while True:
        j = order - k
        size = math.log(abs(coefficient))
        low = size + k * math.log(q) + j * math.log1p(-q) + (k * k - k) / (2 * sigma**2)
        low += math.log(0.5) + _log_erfc((k - z) / (math.sqrt(2) * sigma))
        high = size + j * math.log(q) + k * math.log1p(-q) + (j * j - j) / (2 * sigma**2)
        high += math.log(0.5) + _log_erfc((z - j) / (math.sqrt(2) * sigma))
        (plus if coefficient > 0 else minus).extend((low, high))
        if max(low, high) < -40 and k > order:
            break
        coefficient *= (order - k) / (k + 1)
        k += 1
    total, taken = _log_sum(plus), _log_sum(minus)
    return total if taken == -math.inf else total + math.log1p(-math.exp(taken - total))


def _log_sum(terms: Iterable[float]) -> float:
    """Return log of the sum of exp."""
    terms = list(terms)
    top = max(terms, default=-math.inf)
    if top == -math.inf:
        return top
    return top + math.log(math.fsum(math.exp(term - top) for term in terms))


def _log_erfc(x: float) -> float:
    """Return log erfc(x), where erfc itself would be 0 by its asymptotic series."""
    if x < 20:
        return math.log(math.erfc(x))
    term = series = 1.0
    for n in range(1, 12):
        term *= -(2 * n - 1) / (2 * x * x)
        series += term
    return -x * x - math.log(x * math.sqrt(math.pi)) + math.log(series)
