"""What steps of the sampled Gaussian mechanism cost, and how much noise a wanted epsilon needs.

Renyi DP over agreed orders, since that is what an audit recomputes. Opacus' arithmetic for it is one file of numpy and
scipy: it is read by itself, in functions, since the package brings torch, which takes seconds and which the node that
asks what a study would cost must not hold.
"""

from __future__ import annotations

import importlib.util
import math
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from node.learning.errors import ConfigError

MICRO = 1_000_000
ORDERS = (*(1 + x / 10 for x in range(1, 100)), *range(12, 64))  # what accountant "rdp" stands for
MAX_SIGMA = 10_000.0


@dataclass(frozen=True, slots=True)
class Spent:
    """Steps of one mechanism: sampling rate, noise multiplier, how many."""

    q_u: int
    sigma_u: int
    steps: int


def epsilon(spent: Iterable[Spent], delta: float) -> float:
    """Return the epsilon of all steps together, by Renyi DP; 0 for none.

    Source: Opacus' accountant (Mironov, Talwar and Zhang 2019), over ``ORDERS``.
    """
    total: Any = np.zeros(len(ORDERS))
    steps: dict[tuple[int, int], int] = {}
    for s in spent:
        steps[s.q_u, s.sigma_u] = steps.get((s.q_u, s.sigma_u), 0) + s.steps
    if not any(steps.values()):
        return 0.0
    for (q_u, sigma_u), count in sorted(steps.items()):
        total = total + count * _one_step(q_u, sigma_u)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on the best order being the first or the last: the orders are agreed
        value, _ = _analysis().get_privacy_spent(orders=ORDERS, rdp=total, delta=delta)
    return max(0.0, float(value))  # the conversion goes below 0 where delta is large


@lru_cache(maxsize=256)
def _one_step(q_u: int, sigma_u: int) -> Any:
    """Return the Renyi divergence of one step at each order; it adds up over steps."""
    return np.asarray(_analysis().compute_rdp(q=q_u / MICRO, noise_multiplier=sigma_u / MICRO, steps=1, orders=ORDERS))


@cache
def _analysis() -> Any:
    """Return Opacus' module ``accountants.analysis.rdp``, without the package around it."""
    package = importlib.util.find_spec("opacus")  # finds a package without importing it
    file = Path(package.origin).parent / "accountants" / "analysis" / "rdp.py" if package and package.origin else None
    found = importlib.util.spec_from_file_location("landsting_opacus_rdp", file) if file and file.is_file() else None
    if found is None or found.loader is None:
        from opacus.accountants.analysis import rdp  # of another version, which keeps it elsewhere

        return rdp
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def noise_for(epsilon_wanted: float, delta: float, q: float, steps: int, before: Sequence[Spent] = ()) -> float:
    """Return the least noise multiplier, in steps of 0.001, that keeps ``steps`` steps within epsilon.

    Args:
        before: What is spent on the same rows besides, and counts within epsilon.

    Raises:
        ConfigError: Epsilon, delta or q is out of range, or no noise suffices.
    """
    if not (epsilon_wanted > 0 and 0 < delta < 1 and 0 < q <= 1 and steps > 0):
        found = f"epsilon {epsilon_wanted}, delta {delta}, q {q}, {steps} steps"
        raise ConfigError(found, "epsilon > 0, 0 < delta < 1, 0 < q <= 1, steps > 0", "Correct --dp.")
    q_u = round(q * MICRO)

    def fits(milli: int) -> bool:
        return epsilon([*before, Spent(q_u, milli * 1000, steps)], delta) <= epsilon_wanted

    low, high = 0, 500
    while not fits(high):
        low, high = high, high * 2
        if high > MAX_SIGMA * 1000:
            raise ConfigError(
                f"epsilon {epsilon_wanted} with delta {delta}", "a larger epsilon", "No noise suffices; raise it."
            )
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle, high)
    return high / 1000


def statistics_sigma_u(eps_max_u: int, delta_u12: int, preprocess_bp: int, stages: int) -> int:
    """Return the noise multiplier of each sum round of a plan with DP, in 1e-6; 0 where there is none.

    Every stage is one step with q = 1. The share of epsilon is ``preprocess_bp``; in closed form, so that an
    audit needs no search: rho = (sqrt(L + eps) - sqrt(L))^2 with L = ln(1/delta), sigma = sqrt(stages / (2 rho)),
    rounded up to 0.001.

    Source: Bun and Steinke (2016), proposition 1.3 (rho-zCDP gives eps = rho + 2 sqrt(rho L)) and 1.6.
    """
    if not (stages and preprocess_bp):
        return 0
    log = -math.log(delta_u12 / MICRO**2)
    rho = (math.sqrt(log + eps_max_u / MICRO * preprocess_bp / 10_000) - math.sqrt(log)) ** 2
    return math.ceil(math.sqrt(stages / (2 * rho)) * 1000) * 1000


def prv_epsilon(spent: Iterable[Spent], delta: float) -> float | None:
    """Return the epsilon of all steps together by Opacus' PRV accountant (``eps_error`` .01); None if it gives up.

    Tighter, but not checked for correctness by its authors: to be shown beside ``epsilon``, never to be counted.
    """
    from opacus.accountants import PRVAccountant

    accountant = PRVAccountant()
    accountant.history = [(s.sigma_u / MICRO, s.q_u / MICRO, s.steps) for s in spent if s.steps]
    if not accountant.history:
        return 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return float(accountant.get_epsilon(delta))
        except (ValueError, RuntimeError, ArithmeticError, MemoryError):
            return None


def micro_up(value: float) -> int:
    """Return a number in millionths, rounded up."""
    return math.ceil(value * MICRO)
