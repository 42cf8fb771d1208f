"""Demos that several files of tests look at: each is run once, by whichever of pytest's processes needs it first."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from crypto.keys import PrivateKeys
from node.home import Home

LIMIT_S = 800


@dataclass(frozen=True)
class Run:
    """What a demo has said and left behind.

    Attributes:
        folder: Empty before it ran, and the folder it ran in; its own folder ``kept`` is there if it was to be kept.
    """

    folder: Path
    code: int
    said: str
    told: str

    @property
    def kept(self) -> Path:
        return self.folder / "kept"

    def result(self) -> dict[str, Any]:
        """The object of ``--json``."""
        assert self.code == 0, self.told
        found: dict[str, Any] = json.loads(self.said)
        return found


class Runs:
    """All demos of one call of pytest.

    Args:
        base: A folder that pytest's processes share.
    """

    def __init__(self, base: Path) -> None:
        self._base = base
        base.mkdir(parents=True, exist_ok=True)

    def keep(self, *words: str) -> Run:
        """Run ``landsting demo WORDS`` and keep homes, data, models and bundles."""
        return self.run(*words, "--dir", "kept", "--keep", "--json")

    def run(self, *words: str) -> Run:
        """Run ``landsting demo WORDS`` if no process of this call of pytest has done so; wait for one that does."""
        name = sha256("\0".join(words).encode()).hexdigest()[:16]
        folder, done = self._base / name, self._base / f"{name}.json"
        with (self._base / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)  # of a run that was broken off
                folder.mkdir()
                done.write_text(json.dumps(_run(words, folder)))
        code, said, told = json.loads(done.read_text())
        return Run(folder, code, said, told)


def bundles_of(run: Run) -> dict[str, Path]:
    """The bundles that the regions of a demo hand over, by region."""
    return {path.stem: path for path in sorted((run.kept / "bundles").glob("*.bundle"))}


def keys_of(homes: Mapping[str, str]) -> dict[str, PrivateKeys]:
    """The keys of the regions of a demo."""
    return {name: Home.open(Path(home)).keys() for name, home in homes.items()}


def _run(words: tuple[str, ...], folder: Path) -> tuple[int, str, str]:
    root = str(Path(__file__).resolve().parents[2])
    found = subprocess.run(
        [sys.executable, "-m", "node", "demo", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)},
        timeout=LIMIT_S,
    )
    return found.returncode, found.stdout, found.stderr
