"""The store: a log that is not the one that was written is refused at a start."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from node.errors import ConfigError, StoreError
from node.home import Home
from node.store.soundness import check_clock, stopped_cleanly
from node.store.storage import Store
from protocol.codec import Value
from tests.node.stores import NOW_MS, append, check, loaded, make_home, step


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return make_home(tmp_path)


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
