"""Files read and made sure of, with words where that fails."""

from __future__ import annotations

import os
from pathlib import Path

from node.learning.errors import ConfigError


def file_bytes(path: Path, what: str) -> bytes:
    """Return a file's bytes, or say in words why not."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{what} {path} cannot be read ({error.strerror})", "a readable file", "Check the path and its permissions."
        ) from error


def sync_folder(path: Path) -> None:
    """Have a folder's entries on disk."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
