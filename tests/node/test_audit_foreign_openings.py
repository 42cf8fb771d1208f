"""What one region hands over as another's opening says nothing about that other."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.audit import Severity, verify
from protocol.entries import decode_entry
from tests.node import court
from tests.node.audit_network import Small, rewrite


@pytest.mark.attack("L33")
@pytest.mark.parametrize("also_its_log", [False, True], ids=["the opening alone", "with a copy of its log"])
def test_a_false_opening_in_anothers_bundle_accuses_nobody_whose_commitment_it_is(
    tmp_path: Path, also_its_log: bool
) -> None:
    small = Small(("halland", "kalmar", "vgr")).run()
    bundles = small.export_all(tmp_path)
    vgr = small.homes["vgr"]
    start = next(seq for seq, leaf in enumerate(vgr.leaves) if decode_entry(leaf).kind == "study.start")

    def change(files: dict[str, bytes]) -> None:
        files[f"openings/vgr.1/{start}-init.bin"] = bytes(32) + b"not what vgr began with"
        if also_its_log:
            from node.tamper.files import contents

            theirs = contents(tmp_path / "vgr.bundle")
            files.update({name: data for name, data in theirs.items() if name.startswith("logs/vgr.1/")})

    rewrite(tmp_path / "kalmar.bundle", change, signer=small.homes["kalmar"])
    report = verify(bundles, study=small.study)
    named = {(f.code, f.subject) for f in report.findings if f.severity is not Severity.INFO and f.subject}
    assert named <= {(code, "kalmar") for code, _ in named}
    court.agrees(report, bundles, small.study)
