"""Shapes: what takes the short way is what the strict decoder takes, and shows the same line."""

from __future__ import annotations

import random

import pytest

from crypto.merkle import leaf_hash
from node.audit.shapes import MessageError, Shapes, read_leaf
from protocol.entries import decode_entry, view
from protocol.envelope import parse
from protocol.errors import CodecError
from tests.node.audit_network import Small


def taught(leaves: list[bytes]) -> Shapes:
    shapes = Shapes()
    for seq, leaf in enumerate(leaves):
        read_leaf(shapes, leaf, seq, leaf_hash(leaf))
    return shapes


def strictly(leaf: bytes) -> str | None:
    """The reading view of a leaf by the strict decoders alone, at place 7; None if they refuse it."""
    try:
        entry = decode_entry(leaf)
        if entry.kind in ("env.sent", "env.recv"):
            parse(entry.body["header"], entry.body["sig"])  # type: ignore[arg-type]
    except CodecError:
        return None
    return view(7, leaf)


def mutated(leaf: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(leaf))
    match rng.randrange(4):
        case 0:
            return leaf[:at] + bytes([leaf[at] ^ 1 << rng.randrange(8)]) + leaf[at + 1 :]
        case 1:
            return leaf[:at] + rng.randbytes(1) + leaf[at + 1 :]
        case 2:
            end = min(len(leaf), at + 8)
            return leaf[:at] + bytes(end - at) + leaf[end:]
        case _:
            end = min(len(leaf), at + 8)
            return leaf[:at] + b"\xff" * (end - at) + leaf[end:]


def campaign(count: int, seed: int) -> int:
    """Change leaves of a study that the shapes know; return how many changed ones were taken."""
    leaves = [leaf for home in Small().run().homes.values() for leaf in home.leaves]
    shapes, rng, taken = taught(leaves), random.Random(seed), 0
    for _ in range(count):
        leaf = mutated(rng.choice(leaves), rng)
        found = shapes.read(leaf, 7, leaf_hash(leaf))
        if found is not None:
            taken += 1
            assert found[3].decode() == strictly(leaf)
            assert read_leaf(Shapes(), leaf, 7, leaf_hash(leaf))[1:] == found[1:]
    return taken


def test_every_leaf_of_a_study_reads_alike_both_ways() -> None:
    leaves = Small().run().homes["vgr"].leaves
    shapes = taught(leaves)
    short = [shapes.read(leaf, 7, leaf_hash(leaf)) for leaf in leaves]
    assert sum(found is not None for found in short) > len(leaves) // 2
    for leaf, found in zip(leaves, short, strict=True):
        assert found is None or found[3].decode() == view(7, leaf)


def test_the_first_leaf_of_a_form_is_shown_like_the_next() -> None:
    for leaf in Small().run().homes["vgr"].leaves:
        assert read_leaf(Shapes(), leaf, 7, leaf_hash(leaf))[3].decode() == view(7, leaf)


def test_what_an_entry_says_is_the_same_both_ways() -> None:
    leaves = Small().run().homes["vgr"].leaves
    shapes = taught(leaves)
    for leaf in leaves:
        entry = decode_entry(leaf)
        form, seq, t_ms, _ = read_leaf(shapes, leaf, 7, leaf_hash(leaf))
        assert (form.kind, form.log, form.study) == (entry.kind, entry.log, entry.study)
        assert (seq, t_ms) == (entry.seq, entry.t_ms)
        if form.type is not None:
            assert form.message(leaf) == (entry.body["header"], entry.body["sig"])


def test_a_changed_leaf_takes_the_short_way_only_where_the_long_way_takes_it() -> None:
    assert campaign(4000, seed=1) > 500


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 6))
def test_many_changed_leaves_take_the_short_way_only_where_the_long_way_takes_them(seed: int) -> None:
    assert campaign(50_000, seed) > 5000


def test_a_message_in_no_form_is_told_from_an_entry_in_no_form() -> None:
    leaf = next(leaf for leaf in Small().run().homes["vgr"].leaves if decode_entry(leaf).kind == "env.sent")
    broken = leaf.replace(b"ROSTER", b"RASTER")
    with pytest.raises(MessageError, match="RASTER"):
        read_leaf(Shapes(), broken, 3, leaf_hash(broken))
