"""Real clients in the adapter: Flower's own class, and a Keras model that four regions train for three rounds.

Neither is a dependency. They run where the packages are at hand: in this environment, or in one of its own whose
site-packages ``LANDSTING_CLIENTS`` names (``pip install keras flwr``; Keras runs on torch).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KERAS = """
import os
os.environ["KERAS_BACKEND"] = "torch"
import keras
import numpy as np

class Client:
    def __init__(self, x, y, seed):
        keras.utils.set_random_seed(seed)
        self.x, self.y = x, np.asarray(y, np.float32)
        self.model = keras.Sequential([
            keras.Input((x.shape[1],)), keras.layers.Dense(8, "relu"), keras.layers.Dense(1, "sigmoid"),
        ])
        self.model.compile(keras.optimizers.SGD(0.1), "binary_crossentropy", metrics=["accuracy"])

    def get_parameters(self, config):
        return self.model.get_weights()

    def fit(self, parameters, config):
        keras.utils.set_random_seed(config["seed"])
        self.model.set_weights(parameters)
        self.model.fit(self.x, self.y, epochs=config["local_steps"], batch_size=16, verbose=0)
        return self.model.get_weights(), len(self.x), {}

    def evaluate(self, parameters, config):
        self.model.set_weights(parameters)
        loss, accuracy = self.model.evaluate(self.x, self.y, verbose=0)
        return loss, len(self.x), {"accuracy": accuracy}

def make(about):
    return Client(*about.train, about.seed)
"""
FLOWER = """
from flwr.client import NumPyClient
import numpy as np

class Client(NumPyClient):
    def __init__(self, x, y):
        self.x, self.y, self.w = x, np.asarray(y, np.float32), np.zeros(x.shape[1], np.float32)

    def get_parameters(self, config):
        return [self.w]

    def fit(self, parameters, config):
        w = parameters[0]
        for _ in range(50 * config["local_steps"]):
            w = w - 0.5 * self.x.T @ (1 / (1 + np.exp(-self.x @ w)) - self.y) / len(self.y)
        return [w.astype(np.float32)], len(self.x), {}

    def evaluate(self, parameters, config):
        right = ((self.x @ parameters[0] > 0) == (self.y > 0)).mean()
        return float(1 - right), len(self.x), {"accuracy": float(right)}

def make(about):
    return Client(*about.train)
"""
RUN = """
import json, sys
from pathlib import Path
from node.learning.baselines import average
from node.learning.demo_data import write
from node.learning.describe import describe
from node.learning.registry import admit, own_sha256
from node.learning.trainer import Agreed, Trainer
folder, name = Path(sys.argv[1]), sys.argv[2]
admit(name, folder, own_sha256(name, folder))
regions = ["a", "b", "c", "d"]
data = write(folder / "data", "breast-cancer", regions, 1)
facts = describe(name, {"local_steps": 5}, data.manifests["a"], seed=1)
agreed = Agreed(facts["task"], facts["version"], facts["settings"], 1, facts["schema"], facts["layout"],
                facts["dim"], init=facts["init"], sums=())
nodes = [Trainer(agreed, study="s", region=r, manifest=data.manifests[r]) for r in regions]
first = [node.evaluate(node.initial(), [])["train_accuracy"] for node in nodes]
vector, totals = average(nodes, 3, ())
last = [node.evaluate(vector, totals)["train_accuracy"] for node in nodes]
print(json.dumps({"first": first, "last": last, "dim": facts["dim"]}))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("package", "source"), [("keras", KERAS), ("flwr", FLOWER)], ids=["keras", "flower"])
def test_four_regions_train_a_real_client_for_three_rounds(package: str, source: str, tmp_path: Path) -> None:
    path = [str(ROOT), *os.environ.get("LANDSTING_CLIENTS", "").split(os.pathsep)]
    joined = os.pathsep.join(one for one in path if one)
    env = {**os.environ, "PYTHONPATH": joined, "KERAS_BACKEND": "torch"}
    if subprocess.run([sys.executable, "-c", f"import {package}"], env=env, capture_output=True).returncode:
        pytest.skip(f"{package} is not at hand: install it elsewhere, name its site-packages in LANDSTING_CLIENTS")
    (tmp_path / f"with_{package}.py").write_text(source)

    ran = subprocess.run(
        [sys.executable, "-c", RUN, str(tmp_path), f"with_{package}:make"], env=env, capture_output=True, text=True,
        timeout=280,
    )  # fmt: skip

    assert ran.returncode == 0, ran.stderr[-2000:]
    found = json.loads(ran.stdout.splitlines()[-1])
    assert sum(found["last"]) / 4 > 0.8  # the larger class of each region alone: .7 on average
    assert sum(found["last"]) > sum(found["first"])
