"""What was logged, computed again from what was sent (levels L4 and L5): sums, integers, mixes.

A sum is a sum of whole numbers mod 2^w, so it is the same to the bit or it is another. Masks of a strict session
cancel in it: the payloads that travelled are all that is needed. Where sums survive losses the receiver has taken
masks away, and the seeds that it opened are needed as well. What comes after the sum (its own integers, the mix) is
computed by the very code that a region runs, in float64 with every step rounded once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crypto.masking import add_masks
from gossip.exchange.values import Full
from gossip.studies.network_round import adopted
from protocol.fixed_point import quantise_parts
from protocol.plan import Plan
from protocol.steps import parts_of

_DTYPES: Mapping[int, str] = {8: "<u1", 16: "<u2", 32: "<u4", 64: "<u8"}
_PART = 1 << 16
_NO_STEP: Any = None  # what is computed here changes no log


def sum_hash(
    payloads: Sequence[bytes | memoryview],
    weights: Sequence[int],
    ring: int,
    plus: Sequence[bytes] = (),
    minus: Sequence[bytes] = (),
    prg: str = "aes256ctr",
) -> bytes | None:
    """Return SHA-256 of the weighted sum of masked vectors, as ``session.sum`` has it; None if their lengths differ.

    Args:
        payloads: Vectors of little-endian words, one for each survivor.
        weights: Of each; counted mod 2^ring.
        ring: w, bits of one word: 8, 16, 32 or 64.
        plus, minus: Seeds, 32 bytes each, whose streams are added to the sum and taken from it.
        prg: Name of the stream, as the plan says.
    """
    if plus or minus:
        whole = total(payloads, weights, ring, plus, minus, prg)
        return None if whole is None else hashlib.sha256(whole).digest()
    dtype = np.dtype(_DTYPES[ring])
    vectors = _vectors(payloads, dtype)
    if not vectors:
        return None
    digest = hashlib.sha256()
    size = vectors[0].size
    # Part by part: sum and hash of a part are done while it is in the cache.
    room = np.empty(min(_PART, size), dtype)
    scaled = np.empty_like(room)
    for start in range(0, size, _PART):
        part = room[: min(_PART, size - start)]
        part[:] = 0
        for vector, weight in zip(vectors, weights, strict=True):
            piece = vector[start : start + part.size]
            if weight != 1:
                np.multiply(piece, dtype.type(weight % 2**ring), out=scaled[: part.size])
                piece = scaled[: part.size]
            np.add(part, piece, out=part)
        digest.update(part.data)
    return digest.digest()


def _vectors(payloads: Sequence[bytes | memoryview], dtype: np.dtype[Any]) -> list[NDArray[Any]]:
    if any(len(payload) % dtype.itemsize or len(payload) != len(payloads[0]) for payload in payloads):
        return []
    return [np.frombuffer(payload, dtype) for payload in payloads]


def total(
    payloads: Sequence[bytes | memoryview],
    weights: Sequence[int],
    ring: int,
    plus: Sequence[bytes] = (),
    minus: Sequence[bytes] = (),
    prg: str = "aes256ctr",
) -> bytes | None:
    """Return the sum itself, little-endian words; arguments as ``sum_hash``."""
    dtype = np.dtype(_DTYPES[ring])
    vectors = _vectors(payloads, dtype)
    if not vectors:
        return None
    found = np.zeros(vectors[0].size, dtype)
    for vector, weight in zip(vectors, weights, strict=True):
        found += vector if weight == 1 else vector * dtype.type(weight % 2**ring)
    add_masks(found, plus, minus, prg=prg)
    return found.tobytes()


# ---------------------------------------------------------------- what a region made of it


def length(base: bytes, trained: bytes) -> float | None:
    """Return the L2 norm of trained - base, two float32 vectors; None if their lengths differ."""
    before, after = _floats(base), _floats(trained)
    if before is None or after is None or before.shape != after.shape:
        return None
    return float(np.linalg.norm(after.astype(np.float64) - before))


def integers(plan: Plan, round: int, value: bytes, reference: bytes) -> bytes | None:
    """Return a region's own integers X of a round, little-endian words of the ring; None where they cannot be had.

    Args:
        value: What it sent, float32 (dim,).
        reference: The study's initial model.
    """
    vector, start = _floats(value), _floats(reference)
    if vector is None or start is None or vector.size != plan.dim or start.size != plan.dim:
        return None
    parts = parts_of(plan.step_log2, round, (), plan.dim)
    try:
        return quantise_parts(vector, start, parts, plan.x_max(round), plan.ring_at(round)).tobytes()
    except ValueError:
        return None


def mixed_hash(
    plan: Plan, region: str, round: int, value: bytes, reference: bytes, sums: Sequence[tuple[bytes, Sequence[str]]]
) -> bytes | None:
    """Return the hash of the model that a region comes to; None where it would use none of it.

    Args:
        value: The region's own after its local update, float32 (dim,).
        reference: The study's initial model.
        sums: Each opened sum, words of the ring, and whose values are in it; one but for ``buckets``.
    """
    vector, start = _floats(value), _floats(reference)
    if vector is None or start is None:
        return None
    exchange = Full(plan, region, start, {})
    dtype = np.dtype(f"<i{plan.ring_at(round) // 8}")
    read = [(np.frombuffer(data, dtype), list(names)) for data, names in sums]
    if any(vector_.size != plan.dim for vector_, _ in read) or vector.size != plan.dim or start.size != plan.dim:
        return None
    try:
        exchange.ready(_NO_STEP, round, vector)
    except ValueError:
        return None
    if plan.robustness == "buckets":
        model = exchange.mix_buckets(round, vector, [(s, len(names)) for s, names in read])
    else:
        found = exchange.mix(_NO_STEP, round, "mix", vector, *read[0])
        if found is None:
            return None
        model = found
    return hashlib.sha256(np.ascontiguousarray(model, "<f4").data.cast("B")).digest()


def adopted_hash(plan: Plan, round: int, reference: bytes, data: bytes, count: int) -> bytes | None:
    """Return the hash of the mean model of a whole-network round.

    Args:
        data: S of all regions, words of the ring.
        count: How many regions are in it.
    """
    start = _floats(reference)
    words = np.frombuffer(data, f"<i{plan.ring_at(round) // 8}")
    if start is None or start.size != plan.dim or words.size != plan.dim:
        return None
    model = adopted(start, words, parts_of(plan.step_log2, round, (), plan.dim), count)
    return hashlib.sha256(np.ascontiguousarray(model, "<f4").data.cast("B")).digest()


def _floats(data: bytes) -> NDArray[np.float32] | None:
    return np.frombuffer(data, "<f4") if len(data) % 4 == 0 and data else None
