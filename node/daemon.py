"""The daemon: one thread, one loop over sockets, control socket and worker, around one ``Peer``.

Rules kept here, and nowhere else:
  * what ``Peer`` wants done is done in its order, after its step is on disk;
  * time is monotonic: the wall clock is read once, at start;
  * a step that cannot be written ends the daemon, with words; nothing goes on without its log.

It decides nothing about a study. After a study's end it stays up, and answers who comes late.
"""

from __future__ import annotations

import logging
import logging.handlers
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import zmq

from gossip.events import (
    Admit,
    Adopt,
    Asked,
    CloseLink,
    Effect,
    Ended,
    Event,
    Failed,
    Links,
    Measure,
    Measured,
    Open,
    Opened,
    Reply,
    Send,
    SetTimer,
    Started,
    Stopping,
    Suspect,
    Tick,
    Train,
    Trained,
    TrainReport,
)
from node.control_socket import ControlSocket, Request
from node.errors import NodeError, Refused, StoreError
from node.region import Region, wall_ms, words_of
from node.status import Disk, Traffic, completed
from node.transport import Transport, listening_address
from node.worker import Answer, WorkerProcess
from protocol.plan import Plan

logger = logging.getLogger(__name__)

LOG_BYTES = 5 * 2**20
LOG_FILES = 3
IDLE_MS = 1_000
# Why the worker refused, as ``study.end`` has it; anything else is tried again.
_FINAL = {"BUDGET": "budget", "CONFIG": "data", "GATE": "data"}
_MIB = 2**20


class Daemon:
    """One region's node, from its start to its end."""

    def __init__(self, region: Region) -> None:
        self._region = region
        self._wall_ms, self._monotonic_ns = wall_ms(), time.monotonic_ns()
        self._poller = zmq.Poller()
        config = region.home.config
        self._transport = Transport(
            region.home.name, region.home.keys(), self._poller, links=config.links, limits=config.limits
        )
        self._control = ControlSocket(region.home.path, self._poller)
        self._worker = WorkerProcess(self._poller)
        self._limits = config.limits
        self._timer_ms: int | None = None
        self._plans: dict[bytes, Plan] = {}
        self._models: dict[bytes, tuple[int, np.ndarray[Any, np.dtype[np.float32]]]] = {}
        self._open_in: dict[bytes, int] = {}
        self._metrics: dict[str, object] = {}
        self._disk = Disk(region.home.path)
        self._traffic = Traffic()
        self._wake, self._woken = socket.socketpair()
        self._is_stopping = False

    def now_ms(self) -> int:
        """Unix time in ms that never goes back."""
        return self._wall_ms + (time.monotonic_ns() - self._monotonic_ns) // 10**6

    # ---------------------------------------------------------------- the loop

    def run(self) -> None:
        """Run until SIGTERM or SIGINT.

        Raises:
            NodeError: The address is taken, or the log cannot be written.
        """
        self._wake.setblocking(False)
        self._woken.setblocking(False)
        self._poller.register(self._woken.fileno(), zmq.POLLIN)
        signal.set_wakeup_fd(self._wake.fileno())
        for one in (signal.SIGTERM, signal.SIGINT):
            signal.signal(one, self._signalled)
        try:
            address = listening_address(self._region.home.config)
            if address is not None:
                port = self._transport.bind(address)
                logger.info("listening on port %d", port)
            self._handle(
                Started(self.now_ms(), self._region.home.config_sha256(), self._region.clean)
            )
            if self._region.peer.agreement.proposals:
                self._worker.start(self.now_ms())
            while not self._is_stopping:
                self._turn()
            self._handle(Stopping(self.now_ms(), "signal"))
        finally:
            signal.set_wakeup_fd(-1)
            self._worker.close()
            self._control.close()
            self._transport.close()
            self._wake.close()
            self._woken.close()

    def _signalled(self, number: int, frame: object) -> None:
        self._is_stopping = True

    def _turn(self) -> None:
        now = self.now_ms()
        wakes = [now + IDLE_MS, self._transport.wake_ms(now)]
        wakes += [at for at in (self._timer_ms, self._worker.wake_ms(now)) if at is not None]
        ready: dict[object, int] = dict(self._poller.poll(max(0, min(wakes) - now)))
        if self._woken.fileno() in ready:
            self._woken.recv(64)
        for event in self._transport.events(ready, self.now_ms()):
            self._handle(event)
        for request in self._control.requests(ready, self.now_ms()):
            self._asked(request)
        self._worker.serve(ready, self.now_ms())
        if self._timer_ms is not None and self.now_ms() >= self._timer_ms:
            self._timer_ms = None
            self._handle(Tick(self.now_ms()))

    def _handle(self, event: Event) -> None:
        for effect in self._region.handle(event):
            self._do(effect)
        study = self._region.peer.current
        self._traffic.at(
            study.round if study is not None else None, self._transport.sent, self._transport.received
        )

    def _asked(self, request: Request) -> None:
        try:
            self._region.prepare(request.op, request.args)
            self._handle(Asked(self.now_ms(), request.ticket, request.op, request.args))
        except StoreError:
            raise
        except NodeError as error:
            self._control.reply(request.ticket, None, words_of(error))

    # ---------------------------------------------------------------- what Peer wants

    def _do(self, effect: Effect) -> None:
        match effect:
            case Send():
                self._transport.send(effect, self.now_ms())
            case Admit():
                self._transport.admit(effect.link, effect.eid, effect.size, effect.sha256, self.now_ms())
            case SetTimer(at_ms=at_ms):
                self._timer_ms = at_ms
            case Open():
                self._open(effect.study, effect.plan)
            case Measure():
                self._measure(effect)
            case Train():
                self._train(effect)
            case Adopt():
                self._adopted(effect)
            case Ended():
                self._ended(effect)
            case Links(roster=roster):
                self._transport.set_roster(roster, self._region.home.card())
            case Suspect(region=region, code=code, reason=reason):
                logger.warning("%s: %s: %s", region, code, reason)
            case CloseLink(region=region, reason=reason):
                self._transport.close_link(region, reason, self.now_ms())
            case Reply():
                self._reply(effect)
            case _:
                raise AssertionError(f"{type(effect).__name__} is no effect that a daemon carries out")

    def _reply(self, reply: Reply) -> None:
        result = reply.result
        if result is not None and "rounds_mixed" in result:
            more = {
                "traffic": self._traffic.value(self._transport.sent, self._transport.received),
                "metrics": self._metrics,
                "address": self._transport.address,
            }
            disk = self._disk.value(self.now_ms(), _number(result.get("round")))
            result = completed(result, self._region.home, pid=os.getpid(), disk=disk, more=more)
        self._control.reply(reply.ticket, result, reply.error)

    # ---------------------------------------------------------------- training

    def _open(self, study: bytes, plan: Plan) -> None:
        self._plans[study] = plan
        self._worker.expect(plan.dim)
        # Own model, reference and code, and a payload for and from each neighbour in two rounds.
        self._transport.guard.allowance_bytes = plan.dim * (24 + 16 * plan.n) + 64 * _MIB
        self._ask_open(study, lambda answer: self._opened(study, answer))

    def _ask_open(self, study: bytes, then: Callable[[Answer | None], None]) -> None:
        plan, home = self._plans[study], self._region.home.path
        manifest = self._region.manifest(study)
        request = {
            "op": "open", "study": study.hex(), "task": plan.task["name"], "version": plan.task["version"],
            "settings": dict(plan.settings), "schema": plan.schema, "layout": plan.layout, "dim": plan.dim,
            "seed": plan.seed, "region": self._region.home.name, "rounds": plan.rounds,
            "manifest": str(manifest) if manifest is not None else None,
            "dp": dict(plan.dp) if plan.dp is not None else None,
            "state": str(home / "state" / "private"), "ledger": str(home / "ledger.jsonl"),
        }
        self._worker.ask(request, int(self._limits.open_s * 1000), then, self.now_ms())
        self._open_in[study] = self._worker.life

    def _ask(self, study: bytes, request: dict[str, Any], then: Callable[[Answer | None], None]) -> None:
        """Ask about a study; a worker that was started anew opens it first."""
        if self._open_in.get(study) != self._worker.life:
            self._ask_open(study, lambda _answer: None)
        self._worker.ask({**request, "study": study.hex()}, int(self._limits.train_s * 1000), then, self.now_ms())

    def _opened(self, study: bytes, answer: Answer | None) -> None:
        if not self._is_good(study, None, answer):
            return
        assert answer is not None
        for warning in answer.get("warnings", ()):
            logger.warning("study %s: %s", study.hex()[:12], warning)
        self._handle(Opened(self.now_ms(), study, np.frombuffer(answer["vector"], "<f4")))

    def _measure(self, effect: Measure) -> None:
        def then(answer: Answer | None) -> None:
            if self._is_good(effect.study, effect.round, answer):
                assert answer is not None
                columns = tuple((str(name), int(width)) for name, width in answer["columns"])
                vector = np.frombuffer(answer["vector"], "<i8")
                self._handle(Measured(self.now_ms(), effect.study, effect.round, vector, columns))

        totals = [total.astype("<i8").tobytes() for total in effect.totals]
        self._ask(effect.study, {"op": "measure", "stage": effect.stage, "totals": totals}, then)

    def _train(self, effect: Train) -> None:
        def then(answer: Answer | None) -> None:
            if self._is_good(effect.study, effect.round, answer):
                assert answer is not None
                facts = answer["report"]
                report = TrainReport(int(facts["steps"]), float(facts["norm"]), facts["loss"], facts["dp"])
                vector = np.frombuffer(answer["vector"], "<f4")
                self._handle(Trained(self.now_ms(), effect.study, effect.round, vector, report))

        vector = np.ascontiguousarray(effect.vector, "<f4").data.cast("B")
        totals = [total.astype("<i8").tobytes() for total in effect.totals]
        request = {"op": "train", "round": effect.round, "vector": vector, "totals": totals}
        self._ask(effect.study, request, then)

    def _is_good(self, study: bytes, round: int | None, answer: Answer | None) -> bool:
        """Whether the worker did what was asked; if not, Peer hears that it could not."""
        if answer is not None and answer.get("ok") is True:
            return True
        code = str(answer.get("code", "WORKER")) if answer is not None else "LOST"
        if answer is not None:
            logger.error("study %s: %s", study.hex()[:12], answer.get("error"))
        self._handle(Failed(self.now_ms(), study, round, _FINAL.get(code, "training")))
        return False

    def _adopted(self, effect: Adopt) -> None:
        self._models[effect.study] = (effect.round, effect.vector)
        senders = ", ".join(effect.senders)
        logger.info("round %d: %s", effect.round, f"mixed with {senders}" if senders else "kept its own model")

    def _ended(self, effect: Ended) -> None:
        logger.info("study %s: %s %s", effect.study.hex()[:12], effect.outcome, effect.reason or "")
        model = self._models.pop(effect.study, None)
        study = self._region.peer.studies.get(effect.study)
        if model is None or study is None:
            return

        def then(answer: Answer | None) -> None:
            if answer is not None and answer.get("ok") is True:
                self._metrics = dict(answer["metrics"])

        vector = np.ascontiguousarray(model[1], "<f4").data.cast("B")
        totals = [total.astype("<i8").tobytes() for total in study.context.totals()]
        self._ask(effect.study, {"op": "evaluate", "round": model[0], "vector": vector, "totals": totals}, then)


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None


def run(home: Path) -> int:
    """Run a home's daemon until it is told to stop; returns the exit code.

    Raises:
        NodeError: It cannot start, or had to stop: in words.
    """
    with Region.open(home) as region:
        handler = logging.handlers.RotatingFileHandler(
            region.home.path / "daemon.log", maxBytes=LOG_BYTES, backupCount=LOG_FILES - 1
        )
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s %(message)s"))
        logging.getLogger().addHandler(handler)
        try:
            Daemon(region).run()
        except StoreError as error:
            logger.error("stopped: %s", error)
            raise
        finally:
            logging.getLogger().removeHandler(handler)
            handler.close()
            sys.stdout.flush()
    return 0


__all__ = ["Daemon", "Refused", "run"]
