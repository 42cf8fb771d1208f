"""Between ``Peer`` and the training worker: its effects become jobs, the answers events.

Knows the studies at hand: with which data each was accepted, its latest model's figures on own validation
rows, and what the worker complained of.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gossip.effects import Adopt, Ended, Measure, Open, Train
from gossip.events import Event, Failed, Measured, Opened, Trained, TrainReport
from node.policy import Policy
from node.worker import Answer, Job, TrainingWorker
from protocol.plan import Plan

logger = logging.getLogger(__name__)

# Figures are shown, nothing waits for them: they must not take a notable part of the worker's time.
EVALUATE_SHARE = 0.2
EVALUATE_FREE_S = 0.2
NOTES = 5  # of a study that status shows


@dataclass(slots=True)
class _Study:
    plan: Plan
    totals: tuple[NDArray[np.int64], ...] = ()
    train_s: float = 0.0
    evaluate_s: float = 0.0
    evaluated: int | None = None
    metrics: dict[str, float | None] = field(default_factory=dict)
    words: str | None = None
    notes: list[str] = field(default_factory=list)
    backs: int = 0
    has_ended: bool = False
    last: tuple[int, NDArray[np.float32]] | None = None


class Training:
    """What the worker does for each study.

    Args:
        home: The home.
        region: Own name.
        manifest: Of the data that a study was accepted with.
    """

    def __init__(
        self, home: Path, region: str, worker: TrainingWorker, manifest: Callable[[bytes], Path | None]
    ) -> None:
        self._home = home
        self._region = region
        self._worker = worker
        self._manifest = manifest
        self._studies: dict[bytes, _Study] = {}

    def metrics(self, study: bytes | None) -> dict[str, Any]:
        """Return ``metrics`` and ``metrics_round``: figures of the newest model evaluated, on own validation rows.

        ``notes``: what the task noticed last in its training here, in words. ``backs``: how often a generator was put
        back to an earlier one here.
        """
        one = self._studies.get(study or b"")
        return {
            "metrics": dict(one.metrics) if one else {},
            "metrics_round": one.evaluated if one else None,
            "notes": list(one.notes) if one else [],
            "backs": one.backs if one else 0,
        }

    def complaint(self, study: bytes | None) -> str | None:
        """Return what the worker could not do last, in words."""
        one = self._studies.get(study or b"")
        return one.words if one else None

    def plan(self, study: bytes) -> Plan | None:
        """Return the plan of a study that was opened."""
        one = self._studies.get(study)
        return one.plan if one else None

    def do(self, effect: Open | Measure | Train | Adopt | Ended, now_ms: int) -> None:
        """Turn an effect into a job."""
        match effect:
            case Open(study=study, plan=plan):
                one = self._studies.setdefault(study, _Study(plan))
                self._worker.put(self._open_job(study, one.plan), now_ms)
            case Measure(study=study, round=round, stage=stage, totals=totals):
                fields: dict[str, object] = {"stage": stage, "totals": _bytes(totals)}
                self._worker.put(Job("measure", study, round, fields, self._studies[study].plan.dim), now_ms)
            case Train(study=study, round=round, vector=vector, totals=totals):
                one = self._studies[study]
                one.totals = totals
                fields = {"round": round, "vector": _float32(vector), "totals": _bytes(totals)}
                self._worker.put(Job("train", study, round, fields, one.plan.dim), now_ms)
            case Adopt(study=study, round=round, vector=vector):
                one = self._studies[study]
                one.last = (round, vector)
                if one.evaluate_s <= max(EVALUATE_FREE_S, EVALUATE_SHARE * one.train_s):
                    self._evaluate(study, one, now_ms)
            case Ended(study=study):
                self._ended(study, now_ms)

    def _ended(self, study: bytes, now_ms: int) -> None:
        one = self._studies.get(study)
        if one is None:
            return
        one.has_ended = True
        self._worker.forget(study)
        if one.last is not None and one.evaluated != one.last[0]:
            self._evaluate(study, one, now_ms)
        else:
            self._close(study, one, now_ms)

    def _evaluate(self, study: bytes, one: _Study, now_ms: int) -> None:
        assert one.last is not None
        round, vector = one.last
        fields = {"round": round, "vector": _float32(vector), "totals": _bytes(one.totals)}
        self._worker.put(Job("evaluate", study, round, fields, one.plan.dim), now_ms)

    def _close(self, study: bytes, one: _Study, now_ms: int) -> None:
        one.last, one.totals = None, ()
        self._worker.put(Job("close", study), now_ms)

    def _open_job(self, study: bytes, plan: Plan) -> Job:
        fields = open_fields(self._home, self._region, plan, self._manifest(study))
        return Job("open", study, None, fields, plan.dim)

    def event(self, answer: Answer, now_ms: int) -> Event | None:
        """Return what ``Peer`` is to hear of an answer."""
        job, one = answer.job, self._studies.get(answer.job.study)
        if one is None:
            return None
        if answer.reply is None:
            return self._failed(answer, one, now_ms)
        try:
            return self._succeeded(answer, answer.reply, one, now_ms)
        except (KeyError, TypeError, ValueError) as error:
            logger.error("the training worker's answer to %s is not in form: %s", job.op, type(error).__name__)
            return Failed(now_ms, job.study, job.round, "training") if job.op in ("open", "measure", "train") else None

    def _succeeded(self, answer: Answer, reply: dict[str, Any], one: _Study, now_ms: int) -> Event | None:
        job, study = answer.job, answer.job.study
        match job.op:
            case "open":
                one.words = None
                for words in reply.get("warnings") or ():
                    logger.warning("study %s: %s", study.hex()[:12], words)
                layout = tuple((str(name), int(size)) for name, size in reply.get("layout") or ())
                return Opened(now_ms, study, np.frombuffer(reply["vector"], "<f4"), layout)
            case "measure":
                assert job.round is not None
                columns = tuple((str(name), int(width)) for name, width in reply["columns"])
                return Measured(now_ms, study, job.round, np.frombuffer(reply["vector"], "<i8"), columns)
            case "train":
                assert job.round is not None
                one.train_s, one.words = answer.seconds, None
                facts = reply["report"]
                report = TrainReport(facts["steps"], facts["norm"], facts["loss"], facts["dp"])
                one.backs = int(facts.get("backs", 0))
                logger.info("round %d trained in %.2f s", job.round, answer.seconds)
                for words in facts.get("notes") or ():
                    logger.warning("study %s: round %d: %s", study.hex()[:12], job.round, words)
                    one.notes = [*one.notes, f"round {job.round}: {words}"][-NOTES:]
                return Trained(now_ms, study, job.round, np.frombuffer(reply["vector"], "<f4"), report)
            case "evaluate":
                one.evaluate_s = answer.seconds
                one.evaluated = job.round
                one.metrics = {
                    str(name): value if value is None else float(value)
                    for name, value in reply["metrics"].items()
                    if not name.startswith("train_") and name != "rows"
                }
                if one.has_ended:
                    self._close(study, one, now_ms)
        return None

    def _failed(self, answer: Answer, one: _Study, now_ms: int) -> Event | None:
        job = answer.job
        if job.op in ("evaluate", "close"):
            logger.info("%s: %s", job.op, answer.words)
            if job.op == "evaluate" and one.has_ended:
                self._close(job.study, one, now_ms)
            return None
        one.words = answer.words
        logger.error("study %s: %s: %s", job.study.hex()[:12], job.op, answer.words)
        return Failed(now_ms, job.study, job.round, _reason(answer))


def open_fields(home: Path, region: str, plan: Plan, manifest: Path | None) -> dict[str, object]:
    """Return what the worker is told of a study when it opens it: see ``node/learning/README.md``."""
    model, policy, task = first_model(home, plan), Policy.load(home), str(plan.task["name"])
    code = policy.code.get(task)
    return {
        "task": task,
        "version": plan.task["version"],
        "settings": dict(plan.settings),
        "schema": plan.schema,
        "layout": plan.layout,
        "dim": plan.dim,
        "seed": plan.seed,
        "region": region,
        "manifest": str(manifest) if manifest is not None else None,
        "dp": dict(plan.dp) if plan.dp is not None else None,
        "sums": list(plan.sums),
        "regions": plan.n,
        "rounds": plan.rounds,
        "freeze": list(plan.freeze),
        "init": plan.init,
        "data_update": plan.data_update,
        "model": str(model) if model is not None else None,
        "code": [code.path.as_posix(), code.sha256] if code is not None else None,
        "device": policy.device,
        "state": str(home / "state" / "private"),
        "samples": str(home / "samples"),
        "ledger": str(home / "ledger.jsonl"),
        "budget_u": policy.budget_u,
    }


def first_model(home: Path, plan: Plan) -> Path | None:
    """Return the model that a plan begins with, if this home was given it; fresh weights need none."""
    path = home / "init" / f"{plan.init.hex()}.safetensors"
    return path if path.exists() else None


def _reason(answer: Answer) -> str:
    """Return what ``Peer`` goes by: some reasons end a study, after the others it tries again."""
    match answer.code:
        case "BUDGET":
            return "budget"
        case "GATE" | "DATA_CHANGED":
            return "data"
        case "CONFIG":
            return "code" if "version" in answer.words else "data"
        case _:
            return "training"


def _bytes(totals: tuple[NDArray[np.int64], ...]) -> list[bytes]:
    return [np.ascontiguousarray(total, "<i8").tobytes() for total in totals]


def _float32(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.ascontiguousarray(vector, "<f4")
