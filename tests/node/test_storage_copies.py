"""The store: what is known of other logs, what neighbours gave back, and what was erased."""

from __future__ import annotations

import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from crypto.merkle import leaf_hash
from gossip.effects import Commit, CosigRow, HeadRow, MirrorRow, ProtectedRow, Row
from node.audit import read_bundle
from node.cli.log_export import export_bundle
from node.errors import StoreError
from node.home import Home
from node.region import Region
from node.store.soundness import check_log
from node.store.storage import Store, StoreReader
from protocol.codec import Value
from protocol.cosignature import Cosignature, checkpoint_note
from protocol.log import Log
from tests.node.stores import END, KEY, NOW_MS, append, check, loaded, make_home, step


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return make_home(tmp_path)


def test_copies_and_cosignatures_are_written_with_their_step_and_read_back(home: Home) -> None:
    other = Log(network="test.example", region="skane", sign_key=KEY, log_key=KEY)
    for _ in range(3):
        other.add("node.stop", {"reason": "signal"}, study=None, now_ms=NOW_MS)
    found = other.pending()
    assert found is not None
    leaves, point, signature = found
    note = checkpoint_note(point, KEY.public, signature)
    store, log, _ = loaded(home)
    rows: tuple[Row, ...] = (
        *(MirrorRow(other.origin, leaf.seq, leaf.leaf if leaf.seq else None, leaf.hash) for leaf in leaves),
        HeadRow(other.origin, point.size, point.root, note, "verified"),
        CosigRow(home.origin, 3, "skane", 1_800_000_000, bytes(64)),
    )
    store.commit(Commit((), None, b"", rows=rows))
    store.commit(replace(step(log), rows=rows))  # the same again, beside entries
    (mirror,) = store.copies.mirrors()
    assert (mirror.origin, mirror.checkpoint, mirror.signature) == (other.origin, point, signature)
    assert mirror.root_at(2) == other.tree.root_at(2)
    assert store.copies.leaf(other.origin, 0) is None
    assert store.copies.leaf(other.origin, 2) == leaves[2].leaf
    assert store.copies.cosignatures(home.origin, 3) == [Cosignature("skane", 3, 1_800_000_000, bytes(64))]
    store.close()
    with StoreReader(home) as reader:
        (copy,) = reader.copies.copies()
        assert copy.note == note
        assert [digest for _, digest in copy.records] == [leaf.hash for leaf in leaves]
    check(home)


def test_a_head_that_proofs_alone_showed_does_not_hide_the_copy_before_it(home: Home) -> None:
    other = Log(network="test.example", region="skane", sign_key=KEY, log_key=KEY)
    heads = []
    for _ in range(3):
        other.add("node.stop", {"reason": "signal"}, study=None, now_ms=NOW_MS)
        point, signature = other.signed()
        heads.append((point, checkpoint_note(point, KEY.public, signature)))
    store, _, _ = loaded(home)
    copied = [MirrorRow(other.origin, leaf.seq, leaf.leaf, leaf.hash) for leaf in other.pending_leaves[:2]]
    verified = [HeadRow(other.origin, point.size, point.root, note, "verified") for point, note in heads[1:]]
    store.commit(Commit((), None, b"", rows=(*copied, *verified)))
    (mirror,) = store.copies.mirrors()
    assert mirror.checkpoint == heads[1][0]
    (proved,) = store.copies.proved()
    assert proved.checkpoint == heads[2][0]
    store.close()
    with StoreReader(home) as reader:
        (copy,) = reader.copies.copies()
        assert (copy.note, len(copy.records)) == (heads[1][1], 2)
    with Region.open(home.path) as region:
        assert region.peer.witness.held.largest(other.origin) == 3


def test_of_each_release_key_the_largest_checkpoint_is_kept(home: Home) -> None:
    store, _, _ = loaded(home)
    one, two = b"\x00\x00\x00\x01", b"\x00\x00\x00\x02"
    for key, size in ((one, 5), (one, 9), (one, 7), (two, 6)):
        row = ProtectedRow(home.origin, key, size, b"note %d" % size)
        store.commit(Commit((), None, b"", rows=(row,)))
    store.close()
    with StoreReader(home) as reader:
        assert [(row.key, row.size, row.note) for row in reader.copies.protected()] == [
            (two, 6, b"note 6"),
            (one, 9, b"note 9"),
        ]


def test_the_end_of_a_study_is_on_disk_with_its_line_and_goes_into_the_bundle(home: Home, tmp_path: Path) -> None:
    store, log, _ = loaded(home)
    log.add("study.end", END, study=bytes(32), now_ms=1_700_000_000_000)
    pending = log.pending()
    assert pending is not None
    leaves, point, signature = pending
    rows = tuple(ProtectedRow(log.origin, key, point.size, note) for key, note in log.protected(point, signature))
    store.commit(Commit(tuple(leaves), point, signature, rows=rows))
    store.close()
    export_bundle(home.path, tmp_path / "vgr.bundle", study=None, payloads="none", requester=None)
    raw = read_bundle(tmp_path / "vgr.bundle").logs[home.name, 1]
    assert list(raw.lines.values()) == [rows[0].note]


def test_what_neighbours_gave_back_is_one_transaction_and_a_sound_log(home: Home) -> None:
    whole = append(home)
    store, _, leaves = loaded(home)
    store.close()
    shutil.rmtree(home.path / "log")
    (home.path / "log").mkdir(mode=0o700)
    with Store.create(home) as store:
        store._db.execute("INSERT INTO entry VALUES (0, ?, ?)", (leaves[0], leaf_hash(leaves[0])))
        log = home.log([leaves[0], None, leaves[2]], [leaf_hash(leaf) for leaf in leaves])
        recover: dict[str, Value] = {
            "from_size": 1, "to_size": 3, "from": [{"region": "skane", "size": 3}], "hash_only": 1,
        }  # fmt: skip
        log.add("log.recover", recover, study=None, now_ms=NOW_MS)
        found = log.pending()
        assert found is not None
        new, point, signature = found
        back = ((1, None, leaf_hash(leaves[1])), (2, leaves[2], leaf_hash(leaves[2])))
        store.commit(Commit(tuple(new), point, signature, publish=True, recovered=back))
        assert log.tree.root_at(3) == whole.root
        rows = list(store.entries())
        assert [leaf is None for leaf, _ in rows] == [False, True, False, False]
        again = home.log([leaf for leaf, _ in rows], [digest for _, digest in rows])
        check_log(store, again.tree, [leaf for leaf, _ in rows], home.origin, home.keys().log.public)
        with pytest.raises(StoreError, match="no entry says why"):
            check_log(store, again.tree, [leaf for leaf, _ in rows[:3]], home.origin, home.keys().log.public)


def test_an_erased_entry_keeps_its_hash_and_no_byte_of_it_is_on_disk(home: Home) -> None:
    store, log, _ = loaded(home)
    store.commit(step(log))
    secret = list(store.leaves())[1]
    log.add("redact", {"seq": 1, "leaf": leaf_hash(secret), "basis": "erasure"}, study=None, now_ms=NOW_MS)
    found = log.pending()
    assert found is not None
    new, point, signature = found
    store.commit(Commit(tuple(new), point, signature))
    store.erase(1)
    store.close()
    again = Store.open(home)
    rows = list(again.entries())
    assert rows[1] == (None, leaf_hash(secret))
    with pytest.raises(sqlite3.IntegrityError, match="never changed"):
        again._db.execute("UPDATE entry SET leaf = NULL WHERE seq = 2")
    held = home.log([leaf for leaf, _ in rows], [digest for _, digest in rows])
    check_log(again, held.tree, [leaf for leaf, _ in rows], home.origin, home.keys().log.public)
    again.close()
    for path in (home.path / "log").iterdir():
        assert secret not in path.read_bytes()


def test_an_erasure_that_a_stop_cut_short_is_done_at_the_next_start(home: Home) -> None:
    store, log, _ = loaded(home)
    store.commit(step(log))
    secret = list(store.leaves())[1]
    log.add("redact", {"seq": 1, "leaf": leaf_hash(secret), "basis": "erasure"}, study=None, now_ms=NOW_MS)
    found = log.pending()
    assert found is not None
    new, point, signature = found
    store.commit(Commit(tuple(new), point, signature))
    store.close()
    with Region.open(home.path, now_ms=NOW_MS) as region:
        assert list(region.store.entries())[1] == (None, leaf_hash(secret))
