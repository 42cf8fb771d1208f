"""Entries of a form that was seen before: checked, and shown to people, without decoding them again.

Logs repeat themselves. Once an entry has passed ``decode_entry`` (and its message ``parse``), another of the
same length that differs only in hashes, signatures and a few counts passes as well, and its line of the
reading view differs in the same places only. A *shape* is what stays: ``Shapes.line`` cuts a leaf at the
places that may differ and compares the rest.

Nothing passes here that the strict decoder would refuse: only spans whose every value is allowed may differ,
integers keep the width of their shortest form, and what fits no shape goes the long way.
"""

from __future__ import annotations

import json
import struct
from binascii import hexlify
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgpack

from protocol.codec import MAX_INT
from protocol.entries import Entry, decode_entry, view
from protocol.envelope import parse
from protocol.errors import CodecError

MAX_SHAPES = 50_000

# Kinds that a study writes by the thousand; their bytes fields are hashes, commitments and signatures, of which
# every value of the right length is allowed. Integers of which every value is allowed: places, rounds, times.
_KINDS = frozenset(
    {"env.sent", "env.recv", "session.sum", "session.void", "round.mix", "round.end", "round.train", "round.start"}
)
_COUNTS = frozenset({"seq", "t_ms", "round", "head"})
# An array of nothing but bytes may be a set, and a set has an order; these are pairs.
_PAIRS = frozenset({"commits"})

_Key = tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class _Shape:
    """What stays: ``counts`` are (number of the free span, least, largest) of integers, ``text`` shows all."""

    counts: tuple[tuple[int, int, int], ...]
    text: bytes


class Shapes:
    """All shapes seen so far; at most ``MAX_SHAPES``."""

    def __init__(self) -> None:
        self._by_length: dict[int, list[tuple[Callable[[bytes], _Key], dict[_Key, _Shape]]]] = {}
        self._layouts: dict[str, dict[_Key, _Shape]] = {}
        self._count = 0

    def line(self, leaf: bytes, seq: int, leaf_hash: bytes) -> bytes | None:
        """Return the line of the reading view of a leaf that has a known shape, else None."""
        for cut, known in self._by_length.get(len(leaf), ()):
            parts = cut(leaf)
            shape = known.get(parts[::2])
            if shape is None:
                continue
            spans = [*map(hexlify, parts[1::2])]
            filled: list[bytes | int] = [*spans]
            for at, low, high in shape.counts:
                number = int(spans[at], 16)
                if not low <= number <= high:
                    return None
                filled[at] = number
            return shape.text % (seq, *filled, hexlify(leaf_hash))
        return None

    def learn(self, leaf: bytes, entry: Entry) -> None:
        """Remember the shape of a leaf that ``decode_entry`` and, for messages, ``parse`` have taken."""
        if entry.kind not in _KINDS or self._count >= MAX_SHAPES:
            return
        cutter = _Cutter()
        cutter.value(msgpack.unpackb(leaf), "", False)
        cutter.close()
        if b"".join(cutter.pieces) != leaf:  # never seen; then the leaf goes the long way each time
            return
        layout = ">" + "".join(f"{len(piece)}s" for piece in cutter.pieces)
        known = self._layouts.get(layout)
        if known is None:
            known = self._layouts[layout] = {}
            self._by_length.setdefault(len(leaf), []).append((struct.Struct(layout).unpack, known))
        key = tuple(cutter.pieces[::2])
        if key not in known:
            text = b'{"at":%d,"entry":' + "".join(cutter.texts).encode() + b',"leaf":"%s"}\n'
            known[key] = _Shape(tuple(cutter.counts), text)
            self._count += 1


class _Cutter:
    """Walks a decoded entry in the order of its bytes and cuts them into what stays and what may differ.

    Attributes:
        pieces: Fixed bytes and free spans by turns, fixed ones first and last.
        counts: Which free spans are integers, and their bounds.
        texts: The reading view, with a conversion for each free span.
    """

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.counts: list[tuple[int, int, int]] = []
        self.texts: list[str] = []
        self._fixed = b""
        self._packer = msgpack.Packer()

    def close(self) -> None:
        self.pieces.append(self._fixed)

    def _free(self, data: bytes) -> None:
        self.pieces += [self._fixed, data]
        self._fixed = b""

    def _say(self, text: str) -> None:
        self.texts.append(text.replace("%", "%%"))

    def value(self, value: Any, field: str, is_fixed: bool) -> None:
        """Cut one value; bytes stay as they are where ``is_fixed``."""
        match value:
            case dict():
                self._fixed += self._packer.pack_map_header(len(value))
                self._say("{")
                for index, (key, item) in enumerate(value.items()):
                    self._fixed += msgpack.packb(key)
                    self._say(f'{"," if index else ""}"{key}":')
                    self.value(item, key, is_fixed)
                self._say("}")
            case list():
                self._fixed += self._packer.pack_array_header(len(value))
                bare = len(value) > 1 and field not in _PAIRS and all(type(item) is bytes for item in value)
                self._say("[")
                for index, item in enumerate(value):
                    self._say("," if index else "")
                    self.value(item, field, is_fixed or bare)
                self._say("]")
            case bytes():
                self._bytes(value, field, is_fixed)
            case int() if type(value) is int and field in _COUNTS:
                self._count(value, field)
            case _:
                self._fixed += msgpack.packb(value)
                self._say(json.dumps(value, ensure_ascii=False))

    def _bytes(self, value: bytes, field: str, is_fixed: bool) -> None:
        packed = msgpack.packb(value)
        if field == "header":
            self._fixed += packed[: len(packed) - len(value)]
            self.value(msgpack.unpackb(value), "", is_fixed)
        elif is_fixed or not value:
            self._fixed += packed
            self._say(f'"0x{value.hex()}"')
        else:
            self._fixed += packed[: len(packed) - len(value)]
            self._free(value)
            self.texts += ['"0x', "%s", '"']

    def _count(self, value: int, field: str) -> None:
        packed = msgpack.packb(value)
        low, high = 1 if field == "head" else 0, 127
        if value >= 128:
            width = len(packed) - 1
            self._fixed += packed[:1]
            packed = packed[1:]
            # The shortest form: what fits fewer bytes is written in fewer.
            low, high = 128 if width == 1 else 256 ** (width // 2), min(256**width - 1, MAX_INT)
        self.counts.append((len(self.pieces) // 2, low, high))
        self._free(packed)
        self.texts.append("%d")


class MessageError(CodecError):
    """An entry is in its form, the message in it is not."""


def read_leaf(shapes: Shapes, leaf: bytes, seq: int, leaf_hash: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the frame of an entry as a map, and its line of the reading view.

    A message in it has been through ``parse``.

    Raises:
        CodecError: As ``decode_entry``; ``MessageError`` where ``parse`` refuses the message in it.
    """
    line = shapes.line(leaf, seq, leaf_hash)
    if line is None:
        entry = decode_entry(leaf)
        if entry.kind in ("env.sent", "env.recv"):
            body: Any = entry.body
            try:
                parse(body["header"], body["sig"])
            except CodecError as error:
                raise MessageError(str(error)) from error
        shapes.learn(leaf, entry)
        line = view(seq, leaf).encode()
    frame: dict[str, Any] = msgpack.unpackb(leaf)
    return frame, line
