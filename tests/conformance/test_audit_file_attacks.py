"""Ways to be cheated by a file, on what five real daemons handed over: archives, records, notes, lines, witness files.

What anybody can have done to a file names nobody; what the liar signed names the liar and nobody else (``Kept.audit``).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from crypto.merkle import Tree, leaf_hash
from crypto.mldsa import make_release_key
from crypto.note import Checkpoint, checkpoint_body, note_key_id, sign_note
from node.audit import read_bundle
from node.audit.bundle import manifest_body
from node.audit.outside import read_files
from node.audit.reading import Register
from node.outside import Outside
from node.tamper.files import Files, edited, records, rewrite
from protocol.outside import Request
from protocol.release_line import RELEASE, cosigned_message, line_of, release_name
from protocol.roster import card_line, decode_roster
from tests.conformance.retold import CRITICAL, copied
from tests.node.audit_network import seeded
from tests.node.kept import LIAR, Kept, said
from tests.node.test_audit_bundle import HOSTILE
from tests.node.test_audit_forms import LOOSE_FORMS


@pytest.fixture
def bundles(kept: Kept, tmp_path: Path) -> list[Path]:
    return copied(kept, tmp_path)


def lying(bundles: list[Path]) -> Path:
    return next(path for path in bundles if path.stem == LIAR)


def own(kept: Kept) -> tuple[str, list[bytes]]:
    """Origin and leaves of the liar's log."""
    log = read_bundle(kept.bundles[LIAR]).logs[LIAR, 1]
    return log.origin, [leaf or b"" for leaf in log.leaves]


def checkpoint(kept: Kept, origin: str, leaves: list[bytes]) -> bytes:
    tree = Tree(map(leaf_hash, leaves))
    return sign_note(checkpoint_body(Checkpoint(origin, tree.size, tree.root())), origin, kept.keys[LIAR].log)


def signed(kept: Kept, origin: str) -> Callable[[Files, bytes], bytes]:
    """The liar's own note over a changed bundle."""

    def note(files: Files, manifest: bytes) -> bytes:
        body = manifest_body(origin, None, files[f"logs/{LIAR}.1/checkpoint.note"], manifest)
        return sign_note(body, origin, kept.keys[LIAR].log)

    return note


# ---------------------------------------------------------------- archives, records, notes


@pytest.mark.attack("L33")
@pytest.mark.parametrize("way", HOSTILE)
def test_a_hostile_file_is_refused_and_the_others_are_audited(kept: Kept, bundles: list[Path], way: str) -> None:
    code, make = HOSTILE[way]
    path = lying(bundles)
    path.write_bytes(make(path.read_bytes()))
    before = sorted(path.parent.rglob("*"))
    report = kept.audit(bundles)
    assert sorted(path.parent.rglob("*")) == before
    ((found, subject),) = said(report)
    assert found.startswith(code)
    assert (subject, report.verdict, report.exit_code) == (None, "incomplete", 65)
    assert {row.region for row in report.coverage if row.bundle} == kept.bundles.keys() - {LIAR}


@pytest.mark.attack("L34")
@pytest.mark.parametrize("form", LOOSE_FORMS)
@pytest.mark.parametrize("sign", [False, True], ids=["unsigned", "signed"])
def test_an_entry_in_a_loose_form_names_its_region_only_if_that_signed_it(
    kept: Kept, bundles: list[Path], form: str, sign: bool
) -> None:
    origin, leaves = own(kept)
    leaves[-1:] = [LOOSE_FORMS[form], edited(leaves[-1], seq=len(leaves))]

    def change(files: Files) -> None:
        files[f"logs/{LIAR}.1/leaves.bin"] = records(leaves)
        if sign:
            files[f"logs/{LIAR}.1/checkpoint.note"] = checkpoint(kept, origin, leaves)

    rewrite(lying(bundles), change, note=signed(kept, origin) if sign else None)
    report = kept.audit(bundles)
    finding = next(f for f in report.findings if f.code in ("LS-ENTRY-FORMAT", "LS-ENTRY-SCHEMA"))
    assert (finding.seq, finding.subject) == (len(leaves) - 2, LIAR if sign else None)
    assert {subject for _, subject in said(report)} <= ({None, LIAR} if sign else {None})
    assert report.exit_code == CRITICAL


@pytest.mark.attack("L35")
@pytest.mark.parametrize("way", ["empty", "007", "100 lines", "loose base64", "another key", "S beyond the order"])
def test_a_checkpoint_in_another_form_names_nobody(kept: Kept, bundles: list[Path], way: str) -> None:
    def change(files: Files) -> None:
        name = f"logs/{LIAR}.1/checkpoint.note"
        note = files[name]
        origin, size, root, *_ = note.decode().splitlines()
        files[name] = {
            "empty": b"",
            "007": note.replace(f"\n{size}\n".encode(), f"\n0{size}\n".encode()),
            "100 lines": note + note.splitlines(keepends=True)[-1] * 100,
            "loose base64": note.replace(root.encode(), root[:-2].encode() + b"-="),
            "another key": sign_note(note.partition(b"\n\n")[0] + b"\n", origin, kept.keys["skane"].log),
            "S beyond the order": _beyond(note),
        }[way]

    rewrite(lying(bundles), change)
    report = kept.audit(bundles)
    assert {code for code, _ in said(report)} & {"LS-CHECKPOINT-FORMAT", "LS-CHECKPOINT-SIG"}
    assert {subject for _, subject in said(report)} == {None}
    assert report.exit_code == CRITICAL


def _beyond(note: bytes) -> bytes:
    """The same signature with S + L in the place of S: other libraries take it."""
    import base64

    line = next(row for row in note.splitlines() if row.startswith(b"\xe2\x80\x94 ") and b"/witness " not in row)
    raw = base64.b64decode(line.rsplit(b" ", 1)[1])
    order = 2**252 + 27742317777372353535851937790883648493
    s = int.from_bytes(raw[36:68], "little") + order
    return note.replace(line, line.rsplit(b" ", 1)[0] + b" " + base64.b64encode(raw[:36] + s.to_bytes(32, "little")))


@pytest.mark.attack("L37")
def test_all_bundles_together_hold_no_masked_value(kept: Kept) -> None:
    register = Register()
    payloads = {sha for path in kept.bundles.values() for sha in read_bundle(path, register).payloads}
    values = [statement for statement in register.statements.all if statement.type == "MASKED"]
    assert len(values) > 50
    assert not payloads & {statement.sha256 for statement in values}


# ---------------------------------------------------------------- the long term, an outside witness


@pytest.mark.attack("L40")
@pytest.mark.attack("L41")
@pytest.mark.parametrize("way", ["flipped", "another size", "another region's key", "a key of nobody"])
def test_a_false_line_for_the_long_term_names_nobody_and_protects_nothing(
    kept: Kept, bundles: list[Path], way: str
) -> None:
    origin, leaves = own(kept)
    honest = next(one for one in kept.audit(bundles).protected if one.region == LIAR)
    assert honest.size  # a real daemon wrote a line at the end of the study
    key, other = kept.keys[LIAR].release, kept.keys["skane"].release
    assert key is not None
    assert other is not None
    signer = {"another region's key": other, "a key of nobody": make_release_key(seeded("nobody")(32))}.get(way, key)
    name = release_name(origin.split("/")[0], LIAR)
    tree = Tree(map(leaf_hash, leaves))
    point = Checkpoint(origin, honest.size, tree.root_at(honest.size))
    about = Checkpoint(origin, honest.size - 1, tree.root_at(honest.size - 1)) if way == "another size" else point
    line = bytearray(line_of(name, key.public, 7, signer.sign(cosigned_message(about, name, 7))))
    if way == "flipped":
        line[len(line) // 2] ^= 1
    public = signer.public if way == "a key of nobody" else key.public
    if way == "a key of nobody":
        line = bytearray(line_of(name, public, 7, signer.sign(cosigned_message(point, name, 7))))

    def change(files: Files) -> None:
        for old in [each for each in files if "/release/" in each and each.startswith((f"logs/{LIAR}.", "mirrors/"))]:
            del files[old]
        place = f"logs/{LIAR}.1/release/{note_key_id(name, RELEASE, public).hex()}.note"
        files[place] = sign_note(checkpoint_body(point), origin, kept.keys[LIAR].log) + bytes(line)

    for path in bundles:  # no neighbour's copy of the true line either
        if path.stem != LIAR:
            rewrite(path, lambda files: [files.pop(n) for n in [*files] if f"mirrors/{LIAR}.1/release/" in n] and None)
    rewrite(lying(bundles), change, note=signed(kept, origin))
    report = kept.audit(bundles)
    assert next(one.size for one in report.protected if one.region == LIAR) == 0
    assert {subject for _, subject in said(report)} <= {None}
    assert (("LS-COSIG", None) in said(report)) is (way != "a key of nobody")


@pytest.mark.attack("L42")
def test_another_history_than_a_witness_saw_is_a_fork_of_whoever_signed_both(
    kept: Kept, bundles: list[Path], tmp_path: Path
) -> None:
    origin, leaves = own(kept)
    network, size = origin.split("/")[0], 60
    witness = Outside.create(tmp_path / "uni", "uni.example/witness", entropy=seeded("uni"))
    for card in decode_roster(kept.roster()).cards:
        witness.add(card_line(card))
    other = [*leaves[:40], *(leaf + b"\0" for leaf in leaves[40:])]
    for region in ("skane", LIAR):
        log = read_bundle(kept.bundles[region]).logs[region, 1]
        shown = other if region == LIAR else [leaf or b"" for leaf in log.leaves]
        tree = Tree(map(leaf_hash, shown[:size]))
        point = Checkpoint(f"{network}/{region}/1", size, tree.root())
        note = sign_note(checkpoint_body(point), point.origin, kept.keys[region].log)
        witness.cosign(Request(0, tuple(tree.consistency_path(0, size)), note).encode(), now=lambda: 1)
    file = tmp_path / "seen.txt"
    file.write_bytes(witness.export())
    report = kept.audit(bundles, outside=read_files([file], [witness.vkey]))
    assert (said(report), report.exit_code) == ({("LS-FORK", LIAR)}, CRITICAL)
    assert {one.origin.split("/")[1]: one.fit for one in report.sightings} == {"skane": "fits", LIAR: "other"}
