"""Invented networks and hostile names: what a stranger makes up accuses nobody, and is printed without markup."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from node.audit import Severity, verify
from tests.node.audit_network import Small
from tests.node.test_audit_attacks import FIVE, forked, said


@pytest.fixture
def small() -> Small:
    """Five regions, an honest study of two rounds, nothing exported yet."""
    return Small(FIVE).run()


@pytest.mark.attack("L28")
def test_an_invented_network_under_the_same_names_accuses_nobody(small: Small, tmp_path: Path) -> None:
    """vgr makes keys of its own for all regions, a roster of them, and a study in which they contradict themselves."""
    bundles = small.export_all(tmp_path)
    invented = forked(Small(FIVE, rounds=3, salt="invented"))
    (tmp_path / "invented").mkdir()
    bundles.append(invented.export("vgr", tmp_path / "invented"))
    named = verify(bundles, study=small.study)
    assert {f.subject for f in named.findings if f.severity is not Severity.INFO} == {None}
    unnamed = verify(bundles)
    assert ("LS-ROSTER", None) in said(unnamed)
    assert {f.subject for f in unnamed.findings if f.severity is not Severity.INFO} == {None}
    assert unnamed.sentence.endswith("The study is not confirmed.")


@pytest.mark.attack("L36")
def test_a_file_name_with_markup_or_control_characters_is_printed_without_them(small: Small, tmp_path: Path) -> None:
    path = tmp_path / "<b>\u202e\x1b[31mvgr;.bundle"
    path.write_bytes(small.export("vgr", tmp_path).read_bytes()[:-1])
    report = verify([path])
    text = report.to_text() + json.dumps(report.to_json())
    assert report.findings[0].source == "_b____31mvgr_.bundle"
    assert not set(text) & set("<>\x1b\u202e")


@pytest.mark.attack("L36")
def test_a_member_name_with_markup_is_printed_without_it(small: Small, tmp_path: Path) -> None:
    path = small.export("vgr", tmp_path)
    data = path.read_bytes().replace(b"README.txt", b"<script>\x1b\n")
    path.write_bytes(data)
    report = verify([path])
    assert report.exit_code == 65
    assert not set(report.to_text()) & set("<>\x1b")
