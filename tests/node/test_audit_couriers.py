"""What somebody does who carries bundles and cannot sign them: it is seen, and the region is not named for it.

A log is as soundly signed after its end was cut at a place where its region had signed it once, or after entries were
replaced by their fingerprints. Only who signed the bundle can have left them out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import pytest

from crypto.merkle import leaf_hash
from node.audit import Severity, verify
from node.audit.records import hash_only_line, record
from node.tamper.files import Files
from protocol.codec import Value
from protocol.entries import view
from tests.node.audit_network import CODE, SOFTWARE, Home, Small, edited, rewrite, with_leaves
from tests.node.kept import said


@pytest.fixture
def small() -> Small:
    return Small().run()


def only_hashes(home: Home, hidden: Collection[int], size: int | None = None) -> Callable[[Files], None]:
    """A change for ``rewrite``: fingerprints in the place of these entries, and nothing after ``size`` entries."""
    leaves = home.leaves[:size]

    def change(files: Files) -> None:
        folder, hashes = f"logs/{home.name}.1", [leaf_hash(leaf) for leaf in leaves]
        files[f"{folder}/leaves.bin"] = b"".join(
            record(None if seq in hidden else leaf, hashes[seq]) for seq, leaf in enumerate(leaves)
        )
        files[f"{folder}/leaves.jsonl"] = "".join(
            hash_only_line(seq, hashes[seq]) if seq in hidden else view(seq, leaf) for seq, leaf in enumerate(leaves)
        ).encode()
        if size is not None:
            files[f"{folder}/checkpoint.note"] = home.checkpoint(leaves)  # as its neighbours hold it since then

    return change


def note_of(study: bytes) -> Callable[[Files], None]:
    """A change for ``rewrite``: the note says that the bundle is of one study."""

    def change(files: Files) -> None:
        files["manifest.note"] = files["manifest.note"].replace(b"study all", b"study " + study.hex().encode())

    return change


def named(bundles: Sequence[Path], small: Small) -> set[str]:
    report = verify(bundles, study=small.study)
    assert report.exit_code in {2, 3}
    assert ("LS-BUNDLE-SIG", None) in said(report)
    return {f.subject for f in report.findings if f.subject and f.severity is not Severity.INFO}


@pytest.mark.attack("L43")
def test_a_log_cut_by_a_courier_names_nobody_wherever_it_is_cut(small: Small, tmp_path: Path) -> None:
    bundles, vgr = small.export_all(tmp_path), small.homes["vgr"]
    sound = bundles[-1].read_bytes()
    for size in range(1, len(vgr.leaves), 3):
        rewrite(bundles[-1], only_hashes(vgr, (), size))
        assert named(bundles, small) == set(), size
        bundles[-1].write_bytes(sound)


@pytest.mark.attack("L43")
def test_what_a_courier_cut_off_is_missing_and_histories_are_not_proven_to_agree(small: Small, tmp_path: Path) -> None:
    bundles, vgr = small.export_all(tmp_path), small.homes["vgr"]
    rewrite(bundles[-1], only_hashes(vgr, (), len(vgr.leaves) - 8))
    report = verify(bundles, study=small.study)
    assert said(report) == {("LS-BUNDLE-SIG", None), ("LS-TRUNCATED", None), ("LS-EXPORT-UNLOGGED", None)}
    cut = next(f for f in report.findings if f.code == "LS-TRUNCATED")
    assert (cut.source, cut.source_signed) == ("vgr.bundle", False)
    histories = next(q for q in report.questions if "histories" in q.question)
    assert histories.answer == "NOT CHECKED"
    assert "entries of vgr" in histories.note


@pytest.mark.attack("L43")
@pytest.mark.parametrize("study", [False, True], ids=["all studies", "one study"])
@pytest.mark.parametrize("kept", [False, True], ids=["one entry", "all but one"])
def test_entries_that_a_courier_made_fingerprints_of_name_nobody(
    small: Small, tmp_path: Path, study: bool, kept: bool
) -> None:
    bundles, vgr = small.export_all(tmp_path), small.homes["vgr"]
    sound = bundles[-1].read_bytes()
    for seq in range(1, len(vgr.leaves), 5):
        rewrite(bundles[-1], only_hashes(vgr, set(range(1, len(vgr.leaves))) - {seq} if kept else {seq}))
        if study:
            rewrite(bundles[-1], note_of(small.study))
        assert named(bundles, small) == set(), seq
        bundles[-1].write_bytes(sound)


def test_of_two_bundles_of_one_log_the_one_that_withholds_nothing_counts(small: Small, tmp_path: Path) -> None:
    bundles, vgr = small.export_all(tmp_path), small.homes["vgr"]
    hidden = set(range(1, len(vgr.leaves)))
    for name in ("a.bundle", "z.bundle"):
        other = rewrite(bundles[-1], only_hashes(vgr, hidden), out=tmp_path / name)
        report = verify([*bundles, other], study=small.study)
        assert not {f.code for f in report.findings if f.code == "LS-LEAF-WITHHELD" and f.severity is Severity.MAJOR}


@pytest.mark.attack("L43")
def test_a_start_that_a_courier_made_a_fingerprint_of_leaves_no_broken_lineage(tmp_path: Path) -> None:
    """After a start of its program a region may begin from another model than it mixed last: it had lost that one."""
    small = Small()
    small.begin()
    vgr = small.homes["vgr"]
    train: dict[str, Value] = {
        "round": 1, "base": bytes(32), "delta": None, "settings_sha256": bytes(32),
        "code_sha256": CODE, "steps": 1, "norm_bucket": 0, "dp": None,
    }  # fmt: skip
    small.session("vgr", 0)
    used = [{"session": small.sid("vgr", 0), "sum": small.sums["vgr", 0]}]
    mix = {
        "round": 0,
        "in": used,
        "missing": [],
        "weights": {"vgr": 1},
        "den": 1,
        "own": None,
        "model": bytes(31) + b"1",
    }
    start = {"software": SOFTWARE, "config_sha256": bytes(32), "clean": False, "heard": [], "alone": False}
    small.add("vgr", "round.mix", mix)  # type: ignore[arg-type]
    small.add("vgr", "node.start", start, study=False)  # type: ignore[arg-type]
    seq = len(vgr.leaves) - 1
    small.add("vgr", "round.train", train)
    bundles = small.export_all(tmp_path)
    assert ("LS-LINEAGE", "vgr") not in said(verify(bundles, study=small.study))
    rewrite(bundles[-1], only_hashes(vgr, {seq}))
    assert ("LS-LINEAGE", "vgr") not in said(verify(bundles, study=small.study))


# ---------------------------------------------------------------- agreement without signatures


def forged(small: Small, sender: str) -> tuple[bytes, Value]:
    """A message with a false signature, for the next place of the sender's log."""
    body: dict[str, Value] = {"mask_key": bytes(31) + b"7", "eph": bytes(32), "need_state": False, "stats": None}
    place = {"study": small.study, "round": 0, "session": small.sid("halland", 0)}
    envelope = small.homes[sender].twin().seal(
        "ADVERT", body, **place, payload=None, to=["halland"], now_ms=small.tick()  # type: ignore[arg-type]
    )  # fmt: skip
    return envelope.header, bytes(64)


@pytest.mark.attack("L31")
@pytest.mark.parametrize("fast", [False, True])
def test_a_log_that_a_liar_made_up_for_its_neighbour_accuses_nobody_but_the_liar(tmp_path: Path, fast: bool) -> None:
    small = Small().run()
    vgr, halland = small.homes["vgr"], small.homes["halland"]
    header, sig = forged(small, "vgr")
    made_up = [*vgr.leaves]
    last = vgr.leaves[-1]
    sent: dict[str, Value] = {"header": header, "sig": sig, "to": ["halland"]}
    made_up.append(edited(last, kind="env.sent", body=sent, seq=len(made_up), study=small.study))
    halland.add("env.recv", {"header": header, "sig": sig, "via": None}, study=small.study, now_ms=small.tick())
    bundles = small.export_all(tmp_path)
    false = rewrite(bundles[-1], with_leaves(vgr, made_up, sign=False), out=tmp_path / "also-vgr.bundle")
    report = verify([*bundles, false], study=small.study, fast=fast)
    assert {subject for _, subject in said(report)} <= {None, "halland"}
    assert ("LS-ENV-SIG", "halland") in said(report)


@pytest.mark.attack("L11")
@pytest.mark.parametrize("fast", [False, True])
def test_a_false_message_that_two_agree_on_hides_no_equivocation(tmp_path: Path, fast: bool) -> None:
    small = Small()
    small.begin()
    vgr, halland = small.homes["vgr"], small.homes["halland"]
    header, sig = forged(small, "vgr")
    sent: dict[str, Value] = {"header": header, "sig": sig, "to": ["halland"]}
    vgr.add("env.sent", sent, study=small.study, now_ms=small.tick())
    halland.add("env.recv", {"header": header, "sig": sig, "via": None}, study=small.study, now_ms=small.tick())
    for number in (1, 2):
        body: dict[str, Value] = {"mask_key": bytes(31) + b"1", "eph": bytes(31) + bytes([number])}
        body |= {"need_state": False, "stats": None}
        place = {"study": small.study, "round": 0, "session": small.sid("halland", 0)}
        small.say("vgr", "ADVERT", body, ["halland"], **place)  # type: ignore[arg-type]
    report = verify(small.export_all(tmp_path), study=small.study, fast=fast)
    assert ("LS-EQUIVOCATION", "vgr") in said(report)
