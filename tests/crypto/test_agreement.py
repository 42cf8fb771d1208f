"""Two keys become one secret, and the secret a key for one use."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.agreement import derive, x25519, x25519_public
from crypto.errors import CryptoError
from tests.vectors import reference

privates = st.binary(min_size=32, max_size=32)
NORTH, SOUTH = sha256(b"north").digest(), sha256(b"south").digest()


def test_both_ends_arrive_at_the_same_secret() -> None:
    assert x25519(NORTH, x25519_public(SOUTH)) == x25519(SOUTH, x25519_public(NORTH))


@given(privates, privates)
@settings(max_examples=20, deadline=None)
def test_a_second_implementation_arrives_there_too(one: bytes, two: bytes) -> None:
    public = reference.x25519_public(two)
    assert x25519_public(two) == public
    assert x25519(one, public) == reference.x25519(one, public)


@given(st.binary(min_size=1, max_size=80), st.binary(max_size=40), st.binary(max_size=40))
@settings(max_examples=30, deadline=None)
def test_a_second_implementation_derives_the_same_key(ikm: bytes, salt: bytes, info: bytes) -> None:
    assert derive(ikm, salt, "pair-mask", info) == reference.hkdf(ikm, salt, b"landsting/v1/pair-mask\0" + info)


def test_a_change_of_any_input_gives_another_key() -> None:
    keys = {
        derive(b"secret", b"cohort", "pair-mask", b"a"),
        derive(b"Secret", b"cohort", "pair-mask", b"a"),
        derive(b"secret", b"Cohort", "pair-mask", b"a"),
        derive(b"secret", b"cohort", "share-channel", b"a"),
        derive(b"secret", b"cohort", "pair-mask", b"b"),
    }
    assert len(keys) == 5


# Ways to be cheated.


@pytest.mark.parametrize("u", [0, 1, reference.P - 1, reference.P, reference.P + 1])
def test_a_public_key_that_makes_the_secret_known_to_all_is_refused(u: int) -> None:
    with pytest.raises(CryptoError, match="small order"):
        x25519(NORTH, u.to_bytes(32, "little"))


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_public_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(CryptoError, match="expected 32"):
        x25519(NORTH, bytes(length))


def test_a_private_key_of_another_length_is_our_own_mistake() -> None:
    with pytest.raises(ValueError, match="31 bytes; expected 32"):
        x25519_public(bytes(31))


def test_nothing_is_derived_from_nothing() -> None:
    with pytest.raises(ValueError, match="ikm is empty"):
        derive(b"", b"cohort", "pair-mask", b"")
