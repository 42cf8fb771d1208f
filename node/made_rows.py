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
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from node.cli.output import Refusal
from node.synthetic import (
    EPOCH,
    INDEX,
    Origin,
    card_text,
    data_sha256,
    generate,
    readable,
)

if TYPE_CHECKING:
    from node.learning.data.schema import Column, Schema

CHUNK = 10_000
OTHER = "__other__"
ALIKE = 0.01  # share of rows in which another processor's last digits may make another row
SHADES = 2  # of 256, by which they may move a pixel

_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,11})(\.[0-9]{1,9})?")


def check_form(data: Path, card: Path, schema: Schema, origin: Origin) -> None:
    """Refuse made-up data, or a card, that hold anything but what ``synth generate`` writes.

    Args:
        schema: This region's own of the study: its lists, ranges and decimals count, not the card's.

    Raises:
        Refusal: They do; the sentence names the column and the row, never a cell.
    """
    _check_card(data, card, schema, origin)
    tests = conditions_of(schema, origin, card.name)
    if data.is_dir():
        from node.made_images import check_images

        rows = check_images(data, schema, tests)
    elif data.suffix == ".csv":
        rows = _check_table(data, schema, tests)
    else:
        raise Refusal(
            "DATA", f"{data.name} is no CSV: other files have room that nobody would judge",
            "a table as CSV, or a folder of images",
            f"landsting synth generate {origin.study[:12]} --rows {origin.rows} --seed {origin.seed} -o FILE.csv",
        )  # fmt: skip
    if rows != origin.rows:
        raise refused(f"{data.name} holds another number of rows than {card.name} says")


def _check_card(data: Path, card: Path, schema: Schema, origin: Origin) -> None:
    from node.learning.data.manifest import load
    from node.learning.data.schema import Schema as Public

    name = load(card).id.removesuffix("-synthetic")
    listed = data / INDEX if data.is_dir() else data
    expected = card_text(Public.of_value(name, schema.value()), origin, listed.name, data_sha256(listed))
    if card.read_bytes() != expected.encode():
        raise refused(f"{card.name} has more in it, or is written otherwise, than synth generate writes")


Test = Callable[[Any], bool]


def conditions_of(schema: Schema, origin: Origin, card: str) -> dict[str, Test]:
    """Return what each row must be, by column, as a card's condition says it; a card is read by everybody.

    Raises:
        Refusal: A condition has other words than the column's list, or digits beyond its range and decimals. The
            sentence names no value.
    """
    columns = {column.name: column for column in (*schema.features, schema.label) if column.kind != "image"}
    out: dict[str, Test] = {}
    for name, value in origin.where:
        column = columns.get(name)
        if column is None or (data_test := _condition(column, value)) is None:
            raise refused(
                f"{card}: the condition on {name if column is not None else 'what is no column'} has more in it than "
                "the column's words, or its range and decimals"
            )
        out[name] = data_test
    return out


def _condition(column: Column, value: str) -> Test | None:
    if value == "" and column.missing:
        return lambda one: one is None
    if column.kind in ("category", "boolean"):
        known = ("0", "1") if column.kind == "boolean" else (*column.categories, OTHER)
        return (lambda one: str(one) == value) if value in known else None
    ends = value.split("..") if ".." in value else [value, value]
    if len(ends) != 2 or not all(_is_plain_number(one, column) for one in ends):
        return None
    low, high = map(float, ends)
    return lambda one: one is not None and low <= one <= high


def _is_plain_number(text: str, column: Column) -> bool:
    """Whether a number has no digit more than the column's own values: none to hide anything in."""
    low, high = column.range or (-np.inf, np.inf)
    if not _NUMBER.fullmatch(text) or len(text.partition(".")[2]) > _decimals(column):
        return False
    return low <= float(text) <= high


def refused(found: str) -> Refusal:
    """Return the refusal of data that hold what no generator writes."""
    return Refusal(
        "DATA", found, "what synth generate wrote, unchanged",
        "Generate the data anew. Made elsewhere: ask that region for them anew, and why.",
    )  # fmt: skip


# ---------------------------------------------------------------- tables


def _check_table(data: Path, schema: Schema, tests: Mapping[str, Test]) -> int:
    """Read values, write them as the generator does, compare bytes; return how many rows there are."""
    names = {column.name for column in schema.features} | {schema.label.name, *(c.name for c in schema.labels)}
    columns = [column for column in schema.columns if column.name in names]
    done = 0
    with data.open("rb") as file:
        for cells in _pieces(data):
            frame = _frame(data.name, cells, columns, done)
            text = readable(frame, schema).to_csv(index=False, header=done == 0, lineterminator="\n").encode()
            if file.read(len(text)) != text:
                raise refused(f"{data.name}: rows from {done + 1} on are written otherwise, or have columns more")
            for name, holds in tests.items():
                if not all(holds(None if one is None or one != one else one) for one in frame[name].astype(object)):
                    raise refused(f"{data.name}: not every row is as the card's condition on {name} says")
            done += len(frame)
        if file.read(1) or not done:
            raise refused(f"{data.name} holds {'more than its' if done else 'no'} rows")
    return done


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
        raise refused(f"{data.name} is no table in UTF-8") from error


def _by_column(header: Sequence[str], rows: list[list[str]]) -> dict[str, list[str]]:
    if len(set(header)) < len(header) or any(len(row) != len(header) for row in rows):
        raise refused("the table has a column twice, or rows of other lengths")
    return dict(zip(header, map(list, zip(*rows, strict=True)), strict=True))


def _frame(name: str, cells: Mapping[str, list[str]], columns: Sequence[Column], done: int) -> Any:
    """Return rows as a generator's ``decode`` gives them."""
    import pandas as pd

    out: dict[str, Any] = {}
    for column in columns:
        if column.name not in cells:
            raise refused(f"{name} has no column {column.name}")
        value = _reader(column)
        read = []
        for at, cell in enumerate(cells[column.name]):
            try:
                gone = bool(column.missing) and cell == (column.missing[0] if "" not in column.missing else "")
                read.append(None if gone else value(cell))
            except (ValueError, OverflowError) as error:
                raise refused(
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


# ---------------------------------------------------------------- made again


@dataclass(frozen=True, slots=True)
class Again:
    """How rows differ from what a model makes by the seed and the condition of their card.

    Attributes:
        other: Rows that do; each counts at its place. Of images those whose class or pixels differ.
        far: Of these, rows that no rounding explains: more than one cell differs, a pixel by more than ``SHADES``, or
            the row is one too many or too few.
    """

    other: int
    far: int


def made_again(model: Path, data: Path, origin: Origin) -> Again:
    """Make rows anew from a model, the seed and the condition of the card; return how the data differ from them."""
    with tempfile.TemporaryDirectory() as name:
        again = Path(name) / data.name
        generate(model, again, rows=origin.rows, seed=origin.seed, condition=dict(origin.where))
        return _other_images(data, again) if data.is_dir() else _other_rows(data, again)


def _other_rows(data: Path, again: Path) -> Again:
    other = far = 0
    with data.open(encoding="utf-8", newline="") as mine, again.open(encoding="utf-8", newline="") as theirs:
        for a, b in zip_longest(csv.reader(mine), csv.reader(theirs)):
            if a != b:
                other += 1
                far += a is None or b is None or len(a) != len(b) or sum(map(str.__ne__, a, b)) > 1
    return Again(other, far)


def _other_images(data: Path, again: Path) -> Again:
    from PIL import Image

    if (data / INDEX).read_bytes() != (again / INDEX).read_bytes():
        count = max(sum(1 for _ in folder.rglob("*.png")) for folder in (data, again))
        return Again(count, count)
    other = far = 0
    for path in again.rglob("*.png"):
        with Image.open(path) as mine, Image.open(data / path.relative_to(again)) as theirs:
            apart = np.abs(np.asarray(mine, np.int16) - np.asarray(theirs, np.int16)).max()
            other, far = other + bool(apart), far + bool(apart > SHADES)
    return Again(other, far)


def check_made_again(model: Path, data: Path, origin: Origin, *, here: bool) -> int:
    """Refuse rows that a model does not make; return how many differ.

    Args:
        here: They were made in this home: then none may differ. Elsewhere another processor may round a last digit
            otherwise: ``ALIKE`` of the rows may, each in one cell or by ``SHADES`` of its pixels.
    """
    found = made_again(model, data, origin)
    if (found.other if here else found.far) or found.other > ALIKE * origin.rows:
        raise refused(
            f"{data.name}: {found.other} of {origin.rows} rows are not what the study's model makes with seed "
            f"{origin.seed}"
        )
    return found.other


def unlike(model: Path, data: Path, origin: Origin) -> int:
    """Return how many rows another model than the card's does not make, to rounding; all, where it makes none."""
    from node.learning.errors import ConfigError

    try:
        return min(made_again(model, data, origin).far, origin.rows)
    except ConfigError:
        return origin.rows
