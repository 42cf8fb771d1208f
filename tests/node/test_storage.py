"""The store: what is on disk when, alone and in several steps together."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from pathlib import Path

import pytest

import node.files
import node.store.storage
from crypto.note import open_note, parse_checkpoint
from gossip.effects import Blob, Commit
from node.errors import StoreError
from node.home import Home
from node.store.payloads import SMALL
from node.store.storage import Store, StoreReader
from tests.node.stores import LARGE, LARGE_SHA256, PAYLOAD, SHA256, append, check, loaded, make_home, step


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return make_home(tmp_path)


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
