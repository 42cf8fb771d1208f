"""Which tasks there are, and the hash of the code that they run."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from functools import cache
from pathlib import Path
from typing import Any, cast

from node.learning.errors import ConfigError
from node.learning.hashing import tagged_hash
from node.learning.task import Task

# By name, so that `idle` starts without the code of the others.
_TASKS = {
    "classifier": ("node.learning.classifier", "Classifier"),
    "idle": ("node.learning.idle", "Idle"),
    "imagegan": ("node.learning.synth.image_gan", "ImageGan"),
    "regression": ("node.learning.regression", "Regression"),
    "survival": ("node.learning.survival", "Survival"),
    "tabgan": ("node.learning.synth.tabgan", "TabGan"),
    "tabvae": ("node.learning.synth.tabvae", "TabVae"),
}
TASKS = tuple(_TASKS)
_own: dict[str, tuple[Path | None, str]] = {}


def get_task(name: str) -> Task:
    """Return the task of that name: one of ours, or one of the region's own that was admitted.

    Raises:
        ConfigError: There is none, or its sources are not those that were admitted.
    """
    if name in _own:
        return _own_task(name)
    if name not in _TASKS:
        fix = "Correct `task` in the plan."
        if "." in name:
            fix = f'Allow it here: landsting policy edit, [code."{name}"] with path and sha256.'
        raise ConfigError(f"task {name!r}", f"one of {', '.join((*TASKS, *_own))}", fix)
    module, factory = _TASKS[name]
    task: Task = getattr(importlib.import_module(module), factory)()
    return task


# ---------------------------------------------------------------- tasks of the region's own


def plan_name(name: str) -> str:
    """Return how a plan names a task: ``module:factory`` is ``module.factory`` there."""
    return name.replace(":", ".")


def admit(name: str, folder: Path | None, sha256: str) -> None:
    """Let a task ``module.factory`` of one's own be found in this process.

    Args:
        folder: Where the module lies; None: it is installed.
        sha256: What its sources must hash to (``own_sha256``), checked before anything of it is imported.
    """
    _own[plan_name(name)] = (folder, sha256)


def own_sha256(name: str, folder: Path | None) -> str:
    """Return the hash of a task's sources: its module's file, or every Python file of its package, in hex.

    Raises:
        ConfigError: There is no such module.
    """
    module = plan_name(name).rpartition(".")[0]
    top, _, rest = module.partition(".")
    if folder is None:
        spec = importlib.util.find_spec(top)
        origin = Path(spec.origin) if spec is not None and spec.origin else None
        base = origin if origin is None or origin.name != "__init__.py" else origin.parent
    else:
        found = [path for path in (folder / top, folder / f"{top}.py") if path.exists()]
        base = found[0] if found else None
    if base is None or (rest and base.is_file()):
        raise ConfigError(f"no module {module} in {folder or 'this installation'}", "its sources", "Check the path.")
    files = [base] if base.is_file() else sorted(base.rglob("*.py"), key=lambda path: path.as_posix())
    parts = [f"{path.name if base.is_file() else path.relative_to(base).as_posix()}\n".encode() for path in files]
    data = b"".join(part + tagged_hash("file", path.read_bytes()) for part, path in zip(parts, files, strict=True))
    return tagged_hash("own-code", data).hex()


def _own_task(name: str) -> Task:
    folder, wanted = _own[name]
    found = own_sha256(name, folder)
    if found != wanted:
        raise ConfigError(
            f"the sources of task {name} hash to {found[:16]}…",
            f"{wanted[:16]}…, which the region's policy allows",
            "Read what changed, then: landsting task check, landsting policy edit.",
        )
    if folder is not None and str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    module, _, factory = name.rpartition(".")
    try:
        made = getattr(importlib.import_module(module), factory)
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"task {name}: {type(error).__name__}", "a module with that factory", "Correct it."
        ) from error
    if not callable(made):
        raise ConfigError(f"task {name} is no factory", "a function or class that makes a task", "Correct it.")
    if inspect.signature(made).parameters:  # it wants to know for whom: a client that brings its own training
        from node.learning.flower import ClientTask

        task: Any = ClientTask(made)
    else:
        task = made()
    task.name, task.version = name, f"{task.version}-{wanted[:40]}"
    return cast("Task", task)


@cache
def code_sha256() -> bytes:
    """Return a hash over the sources of this folder, in sorted order: what a region trains with."""
    folder = Path(__file__).parent
    parts = []
    for path in sorted(folder.rglob("*.py"), key=lambda p: p.relative_to(folder).as_posix()):
        source = path.read_bytes()
        parts.append(f"{path.relative_to(folder).as_posix()} {len(source)}\n".encode() + source)
    return tagged_hash("code", b"".join(parts))
