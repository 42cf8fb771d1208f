"""A task of one's own: written, checked, allowed by its hash, trained; and clients written for Flower."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from node.cli.task import drawn, examine, task
from node.learning import ConfigError, get_task
from node.learning.baselines import average
from node.learning.describe import describe
from node.learning.registry import admit, own_sha256
from node.learning.trainer import Agreed, Trainer


@pytest.fixture(params=["torch", "client"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path]:
    """A task as ``task init`` writes it; each has a name of its own, since modules stay imported."""
    name = f"own_{request.param}_{abs(hash(str(tmp_path))) % 10**8}"
    options = ["--client"] if request.param == "client" else []
    result = CliRunner().invoke(task, ["init", name, "--dir", str(tmp_path / name), *options])
    assert result.exit_code == 0, result.output
    return f"{name}:{'make' if options else 'Task'}", tmp_path / name


def test_what_init_writes_passes_its_own_test(made: tuple[str, Path]) -> None:
    root = Path(__file__).resolve().parents[2]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, str(made[1])],
        env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout


def test_check_says_what_travels_and_the_hash_that_a_policy_names(made: tuple[str, Path]) -> None:
    name, folder = made
    result = CliRunner().invoke(task, ["check", name, "--path", str(folder), "--json"])

    found = json.loads(result.output)
    assert result.exit_code == 0
    assert found["problems"] == []
    assert found["bytes"] == 4 * found["parameters"]
    assert found["sha256"] == own_sha256(name, folder)
    assert found["version"].endswith(found["sha256"][:40])


def test_regions_train_a_task_of_their_own_together(made: tuple[str, Path], tmp_path: Path) -> None:
    name, folder = made
    admit(name, folder, own_sha256(name, folder))
    facts = describe(name, {"local_steps": 20}, drawn(tmp_path), seed=1)
    agreed = Agreed(facts["task"], facts["version"], facts["settings"], 1, facts["schema"], facts["layout"],
                    facts["dim"], init=facts["init"], sums=facts["sums"])  # fmt: skip
    nodes = [Trainer(agreed, study="s", region=r, manifest=tmp_path / "drawn.toml") for r in ("a", "b")]

    vector, totals = average(nodes, 5, nodes[0].sums)

    assert facts["task"] == name.replace(":", ".")
    if "client" in name:
        assert nodes[0].evaluate(vector, totals)["train_loss"] is not None
    else:
        auroc = nodes[0].evaluate(vector, totals)["train_auroc"]
        assert auroc is not None
        assert auroc > 0.9


def test_sources_that_changed_are_not_imported(made: tuple[str, Path]) -> None:
    name, folder = made
    admit(name, folder, own_sha256(name, folder))
    path = next(folder.glob("own_*.py"))
    path.write_text(path.read_text() + "\nraise SystemExit('imported')\n")

    with pytest.raises(ConfigError, match="which the region's policy allows"):
        get_task(name.replace(":", "."))


def test_a_task_that_nobody_allowed_is_not_looked_for() -> None:
    with pytest.raises(ConfigError, match="landsting policy edit"):
        get_task("os.system")


def write(folder: Path, name: str, text: str) -> tuple[str, Path]:
    """Write a module; return how it is named."""
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(text)
    return f"{name}:Task", folder


def test_running_statistics_are_refused_with_what_to_use_instead(tmp_path: Path) -> None:
    name, folder = write(
        tmp_path / "t",
        "with_batchnorm",
        """
from torch import nn
from node.learning.own import TorchTask

class Task(TorchTask):
    def module(self, inputs, outputs, settings):
        return nn.Sequential(nn.Linear(inputs, 4), nn.BatchNorm1d(4), nn.Linear(4, outputs))
""",
    )

    with pytest.raises(ConfigError, match="Use GroupNorm or LayerNorm instead of BatchNorm"):
        examine(name, folder, None, {})


def test_first_weights_that_differ_from_time_to_time_are_a_problem(tmp_path: Path) -> None:
    name, folder = write(
        tmp_path / "t",
        "unseeded",
        """
import numpy as np

class Client:
    def __init__(self, x):
        self.w = np.random.default_rng().normal(size=x.shape[1]).astype(np.float32)
    def get_parameters(self, config):
        return [self.w]
    def fit(self, parameters, config):
        return [parameters[0] + np.float32(1)], 1, {}
    def evaluate(self, parameters, config):
        return 0.0, 1, {}

def Task(about):
    return Client(about.train[0])
""",
    )

    found = examine(name, folder, None, {})

    assert any("first weights differ" in problem for problem in found["problems"])


def test_integer_parameters_of_a_client_are_refused(tmp_path: Path) -> None:
    name, folder = write(
        tmp_path / "t",
        "counting",
        """
import numpy as np

class Client:
    def get_parameters(self, config):
        return [np.zeros(2, np.float32), np.zeros(1, np.int64)]
    def fit(self, parameters, config):
        return parameters, 1, {}
    def evaluate(self, parameters, config):
        return 0.0, 1, {}

def Task(about):
    return Client()
""",
    )

    with pytest.raises(ConfigError, match="parameter 1 of the client holds int64"):
        examine(name, folder, None, {})


def test_the_worker_trains_an_own_task_only_under_its_hash(made: tuple[str, Path], tmp_path: Path) -> None:
    from node.learning.worker import Worker

    name, folder = made
    sha256 = own_sha256(name, folder)
    manifest = drawn(tmp_path)

    def opened(sha256: str) -> dict[str, Any]:
        return Worker().answer({
            "id": 1, "op": "open", "study": "ab", "task": name.replace(":", "."), "version": f"1-{sha256[:40]}",
            "settings": {}, "seed": 1, "region": "north", "manifest": str(manifest), "code": [str(folder), sha256],
        })  # fmt: skip

    assert opened("0" * 64)["code"] == "CONFIG"
    answer = opened(sha256)
    assert answer["ok"], answer
    assert np.frombuffer(answer["vector"], "<f4").size > 3
