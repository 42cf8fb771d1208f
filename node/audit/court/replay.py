"""Sums, integers and mixes in plain Python: takes the place of ``node.audit.replay`` in ``landsting-audit.pyz``.

About a second for a million words; the same numbers to the bit: float64 is Python's own, and what numpy rounds to
float32 ``struct`` rounds alike. What the functions take and return is said there.
"""

from __future__ import annotations

import builtins
import hashlib
import math
import struct
import sys
from array import array
from collections.abc import Iterable, Mapping, Sequence

from node.audit.court.streams import stream
from protocol.plan import Plan
from protocol.steps import parts_of

_CODES: Mapping[int, str] = {8: "B", 16: "H", 32: "I", 64: "Q"}
_PART = 1 << 16
_LEAST, _MOST = -(2**63) + 1, 2**63 - 1
_ALARM, _BOUND = 10, (1 << 32) - 1


def sum_hash(
    payloads: Sequence[bytes | memoryview],
    weights: Sequence[int],
    ring: int,
    plus: Sequence[bytes] = (),
    minus: Sequence[bytes] = (),
    prg: str = "aes256ctr",
) -> bytes | None:
    """Return SHA-256 of the weighted sum of masked vectors, as ``session.sum`` has it; None if their lengths differ."""
    whole = total(payloads, weights, ring, plus, minus, prg)
    return None if whole is None else hashlib.sha256(whole).digest()


def total(
    payloads: Sequence[bytes | memoryview],
    weights: Sequence[int],
    ring: int,
    plus: Sequence[bytes] = (),
    minus: Sequence[bytes] = (),
    prg: str = "aes256ctr",
) -> bytes | None:
    """Return the sum itself, little-endian words."""
    width = ring // 8
    if not payloads or any(len(p) % width or len(p) != len(payloads[0]) for p in payloads):
        return None
    size = len(payloads[0])
    vectors = [*payloads, *(stream(seed, size, prg) for seed in (*plus, *minus))]
    factors = [*weights, *(1 for _ in plus), *(-1 for _ in minus)]
    out = bytearray()
    for start in range(0, size, _PART):
        columns = [_words(vector[start : start + _PART], ring) for vector in vectors]
        out += _packed(
            (sum(w * x for w, x in zip(factors, row, strict=True)) for row in zip(*columns, strict=True)), ring
        )
    return bytes(out)


def _words(data: bytes | memoryview, ring: int) -> array[int]:
    words: array[int] = array(_CODES[ring])
    words.frombytes(bytes(data))
    if sys.byteorder == "big":
        words.byteswap()
    return words


def _packed(numbers: Iterable[int], ring: int) -> bytes:
    mask = 2**ring - 1
    words = array(_CODES[ring], (number & mask for number in numbers))
    if sys.byteorder == "big":
        words.byteswap()
    return words.tobytes()


def _signed(data: bytes, ring: int) -> array[int]:
    words: array[int] = array(_CODES[ring].lower())
    words.frombytes(data)
    if sys.byteorder == "big":
        words.byteswap()
    return words


# ---------------------------------------------------------------- what a region made of it


def length(base: bytes, trained: bytes) -> float | None:
    """Return the L2 norm of trained - base, two float32 vectors; None if their lengths differ."""
    before, after = _floats(base), _floats(trained)
    if before is None or after is None or len(before) != len(after):
        return None
    if not all(map(math.isfinite, before)) or not all(map(math.isfinite, after)):
        return math.nan
    return math.sqrt(math.fsum((y - x) ** 2 for x, y in zip(before, after, strict=True)))


def integers(plan: Plan, round: int, value: bytes, reference: bytes) -> bytes | None:
    """Return a region's own integers X of a round, little-endian words of the ring; None where they cannot be had."""
    codes = _codes(plan, round, value, reference)
    return None if codes is None else _packed(codes, plan.ring_at(round))


def _codes(plan: Plan, round: int, value: bytes, reference: bytes) -> list[int] | None:
    vector, start = _floats(value), _floats(reference)
    if vector is None or start is None or len(vector) != plan.dim or len(start) != plan.dim:
        return None
    if not all(map(math.isfinite, vector)) or not all(map(math.isfinite, start)):
        return None
    most, codes = plan.x_max(round), list[int]()
    for part in parts_of(plan.step_log2, round, (), plan.dim):
        scale = math.ldexp(1.0, part.step_log2)
        for x, ref in zip(vector[part.slice], start[part.slice], strict=True):
            # Halves to even, as rint has them.
            codes.append(max(-most, min(most, builtins.round((x - ref) * scale))))
    return codes


def mixed_hash(
    plan: Plan, region: str, round: int, value: bytes, reference: bytes, sums: Sequence[tuple[bytes, Sequence[str]]]
) -> bytes | None:
    """Return the hash of the model that a region comes to; None where it would use none of it."""
    codes, own = _codes(plan, round, value, reference), _floats(value)
    ring, row = plan.ring_at(round), plan.row(region, round)
    read = [(_signed(data, ring), list(names)) for data, names in sums]
    if codes is None or own is None or any(len(numbers) != plan.dim for numbers, _ in read):
        return None
    parts = parts_of(plan.step_log2, round, (), plan.dim)
    if plan.robustness == "buckets":
        counts = [len(names) for _, names in read]
        weight, changes = sum(counts), list[float]()
        for part in parts:
            for at in range(part.start, part.stop):
                means = [float(numbers[at]) / count for (numbers, _), count in zip(read, counts, strict=True)]
                pull = (_median(means) - float(codes[at])) * weight
                changes.append(pull * 2.0**-part.step_log2 / row.den + own[at])
        return hashlib.sha256(_rounded(changes)).digest()
    numbers, names = read[0]
    weight = row.total(names)
    change = [_difference(s, x * weight, ring) for s, x in zip(numbers, codes, strict=True)]
    if plan.robustness == "clip_sum":
        fine = max(k for start, _, k in plan.step_log2 if start <= round)
        moved = _clip([_finer(d, fine, part.step_log2) for part in parts for d in change[part.slice]], plan, round)
        if moved is None:
            return None
        scaled = [float(d) * 2.0**-fine / row.den + x for d, x in zip(moved, own, strict=True)]
    else:
        scaled = [
            float(d) * 2.0**-part.step_log2 / row.den + x
            for part in parts
            for d, x in zip(change[part.slice], own[part.slice], strict=True)
        ]
    return hashlib.sha256(_rounded(scaled)).digest()


def _median(values: Sequence[float]) -> float:
    ordered, half = sorted(values), len(values) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) * 0.5


def _difference(total_: int, own: int, ring: int) -> int:
    change = total_ - own
    if ring == 64 and not -(2**63) <= change < 2**63:
        return _LEAST if total_ < 0 else _MOST
    return change


def _finer(change: int, fine: int, step_log2: int) -> int:
    if fine == step_log2:
        return change
    shift = min(fine - step_log2, 33)
    most = _MOST >> shift
    return max(-most, min(most, change)) << shift


def _clip(change: Sequence[int], plan: Plan, round: int) -> list[int] | None:
    """D no longer than T; None where it is more than ten times as long."""
    most = plan.clip_threshold(round)
    bounded = [max(-_BOUND, min(_BOUND, d)) for d in change]
    squared = sum(d * d for d in bounded)
    if squared <= most * most:
        return bounded
    if squared > _ALARM * _ALARM * most * most:
        return None
    factor = math.isqrt((most * most << 32) // squared)
    return [(abs(d) * factor >> 16) * (-1 if d < 0 else 1) for d in bounded]


def adopted_hash(plan: Plan, round: int, reference: bytes, data: bytes, count: int) -> bytes | None:
    """Return the hash of the mean model of a whole-network round."""
    start, ring = _floats(reference), plan.ring_at(round)
    if start is None or len(start) != plan.dim or len(data) != plan.dim * ring // 8:
        return None
    numbers = _signed(data, ring)
    moved = [
        float(s) * 2.0**-part.step_log2 / count + x
        for part in parts_of(plan.step_log2, round, (), plan.dim)
        for s, x in zip(numbers[part.slice], start[part.slice], strict=True)
    ]
    return hashlib.sha256(_rounded(moved)).digest()


def _floats(data: bytes) -> array[float] | None:
    if not data or len(data) % 4:
        return None
    numbers = array("f")
    numbers.frombytes(data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _rounded(values: Sequence[float]) -> bytes:
    """Float64 to float32 as numpy casts it: to the nearest, halves to even, beyond the range to infinity."""
    try:
        return struct.pack(f"<{len(values)}f", *values)
    except OverflowError:
        return b"".join(_one(value) for value in values)


def _one(value: float) -> bytes:
    try:
        return struct.pack("<f", value)
    except OverflowError:
        return struct.pack("<f", math.copysign(math.inf, value))
