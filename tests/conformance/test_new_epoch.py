"""Real nodes in the middle of a study: one loses the end of its log, begins it anew, and trains on."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from node.demo.network import agree, make_homes
from node.demo.network import start as start_all
from node.demo.nodes import Node, stop_all
from node.demo.outcome import export_bundles
from node.draft import Draft, draft_plan
from node.home import Home
from node.store.storage import StoreReader
from protocol.entries import decode_entry
from protocol.plan import Plan

NAMES = ("halland", "kalmar", "skane", "vgr")
LANDSTING = (sys.executable, "-m", "node")


@pytest.fixture
def study(tmp_path: Path) -> Iterator[tuple[list[Node], str, Plan]]:
    """Four nodes in a study of paced rounds, masks that survive a loss; stopped at the end."""
    from node.cli.data import bind
    from node.learning.demo_data import write

    data = write(tmp_path / "data", "breast-cancer", NAMES, 3)
    nodes = make_homes(tmp_path / "homes", NAMES)
    name = ""
    for node in nodes:
        manifest = data.manifests[node.name]
        name = bind(node.home, manifest.with_suffix(".csv"), manifest)["name"]
    try:
        plan = draft_plan(
            Draft(
                roster=start_all(nodes), regions=NAMES, settings=data.settings, manifest=data.pooled, rounds=20,
                topology="complete", seed=3, masking="recoverable", lab=True, round_timeout_s=20, round_min_s=2,
            )
        )  # fmt: skip
        yield nodes, agree(nodes, nodes[0], plan, name), plan
    finally:
        stop_all(nodes)


def until(nodes: list[Node], holds: Callable[[], bool], seconds: float = 180.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, [node.look() for node in nodes]
        for node in nodes:
            if node.process is not None:
                node.check_alive()
        time.sleep(0.2)


def copy_home(node: Node, to: Path) -> None:
    """A backup of a home while its node runs: the log's database as a whole, then the rest."""
    ignore = shutil.ignore_patterns("*.sock", "lock", "log.sqlite*")
    shutil.copytree(node.home, to, ignore=ignore)
    import sqlite3

    with (
        contextlib.closing(sqlite3.connect(node.home / "log" / "log.sqlite")) as old,
        contextlib.closing(sqlite3.connect(to / "log" / "log.sqlite")) as new,
    ):
        old.backup(new)
    (to / "HEAD").unlink()


def landsting(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*LANDSTING, *words], capture_output=True, text=True, timeout=180, check=False)


@pytest.mark.slow
@pytest.mark.attack("L14")
@pytest.mark.attack("L39")
def test_a_node_that_lost_the_end_of_its_log_begins_it_anew_and_trains_on(
    study: tuple[list[Node], str, Plan], tmp_path: Path
) -> None:
    nodes, id, _ = study
    vgr, others = nodes[3], nodes[:3]
    until(nodes, lambda: (vgr.look().get("round") or 0) >= 3)
    copy_home(vgr, tmp_path / "backup")
    for last in (5, 7, 9):
        until(nodes, lambda wanted=last: (vgr.look().get("round") or 0) >= wanted)  # type: ignore[misc]
        vgr.kill()
        shutil.rmtree(vgr.home)
        shutil.copytree(tmp_path / "backup", vgr.home)
        told = landsting("restore", "--home", str(vgr.home), "--wait", "40")
        # Mostly it has announced itself in a new round since the neighbours' last copy: that has no copy. Between
        # two rounds there is nothing of that kind, and everything comes back.
        if told.returncode != 0:
            break
        vgr.start()
    assert told.returncode != 0
    assert "ROLLED-BACK" in told.stderr
    assert "--new-epoch" in told.stderr
    made = landsting("restore", "--home", str(vgr.home), "--wait", "40", "--new-epoch", "--json")
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["epoch"] == 2
    vgr.start()
    for round in (last + 3, last + 5):  # killed as well, in whatever it does there
        until(nodes, lambda wanted=round: (vgr.look().get("round") or 0) >= wanted)  # type: ignore[misc]
        vgr.kill()
        vgr.start()
    until(others, lambda: all(node.look().get("outcome") for node in nodes), 240)
    assert {node.last["outcome"] for node in nodes} == {"done"}
    vgr.process.send_signal(signal.SIGTERM)  # type: ignore[union-attr]
    assert vgr.process.wait(60) == 0  # type: ignore[union-attr]
    with StoreReader(Home.open(vgr.home)) as reader:  # a clean stop leaves no end without a copy
        kinds, origin = [decode_entry(leaf).kind for leaf in reader.leaves()], Home.open(vgr.home).origin
    assert origin.endswith("/2")
    assert "round.mix" in kinds
    copies = []
    for node in others:
        with StoreReader(Home.open(node.home)) as reader:
            copies.append(max(one.size for one in reader.copies.mirrors() if one.origin == origin))
    assert sorted(copies)[-2:] == [len(kinds)] * 2  # of half of the neighbours it waits for at its stop
    vgr.process = None
    bundles = export_bundles(nodes, tmp_path / "bundles")
    verdict = landsting("audit", "verify", *map(str, bundles), "--study", id, "--json")
    report = json.loads(verdict.stdout)
    found = {(one["code"], one["subject"]) for one in report["findings"] if one["severity"] != "info"}
    assert found == {("LS-EPOCH-GAP", "vgr")}, report["findings"]
    assert verdict.returncode == 1
