"""FHIR R4 as ndjson (bulk export): one row an encounter, from Patient, Encounter, Observation and Condition.

Files are read line by line, resources as plain dictionaries; other types are counted and left. Columns:
``patient``, ``age`` at the encounter, ``sex``, ``class``, ``conditions_before``, ``died`` (discharge disposition
``exp``, or the patient's death within the encounter), and ``obs_<code>``: the last value of that code in the
encounter's first day, where the manifest has such a column. A value's unit is not converted: a manifest's range
and the check of units say where one differs.

Source: HL7 FHIR R4; Bulk Data Access 2.0 for ndjson.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from node.learning.data.cells import day
from node.learning.data.manifest import File, Manifest
from node.learning.data.picture import Picture
from node.learning.data.readers import Chunk, file_sha256
from node.learning.errors import ConfigError, GateError

MAX_LINE = 2**22
TO_DO = (
    "an Observation is read where a column is called obs_CODE, with unit and range: its last value of the first day",
)
OLDEST = 90
DIED = "exp"


@dataclass(slots=True)
class _Encounter:
    """One encounter; times in days since 1970, ``end`` infinite while it lasts."""

    patient: str
    start: float
    end: float
    kind: str
    expired: bool
    values: dict[str, tuple[float, str]] = field(default_factory=dict)


class FhirSource:
    """The encounters of ndjson files, in any order of files and lines."""

    def __init__(self, manifest: Manifest, folder: Path) -> None:
        if not manifest.file:
            raise ConfigError(f"manifest {manifest.id} names no file", "[[file]] for each .ndjson", "Add them.")
        self.left_out: list[str] = []
        self._folder, self._files = folder, manifest.file
        self._codes = {c.name.removeprefix("obs_") for c in manifest.column if c.name.startswith("obs_")}
        self._other: Counter[str] = Counter()
        self._patients: dict[str, tuple[float, str, float]] = {}
        self._encounters: dict[str, list[_Encounter]] = defaultdict(list)
        self._conditions: dict[str, list[tuple[float, str]]] = defaultdict(list)
        self._observations: list[tuple[str, float, str, str]] = []

    def chunks(self) -> Iterator[Chunk]:
        """Yield the encounters."""
        for file in self._files:
            for resource in self._lines(file):
                self._take(resource)
        for patient, moment, code, value in self._observations:
            for one in self._encounters.get(patient, ()):
                if one.start <= moment < one.start + 1 and (code not in one.values or one.values[code][0] <= moment):
                    one.values[code] = (moment, value)
        self.left_out = [f"{count} resources of type {kind}" for kind, count in sorted(self._other.items())]
        yield self._table()

    def _lines(self, file: File) -> Iterator[dict[str, Any]]:
        path = self._folder / file.path
        try:
            with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as lines:
                number = 0
                while line := lines.readline(MAX_LINE):
                    number += 1
                    if len(line) == MAX_LINE:
                        raise GateError(
                            f"{path.name}: line {number} is too long", f"under {MAX_LINE} bytes", "Check it."
                        )
                    if line.strip():
                        yield self._resource(line, path.name, number)
        except OSError as error:
            raise ConfigError(
                f"{path} cannot be read ({error.strerror})", "an ndjson file", "Check the path."
            ) from error

    def _resource(self, line: bytes, name: str, number: int) -> dict[str, Any]:
        try:
            resource = json.loads(line)
        except (ValueError, RecursionError):
            resource = None
        if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
            raise GateError(
                f"{name}: line {number} is no FHIR resource", "one JSON resource a line", "Export it again."
            )
        return resource

    def _take(self, resource: dict[str, Any]) -> None:
        kind = resource["resourceType"]
        if kind == "Patient":
            dead = day(str(resource.get("deceasedDateTime", "")))
            self._patients[str(resource.get("id"))] = (day(_whole(resource.get("birthDate"))), _sex(resource), dead)
        elif kind == "Encounter":
            period = _dict(resource.get("period"))
            end = day(str(period.get("end", "")))
            disposition = _code(_dict(resource.get("hospitalization")).get("dischargeDisposition"))
            self._encounters[_subject(resource)].append(
                _Encounter(
                    _subject(resource),
                    day(str(period.get("start", ""))),
                    end if end == end else float("inf"),
                    str(_dict(resource.get("class")).get("code", "")),
                    disposition == DIED,
                )
            )
        elif kind == "Observation":
            code, value = _code(resource.get("code")), _dict(resource.get("valueQuantity")).get("value")
            if code in self._codes and isinstance(value, int | float) and not isinstance(value, bool):
                moment = day(str(resource.get("effectiveDateTime", "")))
                self._observations.append((_subject(resource), moment, code, repr(value)))
        elif kind == "Condition":
            since = resource.get("onsetDateTime") or resource.get("recordedDate") or ""
            self._conditions[_subject(resource)].append((day(_whole(since)), _code(resource.get("code"))))
        else:
            self._other[kind if kind.isalpha() and len(kind) < 40 else "unknown"] += 1

    def _table(self) -> Chunk:
        cells: dict[str, list[str]] = defaultdict(list)
        without = 0
        for patient in sorted(self._encounters):
            born, sex, dead = self._patients.get(patient, (float("nan"), "", float("nan")))
            for one in sorted(self._encounters[patient], key=lambda each: each.start):
                if one.start != one.start:
                    without += 1
                    continue
                age = int((one.start - born) / 365.2425) if born == born else None
                row = {
                    "patient": patient,
                    "age": "" if age is None else str(min(age, OLDEST)),
                    "sex": sex,
                    "class": one.kind,
                    "conditions_before": str(len({c for when, c in self._conditions[patient] if when < one.start})),
                    "died": str(int(one.expired or one.start // 1 <= dead <= one.end)),
                    **{f"obs_{code}": one.values.get(code, (0.0, ""))[1] for code in self._codes},
                }
                for name, cell in row.items():
                    cells[name].append(cell)
        if without:
            self.left_out.append(f"{without} encounters without a start")
        return Chunk(1, cells)

    def hashes(self) -> dict[str, str]:
        """Return the SHA-256 of each file."""
        return {file.path: file_sha256(self._folder / file.path).hex() for file in self._files}

    def picture(self, cell: str) -> Picture:
        """Refuse: there are no images here."""
        raise GateError(f"{cell} is no image", "a table", "Remove the image column.")


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _code(concept: object) -> str:
    """Return the first code of a CodeableConcept."""
    coding = _dict(concept).get("coding")
    return str(_dict(coding[0]).get("code", "")) if isinstance(coding, list) and coding else ""


def _subject(resource: dict[str, Any]) -> str:
    reference = str(_dict(resource.get("subject")).get("reference", ""))
    return reference.rpartition("/")[2].rpartition(":")[2]


def _sex(patient: dict[str, Any]) -> str:
    return str(patient.get("gender", ""))


def _whole(date: object) -> str:
    """Return a FHIR date, which may be a year or a month, as a day: the first of it."""
    text = str(date or "")
    return text + {4: "-01-01", 7: "-01"}.get(len(text), "")


def draft(path: Path) -> dict[str, Any]:
    """Return a manifest's plain values for a folder of ndjson files, or one file.

    Raises:
        ConfigError: There are none.
    """
    names = sorted([*path.glob("*.ndjson"), *path.glob("*.ndjson.gz")]) if path.is_dir() else [path]
    if not names:
        raise ConfigError(f"{path} has no .ndjson files", "a FHIR bulk export", "Correct the path.")
    return {
        "id": "fhir-mortality",
        "source_system": "FHIR R4",
        "purposes": ["research"],
        "layout": "fhir",
        "patient": "patient",
        "file": [{"path": str(one)} for one in names],
        "column": [
            {"name": "patient", "kind": "text", "role": "ignore"},
            {"name": "age", "kind": "integer", "role": "quasi_identifier", "unit": "years", "range": [0, 90],
             "band": 10, "missing": [""]},
            {"name": "sex", "kind": "category", "role": "quasi_identifier", "missing": [""],
             "categories": ["female", "male", "other", "unknown"]},
            {"name": "class", "kind": "category", "role": "feature", "missing": [""],
             "categories": ["AMB", "EMER", "IMP"]},
            {"name": "conditions_before", "kind": "integer", "role": "feature", "range": [0, 500]},
            {"name": "died", "kind": "category", "role": "label", "categories": ["0", "1"]},
        ],
    }  # fmt: skip
