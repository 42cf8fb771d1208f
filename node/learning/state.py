"""What stays in a region between rounds of a study: modules that do not travel, optimizer state, a secret.

One folder a study, files of mode 0600. Each round leaves one safetensors file, and starts from the
newest of an earlier round: a round that is repeated after a crash starts where it started before.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from node.learning.errors import ConfigError
from node.learning.files import file_bytes, sync_folder
from node.learning.vectors import Floats

KEPT_ROUNDS = 3


class State:
    """A study's folder; in memory where ``folder`` is None."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._memory: dict[str, Floats] = {}

    def secret(self) -> bytes:
        """Return 32 random bytes, the same as long as the folder lives."""
        if self.folder is None:
            return os.urandom(32)
        path = self.folder / "chance"
        if not path.exists():
            write_whole(path, os.urandom(32))
        secret = file_bytes(path, "the secret of a study with DP")
        if len(secret) != 32:
            raise ConfigError(f"{path} is damaged", "32 bytes", "Restore it from a backup.")
        return secret

    def before(self, round: int) -> dict[str, Floats]:
        """Return what stayed after the newest round before this one; nothing at first."""
        if self.folder is None:
            return dict(self._memory)
        rounds = [saved for saved in self._saved(self.folder) if saved < round]
        if not rounds:
            return {}
        from safetensors import SafetensorError
        from safetensors.numpy import load

        path = self.folder / f"{max(rounds)}.safetensors"
        try:
            return dict(load(file_bytes(path, "the state of a study")))
        except SafetensorError as error:
            raise ConfigError(f"{path} is damaged", "what was written", "Restore it from a backup.") from error

    def save(self, round: int, private: dict[str, Floats]) -> None:
        """Keep what stays after a round; forget rounds that nobody will repeat."""
        if self.folder is None:
            self._memory = private
            return
        from safetensors.numpy import save

        write_whole(self.folder / f"{round}.safetensors", save(dict(sorted(private.items()))))
        for old in self._saved(self.folder):
            if not round - KEPT_ROUNDS < old <= round:
                (self.folder / f"{old}.safetensors").unlink()

    @staticmethod
    def _saved(folder: Path) -> list[int]:
        return [int(path.stem) for path in folder.glob("*.safetensors") if path.stem.isdigit()]


def write_whole(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Write a file whole or not at all, and have it on disk when this returns."""
    part = path.with_name(path.name + ".part")
    try:
        made = [one for one in (path.parent, *path.parent.parents) if not one.exists()]
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            part.unlink()
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        for folder in dict.fromkeys((path.parent, *(one.parent for one in made))):
            sync_folder(folder)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written ({error.strerror})", "a writable folder with room", "Make room."
        ) from error
