"""The daemon's side of the training worker: a process of its own, asked in msgpack frames, never waited for.

Rules kept here, and nowhere else:
  * a frame is bounded before it is read, and nothing is unpickled;
  * one request is under way at a time; the others wait in order;
  * a worker that dies or hangs loses what was asked of it; the next request starts another, after a pause
    that doubles;
  * the worker gets no secret: an environment of a few names, lower priority.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import struct
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgpack
import zmq

logger = logging.getLogger(__name__)

FRAME = 64 * 2**20
PIPE_BYTES = 2**20
PAUSE_MS = 500
PAUSE_MAX_MS = 30_000
_SET_PIPE_SIZE = 1031  # F_SETPIPE_SZ, Linux
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")

Answer = dict[str, Any]


@dataclass(slots=True)
class _Request:
    """What is asked, how long it may take, and whom to tell: None stands for a lost worker."""

    value: dict[str, Any]
    limit_ms: int
    then: Callable[[Answer | None], None]


class WorkerProcess:
    """One region's training process.

    Args:
        poller: Its pipes are registered here.
    """

    def __init__(self, poller: zmq.Poller) -> None:
        self._poller = poller
        self._process: subprocess.Popen[bytes] | None = None
        self._queue: deque[_Request] = deque()
        self._current: _Request | None = None
        self._deadline_ms = 0
        self._count = 0
        self._limit = FRAME
        self._outgoing: deque[memoryview] = deque()
        self._incoming = bytearray()
        self._view: memoryview | None = None
        self._filled = 0
        self._pause_ms = PAUSE_MS
        self._not_before_ms = 0
        self.life = 0

    # ---------------------------------------------------------------- asking

    def expect(self, parameters: int) -> None:
        """Allow frames as large as a study of so many parameters needs."""
        self._limit = max(self._limit, FRAME + 8 * parameters)

    def ask(self, value: dict[str, Any], limit_ms: int, then: Callable[[Answer | None], None], now_ms: int) -> None:
        """Ask the worker, starting one if there is none; ``then`` gets its answer, or None if it was lost."""
        self._queue.append(_Request(value, limit_ms, then))
        self._go_on(now_ms)

    def wake_ms(self, now_ms: int) -> int | None:
        """When ``serve`` wants to be called though no pipe is ready."""
        if self._current is not None:
            return self._deadline_ms
        if self._queue:
            return max(self._not_before_ms, now_ms)
        return None

    def serve(self, ready: dict[object, int], now_ms: int) -> None:
        """Read and write what the poller found ready; answers go to who asked."""
        process = self._process
        if process is not None:
            assert process.stdin is not None
            assert process.stdout is not None
            if process.stdin.fileno() in ready:
                self._write(now_ms)
            if self._process is process and process.stdout.fileno() in ready:
                for answer in self._read(now_ms):
                    self._answered(answer)
        if self._current is not None and now_ms >= self._deadline_ms:
            self._lose(now_ms, "gave no answer in time")
        self._go_on(now_ms)

    def start(self, now_ms: int) -> None:
        """Start the process ahead of the first request, so that it is there when it is needed."""
        if self._process is None and now_ms >= self._not_before_ms:
            self._spawn()

    # ---------------------------------------------------------------- the process

    def _spawn(self) -> None:
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        environment |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "node.learning.worker"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, bufsize=0,
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        for stream in (self._process.stdin, self._process.stdout):
            os.set_blocking(stream.fileno(), False)
            with contextlib.suppress(OSError):
                fcntl.fcntl(stream.fileno(), _SET_PIPE_SIZE, PIPE_BYTES)
        self._poller.register(self._process.stdout.fileno(), zmq.POLLIN)
        self._reset()
        self.life += 1
        logger.info("training worker started, process %d", self._process.pid)

    def _reset(self) -> None:
        self._outgoing.clear()
        self._incoming, self._view, self._filled = bytearray(), None, 0

    def _lose(self, now_ms: int, why: str) -> None:
        """The worker is gone: kill what is left, tell who waits, and pause before the next."""
        logger.warning("the training worker %s", why)
        self._stop()
        self._not_before_ms = now_ms + self._pause_ms
        self._pause_ms = min(2 * self._pause_ms, PAUSE_MAX_MS)
        lost = [self._current] if self._current is not None else []
        lost += self._queue
        self._current = None
        self._queue.clear()
        for request in lost:
            request.then(None)

    def _stop(self) -> None:
        process = self._process
        if process is None:
            return
        self._process = None
        assert process.stdin is not None
        assert process.stdout is not None
        for stream in (process.stdin, process.stdout):
            with contextlib.suppress(KeyError):
                self._poller.unregister(stream.fileno())
            with contextlib.suppress(OSError):
                stream.close()
        process.kill()
        process.wait()
        self._reset()

    def close(self) -> None:
        """End the process; whoever waits is told nothing."""
        self._queue.clear()
        self._current = None
        self._stop()

    # ---------------------------------------------------------------- frames

    def _go_on(self, now_ms: int) -> None:
        if self._current is not None or not self._queue or now_ms < self._not_before_ms:
            return
        if self._process is None:
            self._spawn()
        self._current = self._queue.popleft()
        self._count += 1
        self._deadline_ms = now_ms + self._current.limit_ms
        data = msgpack.packb({**self._current.value, "id": self._count}, use_bin_type=True)
        self._outgoing.extend((memoryview(struct.pack(">I", len(data))), memoryview(data)))
        assert self._process is not None
        assert self._process.stdin is not None
        self._poller.register(self._process.stdin.fileno(), zmq.POLLOUT)
        self._write(now_ms)

    def _write(self, now_ms: int) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        fd = self._process.stdin.fileno()
        try:
            while self._outgoing:
                written = os.write(fd, self._outgoing[0])
                if written < len(self._outgoing[0]):
                    self._outgoing[0] = self._outgoing[0][written:]
                else:
                    self._outgoing.popleft()
        except BlockingIOError:
            return
        except OSError:
            self._lose(now_ms, "has ended")
            return
        with contextlib.suppress(KeyError):
            self._poller.unregister(fd)

    def _read(self, now_ms: int) -> Iterator[Answer]:
        assert self._process is not None
        assert self._process.stdout is not None
        fd = self._process.stdout.fileno()
        while True:
            wanted = 4 if self._view is None else len(self._view)
            try:
                if self._view is None:
                    part = os.read(fd, wanted - len(self._incoming))
                    count = len(part)
                    self._incoming += part
                else:
                    count = os.readv(fd, [self._view[self._filled :]])
                    self._filled += count
            except BlockingIOError:
                return
            except OSError:
                count = 0
            if count == 0:
                self._lose(now_ms, "has ended")
                return
            if self._view is None:
                if len(self._incoming) < 4:
                    continue
                (size,) = struct.unpack(">I", self._incoming)
                if not 0 < size <= self._limit:
                    self._lose(now_ms, f"announced a frame of {size} bytes; at most {self._limit} are taken")
                    return
                self._view, self._filled = memoryview(bytearray(size)), 0
            elif self._filled == len(self._view):
                data, self._view, self._incoming = self._view, None, bytearray()
                answer = self._parsed(data)
                if answer is None:
                    self._lose(now_ms, "answered in a form that is not the agreed one")
                    return
                yield answer
                if self._process is None:
                    return

    def _parsed(self, data: memoryview) -> Answer | None:
        try:
            value = msgpack.unpackb(data, raw=False, max_ext_len=0, max_bin_len=len(data), max_str_len=2**20)
        except (ValueError, msgpack.UnpackException, RecursionError):
            return None
        return value if isinstance(value, dict) and value.get("id") == self._count else None

    def _answered(self, answer: Answer) -> None:
        request, self._current = self._current, None
        self._pause_ms = PAUSE_MS
        if request is not None:
            request.then(answer)
