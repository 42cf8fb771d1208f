"""Ed25519: who signed what, and nobody else."""

from __future__ import annotations

import copy
import pickle
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto import signing
from crypto.errors import CryptoError
from crypto.signing import SigningKey, check_public, verify
from tests.vectors import reference

seeds = st.binary(min_size=32, max_size=32)


@pytest.fixture
def key() -> SigningKey:
    return SigningKey(sha256(b"north").digest())


def test_a_signature_holds_for_its_message(key: SigningKey) -> None:
    verify(key.public, key.sign(b"delta"), b"delta")


def test_equal_messages_have_equal_signatures(key: SigningKey) -> None:
    assert key.sign(b"delta") == key.sign(b"delta")


@given(seeds, st.binary(max_size=100))
@settings(max_examples=20, deadline=None)
def test_a_second_implementation_makes_the_same_key_and_signature(seed: bytes, message: bytes) -> None:
    key = SigningKey(seed)
    assert key.public == reference.ed25519_public(seed)
    assert key.sign(message) == reference.ed25519_sign(seed, message)


@given(seeds, st.binary(min_size=1, max_size=60), st.data())
@settings(max_examples=60, deadline=None)
def test_one_flipped_bit_anywhere_is_refused(seed: bytes, message: bytes, data: st.DataObject) -> None:
    key = SigningKey(seed)
    whole = bytearray(key.public + key.sign(message) + message)
    bit = data.draw(st.integers(0, 8 * len(whole) - 1))
    whole[bit // 8] ^= 1 << bit % 8
    with pytest.raises(CryptoError):
        verify(bytes(whole[:32]), bytes(whole[32:96]), bytes(whole[96:]))


@given(seeds)
@settings(max_examples=50, deadline=None)
def test_every_honest_key_passes_the_check(seed: bytes) -> None:
    check_public(SigningKey(seed).public)


@given(st.binary(min_size=32, max_size=32))
@settings(max_examples=50, deadline=None)
def test_the_check_agrees_with_the_second_implementation_on_any_bytes(data: bytes) -> None:
    try:
        good = not reference.has_small_order(reference.decode_point(data))
    except ValueError:
        good = False
    assert _passes(data) == good


def test_the_eight_points_of_small_order_are_those_that_the_check_lists() -> None:
    ys = {y for y in signing._SMALL_ORDER if _order_divides_8(y)}
    assert ys == signing._SMALL_ORDER
    assert len(ys) == 5


def test_a_repeated_check_loads_the_key_once(key: SigningKey) -> None:
    before = signing._loaded.cache_info()
    for _ in range(3):
        verify(key.public, key.sign(b"x"), b"x")
    after = signing._loaded.cache_info()
    assert after.misses - before.misses <= 1


# Ways to be cheated.


def test_a_second_form_of_a_signature_is_refused(key: SigningKey) -> None:
    signature = key.sign(b"delta")
    s = int.from_bytes(signature[32:], "little") + reference.L
    with pytest.raises(CryptoError, match="S is not below the group order"):
        verify(key.public, signature[:32] + s.to_bytes(32, "little"), b"delta")


def test_a_key_under_which_one_signature_fits_many_messages_is_refused() -> None:
    identity = reference.encode_point(reference.IDENTITY)
    forged = reference.encode_point(reference.BASE) + (1).to_bytes(32, "little")
    with pytest.raises(CryptoError, match="small order"):
        verify(identity, forged, b"whatever one likes")


def test_a_refused_key_is_refused_again_and_not_kept() -> None:
    identity = reference.encode_point(reference.IDENTITY)
    for _ in range(2):
        with pytest.raises(CryptoError, match="small order"):
            verify(identity, bytes(64), b"")


@pytest.mark.parametrize("length", [0, 32, 63, 65, 128])
def test_a_signature_of_another_length_is_refused(key: SigningKey, length: int) -> None:
    with pytest.raises(CryptoError, match="expected 64"):
        verify(key.public, bytes(length), b"")


def test_a_signing_key_shows_no_secret(key: SigningKey) -> None:
    shown = repr(key) + str(key) + f"{key}"
    assert key.seed.hex()[:8] not in shown
    assert repr(key.seed) not in shown


@pytest.mark.parametrize("away", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_signing_key_is_not_pickled_or_copied(key: SigningKey, away: object) -> None:
    assert callable(away)
    with pytest.raises(TypeError, match="not pickled"):
        away(key)


def test_a_seed_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="31 bytes; expected 32"):
        SigningKey(bytes(31))


def _passes(public: bytes) -> bool:
    try:
        check_public(public)
    except CryptoError:
        return False
    return True


def _order_divides_8(y: int) -> bool:
    return reference.has_small_order(reference.decode_point(y.to_bytes(32, "little")))
