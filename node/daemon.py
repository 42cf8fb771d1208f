"""A region's node: one thread, one loop, between ``Peer`` and the world.

Rules kept here, and nowhere else:
  * an event goes to ``Peer``, its commit to disk, and only then are its effects carried out, in order;
  * messages that are waiting together go to disk together: nothing of any leaves before all of them are there;
  * what cannot be written ends the node, in words; nothing goes on without its log;
  * nothing blocks: links, operators and the worker are polled together, training runs in its own process.

Program logs hold no values, keys or weights. What must be provable is in the update log.
"""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import signal
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import FrameType

import zmq

from gossip.effects import (
    Admit,
    Adopt,
    CloseLink,
    Deposit,
    Effect,
    Ended,
    Erase,
    Forget,
    Links,
    Measure,
    Open,
    Rekeyed,
    Reply,
    Retain,
    Send,
    SetTimer,
    Sift,
    Suspect,
    Train,
)
from gossip.events import Arrived, Asked, Event, Payload, Started, Stopping, Tick
from gossip.requests import status as peer_status
from node.clock import Clock
from node.config import listening_address
from node.control_socket import ControlSocket, Request
from node.errors import NodeError
from node.links.transport import Transport
from node.region import Region, words_of
from node.status import Disk, Traffic, completed
from node.training import Training
from node.worker import TrainingWorker

logger = logging.getLogger(__name__)

IDLE_MS = 1_000
STOP_MS = 2_000
COMMANDS_S = 30.0  # a command that has the home for a moment is waited for
DESCRIPTORS = 8192
COMPLAINTS = 20
TOGETHER = 64  # messages in one transaction, at most
LOG_BYTES, LOG_FILES = 5 * 2**20, 3


class Daemon:
    """A running node.

    Args:
        region: Its home, owned.
        bind: Where to listen; None as the home says.
        alone: Do not ask the neighbours whether this log is the newest.
        recovering: Only ask them for what this log has lost.
    """

    def __init__(
        self, region: Region, *, bind: str | None = None, alone: bool = False, recovering: bool = False
    ) -> None:
        home = region.home
        self._alone = alone
        self._recovering = recovering
        self.clock = Clock()
        self._region = region
        self._poller = zmq.Poller()
        self._signals, self._wake = socket.socketpair()
        self._signals.setblocking(False)
        self._wake.setblocking(False)
        self._poller.register(self._signals.fileno(), zmq.POLLIN)
        self._control = ControlSocket(home.path, self._poller)
        config = home.config
        self.transport = Transport(home.name, home.keys(), self._poller, links=config.links, limits=config.limits)
        self._worker = TrainingWorker(home.path, self._poller, config.limits)
        self._training = Training(home.path, home.name, self._worker, region.manifest)
        self._disk = Disk(home.path)
        self._traffic = Traffic()
        self._held: list[Effect] = []  # of messages taken whose transaction has not ended
        self._taken = 0
        self._complaints: dict[str, tuple[int, int]] = {}  # by region: the minute, and how many in it
        self._timer_ms: int | None = None
        self._stop: str | None = None
        address = bind or listening_address(config)
        try:
            if address is not None:
                self.transport.bind(address)
        except BaseException:
            self.close()
            raise

    # ---------------------------------------------------------------- the loop

    def run(self, until: Callable[[], bool] = lambda: False) -> None:
        """Run until ``stop``, or until a condition holds that is looked at after every event.

        Raises:
            StoreError: A step could not be written.
        """
        now_ms = self.clock.now_ms()
        home = self._region.home
        self._handle(
            Started(
                now_ms,
                home.config_sha256(),
                self._region.clean,
                alone=self._alone,
                recovering=self._recovering,
                moved=self._region.moved,
            )
        )
        logger.info("node of %s is up, process %d, listening at %s", home.name, os.getpid(), self.transport.address)
        while self._stop is None and not until():
            ready = dict(self._poller.poll(self._timeout_ms()))
            if self._stop is None:  # else a worker that Ctrl-C has ended as well would count as a failure
                self._once(ready)
        self._handle(Stopping(self.clock.now_ms(), self._stop or "done"))
        self._wait_for_copies()
        logger.info("node of %s stops (%s)", home.name, self._stop or "done")

    def _wait_for_copies(self) -> None:
        """Let neighbours copy the end of the log, for a moment: from a clean stop there is nothing to give up later."""
        peer, end_ms = self._region.peer, self.clock.now_ms() + STOP_MS
        while peer.witness.lacks_copy() and self.clock.now_ms() < end_ms:
            self._once(dict(self._poller.poll(STOP_MS // 20)))

    def _once(self, ready: dict[object, int]) -> None:
        if self._signals.fileno() in ready:
            with contextlib.suppress(BlockingIOError):
                self._signals.recv(64)
        for event in self.transport.events(ready, self.clock.now_ms()):
            self._take(event)
        self._settle()
        for answer in self._worker.answers(ready, self.clock.now_ms()):
            heard = self._training.event(answer, self.clock.now_ms())
            if heard is not None:
                self._handle(heard)
        for request in self._control.requests(ready, self.clock.now_ms()):
            self._request(request)
        now_ms = self.clock.now_ms()
        if self._timer_ms is not None and now_ms >= self._timer_ms:
            self._timer_ms = None
            self._handle(Tick(now_ms))

    def _timeout_ms(self) -> int:
        now_ms = self.clock.now_ms()
        wakes = [now_ms + IDLE_MS, self.transport.wake_ms(now_ms), self._worker.wake_ms(now_ms), self._timer_ms]
        return max(0, min(wake for wake in wakes if wake is not None) - now_ms)

    def stop(self, reason: str) -> None:
        """End the loop after the event at hand; from a signal handler or another thread."""
        self._stop = reason
        with contextlib.suppress(OSError):
            self._wake.send(b"\0")

    def close(self) -> None:
        """Let go of sockets and worker; the home is the caller's."""
        self._control.close()
        self._worker.close()
        self.transport.close()
        self._signals.close()
        self._wake.close()

    # ---------------------------------------------------------------- events and effects

    def _take(self, event: Event) -> None:
        """Advance by one event of a link; messages wait for each other, anything else is settled alone."""
        if not isinstance(event, Arrived | Payload):
            self._settle()
            self._handle(event)
            return
        for effect in self._region.take(event):
            if isinstance(effect, Admit):
                self._do(effect)  # nothing leaves by it, and the next message may be the payload's first part
            else:
                self._held.append(effect)
        self._taken += 1
        if self._taken == TOGETHER:
            self._settle()

    def _settle(self) -> None:
        """Have what was taken on disk, then carry out its effects."""
        if self._taken:
            self._region.settle()
            held, self._held, self._taken = self._held, [], 0
            self._carry_out(held)

    def _handle(self, event: Event) -> None:
        self._carry_out(self._region.handle(event))

    def _carry_out(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            self._do(effect)
        study = self._region.peer.current
        self._traffic.at(study.round if study is not None else None, self.transport.sent, self.transport.received)
        if self._worker.pid is None and self._is_study_near():
            self._worker.start(self.clock.now_ms())

    def _is_study_near(self) -> bool:
        proposals = self._region.peer.agreement.proposals.values()
        return any(not one.has_ended for one in proposals)

    def _do(self, effect: Effect) -> None:
        now_ms = self.clock.now_ms()
        match effect:
            case Send():
                self.transport.send(effect, now_ms)
            case Admit(link=link, eid=eid, size=size, sha256=sha256):
                self.transport.admit(link, eid, size, sha256, now_ms)
            case SetTimer(at_ms=at_ms):
                self._timer_ms = at_ms
            case Open() | Measure() | Train() | Adopt() | Ended():
                self._note(effect)
                self._training.do(effect, now_ms)
            case Erase() | Forget() | Retain() | Deposit() | Sift():
                pass  # carried out by the owner of the store
            case Rekeyed(serial=serial):
                logger.info("key set %d is in use", serial)
            case Links(roster=roster):
                logger.info("links to the regions of roster %s", roster.hash.hex()[:12])
                self.transport.set_roster(roster, self._region.home.card())
            case Suspect(region=region, code=code, reason=reason):
                self._complain(region or "somebody", code, reason, now_ms)
            case CloseLink(region=region, reason=reason):
                self.transport.close_link(region, reason, now_ms)
            case Reply(ticket=ticket, result=result, error=error):
                self._control.reply(ticket, result, error)
            case _:
                raise AssertionError(f"no such effect: {type(effect).__name__}")

    def _complain(self, region: str, code: str, reason: str, now_ms: int) -> None:
        """Say what a region did, so often a minute: a region that errs without end must not push out the rest."""
        minute, count = self._complaints.get(region, (0, 0))
        if minute != now_ms // 60_000:
            if count > COMPLAINTS:
                logger.warning("%s: %d more of these in a minute", region, count - COMPLAINTS)
            minute, count = now_ms // 60_000, 0
        self._complaints[region] = (minute, count + 1)
        if count < COMPLAINTS:
            logger.warning("%s: %s: %s", region, code, reason)

    def _note(self, effect: Open | Measure | Train | Adopt | Ended) -> None:
        match effect:
            case Open(study=study, plan=plan):
                logger.info("study %s begins", study.hex()[:12])
                # What a round keeps in memory here: own vectors, and what each neighbour sends.
                most = max(plan.degree(self._region.home.name, round) for round in (0, plan.first_round))
                vector = plan.dim * 8
                self.transport.guard.allowance_bytes = (2 * most + 16) * vector
            case Adopt(round=round, senders=senders):
                logger.info("round %d: %s", round, f"mixed with {len(senders)}" if senders else "kept own model")
            case Ended(study=study, outcome=outcome, reason=reason):
                logger.info("study %s has ended: %s%s", study.hex()[:12], outcome, f" ({reason})" if reason else "")
            case _:
                pass

    # ---------------------------------------------------------------- operators

    def _request(self, request: Request) -> None:
        try:
            self._region.prepare(request.op, request.args)
        except NodeError as error:
            self._control.reply(request.ticket, None, words_of(error))
            return
        now_ms = self.clock.now_ms()
        if request.op == "status":
            self._control.reply(request.ticket, self.status(now_ms), None)
            return
        self._handle(Asked(now_ms, request.ticket, request.op, request.args))

    def status(self, now_ms: int) -> dict[str, object]:
        """Return what ``landsting status --json`` prints."""
        peer = self._region.peer
        found = peer_status(peer, now_ms)
        study = peer.current
        return completed(
            found,
            self._region.home,
            pid=os.getpid(),
            disk=self._disk.value(now_ms, study.round if study is not None else None),
            complaint=self._training.complaint(study.id if study is not None else None),
            more={
                "address": self.transport.address,
                "traffic": self._traffic.value(self.transport.sent, self.transport.received),
                **self._training.metrics(study.id if study is not None else None),
            },
        )


def run(home: Path, *, bind: str | None = None, alone: bool = False) -> int:
    """Run the node of a home until SIGTERM or Ctrl-C; returns the exit code 0.

    Raises:
        ConfigError: There is no home of this version, its port is in use, or the clock is behind the log.
        BusyError: Another node runs in this home.
        StoreError: The log is damaged or was rolled back, or could not be written.
    """
    home = home.absolute()
    _raise_limit()
    with Region.open(home, role="node", wait_s=COMMANDS_S) as region, _log_file(home):
        daemon = Daemon(region, bind=bind, alone=alone)
        with _signals(daemon):  # until all is closed: a second Ctrl-C is as good as the first
            try:
                daemon.run()
            except NodeError as error:
                logger.error("the node stops: %s", error)
                raise
            finally:
                daemon.close()
    return 0


def _raise_limit() -> None:
    """Allow as many descriptors as the system lets us: a port is open to anybody's connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@contextlib.contextmanager
def _signals(daemon: Daemon) -> Iterator[None]:
    """Stop on SIGTERM and SIGINT while it runs; elsewhere than in the main thread, who started it stops it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        daemon.stop("signal")

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _PrivateLog(RotatingFileHandler):
    """A log that others cannot read, the parts that begin later as well as the first."""

    def _open(self) -> TextIOWrapper:
        return open(self.baseFilename, "a", encoding="utf-8", opener=_private)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


@contextlib.contextmanager
def _log_file(home: Path) -> Iterator[None]:
    """Write the program's log to ``daemon.log`` while it runs; old parts go by themselves."""
    root = logging.getLogger()
    handler = _PrivateLog(home / "daemon.log", maxBytes=LOG_BYTES, backupCount=LOG_FILES - 1, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s %(message)s"))
    level = root.level
    if level > logging.INFO or level == logging.NOTSET:
        root.setLevel(logging.INFO)
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        handler.close()
