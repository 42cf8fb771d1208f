"""Which rounds are opened to an audit: drawn from what the neighbours' logs have come to, by nobody's choice.

The draw of region i and round r is

    H("landsting/v1/beacon\\0" || study || u64 r || name of i || 0x00 || roots)

where ``roots`` are those that i's own ``round.heads`` of r holds as verified, ascending by origin. Its first eight
bytes as an integer, mod 10000, below ``retention.sample_bp``: i keeps that round's payloads and values for good. It
follows from the log alone, and i cannot know it before its neighbours have closed the round; the last of them can try
variants. A round without verified roots is always drawn: leaving the entry out is no way around it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

PARTS = 10_000
_CONTEXT = b"landsting/v1/beacon\0"


def draw(study: bytes, round: int, region: str, roots: Mapping[str, bytes]) -> int:
    """Return the number that a region's round draws, 0 … 9999.

    Args:
        study: 32 bytes.
        round: At least 0.
        region: Name of the region whose round it is.
        roots: Origin of a log to its verified root, 32 bytes.

    Raises:
        ValueError: A study or root of another length.
    """
    if len(study) != 32 or any(len(root) != 32 for root in roots.values()):
        raise ValueError("a draw takes a study and roots of 32 bytes each")
    joined = b"".join(roots[origin] for origin in sorted(roots))
    said = _CONTEXT + study + round.to_bytes(8, "big") + region.encode() + b"\0" + joined
    return int.from_bytes(hashlib.sha256(said).digest()[:8], "big") % PARTS


def is_drawn(study: bytes, round: int, region: str, roots: Mapping[str, bytes], sample_bp: int) -> bool:
    """Whether a region keeps a round for good; ``sample_bp`` in 1e-4, none where it is 0."""
    if sample_bp <= 0:
        return False
    return not roots or draw(study, round, region, roots) < sample_bp
