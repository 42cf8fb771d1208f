"""Vectors of ``crypto`` for recoverable sessions: Shamir's shares and what is sealed. Part of ``make_crypto.py``."""

from __future__ import annotations

import hashlib
from typing import Any

from tests.vectors import reference_sharing as s

Case = dict[str, Any]


def _key(word: str, size: int = 32) -> bytes:
    return hashlib.sha512(word.encode()).digest()[:size]


def shamir() -> Case:
    """Shares of fixed polynomials, what they join to, and what they must not."""
    secret, coefficients = _key("secret", 31), [int.from_bytes(_key(f"coefficient {i}", 64), "big") for i in (1, 2)]
    five = {x: s.share(secret, coefficients, x) for x in range(1, 6)}
    assert s.joined({x: five[x] for x in (1, 3, 5)}) == int.from_bytes(secret, "big")
    two = {x: five[x] for x in (2, 4)}
    assert s.joined(two) >= 2**248
    spoilt = {1: five[1], 3: five[3], 5: five[5][:-1] + bytes([five[5][-1] ^ 1])}
    assert s.joined(spoilt) >= 2**248

    def case(comment: str, one: bytes, given: list[int], n: int) -> Case:
        return {
            "comment": comment, "secret": one.hex(), "threshold": len(given) + 1,
            "entropy": [x.to_bytes(64, "big").hex() for x in given],
            "shares": [s.share(one, given, x).hex() for x in range(1, n + 1)],
        }  # fmt: skip

    largest = b"\xff" * 31
    return {
        "comment": "field 2^255 - 19; a coefficient is 64 bytes, big-endian, mod the prime, from the linear one up; "
        "share x = value at x = 1 … n, 32 bytes big-endian; a secret is 31 bytes.",
        "valid": [
            case("3 of 5", secret, coefficients, 5),
            case("2 of 2", _key("another", 31), coefficients[:1], 2),
            case("1 of 3: every share is the secret", secret, [], 3),
            case("coefficients of zero", secret, [0, 0], 4),
            case("the largest secret, a coefficient just below the prime", largest, [s.FIELD - 1], 3),
            case("a coefficient that is the prime counts as zero", largest, [s.FIELD], 3),
            case("the secret zero", bytes(31), coefficients, 3),
        ],
        "refused": [
            {"comment": "two of three: another value, too large", "shares": _hex(two)},
            {"comment": "one share spoilt: too large", "shares": _hex(spoilt)},
            {"comment": "no shares", "shares": {}},
            {"comment": "an abscissa of zero", "shares": {"0": five[1].hex()}},
            {"comment": "31 bytes", "shares": {"1": five[1][1:].hex()}},
            {"comment": "the prime itself: a share has one form", "shares": {"1": s.FIELD.to_bytes(32, "big").hex()}},
        ],
    }  # fmt: skip


def _hex(shares: dict[int, bytes]) -> dict[str, str]:
    return {str(x): one.hex() for x, one in shares.items()}


def sealing() -> Case:
    """Channel keys, sealed bytes both ways, and what must not open."""
    ephemeral, lasting, cohort, info = _key("ephemeral"), _key("lasting"), _key("cohort"), b"\x92\xa1a\xa1b"
    key = s.r.hkdf(ephemeral + lasting, cohort, s.tagged("share-channel", info))
    aad, pair = b"\x94 what it is bound to", _key("a pair of shares", 64)
    low = s.aead(key, bytes(12), aad, pair)
    high = s.aead(key, b"\1" + bytes(11), aad, pair)

    def refused(comment: str, *, k: bytes = key, from_low: bool = True, a: bytes = aad, sealed: bytes = low) -> Case:
        return {
            "comment": comment, "key": k.hex(), "from_low": from_low, "aad": a.hex(), "sealed": sealed.hex(),
        }  # fmt: skip

    return {
        "comment": "key = HKDF(ephemeral + lasting, cohort, 'share-channel', info); ChaCha20-Poly1305, nonce = 0 from "
        "the lower name and 1 from the higher, then eleven zero bytes.",
        "ephemeral": ephemeral.hex(), "lasting": lasting.hex(), "salt": cohort.hex(), "info": info.hex(),
        "key": key.hex(),
        "valid": [
            {"comment": "a pair of shares, from the lower name", "from_low": True, "aad": aad.hex(),
             "data": pair.hex(), "sealed": low.hex()},
            {"comment": "the same from the higher name", "from_low": False, "aad": aad.hex(),
             "data": pair.hex(), "sealed": high.hex()},
            {"comment": "nothing", "from_low": True, "aad": "", "data": "",
             "sealed": s.aead(key, bytes(12), b"", b"").hex()},
        ],
        "refused": [
            refused("the other direction", from_low=False),
            refused("another use", a=aad + b"\0"),
            refused("another key", k=_key("another")),
            refused("one bit of the ciphertext", sealed=bytes([low[0] ^ 1]) + low[1:]),
            refused("one bit of the tag", sealed=low[:-1] + bytes([low[-1] ^ 1])),
            refused("cut", sealed=low[:-1]),
            refused("shorter than a tag", sealed=low[:15]),
            refused("nothing", sealed=b""),
        ],
    }  # fmt: skip
