"""Honest networks are clean, and the report says what was checked."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.audit import verify
from tests.node.audit_network import Small, contents


def test_an_honest_study_of_three_regions_is_clean(tmp_path: Path) -> None:
    small = Small().run()
    report = verify(small.export_all(tmp_path), study=small.study)
    assert (report.verdict, report.exit_code, list(report.findings)) == ("clean", 0, [])
    assert report.sentence == (
        f"Clean: 3 logs, 123 entries and 43 signatures agree; every region accepted study {small.study.hex()[:8]}…; "
        "nothing was altered."
    )


def test_five_regions_are_clean_whatever_the_order_of_the_bundles(tmp_path: Path) -> None:
    small = Small(("gotland", "halland", "kalmar", "skane", "vgr")).run()
    bundles = small.export_all(tmp_path)
    report = verify(bundles[::-1], study=small.study)
    assert report.verdict == "clean"
    assert report.to_json() == verify(bundles, study=small.study).to_json()


def test_without_a_study_id_the_sentence_says_that_it_is_not_confirmed(tmp_path: Path) -> None:
    small = Small().run()
    report = verify(small.export_all(tmp_path))
    assert report.exit_code == 0
    assert report.sentence.startswith("Consistent, study not confirmed: ")
    assert small.study.hex() in report.sentence


def test_masks_off_is_said_in_the_verdict_and_in_a_finding(tmp_path: Path) -> None:
    small = Small(masking="off").run()
    report = verify(small.export_all(tmp_path), study=small.study)
    assert report.verdict == "clean"
    assert report.sentence.endswith(" Its masks were off: a laboratory study.")
    assert [finding.code for finding in report.findings] == ["LS-LAB"]
    assert (report.masking, report.lab) == ("off", True)


def test_a_network_without_a_study_is_checked_by_its_rosters(tmp_path: Path) -> None:
    small = Small()
    small.begin()
    for home in small.homes.values():
        home.kept.pop(small.study, None)
    report = verify(small.export_all(tmp_path))
    assert report.verdict == "clean"
    assert report.sentence.endswith("no study found.")


@pytest.mark.parametrize("payloads", ["none", "kept"])
def test_the_same_log_gives_the_same_bundle(tmp_path: Path, payloads: str) -> None:
    small = Small().run()
    first = small.export("vgr", tmp_path, payloads=payloads).read_bytes()
    assert small.write("vgr", tmp_path, small.homes["vgr"].leaves, payloads=payloads).read_bytes() == first


def test_plan_and_roster_travel_even_without_payloads(tmp_path: Path) -> None:
    small = Small().run()
    files = contents(small.export("vgr", tmp_path, payloads="none"))
    assert files[f"plans/{small.study.hex()}.bin"] == small.plan.encode()
    assert files[f"rosters/{small.roster.hash.hex()}.bin"] == small.roster.encode()
    assert not [name for name in files if name.startswith("payloads/")]


def test_the_questions_of_a_report_have_the_four_words(tmp_path: Path) -> None:
    small = Small().run()
    answers = {q.question: q.answer for q in verify(small.export_all(tmp_path), study=small.study).questions}
    assert answers["Did every region accept this plan?"] == "PROVEN"
    assert answers["Do the signed histories at hand agree?"] == "PROVEN"
    assert answers["Is the model what the logged updates give?"] == "NOT CHECKED"
    assert answers["Did raw data leave?"] == "UNDECIDABLE"
