"""A second implementation of the canonical encoding, on the standard library alone, to check the first one with.

Written from protocol/README.md and the msgpack specification for plainness. It decodes byte by byte and
refuses what is not canonical as it goes, where the first one encodes again and compares. It must not import
``protocol`` or msgpack: agreement between the two is the evidence.
"""

from __future__ import annotations

import re
from typing import Any

MAX_INT = 2**53 - 1
MAX_DEPTH = 12


class RefusedError(Exception):
    """The bytes are not canonical."""


def _head(value: int, fixed: int | None, limit: int, codes: tuple[tuple[int, int], ...]) -> bytes:
    """Return the shortest header: one byte below ``limit``, else code and length in ``size`` bytes."""
    if fixed is not None and value < limit:
        return bytes([fixed | value])
    for code, size in codes:
        if value < 1 << (8 * size):
            return bytes([code]) + value.to_bytes(size, "big")
    raise ValueError("too long")


BIN = ((0xC4, 1), (0xC5, 2), (0xC6, 4))
STR = ((0xD9, 1), (0xDA, 2), (0xDB, 4))
ARRAY = ((0xDC, 2), (0xDD, 4))
MAP = ((0xDE, 2), (0xDF, 4))
UINT = ((0xCC, 1), (0xCD, 2), (0xCE, 4), (0xCF, 8))
INT = ((0xD0, 1), (0xD1, 2), (0xD2, 4), (0xD3, 8))


def encode(value: Any) -> bytes:
    """Return the bytes of an allowed value; nothing is checked."""
    if value is None:
        return b"\xc0"
    if value is True or value is False:
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        if value >= 0:
            return _head(value, 0, 128, UINT)
        if value >= -32:
            return value.to_bytes(1, "big", signed=True)
        size = next(size for _, size in INT if value >= -(1 << (8 * size - 1)))
        return bytes([{s: c for c, s in INT}[size]]) + value.to_bytes(size, "big", signed=True)
    if isinstance(value, bytes):
        return _head(len(value), None, 0, BIN) + value
    if isinstance(value, str):
        data = value.encode()
        return _head(len(data), 0xA0, 32, STR) + data
    if isinstance(value, list):
        return _head(len(value), 0x90, 16, ARRAY) + b"".join(encode(item) for item in value)
    parts = [encode(key) + encode(value[key]) for key in sorted(value, key=str.encode)]
    return _head(len(value), 0x80, 16, MAP) + b"".join(parts)


def decode(data: bytes, *, wide: bool = False) -> Any:
    """Return the value, or raise RefusedError."""
    value, end = _read(data, 0, MAX_DEPTH, wide)
    if end != len(data):
        raise RefusedError("bytes after the end")
    return value


def _take(data: bytes, at: int, size: int) -> tuple[bytes, int]:
    if at + size > len(data):
        raise RefusedError("ends early")
    return data[at : at + size], at + size


def _length(data: bytes, at: int, size: int, shorter: int) -> tuple[int, int]:
    """Return a length of ``size`` bytes that is at least ``shorter``: below that, a shorter form exists."""
    raw, at = _take(data, at, size)
    length = int.from_bytes(raw, "big")
    if length < shorter:
        raise RefusedError("not the shortest form")
    return length, at


def _read(data: bytes, at: int, depth: int, wide: bool) -> tuple[Any, int]:
    raw, at = _take(data, at, 1)
    first = raw[0]
    if first < 0x80:
        return first, at
    if first >= 0xE0:
        return first - 256, at
    if first in (0xC0, 0xC2, 0xC3):
        return {0xC0: None, 0xC2: False, 0xC3: True}[first], at
    if first & 0xF0 == 0x80:
        return _map(data, at, first & 15, depth, wide)
    if first & 0xF0 == 0x90:
        return _array(data, at, first & 15, depth, wide)
    if first & 0xE0 == 0xA0:
        return _text(data, at, first & 31, wide)
    for code, size in UINT:
        if first == code:
            number, at = _length(data, at, size, 128 if size == 1 else 1 << (4 * size))
            return _bounded(number), at
    for code, size in INT:
        if first == code:
            raw, at = _take(data, at, size)
            number = int.from_bytes(raw, "big", signed=True)
            if number >= (-32 if size == 1 else -(1 << (4 * size - 1))):
                raise RefusedError("not the shortest form")
            return _bounded(number), at
    least = {0xC4: 0, 0xC5: 256, 0xC6: 65536, 0xD9: 32, 0xDA: 256, 0xDB: 65536,
             0xDC: 16, 0xDD: 65536, 0xDE: 16, 0xDF: 65536}  # fmt: skip
    for codes, read in ((BIN, None), (STR, _text), (ARRAY, _array), (MAP, _map)):
        for code, size in codes:
            if first == code:
                length, at = _length(data, at, size, least[code])
                if read is None:
                    return _take(data, at, length)
                if read is _text:
                    return _text(data, at, length, wide)
                return (_array if read is _array else _map)(data, at, length, depth, wide)
    raise RefusedError("a type that is not allowed")


def _bounded(number: int) -> int:
    if abs(number) > MAX_INT:
        raise RefusedError("more than 53 bits")
    return number


def _text(data: bytes, at: int, length: int, wide: bool, key: bool = False) -> tuple[str, int]:
    raw, at = _take(data, at, length)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RefusedError("not UTF-8") from error
    if key:
        if re.fullmatch(r"[a-z0-9_./-]{1,64}", text) is None:
            raise RefusedError("not a key")
        return text, at
    points = [ord(letter) for letter in text]
    if not all(0x20 <= p <= 0x7E or (wide and 0xA1 <= p <= 0x24F and p != 0xAD) for p in points):
        raise RefusedError("a letter that is not allowed")
    if length > (200 if wide else 128) or text.startswith("0x"):
        raise RefusedError("a string that is not allowed")
    return text, at


def _array(data: bytes, at: int, length: int, depth: int, wide: bool) -> tuple[list[Any], int]:
    if depth == 0:
        raise RefusedError("too deep")
    items = []
    for _ in range(length):
        item, at = _read(data, at, depth - 1, wide)
        items.append(item)
    return items, at


def _map(data: bytes, at: int, length: int, depth: int, wide: bool) -> tuple[dict[str, Any], int]:
    if depth == 0:
        raise RefusedError("too deep")
    items: dict[str, Any] = {}
    last = ""
    for _ in range(length):
        raw, after = _take(data, at, 1)
        if raw[0] & 0xE0 == 0xA0:
            key, at = _text(data, after, raw[0] & 31, wide, key=True)
        elif raw[0] == 0xD9:
            size, after = _length(data, after, 1, 32)
            key, at = _text(data, after, size, wide, key=True)
        else:
            raise RefusedError("a key that is no short string")
        if items and not last < key:
            raise RefusedError("keys out of order")
        items[key], at = _read(data, at, depth - 1, wide)
        last = key
    return items, at
