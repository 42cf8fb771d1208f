"""An outside witness on disk: a key, the cards of the regions it watches, and every checkpoint it was shown.

Rules kept here, and nowhere else:
  * one cosignature for one size of a log; what was signed is on disk before it is handed out;
  * a checkpoint that contradicts what was seen is kept as well, unsigned: it is a statement of the log's own key;
  * nothing here is ever changed or removed, and no region needs it to run.

What is signed, and when: ``protocol.outside``. The folder: ``name``, ``key`` (0600), ``cards/``, ``seen/`` and
``refused/``, each log in a folder by the SHA-256 of its origin.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from crypto.note import Checkpoint, parse_checkpoint, parse_note
from crypto.signing import SigningKey
from node.errors import ConfigError, Refused
from node.files import sync_folder
from protocol.card import Card, parse_card
from protocol.errors import RosterError
from protocol.outside import (
    ContradictionError,
    NotSeenError,
    OldError,
    encode_held,
    is_name,
    judge,
    origin_of,
    read_request,
    signed,
    vkey,
)

KEY_PREFIX = "landsting-witness-key/v1"
MAX_REFUSED = 1000


class Outside:
    """A witness's folder.

    Attributes:
        path: The folder.
        name: What its lines are called, for instance ``uni.example/witness``.
        key: Signs cosignatures, and nothing else.
    """

    def __init__(self, path: Path, name: str, key: SigningKey) -> None:
        self.path = path
        self.name = name
        self.key = key

    @classmethod
    def create(cls, path: Path, name: str, *, entropy: Callable[[int], bytes] = os.urandom) -> Outside:
        """Make a folder with a key.

        Raises:
            ConfigError: It is in use, or the name is none.
        """
        if not is_name(name):
            raise ConfigError(f"a witness cannot be called {name[:64]!r}", "1 to 64 of A-Z a-z 0-9 . _ / -", "--name")
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise ConfigError(f"{path} exists and is not empty", "a new folder", "choose another", code="HOME")
        for folder in (path, path / "cards", path / "seen", path / "refused"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = SigningKey(entropy(32))
        _write(path / "key", f"{KEY_PREFIX} {key.seed.hex()}\n".encode())
        _write(path / "name", f"{name}\n".encode())
        return cls(path, name, key)

    @classmethod
    def open(cls, path: Path) -> Outside:
        """Return the witness in a folder.

        Raises:
            ConfigError: There is none, it is damaged, or others could read its key.
        """
        try:
            mode = (path / "key").stat().st_mode & 0o777
            prefix, _, seed = (path / "key").read_text("ascii").strip().partition(" ")
            name = (path / "name").read_text("ascii").strip()
            key = SigningKey(bytes.fromhex(seed))
        except (OSError, UnicodeDecodeError, ValueError) as error:
            raise ConfigError(f"no witness in {path}", "its key and name", "landsting witness init", code="HOME") from (
                error
            )
        if prefix != KEY_PREFIX or not is_name(name):
            raise ConfigError(f"{path} is damaged", "a witness", "restore it from its backup", code="HOME")
        if mode & 0o077:
            raise ConfigError(f"{path}/key can be read by others", "mode 600", f"chmod 600 {path}/key", code="HOME")
        return cls(path, name, key)

    @property
    def vkey(self) -> str:
        """Its public key, for auditors."""
        return vkey(self.name, self.key.public)

    # ---------------------------------------------------------------- whose logs

    def add(self, line: str) -> Card:
        """Watch the log of a region by its card; a later card of the same region brings later keys.

        Raises:
            Refused: It is no card, or one of a region whose identity key is another.
        """
        try:
            card = parse_card(line)
        except RosterError as error:
            raise Refused("CARD", str(error), "a region's card", "landsting card, at that region") from error
        for known in self.cards():
            if (known.network, known.name) == (card.network, card.name) and known.identity != card.identity:
                raise Refused(
                    "CARD",
                    f"{card.name} of {card.network} has another identity key than the card that is here",
                    "a card by the same identity key",
                    f"ask {card.name} by telephone; landsting card show compares fingerprints",
                )
        path = self.path / "cards" / f"{card.fingerprint.hex()}.card"
        if not path.exists():
            _write(path, line.strip().encode("ascii") + b"\n")
        return card

    def cards(self) -> list[Card]:
        """Return the cards of the regions that are watched."""
        found = [parse_card(path.read_text("ascii")) for path in sorted((self.path / "cards").glob("*.card"))]
        return sorted(found, key=lambda card: (card.network, card.name, card.keys.serial))

    # ---------------------------------------------------------------- what was seen

    def cosign(self, data: bytes, now: Callable[[], float] = time.time) -> tuple[Checkpoint, bytes]:
        """Sign the checkpoint of a request, and return it with its note and the line of this witness.

        Raises:
            Refused: It is not one that goes on from what was seen. One that contradicts it is kept.
        """
        with self._locked():
            try:
                request = read_request(data)
                origin = origin_of(request)
                point, note = judge(
                    request, self._log_keys(origin), self.newest(origin), lambda size: self._seen(origin, size)
                )
            except OldError as error:
                raise Refused(
                    "VALUE", str(error), f"a proof from size {error.size} to a log no shorter",
                    f"landsting log head --for-witness FILE --since {error.size}, at the region",
                ) from error  # fmt: skip
            except NotSeenError as error:
                raise Refused(
                    "VALUE", str(error), "a request by a region whose card is here",
                    "landsting witness add CARD; landsting log head --for-witness FILE",
                ) from error  # fmt: skip
            except ContradictionError as error:
                raise self._refused(origin, error) from error
            path = self._folder("seen", origin) / f"{point.size}.note"
            if not path.exists():
                path.parent.mkdir(mode=0o700, exist_ok=True)
                _write(path, signed(point, note, self.name, self.key, int(now())))
            return point, path.read_bytes()

    def _refused(self, origin: str, error: ContradictionError) -> Refused:
        """Keep what is not signed, as far as there is room; what shows a fork has room of its own."""
        folder, point = self._folder("refused", origin), parse_checkpoint(parse_note(error.note).body)
        newest = self.newest(origin)
        path = folder / f"{point.size}-{point.root.hex()[:16]}.note"
        is_kept = path.exists() or sum(1 for _ in folder.glob("*.note")) < MAX_REFUSED * (1 + error.is_fork)
        if is_kept and not path.exists():
            folder.mkdir(mode=0o700, exist_ok=True)
            _write(path, error.note)
        kept = "it is kept unsigned" if is_kept else f"it is not kept: {MAX_REFUSED} are here already"
        if error.is_fork:
            return Refused(
                "REFUSED", f"LS-FORK: {error}", "one history",
                f"{kept}; landsting witness export gives both to an auditor",
            )  # fmt: skip
        return Refused(
            "REFUSED", str(error), "a proof that holds; a wrong one accuses nobody, since nobody signs it",
            f"{kept}; at the region: landsting log head --for-witness FILE --since {newest.size if newest else 0}",
        )  # fmt: skip

    def newest(self, origin: str) -> Checkpoint | None:
        """Return the largest checkpoint of a log that was signed here."""
        sizes = [int(path.stem) for path in self._folder("seen", origin).glob("*.note") if path.stem.isdigit()]
        if not sizes:
            return None
        return self._seen(origin, max(sizes))

    def _seen(self, origin: str, size: int) -> Checkpoint | None:
        path = self._folder("seen", origin) / f"{size}.note"
        return parse_checkpoint(parse_note(path.read_bytes()).body) if path.exists() else None

    def notes(self) -> list[bytes]:
        """Return every note that is kept, by log and size, those that were refused behind those that were signed."""
        found = []
        for kind in ("seen", "refused"):
            for path in (self.path / kind).glob("*/*.note"):
                note = path.read_bytes()
                point = parse_checkpoint(parse_note(note).body)
                found.append((point.origin, kind == "refused", point.size, point.root, note))
        return [note for *_, note in sorted(found)]

    def export(self) -> bytes:
        """Return the file that an auditor is given."""
        return encode_held(self.vkey, self.notes())

    def _log_keys(self, origin: str) -> list[bytes]:
        network, _, region = origin.rpartition("/")[0].rpartition("/")
        return [card.keys.log for card in self.cards() if (card.network, card.name) == (network, region)]

    def _folder(self, kind: str, origin: str) -> Path:
        return self.path / kind / hashlib.sha256(origin.encode()).hexdigest()[:32]

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _write(path: Path, data: bytes) -> None:
    """Have a new file on disk, whole, when this returns."""
    part = path.with_name(f".{path.name}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    os.rename(part, path)
    sync_folder(path.parent)
