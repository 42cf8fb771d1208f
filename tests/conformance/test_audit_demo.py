"""The audit over bundles of real daemons: what a kept demo proves, and every way to touch its files."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.audit import verify
from tests.node.kept import LIAR, Kept, said


def test_a_demo_is_clean(kept: Kept) -> None:
    assert kept.verdict == "clean"
    report = kept.audit(list(kept.bundles.values()))
    assert said(report) == set()
    assert all(row.held == row.matched > 0 for row in report.coverage)


def test_every_neighbour_hands_over_a_copy_of_every_log(kept: Kept) -> None:
    from node.audit import read_bundle

    for name, path in kept.bundles.items():
        mirrors = read_bundle(path).mirrors
        assert {region for region, _ in mirrors} == kept.bundles.keys() - {name}
        assert all(len(raw.hashes) > 50 and raw.checkpoint for raw in mirrors.values())


@pytest.mark.attack("L38")
def test_one_flipped_byte_in_a_real_bundle_is_seen(kept: Kept, tmp_path: Path) -> None:
    source = kept.bundles[LIAR]
    sound, path = source.read_bytes(), tmp_path / source.name
    for at in range(0, len(sound), max(1, len(sound) // 40)):
        path.write_bytes(sound[:at] + bytes([sound[at] ^ 0x55]) + sound[at + 1 :])
        report = verify([path], study=kept.study)
        assert report.exit_code != 0, f"byte {at} went unseen"
        assert all(f.subject is None for f in report.findings if f.severity.exit_code)
