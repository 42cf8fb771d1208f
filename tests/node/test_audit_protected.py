"""Lines for the long term in an audit: which count, how far they protect, and what a false one is worth."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from crypto import mldsa
from crypto.keys import PrivateKeys
from crypto.mldsa import ReleaseKey, make_release_key
from crypto.note import Checkpoint, checkpoint_body, note_key_id, parse_checkpoint, parse_note, sign_note
from node.audit import Report, check_finding, verify
from node.tamper.files import edited
from protocol.entries import decode_entry
from protocol.keys import Revocation, rotation
from protocol.release_line import RELEASE, cosigned_message, line_of, release_name
from protocol.roster import make_card
from tests.node import court
from tests.node.audit_network import NETWORK, Home, Small, rewrite, seeded, with_leaves

Files = dict[str, bytes]
NAME = release_name(NETWORK, "vgr")


@pytest.fixture
def small() -> Small:
    """Three regions with release keys, an honest study, nothing exported yet."""
    return Small(with_release=True).run()


def audit(small: Small, bundles: Sequence[Path], lang: str = "en") -> Report:
    return verify(bundles, study=small.study, lang=lang)


def key_of(home: Home) -> ReleaseKey:
    assert home.keys.release is not None
    return home.keys.release


def up_to(report: Report, region: str = "vgr") -> int:
    """How many entries of a region are protected."""
    (one,) = (one for one in report.protected if one.region == region)
    return one.size


def file_of(key: ReleaseKey | bytes, folder: str = "logs/vgr.1") -> str:
    public = key.public if isinstance(key, ReleaseKey) else key
    return f"{folder}/release/{note_key_id(NAME, RELEASE, public).hex()}.note"


def note_by(home: Home, signer: ReleaseKey, *, size: int, name: str = NAME, about: Checkpoint | None = None) -> bytes:
    """A note over the first entries of a log, signed by its log key, with a line by any release key."""
    point = Checkpoint(home.origin, size, home.log.tree.root_at(size))
    line = line_of(name, key_of(home).public, 7, signer.sign(cosigned_message(about or point, name, 7)))
    return sign_note(checkpoint_body(point), home.origin, home.keys.log) + line


def ends(home: Home) -> int:
    return [decode_entry(leaf).kind for leaf in home.leaves].index("study.end") + 1


def test_an_honest_study_is_protected_up_to_its_end(small: Small, tmp_path: Path) -> None:
    bundles = small.export_all(tmp_path)
    report = audit(small, bundles)
    assert (report.verdict, report.findings) == ("clean", ())
    assert {one.region: one.size for one in report.protected} == {n: ends(h) for n, h in small.homes.items()}
    last = ends(small.homes["vgr"]) - 1
    said = f"vgr: protected for the long term (post-quantum) up to entry {last} of {last + 1}"
    assert said in report.to_text()
    svenska = audit(small, bundles, "sv").to_text()
    assert f"vgr: skyddad på lång sikt (mot kvantdatorer) till och med post {last} av {last + 1}" in svenska
    rows = report.to_json()["long_term"]
    assert [(row["region"], row["up_to"], row["release_key"]) for row in rows if row["region"] == "vgr"] == [  # type: ignore[union-attr,index,call-overload]
        ("vgr", last, True)
    ]
    court.agrees(report, bundles, small.study)


def test_a_region_without_the_key_is_not_reproached(tmp_path: Path) -> None:
    small = Small().run()
    report = audit(small, small.export_all(tmp_path))
    assert (report.verdict, report.findings) == ("clean", ())
    assert "post-quantum" not in report.to_text()
    assert [one.has_key for one in report.protected] == [False] * 3


def test_a_missing_line_is_said_and_is_no_fault(small: Small, tmp_path: Path) -> None:
    small.homes["vgr"].protected.clear()
    report = audit(small, small.export_all(tmp_path))
    assert report.exit_code == 0
    assert [(f.code, f.subject, f.seq) for f in report.findings] == [
        ("LS-LINE-MISSING", "vgr", ends(small.homes["vgr"]) - 1)
    ]
    assert (up_to(report), up_to(report, "kalmar")) == (0, ends(small.homes["kalmar"]))


def test_without_ml_dsa_in_the_library_the_audit_says_the_same(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundles = small.export_all(tmp_path)
    before = audit(small, bundles).to_json()
    monkeypatch.setattr(mldsa, "is_available", lambda: False)
    assert audit(small, bundles).to_json() == before


# ---------------------------------------------------------------- ways to be cheated


def flipped(note: bytes, small: Small) -> bytes:
    line = note.splitlines(keepends=True)[-1]
    at = len(line) // 2
    return note[: -len(line)] + line[:at] + (b"A" if line[at : at + 1] != b"A" else b"B") + line[at + 1 :]


def another_size(_note: bytes, small: Small) -> bytes:
    home = small.homes["vgr"]
    point = Checkpoint(home.origin, ends(home) - 1, home.log.tree.root_at(ends(home) - 1))
    return note_by(home, key_of(home), size=ends(home), about=point)


def another_log(note: bytes, small: Small) -> bytes:
    """The line of another region's log under this region's checkpoint."""
    home, other = small.homes["vgr"], small.homes["kalmar"]
    point = parse_checkpoint(parse_note(other.protected[0].note).body)
    return note_by(home, key_of(home), size=ends(home), about=point)


def another_key(_note: bytes, small: Small) -> bytes:
    home = small.homes["vgr"]
    return note_by(home, key_of(small.homes["kalmar"]), size=ends(home))


def another_use(_note: bytes, small: Small) -> bytes:
    """A signature of the key over what the other lines of a note sign."""
    home = small.homes["vgr"]
    body = parse_note(home.protected[0].note).body
    line = line_of(NAME, key_of(home).public, 7, key_of(home).sign(body))
    return sign_note(body, home.origin, home.keys.log) + line


def cut(_note: bytes, small: Small) -> bytes:
    home = small.homes["vgr"]
    line = line_of(NAME, key_of(home).public, 7, bytes(2419))
    return sign_note(parse_note(home.protected[0].note).body, home.origin, home.keys.log) + line


def by_no_log_key(note: bytes, small: Small) -> bytes:
    """A line that holds, under a checkpoint that the log's key has not signed."""
    home = small.homes["vgr"]
    line = note.splitlines(keepends=True)[-1]
    return sign_note(parse_note(note).body, home.origin, small.homes["kalmar"].keys.log) + line


@pytest.mark.attack("L40")
@pytest.mark.parametrize(
    "change", [flipped, another_size, another_log, another_key, another_use, cut, by_no_log_key],
    ids=lambda change: change.__name__,
)  # fmt: skip
def test_a_false_line_protects_nothing_and_blames_nobody(
    small: Small, tmp_path: Path, change: Callable[[bytes, Small], bytes]
) -> None:
    home, bundles = small.homes["vgr"], small.export_all(tmp_path)
    path = file_of(key_of(home))

    def altered(files: Files) -> None:
        files[path] = change(files[path], small)

    rewrite(bundles[-1], altered, signer=home)
    report = audit(small, bundles)
    assert {(f.code, f.subject, f.source) for f in report.findings if f.severity.label != "info"} == {
        ("LS-COSIG", None, "vgr.bundle")
    }
    assert report.exit_code == 2
    assert (up_to(report), up_to(report, "kalmar")) == (0, ends(small.homes["kalmar"]))


@pytest.mark.attack("L40")
def test_a_line_under_another_name_or_key_is_ignored(small: Small, tmp_path: Path) -> None:
    home, bundles = small.homes["vgr"], small.export_all(tmp_path)
    stranger = make_release_key(bytes(32))

    def altered(files: Files) -> None:
        own = key_of(home)
        files[file_of(own)] = note_by(home, own, size=ends(home), name=release_name(NETWORK, "kalmar"))
        body = parse_note(home.protected[0].note).body
        line = line_of(NAME, stranger.public, 7, stranger.sign(cosigned_message(parse_checkpoint(body), NAME, 7)))
        files[file_of(stranger)] = sign_note(body, home.origin, home.keys.log) + line

    rewrite(bundles[-1], altered, signer=home)
    report = audit(small, bundles)
    assert [f.code for f in report.findings] == ["LS-LINE-MISSING"]
    assert up_to(report) == 0


@pytest.mark.attack("L40")
def test_a_line_over_another_history_shows_the_fork(small: Small, tmp_path: Path) -> None:
    home = small.homes["vgr"]
    twin = home.twin()
    twin.add("node.stop", {"reason": "signal"}, study=None, now_ms=small.tick())
    small.add("vgr", "node.stop", {"reason": "done"}, study=False)
    point, _ = twin.signed()
    sig = key_of(home).sign(cosigned_message(point, NAME, 7))
    note = sign_note(checkpoint_body(point), home.origin, home.keys.log)
    note += line_of(NAME, key_of(home).public, 7, sig)
    bundles = small.export_all(tmp_path)
    rewrite(bundles[-1], lambda files: files.update({file_of(key_of(home)): note}), signer=home)
    report = audit(small, bundles)
    (fork,) = (f for f in report.findings if f.code == "LS-FORK")
    assert (fork.subject, report.exit_code, up_to(report)) == ("vgr", 3, 0)
    assert check_finding(json.dumps(fork.to_json()).encode(), small.roster.encode()).confirmed


def rotated(small: Small, *, covered: bool) -> ReleaseKey:
    """Let vgr take a second key set into use before its study ends; returns the new release key."""
    home = small.homes["vgr"]
    new = replace(
        PrivateKeys.generate(seeded("second"), with_release=True), identity=home.keys.identity, curve=home.keys.curve
    )
    card = make_card(NETWORK, "vgr", home.card.addresses, new, 2)
    home.log.add("key.rotate", rotation(home.keys.identity, card.keys, new), study=None, now_ms=small.tick())
    home.log.rekey(new.sign, new.log, new.release)
    home.keys = new
    home.drain()
    if not covered:
        home.protected.clear()
    assert new.release is not None
    return new.release


@pytest.mark.attack("L41")
@pytest.mark.parametrize("covered", [True, False])
def test_a_key_brought_by_a_rotation_counts_only_where_the_key_before_has_signed_for_it(
    tmp_path: Path, covered: bool
) -> None:
    small = Small(with_release=True)
    small.begin()
    for round in range(small.rounds):
        small.round(round)
    rotated(small, covered=covered)
    small.end()
    report = audit(small, small.export_all(tmp_path))
    assert up_to(report) == (ends(small.homes["vgr"]) if covered else 0)
    assert [f.code for f in report.findings] == ([] if covered else ["LS-LINE-MISSING"])


@pytest.mark.attack("L41")
def test_a_stolen_and_revoked_key_protects_nothing_from_its_last_good_size_on(tmp_path: Path) -> None:
    small = Small(with_release=True).run()
    home = small.homes["vgr"]
    assert up_to(audit(small, small.export_all(tmp_path))) == ends(home)
    size = ends(home) - 3
    revoked = Revocation("vgr", 1, size, home.log.tree.root_at(size), "stolen")
    small.add("kalmar", "key.revoke", revoked.by_identity(home.keys.identity), study=False)
    assert up_to(audit(small, small.export_all(tmp_path))) == 0


@pytest.mark.attack("L41")
def test_a_release_key_put_into_the_card_of_another_roster_signs_nothing_of_this_study(tmp_path: Path) -> None:
    small, other = Small(with_release=True).run(), Small(with_release=True, salt="again").run()
    bundles = small.export_all(tmp_path)
    home, thief = small.homes["vgr"], key_of(other.homes["vgr"])

    def swapped(files: Files) -> None:
        del files[file_of(key_of(home))]
        body = parse_note(home.protected[0].note).body
        line = line_of(NAME, thief.public, 7, thief.sign(cosigned_message(parse_checkpoint(body), NAME, 7)))
        files[file_of(thief)] = sign_note(body, home.origin, home.keys.log) + line
        files[f"rosters/{other.roster.hash.hex()}.bin"] = other.roster.encode()

    rewrite(bundles[-1], swapped, signer=home)
    report = audit(small, bundles)
    assert up_to(report) == 0
    assert "LS-LINE-MISSING" in {f.code for f in report.findings}
    assert not any(f.subject and f.severity.label != "info" for f in report.findings)


@pytest.mark.attack("L41")
def test_a_log_that_begins_with_another_release_key_than_the_roster_says_is_not_taken_for_it(
    small: Small, tmp_path: Path
) -> None:
    home, bundles = small.homes["vgr"], small.export_all(tmp_path)
    leaves = list(home.leaves)
    keys = {**home.card.value()["keys"], "release": make_release_key(bytes(32)).public}
    leaves[0] = edited(leaves[0], body={**decode_entry(leaves[0]).body, "keys": keys})
    rewrite(bundles[-1], with_leaves(home, leaves, sign=True), signer=home)
    report = audit(small, bundles)
    assert "LS-KEY-UNKNOWN" in {f.code for f in report.findings}
    assert up_to(report) == 0


@pytest.mark.attack("L33")
def test_a_bundle_with_very_many_lines_is_refused(small: Small, tmp_path: Path) -> None:
    bundles, home = small.export_all(tmp_path), small.homes["vgr"]

    def many(files: Files) -> None:
        files.update({f"logs/vgr.1/release/{n:08x}.note": files[file_of(key_of(home))] for n in range(17)})

    rewrite(bundles[-1], many, signer=home)
    report = audit(small, bundles)
    assert "LS-BUNDLE-LIMIT" in {f.code for f in report.findings}
