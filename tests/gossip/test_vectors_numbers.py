"""The frozen vectors of numbers, checked by this implementation and by plain arithmetic on the standard library."""

from __future__ import annotations

import hashlib
import json
import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gossip.exchange.robust import clip, threshold
from protocol.blocks import chosen
from protocol.fixed_point import largest, quantise, stochastic
from protocol.weights import inverse, row
from tests.vectors import make_numbers, reference, reference_codec

VECTORS = Path(make_numbers.__file__).parent / "numbers"
FILES = {name: json.loads((VECTORS / name).read_text("utf-8")) for name in make_numbers.made()}


def cases(name: str, part: str = "cases") -> list[Any]:
    """Vectors as parameters, by their comments."""
    found = FILES[f"{name}.json"][part]
    return [pytest.param(case, id=case.get("comment", str(place))) for place, case in enumerate(found)]


def tagged(tag: str, value: Any) -> bytes:
    """H(tag, x), from the reference codec."""
    return hashlib.sha256(b"landsting/v1/" + tag.encode() + b"\0" + reference_codec.encode(value)).digest()


@pytest.mark.parametrize("name", list(FILES))
def test_the_script_makes_what_is_frozen(name: str) -> None:
    assert (VECTORS / name).read_text("utf-8") == make_numbers.made()[name]


@pytest.mark.parametrize("case", cases("weights", "inverses"))
def test_a_weight_times_its_inverse_is_one(case: dict[str, int]) -> None:
    assert inverse(case["weight"], case["ring"]) == case["inverse"]
    assert case["weight"] * case["inverse"] % 2 ** case["ring"] == 1


@pytest.mark.parametrize("weight", FILES["weights.json"]["no_inverse"])
def test_an_even_weight_has_none(weight: int) -> None:
    assert all(weight * other % 256 != 1 for other in range(256))
    with pytest.raises(ValueError, match="odd"):
        inverse(weight, 8)


@pytest.mark.parametrize("case", cases("weights", "rows"))
def test_rows_are_those_of_the_graph(case: dict[str, Any]) -> None:
    graph, den = case["graph"], case["den"]
    degrees = {name: len(around) for name, around in graph.items()}
    for name, around in graph.items():
        found = row(case["kind"], den, degrees, name, around)
        assert dict(found.of) == case["of"][name]
        assert found.own(found.of) == case["own"][name] == den - sum(case["of"][name].values()) > 0
        for other in around:
            share = Fraction(den, 1 + max(degrees[name], degrees[other]))
            by_hand = 1 if case["kind"] == "uniform" else max(a for a in range(1, den, 2) if a <= share)
            assert case["of"][name][other] == case["of"][other][name] == by_hand


@pytest.mark.parametrize("case", cases("encoder"))
def test_the_edges_of_the_encoder(case: dict[str, Any]) -> None:
    x = np.array([float.fromhex(value) for value in case["x"]], np.float32)
    most = (2 ** (case["ring"] - 1) - 1) // case["bound"]
    assert largest(case["ring"], case["bound"]) == case["x_max"] == most
    assert quantise(x, np.zeros_like(x), 0, most, case["ring"]).tolist() == case["codes"]
    assert [max(-most, min(most, round(Fraction(float(value))))) for value in x] == case["codes"]


@pytest.mark.parametrize("value", FILES["encoder.json"]["refused"])
def test_what_is_no_number_is_not_sent(value: str) -> None:
    with pytest.raises(ValueError, match="NaN or infinity"):
        quantise(np.array([float(value)], np.float32), np.zeros(1, np.float32), 0, 10, 16)


@pytest.mark.parametrize("case", cases("rounding"))
def test_rounding_goes_by_the_public_stream(case: dict[str, Any]) -> None:
    seed = tagged("rounding", [bytes.fromhex(case["study"]), case["round"], case["region"]])
    assert seed.hex() == case["seed"]
    stream = reference.keystream(seed, 0, 2 * len(case["words"]))
    words = [int.from_bytes(stream[at : at + 2], "little") for at in range(0, len(stream), 2)]
    assert words == case["words"]
    values = [float.fromhex(value) for value in case["values"]]
    codes = [max(-42, min(42, math.floor(v + u / 65536))) for v, u in zip(values, words, strict=True)]
    assert codes == case["codes"]
    assert stochastic(np.array(values), np.array(words, np.uint16), case["x_max"]).tolist() == codes


@pytest.mark.parametrize("case", cases("blocks"))
def test_blocks_go_by_the_public_stream(case: dict[str, Any]) -> None:
    study, dim = bytes.fromhex(case["study"]), case["dim"]
    blocks = math.ceil(dim / 1024)
    stream = reference.keystream(tagged("blocks", [study, case["round"]]), 0, 8 * blocks)
    words = [int.from_bytes(stream[at : at + 8], "little") for at in range(0, len(stream), 8)]
    wanted = math.ceil(Fraction(blocks * case["share_bp"], 10**4))
    first = sorted(range(blocks), key=lambda block: words[block])[:wanted]
    assert sorted(first) == case["blocks"]
    indices = chosen(study, case["round"], dim, case["share_bp"])
    assert indices is not None
    assert indices.tolist() == [i for i in range(dim) if i // 1024 in first]
    assert indices.size == case["count"]


@pytest.mark.parametrize("case", cases("clip"))
def test_bounds_are_exact(case: dict[str, Any]) -> None:
    most = math.floor(Fraction(case["clip"]) * case["den"] * 2 ** case["step_log2"])
    assert threshold(case["clip"], case["den"], case["step_log2"]) == most == case["most"]
    change = [max(-(2**32 - 1), min(2**32 - 1, d)) for d in case["change"]]
    squared = sum(d * d for d in change)
    if squared > 100 * most * most:
        verdict, left = "alarm", None
    elif squared > most * most:
        factor = math.isqrt((most * most << 32) // squared)
        verdict, left = "clipped", [(abs(d) * factor >> 16) * (1 if d >= 0 else -1) for d in change]
    else:
        verdict, left = "within", change
    assert (verdict, left) == (case["verdict"], case["left"])
    ours, found = clip(np.array(case["change"], np.int64), most)
    assert found.value == verdict
    assert left is None or ours.tolist() == left
