"""Merkle trees: a short proof that a leaf is in, and that nothing before it was changed."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.errors import CryptoError
from crypto.merkle import EMPTY_ROOT, Tree, leaf_hash, node_hash, verify_consistency, verify_inclusion
from tests.vectors import reference

SIZE = 70
LEAVES = [bytes((i,)) * (i % 3) for i in range(SIZE)]


@pytest.fixture(scope="module")
def tree() -> Tree:
    return Tree(leaf_hash(leaf) for leaf in LEAVES)


def test_the_root_of_three_leaves_by_hand() -> None:
    a, b, c = (sha256(b"\0" + leaf).digest() for leaf in (b"a", b"b", b"c"))
    ab = sha256(b"\1" + a + b).digest()
    assert Tree([a, b, c]).root() == sha256(b"\1" + ab + c).digest()


def test_a_tree_without_leaves_has_the_root_of_nothing() -> None:
    assert Tree().root() == sha256(b"").digest() == EMPTY_ROOT
    assert Tree().size == 0


def test_one_leaf_is_its_own_root() -> None:
    assert Tree([leaf_hash(b"a")]).root() == leaf_hash(b"a")


def test_append_says_where_the_leaf_stands() -> None:
    tree = Tree()
    assert [tree.append(leaf_hash(leaf)) for leaf in (b"a", b"b", b"c")] == [0, 1, 2]
    assert tree.hash_at(1) == leaf_hash(b"b")


def test_every_earlier_root_stays_at_hand(tree: Tree) -> None:
    assert [tree.root_at(n) for n in range(SIZE + 1)] == [reference.tree_root(LEAVES[:n]) for n in range(SIZE + 1)]


def test_a_tree_knows_its_root_as_it_grows() -> None:
    tree = Tree()
    for size, leaf in enumerate(LEAVES, 1):
        tree.append(leaf_hash(leaf))
        assert tree.root() == tree.root_at(size) == reference.tree_root(LEAVES[:size])


def test_inclusion_paths_are_those_of_the_definition(tree: Tree) -> None:
    for size in range(1, 34):
        for index in range(size):
            assert tree.inclusion_path(index, size) == reference.inclusion(index, LEAVES[:size])


def test_consistency_paths_are_those_of_the_definition(tree: Tree) -> None:
    for new in range(34):
        for old in range(new + 1):
            assert tree.consistency_path(old, new) == reference.consistency(old, LEAVES[:new])


@given(st.integers(1, SIZE), st.data())
@settings(max_examples=150, deadline=None)
def test_every_leaf_of_every_tree_proves_itself(size: int, data: st.DataObject) -> None:
    tree = Tree(leaf_hash(leaf) for leaf in LEAVES)
    index = data.draw(st.integers(0, size - 1))
    verify_inclusion(index, size, leaf_hash(LEAVES[index]), tree.inclusion_path(index, size), tree.root_at(size))


@given(st.integers(0, SIZE), st.integers(0, SIZE))
@settings(max_examples=150, deadline=None)
def test_every_tree_begins_with_every_smaller_one(one: int, two: int) -> None:
    tree = Tree(leaf_hash(leaf) for leaf in LEAVES)
    old, new = sorted((one, two))
    verify_consistency(old, new, tree.root_at(old), tree.root_at(new), tree.consistency_path(old, new))


def test_a_proof_is_short(tree: Tree) -> None:
    assert len(tree.inclusion_path(13)) == 7
    assert len(tree.consistency_path(64)) == 1


# Ways to be cheated.


@given(st.integers(2, SIZE), st.data())
@settings(max_examples=100, deadline=None)
def test_one_flipped_bit_in_an_inclusion_proof_is_refused(size: int, data: st.DataObject) -> None:
    tree = Tree(leaf_hash(leaf) for leaf in LEAVES)
    index = data.draw(st.integers(0, size - 1))
    parts = [leaf_hash(LEAVES[index]), tree.root_at(size), *tree.inclusion_path(index, size)]
    at = data.draw(st.integers(0, len(parts) - 1))
    parts[at] = _flipped(parts[at], data.draw(st.integers(0, 255)))
    with pytest.raises(CryptoError, match="another root"):
        verify_inclusion(index, size, parts[0], parts[2:], parts[1])


@given(st.integers(1, SIZE - 1), st.data())
@settings(max_examples=100, deadline=None)
def test_one_flipped_bit_in_a_consistency_proof_is_refused(old: int, data: st.DataObject) -> None:
    tree = Tree(leaf_hash(leaf) for leaf in LEAVES)
    parts = [tree.root_at(old), tree.root_at(SIZE), *tree.consistency_path(old, SIZE)]
    at = data.draw(st.integers(0, len(parts) - 1))
    parts[at] = _flipped(parts[at], data.draw(st.integers(0, 255)))
    with pytest.raises(CryptoError, match="another root"):
        verify_consistency(old, SIZE, parts[0], parts[1], parts[2:])


@given(
    st.integers(-1, 20),
    st.integers(-1, 20),
    st.lists(st.sampled_from([leaf_hash(bytes((i,))) for i in range(3)]), max_size=6),
)
@settings(max_examples=300, deadline=None)
def test_both_implementations_agree_on_any_inclusion_proof(index: int, size: int, path: list[bytes]) -> None:
    leaf, root = leaf_hash(b"\0"), _fold(index, size, path)
    expected = reference.inclusion_valid(index, size, leaf, path, root)
    assert _passes(lambda: verify_inclusion(index, size, leaf, path, root)) == expected


@given(st.integers(0, 20), st.integers(0, 20), st.integers(-1, 1))
@settings(max_examples=300, deadline=None)
def test_both_implementations_agree_on_a_proof_for_other_sizes(old: int, new: int, off: int) -> None:
    tree = Tree(leaf_hash(leaf) for leaf in LEAVES)
    old, new = sorted((old, new))
    case = (old + off, new, tree.root_at(old), tree.root_at(new), tree.consistency_path(old, new))
    assert _passes(lambda: verify_consistency(*case)) == reference.consistency_valid(*case)


def test_a_rewritten_leaf_shows(tree: Tree) -> None:
    changed = Tree(leaf_hash(b"other" if i == 5 else leaf) for i, leaf in enumerate(LEAVES))
    with pytest.raises(CryptoError, match="another root at size 40"):
        verify_consistency(40, SIZE, tree.root_at(40), changed.root(), changed.consistency_path(40))


def test_a_shortened_log_shows(tree: Tree) -> None:
    with pytest.raises(CryptoError, match="expected an old size from 0 to the new one"):
        verify_consistency(SIZE, 60, tree.root(), tree.root_at(60), [])


def test_a_node_does_not_pass_for_a_leaf() -> None:
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    assert leaf_hash(left + right) != node_hash(left, right)


def test_a_path_that_is_too_long_or_too_short_is_refused_as_such(tree: Tree) -> None:
    path = tree.inclusion_path(13)
    with pytest.raises(CryptoError, match="longer than needed"):
        verify_inclusion(13, SIZE, tree.hash_at(13), [*path, bytes(32)], tree.root())
    with pytest.raises(CryptoError, match="shorter than needed"):
        verify_inclusion(13, SIZE, tree.hash_at(13), path[:-1], tree.root())
    with pytest.raises(CryptoError, match="longer than needed"):
        verify_consistency(40, SIZE, tree.root_at(40), tree.root(), [*tree.consistency_path(40), bytes(32)])
    with pytest.raises(CryptoError, match="shorter than needed"):
        verify_consistency(40, SIZE, tree.root_at(40), tree.root(), tree.consistency_path(40)[:-1])


def test_a_false_root_of_the_empty_tree_is_refused(tree: Tree) -> None:
    with pytest.raises(CryptoError, match="another root at size 0"):
        verify_consistency(0, SIZE, bytes(32), tree.root(), [])
    with pytest.raises(CryptoError, match="another root at size 0"):
        verify_consistency(0, 0, bytes(32), bytes(32), [])


def test_a_hash_of_another_length_is_refused(tree: Tree) -> None:
    path = tree.inclusion_path(13)
    with pytest.raises(CryptoError, match="expected 32"):
        verify_inclusion(13, SIZE, tree.hash_at(13), [path[0] + path[1], *path[2:]], tree.root())


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(lambda t: t.append(bytes(31)), id="a short leaf hash"),
        pytest.param(lambda t: t.hash_at(SIZE), id="a leaf that is not there"),
        pytest.param(lambda t: t.hash_at(-1), id="a negative index"),
        pytest.param(lambda t: t.root_at(SIZE + 1), id="a size that is not reached"),
        pytest.param(lambda t: t.inclusion_path(3, 3), id="an index beyond the size"),
        pytest.param(lambda t: t.consistency_path(5, 4), id="an old tree larger than the new one"),
    ],
)
def test_a_question_about_what_is_not_there_is_refused(tree: Tree, wrong: Callable[[Tree], object]) -> None:
    with pytest.raises(ValueError, match="expected"):
        wrong(tree)


def _flipped(data: bytes, bit: int) -> bytes:
    return (int.from_bytes(data, "big") ^ 1 << bit).to_bytes(len(data), "big")


def _passes(check: Callable[[], None]) -> bool:
    try:
        check()
    except CryptoError:
        return False
    return True


def _fold(index: int, size: int, path: list[bytes]) -> bytes:
    """The root that a path would lead to, where its length fits; so that some drawn proofs hold."""
    try:
        return reference._climb(index, size, leaf_hash(b"\0"), path)
    except (ValueError, RecursionError):
        return bytes(32)
