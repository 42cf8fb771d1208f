"""Make the vectors of weights, encoders, rounding, blocks and bounds anew: ``python tests/vectors/make_numbers.py``.

Studies and regions are constants; a difference after a run means that a rule has changed. Floats are written as
C99 hexadecimal floats, bytes as hex.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from crypto.masking import expand
from gossip.exchange.robust import clip, threshold
from protocol.blocks import chosen
from protocol.codec import hash_of
from protocol.fixed_point import largest, quantise, stochastic
from protocol.weights import inverse, row

HERE = Path(__file__).parent / "numbers"
STUDY = bytes([0x51]) * 32
RINGS = (8, 16, 32, 64)


def hexes(values: Iterable[float]) -> list[str]:
    """Return floats as they are written here."""
    return [float(value).hex() for value in values]


def weights() -> dict[str, Any]:
    """Return inverses, and rows of small graphs."""
    graphs = {
        "a path of three": (256, {"a": ["b"], "b": ["a", "c"], "c": ["b"]}),
        "a house": (16, {
            "a": ["b", "c", "d"], "b": ["a", "c", "e"], "c": ["a", "b", "d"], "d": ["a", "c", "e"], "e": ["b", "d"],
        }),
        "the least denominator": (4, {"a": ["b", "c", "d"], "b": ["a"], "c": ["a"], "d": ["a"]}),
    }  # fmt: skip
    rows = []
    for comment, (den, graph) in graphs.items():
        degrees = {name: len(around) for name, around in graph.items()}
        for kind, q in (("uniform", 1 + max(degrees.values())), ("metropolis", den)):
            found = {name: row(kind, q, degrees, name, around) for name, around in graph.items()}
            rows.append({
                "comment": f"{kind}: {comment}", "kind": kind, "den": q, "graph": graph,
                "of": {name: dict(one.of) for name, one in found.items()},
                "own": {name: one.own(one.of) for name, one in found.items()},
            })  # fmt: skip
    return {
        "comment": "a times its inverse is 1 mod 2^ring. `of`: what each neighbour weighs; `own`: what is left of den.",
        "inverses": [{"ring": r, "weight": a, "inverse": inverse(a, r)} for r in RINGS for a in (1, 3, 51, 255)],
        "no_inverse": [2, 4, 256],
        "rows": rows,
    }


def encoder() -> dict[str, Any]:
    """Return the edges of the encoder in each ring."""
    cases = []
    for ring, bound in ((8, 4), (16, 8), (16, 255), (32, 255), (64, 3)):
        most = largest(ring, bound)
        values = np.array([0.5, 1.5, -0.5, -1.5, 2.0**62, -(2.0**62), 3.4e38, -3.4e38, 1e-38, 0.0], np.float32)
        cases.append({
            "comment": f"{ring} bits, weights up to {bound}", "ring": ring, "bound": bound, "x_max": most,
            "x": hexes(values), "codes": quantise(values, np.zeros(10, np.float32), 0, most, ring).tolist(),
        })  # fmt: skip
    return {
        "comment": "k = 0 and no reference: ties go to the even neighbour, what is beyond X_max to X_max. `refused`: "
        "nothing is sent.",
        "cases": cases,
        "refused": ["nan", "inf", "-inf"],
    }


def rounding() -> dict[str, Any]:
    """Return stochastic rounding with the streams of two regions."""
    cases = []
    for region, round in (("skane", 0), ("vgr", 7)):
        seed = hash_of("rounding", [STUDY, round, region])
        values = [0.0, 0.25, 0.5, 0.75, -0.25, -0.5, 1.0, -1.0, 99.9, -99.9, 1e9, 0.499999, 3.2, -7.7, 0.1, 0.9]
        words = expand(seed, len(values), "<u2")
        cases.append({
            "comment": f"{region} in round {round}", "study": STUDY.hex(), "round": round, "region": region,
            "seed": seed.hex(), "words": words.tolist(), "values": hexes(values), "x_max": 42,
            "codes": stochastic(np.array(values), words, 42).tolist(),
        })  # fmt: skip
    return {
        "comment": "floor(v + u / 2^16), then clipped; u from AES-256-CTR under H(rounding, [study, round, region]).",
        "cases": cases,
    }


def blocks() -> dict[str, Any]:
    """Return which blocks travel."""
    cases = []
    for dim, share_bp, round in ((10_000, 2500, 0), (10_000, 2500, 1), (1, 1, 0), (5120, 9999, 3), (3000, 5000, 4)):
        indices = chosen(STUDY, round, dim, share_bp)
        assert indices is not None
        cases.append({
            "study": STUDY.hex(), "round": round, "dim": dim, "share_bp": share_bp,
            "blocks": sorted({int(i) // 1024 for i in indices}), "count": int(indices.size),
        })  # fmt: skip
    return {"comment": "Blocks of 1024, by a stable sort of the u64 words of H(blocks, [study, round]).",
            "cases": cases}  # fmt: skip


def clip_sum() -> dict[str, Any]:
    """Return steps with what is left of them."""
    table: list[tuple[str, list[int], str, int, int]] = [
        ("within", [3, -4, 0], "5", 1, 0),
        ("shortened", [30, -40, 1], "25", 1, 0),
        ("a step of 2^-24 over 4", [2**25, -(2**26), 17, 0], "1.5", 4, 24),
        ("ten times exactly", [30, 40], "5", 1, 0),
        ("beyond ten times", [31, 40], "5", 1, 0),
        ("a wrapped coordinate", [2**31 - 1, 5, -6], "0.5", 4, 24),
        ("beyond 32 bits", [2**40, 0, -1], "300", 1, 24),
    ]
    cases = []
    for comment, change, tau, den, fine in table:
        most = threshold(tau, den, fine)
        left, verdict = clip(np.array(change, np.int64), most)
        cases.append({
            "comment": comment, "change": change, "clip": tau, "den": den, "step_log2": fine, "most": most,
            "verdict": verdict.value, "left": left.tolist() if verdict.value != "alarm" else None,
        })  # fmt: skip
    return {
        "comment": "T = floor(clip den 2^f); longer than T: d (isqrt((T^2 << 32) // N2)) >> 16 with the sign of d.",
        "cases": cases,
    }


def made() -> dict[str, str]:
    """Return the text of every file by its name."""
    parts = {"weights": weights(), "encoder": encoder(), "rounding": rounding(), "blocks": blocks(), "clip": clip_sum()}
    return {f"{name}.json": json.dumps(part, indent=1, ensure_ascii=False) + "\n" for name, part in parts.items()}


def main() -> None:
    """Write the files."""
    HERE.mkdir(exist_ok=True)
    for name, text in made().items():
        (HERE / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
