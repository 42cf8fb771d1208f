"""What ``exchange = "diff"`` remembers, and how it waits in the region's own state files.

Three files for a study: ``own`` (what the region has said of its model), ``edges`` (what each receiver still owes
to be told) and ``sum`` (what the region holds of its neighbours). A file that is missing, damaged, or older than
the log is as good as lost: the state is then sent whole. Nothing here leaves the region.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from protocol.codec import Value, decode, encode
from protocol.errors import CodecError

Codes = NDArray[np.int64]
MAX_HEAD = 1 << 20
_DTYPES = ("|i1", "<i2", "<i4", "<i8")


@dataclass(slots=True)
class Edge:
    """What one receiver has been told, seen from the sender. All vectors in steps of 2^-f; None is zero.

    Attributes:
        base: What is pending, before the open session and the owed rounds.
        open: Round of the newest session answered and not yet known to be counted or lost; -1 if none.
        counted: What is pending if it was counted. If it was lost: ``base`` and the q of that round.
        kind: Kind of the open session.
        members: Whose values must be counted or lost with it; empty where the sender cannot know.
        since: Latest round known to be counted; -1 if none.
        owed: Later rounds without a session on this edge: their q is still to be added.
        unknown: Nobody knows any more what the receiver holds: only a whole state helps.
        asked: Round to the kind that the receiver's COHORT has asked for; forgotten with its session.
    """

    base: Codes | None = None
    open: int = -1
    counted: Codes | None = None
    kind: str = "mix"
    members: tuple[str, ...] = ()
    since: int = -1
    owed: list[int] = field(default_factory=list)
    unknown: bool = False
    asked: dict[int, str] = field(default_factory=dict)


@dataclass(slots=True)
class Own:
    """What the region has said of its own model: x_hat, and the q of rounds that some edge may still need."""

    said: Codes
    stamp: int
    rounds: dict[int, NDArray[np.signedinteger]]


@dataclass(slots=True)
class Held:
    """What the region holds of others: s, and since when it counts each (the keys are M)."""

    total: Codes
    since: dict[str, int]
    stamp: int


def plus(a: Codes | None, b: Codes | None) -> Codes | None:
    """Return the sum of two vectors of which None is zero; None if it is all zeros."""
    if a is None or b is None:
        return b if a is None else a
    total = a + b
    return total if total.any() else None


# ---------------------------------------------------------------- files


def pack(head: dict[str, Value], arrays: Sequence[NDArray[np.signedinteger]]) -> bytes:
    """Return a file: SHA-256 of the rest, length of the head, head, vectors; 64 bits in 32 where they fit."""
    narrow = [_narrow(array) for array in arrays]
    shapes: list[Value] = [[array.dtype.itemsize, array.size] for array in narrow]
    first = encode({"head": head, "arrays": shapes})
    at = 36 + len(first)
    # One copy of each vector, in place: they are as large as the model, and this happens every round.
    data = bytearray(at + sum(array.nbytes for array in narrow))
    data[32:36], data[36:at] = len(first).to_bytes(4, "big"), first
    for array in narrow:
        np.frombuffer(data, f"<i{array.dtype.itemsize}", array.size, at)[:] = array
        at += array.nbytes
    data[:32] = hashlib.sha256(memoryview(data)[32:]).digest()
    return bytes(data)


def _narrow(array: NDArray[np.signedinteger]) -> NDArray[np.signedinteger]:
    bound = 1 << 31
    if array.dtype.itemsize < 8 or (array.size and not -bound <= int(array.min()) <= int(array.max()) < bound):
        return array
    return array.astype("<i4")


def unpack(data: bytes) -> tuple[dict[str, Value], list[NDArray[np.signedinteger]]]:
    """Return what ``pack`` took.

    Raises:
        CodecError: The file is damaged.
    """
    if len(data) < 36 or hashlib.sha256(data[32:]).digest() != data[:32]:
        raise CodecError("a state file is damaged")
    at = 36 + int.from_bytes(data[32:36], "big")
    outer = decode(data[36:at], max_bytes=MAX_HEAD)
    match outer:
        case {"head": dict(head), "arrays": list(shapes)}:
            arrays = []
            for shape in shapes:
                match shape:
                    case [1 | 2 | 4 | 8 as width, int(size)] if at + width * size <= len(data):
                        arrays.append(np.frombuffer(data, f"<i{width}", size, at).copy())
                        at += width * size
                    case _:
                        raise CodecError("a vector of a state file is cut off")
            return head, arrays
    raise CodecError("a state file holds head and arrays")


def pack_own(own: Own) -> bytes:
    """Return the file of ``Own``."""
    rounds: list[Value] = list(own.rounds)
    return pack({"stamp": own.stamp, "rounds": rounds}, [own.said, *own.rounds.values()])


def unpack_own(data: bytes, dim: int) -> Own:
    """Return what ``pack_own`` took; CodecError on anything else."""
    head, arrays = unpack(data)
    match head:
        case {"stamp": int(stamp), "rounds": list(rounds)} if len(arrays) == 1 + len(rounds):
            said = arrays[0]
            if said.dtype.itemsize >= 4 and all(array.size == dim for array in arrays):
                names = [round for round in rounds if isinstance(round, int)]
                return Own(said.astype(np.int64), stamp, dict(zip(names, arrays[1:], strict=True)))
    raise CodecError("a state file of another form")


def pack_held(held: Held) -> bytes:
    """Return the file of ``Held``."""
    since: dict[str, Value] = dict(held.since)
    return pack({"stamp": held.stamp, "since": since}, [held.total])


def unpack_held(data: bytes, dim: int) -> Held:
    """Return what ``pack_held`` took; CodecError on anything else."""
    head, arrays = unpack(data)
    match head:
        case {"stamp": int(stamp), "since": dict(since)} if len(arrays) == 1 and arrays[0].size == dim:
            counted = {name: round for name, round in since.items() if isinstance(round, int)}
            return Held(arrays[0].astype(np.int64), counted, stamp)
    raise CodecError("a state file of another form")


def pack_edges(edges: Mapping[str, Edge], stamp: int) -> bytes:
    """Return the file of all edges; what was asked in open sessions dies with them."""
    rows: dict[str, Value] = {}
    arrays: list[NDArray[np.signedinteger]] = []
    for name, edge in edges.items():
        places: list[Value] = []
        for vector in (edge.base, edge.counted):
            places.append(-1 if vector is None else len(arrays))
            arrays += [] if vector is None else [vector]
        members: list[Value] = list(edge.members)
        owed: list[Value] = list(edge.owed)
        rows[name] = [edge.open, edge.kind, members, edge.since, owed, edge.unknown, places]
    return pack({"stamp": stamp, "edges": rows}, arrays)


def unpack_edges(data: bytes, dim: int) -> tuple[dict[str, Edge], int]:
    """Return the edges and their stamp; CodecError on anything else."""
    head, arrays = unpack(data)
    match head:
        case {"stamp": int(stamp), "edges": dict(rows)} if all(array.size == dim for array in arrays):
            edges = {name: _edge(row, arrays) for name, row in rows.items()}
            return edges, stamp
    raise CodecError("a state file of another form")


def _edge(row: Value, arrays: list[NDArray[np.signedinteger]]) -> Edge:
    match row:
        case [int(open), str(kind), list(members), int(since), list(owed), bool(unknown), [int(base), int(counted)]]:
            if max(base, counted) < len(arrays):
                vectors = [None if place < 0 else arrays[place].astype(np.int64) for place in (base, counted)]
                names, rounds = [str(name) for name in members], [one for one in owed if isinstance(one, int)]
                return Edge(vectors[0], open, vectors[1], kind, tuple(names), since, rounds, unknown)
    raise CodecError("an edge of a state file has another form")
