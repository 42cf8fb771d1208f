"""Homes: what ``init`` makes, what is refused, and who owns it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from crypto.keys import PrivateKeys
from gossip.memory import SeededEntropy
from node.config import bind_for, read_config
from node.errors import BusyError, ConfigError
from node.home import Home, Lock
from node.store.storage import StoreReader
from protocol.entries import decode_entry
from protocol.errors import RosterError

ADDRESS = "tcp://fl.vgr.example:7700"


def make(path: Path, **changes: object) -> Home:
    values: dict[str, object] = {"network": "test.example", "name": "vgr", "advertise": [ADDRESS], "bind": None}
    return Home.create(path, **{**values, **changes}, entropy=SeededEntropy("home"))  # type: ignore[arg-type]


def test_a_new_home_opens_with_the_same_keys_and_card(tmp_path: Path) -> None:
    made = make(tmp_path / "vgr")
    found = Home.open(tmp_path / "vgr")
    assert found.keys().to_bytes() == PrivateKeys.generate(SeededEntropy("home"), with_release=True).to_bytes()
    assert found.card() == made.card()
    assert found.card().addresses == (ADDRESS,)


def test_a_new_log_begins_with_its_genesis(tmp_path: Path) -> None:
    home = make(tmp_path / "vgr")
    with StoreReader(home) as reader:
        (leaf,) = reader.leaves()
    entry = decode_entry(leaf)
    assert (entry.kind, entry.log, entry.seq) == ("log.genesis", "test.example/vgr/1", 0)
    assert entry.body["identity"] == home.card().identity


def test_only_the_owner_can_read_a_home(tmp_path: Path) -> None:
    make(tmp_path / "vgr")
    open_to_others = [
        path for path in [tmp_path / "vgr", tmp_path / "vgr" / "keys", tmp_path / "vgr" / "HEAD"]
        if stat.S_IMODE(path.stat().st_mode) & 0o077
    ]  # fmt: skip
    assert open_to_others == []


def test_keys_do_not_show_in_print(tmp_path: Path) -> None:
    home = make(tmp_path / "vgr")
    text = repr(home.keys()) + repr(home.config)
    assert home.keys().curve.hex() not in text
    assert home.keys().to_bytes().hex()[:64] not in text


# ---------------------------------------------------------------- what is refused


def test_a_home_is_never_overwritten(tmp_path: Path) -> None:
    make(tmp_path / "vgr")
    before = (tmp_path / "vgr" / "keys").read_bytes()
    with pytest.raises(ConfigError, match="not empty"):
        make(tmp_path / "vgr")
    assert (tmp_path / "vgr" / "keys").read_bytes() == before


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "Väst"}, "cannot be called"),
        ({"advertise": ["tcp://0.0.0.0:1"]}, "others cannot dial it"),
        ({"advertise": ["vgr.example"]}, "not of the form tcp://HOST:PORT"),
        ({"bind": "tcp://vgr.example:7700"}, "with an IP address"),
    ],
    ids=["name", "anywhere", "no port", "bind to a name"],
)
def test_a_refused_init_leaves_nothing_behind(tmp_path: Path, changes: dict[str, object], words: str) -> None:
    with pytest.raises((ConfigError, RosterError), match=words):
        make(tmp_path / "vgr", **changes)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_home_is_refused_with_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="landsting init --home"):
        Home.open(tmp_path)


def test_a_home_of_another_version_is_refused(tmp_path: Path) -> None:
    make(tmp_path / "vgr")
    file = tmp_path / "vgr" / "home.toml"
    file.write_text(file.read_text().replace("version = 1", "version = 2"))
    with pytest.raises(ConfigError, match="home of version 2; expected version 1"):
        Home.open(tmp_path / "vgr")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("advertize = []", "did you mean 'advertise'"),
        ("[limits]\nmemory_mb = 5", "did you mean 'limits.memory_mib'"),
        ("[links]\nheartbeat_s = 0", "heartbeat_s is 0; expected seconds"),
        ("[limits]\nmemory_mib = 1.5", "memory_mib is 1.5; expected a whole number"),
        ("bind = 7700", "bind is 7700"),
    ],
    ids=["typing error", "typing error in a table", "no time", "half a mebibyte", "bind is a number"],
)
def test_a_wrong_line_is_named_with_what_was_meant(tmp_path: Path, line: str, words: str) -> None:
    file = tmp_path / "home.toml"
    file.write_text(f'version = 1\nnetwork = "n"\nname = "vgr"\n{line}\n')
    with pytest.raises(ConfigError, match=words):
        read_config(file)


def test_keys_that_others_can_read_are_refused(tmp_path: Path) -> None:
    make(tmp_path / "vgr")
    (tmp_path / "vgr" / "keys").chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        Home.open(tmp_path / "vgr").keys()


def test_damaged_keys_are_refused(tmp_path: Path) -> None:
    make(tmp_path / "vgr")
    (tmp_path / "vgr" / "keys").write_text("landsting-keys/v1 AAAA\n")
    with pytest.raises(ConfigError, match="is damaged"):
        Home.open(tmp_path / "vgr").keys()


# ---------------------------------------------------------------- one owner


def test_a_second_owner_is_refused_and_the_first_is_named(tmp_path: Path) -> None:
    make(tmp_path / "vgr")
    program = (
        "import sys; from pathlib import Path; from node.home import Lock; "
        "lock = Lock(Path(sys.argv[1])); print('owned', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "vgr")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other.stdout is not None
    other.stdout.readline()
    try:
        with pytest.raises(BusyError, match=f"process {other.pid} owns"):
            Lock(tmp_path / "vgr")
    finally:
        other.kill()
        other.communicate()
    Lock(tmp_path / "vgr").release()


@pytest.mark.parametrize(
    ("advertised", "bound"),
    [
        ((), None),
        (("tcp://fl.vgr.example:7700",), "tcp://0.0.0.0:7700"),
        (("tcp://127.0.0.1:7701",), "tcp://127.0.0.1:7701"),
        (("tcp://[2001:db8::1]:7700",), "tcp://[::]:7700"),
    ],
    ids=["dials only", "a name", "loopback stays loopback", "IPv6"],
)
def test_a_node_listens_where_it_is_reached(advertised: tuple[str, ...], bound: str | None) -> None:
    assert bind_for(advertised) == bound


def test_a_node_waits_for_a_command_but_not_for_another_node(tmp_path: Path) -> None:
    make(tmp_path / "vgr")
    command = Lock(tmp_path / "vgr")
    threading.Timer(0.2, command.release).start()
    node = Lock(tmp_path / "vgr", "node", wait_s=60)
    with pytest.raises(BusyError, match=f"process {os.getpid()} owns"):
        Lock(tmp_path / "vgr", "node", wait_s=3600)  # longer than a test may take
    node.release()
