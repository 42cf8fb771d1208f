"""Figures of predictions: exact on rows at hand, and out of integers that regions can sum.

What is undefined is None: AUROC with one class, any figure of no rows. ``Counts`` holds a confusion table
and, for each class, histograms of its predicted probability; sums of them over regions give the figures of
all rows together, with an error that is stated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 512
CALIBRATION_BINS = 15
FEWEST = 10  # a group with fewer rows is suppressed

Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]


def auroc(scores: Doubles, positive: NDArray[np.bool_]) -> float | None:
    """Return the area under the ROC curve, ties counted half; None if only one class is present."""
    p = int(positive.sum())
    n = len(positive) - p
    if p == 0 or n == 0:
        return None
    _, place, count = np.unique(scores, return_inverse=True, return_counts=True)
    rank = np.cumsum(count) - (count - 1) / 2  # mean rank of each group of ties, from 1
    return float((rank[place][positive].sum() - p * (p + 1) / 2) / (p * n))


def auprc(scores: Doubles, positive: NDArray[np.bool_]) -> float | None:
    """Return average precision: precision at each distinct score, weighted by the recall gained; None without both."""
    p = int(positive.sum())
    if p == 0 or p == len(positive):
        return None
    order = np.argsort(-scores, kind="stable")
    hits, seen = np.cumsum(positive[order]), np.arange(1, len(scores) + 1)
    last = np.append(np.diff(scores[order]) != 0, True)  # of equal scores all are taken at once
    hits, seen = hits[last], seen[last]
    return float((np.diff(hits, prepend=0) / p * hits / seen).sum())


def balanced_accuracy(guess: Integers, y: Integers, classes: int) -> float | None:
    """Return the mean over classes of the share guessed right; None unless every class has a row."""
    shares = [float((guess[y == k] == k).mean()) if (y == k).any() else None for k in range(classes)]
    known = [share for share in shares if share is not None]
    return sum(known) / classes if len(known) == classes else None


def calibration_error(probability: Doubles, positive: NDArray[np.bool_]) -> float | None:
    """Return ECE: over 15 equal bins, the mean gap of predicted and observed share, weighted by rows."""
    if not len(positive):
        return None
    place = np.minimum((probability * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
    predicted = np.bincount(place, probability, CALIBRATION_BINS)
    observed = np.bincount(place, positive.astype(np.float64), CALIBRATION_BINS)
    return float(np.abs(predicted - observed).sum() / len(positive))


def figures(probabilities: Doubles, y: Integers) -> dict[str, float | None]:
    """Return accuracy, balanced accuracy, AUROC, AUPRC and ECE of class probabilities (n, K).

    With more than two classes AUROC and AUPRC are the mean of each class against the rest, and None if one
    of them has no row, or all of them; ECE is of the class guessed.
    """
    names = ("accuracy", "auroc", "balanced_accuracy", "auprc", "ece")
    if len(y) == 0:
        return dict.fromkeys(names)
    classes = probabilities.shape[1]
    guess = probabilities.argmax(axis=1).astype(np.int64)
    of = range(1, 2) if classes == 2 else range(classes)
    if classes == 2:
        ece = calibration_error(probabilities[:, 1], y == 1)
    else:
        ece = calibration_error(probabilities.max(axis=1), guess == y)
    return {
        "accuracy": float((guess == y).mean()),
        "auroc": _mean([auroc(probabilities[:, k], y == k) for k in of]),
        "balanced_accuracy": balanced_accuracy(guess, y, classes),
        "auprc": _mean([auprc(probabilities[:, k], y == k) for k in of]),
        "ece": ece,
    }


def label_figures(probabilities: Doubles, labels: NDArray[np.bool_]) -> dict[str, float | None]:
    """Return the same of several labels, (n, L) each: the mean over labels; None where one is undefined."""
    if len(labels) == 0:
        return dict.fromkeys(("accuracy", "auroc", "balanced_accuracy", "auprc", "ece"))
    each = [
        figures(np.stack([1 - probabilities[:, k], probabilities[:, k]], axis=1), labels[:, k].astype(np.int64))
        for k in range(labels.shape[1])
    ]
    return {name: _mean([one[name] for one in each]) for name in each[0]}


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(values) and known else None


def number_figures(predicted: Doubles, true: Doubles) -> dict[str, float | None]:
    """Return root mean square and mean absolute error, and R^2 (None where the truth has no spread)."""
    if len(true) == 0:
        return {"rmse": None, "mae": None, "r2": None}
    gap = predicted - true
    spread = float(((true - true.mean()) ** 2).sum())
    return {
        "rmse": float(np.sqrt((gap**2).mean())),
        "mae": float(np.abs(gap).mean()),
        "r2": None if spread <= 0 else 1 - float((gap**2).sum()) / spread,
    }


def concordant_pairs(risk: Doubles, time: Doubles, event: NDArray[np.bool_]) -> tuple[int, int]:
    """Return (twice the concordant pairs, ties counted once; comparable pairs): integers that can be summed.

    A pair is comparable if the earlier of its times is an event (at equal times: if one is an event and the
    other is not). It is concordant if the earlier one has the higher risk.

    Source: Harrell et al. (1982).
    """
    twice, pairs = 0, 0
    for i in np.flatnonzero(event):
        later = (time > time[i]) | ((time == time[i]) & ~event)
        pairs += int(later.sum())
        twice += int(2 * (risk[later] < risk[i]).sum() + (risk[later] == risk[i]).sum())
    return twice, pairs


def c_index(risk: Doubles, time: Doubles, event: NDArray[np.bool_]) -> float | None:
    """Return the share of comparable pairs that are concordant; None if there is no such pair."""
    twice, pairs = concordant_pairs(risk, time, event)
    return twice / (2 * pairs) if pairs else None


# ---------------------------------------------------------------- integers that can be summed


@dataclass(frozen=True, slots=True)
class Counts:
    """Integers of one group's predictions; counts of several groups add up.

    Attributes:
        confusion: (K, K), rows by their class, columns by the class guessed.
        histograms: (K, 2, 512): of each class, rows not in it and rows in it, by its predicted probability
            in equal bins on [0, 1].
    """

    confusion: Integers
    histograms: Integers

    @classmethod
    def of(cls, probabilities: Doubles, y: Integers) -> Counts:
        """Return the counts of class probabilities (n, K)."""
        classes = probabilities.shape[1]
        confusion = np.zeros((classes, classes), np.int64)
        np.add.at(confusion, (y, probabilities.argmax(axis=1)), 1)
        histograms = np.zeros((classes, 2, BINS), np.int64)
        place = np.minimum((probabilities * BINS).astype(np.int64), BINS - 1)
        for k in range(classes):
            np.add.at(histograms[k], ((y == k).astype(np.int64), place[:, k]), 1)
        return cls(confusion, histograms)

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.confusion + other.confusion, self.histograms + other.histograms)

    @property
    def vector(self) -> Integers:
        """All integers as one vector, (K^2 + 1024 K,)."""
        return np.concatenate([self.confusion.reshape(-1), self.histograms.reshape(-1)])

    @classmethod
    def of_vector(cls, vector: Integers, classes: int) -> Counts:
        """Return the counts of ``vector``."""
        return cls(vector[: classes**2].reshape(classes, classes), vector[classes**2 :].reshape(classes, 2, BINS))

    @property
    def rows(self) -> int:
        """How many rows were counted."""
        return int(self.confusion.sum())

    def figures(self) -> dict[str, float | None]:
        """Return what ``metrics.figures`` does, out of the counts, and ``auroc_error``: AUROC is within it."""
        classes = len(self.confusion)
        of = range(1, 2) if classes == 2 else range(classes)
        right, per_class = np.diag(self.confusion), self.confusion.sum(axis=1)
        areas = [area_of(self.histograms[k]) for k in of]
        balanced = [float(r / n) if n else None for r, n in zip(right, per_class, strict=True)]
        return {
            "accuracy": float(right.sum() / self.rows) if self.rows else None,
            "auroc": _mean([area for area, _ in areas]),
            "balanced_accuracy": _mean(balanced),
            "auprc": _mean([precision_of(self.histograms[k]) for k in of]),
            "ece": _mean([gap_of(self.histograms[k]) for k in of]),
            "auroc_error": _mean([error for _, error in areas]),
        }

    def curve(self, k: int = -1) -> list[dict[str, Any]]:
        """Return the calibration of class k: rows, predicted and observed share of 15 bins or fewer.

        Bins side by side are put together until each has 10 rows, so that none follows from the others; with fewer
        rows in all there is one, which says so and no more.
        """
        bins: list[tuple[int, int, float, float, int]] = []  # first bin, end, predicted, observed, rows
        for low, (predicted, observed, rows) in enumerate(_calibration(self.histograms[k])):
            bins.append((low, low + 1, predicted, observed, rows))
            if len(bins) > 1 and bins[-2][4] < FEWEST:
                bins[-2:] = [_together(*bins[-2:])]
        if len(bins) > 1 and bins[-1][4] < FEWEST:
            bins[-2:] = [_together(*bins[-2:])]
        out: list[dict[str, Any]] = []
        for low, end, predicted, observed, rows in bins:
            edges = {"from": low / CALIBRATION_BINS, "to": end / CALIBRATION_BINS}
            if rows < FEWEST:
                out.append({**edges, "rows": None, "predicted": None, "observed": None})
            else:
                out.append({**edges, "rows": rows, "predicted": predicted / rows, "observed": observed / rows})
        return out


def _together(
    one: tuple[int, int, float, float, int], other: tuple[int, int, float, float, int]
) -> tuple[int, int, float, float, int]:
    return one[0], other[1], one[2] + other[2], one[3] + other[3], one[4] + other[4]


def area_of(histogram: Integers) -> tuple[float | None, float | None]:
    """Return AUROC = sum_b P_b (N_<b + N_b / 2) / (P N) of (2, bins) counts, and the most it can be off."""
    negative, positive = histogram.astype(np.float64)
    pairs = positive.sum() * negative.sum()
    if not pairs:
        return None, None
    below = np.cumsum(negative) - negative
    area = float((positive * (below + negative / 2)).sum() / pairs)
    return area, float((positive * negative).sum() / 2 / pairs)


def precision_of(histogram: Integers) -> float | None:
    """Return average precision out of (2, bins) counts; rows of one bin are taken at once."""
    negative, positive = histogram[:, ::-1].astype(np.float64)
    if not positive.sum() or not negative.sum():
        return None
    hits, seen = np.cumsum(positive), np.cumsum(positive + negative)
    return float((positive / positive.sum() * hits / np.maximum(seen, 1)).sum())


def gap_of(histogram: Integers) -> float | None:
    """Return ECE out of (2, bins) counts; a row counts with the middle of its bin (off by at most 1/1024)."""
    rows = int(histogram.sum())
    return sum(abs(p - o) for p, o, _ in _calibration(histogram)) / rows if rows else None


def _calibration(histogram: Integers) -> list[tuple[float, float, int]]:
    """Return (sum of predicted, observed positives, rows) of each of 15 bins."""
    middle = (np.arange(BINS) + 0.5) / BINS
    place = np.minimum((middle * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
    rows = histogram.sum(axis=0)
    predicted = np.bincount(place, rows * middle, CALIBRATION_BINS)
    observed = np.bincount(place, histogram[1], CALIBRATION_BINS)
    counted = np.bincount(place, rows, CALIBRATION_BINS)
    return [(float(p), float(o), int(n)) for p, o, n in zip(predicted, observed, counted, strict=True)]
