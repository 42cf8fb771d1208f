"""Whether a home lies where its node last ran, or was copied or put back since.

The file system dates every inode when it changes, and nobody can set that date (``st_ctime_ns``): the file ``keys`` of
a home that came back from a backup is another one than before, and so is the database of a log that came back alone
(its inode; its date changes with every entry). ``log/place`` says which ones the last run had. A
snapshot of a whole machine brings both back as they were: that is not seen here, and the other regions are asked anyway
(``gossip.logs.asking``); a home that is moved, or whose owner changes, is taken for one that was put back.
"""

from __future__ import annotations

from pathlib import Path

from node.files import sync_folder, write

NAME = "log/place"


def is_moved(home: Path) -> bool:
    """Whether this home seems to have been copied or put back since ``settle``; False where there was none."""
    path = home / NAME
    return path.exists() and path.read_text(encoding="ascii", errors="replace") != _mark(home)


def settle(home: Path) -> None:
    """Take the home as it lies for the one that runs here."""
    mark = _mark(home)
    path = home / NAME
    if path.exists() and path.read_text(encoding="ascii", errors="replace") == mark:
        return
    for folder in write(path, mark.encode(), durable=True):
        sync_folder(folder)


def _mark(home: Path) -> str:
    keys, log = (home / "keys").stat(), (home / "log" / "log.sqlite").stat()
    return f"{keys.st_ino} {keys.st_ctime_ns} {log.st_ino}\n"
