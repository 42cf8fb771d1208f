"""``landsting task``: a task of the region's own, from a file that works to the hash that a policy names."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

import click

from node.cli.asking import fact
from node.cli.output import Refusal, emit, say
from node.cli.root import common

TASK = '''"""The task {name}: a network of our own. Every region installs this file; its hash stands in the plan."""

from torch import nn

from node.learning.own import TorchTask


class Task(TorchTask):
    """Classifies rows; its parameters travel. Change `module`, and `version` when older models no longer fit."""

    version = "1"
    defaults = {{**TorchTask.defaults, "hidden": 16, "lr": 0.1}}

    def module(self, inputs, outputs, settings):
        width = settings["hidden"]
        return nn.Sequential(nn.Linear(inputs, width), nn.LayerNorm(width), nn.SiLU(), nn.Linear(width, outputs))
'''
CLIENT = '''"""The task {name}: a client as Flower's NumPyClient has it. Every region installs this file."""

import numpy as np


class Client:
    """A logistic regression in numpy; put a Keras or scikit-learn model in its place."""

    def __init__(self, x, y, seed):
        self.x, self.y = x, np.asarray(y, np.float32).reshape(-1)
        self.w = np.random.default_rng(seed).normal(0, 0.01, x.shape[1]).astype(np.float32)
        self.b = np.zeros(1, np.float32)

    def get_parameters(self, config):
        return [self.w, self.b]

    def _chance(self):
        return 1 / (1 + np.exp(-(self.x @ self.w + self.b)))

    def fit(self, parameters, config):
        self.w, self.b = parameters
        for _ in range(config["local_steps"]):
            gap = self._chance() - self.y
            self.w -= 0.5 * (self.x.T @ gap / len(gap)).astype(np.float32)
            self.b -= np.float32(0.5 * gap.mean())
        return [self.w, self.b], len(self.x), {{}}

    def evaluate(self, parameters, config):
        self.w, self.b = parameters
        right = (self._chance() > 0.5) == (self.y > 0.5)
        return float(1 - right.mean()) if len(right) else 0.0, len(right), {{}}


def make(about):
    """Return the client of a region; without rows when a plan is written."""
    x, y = about.train
    return Client(x, y, about.seed)
'''
TEST = '''"""The task {name} learns a line, and its first weights are the same everywhere."""

from pathlib import Path

from node.cli.task import examine


def test_{name}_can_run():
    found = examine("{name}:{factory}", Path(__file__).parent, None, {{}})
    assert found["problems"] == []
    assert found["parameters"] > 0
'''


@click.group()
def task() -> None:
    """Write a task of one's own, and check it before it is proposed."""


@task.command()
@click.argument("name")
@click.option("--client", is_flag=True, help="For code written as Flower's NumPyClient.")
@click.option("--dir", "folder", type=click.Path(file_okay=False, path_type=Path), help="Where; default: NAME.")
@common
def init(name: str, client: bool, folder: Path | None, as_json: bool) -> None:
    """Write a task that works, NAME.py, with its test beside it."""
    if not name.isidentifier() or not name.islower():
        raise Refusal(
            "VALUE", f"a task called {name!r}", "a module's name: a-z, 0-9 and _", "landsting task init mytask"
        )
    folder = folder or Path(name)
    if (spec := importlib.util.find_spec(name)) is not None and spec.origin is not None:
        raise Refusal(
            "VALUE", f"a module called {name!r} is installed already", "a name of its own",
            f"landsting task init {name}_task",
        )  # fmt: skip
    files = {folder / f"{name}.py": CLIENT if client else TASK, folder / f"test_{name}.py": TEST}
    factory = "make" if client else "Task"
    for path in files:
        if path.exists():
            raise Refusal("FILE", f"{path} is there already", "a new file", f"landsting task init {name}2")
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in files.items():
        path.write_text(text.format(name=name, factory=factory), encoding="utf-8")
    if as_json:
        emit({"task": f"{name}:{factory}", "files": [str(path) for path in files]})
        return
    for path in files:
        say(f"{path}")
    say(f"Next: landsting task check {name}:{factory} --path {folder}")


@task.command()
@click.argument("name", metavar="MODULE:FACTORY")
@click.option("--path", "folder", type=click.Path(file_okay=False, path_type=Path), help="Folder of the module.")
@click.option(
    "--schema", "manifest", type=click.Path(dir_okay=False, path_type=Path), help="A manifest; default: drawn rows."
)
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A setting of the task.")
@common
def check(name: str, folder: Path | None, manifest: Path | None, settings: tuple[str, ...], as_json: bool) -> int:
    """Run a task once: what travels and what will not, what differential privacy forbids, memory, bytes, its hash.

    Exit code 1 if a study with it could not run.
    """
    from node.cli.study_new import setting_of

    with contextlib.redirect_stdout(sys.stderr):  # what the task itself prints
        found = examine(name, folder, manifest, dict(setting_of(one) for one in settings))
    if as_json:
        emit(found)
    else:
        say(fact("task", f"{found['task']}, version {found['version']}"))
        say(fact("travels", f"{found['parameters']} numbers, {found['bytes']} bytes to each neighbour a round"))
        for parameter, shape in found["travels"]:
            say(f"    {parameter} {shape}")
        say(fact("stays", ", ".join(found["stays"]) or "nothing"))
        say(fact("privacy", found["privacy"]))
        say(fact("a round", f"{found['seconds']:.2f} s on {found['rows']} rows, {found['mib']:.0f} MiB at most"))
        for problem in found["problems"]:
            say(f"  problem: {problem}")
        if not found["problems"]:
            say("To allow it here: landsting policy edit, and add")
            say(f'  [code."{found["plan_name"]}"]\n  path = "{found["path"]}"\n  sha256 = "{found["sha256"]}"')
    return 1 if found["problems"] else 0


def examine(name: str, folder: Path | None, manifest: Path | None, settings: dict[str, object]) -> dict[str, Any]:
    """Return what ``task check`` prints: the task opened, trained for one round, twice, and evaluated, on its own.

    Raises:
        ConfigError: It cannot be opened or run at all; the message says why, and where.
    """
    import resource
    import tempfile
    import time

    from node.learning.baselines import own_totals
    from node.learning.registry import admit, in_words, own_sha256, plan_name
    from node.learning.task import shared_by
    from node.learning.trainer import Agreed, Trainer
    from node.learning.vectors import SharePolicy

    if ":" not in name:
        raise Refusal("VALUE", f"{name!r}", "module:factory", "landsting task check mytask:Task --path mytask")
    sha256 = own_sha256(name, folder)
    admit(name, folder.resolve() if folder is not None else None, sha256)
    with tempfile.TemporaryDirectory() as made, in_words(name):
        path = manifest or drawn(Path(made))

        def opened(seed: int = 1) -> Trainer:
            from node.learning.registry import get_task

            agreed = Agreed(plan_name(name), get_task(plan_name(name)).version, settings, seed)
            return Trainer(agreed, study="check", region="check", manifest=path)

        one, other = opened(), opened()
        problems = []
        if one.initial().tobytes() != other.initial().tobytes():
            problems.append(
                "its first weights differ from one opening to the next: seed them by about.seed, or begin the study"
                " with a model that all regions are given (study new --init FILE)"
            )
        totals = own_totals(one, one.sums)
        began = time.perf_counter()
        vector, _ = one.train(len(one.sums), one.initial(), totals)
        seconds = time.perf_counter() - began
        one.evaluate(vector, totals)
        again, _ = other.train(len(one.sums), other.initial(), totals)
        if vector.tobytes() != again.tobytes():
            problems.append("one round gives other bytes when it is repeated: a crash could not be told from a lie")
        if vector.tobytes() == one.initial().tobytes():
            problems.append("a round changes nothing")
        shared = shared_by(one.task, one.settings)
        return {
            "task": name,
            "plan_name": plan_name(name),
            "version": one.task.version,
            "sha256": sha256,
            "path": str(folder.resolve()) if folder is not None else "",
            "parameters": one.layout.dim,
            "bytes": 4 * one.layout.dim,
            "travels": [[n, list(s)] for n, s in zip(one.layout.names, one.layout.shapes, strict=True)],
            "stays": sorted({m for m, p in shared.items() if p is SharePolicy.STAYS} | one.split.staying),
            "privacy": _privacy(one),
            "seconds": seconds,
            "rows": 0 if one.rows is None else len(one.rows),
            "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "problems": problems,
        }


def _privacy(trainer: Any) -> str:
    """Return whether the task can train with differential privacy, and what stands in its way."""
    from node.learning.supervised import Supervised

    if not trainer.task.with_dp or not isinstance(trainer.task, Supervised):
        return "cannot train with differential privacy: its steps cannot be clipped and counted"
    from opacus.validators import ModuleValidator

    rows, _, _ = trainer._rows([])
    module, _ = trainer.task.net(trainer.split.first()["model"], rows, trainer.settings)
    errors = ModuleValidator.validate(module, strict=False)
    return f"forbidden: {errors[0]}" if errors else "can train with differential privacy"


def drawn(folder: Path) -> Path:
    """Write 60 drawn rows with a line in them and their manifest; return the manifest."""
    import numpy as np

    from node.learning.data.manifest import to_toml

    x = np.random.default_rng(1).normal(size=(60, 3)).clip(-4, 4)
    lines = [f"{a:.3f},{b:.3f},{c:.3f},{int(a + b > 0)}" for a, b, c in x]
    (folder / "drawn.csv").write_text("\n".join(["a,b,c,y", *lines]) + "\n")
    columns: list[dict[str, Any]] = [{"name": name, "kind": "number", "range": [-4, 4]} for name in "abc"]
    columns.append({"name": "y", "kind": "boolean", "role": "label"})
    (folder / "drawn.toml").write_text(to_toml({"id": "drawn", "file": [{"path": "drawn.csv"}], "column": columns}))
    return folder / "drawn.toml"
