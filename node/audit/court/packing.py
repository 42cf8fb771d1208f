"""msgpack as far as the audit asks for it, in plain Python: takes the place of that library in ``landsting-audit.pyz``.

nil, booleans, integers, bin, str, array, map; no float, no extension. What is longer, deeper or other than that is
refused with the library's own kinds of errors, so that the code above need not know which of the two it has.
Source: the msgpack specification (github.com/msgpack/msgpack).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from typing import Any

_DEPTH = 512


class UnpackException(Exception):
    """Bytes that are no message."""


class OutOfData(UnpackException):
    """The bytes end before the message does."""


class FormatError(ValueError, UnpackException):
    """A first byte that no message has."""


class StackError(ValueError, UnpackException):
    """Nested too deep."""


class ExtraData(ValueError):
    """Bytes after the message."""


def packb(value: Any) -> bytes:
    """Return a value's bytes in their shortest form; TypeError or OverflowError where it has none."""
    out = bytearray()
    _pack(value, out, 0)
    return bytes(out)


def _pack(value: Any, out: bytearray, depth: int) -> None:
    if depth > _DEPTH:
        raise ValueError("recursion limit exceeded")
    if value is None:
        out.append(0xC0)
    elif value is True or value is False:
        out.append(0xC3 if value else 0xC2)
    elif isinstance(value, int):
        _pack_int(value, out)
    elif isinstance(value, str):
        data = value.encode("utf-8")
        _head(len(data), out, (0xA0, 32), (0xD9, 0xDA, 0xDB))
        out += data
    elif isinstance(value, (bytes, bytearray, memoryview)):
        _head(len(value), out, None, (0xC4, 0xC5, 0xC6))
        out += value
    elif isinstance(value, (list, tuple)):
        _head(len(value), out, (0x90, 16), (None, 0xDC, 0xDD))
        for item in value:
            _pack(item, out, depth + 1)
    elif isinstance(value, dict):
        _head(len(value), out, (0x80, 16), (None, 0xDE, 0xDF))
        for key, item in value.items():
            _pack(key, out, depth + 1)
            _pack(item, out, depth + 1)
    else:
        raise TypeError(f"can not serialize {type(value).__name__!r} object")


def _pack_int(value: int, out: bytearray) -> None:
    if 0 <= value < 0x80:
        out.append(value)
    elif -32 <= value < 0:
        out.append(value & 0xFF)
    else:
        for code, form in _INTEGERS:
            low, high = _RANGES[code]
            if low <= value <= high:
                out.append(code)
                out += struct.pack(form, value)
                return
        raise OverflowError("Integer value out of range")


_INTEGERS = (
    (0xCC, ">B"), (0xCD, ">H"), (0xCE, ">I"), (0xCF, ">Q"), (0xD0, ">b"), (0xD1, ">h"), (0xD2, ">i"), (0xD3, ">q"),
)  # fmt: skip
_RANGES = {
    0xCC: (0, 0xFF), 0xCD: (0, 0xFFFF), 0xCE: (0, 0xFFFFFFFF), 0xCF: (0, 2**64 - 1),
    0xD0: (-(2**7), -1), 0xD1: (-(2**15), -1), 0xD2: (-(2**31), -1), 0xD3: (-(2**63), -1),
}  # fmt: skip


def _head(size: int, out: bytearray, short: tuple[int, int] | None, codes: tuple[int | None, int, int]) -> None:
    if short is not None and size < short[1]:
        out.append(short[0] | size)
    elif codes[0] is not None and size <= 0xFF:
        out += bytes((codes[0], size))
    elif size <= 0xFFFF:
        out.append(codes[1])
        out += struct.pack(">H", size)
    elif size <= 0xFFFFFFFF:
        out.append(codes[2])
        out += struct.pack(">I", size)
    else:
        raise ValueError("too large")


class Packer:
    """The library's packer, without state."""

    def pack(self, value: Any) -> bytes:
        """Return a value's bytes."""
        return packb(value)

    def pack_map_header(self, size: int) -> bytes:
        """Return the first bytes of a map."""
        out = bytearray()
        _head(size, out, (0x80, 16), (None, 0xDE, 0xDF))
        return bytes(out)

    def pack_array_header(self, size: int) -> bytes:
        """Return the first bytes of an array."""
        out = bytearray()
        _head(size, out, (0x90, 16), (None, 0xDC, 0xDD))
        return bytes(out)


class _Reader:
    def __init__(self, data: bytes | memoryview, hook: Callable[[Iterable[tuple[Any, Any]]], Any] | None) -> None:
        self.data = bytes(data)
        self.at = 0
        self._hook = hook

    def _take(self, size: int) -> bytes:
        end = self.at + size
        if end > len(self.data):
            raise OutOfData("Unpack failed: incomplete input")
        piece = self.data[self.at : end]
        self.at = end
        return piece

    def _number(self, form: str) -> int:
        number: int = struct.unpack(form, self._take(struct.calcsize(form)))[0]
        return number

    def value(self, depth: int = 0) -> Any:
        if depth > _DEPTH:
            raise StackError("nested too deep")
        code = self._take(1)[0]
        if code < 0x80:
            return code
        if code >= 0xE0:
            return code - 256
        if code < 0x90:
            return self._map(code & 15, depth)
        if code < 0xA0:
            return self._array(code & 15, depth)
        if code < 0xC0:
            return self._text(code & 31)
        if code in _FORMS:
            return self._number(_FORMS[code])
        if code in _SIZED:
            read, form = _SIZED[code]
            size = self._number(form)
            match read:
                case "bin":
                    return self._take(size)
                case "str":
                    return self._text(size)
                case "array":
                    return self._array(size, depth)
                case _:
                    return self._map(size, depth)
        if code in _PLAIN:
            return _PLAIN[code]
        raise FormatError(f"a value of kind 0x{code:02x} is not allowed here")

    def _text(self, size: int) -> str:
        return self._take(size).decode("utf-8")

    def _room(self, size: int) -> None:
        if size > len(self.data) - self.at:
            raise OutOfData("Unpack failed: incomplete input")

    def _array(self, size: int, depth: int) -> list[Any]:
        self._room(size)
        return [self.value(depth + 1) for _ in range(size)]

    def _map(self, size: int, depth: int) -> Any:
        self._room(2 * size)
        pairs = []
        for _ in range(size):
            key = self.value(depth + 1)
            if not isinstance(key, (str, bytes)):
                raise ValueError(f"{type(key).__name__} is not allowed for map key")
            pairs.append((key, self.value(depth + 1)))
        return dict(pairs) if self._hook is None else self._hook(pairs)


_FORMS = dict(_INTEGERS)
_PLAIN: dict[int, Any] = {0xC0: None, 0xC2: False, 0xC3: True}
_SIZED = {
    0xC4: ("bin", ">B"), 0xC5: ("bin", ">H"), 0xC6: ("bin", ">I"),
    0xD9: ("str", ">B"), 0xDA: ("str", ">H"), 0xDB: ("str", ">I"),
    0xDC: ("array", ">H"), 0xDD: ("array", ">I"), 0xDE: ("map", ">H"), 0xDF: ("map", ">I"),
}  # fmt: skip


def unpackb(
    data: bytes | memoryview, *, object_pairs_hook: Callable[[Iterable[tuple[Any, Any]]], Any] | None = None, **_: int
) -> Any:
    """Return the value of one whole message. The limits of the library are not needed: sizes are checked as read.

    Raises:
        ValueError, UnpackException: As the library.
    """
    reader = _Reader(data, object_pairs_hook)
    try:
        value = reader.value()
    except OutOfData as error:
        raise ValueError("Unpack failed: incomplete input") from error
    if reader.at != len(reader.data):
        raise ExtraData(f"unpack(b) received extra data: {len(reader.data) - reader.at} bytes")
    return value


class Unpacker:
    """Skips over one message, to see where it ends."""

    def __init__(self, **_: int) -> None:
        self._reader = _Reader(b"", None)

    def feed(self, data: bytes | memoryview) -> None:
        """Take the bytes."""
        self._reader = _Reader(data, None)

    def skip(self) -> None:
        """Pass over one message."""
        self._reader.value()

    def tell(self) -> int:
        """Return how many bytes were passed."""
        return self._reader.at
