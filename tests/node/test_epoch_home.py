"""A home whose log was begun anew: both logs are there, whatever stops it in between, and neither is changed."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner

from crypto.merkle import leaf_hash
from crypto.note import Checkpoint
from gossip.effects import Commit, Deposit
from gossip.step import Step
from node.audit import verify
from node.cli.log_export import export_bundle
from node.cli.root import cli
from node.errors import Refused, StoreError
from node.home import Home
from node.region import Region
from node.store import restoring
from node.store.restoring import Survey, restore
from node.store.storage import Store, StoreReader
from node.store.vault import Vault
from protocol.entries import decode_entry
from protocol.epochs import Previous

REASON = "disk"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with five entries in its log."""
    path = tmp_path / "vgr"
    Home.create(path, "test.example", "vgr", [], None)
    with Region.open(path) as region:
        for _ in range(4):
            region.ask("export", {})
    return path


def list_of(path: Path) -> list[bytes]:
    """The entries of a home's log."""
    with StoreReader(Home.open(path)) as reader:
        return list(reader.leaves())


def begin_anew(path: Path, previous: Previous | None = None) -> list[bytes]:
    """Begin the log anew; returns the entries of the one before."""
    opened = Home.open(path)
    with Store.open(opened) as store:
        before = list(store.leaves())
        newest = store.checkpoint()
        assert newest is not None
        point = newest[0]
        opened.epoch += 1
        log = opened.log()
        last = previous or Previous(point.origin, point.size, point.root, REASON)
        opened.first_entry(log, decode_entry(before[-1]).t_ms, last)
        pending = log.pending()
        assert pending is not None
        store.begin_anew(log.origin, Commit(tuple(pending[0]), pending[1], pending[2], publish=True))
    return before


def test_both_logs_are_there_and_the_new_one_goes_on(home: Path) -> None:
    before = begin_anew(home)
    opened = Home.open(home)
    assert (opened.origin, opened.serial) == ("test.example/vgr/2", 1)
    with Region.open(home) as region:
        assert region.peer.reentry.is_fresh
        assert region.ask("export", {})["size"] == 2
    with StoreReader(opened) as reader:
        assert [[leaf for leaf, _ in past.records] for past in reader.past()] == [before]
        assert [decode_entry(leaf).log for leaf in reader.leaves()] == ["test.example/vgr/2"] * 2
        assert len(list(reader.whole())) == len(before) + 2


def test_a_log_may_be_begun_anew_more_than_once(home: Path) -> None:
    first = begin_anew(home)
    second = begin_anew(home)
    with StoreReader(Home.open(home)) as reader:
        assert [[leaf for leaf, _ in past.records] for past in reader.past()] == [first, second]
        genesis = decode_entry(next(reader.leaves()))
    assert genesis.log == "test.example/vgr/3"
    assert genesis.body["prev"]["origin"] == "test.example/vgr/2"  # type: ignore[index, call-overload]


def test_entries_of_a_log_that_is_over_are_neither_changed_nor_removed(home: Path) -> None:
    begin_anew(home)
    with contextlib.closing(sqlite3.connect(home / "log" / "log.sqlite")) as db:
        for statement in (
            "UPDATE entry_1 SET leaf = NULL", "DELETE FROM entry_1", "UPDATE ckpt_1 SET size = 0", "DELETE FROM ckpt_1",
            "UPDATE entry SET leaf = NULL", "DELETE FROM entry", "UPDATE ckpt SET size = 0", "DELETE FROM ckpt",
        ):  # fmt: skip
            with pytest.raises(sqlite3.IntegrityError, match="never"):
                db.execute(statement)


def test_a_flipped_byte_in_a_log_that_is_over_stops_the_node(home: Path) -> None:
    begin_anew(home)
    with contextlib.closing(sqlite3.connect(home / "log" / "log.sqlite")) as db:
        db.execute("DROP TRIGGER entry_update_1")
        db.execute("UPDATE entry_1 SET hash = ? WHERE seq = 2", (bytes(32),))
        db.commit()
    with pytest.raises(StoreError, match="LS-LOG-ROOT"):
        Region.open(home)


def test_a_stop_between_the_new_log_and_its_head_file_is_no_harm(home: Path) -> None:
    head = (home / "HEAD").read_bytes()
    begin_anew(home)
    (home / "HEAD").write_bytes(head)
    with Region.open(home) as region:
        assert region.home.epoch == 2


def test_a_write_that_fails_leaves_the_log_as_it_was(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(Store, "_append", full)
    with pytest.raises(StoreError, match="full"):
        begin_anew(home)
    monkeypatch.undo()
    assert Home.open(home).epoch == 1
    with Region.open(home) as region:
        assert region.peer.log.size == 5


def test_a_backup_from_before_the_new_log_is_told_by_the_head_file(home: Path, tmp_path: Path) -> None:
    shutil.copytree(home / "log", tmp_path / "backup")
    begin_anew(home)
    shutil.rmtree(home / "log")
    shutil.copytree(tmp_path / "backup", home / "log")
    with pytest.raises(StoreError, match=r"ROLLED-BACK.*begun anew since as test\.example/vgr/2"):
        Region.open(home)
    with Region.open(home, recovering=True) as region:
        region.peer.waking.found_head(region.store.head())
        assert region.peer.waking.larger == Checkpoint("test.example/vgr/2", 1, region.store.head().root)  # type: ignore[union-attr]


def test_an_earlier_log_is_shown_and_handed_over(home: Path, tmp_path: Path) -> None:
    before = begin_anew(home)
    runner = CliRunner()
    shown = runner.invoke(cli, ["log", "show", "--home", str(home), "--epoch", "1", "--json"])
    assert [json.loads(line)["leaf"] for line in shown.output.splitlines()] == [leaf_hash(one).hex() for one in before]
    refused = runner.invoke(cli, ["log", "show", "--home", str(home), "--epoch", "7"])
    assert refused.exit_code != 0
    assert "test.example/vgr/7" in refused.output + str(refused.exception)
    out = tmp_path / "vgr.bundle"
    export_bundle(home, out, study=None, payloads="kept", requester=None)
    report = verify([out])
    assert {(f.code, f.subject, f.severity.name) for f in report.findings if f.severity.name != "INFO"} <= {
        ("LS-EPOCH-GAP", "vgr", "MINOR"), ("LS-EPOCH-GAP", None, "MINOR"),
    }  # fmt: skip
    assert report.exit_code == 1


def test_restore_says_how_far_the_copies_reach_and_whether_waiting_can_help() -> None:
    head = Checkpoint("test.example/vgr/1", 825, bytes(32))
    survey = Survey(411, 825, head, 823, {"halland": 823, "kalmar": 790}, ("halland", "kalmar"), ())
    assert "has had 825 entries" in survey.found
    assert "their copies lead to 823 (halland up to 823, kalmar up to 790)" in survey.found
    unhelped = Survey(411, 825, head, 411, {}, ("halland", "kalmar"), ())
    assert "answered have halland, kalmar, and their copies hold nothing beyond the 411 that are here" in unhelped.found
    forked = Survey(411, 825, head, 411, {}, ("halland", "kalmar"), (), ("halland",))
    assert "two histories (LS-FORK)" in forked.found
    assert "halland use nothing of it" in forked.found
    assert "--reason rollback" in forked.fix
    assert "new roster" in forked.fix
    assert "Nobody who has answered holds the rest, 2 or more" in survey.found
    assert "waiting does not help" in survey.fix
    assert "--new-epoch" in survey.fix
    assert "LS-EPOCH-GAP" in survey.fix
    waits = Survey(411, 825, head, 411, {}, (), ("skane",))
    assert "answered have nobody" in waits.found
    assert waits.fix.startswith("skane has not answered and may hold more")
    assert "--without NAME" in waits.fix


def test_nothing_is_begun_anew_where_nobody_knows_of_more(home: Path) -> None:
    assert restore(home, wait_s=1.0, anew="lost") is None
    assert Home.open(home).epoch == 1


@pytest.mark.attack("L13")
def test_what_came_back_is_not_gone_on_with_before_everybody_has_answered(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has not answered may hold what was said to it alone: behind it, the log would be a second history."""
    opened = Home.open(home)
    with StoreReader(opened) as reader:
        log = opened.log(list(reader.leaves()))
    log.add("audit.export", decode_entry(list_of(home)[-1]).body, study=None, now_ms=log.last_ms)
    lost = log.pending_leaves[0]

    def halland_alone_answers(region: Region, *_: object) -> None:
        peer = region.peer
        monkeypatch.setattr(type(peer.membership), "names", property(lambda _: ("halland", "skane", "vgr")))
        peer.waking.answered = {"halland"}
        peer.waking.shown(Step(peer.log, peer.mailbox, 0), log.signed()[0], log.size)
        peer.waking.recovered("halland", peer.log.size, [(lost.leaf, lost.hash)])

    monkeypatch.setattr(restoring, "_ask", halland_alone_answers)
    with pytest.raises(Refused, match="skane has not answered"):
        restore(home, wait_s=1.0)
    assert len(list_of(home)) == 5
    done = restore(home, wait_s=1.0, without=["skane"])
    assert done is not None
    assert (done.before, done.after, done.sources) == (5, 6, {"halland": 6})


def stop(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_log_whose_head_file_alone_is_newer_is_begun_anew_after_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file HEAD alone tells of more: nobody is there to ask."""
    with contextlib.closing(sqlite3.connect(home / "log" / "log.sqlite")) as db:
        for name in ("entry_delete", "ckpt_delete"):
            db.execute(f"DROP TRIGGER {name}")
        db.execute("DELETE FROM entry WHERE seq >= 3")
        db.execute("DELETE FROM ckpt WHERE size > 3")
        db.commit()
    with Vault(home) as vault:
        vault.do(Deposit(bytes(32), 1, 4, "own", bytes(32), b"of an entry that is lost"))
    with pytest.raises(StoreError, match="has had 5 entries") as told:
        restore(home, wait_s=1.0)
    assert "all regions have answered" in told.value.fix  # it has no roster yet: there is nobody else
    with monkeypatch.context() as stopped:
        stopped.setattr(Store, "begin_anew", stop)
        with pytest.raises(KeyboardInterrupt):
            restore(home, wait_s=1.0, anew="disk")
    with Vault(home) as vault:  # whatever stops it in between: none is left to be shown for an entry of the next log
        assert list(vault.openings(bytes(32))) == []
    made = restore(home, wait_s=1.0, anew="disk")
    assert made is not None
    assert (made.epoch, made.before, made.after) == (2, 3, 3)
    assert made.previous is not None
    assert (made.previous.size, made.previous.reason) == (5, "disk")
