"""How alike patients are by what others may know of them: k, l and t over the quasi-identifiers.

Computed, shown and logged for training data, which do not leave; they block what leaves a region, and training
where the region's policy says so.

Sources: Sweeney (2002) for k; Machanavajjhala et al. (2007) for distinct l; Li, Li and Venkatasubramanian (2007)
for t, here with total variation as the distance between a group's labels and all labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from node.learning.data.rows import Rows
from node.learning.data.schema import Schema, Target

METHOD = "k-l-t/1: patients, bands of the manifest, missing is a value of its own"


@dataclass(frozen=True, slots=True)
class Groups:
    """What the quasi-identifiers tell apart; all over patients.

    Attributes:
        columns: The quasi-identifiers.
        patients: How many.
        k: Patients in the smallest group.
        k_p5: 5th percentile over patients of the size of their group.
        l: Fewest different labels in a group; None where labels are not classes.
        t: Largest total variation between a group's labels and all labels; None as above.
        alone: Share of patients that are alone in their group.
        banded: Whether a number counts in bands and not as it is.
    """

    columns: tuple[str, ...]
    patients: int
    k: int
    k_p5: int
    l: int | None  # noqa: E741  # the name it has in the literature
    t: float | None
    alone: float
    banded: bool = False

    def value(self) -> dict[str, Any]:
        """Return plain JSON values."""
        out = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {**out, "columns": list(self.columns), "method": METHOD}


def groups(schema: Schema, rows: Rows, extra: Mapping[str, Sequence[str]]) -> Groups | None:
    """Return k, l and t of a table; None without quasi-identifiers or rows.

    Args:
        extra: Cells of the quasi-identifiers that are no inputs.
    """
    columns = [column for column in schema.columns if column.role == "quasi_identifier"]
    if not columns or not len(rows):
        return None
    seen: dict[str, int] = {}
    patient = np.array([seen.setdefault(one, len(seen)) for one in rows.patients])
    first = np.unique(patient, return_index=True)[1]
    keys = []
    for column in columns:
        if column.is_input:
            values = rows.features[column.name]
            values = np.floor(values / column.band) if column.band else values
            keys.append(np.unique(np.nan_to_num(values, nan=np.inf), return_inverse=True)[1][first])
        else:
            keys.append(np.unique(np.asarray(extra[column.name], object).astype(str), return_inverse=True)[1][first])
    group = np.zeros(len(first), np.int64)
    for key in keys:  # pairwise, so that the numbers stay small
        group = np.unique(group * (int(key.max()) + 1) + key, return_inverse=True)[1]
    sizes = np.bincount(group)
    k, alone = int(sizes.min()), float((sizes == 1).sum() / len(first))
    p5 = int(np.percentile(sizes[group], 5, method="lower"))
    diversity, closeness, banded = None, None, any(column.band for column in columns)
    if schema.target in (Target.CLASSES, Target.SURVIVAL):
        diversity, closeness = _labels(rows.label, patient, group, len(sizes))
    return Groups(tuple(c.name for c in columns), len(first), k, p5, diversity, closeness, alone, banded)


def _labels(
    label: NDArray[np.int64], patient: NDArray[np.int64], group: NDArray[np.int64], count: int
) -> tuple[int, float]:
    """Return distinct l and t; a patient with several rows has the highest class of them."""
    of_patient = np.zeros(len(group), np.int64)
    np.maximum.at(of_patient, patient, np.maximum(label, 0))
    classes = int(of_patient.max()) + 1
    table = np.zeros((count, classes))
    np.add.at(table, (group, of_patient), 1)
    share = table / table.sum(axis=1, keepdims=True)
    everybody = table.sum(axis=0) / table.sum()
    return int((table > 0).sum(axis=1).min()), float((np.abs(share - everybody).sum(axis=1) / 2).max())
