"""CSV (also .gz) and Parquet as a stream of chunks of text cells, with the file's SHA-256 on the way.

A file of any length passes through in chunks of ``ROWS``; nothing is held but the chunk. What is no
table (bytes that are no text, a line with other cells than the header) stops the stream, in words that
name file, line and what to set in the manifest, and hold no cell.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

from node.learning.data.manifest import File
from node.learning.errors import ConfigError, GateError

ROWS = 50_000
BLOCK_BYTES = 2**20
MAX_ROWS = 2**23  # the sums over all regions must stay below 2^63
_DELIMITERS = {";": "semicolon", "\t": "tab", "|": "bar", ",": "comma"}
# What å, ä, ö, é, Å, Ä, Ö in UTF-8 look like when read as Latin-1.
_MISREAD = re.compile("Ã[\x84\x85\x96¤¥¶©„…–]")
_UTF8 = ("utf-8", "utf8", "utf_8")
UTF16 = (b"\xff\xfe", b"\xfe\xff")
_GZIP = b"\x1f\x8b\x08"
# What a file of another form begins with: what it is, and what to do.
_FORMS = {
    b"PK\x03\x04": ("a workbook of Excel or LibreOffice, or another archive", "Save the sheet as CSV (UTF-8)."),
    b"\xd0\xcf\x11\xe0": ("a workbook of an older Excel", "Save the sheet as CSV (UTF-8)."),
    b"PAR1": ("Parquet under another name", "Name it .parquet."),
    _GZIP: ("packed by gzip under another name", "Name it .csv.gz."),
}


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of a table, column by column.

    Attributes:
        first: Line of the first row in the file, counted from 1.
        cells: By column; all of one length; an empty text is an empty cell.
    """

    first: int
    cells: Mapping[str, Sequence[str]]

    def __len__(self) -> int:
        return len(next(iter(self.cells.values()), ()))

    def take(self, keep: Sequence[bool]) -> Chunk:
        """Return the rows marked True; ``first`` stays."""
        cells = {n: [c for c, kept in zip(v, keep, strict=True) if kept] for n, v in self.cells.items()}
        return Chunk(self.first, cells)


class Hashed(io.RawIOBase):
    """A file that is read once, front to back, and its SHA-256."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()
        self.start = b""  # the first two bytes, by which UTF-16 is known

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer from the file."""
        data = self._stream.read(len(buffer))
        self._hash.update(data)
        self.start = (self.start + data[:2])[:2]
        buffer[: len(data)] = data
        return len(data)

    def finish(self) -> bytes:
        """Return the hash of the whole file, after reading what is left of it, and close it.

        The text layers above close what they read from when they go; the file stays open until here.
        """
        with self._stream as stream:
            while data := stream.read(BLOCK_BYTES):
                self._hash.update(data)
        return self._hash.digest()


class TableFile:
    """One CSV or Parquet file, read once.

    Args:
        path: Ends in ``.parquet``, ``.gz`` or anything else, which is CSV.
        file: Encoding, delimiter, header of the manifest.
        names: Columns in the manifest's order, for a file without a header.
        data: The bytes, where they are in memory already.

    Attributes:
        name: Of the file, for messages.
        header: Its columns; known once the first chunk is asked for.
    """

    def __init__(self, path: Path, file: File, names: Sequence[str] = (), *, data: bytes | None = None) -> None:
        self.name, self.header = path.name, list[str]()
        self._path, self._file, self._names = path, file, list(names)
        try:
            self._raw = Hashed(io.BytesIO(data) if data is not None else path.open("rb"))
        except OSError as error:
            raise ConfigError(
                f"table {path} cannot be read ({error.strerror})",
                "a readable file",
                "Check the path and its permissions.",
            ) from error

    def sha256(self) -> bytes:
        """Return the hash of the file's bytes, and close it."""
        return self._raw.finish()

    def chunks(self, wanted: Sequence[str] | None = None) -> Iterator[Chunk]:
        """Yield the rows; ``wanted`` leaves the other columns out.

        Raises:
            GateError: The file is no table; see the module.
        """
        if self._path.suffix == ".parquet":
            yield from self._parquet(wanted)
            return
        try:
            yield from self._csv(wanted)
        except UnicodeError as error:
            raise self._not_text() from error
        except csv.Error as error:
            raise GateError(
                f"{self.name} is not CSV ({error})", "a table with a header", "Check delimiter in [[file]]."
            ) from error
        except (gzip.BadGzipFile, EOFError, OSError) as error:
            raise GateError(
                f"{self.name} cannot be read to its end", "a whole file", "Make the extract again, or copy it again."
            ) from error

    def _not_text(self) -> GateError:
        encoding = self._file.encoding
        other = "latin-1" if encoding.lower() in _UTF8 else "utf-8"
        if self._raw.start in UTF16:
            other = "utf-16"
        return GateError(
            f"{self.name} is not {encoding} text",
            "the encoding of the manifest",
            f'Set encoding in [[file]], perhaps encoding = "{other}".',
        )

    def _csv(self, wanted: Sequence[str] | None) -> Iterator[Chunk]:
        stream: Any = io.BufferedReader(self._raw, BLOCK_BYTES)
        refuse_other_forms(self.name, stream.peek(4)[:4], packed=self._path.suffix == ".gz")
        if self._path.suffix == ".gz":
            stream = gzip.GzipFile(fileobj=stream)
        encoding = "utf-8-sig" if self._file.encoding.lower() in _UTF8 else self._file.encoding
        try:
            text = io.TextIOWrapper(stream, encoding=encoding, newline="")
        except LookupError as error:
            raise ConfigError(
                f"encoding {encoding} is unknown", 'such as "utf-8" or "latin-1"', "Correct encoding in [[file]]."
            ) from error
        lines = (line for line in csv.reader(_watched(text, self.name), delimiter=self._file.delimiter) if line)
        first = 1
        if self._file.header:
            self.header = [cell.strip() for cell in next(lines, [])]
            first = 2
            if not self.header:
                raise GateError(f"{self.name} is empty", "a header and rows", "Check the export.")
            self._look_at_header()
        else:
            self.header = self._names
        places = [(n, i) for i, n in enumerate(self.header) if wanted is None or n in set(wanted)]
        width, total = len(self.header), 0
        while rows := list(islice(lines, ROWS)):
            total += len(rows)
            if total > MAX_ROWS:
                raise GateError(f"{self.name} has more than {MAX_ROWS} rows", "fewer", "Draw a sample of the table.")
            if set(map(len, rows)) != {width}:
                at = next(i for i, row in enumerate(rows) if len(row) != width)
                raise GateError(
                    f"{self.name}: line {first + at} has {len(rows[at])} cells",
                    f"{width}",
                    "Check delimiter and quotes.",
                )
            columns = list(zip(*rows, strict=True))
            yield Chunk(first, {name: columns[i] for name, i in places})
            first += len(rows)

    def _look_at_header(self) -> None:
        if len(set(self.header)) != len(self.header):
            raise GateError(f"{self.name} repeats a column name", "each once", "Rename or remove one.")
        if len(self.header) == 1:
            for sign, word in _DELIMITERS.items():
                if sign != self._file.delimiter and sign in self.header[0]:
                    shown = "\\t" if sign == "\t" else sign
                    raise GateError(
                        f"{self.name} has one column by the delimiter of its manifest, and {word}s in its header",
                        "the delimiter of the file",
                        f'Set delimiter = "{shown}" in [[file]].',
                    )

    def _parquet(self, wanted: Sequence[str] | None) -> Iterator[Chunk]:
        import pyarrow as pa  # 170 MB, only where it is needed
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        try:
            table = pq.ParquetFile(self._path)
            self.header = list(table.schema_arrow.names)
            self._look_at_header()
            columns = self.header if wanted is None else [n for n in self.header if n in set(wanted)]
            first = 1
            for batch in table.iter_batches(ROWS, columns=columns):
                cells = {}
                for name, values in zip(batch.schema.names, batch.columns, strict=True):
                    if pa.types.is_dictionary(values.type):
                        values = values.dictionary_decode()
                    if pa.types.is_floating(values.type):
                        values = pc.if_else(pc.is_nan(values), None, values)
                    text = pc.fill_null(pc.cast(values, pa.string()), "")
                    cells[name] = text.to_pylist()
                yield Chunk(first, cells)
                first += batch.num_rows
        except pa.ArrowException as error:
            raise GateError(
                f"{self.name} is not Parquet that can be read",
                "columns of numbers, dates and text",
                "Export it as CSV.",
            ) from error


def refuse_other_forms(name: str, start: bytes, *, packed: bool) -> None:
    """Raise if a file that should be CSV begins as one of another form does.

    Args:
        start: Its first four bytes.
        packed: It is named ``.gz``.

    Raises:
        GateError: What it is, and what to do.
    """
    for mark, (words, fix) in _FORMS.items():
        if start.startswith(mark) and not (packed and mark == _GZIP):
            raise GateError(f"{name} is {words}", "a CSV or Parquet table", fix)


def _watched(lines: io.TextIOWrapper[Any], name: str) -> Iterator[str]:
    """Yield lines of text, and stop at what only a wrong encoding gives."""
    encoding = lines.encoding.lower().replace("_", "-")
    single = encoding in ("latin-1", "iso-8859-1", "iso8859-1", "cp1252", "windows-1252", "iso-8859-15")
    for line in lines:
        if "\0" in line:
            raise GateError(f"{name} holds zero bytes", "a CSV table", "Set encoding, or export it as CSV.")
        if single and _MISREAD.search(line):
            raise GateError(
                f"{name} is UTF-8 text that {encoding} misreads", "the encoding of the file", 'Set encoding = "utf-8".'
            )
        yield line


def file_sha256(path: Path) -> bytes:
    """Return the SHA-256 of a file, block by block."""
    return TableFile(path, File(path=path.name)).sha256()
