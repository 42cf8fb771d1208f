"""kill -9 in every state of a sum that survives losses, as member and as receiver, with real daemons.

What is on disk at that moment has not left yet. Nothing is signed a second time, no secret of a session is on disk, the
others mix without the dead one, and it mixes again soon after it is back.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from node.demo.network import agree, make_homes, start
from node.demo.nodes import Node, stop_all
from node.draft import Draft, draft_plan
from node.home import Home
from node.store.storage import StoreReader
from protocol.entries import Entry, decode_entry
from protocol.envelope import parse
from protocol.evidence import place_of

NAMES = ("vgr", "skane", "halland", "orebro", "kalmar")
VICTIM = "halland"
AS_MEMBER = [
    ("sent", "ADVERT"), ("sent", "SHARES"), ("received", "ROUTED"), ("sent", "MASKED"), ("received", "RECEIPT"),
    ("sent", "CONFIRM"), ("received", "CONFIRMS"), ("sent", "REVEAL"),
]  # fmt: skip
AS_RECEIVER = [
    ("sent", "COHORT"), ("received", "SHARES"), ("sent", "ROUTED"), ("received", "MASKED"), ("sent", "SURVIVORS"),
    ("received", "CONFIRM"), ("sent", "CONFIRMS"), ("received", "REVEAL"),
]  # fmt: skip
EACH_S = 1  # a round takes this long at the least


READ: dict[Path, list[Entry]] = {}


def entries(node: Node) -> list[Entry]:
    """A node's log as it is now; what was read before is not read again."""
    known = READ.setdefault(node.home, [])
    with StoreReader(Home.open(node.home)) as reader:
        known += [decode_entry(leaf) for leaf, _ in reader.entries(len(known)) if leaf is not None]
    return known


def rounds_over(node: Node) -> list[tuple[int, str, str | None, int]]:
    return [
        (e.body["round"], e.body["outcome"], e.body["reason"], e.t_ms) for e in entries(node) if e.kind == "round.end"
    ]  # type: ignore[misc]


def said(node: Node) -> list[tuple[str, int]]:
    sent = [e for e in entries(node) if e.kind == "env.sent"]
    return [(parse(e.body["header"], e.body["sig"]).fields.type, e.t_ms) for e in sent]  # type: ignore[arg-type]


def starts(node: Node) -> list[int]:
    return [e.t_ms for e in entries(node) if e.kind == "node.start"]


def until(reached: Callable[[], bool], patience_s: float = 180.0) -> None:
    end = time.monotonic() + patience_s
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.1)


def assert_said_once(nodes: Sequence[Node]) -> None:
    """Over all logs: one statement for each place, one message for each place of a log."""
    said: dict[Any, bytes] = {}
    for node in nodes:
        for entry in entries(node):
            assert entry.kind != "fault", entry.body
            if entry.kind in ("env.sent", "env.recv"):
                envelope = parse(entry.body["header"], entry.body["sig"])  # type: ignore[arg-type]
                fields = envelope.fields
                for key in ((fields.log, fields.head_size), place_of(fields)):
                    assert key is None or said.setdefault(key, envelope.eid) == envelope.eid


def assert_no_secret(home: Path, secrets: Path) -> None:
    data, at = secrets.read_bytes(), 0
    drawn = []
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        drawn.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    assert drawn
    for file in home.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert not any(secret in content for secret in drawn), f"{file} holds what a session keeps secret"


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[list[Node]]:
    made = make_homes(tmp_path, NAMES)
    try:
        roster = start(made)
        plan = draft_plan(
            Draft(
                roster=roster,
                regions=NAMES,
                task="idle",
                settings={"dim": 2000},
                rounds=2000,
                topology="complete",
                seed=1,
                masking="auto",
                lab=True,
                round_timeout_s=10,
                round_min_s=EACH_S,
            )
        )
        agree(made, made[0], plan, None)
        yield made
    finally:
        stop_all(made)


def die(victim: Node, others: Sequence[Node], way: str, type: str, secrets: Path) -> None:
    """Start the victim so that it dies there, some rounds on; wait until it has died and is back and mixes."""
    now = max((r for r, *_ in rounds_over(others[0])), default=0)
    victim.process = subprocess.Popen(
        [sys.executable, "-m", "tests.conformance.dying_node", str(victim.home), way, type, str(now + 4), str(secrets)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd=Path(__file__).parents[2],
    )
    until(lambda: victim.process is not None and victim.process.poll() is not None)
    assert victim.process.returncode == -9
    died_ms = entries(victim)[-1].t_ms
    (victim.home / "control.sock").unlink(missing_ok=True)
    assert_no_secret(victim.home, secrets)
    # The others: at most the round of the death is lost to them, if they had counted on it.
    until(lambda: all(sum(t > died_ms for *_, t in rounds_over(other)) >= 3 for other in others))
    for other in others:
        after = [outcome for _, outcome, _, t in rounds_over(other) if t > died_ms]
        assert after[:3].count("mixed") >= 2, after  # one may still end the round before
    victim.start()
    victim.wait_until_up()
    until(lambda: starts(victim)[-1] > died_ms)
    back_ms = starts(victim)[-1]
    until(lambda: any(outcome == "mixed" and t > back_ms for _, outcome, _, t in rounds_over(victim)))
    first = next((r, t) for r, outcome, _, t in rounds_over(victim) if outcome == "mixed" and t > back_ms)
    spoke_ms = next(t for type, t in said(victim) if type == "ADVERT" and t > back_ms)
    at = max(r for r, _, _, t in rounds_over(others[0]) if t <= spoke_ms) + 1
    assert first[0] <= at + 2, "it mixes within two rounds of the one in which it could speak again"


def play(nodes: list[Node], states: Sequence[tuple[str, str]], folder: Path) -> None:
    victim = next(node for node in nodes if node.name == VICTIM)
    others = [node for node in nodes if node is not victim]
    until(lambda: all(len(rounds_over(node)) >= 2 for node in nodes))
    for way, type in states:
        victim.stop()
        die(victim, others, way, type, folder / f"{way}-{type}.secrets")
    assert_said_once(nodes)


@pytest.mark.attack("S21")
@pytest.mark.timeout(900)
def test_a_node_killed_as_member_or_receiver_signs_nothing_twice(nodes: list[Node], tmp_path: Path) -> None:
    play(nodes, [("sent", "MASKED"), ("sent", "SURVIVORS")], tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_node_killed_in_every_state_signs_nothing_twice(nodes: list[Node], tmp_path: Path) -> None:
    play(nodes, [*AS_MEMBER, *AS_RECEIVER], tmp_path)
