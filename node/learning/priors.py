"""Shares of classes that differ between regions, taken out of the loss.

A region that has mostly ill patients learns first that everybody is ill; the mean of such models is worse than one
model of all rows, however often they are mixed. With the setting ``own_prior`` a region's logits are moved, in its loss
alone, by the log of its own share of each class over the share among all regions: what is left to learn is what tells
the classes apart, and the model that regions mix is calibrated to all of them.

Source: Menon et al. (2021), "Long-tail learning via logit adjustment", equation 10, with each region's shares as
Zhang et al. (2022), "Federated learning with label distribution skew via logits calibration", have it; our formula
differs by the shares among all regions, so that the mixed model keeps their prior.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def offsets(own: NDArray[np.int64], everywhere: Sequence[int]) -> NDArray[np.float64]:
    """Return what is added to each class's logit in a region's loss, (classes,).

    One row more of each class is counted at either side, so that a class that a region lacks stays finite.

    Args:
        own: Class of each of the region's training rows, (n,).
        everywhere: Rows of each class over all regions.
    """
    ours = np.bincount(own, minlength=len(everywhere)) + 1.0
    theirs = np.asarray(everywhere, np.float64) + 1.0
    moved: NDArray[np.float64] = np.log(ours / ours.sum()) - np.log(theirs / theirs.sum())
    return moved
