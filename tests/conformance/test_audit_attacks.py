"""Ways to be cheated, in the logs of five real daemons: vgr lies in one way, and signs what it hands over.

The run is told again with the lie in it (``node.tamper.play``): what vgr says differently is what its
neighbours hear, log and confirm. In no row does an honest region's name stand above info.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from crypto.merkle import Tree, leaf_hash
from crypto.note import Checkpoint, checkpoint_body, sign_note
from node.audit import Severity, read_bundle
from node.audit.records import hash_only_line, record
from node.tamper.files import edited, rewrite
from protocol.entries import decode_entry, view
from tests.conformance.retold import CRITICAL, MAJOR, copied, receipt, told
from tests.node.kept import LIAR, Kept, said

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


@pytest.mark.attack("L43")
@pytest.mark.parametrize("way", ["cut", "fingerprints"])
def test_what_a_courier_leaves_out_of_a_bundle_names_nobody(kept: Kept, tmp_path: Path, way: str) -> None:
    """The log stays sound: its region signed a checkpoint there once, and a fingerprint counts as its entry."""
    bundles = copied(kept, tmp_path)
    log = read_bundle(kept.bundles[LIAR]).logs[LIAR, 1]
    leaves = [leaf or b"" for leaf in log.leaves]
    size = 70 if way == "cut" else len(leaves)
    hidden = set(range(60, len(leaves))) if way == "fingerprints" else set()
    hashes = [leaf_hash(leaf) for leaf in leaves]
    tree = Tree(hashes[:size])

    def change(files: dict[str, bytes]) -> None:
        rows = [(None if seq in hidden else leaf) for seq, leaf in enumerate(leaves[:size])]
        files[f"logs/{LIAR}.1/leaves.bin"] = b"".join(record(leaf, hashes[seq]) for seq, leaf in enumerate(rows))
        files[f"logs/{LIAR}.1/leaves.jsonl"] = "".join(
            hash_only_line(seq, hashes[seq]) if leaf is None else view(seq, leaf) for seq, leaf in enumerate(rows)
        ).encode()
        if way == "cut":
            body = checkpoint_body(Checkpoint(log.origin, tree.size, tree.root()))
            files[f"logs/{LIAR}.1/checkpoint.note"] = sign_note(body, log.origin, kept.keys[LIAR].log)

    rewrite(next(path for path in bundles if path.stem == LIAR), change)
    report = kept.audit(bundles)
    assert {subject for _, subject in said(report)} == {None}
    missing = "LS-TRUNCATED" if way == "cut" else "LS-LEAF-WITHHELD"
    assert {("LS-BUNDLE-SIG", None), (missing, None)} <= said(report)
    assert report.exit_code == MAJOR


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
