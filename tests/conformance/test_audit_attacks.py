"""Ways to be cheated, in the logs of five real daemons: vgr lies in one way, and signs what it hands over.

The run is told again with the lie in it (``node.tamper.play``): what vgr says differently is what its
neighbours hear, log and confirm. In no row does an honest region's name stand above info.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from crypto.keys import PrivateKeys
from crypto.merkle import Tree
from node.audit import Severity, read_bundle
from node.tamper.files import edited, rewrite
from node.tamper.play import Play
from protocol.codec import encode
from protocol.entries import decode_entry
from protocol.keys import Revocation, rotation
from protocol.roster import decode_roster
from tests.node.audit_network import contents, seeded
from tests.node.kept import LIAR, Kept, said

CRITICAL, MAJOR = 3, 2


def told(kept: Kept, play: Play, folder: Path, **options: Any) -> tuple[set[tuple[str, str | None]], int]:
    """What the audit says of a run with its lie, and its exit code."""
    report = kept.audit(play.write(folder), **options)
    return said(report), report.exit_code


def copied(kept: Kept, folder: Path) -> list[Path]:
    return [Path(shutil.copy(path, folder)) for _, path in sorted(kept.bundles.items())]


# ---------------------------------------------------------------- honest


@pytest.mark.attack("L39")
def test_a_run_told_again_without_a_lie_is_the_same_to_the_byte_and_clean(kept: Kept, tmp_path: Path) -> None:
    play = kept.play()
    for name, made in play.play().items():
        assert made.leaves == list(read_bundle(kept.bundles[name]).logs[name, 1].leaves)
    assert told(kept, play, tmp_path) == (set(), 0)
    assert kept.verdict == "clean"


@pytest.mark.attack("L12")
def test_a_late_message_with_a_smaller_head_is_no_finding(kept: Kept, tmp_path: Path) -> None:
    play = kept.play()
    steps = play.steps["halland"]
    at = next(i for i, s in enumerate(steps) if s.header and s.header["type"] == "RECEIPT" and s.header["from"] == LIAR)
    late = steps.pop(at)
    late.t_ms, late.was = steps[-1].t_ms, None
    steps.insert(len(steps) - 1, late)
    assert told(kept, play, tmp_path) == (set(), 0)


# ---------------------------------------------------------------- the log itself


@pytest.mark.attack("L02")
def test_an_entry_changed_and_signed_again_is_a_fork_at_that_entry(kept: Kept, tmp_path: Path) -> None:
    play = kept.play()
    at = play.find(LIAR, "round.mix", round=1)

    def change(name: str, leaves: list[bytes]) -> list[bytes]:
        if name == LIAR:
            leaves[at] = edited(leaves[at], t_ms=decode_entry(leaves[at]).t_ms + 1)
        return leaves

    report = kept.audit(play.write(tmp_path, change=change))
    assert report.exit_code == CRITICAL
    assert ("LS-FORK", LIAR) in said(report)
    assert at in {finding.seq for finding in report.findings if finding.code == "LS-FORK"}


@pytest.mark.attack("L01")
@pytest.mark.attack("L03")
@pytest.mark.attack("L04")
@pytest.mark.parametrize("way", ["changed", "exchanged", "cut"])
def test_a_log_changed_under_its_old_checkpoint_blames_nobody(kept: Kept, tmp_path: Path, way: str) -> None:
    bundles = copied(kept, tmp_path)

    def change(files: dict[str, bytes]) -> None:
        name = f"logs/{LIAR}.1/leaves.bin"
        leaves = list(read_bundle(kept.bundles[LIAR]).logs[LIAR, 1].leaves)
        if way == "changed":
            leaves[30] = edited(leaves[30] or b"", t_ms=decode_entry(leaves[30] or b"").t_ms + 1)
        elif way == "exchanged":
            leaves[30], leaves[31] = leaves[31], leaves[30]
        else:
            del leaves[-9:]
        files[name] = b"".join(len(leaf or b"").to_bytes(4, "big") + (leaf or b"") for leaf in leaves)

    path = next(path for path in bundles if path.stem == LIAR)
    rewrite(path, change)
    report = kept.audit(bundles)
    assert {subject for _, subject in said(report)} == {None}
    assert ("LS-LOG-ROOT", None) in said(report)
    assert (("LS-ENTRY-SEQ", None) in said(report)) is (way == "exchanged")
    assert report.exit_code == CRITICAL


@pytest.mark.attack("L03")
def test_two_entries_exchanged_renumbered_and_signed_are_a_fork(kept: Kept, tmp_path: Path) -> None:
    play = kept.play()

    def change(name: str, leaves: list[bytes]) -> list[bytes]:
        if name == LIAR:
            at = next(s for s in range(20, 90) if all(decode_entry(x).kind == "env.recv" for x in leaves[s : s + 2]))
            t_ms = decode_entry(leaves[at]).t_ms
            leaves[at], leaves[at + 1] = edited(leaves[at + 1], seq=at, t_ms=t_ms), edited(leaves[at], seq=at + 1)
        return leaves

    found = kept.audit(play.write(tmp_path, change=change))
    assert (("LS-FORK", LIAR) in said(found), found.exit_code) == (True, CRITICAL)


@pytest.mark.attack("L05")
@pytest.mark.attack("L13")
def test_a_log_cut_under_a_fresh_checkpoint_lacks_entries_and_its_hand_over(kept: Kept, tmp_path: Path) -> None:
    play = kept.play()
    bundles = play.write(tmp_path, change=lambda name, leaves: leaves[:70] if name == LIAR else leaves)
    report = kept.audit(bundles)
    assert (said(report), report.exit_code) == ({("LS-TRUNCATED", LIAR), ("LS-EXPORT-UNLOGGED", LIAR)}, MAJOR)


@pytest.mark.attack("L05")
@pytest.mark.attack("L13")
def test_a_cut_log_that_ends_in_a_hand_over_contradicts_what_neighbours_copied(kept: Kept, tmp_path: Path) -> None:
    play = kept.play()

    def change(name: str, leaves: list[bytes]) -> list[bytes]:
        return [*leaves[:70], edited(leaves[-1], seq=70)] if name == LIAR else leaves

    report = kept.audit(play.write(tmp_path, change=change))
    assert ("LS-FORK", LIAR) in said(report)
    assert report.exit_code == CRITICAL


@pytest.mark.attack("L06")
def test_an_early_hand_over_lacks_entries_and_nothing_of_the_rounds_that_are_asked_for(
    kept: Kept, tmp_path: Path
) -> None:
    play = kept.play()
    at = play.find(LIAR, "round.heads", round=1) + 1  # after all that others confirmed of round 0
    body = {"requester_ref": None, "study": None, "payloads": "kept", "mirrors": False}
    play.add(LIAR, at, "audit.export", body)
    bundles = play.write(tmp_path, change=lambda name, leaves: leaves[: at + 1] if name == LIAR else leaves)
    report = kept.audit(bundles)
    # Confirmations that came after the hand-over are not in it either.
    assert (said(report) - {("LS-COSIG-LAG", LIAR)}, report.exit_code) == ({("LS-TRUNCATED", LIAR)}, MAJOR)
    assert said(kept.audit(bundles, as_of=0)) - {("LS-COSIG-LAG", LIAR)} == set()


# ---------------------------------------------------------------- what was said


def receipt(play: Play, **more: Any) -> dict[str, Any]:
    """A RECEIPT that vgr gives of skane's value in its last session, once more, to halland."""
    last = play.steps[LIAR][play.find(LIAR, "env.sent", "COHORT", round=3)]
    assert last.header is not None
    return {"study": last.study, "round": 3, "session": last.header["session"], **more}


@pytest.mark.attack("L07")
def test_a_message_sent_and_replaced_in_the_log_is_omitted(kept: Kept, tmp_path: Path) -> None:
    play = kept.play()
    at = len(play.steps[LIAR]) - 2
    play.say(LIAR, at, "RECEIPT", {"about": "orebro", "masked": bytes(32)}, "halland", **receipt(play))

    def change(name: str, leaves: list[bytes]) -> list[bytes]:
        if name == LIAR:
            leaves[at] = edited(leaves[at + 1], seq=at)
        return leaves

    report = kept.audit(play.write(tmp_path, change=change))
    # What vgr's neighbours heard of its log after that message (a clean stop waits for them) contradicts it as well.
    more = {("LS-EQUIVOCATION", LIAR), ("LS-FORK", LIAR)}
    assert {("LS-OMITTED", LIAR)} <= said(report) <= {("LS-OMITTED", LIAR), *more}
    assert report.exit_code == CRITICAL


@pytest.mark.attack("L08")
def test_two_histories_shown_to_two_neighbours_convict_without_the_log(kept: Kept, tmp_path: Path) -> None:
    play = kept.play()
    at = len(play.steps[LIAR]) - 2
    for name, about in (("halland", "orebro"), ("skane", "uppsala")):
        body = {"about": about, "masked": bytes(31) + b"1"}
        play.say(LIAR, at, "RECEIPT", body, name, is_hidden=True, **receipt(play))
    bundles = [path for path in play.write(tmp_path) if path.stem != LIAR]
    report = kept.audit(bundles)
    assert ("LS-FORK", LIAR) in said(report)
    assert report.exit_code == CRITICAL


@pytest.mark.attack("L10")
@pytest.mark.parametrize(("is_hidden", "code"), [(True, "LS-OMITTED"), (False, "LS-HEAD-SELF")])
def test_a_message_that_claims_another_place_is_found(kept: Kept, tmp_path: Path, is_hidden: bool, code: str) -> None:
    play = kept.play()
    at = len(play.steps[LIAR]) - 2
    body = {"about": "orebro", "masked": bytes(31) + b"1"}
    play.say(LIAR, at, "RECEIPT", body, "halland", is_hidden=is_hidden, claims=at - 5, **receipt(play))
    found, code_ = told(kept, play, tmp_path)
    assert (code, LIAR) in found
    assert code_ == CRITICAL


@pytest.mark.attack("L11")
@pytest.mark.parametrize("type", ["COHORT", "MASKED"])
def test_two_messages_for_one_session_are_an_equivocation(kept: Kept, tmp_path: Path, type: str) -> None:
    play = kept.play()
    at = len(play.steps[LIAR]) - 2
    first = play.steps[LIAR][play.find(LIAR, "env.sent", type, round=2)]
    assert first.header is not None
    body = dict(first.header["body"]) | ({"eph": bytes(31) + b"7"} if type == "COHORT" else {"view": bytes(31) + b"7"})
    where = {key: first.header[key] for key in ("study", "round", "session")}
    play.say(LIAR, at, type, body, "halland", payload=b"other", **where)
    found, code = told(kept, play, tmp_path)
    assert (("LS-EQUIVOCATION", LIAR) in found, code) == (True, CRITICAL)


# ---------------------------------------------------------------- time


@pytest.mark.attack("L16")
def test_a_clock_an_hour_behind_is_seen_by_those_who_confirmed_the_log(kept: Kept, tmp_path: Path) -> None:
    play = kept.play()
    for step in play.steps[LIAR]:
        step.t_ms -= 3_600_000
    assert told(kept, play, tmp_path) == ({("LS-BACKDATED", LIAR)}, MAJOR)


@pytest.mark.attack("L16")
def test_one_witness_with_another_clock_decides_nothing(kept: Kept, tmp_path: Path) -> None:
    play = kept.play()
    for step in play.steps[LIAR]:
        for row in step.body.get("cosigned", ()) if step.kind == "round.heads" else ():
            row["t_s"] += 3600 if row["by"] == "halland" else 0
    report = kept.audit(play.write(tmp_path))
    assert (said(report), report.exit_code) == (set(), 0)
    clock = next(f for f in report.findings if f.code == "LS-CLOCK")
    assert (clock.severity, clock.status.value, clock.subject) == (Severity.INFO, "UNDECIDABLE", LIAR)


@pytest.mark.attack("L16")
def test_an_entry_dated_before_its_predecessor_is_out_of_order(kept: Kept, tmp_path: Path) -> None:
    play = kept.play()
    play.steps[LIAR][play.find(LIAR, "round.mix", round=1)].t_ms -= 3_600_000
    assert told(kept, play, tmp_path) == ({("LS-TIME-ORDER", LIAR)}, MAJOR)


# ---------------------------------------------------------------- the study


def body_of(play: Play, kind: str, round: int) -> dict[str, Any]:
    return play.steps[LIAR][play.find(LIAR, kind, round=round)].body


def sum_of(play: Play, round: int) -> dict[str, Any]:
    """vgr's ``session.sum`` of a training round."""
    return play.steps[LIAR][play.find(LIAR, "session.sum", start=play.find(LIAR, "round.train", round=round))].body


@pytest.mark.attack("L17")
def test_a_value_of_another_round_is_stale(kept: Kept, tmp_path: Path) -> None:
    play = kept.play()
    steps = play.steps[LIAR]
    for at in range(len(steps) - 1, 0, -1):
        header = steps[at].header or {}
        if header.get("round") == 2 and header["type"] == "MASKED" and header["from"] == "halland":
            del steps[at]
    assert told(kept, play, tmp_path) == ({("LS-STALE", LIAR)}, CRITICAL)


@pytest.mark.attack("L18")
def test_a_sum_that_its_session_did_not_give_is_no_match(kept: Kept, tmp_path: Path) -> None:
    play = kept.play()
    body_of(play, "round.mix", 2)["in"][0]["sum"] = bytes(31) + b"1"
    assert told(kept, play, tmp_path) == ({("LS-MATCH", LIAR)}, CRITICAL)


@pytest.mark.attack("L19")
def test_a_weight_that_is_not_the_plans_is_found(kept: Kept, tmp_path: Path) -> None:
    play = kept.play()
    body_of(play, "round.mix", 2)["weights"]["halland"] = 3
    assert told(kept, play, tmp_path) == ({("LS-WEIGHT", LIAR)}, CRITICAL)


@pytest.mark.attack("L20")
@pytest.mark.parametrize(("why", "found"), [("lost", {("LS-FALSE-DROPOUT", LIAR)}), ("group", set())])
def test_a_receipt_and_then_called_missing(kept: Kept, tmp_path: Path, why: str, found: set[tuple[str, str]]) -> None:
    play = kept.play()
    members = [[name, bytes(32)] for name in ("orebro", "skane", "uppsala")]
    body = {"view": bytes(32), "members": members, "left_out": [["halland", why]]}
    at = len(play.steps[LIAR]) - 2
    attempt = {"session": bytes(31) + b"9"}  # the session itself has its survivors
    play.say(LIAR, at, "RECEIPT", {"about": "halland", "masked": bytes(32)}, "skane", **(receipt(play) | attempt))
    play.say(LIAR, at + 1, "SURVIVORS", body, "skane", payload=encode([]), **(receipt(play) | attempt))
    assert told(kept, play, tmp_path) == (found, CRITICAL if found else 0)


@pytest.mark.attack("L21")
def test_a_value_that_one_sent_and_the_other_never_got_decides_nothing(kept: Kept, tmp_path: Path) -> None:
    play = kept.play()
    steps = play.steps[LIAR]
    for at in range(len(steps) - 1, 0, -1):
        header = steps[at].header or {}
        from_halland = header.get("type") == "MASKED" and header["from"] == "halland"
        receipted = header.get("type") == "RECEIPT" and header["body"]["about"] == "halland" and header["from"] == LIAR
        if header.get("round") == 2 and (from_halland or receipted):
            del steps[at]
    for name, others in play.steps.items():
        if name != LIAR:
            others[:] = [
                step for step in others
                if not (step.header and step.header["type"] == "RECEIPT" and step.header["from"] == LIAR
                        and step.header["round"] == 2 and step.header["body"]["about"] == "halland")
            ]  # fmt: skip
    session = sum_of(play, 2)["session"]
    for others in play.steps.values():  # vgr gives up before it says whose values it has
        others[:] = [
            step for step in others
            if not (step.header and step.header["session"] == session
                    and step.header["type"] in ("SURVIVORS", "CONFIRM", "CONFIRMS", "REVEAL"))
        ]  # fmt: skip
    at = play.find(LIAR, "session.sum", start=play.find(LIAR, "round.train", round=2))
    steps[at] = type(steps[at])(
        "session.void", steps[at].study, steps[at].t_ms, {"session": session, "receiver": LIAR, "reason": "missing"}
    )
    del steps[play.find(LIAR, "round.mix", round=2)]
    end = body_of(play, "round.end", 2)
    end["outcome"], end["reason"] = "kept", "missing"
    report = kept.audit(play.write(tmp_path))
    assert (said(report), report.exit_code) == (set(), 0)
    dispute = next(f for f in report.findings if f.code == "LS-DISPUTE-DELIVERY")
    assert (dispute.subject, dispute.status.value, dispute.values["holder"]) == (LIAR, "UNDECIDABLE", "halland")


@pytest.mark.attack("L22")
def test_masks_that_may_not_be_known_together_are_found(kept: Kept, tmp_path: Path) -> None:
    play = kept.play()
    sum_of(play, 1)["opened"] = [
        {"region": "halland", "kind": "self", "of": None, "c": bytes(32)},
        {"region": "halland", "kind": "pair", "of": "skane", "c": bytes(31) + b"1"},
    ]
    assert told(kept, play, tmp_path) == ({("LS-UNMASK-BOTH", LIAR)}, CRITICAL)


@pytest.mark.attack("L23")
def test_a_sum_over_too_few_is_found(kept: Kept, tmp_path: Path) -> None:
    play = kept.play()
    found = sum_of(play, 1)
    found["survivors"] = ["halland"]
    found["opened"] = [row for row in found["opened"] if row["region"] == "halland"]
    assert told(kept, play, tmp_path) == ({("LS-COHORT", LIAR)}, CRITICAL)


@pytest.mark.attack("L24")
def test_a_round_done_twice_is_found(kept: Kept, tmp_path: Path) -> None:
    play = kept.play()
    at = play.find(LIAR, "round.end", round=2)
    play.add(LIAR, at, "round.end", dict(play.steps[LIAR][at].body), play.steps[LIAR][at].study)
    assert told(kept, play, tmp_path) == ({("LS-ROUND-DUP", LIAR)}, CRITICAL)


@pytest.mark.attack("L24")
@pytest.mark.parametrize("excused", [False, True])
def test_a_round_that_is_missing_is_a_gap_unless_the_region_said_so(kept: Kept, tmp_path: Path, excused: bool) -> None:
    play = kept.play()
    del play.steps[LIAR][play.find(LIAR, "round.end", round=2)]
    if excused:
        at = len(play.steps[LIAR]) - 2
        where = {"study": kept.study, "round": 3}
        play.say(LIAR, at, "ABSENT", {"first": 2, "last": 2}, "halland", **where)
    expected = set() if excused else {("LS-ROUND-GAP", LIAR)}
    assert told(kept, play, tmp_path) == (expected, 0 if excused else MAJOR)


@pytest.mark.attack("L25")
@pytest.mark.parametrize(("eps_u", "code"), [(9_000_000, "LS-DP-BUDGET"), (1000, "LS-DP-MATH")])
def test_a_false_privacy_loss_is_found(kept: Kept, tmp_path: Path, eps_u: int, code: str) -> None:
    play = kept.play()
    body_of(play, "round.train", 3)["dp"]["eps_study_u"] = eps_u
    assert told(kept, play, tmp_path) == ({(code, LIAR)}, CRITICAL)


@pytest.mark.attack("L26")
def test_other_settings_are_found(kept: Kept, tmp_path: Path) -> None:
    play = kept.play()
    body_of(play, "round.train", 1)["settings_sha256"] = bytes(32)
    assert told(kept, play, tmp_path) == ({("LS-SETTINGS", LIAR)}, MAJOR)


@pytest.mark.attack("L26")
def test_a_sum_with_a_stranger_is_found(kept: Kept, tmp_path: Path) -> None:
    play = kept.play()
    sum_of(play, 1)["survivors"] = ["halland", "mallory", "orebro", "skane", "uppsala"]
    found, code = told(kept, play, tmp_path)
    assert (("LS-MEMBER", LIAR) in found, code) == (True, CRITICAL)


@pytest.mark.attack("L27")
def test_a_round_from_another_model_is_found(kept: Kept, tmp_path: Path) -> None:
    play = kept.play()
    body_of(play, "round.train", 2)["base"] = bytes(32)
    assert told(kept, play, tmp_path) == ({("LS-LINEAGE", LIAR)}, CRITICAL)


@pytest.mark.attack("L27")
@pytest.mark.parametrize("codes", [["LS-RELEASE-LINEAGE", "LS-RELEASE-RULE"], ["LS-RELEASE-RULE"]])
def test_a_release_of_no_round_or_without_approvals_is_found(kept: Kept, tmp_path: Path, codes: list[str]) -> None:
    play = kept.play()
    model = bytes(32) if "LS-RELEASE-LINEAGE" in codes else body_of(play, "round.mix", 3)["model"]
    body: dict[str, Any] = {
        "model": model, "round": 3, "file_sha256": bytes(32), "card_sha256": bytes(32), "tests": {}, "approvals": [],
    }  # fmt: skip
    play.add(LIAR, len(play.steps[LIAR]) - 2, "model.release", body, kept.study)
    assert told(kept, play, tmp_path) == ({(code, LIAR) for code in codes}, CRITICAL)


@pytest.mark.attack("L28")
def test_taking_part_without_having_accepted_is_found(kept: Kept, tmp_path: Path) -> None:
    play = kept.play()
    del play.steps[LIAR][play.find(LIAR, "study.accept")]
    assert told(kept, play, tmp_path) == ({("LS-STUDY-ACCEPT", LIAR)}, CRITICAL)


# ---------------------------------------------------------------- keys


@pytest.mark.attack("L39")
def test_keys_that_were_changed_in_good_order_are_no_finding(kept: Kept, tmp_path: Path) -> None:
    play = kept.play()
    old, new = kept.keys[LIAR], PrivateKeys.generate(seeded("rotation"))
    roster = decode_roster(kept.roster())
    keys = dataclasses.replace(
        roster.card(LIAR).keys, serial=2, sign=new.sign.public, log=new.log.public, witness=new.witness.public
    )
    play.next_keys[LIAR] = new
    at = play.find(LIAR, "round.end", round=1) + 1
    play.add(LIAR, at, "key.rotate", rotation(old.identity, keys, new))
    assert told(kept, play, tmp_path) == (set(), 0)


@pytest.mark.attack("L29")
def test_what_a_revoked_key_signed_later_is_found_and_what_it_signed_before_stands(kept: Kept, tmp_path: Path) -> None:
    play = kept.play()
    size = play.find(LIAR, "round.end", round=2)
    log = read_bundle(kept.bundles[LIAR]).logs[LIAR, 1]
    root = Tree(log.hashes[:size]).root()
    said_ = Revocation(LIAR, 1, size, root, "stolen").by_identity(kept.keys[LIAR].identity)
    play.add("halland", len(play.steps["halland"]) - 2, "key.revoke", said_)
    report = kept.audit(play.write(tmp_path))
    assert (said(report), report.exit_code) == ({("LS-KEY-REVOKED", LIAR)}, CRITICAL)
    first = next(finding for finding in report.findings if finding.code == "LS-KEY-REVOKED")
    assert first.seq is not None
    assert size <= first.seq < size + 10
    row = next(row for row in report.coverage if row.region == LIAR)
    assert row.held == row.matched


# ---------------------------------------------------------------- bundles


@pytest.mark.attack("L28")
def test_another_plan_in_the_bundle_is_found(kept: Kept, tmp_path: Path) -> None:
    bundles = copied(kept, tmp_path)
    name = f"plans/{kept.study.hex()}.bin"
    rewrite(bundles[-1], lambda files: files.update({name: files[name].replace(b"rounds\x04", b"rounds\x05")}))
    report = kept.audit(bundles)
    assert ("LS-STUDY-ID", None) in said(report)
    assert report.exit_code == CRITICAL


@pytest.mark.attack("L30")
@pytest.mark.parametrize(("what", "code", "exit_code"), [("payloads/", "LS-PAYLOAD-HASH", 2), (".jsonl", "LS-VIEW", 1)])
def test_a_payload_or_a_view_altered_blames_nobody(
    kept: Kept, tmp_path: Path, what: str, code: str, exit_code: int
) -> None:
    bundles = copied(kept, tmp_path)

    def change(files: dict[str, bytes]) -> None:
        name = next(name for name in sorted(files) if what in name)
        files[name] = files[name][:-9] + bytes([files[name][-9] ^ 1]) + files[name][-8:]

    path = next(path for path in bundles if path.stem == LIAR)
    rewrite(path, change)
    report = kept.audit(bundles)
    assert (code, None) in said(report)
    assert {subject for _, subject in said(report)} == {None}
    assert report.exit_code == max(exit_code, 2)  # the note of the bundle no longer fits it


@pytest.mark.attack("L31")
def test_a_head_that_nobody_signed_blames_the_log_that_holds_it(kept: Kept, tmp_path: Path) -> None:
    play = kept.play()
    play.inventor = LIAR
    found, code = told(kept, play, tmp_path)
    assert (("LS-ENV-SIG", LIAR) in found, code) == (True, CRITICAL)


@pytest.mark.attack("L32")
def test_a_region_that_hands_over_nothing_is_audited_through_the_others(kept: Kept) -> None:
    report = kept.audit([path for name, path in kept.bundles.items() if name != LIAR])
    assert [(f.code, f.subject) for f in report.findings] == [("LS-LOG-ABSENT", LIAR)]
    assert next(row for row in report.coverage if row.region == LIAR).held > 10
    assert report.exit_code == 0
    others = [path for name, path in kept.bundles.items() if name != LIAR]
    assert kept.audit(others, require=["all-logs"]).exit_code == 4


@pytest.mark.attack("L36")
def test_no_string_of_a_log_reaches_the_report_unescaped(kept: Kept) -> None:
    report = kept.audit(list(kept.bundles.values()))
    text = report.to_text() + json.dumps(report.to_json())
    assert all(" " <= character <= "~" or character in "\n…" for character in text.replace("\\u2026", ""))


@pytest.mark.attack("L39")
def test_two_bundles_of_five_are_clean_and_the_same_log_twice_counts_once(kept: Kept) -> None:
    two = [kept.bundles["halland"], kept.bundles["skane"]]
    report = kept.audit(two)
    assert (said(report), report.exit_code) == (set(), 0)
    again = kept.audit([*two, two[0]])
    assert (again.entries, again.signatures, again.sentence) == (report.entries, report.signatures, report.sentence)
    assert contents(two[0])
