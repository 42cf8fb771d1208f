"""The audit over bundles of real daemons: a short demo, honest first, then with lies of one region."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from crypto.keys import PrivateKeys
from crypto.merkle import Tree, leaf_hash
from crypto.note import Checkpoint, checkpoint_body, sign_note
from node.audit import Severity, read_bundle, verify
from node.home import Home
from protocol.entries import decode_entry
from tests.node.audit_network import edited, records, rewrite


@dataclass
class Demo:
    """What a demo leaves behind."""

    study: bytes
    verdict: str
    bundles: list[Path]
    liar: str
    keys: PrivateKeys

    def copied(self, folder: Path) -> list[Path]:
        return [Path(shutil.copy(bundle, folder)) for bundle in self.bundles]

    def leaves(self) -> list[bytes]:
        log = read_bundle(self.bundles[-1]).logs[self.liar, 1]
        return [leaf for leaf in log.leaves if leaf is not None]

    def sign(self, bundle: Path, leaves: list[bytes]) -> None:
        """Other leaves under the liar's own new checkpoint."""
        tree = Tree(leaf_hash(leaf) for leaf in leaves)
        origin = decode_entry(leaves[0]).log
        note = sign_note(checkpoint_body(Checkpoint(origin, tree.size, tree.root())), origin, self.keys.log)

        def change(files: dict[str, bytes]) -> None:
            files[f"logs/{self.liar}.1/leaves.bin"] = records(leaves)
            files[f"logs/{self.liar}.1/checkpoint.note"] = note

        rewrite(bundle, change)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    folder = tmp_path_factory.mktemp("demo") / "kept"
    command = [sys.executable, "-m", "node", "demo", "--rounds", "4", "--dir", str(folder), "--keep", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    bundles = sorted(folder.rglob("*.bundle"))
    liar = bundles[-1].name.removesuffix(".bundle")
    home = Home.open(Path(said["homes"][liar]))
    return Demo(bytes.fromhex(said["study"]), said["audit"]["verdict"], bundles, liar, home.keys())


def named(demo: Demo, bundles: list[Path]) -> set[tuple[str, str | None]]:
    report = verify(bundles, study=demo.study)
    found = {(f.code, f.subject) for f in report.findings if f.severity is not Severity.INFO}
    assert {subject for _, subject in found} <= {demo.liar, None}
    return found


def test_a_demo_is_clean(demo: Demo) -> None:
    assert demo.verdict == "clean"
    assert named(demo, demo.bundles) == set()
    report = verify(demo.bundles, study=demo.study)
    assert all(row.held == row.matched > 0 for row in report.coverage)


@pytest.mark.attack("L02")
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_real_log_changed_and_signed_again_is_a_fork(demo: Demo, tmp_path: Path, share: float) -> None:
    bundles, leaves = demo.copied(tmp_path), demo.leaves()
    at = int(len(leaves) * share)
    leaves[at] = edited(leaves[at], t_ms=decode_entry(leaves[at]).t_ms + 1)
    demo.sign(bundles[-1], leaves)
    assert ("LS-FORK", demo.liar) in named(demo, bundles)


@pytest.mark.attack("L05")
def test_a_real_log_cut_short_is_truncated(demo: Demo, tmp_path: Path) -> None:
    bundles, leaves = demo.copied(tmp_path), demo.leaves()
    demo.sign(bundles[-1], leaves[: len(leaves) // 2])
    assert {("LS-TRUNCATED", demo.liar), ("LS-EXPORT-UNLOGGED", demo.liar)} <= named(demo, bundles)


@pytest.mark.attack("L32")
def test_a_real_region_that_hands_over_nothing_is_audited_by_the_others(demo: Demo) -> None:
    report = verify(demo.bundles[:-1], study=demo.study)
    assert [(f.code, f.subject) for f in report.findings] == [("LS-LOG-ABSENT", demo.liar)]
    assert next(row for row in report.coverage if row.region == demo.liar).held > 10


@pytest.mark.attack("L38")
def test_one_flipped_byte_in_a_real_bundle_is_seen(demo: Demo, tmp_path: Path) -> None:
    sound, path = demo.bundles[0].read_bytes(), tmp_path / demo.bundles[0].name
    for at in range(0, len(sound), max(1, len(sound) // 60)):
        path.write_bytes(sound[:at] + bytes([sound[at] ^ 0x55]) + sound[at + 1 :])
        report = verify([path], study=demo.study)
        assert report.exit_code != 0, f"byte {at} went unseen"
        assert all(f.subject is None for f in report.findings if f.severity.exit_code)
