"""Entries changed at random and signed again by their owner: no exception, nobody else named, evidence that holds."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from node.audit import Severity, check_finding, verify
from protocol.codec import MAX_ENTRY, Value, decode, encode
from protocol.errors import CodecError
from tests.node.audit_network import Small, rewrite, with_leaves

OTHERS: list[Value] = [
    None, True, 0, -1, 2**53 - 1, b"", bytes(32), "", "vgr", "halland", "test.example/vgr/1", [], {}, [1, 2], {"a": 1},
    b"\x80", 16,
]  # fmt: skip


def changed(value: Value, rng: random.Random, field: str = "") -> Value:
    """The same value with one thing in it changed: a field gone or new, a bit flipped, another type."""
    deeper = rng.random() < 0.8
    match value:
        case dict() if value and deeper:
            key = rng.choice(sorted(value))
            if rng.random() < 0.1:
                return {name: one for name, one in value.items() if name != key}
            return {**value, key: changed(value[key], rng, key)}
        case list() if value and deeper:
            at = rng.randrange(len(value))
            return [*value[:at], changed(value[at], rng), *value[at + 1 :]]
        case bytes() if field == "header" and deeper:
            try:
                return encode(changed(decode(value, max_bytes=MAX_ENTRY), rng))
            except CodecError:
                return b"\x80"
        case bytes() if value and deeper:
            at = rng.randrange(len(value))
            return value[:at] + bytes([value[at] ^ 1 << rng.randrange(8)]) + value[at + 1 :]
    return rng.choice(OTHERS)


def campaign(folder: Path, count: int, seed: int) -> set[str]:
    """Change entries of vgr at random; return the codes that were found."""
    small = Small().run()
    bundles, vgr = small.export_all(folder), small.homes["vgr"]
    sound = bundles[-1].read_bytes()
    rng = random.Random(seed)
    codes: set[str] = set()
    for _ in range(count):
        leaves = list(vgr.leaves)
        for _ in range(rng.choice((1, 1, 2))):
            at = rng.randrange(len(leaves))
            leaves[at] = encode(changed(decode(leaves[at], max_bytes=MAX_ENTRY), rng))
        bundles[-1].write_bytes(sound)
        rewrite(bundles[-1], with_leaves(vgr, leaves, sign=rng.random() < 0.8), signer=vgr)
        report = verify(bundles, study=small.study if rng.random() < 0.8 else None)
        assert report.to_text()
        codes |= {finding.code for finding in report.findings}
        for finding in report.findings:
            assert finding.subject in (None, "vgr")
            if finding.subject is not None and finding.severity is not Severity.INFO:
                answer = check_finding(json.dumps(finding.to_json()).encode(), small.roster.encode())
                assert answer.confirmed or answer.needs_bundle, (finding.code, answer.words)
    return codes


EXPECTED = {"LS-ENTRY-SCHEMA", "LS-FORK", "LS-HEAD-SELF", "LS-LOG-ROOT", "LS-OMITTED"}


def test_random_entries_never_break_the_audit_nor_blame_another(tmp_path: Path) -> None:
    assert campaign(tmp_path, 80, seed=1) >= EXPECTED


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 6))
def test_many_random_entries_never_break_the_audit_nor_blame_another(tmp_path: Path, seed: int) -> None:
    assert campaign(tmp_path, 1000, seed) >= EXPECTED
