"""A release in a handed-over log: what it names is looked up, and only who released is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from node.audit import Report, Severity, check_finding, verify, write_bundle
from node.audit.page import page
from node.audit.releases import NAMES
from protocol.codec import Value
from protocol.entries import decode_entry
from protocol.envelope import Envelope, parse
from protocol.keys import Revocation
from protocol.release import IMAGES, MODEL_TESTS, TABLE
from tests.node import court
from tests.node.audit_network import Small
from tests.protocol.test_release import GOOD

FILE, CARD = bytes([7]) * 32, bytes([8]) * 32
FOUR = ("halland", "kalmar", "skane", "vgr")


@pytest.fixture
def small() -> Small:
    """Four regions whose study is over."""
    return Small(FOUR).run()


def approve(small: Small, name: str, *, to: list[str] | None = None, **changes: Any) -> Envelope:
    """An APPROVE of a region, logged by everybody (or by those named)."""
    body: dict[str, Value] = {"kind": "data", "file_sha256": FILE, "card_sha256": CARD} | changes
    return small.say(name, "APPROVE", body, small.others(name) if to is None else to, study=small.study)


def release(small: Small, approvals: dict[str, bytes], **changes: Any) -> None:
    """vgr writes a release that names these approvals."""
    kind = str(changes.pop("kind", "data.release"))
    rows: list[Value] = [{"region": name, "eid": eid} for name, eid in sorted(approvals.items())]
    body: dict[str, Value] = {
        "model": bytes(32), "round": 1, "file_sha256": FILE, "card_sha256": CARD, "tests": dict[str, Value](GOOD),
        "approvals": rows,
    }  # fmt: skip
    small.add("vgr", kind, body | changes)


def audit(small: Small, folder: Path) -> Report:
    """The audit of all logs; what names vgr convinces by its evidence, or says that it needs the bundle."""
    report = verify(small.export_all(folder), study=small.study)
    for finding in report.findings:
        if finding.subject is not None and finding.severity is not Severity.INFO:
            assert finding.subject == "vgr"
            answer = check_finding(json.dumps(finding.to_json()).encode(), small.roster.encode())
            assert answer.confirmed or answer.needs_bundle, (finding.code, answer.words)
    return report


def said(report: Report) -> list[tuple[str, str | None, str]]:
    return [
        (f.code, f.subject, str(f.values.get("detail")))
        for f in report.findings if f.severity is not Severity.INFO
    ]  # fmt: skip


def accepted(small: Small, name: str) -> bytes:
    """The eid of a region's ACCEPT."""
    for leaf in small.homes[name].leaves:
        entry = decode_entry(leaf)
        if entry.kind == "env.sent":
            envelope = parse(entry.body["header"], entry.body["sig"])  # type: ignore[arg-type]
            if envelope.fields.type == "ACCEPT":
                return envelope.eid
    raise AssertionError(name)


def test_a_release_with_two_signatures_is_clean(small: Small, tmp_path: Path) -> None:
    given = {name: approve(small, name).eid for name in ("skane", "vgr")}
    release(small, given)
    report = audit(small, tmp_path)
    assert said(report) == []
    assert report.verdict == "clean"


@pytest.mark.attack("L27")
def test_the_courts_tool_says_the_same_to_the_letter(tmp_path: Path) -> None:
    """One log with a sound release, one with an approval of another file, one that nobody gave, one by a dead key."""
    small = Small(("halland", "skane", "vgr")).run()
    own, given, other = approve(small, "vgr"), approve(small, "skane"), approve(small, "skane", file_sha256=CARD)
    release(small, {"skane": given.eid, "vgr": own.eid})
    bundles = small.export_all(tmp_path)
    court.agrees(verify(bundles, study=small.study), bundles, small.study)
    release(small, {"skane": other.eid, "vgr": own.eid})
    release(small, {"skane": bytes(32), "vgr": own.eid})
    revoke(small, "skane", given.fields.head_size)
    release(small, {"skane": given.eid, "vgr": own.eid})
    bundles = small.export_all(tmp_path)
    report = verify(bundles, study=small.study)
    assert "LS-RELEASE-RULE" in {f.code for f in report.findings}
    court.agrees(report, bundles, small.study)


def test_a_model_is_released_by_the_same_rule(small: Small, tmp_path: Path) -> None:
    given = {name: approve(small, name, kind="model").eid for name in ("skane", "vgr")}
    release(small, given, kind="model.release", tests={})
    assert said(audit(small, tmp_path)) == []


@pytest.mark.attack("L27")
@pytest.mark.parametrize(
    ("case", "words"),
    [
        pytest.param("one", "1 approvals; the plan asks for 2", id="one signature of two"),
        pytest.param("none", "0 approvals; the plan asks for 2", id="none"),
        pytest.param("twice", "it names one approval twice", id="one counted twice"),
        pytest.param("stranger", "norge, which takes no part", id="a region outside the study"),
        pytest.param("figure", "the test pairs gave 0.7; the plan asks for at least 0.78", id="a figure that fails"),
        pytest.param("no figure", "the test shapes has no figure", id="no gate at all"),
        pytest.param("swapped", "the approval that it names for skane is kalmar's", id="another region's"),
        pytest.param("file", "the approval of skane is of another file", id="of another file"),
        pytest.param("card", "the approval of skane is of another card", id="of another card"),
        pytest.param("model", "the approval of skane is of another study, or of a model", id="of a model"),
        pytest.param("made up", "the approval of skane that it names does not stand before it", id="made up"),
        pytest.param("unheard", "the approval of skane that it names does not stand before it", id="not heard by vgr"),
        pytest.param("late", "the approval of skane that it names does not stand before it", id="given afterwards"),
        pytest.param("no approval", "the approval of skane that it names does not stand before it", id="an ACCEPT"),
    ],
)
def test_a_release_against_the_plan_names_who_released(small: Small, tmp_path: Path, case: str, words: str) -> None:
    own = approve(small, "vgr").eid
    match case:
        case "one":
            release(small, {"vgr": own})
        case "none":
            release(small, {})
        case "twice":
            release(small, {"skane": own, "vgr": own})
        case "stranger":
            release(small, {"norge": bytes(32), "skane": approve(small, "skane").eid, "vgr": own})
        case "figure":
            release(small, {"skane": approve(small, "skane").eid, "vgr": own}, tests=GOOD | {"pairs": 700_000})
        case "no figure":
            release(small, {"skane": approve(small, "skane").eid, "vgr": own}, tests={})
        case "swapped":
            release(small, {"skane": approve(small, "kalmar").eid, "vgr": own})
        case "file":
            release(small, {"skane": approve(small, "skane", file_sha256=CARD).eid, "vgr": own})
        case "card":
            release(small, {"skane": approve(small, "skane", card_sha256=FILE).eid, "vgr": own})
        case "model":
            release(small, {"skane": approve(small, "skane", kind="model").eid, "vgr": own})
        case "made up":
            release(small, {"skane": bytes(32), "vgr": own})
        case "unheard":
            release(small, {"skane": approve(small, "skane", to=["kalmar"]).eid, "vgr": own})
        case "late":
            twin = small.homes["skane"].twin()
            body: dict[str, Value] = {"kind": "data", "file_sha256": FILE, "card_sha256": CARD}
            after = twin.seal("APPROVE", body, study=small.study, round=None, session=None, payload=None,
                              to=small.others("skane"), now_ms=small.now_ms + 14)  # fmt: skip
            release(small, {"skane": after.eid, "vgr": own})
            assert approve(small, "skane").eid == after.eid  # the same message, said after the release
        case "no approval":
            release(small, {"skane": accepted(small, "skane"), "vgr": own})
    report = audit(small, tmp_path)
    (found,) = said(report)
    assert found[:2] == ("LS-RELEASE-RULE", "vgr")
    assert words in found[2]
    finding = next(f for f in report.findings if f.code == "LS-RELEASE-RULE")
    answer = check_finding(json.dumps(finding.to_json()).encode(), small.roster.encode())
    assert answer.confirmed is ("does not stand before" not in words)  # the evidence alone shows it


@pytest.mark.parametrize(
    ("lang", "what", "wrong"),
    [("en", "synthetic data", "NOT as the plan asks"), ("sv", "syntetiska data", "INTE så som planen kräver")],
)
def test_the_report_tells_every_release(small: Small, tmp_path: Path, lang: str, what: str, wrong: str) -> None:
    own, given = approve(small, "vgr").eid, approve(small, "skane").eid
    release(small, {"skane": given, "vgr": own})
    report = verify(small.export_all(tmp_path), study=small.study, lang=lang)
    (one,) = report.released
    assert (one.region, one.signed, one.holds) == ("vgr", ("skane", "vgr"), True)
    assert report.to_json()["releases"][0]["tests_u"] == GOOD  # type: ignore[index, call-overload]
    for text in (report.to_text(), page(report)):
        assert what in text
        assert "skane, vgr" in text
        assert wrong not in text
    assert "0.884" in page(report)
    release(small, {"vgr": own})
    report = verify(small.export_all(tmp_path), study=small.study, lang=lang)
    assert [one.holds for one in report.released] == [True, False]
    assert wrong in page(report)
    assert wrong in report.to_text()


def test_without_a_release_nothing_is_said(small: Small, tmp_path: Path) -> None:
    report = verify(small.export_all(tmp_path), study=small.study)
    assert report.to_json()["releases"] == []
    assert 'id="releases"' not in page(report)


def test_every_figure_has_a_name_in_both_languages() -> None:
    named = {*TABLE, *IMAGES, *MODEL_TESTS, "exact_copies", "mia_discriminator", "frechet", "dp", *GOOD}
    assert named <= set(NAMES["en"]) == set(NAMES["sv"])


@pytest.mark.attack("L27")
def test_a_release_of_a_model_that_no_round_gave(small: Small, tmp_path: Path) -> None:
    given = {name: approve(small, name).eid for name in ("skane", "vgr")}
    release(small, given, model=bytes([3]) * 32)
    ((code, subject, _),) = said(audit(small, tmp_path))
    assert (code, subject) == ("LS-RELEASE-LINEAGE", "vgr")


def revoke(small: Small, region: str, size: int) -> None:
    """vgr logs that a region's key set counts no longer from a place on."""
    one = Revocation(region, 1, size, small.homes[region].log.tree.root_at(size), "stolen")
    small.add("vgr", "key.revoke", one.by_identity(small.homes[region].keys.identity), study=False)


@pytest.mark.attack("L29")
def test_an_approval_by_a_key_known_to_be_revoked_does_not_count(small: Small, tmp_path: Path) -> None:
    own, given = approve(small, "vgr"), approve(small, "skane")
    revoke(small, "skane", given.fields.head_size)
    release(small, {"skane": given.eid, "vgr": own.eid})
    report = verify(small.export_all(tmp_path), study=small.study)
    assert {(f.code, f.subject) for f in report.findings if f.severity is not Severity.INFO} == {
        ("LS-RELEASE-RULE", "vgr"),
        ("LS-KEY-REVOKED", "skane"),  # the key, which signed a later statement than its last good one
    }


@pytest.mark.parametrize("when", ["after the approval's place", "after the release"])
def test_a_revocation_that_does_not_reach_the_approval_changes_nothing(small: Small, tmp_path: Path, when: str) -> None:
    own, given = approve(small, "vgr"), approve(small, "skane")
    if when == "after the approval's place":
        revoke(small, "skane", given.fields.head_size + 1)
    release(small, {"skane": given.eid, "vgr": own.eid})
    if when == "after the release":
        revoke(small, "skane", given.fields.head_size)
    report = verify(small.export_all(tmp_path), study=small.study)
    assert "LS-RELEASE-RULE" not in {f.code for f in report.findings}


def partly(small: Small, folder: Path) -> Path:
    """vgr's bundle for this study: the entries of another one are fingerprints."""
    home = small.homes["vgr"]
    body: dict[str, Value] = {"requester_ref": None, "study": small.study, "payloads": "kept", "mirrors": False}
    small.add("vgr", "audit.export", body, study=False)
    out = folder / "vgr.bundle"
    write_bundle(
        out,
        origin=home.origin,
        note_key=home.keys.log,
        leaves=home.leaves,
        checkpoint=home.checkpoint(),
        payload=home.kept.get,
        study=small.study,
    )
    return out


@pytest.mark.parametrize("lang", ["en", "sv"])
def test_where_other_entries_are_withheld_a_missing_approval_accuses_nobody_and_is_told(
    small: Small, tmp_path: Path, lang: str
) -> None:
    own = approve(small, "vgr").eid
    small.propose_only(5)
    release(small, {"skane": bytes(32), "vgr": own})
    report = verify([partly(small, tmp_path)], study=small.study, lang=lang)
    assert report.coverage[-1].withheld
    assert "LS-RELEASE-RULE" not in {f.code for f in report.findings}
    (one,) = report.released
    assert (one.holds, one.unseen) == (True, ("skane",))
    words = {"en": "not among the entries at hand", "sv": "finns inte bland posterna"}[lang]
    assert words in report.to_text()
    assert words in page(report)


@pytest.mark.attack("L27")
def test_who_withholds_entries_is_found_out_by_the_log_of_whom_it_names(small: Small, tmp_path: Path) -> None:
    own = approve(small, "vgr").eid
    small.propose_only(5)
    release(small, {"skane": bytes(32), "vgr": own})
    approve(small, "vgr", card_sha256=FILE)  # skane has heard of vgr's log beyond the release
    bundles = [partly(small, tmp_path), small.export("skane", tmp_path)]
    found = {
        (f.code, f.subject) for f in verify(bundles, study=small.study).findings if f.severity is Severity.CRITICAL
    }
    assert found == {("LS-RELEASE-RULE", "vgr")}


def test_a_log_that_was_handed_over_before_the_release_shows_nothing_of_it(small: Small, tmp_path: Path) -> None:
    own = approve(small, "vgr").eid
    early = small.export("skane", tmp_path)
    small.propose_only(5)
    release(small, {"skane": approve(small, "skane", to=["kalmar"]).eid, "vgr": own})
    report = verify([partly(small, tmp_path), early], study=small.study)
    assert "LS-RELEASE-RULE" not in {f.code for f in report.findings}


def test_an_approval_that_only_its_sender_shows_does_not_count_for_who_withholds(small: Small, tmp_path: Path) -> None:
    own, given = approve(small, "vgr").eid, approve(small, "skane", to=["kalmar"]).eid
    small.propose_only(5)
    release(small, {"skane": given, "vgr": own})
    bundles = [partly(small, tmp_path), small.export("skane", tmp_path)]
    report = verify(bundles, study=small.study)
    assert "LS-RELEASE-RULE" not in {f.code for f in report.findings}  # it may have come, and lie among the rest
    assert report.released[0].unseen == ("skane",)
