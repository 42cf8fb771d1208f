"""Asking a node: over its control socket if its daemon runs, else by taking the home for a moment.

The socket is ``control.sock`` in the home (0600). One line of JSON each way: ``{"op": …, "args": {…}}``, then
``{"result": {…}}`` or ``{"error": {"code", "found", "expected", "fix"}}``. Bytes travel as ``"0x…"``, which no
text of ours begins with. ``node.control_socket`` is the daemon's side.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from node.errors import BusyError, NodeError, Refused

__all__ = ["MAX_LINE", "SOCKET", "Refused", "ask", "from_json", "socket_path", "to_json"]

SOCKET = "control.sock"
MAX_LINE = 2 * 2**20
DEEPEST = 32
_HEX = re.compile(r"0x(?:[0-9a-f]{2})*")
_RETRY_S = 0.05
QUIET_S = 8.0  # a node that has just started asks the others first; who is off is waited for that long at most


def ask(home: Path, op: str, args: dict[str, Any], timeout_s: float = 60.0) -> dict[str, Any]:
    """Return a node's answer to an operator's request, as JSON has it.

    Raises:
        Refused: The node says no, or cannot do anything, for the reason given.
        TimeoutError: It did not answer in time.
    """
    home = home.absolute()
    line = _line({"op": op, "args": to_json(args)})
    end, quiet_end = time.monotonic() + timeout_s, time.monotonic() + min(timeout_s, QUIET_S)
    while True:
        # BlockingIOError: more wait for the daemon than the system lets queue; it is busy, and asked again.
        with contextlib.suppress(FileNotFoundError, ConnectionRefusedError, BlockingIOError):
            answer = _over_socket(home, line, end)
            if answer is not None:
                try:
                    return _result(answer)
                except Refused as error:
                    if error.code != "QUIET" or time.monotonic() > quiet_end:
                        raise
                time.sleep(_RETRY_S)
                continue
        try:
            return _without_daemon(home, op, args)
        except BusyError as error:
            # A daemon that starts or stops, or another command: it will be there, or gone, in a moment.
            if time.monotonic() > end:
                raise Refused(error.code, error.found, error.expected, error.fix) from error
        except NodeError as error:
            raise Refused(error.code, error.found, error.expected, error.fix) from error
        time.sleep(_RETRY_S)


def _over_socket(home: Path, line: bytes, end: float) -> bytes | None:
    """Return the daemon's line; None if it went away before it answered anything."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection, socket_path(home) as path:
        connection.settimeout(max(0.1, end - time.monotonic()))
        try:
            connection.connect(path)
            connection.sendall(line)
            buffer = bytearray()
            while not buffer.endswith(b"\n"):
                connection.settimeout(max(0.1, end - time.monotonic()))
                part = connection.recv(2**16)
                if not part:
                    return None
                buffer += part
                if len(buffer) > MAX_LINE:
                    raise Refused("DAEMON", "an answer that is too long", "a short one", "landsting status")
        except (BrokenPipeError, ConnectionResetError):
            return None
        except TimeoutError as error:
            raise TimeoutError(f"the node of {home} did not answer in time") from error
    return bytes(buffer)


def _without_daemon(home: Path, op: str, args: dict[str, Any]) -> dict[str, Any]:
    from node.region import Region
    from node.status import completed

    with Region.open(home) as region:
        result = region.ask(op, {key: from_json(to_json(value)) for key, value in args.items()})
        if op == "status":
            result = completed(result, region.home)
    found: dict[str, Any] = json.loads(_line(to_json(result)))
    return found


def _result(line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise Refused("DAEMON", "an answer that is not JSON", "one line of JSON", "start the node again") from error
    refusal = value.get("error")
    if refusal is not None:
        raise Refused(*(str(refusal.get(key, "")) for key in ("code", "found", "expected", "fix")))
    found: dict[str, Any] = value["result"]
    return found


# ---------------------------------------------------------------- the form


def _line(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def to_json(value: object) -> Any:
    """Return a value as JSON has it; bytes become ``"0x…"``, tuples lists."""
    match value:
        case bytes() | bytearray() | memoryview():
            return "0x" + bytes(value).hex()
        case dict():
            return {str(key): to_json(one) for key, one in value.items()}
        case list() | tuple():
            return [to_json(one) for one in value]
        case _:
            return value


def from_json(value: object, deepest: int = DEEPEST) -> Any:
    """Return what ``to_json`` was given, but for tuples.

    Raises:
        ValueError: Lists or maps lie deeper in each other than any request of ours; how deep Python goes is its own.
    """
    if deepest < 0:
        raise ValueError(f"lists and maps more than {DEEPEST} deep")
    match value:
        case str() if _HEX.fullmatch(value):
            return bytes.fromhex(value[2:])
        case dict():
            return {key: from_json(one, deepest - 1) for key, one in value.items()}
        case list():
            return [from_json(one, deepest - 1) for one in value]
        case _:
            return value


@contextlib.contextmanager
def socket_path(home: Path) -> Iterator[str]:
    """Give a path to a home's socket that fits an address of 108 bytes, however deep the home lies."""
    path = str(home / SOCKET)
    if len(os.fsencode(path)) < 100:
        yield path
        return
    folder = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{SOCKET}"
    finally:
        os.close(folder)
