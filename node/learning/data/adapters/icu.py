"""In-hospital mortality from the first 24 hours in intensive care: what MIMIC-IV and MEDS have in common.

The cohort is each patient's first stay, of an adult, at least a day long, whose patient has not died within that
day. What is measured in [intime, intime + 24 h) becomes min, max, mean and last of each item. Never inputs, for they
are known only afterwards: discharge, death, length of stay, diagnoses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from node.learning.data.readers import Chunk

DAY_S = 86400
ADULT, OLDEST = 18, 90
FIGURES = ("min", "max", "mean", "last")
GCS = (220739, 223900, 223901)  # eye, verbal, motor; their sum at one moment
UNITS = (
    "Cardiac Vascular Intensive Care Unit (CVICU)", "Coronary Care Unit (CCU)", "Medical Intensive Care Unit (MICU)",
    "Medical/Surgical Intensive Care Unit (MICU/SICU)", "Neuro Intermediate", "Neuro Stepdown",
    "Neuro Surgical Intensive Care Unit (Neuro SICU)", "Surgical Intensive Care Unit (SICU)", "Trauma SICU (TSICU)",
)  # fmt: skip
ADMISSIONS = (
    "AMBULATORY OBSERVATION", "DIRECT EMER.", "DIRECT OBSERVATION", "ELECTIVE", "EU OBSERVATION", "EW EMER.",
    "OBSERVATION ADMIT", "SURGICAL SAME DAY ADMISSION", "URGENT",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that is measured: its items in MIMIC-IV, each with value = factor * read + offset, and bounds.

    Values outside the bounds are artefacts (a temperature of 99 °C): they are left out, and counted.
    """

    name: str
    unit: str
    low: float
    high: float
    ids: tuple[tuple[int, float, float], ...]


def _same(name: str, unit: str, low: float, high: float, *ids: int) -> Item:
    return Item(name, unit, low, high, tuple((one, 1.0, 0.0) for one in ids))


ITEMS = (
    _same("heart_rate", "1/min", 10, 300, 220045),
    _same("systolic", "mmHg", 20, 300, 220179, 220050),
    _same("diastolic", "mmHg", 5, 225, 220180, 220051),
    _same("mean_pressure", "mmHg", 10, 250, 220181, 220052),
    _same("breathing", "1/min", 0, 80, 220210),
    _same("spo2", "%", 10, 100, 220277),
    Item("temperature", "°C", 25, 45, ((223761, 1 / 1.8, -32 / 1.8), (223762, 1.0, 0.0))),
    _same("gcs", "", 3, 15),
    _same("creatinine", "mg/dL", 0, 40, 50912),
    _same("urea_nitrogen", "mg/dL", 0, 300, 51006),
    _same("sodium", "mEq/L", 90, 200, 50983),
    _same("potassium", "mEq/L", 1, 15, 50971),
    _same("bicarbonate", "mEq/L", 1, 60, 50882),
    _same("chloride", "mEq/L", 50, 180, 50902),
    _same("glucose", "mg/dL", 10, 2000, 50931),
    _same("haemoglobin", "g/dL", 1, 25, 51222),
    _same("leukocytes", "K/µL", 0, 500, 51301),
    _same("platelets", "K/µL", 0, 2500, 51265),
    _same("lactate", "mmol/L", 0, 40, 50813),
    _same("bilirubin", "mg/dL", 0, 80, 50885),
    _same("inr", "", 0.3, 30, 51237),
    _same("ph", "", 6.5, 8, 50820),
)
CHART = tuple(i for item in ITEMS for i, _, _ in item.ids if i >= 200_000) + GCS
LABS = tuple(i for item in ITEMS for i, _, _ in item.ids if i < 200_000)


@dataclass(frozen=True, slots=True)
class Stays:
    """The cohort, in the order of ``subject``; times in seconds.

    Attributes:
        subject: int64 (n,), ascending, each once.
        intime: int64 (n,).
        age: int64 (n,); over 89 is 90.
        sex, admission, unit: Texts (n,).
        died: bool (n,).
    """

    subject: NDArray[np.int64]
    intime: NDArray[np.int64]
    age: NDArray[np.int64]
    sex: Sequence[str]
    admission: Sequence[str]
    unit: Sequence[str]
    died: NDArray[np.bool_]


class Window:
    """What was measured in each stay's first day, added up as events stream by; memory is of the cohort's size."""

    def __init__(self, stays: Stays) -> None:
        shape = (len(stays.subject), len(ITEMS))
        self._stays = stays
        self._least = np.full(shape, np.inf)
        self._most = np.full(shape, -np.inf)
        self._sum = np.zeros(shape)
        self._count = np.zeros(shape, np.int64)
        self._last, self._when = np.full(shape, np.nan), np.full(shape, np.iinfo(np.int64).min)
        self._gcs: list[NDArray[np.int64]] = []
        self.artefacts = 0
        place = {i: (at, factor, offset) for at, item in enumerate(ITEMS) for i, factor, offset in item.ids}
        self._ids = np.array(sorted([*place, *GCS]), np.int64)
        known = [place.get(int(i), (-1, 1.0, 0.0)) for i in self._ids]
        self._at = np.array([at for at, _, _ in known])
        self._factor = np.array([factor for _, factor, _ in known])
        self._offset = np.array([offset for _, _, offset in known])

    def add(
        self,
        subject: NDArray[np.int64],
        time: NDArray[np.int64],
        item: NDArray[np.int64],
        value: NDArray[np.float64],
    ) -> None:
        """Add events, all (m,); those of others, of other items, outside the day or without a value are left."""
        stays = self._stays
        if not len(subject) or not len(stays.subject):
            return
        stay = np.clip(np.searchsorted(stays.subject, subject), 0, len(stays.subject) - 1)
        which = np.clip(np.searchsorted(self._ids, item), 0, len(self._ids) - 1)
        since = time - stays.intime[stay]
        keep = (
            (stays.subject[stay] == subject)
            & (self._ids[which] == item)
            & (since >= 0)
            & (since < DAY_S)
            & np.isfinite(value)
        )
        stay, which, since, value = stay[keep], which[keep], since[keep], value[keep]
        parts = self._at[which] < 0
        if parts.any():
            rows = np.stack(
                [stay[parts], since[parts], self._ids[which[parts]], np.rint(value[parts]).astype(np.int64)], 1
            )
            self._gcs.append(rows.astype(np.int64))
        whole = ~parts
        which = which[whole]
        self._put(stay[whole], self._at[which], since[whole], self._factor[which] * value[whole] + self._offset[which])

    def _put(self, stay: NDArray[Any], at: NDArray[Any], since: NDArray[np.int64], value: NDArray[np.float64]) -> None:
        low, high = np.array([i.low for i in ITEMS])[at], np.array([i.high for i in ITEMS])[at]
        fits = (value >= low) & (value <= high)
        self.artefacts += int((~fits).sum())
        order = np.flatnonzero(fits)
        # Two values of one moment: the higher one is the last, in whatever order the files have them.
        order = order[np.lexsort((value[order], since[order]))]
        stay, at, since, value = stay[order], at[order], since[order], value[order]
        np.minimum.at(self._least, (stay, at), value)
        np.maximum.at(self._most, (stay, at), value)
        np.add.at(self._sum, (stay, at), value)
        np.add.at(self._count, (stay, at), 1)
        when, last = self._when[stay, at], self._last[stay, at]
        later = (since > when) | ((since == when) & ~(value < last))
        # In order of time: of several assignments to one place the last one stays.
        self._last[stay[later], at[later]] = value[later]
        np.maximum.at(self._when, (stay, at), since)

    def _add_gcs(self) -> None:
        """Add the sums of the three parts that were noted at one moment."""
        if not self._gcs:
            return
        rows = np.concatenate(self._gcs)
        self._gcs = []
        moments, which = np.unique(rows[:, :2], axis=0, return_inverse=True)
        total, seen = np.zeros(len(moments)), np.zeros((len(moments), 3), bool)
        for part, item in enumerate(GCS):
            mine = (rows[:, 2] == item) & ~seen[which, part]
            first = np.unique(which[mine], return_index=True)[1]
            chosen = np.flatnonzero(mine)[first]
            total[which[chosen]] += rows[chosen, 3]
            seen[which[chosen], part] = True
        all_three = seen.all(axis=1)
        at = np.full(int(all_three.sum()), next(i for i, item in enumerate(ITEMS) if item.name == "gcs"))
        self._put(moments[all_three, 0], at, moments[all_three, 1], total[all_three])

    def chunks(self) -> Iterator[Chunk]:
        """Yield the cohort as one chunk of cells, once all events are in."""
        self._add_gcs()
        stays, none = self._stays, self._count == 0
        with np.errstate(invalid="ignore"):
            mean = np.clip(self._sum / self._count, self._least, self._most)
        tables = {"min": self._least, "max": self._most, "mean": mean, "last": self._last}
        cells: dict[str, Sequence[str]] = {
            "subject_id": [str(one) for one in stays.subject.tolist()],
            "age": [str(one) for one in stays.age.tolist()],
            "sex": list(stays.sex),
            "admission_type": list(stays.admission),
            "first_careunit": list(stays.unit),
            "died": [str(int(one)) for one in stays.died.tolist()],
        }
        for at, item in enumerate(ITEMS):
            for figure in FIGURES:
                values = tables[figure][:, at].tolist()
                empty = none[:, at].tolist()
                cells[f"{item.name}_{figure}"] = [
                    "" if gone else repr(round(value, 6)) for value, gone in zip(values, empty, strict=True)
                ]
        yield Chunk(1, cells)


def columns() -> list[dict[str, Any]]:
    """Return the columns of a manifest for this cohort, plain values."""
    out: list[dict[str, Any]] = [
        {"name": "subject_id", "kind": "text", "role": "ignore"},
        {"name": "age", "kind": "integer", "role": "quasi_identifier", "unit": "years", "range": [18, 90], "band": 10},
        {"name": "sex", "kind": "category", "role": "quasi_identifier", "categories": ["F", "M"]},
        {"name": "admission_type", "kind": "category", "role": "feature", "categories": list(ADMISSIONS)},
        {"name": "first_careunit", "kind": "category", "role": "feature", "categories": list(UNITS)},
    ]
    for item in ITEMS:
        for figure in FIGURES:
            row = {"name": f"{item.name}_{figure}", "kind": "number", "role": "feature"}
            out.append({**row, "unit": item.unit, "range": [item.low, item.high], "missing": [""]})
    return [*out, {"name": "died", "kind": "category", "role": "label", "categories": ["0", "1"]}]
