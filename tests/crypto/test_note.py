"""Signed notes and checkpoints: one form, and every other refused."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.errors import CryptoError
from crypto.merkle import EMPTY_ROOT, leaf_hash
from crypto.note import (
    Checkpoint,
    checkpoint_body,
    note_key_id,
    note_with,
    open_note,
    parse_checkpoint,
    parse_note,
    sign_note,
)
from crypto.signing import SigningKey

ORIGIN = "landsting.example/vgr/1"
BODY = checkpoint_body(Checkpoint(ORIGIN, 1, leaf_hash(b"a")))

names = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="+"), min_size=1, max_size=40)
lines = st.text(st.characters(min_codepoint=0x20, exclude_categories=["Cs"]), max_size=20)
bodies = st.lists(lines, min_size=1, max_size=4).map(lambda texts: "".join(f"{text}\n" for text in texts).encode())


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return SigningKey(sha256(b"log of vgr").digest())


def test_a_checkpoint_is_three_lines() -> None:
    assert checkpoint_body(Checkpoint(ORIGIN, 0, EMPTY_ROOT)) == (
        b"landsting.example/vgr/1\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
    )


def test_a_note_is_text_an_empty_line_and_a_signature_line(key: SigningKey) -> None:
    text, empty, line, end = sign_note(b"hello\n", "me", key).decode().split("\n")
    assert (text, empty, end) == ("hello", "", "")
    assert line.startswith("— me ")


def test_a_signed_note_opens_to_its_text(key: SigningKey) -> None:
    assert open_note(sign_note(BODY, ORIGIN, key), ORIGIN, key.public) == BODY


def test_a_stored_signature_makes_the_same_note(key: SigningKey) -> None:
    assert note_with(BODY, ORIGIN, key.public, key.sign(BODY)) == sign_note(BODY, ORIGIN, key)


@given(names, st.integers(1, 2**53 - 1), st.binary(min_size=32, max_size=32))
def test_a_checkpoint_comes_back(origin: str, size: int, root: bytes) -> None:
    checkpoint = Checkpoint(origin, size, root)
    assert parse_checkpoint(checkpoint_body(checkpoint)) == checkpoint


@given(st.data())
def test_no_other_bytes_are_the_same_checkpoint(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(BODY) - 1))
    changed = BODY[:at] + bytes((data.draw(st.integers(0, 255)),)) + BODY[at + 1 :]
    try:
        parsed = parse_checkpoint(changed)
    except CryptoError:
        return
    assert checkpoint_body(parsed) == changed


@given(bodies, names)
@settings(deadline=None)
def test_any_text_can_be_signed_and_opened(body: bytes, name: str) -> None:
    key = SigningKey(sha256(b"any").digest())
    assert open_note(sign_note(body, name, key), name, key.public) == body


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_one_flipped_bit_anywhere_in_a_note_is_refused(data: st.DataObject) -> None:
    key = SigningKey(sha256(b"any").digest())
    note = bytearray(sign_note(BODY, ORIGIN, key))
    bit = data.draw(st.integers(0, 8 * len(note) - 1))
    note[bit // 8] ^= 1 << bit % 8
    with pytest.raises(CryptoError):
        open_note(bytes(note), ORIGIN, key.public)


def test_lines_of_keys_that_one_does_not_know_are_ignored(key: SigningKey) -> None:
    other = SigningKey(sha256(b"witness").digest())
    witness = sign_note(BODY, "landsting.example/skane/witness", other)[len(BODY) + 1 :]
    assert open_note(sign_note(BODY, ORIGIN, key) + witness, ORIGIN, key.public) == BODY


def test_a_key_has_another_id_under_another_name_and_as_another_kind(key: SigningKey) -> None:
    ids = {note_key_id("a", 1, key.public), note_key_id("b", 1, key.public), note_key_id("a", 4, key.public)}
    assert len(ids) == 3


# Ways to be cheated.


def test_a_note_by_another_key_is_refused(key: SigningKey) -> None:
    forged = sign_note(BODY, ORIGIN, SigningKey(sha256(b"forger").digest()))
    with pytest.raises(CryptoError, match="0 signature lines of the key"):
        open_note(forged, ORIGIN, key.public)


def test_a_forged_line_beside_the_right_one_is_refused(key: SigningKey) -> None:
    line = sign_note(b"other\n", ORIGIN, key)[len(b"other\n\n") :]
    with pytest.raises(CryptoError, match="2 signature lines of the key"):
        open_note(sign_note(BODY, ORIGIN, key) + line, ORIGIN, key.public)


def test_a_log_key_signs_nothing_that_is_an_envelope(key: SigningKey) -> None:
    with pytest.raises(ValueError, match="control character"):
        sign_note(b"landsting/v1/MASKED\0\x01\n", ORIGIN, key)


@pytest.mark.attack("L35")
def test_a_note_with_a_hundred_thousand_lines_is_refused_before_it_is_read(key: SigningKey) -> None:
    note = BODY + b"\n" + sign_note(BODY, ORIGIN, key)[len(BODY) + 1 :] * 100_000
    with pytest.raises(CryptoError, match="bytes; expected at most 65536"):
        parse_note(note)


@pytest.mark.attack("L35")
@pytest.mark.parametrize("size", ["007", "+7", " 7", "7 ", "0x7", "7_0", "٧", "-0", "9007199254740992", str(2**63)])
def test_a_size_in_another_form_is_refused(size: str) -> None:
    body = BODY.replace(b"\n1\n", f"\n{size}\n".encode())
    with pytest.raises(CryptoError, match="checkpoint"):
        parse_checkpoint(body)


@pytest.mark.parametrize(
    ("checkpoint", "what"),
    [
        (Checkpoint("a b", 1, bytes(32)), "origin"),
        (Checkpoint("", 1, bytes(32)), "origin"),
        (Checkpoint("a\nb", 1, bytes(32)), "origin"),
        (Checkpoint("a", -1, bytes(32)), "size"),
        (Checkpoint("a", 2**53, bytes(32)), "size"),
        (Checkpoint("a", 1, bytes(31)), "root"),
        (Checkpoint("a", 0, bytes(32)), "empty tree"),
    ],
)
def test_a_checkpoint_that_could_not_be_read_back_is_not_written(checkpoint: Checkpoint, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        checkpoint_body(checkpoint)


@pytest.mark.parametrize(
    ("body", "name", "signature"),
    [
        pytest.param(b"no newline", "me", bytes(64), id="text without last newline"),
        pytest.param(b"a\tb\n", "me", bytes(64), id="control character"),
        pytest.param(b"\xff\n", "me", bytes(64), id="not UTF-8"),
        pytest.param(b"a\n", "m e", bytes(64), id="space in the name"),
        pytest.param(b"a\n", "m+e", bytes(64), id="plus in the name"),
        pytest.param(b"a\n", "", bytes(64), id="no name"),
        pytest.param(b"a\n", "me", bytes(63), id="short signature"),
    ],
)
def test_a_note_that_could_not_be_read_back_is_not_written(body: bytes, name: str, signature: bytes) -> None:
    with pytest.raises(ValueError, match=r"note|name|signature"):
        note_with(body, name, bytes(32), signature)
