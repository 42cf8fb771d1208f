"""Tasks through the trainer: determinism, gradients, what travels and what stays."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from node.learning import ConfigError, get_task
from node.learning.baselines import average
from node.learning.classifier import batches, chances
from node.learning.data.manifest import load
from node.learning.demo_data import DemoData, write
from node.learning.describe import describe
from node.learning.evaluate import read_model
from node.learning.models import mlp
from node.learning.task import Encoded, Local
from node.learning.trainer import Agreed, Trainer
from node.learning.vectors import unflatten

REGIONS = ("east", "north", "south", "west")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoData:
    """Breast cancer over four regions, seed 1."""
    return write(tmp_path_factory.mktemp("demo"), "breast-cancer", REGIONS, 1)


def trainer(demo: DemoData, region: str = "north", task: str = "classifier", state: Path | None = None) -> Trainer:
    """Open a task on a region's rows."""
    return Trainer(Agreed(task, "1", {}, 1), study="ab", region=region, manifest=demo.manifests[region], state=state)


def test_two_steps_are_plain_gradient_descent() -> None:
    """Logistic regression, its gradient written out."""
    x = np.array([[1, 2], [3, -1], [0, 1]], np.float32)
    y = np.array([1, 0, 1], np.int64)
    task = get_task("classifier")
    settings = {**task.defaults, "hidden": 0, "local_steps": 2, "batch": 3, "lr": 0.5, "weight_decay": 0.1}
    arrays = {"model": {"0.weight": np.array([[0.1, -0.2]], np.float32), "0.bias": np.array([0.3], np.float32)}}

    rng = np.random.default_rng(0)
    after, loss = task.train(arrays, Local(Encoded(x, y), None, {}, rng, None), settings)

    w, b, losses = np.array([0.1, -0.2]), 0.3, []
    for _ in range(2):
        p = 1 / (1 + np.exp(-(x @ w + b)))
        losses.append(-np.mean(np.where(y == 1, np.log(p), np.log(1 - p))))
        w, b = w - 0.5 * (x.T @ (p - y) / 3 + 0.1 * w), b - 0.5 * (np.mean(p - y) + 0.1 * b)
    np.testing.assert_allclose(after["model"]["0.weight"][0], w, rtol=1e-5)  # float32 against float64
    np.testing.assert_allclose(after["model"]["0.bias"][0], b, rtol=1e-5)
    assert loss == pytest.approx(np.mean(losses), rel=1e-5)


def test_batches_pass_over_all_rows_before_one_comes_again() -> None:
    found = batches(10, 4, 5, np.random.default_rng(0))

    assert [len(batch) for batch in found] == [4] * 5
    assert sorted(np.concatenate(found).tolist()) == sorted([*range(10), *range(10)])


def test_torch_and_numpy_run_the_same_network() -> None:
    parameters = mlp.initial((3, 4, 2), "model", 1)
    x = np.linspace(-1, 1, 15, dtype=np.float32).reshape(5, 3)

    torch = mlp.torch_one_thread()
    outputs = mlp.build(parameters)(torch.from_numpy(x)).detach().numpy()

    np.testing.assert_allclose(mlp.forward(parameters, x), outputs, atol=1e-6)
    assert {n: v.shape for n, v in mlp.parameters_of(mlp.build(parameters)).items()} == mlp.shapes((3, 4, 2))


@pytest.mark.parametrize("task", ["classifier", "tabgan"])
def test_the_same_round_gives_the_same_bytes(demo: DemoData, task: str) -> None:
    one, other = trainer(demo, task=task), trainer(demo, task=task)

    first, _ = one.train(0, one.initial())
    second, _ = other.train(0, other.initial())

    assert first.tobytes() == second.tobytes()


def test_another_round_and_another_region_draw_other_batches(demo: DemoData) -> None:
    one = trainer(demo)
    start = one.initial()

    first, _ = one.train(0, start)
    second, _ = one.train(1, start)

    assert first.tobytes() != second.tobytes()


def test_all_regions_begin_with_the_vector_that_the_plan_names(demo: DemoData) -> None:
    import hashlib

    facts = describe("classifier", {}, demo.manifests["north"], seed=1)

    assert {hashlib.sha256(trainer(demo, r).initial().tobytes()).digest() for r in REGIONS} == {facts["init"]}
    assert facts["dim"] == 30 * 32 + 32 + 32 + 1
    assert facts["sums"] == ["count", "moment"]
    assert describe("classifier", {}, demo.manifests["north"], seed=1, dp=True)["sums"] == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param({"version": "2"}, "version 1 here; expected version 2", id="version"),
        pytest.param({"schema": bytes(32)}, "another schema than the plan", id="schema"),
        pytest.param({"layout": bytes(32)}, "a model of 1025 parameters", id="layout"),
        pytest.param({"dim": 7}, "a model of 1025 parameters; expected 7", id="dim"),
    ],
)
def test_what_is_not_the_plans_is_refused(demo: DemoData, change: dict[str, object], words: str) -> None:
    agreed = {"task": "classifier", "version": "1", "settings": {}, "seed": 1, **change}

    with pytest.raises(ConfigError, match=words):
        Trainer(Agreed(**agreed), study="ab", region="north", manifest=demo.manifests["north"])  # type: ignore[arg-type] # a table of cases


def test_a_vector_that_is_not_finite_is_refused(demo: DemoData) -> None:
    north = trainer(demo)
    vector = north.initial()
    vector[3] = np.nan

    with pytest.raises(ConfigError, match="not finite"):
        north.train(0, vector)


def test_four_regions_that_average_reach_the_stated_figures(demo: DemoData, tmp_path: Path) -> None:
    """Alone, the region that has seen one class in the main is far below."""
    from node.learning.baselines import train_alone
    from node.learning.evaluate import score

    nodes = [trainer(demo, region) for region in REGIONS]
    vector, totals = average(nodes, 20)
    nodes[0].export(vector, totals, tmp_path / "model.safetensors")
    together = score(tmp_path / "model.safetensors", demo.test)
    alone = [
        train_alone(
            demo.manifests[r], demo.test, tmp_path / f"{r}.safetensors", region=r, settings={}, rounds=20, seed=1
        )
        for r in REGIONS
    ]

    assert together.rows == 171
    assert together.accuracy is not None
    assert together.auroc is not None
    assert together.accuracy >= 0.94
    assert together.auroc >= 0.985
    assert min(one.score.accuracy or 0 for one in alone) < 0.9


def test_regions_that_see_half_of_the_digits_learn_all_of_them(tmp_path: Path) -> None:
    from node.learning.evaluate import score

    data = write(tmp_path, "digits-odd-even", REGIONS, 1)
    nodes = [trainer(data, region) for region in REGIONS]

    vector, totals = average(nodes, 20)
    own, _ = average(nodes[:1], 20)
    nodes[0].export(vector, totals, tmp_path / "together.safetensors")
    nodes[0].export(own, totals, tmp_path / "alone.safetensors")

    together, alone = (
        score(tmp_path / "together.safetensors", data.test),
        score(tmp_path / "alone.safetensors", data.test),
    )
    assert together.accuracy is not None
    assert together.accuracy >= 0.9
    assert together.auroc is not None
    assert alone.accuracy is not None
    assert alone.accuracy < 0.55  # five of ten digits were never seen


def test_the_figures_of_one_class_only_are_none_and_not_nan(demo: DemoData, tmp_path: Path) -> None:
    lines = demo.test.read_text().splitlines()
    path = tmp_path / "north.toml"
    text = demo.manifests["north"].read_text().replace("north.csv", "one.csv")
    path.write_text(text)
    (tmp_path / "one.csv").write_text("\n".join([lines[0], *(line for line in lines if line.endswith(",0"))]) + "\n")
    north = Trainer(Agreed("classifier", "1", {}, 1), study="ab", region="north", manifest=path)

    found = north.evaluate(north.initial())

    assert found["train_auroc"] is None
    assert found["auroc"] is None
    assert found["accuracy"] is None  # no validation rows
    assert found["train_accuracy"] is not None
    json.dumps(found, allow_nan=False)


def test_an_exported_model_is_the_vector_and_says_how_to_encode(demo: DemoData, tmp_path: Path) -> None:
    north = trainer(demo)
    totals = [north.measure("count"), north.measure("moment", [np.zeros(64, np.int64)])]
    sha256 = north.export(north.initial(), totals, tmp_path / "m.safetensors")

    model = read_model(tmp_path / "m.safetensors")

    assert model.sha256 == sha256 == north.export(north.initial(), totals, tmp_path / "n.safetensors")
    np.testing.assert_array_equal(model.vector, north.initial())
    assert model.encoder == north.encoder(totals)
    rows = north._rows(totals)[0]
    expected = chances(mlp.forward(unflatten(north.initial(), north.layout)["model"], rows.x))
    np.testing.assert_array_equal(chances(mlp.forward(model.arrays["model"], rows.x)), expected)


def test_a_damaged_model_file_is_refused_in_words(demo: DemoData, tmp_path: Path) -> None:
    north = trainer(demo)
    path = tmp_path / "m.safetensors"
    north.export(north.initial(), (), path)
    path.write_bytes(path.read_bytes()[:100])

    with pytest.raises(ConfigError, match="is damaged; expected an exported model"):
        read_model(path)


def test_the_manifest_of_every_region_has_one_schema(demo: DemoData) -> None:
    assert len({load(path).schema_().hash for path in (*demo.manifests.values(), demo.pooled)}) == 1
