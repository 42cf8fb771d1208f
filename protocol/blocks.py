"""Which blocks of the vector travel in a round, where the plan sends only a share of them.

Every region sends the same blocks, drawn from the public stream of (study, round): masks of different supports
would not cancel, and a set of indices chosen by a region would tell about its data.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from crypto.masking import expand
from protocol.codec import hash_of

BLOCK = 1024
WHOLE_BP = 10_000


def blocks(dim: int) -> int:
    """Return how many blocks of 1024 coordinates a vector has; the last may be shorter."""
    return (dim + BLOCK - 1) // BLOCK


def count(dim: int, share_bp: int) -> int:
    """Return how many blocks travel: the share of all, rounded up."""
    return (blocks(dim) * share_bp + WHOLE_BP - 1) // WHOLE_BP


@lru_cache(maxsize=8)
def chosen(study: bytes, round: int, dim: int, share_bp: int) -> NDArray[np.int64] | None:
    """Return the indices that travel in a round, ascending and read-only; None where all do.

    Blocks are ordered by a stable sort of one 64-bit word each of AES-256-CTR(H("blocks", [study, round])); the
    first ones travel. The last block may be shorter than the others.
    """
    if share_bp == WHOLE_BP:
        return None
    words = expand(hash_of("blocks", [study, round]), blocks(dim), "<u8")
    first = np.sort(np.argsort(words, kind="stable")[: count(dim, share_bp)])
    indices: NDArray[np.int64] = (first[:, None].astype(np.int64) * BLOCK + np.arange(BLOCK)).reshape(-1)
    indices = indices[indices < dim]
    indices.flags.writeable = False
    return indices
