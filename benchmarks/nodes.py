"""Real daemons of the task ``idle`` on one machine, and what a round of theirs costs, start-up left out."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from node.demo.network import agree, make_homes, start
from node.demo.nodes import Node, stop_all
from node.draft import Draft, draft_plan
from protocol.plan import Plan

PATIENCE_S = 600.0
TICKS = os.sysconf("SC_CLK_TCK")


def measure(
    names: Sequence[str],
    dim: int,
    rounds: int,
    seed: int,
    *,
    topology: str,
    masking: str,
    values: Mapping[str, Any] | None = None,
) -> tuple[float, float, float]:
    """Return CPU s, wall s and bytes sent a round, over all nodes.

    Args:
        dim: Parameters.
        masking: The plan's ``masking.mode``.
        values: Other values of the plan, replacing its own.
    """
    with tempfile.TemporaryDirectory(prefix="landsting-bench-") as folder:
        nodes = make_homes(Path(folder), names)
        try:
            plan = draft_plan(
                Draft(
                    roster=start(nodes), regions=names, task="idle", settings={"dim": dim}, rounds=rounds,
                    topology=topology, seed=seed, masking=masking, lab=True, round_timeout_s=60,
                )
            )  # fmt: skip
            if values:
                plan = Plan.make(**{**plan.value(), **values})
            agree(nodes, nodes[0], plan, None)
            _until(nodes, lambda now: (now.get("round") or 0) >= 2)
            first, cpu, at, sent = _rounds(nodes), _cpu(nodes), time.monotonic(), _sent(nodes)
            _until(nodes, lambda now: now.get("state") == "done")
            done = rounds - first
            mixed = sum(int(node.look().get("rounds_mixed") or 0) for node in nodes)
            if mixed != rounds * len(nodes):
                raise RuntimeError(f"{mixed} rounds of {rounds * len(nodes)} were mixed: not what is to be measured")
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
