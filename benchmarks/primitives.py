"""Signatures and Merkle trees: operations a second, beside the bare library in the same run.

``verify`` has as its floor the library's own check under a key that is loaded already; the tree's figures have
one SHA-256 of a node (65 bytes). CPU time; median of the repeats, ``spread`` the slowest and fastest.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from crypto.merkle import Tree
from crypto.signing import SigningKey, verify

REPEATS = 5
SIGNATURES = 1000
LEAVES = 20_000
MIN_VERIFY_RATIO = 0.8


def run(seed: int) -> list[dict[str, Any]]:
    """Return the rates of verify, append, inclusion_path and consistency_path."""
    return [_verify(seed), *_tree(seed)]


def _verify(seed: int) -> dict[str, Any]:
    key = SigningKey(sha256(f"{seed}/key".encode()).digest())
    messages = [sha256(f"{seed}/{i}".encode()).digest() * 8 for i in range(SIGNATURES)]
    signed = [(key.sign(message), message) for message in messages]
    loaded = Ed25519PublicKey.from_public_bytes(key.public)

    def ours() -> None:
        for signature, message in signed:
            verify(key.public, signature, message)

    def bare() -> None:
        for signature, message in signed:
            loaded.verify(signature, message)

    figure = _figure(seed, "verify", SIGNATURES, ours, bare, None)
    # A share of the bare library's rate is what can be promised on any machine.
    return {**figure, "limit": MIN_VERIFY_RATIO * figure["floor"]}


def _tree(seed: int) -> list[dict[str, Any]]:
    hashes = [sha256(f"{seed}/{i}".encode()).digest() for i in range(LEAVES)]
    tree = Tree(hashes)
    nodes = [b"\1" + one + one for one in hashes]

    def bare() -> None:
        for node in nodes:
            sha256(node).digest()

    def append() -> None:
        Tree(hashes)

    def inclusion() -> None:
        for index in range(LEAVES):
            tree.inclusion_path(index)

    def consistency() -> None:
        for old in range(LEAVES):
            tree.consistency_path(old)

    return [
        _figure(seed, "tree.append", LEAVES, append, bare, 400_000),
        _figure(seed, "tree.inclusion", LEAVES, inclusion, bare, 40_000),
        _figure(seed, "tree.consistency", LEAVES, consistency, bare, 40_000),
    ]


def _figure(
    seed: int, name: str, count: int, ours: Callable[[], None], bare: Callable[[], None], limit: float | None
) -> dict[str, Any]:
    own, plain = [], []
    for _ in range(REPEATS):
        plain.append(count / _cpu_s(bare))
        own.append(count / _cpu_s(ours))
    value, floor = statistics.median(own), statistics.median(plain)
    return {
        "name": f"primitives.{name}",
        "value": value,
        "unit": "1/s",
        "limit": limit,
        "direction": "more",
        "floor": floor,
        "ratio": value / floor,
        "seeds": [seed],
        "spread": [min(own), max(own)],
    }


def _cpu_s(act: Callable[[], None]) -> float:
    start = time.process_time()
    act()
    return time.process_time() - start
