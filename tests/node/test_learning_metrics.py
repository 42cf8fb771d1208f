"""Figures against scikit-learn and against plain loops; counts that can be summed against the rows themselves."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.learning.metrics import (
    FEWEST,
    Counts,
    auprc,
    balanced_accuracy,
    c_index,
    concordant_pairs,
    figures,
    label_figures,
    number_figures,
)

rows = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def drawn(rng: np.random.Generator, n: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return class probabilities with many ties, and classes that follow them a little."""
    p = np.round(rng.dirichlet([1.0] * classes, n), 2)
    p /= p.sum(axis=1, keepdims=True)
    y = np.array([rng.choice(classes, p=row) for row in p])
    return p, y


@given(rows)
@settings(max_examples=20, deadline=None)
def test_average_precision_and_balanced_accuracy_are_scikit_learns(rng: np.random.Generator) -> None:
    from sklearn.metrics import average_precision_score, balanced_accuracy_score

    p, y = drawn(rng, 60, 2)
    y[:2] = 0, 1

    assert auprc(p[:, 1], y == 1) == pytest.approx(average_precision_score(y, p[:, 1]))
    guess = p.argmax(axis=1)
    assert balanced_accuracy(guess, y, 2) == pytest.approx(balanced_accuracy_score(y, guess))


def test_what_one_class_leaves_undefined_is_none() -> None:
    p = np.array([[0.2, 0.8], [0.6, 0.4]])

    found = figures(p, np.array([1, 1]))

    assert (found["auroc"], found["auprc"], found["balanced_accuracy"]) == (None, None, None)
    assert found["accuracy"] == 0.5
    assert found["ece"] == pytest.approx((0.2 + 0.6) / 2)


@given(rows, st.integers(2, 4))
@settings(max_examples=20, deadline=None)
def test_counts_of_regions_add_up_to_the_figures_of_all_rows_within_the_stated_error(
    rng: np.random.Generator, classes: int
) -> None:
    p, y = drawn(rng, 200, classes)
    y[:classes] = range(classes)
    parts = [Counts.of(p[at], y[at]) for at in np.array_split(np.arange(200), 3)]

    summed = Counts.of_vector(parts[0].vector + parts[1].vector + parts[2].vector, classes)
    found, exact = summed.figures(), figures(p, y)

    assert summed.rows == 200
    assert found["accuracy"] == exact["accuracy"]
    assert found["balanced_accuracy"] == pytest.approx(exact["balanced_accuracy"])
    assert found["auroc"] is not None
    assert exact["auroc"] is not None
    assert found["auroc_error"] is not None
    assert abs(found["auroc"] - exact["auroc"]) <= found["auroc_error"] + 1e-12


def test_calibration_bins_of_few_rows_are_put_together() -> None:
    few, many = FEWEST - 1, FEWEST
    p = np.array([[0.9, 0.1]] * many + [[0.5, 0.5]] * few + [[0.1, 0.9]] * few)
    curve = Counts.of(p, np.zeros(len(p), np.int64)).curve()

    assert [one["rows"] for one in curve] == [many, few + few]
    assert curve[0]["predicted"] == pytest.approx(0.1, abs=1 / 512)
    assert curve[1]["predicted"] == pytest.approx(0.7, abs=1 / 512)
    assert (curve[0]["from"], curve[-1]["to"]) == (0, 1)
    assert curve[0]["to"] == curve[1]["from"]
    (alone,) = Counts.of(p[-few:], np.zeros(few, np.int64)).curve()
    assert alone["rows"] is None
    assert alone["predicted"] is None


def test_labels_are_judged_one_by_one() -> None:
    p = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.9]])
    labels = np.array([[True, False], [False, True], [True, True]])

    assert label_figures(p, labels)["accuracy"] == 1
    assert label_figures(p, labels)["auroc"] == 1


def test_a_number_guessed_by_its_mean_explains_nothing() -> None:
    true = np.array([1.0, 2.0, 6.0])

    assert number_figures(np.full(3, 3.0), true)["r2"] == pytest.approx(0)
    assert number_figures(true, np.full(3, 1.0))["r2"] is None  # no spread to explain


def plain_pairs(risk: np.ndarray, time: np.ndarray, event: np.ndarray) -> tuple[int, int]:
    """Return the same as ``concordant_pairs``, pair by pair."""
    twice = pairs = 0
    for a, b in combinations(range(len(risk)), 2):
        if time[a] == time[b] and event[a] == event[b]:
            continue
        first, second = (a, b) if (time[a], not event[a]) < (time[b], not event[b]) else (b, a)
        if event[first]:
            pairs += 1
            twice += 2 * int(risk[first] > risk[second]) + int(risk[first] == risk[second])
    return twice, pairs


@given(rows)
@settings(max_examples=30)
def test_concordant_pairs_are_those_counted_one_by_one(rng: np.random.Generator) -> None:
    risk, time = rng.integers(0, 4, 15).astype(float), rng.integers(0, 5, 15).astype(float)
    event = rng.random(15) < 0.6

    assert concordant_pairs(risk, time, event) == plain_pairs(risk, time, event)


def test_without_an_event_the_c_index_is_undefined() -> None:
    assert c_index(np.arange(3.0), np.arange(3.0), np.zeros(3, bool)) is None
