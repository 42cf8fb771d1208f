"""MEDS events (Parquet: subject_id, time, code, value), as MIMIC-IV is published in them: the mortality cohort.

Codes are parts joined by ``//``: ``ICU_ADMISSION//<unit>``, ``HOSPITAL_ADMISSION//<type>//…``,
``HOSPITAL_DISCHARGE//…``, ``LAB//<item>//<unit>``, ``GENDER//F``, ``MEDS_BIRTH``, ``MEDS_DEATH``.

Source: Arnrich et al. (2024), Medical Event Data Standard 0.3; van de Water et al. (2025).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from node.learning.data.adapters.icu import ADULT, DAY_S, ITEMS, OLDEST, Stays, Window, columns
from node.learning.data.manifest import Manifest
from node.learning.data.picture import Picture
from node.learning.data.readers import Chunk, file_sha256
from node.learning.errors import ConfigError, GateError

BATCH = 250_000
_STORIES = (
    "ICU_ADMISSION",
    "ICU_DISCHARGE",
    "HOSPITAL_ADMISSION",
    "HOSPITAL_DISCHARGE",
    "GENDER",
    "MEDS_BIRTH",
    "MEDS_DEATH",
)


@dataclass(slots=True)
class _Person:
    """What the events that are no measurement say of one subject; times in seconds."""

    sex: str = ""
    born: int | None = None
    dead: int | None = None
    icu: list[tuple[int, str]] = field(default_factory=list)
    out: list[int] = field(default_factory=list)
    admitted: list[tuple[int, str]] = field(default_factory=list)
    discharged: list[tuple[int, str]] = field(default_factory=list)


class MedsSource:
    """The mortality cohort of a MEDS file; the file is read twice, for stays and for what was measured in them."""

    def __init__(self, manifest: Manifest, folder: Path) -> None:
        if len(manifest.file) != 1:
            raise ConfigError(f"manifest {manifest.id} names {len(manifest.file)} files", "one [[file]]", "Join them.")
        self.left_out: list[str] = []
        self._file = manifest.file[0]
        self._path = folder / self._file.path
        if not self._path.is_file():
            raise ConfigError(f"table {self._path} cannot be read", "a MEDS Parquet file", "Check the path.")

    def chunks(self) -> Iterator[Chunk]:
        """Yield the cohort."""
        people: dict[int, _Person] = {}
        for subject, time, code, _ in self._events():
            for i in np.flatnonzero([one.startswith(_STORIES) for one in code]):
                _note(people.setdefault(int(subject[i]), _Person()), int(time[i]), code[i])
        window = Window(self._cohort(people))
        wanted = {str(i) for item in ITEMS for i, _, _ in item.ids} | {"220739", "223900", "223901"}
        for subject, time, code, value in self._events():
            parts = [one.split("//", 2) for one in code]
            item = np.array([int(p[1]) if len(p) > 1 and p[0] == "LAB" and p[1] in wanted else -1 for p in parts])
            window.add(subject, time, item, value)
        yield from window.chunks()
        if window.artefacts:
            self.left_out.append(f"{window.artefacts} measurements outside plausible bounds")

    def _cohort(self, people: dict[int, _Person]) -> Stays:
        rows = []
        for subject in sorted(people):
            one = people[subject]
            if not one.icu:
                continue
            start, unit = min(one.icu)
            end = min((out for out in one.out if out > start), default=start)
            stay = max((a for a in one.admitted if a[0] <= start), default=None)
            left = min((d for d in one.discharged if stay and d[0] >= stay[0]), default=None)
            if stay is None or left is None or left[0] < start or end - start < DAY_S or one.born is None:
                continue
            died = left[1] == "DIED"
            if died and one.dead is not None and one.dead <= start + DAY_S:
                continue
            age = _year(start) - _year(one.born)
            if age >= ADULT:
                rows.append((subject, start, min(age, OLDEST), one.sex, stay[1], unit, died))
        self.left_out = [f"{len(people) - len(rows)} patients without a first stay that fits"]
        subject_, start_, age_, sex, admission, unit_, died_ = zip(*rows, strict=True) if rows else [()] * 7
        return Stays(
            np.array(subject_, np.int64), np.array(start_, np.int64), np.array(age_, np.int64),
            sex, admission, unit_, np.array(died_, bool),
        )  # fmt: skip

    def _events(self) -> Iterator[tuple[Any, Any, list[str], Any]]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            table = pq.ParquetFile(self._path)
            value = "numeric_value" if "numeric_value" in table.schema_arrow.names else "value"
            for batch in table.iter_batches(BATCH, columns=["subject_id", "time", "code", value]):
                time = batch["time"].cast(pa.timestamp("s"), safe=False).cast(pa.int64()).fill_null(0)
                yield (
                    batch["subject_id"].to_numpy(),
                    time.to_numpy(zero_copy_only=False),
                    batch["code"].to_pylist(),
                    batch[value].to_numpy(zero_copy_only=False).astype(np.float64),
                )
        except (pa.ArrowException, KeyError) as error:
            raise GateError(
                f"{self._path.name} is not a MEDS file", "columns subject_id, time, code, value", "Check the export."
            ) from error

    def hashes(self) -> dict[str, str]:
        """Return the SHA-256 of the file."""
        return {self._file.path: file_sha256(self._path).hex()}

    def picture(self, cell: str) -> Picture:
        """Refuse: there are no images here."""
        raise GateError(f"{cell} is no image", "a table", "Remove the image column.")


def _note(person: _Person, time: int, code: str) -> None:
    kind, _, rest = code.partition("//")
    if kind == "GENDER":
        person.sex = rest
    elif kind == "MEDS_BIRTH":
        person.born = time
    elif kind == "MEDS_DEATH":
        person.dead = time
    elif kind == "ICU_ADMISSION":
        person.icu.append((time, rest))
    elif kind == "ICU_DISCHARGE":
        person.out.append(time)
    elif kind == "HOSPITAL_ADMISSION":
        person.admitted.append((time, rest.partition("//")[0]))
    elif kind == "HOSPITAL_DISCHARGE":
        person.discharged.append((time, rest))


def _year(seconds: int) -> int:
    return int(np.datetime64(seconds, "s").astype("datetime64[Y]").astype(int)) + 1970


def draft(path: Path) -> dict[str, Any]:
    """Return a manifest's plain values for a MEDS file."""
    return {
        "id": "meds-mortality",
        "source_system": "MEDS",
        "purposes": ["research"],
        "layout": "meds",
        "patient": "subject_id",
        "file": [{"path": str(path)}],
        "column": columns(),
    }
