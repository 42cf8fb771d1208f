"""Synthetic data out of a generator, into files: a CSV or Parquet table, or a folder of PNG images.

Rows pass through in pieces, whatever their number. Each table has the column ``__synthetic``, and beside each
file lies a manifest with the study's schema, ``synthetic = true`` and where the rows come from, so that the file
can be bound like any other and never be taken for real rows. Same model, seed and condition, same bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from node.cli.output import Refusal
from node.learning.errors import ConfigError
from node.learning.files import file_bytes

if TYPE_CHECKING:
    import pandas as pd

    from node.learning.data.schema import Column, Schema

TABLES, IMAGES = ("tabgan", "tabvae"), ("imagegan",)
MANIFEST = "manifest.toml"  # of a folder of images
INDEX = "index.csv"
MOST_ROWS = 10_000_000
MOST_SEED = 2**53 - 1
_ORIGIN = re.compile(
    r"landsting synth, study ([0-9a-f]{64}|none), model ([0-9a-f]{64}), seed (\d{1,16}), rows (\d{1,8})"
    r"(?:, where (\{.*\}))?"
)
_FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,40}")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where synthetic rows come from, as their manifest's ``source_system`` says.

    Attributes:
        study: 64 hex digits; "" for a model without one.
        model: SHA-256 of the generator's safetensors file, in hex.
        where: The condition: column and value, by column.
    """

    study: str
    model: str
    seed: int
    rows: int
    where: tuple[tuple[str, str], ...] = ()

    def text(self) -> str:
        """Return it in words; ``of_text`` is the inverse."""
        study = self.study or "none"
        where = f", where {json.dumps(dict(self.where), sort_keys=True)}" if self.where else ""
        return f"landsting synth, study {study}, model {self.model}, seed {self.seed}, rows {self.rows}{where}"

    @classmethod
    def of_text(cls, text: str) -> Origin | None:
        """Return what the words say; None if they say something else."""
        found = _ORIGIN.fullmatch(text)
        if found is None:
            return None
        study, where = "" if found[1] == "none" else found[1], tuple[tuple[str, str], ...]()
        try:
            if found[5] is not None:
                where = tuple(sorted((str(name), str(value)) for name, value in json.loads(found[5]).items()))
            one = cls(study, found[2], int(found[3]), int(found[4]), where)
        except ValueError:
            return None
        return one if one.text() == text and one.seed <= MOST_SEED and 1 <= one.rows <= MOST_ROWS else None


@dataclass(frozen=True, slots=True)
class Made:
    """Files that were written.

    Attributes:
        data: The table, or the folder of images.
        manifest: Beside it, or in the folder.
        sha256: Of the table; of a folder: of the sorted lines ``sha256 name``.
    """

    data: Path
    manifest: Path
    origin: Origin
    sha256: str


@contextmanager
def model_file(home: Path | None, named: str | None) -> Iterator[Path]:
    """Yield the safetensors file of a generator: a file, or the newest model of a study in a home.

    Raises:
        Refusal: There is neither.
    """
    if named is not None and (named.endswith(".safetensors") or Path(named).is_file()):
        yield Path(named)
        return
    if home is None:
        raise Refusal(
            "FILE", "no model", "MODEL.safetensors, or a study and the home that holds it",
            "landsting synth generate STUDY --home HOME",
        )  # fmt: skip
    from node.cli.asking import study_id
    from node.models import export_model

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        export_model(home, study_id(home, named), path)
        yield path


def about_model(model: Path) -> dict[str, Any]:
    """Return the description that lies beside a model.

    Raises:
        ConfigError: It cannot be read.
    """
    try:
        about = json.loads(file_bytes(model.with_suffix(".json"), "model's description"))
        if not isinstance(about, dict) or not isinstance(about.get("task"), str) or "schema" not in about:
            raise ValueError
    except ValueError as error:
        raise ConfigError(
            f"{model.with_suffix('.json').name} is damaged", "an exported model", "Export it again."
        ) from error
    return about


def generate(model: Path, out: Path, *, rows: int, seed: int, condition: Mapping[str, str]) -> Made:
    """Write synthetic rows of a model, and their manifest.

    Args:
        out: Ends in ``.csv`` or ``.parquet``; for images a folder that is not there yet.

    Raises:
        ConfigError: The model is no generator, the condition does not fit, or the file has another ending.
        Refusal: A file is there already.
    """
    about = about_model(model)
    if not 1 <= rows <= MOST_ROWS:
        raise ConfigError(f"{rows} rows", f"1 to {MOST_ROWS}", "Ask for as many.")
    study = str(about.get("study", ""))
    origin = Origin(
        study if re.fullmatch("[0-9a-f]{64}", study) else "",
        hashlib.sha256(file_bytes(model, "model")).hexdigest(), seed, rows, tuple(sorted(condition.items())),
    )  # fmt: skip
    task = about["task"]
    if task not in (*TABLES, *IMAGES):
        raise ConfigError(f"a model of task {task}", f"one of {', '.join((*TABLES, *IMAGES))}", "Name a generator.")
    taken = next((one for one in (out, out.with_suffix(".toml")) if one.exists()), None)
    if taken is not None:
        raise Refusal("FILE", f"{taken} is there already", "a name that is free", "Choose another name.")
    write = _images if task in IMAGES else _table
    return write(model, out, origin, about, dict(condition))


def data_sha256(data: Path) -> str:
    """Return the hash by which reports and releases know synthetic data.

    Of a table its bytes; of a folder the sorted lines ``sha256 name`` of everything in it but the manifest.
    """
    from node.learning.data.adapters.folder import listing_hash
    from node.learning.data.readers import file_sha256

    if not data.is_dir():
        return file_sha256(data).hex()
    files = [one for one in data.rglob("*") if one.is_file() and one != data / MANIFEST]
    return listing_hash({one.relative_to(data).as_posix(): file_sha256(one).hex() for one in files})


def manifest_of(data: Path) -> Path:
    """Return where the manifest of synthetic data lies."""
    return data / MANIFEST if data.is_dir() else data.with_suffix(".toml")


# ---------------------------------------------------------------- tables


def _table(model: Path, out: Path, origin: Origin, about: Mapping[str, Any], condition: Mapping[str, str]) -> Made:
    from node.learning.data.schema import Schema
    from node.learning.synth.sampling import generate as sampled

    if out.suffix not in (".csv", ".parquet"):
        raise ConfigError(f"{out.name} ends in {out.suffix or 'nothing'}", ".csv or .parquet", "Name it so.")
    schema = Schema.of_value(about["schema_id"], about["schema"])
    pieces = sampled(model, rows=origin.rows, seed=origin.seed, condition=condition)
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(out.name + ".part")
    try:
        with part.open("wb") as file:
            write = _csv(file) if out.suffix == ".csv" else _parquet(file, schema)
            for frame in pieces:
                write(readable(frame, schema))
            write(None)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    sha256 = data_sha256(out)
    manifest = out.with_suffix(".toml")
    manifest.write_text(card_text(schema, origin, out.name, sha256), encoding="utf-8")
    return Made(out, manifest, origin, sha256)


Write = Callable[["pd.DataFrame | None"], None]


def _csv(file: io.BufferedWriter) -> Write:
    first = True

    def write(frame: pd.DataFrame | None) -> None:
        nonlocal first
        if frame is not None:
            file.write(frame.to_csv(index=False, header=first, lineterminator="\n").encode())
            first = False

    return write


def _parquet(file: io.BufferedWriter, schema: Schema) -> Write:
    import pyarrow as pa  # only where it is asked for
    import pyarrow.parquet as pq

    by_name = {column.name: column for column in schema.columns}
    writer: Any = None

    def kind(name: str, values: Any) -> Any:
        column = by_name.get(name)
        text = column is None or column.kind in ("category", "text") or str(values.dtype) in ("object", "str")
        return pa.int8() if column is None else pa.string() if text else pa.float64()

    def write(frame: pd.DataFrame | None) -> None:
        nonlocal writer
        if frame is None:
            if writer is not None:
                writer.close()
            return
        if writer is None:
            # Column by column, since a piece without a missing value would have another type than one with some.
            fields = [(name, kind(name, frame[name])) for name in frame.columns]
            writer = pq.ParquetWriter(file, pa.schema(fields))
        for name, type_ in zip(writer.schema.names, writer.schema.types, strict=True):
            if type_ == pa.string():
                frame[name] = frame[name].map(str, na_action="ignore")
        writer.write_table(pa.Table.from_pandas(frame, schema=writer.schema, preserve_index=False))

    return write


def readable(frame: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """Return rows as the schema's reader takes them: codes for missing, dates as dates, and the mark."""
    from node.learning.data.source import MARK

    frame = frame.copy()
    for column in schema.columns:
        if column.kind == "date" and column.is_input and column.name in frame:
            _dated(frame, column)
    for column in schema.columns:
        if column.name in frame and column.missing and "" not in column.missing:
            values = frame[column.name].astype(object)
            frame[column.name] = values.where(values.notna(), column.missing[0])
    frame[MARK] = 1
    return frame


EPOCH = "2000-01-01"  # the day from which made-up days are counted


def _dated(frame: pd.DataFrame, column: Column) -> None:
    """Turn days since another column into dates; that column is the first of January 2000 in every row."""
    import pandas as pd

    assert column.since is not None
    if column.since not in frame:
        frame[column.since] = EPOCH
    since = pd.to_datetime(frame[column.since])
    dates = since + pd.to_timedelta(frame[column.name].astype("float64"), unit="D")
    frame[column.name] = dates.dt.strftime("%Y-%m-%dT%H:%M:%S").astype(object).where(dates.notna(), None)


def card_text(schema: Schema, origin: Origin, path: str, sha256: str | None) -> str:
    """Return the manifest of synthetic data as TOML."""
    from node.learning.data.manifest import to_toml

    columns = [{key: value for key, value in row.items() if value not in (None, "", [])} for row in schema.value()]
    base = re.sub(r"[^a-z0-9_.-]", "-", schema.id.lower()).strip("-._")[:40] or "rows"
    raw: dict[str, Any] = {
        "id": f"{base}-synthetic", "source_system": origin.text(), "synthetic": True,
        "file": [{"path": path, "sha256": sha256}], "column": columns,
    }  # fmt: skip
    head = "# Synthetic: no row is a patient's. Made by a model; see source_system.\n"
    if origin.where:
        head += "# Only rows with " + ", ".join(f"{name} = {value!r}" for name, value in origin.where) + ".\n"
    return head + to_toml(raw)


# ---------------------------------------------------------------- images


def _images(model: Path, out: Path, origin: Origin, about: Mapping[str, Any], condition: Mapping[str, str]) -> Made:
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    from node.learning.data.schema import Schema
    from node.learning.synth.image_sampling import generate as sampled

    schema = Schema.of_value(about["schema_id"], about["schema"])
    if unknown := [column.name for column in schema.features if not column.missing]:
        raise ConfigError(
            f"column {unknown[0]}, which no generator of images makes", "codes for missing to write in its place",
            f"Declare {unknown[0]} with missing = [...] in the study's manifest.",
        )  # fmt: skip
    mark = PngInfo()
    mark.add_text("Comment", "synthetic")
    pieces = sampled(model, rows=origin.rows, seed=origin.seed, condition=condition)
    for k in schema.classes:
        (out / _folder(schema, k)).mkdir(parents=True)
    with (out / INDEX).open("w", encoding="utf-8", newline="") as file:
        import csv

        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(index_names(schema))
        for number, (k, pixels) in enumerate(pieces):
            row = index_row(schema, number, k)
            Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(out / row[0], pnginfo=mark)
            writer.writerow(row)
    for k in schema.classes:
        if not any((out / _folder(schema, k)).iterdir()):
            (out / _folder(schema, k)).rmdir()
    (out / MANIFEST).write_text(card_text(schema, origin, INDEX, data_sha256(out / INDEX)), encoding="utf-8")
    return Made(out, out / MANIFEST, origin, data_sha256(out))


def _folder(schema: Schema, k: str) -> str:
    return k if _FOLDER.fullmatch(k) else f"class{schema.classes.index(k)}"


def index_names(schema: Schema) -> list[str]:
    """Return the first line of the index of made-up images."""
    from node.learning.data.source import MARK

    assert schema.image is not None
    return [schema.image.name, schema.label.name, *(column.name for column in schema.features), MARK]


def index_row(schema: Schema, number: int, k: str) -> list[str]:
    """Return an image's line: its file, its class, codes for what no generator of images makes, the mark."""
    gone = [column.missing[0] if column.missing else "" for column in schema.features]
    return [f"{_folder(schema, k)}/{number:07d}.png", k, *gone, "1"]
