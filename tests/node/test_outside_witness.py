"""An outside witness: signs what goes on from what it saw, keeps what does not, and shows an auditor both."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from crypto.errors import CryptoError
from crypto.keys import PrivateKeys
from crypto.merkle import Tree, leaf_hash
from crypto.note import Checkpoint, checkpoint_body, parse_checkpoint, parse_note, sign_note
from crypto.signing import SigningKey
from node import outside
from node.audit import Report, check_finding, verify
from node.audit.outside import read_files
from node.cli.root import cli
from node.errors import ConfigError, Refused
from node.home import Home as RegionHome
from node.outside import Outside
from protocol.cosignature import Cosignature, cosignature_line
from protocol.outside import Request, encode_held, read_held, read_request, read_vkey, seen_at
from protocol.roster import card_line, make_card
from tests.node import court
from tests.node.audit_network import START_MS, Home, Small, seeded

SEEN_S = START_MS // 1000


@pytest.fixture
def small() -> Small:
    return Small().run()


@pytest.fixture
def vgr(small: Small) -> Home:
    return small.homes["vgr"]


@pytest.fixture
def witness(tmp_path: Path, small: Small) -> Outside:
    """A university that watches all three regions."""
    made = Outside.create(tmp_path / "uni", "uni.example/witness", entropy=seeded("uni"))
    for home in small.homes.values():
        made.add(card_line(home.card))
    return made


def asked(home: Home, size: int, since: int = 0, leaves: Sequence[bytes] | None = None) -> bytes:
    """What a region asks of a witness: its first entries, and the proof that they go on from fewer."""
    tree = Tree(leaf_hash(leaf) for leaf in (home.leaves if leaves is None else leaves)[:size])
    note = sign_note(checkpoint_body(Checkpoint(home.origin, size, tree.root())), home.origin, home.keys.log)
    return Request(since, tuple(tree.consistency_path(since, size)), note).encode()


def forged(home: Home, at: int) -> list[bytes]:
    """Another history of a log from an entry on, as long as the first."""
    return [*home.leaves[:at], *(leaf + b"\x00" for leaf in home.leaves[at:])]


def audit(small: Small, witness: Outside, bundles: Sequence[Path], *, known: bool = True) -> Report:
    file = witness.path / "seen.txt"
    file.write_bytes(witness.export())
    return verify(bundles, study=small.study, outside=read_files([file], [witness.vkey] if known else []))


def test_a_log_that_grows_is_signed_each_time_and_once_for_each_size(witness: Outside, vgr: Home) -> None:
    point, note = witness.cosign(asked(vgr, 10), now=lambda: 7.9)
    assert (point.size, seen_at(note, witness.name, witness.key.public)) == (10, 7)
    assert witness.cosign(asked(vgr, 10, 10), now=lambda: 99)[1] == note  # the same again, byte for byte
    assert witness.cosign(asked(vgr, 25, 10))[0].size == 25
    newest = witness.newest(vgr.origin)
    assert newest is not None
    assert newest.size == 25
    assert len(Outside.open(witness.path).notes()) == 2


def test_what_it_is_asked_holds_no_entry(vgr: Home) -> None:
    request = asked(vgr, 25, 10)
    assert not any(leaf[:24] in request for leaf in vgr.leaves)
    assert len(request) < 1000


def test_an_honest_log_is_what_the_witness_saw(witness: Outside, small: Small, tmp_path: Path) -> None:
    bundles = small.export_all(tmp_path)
    for home in small.homes.values():
        witness.cosign(asked(home, 20), now=lambda: SEEN_S)
        witness.cosign(asked(home, 30, 20), now=lambda: SEEN_S)
    report = audit(small, witness, bundles)
    assert (report.verdict, report.findings) == ("clean", ())
    assert [(one.origin, one.size, one.fit) for one in report.sightings] == [
        (home.origin, 30, "fits") for _, home in sorted(small.homes.items())
    ]
    assert "uni.example/witness saw test.example/vgr/1 with 30 entries, 2023-11-14 22:13 UTC: they are the first" in (
        report.to_text()
    )
    file = witness.path / "seen.txt"
    done = court.run("verify", *bundles, "--study", small.study.hex(), "--json", "--witness", file,
                     "--witness-key", witness.vkey)  # fmt: skip
    assert json.loads(done.stdout) == json.loads(json.dumps(report.to_json()))


# ---------------------------------------------------------------- ways to be cheated


@pytest.mark.attack("L42")
@pytest.mark.parametrize("known", [True, False], ids=["a known witness", "any witness"])
def test_a_history_that_all_neighbours_help_to_forge_is_found_by_the_witness(
    witness: Outside, small: Small, vgr: Home, tmp_path: Path, known: bool
) -> None:
    witness.cosign(asked(vgr, 12, leaves=forged(vgr, 3)), now=lambda: SEEN_S)  # what it was shown at the time
    report = audit(small, witness, small.export_all(tmp_path), known=known)  # all agree on another one today
    (fork,) = (f for f in report.findings if f.code == "LS-FORK")
    assert (fork.subject, report.exit_code) == ("vgr", 3)
    assert check_finding(json.dumps(fork.to_json()).encode(), small.roster.encode()).confirmed
    assert [one.fit for one in report.sightings] == ["other"]


@pytest.mark.attack("L42")
def test_what_contradicts_is_not_signed_and_is_kept(witness: Outside, small: Small, vgr: Home, tmp_path: Path) -> None:
    witness.cosign(asked(vgr, 12))
    for request, words in (
        (asked(vgr, 12, 12, forged(vgr, 3)), "LS-FORK"),
        (asked(vgr, 20, 12, forged(vgr, 3)), "not shown to go on"),  # or a wrong proof: the audit tells which
    ):
        with pytest.raises(Refused, match=words):
            witness.cosign(request)
    newest = witness.newest(vgr.origin)
    assert newest is not None
    assert newest.root == Tree(leaf_hash(leaf) for leaf in vgr.leaves[:12]).root()
    assert len(witness.notes()) == 3
    report = audit(small, witness, small.export_all(tmp_path))
    assert {(f.code, f.subject) for f in report.findings} == {("LS-FORK", "vgr")}


@pytest.mark.attack("L42")
def test_entries_that_the_witness_saw_and_a_later_bundle_lacks_are_missing(
    witness: Outside, small: Small, vgr: Home, tmp_path: Path
) -> None:
    leaves = list(vgr.leaves)
    small.add("vgr", "node.stop", {"reason": "signal"}, study=False)
    witness.cosign(asked(vgr, len(vgr.leaves)), now=lambda: SEEN_S - 100)
    bundles = [*small.export_all(tmp_path, but="vgr"), small.write("vgr", tmp_path, leaves)]
    missing = [f for f in audit(small, witness, bundles).findings if f.code == "LS-TRUNCATED"]
    assert [f.subject for f in missing] == ["vgr"]
    # Without the witness's own key nobody can say when it saw them; a bundle handed over before is no fault.
    assert not [f for f in audit(small, witness, bundles, known=False).findings if f.code == "LS-TRUNCATED"]


def test_a_bundle_that_was_handed_over_before_the_witness_saw_more_is_no_fault(
    witness: Outside, small: Small, vgr: Home, tmp_path: Path
) -> None:
    bundles = small.export_all(tmp_path)
    small.add("vgr", "node.stop", {"reason": "signal"}, study=False)
    witness.cosign(asked(vgr, len(vgr.leaves)), now=lambda: SEEN_S + 10**6)
    report = audit(small, witness, bundles)
    assert report.verdict == "clean"
    assert [(one.fit, one.more) for one in report.sightings] == [("more", 1)]


def test_what_it_does_not_sign(witness: Outside, small: Small, vgr: Home) -> None:
    witness.cosign(asked(vgr, 12))
    stranger = Small(salt="again").run().homes["vgr"]
    cut = asked(vgr, 20, 12)
    for request, words in (
        (asked(vgr, 20), "seen 12 entries"),
        (asked(vgr, 10), "seen 12 entries"),
        (asked(vgr, 20, 11), "seen 12 entries"),
        (asked(stranger, 20, 12), "no key of a card"),
        (cut[:-20], "checkpoint"),
        (cut.replace(b"old 12", b"old 012"), "no request"),
        (b"old 12\n" + b"AAAA\n" + cut[7:], "cut or changed"),
        (b"", "no request"),
    ):
        with pytest.raises(Refused, match=words):
            witness.cosign(request)
    assert len(witness.notes()) == 1


def test_a_proof_that_shows_nothing_is_refused(witness: Outside, vgr: Home) -> None:
    witness.cosign(asked(vgr, 12))
    good = read_request(asked(vgr, 20, 12))
    with pytest.raises(Refused, match="not shown to go on"):
        witness.cosign(Request(12, good.path[:-1], good.note).encode())


@pytest.mark.attack("L42")
def test_a_right_checkpoint_with_a_wrong_proof_accuses_nobody(
    witness: Outside, small: Small, vgr: Home, tmp_path: Path
) -> None:
    """Whoever holds a checkpoint can hand it in with a proof of nothing: a proof is signed by nobody."""
    witness.cosign(asked(vgr, 12))
    good = read_request(asked(vgr, 20, 12))
    with pytest.raises(Refused) as refused:
        witness.cosign(Request(12, (bytes(32), *good.path[1:]), good.note).encode())
    assert "LS-FORK" not in str(refused.value)
    assert witness.cosign(asked(vgr, 20, 12))[0].size == 20
    assert {f.code for f in audit(small, witness, small.export_all(tmp_path)).findings} == set()


@pytest.mark.attack("L42")
def test_lines_that_others_added_to_a_checkpoint_are_not_kept(witness: Outside, vgr: Home) -> None:
    """64 lines are as many as a note may have: with the witness's own it could never be read again."""
    junk = b"".join(cosignature_line(f"x{n}", bytes(32), Cosignature("x", 12, 7, bytes(64))) for n in range(63))
    request = read_request(asked(vgr, 12))
    _, note = witness.cosign(Request(0, (), request.note + junk).encode(), now=lambda: 7)
    assert [line.name for line in parse_note(note).signatures] == [vgr.origin, witness.name]
    assert witness.cosign(asked(vgr, 20, 12))[0].size == 20
    assert len(read_held(witness.export())[2]) == 2


def test_what_no_card_signed_leaves_nothing_on_disk(witness: Outside, vgr: Home) -> None:
    before = sorted(witness.path.rglob("*"))
    for network in ("a.example", "b.example"):
        origin = f"{network}/vgr/1"
        note = sign_note(checkpoint_body(Checkpoint(origin, 12, bytes(32))), origin, SigningKey(bytes(32)))
        with pytest.raises(Refused, match="no key of a card"):
            witness.cosign(Request(0, (), note).encode())
    assert [path for path in sorted(witness.path.rglob("*")) if path.name != "lock"] == before


@pytest.mark.attack("L42")
def test_a_fork_at_a_size_that_was_seen_is_kept_also_where_more_has_been_seen_since(
    witness: Outside, vgr: Home
) -> None:
    witness.cosign(asked(vgr, 12))
    witness.cosign(asked(vgr, 20, 12))
    with pytest.raises(Refused, match="LS-FORK"):
        witness.cosign(asked(vgr, 12, 0, forged(vgr, 3)))
    assert len(witness.notes()) == 3


@pytest.mark.attack("L42")
def test_a_fork_is_kept_where_wrong_proofs_have_taken_all_the_room(
    witness: Outside, vgr: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outside, "MAX_REFUSED", 2)
    witness.cosign(asked(vgr, 12))
    for size, kept in ((13, "it is kept"), (14, "it is kept"), (15, "it is not kept")):
        wrong = Request(12, (bytes(32),), read_request(asked(vgr, size, 12)).note)
        with pytest.raises(Refused) as refused:
            witness.cosign(wrong.encode())
        assert kept in refused.value.fix
    with pytest.raises(Refused, match="LS-FORK"):
        witness.cosign(asked(vgr, 12, 12, forged(vgr, 3)))
    assert len(witness.notes()) == 4


@pytest.mark.parametrize("epoch", ["x", "01", "1/../../2"])
def test_a_checkpoint_of_no_log_is_not_signed(witness: Outside, vgr: Home, epoch: str) -> None:
    origin = f"{vgr.card.network}/vgr/{epoch}"
    note = sign_note(checkpoint_body(Checkpoint(origin, 12, bytes(32))), origin, vgr.keys.log)
    with pytest.raises(Refused, match=r"no origin|no key of a card"):
        witness.cosign(Request(0, (), note).encode())


def test_an_empty_log_is_not_signed(witness: Outside, vgr: Home) -> None:
    with pytest.raises(Refused, match="no entry"):
        witness.cosign(asked(vgr, 0))


def test_a_card_of_another_identity_is_refused_and_later_keys_come_with_a_later_card(
    witness: Outside, small: Small, vgr: Home
) -> None:

    with pytest.raises(Refused, match="another identity key"):
        witness.add(card_line(Small(salt="thief").homes["vgr"].card))
    later = replace(PrivateKeys.generate(seeded("later")), identity=vgr.keys.identity)
    vgr.keys = later
    with pytest.raises(Refused, match="no key of a card"):
        witness.cosign(asked(vgr, 12))
    witness.add(card_line(make_card(vgr.card.network, "vgr", [], later, 2)))
    assert witness.cosign(asked(vgr, 12))[0].size == 12


def test_notes_that_no_log_signed_convict_nobody(witness: Outside, small: Small, vgr: Home, tmp_path: Path) -> None:
    body = checkpoint_body(Checkpoint(vgr.origin, 5, bytes(32)))
    false = sign_note(body, vgr.origin, SigningKey(bytes(32)))
    file = tmp_path / "seen.txt"
    file.write_bytes(encode_held(witness.vkey, [false, b"nothing"]))
    report = verify(small.export_all(tmp_path), study=small.study, outside=read_files([file]))
    assert {(f.code, f.subject, f.source) for f in report.findings} == {("LS-COSIG", None, "seen.txt")}
    assert report.sightings == ()  # nor is anything said of the log


@pytest.mark.parametrize(
    "change",
    [lambda d: d[:-1], lambda d: d + b"x", lambda d: b"x" + d, lambda d: d.replace(b"note ", b"note 0", 1),
     lambda d: d.replace(b"+", b"-", 1)],
    ids=["cut", "more behind", "another form", "a loose number", "no key"],
)  # fmt: skip
def test_a_file_in_another_form_is_refused(witness: Outside, vgr: Home, change) -> None:  # type: ignore[no-untyped-def]
    witness.cosign(asked(vgr, 12))
    data = witness.export()
    name, public, notes = read_held(data)
    assert (name, public, len(notes)) == (witness.name, witness.key.public, 1)
    with pytest.raises(CryptoError):
        read_held(change(data))


def test_its_key_is_its_own(witness: Outside, tmp_path: Path) -> None:
    assert read_vkey(witness.vkey) == (witness.name, witness.key.public)
    assert witness.key.seed.hex() not in witness.vkey
    (witness.path / "key").chmod(0o644)
    with pytest.raises(ConfigError, match="read by others"):
        Outside.open(witness.path)
    with pytest.raises(ConfigError, match="not empty"):
        Outside.create(witness.path, "uni.example/witness")
    with pytest.raises(ConfigError, match="cannot be called"):
        Outside.create(tmp_path / "other", "two words")


# ---------------------------------------------------------------- by hand


def test_the_commands_from_a_home_to_an_audit(tmp_path: Path) -> None:
    def run(*words: str | Path) -> str:
        done = CliRunner().invoke(cli, [str(word) for word in words])
        assert done.exit_code == 0, done.output
        return done.output

    home = tmp_path / "vgr"
    run("init", "--home", home, "--network", "test.example", "--name", "vgr")
    (tmp_path / "vgr.card").write_text(run("card", "--home", home))
    key = run("witness", "init", "--at", tmp_path / "uni", "--name", "uni.example/w").splitlines()[1]
    assert "is watched" in run("witness", "add", "--at", tmp_path / "uni", tmp_path / "vgr.card")
    run("log", "head", "--home", home, "--for-witness", tmp_path / "ask")
    signed = run("witness", "cosign", "--at", tmp_path / "uni", tmp_path / "ask", "-o", tmp_path / "cosigned")
    assert "1 entries go on from what was seen" in signed
    name, public = read_vkey(key)
    note = (tmp_path / "cosigned").read_bytes()
    assert seen_at(note, name, public) is not None
    assert parse_checkpoint(parse_note(note).body).origin == RegionHome.open(home).origin
    run("log", "export", "--home", home, "-o", tmp_path / "vgr.bundle")
    run("log", "head", "--home", home, "--for-witness", tmp_path / "ask", "--since", "1")
    run("witness", "cosign", "--at", tmp_path / "uni", tmp_path / "ask")
    assert "2 entries" in run("witness", "show", "--at", tmp_path / "uni")
    run("witness", "export", "--at", tmp_path / "uni", "-o", tmp_path / "seen")
    told = run("audit", "verify", tmp_path / "vgr.bundle", "--witness", tmp_path / "seen", "--witness-key", key)
    assert "uni.example/w saw test.example/vgr/1 with 2 entries" in told
    assert "they are the first of those handed over" in told
