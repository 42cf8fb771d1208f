"""A file of made-up rows holds what the generator's writer writes and nothing else: no room to carry patients in."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from node.cli.output import Refusal
from node.learning.data.manifest import load
from node.learning.data.schema import Schema
from node.made_rows import Again, check_form, check_made_again, made_again, unlike
from node.synthetic import Origin, card_text, data_sha256, generate, index_names, index_row
from tests.node.learning.synth.made_up import untrained

COLUMNS: list[dict[str, Any]] = [
    {"name": "admitted", "kind": "date", "role": "ignore"},
    {"name": "seen", "kind": "date", "range": [0, 30], "since": "admitted"},
    {"name": "age", "kind": "integer", "role": "quasi_identifier", "range": [18, 100], "missing": ["?", "-1"]},
    {"name": "lab", "kind": "number", "range": [0, 10], "decimals": 1, "missing": [""]},
    {"name": "ward", "kind": "category", "categories": ["a", "b, c"], "missing": ["?"]},
    {"name": "smokes", "kind": "boolean"},
    {"name": "ill", "kind": "category", "role": "label", "categories": ["0", "1"]},
]
SCHEMA = Schema.of_value("clinic", [{"role": "feature", **one} for one in COLUMNS])


@pytest.fixture
def made(tmp_path: Path) -> Path:
    untrained(tmp_path, SCHEMA)
    generate(tmp_path / "m.safetensors", tmp_path / "s.csv", rows=60, seed=3, condition={"ill": "1"})
    return tmp_path / "s.csv"


def origin_of(data: Path) -> Origin:
    found = Origin.of_text(load(data.with_suffix(".toml")).source_system)
    assert found is not None
    return found


def check(data: Path) -> None:
    check_form(data, data.with_suffix(".toml"), SCHEMA, origin_of(data))


def rebound(data: Path, text: bytes) -> None:
    """Write another file and a card that is its own: whoever cheats does both."""
    origin = origin_of(data)
    data.write_bytes(text)
    data.with_suffix(".toml").write_text(card_text(SCHEMA, origin, data.name, data_sha256(data)))


def test_what_the_generator_wrote_is_as_it_writes_with_every_kind_of_column(made: Path) -> None:
    text = made.read_text()
    assert {"?", ""} <= {cell for line in text.splitlines() for cell in line.split(",")}  # codes for missing
    assert '"b, c"' in text
    check(made)


def cell(column: str, value: str) -> Callable[[bytes], bytes]:
    """Another value in the third row of a column."""

    def change(text: bytes) -> bytes:
        lines = text.decode().split("\n")
        place = lines[0].split(",").index(column)
        cells = lines[3].replace('"b, c"', "a").split(",")  # so that each comma is a border
        cells[place] = value
        return "\n".join([*lines[:3], ",".join(cells), *lines[4:]]).encode()

    return change


@pytest.mark.attack("R04")
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(cell("lab", "3.1415926"), id="more digits than the schema has"),
        pytest.param(cell("lab", "3.10"), id="the same number in other digits"),
        pytest.param(cell("lab", "191212121212"), id="a number outside of the range, which is read as missing"),
        pytest.param(cell("lab", "nan"), id="not a number"),
        pytest.param(cell("age", "040"), id="a zero before"),
        pytest.param(cell("age", " 40"), id="a space before"),
        pytest.param(cell("age", "-1"), id="another code for missing"),
        pytest.param(cell("age", "40.5"), id="part of a whole number"),
        pytest.param(cell("ward", "Anna Andersson"), id="a word outside of the list, which is read as other"),
        pytest.param(cell("ward", '"a"'), id="quotes that need not be"),
        pytest.param(cell("smokes", "true"), id="another word for yes"),
        pytest.param(cell("ill", "2"), id="another class"),
        pytest.param(cell("admitted", "1912-12-12"), id="another day from which days count"),
        pytest.param(cell("seen", "2000-01-05T12:34:56"), id="a time of day"),
        pytest.param(cell("seen", "2000-01-05"), id="a date in another form"),
        pytest.param(cell("__synthetic", "1.0"), id="another form of the mark"),
        pytest.param(lambda text: text.replace(b"\n", b"\r\n"), id="other ends of lines"),
        pytest.param(lambda text: text + b"\n", id="an empty line"),
        pytest.param(lambda text: b"\xef\xbb\xbf" + text, id="a mark of byte order"),
        pytest.param(lambda text: text.replace(b"smokes,", b"smokes,note,", 1), id="a name more"),
        pytest.param(lambda text: text[:-1], id="no end of line"),
        pytest.param(lambda text: text.split(b"\n")[0] + b"\n", id="no rows"),
        pytest.param(lambda _text: b"\xff\xfe", id="no text"),
    ],
)
def test_what_no_figure_looks_at_is_refused_and_not_repeated(made: Path, change: Any) -> None:
    rebound(made, change(made.read_bytes()))

    with pytest.raises(Refusal) as refused:
        check(made)
    assert refused.value.code == "DATA"
    for patient in ("1912", "Anna", "3.14"):
        assert patient not in refused.value.text()


@pytest.mark.attack("R04")
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda text: text + "# 191212121212\n", id="a comment"),
        pytest.param(lambda text: text.replace("synthetic = true", 'synthetic = true\nowner = "A A"'), id="a key"),
        pytest.param(lambda text: text.replace("synthetic = true", "synthetic  =  true"), id="spaces"),
        pytest.param(lambda text: text.replace('name = "age"', 'name = "age"\ndecimals = 7'), id="digits of a column"),
    ],
)
def test_a_card_says_what_generate_says_and_no_more(made: Path, change: Any) -> None:
    card = made.with_suffix(".toml")
    card.write_text(change(card.read_text()))

    with pytest.raises(Refusal, match="has more in it"):
        check(made)


@pytest.mark.attack("R04")
def test_a_file_with_room_that_nobody_reads_is_not_let_out(made: Path) -> None:
    parquet = made.with_name("t.parquet")
    generate(made.with_name("m.safetensors"), parquet, rows=5, seed=3, condition={})

    with pytest.raises(Refusal, match=r"t\.parquet is no CSV") as refused:
        check(parquet)
    assert "--seed 3" in refused.value.fix


@pytest.mark.attack("R04")
@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"where": (("ill", "1"), ("note", "Anna 191212121212"))}, id="a condition on no column"),
        pytest.param({"where": (("ward", "Anna 191212121212"),)}, id="a word outside of the list"),
        pytest.param({"where": (("ill", "191212121212"),)}, id="another class"),
        pytest.param({"where": (("age", "40.191212121212..60"),)}, id="digits in a condition"),
        pytest.param({"where": (("age", "18..100.191212121212"),)}, id="digits behind a condition"),
        pytest.param({"where": (("age", "0018..100"),)}, id="a zero before"),
        pytest.param({"where": (("age", "191212121212"),)}, id="a condition outside of the range"),
        pytest.param({"where": (("smokes", "191212121212"),)}, id="another word for yes"),
        pytest.param({"where": (("ill", "0"),)}, id="a condition that the rows do not meet"),
        pytest.param({"where": (("age", "18..19"),)}, id="a range that the rows do not keep to"),
        pytest.param({"rows": 61}, id="another number of rows"),
        pytest.param({"rows": 1912121}, id="many rows"),
    ],
)
def test_what_a_card_says_of_seed_rows_and_condition_has_no_room(made: Path, changes: Any) -> None:
    made.with_suffix(".toml").write_text(
        card_text(SCHEMA, replace(origin_of(made), **changes), made.name, data_sha256(made))
    )
    with pytest.raises(Refusal) as refused:
        check(made)
    assert "1912" not in refused.value.text()


@pytest.mark.attack("R04")
@pytest.mark.parametrize("changes", [{"seed": 2**53}, {"seed": int("191212121212" * 40)}, {"rows": 10**8}])
def test_a_seed_that_no_option_takes_says_nothing_of_an_origin(made: Path, changes: Any) -> None:
    assert Origin.of_text(replace(origin_of(made), **changes).text()) is None


def test_conditions_as_people_state_them_are_taken(made: Path) -> None:
    model, data = made.with_name("m.safetensors"), made.with_name("w.csv")
    where = {"age": "18..100", "lab": "0..9.5", "ward": "a", "smokes": "1", "seen": "0..30"}
    generate(model, data, rows=5, seed=3, condition=where)
    check(data)


# ---------------------------------------------------------------- made again


def test_the_same_model_seed_and_condition_make_the_same_rows(made: Path) -> None:
    assert origin_of(made).where == (("ill", "1"),)
    assert made_again(made.with_name("m.safetensors"), made, origin_of(made)) == Again(0, 0)


@pytest.mark.attack("R05")
@pytest.mark.parametrize(
    ("change", "other"),
    [
        pytest.param(lambda rows: rows[1:2] + rows[:1] + rows[2:], 2, id="in another order"),
        pytest.param(lambda rows: rows[:-1] + rows[:1], 1, id="one row in the place of another"),
        pytest.param(lambda rows: rows[:-3], 3, id="some left out"),
        pytest.param(lambda rows: rows + rows[:2], 2, id="some more"),
    ],
)
def test_rows_that_were_picked_are_not_what_the_model_makes(made: Path, change: Any, other: int) -> None:
    head, *rows = made.read_bytes().splitlines(keepends=True)
    rebound(made, b"".join([head, *change(rows)]))
    if len(change(rows)) == len(rows):
        check(made)  # each row by itself is as a generator writes it
    else:
        with pytest.raises(Refusal, match="another number of rows"):
            check(made)

    model = made.with_name("m.safetensors")
    assert made_again(model, made, origin_of(made)).other == other
    with pytest.raises(Refusal, match=f"{other} of 60 rows are not what the study's model makes with seed 3"):
        check_made_again(model, made, origin_of(made), here=True)


def test_elsewhere_a_last_digit_may_be_rounded_otherwise_and_no_more(made: Path) -> None:
    model = made.with_name("m.safetensors")
    many = made.with_name("t.csv")
    generate(model, many, rows=400, seed=3, condition={})
    lines = many.read_bytes().splitlines(keepends=True)

    def with_rows(*rows: bytes) -> Path:
        rebound(many, b"".join([*lines[:5], *rows, *lines[5 + len(rows) :]]))
        return many

    def age(line: bytes, years: bytes) -> bytes:
        return b",".join([*line.split(b",")[:2], years, *line.split(b",")[3:]])

    with_rows(age(lines[5], b"40"), age(lines[6], b"41"))
    assert check_made_again(model, many, origin_of(many), here=False) == 2  # of 400
    with pytest.raises(Refusal):
        check_made_again(model, many, origin_of(many), here=True)
    with_rows(*(age(line, b"40") for line in lines[5:15]))
    with pytest.raises(Refusal):
        check_made_again(model, many, origin_of(many), here=False)


@pytest.mark.attack("R05")
def test_a_row_that_is_another_altogether_is_no_rounding(made: Path) -> None:
    """One patient among four hundred: fewer than processors may differ by, in more than one cell."""
    model = made.with_name("m.safetensors")
    many = made.with_name("t.csv")
    generate(model, many, rows=400, seed=3, condition={})
    lines = many.read_bytes().splitlines(keepends=True)
    rebound(many, b"".join([*lines[:5], lines[9], *lines[6:]]))
    assert made_again(model, many, origin_of(many)) == Again(1, 1)
    with pytest.raises(Refusal, match="1 of 400 rows"):
        check_made_again(model, many, origin_of(many), here=False)


def test_by_another_model_of_the_study_it_is_told_how_many_rows_are_no_rounding(made: Path) -> None:
    model, origin = made.with_name("m.safetensors"), origin_of(made)
    assert unlike(model, made, origin) == 0
    head, *rows = made.read_bytes().splitlines(keepends=True)
    rebound(made, b"".join([head, rows[1], rows[0], *rows[2:]]))
    assert unlike(model, made, origin) == 2
    assert unlike(model, made, replace(origin, where=(("ill", "Anna"),))) == 60  # what it cannot make


# ---------------------------------------------------------------- images

SIDE = 8
PICTURES = Schema.of_value(
    "skin",
    [
        {"name": "image", "kind": "image", "role": "feature", "shape": [SIDE, SIDE, 3]},
        {"name": "sex", "kind": "category", "role": "feature", "categories": ["f", "m"], "missing": ["unknown"]},
        {"name": "mole", "kind": "category", "role": "label", "categories": ["0", "1"]},
    ],
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Images as ``synth generate`` writes them, in noise."""
    from PIL.PngImagePlugin import PngInfo

    out, mark, rng = tmp_path / "made", PngInfo(), np.random.default_rng(1)
    mark.add_text("Comment", "synthetic")
    lines = [",".join(index_names(PICTURES))]
    for number in range(4):
        row = index_row(PICTURES, number, str(number % 2))
        (out / row[0]).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8)).save(out / row[0], pnginfo=mark)
        lines.append(",".join(row))
    (out / "index.csv").write_text("\n".join(lines) + "\n")
    bind(out)
    return out


def bind(folder: Path) -> None:
    (folder / "manifest.toml").write_text(
        card_text(PICTURES, Origin("ab" * 32, "cd" * 32, 1, 4), "index.csv", data_sha256(folder / "index.csv"))
    )


def check_folder(folder: Path) -> None:
    check_form(folder, folder / "manifest.toml", PICTURES, Origin("ab" * 32, "cd" * 32, 1, 4))


def test_images_as_they_are_made_hold_pixels_and_the_mark(folder: Path) -> None:
    check_folder(folder)


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def again(**how: Any) -> Callable[[bytes], bytes]:
    """The same image, saved in another way."""

    def change(data: bytes) -> bytes:
        out = io.BytesIO()
        Image.open(io.BytesIO(data)).save(out, "png", **how)
        return out.getvalue()

    return change


END = chunk(b"IEND", b"")


@pytest.mark.attack("R04")
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda png: png + b"191212121212", id="behind the end"),
        pytest.param(lambda png: png.replace(END, chunk(b"eXIf", b"MM\0*") + END), id="EXIF"),
        pytest.param(lambda png: png.replace(END, chunk(b"tEXt", b"Title\0A A") + END), id="a second text"),
        pytest.param(lambda png: png.replace(END, chunk(b"IDAT", zlib.compress(b"A A")) + END), id="behind the pixels"),
        pytest.param(lambda png: png.replace(END, chunk(b"IEND", b"A A")), id="within the end"),
        pytest.param(again(), id="no mark"),
        pytest.param(again(dpi=(191, 212)), id="a resolution"),
        pytest.param(lambda png: png[:-20], id="cut"),
    ],
)
def test_an_image_with_room_beside_its_pixels_is_refused(folder: Path, change: Any) -> None:
    path = folder / "1" / "0000001.png"
    path.write_bytes(change(path.read_bytes()))

    with pytest.raises(Refusal, match=r"0000001\.png holds more than pixels"):
        check_folder(folder)


@pytest.mark.attack("R04")
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda text: text.replace("unknown", "m", 1), id="what no generator of images makes"),
        pytest.param(lambda text: text.replace("0000003", "0000191"), id="a number that tells"),
        pytest.param(lambda text: text.replace("image,", "image,note,", 1), id="a name more"),
        pytest.param(lambda text: text + "\n", id="an empty line"),
    ],
)
def test_an_index_says_what_generate_says(folder: Path, change: Any) -> None:
    (folder / "index.csv").write_text(change((folder / "index.csv").read_text()))
    bind(folder)

    with pytest.raises(Refusal, match=r"index\.csv"):
        check_folder(folder)


@pytest.mark.attack("R04")
@pytest.mark.parametrize("name", ["191212121212/", "1/scan.dcm", "note.txt"])
def test_a_folder_holds_no_file_and_no_folder_more(folder: Path, name: str) -> None:
    if name.endswith("/"):
        (folder / name).mkdir()
    else:
        (folder / name).write_bytes(b"A A")

    with pytest.raises(Refusal, match="which is not in its index"):
        check_folder(folder)
