"""The image GAN: what travels, determinism, what it learns in few steps, and input that is not as it should be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from node.learning.baselines import own_totals
from node.learning.data.manifest import to_toml
from node.learning.errors import ConfigError
from node.learning.models import mlp
from node.learning.synth.image_augment import augmented
from node.learning.synth.image_figures import apart, small
from node.learning.synth.image_gan import ImageGan, balanced
from node.learning.synth.image_networks import (
    ImageForm,
    build_discriminator,
    build_generator,
    discriminator_parts,
    doubling,
    first_values,
    generator_parts,
)
from node.learning.trainer import Agreed, Trainer
from node.learning.vectors import Floats, unflatten

SMALL = {"width": 8, "noise": 8, "local_steps": 4, "batch": 8}


def drawn(n: int, seed: int = 0, side: int = 16, channels: int = 1) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return drawn images, of no patient: a light disc on the left (class 0) or on the right (class 1)."""
    rng = np.random.default_rng(seed)
    label = np.arange(n) % 2
    y, x = np.mgrid[:side, :side] / side
    middle = np.where(label == 1, 0.7, 0.3) + rng.normal(0, 0.04, n)
    spot = (x[None] - middle[:, None, None]) ** 2 + (y[None] - rng.normal(0.5, 0.06, (n, 1, 1))) ** 2 < 0.04
    grey = np.where(spot, rng.uniform(170, 240, (n, 1, 1)), rng.uniform(20, 90, (n, 1, 1)))
    pixels = np.clip(grey + rng.normal(0, 5, grey.shape), 0, 255).astype(np.uint8)
    return np.repeat(pixels[..., None], channels, axis=3), label


def bound(folder: Path, images: NDArray[np.uint8], label: NDArray[np.int64], shape: list[int] | None = None) -> Path:
    """Write images in the layout of MedMNIST, and return their manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "x.npz", train_images=images, train_labels=label[:, None])
    columns: list[dict[str, Any]] = [
        {"name": "image", "kind": "image", "role": "feature", "shape": shape or list(images.shape[1:])},
        {"name": "label", "kind": "category", "role": "label", "categories": ["0", "1"]},
    ]
    head = {"id": "drawn", "purposes": ["research"], "layout": "medmnist"}
    path = folder / "x.toml"
    path.write_text(to_toml({**head, "file": [{"path": "x.npz", "part": "train"}], "column": columns}))
    return path


def opened(manifest: Path, region: str = "north", state: Path | None = None, **given: object) -> Trainer:
    agreed = Agreed("imagegan", "1", {**SMALL, **given}, 1, rounds=4)
    return Trainer(agreed, study="ab", region=region, manifest=manifest, state=state)


def trained(trainer: Trainer, rounds: int) -> tuple[Floats, Any]:
    totals = own_totals(trainer, trainer.sums)
    vector = trainer.initial()
    for round in range(len(totals), len(totals) + rounds):
        vector, _ = trainer.train(round, vector, totals)
    return vector, totals


# ---------------------------------------------------------------- what travels


def test_the_generator_and_its_average_travel_and_the_discriminator_stays(tmp_path: Path) -> None:
    trainer = opened(bound(tmp_path, *drawn(20)), state=tmp_path / "state")
    vector, totals = trained(trainer, 1)

    trainer.export(vector, totals, tmp_path / "m.safetensors")

    assert {name.partition(".")[0] for name in trainer.layout.names} == {"G", "ema"}
    assert b"D.conv0" not in (tmp_path / "m.safetensors").read_bytes()
    kept = (tmp_path / "state" / "ab" / "1.safetensors").read_bytes()
    assert b"D.conv0.weight" in kept
    assert b"optimizer.G.first" in kept


def test_a_discriminator_that_travels_is_refused_unless_the_plan_says_so() -> None:
    task = ImageGan()
    asked = {**task.defaults, "share": "both"}

    with pytest.raises(ConfigError, match="can test whether a patient's image was in training"):
        task.check_private(asked, private=False)
    task.check_private({**asked, "disclose": True}, private=False)

    assert task.shared_by(asked)["D"].value == "travels"
    assert task.shared_by(task.defaults)["D"].value == "stays"


def test_a_discriminator_that_travels_is_in_the_vector_and_in_no_file(tmp_path: Path) -> None:
    trainer = opened(bound(tmp_path, *drawn(8)), share="both", disclose=True)
    trainer.export(trainer.initial(), own_totals(trainer, trainer.sums), tmp_path / "m.safetensors")

    assert {name.partition(".")[0] for name in trainer.layout.names} == {"D", "G", "ema"}
    assert b"D.conv0" not in (tmp_path / "m.safetensors").read_bytes()


def test_the_layout_follows_from_schema_and_settings_alone(tmp_path: Path) -> None:
    one = opened(bound(tmp_path / "a", *drawn(20)))
    other = opened(bound(tmp_path / "b", *drawn(6, seed=5)), region="south")

    assert one.layout.hash == other.layout.hash
    assert one.initial().tobytes() == other.initial().tobytes()


def test_the_same_round_gives_the_same_bytes_after_a_restart(tmp_path: Path) -> None:
    """Rounds 1 and 2, then round 2 again by a fresh trainer from what the first left on disk."""
    manifest = bound(tmp_path, *drawn(20))
    one = opened(manifest, state=tmp_path / "state")
    totals = own_totals(one, one.sums)
    first, _ = one.train(1, one.initial(), totals)
    second, _ = one.train(2, first, totals)

    again, _ = opened(manifest, state=tmp_path / "state").train(2, first, totals)

    assert again.tobytes() == second.tobytes()


def test_two_rounds_of_two_steps_are_one_round_of_four(tmp_path: Path) -> None:
    """But for the draws: the moments and the average go on where they were."""
    task = ImageGan()
    trainer = opened(bound(tmp_path, *drawn(20)), local_steps=2, state=tmp_path / "state")
    vector, _ = trained(trainer, 2)

    private = trainer._state.before(9)

    assert private["optimizer.G.count"].tolist() == private["optimizer.D.count"].tolist() == [4.0]
    assert set(unflatten(vector, trainer.layout)) == {m for m, p in task.shared().items() if p.value == "travels"}


def test_the_average_is_the_running_mean_of_the_generator(tmp_path: Path) -> None:
    """One step: the average of a young run keeps a tenth of the beginning."""
    trainer = opened(bound(tmp_path, *drawn(20)), local_steps=1)
    begin = unflatten(trainer.initial(), trainer.layout)
    vector, _ = trained(trainer, 1)

    after = unflatten(vector, trainer.layout)

    for name, value in after["ema"].items():
        np.testing.assert_allclose(value, 0.1 * begin["ema"][name] + 0.9 * after["G"][name], atol=1e-6)


# ---------------------------------------------------------------- what it learns


def test_few_steps_bring_the_images_nearer_and_keep_them_apart(tmp_path: Path) -> None:
    """A hundred steps at half width on drawn discs; chance stays at the distance of the first weights."""
    trainer = opened(bound(tmp_path, *drawn(200)), local_steps=50, batch=16, ema="0.95")
    totals = own_totals(trainer, trainer.sums)
    before = trainer.evaluate(trainer.initial(), totals)
    vector, _ = trained(trainer, 2)

    after = trainer.evaluate(vector, totals)

    assert (after["train_pixel_frechet"] or 9) < 0.3 * (before["train_pixel_frechet"] or 0)
    assert (after["train_diversity"] or 0) > 0.5
    assert (after["train_synthetic_auroc"] or 0) > 0.95


# ---------------------------------------------------------------- the networks


FORMS = st.builds(
    ImageForm,
    st.tuples(st.integers(16, 64), st.integers(16, 64), st.sampled_from([1, 3])),
    st.integers(1, 4),
    st.integers(1, 8),
    st.just(8),
)


@settings(max_examples=12, deadline=None)
@given(FORMS)
def test_both_networks_fit_each_other_at_every_size(form: ImageForm) -> None:
    torch = mlp.torch_one_thread()
    g = build_generator(form, first_values(generator_parts(form), "G", 0))
    d = build_discriminator(form, first_values(discriminator_parts(form), "D", 0))
    label = torch.eye(form.classes)

    images = g(torch.zeros(form.classes, form.noise), label)

    assert tuple(images.shape) == (form.classes, form.image[2], *form.image[:2])
    assert float(images.detach().abs().max()) <= 1
    assert d(images, label).isfinite().all()


def test_doubling_is_torchs_bilinear_interpolation() -> None:
    torch = mlp.torch_one_thread()
    x = np.random.default_rng(0).normal(size=(7, 9)).astype(np.float32)

    ours = doubling(7, 14) @ x @ doubling(9, 18).T
    theirs = torch.nn.functional.interpolate(torch.from_numpy(x)[None, None], scale_factor=2, mode="bilinear")

    np.testing.assert_allclose(ours, theirs[0, 0].numpy(), atol=1e-6)


def test_augmentation_moves_and_covers_and_nothing_else() -> None:
    torch = mlp.torch_one_thread()
    ramp = torch.arange(1, 17, dtype=torch.float32).repeat(3, 1, 16, 1)

    moved = augmented(ramp, 2, 0.0, np.random.default_rng(1)).numpy()
    covered = augmented(ramp, 0, 0.5, np.random.default_rng(1)).numpy()

    for image in moved[:, 0]:
        [by] = {int(image[0, 8] - 9)}
        np.testing.assert_array_equal(image, np.clip(np.arange(1, 17) + by, 1, 16)[None].repeat(16, 0))
    assert ((covered == 0) | (covered == ramp.numpy())).all()
    assert 0 < (covered == 0).mean() <= 0.25


@given(st.integers(1, 40), st.lists(st.integers(0, 3), min_size=1, max_size=30), st.integers(1, 10))
def test_a_class_has_its_share_of_a_batch_and_a_small_one_less(size: int, labels: list[int], few: int) -> None:
    label = np.array(labels, np.int64)
    present, rows = np.unique(label, return_counts=True)
    shares = np.minimum(rows, few) / np.minimum(rows, few).sum()

    at = balanced(label, size, few, np.random.default_rng(0))

    assert len(at) == size
    for k, share in zip(present.tolist(), shares.tolist(), strict=True):
        assert abs((label[at] == k).sum() - share * size) <= 1


def test_small_images_are_means_of_parts_and_apart_is_a_mean_distance() -> None:
    assert small(np.full((2, 17, 30, 3), 255, np.uint8)).tolist() == [[1.0] * 192] * 2
    assert small(np.arange(16, dtype=np.uint8).reshape(1, 1, 16, 1))[0, 0] == pytest.approx(0.5 / 127.5 - 1)
    assert apart(np.array([[0.0], [3.0]])) == pytest.approx(3)


# ---------------------------------------------------------------- input that is not as it should be


def test_a_region_with_one_class_trains_on_it(tmp_path: Path) -> None:
    """Where another region has the other class; its figures say that it cannot tell."""
    images, label = drawn(20)
    sick, well = (
        opened(bound(tmp_path / "a", images[label == 1], label[label == 1])),
        opened(bound(tmp_path / "b", images[label == 0], label[label == 0]), region="south"),
    )
    totals = [sick.measure("count") + well.measure("count")]

    vector, _ = sick.train(1, sick.initial(), totals)

    assert np.isfinite(vector).all()
    assert sick.evaluate(vector, totals)["train_synthetic_auroc"] is None


def test_a_class_that_no_region_has_is_refused_in_words(tmp_path: Path) -> None:
    images, label = drawn(20)
    trainer = opened(bound(tmp_path, images[label == 1], label[label == 1]))

    with pytest.raises(ConfigError, match="no region has an image of class 0"):
        trained(trainer, 1)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_hardly_any_images_give_numbers(tmp_path: Path, n: int) -> None:
    images, label = drawn(n)
    trainer = opened(bound(tmp_path, images, label), gamma_every=1, few=1)
    totals = [np.array([2, 2, *(2 for _ in trainer.columns("count")[1:-1]), 1, 1], np.int64)]

    vector, _ = trainer.train(1, trainer.initial(), totals)

    assert np.isfinite(vector).all()
    assert all(value is None or np.isfinite(value) for value in trainer.evaluate(vector, totals).values())


def test_images_that_are_all_alike_give_numbers(tmp_path: Path) -> None:
    images, label = drawn(10)
    trainer = opened(bound(tmp_path, np.full_like(images, 255), label), gamma_every=1)

    vector, totals = trained(trainer, 2)

    assert np.isfinite(vector).all()
    assert trainer.evaluate(vector, totals)["train_diversity"] is None


@pytest.mark.parametrize("shape", [[16, 16, 3], [28, 20, 1]], ids=["grey as colour", "another size"])
def test_images_are_fitted_to_the_shape_of_the_manifest(tmp_path: Path, shape: list[int]) -> None:
    trainer = opened(bound(tmp_path, *drawn(8), shape=shape), local_steps=1)

    vector, _ = trained(trainer, 1)

    assert np.isfinite(vector).all()


@pytest.mark.parametrize(
    ("shape", "given", "words"),
    [
        ([224, 224, 1], {}, "images of 224 x 224 pixels; expected sides of 16 to 64"),
        ([8, 16, 1], {}, "images of 8 x 16 pixels"),
        ([16, 16, 1], {"width": 12}, "width = 12; expected a multiple of 8"),
        ([16, 16, 1], {"noise": 0}, "noise = 0"),
        ([16, 16, 1], {"ema": "1"}, "ema = 1.0; expected below 1"),
        ([16, 16, 1], {"batch": 0}, "batch = 0"),
    ],
)
def test_what_the_networks_are_not_made_for_is_refused_when_a_plan_is_drawn(
    tmp_path: Path, shape: list[int], given: dict[str, object], words: str
) -> None:
    from node.learning.describe import describe

    manifest = bound(tmp_path, *drawn(4), shape=shape)

    with pytest.raises(ConfigError, match=words):
        describe("imagegan", given, manifest)


def test_a_table_without_images_is_refused(tmp_path: Path) -> None:
    from node.learning.demo_data import write

    demo = write(tmp_path, "breast-cancer", ["north"], 1)

    with pytest.raises(ConfigError, match="no column of kind image"):
        Trainer(Agreed("imagegan", "1", {}, 1), study="ab", region="north", manifest=demo.manifests["north"])


def test_the_description_of_an_export_says_what_to_sample_with(tmp_path: Path) -> None:
    trainer = opened(bound(tmp_path, *drawn(8)))
    trainer.export(trainer.initial(), own_totals(trainer, trainer.sums), tmp_path / "m.safetensors")

    about = json.loads((tmp_path / "m.json").read_text())

    assert about["task"] == "imagegan"
    assert about["settings"]["noise"] == 8
