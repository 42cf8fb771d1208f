"""The store: a process that ends at any step, or has no room, leaves a whole log."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path

import pytest

import node.files
import node.store.storage
from gossip.effects import Blob
from node.errors import StoreError
from node.home import Home
from tests.node.stores import LARGE, LARGE_SHA256, NOW_MS, PAYLOAD, SHA256, append, check, loaded, make_home, step


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return make_home(tmp_path)


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


def crash(where: str, home: Path) -> None:
    """One step of a process that ends in it."""
    CRASHES[where][0](pytest.MonkeyPatch())
    append(Home.open(home), publish=True, kept=True, blobs=(Blob("model/ab/1", b"weights"),))


def ended(work: Callable[..., None], *args: object) -> int | None:
    """What a process says by its exit code; with threads and their locks, as pytest has them, none is a fork."""
    process = multiprocessing.get_context("spawn").Process(target=work, args=args, daemon=True)
    process.start()
    process.join()
    return process.exitcode


@pytest.mark.attack("L39")
@pytest.mark.parametrize("where", CRASHES)
def test_after_a_crash_at_any_step_the_log_is_whole_and_goes_on(home: Home, where: str) -> None:
    is_committed = CRASHES[where][1]
    assert ended(crash, where, home.path) == 9, "the crash did not happen"
    check(home)
    store, log, _ = loaded(home)
    assert log.size == (3 if is_committed else 1)
    if is_committed:
        assert store.kept(SHA256) == PAYLOAD
        assert store.kept(LARGE_SHA256) == LARGE
    store.commit(step(log, publish=True))
    store.close()
    check(home)


def crash_after_three(is_settled: bool, home: Path) -> None:
    """Three steps that wait for one transaction, and an end before or after it."""
    store, log, _ = loaded(Home.open(home))
    for _ in range(3):
        store.add(step(log, kept=True))
    if is_settled:
        store.settle()
    os._exit(9)


@pytest.mark.attack("L39")
@pytest.mark.parametrize("is_settled", [False, True])
def test_after_a_crash_all_steps_of_a_transaction_are_there_or_none(home: Home, is_settled: bool) -> None:
    assert ended(crash_after_three, is_settled, home.path) == 9
    check(home)
    store, log, _ = loaded(home)
    assert log.size == (7 if is_settled else 1)
    assert store.kept(SHA256) == (PAYLOAD if is_settled else None)
    store.commit(step(log))
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
