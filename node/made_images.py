"""What a folder of made-up images may hold when it leaves: pixels, a mark, an index, and nothing else.

Called by ``made_rows``; what it is for stands there.
"""

from __future__ import annotations

import csv
import io
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from node.made_rows import Test, refused
from node.synthetic import INDEX, MANIFEST, index_names, index_row

if TYPE_CHECKING:
    from node.learning.data.schema import Schema

_PNG = b"\x89PNG\r\n\x1a\n"
_COMMENT = b"Comment\x00synthetic"


def check_images(folder: Path, schema: Schema, tests: Mapping[str, Test]) -> int:
    """Hold the index to what the generator writes, and each image to pixels and the mark; return how many there are."""
    image = schema.image
    assert image is not None
    assert image.shape is not None
    names, count = index_names(schema), 0
    with (folder / INDEX).open("rb") as file:
        expected = (",".join(names) + "\n").encode()
        if file.read(len(expected)) != expected:
            raise refused(f"{INDEX} has another first line")
        for number, line in enumerate(file):
            count += 1
            written = next(
                (row for k in schema.classes if (row := index_row(schema, number, k)) and _line(row) == line), None
            )
            if written is None:
                raise refused(f"{INDEX} holds in row {number + 1} what no generator makes")
            if not _is_plain(folder / written[0], image.shape):
                raise refused(f"{written[0]} holds more than pixels and the mark that it is synthetic")
            if not all(name == schema.label.name and holds(written[1]) for name, holds in tests.items()):
                raise refused(f"{INDEX}: row {number + 1} is not as the card's condition says")
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    empty = [path for path in folder.rglob("*") if path.is_dir() and not any(path.iterdir())]
    with (folder / INDEX).open(encoding="utf-8", newline="") as text:
        listed = {row[0] for row in csv.reader(text)} - {image.name} | {INDEX, MANIFEST}
    if (more := sorted(there - listed)) or empty:
        raise refused(f"{folder.name} holds {(more or [empty[0].name])[0]}, which is not in its index")
    return count


def _line(row: Sequence[object]) -> bytes:
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
