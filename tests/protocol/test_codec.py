"""Canonical msgpack: one encoding of each value, every other form refused."""

from __future__ import annotations

import random
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.codec import MAX_CONTROL, MAX_ENTRY, MAX_INT, Value, decode, encode, hash_of
from protocol.errors import CodecError
from tests.vectors import reference_codec
from tests.vectors.make_protocol import VALUES, bodies, nested

keys = st.text("abcxyz019_./-", min_size=1, max_size=6)
texts = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=40).filter(lambda t: t[:2] != "0x")
scalars = st.none() | st.booleans() | st.integers(-MAX_INT, MAX_INT) | st.binary(max_size=40) | texts
values: st.SearchStrategy[Any] = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=12
)


def test_a_small_map_is_what_one_would_write_by_hand() -> None:
    assert encode({"b": [1, True, None], "a": b"\x07"}) == bytes.fromhex("82 a161 c40107 a162 93 01c3c0")


@given(values)
def test_what_is_encoded_comes_back(value: Value) -> None:
    assert decode(encode(value), max_bytes=MAX_ENTRY) == value


@given(values)
def test_a_second_implementation_writes_the_same_bytes(value: Value) -> None:
    assert encode(value) == reference_codec.encode(value)


@given(st.dictionaries(keys, scalars, min_size=2, max_size=5))
def test_the_order_in_which_a_map_was_built_does_not_matter(value: dict[str, Value]) -> None:
    assert encode(dict(reversed(value.items()))) == encode(value)


def test_true_and_one_stay_apart() -> None:
    value = decode(encode([True, 1, False, 0]), max_bytes=9)
    assert repr(value) == "[True, 1, False, 0]"


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(1.0, id="float"),
        pytest.param((1, 2), id="tuple"),
        pytest.param(bytearray(2), id="bytearray"),
        pytest.param(memoryview(b"ab"), id="memoryview"),
        pytest.param({1, 2}, id="set"),
        pytest.param(MAX_INT + 1, id="2^53"),
        pytest.param(-MAX_INT - 1, id="-2^53"),
        pytest.param("ö", id="letter of a plan"),
        pytest.param("a\n", id="line feed"),
        pytest.param("0xff", id="looks like bytes"),
        pytest.param("a" * 129, id="long string"),
        pytest.param({"A": 1}, id="capital key"),
        pytest.param({"": 1}, id="empty key"),
        pytest.param({"k" * 65: 1}, id="long key"),
        pytest.param({1: 1}, id="integer key"),
        pytest.param({"a": 1, 2: 1}, id="mixed keys"),
        pytest.param({b"a": 1}, id="bytes key"),
        pytest.param({"a\n": 1}, id="key with line feed"),
        pytest.param(nested(13), id="too deep"),
        pytest.param([{"a": (1,)}], id="tuple inside"),
    ],
)
def test_a_value_outside_the_form_is_not_encoded(value: Any) -> None:
    with pytest.raises(ValueError):
        encode(value)


def test_a_subclass_is_not_encoded() -> None:
    class Number(int):
        pass

    with pytest.raises(ValueError, match="Number"):
        encode(Number(1))


def test_plans_may_hold_latin_letters_of_200_bytes() -> None:
    assert decode(encode("ö" * 100, wide_text=True), max_bytes=999, wide_text=True) == "ö" * 100
    with pytest.raises(ValueError, match="200 bytes"):
        encode("ö" * 100 + "a", wide_text=True)
    with pytest.raises(ValueError, match="200 bytes"):
        encode("\ud800", wide_text=True)


def test_the_size_is_checked_before_anything_else() -> None:
    with pytest.raises(CodecError, match="101 bytes; at most 100"):
        decode(b"\xc1" * 101, max_bytes=100)


def test_a_message_may_be_as_long_as_the_limit() -> None:
    data = encode(bytes(100 - 2))
    assert decode(data, max_bytes=100) == bytes(98)


def test_claims_of_huge_arrays_cost_nothing() -> None:
    data = (b"\xdd\x00\x0f\xff\xff" * 1000).ljust(MAX_CONTROL, b"\xc0")
    with pytest.raises(CodecError, match="ends before"):
        decode(data, max_bytes=MAX_CONTROL)


@pytest.mark.parametrize("opening", [b"\x91", b"\x81\xa1a", b"\xdd\x00\x00\x00\x01"])
def test_depth_of_100000_is_refused(opening: bytes) -> None:
    with pytest.raises(CodecError):
        decode(opening * 100_000 + b"\xc0", max_bytes=MAX_CONTROL)


def test_timestamps_and_extensions_are_refused() -> None:
    for packed in (msgpack.packb(msgpack.Timestamp(1)), msgpack.packb(msgpack.ExtType(5, b"abc"))):
        with pytest.raises(CodecError):
            decode(packed, max_bytes=100)


def test_hashes_of_one_value_under_two_tags_differ() -> None:
    assert hash_of("sid", [1]) != hash_of("stats", [1])


def agree(data: bytes, *, wide: bool) -> bool:
    """Whether both implementations take the bytes, or both refuse them; and no other error escapes."""
    try:
        theirs: Any = reference_codec.decode(data, wide=wide)
    except reference_codec.RefusedError:
        theirs = ...
    try:
        ours: Any = decode(data, max_bytes=MAX_ENTRY, wide_text=wide)
    except CodecError:
        ours = ...
    return ours is theirs if theirs is ... else ours == theirs and encode(ours, wide_text=wide) == data


def mutated(rng: random.Random, seeds: list[bytes]) -> bytes:
    """Return a seed with a few bytes changed, cut, doubled, put in or taken from another seed."""
    data = bytearray(rng.choice(seeds))
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(6):
            case 0 if at < len(data):
                data[at] ^= 1 << rng.randrange(8)
            case 1:
                data[at:at] = bytes([rng.randrange(256)])
            case 2:
                del data[at : at + rng.randint(1, 8)]
            case 3:
                data[at:at] = rng.choice(seeds)[: rng.randint(1, 40)]
            case 4 if at < len(data):
                data[at] = rng.choice(b"\xc0\xc1\xc4\xca\xcc\xcf\xd3\xd6\xd9\xdb\xdc\xdd\xde\xdf\x80\x90\xa0\xff")
            case _:
                data = data[:at] or data
    return bytes(data)


def fuzz(count: int) -> None:
    """Compare both implementations on ``count`` mutated inputs, seeded."""
    rng = random.Random(20_261_124)
    seeds = [encode(value, wide_text=True) for _, value, _ in VALUES] + [encode(body) for *_, body in bodies()]
    for _ in range(count):
        data, wide = mutated(rng, seeds), rng.random() < 0.2
        assert agree(data, wide=wide), data.hex()


def test_ten_thousand_mutated_inputs_are_taken_or_refused_alike() -> None:
    fuzz(10_000)


@pytest.mark.slow
def test_a_hundred_thousand_mutated_inputs_are_taken_or_refused_alike() -> None:
    fuzz(100_000)


@settings(max_examples=200)
@given(st.binary(max_size=60))
def test_random_bytes_are_taken_or_refused_alike(data: bytes) -> None:
    assert agree(data, wide=False)
