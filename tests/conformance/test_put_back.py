"""A whole home put back from an old backup between studies, and its node started at once: real nodes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from node.demo.network import make_homes
from node.demo.network import start as start_all
from node.demo.nodes import Node, stop_all
from node.demo.outcome import export_bundles
from node.home import Home
from node.store import place
from node.store.storage import StoreReader
from protocol.entries import decode_entry

NAMES = ("halland", "skane", "vgr")


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[list[Node]]:
    """Three nodes with a roster in force; stopped at the end."""
    made = make_homes(tmp_path / "homes", NAMES)
    try:
        start_all(made)
        yield made
    finally:
        stop_all(made)


def landsting(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "node", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)


def until(holds: Callable[[], bool], seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)


def leaves(node: Node) -> list[bytes]:
    with StoreReader(Home.open(node.home)) as reader:
        return list(reader.leaves())


def has_copies(node: Node, keepers: list[Node]) -> bool:
    """Whether each of these has a copy of the whole log of a node."""
    size, origin = len(leaves(node)), Home.open(node.home).origin

    def copied(keeper: Node) -> int:
        with StoreReader(Home.open(keeper.home)) as reader:
            return max((one.size for one in reader.copies.mirrors() if one.origin == origin), default=0)

    return all(copied(keeper) == size for keeper in keepers)


@pytest.mark.attack("L13")
@pytest.mark.attack("L14")
@pytest.mark.parametrize("is_seen", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["snapshot", "copy"])
def test_a_node_on_an_old_backup_asks_says_nothing_and_gets_everything_back(
    nodes: list[Node], tmp_path: Path, is_seen: bool
) -> None:
    """``snapshot``: nothing in the home shows that it was put back. ``copy``: its files are newer than its last run."""
    vgr, others = nodes[2], nodes[:2]
    until(lambda: has_copies(vgr, others))
    vgr.stop()
    shutil.copytree(vgr.home, tmp_path / "backup", ignore=shutil.ignore_patterns("*.sock", "lock"))
    for _ in range(20):
        vgr.start()
        vgr.wait_until_up()
        until(lambda: vgr.look()["state"] == "idle")
        vgr.ask("export")
        vgr.stop()  # its end is told before it stops; it waits for half of those who are linked, two seconds at most
        if has_copies(vgr, others):
            break
    whole = leaves(vgr)
    assert has_copies(vgr, others)

    shutil.rmtree(vgr.home)
    shutil.copytree(tmp_path / "backup", vgr.home)
    backup = leaves(vgr)
    assert len(backup) < len(whole)
    assert place.is_moved(vgr.home)
    if is_seen:
        refused = landsting("log", "export", "--home", vgr.home, "-o", tmp_path / "early.bundle")
        assert refused.returncode != 0
        assert "copied or put back" in refused.stderr
    else:
        place.settle(vgr.home)
    vgr.start()
    vgr.wait_until_up()
    until(lambda: vgr.look()["state"] == "rolled-back")
    assert "landsting restore" in {a["code"]: a["fix"] for a in vgr.look()["alarms"]}["ROLLED-BACK"]
    assert landsting("status", "--home", vgr.home, "--check").returncode == 2
    vgr.stop()
    assert leaves(vgr) == backup

    restored = landsting("restore", "--home", vgr.home, "--json")
    assert restored.returncode == 0, restored.stderr
    assert json.loads(restored.stdout)["from"] == {"halland": len(whole), "skane": len(whole)}
    vgr.start()
    vgr.wait_until_up()
    until(lambda: vgr.look()["state"] == "idle")
    back = leaves(vgr)
    assert back[: len(whole)] == whole
    assert [decode_entry(leaf).kind for leaf in back[len(whole) :]] == ["log.recover", "node.start"]
    for other in others:
        assert "suspended" not in {peer["state"] for peer in other.look()["peers"]}
    stop_all(nodes)
    bundles = export_bundles(nodes, tmp_path / "bundles")
    verdict = landsting("audit", "verify", *bundles, "--json")
    found = [one for one in json.loads(verdict.stdout)["findings"] if one["severity"] != "info"]
    assert found == []
