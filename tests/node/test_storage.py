"""The store: what is on disk when, what is found at a start, and what is refused."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import node.files
import node.store.storage
from crypto.merkle import leaf_hash
from crypto.note import open_note, parse_checkpoint
from crypto.signing import SigningKey
from gossip.effects import Blob, Commit, CosigRow, HeadRow, MirrorRow, ProtectedRow, Row
from gossip.memory import SeededEntropy
from node.audit import read_bundle
from node.cli.log_export import export_bundle
from node.errors import ConfigError, StoreError
from node.home import Home
from node.region import Region
from node.store.payloads import SMALL
from node.store.soundness import check_clock, check_log, stopped_cleanly
from node.store.storage import Store, StoreReader
from protocol.codec import Value
from protocol.cosignature import Cosignature, checkpoint_note
from protocol.log import Log

NOW_MS = 1_800_000_000_000
KEY = SigningKey(bytes([9]) * 32)
END: dict[str, Value] = {"round": 0, "outcome": "done", "reason": None, "model": None}
PAYLOAD = b"a kept payload"
SHA256 = hashlib.sha256(PAYLOAD).digest()
LARGE = bytes(SMALL)
LARGE_SHA256 = hashlib.sha256(LARGE).digest()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.create(
        tmp_path / "vgr", "test.example", "vgr", ["tcp://127.0.0.1:7700"], None, entropy=SeededEntropy("store")
    )


def loaded(home: Home) -> tuple[Store, Log, list[bytes]]:
    store = Store.open(home)
    leaves = list(store.leaves())
    return store, home.log(leaves), leaves


def check(home: Home) -> None:
    store, log, leaves = loaded(home)
    try:
        check_log(store, log.tree, leaves, home.origin, home.keys().log.public)
    finally:
        store.close()


def test_a_home_holds_nothing_that_others_can_read(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        home = Home.create(tmp_path / "vgr", "test.example", "vgr", ["tcp://127.0.0.1:7700"], None)
        with Store.open(home) as store:
            store.commit(step(home.log(list(store.leaves())), kept=True))
            modes = {path.name: path.stat().st_mode & 0o077 for path in home.path.rglob("*")}
    finally:
        os.umask(before)

    assert modes.keys() >= {"keys", "home.toml", "log.sqlite", "log.sqlite-wal", "HEAD", LARGE_SHA256.hex()}
    assert not any(modes.values()), modes


def step(log: Log, *, publish: bool = False, kept: bool = False, blobs: tuple[Blob, ...] = ()) -> Commit:
    """One step with two entries, one of them a message that was sent."""
    log.add("node.stop", {"reason": "signal"}, study=None, now_ms=NOW_MS)
    log.seal("ROSTER", {"roster": bytes(32), "serial": 1, "sig": bytes(64)}, payload=b"x", to=["skane"], now_ms=NOW_MS)
    pending = log.pending()
    assert pending is not None
    leaves, checkpoint, signature = pending
    return Commit(
        tuple(leaves),
        checkpoint,
        signature,
        kept=((SHA256, PAYLOAD), (LARGE_SHA256, LARGE)) if kept else (),
        blobs=blobs,
        publish=publish,
    )


def append(home: Home, **what: object) -> Log:
    store, log, _ = loaded(home)
    store.commit(step(log, **what))  # type: ignore[arg-type]
    store.close()
    return log


# ---------------------------------------------------------------- what is there afterwards


def test_a_committed_step_is_there_after_reopening(home: Home) -> None:
    log = append(home, publish=True, kept=True, blobs=(Blob("model/ab/1", b"weights"),))
    store, again, _ = loaded(home)
    assert (again.size, again.root) == (log.size, log.root)
    assert store.kept(SHA256) == PAYLOAD
    assert store.kept(LARGE_SHA256) == LARGE
    assert store.blob("model/ab/1") == b"weights"
    head = store.head()
    assert head is not None
    assert (head.size, head.root) == (log.size, log.root)
    store.close()
    check(home)


def test_a_reader_beside_the_owner_sees_each_step_with_its_signed_checkpoint(home: Home) -> None:
    store, log, _ = loaded(home)
    with StoreReader(home) as reader:
        store.commit(step(log))
        body = open_note(reader.checkpoint_note(), home.origin, home.keys().log.public)
        assert parse_checkpoint(body).size == len(list(reader.leaves())) == log.size
    store.close()


def test_a_reader_cannot_write(home: Home) -> None:
    with StoreReader(home) as reader, pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader._db.execute("INSERT INTO entry VALUES (99, NULL, zeroblob(32))")


def test_a_head_is_replaced_only_when_asked(home: Home) -> None:
    before = (home.path / "HEAD").read_bytes()
    append(home)
    assert (home.path / "HEAD").read_bytes() == before


def test_a_removed_state_file_is_gone(home: Home) -> None:
    append(home, blobs=(Blob("sum/ab/0", b"own", durable=True),))
    append(home, blobs=(Blob("sum/ab/0", None),))
    store = Store.open(home)
    assert store.blob("sum/ab/0") is None
    store.close()


@pytest.mark.parametrize("name", ["../keys", "/etc/passwd", "a/../../keys", "", "A", "a//b", ".hidden"])
def test_a_state_file_outside_its_folder_is_refused(home: Home, name: str) -> None:
    store = Store.open(home)
    with pytest.raises(ValueError, match="not a name of a state file"):
        store.blob(name)
    store.close()


@pytest.mark.parametrize(
    "statement",
    ["UPDATE entry SET leaf = x'00'", "DELETE FROM entry", "UPDATE ckpt SET root = zeroblob(32)", "DELETE FROM ckpt"],
)
def test_what_is_in_the_log_is_never_changed_or_removed(home: Home, statement: str) -> None:
    database = sqlite3.connect(home.path / "log" / "log.sqlite")
    with pytest.raises(sqlite3.IntegrityError, match="never"):
        database.execute(statement)
    database.close()


# ---------------------------------------------------------------- a crash at every step


def crash_at(module: object, name: str, before: bool, count: int = 1) -> Callable[[pytest.MonkeyPatch], None]:
    """End the process where a function is called for the ``count``-th time, before or after its work."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        real, calls = getattr(module, name), [0]

        def planted(*args: object, **named: object) -> object:
            calls[0] += 1
            if before and calls[0] == count:
                os._exit(9)
            out = real(*args, **named)
            if not before and calls[0] == count:
                os._exit(9)
            return out

        patch.setattr(module, name, planted)

    return plant


CRASHES = {
    "before the kept payload": (crash_at(node.files, "write", True), False),
    "before its folder is on disk": (crash_at(node.files, "sync_folder", True), False),
    "after the kept payload": (crash_at(node.files.Files, "put_kept", False), False),
    "after the state file": (crash_at(node.files.Files, "put_blob", False), False),
    "before the transaction": (crash_at(node.store.storage.Store, "_append", True), False),
    "inside the transaction": (crash_at(node.store.storage, "_round", True), False),
    "before the transaction ends": (crash_at(node.store.storage.Store, "_end", True, 2), False),
    "after the transaction": (crash_at(node.store.storage.Store, "_end", False, 2), True),
    "before HEAD is replaced": (crash_at(node.store.storage, "write", True), True),
    "after HEAD is replaced": (crash_at(node.store.storage.Store, "_publish", False), True),
}


@pytest.mark.attack("L39")
@pytest.mark.parametrize("where", CRASHES, ids=list(CRASHES))
def test_after_a_crash_at_any_step_the_log_is_whole_and_goes_on(
    home: Home, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    plant, is_committed = CRASHES[where]
    child = os.fork()
    if child == 0:
        plant(monkeypatch)
        append(home, publish=True, kept=True, blobs=(Blob("model/ab/1", b"weights"),))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 9, "the crash did not happen"
    check(home)
    store, log, _ = loaded(home)
    assert log.size == (3 if is_committed else 1)
    if is_committed:
        assert store.kept(SHA256) == PAYLOAD
        assert store.kept(LARGE_SHA256) == LARGE
    store.commit(step(log, publish=True))
    store.close()
    check(home)


def test_a_full_disk_ends_the_step_in_words_and_leaves_the_log_as_it_was(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, log, _ = loaded(home)

    def full(*_: object, **__: object) -> set[Path]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(node.files, "write", full)
    with pytest.raises(StoreError, match=r"the disk of .* is full.*make room"):
        store.commit(step(log, kept=True))
    store.close()
    check(home)
    assert loaded(home)[1].size == 1


def test_a_full_disk_under_the_database_is_told_in_the_same_words(home: Home) -> None:
    store, log, _ = loaded(home)
    pages = store._db.execute("PRAGMA page_count").fetchone()[0]
    store._db.execute(f"PRAGMA max_page_count={pages}")
    big = ["region-" + "x" * 30 + f"{i:03d}" for i in range(1000)]
    log.seal("ROSTER", {"roster": bytes(32), "serial": 1, "sig": bytes(64)}, payload=b"x", to=big, now_ms=NOW_MS)
    with pytest.raises(StoreError, match="is full"):
        store.commit(step(log))
    store.close()
    check(home)


# ---------------------------------------------------------------- several steps in one transaction


def sizes(home: Home) -> list[int]:
    """Sizes of the signed checkpoints on disk, read beside the owner."""
    with sqlite3.connect(home.path / "log" / "log.sqlite") as database:
        return [size for (size,) in database.execute("SELECT size FROM ckpt ORDER BY size")]


def test_steps_that_were_added_are_on_disk_together_once_they_are_settled(home: Home) -> None:
    store, log, _ = loaded(home)
    store.add(step(log))
    store.add(step(log, kept=True))
    assert len(list(store.entries())) == log.size == 5, "its owner reads them at once"
    assert store.kept(SHA256) == PAYLOAD
    with StoreReader(home) as reader:
        assert (len(list(reader.leaves())), reader.kept(SHA256), sizes(home)) == (1, None, [1])
        store.settle()
        assert (len(list(reader.leaves())), reader.kept(SHA256), sizes(home)) == (5, PAYLOAD, [1, 3, 5])
    store.close()
    check(home)


@pytest.mark.attack("L39")
@pytest.mark.parametrize("is_settled", [False, True])
def test_after_a_crash_all_steps_of_a_transaction_are_there_or_none(home: Home, is_settled: bool) -> None:
    child = os.fork()
    if child == 0:
        store, log, _ = loaded(home)
        for _ in range(3):
            store.add(step(log, kept=True))
        if is_settled:
            store.settle()
        os._exit(9)
    os.waitpid(child, 0)
    check(home)
    store, log, _ = loaded(home)
    assert log.size == (7 if is_settled else 1)
    assert store.kept(SHA256) == (PAYLOAD if is_settled else None)
    store.commit(step(log))
    store.close()
    check(home)


def test_state_is_never_more_than_one_step_ahead_of_the_log(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    store, log, _ = loaded(home)
    before: list[list[int]] = []
    put_blob = store.files.put_blob

    def watched(name: str, data: bytes | None, *, durable: bool) -> None:
        before.append(sizes(home))
        put_blob(name, data, durable=durable)

    monkeypatch.setattr(store.files, "put_blob", watched)
    store.add(step(log))
    store.add(step(log, blobs=(Blob("sum/ab/0", b"own", durable=True), Blob("model/ab/1", None))))
    assert before == [[1, 3], [1, 3, 5]], "written behind the steps before, removed behind its own"
    store.close()


def test_a_published_head_covers_what_is_on_disk(home: Home) -> None:
    store, log, _ = loaded(home)
    store.add(step(log))
    store.add(step(log, publish=True))
    head = store.head()
    assert head is not None
    assert (head.size, sizes(home)) == (5, [1, 3, 5])
    store.close()


def test_a_step_that_fails_takes_those_with_it_that_are_not_settled(home: Home) -> None:
    store, log, _ = loaded(home)
    first = step(log)
    store.add(first)
    with pytest.raises(StoreError, match="cannot be written"):
        store.add(first)  # the same place twice
    assert len(list(store.entries())) == 1
    store.settle()
    store.close()
    assert sizes(home) == [1]
    check(home)


# ---------------------------------------------------------------- kept payloads


def test_a_payload_that_an_earlier_version_kept_as_a_file_is_read_and_removed(home: Home) -> None:
    database = sqlite3.connect(home.path / "log" / "log.sqlite")
    database.executescript("DROP TRIGGER payload_update; DROP TABLE payload;")
    database.close()
    node.files.Files(home.path).put_kept([(SHA256, PAYLOAD)])
    with StoreReader(home) as reader:
        assert reader.kept(SHA256) == PAYLOAD
        assert reader.kept(LARGE_SHA256) is None
    with Store.open(home) as store:
        assert store.kept(SHA256) == PAYLOAD
        store.commit(Commit((), None, b"", kept=((SHA256, PAYLOAD),)))
        store.forget([SHA256])
        assert store.kept(SHA256) is None


def test_of_a_payload_that_was_removed_no_byte_is_on_disk(home: Home) -> None:
    secret, large = b"a payload nobody shall find again" * 300, b"and a large one" * SMALL
    names = [hashlib.sha256(data).digest() for data in (secret, large)]
    with Store.open(home) as store:
        store.commit(Commit((), None, b"", kept=tuple(zip(names, (secret, large), strict=True))))
        assert [store.kept(name) for name in names] == [secret, large]
        store.forget(names)
        assert [store.kept(name) for name in names] == [None, None]
        for path in home.path.rglob("*"):
            if path.is_file():
                assert secret[:33] not in path.read_bytes()
                assert large[:15] not in path.read_bytes()


def test_a_kept_payload_is_never_changed(home: Home) -> None:
    append(home, kept=True)
    database = sqlite3.connect(home.path / "log" / "log.sqlite")
    with pytest.raises(sqlite3.IntegrityError, match="never changed"):
        database.execute("UPDATE payload SET data = x'00'")
    database.close()


# ---------------------------------------------------------------- what is refused at a start


def tampered(home: Home, sql: str) -> None:
    database = sqlite3.connect(home.path / "log" / "log.sqlite")
    for trigger in ("entry_update", "entry_delete", "ckpt_update", "ckpt_delete"):
        database.execute(f"DROP TRIGGER {trigger}")
    database.execute(sql)
    database.commit()
    database.close()


@pytest.mark.attack("L15")
@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE entry SET leaf = CAST(substr(leaf, 1, 10) || x'01' || substr(leaf, 12) AS BLOB) WHERE seq = 1",
        "UPDATE entry SET hash = zeroblob(32) WHERE seq = 1",
        "DELETE FROM entry WHERE seq = 2",
        "DELETE FROM entry WHERE seq = 1",
        "DELETE FROM ckpt WHERE size = 3",
        "UPDATE ckpt SET sig = zeroblob(64) WHERE size = 3",
        "UPDATE ckpt SET root = zeroblob(32) WHERE size = 3",
    ],
    ids=["an entry", "a hash", "the last entry", "an entry in the middle", "a checkpoint", "a signature", "a root"],
)
def test_a_log_that_was_altered_is_not_appended_to(home: Home, sql: str) -> None:
    append(home)
    tampered(home, sql)
    with pytest.raises(StoreError, match="LS-LOG-ROOT"):
        check(home)


@pytest.mark.attack("L15")
def test_a_flipped_byte_in_the_file_is_found(home: Home) -> None:
    append(home)
    file = home.path / "log" / "log.sqlite"
    database = sqlite3.connect(file)
    (leaf,) = database.execute("SELECT leaf FROM entry WHERE seq = 1").fetchone()
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    data = file.read_bytes()
    at = data.index(leaf) + 20
    file.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    with pytest.raises(StoreError, match=r"LS-LOG-ROOT|cannot be read"):
        check(home)


@pytest.mark.attack("L13")
def test_a_log_that_was_put_back_is_refused(home: Home) -> None:
    before = (home.path / "log" / "log.sqlite").read_bytes()
    append(home, publish=True)
    for file in (home.path / "log").iterdir():
        file.unlink()
    (home.path / "log" / "log.sqlite").write_bytes(before)
    with pytest.raises(StoreError, match="ROLLED-BACK: this log has 1 entries, but has had 3"):
        check(home)


@pytest.mark.attack("L13")
def test_a_log_that_was_put_back_and_continued_is_refused(home: Home) -> None:
    before = (home.path / "log" / "log.sqlite").read_bytes()
    append(home, publish=True)
    for file in (home.path / "log").iterdir():
        file.unlink()
    (home.path / "log" / "log.sqlite").write_bytes(before)
    store, log, _ = loaded(home)
    log.add("node.stop", {"reason": "done"}, study=None, now_ms=NOW_MS)
    store.commit(step(log))
    store.close()
    with pytest.raises(StoreError, match="ROLLED-BACK: the first 3 entries are not those"):
        check(home)


def test_a_head_of_another_hand_is_refused(home: Home) -> None:
    note = (home.path / "HEAD").read_bytes()
    (home.path / "HEAD").write_bytes(note.replace(b"\n1\n", b"\n2\n"))
    with pytest.raises(StoreError, match="HEAD is damaged"):
        check(home)


def test_a_log_of_another_format_is_refused(home: Home) -> None:
    database = sqlite3.connect(home.path / "log" / "log.sqlite")
    database.execute("PRAGMA user_version = 2")
    database.close()
    with pytest.raises(StoreError, match="a log of format 2"):
        Store.open(home)


def test_a_clock_behind_the_log_is_refused(home: Home) -> None:
    with pytest.raises(ConfigError, match=r"clock says 2027-01-15 07:00:00 UTC.*last entry.*2027-01-15 08:00:00 UTC"):
        check_clock(NOW_MS, NOW_MS - 3_600_000, home.path)
    check_clock(NOW_MS, NOW_MS - 60_000, home.path)


def test_a_run_that_did_not_stop_in_order_is_known(home: Home) -> None:
    _, log, leaves = loaded(home)
    assert stopped_cleanly(leaves)
    start: dict[str, Value] = {
        "software": {"name": "landsting", "version": "1", "source_sha256": bytes(32)},
        "config_sha256": bytes(32), "clean": True, "heard": [], "alone": False,
    }  # fmt: skip
    log.add("node.start", start, study=None, now_ms=NOW_MS)
    pending = log.pending()
    assert pending is not None
    assert not stopped_cleanly([*leaves, *(one.leaf for one in pending[0])])


# ---------------------------------------------------------------- what is known of other logs


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
