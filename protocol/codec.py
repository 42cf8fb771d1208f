"""Canonical msgpack: one encoding for each value, and a decoder that refuses every other.

Allowed are nil, booleans, integers of at most 53 bits, bytes, short printable strings, arrays, and maps
with sorted string keys. No floats (reals are integers with the scale in their name, or decimal strings),
no extensions. ``decode`` checks the size first, then that the bytes are one whole message, and only then
builds anything; last it encodes again and compares. What is small is built at once: its own size bounds what
it can claim.

Which fields a value must have is ``schema``'s business. Rules with reasons: README.md.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, cast

import msgpack

from crypto.hashing import tagged_hash
from protocol.errors import CodecError

Value = None | bool | int | bytes | str | list["Value"] | dict[str, "Value"]

MAX_INT = 2**53 - 1
MAX_DEPTH = 12
MAX_TEXT = 128
MAX_WIDE_TEXT = 200
MAX_HEADER = 16 * 1024
MAX_ENTRY = 64 * 1024
MAX_PLAN = 2**20
MAX_CONTROL = 2**20

# Below this size the parser cannot be made to claim more than some megabytes, however deep it is nested.
_SMALL = 4096
_MAX_ORDERS = 4096

_KEY = re.compile(r"[a-z0-9_./-]{1,64}").fullmatch
_TEXT = re.compile(r"[\x20-\x7e]{0,128}").fullmatch
_WIDE = re.compile("[\x20-\x7e\u00a1-\u00ac\u00ae-\u024f]*").fullmatch


def encode(value: Value, *, wide_text: bool = False) -> bytes:
    """Return the canonical bytes of a value.

    Args:
        value: Python's own types only: a tuple, a float or a subclass is refused.
        wide_text: Plans and rosters may hold Latin letters beyond ASCII, in strings of up to 200 bytes.

    Raises:
        ValueError: The value is not in the canonical form; the message says which rule.
    """
    packed: bytes = msgpack.packb(_canonical(value, MAX_DEPTH, wide_text))
    return packed


def decode(data: bytes, *, max_bytes: int, wide_text: bool = False) -> Value:
    """Return the value of canonical bytes.

    Args:
        data: One whole message, nothing after it.
        max_bytes: Checked before anything else.
        wide_text: As for ``encode``.

    Raises:
        CodecError: Too long, not one whole message, or not the one encoding of its value.
    """
    size = len(data)
    if size > max_bytes:
        raise CodecError(f"{size} bytes; at most {max_bytes} are allowed here")
    if size <= _SMALL:
        # Canonical bytes, nearly all there are, need no second look: packing keeps the order of keys, so what
        # packs to the same bytes has the shortest forms, and what is left to ask is asked of the value.
        try:
            value: Value = msgpack.unpackb(
                data,
                object_pairs_hook=_in_order,
                max_str_len=size,
                max_bin_len=size,
                max_array_len=size,
                max_map_len=size,
                max_ext_len=0,
            )
            if msgpack.packb(value) == data and _is_canonical(value, MAX_DEPTH, wide_text):
                return value
        except (ValueError, TypeError, OverflowError, RecursionError, MemoryError, msgpack.UnpackException):
            pass  # refused below, where the words are
    return _decode(data, max_bytes, wide_text)


def _decode(data: bytes, max_bytes: int, wide_text: bool) -> Value:
    """Return the value of bytes that are large or not canonical; raises as ``decode``."""
    size = len(data)
    try:
        # First without building anything: an array header of five bytes may claim a million items.
        scan = msgpack.Unpacker(max_buffer_size=max(size, 1), read_size=max(size, 1))
        scan.feed(data)
        scan.skip()
        if scan.tell() != size:
            raise CodecError(f"{size - scan.tell()} bytes after the end of the message")
        value = cast(
            Value,
            msgpack.unpackb(
                data,
                max_str_len=max_bytes,
                max_bin_len=max_bytes,
                max_array_len=max_bytes,
                max_map_len=max_bytes,
                max_ext_len=max_bytes,
            ),
        )
        again = encode(value, wide_text=wide_text)
    except msgpack.OutOfData as error:
        raise CodecError("the message ends before its last value") from error
    except (ValueError, TypeError, OverflowError, RecursionError, MemoryError, msgpack.UnpackException) as error:
        raise CodecError(f"not canonical msgpack: {error}") from error
    if again != data:
        raise CodecError("not the one encoding of its value: keys unsorted or repeated, or a number or length too long")
    return value


def hash_of(tag: str, value: Value) -> bytes:
    """Return H(tag, x) = SHA-256("landsting/v1/" tag 0x00 enc(x)), 32 bytes. Texts may be those of plans."""
    return tagged_hash(tag, encode(value, wide_text=True))


# Rows of keys that were seen to be sorted, distinct and well formed: a format has few.
_orders: set[tuple[Any, ...]] = set()


def _in_order(pairs: Sequence[tuple[Any, Any]]) -> dict[Any, Any]:
    """Return a map whose keys come in canonical order; raises ValueError for any other."""
    value = dict(pairs)
    keys = tuple(value)
    if keys not in _orders:
        if any(type(key) is not str or _KEY(key) is None for key in keys) or list(keys) != sorted(set(keys)):
            raise ValueError("map keys that are not in canonical order")
        if len(_orders) < _MAX_ORDERS and len(keys) <= 32:
            _orders.add(keys)
    return value


def _is_canonical(value: Any, depth: int, wide: bool) -> bool:
    """Whether a value, whose keys are known to be in order, has nothing in it that is not allowed."""
    kind = type(value)
    if kind is not dict and kind is not list:
        return _is_scalar(value, wide)
    if not depth:
        return False
    for item in value.values() if kind is dict else value:
        kind = type(item)
        if kind is bytes or item is None or kind is bool:
            continue
        if kind is str and not wide:
            if not (item.isascii() and item.isprintable() and len(item) <= MAX_TEXT) or item.startswith("0x"):
                return False
        elif kind is int:
            if not -MAX_INT <= item <= MAX_INT:
                return False
        elif not _is_canonical(item, depth - 1, wide):
            return False
    return True


def _is_scalar(value: Any, wide: bool) -> bool:
    try:
        _canonical(value, 0, wide)
    except ValueError:
        return False
    return True


def _canonical(value: Any, depth: int, wide: bool) -> Any:
    """Return the value with its map keys in order; raises ValueError for what is not allowed."""
    kind = type(value)
    if kind is bytes or value is None or kind is bool:
        return value
    if kind is int:
        if not -MAX_INT <= value <= MAX_INT:
            raise ValueError(f"the integer {value} has more than 53 bits")
        return value
    if kind is str:
        _check_text(value, wide)
        return value
    if kind is not list and kind is not dict:
        raise ValueError(f"a value of type {kind.__name__}; allowed are nil, bool, int, bytes, str, list and dict")
    if depth == 0:
        raise ValueError(f"arrays and maps more than {MAX_DEPTH} deep")
    if kind is list:
        return [_canonical(item, depth - 1, wide) for item in value]
    ordered: dict[str, Value] = {}
    try:
        keys = sorted(value)
    except TypeError:
        raise ValueError("a map key that is no string") from None
    for key in keys:
        if type(key) is not str or _KEY(key) is None:
            raise ValueError(f"the map key {key!r:.80}; expected a string of [a-z0-9_./-], 1 to 64 long")
        ordered[key] = _canonical(value[key], depth - 1, wide)
    return ordered


def _check_text(text: str, wide: bool) -> None:
    if wide:
        # surrogatepass: a lone surrogate has a length, and is refused by the pattern, not by the codec.
        if len(text.encode("utf-8", "surrogatepass")) > MAX_WIDE_TEXT or _WIDE(text) is None:
            raise ValueError(f"the string {text!r:.80}; expected Latin text of at most {MAX_WIDE_TEXT} bytes")
    elif _TEXT(text) is None:
        raise ValueError(f"the string {text!r:.80}; expected printable ASCII, at most {MAX_TEXT} long")
    if text.startswith("0x"):
        raise ValueError(f"the string {text!r:.80} starts with 0x, which stands for bytes in the reading view")
