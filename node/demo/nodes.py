"""One region of the demo: its home, and its node as a process of its own."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from node.cli.output import Refusal

STOP_S = 60.0
START_S = 60.0
# Below the range from which the system takes ports for outgoing connections: those could be in use
# by the time the node binds.
PORTS = range(20000, 32000)
LAST_LINES = 5
_claims: list[socket.socket] = []  # of ports, held while this process lives


@dataclass(slots=True)
class Node:
    """A home and, while it runs, its process.

    Attributes:
        starts: How often it was started.
        last: Its newest answer to ``status``.
        counted: Bytes (sent, received) of its earlier processes.
    """

    name: str
    home: Path
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0
    last: dict[str, Any] = field(default_factory=dict)
    counted: tuple[int, int] = (0, 0)

    @property
    def is_running(self) -> bool:
        """Whether its process lives."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start the node as one would by hand; what it says goes to ``node.log`` beside the home."""
        with (self.home.parent / f"{self.name}.log").open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "node", "run", "--home", str(self.home)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,  # Ctrl-C is for the demo, which then stops its nodes in good order
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        self.starts += 1

    def ask(self, op: str, args: dict[str, Any] | None = None, timeout_s: float = 60.0) -> dict[str, Any]:
        """Return the node's answer to a request, as every command of this home would get it."""
        from node.cli.asking import ask

        return ask(self.home, op, args or {}, timeout_s)

    def look(self) -> dict[str, Any]:
        """Return the node's status; the former one if it does not answer (it may be starting)."""
        if self.is_running and (self.home / "control.sock").exists():
            with contextlib.suppress(Refusal, OSError):
                self.last = self.ask("status", timeout_s=5.0)
        return self.last

    def wait_until_up(self) -> None:
        """Return when the node answers.

        Raises:
            Refusal: It stopped, or did not answer in time.
        """
        end = time.monotonic() + START_S
        while time.monotonic() < end:
            self.check_alive()
            if (self.home / "control.sock").exists():
                try:
                    self.last = self.ask("status", timeout_s=5.0)
                except (Refusal, OSError):
                    pass
                else:
                    return
            time.sleep(0.05)
        raise Refusal("DAEMON", f"the node of {self.name} did not answer in {START_S:.0f} s", "an answer", self._log())

    def check_alive(self) -> None:
        """Refuse to go on with a node that has stopped by itself."""
        if not self.is_running:
            code = self.process.returncode if self.process else None
            raise Refusal(
                "DAEMON",
                f"the node of {self.name} stopped (exit code {code}): {self.last_words()}",
                "a running node",
                self._log(),
            )

    def last_words(self) -> str:
        """Return the last lines that the node wrote."""
        path = self.home.parent / f"{self.name}.log"
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
        return " / ".join(lines[-LAST_LINES:]) or "it said nothing"

    def _log(self) -> str:
        return f"read {self.home.parent / f'{self.name}.log'}"

    def traffic(self) -> tuple[int, int]:
        """Return bytes (sent, received) on the wire over all its processes."""
        now = self.last.get("traffic") or {}
        return self.counted[0] + int(now.get("sent", 0)), self.counted[1] + int(now.get("received", 0))

    def kill(self) -> None:
        """SIGKILL: no good-bye, no last entry."""
        if self.process is not None:
            self.counted = self.traffic()
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            # What is left of it: whoever asked here now would take the home that a new start needs.
            (self.home / "control.sock").unlink(missing_ok=True)
            self.last = {**self.last, "traffic": {}, "state": "killed"}

    def stop(self) -> None:
        """SIGTERM, and SIGKILL to what is left of it after a while."""
        if self.process is None:
            return
        if self.is_running:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)  # its own session: the training worker too
            self.process.wait()


def stop_all(nodes: Sequence[Node]) -> None:
    """Stop all nodes at once, in good order."""
    for node in nodes:
        if node.is_running and node.process is not None:
            node.process.send_signal(signal.SIGTERM)
    for node in nodes:
        node.stop()


def free_ports(count: int) -> list[int]:
    """Return ports on which nobody listens on this machine, and which no other demo here has been given.

    Raises:
        Refusal: There are not so many.
    """
    found: list[int] = []
    for port in random.SystemRandom().sample(PORTS, len(PORTS)):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if not _claim(port):
            continue
        found.append(port)
        if len(found) == count:
            return found
    raise Refusal(
        "PORT", f"fewer than {count} free ports between {PORTS[0]} and {PORTS[-1]}", f"{count}", "stop other programs"
    )


def _claim(port: int) -> bool:
    """Take a port's name, which is held while this process lives; False if another process has it.

    A node binds only seconds after its port was chosen, and not at all while it is killed.
    """
    if sys.platform != "linux":  # there alone a name needs no file that a kill would leave behind
        return True
    name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        name.bind(f"\0landsting/port/{port}")
    except OSError:
        name.close()
        return False
    _claims.append(name)
    return True
