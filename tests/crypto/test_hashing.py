"""Contexts: bytes made for one use are worthless in another."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.hashing import tagged, tagged_hash

tags = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=24)


def test_a_tagged_message_is_what_one_would_write_by_hand() -> None:
    assert tagged("MASKED", b"\x80") == b"landsting/v1/MASKED\x00\x80"


def test_a_tagged_hash_is_sha256_of_the_tagged_message() -> None:
    assert tagged_hash("sid", b"abc") == sha256(b"landsting/v1/sid\x00abc").digest()


@given(tags, st.binary(max_size=40), tags, st.binary(max_size=40))
def test_two_uses_never_make_the_same_bytes(tag: str, data: bytes, other_tag: str, other_data: bytes) -> None:
    same_bytes = tagged(tag, data) == tagged(other_tag, other_data)
    assert same_bytes == ((tag, data) == (other_tag, other_data))


@pytest.mark.parametrize("tag", ["", "a\0b", "a b", "mått", "a\n"])
def test_a_tag_with_another_character_is_refused(tag: str) -> None:
    with pytest.raises(ValueError, match="expected printable ASCII"):
        tagged(tag, b"")
