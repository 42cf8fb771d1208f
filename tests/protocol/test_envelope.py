"""Envelopes: what a header may say, what a signature covers, what carriers hold."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.errors import CryptoError
from crypto.signing import SigningKey
from protocol.codec import decode, encode
from protocol.envelope import Envelope, Header, build, decode_carried, encode_carried, parse, verify
from protocol.errors import CodecError, SchemaError
from protocol.messages import TYPES, about

KEY = SigningKey(bytes(range(32)))
OTHER = SigningKey(bytes(32))


def absent(first: int = 4, *, sender: str = "vgr", place: int = 9) -> Header:
    """An ABSENT of one round."""
    return Header(
        type="ABSENT", sender=sender, log=f"landsting.example/{sender}/1", head_size=place, head_root=bytes(32),
        study=bytes(32), round=4, session=None, body={"first": first, "last": 5}, bytes=0, sha256=None,
    )  # fmt: skip


def masked(payload: bytes) -> Header:
    """A MASKED with its payload."""
    return replace(
        absent(), type="MASKED", session=bytes(32), body={"view": bytes(32), "self_commit": b""},
        bytes=len(payload), sha256=hashlib.sha256(payload).digest(),
    )  # fmt: skip


def test_what_is_built_is_parsed_and_verified() -> None:
    made = build(absent(), KEY)
    read = parse(made.header, made.signature)
    verify(read, KEY.public)
    assert read == made


def test_the_signature_of_another_key_is_refused() -> None:
    with pytest.raises(CryptoError):
        verify(build(absent(), OTHER), KEY.public)


def test_a_signature_counts_for_its_own_type_only() -> None:
    made = build(absent(), KEY)
    as_other = replace(made, fields=replace(made.fields, type="PING"))
    with pytest.raises(CryptoError):
        verify(as_other, KEY.public)


def test_the_identity_of_a_statement_is_not_its_signature() -> None:
    made = build(absent(), KEY)
    assert parse(made.header, bytes(64)).eid == made.eid
    assert build(absent(first=3), KEY).eid != made.eid


@settings(max_examples=60)
@given(st.data())
def test_one_flipped_bit_anywhere_is_refused(data: st.DataObject) -> None:
    made = build(masked(b"abcd"), KEY)
    both = bytearray(made.header + made.signature)
    at = data.draw(st.integers(0, 8 * len(both) - 1))
    both[at // 8] ^= 1 << at % 8
    with pytest.raises((CodecError, CryptoError)):
        verify(parse(bytes(both[:-64]), bytes(both[-64:])), KEY.public)


@pytest.mark.parametrize("length", [0, 63, 65])
def test_a_signature_has_64_bytes(length: int) -> None:
    with pytest.raises(CodecError, match=f"{length} bytes"):
        parse(build(absent(), KEY).header, bytes(length))


def test_a_header_of_more_than_16_kib_is_refused_unread() -> None:
    with pytest.raises(CodecError, match="at most 16384"):
        parse(bytes(16 * 1024 + 1), bytes(64))


def test_a_header_of_more_than_16_kib_is_not_built() -> None:
    many = [[f"r{n:03d}", bytes(32), None] for n in range(420)]
    body: dict[str, Any] = {"members": many, "eph": bytes(32), "kind": "mix", "variant": "strict"}
    with pytest.raises(CodecError, match="at most 16384"):
        build(replace(masked(b"a"), type="COHORT", body=body), KEY)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"type": "AGREE"}, "not in this version", id="later type"),
        pytest.param({"type": "NONSENSE"}, "not in this version", id="unknown type"),
        pytest.param({"sender": "skane"}, "the sender's own log", id="another's log"),
        pytest.param({"head_size": 0}, "at least 1", id="place of genesis"),
        pytest.param({"study": None}, "study and round", id="no study"),
        pytest.param({"round": None}, "study and round", id="no round"),
        pytest.param({"round": 2.0}, "type float", id="float"),
        pytest.param({"session": bytes(32)}, "must be nil", id="a session"),
        pytest.param({"bytes": 4, "sha256": bytes(32)}, "payload of 4", id="a payload"),
        pytest.param({"body": {"first": 6, "last": 5}}, "at least body.first", id="end before begin"),
        pytest.param({"body": {"first": 4}}, "'last' is missing", id="field missing"),
        pytest.param({"body": {"first": 4, "last": 5, "why": "x"}}, "unknown field 'why'", id="field too many"),
    ],
)
def test_a_header_that_no_type_allows_is_not_built(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(SchemaError, match=words):
        build(replace(absent(), **changes), KEY)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"bytes": 0, "sha256": None}, "payload of 0", id="no payload"),
        pytest.param({"sha256": None}, "its hash", id="no hash"),
        pytest.param({"bytes": 0}, "its hash", id="hash of nothing"),
        pytest.param({"session": None}, "must be set", id="no session"),
    ],
)
def test_a_masked_value_has_a_payload_and_a_session(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(SchemaError, match=words):
        build(replace(masked(b"abcd"), **changes), KEY)


def test_a_text_beyond_ascii_in_a_body_is_a_schema_error() -> None:
    with pytest.raises(SchemaError):
        build(replace(absent(), type="REJECT", round=None, body={"reason": "för dyrt"}), KEY)


def test_types_are_those_of_the_table() -> None:
    assert set(TYPES) == {
        "ROSTER", "PROPOSE", "ACCEPT", "REJECT", "APPROVE", "ADVERT", "COHORT", "SHARES", "ROUTED", "MASKED",
        "RECEIPT", "SURVIVORS", "CONFIRM", "CONFIRMS", "REVEAL", "COMPLAINT", "RESULT", "PARTIAL", "DELTA", "ABSENT",
        "EVIDENCE", "PING",
        "HELLO", "BEHIND", "HEADS", "COSIGN", "PROVE", "PROOF", "MIRROR",
    }  # fmt: skip
    service = ["PING", "HELLO", "BEHIND", "HEADS", "COSIGN", "PROVE", "PROOF", "MIRROR"]
    assert [t.name for t in TYPES.values() if not t.logged] == service
    assert [t.name for t in TYPES.values() if t.flooded] == ["ROSTER", "PROPOSE", "ACCEPT", "REJECT", "APPROVE"]
    assert [t.name for t in TYPES.values() if t.carrier] == [
        "COHORT",
        "ROUTED",
        "SURVIVORS",
        "CONFIRMS",
        "EVIDENCE",
    ]


def test_only_receipts_and_complaints_are_about_somebody() -> None:
    assert about("RECEIPT", {"about": "skane", "masked": bytes(32)}) == "skane"
    assert about("COMPLAINT", {"about": "kalmar", "reason": "sealing"}) == "kalmar"
    assert about("CONFIRM", {"survivors": bytes(32)}) == ""


# ---------------------------------------------------------------- carriers


def pair(envelopes: list[Envelope]) -> list[tuple[Envelope, bytes | None]]:
    """Envelopes without payloads."""
    return [(one, None) for one in envelopes]


def test_carried_envelopes_come_back_in_the_one_order() -> None:
    a, b, c = build(absent(sender="kalmar"), KEY), build(absent(place=3), KEY), build(absent(place=12), KEY)
    assert [e for e, _ in decode_carried(encode_carried(pair([c, a, b])))] == [a, b, c]


def test_two_statements_for_one_place_are_carried_as_evidence() -> None:
    first, second = build(absent(first=3), KEY), build(absent(first=4), KEY)
    payload = encode_carried(pair([first, second]))
    assert payload == encode_carried(pair([second, first]))
    assert {e.eid for e, _ in decode_carried(payload)} == {first.eid, second.eid}


def test_a_carried_payload_comes_back() -> None:
    made = build(masked(b"abcd"), KEY)
    assert decode_carried(encode_carried([(made, b"abcd")])) == [(made, b"abcd")]


def test_nothing_may_be_carried() -> None:
    assert decode_carried(encode_carried([])) == []


def raw(*envelopes: Envelope) -> bytes:
    """Carried envelopes in the given order."""
    return encode([[e.header, e.signature, None] for e in envelopes])


def test_carried_envelopes_out_of_order_are_refused() -> None:
    a, b = build(absent(sender="kalmar"), KEY), build(absent(), KEY)
    with pytest.raises(CodecError, match="expected order"):
        decode_carried(raw(b, a))


def test_an_envelope_carried_twice_is_refused() -> None:
    a = build(absent(), KEY)
    with pytest.raises(CodecError, match="expected order"):
        decode_carried(raw(a, a))


def test_a_carried_payload_of_another_length_is_refused() -> None:
    made = build(masked(b"abcd"), KEY)
    with pytest.raises(CodecError, match="another length"):
        decode_carried(encode_carried([(made, b"abc")]))


def test_a_carried_header_is_parsed_like_any_other() -> None:
    with pytest.raises(SchemaError):
        decode_carried(encode([[encode({"v": 1}), bytes(64), None]]))


@pytest.mark.parametrize(
    "value",
    [
        None, {}, [None], [[b"a", bytes(64)]], [[b"a", bytes(63), None]], [["a", bytes(64), None]],
        [[b"", bytes(64), None]],
    ],
)  # fmt: skip
def test_what_is_no_list_of_envelopes_is_refused(value: Any) -> None:
    with pytest.raises(CodecError):
        decode_carried(encode(value))


def test_a_carrier_has_its_limit() -> None:
    with pytest.raises(CodecError, match="at most 10"):
        decode_carried(bytes(11), max_bytes=10)


def test_a_header_key_set_is_exact() -> None:
    made = build(absent(), KEY)
    value = decode(made.header, max_bytes=999)
    assert isinstance(value, dict)
    assert set(value) == {
        "body", "bytes", "from", "head", "log", "round", "session", "sha256", "study", "type", "v",
    }  # fmt: skip
