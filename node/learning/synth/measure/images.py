"""Measures of synthetic images against real ones: features of a reference network, variety, nearest real image.

``frechet`` is on the 64 features of the small CNN of ``models.cnn``, trained on R for 200 steps at seed 0; it can be
compared inside this project only, and only where R is the same.

Source: Heusel et al. (2017), "Fréchet Inception distance", equation 6, with other features.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from node.learning.synth.measure.distance import nearest, squared
from node.learning.synth.measure.gate import Figure
from node.learning.synth.measure.tables import Doubles, Integers

Images = NDArray[np.uint8]  # (n, height, width, channels)
STEPS = 200
BATCH = 64
LR = 2e-3
FEATURES = 64
VARIED = 300  # images of each side whose distances are averaged


def pixels(images: Images) -> Doubles:
    """Return images as rows of pixels in [0, 1], float64 (n, height · width · channels)."""
    return images.reshape(len(images), -1).astype(np.float64) / 255


def frechet_distance(a: Doubles, b: Doubles) -> float | None:
    """Return |μ - μ'|² + tr(C + C' - 2 (C C')^½) of two sets of features (n, d); None with fewer than two rows.

    The trace of the root is the sum of the roots of the eigenvalues of C^½ C' C^½, which is symmetric.
    """
    if min(len(a), len(b)) < 2:
        return None
    means, (ca, cb) = (
        (a.mean(axis=0), b.mean(axis=0)),
        (np.cov(one, rowvar=False).reshape(a.shape[1], -1) for one in (a, b)),
    )
    values, vectors = np.linalg.eigh(ca)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    middle = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ cb @ root), 0)).sum()
    return float(max(0.0, ((means[0] - means[1]) ** 2).sum() + np.trace(ca) + np.trace(cb) - 2 * middle))


def diversity(synthetic: Images, real: Images, of_s: Integers, of_r: Integers, seed: int = 0) -> Figure:
    """Return the mean pixel distance between two images of one class, of S over that of R; 300 of each at most.

    Args:
        of_s, of_r: Class of each image.
    """
    mine, theirs = (_spread(images, y, seed) for images, y in ((synthetic, of_s), (real, of_r)))
    if theirs is None or mine is None:
        return Figure(None, why="few_rows")
    return Figure(mine / theirs) if theirs > 0 else Figure(None, why="alike")


def _spread(images: Images, y: Integers, seed: int) -> float | None:
    chosen = np.random.default_rng(seed).permutation(len(images))[:VARIED]
    total, pairs = 0.0, 0
    for k in np.unique(y[chosen]):
        some = pixels(images[chosen[y[chosen] == k]])
        gaps = _gaps(some)
        total, pairs = total + float(gaps.sum()), pairs + len(some) * (len(some) - 1)
    return total / pairs if pairs else None


def _gaps(rows: Doubles) -> Doubles:
    gaps = squared(rows, rows)
    np.fill_diagonal(gaps, 0.0)
    return np.sqrt(gaps)


def nearest_real(synthetic: Images, real: Images) -> Figure:
    """Return the median pixel distance of a synthetic image to the nearest real one."""
    if not len(synthetic) or not len(real):
        return Figure(None, why="few_rows")
    return Figure(float(np.median(nearest(pixels(synthetic), pixels(real))[0])))


# ---------------------------------------------------------------- the reference network


class Reference:
    """The small CNN, trained on R by class: its features for ``frechet``, and its predictions.

    Args:
        images: uint8 (n, height, width, channels).
        y: Class of each, int64 (n,).
        classes: How many there are.
    """

    def __init__(self, images: Images, y: Integers, classes: int, *, steps: int = STEPS, seed: int = 0) -> None:
        import torch  # 2 s, only for images

        torch.set_num_threads(1)
        self._torch = torch
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self._body, self._head = _network(torch, images.shape[3], classes)
            self._train(images, y, steps, np.random.default_rng(seed))

    def _train(self, images: Images, y: Integers, steps: int, rng: np.random.Generator) -> None:
        torch = self._torch
        parameters = [*self._body.parameters(), *self._head.parameters()]
        optimizer = torch.optim.AdamW(parameters, LR, weight_decay=0.01)
        truth = torch.from_numpy(y)
        for _ in range(steps if len(y) else 0):
            batch = rng.integers(0, len(y), min(BATCH, len(y)))
            said = self._head(self._body(_tensor(torch, images[batch])))
            loss = torch.nn.functional.cross_entropy(said, truth[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    def features(self, images: Images) -> Doubles:
        """Return the 64 features of each image."""
        return self._through(images, head=False)

    def probabilities(self, images: Images) -> Doubles:
        """Return the probability of each class, (n, classes)."""
        return self._through(images, head=True)

    def _through(self, images: Images, *, head: bool) -> Doubles:
        torch = self._torch
        parts = [np.empty((0, self._head.out_features if head else FEATURES))]
        with torch.no_grad():
            for start in range(0, len(images), 256):
                found = self._body(_tensor(torch, images[start : start + 256]))
                parts.append((self._head(found).softmax(dim=1) if head else found).numpy().astype(np.float64))
        return np.concatenate(parts)


def _tensor(torch: Any, images: Images) -> Any:
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).float() / 127.5 - 1


def _network(torch: Any, channels: int, classes: int) -> tuple[Any, Any]:
    """Return body and head: three 3 x 3 convolutions with GroupNorm and SiLU, global average; a linear layer."""
    nn = torch.nn
    parts, before = list[Any](), channels
    for width, stride in ((16, 1), (32, 2), (64, 2)):
        parts += [nn.Conv2d(before, width, 3, stride, 1), nn.GroupNorm(4, width), nn.SiLU()]
        before = width
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten()), nn.Linear(FEATURES, classes)


def frechet(reference: Reference, synthetic: Images, real: Images, held: Images) -> Figure:
    """Return the Fréchet distance of S's features to R's; ``against`` is that of held-out real images."""
    mine = reference.features(real)
    value, against = (frechet_distance(mine, reference.features(one)) for one in (synthetic, held))
    return Figure(value, against=against, why="" if value is not None else "few_rows")
