"""A gate that a region let through by decision is in text, page and JSON with its number, and is no fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.audit import verify
from node.audit.page import page
from protocol.codec import Value
from tests.node.audit_network import Small

SHEET = bytes(range(32))
BODY: dict[str, Value] = {
    "sheet_sha256": SHEET,
    "fingerprint": bytes(32),
    "schema_sha256": bytes(32),
    "rows_bucket": "100-999",
    "rules": {"sha256": bytes(32), "passed": 20, "failed": 1},
    "anonymity": {"sha256": bytes(32), "method": "columns", "k": 1, "l": 1, "t_u": 0},
    "overrides": [{"check": "k", "decision_ref": "RS 2026-0441"}],
}


class Decided(Small):
    """vgr's data sheet has an override, and vgr accepts the study on that sheet."""

    def add(self, name: str, kind: str, body: dict[str, Value], *, study: bool = True) -> None:
        if name == "vgr" and kind == "study.accept":
            super().add(name, "data.sheet", BODY, study=False)
            body = body | {"sheet": SHEET}
        super().add(name, kind, body, study=study)


@pytest.mark.parametrize(
    ("lang", "words"),
    [("sv", "grupper mindre än k (k), enligt beslut RS 2026-0441"), ("en", "groups smaller than k (k), by decision")],
)
def test_an_override_is_told_with_the_study_that_was_accepted_on_it(tmp_path: Path, lang: str, words: str) -> None:
    small = Decided().run()

    report = verify(small.export_all(tmp_path), study=small.study, lang=lang)

    assert report.verdict == "clean"
    [one] = report.exceptions
    assert (one.region, one.check, one.ref, one.studies) == ("vgr", "k", "RS 2026-0441", (small.study,))
    for told in (report.to_text(), page(report)):
        assert words in told
        assert "RS 2026-0441" in told
    assert report.to_json()["exceptions"] == [one.to_json()]
    assert one.to_json()["decision_ref"] == "RS 2026-0441"


def test_where_nothing_was_let_through_nothing_is_said(tmp_path: Path) -> None:
    small = Small().run()

    report = verify(small.export_all(tmp_path), study=small.study)

    assert report.exceptions == ()
    assert "let through" not in report.to_text() + page(report)
