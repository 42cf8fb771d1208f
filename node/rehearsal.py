"""A study rehearsed at one region before it accepts: what a round takes, what the whole costs, what does not fit.

One or a few local steps run in a training worker on the region's own data, in a folder of their own and on a
copy of the ledger: nothing is paid, kept or sent.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgpack
import numpy as np

from node.budget import cost_of, epsilon_with, over_budget
from node.errors import NodeError
from node.training import open_fields
from node.volume import degree_of, disk_bytes, link_bytes
from node.worker import COMMAND, environment
from protocol.plan import Plan

FEW_STEPS = 6  # steps of the second measurement; the rest is a straight line
ENOUGH_S = 0.25  # a second measurement shorter than this is made again, with as many steps as take so long
UNBOUNDED_U = 10**12
EVALUATE_SHARE, EVALUATE_FREE_S = 0.2, 0.2  # as ``node.training``
LATENCY_S = 0.06  # a round's messages between machines that are near; measured with vectors of a few numbers
MASK_BYTES_S = 150e6  # masking and unmasking, coding and hashing, per link


@dataclass(slots=True)
class Forecast:
    """What a study will take at one region.

    Attributes:
        train_s, round_s: Local training, and a whole round.
        hours: The whole study, with what opening it takes the worker (libraries, data, sums).
        link_bytes: Over each link in the whole study, each way.
        memory_bytes, disk_bytes: At most, of the training worker and of the home.
        epsilon, epsilon_prv, epsilon_data: At the end, of the study by RDP and by PRV, and of all studies.
        problems: What does not fit, the first first.
    """

    train_s: float
    round_s: float
    hours: float
    link_bytes: int
    memory_bytes: int
    disk_bytes: int
    epsilon: float | None = None
    epsilon_prv: float | None = None
    epsilon_data: float | None = None
    warnings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a training worker showed.

    Attributes:
        begin_s: What the first time of everything takes: it reads the data and imports what training needs.
        train_s, evaluate_s: A round's training, an evaluation.
        memory_bytes: Its largest so far.
        sums_bytes: Of the vectors of all sum rounds.
    """

    begin_s: float
    train_s: float
    evaluate_s: float
    memory_bytes: int
    sums_bytes: int
    warnings: list[str]


class AskedWorker:
    """A training worker that is asked and waited for.

    Args:
        study: What its study is called; what the task keeps lies under that name.
    """

    def __init__(self, home: Path, study: str = "rehearsal") -> None:
        self._study = study
        self._process = subprocess.Popen(
            COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=home,
            env=environment() | {"LANDSTING_HIDE": str(home.resolve() / "keys")},
        )  # fmt: skip

    def ask(self, op: str, **fields: object) -> tuple[dict[str, Any], float]:
        """Return the answer and the seconds it took.

        Raises:
            NodeError: The worker says no, in its own words, or died.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        began = time.monotonic()
        data: bytes = msgpack.packb({"id": 1, "op": op, "study": self._study, **fields}, use_bin_type=True)
        self._process.stdin.write(struct.pack(">I", len(data)) + data)
        self._process.stdin.flush()
        head = self._process.stdout.read(4)
        if len(head) < 4:
            raise NodeError("the training worker died", "an answer", "look for memory: free -h")
        reply = msgpack.unpackb(self._process.stdout.read(struct.unpack(">I", head)[0]), raw=False)
        if not reply["ok"]:
            words = (str(reply.get(key) or "") for key in ("found", "expected", "fix"))
            found, expected, fix = words
            raise NodeError(found or str(reply.get("error")), expected, fix, code=str(reply["code"]))
        return reply, time.monotonic() - began

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()


def rehearse(
    home: Path,
    region: str,
    plan: Plan,
    manifest: Path | None,
    *,
    mbit_s: float = 100.0,
    accepted: Sequence[Plan] = (),
) -> Forecast:
    """Return what a study would take here.

    Args:
        mbit_s: What a link carries.
        accepted: Other studies that the region has accepted and that have not ended: they take of its budget too.

    Raises:
        NodeError: It cannot even be opened: task, settings, schema, data or budget do not fit.
    """
    worker = AskedWorker(home)
    try:
        with tempfile.TemporaryDirectory(prefix="landsting-rehearsal-") as name:
            seen = _measured(worker, home, region, plan, manifest, Path(name))
    finally:
        worker.close()
    payload = plan.payload_bytes(plan.first_round)
    exchange_s = LATENCY_S + degree_of(plan, region) * payload * (8 / (mbit_s * 1e6) + 1 / MASK_BYTES_S)
    shown_s = seen.evaluate_s if seen.evaluate_s <= max(EVALUATE_FREE_S, EVALUATE_SHARE * seen.train_s) else 0.0
    round_s = max(seen.train_s + shown_s + exchange_s, float(plan.round_min_s))
    out = Forecast(
        train_s=seen.train_s,
        round_s=round_s,
        hours=(seen.begin_s + plan.rounds * round_s + plan.sum_rounds * (exchange_s + LATENCY_S)) / 3600,
        link_bytes=link_bytes(plan, region, seen.sums_bytes),
        memory_bytes=seen.memory_bytes,
        disk_bytes=disk_bytes(plan, region),
        warnings=seen.warnings,
    )
    if plan.dp is not None:
        _epsilon(out, home, plan, accepted)
    out.problems = _problems(out, home, plan, accepted)
    return out


def _measured(worker: AskedWorker, home: Path, region: str, plan: Plan, manifest: Path | None, folder: Path) -> _Seen:
    """Return what the worker shows when it is asked for a little of a study."""
    fields = open_fields(home, region, plan, manifest)
    ledger = home / "ledger.jsonl"
    if ledger.exists():
        shutil.copyfile(ledger, folder / "ledger.jsonl")
    fields |= {"state": str(folder), "ledger": str(folder / "ledger.jsonl"), "budget_u": None}
    if plan.dp is not None:  # what would be spent is computed, not tried
        fields["dp"] = dict(plan.dp) | {"eps_max_u": UNBOUNDED_U}
    all_steps = plan.settings.get("local_steps")
    steps = all_steps if isinstance(all_steps, int) else None

    def trained(number: int, few: int | None) -> tuple[float, float, bytes, list[bytes]]:
        settings = dict(plan.settings) | ({} if few is None else {"local_steps": few})
        opened, before_s = worker.ask("open", **{**fields, "settings": settings})
        totals: list[bytes] = []
        for stage in plan.sums:
            counted, measure_s = worker.ask("measure", stage=stage, totals=totals)
            totals.append(counted["vector"])
            before_s += measure_s
        vector = opened["vector"]
        # The first call imports and warms up.
        first, last = (worker.ask("train", round=number + i, vector=vector, totals=totals)[1] for i in range(2))
        warnings[:] = opened["warnings"]
        return before_s + max(0.0, first - last), last, vector, totals

    warnings: list[str] = []
    begin_s, one, vector, totals = trained(plan.first_round, None if steps is None else min(1, steps))
    train_s = one
    if steps is not None and steps > 1:
        few = min(steps, FEW_STEPS)
        _, several, _, _ = trained(plan.first_round + 2, few)
        a_step = max(0.0, several - one) / (few - 1)
        if several < ENOUGH_S and few < steps:  # a line through two short times would say little of a long round
            few = min(steps, max(few, int(ENOUGH_S / max(a_step, ENOUGH_S / steps))))
            _, several, _, _ = trained(plan.first_round + 4, few)
            a_step = max(0.0, several - one) / (few - 1)
        train_s = several + (steps - few) * a_step
    _, evaluate_s = worker.ask("evaluate", vector=vector, totals=totals)
    about, _ = worker.ask("hello")
    assert np.frombuffer(vector, "<f4").size == plan.dim
    return _Seen(begin_s, train_s, evaluate_s, int(about["peak_bytes"]), sum(map(len, totals)), warnings)


def _epsilon(out: Forecast, home: Path, plan: Plan, accepted: Sequence[Plan]) -> None:
    """Fill in what will have been spent at the end."""
    from node.learning.accounting import MICRO, epsilon, prv_epsilon

    assert plan.dp is not None
    spent, delta = cost_of(plan), plan.dp["delta_u12"] / MICRO**2
    out.epsilon, out.epsilon_prv = epsilon(spent, delta), prv_epsilon(spent, delta)
    out.epsilon_data = epsilon_with(home, plan, accepted)


def _problems(out: Forecast, home: Path, plan: Plan, accepted: Sequence[Plan]) -> list[str]:
    found = []
    if out.round_s > plan.round_timeout_s:
        found.append(
            f"a round takes {out.round_s:.1f} s here and the plan waits {plan.round_timeout_s} s:"
            " raise round_timeout_s or lower settings.local_steps"
        )
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") + out.memory_bytes
    if out.memory_bytes > free:
        found.append(f"training takes {out.memory_bytes / 2**20:.0f} MiB and {free / 2**20:.0f} MiB are free")
    room = shutil.disk_usage(home).free
    if out.disk_bytes > room:
        found.append(f"the study takes {out.disk_bytes / 2**20:.0f} MiB of disk and {room / 2**20:.0f} MiB are free")
    if plan.dp is not None and out.epsilon is not None and out.epsilon * 1e6 > plan.dp["eps_max_u"] + 1:
        found.append(
            f"the study would spend epsilon {out.epsilon:.4f} and may spend {plan.dp['eps_max_u'] / 1e6:g}:"
            " it would stop early"
        )
    if (words := over_budget(home, plan, accepted)) is not None:
        found.append(words)
    return found
