"""MIMIC-IV as its files lie: ``hosp/`` and ``icu/``, ``.csv`` or ``.csv.gz``, read by column name.

chartevents and labevents pass through in batches, with the columns that are needed only: the full files are
tens of gigabytes. Laboratory values are joined by patient and time, for a quarter of them have no admission.

Source: Johnson et al. (2023), MIMIC-IV 2.2; ids may be written as floats (``30000000.0``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from node.learning.data.adapters.icu import ADULT, CHART, DAY_S, LABS, OLDEST, Stays, Window, columns
from node.learning.data.manifest import File, Manifest
from node.learning.data.picture import Picture
from node.learning.data.readers import Chunk, Hashed
from node.learning.errors import ConfigError, GateError

FILES = {
    "patients": ("hosp", ("subject_id", "gender", "anchor_year", "anchor_age")),
    "admissions": (
        "hosp",
        ("subject_id", "hadm_id", "admittime", "deathtime", "admission_type", "hospital_expire_flag"),
    ),
    "icustays": ("icu", ("subject_id", "hadm_id", "stay_id", "first_careunit", "intime", "outtime", "los")),
    "chartevents": ("icu", ("subject_id", "charttime", "itemid", "valuenum")),
    "labevents": ("hosp", ("subject_id", "charttime", "itemid", "valuenum")),
}
_TIMES = ("admittime", "deathtime", "intime", "outtime", "charttime")
_TEXTS = ("gender", "admission_type", "first_careunit")
BATCH = 8 * 2**20


class MimicSource:
    """The mortality cohort of a MIMIC-IV folder."""

    def __init__(self, manifest: Manifest, folder: Path) -> None:
        self.left_out: list[str] = []
        self._folder = folder
        self._files: dict[str, File] = {}
        self._hashes: dict[str, str] = {}
        for file in manifest.file:
            name = Path(file.path).name.removesuffix(".gz").removesuffix(".csv")
            self._files[name] = file
        if gone := [name for name in FILES if name not in self._files]:
            raise ConfigError(
                f"manifest {manifest.id} names no file {gone[0]}.csv",
                f"a [[file]] for each of {', '.join(FILES)}",
                "landsting data init FOLDER --layout mimic-iv writes such a manifest.",
            )

    def chunks(self) -> Iterator[Chunk]:
        """Yield the cohort."""
        stays = self._cohort()
        window = Window(stays)
        for name, wanted in (("chartevents", CHART), ("labevents", LABS)):
            for batch in self._batches(name, wanted):
                window.add(batch["subject_id"], batch["charttime"], batch["itemid"], batch["valuenum"])
        yield from window.chunks()
        if window.artefacts:
            self.left_out.append(f"{window.artefacts} measurements outside plausible bounds")

    def _cohort(self) -> Stays:
        import pandas as pd

        patients, admissions, stays = (
            pd.concat(
                [pd.DataFrame(batch) for batch in self._batches(name)] or [pd.DataFrame(columns=list(FILES[name][1]))]
            )
            for name in ("patients", "admissions", "icustays")
        )
        total = len(stays)
        stays = stays.sort_values(["intime", "stay_id"]).drop_duplicates("subject_id")
        left = [(f"{total - len(stays)} stays that are not the patient's first", len(stays))]
        stays = stays[stays.hadm_id >= 0]
        left.append(("first stays without an admission", len(stays)))
        stays = stays[(stays.outtime > stays.intime) & (stays.los >= 1)]
        left.append(("stays shorter than a day", len(stays)))
        rows = stays.merge(admissions.drop(columns="subject_id").drop_duplicates("hadm_id"), on="hadm_id")
        left.append(("stays whose admission is in no table", len(rows)))
        rows = rows[
            ~((rows.hospital_expire_flag == 1) & (rows.deathtime >= 0) & (rows.deathtime <= rows.intime + DAY_S))
        ]
        left.append(("deaths within the first day", len(rows)))
        rows = rows.merge(patients.drop_duplicates("subject_id"), on="subject_id")
        year = rows.admittime.to_numpy("datetime64[s]").astype("datetime64[Y]").astype(np.int64) + 1970
        rows["age"] = rows.anchor_age + year - rows.anchor_year
        rows = rows[rows.age >= ADULT].sort_values("subject_id")
        left.append(("stays of patients under 18", len(rows)))
        self._say(left)
        return Stays(
            rows.subject_id.to_numpy(np.int64),
            rows.intime.to_numpy(np.int64),
            np.minimum(rows.age.to_numpy(np.int64), OLDEST),
            rows.gender.tolist(),
            rows.admission_type.tolist(),
            rows.first_careunit.tolist(),
            rows.hospital_expire_flag.to_numpy() == 1,
        )

    def _say(self, left: list[tuple[str, int]]) -> None:
        first, *steps = left
        self.left_out, before = [first[0]], first[1]
        for words, count in steps:
            if before - count:
                self.left_out.append(f"{before - count} {words}")
            before = count

    def _batches(self, name: str, items: Sequence[int] = ()) -> Iterator[dict[str, Any]]:
        """Yield a table's needed columns: ids and times int64 (-1 for none), figures float64, texts."""
        import pyarrow as pa
        import pyarrow.compute as pc
        from pyarrow import csv

        file, needed = self._files[name], FILES[name][1]
        path = self._folder / file.path
        try:
            raw = Hashed(path.open("rb"))
        except OSError as error:
            raise ConfigError(
                f"table {path} cannot be read ({error.strerror})", "a readable file", "Check the path."
            ) from error
        kinds: dict[str, Any] = {column: pa.float64() for column in needed}
        kinds |= {column: pa.timestamp("s") for column in needed if column in _TIMES}
        kinds |= {column: pa.string() for column in needed if column in _TEXTS}
        stream: Any = pa.PythonFile(raw, mode="r")
        if path.suffix == ".gz":
            stream = pa.CompressedInputStream(stream, "gzip")
        try:
            reader = csv.open_csv(
                stream,
                read_options=csv.ReadOptions(block_size=BATCH, use_threads=False),
                convert_options=csv.ConvertOptions(include_columns=list(needed), column_types=kinds),
            )
            for batch in reader:
                if items:
                    batch = batch.filter(pc.is_in(batch["itemid"], value_set=pa.array([float(i) for i in items])))
                yield {column: _plain(batch[column], column) for column in needed}
        except pa.ArrowException as error:
            # Arrow's words hold cells.
            raise GateError(
                f"{path.name} is not the table of MIMIC-IV",
                f"the columns {', '.join(needed)}, with numbers and times in them",
                "Use the files as PhysioNet gives them.",
            ) from error
        except (OSError, EOFError) as error:
            raise GateError(f"{path.name} cannot be read to its end", "a whole file", "Copy it again.") from error
        self._hashes[file.path] = raw.finish().hex()

    def hashes(self) -> dict[str, str]:
        """Return the SHA-256 of each of the five files."""
        return dict(self._hashes)

    def picture(self, cell: str) -> Picture:
        """Refuse: there are no images here."""
        raise GateError(f"{cell} is no image", "a table", "Remove the image column.")


def _plain(values: Any, column: str) -> Any:
    if column in _TEXTS:
        return [text or "" for text in values.to_pylist()]
    if column in _TIMES:
        import pyarrow as pa

        return values.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    numbers = values.to_numpy(zero_copy_only=False).astype(np.float64)
    if column.endswith("id") or column in ("anchor_year", "anchor_age"):
        return np.nan_to_num(numbers, nan=-1.0).astype(np.int64)
    return numbers


def draft(path: Path) -> dict[str, Any]:
    """Return a manifest's plain values for a MIMIC-IV folder.

    Raises:
        ConfigError: A file is missing in it.
    """
    files = []
    for name, (part, _) in FILES.items():
        found = [one for one in (path / part / f"{name}.csv.gz", path / part / f"{name}.csv") if one.is_file()]
        if not found:
            raise ConfigError(
                f"{path} has no {part}/{name}.csv or .csv.gz", "the folder with hosp/ and icu/", "Correct the path."
            )
        files.append({"path": str(found[0])})
    return {
        "id": "mimic-mortality",
        "source_system": "MIMIC-IV",
        "purposes": ["research"],
        "layout": "mimic-iv",
        "patient": "subject_id",
        "file": files,
        "column": columns(),
    }
