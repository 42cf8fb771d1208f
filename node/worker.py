"""The daemon's side of the training worker: one process that trains, so that the daemon never waits.

Rules kept here, and nowhere else:
  * one request at a time; training goes before evaluation, and of evaluations only the newest is kept;
  * a worker that dies is started again after a pause, with its studies opened anew; one that takes too long
    is killed first: either is a failed request, never a failed node;
  * a stop is the node's alone to hear: it ends the worker;
  * one worker a home: what an earlier daemon left running is ended before another starts;
  * its environment holds no secrets; it shuts itself off from the network and, where the system lets it, from
    the keys (``node.learning.seclusion``).

The process is ``node.learning.worker``; frames are in ``node.frames``.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import zmq

from node.config import Limits
from node.frames import MAX_FRAME, FrameError, Reader, Writer, frame

logger = logging.getLogger(__name__)

COMMAND = (sys.executable, "-P", "-m", "node.learning.worker")
RETRY_MS, MAX_RETRY_MS = 500, 60_000
_PASSED_ON = (
    "PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "LD_LIBRARY_PATH", "VIRTUAL_ENV",
    # A machine's choice of kernels, and with it every bit of a result, is the worker's too.
    "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "MKL_CBWR",
)  # fmt: skip
_ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
LOG_BYTES = 5 * 2**20
_PIPE_BYTES = 2**20
_F_SETPIPE_SZ = 1031


@dataclass(frozen=True, slots=True)
class Job:
    """One request to the worker.

    Attributes:
        op: ``open, measure, train, evaluate`` or ``close``.
        study: Study id.
        round: Where there is one.
        fields: What the operation needs beside ``id, op, study``; arrays travel as bytes.
        dim: Parameters of the study's vector, which bound the answer.
    """

    op: str
    study: bytes
    round: int | None = None
    fields: Mapping[str, object] = field(default_factory=dict)
    dim: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a job.

    Attributes:
        reply: The worker's map; None if it failed.
        code, words: Why it failed: a code of the worker, or ``DIED`` or ``HUNG``; words without values.
        seconds: Time it took.
    """

    job: Job
    reply: dict[str, Any] | None
    code: str = ""
    words: str = ""
    seconds: float = 0.0


class TrainingWorker:
    """Starts, feeds, watches and ends the worker of one home.

    Args:
        home: The home; the worker's own words go to ``worker.log`` there.
        poller: The pipes are registered here.
        command: What to run; for tests.
    """

    def __init__(
        self, home: Path, poller: zmq.Poller, limits: Limits | None = None, *, command: tuple[str, ...] = COMMAND
    ) -> None:
        self._home = home
        self._poller = poller
        self._limits = limits or Limits()
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: Reader | None = None
        self._writer: Writer | None = None
        self._fds = (-1, -1)
        self._queue: list[Job] = []
        self._current: tuple[Job, int, float] | None = None
        self._is_inner = False  # whether the present job opens a study again, and for which job
        self._wanted: Job | None = None
        self._count = 0
        self._failures = 0
        self._next_ms = 0
        self._studies: dict[bytes, Job] = {}
        self._open: set[bytes] = set()
        self._answers: list[Answer] = []

    @property
    def pid(self) -> int | None:
        """Process id; None while it does not run."""
        return self._process.pid if self._process is not None else None

    @property
    def is_busy(self) -> bool:
        """Whether a job runs or waits."""
        return self._current is not None or bool(self._queue)

    def start(self, now_ms: int) -> None:
        """Start it now, so that it is there when it is needed."""
        if self._process is None and now_ms >= self._next_ms:
            self._spawn(now_ms)

    def put(self, job: Job, now_ms: int) -> None:
        """Queue a job; it is answered once."""
        if job.op == "open":
            self._studies[job.study] = job
        if job.op == "evaluate":
            self._queue = [one for one in self._queue if one.op != "evaluate"]
            self._queue.append(job)
        else:
            at = next((i for i, one in enumerate(self._queue) if one.op == "evaluate"), len(self._queue))
            self._queue.insert(at, job)
        self._go_on(now_ms)

    def forget(self, study: bytes) -> None:
        """Drop what waits for a study, and do not open it again."""
        self._queue = [job for job in self._queue if job.study != study or job.op == "evaluate"]
        if self._wanted is not None and self._wanted.study == study and self._wanted.op != "evaluate":
            self._wanted = None
        self._studies.pop(study, None)

    def wake_ms(self, now_ms: int) -> int | None:
        """When ``answers`` wants to be called whether or not a pipe is ready; None: whenever."""
        if self._answers:
            return now_ms
        if self._current is not None:
            return int(self._current[2] * 1000) + now_ms - int(time.monotonic() * 1000)
        return max(now_ms, self._next_ms) if self._queue else None

    def answers(self, ready: dict[object, int], now_ms: int) -> Iterator[Answer]:
        """Yield what has come, given what the poller found ready."""
        if self._writer is not None and self._fds[0] in ready:
            self._flush(now_ms)
        if self._reader is not None and self._fds[1] in ready:
            self._read(now_ms)
        if self._current is not None and time.monotonic() > self._current[2]:
            job = self._current[0]
            limit = self._limit_s(job)
            logger.error("the training worker took more than %g s for %s; it is killed", limit, job.op)
            self._end("HUNG", f"{job.op} took more than {limit:g} s", now_ms)
        self._go_on(now_ms)
        while self._answers:
            yield self._answers.pop(0)

    def close(self) -> None:
        """End it."""
        self._queue.clear()
        self._current = self._wanted = None
        self._stop()

    # ---------------------------------------------------------------- jobs

    def _limit_s(self, job: Job) -> float:
        return self._limits.open_s if job.op == "open" else self._limits.train_s

    def _go_on(self, now_ms: int) -> None:
        """Begin the next job if there is one and the worker is free."""
        self._queue = [job for job in self._queue if job.op != "close" or job.study in self._open]
        if self._current is not None or not self._queue or now_ms < self._next_ms:
            return
        if self._process is None and not self._spawn(now_ms):
            return
        job = self._queue.pop(0)
        self._is_inner = job.op not in ("open", "close") and job.study not in self._open and job.study in self._studies
        if self._is_inner:
            self._wanted, job = job, self._studies[job.study]  # opened before, in a process that is gone
        assert self._reader is not None
        assert self._writer is not None
        self._count += 1
        self._reader.max_bytes = max(self._reader.max_bytes, MAX_FRAME + 8 * job.dim)
        self._current = (job, self._count, time.monotonic() + self._limit_s(job))
        self._writer.put(frame({"id": self._count, "op": job.op, "study": job.study.hex(), **job.fields}))
        self._flush(now_ms)

    def _flush(self, now_ms: int) -> None:
        assert self._writer is not None
        try:
            self._writer.flush()
        except OSError:
            self._end("DIED", "the training worker died", now_ms)
            return
        if self._writer.is_done:
            with contextlib.suppress(KeyError):
                self._poller.unregister(self._fds[0])
        else:
            self._poller.register(self._fds[0], zmq.POLLOUT)

    def _read(self, now_ms: int) -> None:
        assert self._reader is not None
        try:
            frames, is_gone = self._reader.read()
        except FrameError as error:
            logger.error("the training worker sent %s; it is ended", error)
            self._end("DIED", "the training worker did not speak in frames", now_ms)
            return
        except OSError:
            frames, is_gone = [], True
        for reply in frames:
            self._take(reply)
        if is_gone:
            self._end("DIED", "the training worker died", now_ms)

    def _take(self, reply: dict[str, Any]) -> None:
        if self._current is None or reply.get("id") != self._current[1]:
            logger.warning("the training worker answered what was not asked")
            return
        job, _, limit = self._current
        self._current = None
        self._failures = 0
        seconds = time.monotonic() - (limit - self._limit_s(job))
        is_ok = reply.get("ok") is True
        if is_ok and job.op == "open":
            self._open.add(job.study)
        asked = self._asked(job)
        if asked is not None and is_ok and asked is not job:
            self._queue.insert(0, asked)
        elif asked is not None and is_ok:
            self._answers.append(Answer(job, reply, seconds=seconds))
        elif asked is not None:
            code, words = str(reply.get("code", "WORKER")), str(reply.get("error", "no reason given"))
            self._answers.append(Answer(asked, None, code, words, seconds))

    def _asked(self, job: Job) -> Job | None:
        """Return what was asked for where a job has ended; None if that is not wanted any more."""
        is_inner, self._is_inner = self._is_inner, False
        wanted, self._wanted = self._wanted, None
        return wanted if is_inner else job

    # ---------------------------------------------------------------- the process

    def _spawn(self, now_ms: int) -> bool:
        lock = -1
        try:
            lock = _take_over(self._home / "worker.lock")
            with _log(self._home / "worker.log") as log, _stop_signals_withheld():
                process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    cwd=self._home,
                    env=environment() | {"LANDSTING_HIDE": str(self._home.resolve() / "keys")},
                    pass_fds=(lock,),
                    bufsize=0,
                )
        except OSError as error:
            if lock >= 0:
                os.close(lock)  # else it would keep out the next attempt
            logger.error("the training worker cannot be started: %s", error.strerror)
            self._pause(now_ms)
            if self._queue:
                self._answers.append(Answer(self._queue.pop(0), None, "DIED", "the training worker cannot be started"))
            return False
        os.pwrite(lock, f"{process.pid}\n".encode(), 0)
        os.close(lock)  # held by the worker from now on
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._fds = (process.stdin.fileno(), process.stdout.fileno())
        for fd in self._fds:
            os.set_blocking(fd, False)
            with contextlib.suppress(OSError):
                fcntl.fcntl(fd, _F_SETPIPE_SZ, _PIPE_BYTES)
        self._writer, self._reader = Writer(self._fds[0]), Reader(self._fds[1])
        self._open.clear()
        self._poller.register(self._fds[1], zmq.POLLIN)
        logger.info("training worker started, process %d", process.pid)
        return True

    def _end(self, code: str, words: str, now_ms: int) -> None:
        """The process is dead or to be killed: answer what it was at, and pause before the next."""
        self._stop()
        self._pause(now_ms)
        if self._current is not None:
            job, self._current = self._current[0], None
            logger.warning("%s in %s", words, job.op)
            asked = self._asked(job)
            if asked is not None:
                self._answers.append(Answer(asked, None, code, words))

    def _pause(self, now_ms: int) -> None:
        self._next_ms = now_ms + min(RETRY_MS * 2**self._failures, MAX_RETRY_MS)
        self._failures = min(self._failures + 1, 10)

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for fd in self._fds:
            with contextlib.suppress(KeyError):
                self._poller.unregister(fd)
        self._fds = (-1, -1)
        self._writer = self._reader = None
        process.kill()  # it keeps nothing that is not on disk
        process.wait()
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            pipe.close()


def environment() -> dict[str, str]:
    """Return the worker's environment: a short list of names passed on, and one thread for each library."""
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    root = str(Path(__file__).resolve().parents[1])
    return kept | dict.fromkeys(_ONE_THREAD, "1") | {"PYTHONPATH": root}


@contextlib.contextmanager
def _stop_signals_withheld() -> Iterator[None]:
    """What starts here never hears SIGINT or SIGTERM, which a terminal or systemd sends to a node and its worker alike.

    The node stops in good order and ends the worker itself (the system does, where the node is killed); a blocked
    signal stays blocked over exec, so that there is no moment in which the worker could die first.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _log(path: Path) -> BinaryIO:
    """Open the worker's log; one that is long becomes ``worker.log.1``."""
    if path.exists() and path.stat().st_size > LOG_BYTES:
        path.replace(path.with_name(f"{path.name}.1"))
    return open(path, "ab", opener=_private)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _take_over(path: Path) -> int:
    """Return a descriptor that holds the lock of a home's worker; a worker that still has it is ended.

    The lock lives as long as the process that inherited it, so the pid beside it is that process and no other.
    """
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    end = time.monotonic() + 5.0
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            text = os.pread(lock, 32, 0).strip()
            if text.isdigit():
                logger.warning("process %s is the training worker of an earlier run; it is ended", text.decode())
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(int(text), signal.SIGKILL)
            if time.monotonic() > end:
                os.close(lock)
                raise
            time.sleep(0.02)
    os.ftruncate(lock, 0)
    return lock
