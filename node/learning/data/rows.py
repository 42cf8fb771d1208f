"""Typed rows: the one form in which every adapter hands a region's data to a task.

Whatever the layout on disk (CSV, MIMIC-IV, OMOP, DICOM, ...), a task sees columns of numbers, perhaps
images, what is to be learned, and whose row it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgpack
import numpy as np
from numpy.typing import NDArray

from node.learning.hashing import tagged_hash


@dataclass(frozen=True, slots=True)
class Rows:
    """Typed rows of one region.

    Attributes:
        features: By name of each of ``schema.features``, float64 (n,): the number, or for a category its
            place in the manifest's list (one past the end for any other value). NaN is missing.
        label: int64 (n,). ``Target.CLASSES``: place of the class in the label's categories.
            ``SURVIVAL``: 1 where the event was seen, 0 where the row is censored. Otherwise 0.
        patients: One id a row; a row without one is its own patient.
        target: float64 (n, t) for the other targets: ``NUMBER`` the number (t = 1), ``LABELS`` 0 or 1 of
            each label column, ``SURVIVAL`` the time (t = 1). None for classes.
        images: uint8 (n, height, width, channels) of ``schema.image``; None where there is none.
        outside: Values of each column that lay outside its range and became missing; counts for the gate
            and the ``count`` stage, of the whole table, also after ``take``.
    """

    features: dict[str, NDArray[np.float64]]
    label: NDArray[np.int64]
    patients: tuple[str, ...]
    target: NDArray[np.float64] | None = None
    images: NDArray[np.uint8] | None = None
    outside: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.label)

    def take(self, keep: NDArray[np.bool_]) -> Rows:
        """Return the rows marked True."""
        return Rows(
            {name: values[keep] for name, values in self.features.items()},
            self.label[keep],
            tuple(p for p, kept in zip(self.patients, keep.tolist(), strict=True) if kept),
            None if self.target is None else self.target[keep],
            None if self.images is None else self.images[keep],
            self.outside,
        )


def in_validation(rows: Rows, seed: int, region: str, share: float) -> NDArray[np.bool_]:
    """Return which rows are the region's own validation rows, bool (n,).

    By patient: the first 8 bytes of H("split", [seed, region, patient]) over 2^64 are below
    ``share``. Needs no agreement, and stays as it is when rows are added.
    """
    side: dict[str, bool] = {}
    for patient in rows.patients:
        if patient not in side:
            digest = tagged_hash("split", msgpack.packb([seed, region, patient]))
            side[patient] = int.from_bytes(digest[:8], "big") / 2**64 < share
    return np.array([side[patient] for patient in rows.patients], bool)
