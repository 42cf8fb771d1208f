"""OMOP CDM 5.3 as CSV tables: death during an inpatient visit, from what is known after its first day.

One row a visit; a person's rows share a patient. Inputs are age, sex, kind of visit, the history before the visit
(visits, distinct conditions) and the first day (distinct drugs and procedures, and, where there is a measurement
table, columns named ``measurement_<concept>_min|max|mean|last``). Conditions of the visit itself are coded
afterwards and are no input. Ids are 64-bit integers, negative ones too: they stay text, never floats. Concept 0 means
unmapped and counts for nothing.

Source: OHDSI, OMOP Common Data Model 5.3.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from node.learning.data.cells import day, number
from node.learning.data.manifest import File, Manifest
from node.learning.data.picture import Picture
from node.learning.data.readers import Chunk, TableFile
from node.learning.errors import ConfigError, GateError

ADULT, OLDEST = 18, 90
NEEDED = ("person", "visit_occurrence", "death")
EVENTS = {  # table -> concept, when it starts
    "condition_occurrence": ("condition_concept_id", "condition_start"),
    "drug_exposure": ("drug_concept_id", "drug_exposure_start"),
    "procedure_occurrence": ("procedure_concept_id", "procedure"),
}
INPATIENT = {
    "9201": "inpatient",
    "262": "emergency and inpatient",
    "8870": "emergency",
    "8883": "ambulatory surgery",
    "581385": "observation",
}
SEX = {"8507": "M", "8532": "F"}
_MEASUREMENT = re.compile(r"^measurement_(\d+)_(min|max|mean|last)$")


@dataclass(slots=True)
class _Visit:
    """One inpatient visit; times in days since 1970."""

    person: str
    kind: str
    start: float
    end: float
    drugs: set[str] = field(default_factory=set)
    procedures: set[str] = field(default_factory=set)
    values: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))


class OmopSource:
    """The visits of an OMOP folder whose tables the manifest names."""

    def __init__(self, manifest: Manifest, folder: Path) -> None:
        self.left_out: list[str] = []
        self._folder = folder
        self._files = {Path(f.path).name.removesuffix(".gz").removesuffix(".csv"): f for f in manifest.file}
        self._hashes: dict[str, str] = {}
        self._wanted = [found for c in manifest.column if (found := _MEASUREMENT.match(c.name))]
        needed = [*NEEDED, *(["measurement"] if self._wanted else [])]
        if gone := [name for name in needed if name not in self._files]:
            raise ConfigError(
                f"manifest {manifest.id} names no file {gone[0]}.csv",
                f"a [[file]] for each of {', '.join(needed)}",
                "landsting data init FOLDER --layout omop writes such a manifest.",
            )

    def chunks(self) -> Iterator[Chunk]:
        """Yield the visits."""
        people = {
            row[0]: (row[1], row[2])
            for row in self._rows("person", ("person_id", "year_of_birth", "gender_concept_id"))
        }
        died = {row[0]: day(row[1]) for row in self._rows("death", ("person_id", "death_date"))}
        visits = self._visits(died)
        conditions = self._events(visits)
        self._measurements(visits)
        yield self._table(people, died, visits, conditions)

    def _rows(self, name: str, columns: Sequence[str]) -> Iterator[tuple[str, ...]]:
        """Yield a table's rows, only those columns, in that order."""
        file: File = self._files[name]
        table = TableFile(self._folder / file.path, file)
        for chunk in table.chunks(columns):
            if gone := [column for column in columns if column not in chunk.cells]:
                raise GateError(
                    f"{table.name} has no column {gone[0]}", "the columns of OMOP CDM 5.3", "Check the export."
                )
            yield from zip(*(chunk.cells[column] for column in columns), strict=True)
        self._hashes[file.path] = table.sha256().hex()

    def _visits(self, died: dict[str, float]) -> dict[str, list[_Visit]]:
        """Return the inpatient visits of each person by time; short ones and deaths of the first day left out."""
        out: dict[str, list[_Visit]] = defaultdict(list)
        short = early = total = 0
        columns = ("person_id", "visit_concept_id", "visit_start_datetime", "visit_end_datetime")
        for person, kind, start, end in self._rows("visit_occurrence", columns):
            if kind not in INPATIENT:
                continue
            total += 1
            one = _Visit(person, INPATIENT[kind], day(start), day(end))
            if not one.end - one.start >= 1:
                short += 1
            elif one.start // 1 <= died.get(person, -1.0) < one.start + 1:
                early += 1
            else:
                out[person].append(one)
        for visits in out.values():
            visits.sort(key=lambda one: one.start)
        self.left_out = [f"{short} of {total} inpatient visits shorter than a day", f"{early} deaths on the first day"]
        return out

    def _events(self, visits: dict[str, list[_Visit]]) -> dict[str, list[tuple[float, str]]]:
        """Put drugs and procedures into their visit's first day; return the conditions of each person."""
        conditions: dict[str, list[tuple[float, str]]] = defaultdict(list)
        unmapped = 0
        for name, (concept, start) in EVENTS.items():
            if name not in self._files:
                continue
            date = f"{start}_date"
            for person, code, when in self._rows(name, ("person_id", concept, f"{date}time")):
                if code in ("0", ""):
                    unmapped += 1
                    continue
                moment = day(when)
                if name == "condition_occurrence":
                    conditions[person].append((moment, code))
                    continue
                for visit in visits.get(person, ()):
                    if visit.start <= moment < visit.start + 1:
                        (visit.drugs if name == "drug_exposure" else visit.procedures).add(code)
        if unmapped:
            self.left_out.append(f"{unmapped} events that are mapped to no concept")
        return conditions

    def _measurements(self, visits: dict[str, list[_Visit]]) -> None:
        codes = {found[1] for found in self._wanted}
        if not codes:
            return
        columns = ("person_id", "measurement_concept_id", "measurement_datetime", "value_as_number")
        for person, code, when, value in self._rows("measurement", columns):
            if code in codes and (known := number(value)) == known:
                moment = day(when)
                for visit in visits.get(person, ()):
                    if visit.start <= moment < visit.start + 1:
                        visit.values[code].append((moment, known))

    def _table(
        self,
        people: dict[str, tuple[str, str]],
        died: dict[str, float],
        visits: dict[str, list[_Visit]],
        conditions: dict[str, list[tuple[float, str]]],
    ) -> Chunk:
        cells: dict[str, list[str]] = defaultdict(list)
        young = 0
        for person in sorted(visits):
            born, sex = people.get(person, ("", ""))
            for at, visit in enumerate(visits[person]):
                age = _year(visit.start) - int(born) if born.isdigit() else -1
                if age < ADULT:
                    young += 1
                    continue
                before = {code for when, code in conditions.get(person, ()) if when < visit.start - 1}
                dead = visit.start // 1 <= died.get(person, -1.0) <= visit.end
                row = {
                    "person_id": person,
                    "age": str(min(age, OLDEST)),
                    "sex": SEX.get(sex, ""),
                    "visit": visit.kind,
                    "visits_before": str(at),
                    "conditions_before": str(len(before)),
                    "drugs_first_day": str(len(visit.drugs)),
                    "procedures_first_day": str(len(visit.procedures)),
                    "died": str(int(dead)),
                }
                for found in self._wanted:
                    row[found[0]] = _figure(visit.values.get(found[1], []), found[2])
                for name, cell in row.items():
                    cells[name].append(cell)
        if young:
            self.left_out.append(f"{young} visits of persons under 18, or of unknown age")
        return Chunk(1, cells)

    def hashes(self) -> dict[str, str]:
        """Return the SHA-256 of each table that was read."""
        return dict(self._hashes)

    def picture(self, cell: str) -> Picture:
        """Refuse: there are no images here."""
        raise GateError(f"{cell} is no image", "a table", "Remove the image column.")


def _figure(values: list[tuple[float, float]], figure: str) -> str:
    if not values:
        return ""
    numbers = [value for _, value in sorted(values)]
    chosen = {"min": min(numbers), "max": max(numbers), "mean": sum(numbers) / len(numbers), "last": numbers[-1]}
    return repr(round(chosen[figure], 6))


def _year(days: float) -> int:
    from datetime import datetime, timedelta

    return (datetime(1970, 1, 1) + timedelta(days=days)).year


def draft(path: Path) -> dict[str, Any]:
    """Return a manifest's plain values for a folder of OMOP tables.

    Raises:
        ConfigError: A needed table is missing.
    """
    files = []
    for name in (*NEEDED, *EVENTS):
        found = [one for one in (path / f"{name}.csv.gz", path / f"{name}.csv") if one.is_file()]
        if not found and name in NEEDED:
            raise ConfigError(f"{path} has no {name}.csv or .csv.gz", "tables of OMOP CDM 5.3", "Correct the path.")
        files += [{"path": str(one)} for one in found[:1]]

    def count(name: str, high: int) -> dict[str, Any]:
        return {"name": name, "kind": "integer", "role": "feature", "range": [0, high]}

    return {
        "id": "omop-mortality",
        "source_system": "OMOP CDM 5.3",
        "purposes": ["research"],
        "layout": "omop",
        "patient": "person_id",
        "file": files,
        "column": [
            {"name": "person_id", "kind": "text", "role": "ignore"},
            {"name": "age", "kind": "integer", "role": "quasi_identifier", "unit": "years", "range": [18, 90],
             "band": 10},
            {"name": "sex", "kind": "category", "role": "quasi_identifier", "categories": ["F", "M"], "missing": [""]},
            {"name": "visit", "kind": "category", "role": "feature", "categories": sorted(INPATIENT.values())},
            count("visits_before", 100),
            count("conditions_before", 1000),
            count("drugs_first_day", 300),
            count("procedures_first_day", 300),
            {"name": "died", "kind": "category", "role": "label", "categories": ["0", "1"]},
        ],
    }  # fmt: skip
