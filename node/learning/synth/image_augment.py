"""Changes that both real and made images go through before the discriminator sees them.

Without them a discriminator that has few images learns them by heart. They are linear in the image, so the
generator's gradient goes through, and the generator does not learn to make shifted or masked images, for
both sides are changed alike.

Source: Zhao et al. (2020), "Differentiable Augmentation for Data-Efficient GAN Training".
"""

from __future__ import annotations

from typing import Any

import numpy as np

from node.learning.models import mlp
from node.learning.vectors import Floats


def augmented(images: Any, shift: int, cutout: float, rng: np.random.Generator) -> Any:
    """Return images (n, channels, height, width) moved by up to ``shift`` pixels, a part of each set to grey.

    Args:
        shift: Pixels in each direction; the border is repeated.
        cutout: Side of the grey part over the image's side, 0 to 1.
    """
    torch = mlp.torch_one_thread()
    n, _, height, width = images.shape
    if shift:
        down = torch.from_numpy(_moves(n, height, shift, rng))
        right = torch.from_numpy(_moves(n, width, shift, rng).transpose(0, 1, 3, 2).copy())
        images = torch.matmul(torch.matmul(down, images), right)
    if cutout:
        tall, wide = round(cutout * height), round(cutout * width)
        top, left = rng.integers(0, height + 1, n), rng.integers(0, width + 1, n)
        y, x = np.arange(height)[None, :, None], np.arange(width)[None, None, :]
        top, left = (top - tall // 2)[:, None, None], (left - wide // 2)[:, None, None]
        gone = (y >= top) & (y < top + tall) & (x >= left) & (x < left + wide)
        images = images * torch.from_numpy((~gone[:, None]).astype(np.float32))
    return images


def _moves(n: int, side: int, shift: int, rng: np.random.Generator) -> Floats:
    """Return n matrices (1, side, side) that move a line by a drawn number of pixels each."""
    by = rng.integers(-shift, shift + 1, n)
    source = np.clip(np.arange(side)[None] + by[:, None], 0, side - 1)
    return np.asarray(np.eye(side, dtype=np.float32)[source][:, None], np.float32)
