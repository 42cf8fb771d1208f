"""A round of four real nodes on a ring, no training: CPU and wall time, bytes, beside plain ZeroMQ.

Four daemons exchange the vectors of task ``idle`` (1M and 10M parameters): whole values of 32 and of 16 bits, and
differences of 16 bits; 32 bits also without masks. CPU is user + system of all processes of all nodes, counted
between two moments of the running study, so that start-up is not in it. The floor moves as many bytes between two
processes over plain ZeroMQ (no CURVE, no log, no masks) in the same run.
"""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

import zmq

from benchmarks.nodes import measure

NAMES = ("vgr", "skane", "halland", "orebro")
SIZES = {"1M": (1_000_000, 80), "10M": (10_000_000, 12)}  # parameters, rounds
U16 = {"ring": 16, "step_log2": 12}
DIFFERENCES = {"exchange": "diff", "ring": 16, "step_log2": 14}
CASES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("u32, masks on", "strict", {}),
    ("u32, masks off", "off", {}),
    ("u16, masks on", "strict", U16),
    ("u16 differences, masks on", "strict", DIFFERENCES),
)
LIMITS = {
    ("1M", "u32, masks on"): 0.5,
    ("1M", "u16, masks on"): 0.3, ("10M", "u16, masks on"): 2.5,
    ("1M", "u16 differences, masks on"): 0.3, ("10M", "u16 differences, masks on"): 2.5,
}  # CPU s a round  # fmt: skip
CHUNK = 2 * 2**20
FLOOR_ROUNDS = 10


def run(seed: int) -> list[dict[str, Any]]:
    """Return CPU s, wall s and MB a round for each size and case."""
    figures: list[dict[str, Any]] = []
    for size, (dim, rounds) in SIZES.items():
        for case, masking, values in CASES:
            cpu, wall, sent = measure(NAMES, dim, rounds, seed, topology="ring", masking=masking, values=values)
            floor_cpu, floor_wall = (total / FLOOR_ROUNDS for total in _floor(sent * FLOOR_ROUNDS))
            name, width = f"round {size}, {case}", 2 if values else 4
            figures += [
                _figure(f"{name}: CPU", cpu, "s", floor_cpu, LIMITS.get((size, case))),
                _figure(f"{name}: wall", wall, "s", floor_wall, None),
                _figure(f"{name}: sent", sent / 1e6, "MB", 4 * 2 * width * dim / 1e6, None),
            ]
    return figures


def _figure(name: str, value: float, unit: str, floor: float, limit: float | None) -> dict[str, Any]:
    return {"name": name, "value": value, "unit": unit, "floor": floor, "ratio": value / floor, "limit": limit}


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
