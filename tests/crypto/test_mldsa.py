"""ML-DSA-44: the library and the audit's own verification in plain Python say the same of every signature."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto import mldsa
from crypto.errors import CryptoError
from node.audit.court import lattice

MADE: dict[str, Any] = json.loads((Path(__file__).parents[1] / "vectors" / "crypto" / "mldsa.json").read_text("utf-8"))
PUBLIC = bytes.fromhex(MADE["public"])
KEY = mldsa.make_release_key(bytes.fromhex(MADE["seed"]))
BOTH = pytest.mark.parametrize("verify", [mldsa.verify, lattice.verify], ids=["library", "plain Python"])
Verify = Callable[[bytes, bytes, bytes], None]


def test_the_key_follows_from_its_seed() -> None:
    assert KEY.public == PUBLIC


@BOTH
@pytest.mark.parametrize("case", [pytest.param(one, id=one["comment"]) for one in MADE["signed"]])
def test_a_signature_holds(case: dict[str, str], verify: Verify) -> None:
    verify(PUBLIC, bytes.fromhex(case["signature"]), bytes.fromhex(case["message"]))


@BOTH
@pytest.mark.parametrize("case", [pytest.param(one, id=one["comment"]) for one in MADE["refused"]])
def test_a_signature_is_refused(case: dict[str, str], verify: Verify) -> None:
    with pytest.raises(CryptoError):
        verify(PUBLIC, bytes.fromhex(case["signature"]), bytes.fromhex(case["message"]))


@BOTH
def test_a_key_of_another_length_or_another_key_is_refused(verify: Verify) -> None:
    signature = KEY.sign(b"x")
    with pytest.raises(CryptoError, match="expected 1312"):
        verify(PUBLIC[:-1], signature, b"x")
    with pytest.raises(CryptoError, match="does not match"):
        verify(bytes(1312), signature, b"x")


@settings(max_examples=20, deadline=None)
@given(seed=st.binary(min_size=32, max_size=32), message=st.binary(max_size=64), at=st.integers(0, 2420 * 8 - 1))
def test_both_take_what_is_signed_and_refuse_it_with_a_bit_changed(seed: bytes, message: bytes, at: int) -> None:
    key = mldsa.make_release_key(seed)
    signature = bytearray(key.sign(message))
    lattice.verify(key.public, bytes(signature), message)
    signature[at // 8] ^= 1 << at % 8
    for verify in (mldsa.verify, lattice.verify):
        with pytest.raises(CryptoError):
            verify(key.public, bytes(signature), message)


def test_two_signatures_over_one_message_differ() -> None:
    assert KEY.sign(b"x") != KEY.sign(b"x")


def test_a_library_without_it_says_so_and_keeps_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    signature = KEY.sign(b"x")
    monkeypatch.setattr(mldsa, "is_available", lambda: False)
    kept = mldsa.ReleaseKey(KEY.seed, KEY.public)
    assert kept.public == KEY.public
    with pytest.raises(mldsa.UnavailableError, match="cryptography 48"):
        kept.sign(b"x")
    with pytest.raises(mldsa.UnavailableError):
        mldsa.verify(PUBLIC, signature, b"x")
    with pytest.raises(mldsa.UnavailableError):
        mldsa.make_release_key(bytes(32))


def test_a_seed_of_another_length_is_our_own_mistake() -> None:
    with pytest.raises(ValueError, match="expected 32"):
        mldsa.make_release_key(hashlib.sha256(b"").digest()[:-1])
