"""A region's home: one folder with its keys, its log and its settings, and one owner at a time.

Knows where things lie; ``node.store.storage`` knows what is in the log. The layout is in README.md.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from crypto.errors import CryptoError
from crypto.keys import PrivateKeys
from crypto.mldsa import is_available
from node.config import Config, bind_for, check_bind, read_config
from node.errors import BusyError, ConfigError
from node.files import sync_folder
from protocol.roster import Card, make_card

if TYPE_CHECKING:
    from protocol.epochs import Previous
    from protocol.log import Log

KEYS_PREFIX = "landsting-keys/v1"
FOLDERS = ("log", "payloads", "state", "data", "studies")


class Home:
    """A home that exists.

    Attributes:
        path: The folder, absolute.
        config: What ``home.toml`` says.
    """

    def __init__(self, path: Path, config: Config) -> None:
        self.path = path
        self.config = config
        self._sets: dict[int, PrivateKeys] = {}
        self._serial: int | None = None
        self._epoch: int | None = None

    @classmethod
    def create(
        cls,
        path: Path,
        network: str,
        name: str,
        advertise: Sequence[str],
        bind: str | None,
        *,
        entropy: Callable[[int], bytes] = os.urandom,
    ) -> Home:
        """Make a home: keys, settings, and a log that begins with its genesis; all of it or nothing.

        Raises:
            ConfigError: The folder is in use, or ``bind`` is no address.
            RosterError: A name or an address is not one that a card may have.
        """
        path = path.absolute()
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise ConfigError(
                f"{path} exists and is not empty",
                "a new folder",
                "choose another --home; a home is never overwritten",
                code="HOME",
            )
        keys = PrivateKeys.generate(entropy, with_release=is_available())
        make_card(network, name, advertise, keys)  # what a card may not have is refused before anything is made
        if bind is not None:
            check_bind(bind, "--bind")
        config = Config(network, name, tuple(advertise), bind or bind_for(tuple(advertise)))
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.part-{os.getpid()}")
        try:
            part.mkdir(mode=0o700)
            for folder in FOLDERS:
                (part / folder).mkdir(mode=0o700)
            _write_new(part / "home.toml", config.text().encode(), 0o600)
            _write_new(part / "keys", f"{KEYS_PREFIX} {base64.b64encode(keys.to_bytes()).decode()}\n".encode(), 0o600)
            home = cls(part, config)
            home._sets, home._serial, home._epoch = {1: keys}, 1, 1
            home._begin_log()
            os.rename(part, path)
        finally:
            shutil.rmtree(part, ignore_errors=True)
        home.path = path
        return home

    @classmethod
    def open(cls, path: Path) -> Home:
        """Return the home in a folder.

        Raises:
            ConfigError: There is none, or it is of another version.
        """
        path = path.absolute()
        return cls(path, read_config(path / "home.toml"))

    # ---------------------------------------------------------------- who it is

    @property
    def name(self) -> str:
        """The region."""
        return self.config.name

    @property
    def network(self) -> str:
        """The network it belongs to."""
        return self.config.network

    @property
    def origin(self) -> str:
        """Origin of its log."""
        return f"{self.network}/{self.name}/{self.epoch}"

    @property
    def epoch(self) -> int:
        """Epoch of its log: 1, or more where it was begun anew."""
        if self._epoch is None:
            from node.store.epochs import epoch_in

            self._epoch = epoch_in(self.path)
        return self._epoch

    @epoch.setter
    def epoch(self, value: int) -> None:
        self._epoch = value

    @property
    def serial(self) -> int:
        """Serial of the key set in use: that of the log's last ``key.rotate``, 1 where there is none."""
        if self._serial is None:
            from node.store.database import last_rotation

            self._serial = last_rotation(self.path) if self._files().keys() - {1} else 1
        return self._serial

    @serial.setter
    def serial(self, value: int) -> None:
        self._serial = value

    def keys(self, serial: int | None = None) -> PrivateKeys:
        """Return the private keys in use, or those of a set.

        Raises:
            ConfigError: They are missing, damaged, or others could read them.
        """
        wanted = self.serial if serial is None else serial
        if wanted not in self._sets:
            self._sets[wanted] = _read_keys(self._files().get(wanted, self.path / "keys"))
        return self._sets[wanted]

    def key_sets(self) -> dict[int, PrivateKeys]:
        """Return all private sets by serial: earlier ones open what was sent to them, one later may be offered."""
        return {serial: self.keys(serial) for serial in sorted(self._files())}

    def next_keys(self, entropy: Callable[[int], bytes] = os.urandom) -> tuple[Card, PrivateKeys]:
        """Make the set after the one in use, or return the one that was made; its card goes into the next roster.

        The identity key stays. So does the key of the links: others dial a region by it, and not all learn of a
        new one at the same time.
        """
        serial = self.serial + 1
        path = self.path / f"keys.{serial}"
        if not path.exists():
            old, made = self.keys(), PrivateKeys.generate(entropy, with_release=is_available())
            keys = replace(made, identity=old.identity, curve=old.curve)
            _write_new(path, f"{KEYS_PREFIX} {base64.b64encode(keys.to_bytes()).decode()}\n".encode(), 0o600)
            sync_folder(self.path)
        keys = self.keys(serial)
        return make_card(self.network, self.name, self.config.advertise, keys, serial), keys

    def _files(self) -> dict[int, Path]:
        found = {1: self.path / "keys"}
        for path in self.path.glob("keys.*"):
            if path.suffix[1:].isdigit():
                found[int(path.suffix[1:])] = path
        return found

    def card(self) -> Card:
        """Return the region's card of the keys in use, with the addresses of ``home.toml``."""
        return make_card(self.network, self.name, self.config.advertise, self.keys(), self.serial)

    def config_sha256(self) -> bytes:
        """Return the SHA-256 of ``home.toml``, as ``node.start`` states it."""
        return hashlib.sha256((self.path / "home.toml").read_bytes()).digest()

    def log(self, leaves: Sequence[bytes | None] = (), hashes: Sequence[bytes] | None = None) -> Log:
        """Return the log in memory, over what is on disk; ``hashes`` where not every leaf is there any more."""
        from protocol.log import Log

        keys = self.keys()
        return Log(
            network=self.network,
            region=self.name,
            sign_key=keys.sign,
            log_key=keys.log,
            release_key=keys.release,
            leaves=leaves,
            hashes=hashes,
            epoch=self.epoch,
        )

    def first_entry(self, log: Log, now_ms: int, previous: Previous | None = None) -> None:
        """Append ``log.genesis``; with ``previous``, of a log that was begun anew after that head."""
        from node.software import software

        card = self.card()
        log.add(
            "log.genesis",
            {
                "network": self.network,
                "region": self.name,
                "identity": card.identity,
                "keys": card.value()["keys"],
                "software": software(),
                "prev": previous.value() if previous is not None else None,
            },
            study=None,
            now_ms=now_ms,
        )

    def _begin_log(self) -> None:
        from gossip.effects import Commit
        from node.store.storage import Store

        log = self.log()
        self.first_entry(log, time.time_ns() // 10**6)
        pending = log.pending()
        assert pending is not None
        leaves, checkpoint, signature = pending
        with Store.create(self) as store:
            store.commit(Commit(tuple(leaves), checkpoint, signature, publish=True))


class Lock:
    """The right to append to a home's log: a file lock, gone with the process that holds it.

    Args:
        home: The home.
        role: ``node`` or ``command``; a command holds it for a moment only.
        wait_s: How long to wait for a command that has it; a node is waited for a second at most.

    Raises:
        BusyError: Another process has it; names its pid.
    """

    NODE_S = 1.0  # until then what the file says may be of an owner before this one

    def __init__(self, home: Path, role: str = "command", wait_s: float = 0.0) -> None:
        self._fd = os.open(home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        began = time.monotonic()
        while True:
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                pid, _, other = os.pread(self._fd, 64, 0).decode("ascii", "replace").strip().partition(" ")
                waited = time.monotonic() - began
                if waited < min(wait_s, self.NODE_S if other == "node" else wait_s):
                    time.sleep(0.02)
                    continue
                os.close(self._fd)
                raise BusyError(
                    f"process {pid or 'unknown'} owns {home}",
                    "one owner of a home at a time",
                    f"stop it (kill {pid}), or use the node that runs: landsting status --home {home}",
                ) from error
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()} {role}\n".encode(), 0)

    def release(self) -> None:
        """Let go."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _read_keys(path: Path) -> PrivateKeys:
    try:
        mode = path.stat().st_mode & 0o777
        text = path.read_text(encoding="ascii")
    except (FileNotFoundError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path} is missing or unreadable",
            "the region's keys",
            "restore them from the backup of this home",
            code="HOME",
        ) from error
    if mode & 0o077:
        raise ConfigError(f"{path} can be read by others (mode {mode:o})", "mode 600", f"chmod 600 {path}", code="HOME")
    prefix, _, payload = text.strip().partition(" ")
    with contextlib.suppress(binascii.Error, ValueError, CryptoError):
        if prefix == KEYS_PREFIX:
            return PrivateKeys.from_bytes(base64.b64decode(payload, validate=True))
    raise ConfigError(
        f"{path} is damaged", f"one line '{KEYS_PREFIX} …'", "restore it from the backup of this home", code="HOME"
    )


def _write_new(path: Path, data: bytes, mode: int) -> None:
    """Write a file that must not exist yet, and have it on disk when this returns."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
