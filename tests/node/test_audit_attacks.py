"""Ways to be cheated: vgr lies in one way, hands over a bundle that it signs, and is found out.

In no case does an honest region's name stand as subject above info; what convicts vgr convinces
``check-finding`` again, from the finding and the roster alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from node.audit import Report, Severity, check_finding, verify, write_bundle
from node.audit.page import page
from protocol.codec import Value, encode
from protocol.entries import decode_entry
from protocol.envelope import Envelope
from tests.node.audit_network import CODE, Home, Small, contents, edited, rewrite, with_leaves

FIVE = ("gotland", "halland", "kalmar", "skane", "vgr")


@pytest.fixture
def small() -> Small:
    """Five regions, an honest study of two rounds, nothing exported yet."""
    return Small(FIVE).run()


@pytest.fixture
def vgr(small: Small) -> Home:
    return small.homes["vgr"]


def audit(small: Small, bundles: Sequence[Path]) -> Report:
    """The audit of the study; whoever is named above info is vgr, and the evidence alone shows it."""
    report = verify(bundles, study=small.study)
    named = [f for f in report.findings if f.subject is not None and f.severity is not Severity.INFO]
    assert {finding.subject for finding in named} <= {"vgr"}
    for finding in named:
        answer = check_finding(json.dumps(finding.to_json()).encode(), small.roster.encode())
        assert answer.confirmed or answer.needs_bundle, (finding.code, answer.words)
        assert answer.needs_bundle or answer.exit_code == finding.severity.exit_code
    return report


def said(report: Report) -> set[tuple[str, str | None]]:
    """(code, subject) of everything above info."""
    return {(f.code, f.subject) for f in report.findings if f.severity is not Severity.INFO}


def place_of(home: Home, kind: str, start: int = 0) -> int:
    """Position of the first entry of a kind."""
    return next(s for s, leaf in enumerate(home.leaves) if s >= start and decode_entry(leaf).kind == kind)


def sent(home: Home, type: str) -> int:
    """Position of the first message of a type that a region sent."""
    for seq, leaf in enumerate(home.leaves):
        entry = decode_entry(leaf)
        if entry.kind == "env.sent" and type.encode() in bytes(entry.body["header"]):  # type: ignore[arg-type]
            return seq
    raise AssertionError(type)


# ---------------------------------------------------------------- entries changed


@pytest.mark.attack("L01")
def test_an_entry_changed_under_the_old_checkpoint_blames_nobody(small: Small, vgr: Home, tmp_path: Path) -> None:
    bundles = small.export_all(tmp_path)
    seq = place_of(vgr, "round.mix")
    leaves = list(vgr.leaves)
    leaves[seq] = edited(leaves[seq], t_ms=decode_entry(leaves[seq]).t_ms + 1)
    rewrite(bundles[-1], with_leaves(vgr, leaves, sign=False), signer=vgr)
    report = audit(small, bundles)
    assert (said(report), report.exit_code) == ({("LS-LOG-ROOT", None)}, 3)
    assert report.findings[0].source == "vgr.bundle"
    assert report.findings[0].source_signed is True


@pytest.mark.attack("L02")
def test_an_entry_changed_and_signed_again_by_its_owner_is_a_fork(small: Small, vgr: Home, tmp_path: Path) -> None:
    bundles = small.export_all(tmp_path)
    seq = place_of(vgr, "round.mix")
    leaves = list(vgr.leaves)
    leaves[seq] = edited(leaves[seq], t_ms=decode_entry(leaves[seq]).t_ms + 1)
    rewrite(bundles[-1], with_leaves(vgr, leaves, sign=True), signer=vgr)
    report = audit(small, bundles)
    assert {("LS-FORK", "vgr")} <= said(report)
    assert report.exit_code == 3
    assert "vgr" in report.sentence
    fork = next(f for f in report.findings if f.code == "LS-FORK")
    assert fork.seq is not None
    assert fork.seq > seq
    since = int(fork.values["since"])
    assert 0 < since < seq
    assert f"up to entry {since} they agree" in report.to_text()
    assert f"between entry {since} and entry {fork.seq}" in re.sub(r"<[^>]+>", "", page(report))


@pytest.mark.attack("L03")
def test_two_entries_exchanged_under_the_old_checkpoint_blame_nobody(small: Small, vgr: Home, tmp_path: Path) -> None:
    bundles = small.export_all(tmp_path)
    leaves = list(vgr.leaves)
    leaves[10], leaves[11] = leaves[11], leaves[10]
    rewrite(bundles[-1], with_leaves(vgr, leaves, sign=False), signer=vgr)
    report = audit(small, bundles)
    assert (said(report), report.exit_code) == ({("LS-ENTRY-SEQ", None), ("LS-LOG-ROOT", None)}, 3)


@pytest.mark.attack("L03")
def test_two_entries_exchanged_renumbered_and_signed_again_are_a_fork(small: Small, vgr: Home, tmp_path: Path) -> None:
    bundles = small.export_all(tmp_path)
    leaves = list(vgr.leaves)
    seq = place_of(vgr, "env.recv", 10)
    time = decode_entry(leaves[seq]).t_ms
    leaves[seq], leaves[seq + 1] = edited(leaves[seq + 1], seq=seq, t_ms=time), edited(leaves[seq], seq=seq + 1)
    rewrite(bundles[-1], with_leaves(vgr, leaves, sign=True), signer=vgr)
    report = audit(small, bundles)
    assert ("LS-FORK", "vgr") in said(report)
    assert report.exit_code == 3


@pytest.mark.attack("L04")
def test_a_log_cut_under_the_old_checkpoint_is_seen(small: Small, vgr: Home, tmp_path: Path) -> None:
    bundles = small.export_all(tmp_path)
    rewrite(bundles[-1], with_leaves(vgr, vgr.leaves[:-9], sign=False), signer=vgr)
    report = audit(small, bundles)
    assert (said(report), report.exit_code) == ({("LS-LOG-ROOT", None)}, 3)


@pytest.mark.attack("L05")
def test_a_log_cut_under_a_fresh_checkpoint_is_truncated_and_its_export_unlogged(
    small: Small, vgr: Home, tmp_path: Path
) -> None:
    bundles = small.export_all(tmp_path)
    leaves = vgr.leaves[: sent(vgr, "MASKED")]
    rewrite(bundles[-1], with_leaves(vgr, leaves, sign=True), signer=vgr)
    report = audit(small, bundles)
    assert (said(report), report.exit_code) == ({("LS-TRUNCATED", "vgr"), ("LS-EXPORT-UNLOGGED", "vgr")}, 2)


# ---------------------------------------------------------------- two histories


@pytest.mark.attack("L07")
def test_a_message_that_was_sent_and_left_out_of_the_log_is_found_at_its_receiver(tmp_path: Path) -> None:
    small = Small(FIVE)
    small.begin()
    vgr = small.homes["vgr"]
    hidden = vgr.twin()
    advert: dict[str, Value] = {"mask_key": bytes(31) + b"1", "eph": CODE, "need_state": False, "stats": None}
    place = {"study": small.study, "round": 0, "session": small.sid("halland", 0)}
    small.say("vgr", "ADVERT", advert, ["halland"], log=hidden, **place)  # type: ignore[arg-type]
    small.add("vgr", "round.end", {"round": 0, "outcome": "kept", "reason": "too-few"})
    report = audit(small, small.export_all(tmp_path))
    assert (said(report), report.exit_code) == ({("LS-OMITTED", "vgr")}, 3)


@pytest.mark.attack("L08")
def test_two_logs_shown_to_two_neighbours_convict_without_the_log(tmp_path: Path) -> None:
    small = forked(Small(FIVE))
    report = audit(small, small.export_all(tmp_path, but="vgr"))
    assert ("LS-FORK", "vgr") in said(report)
    assert report.exit_code == 3
    assert {piece["type"] for f in report.findings if f.code == "LS-FORK" for piece in f.evidence} == {"envelope"}


@pytest.mark.attack("L08")
def test_two_logs_shown_to_two_neighbours_convict_beside_the_log(tmp_path: Path) -> None:
    small = forked(Small(FIVE))
    report = audit(small, small.export_all(tmp_path))
    assert ("LS-FORK", "vgr") in said(report)


def forked(small: Small) -> Small:
    """vgr goes on in two copies of its log, and says something else in each."""
    small.begin()
    other = small.homes["vgr"].twin()
    for name, log in (("halland", None), ("kalmar", other)):
        body: dict[str, Value] = {"mask_key": name.encode().ljust(32), "eph": CODE, "need_state": False, "stats": None}
        place = {"study": small.study, "round": 0, "session": small.sid(name, 0)}
        small.say("vgr", "ADVERT", body, [name], log=log, **place)  # type: ignore[arg-type]
        small.say("vgr", "ADVERT", body | {"eph": bytes(31) + b"2"}, [name], log=log, **place)  # type: ignore[arg-type]
    return small


@pytest.mark.attack("L10")
def test_a_message_logged_at_a_place_that_its_head_does_not_claim_is_seen_in_the_own_log(tmp_path: Path) -> None:
    small = Small(FIVE)
    small.begin()
    envelope = misplaced(small)
    vgr = small.homes["vgr"]
    body: dict[str, Value] = {"header": envelope.header, "sig": envelope.signature, "to": ["halland"]}
    vgr.add("env.sent", body, study=small.study, now_ms=small.tick())
    report = audit(small, small.export_all(tmp_path))
    assert ("LS-HEAD-SELF", "vgr") in said(report)
    assert report.exit_code == 3


@pytest.mark.attack("L10")
def test_a_message_whose_head_names_a_place_that_holds_something_else_is_omitted_there(tmp_path: Path) -> None:
    small = Small(FIVE)
    small.begin()
    misplaced(small)
    report = audit(small, small.export_all(tmp_path))
    assert ("LS-OMITTED", "vgr") in said(report)
    assert report.exit_code == 3


def misplaced(small: Small) -> Envelope:
    """vgr signs a message with the head of now, and lets its log go on with something else."""
    twin = small.homes["vgr"].twin()
    small.add("vgr", "round.end", {"round": 0, "outcome": "kept", "reason": "too-few"})
    body: dict[str, Value] = {"mask_key": bytes(31) + b"1", "eph": CODE, "need_state": False, "stats": None}
    place = {"study": small.study, "round": 0, "session": small.sid("halland", 0)}
    return small.say("vgr", "ADVERT", body, ["halland"], log=twin, **place)  # type: ignore[arg-type]


@pytest.mark.attack("L11")
@pytest.mark.parametrize("type", ["COHORT", "MASKED"])
def test_two_messages_for_one_session_are_an_equivocation(tmp_path: Path, type: str) -> None:
    small = Small(FIVE).run()
    place = {"study": small.study, "round": 1, "session": small.sid("vgr" if type == "COHORT" else "halland", 1)}
    masked: dict[str, Value] = {"view": bytes(31) + b"1", "self_commit": b""}
    if type == "COHORT":
        body = small.cohorts["vgr", 1].fields.body | {"eph": bytes(31) + b"2"}
        small.say("vgr", "COHORT", body, ["halland"], payload=b"\x90", keep=False, **place)  # type: ignore[arg-type]
    else:
        small.say("vgr", "MASKED", masked, ["halland"], payload=bytes(16), keep=False, **place)  # type: ignore[arg-type]
    report = audit(small, small.export_all(tmp_path))
    assert (said(report), report.exit_code) == ({("LS-EQUIVOCATION", "vgr")}, 3)


# ---------------------------------------------------------------- time


@pytest.mark.attack("L16")
def test_an_entry_dated_before_its_predecessor_is_seen(small: Small, vgr: Home, tmp_path: Path) -> None:
    bundles = small.export_all(tmp_path)
    leaves = [*vgr.leaves[:-1], edited(vgr.leaves[-1], t_ms=1)]
    rewrite(bundles[-1], with_leaves(vgr, leaves, sign=True), signer=vgr)
    report = audit(small, bundles)
    assert (said(report), report.exit_code) == ({("LS-TIME-ORDER", "vgr")}, 2)


# ---------------------------------------------------------------- plans, payloads, views


@pytest.mark.attack("L28")
def test_the_plan_of_another_study_in_the_bundle_is_not_the_one_that_was_named(small: Small, tmp_path: Path) -> None:
    bundles = small.export_all(tmp_path)
    report = verify(bundles, study=bytes(32))
    assert said(report) == {("LS-STUDY-ID", None)}
    assert report.exit_code == 3


@pytest.mark.attack("L28")
def test_a_changed_plan_under_the_old_name_is_not_the_one_named(small: Small, vgr: Home, tmp_path: Path) -> None:
    bundles = small.export_all(tmp_path)

    def change(files: dict[str, bytes]) -> None:
        name = f"plans/{small.study.hex()}.bin"
        files[name] = files[name].replace(b"research", b"resource")

    rewrite(bundles[-1], change, signer=vgr)
    report = audit(small, bundles)
    assert (said(report), report.exit_code) == ({("LS-STUDY-ID", None)}, 3)
    assert report.findings[0].source == "vgr.bundle"


@pytest.mark.attack("L28")
def test_a_roster_with_another_key_does_not_follow_from_the_plan(small: Small, vgr: Home, tmp_path: Path) -> None:
    other = Small((*FIVE, "zulu"))

    def change(files: dict[str, bytes]) -> None:
        files[f"rosters/{other.roster.hash.hex()}.bin"] = other.roster.encode()

    bundles = small.export_all(tmp_path)
    rewrite(bundles[-1], change, signer=vgr)
    report = audit(small, bundles)
    assert (said(report), report.exit_code) == ({("LS-ROSTER", None)}, 3)


@pytest.mark.attack("L30")
def test_a_changed_payload_is_not_the_one_its_name_says(small: Small, vgr: Home, tmp_path: Path) -> None:
    bundles = small.export_all(tmp_path)

    def change(files: dict[str, bytes]) -> None:
        name = next(name for name in files if name.startswith("payloads/"))
        files[name] = files[name][:-1] + b"x"

    rewrite(bundles[-1], change, signer=vgr)
    report = audit(small, bundles)
    assert (said(report), report.exit_code) == ({("LS-PAYLOAD-HASH", None)}, 2)


@pytest.mark.attack("L30")
def test_a_changed_reading_view_differs_from_the_entries(small: Small, vgr: Home, tmp_path: Path) -> None:
    bundles = small.export_all(tmp_path)

    def change(files: dict[str, bytes]) -> None:
        lines = files["logs/vgr.1/leaves.jsonl"].split(b"\n")
        lines[20] = lines[20].replace(b'"at":20', b'"at":21')
        files["logs/vgr.1/leaves.jsonl"] = b"\n".join(lines)

    rewrite(bundles[-1], change, signer=vgr)
    report = audit(small, bundles)
    assert (said(report), report.exit_code) == ({("LS-VIEW", None)}, 1)
    assert report.findings[0].seq == 20


# ---------------------------------------------------------------- false signatures


@pytest.mark.attack("L31")
def test_a_false_cosignature_says_nothing_about_its_name(small: Small, vgr: Home, tmp_path: Path) -> None:
    bundles = small.export_all(tmp_path)
    line = "\u2014 test.example/kalmar/witness " + "AAAA" * 25 + "AA==\n"

    def change(files: dict[str, bytes]) -> None:
        files["logs/vgr.1/checkpoint.note"] += line.encode()

    rewrite(bundles[-1], change, signer=vgr)
    report = audit(small, bundles)
    assert (said(report), report.exit_code) == ({("LS-COSIG", None)}, 2)


@pytest.mark.attack("L31")
def test_a_message_with_a_false_signature_in_a_signed_log_blames_its_holder(tmp_path: Path) -> None:
    small = Small(FIVE)
    small.begin()
    body: dict[str, Value] = {"mask_key": bytes(31) + b"1", "eph": CODE, "need_state": False, "stats": None}
    place = {"study": small.study, "round": 0, "session": small.sid("vgr", 0)}
    envelope = small.say("kalmar", "ADVERT", body, [], **place)  # type: ignore[arg-type]
    forged: dict[str, Value] = {"header": envelope.header, "sig": bytes(32) + envelope.signature[32:], "via": None}
    small.homes["vgr"].add("env.recv", forged, study=small.study, now_ms=small.tick())
    report = audit(small, small.export_all(tmp_path))
    assert (said(report), report.exit_code) == ({("LS-ENV-SIG", "vgr")}, 3)


def test_a_message_with_a_false_signature_inside_a_carrier_blames_who_signed_the_carrier(tmp_path: Path) -> None:
    small = Small(FIVE)
    small.begin()
    advert = small.advert("kalmar", "vgr", 0)
    payload = encode([[advert.header, bytes(64), None]])
    place = {"study": small.study, "round": 0, "session": small.sid("vgr", 0)}
    small.say("vgr", "COHORT", small.cohort_body({"kalmar": advert}), ["halland"], payload=payload, **place)  # type: ignore[arg-type]
    report = verify(small.export_all(tmp_path), study=small.study)
    assert said(report) == {("LS-ENV-SIG", "vgr"), ("LS-COHORT", "vgr")}  # it named one sender; two hide each other
    forged = next(f for f in report.findings if f.code == "LS-ENV-SIG")
    answer = check_finding(json.dumps(forged.to_json()).encode(), small.roster.encode())
    assert (answer.confirmed, answer.needs_bundle, answer.exit_code) == (False, True, 65)
    assert "needs the bundle" in answer.words


# ---------------------------------------------------------------- nothing handed over


@pytest.mark.attack("L32")
def test_a_region_that_hands_over_nothing_is_audited_by_what_others_hold(small: Small, tmp_path: Path) -> None:
    bundles = small.export_all(tmp_path, but="vgr")
    report = audit(small, bundles)
    assert [(f.code, f.subject) for f in report.findings] == [("LS-LOG-ABSENT", "vgr")]
    assert (report.verdict, report.exit_code) == ("clean", 0)
    assert report.sentence.endswith("No log of vgr was handed over.")
    assert next(row for row in report.coverage if row.region == "vgr").held > 10
    required = verify(bundles, study=small.study, require=["all-logs"])
    assert (required.verdict, required.exit_code) == ("incomplete", 4)


def test_two_exports_of_one_history_agree_and_of_two_are_a_fork(small: Small, vgr: Home, tmp_path: Path) -> None:
    bundles = small.export_all(tmp_path)
    early = tmp_path / "early"
    early.mkdir()
    first = small.write("vgr", early, vgr.leaves)
    small.add("vgr", "node.stop", {"reason": "done"}, study=False)
    bundles[-1] = small.export("vgr", tmp_path)
    assert said(audit(small, [*bundles, first])) == set()
    other = [*vgr.leaves[:-3], edited(vgr.leaves[-3], t_ms=decode_entry(vgr.leaves[-3]).t_ms + 1)]
    rewrite(first, with_leaves(vgr, other, sign=True), signer=vgr)
    assert ("LS-FORK", "vgr") in said(audit(small, [*bundles, first]))


def test_a_bundle_of_one_study_shows_other_entries_as_hashes(small: Small, vgr: Home, tmp_path: Path) -> None:
    other = Small(FIVE, rounds=3)
    small.say("kalmar", "PROPOSE", {}, small.others("kalmar"), study=other.study, payload=other.plan.encode())
    bundles = small.export_all(tmp_path)
    write_bundle(
        bundles[-1], origin=vgr.origin, note_key=vgr.keys.log, leaves=vgr.leaves, checkpoint=vgr.checkpoint(),
        payload=vgr.kept.get, study=small.study,
    )  # fmt: skip
    assert f"plans/{other.study.hex()}.bin" not in contents(bundles[-1])
    report = audit(small, bundles)
    assert [(f.code, f.subject) for f in report.findings] == [("LS-LEAF-WITHHELD", "vgr")]
    assert (report.verdict, report.exit_code) == ("clean", 0)
