"""The tree of a whole-network round: places, who tells whom, and a parent that has to account for its sum."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.signing import SigningKey
from gossip.tree.shape import Tree, added, counts_rightly, partial_body, tree_of, up_ms
from protocol.buckets import tree_key
from protocol.codec import encode
from protocol.envelope import Envelope, Header, build

SEVEN = Tree(("a", "b", "c", "d", "e", "f", "g"))
NAMES = st.lists(st.sampled_from([f"region-{i:02}" for i in range(32)]), min_size=1, max_size=31, unique=True)


def test_seven_regions_stand_on_three_levels() -> None:
    assert SEVEN.children("a") == ("b", "c")
    assert SEVEN.children("b") == ("d", "e")
    assert SEVEN.children("d") == ()
    assert [SEVEN.parent(name) for name in "bcdefg"] == ["a", "a", "b", "b", "c", "c"]
    assert [SEVEN.depth(name) for name in "abcdefg"] == [0, 1, 1, 2, 2, 2, 2]
    assert SEVEN.height == 2
    assert SEVEN.subtree("b") == ("b", "d", "e")
    assert [name for name in "abcdefg" if SEVEN.is_inner(name)] == ["b", "c"]


def test_an_inner_node_waits_longer_the_higher_it_stands() -> None:
    assert [up_ms(SEVEN, name) for name in "abd"] == [4000, 2000, 0]


def test_places_are_those_of_a_second_computation() -> None:
    """SHA-256 of "landsting/v1/tree", a zero byte and canonical [study, round, name], in ascending order."""
    study, round, names = bytes(range(32)), 5, ["halland", "kalmar", "orebro", "skane", "uppsala", "vgr"]
    keys = {name: hashlib.sha256(b"landsting/v1/tree\0" + encode([study, round, name])).hexdigest() for name in names}
    assert tree_key(study, round, "vgr").hex() == keys["vgr"]
    assert tree_of(study, round, "dalarna", names).order == ("dalarna", *sorted(names, key=keys.__getitem__))
    # Frozen: another order is another format.
    assert tree_of(study, round, "dalarna", names).order == FROZEN


FROZEN = ("dalarna", "kalmar", "skane", "uppsala", "vgr", "orebro", "halland")


@given(NAMES, st.integers(0, 99))
def test_everybody_hangs_on_the_root_and_each_is_below_one_parent(names: list[str], round: int) -> None:
    tree = tree_of(bytes(32), round, "root", names)
    assert set(tree.subtree("root")) == {"root", *names}
    below = [child for name in tree.order for child in tree.children(name)]
    assert sorted(below) == sorted(names)
    for name in names:
        assert tree.depth(name) == tree.depth(tree.parent(name)) + 1 <= tree.height


@given(NAMES, st.data())
def test_the_result_reaches_everybody_once_whoever_was_lost(names: list[str], data: st.DataObject) -> None:
    tree = tree_of(bytes(32), 0, "root", names)
    survivors = set(data.draw(st.lists(st.sampled_from(names), unique=True)))
    everybody = ["root", *names, "stranger"]
    told, waiting = ["root"], ["root"]
    while waiting:
        name = waiting.pop()
        # Who was lost passes nothing on.
        onward = tree.tells(name, survivors, everybody) if name == "root" or name in survivors else ()
        told += onward
        waiting += onward
    assert sorted(told) == sorted(everybody)


# What a parent has added

KEY = SigningKey(bytes(range(32)))
RING, VIEW, SESSION = 16, bytes(32), b"s" * 32


def _vector(seed: int) -> bytes:
    return np.random.default_rng(seed).integers(0, 2**16, 8, dtype=np.uint16).astype("<u2").tobytes()


def _say(sender: str, type: str, body: dict[str, object], payload: bytes) -> Envelope:
    return build(
        Header(
            type=type, sender=sender, log=f"net/{sender}/1", head_size=1, head_root=bytes(32), study=bytes(32),
            round=0, session=SESSION, body=body, bytes=len(payload), sha256=hashlib.sha256(payload).digest(),  # type: ignore[arg-type]
        ),
        KEY,
    )  # fmt: skip


def _masked(sender: str, seed: int) -> tuple[Envelope, bytes]:
    payload = _vector(seed)
    return _say(sender, "MASKED", {"view": VIEW, "self_commit": b""}, payload), payload


def _partial(parent: str, parts: list[tuple[Envelope, bytes]], data: bytes | None = None) -> Envelope:
    members = {envelope.fields.sender: envelope.eid for envelope, _ in parts}
    total = added([payload for _, payload in parts], RING) if data is None else data
    return _say(parent, "PARTIAL", partial_body(VIEW, members), total)  # type: ignore[arg-type]


def test_a_sum_of_three_is_the_sum_mod_two_to_the_sixteen() -> None:
    vectors = [np.frombuffer(_vector(seed), dtype="<u2") for seed in range(3)]
    expected = (np.sum(vectors, axis=0, dtype=np.int64) % 2**16).astype("<u2").tobytes()
    assert added([v.tobytes() for v in vectors], RING) == expected


@pytest.mark.attack("S28")
def test_a_parent_that_counted_rightly_can_show_it() -> None:
    parts = [_masked("parent", 1), _masked("left", 2), _masked("right", 3)]
    assert counts_rightly(_partial("parent", parts), parts, RING)


@pytest.mark.attack("S28")
def test_a_parent_that_added_something_else_cannot() -> None:
    parts = [_masked("parent", 1), _masked("left", 2), _masked("right", 3)]
    false = _partial("parent", parts, data=_vector(9))
    assert not counts_rightly(false, parts, RING)
    # Nor can it with another payload than the one that was signed to it,
    assert not counts_rightly(false, [parts[0], parts[1], (parts[2][0], _vector(9))], RING)
    # without a child that it lists, or with one twice.
    whole = _partial("parent", parts)
    assert not counts_rightly(whole, parts[:2], RING)
    assert not counts_rightly(whole, [*parts, parts[2]], RING)


@pytest.mark.attack("S28")
def test_a_parent_that_lists_another_value_of_its_child_is_found_out() -> None:
    parts = [_masked("parent", 1), _masked("left", 2)]
    other = replace(parts[1][0], eid=bytes(32))
    assert not counts_rightly(_partial("parent", [parts[0], (other, parts[1][1])]), parts, RING)


@given(st.integers(2, 40))
def test_levels_fill_from_the_left(n: int) -> None:
    tree = Tree(tuple(f"r{i:02}" for i in range(n)))
    assert all(tree.depth(a) <= tree.depth(b) for a, b in pairwise(tree.order))
