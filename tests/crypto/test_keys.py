"""The six keys of a region, and Z85."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.agreement import x25519_public
from crypto.errors import CryptoError
from crypto.keys import PrivateKeys, z85_decode, z85_encode

ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"


def counted() -> Callable[[int], bytes]:
    """Entropy that everybody can repeat."""
    state = [0]

    def entropy(count: int) -> bytes:
        state[0] += 1
        return sha256(bytes(state)).digest()[:count]

    return entropy


@pytest.fixture
def keys() -> PrivateKeys:
    return PrivateKeys.generate(counted())


def test_z85_of_the_example_in_its_specification() -> None:
    assert z85_encode(bytes.fromhex("864fd26fb559f75b")) == "HelloWorld"


def test_a_key_of_32_bytes_is_40_characters(keys: PrivateKeys) -> None:
    assert len(z85_encode(keys.curve_public)) == 40


@given(st.binary(max_size=40).filter(lambda data: len(data) % 4 == 0))
def test_z85_comes_back(data: bytes) -> None:
    assert z85_decode(z85_encode(data)) == data


@given(st.text(ALPHABET, min_size=5, max_size=5))
def test_no_other_text_decodes_to_the_same_bytes(text: str) -> None:
    try:
        data = z85_decode(text)
    except CryptoError:
        return
    assert z85_encode(data) == text


def test_keys_come_back_from_their_192_bytes(keys: PrivateKeys) -> None:
    data = keys.to_bytes()
    again = PrivateKeys.from_bytes(data)
    assert len(data) == 192
    assert again.to_bytes() == data
    assert again.log.public == keys.log.public


def test_keys_are_written_in_the_order_of_their_names(keys: PrivateKeys) -> None:
    parts = (keys.identity.seed, keys.sign.seed, keys.log.seed, keys.witness.seed, keys.x25519, keys.curve)
    assert keys.to_bytes() == b"".join(parts)


def test_the_six_public_keys_are_distinct(keys: PrivateKeys) -> None:
    signing = {key.public for key in (keys.identity, keys.sign, keys.log, keys.witness)}
    assert len(signing | {keys.x25519_public, keys.curve_public}) == 6
    assert keys.curve_public == x25519_public(keys.curve)


def test_a_release_key_is_the_seventh_and_its_public_key_is_kept() -> None:
    made = PrivateKeys.generate(counted(), with_release=True)
    assert made.release is not None
    data = made.to_bytes()
    assert data[:192] == PrivateKeys.generate(counted()).to_bytes()
    assert data[192:] == made.release.seed + made.release.public
    again = PrivateKeys.from_bytes(data).release
    assert again is not None
    assert (again.seed, again.public) == (made.release.seed, made.release.public)


# Ways to be cheated.


def test_a_release_key_shows_no_secret_and_is_not_copied() -> None:
    made = PrivateKeys.generate(counted(), with_release=True)
    assert made.release is not None
    assert made.release.seed[:4].hex() not in repr(made) + repr(made.release)
    with pytest.raises(TypeError, match="not pickled or copied"):
        pickle.dumps(made.release)


def test_a_public_release_key_of_another_seed_is_refused() -> None:
    data = bytearray(PrivateKeys.generate(counted(), with_release=True).to_bytes())
    data[-1] ^= 1
    with pytest.raises(CryptoError, match="not that of its seed"):
        PrivateKeys.from_bytes(bytes(data))


def test_a_release_seed_that_is_another_key_again_is_refused() -> None:
    data = PrivateKeys.generate(counted(), with_release=True).to_bytes()
    with pytest.raises(CryptoError, match="two of the seven private keys are equal"):
        PrivateKeys.from_bytes(data[:192] + data[:32] + data[224:])


def test_keys_show_no_secret(keys: PrivateKeys) -> None:
    shown = repr(keys) + str(keys)
    data = keys.to_bytes()
    assert not any(data[at : at + 4].hex() in shown for at in range(0, 192, 4))
    assert repr(keys.curve) not in shown


def test_broken_entropy_is_noticed() -> None:
    with pytest.raises(CryptoError, match="two of the six private keys are equal"):
        PrivateKeys.generate(lambda count: bytes(count))


def test_entropy_that_gives_too_little_is_noticed() -> None:
    with pytest.raises(CryptoError, match="expected 192"):
        PrivateKeys.generate(lambda count: bytes(count - 1))


@pytest.mark.parametrize(
    ("text", "what"),
    [("Hell", "multiple of 5"), ("Hel~o", "alphabet"), ("%nSc1", r"2\^32"), ("#####", r"2\^32"), ("Hélló", "alphabet")],
)
def test_text_that_is_not_z85_is_refused(text: str, what: str) -> None:
    with pytest.raises(CryptoError, match=what):
        z85_decode(text)


def test_bytes_that_fill_no_group_are_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 4"):
        z85_encode(b"abc")
