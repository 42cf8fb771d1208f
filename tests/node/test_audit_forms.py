"""Entries, records and notes in another form than the one allowed: found at their place, and the other logs go on.

Only what a region signed in that form names it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.node.audit_network import Home, Small, edited, rewrite, with_leaves
from tests.node.test_audit_attacks import FIVE, audit


@pytest.fixture
def small() -> Small:
    """Five regions, an honest study of two rounds, nothing exported yet."""
    return Small(FIVE).run()


@pytest.fixture
def vgr(small: Small) -> Home:
    return small.homes["vgr"]


LOOSE_FORMS: dict[str, bytes] = {
    "a key twice": b"\x82\xa1a\x01\xa1a\x01",
    "keys out of order": b"\x82\xa1b\x01\xa1a\x01",
    "an integer in a longer form": b"\x81\xa1a\xcc\x01",
    "a float": b"\x81\xa1a\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00",
    "an extension": b"\x81\xa1a\xd4\x01\x00",
    "ten thousand arrays in each other": b"\x91" * 10_000 + b"\xc0",
    "invalid UTF-8": b"\x81\xa1a\xa1\xff",
    "a byte too many": b"\x81\xa1a\x01\x00",
    "2^53": b"\x81\xa1a\xcf\x00\x20\x00\x00\x00\x00\x00\x00",
    "nothing but a nil": b"\xc0",
    "a map cut short": b"\x85",
    "no byte of msgpack": b"\xc1",
}


@pytest.mark.attack("L34")
@pytest.mark.parametrize("form", LOOSE_FORMS)
@pytest.mark.parametrize("sign", [False, True], ids=["unsigned", "signed"])
def test_an_entry_in_a_loose_form_is_named_with_its_place_and_the_others_go_on(
    small: Small, vgr: Home, tmp_path: Path, form: str, sign: bool
) -> None:
    bundles = small.export_all(tmp_path)
    leaves = [*vgr.leaves[:-1], LOOSE_FORMS[form], vgr.leaves[-1]]
    leaves[-1] = edited(leaves[-1], seq=len(leaves) - 1)
    rewrite(bundles[-1], with_leaves(vgr, leaves, sign=sign), signer=vgr)
    report = audit(small, bundles)
    finding = next(f for f in report.findings if f.code in ("LS-ENTRY-FORMAT", "LS-ENTRY-SCHEMA"))
    assert (finding.seq, finding.subject) == (len(leaves) - 2, "vgr" if sign else None)
    assert report.exit_code == 3
    assert report.entries == sum(len(home.leaves) for home in small.homes.values()) + 1


@pytest.mark.attack("L34")
@pytest.mark.parametrize(
    "tail", [b"\x00\x00\x00", b"\x00\x02\x00\x00" + bytes(9), b"\xff\xff\xff\xff"], ids=["short", "long", "largest"]
)
def test_a_record_that_is_none_ends_that_log_and_the_others_go_on(
    small: Small, vgr: Home, tmp_path: Path, tail: bytes
) -> None:
    bundles = small.export_all(tmp_path)

    def change(files: dict[str, bytes]) -> None:
        files["logs/vgr.1/leaves.bin"] += tail

    rewrite(bundles[-1], change, signer=vgr)
    report = audit(small, bundles)
    assert {(f.code, f.seq) for f in report.findings} == {("LS-ENTRY-FORMAT", len(vgr.leaves))}
    assert report.exit_code == 3


@pytest.mark.attack("L35")
@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"x",
        b"a\nb\nc\n",
        b"\xff\xfe",
        b"test.example/vgr/1\n007\n" + b"A" * 43 + b"=\n\n\xe2\x80\x94 x AAAAAAAA\n",
        b"test.example/vgr/1\n9223372036854775808\n" + b"A" * 43 + b"=\n\n\xe2\x80\x94 x AAAAAAAA\n",
        b"test.example/vgr/1\n5\n" + b"A" * 43 + b"=\n\n" + b"\xe2\x80\x94 x AAAAAAAA\n" * 1000,
        b"test.example/vgr/1\n5\n" + b"A" * 42 + b"B=\n\n\xe2\x80\x94 x AAAAAAAA\n",
        b"test.example/vgr/1\n5\n" + b"A" * 43 + b"=\n\n\xe2\x80\x94 test.example/vgr/1 AAAAAAAA\n",
    ],
    ids=["empty", "x", "unsigned", "not-utf8", "007", "2^63", "1000-lines", "loose-base64", "wrong-key"],
)
def test_a_checkpoint_in_another_form_is_a_defect_of_the_bundle(small: Small, tmp_path: Path, note: bytes) -> None:
    bundles = small.export_all(tmp_path)

    def change(files: dict[str, bytes]) -> None:
        files["logs/vgr.1/checkpoint.note"] = note

    rewrite(bundles[-1], change)
    report = audit(small, bundles)
    assert {f.code for f in report.findings} & {"LS-CHECKPOINT-FORMAT", "LS-CHECKPOINT-SIG"}
    assert report.exit_code == 3
