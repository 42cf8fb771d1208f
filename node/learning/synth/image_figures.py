"""Cheap figures of synthetic images beside real ones, for every round: numpy alone, on images of 8 pixels a side.

They say whether a generator gets better or collapses. What a release is judged by is another matter:
see ``node.learning.synth.measure``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from node.learning.metrics import auroc
from node.learning.synth.measure.images import frechet_distance

SIDE = 8  # of the small images
RIDGE = 0.1
MOST = 500  # real images that are looked at

Floats = NDArray[np.float64]


def figures(
    made: NDArray[np.uint8],
    made_label: NDArray[np.int64],
    real: NDArray[np.uint8],
    label: NDArray[np.int64],
    classes: int,
) -> dict[str, float | None]:
    """Return figures of synthetic images against real ones; None where a class has fewer than two real images.

    ``synthetic_auroc``: how well a line through small synthetic images tells the last class from the first among real
    ones. ``pixel_frechet``: distance of the two normal distributions of small images, mean over classes.
    ``diversity``: mean distance of two synthetic images of a class over that of two real ones.
    """
    every = max(1, -(-len(real) // MOST))  # evenly, since rows may be in the order of classes
    real, label = real[::every], label[::every]
    if any((label == k).sum() < 2 for k in range(classes)):
        return {"synthetic_auroc": None, "pixel_frechet": None, "diversity": None}
    a, b = small(made), small(real)
    spreads, gaps = [], []
    for k in range(classes):
        x, y = a[made_label == k], b[label == k]
        gaps.append(frechet_distance(x, y) or 0.0)
        spreads.append((apart(x), apart(y)))
    if classes < 2:
        area = None
    else:
        ends = (label == 0) | (label == classes - 1)
        kept = (made_label == 0) | (made_label == classes - 1)
        area = auroc(b[ends] @ _line(a[kept], made_label[kept] > 0), label[ends] > 0)
    real_spread = float(np.mean([y for _, y in spreads]))
    return {
        "synthetic_auroc": area,
        "pixel_frechet": float(np.mean(gaps)),
        "diversity": float(np.mean([x for x, _ in spreads])) / real_spread if real_spread > 0 else None,
    }


def small(images: NDArray[np.uint8]) -> Floats:
    """Return images as rows of at most 8 x 8 mean values (times channels) in [-1, 1], float64 (n, values)."""
    n, height, width, _ = images.shape
    x = images.astype(np.float64) / 127.5 - 1
    rows, columns = _mean(height), _mean(width)
    out = np.einsum("ph,nhwc,qw->npqc", rows, x, columns, optimize=True)
    return np.asarray(out.reshape(n, -1), np.float64)


def _mean(side: int) -> Floats:
    """Return the matrix that averages a line's pixels in equal parts."""
    parts = min(SIDE, side)
    edges = np.round(np.linspace(0, side, parts + 1)).astype(int)
    out = np.zeros((parts, side))
    for i in range(parts):
        out[i, edges[i] : edges[i + 1]] = 1 / (edges[i + 1] - edges[i])
    return out


def apart(x: Floats) -> float:
    """Return the mean Euclidean distance of two different rows."""
    squares = np.square(x).sum(1)
    distances = np.sqrt(np.clip(squares[:, None] + squares[None] - 2 * x @ x.T, 0, None))
    n = len(x)
    return float((distances.sum() - np.trace(distances)) / (n * (n - 1)))


def _line(x: Floats, is_last: NDArray[np.bool_]) -> Floats:
    """Return the direction of a ridge regression of ±1 on rows."""
    x = x - x.mean(0)
    return np.asarray(
        np.linalg.solve(x.T @ x + RIDGE * len(x) * np.eye(x.shape[1]), x.T @ np.where(is_last, 1.0, -1.0)), np.float64
    )
