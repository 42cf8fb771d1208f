"""Honest networks are clean, and the report says what was checked."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.audit import Report, verify
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
    assert report.sentence.endswith(f"study found: {small.study.hex()[:8]}… (idle).")
    assert small.study.hex() in report.to_text()


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


def test_with_nothing_to_compare_no_history_is_proven(tmp_path: Path) -> None:
    small = Small().run()
    alone = verify([small.export("vgr", tmp_path)], study=small.study)
    assert answer(alone, "Do the signed histories at hand agree?") == "NOT CHECKED"


def test_a_log_that_is_too_short_leaves_the_question_of_histories_open(tmp_path: Path) -> None:
    small = Small().run()
    short = small.homes["vgr"].leaves[:-8]
    bundles = [small.write("vgr", tmp_path, short), *(small.export(name, tmp_path) for name in ("halland", "kalmar"))]
    report = verify(bundles, study=small.study)
    assert "LS-TRUNCATED" in [finding.code for finding in report.findings]
    assert answer(report, "Do the signed histories at hand agree?") == "NOT CHECKED"
    assert note(report, "Do the signed histories at hand agree?").endswith("; entries of vgr were not handed over")


def test_a_mere_proposal_is_named_and_not_asked_for_acceptance(tmp_path: Path) -> None:
    small = Small().run()
    other = small.propose_only(rounds=7)
    report = verify(small.export_all(tmp_path))
    assert answer(report, "Did every region accept this plan?") == "PROVEN"
    assert f"{other.study.hex()[:8]}…" in note(report, "Did every region accept this plan?")
    assert answer(verify(small.export_all(tmp_path), study=other.study), "Did every region accept this plan?") == (
        "NOT CHECKED"
    )


def answer(report: Report, question: str) -> str:
    return next(q.answer for q in report.questions if q.question == question)


def note(report: Report, question: str) -> str:
    return next(q.note for q in report.questions if q.question == question)
