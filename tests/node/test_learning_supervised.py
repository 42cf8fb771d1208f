"""Networks, targets and what of a model travels: each against its own plain oracle."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from node.learning import ConfigError, get_task
from node.learning.baselines import average, own_totals
from node.learning.data.manifest import to_toml
from node.learning.describe import describe
from node.learning.device import device_of
from node.learning.evaluate import read_model
from node.learning.models import network
from node.learning.models.network import Form
from node.learning.optimizer import AdamW, Sgd, rate
from node.learning.privacy import DPContext, Terms
from node.learning.share import share
from node.learning.supervised import Supervised
from node.learning.survival import Survival
from node.learning.task import Encoded, Local, read_settings
from node.learning.trainer import Agreed, Trainer

TABLE = Form("tabular", 5, None, 2, 8, 2)
FORMS = {
    "mlp": Form("mlp", 5, None, 2, 8, 1),
    "two hidden layers": Form("mlp", 5, None, 2, 8, 2),
    "logistic": Form("mlp", 5, None, 1, 0, 1),
    "tabular": TABLE,
    "cnn": Form("cnn", 0, (28, 28, 1), 1, 32, 1),
    "resnet": Form("resnet", 0, (12, 12, 3), 2, 8, 2),
}

# ---------------------------------------------------------------- networks


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_network_has_exactly_the_parameters_of_its_table_and_no_buffers(form: Form) -> None:
    """Running statistics would be averaged with no meaning, or left out in silence."""
    module = network.build(form, network.initial(form, "model", 1))

    assert {n: tuple(p.shape) for n, p in module.named_parameters()} == {
        n: s for n, (s, _) in network.parts(form).items()
    }
    assert not list(module.named_buffers())


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_network_gives_as_many_numbers_as_it_should_and_finite_ones(form: Form) -> None:
    rng = np.random.default_rng(1)
    x = (
        rng.random((3, form.width), np.float32)
        if form.image is None
        else rng.integers(0, 256, (3, *form.image), np.uint8)
    )

    out = network.outputs(form, network.initial(form, "model", 1), x)

    assert out.shape == (3, form.outputs)
    assert np.isfinite(out).all()
    assert network.outputs(form, network.initial(form, "model", 1), x[:0]).shape == (0, form.outputs)


def test_the_small_cnn_has_the_size_of_the_design() -> None:
    assert sum(int(np.prod(shape)) for shape, _ in network.parts(FORMS["cnn"]).values()) == 23_585


@pytest.mark.parametrize("form", [FORMS["tabular"], FORMS["cnn"], FORMS["resnet"]], ids=["tabular", "cnn", "resnet"])
def test_opacus_takes_every_network(form: Form) -> None:
    from opacus.grad_sample import GradSampleModule

    module = GradSampleModule(network.build(form, network.initial(form, "model", 1)))
    x = torch.rand(2, form.width) if form.image is None else torch.rand(2, form.image[2], *form.image[:2])

    module(x).sum().backward()

    assert all(p.grad_sample.shape == (2, *p.shape) for p in module.parameters())


# ---------------------------------------------------------------- optimizers


@pytest.mark.parametrize("kind", ["sgd", "adamw"])
def test_descent_by_hand_is_torchs(kind: str) -> None:
    start = torch.tensor([1.0, -2.0, 3.0])
    ours, theirs = start.clone().requires_grad_(), start.clone().requires_grad_()
    if kind == "sgd":
        mine: Sgd | AdamW = Sgd({"w": ours}, 0.1)
        other: torch.optim.Optimizer = torch.optim.SGD([theirs], lr=0.05, weight_decay=0.1)
    else:
        mine = AdamW("m", {"w": ours}, {}, decay=0.1)
        other = torch.optim.AdamW([theirs], lr=0.05, weight_decay=0.1)

    for _ in range(5):
        mine.step((ours**4).sum(), 0.05)
        other.zero_grad()
        (theirs**4).sum().backward()
        other.step()

    torch.testing.assert_close(ours, theirs)


def test_the_moments_of_a_round_go_on_in_the_next() -> None:
    whole, parts = torch.tensor([1.0]).requires_grad_(), torch.tensor([1.0]).requires_grad_()
    one = AdamW("m", {"w": whole}, {})
    private: dict[str, np.ndarray] = {}

    for _ in range(3):
        one.step((whole**2).sum(), 0.1)
        again = AdamW("m", {"w": parts}, private)
        again.step((parts**2).sum(), 0.1)
        again.keep(private)

    assert torch.equal(whole, parts)


def test_the_one_cycle_rises_falls_and_ends_low() -> None:
    rates = [rate(1.0, "onecycle", step, 100) for step in range(100)]

    assert rates[0] == pytest.approx(1 / 25)
    assert max(rates) == pytest.approx(1, abs=0.01)
    assert 25 < int(np.argmax(rates)) < 35
    assert rates[-1] == pytest.approx(1e-4)
    assert rate(0.3, "constant", 7, 100) == 0.3


# ---------------------------------------------------------------- targets


def region(folder: Path, columns: list[dict[str, object]], lines: list[str], patient: str | None = None) -> Path:
    """Write one region's table and manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    header = ",".join(str(column["name"]) for column in columns)
    (folder / "t.csv").write_text("\n".join([header, *lines]) + "\n")
    head = {"id": "t"} | ({"patient": patient} if patient else {})
    (folder / "t.toml").write_text(to_toml({**head, "file": [{"path": "t.csv"}], "column": columns}))
    return folder / "t.toml"


X = [{"name": f"x{i}", "kind": "number", "range": [-5, 5]} for i in range(3)]


def averaged(
    folder: Path, make: Callable[[np.random.Generator], tuple[list[str], list[dict[str, object]]]], task: str,
    rounds: int, **settings: object,
) -> dict[str, float | None]:  # fmt: skip
    """Train three regions by plain averaging; return the figures on the third one's held-out rows."""
    nodes = []
    for i in range(3):
        lines, columns = make(np.random.default_rng(i))
        manifest = region(folder / str(i), columns, lines)
        agreed = Agreed(task, "1", {"test_share": "0.3", **settings}, seed=1, rounds=rounds)
        nodes.append(Trainer(agreed, study="s", region=str(i), manifest=manifest))
    vector, totals = average(nodes, rounds, nodes[0].sums)
    return nodes[2].evaluate(vector, totals)


def test_several_labels_are_learned_at_once(tmp_path: Path) -> None:
    def make(rng: np.random.Generator) -> tuple[list[str], list[dict[str, object]]]:
        x = rng.normal(size=(200, 3)).clip(-5, 5)
        lines = [f"{a:.4f},{b:.4f},{c:.4f},{int(a > 0)},{int(b > c)}" for a, b, c in x]
        return lines, [*X, *({"name": n, "kind": "boolean", "role": "label"} for n in ("up", "over"))]

    found = averaged(tmp_path, make, "classifier", 6, hidden=0)

    assert found["auroc"] is not None
    assert found["auroc"] > 0.95


@pytest.mark.parametrize("settings", [{"scaling": "standard"}, {"scaling": "quantile"}, {"scaling": "range"}], ids=str)
def test_the_tabular_net_learns_what_no_line_can(tmp_path: Path, settings: dict[str, object]) -> None:
    def make(rng: np.random.Generator) -> tuple[list[str], list[dict[str, object]]]:
        x = rng.normal(size=(300, 3)).clip(-5, 5)
        lines = [f"{a:.4f},{b:.4f},{c:.4f},{int(a * b > 0)}" for a, b, c in x]
        return lines, [*X, {"name": "y", "kind": "boolean", "role": "label"}]

    net = averaged(tmp_path, make, "classifier", 6, model="tabular", optimizer="adamw", lr="0.01", **settings)

    assert net["auroc"] is not None
    assert net["auroc"] > 0.9  # a line: .5


def test_a_number_is_learned_in_standard_deviations(tmp_path: Path) -> None:
    def make(rng: np.random.Generator) -> tuple[list[str], list[dict[str, object]]]:
        x = rng.normal(size=(200, 3)).clip(-5, 5)
        y = (100 + 10 * x[:, 0] - 5 * x[:, 1] + rng.normal(size=200)).clip(0, 200)
        lines = [f"{a:.4f},{b:.4f},{c:.4f},{t:.3f}" for (a, b, c), t in zip(x, y, strict=True)]
        return lines, [*X, {"name": "y", "kind": "number", "role": "label", "range": [0, 200]}]

    found = averaged(tmp_path, make, "regression", 6, hidden=0)

    assert found["r2"] is not None
    assert found["r2"] > 0.95  # noise is 1 of a variance of 126


def survivors(rng: np.random.Generator) -> tuple[list[str], list[dict[str, object]]]:
    """Return a region whose hazard doubles twice with x0; a third is censored."""
    x = rng.normal(size=(200, 3)).clip(-5, 5)
    time = rng.exponential(np.exp(-1.4 * x[:, 0])).clip(0, 9.9)
    lost = rng.exponential(3.0, 200)
    lines = [
        f"{a:.4f},{b:.4f},{c:.4f},{min(t, u):.4f},{int(t <= u)}" for (a, b, c), t, u in zip(x, time, lost, strict=True)
    ]
    return lines, [
        *X,
        {"name": "time", "kind": "time_to_event", "role": "label", "range": [0, 10]},
        {"name": "died", "kind": "boolean", "role": "label"},
    ]


@pytest.mark.parametrize("settings", [{}, {"loss": "discrete", "horizon": "5"}], ids=["cox", "discrete"])
def test_who_dies_earlier_is_learned_from_censored_times(tmp_path: Path, settings: dict[str, object]) -> None:
    found = averaged(tmp_path, survivors, "survival", 8, **settings)

    assert found["c_index"] is not None
    assert found["c_index"] > 0.75


def batch(time: list[float], event: list[int]) -> Local:
    """Return rows of a survival batch."""
    target = np.array(time, np.float32)[:, None]
    rows = Encoded(np.zeros((len(time), 1), np.float32), np.array(event, np.int64), target)
    return Local(rows, None, {}, np.random.default_rng(0), None)


def test_the_partial_likelihood_is_breslows_by_hand() -> None:
    risk = [0.5, -0.2, 0.1, 0.9]
    local = batch([1, 2, 2, 3], [1, 1, 1, 0])

    logits = torch.tensor(risk)[:, None]
    loss = Survival().loss(logits, torch.arange(4), local, 1, read_settings(Survival(), {}))

    e = np.exp(risk)
    sums = [e.sum(), e[1:].sum(), e[1:].sum()]  # both of time 2 are at risk for both
    assert float(loss) == pytest.approx(np.mean([np.log(s) - r for s, r in zip(sums, risk[:3], strict=True)]))


def test_a_batch_without_an_event_is_no_step() -> None:
    loss = Survival().loss(torch.zeros(2, 1), torch.arange(2), batch([1, 2], [0, 0]), 1, read_settings(Survival(), {}))

    assert loss is None


def test_the_discrete_likelihood_is_the_product_over_intervals_by_hand() -> None:
    """Horizon 3, three intervals: an event in the second, one lost in the second, one that outlives all."""
    settings = read_settings(Survival(), {"loss": "discrete", "intervals": 3, "horizon": "3"})
    logits = torch.tensor([[0.1, -0.4, 0.7]] * 3)

    found = Survival().losses(logits, torch.arange(3), batch([1.5, 1.5, 8.0], [1, 0, 1]), 3, settings)

    p = 1 / (1 + np.exp(-np.array([0.1, -0.4, 0.7])))
    expected = [-np.log(1 - p[0]) - np.log(p[1]), -np.log(1 - p[0]), -np.log(1 - p).sum()]
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5)


def test_cox_with_privacy_is_refused_with_the_loss_that_works(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='Set loss = "discrete"'):
        Survival().losses(torch.zeros(1, 1), torch.arange(1), batch([1], [1]), 1, read_settings(Survival(), {}))


@pytest.mark.parametrize(
    ("task", "settings", "words"),
    [
        pytest.param("regression", {}, "task regression and a label of classes", id="another target"),
        pytest.param("classifier", {"model": "cnn"}, "no column of kind image", id="no images"),
        pytest.param("classifier", {"model": "forest"}, "one of mlp, tabular, cnn, resnet", id="no such network"),
    ],
)
def test_what_does_not_fit_the_data_is_refused(
    tmp_path: Path, task: str, settings: dict[str, object], words: str
) -> None:
    manifest = region(tmp_path, [*X, {"name": "y", "kind": "boolean", "role": "label"}], ["0,0,0,1"] * 30)

    with pytest.raises(ConfigError, match=words):
        Trainer(Agreed(task, "1", settings, 1), study="s", region="a", manifest=manifest)


def test_a_device_that_is_not_there_is_refused() -> None:
    assert device_of("cpu") == "cpu"
    with pytest.raises(ConfigError, match="auto, cpu or cuda:N"):
        device_of("cuda:99")


@pytest.mark.parametrize(("loss", "outputs"), [("cox", 1), ("discrete", 4)])
def test_a_loss_of_times_is_computed_where_the_network_is(loss: str, outputs: int) -> None:
    """Torch's device ``meta`` knows shapes only, and like a GPU it takes no tensor of the CPU beside its own."""
    settings = read_settings(Survival(), {"loss": loss, "intervals": 4, "horizon": "3"})
    logits = torch.zeros(3, outputs, device="meta")

    found = Survival().loss(logits, torch.arange(3), batch([1, 2, 3], [1, 0, 1]), outputs, settings)

    assert found.device.type == "meta"


# ---------------------------------------------------------------- images


def squares(n: int, seed: int) -> Encoded:
    """Return drawn pictures, 12 x 12: a bright square at the left or at the right."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    images = rng.integers(0, 60, (n, 12, 12, 1)).astype(np.uint8)
    for i, right in enumerate(y):
        images[i, 4:8, 7 * right + 1 : 7 * right + 4] += 150
    return Encoded(np.zeros((n, 0), np.float32), y.astype(np.int64), None, images)


def test_the_small_cnn_learns_where_a_square_is(tmp_path: Path) -> None:
    task = get_task("classifier")
    assert isinstance(task, Supervised)
    settings = read_settings(task, {"model": "cnn", "optimizer": "adamw", "schedule": "onecycle", "lr": "0.01",
                                    "batch": 32, "local_steps": 40, "shift": 1})  # fmt: skip
    arrays = {"model": network.initial(Form("cnn", 0, (12, 12, 1), 1, 32, 1), "model", 1)}
    local = Local(squares(200, 1), None, {}, np.random.default_rng(1), None, steps_in_all=40)

    after, _ = task.train(arrays, local, settings)

    found = task.evaluate(after, squares(100, 2), settings)
    assert found["auroc"] is not None
    assert found["auroc"] > 0.95


@pytest.mark.parametrize(
    "patients",
    [
        pytest.param([0, 1, 2, 3, 4, 5], id="an image each"),
        pytest.param([0, 0, 0, 1, 2, 2], id="several images of one"),
        pytest.param([1, 0, 1, 2, 0, 1], id="in no order"),
    ],
)
def test_a_private_step_on_images_is_the_mean_of_each_patients_own_clipped_gradient(patients: list[int]) -> None:
    """GroupNorm mixes no two images, so a gradient is what it would be by itself; there is hardly any noise."""
    rows, form, clip = squares(6, 1), Form("cnn", 0, (12, 12, 1), 1, 32, 1), 0.1
    task, before = get_task("classifier"), network.initial(form, "model", 1)
    settings = read_settings(task, {"model": "cnn", "lr": "0.5", "local_steps": 1})
    terms = Terms(eps_max_u=10**9, delta_u12=10**6, clip_u=int(clip * 1e6), q_u=10**6, sigma_u=1)
    local = Local(
        rows, None, {}, np.random.default_rng(1), DPContext(terms, bytes(32)), patients=np.array(patients, np.int64)
    )
    after, _ = task.train({"model": {name: value.copy() for name, value in before.items()}}, local, settings)

    total = {name: np.zeros_like(value) for name, value in before.items()}
    for one in set(patients):
        net, at = network.build(form, before), np.flatnonzero(np.array(patients) == one)
        assert rows.images is not None
        out = net(network.tensor(rows.images[at]))[:, 0]
        wanted = torch.from_numpy(rows.y[at].astype(np.float32))
        loss = torch.nn.functional.binary_cross_entropy_with_logits(out, wanted, reduction="sum")
        names, values = zip(*net.named_parameters(), strict=True)
        own = [gradient.numpy() for gradient in torch.autograd.grad(loss, values)]
        shrunk = min(1.0, clip / sum(float((gradient**2).sum()) for gradient in own) ** 0.5)
        for name, gradient in zip(names, own, strict=True):
            total[name] += gradient * np.float32(shrunk)

    for name, value in before.items():
        np.testing.assert_allclose(after["model"][name], value - 0.5 * total[name] / len(set(patients)), atol=3e-6)


# ---------------------------------------------------------------- what travels


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """One region with a line to learn."""
    x = np.random.default_rng(1).normal(size=(120, 3)).clip(-5, 5)
    lines = [f"{a:.4f},{b:.4f},{c:.4f},{int(a > 0)}" for a, b, c in x]
    return region(tmp_path / "data", [*X, {"name": "y", "kind": "boolean", "role": "label"}], lines)


def opened(manifest: Path, model: Path | None = None, state: Path | None = None, **agreed: object) -> Trainer:
    """Open a study on it."""
    settings = agreed.pop("settings", {"hidden": 4})
    return Trainer(
        Agreed("classifier", "1", settings, 1, **agreed),  # type: ignore[arg-type] # a test's words
        study="s", region="a", manifest=manifest, model=model, state=state,
    )  # fmt: skip


def test_frozen_parameters_neither_travel_nor_train(manifest: Path, tmp_path: Path) -> None:
    whole = opened(manifest)
    node = opened(manifest, freeze=["model.0.*"])

    vector, _ = node.train(2, node.initial(), own_totals(node, node.sums))
    node.export(vector, own_totals(node, node.sums), tmp_path / "m.safetensors")

    assert node.layout.names == ("model.2.bias", "model.2.weight")
    exported = read_model(tmp_path / "m.safetensors").arrays["model"]
    np.testing.assert_array_equal(exported["0.weight"], whole.split.first()["model"]["0.weight"])
    assert (exported["2.weight"] != whole.split.first()["model"]["2.weight"]).any()


def test_other_frozen_values_are_another_layout(manifest: Path, tmp_path: Path) -> None:
    node = opened(manifest)
    vector, _ = node.train(2, node.initial(), own_totals(node, node.sums))
    node.export(vector, own_totals(node, node.sums), tmp_path / "m.safetensors")

    fresh = opened(manifest, freeze=["model.0.*"])
    warm = opened(manifest, tmp_path / "m.safetensors", freeze=["model.0.*"])

    assert fresh.layout.names == warm.layout.names
    assert fresh.layout.hash != warm.layout.hash


@pytest.mark.parametrize("dp", [False, True], ids=["plain", "private"])
def test_frozen_parameters_stay_also_under_privacy(manifest: Path, tmp_path: Path, dp: bool) -> None:
    terms = {"eps_max_u": 10**9, "delta_u12": 10**9, "clip_u": 10**6, "q_u": 500_000, "sigma_min_u": 10**6}
    node = Trainer(
        Agreed("classifier", "1", {"hidden": 4, "local_steps": 3}, 1, freeze=["model.0.*"], dp=terms if dp else None),
        study="s", region="a", manifest=manifest, ledger=tmp_path / "ledger",
    )  # fmt: skip

    vector, report = node.train(2, node.initial(), own_totals(node, node.sums))

    assert vector.shape == (5,)
    assert report.norm > 0


def test_a_linear_model_begins_at_0_and_no_other_does() -> None:
    linear, deep = (network.initial(Form("mlp", 3, None, 1, hidden, 1), "model", 1) for hidden in (0, 4))

    assert not any(value.any() for value in linear.values())
    assert all(value.any() for value in deep.values())


def test_a_study_begins_with_the_model_of_another_one(manifest: Path, tmp_path: Path) -> None:
    first = opened(manifest)
    vector, _ = first.train(2, first.initial(), own_totals(first, first.sums))
    first.export(vector, own_totals(first, first.sums), tmp_path / "m.safetensors")

    facts = describe("classifier", {"hidden": 4}, manifest, seed=1, model=tmp_path / "m.safetensors")
    warm = opened(manifest, tmp_path / "m.safetensors", init=facts["init"])

    np.testing.assert_array_equal(warm.initial(), vector)
    with pytest.raises(ConfigError, match="landsting study accept ID --init FILE"):
        opened(manifest, init=facts["init"])


def test_a_model_of_other_shapes_is_no_beginning(manifest: Path, tmp_path: Path) -> None:
    other = opened(manifest, settings={"hidden": 7})
    other.export(other.initial(), own_totals(other, other.sums), tmp_path / "m.safetensors")

    with pytest.raises(ConfigError, match="Begin with a model of the same task and schema"):
        opened(manifest, tmp_path / "m.safetensors")


def test_norms_that_stay_train_at_home_from_round_to_round(manifest: Path, tmp_path: Path) -> None:
    settings = {"model": "tabular", "hidden": 4, "stays": "model.norm.*, model.blocks.*.norm.*"}
    node = opened(manifest, state=tmp_path / "state", settings=settings)
    totals = own_totals(node, node.sums)

    assert not [name for name in node.layout.names if "norm" in name]
    vector, _ = node.train(2, node.initial(), totals)
    kept = node._state.before(3)["model.norm.weight"]

    assert (kept != 1).any()
    node.export(vector, totals, tmp_path / "m.safetensors")
    np.testing.assert_array_equal(read_model(tmp_path / "m.safetensors").arrays["model"]["norm.weight"], kept)


@pytest.mark.parametrize(
    ("freeze", "words"),
    [(["model.9.*"], "no parameter is called so"), (["*"], "every parameter")],
    ids=["names nothing", "names all"],
)
def test_patterns_that_leave_nothing_to_do_are_refused(freeze: list[str], words: str) -> None:
    from node.learning.data.schema import Column, Schema

    schema = Schema(
        "t", (Column(name="x", kind="number", range=(0, 1)), Column(name="y", kind="boolean", role="label"))
    )
    task = get_task("classifier")

    with pytest.raises(ConfigError, match=words):
        share(task, schema, read_settings(task, {}), 1, freeze=freeze)
