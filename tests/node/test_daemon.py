"""Nodes as processes: their own homes, real sockets on loopback, the task ``idle``; killed, stopped, disturbed.

Whatever must come is waited for, far longer than it ever takes; a round gives nobody up but where somebody is killed.
"""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gossip.effects import Send
from gossip.events import Arrived, LinkUp, Payload, Started
from node.clock import Clock
from node.control import Refused, ask
from node.daemon import COMPLAINTS, Daemon, _log_file
from node.demo.nodes import free_ports
from node.draft import Draft, draft_plan
from node.errors import StoreError
from node.home import Home
from node.region import Region
from node.store.storage import Store, StoreReader
from protocol.entries import Entry, decode_entry
from protocol.plan import Plan
from protocol.roster import card_line

NAMES = ("gotland", "halland", "skane")
NOW_MS = 1_900_000_000_000
PATIENCE_S = 120.0


@dataclass
class Node:
    """A home, and its daemon while it runs."""

    home: Home
    process: subprocess.Popen[bytes] | None = None

    @property
    def path(self) -> Path:
        return self.home.path

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "node", "run", "--home", str(self.path)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def ask(self, op: str, **args: Any) -> dict[str, Any]:
        return ask(self.path, op, args, PATIENCE_S)

    def status(self) -> dict[str, Any]:
        return self.ask("status")

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """End the daemon; returns its exit code and what it wrote."""
        assert self.process is not None
        self.process.send_signal(number)
        _, words = self.process.communicate(timeout=PATIENCE_S)
        code, self.process = self.process.returncode, None
        return code, words.decode()

    def entries(self) -> list[Entry]:
        with StoreReader(self.home) as reader:
            return [decode_entry(leaf) for leaf in reader.leaves()]


def wait(until: Callable[[], bool], limit_s: float = PATIENCE_S) -> None:
    end = time.monotonic() + limit_s
    while not until():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def is_up(node: Node) -> bool:
    return (node.path / "control.sock").exists() and node.status()["pid"] is not None


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[list[Node]]:
    """Three homes that have founded their roster; no daemon runs yet."""
    made = [
        Node(Home.create(tmp_path / name, "test.example", name, [f"tcp://127.0.0.1:{port}"], None))
        for name, port in zip(NAMES, free_ports(len(NAMES)), strict=True)
    ]
    cards = [card_line(one.home.card()) for one in made]
    for one in made:
        one.ask("roster_found", cards=cards, role="technical", ref=None)
    yield made
    for one in made:
        if one.process is not None:
            one.process.kill()
            one.process.communicate()


@pytest.fixture
def network(nodes: list[Node]) -> list[Node]:
    """The three, running, with the roster in force."""
    for one in nodes:
        one.start()
    wait(lambda: all(is_up(one) for one in nodes))
    wait(lambda: all(one.ask("roster_show")["rosters"][0]["in_force"] for one in nodes))
    return nodes


def begin(network: list[Node], *, rounds: int = 4, timeout_s: int = 60, **settings: object) -> Plan:
    """Propose a study at one region and accept it at all."""
    roster = bytes.fromhex(network[0].ask("roster_show")["rosters"][0]["roster"])
    plan = draft_plan(
        Draft(
            roster=roster, regions=NAMES, task="idle", settings=settings, rounds=rounds, masking="strict", lab=True,
            round_timeout_s=timeout_s,
        )
    )  # fmt: skip
    network[0].ask("propose", plan=plan.encode())
    for one in network:
        wait(lambda one=one: bool(one.ask("studies")["studies"]))  # type: ignore[misc]
        one.ask("accept", study=plan.study, role="technical", ref=None)
    return plan


def is_done(node: Node) -> bool:
    return bool(node.status()["state"] == "done")


def kinds(node: Node) -> list[str]:
    return [entry.kind for entry in node.entries()]


def disagreement(nodes: list[Node], plan: Plan) -> float:
    """The largest difference between any two regions' last models, in steps of the quantiser."""
    vectors = []
    for one in nodes:
        with StoreReader(one.home) as reader:
            stored = reader.blob(f"model/{plan.study.hex()}/{plan.end_round - 1}")
        assert stored is not None
        vectors.append(np.frombuffer(stored, "<f4").astype(np.float64))
    return float(np.ptp(vectors, axis=0).max()) * 2.0 ** -plan.step_log2_at(plan.end_round - 1)


# ---------------------------------------------------------------- a study


def test_three_nodes_train_a_study_to_its_end_and_agree(network: list[Node]) -> None:
    plan = begin(network, rounds=4, dim=5000)
    wait(lambda: all(is_done(one) for one in network))
    # Own value exact, the others' rounded to a step each: on a complete graph two models differ by no more.
    assert disagreement(network, plan) <= len(NAMES)
    status = network[0].status()
    assert (status["outcome"], status["rounds_mixed"], status["study"]) == ("done", 4, plan.study.hex())
    assert status["traffic"]["sent"] > 4 * 2 * 4 * 5000
    rounds = [one[0] for one in status["traffic"]["rounds"]]
    assert rounds == sorted(rounds)
    assert all(one.process is not None and one.process.poll() is None for one in network)  # a node stays up


def test_a_payload_of_many_chunks_travels_masked(network: list[Node]) -> None:
    plan = begin(network, rounds=1, dim=1_500_000)
    wait(lambda: all(is_done(one) for one in network))
    assert disagreement(network, plan) <= len(NAMES)
    assert [one.status()["rounds_mixed"] for one in network] == [1, 1, 1]


def test_a_node_killed_in_a_round_comes_back_and_no_entry_is_lost(network: list[Node]) -> None:
    begin(network, rounds=12, timeout_s=6, dim=1000, pause_ms=300)
    lost = network[1]
    wait(lambda: (network[0].status()["round"] or 0) >= 3)
    before = len(lost.entries())
    lost.stop(signal.SIGKILL)
    lost.start()
    wait(lambda: is_up(lost))
    wait(lambda: all(is_done(one) for one in network))
    starts = [entry for entry in lost.entries() if entry.kind == "node.start"]
    assert [entry.body["clean"] for entry in starts] == [True, False]
    assert len(lost.entries()) > before
    assert all(one.status()["outcome"] == "done" for one in network)


def test_a_worker_killed_in_a_round_costs_that_round_at_most(network: list[Node]) -> None:
    begin(network, rounds=8, dim=1000, pause_ms=300)
    wait(lambda: (network[0].status()["round"] or 0) >= 2)
    worker = int((network[0].path / "worker.lock").read_text())
    os.kill(worker, signal.SIGKILL)
    wait(lambda: all(is_done(one) for one in network))
    assert int((network[0].path / "worker.lock").read_text()) != worker
    assert network[0].status()["rounds_mixed"] >= 6


# ---------------------------------------------------------------- start and stop


def test_a_node_that_starts_again_answers_and_links_come_up(network: list[Node]) -> None:
    one = network[0]
    one.stop()
    one.start()
    wait(lambda: is_up(one))
    wait(lambda: all(peer["last_seen_s"] is not None for peer in one.status()["peers"]))


def test_a_stopped_node_leaves_its_last_word_a_published_head_and_nothing_else(network: list[Node]) -> None:
    one = network[0]
    code, _ = one.stop()
    assert code == 0
    assert kinds(one)[-1] == "node.stop"
    with Store.open(one.home) as store:
        head = store.head()
    assert head is not None
    assert head.size == len(one.entries())
    assert not (one.path / "control.sock").exists()


def test_ctrl_c_in_a_round_reaches_node_and_worker_and_is_an_orderly_stop(network: list[Node]) -> None:
    begin(network, rounds=50, dim=1000, pause_ms=300)
    one = network[0]
    wait(lambda: (one.status()["round"] or 0) >= 1)
    worker = int((one.path / "worker.lock").read_text())
    assert one.process is not None
    os.killpg(one.process.pid, signal.SIGINT)
    one.process.communicate(timeout=PATIENCE_S)
    assert one.process.returncode == 0
    one.process = None
    assert kinds(one)[-1] == "node.stop"
    assert "ERROR" not in (one.path / "daemon.log").read_text()
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)


def test_a_second_node_in_one_home_exits_1_and_names_the_first(network: list[Node]) -> None:
    first = network[0].process
    assert first is not None
    second = subprocess.run(
        [sys.executable, "-m", "node", "run", "--home", str(network[0].path)],
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert second.returncode == 1
    assert f"process {first.pid} owns" in second.stderr.decode()


def test_a_port_in_use_ends_the_start_in_words(nodes: list[Node], tmp_path: Path) -> None:
    address = nodes[0].home.config.advertise[0]
    other = Home.create(tmp_path / "other", "test.example", "other", [address], None)
    nodes[0].start()
    wait(lambda: is_up(nodes[0]))
    done = subprocess.run(
        [sys.executable, "-m", "node", "run", "--home", str(other.path)],
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 1
    assert "cannot be bound" in done.stderr.decode()
    assert not (other.path / "control.sock").exists()


def test_a_daemon_imports_nothing_that_trains() -> None:
    program = "import sys, node.daemon, node.region; print(*sorted(m for m in sys.modules if '.' not in m))"
    modules = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True).stdout.split()
    assert {"torch", "pandas", "opacus", "sklearn", "asyncio"}.isdisjoint(modules)


# ---------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize("where", ["add", "settle"])
def test_a_step_that_cannot_be_written_ends_the_node_before_anything_of_it_is_sent(
    nodes: list[Node], monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    with Region.open(nodes[0].path) as region:
        daemon = Daemon(region)
        sent: list[object] = []
        monkeypatch.setattr(daemon.transport, "send", lambda *what: sent.append(what))

        def full(_store: Store, *_commit: object) -> None:
            raise StoreError("the disk is full", "room", "make room", code="DISK")

        monkeypatch.setattr(Store, where, full)
        try:
            with pytest.raises(StoreError, match="disk is full"):
                daemon.run()
            assert sent == []
            with pytest.raises(StoreError, match="an earlier step could not be written"):
                region.ask("status", {})
        finally:
            daemon.close()


def test_messages_that_are_waiting_are_on_disk_in_one_transaction_before_anything_leaves(
    nodes: list[Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = []
    for one in nodes[1:]:
        with Region.open(one.path) as other:  # its node starts, and a link comes up: it says its ROSTER again
            other.handle(Started(NOW_MS, bytes(32), True, alone=False))
            effects = other.handle(LinkUp(NOW_MS, NAMES[0]))
            roster = next(e for e in effects if isinstance(e, Send) and e.payload is not None)
            name = one.home.name
            said += [
                Arrived(NOW_MS, name, roster.header, roster.signature),
                Payload(NOW_MS, name, roster.eid, memoryview(roster.payload or b"")),
            ]
    with Region.open(nodes[0].path) as region, StoreReader(nodes[0].home) as reader:
        daemon = Daemon(region)
        done: list[tuple[str, int]] = []  # what was done, and how many entries were on disk then
        before = region.peer.log.size

        def note(what: str) -> Callable[..., None]:
            return lambda *_: done.append((what, len(list(reader.leaves())) - before))

        monkeypatch.setattr(daemon.transport, "events", lambda _ready, _now: iter([*said, LinkUp(NOW_MS, NAMES[1])]))
        monkeypatch.setattr(daemon.transport, "admit", note("admit"))
        monkeypatch.setattr(daemon.transport, "send", note("send"))
        try:
            region.handle(Started(NOW_MS, bytes(32), True, alone=False))
            before = region.peer.log.size
            daemon._once({})
        finally:
            daemon.close()
    heard = len(said) // 2
    assert done[:heard] == [("admit", 0)] * heard, "the next message may be the payload"
    assert {what for what, _ in done[heard:]} == {"send"}
    assert all(entries >= heard for _, entries in done[heard:])


def test_what_an_operator_may_not_do_is_refused_and_the_node_goes_on(network: list[Node]) -> None:
    with pytest.raises(Refused, match="no study beginning with"):
        network[0].ask("study", study="00")
    with pytest.raises(Refused, match="no data set is bound"):
        network[0].ask("accept", study=bytes(32), data="heart")
    with pytest.raises(Refused):
        network[0].ask("no_such_thing")
    assert network[0].status()["state"] == "idle"


def test_the_program_log_holds_no_key(network: list[Node]) -> None:
    begin(network, rounds=1, dim=1000)
    wait(lambda: all(is_done(one) for one in network))
    for one in network:
        one.stop()
        text = (one.path / "daemon.log").read_text()
        secret = one.home.keys().to_bytes()
        found = [secret[i : i + 32] for i in range(0, 192, 32) if secret[i : i + 32].hex() in text]
        assert found == []
        assert "ERROR" not in text
        assert re.search(r"round 0: mixed with 2", text)


def test_a_region_that_errs_without_end_does_not_fill_the_program_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    home = Home.create(tmp_path / "vgr", "test.example", "vgr", [], None)
    with Region.open(home.path) as region:
        daemon = Daemon(region)
        for _ in range(1000):
            daemon._complain("skane", "STATE", "a message that may not be sent now", 1_000)
        daemon._complain("halland", "STATE", "a message that may not be sent now", 1_000)
        daemon._complain("skane", "STATE", "another", 61_000)
        daemon.close()

    said = [record.getMessage() for record in caplog.records if record.name == "node.daemon"]
    assert len(said) == COMPLAINTS + 3
    assert said[-3:] == [
        "halland: STATE: a message that may not be sent now",
        "skane: 980 more of these in a minute",
        "skane: STATE: another",
    ]


def test_every_part_of_the_program_log_is_its_owners_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.daemon.LOG_BYTES", 100)
    before = os.umask(0o022)
    try:
        with _log_file(tmp_path):
            for number in range(5):
                logging.getLogger("node").warning("a line of some length, number %d", number)
    finally:
        os.umask(before)

    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {"daemon.log": 0o600, "daemon.log.1": 0o600, "daemon.log.2": 0o600}


def test_the_clock_goes_on_when_the_systems_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    first = clock.now_ms()
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    assert first <= clock.now_ms() < first + 60_000
    monkeypatch.setattr(time, "time_ns", lambda: (first + 3_600_000) * 10**6)
    assert clock.now_ms() >= first + 3_600_000
