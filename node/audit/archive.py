"""The ZIP container of a bundle, read strictly and in one pass.

Rules kept here, and nowhere else:
  * every byte of the file belongs to one member, one header or the directory: no gap, no overlap,
    no comment, no extra field, no second copy that says something else;
  * sizes are judged as declared, before anything is unpacked, and again while unpacking;
  * nothing is extracted to disk, nothing is read twice.

Python's ``zipfile`` forgives too much for evidence (bytes before the archive, headers that
disagree, overlapping members), so the reader is ours. What members mean: ``bundle``.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

MAX_FILE = 16 * 2**30
MAX_MEMBERS = 200_000
MAX_MEMBER = 2**30
MAX_TOTAL = 8 * 2**30
MAX_RATIO = 200
CHUNK = 64 * 1024
MAX_NAME = 200

STORED, DEFLATED = 0, 8

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_VERSION = 20
_MADE_BY = 3 << 8 | _VERSION  # Unix, so that the mode in the attributes means what it says
# A regular file with mode 0644 is what we write; the other two are what Python's zipfile writes.
_ATTRIBUTES = (0o100644 << 16, 0o600 << 16, 0)
_PRINTABLE = re.compile(r"[^A-Za-z0-9._/-]")
_NAME = re.compile(rb"[A-Za-z0-9._/-]{1,%d}" % MAX_NAME)


class BundleError(Exception):
    """A bundle that is refused: ``code`` of the finding and ``detail``, words without paths."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class Member(NamedTuple):
    """One file inside the archive, as the central directory declares it."""

    name: str
    method: int
    time: int
    date: int
    crc: int
    packed: int
    size: int
    offset: int

    @property
    def data_at(self) -> int:
        """Offset of its first packed byte."""
        return self.offset + _LOCAL.size + len(self.name)


def printable(name: bytes | str) -> str:
    """Return a name from outside so that it can be printed: ASCII, at most 60 characters."""
    text = name.decode("ascii", "replace") if isinstance(name, bytes) else name
    text = _PRINTABLE.sub("?", text)
    return text if len(text) <= 60 else text[:57] + "..."


def members(file: BinaryIO) -> list[Member]:
    """Return what the archive holds, in the order of the file; nothing is unpacked.

    Raises:
        BundleError: Not a ZIP file in the one form a bundle has.
    """
    size = file.seek(0, 2)
    if size > MAX_FILE:
        raise BundleError("LS-BUNDLE-LIMIT", f"the file has {size} bytes; at most {MAX_FILE} are allowed")
    if size < _END.size:
        raise BundleError("LS-BUNDLE-FORMAT", f"the file has {size} bytes: too short for a bundle")
    file.seek(size - _END.size)
    magic, disk, cd_disk, here, count, cd_size, cd_at, comment = _END.unpack(file.read(_END.size))
    if magic != b"PK\x05\x06" or comment:
        raise BundleError("LS-BUNDLE-FORMAT", "no ZIP directory at the very end of the file: cut, extended or not ZIP")
    if 0xFFFF in (here, count) or 0xFFFFFFFF in (cd_size, cd_at):
        raise BundleError("LS-BUNDLE-FORMAT", "ZIP64 (65535 files or 4 GiB and more) is not in this version")
    if disk or cd_disk or here != count or cd_at + cd_size != size - _END.size:
        raise BundleError("LS-BUNDLE-FORMAT", "the end record does not describe this file")
    if count > MAX_MEMBERS or cd_size > count * (_CENTRAL.size + MAX_NAME):
        raise BundleError("LS-BUNDLE-LIMIT", f"a directory of {count} members in {cd_size} bytes")
    file.seek(cd_at)
    found = _directory(file.read(cd_size), count)
    _check_layout(found, cd_at)
    return found


def _directory(data: bytes, count: int) -> list[Member]:
    found: list[Member] = []
    at = 0
    for index in range(count):
        if at + _CENTRAL.size > len(data):
            raise BundleError("LS-BUNDLE-FORMAT", f"the directory ends inside record {index}")
        (
            magic,
            made_by,
            needed,
            flags,
            method,
            time,
            date,
            crc,
            packed,
            size,
            name_length,
            extra,
            comment,
            disk,
            internal,
            external,
            offset,
        ) = _CENTRAL.unpack_from(data, at)
        at += _CENTRAL.size
        raw = data[at : at + name_length]
        at += name_length
        if magic != b"PK\x01\x02" or len(raw) != name_length:
            raise BundleError("LS-BUNDLE-FORMAT", f"directory record {index} is none")
        if not _NAME.fullmatch(raw):
            raise BundleError("LS-BUNDLE-PATH", f"member {index} has a name that no bundle has: {printable(raw)}")
        if flags & 1:
            raise BundleError("LS-BUNDLE-FORMAT", f"{printable(raw)} is encrypted")
        if flags or method not in (STORED, DEFLATED) or needed != _VERSION or made_by != _MADE_BY:
            raise BundleError("LS-BUNDLE-FORMAT", f"{printable(raw)} is packed in a way that no bundle uses")
        if (external >> 28) not in (0, 0o10):
            raise BundleError("LS-BUNDLE-PATH", f"{printable(raw)} is a link or another thing than a file")
        if extra or comment or disk or internal or external not in _ATTRIBUTES:
            raise BundleError("LS-BUNDLE-FORMAT", f"{printable(raw)} has fields in the directory that no bundle uses")
        found.append(Member(raw.decode("ascii"), method, time, date, crc, packed, size, offset))
    if at != len(data):
        raise BundleError("LS-BUNDLE-FORMAT", "the directory is longer than its members")
    return found


def _check_layout(found: list[Member], end: int) -> None:
    names = set()
    total = 0
    for member in found:
        name = member.name
        if name in names:
            raise BundleError("LS-BUNDLE-PATH", f"{printable(name)} is in the file twice")
        names.add(name)
        if member.size > MAX_MEMBER or member.size > MAX_RATIO * max(member.packed, 1024):
            detail = f"{printable(name)} would unpack to {member.size} bytes from {member.packed}"
            raise BundleError("LS-BUNDLE-LIMIT", detail)
        if member.method == STORED and member.packed != member.size:
            raise BundleError("LS-BUNDLE-FORMAT", f"{printable(name)} is stored with two different sizes")
        total += member.size
    if total > MAX_TOTAL:
        raise BundleError("LS-BUNDLE-LIMIT", f"{total} bytes unpacked; at most {MAX_TOTAL} are allowed")
    at = 0
    for member in found:
        if member.offset != at:
            raise BundleError("LS-BUNDLE-FORMAT", f"{printable(member.name)} does not begin where the one before ends")
        at = member.data_at + member.packed
    if at != end:
        raise BundleError("LS-BUNDLE-FORMAT", "bytes that belong to no member")


def chunks(file: BinaryIO, member: Member) -> Iterator[bytes]:
    """Yield the unpacked bytes of one member; the CRC is checked at the end.

    Raises:
        BundleError: Local header, length or CRC differ from the directory.
    """
    file.seek(member.offset)
    local = file.read(_LOCAL.size + len(member.name))
    expected = _LOCAL.pack(
        b"PK\x03\x04",
        _VERSION,
        0,
        member.method,
        member.time,
        member.date,
        member.crc,
        member.packed,
        member.size,
        len(member.name),
        0,
    ) + member.name.encode("ascii")
    if local != expected:
        raise BundleError("LS-BUNDLE-FORMAT", f"{printable(member.name)}: header and directory disagree")
    crc = 0
    for chunk in _stored(file, member) if member.method == STORED else _inflated(file, member):
        crc = zlib.crc32(chunk, crc)
        yield chunk
    if crc != member.crc:
        raise BundleError("LS-BUNDLE-FORMAT", f"{printable(member.name)}: its bytes do not match their CRC")


def _stored(file: BinaryIO, member: Member) -> Iterator[bytes]:
    left = member.size
    while left:
        chunk = file.read(min(CHUNK, left))
        if not chunk:
            raise BundleError("LS-BUNDLE-FORMAT", f"{printable(member.name)}: the file ends inside it")
        left -= len(chunk)
        yield chunk


def _inflated(file: BinaryIO, member: Member) -> Iterator[bytes]:
    name = printable(member.name)
    engine = zlib.decompressobj(-zlib.MAX_WBITS)
    packed, left = member.packed, member.size
    waiting = b""
    try:
        while not engine.eof:
            if not waiting:
                waiting = file.read(min(CHUNK, packed))
                packed -= len(waiting)
                if not waiting:
                    raise BundleError("LS-BUNDLE-FORMAT", f"{name}: its packed bytes end too early")
            chunk = engine.decompress(waiting, min(CHUNK, left + 1))
            waiting = engine.unconsumed_tail
            left -= len(chunk)
            if left < 0:
                raise BundleError("LS-BUNDLE-FORMAT", f"{name}: unpacks to more than the {member.size} bytes declared")
            if chunk:
                yield chunk
    except zlib.error:
        raise BundleError("LS-BUNDLE-FORMAT", f"{name}: its packed bytes are damaged") from None
    if left or packed or waiting or engine.unused_data:
        raise BundleError("LS-BUNDLE-FORMAT", f"{name}: unpacks to another length than declared")
