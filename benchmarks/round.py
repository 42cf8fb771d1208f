"""A round of four real nodes on a ring, no training: CPU and wall time, bytes, beside plain ZeroMQ.

Four daemons exchange the vectors of task ``idle`` (1M and 10M parameters of 32 bits), masks on and
off. CPU is user + system of all processes of all nodes, counted between two moments of the running
study, so that start-up is not in it. The floor moves as many bytes between two processes over plain
ZeroMQ (no CURVE, no log, no masks) in the same run.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import zmq

from node.demo.network import agree, make_homes, start
from node.demo.nodes import Node, stop_all
from node.draft import Draft, draft_plan

NAMES = ("vgr", "skane", "halland", "orebro")
SIZES = {"1M": (1_000_000, 80), "10M": (10_000_000, 12)}  # parameters, rounds
LIMITS = {("1M", "on"): 0.5}  # CPU s a round
CHUNK = 2 * 2**20
FLOOR_ROUNDS = 10
PATIENCE_S = 600.0
TICKS = os.sysconf("SC_CLK_TCK")


def run(seed: int) -> list[dict[str, Any]]:
    """Return CPU s, wall s and MB a round for each size, masks on and off."""
    figures: list[dict[str, Any]] = []
    for size, (dim, rounds) in SIZES.items():
        for masks in ("on", "off"):
            cpu, wall, sent = _study(dim, rounds, masks, seed)
            floor_cpu, floor_wall = (total / FLOOR_ROUNDS for total in _floor(sent * FLOOR_ROUNDS))
            name = f"round {size}, masks {masks}"
            figures += [
                _figure(f"{name}: CPU", cpu, "s", floor_cpu, LIMITS.get((size, masks))),
                _figure(f"{name}: wall", wall, "s", floor_wall, None),
                _figure(f"{name}: sent", sent / 1e6, "MB", 4 * 2 * 4 * dim / 1e6, None),
            ]
    return figures


def _figure(name: str, value: float, unit: str, floor: float, limit: float | None) -> dict[str, Any]:
    return {"name": name, "value": value, "unit": unit, "floor": floor, "ratio": value / floor, "limit": limit}


def _study(dim: int, rounds: int, masks: str, seed: int) -> tuple[float, float, float]:
    """Return CPU s, wall s and bytes sent a round, over all four nodes."""
    with tempfile.TemporaryDirectory(prefix="landsting-bench-") as folder:
        nodes = make_homes(Path(folder), NAMES)
        try:
            plan = draft_plan(
                Draft(
                    roster=start(nodes),
                    regions=NAMES,
                    task="idle",
                    settings={"dim": dim},
                    rounds=rounds,
                    topology="ring",
                    seed=seed,
                    masking="strict" if masks == "on" else "off",
                    lab=True,
                    round_timeout_s=60,
                )
            )
            agree(nodes, nodes[0], plan, None)
            _until(nodes, lambda now: (now.get("round") or 0) >= 2)
            first, cpu, at, sent = _rounds(nodes), _cpu(nodes), time.monotonic(), _sent(nodes)
            _until(nodes, lambda now: now.get("state") == "done")
            done = rounds - first
            return (_cpu(nodes) - cpu) / done, (time.monotonic() - at) / done, (_sent(nodes) - sent) / done
        finally:
            stop_all(nodes)


def _until(nodes: Sequence[Node], reached: Callable[[dict[str, Any]], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    waiting = list(nodes)
    while waiting:
        waiting = [node for node in waiting if not reached(node.look())]
        for node in nodes:
            node.check_alive()
        if time.monotonic() > end:
            raise TimeoutError(f"waited {PATIENCE_S:.0f} s for {', '.join(node.name for node in waiting)}")
        time.sleep(0.05)


def _rounds(nodes: Sequence[Node]) -> float:
    """Return how many rounds are over, mean over the nodes, and their newest status with it."""
    return sum(len(node.look().get("rounds") or []) for node in nodes) / len(nodes)


def _sent(nodes: Sequence[Node]) -> int:
    return sum(int((node.look().get("traffic") or {}).get("sent", 0)) for node in nodes)


def _cpu(nodes: Sequence[Node]) -> float:
    """Return user + system seconds of all processes of all nodes."""
    groups = {node.process.pid for node in nodes if node.process is not None}
    total = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it has ended meanwhile
            if int(fields[2]) in groups:  # its process group: each node is the leader of its own
                total += int(fields[11]) + int(fields[12])
    return total / TICKS


# ---------------------------------------------------------------- the floor


def _floor(count: float) -> tuple[float, float]:
    """Return CPU s (both ends) and wall s of moving ``count`` bytes over plain ZeroMQ on loopback."""
    context = zmq.Context()
    pull = context.socket(zmq.PULL)
    pull.setsockopt(zmq.RCVHWM, 4)
    port = pull.bind_to_random_port("tcp://127.0.0.1")
    chunks = max(1, round(count / CHUNK))
    command = [sys.executable, "-c", _SENDER, str(port), str(chunks), str(CHUNK)]
    sender = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        pull.recv()  # it is up
        before, at = time.process_time(), time.monotonic()
        for _ in range(chunks):
            pull.recv(copy=False)
        wall, cpu = time.monotonic() - at, time.process_time() - before
        assert sender.stdout is not None
        return cpu + float(sender.stdout.read()), wall
    finally:
        sender.wait()
        context.destroy(linger=0)


_SENDER = """
import os, sys, time, zmq
port, chunks, size = map(int, sys.argv[1:])
push = zmq.Context().socket(zmq.PUSH)
push.setsockopt(zmq.SNDHWM, 4)
push.connect(f"tcp://127.0.0.1:{port}")
data = os.urandom(size)
push.send(b"up")
before = time.process_time()
for _ in range(chunks):
    push.send(data, copy=False)
push.close()
push.context.term()
print(time.process_time() - before)
"""
