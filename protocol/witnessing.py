"""What neighbours tell each other about their logs: payloads of HEADS, MIRROR, BEHIND and PROOF.

Each is one canonical map with exactly its keys. Notes are signed notes as bytes; nothing is verified here.
Forms and meaning: README.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crypto.merkle import HASH_BYTES, leaf_hash
from crypto.note import MAX_NOTE_BYTES
from protocol.codec import MAX_CONTROL, MAX_ENTRY, MAX_HEADER, Value, decode, encode
from protocol.evidence import CODES
from protocol.schema import (
    array,
    binary,
    code,
    hash32,
    integer,
    mapping,
    optional,
    record,
    require,
    row,
    signature,
    text,
)

MAX_MIRROR = 4 * 2**20
MAX_ASKED = 64
MAX_OTHERS = 400
MAX_PATH = 64

_note = binary(1, MAX_NOTE_BYTES)
_place = text(r"0|[1-9][0-9]{0,15}", "a position in decimal digits")
_path = array(hash32, 0, MAX_PATH)


def _item(value: Value) -> str | None:
    return binary(1, MAX_ENTRY)(value)


_heads = record({"round": integer(), "own": _note, "since": integer(), "others": array(_note, 0, MAX_OTHERS)})
# An item of 32 bytes is a leaf hash: no entry is that short.
_mirror = record({"first": integer(), "items": array(binary(HASH_BYTES, MAX_ENTRY), 1)})
_behind = record({
    "note": optional(_note), "envelope": optional(row(binary(1, MAX_HEADER), signature)),
    "suspended": optional(code(*CODES)),
})  # fmt: skip
_proof = record({
    "size": integer(1), "consistency": mapping(_place, _path), "places": mapping(_place, row(_item, _path)),
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Heads:
    """What a region says of logs after a round.

    Attributes:
        round: The round that has ended.
        own: Note of its own checkpoint.
        since: Up to where the receiver has verified this log, as the sender knows it.
        others: Newest notes that it holds of other regions, ascending by origin.
    """

    round: int
    own: bytes
    since: int
    others: tuple[bytes, ...]

    def encode(self) -> bytes:
        """Return the payload."""
        notes: list[Value] = list(self.others)
        return encode({"round": self.round, "own": self.own, "since": self.since, "others": notes})


@dataclass(frozen=True, slots=True)
class Behind:
    """The largest head of the asker's own log that a neighbour can prove; both None if it holds nothing larger.

    Attributes:
        note: A signed checkpoint.
        envelope: Header and signature of an envelope of that log.
        suspended: Under which code the answering region has suspended the asker; None where it has not.
    """

    note: bytes | None = None
    envelope: tuple[bytes, bytes] | None = None
    suspended: str | None = None

    def encode(self) -> bytes:
        """Return the payload."""
        pair: list[Value] | None = list(self.envelope) if self.envelope is not None else None
        return encode({"note": self.note, "envelope": pair, "suspended": self.suspended})


@dataclass(frozen=True, slots=True)
class Proof:
    """Paths in the tree of ``size`` leaves.

    Attributes:
        consistency: Earlier size to the path from it.
        places: Position to its leaf and inclusion path.
    """

    size: int
    consistency: Mapping[int, Sequence[bytes]]
    places: Mapping[int, tuple[bytes, Sequence[bytes]]]

    def encode(self) -> bytes:
        """Return the payload."""
        consistency: dict[str, Value] = {str(n): list(path) for n, path in self.consistency.items()}
        places: dict[str, Value] = {str(n): [leaf, list(path)] for n, (leaf, path) in self.places.items()}
        return encode({"size": self.size, "consistency": consistency, "places": places})


def decode_heads(payload: bytes) -> Heads:
    """Read a HEADS; CodecError on anything else."""
    value = _read(payload, _heads, "HEADS", MAX_CONTROL)
    return Heads(value["round"], value["own"], value["since"], tuple(value["others"]))


def encode_mirror(first: int, items: Sequence[bytes]) -> bytes:
    """Return the payload of a MIRROR: from position ``first`` on, leaves or, of 32 bytes, leaf hashes."""
    shown: list[Value] = list(items)
    return encode({"first": first, "items": shown})


def decode_mirror(payload: bytes) -> tuple[int, list[tuple[bytes | None, bytes]]]:
    """Return first position and items: (leaf, leaf hash), the leaf None where only the hash travels.

    Raises:
        CodecError: Another form.
    """
    value = _read(payload, _mirror, "MIRROR", MAX_MIRROR)
    items = value["items"]
    return value["first"], [(None, one) if len(one) == HASH_BYTES else (one, leaf_hash(one)) for one in items]


def decode_behind(payload: bytes) -> Behind:
    """Read a BEHIND; CodecError on anything else."""
    value = _read(payload, _behind, "BEHIND", MAX_NOTE_BYTES + MAX_HEADER + 256)
    pair = value["envelope"]
    return Behind(value["note"], (pair[0], pair[1]) if pair is not None else None, value["suspended"])


def decode_proof(payload: bytes) -> Proof:
    """Read a PROOF; CodecError on anything else."""
    value = _read(payload, _proof, "PROOF", MAX_MIRROR)
    return Proof(
        value["size"],
        {int(n): path for n, path in value["consistency"].items()},
        {int(n): (leaf, path) for n, (leaf, path) in value["places"].items()},
    )


def _read(payload: bytes, form: Any, what: str, most: int) -> dict[str, Any]:
    value: Any = decode(payload, max_bytes=most)
    require(form, value, what)
    return dict(value)
