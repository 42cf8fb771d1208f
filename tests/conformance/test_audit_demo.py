"""The audit over bundles of real daemons: what a kept demo proves, and every way to touch its files."""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path

import pytest

from crypto.merkle import leaf_hash, verify_inclusion
from crypto.note import parse_checkpoint, parse_note
from node.audit import read_bundle, verify
from node.audit.lineage import prove_model
from tests.node.kept import LIAR, Kept, said


def test_a_demo_is_clean(kept: Kept) -> None:
    assert kept.verdict == "clean"
    report = kept.audit(list(kept.bundles.values()))
    assert said(report) == set()
    assert all(row.held == row.matched > 0 for row in report.coverage)


def test_every_neighbour_hands_over_a_copy_of_every_log(kept: Kept) -> None:
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


def test_a_model_of_the_demo_is_traced_back_to_the_initial_model(kept: Kept) -> None:
    lineage = prove_model(kept.models[LIAR].read_bytes(), list(kept.bundles.values()), kept.study)
    assert (lineage.found, lineage.whole) == (True, True)
    assert lineage.words == f"{LIAR} logged this model; 4 mixes lead back to the initial model"
    assert [link.kind for link in lineage.links].count("env.recv") == 16
    for link in lineage.links:
        assert link.region == LIAR
    log = read_bundle(kept.bundles[LIAR]).logs[LIAR, 1]
    for name, proof in lineage.proofs.items():
        head, _, note = proof.partition(b"\n\n")
        version, index, *path = head.decode().splitlines()
        seq = int(index.removeprefix("index "))
        assert (version, name) == ("c2sp.org/tlog-proof@v1", f"{LIAR}.1-{seq}.tlog-proof")
        point = parse_checkpoint(parse_note(note).body)
        nodes = [b64decode(row) for row in path]
        verify_inclusion(seq, point.size, leaf_hash(log.leaves[seq] or b""), nodes, point.root)


def test_a_model_that_no_log_names_is_not_proven(kept: Kept) -> None:
    other = bytearray(kept.models[LIAR].read_bytes())
    other[-1] ^= 1
    lineage = prove_model(bytes(other), list(kept.bundles.values()), kept.study)
    assert (lineage.found, lineage.links) == (False, [])
    assert lineage.words.startswith("no entry of 5 logs names ")
