"""Files of a home that are whole or not there: written beside, then renamed."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable
from pathlib import Path

from node.errors import StoreError

Buffer = bytes | memoryview
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*(/[a-z0-9][a-z0-9-]*){0,5}")


class Files:
    """State files by name and kept payloads by SHA-256, under one home.

    A name is like ``model/<study hex>/12``; payloads lie in ``payloads/ab/<hex>``.
    """

    def __init__(self, home: Path) -> None:
        self._state = home / "state"
        self._payloads = home / "payloads"

    def blob(self, name: str) -> bytes | None:
        """Return a state file; None if there is none."""
        return _read(self._state_path(name))

    def kept(self, sha256: bytes) -> bytes | None:
        """Return a kept payload; None if there is none."""
        return _read(self._payload_path(sha256))

    def put_kept(self, items: Iterable[tuple[bytes, Buffer]]) -> None:
        """Have kept payloads on disk when this returns."""
        folders: set[Path] = set()
        for sha256, data in items:
            path = self._payload_path(sha256)
            if not path.exists():
                folders |= write(path, data, durable=True)
        for folder in sorted(folders):
            sync_folder(folder)

    def remove_kept(self, sha256: bytes) -> None:
        """Remove a kept payload; one that is gone already is no error."""
        self._payload_path(sha256).unlink(missing_ok=True)

    def put_blob(self, name: str, data: Buffer | None, *, durable: bool) -> None:
        """Write (or with None remove) a state file; with ``durable`` it is on disk when this returns."""
        path = self._state_path(name)
        if data is None:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
                if not any(path.parent.iterdir()) and path.parent != self._state:
                    path.parent.rmdir()
            return
        folders = write(path, data, durable=durable)
        if durable:
            for folder in sorted(folders):
                sync_folder(folder)

    def _state_path(self, name: str) -> Path:
        if _NAME.fullmatch(name) is None:
            raise ValueError(f"{name!r} is not a name of a state file")
        return self._state / name

    def _payload_path(self, sha256: bytes) -> Path:
        text = sha256.hex()
        return self._payloads / text[:2] / text


def write(path: Path, data: Buffer, *, durable: bool) -> set[Path]:
    """Write a file, 0600, in place of any former one; returns the folders whose entries changed."""
    folders = {path.parent}
    if not path.parent.is_dir():
        missing = [path.parent, *path.parent.parents]
        folders |= {one.parent for one in missing if not one.exists()}
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        view = memoryview(data).cast("B")
        while view:
            view = view[os.write(descriptor, view) :]
        if durable:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.replace(part, path)
    return folders


def sync_folder(path: Path) -> None:
    """Have a folder's entries on disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def disk_error(error: OSError, where: Path) -> StoreError:
    """Return a failed write in words."""
    import errno

    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreError(
            f"the disk of {where} is full", "room for the log", "make room, then start the node again", code="DISK"
        )
    return StoreError(
        f"{where} cannot be written ({error.strerror})", "a disk that takes writes", "check the disk, then start again",
        code="DISK",
    )  # fmt: skip


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
