"""What the weights of a turn treat alike: twin groups, symmetries, and coalitions that are one another's image.

A symmetry is a permutation of the regions that leaves the weights of every round as they are. What one
coalition sees, its image sees of the images: one of each orbit has to be searched. Every permutation
returned here is checked; that all are found is not promised, and costs no more than time.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

Weights = Sequence[NDArray[np.int64]]

_TRIES = 3000  # colourings before the search for symmetries settles for those it has


def twin_groups(weights: Weights) -> list[tuple[int, ...]]:
    """Return the regions in groups whose members may be exchanged at will; a region without a twin is alone.

    Ordered by their first member. Members of an open group are not adjacent, those of a closed one all are.
    """
    groups: list[list[int]] = []
    for region in range(len(weights[0])):
        for group in groups:
            if _are_twins(weights, group[0], region):
                group.append(region)
                break
        else:
            groups.append([region])
    return [tuple(group) for group in groups]


def symmetries(weights: Weights) -> NDArray[np.int64]:
    """Return permutations that generate symmetries of the weights, shape (found, n), row s sending i to s[i]."""
    n = len(weights[0])
    found: list[NDArray[np.int64]] = []
    for group in twin_groups(weights):
        for one, other in pairwise(group):
            swap = np.arange(n, dtype=np.int64)
            swap[[one, other]] = other, one
            found.append(swap)
    search = _Search(weights)
    fixed: list[int] = []
    while search.tries < _TRIES:
        colours = search.colours(fixed, fixed)[0]
        sizes = np.bincount(colours)[colours]
        if sizes.max() == 1:
            break
        base = int(np.argmax(sizes > 1))
        for image in map(int, np.flatnonzero(colours == colours[base])):
            keeping = [one for one in found if all(one[i] == i for i in fixed)]
            if orbit_of(np.arange(n), keeping)[image] != orbit_of(np.arange(n), keeping)[base]:
                moved = search.extend([*fixed, base], [*fixed, image])
                if moved is not None:
                    found.append(moved)
        fixed.append(base)
    return np.array(found, dtype=np.int64).reshape(len(found), n)


def orbit_of(start: NDArray[np.int64], maps: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Return for each index the least index that the maps, followed either way, lead to."""
    labels = start.copy()
    while True:
        before = labels.copy()
        for one in maps:
            labels = np.minimum(labels, labels[one])
            np.minimum.at(labels, one, labels.copy())
        labels = labels[labels]
        if np.array_equal(labels, before):
            return labels


def coalitions_of(n: int, size: int, maps: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Return one coalition of each orbit, the first in order of members, shape (orbits, size)."""
    every = np.array(list(combinations(range(n), size)), dtype=np.int64)
    place = np.int64(n) ** np.arange(size - 1, -1, -1)
    keys = every @ place  # ascending, as combinations are
    images = [np.searchsorted(keys, np.sort(one[every], axis=1) @ place) for one in maps]
    labels = orbit_of(np.arange(len(every)), images)
    chosen: NDArray[np.int64] = every[labels == np.arange(len(every))]
    return chosen


def _are_twins(weights: Weights, one: int, other: int) -> bool:
    swap = np.arange(len(weights[0]))
    swap[[one, other]] = other, one
    # The swap moves only these two rows and columns; where they stay as they are, so does the rest.
    return all(
        np.array_equal(matrix[one, swap], matrix[other]) and np.array_equal(matrix[swap, one], matrix[:, other])
        for matrix in weights
    )


class _Search:
    """Symmetries by colours: two copies of the regions are coloured together, some pairs given.

    Regions differ in colour as soon as they differ in their weights towards colours; where all colours
    differ within a copy, equal colours are the only permutation possible.
    """

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._n = len(weights[0])
        # Each weight by a number, in both directions: a matrix need not be symmetric.
        self._kinds = [np.unique(m, return_inverse=True)[1].reshape(self._n, self._n) for m in weights]
        self.tries = 0

    def colours(self, here: Sequence[int], there: Sequence[int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the colours of both copies, here[k] and there[k] given the same one of their own."""
        self.tries += 1
        n = self._n
        colours = np.zeros(2 * n, dtype=np.int64)
        for number, (one, other) in enumerate(zip(here, there, strict=True), start=1):
            colours[[one, n + other]] = number
        count = len(np.unique(colours))
        while True:
            parts = [colours[:, None]]
            for kinds in self._kinds:
                for m in (kinds, kinds.T):
                    both = [m * (2 * n) + colours[:n], m * (2 * n) + colours[n:]]
                    parts += [np.vstack([np.sort(one, axis=1) for one in both])]
                    parts += [np.tile(np.diag(kinds), 2)[:, None]]
            colours = np.unique(np.hstack(parts), axis=0, return_inverse=True)[1].reshape(-1)
            new = len(np.unique(colours))
            if new == count:
                return colours[:n], colours[n:]
            count = new

    def extend(self, here: list[int], there: list[int]) -> NDArray[np.int64] | None:
        """Return a symmetry that sends here[k] to there[k], or None where none was found."""
        mine, theirs = self.colours(here, there)
        if not np.array_equal(np.sort(mine), np.sort(theirs)):
            return None
        sizes = np.bincount(mine)[mine]
        if sizes.max() == 1:
            order = np.empty(self._n, dtype=np.int64)
            order[np.argsort(mine)] = np.argsort(theirs)
            kept = all(np.array_equal(m[np.ix_(order, order)], m) for m in self._weights)
            return order if kept else None
        base = int(np.argmax(sizes > 1))
        for image in map(int, np.flatnonzero(theirs == mine[base])):
            if self.tries >= _TRIES:
                return None
            found = self.extend([*here, base], [*there, image])
            if found is not None:
                return found
        return None
