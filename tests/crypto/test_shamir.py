"""Any t of n shares give a secret back, and fewer say nothing about it."""

from __future__ import annotations

from hashlib import sha256
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.errors import CryptoError
from crypto.shamir import PRIME, check_share, join, split

SECRET = bytes(range(31))


def entropy(seed: int) -> list[int]:
    """Coefficients that a test can make again."""
    return [int.from_bytes(sha256(f"{seed} {i}".encode()).digest() * 2, "big") for i in range(40)]


def dealt(secret: bytes, t: int, n: int, seed: int = 0) -> dict[int, bytes]:
    """Shares by x."""
    given_ = iter(entropy(seed))
    return dict(enumerate(split(secret, t, n, lambda size: next(given_).to_bytes(size, "big")), 1))


def test_two_of_three_by_hand() -> None:
    # secret 5, slope 3: 8, 11, 14 on one line.
    shares = split((5).to_bytes(31, "big"), 2, 3, lambda size: (3).to_bytes(size, "big"))
    assert [int.from_bytes(one, "big") for one in shares] == [8, 11, 14]


@settings(max_examples=40, deadline=None)
@given(secret=st.binary(min_size=31, max_size=31), n=st.integers(1, 16), data=st.data())
def test_any_t_shares_give_the_secret_back(secret: bytes, n: int, data: st.DataObject) -> None:
    t = data.draw(st.integers(1, n))
    shares = dealt(secret, t, n, data.draw(st.integers(0, 2**32)))
    some = data.draw(st.lists(st.sampled_from(sorted(shares)), min_size=t, max_size=n, unique=True))
    assert join({x: shares[x] for x in some}) == secret


def test_every_choice_of_three_of_six_gives_the_secret_back() -> None:
    shares = dealt(SECRET, 3, 6)
    assert {join({x: shares[x] for x in xs}) for xs in combinations(shares, 3)} == {SECRET}


def test_fewer_than_t_shares_fit_every_secret() -> None:
    # Two shares of a 3 of 5: for any other secret there is a polynomial through it and both of them.
    shares = dealt(SECRET, 3, 5)
    for other in (bytes(31), b"\xff" * 31):
        points = {
            0: int.from_bytes(other, "big"),
            1: int.from_bytes(shares[1], "big"),
            4: int.from_bytes(shares[4], "big"),
        }
        third = sum(
            y * _weight(x, [*points], at=2) for x, y in points.items()
        ) % PRIME  # fmt: skip
        assert join({1: shares[1], 4: shares[4], 2: third.to_bytes(32, "big")}) == other


def _weight(x: int, xs: list[int], at: int) -> int:
    weight = 1
    for other in xs:
        if other != x:
            weight = weight * (at - other) * pow(x - other, -1, PRIME) % PRIME
    return weight


@pytest.mark.attack("S09")
def test_shares_that_do_not_lie_on_one_polynomial_join_to_something_else() -> None:
    shares = dealt(SECRET, 3, 5)
    other = dealt(SECRET, 3, 5, seed=1)
    with pytest.raises(CryptoError, match="one of them is false"):
        join({1: shares[1], 2: shares[2], 3: other[3]})


def test_coefficients_are_fresh_for_every_secret() -> None:
    assert dealt(SECRET, 3, 5)[1] != dealt(SECRET, 3, 5, seed=1)[1]


@pytest.mark.parametrize(
    ("secret", "t", "n"),
    [(bytes(30), 2, 3), (bytes(32), 2, 3), (bytes(31), 0, 3), (bytes(31), 4, 3)],
    ids=["30 bytes", "32 bytes", "no shares needed", "more needed than there are"],
)
def test_what_cannot_be_shared_is_a_mistake_of_ours(secret: bytes, t: int, n: int) -> None:
    with pytest.raises(ValueError, match="shar"):
        split(secret, t, n, bytes)


@pytest.mark.parametrize("share", [b"", bytes(31), bytes(33), PRIME.to_bytes(32, "big"), b"\xff" * 32])
def test_a_share_has_one_form(share: bytes) -> None:
    with pytest.raises(CryptoError, match="a share of"):
        check_share(share)
