"""The audit's own arithmetic of privacy, beside the accountant that regions use."""

from __future__ import annotations

import math
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.audit.rdp import ORDERS, epsilon

CASES = [
    # q, sigma, steps, delta
    (0.2, 5.98, 100, 1e-3),
    (0.2, 1.27, 100, 1e-3),
    (0.2, 2.49, 100, 1e-3),
    (0.01, 1.0, 1000, 1e-5),
    (0.001, 0.6, 10_000, 1e-6),
    (1.0, 10.0, 50, 1e-5),
    (0.5, 0.8, 1, 1e-2),
    (0.05, 20.0, 500, 1e-5),
    (0.9, 3.0, 20, 1e-4),
    (0.0001, 0.5, 3, 1e-9),
]


def accountant(q: float, sigma: float, steps: int, delta: float) -> float:
    analysis = pytest.importorskip("opacus.accountants.analysis.rdp")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spent = analysis.compute_rdp(q=q, noise_multiplier=sigma, steps=steps, orders=ORDERS)
        return max(0.0, float(analysis.get_privacy_spent(orders=ORDERS, rdp=spent, delta=delta)[0]))


@pytest.mark.parametrize(("q", "sigma", "steps", "delta"), CASES)
def test_epsilon_is_that_of_the_accountant_to_a_millionth(q: float, sigma: float, steps: int, delta: float) -> None:
    assert epsilon([(q, sigma, steps)], delta) == pytest.approx(accountant(q, sigma, steps, delta), rel=1e-6)


@settings(max_examples=6, deadline=None)
@given(st.integers(1, 999_999), st.integers(500_000, 30_000_000), st.integers(1, 5000), st.integers(1, 12))
def test_epsilon_is_that_of_the_accountant_wherever_a_plan_may_go(
    q_u: int, sigma_u: int, steps: int, tenth: int
) -> None:
    q, sigma, delta = q_u / 1e6, sigma_u / 1e6, 10.0**-tenth
    theirs = accountant(q, sigma, steps, delta)
    if math.isfinite(theirs):
        assert epsilon([(q, sigma, steps)], delta) == pytest.approx(theirs, rel=1e-6, abs=1e-12)


def test_rounds_with_different_noise_add_up() -> None:
    one, two = epsilon([(0.1, 1.0, 10)], 1e-5), epsilon([(0.1, 1.0, 10), (0.1, 2.0, 10)], 1e-5)
    assert one < two < epsilon([(0.1, 1.0, 20)], 1e-5)
    assert epsilon([], 1e-5) == epsilon([(0.1, 1.0, 0)], 1e-5) == 0


def test_a_step_without_noise_has_no_bound() -> None:
    assert epsilon([(0.1, 0.0, 1)], 1e-5) == math.inf
