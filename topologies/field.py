"""Row spaces over the integers modulo the prime 2^31 - 1, grown block by block.

Exact where floats are not: whether a combination of rows leaves one unknown alone has no tolerance.
Two products of residues fit an int64. A space over the rationals that this field sees smaller is
possible, for weights that the prime happens to divide, with chances of about one in 10^8.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

P = 2**31 - 1
_HALF = 16  # bits of the lower half of a residue, so that sums of products fit 63 bits


def times(a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return a @ b modulo P; a of shape (k, m), b of shape (m, l), residues, m below 2^15."""
    high, low = a >> _HALF, a & ((1 << _HALF) - 1)
    found: NDArray[np.int64] = ((((high @ b) % P) << _HALF) + low @ b) % P
    return found


def inverse(value: int) -> int:
    """Return the residue whose product with value is 1.

    Raises:
        ValueError: The prime divides value.
    """
    return pow(value, -1, P)


class Span:
    """A row space, kept as its reduced row echelon form.

    Args:
        width: Columns.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self._rows: NDArray[np.int64] = np.zeros((0, width), dtype=np.int64)
        self._pivots: NDArray[np.int64] = np.zeros(0, dtype=np.int64)

    @property
    def rank(self) -> int:
        """Dimension of the space."""
        return len(self._pivots)

    def add(self, block: NDArray[np.int64]) -> bool:
        """Take in rows of shape (k, width), residues; return whether the space grew."""
        if self.rank:
            block = (block - times(block[:, self._pivots], self._rows)) % P
        before = self.rank
        for index in range(len(block)):
            found = np.flatnonzero(block[index])
            if not found.size:
                continue
            pivot = found[0]
            row = block[index] * inverse(int(block[index, pivot])) % P
            rest = block[index + 1 :]
            block[index + 1 :] = (rest - rest[:, pivot, None] * row) % P
            above = (self._rows - self._rows[:, pivot, None] * row) % P
            self._rows = np.vstack([above, row])
            self._pivots = np.append(self._pivots, pivot)
        return self.rank > before

    def alone(self) -> NDArray[np.int64]:
        """Return the columns whose unit vector is in the space, ascending.

        A unit vector is in the space exactly if the reduced form has it as a row.
        """
        single = np.count_nonzero(self._rows, axis=1) == 1
        return np.sort(self._pivots[single])
