"""Entries of a form that was seen before: checked, read and shown to people without decoding them again.

Logs repeat themselves. Once an entry has passed ``decode_entry`` (and its message ``parse``), another of the
same length that differs only in hashes, signatures and a few counts passes as well, and its line of the
reading view differs in the same places only. A *shape* is what stays: ``Shapes.read`` cuts a leaf at the
places that may differ and compares the rest. What stays tells what the entry is: its ``Form``.

Nothing passes here that the strict decoder would refuse: only spans whose every value is allowed may differ,
integers keep the width of their shortest form, and what fits no shape goes the long way.
"""

from __future__ import annotations

import json
import struct
from binascii import hexlify
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgpack

from protocol.codec import MAX_INT
from protocol.entries import Entry, decode_entry, view
from protocol.envelope import Envelope, parse
from protocol.errors import CodecError

MAX_SHAPES = 50_000

# Kinds that a study writes by the thousand; their bytes fields are hashes, commitments and signatures, of which
# every value of the right length is allowed.
_KINDS = frozenset(
    {
        "env.sent", "env.recv", "session.sum", "session.void", "round.mix", "round.end", "round.train", "round.start",
        "round.heads",
    }
)  # fmt: skip
# Integers of which every value from here on is allowed: places, rounds, times, sizes.
_COUNTS: Mapping[str, int] = {"seq": 0, "t_ms": 0, "round": 0, "head": 1, "size": 1, "t_s": 0}
# There are few studies, and what an entry is goes by its study.
_KEPT = frozenset({"study"})
# An array of nothing but bytes may be a set, and a set has an order; these are pairs.
_PAIRS = frozenset({"commits"})

_Key = tuple[bytes, ...]
# Of an integer: how ``struct`` reads it, by its width in bytes.
_WIDTHS: Mapping[int, str] = {1: "B", 2: "H", 4: "I", 8: "Q"}
# As in ``view``; ``json.dumps`` with other settings than its own makes an encoder for each value.
_shown = json.JSONEncoder(ensure_ascii=False).encode
_SIGNATURE_AFTER = len(b"\xa3sig\xc4\x40")


@dataclass(frozen=True, slots=True)
class Form:
    """What an entry is, apart from its place, time and hashes.

    Attributes:
        kind, log, study: Of the entry.
        type: Of the message in it; None where it holds none.
        received: Whether the message was received, not sent.
        sender, about: Region and study of the message.
        tail: ``to`` or ``via``: what the entry says of the message's way.
        start, end: Where in the leaf the message's header stands.
        number: Index in ``Shapes.forms`` of a form with a message.
        own: Whether what the entry holds as sent is of its own log and study.
    """

    kind: str
    log: str
    study: bytes | None
    type: str | None = None
    received: bool = False
    sender: str = ""
    about: bytes | None = None
    tail: Any = None
    start: int = 0
    end: int = 0
    number: int = 0
    own: bool = False

    def message(self, leaf: bytes) -> tuple[bytes, bytes]:
        """Return header and signature of the message in a leaf of this form."""
        at = self.end + _SIGNATURE_AFTER
        return leaf[self.start : self.end], leaf[at : at + 64]


Reading = tuple[Form, int, int, bytes]
"""An entry as it was read: form, claimed place, time in ms, line of the reading view."""


@dataclass(frozen=True, slots=True)
class _Shape:
    """What stays.

    Attributes:
        counts: (which piece, least, largest) of each integer.
        number, t_ms: Which pieces are the entry's place and its time.
        text: The reading view, with a conversion for its place, each free span and the leaf hash.
    """

    form: Form
    counts: tuple[tuple[int, int, int], ...]
    number: int
    t_ms: int
    text: bytes


class Shapes:
    """All shapes seen so far; at most ``MAX_SHAPES``.

    Attributes:
        forms: Those of entries with a message; an index stands for a form elsewhere.
    """

    def __init__(self) -> None:
        self.forms: list[Form] = []
        self._by_length: dict[int, list[tuple[Callable[[bytes], tuple[Any, ...]], dict[_Key, _Shape]]]] = {}
        self._layouts: dict[str, dict[_Key, _Shape]] = {}
        self._count = 0

    def read(self, leaf: bytes, at: int, leaf_hash: bytes) -> Reading | None:
        """Return what a leaf of a known shape says, shown as entry ``at``; None where its shape is not known."""
        for cut, known in self._by_length.get(len(leaf), ()):
            pieces = cut(leaf)
            shape = known.get(pieces[::2])
            if shape is None:
                continue
            for piece, low, high in shape.counts:
                if not low <= pieces[piece] <= high:
                    return None
            shown = [hexlify(free) if type(free) is bytes else free for free in pieces[1::2]]
            line = shape.text % (at, *shown, hexlify(leaf_hash))
            return shape.form, pieces[shape.number], pieces[shape.t_ms], line
        return None

    def learn(self, leaf: bytes, form: Form) -> None:
        """Remember the shape of a leaf that ``decode_entry`` and, for messages, ``parse`` have taken."""
        if form.kind not in _KINDS or self._count >= MAX_SHAPES:
            return
        cutter = _Cutter()
        cutter.value(msgpack.unpackb(leaf), "", False)
        cutter.close()
        if b"".join(cutter.pieces) != leaf:  # never seen; then the leaf goes the long way each time
            return
        layout = cutter.layout()
        known = self._layouts.get(layout)
        if known is None:
            known = self._layouts[layout] = {}
            self._by_length.setdefault(len(leaf), []).append((struct.Struct(layout).unpack, known))
        key = tuple(cutter.pieces[::2])
        if key not in known:
            text = b'{"at":%d,"entry":' + "".join(cutter.texts).encode() + b',"leaf":"%s"}\n'
            # The last two counts of an entry are its place and its time.
            number, t_ms = (piece for piece, _, _ in cutter.counts[-2:])
            known[key] = _Shape(form, tuple(cutter.counts), number, t_ms, text)
            self._count += 1


class _Cutter:
    """Walks a decoded entry in the order of its bytes and cuts them into what stays and what may differ.

    Attributes:
        pieces: Fixed bytes and free spans by turns, fixed ones first and last.
        counts: Which pieces are integers, and their bounds.
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

    def layout(self) -> str:
        """How ``struct`` cuts a leaf into the pieces: integers as such, all else as bytes."""
        forms = [f"{len(piece)}s" for piece in self.pieces]
        for piece, _, _ in self.counts:
            forms[piece] = _WIDTHS[len(self.pieces[piece])]
        return ">" + "".join(forms)

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
                    self._fixed += self._packer.pack(key)
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
                self._bytes(value, field, is_fixed or field in _KEPT)
            case int() if type(value) is int and field in _COUNTS:
                self._count(value, _COUNTS[field])
            case _:
                self._fixed += self._packer.pack(value)
                self._say(_shown(value))

    def _bytes(self, value: bytes, field: str, is_fixed: bool) -> None:
        packed = self._packer.pack(value)
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

    def _count(self, value: int, low: int) -> None:
        packed, high = self._packer.pack(value), 127
        if value >= 128:
            width = len(packed) - 1
            self._fixed += packed[:1]
            packed = packed[1:]
            # The shortest form: what fits fewer bytes is written in fewer.
            low, high = 128 if width == 1 else 256 ** (width // 2), min(256**width - 1, MAX_INT)
        self.counts.append((len(self.pieces) + 1, low, high))
        self._free(packed)
        self.texts.append("%d")


class MessageError(CodecError):
    """An entry is in its form, the message in it is not."""


def read_leaf(shapes: Shapes, leaf: bytes, at: int, leaf_hash: bytes) -> Reading:
    """Return what a leaf says, shown as entry ``at``; a message in it has been through ``parse``.

    Raises:
        CodecError: As ``decode_entry``; ``MessageError`` where ``parse`` refuses the message in it.
    """
    found = shapes.read(leaf, at, leaf_hash)
    if found is not None:
        return found
    entry = decode_entry(leaf)
    form = _form(entry, leaf, len(shapes.forms))
    if form.type is not None:
        shapes.forms.append(form)
    shapes.learn(leaf, form)
    return shapes.read(leaf, at, leaf_hash) or (form, entry.seq, entry.t_ms, view(at, leaf).encode())


def _form(entry: Entry, leaf: bytes, number: int) -> Form:
    if entry.kind not in ("env.sent", "env.recv"):
        return Form(entry.kind, entry.log, entry.study)
    body: Any = entry.body
    try:
        envelope: Envelope = parse(body["header"], body["sig"])
    except CodecError as error:
        raise MessageError(str(error)) from error
    received = entry.kind == "env.recv"
    # Keys are sorted: {"body": {"header": …, "sig": …, "to" or "via": …}, "kind": …}.
    start = leaf.index(envelope.header)
    return Form(
        entry.kind,
        entry.log,
        entry.study,
        envelope.fields.type,
        received,
        envelope.fields.sender,
        envelope.fields.study,
        body["via"] if received else tuple(body["to"]),
        start,
        start + len(envelope.header),
        number,
        envelope.fields.sender == entry.log.split("/")[1] and envelope.fields.study == entry.study,
    )
