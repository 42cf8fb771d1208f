"""What made-up data may hold when they leave: what the generator's own writer makes of such values, and nothing else.

The figures of the gate look at values as they are read. A file has more room than that: a word outside of a column's
list counts as "other", a number outside its range as missing, and no figure looks at spelling or order, a comment in
the card, a tag of an image, or a column that is the same in every row. Whoever makes the file could put patients there.
So before a region signs, and before it lets out:

    written     the table, or the index of images, is written again from the values that were read, by the generator's
                own writer: byte for byte the same, or refused. So is the card. Images hold pixels and one mark
    made again  where the region holds the very model that the card names, the rows are made again from it by the
                card's seed and condition: then also which rows they are, and their order, is the model's doing

What is left where a region holds another model: which of the rows that such a model makes were taken, and in which
order; of images also how pixels were packed. No cell is ever repeated in a message.
"""

from __future__ import annotations

import csv
import struct
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from node.cli.output import Refusal
from node.synthetic import (
    EPOCH,
    INDEX,
    MANIFEST,
    Origin,
    card_text,
    data_sha256,
    generate,
    index_names,
    index_row,
    readable,
)

if TYPE_CHECKING:
    from node.learning.data.schema import Column, Schema

CHUNK = 10_000
OTHER = "__other__"
ALIKE = 0.01  # share of rows in which another processor's last digits may make another row

_PNG = b"\x89PNG\r\n\x1a\n"
_COMMENT = b"Comment\x00synthetic"


def check_form(data: Path, card: Path, schema: Schema, origin: Origin) -> None:
    """Refuse made-up data, or a card, that hold anything but what ``synth generate`` writes.

    Args:
        schema: This region's own of the study: its lists, ranges and decimals count, not the card's.

    Raises:
        Refusal: They do; the sentence names the column and the row, never a cell.
    """
    if data.is_dir():
        _check_images(data, schema)
    elif data.suffix == ".csv":
        _check_table(data, schema)
    else:
        raise Refusal(
            "DATA", f"{data.name} is no CSV: other files have room that nobody would judge",
            "a table as CSV, or a folder of images",
            f"landsting synth generate {origin.study[:12]} --rows {origin.rows} --seed {origin.seed} -o FILE.csv",
        )  # fmt: skip
    _check_card(data, card, schema, origin)


def _check_card(data: Path, card: Path, schema: Schema, origin: Origin) -> None:
    from node.learning.data.manifest import load
    from node.learning.data.schema import Schema as Public

    name = load(card).id.removesuffix("-synthetic")
    listed = data / INDEX if data.is_dir() else data
    expected = card_text(Public.of_value(name, schema.value()), origin, listed.name, data_sha256(listed))
    if card.read_bytes() != expected.encode():
        raise _refused(f"{card.name} has more in it, or is written otherwise, than synth generate writes")


def _refused(found: str) -> Refusal:
    return Refusal(
        "DATA", found, "what synth generate wrote, unchanged",
        "Generate the data anew. Made elsewhere: ask that region for them anew, and why.",
    )  # fmt: skip


# ---------------------------------------------------------------- tables


def _check_table(data: Path, schema: Schema) -> None:
    """Read values, write them as the generator does, compare bytes."""
    names = {column.name for column in schema.features} | {schema.label.name, *(c.name for c in schema.labels)}
    columns = [column for column in schema.columns if column.name in names]
    done = 0
    with data.open("rb") as file:
        for cells in _pieces(data):
            frame = _frame(data.name, cells, columns, done)
            text = readable(frame, schema).to_csv(index=False, header=done == 0, lineterminator="\n").encode()
            if file.read(len(text)) != text:
                raise _refused(f"{data.name}: rows from {done + 1} on are written otherwise, or have columns more")
            done += len(frame)
        if file.read(1) or not done:
            raise _refused(f"{data.name} holds {'more than its' if done else 'no'} rows")


def _pieces(data: Path) -> Iterator[dict[str, list[str]]]:
    """Yield the cells of some rows by column."""
    try:
        with data.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file)
            header = next(reader, [])
            rows: list[list[str]] = []
            for row in reader:
                rows.append(row)
                if len(rows) == CHUNK:
                    yield _by_column(header, rows)
                    rows = []
            if rows:
                yield _by_column(header, rows)
    except (UnicodeDecodeError, csv.Error) as error:
        raise _refused(f"{data.name} is no table in UTF-8") from error


def _by_column(header: Sequence[str], rows: list[list[str]]) -> dict[str, list[str]]:
    if len(set(header)) < len(header) or any(len(row) != len(header) for row in rows):
        raise _refused("the table has a column twice, or rows of other lengths")
    return dict(zip(header, map(list, zip(*rows, strict=True)), strict=True))


def _frame(name: str, cells: Mapping[str, list[str]], columns: Sequence[Column], done: int) -> Any:
    """Return rows as a generator's ``decode`` gives them."""
    import pandas as pd

    out: dict[str, Any] = {}
    for column in columns:
        if column.name not in cells:
            raise _refused(f"{name} has no column {column.name}")
        value = _reader(column)
        read = []
        for at, cell in enumerate(cells[column.name]):
            try:
                gone = bool(column.missing) and cell == (column.missing[0] if "" not in column.missing else "")
                read.append(None if gone else value(cell))
            except (ValueError, OverflowError) as error:
                raise _refused(
                    f"{name}: column {column.name} holds in row {done + at + 1} what no generator makes"
                ) from error
        out[column.name] = _typed(column, read)
    return pd.DataFrame(out)


def _typed(column: Column, read: list[Any]) -> Any:
    import pandas as pd

    if column.kind == "category":
        return pd.Series(read, dtype=object)
    if _decimals(column) == 0 or column.kind == "boolean":
        return pd.array(read, dtype="Int64") if None in read else np.asarray(read, np.int64)
    return np.asarray([np.nan if one is None else one for one in read], np.float64)


def _reader(column: Column) -> Callable[[str], Any]:
    """Return what turns a cell into a value, and raises ValueError for one that no generator makes."""
    if column.kind in ("category", "boolean"):
        label = column.role == "label"
        known = ("0", "1") if column.kind == "boolean" else column.categories if label else (*column.categories, OTHER)

        def listed(cell: str) -> Any:
            if cell not in known:
                raise ValueError
            return int(cell) if column.kind == "boolean" else cell

        return listed
    low, high = column.range or (-np.inf, np.inf)
    decimals = _decimals(column)

    def number(cell: str) -> Any:
        value = _days(cell) if column.kind == "date" else float(cell)
        if not low <= value <= high or not np.isfinite(value):
            raise ValueError
        rounded = round(value, decimals)
        return int(rounded) if decimals == 0 else rounded

    return number


def _days(cell: str) -> float:
    """Return the days of a date since the one day from which made-up days are counted."""
    from datetime import datetime

    return (datetime.fromisoformat(cell) - datetime.fromisoformat(EPOCH)).total_seconds() / 86_400


def _decimals(column: Column) -> int:
    from node.learning.synth.coding import decimals_of

    return decimals_of(column)


# ---------------------------------------------------------------- images


def _check_images(folder: Path, schema: Schema) -> None:
    """Hold the index to what the generator writes, and each image to pixels and the mark."""
    image = schema.image
    assert image is not None
    assert image.shape is not None
    names = index_names(schema)
    with (folder / INDEX).open("rb") as file:
        expected = (",".join(names) + "\n").encode()
        if file.read(len(expected)) != expected:
            raise _refused(f"{INDEX} has another first line")
        for number, line in enumerate(file):
            written = next(
                (row for k in schema.classes if (row := index_row(schema, number, k)) and _line(row) == line), None
            )
            if written is None:
                raise _refused(f"{INDEX} holds in row {number + 1} what no generator makes")
            if not _is_plain(folder / written[0], image.shape):
                raise _refused(f"{written[0]} holds more than pixels and the mark that it is synthetic")
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    empty = [path for path in folder.rglob("*") if path.is_dir() and not any(path.iterdir())]
    with (folder / INDEX).open(encoding="utf-8", newline="") as text:
        listed = {row[0] for row in csv.reader(text)} - {image.name} | {INDEX, MANIFEST}
    if (more := sorted(there - listed)) or empty:
        raise _refused(f"{folder.name} holds {(more or [empty[0].name])[0]}, which is not in its index")


def _line(row: Sequence[object]) -> bytes:
    import io

    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(row)
    return out.getvalue().encode()


def _is_plain(path: Path, shape: tuple[int, int, int]) -> bool:
    """Whether a PNG is a header, the mark, pixels of this shape packed once, and its end; nothing beside or behind."""
    height, width, channels = shape
    try:
        with path.open("rb") as file:
            kinds, packed = list[bytes](), bytearray()
            if file.read(8) != _PNG:
                return False
            for kind, content in _chunks(file):
                kinds.append(kind)
                packed += content if kind == b"IDAT" else b""
                if kind == b"IHDR" and content != struct.pack(
                    ">IIBBBBB", width, height, 8, 2 if channels == 3 else 0, 0, 0, 0
                ):
                    return False
                if (kind == b"tEXt" and content != _COMMENT) or (kind == b"IEND" and (content or file.read(1))):
                    return False
            unpacked = zlib.decompressobj()
            pixels = unpacked.decompress(bytes(packed), height * (1 + width * channels) + 1)
    except (OSError, struct.error, zlib.error, ValueError):
        return False
    plain = [kind for i, kind in enumerate(kinds) if kind != b"IDAT" or kinds[i - 1] != b"IDAT"]
    whole = len(pixels) == height * (1 + width * channels) and unpacked.eof and not unpacked.unused_data
    return plain == [b"IHDR", b"tEXt", b"IDAT", b"IEND"] and whole


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    while head := file.read(8):
        length, kind = struct.unpack(">I4s", head)
        if length > 2**24:
            raise ValueError(kind)
        content, check = file.read(length), file.read(4)
        if len(content) != length or struct.unpack(">I", check)[0] != zlib.crc32(kind + content):
            raise ValueError(kind)
        yield kind, content
        if kind == b"IEND":
            return


# ---------------------------------------------------------------- made again


def made_again(model: Path, data: Path, origin: Origin) -> int:
    """Return how many rows of made-up data a model does not make by the seed and the condition of their card.

    Rows count at their place; of images their pixels and class.
    """
    with tempfile.TemporaryDirectory() as name:
        again = Path(name) / data.name
        generate(model, again, rows=origin.rows, seed=origin.seed, condition=dict(origin.where))
        if data.is_dir():
            return _other_images(data, again)
        with data.open("rb") as mine, again.open("rb") as theirs:
            return sum(a != b for a, b in zip_longest(mine, theirs))


def _other_images(data: Path, again: Path) -> int:
    from PIL import Image

    if (data / INDEX).read_bytes() != (again / INDEX).read_bytes():
        return max(sum(1 for _ in folder.rglob("*.png")) for folder in (data, again))
    other = 0
    for path in again.rglob("*.png"):
        with Image.open(path) as mine, Image.open(data / path.relative_to(again)) as theirs:
            other += bool((np.asarray(mine) != np.asarray(theirs)).any())
    return other


def check_made_again(model: Path, data: Path, origin: Origin, *, here: bool) -> int:
    """Refuse rows that a model does not make; return how many differ.

    Args:
        here: They were made in this home: then none may differ. Elsewhere another processor may round a last digit
            otherwise, so that up to ``ALIKE`` of the rows may.
    """
    other = made_again(model, data, origin)
    if other > (0 if here else ALIKE * origin.rows):
        raise _refused(
            f"{data.name}: {other} of {origin.rows} rows are not what the study's model makes with seed {origin.seed}"
        )
    return other
