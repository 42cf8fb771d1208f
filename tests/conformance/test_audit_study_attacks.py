"""Ways to be cheated in a study, with keys and in bundles, in the logs of five real daemons."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from crypto.keys import PrivateKeys
from crypto.merkle import Tree
from node.audit import read_bundle
from node.tamper.files import rewrite
from node.tamper.play import Play
from protocol.codec import encode
from protocol.keys import Revocation, rotation
from protocol.roster import decode_roster
from tests.conformance.retold import CRITICAL, MAJOR, copied, receipt, told
from tests.node.audit_network import contents, seeded
from tests.node.kept import LIAR, Kept, said

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
