"""The frozen vectors, checked by this implementation and by one on the standard library alone."""

from __future__ import annotations

import hashlib
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crypto.merkle import leaf_hash
from protocol.codec import decode, encode, hash_of
from protocol.entries import KINDS, decode_entry, encode_entry, view
from protocol.envelope import decode_carried, parse, verify
from protocol.errors import CodecError, SchemaError
from protocol.fixed_point import largest, quantise
from protocol.messages import TYPES
from tests.vectors import make_protocol, reference, reference_codec

VECTORS = Path(make_protocol.__file__).parent / "protocol"
FILES = {name: json.loads((VECTORS / name).read_text("utf-8")) for name in make_protocol.made()}
CODEC, ENVELOPES, ENTRIES, FIXED = (FILES[f"{n}.json"] for n in ("codec", "envelopes", "entries", "fixed_point"))


def cases(part: list[dict[str, Any]]) -> list[Any]:
    """Vectors as parameters, by their comments."""
    return [pytest.param(case, id=case["comment"]) for case in part]


def value_of(shown: Any) -> Any:
    """A value from JSON: 0x and hex are bytes."""
    if isinstance(shown, str) and shown.startswith("0x"):
        return bytes.fromhex(shown[2:])
    if isinstance(shown, list):
        return [value_of(item) for item in shown]
    if isinstance(shown, dict):
        return {key: value_of(item) for key, item in shown.items()}
    return shown


@pytest.mark.parametrize("name", list(FILES))
def test_the_script_makes_what_is_frozen(name: str) -> None:
    assert (VECTORS / name).read_text("utf-8") == make_protocol.made()[name]


# ---------------------------------------------------------------- codec


@pytest.mark.parametrize("case", cases(CODEC["values"]))
def test_a_value_has_its_bytes(case: dict[str, Any]) -> None:
    value, data = value_of(case["value"]), bytes.fromhex(case["bytes"])
    assert encode(value, wide_text=case["wide"]) == data == reference_codec.encode(value)
    read = decode(data, max_bytes=1000, wide_text=case["wide"])
    assert repr(read) == repr(reference_codec.decode(data, wide=case["wide"]))


@pytest.mark.parametrize("case", cases(CODEC["refused"]))
def test_refused_bytes_are_refused(case: dict[str, Any]) -> None:
    data = bytes.fromhex(case["bytes"])
    with pytest.raises(CodecError):
        decode(data, max_bytes=10_000, wide_text=case["wide"])
    with pytest.raises(reference_codec.RefusedError):
        reference_codec.decode(data, wide=case["wide"])


@pytest.mark.parametrize("case", cases(CODEC["hash_of"]))
def test_the_hash_of_a_value_is_that_of_its_tag_and_bytes(case: dict[str, Any]) -> None:
    value = value_of(case["value"])
    data = b"landsting/v1/" + case["tag"].encode() + b"\0" + reference_codec.encode(value)
    assert hash_of(case["tag"], value).hex() == case["hash"] == hashlib.sha256(data).hexdigest()


# ---------------------------------------------------------------- envelopes


@pytest.mark.parametrize("case", cases(ENVELOPES["envelopes"]))
def test_an_envelope_has_its_bytes(case: dict[str, Any]) -> None:
    header, signature = bytes.fromhex(case["header"]), bytes.fromhex(case["signature"])
    envelope = parse(header, signature)
    verify(envelope, bytes.fromhex(ENVELOPES["public"]))
    assert envelope.eid.hex() == case["eid"]
    assert envelope.fields.body == value_of(case["body"])


@pytest.mark.parametrize("case", cases(ENVELOPES["envelopes"]))
def test_a_second_implementation_makes_the_same_envelope(case: dict[str, Any]) -> None:
    fields = {key: value_of(case[key]) for key in ("type", "study", "round", "session", "body", "bytes", "sha256")}
    place = {key: value_of(ENVELOPES[key]) for key in ("from", "log", "head")}
    header = reference_codec.encode({"v": 1, **fields, **place})
    message = b"landsting/v1/" + case["type"].encode() + b"\0" + header
    assert header.hex() == case["header"]
    assert hashlib.sha256(message).hexdigest() == case["eid"]
    assert reference.ed25519_sign(bytes.fromhex(ENVELOPES["seed"]), message).hex() == case["signature"]


def test_there_is_an_envelope_of_every_type() -> None:
    assert {case["type"] for case in ENVELOPES["envelopes"]} == set(TYPES)


@pytest.mark.parametrize("case", cases(ENVELOPES["refused"]))
def test_a_header_that_no_type_allows_is_refused(case: dict[str, Any]) -> None:
    header = bytes.fromhex(case["header"])
    reference_codec.decode(header)
    with pytest.raises(SchemaError):
        parse(header, bytes(64))


def test_carried_envelopes_stand_in_the_one_order() -> None:
    carried = decode_carried(bytes.fromhex(ENVELOPES["carried"]["payload"]))
    assert [envelope.fields.type for envelope, _ in carried] == ENVELOPES["carried"]["types"]


# ---------------------------------------------------------------- entries


@pytest.mark.parametrize("case", cases(ENTRIES["entries"]))
def test_an_entry_has_its_leaf_hash_and_view(case: dict[str, Any]) -> None:
    leaf = bytes.fromhex(case["leaf"])
    entry = decode_entry(leaf)
    assert (entry.kind, entry.seq) == (case["kind"], case["seq"])
    assert encode_entry(entry) == leaf
    assert leaf_hash(leaf).hex() == case["hash"] == hashlib.sha256(b"\0" + leaf).hexdigest()
    assert view(entry.seq, leaf) == case["view"]


@pytest.mark.parametrize("case", cases(ENTRIES["entries"]))
def test_a_second_implementation_writes_the_leaf_from_its_view(case: dict[str, Any]) -> None:
    shown = json.loads(case["view"])
    entry = value_of(shown["entry"])
    if "header" in entry["body"]:
        entry["body"]["header"] = reference_codec.encode(entry["body"]["header"])
    assert (shown["at"], shown["leaf"]) == (case["seq"], case["hash"])
    assert reference_codec.encode(entry).hex() == case["leaf"]


def test_there_is_an_entry_of_every_kind() -> None:
    assert {case["kind"] for case in ENTRIES["entries"]} == set(KINDS)


@pytest.mark.parametrize("case", cases(ENTRIES["refused"]))
def test_a_leaf_that_no_kind_allows_is_refused(case: dict[str, Any]) -> None:
    leaf = bytes.fromhex(case["leaf"])
    reference_codec.decode(leaf)
    with pytest.raises(SchemaError):
        decode_entry(leaf)


# ---------------------------------------------------------------- fixed point


@pytest.mark.parametrize("case", cases(FIXED["cases"]))
def test_floats_have_their_codes(case: dict[str, Any]) -> None:
    x, ref = (np.array([float.fromhex(v) for v in case[key]], np.float32) for key in ("x", "ref"))
    assert largest(case["ring"], case["bound"]) == case["x_max"]
    assert quantise(x, ref, case["step_log2"], case["x_max"], case["ring"]).tolist() == case["codes"]


@pytest.mark.parametrize("case", cases(FIXED["cases"]))
def test_exact_fractions_give_the_same_codes(case: dict[str, Any]) -> None:
    differences = [float.fromhex(x) - float.fromhex(ref) for x, ref in zip(case["x"], case["ref"], strict=True)]
    codes = [round(Fraction(v) * Fraction(2) ** case["step_log2"]) for v in differences]
    assert [max(-case["x_max"], min(case["x_max"], code)) for code in codes] == case["codes"]
