"""Which tasks there are, and the hash of the code that they run."""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path

from node.learning.errors import ConfigError
from node.learning.task import Task, tagged_hash

# By name, so that `idle` starts without the code of the others.
_TASKS = {
    "classifier": ("node.learning.classifier", "Classifier"),
    "gan": ("node.learning.gan", "Gan"),
    "idle": ("node.learning.idle", "Idle"),
    "regression": ("node.learning.regression", "Regression"),
    "survival": ("node.learning.survival", "Survival"),
}
TASKS = tuple(_TASKS)


def get_task(name: str) -> Task:
    """Return the task of that name.

    Raises:
        ConfigError: There is none.
    """
    if name not in _TASKS:
        raise ConfigError(f"task {name!r}", f"one of {', '.join(TASKS)}", "Correct `task` in the plan.")
    module, factory = _TASKS[name]
    task: Task = getattr(importlib.import_module(module), factory)()
    return task


@cache
def code_sha256() -> bytes:
    """Return a hash over the sources of this folder, in sorted order: what a region trains with."""
    folder = Path(__file__).parent
    parts = []
    for path in sorted(folder.rglob("*.py"), key=lambda p: p.relative_to(folder).as_posix()):
        source = path.read_bytes()
        parts.append(f"{path.relative_to(folder).as_posix()} {len(source)}\n".encode() + source)
    return tagged_hash("code", b"".join(parts))
