"""The control socket: one line each way, bounded, with and without a daemon."""

from __future__ import annotations

import errno
import json
import os
import socket
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq
from hypothesis import given
from hypothesis import strategies as st

from gossip.memory import SeededEntropy
from node.control import MAX_LINE, SOCKET, Refused, ask, from_json, socket_path, to_json
from node.control_socket import MAX_CONNECTIONS, ControlSocket
from node.home import Home, Lock
from node.store.storage import StoreReader
from protocol.roster import card_line


def make(path: Path, name: str = "vgr") -> Home:
    return Home.create(
        path, "test.example", name, ["tcp://127.0.0.1:7700"], None, entropy=SeededEntropy("control", name)
    )


class Server:
    """A control socket in a thread that answers every request with its own op and args, unless told otherwise."""

    def __init__(self, home: Path) -> None:
        self.lock = Lock(home, "node")
        self.poller = zmq.Poller()
        self.control = ControlSocket(home, self.poller)
        self.is_mute = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            ready = dict(self.poller.poll(20))
            for request in self.control.requests(ready, time.monotonic_ns() // 10**6):
                if request.op == "no":
                    words = {"code": "STUDY", "found": "none", "expected": "one", "fix": "look"}
                    self.control.reply(request.ticket, None, words)
                elif not self.is_mute:
                    self.control.reply(request.ticket, {"op": request.op, "args": request.args}, None)

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self.control.close()
        self.lock.release()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return make(tmp_path / "vgr").path


@pytest.fixture
def server(home: Path) -> Iterator[Server]:
    one = Server(home)
    yield one
    one.close()


def say(home: Path, line: bytes) -> bytes:
    """What a client gets that says this; b"" if it is hung up on."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client, socket_path(home) as path:
        client.settimeout(60)
        client.connect(path)
        try:
            client.sendall(line)
            return client.recv(2**16)
        except (ConnectionResetError, BrokenPipeError):
            return b""


# ---------------------------------------------------------------- with a daemon


def test_a_request_reaches_the_daemon_with_its_bytes(home: Path, server: Server) -> None:
    found = ask(home, "propose", {"plan": b"\x00\xff", "n": 1, "text": "år", "list": [b"", "x"]})
    assert found == {"op": "propose", "args": {"plan": "0x00ff", "n": 1, "text": "år", "list": ["0x", "x"]}}


def test_a_refusal_arrives_as_its_four_words(home: Path, server: Server) -> None:
    with pytest.raises(Refused) as caught:
        ask(home, "no", {})
    assert (caught.value.code, caught.value.found, caught.value.fix) == ("STUDY", "none", "look")


def test_a_long_answer_arrives_whole(home: Path, server: Server) -> None:
    text = "x" * (MAX_LINE // 2)
    assert ask(home, "echo", {"text": text})["args"]["text"] == text


def test_only_the_owner_may_connect(home: Path, server: Server) -> None:
    assert stat.S_IMODE((home / SOCKET).stat().st_mode) == 0o600


def test_a_home_of_any_depth_can_be_asked(tmp_path: Path) -> None:
    deep = make(tmp_path / ("d" * 60) / ("e" * 60) / ("f" * 60) / "vgr").path
    server = Server(deep)
    try:
        assert ask(deep, "hello", {})["op"] == "hello"
    finally:
        server.close()


@pytest.mark.parametrize(
    "line",
    [
        b"not json\n",
        b"[1]\n",
        b'{"op": 1, "args": {}}\n',
        b'{"op": "x"}\n',
        b"[" * 100_000 + b"\n",
        b"\xff\n",
        b'{"op": "x", "args": {"a": ' + b"[" * 900 + b"]" * 900 + b"}}\n",
        b'{"op": "x", "args": {"a": ' + b"[" * 34 + b"]" * 34 + b"}}\n",
    ],
    ids=[
        "no JSON",
        "a list",
        "op is no text",
        "no args",
        "too deep for JSON",
        "no UTF-8",
        "too deep for Python",
        "too deep for us",
    ],
)
def test_what_is_no_request_is_hung_up_on_and_others_are_served(home: Path, server: Server, line: bytes) -> None:
    assert say(home, line) == b""
    assert ask(home, "hello", {})["op"] == "hello"


def test_a_line_without_end_is_hung_up_on(home: Path, server: Server) -> None:
    assert say(home, b"x" * (MAX_LINE + 2**20)) == b""


def test_many_who_connect_and_say_nothing_do_not_lock_others_out_for_good(home: Path, server: Server) -> None:
    idle = []
    for _ in range(MAX_CONNECTIONS + 5):
        one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with socket_path(home) as path:
            one.connect(path)
        idle.append(one)
    for one in idle:
        one.close()
    assert ask(home, "hello", {})["op"] == "hello"


def test_an_answer_that_does_not_come_is_given_up_on(home: Path, server: Server) -> None:
    server.is_mute = True
    with pytest.raises(TimeoutError, match="did not answer in time"):
        ask(home, "hello", {}, 0.3)


# ---------------------------------------------------------------- without one


def test_without_a_daemon_the_home_is_taken_for_a_moment(home: Path) -> None:
    line = card_line(Home.open(home).card())
    other = card_line(make(home.parent / "skane", "skane").card())
    found = ask(home, "roster_found", {"cards": [line, other], "role": "technical", "ref": None})
    assert found["rosters"][0]["signed"] == ["vgr"]
    with StoreReader(Home.open(home)) as reader:
        kinds = [leaf for leaf in reader.leaves() if b"roster.accept" in leaf]
    assert len(kinds) == 1
    Lock(home).release()


def test_a_refused_request_leaves_the_log_as_it_was(home: Path) -> None:
    with pytest.raises(Refused, match="no study beginning with"):
        ask(home, "study", {"study": "abc"})
    with StoreReader(Home.open(home)) as reader:
        assert len(list(reader.leaves())) == 1


def test_status_without_a_daemon_says_so(home: Path) -> None:
    found = ask(home, "status", {})
    assert found["pid"] is None
    assert (found["state"], found["study"], found["epsilon"]) == ("idle", None, None)
    assert found["log"]["size"] == 1
    assert found["disk"]["bytes"] > 0


def test_a_home_that_another_holds_is_named_busy_after_a_while(home: Path) -> None:
    lock = Lock(home)
    with pytest.raises(Refused, match=f"process {os.getpid()} owns") as caught:
        ask(home, "status", {}, 0.2)
    assert caught.value.code == "BUSY"
    lock.release()


def test_a_home_that_another_holds_for_a_moment_is_waited_for(home: Path) -> None:
    lock = Lock(home)
    threading.Timer(0.3, lock.release).start()
    assert ask(home, "status", {}, 60)["state"] == "idle"


def test_a_node_that_is_too_busy_for_one_more_connection_is_asked_again(home: Path) -> None:
    """More wait at its socket than the system lets queue: that is no fault, and its home is not taken from it."""
    lock, waiting = Lock(home, "node"), []
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener, socket_path(home) as path:
        listener.bind(path)
        listener.listen(1)
        code = 0
        while code != errno.EAGAIN:
            waiting.append(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            waiting[-1].setblocking(False)
            code = waiting[-1].connect_ex(path)
        with pytest.raises(Refused, match=f"process {os.getpid()} owns"):
            ask(home, "status", {}, 0.2)
    for one in waiting:
        one.close()
    lock.release()


def test_data_that_is_not_bound_cannot_be_accepted_with(home: Path) -> None:
    with pytest.raises(Refused, match="no data set is bound as 'heart'") as caught:
        ask(home, "accept", {"study": bytes(32), "data": "heart"})
    assert caught.value.code == "DATA"


# ---------------------------------------------------------------- the form

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.binary() | st.text().filter(lambda t: t[:2] != "0x"),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(values)
def test_every_value_comes_back_from_json_as_it_was(value: object) -> None:
    assert from_json(json.loads(json.dumps(to_json(value)))) == value
