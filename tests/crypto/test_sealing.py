"""What one region seals to another opens there, for that use and direction, and nowhere else."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.agreement import x25519, x25519_public
from crypto.errors import CryptoError
from crypto.sealing import OVERHEAD_BYTES, channel_key, seal, unseal

KEY = sha256(b"key").digest()


def test_two_ends_with_two_keys_each_have_one_channel() -> None:
    a, b, lasting_a, lasting_b = (sha256(word).digest() for word in (b"a", b"b", b"c", b"d"))
    at_a = channel_key(x25519(a, x25519_public(b)), x25519(lasting_a, x25519_public(lasting_b)), b"cohort", b"names")
    at_b = channel_key(x25519(b, x25519_public(a)), x25519(lasting_b, x25519_public(lasting_a)), b"cohort", b"names")
    assert unseal(at_b, True, b"use", seal(at_a, True, b"use", b"share")) == b"share"


@given(data=st.binary(max_size=300), aad=st.binary(max_size=50), from_low=st.booleans())
def test_what_was_sealed_opens(data: bytes, aad: bytes, from_low: bool) -> None:
    sealed = seal(KEY, from_low, aad, data)
    assert len(sealed) == len(data) + OVERHEAD_BYTES
    assert unseal(KEY, from_low, aad, sealed) == data


def test_both_directions_have_streams_of_their_own() -> None:
    assert seal(KEY, True, b"", bytes(64))[:64] != seal(KEY, False, b"", bytes(64))[:64]


@pytest.mark.parametrize("at", [*range(0, 80, 7), 79])
def test_one_flipped_bit_is_refused(at: int) -> None:
    sealed = bytearray(seal(KEY, True, b"use", bytes(64)))
    sealed[at] ^= 1
    with pytest.raises(CryptoError, match="do not open"):
        unseal(KEY, True, b"use", bytes(sealed))


@pytest.mark.attack("S22")
@pytest.mark.parametrize("half", ["ephemeral", "lasting"])
def test_one_half_of_the_key_is_not_enough(half: str) -> None:
    ephemeral, lasting, other = sha256(b"e").digest(), sha256(b"l").digest(), sha256(b"o").digest()
    sealed = seal(channel_key(ephemeral, lasting, b"cohort", b"names"), True, b"", b"share")
    guess = (other, lasting) if half == "lasting" else (ephemeral, other)
    with pytest.raises(CryptoError, match="do not open"):
        unseal(channel_key(*guess, b"cohort", b"names"), True, b"", sealed)


def test_an_agreement_of_another_length_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="31 and 32 bytes"):
        channel_key(bytes(31), bytes(32), b"", b"")
