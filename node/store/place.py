"""Whether a home lies where its node last ran, or was copied or put back since.

The file system dates every inode when it changes, and nobody can set that date (``st_ctime_ns``): the file ``keys`` of
a home that came back from a backup is another one than before, and so is ``log/anchor``, an empty file that is never
touched, where the log came back alone. (An inode's number alone says nothing: it is given out again.) ``log/place``
says which two the last run had. A snapshot of a whole machine brings all back as they were: that is not seen here, and
the other regions are asked anyway (``gossip.logs.asking``); a home that is moved, or whose owner changes, is taken for
one that was put back.
"""

from __future__ import annotations

from pathlib import Path

from node.files import sync_folder, write

NAME = "log/place"
ANCHOR = "log/anchor"


def is_moved(home: Path) -> bool:
    """Whether this home seems to have been copied or put back since ``settle``; False where there was none."""
    path = home / NAME
    return path.exists() and path.read_text(encoding="ascii", errors="replace") != _mark(home)


def settle(home: Path) -> None:
    """Take the home as it lies for the one that runs here."""
    path = home / NAME
    if path.exists() and path.read_text(encoding="ascii", errors="replace") == _mark(home):
        return
    if not (home / ANCHOR).exists():
        (home / ANCHOR).touch(mode=0o600)
    for folder in write(path, _mark(home).encode(), durable=True):
        sync_folder(folder)


def _mark(home: Path) -> str:
    found = [path.stat() for path in (home / "keys", home / ANCHOR) if path.exists()]
    return "".join(f"{one.st_ino} {one.st_ctime_ns}\n" for one in found)
