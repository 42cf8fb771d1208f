"""What a run of daemons left behind, as tests of the audit use it."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from crypto.keys import PrivateKeys
from node.audit import Report, Severity, check_finding, read_bundle, verify
from node.tamper.play import Play
from tests.node import court

LIAR = "vgr"


@dataclass(frozen=True)
class Kept:
    """Bundles, keys and exported models by region."""

    study: bytes
    verdict: str
    bundles: dict[str, Path]
    keys: dict[str, PrivateKeys]
    models: dict[str, Path]

    def play(self) -> Play:
        """The same run, to be told again."""
        return Play(self.bundles, self.keys)

    def roster(self) -> bytes:
        """The roster's canonical bytes."""
        return next(iter(read_bundle(self.bundles[LIAR]).rosters.values()))

    def audit(self, bundles: Sequence[Path], **options: object) -> Report:
        """The audit; nobody but the liar is named above info, and the evidence alone shows what it did."""
        report = verify(bundles, study=self.study, **options)  # type: ignore[arg-type]
        for finding in report.findings:
            if finding.subject is not None and finding.severity is not Severity.INFO:
                assert finding.subject == LIAR, (finding.code, finding.subject)
                answer = check_finding(json.dumps(finding.to_json()).encode(), self.roster())
                assert answer.confirmed or answer.needs_bundle, (finding.code, answer.words)
        assert report.to_text()
        if os.environ.get("LANDSTING_COURT") and not options:
            court.agrees(report, bundles, self.study)
        return report


def said(report: Report) -> set[tuple[str, str | None]]:
    """(code, subject) of everything above info."""
    return {(f.code, f.subject) for f in report.findings if f.severity is not Severity.INFO}
