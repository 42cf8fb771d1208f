"""What neighbours say of logs: cosignatures as C2SP has them, payloads in one form."""

from __future__ import annotations

import base64
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.errors import CryptoError
from crypto.merkle import leaf_hash
from crypto.note import Checkpoint, checkpoint_body, note_key_id, parse_note, sign_note
from crypto.signing import SigningKey, verify
from protocol.codec import encode
from protocol.cosignature import (
    Cosignature,
    cosign,
    cosignature_line,
    log_signature,
    read_line,
    verify_cosignature,
    witness_name,
)
from protocol.errors import CodecError
from protocol.witnessing import (
    Behind,
    Heads,
    Proof,
    decode_behind,
    decode_heads,
    decode_mirror,
    decode_proof,
    encode_mirror,
)

KEY, OTHER = SigningKey(bytes([7]) * 32), SigningKey(bytes([8]) * 32)
POINT = Checkpoint("landsting.example/vgr/1", 51, bytes([3]) * 32)
NAME = witness_name("landsting.example", "kalmar")


def test_a_cosignature_is_ed25519_over_time_and_checkpoint() -> None:
    """The bytes of C2SP tlog-cosignature, written out here by hand."""
    made = cosign(POINT, "kalmar", KEY, 1_790_000_000)
    message = b"cosignature/v1\ntime 1790000000\n" + checkpoint_body(POINT)
    verify(KEY.public, made.sig, message)
    line = cosignature_line(NAME, KEY.public, made)
    data = base64.b64decode(line.split(b" ")[2])
    assert data == note_key_id(NAME, 4, KEY.public) + struct.pack(">Q", 1_790_000_000) + made.sig
    assert read_line(line, NAME, KEY.public) == (1_790_000_000, made.sig)


def test_a_cosignature_of_another_key_time_or_size_does_not_verify() -> None:
    made = cosign(POINT, "kalmar", KEY, 5)
    verify_cosignature(POINT, made, KEY.public)
    for wrong in (
        Cosignature("kalmar", 51, 6, made.sig),
        Cosignature("kalmar", 50, 5, made.sig),
        Cosignature("kalmar", 51, 5, bytes(64)),
    ):
        with pytest.raises(CryptoError):
            verify_cosignature(POINT, wrong, KEY.public)
    with pytest.raises(CryptoError):
        verify_cosignature(POINT, made, OTHER.public)
    with pytest.raises(CryptoError):
        verify_cosignature(Checkpoint(POINT.origin, 51, bytes(32)), made, KEY.public)


@pytest.mark.parametrize(
    "line", [b"", b"\n", b"x", "— a b\n".encode(), b"\xff\n", "— landsting.example/kalmar/witness AAAA\n".encode()]
)
def test_what_is_no_cosignature_line_is_refused(line: bytes) -> None:
    with pytest.raises(CryptoError):
        read_line(line, NAME, KEY.public)


def test_a_cosigned_note_still_opens_for_its_log() -> None:
    note = sign_note(checkpoint_body(POINT), POINT.origin, OTHER)
    both = note + cosignature_line(NAME, KEY.public, cosign(POINT, "kalmar", KEY, 5))
    assert len(parse_note(both).signatures) == 2
    assert log_signature(both, POINT.origin, OTHER.public)[0] == POINT
    with pytest.raises(CryptoError, match="0 lines"):
        log_signature(both, POINT.origin, KEY.public)
    with pytest.raises(CryptoError, match="expected one of"):
        log_signature(both, "landsting.example/skane/1", OTHER.public)


def test_payloads_come_back() -> None:
    heads = Heads(3, b"own", 17, (b"a", b"b"))
    assert decode_heads(heads.encode()) == heads
    for behind in (Behind(), Behind(note=b"n"), Behind(envelope=(b"h", bytes(64)))):
        assert decode_behind(behind.encode()) == behind
    proof = Proof(9, {3: [bytes(32)]}, {4: (b"leaf" * 9, [bytes(32), bytes(32)])})
    read = decode_proof(proof.encode())
    assert (read.size, dict(read.consistency), dict(read.places)) == (9, proof.consistency, proof.places)


def test_an_item_of_a_mirror_is_a_leaf_or_its_hash() -> None:
    leaf, digest = b"x" * 40, bytes([4]) * 32
    assert decode_mirror(encode_mirror(5, [leaf, digest])) == (5, [(leaf, leaf_hash(leaf)), (None, digest)])


@given(st.binary(max_size=64))
def test_no_bytes_but_a_codec_error(data: bytes) -> None:
    for read in (decode_heads, decode_mirror, decode_behind, decode_proof):
        with pytest.raises(CodecError):
            read(data)


@pytest.mark.parametrize(
    "value",
    [{"first": 0, "items": []}, {"first": -1, "items": [bytes(32)]}, {"first": 0, "items": [b"short"]}, {"first": 0}],
)
def test_a_mirror_of_another_form_is_refused(value: object) -> None:
    with pytest.raises(CodecError):
        decode_mirror(encode(value))  # type: ignore[arg-type]
