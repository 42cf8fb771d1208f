"""A home that was put back to an earlier state, with real nodes: its neighbours give back the rest."""

from __future__ import annotations

import contextlib
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.home import Home
from node.store.storage import StoreReader
from protocol.entries import decode_entry


@contextlib.contextmanager
def running(homes: list[Path]) -> Iterator[None]:
    """Nodes of these homes, stopped at the end."""
    command = [sys.executable, "-m", "node", "run", "--home"]
    nodes = [
        subprocess.Popen([*command, str(home)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for home in homes
    ]
    try:
        yield
    finally:
        for one in nodes:
            one.send_signal(signal.SIGTERM)
        for one in nodes:
            one.wait(20)


def put_back(home: Path, size: int) -> int:
    """Make the log what it was at its last step of at most ``size`` entries, as an old backup; returns its size."""
    with contextlib.closing(sqlite3.connect(home / "log" / "log.sqlite")) as db:
        (cut,) = db.execute("SELECT MAX(size) FROM ckpt WHERE size <= ?", (size,)).fetchone()
        triggers = db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            db.execute(f"DROP TRIGGER {name}")
        db.execute("DELETE FROM entry WHERE seq >= ?", (cut,))
        db.execute("DELETE FROM ckpt WHERE size > ?", (cut,))
        for _, sql in triggers:
            db.execute(sql)
        db.commit()
    (home / "HEAD").unlink()
    return int(cut)


@pytest.mark.slow
@pytest.mark.attack("L13")
@pytest.mark.attack("L14")
def test_neighbours_give_back_what_a_backup_lacks(tmp_path: Path) -> None:
    landsting = [sys.executable, "-m", "node"]
    demo = tmp_path / "demo"
    subprocess.run([*landsting, "demo", "--rounds", "5", "--dir", str(demo)], check=True, stdout=subprocess.DEVNULL)
    homes = {path.name: path for path in (demo / "homes").iterdir() if path.is_dir()}
    vgr = homes.pop("vgr")
    with StoreReader(Home.open(vgr)) as reader:
        whole = list(reader.leaves())
    cut = put_back(vgr, len(whole) // 2)
    with running(list(homes.values())):
        done = subprocess.run(
            [*landsting, "restore", "--home", str(vgr), "--wait", "60"], capture_output=True, text=True, timeout=120
        )
    assert done.returncode == 0, done.stderr
    with StoreReader(Home.open(vgr)) as reader:
        back = list(reader.leaves())
    assert back[:-1] == whole[: len(back) - 1]
    last = decode_entry(back[-1])
    assert (last.kind, last.body["from_size"], last.body["hash_only"]) == ("log.recover", cut, 0)
    assert {one["region"] for one in last.body["from"]} == set(homes)  # type: ignore[index, union-attr, call-overload]
