"""Bytes as words, to be read aloud over a telephone."""

from __future__ import annotations

# 16 beginnings times 16 endings: the high and the low half of a byte, so that one misheard syllable shows.
_HEADS = "bal bor dal fal gar hol kal lun mar nor pil ros sol tor val vin"
_TAILS = "ad ben dik eko fin gul hem ist jon ka lo mur ne pas rik sta"


def words(data: bytes, count: int = 8) -> str:
    """Return the first ``count`` bytes as words joined by hyphens: ``baled-...``; the same bytes, the same words."""
    heads, tails = _HEADS.split(), _TAILS.split()
    return "-".join(heads[byte >> 4] + tails[byte & 15] for byte in data[:count])
