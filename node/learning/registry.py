"""Which tasks there are, and the hash of the code that they run."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, cast

from node.learning.errors import ConfigError, LearningError
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
# Local steps of a round where a plan leaves them out: each task's own default, for those who must not load a task.
STEPS = {"classifier": 20, "imagegan": 50, "regression": 20, "survival": 20, "tabgan": 10, "tabvae": 10}
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
    with in_words(name):
        loaded = importlib.import_module(module)
    made = getattr(loaded, factory, None)
    if made is None:
        near = get_close_matches(factory, vars(loaded), 1)
        fix = f"Did you mean {near[0]}?" if near else "Correct the name behind the colon."
        raise ConfigError(f"module {module} has no {factory}", "a factory: a class or a function", fix)
    if not callable(made):
        raise ConfigError(f"task {name} is no factory", "a function or class that makes a task", "Correct it.")
    task: Any
    if _wants_about(name, made):  # it wants to know for whom: a client that brings its own training
        from node.learning.flower import ClientTask

        task = ClientTask(made)
    else:
        with in_words(name):
            task = made()
    task.name, task.version = name, f"{task.version}-{wanted[:40]}"
    return cast("Task", task)


def _wants_about(name: str, made: Callable[..., Any]) -> bool:
    """Whether a factory takes the one argument that a client is made with.

    Raises:
        ConfigError: It wants more.
    """
    wanted = [
        one.name
        for one in inspect.signature(made).parameters.values()
        if one.name == "about" or (one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD))
    ]
    if len(wanted) > 1:
        raise ConfigError(
            f"factory {name} wants {', '.join(wanted)}",
            "no argument, or one: whom the client is for",
            f"Write def make(about): return {name.rpartition('.')[2]}(…), and name that.",
        )
    return bool(wanted)


@contextmanager
def in_words(name: str) -> Iterator[None]:
    """Say a fault of a task of one's own as its own: kind and place, without the message, which may hold a value.

    Raises:
        ConfigError: Instead of whatever came out of its code.
    """
    try:
        yield
    except (LearningError, KeyboardInterrupt):
        raise
    except Exception as error:
        if plan_name(name) not in _own:  # a fault of ours
            raise
        folder = _own[plan_name(name)][0]
        frames = traceback.extract_tb(error.__traceback__)
        mine = [one for one in frames if folder is not None and Path(one.filename).is_relative_to(folder)]
        at = (mine or frames)[-1]
        place = f"{Path(at.filename).name}:{at.lineno}"
        if isinstance(error, SyntaxError) and error.filename is not None:
            place = f"{Path(error.filename).name}:{error.lineno}"
        raise ConfigError(
            f"task {plan_name(name)}: {type(error).__name__} at {place}",
            "code that runs",
            "Run its own test beside it (python -m pytest), which shows the whole.",
        ) from error


@cache
def code_sha256() -> bytes:
    """Return a hash over the sources of this folder, in sorted order: what a region trains with."""
    folder = Path(__file__).parent
    parts = []
    for path in sorted(folder.rglob("*.py"), key=lambda p: p.relative_to(folder).as_posix()):
        source = path.read_bytes()
        parts.append(f"{path.relative_to(folder).as_posix()} {len(source)}\n".encode() + source)
    return tagged_hash("code", b"".join(parts))
