"""Words that two people can read to each other."""

from __future__ import annotations

from itertools import combinations

import pytest

from crypto.words import WORDS, words


def test_a_byte_is_a_word() -> None:
    assert words(bytes((0, 255, 0)), 3) == "abbey-zebra-abbey"


def test_eight_words_unless_told_otherwise() -> None:
    assert len(words(bytes(32)).split("-")) == 8


def test_there_are_256_words_in_order() -> None:
    assert len(WORDS) == 256
    assert list(WORDS) == sorted(set(WORDS))


def test_words_are_short_and_plain() -> None:
    assert all(3 <= len(word) <= 7 and word.isascii() and word.islower() and word.isalpha() for word in WORDS)


def test_a_word_cut_short_is_not_another_one() -> None:
    assert len({word[:4] for word in WORDS}) == 256


def test_any_two_words_differ_in_three_letters() -> None:
    assert min(_distance(one, two) for one, two in combinations(WORDS, 2)) == 3


@pytest.mark.parametrize(("data", "count"), [(b"", 8), (bytes(7), 8), (bytes(8), 0), (bytes(8), -1)])
def test_more_words_than_bytes_are_refused(data: bytes, count: int) -> None:
    with pytest.raises(ValueError, match="words of"):
        words(data, count)


def _distance(one: str, two: str) -> int:
    """Letters to change, add or leave out between two words (Levenshtein)."""
    row = list(range(len(two) + 1))
    for i, a in enumerate(one, 1):
        new = [i]
        for j, b in enumerate(two, 1):
            new.append(min(row[j] + 1, new[-1] + 1, row[j - 1] + (a != b)))
        row = new
    return row[-1]
