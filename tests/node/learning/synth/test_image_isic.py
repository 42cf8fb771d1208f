"""The layout of SIIM-ISIC and the image GAN, conditional on melanoma, on drawn images.

Mechanics only: the images are drawn here, of no patient, and nothing is claimed about skin.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from node.cli.synth import synth
from node.learning.baselines import average
from node.learning.data.adapters.isic import COLUMNS, draft
from node.learning.data.manifest import to_toml
from node.learning.synth.image_sampling import generate
from node.learning.synth.measure import comparing
from node.learning.trainer import Agreed, Trainer

SIDE = 32
SETTINGS = {"width": 8, "noise": 8, "batch": 8, "local_steps": 25, "ema": "0.9"}


def lesions(folder: Path, patients: int, seed: int) -> Path:
    """Write ``train.csv`` and drawn JPEGs, two for each patient: melanoma large and dark, others small and light.

    Returns:
        The manifest that ``data init --layout siim-isic`` drafts, for images of 32 x 32.
    """
    rng = np.random.default_rng(seed)
    (folder / "jpeg" / "train").mkdir(parents=True)
    lines = [",".join(COLUMNS)]
    y, x = np.mgrid[: 2 * SIDE, : 2 * SIDE] / (2 * SIDE) - 0.5
    for i in range(2 * patients):
        target = i // 2 % 2
        radius, shade = ((0.3, 60), (0.12, 150))[1 - target]
        spot = (x**2 + y**2 < (radius * rng.uniform(0.8, 1.2)) ** 2)[:, :, None]
        skin = np.array([225, 180, 160]) + rng.normal(0, 8, 3)
        pixels = np.where(spot, shade + rng.normal(0, 12, 3), skin) + rng.normal(0, 4, (2 * SIDE, 2 * SIDE, 3))
        name = f"ISIC_{seed}{i:06d}"
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(folder / "jpeg" / "train" / f"{name}.jpg")
        sex, age = ("male", "female")[i // 2 % 3 % 2], 30 + 5 * (i // 2 % 10)
        kind = ("benign", "malignant")[target]
        lines.append(f"{name},IP_{seed}{i // 2:05d},{sex},{age},torso,unknown,{kind},{target}")
    (folder / "train.csv").write_text("\n".join(lines) + "\n")
    raw = draft(folder)
    raw["column"][0]["shape"] = [SIDE, SIDE, 3]
    (folder / "isic.toml").write_text(to_toml(raw))
    return folder / "isic.toml"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generator of two regions after 75 local steps, exported."""
    folder = tmp_path_factory.mktemp("isic")
    nodes = [
        Trainer(
            Agreed("imagegan", "1", SETTINGS, 1), study="ab", region=region, manifest=lesions(folder / region, 12, i)
        )
        for i, region in enumerate(("north", "south"))
    ]
    vector, totals = average(nodes, rounds=3, sums=("count",))
    nodes[0].export(vector, totals, folder / "isic.safetensors")
    return folder / "isic.safetensors"


def test_drawn_melanomas_come_out_darker_when_they_are_asked_for(model: Path) -> None:
    means = {
        target: np.mean([image for _, image in generate(model, rows=40, seed=1, condition={"target": target})], axis=0)
        for target in ("0", "1")
    }

    ring = np.s_[8:12, 8:24]  # outside a small spot, inside a large one
    assert means["0"].shape == (SIDE, SIDE, 3)
    assert means["1"][ring].mean() < means["0"][ring].mean() - 20


def test_real_synthetic_and_both_train_the_same_classifier(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``synth generate`` and ``synth compare``, with few steps of the classifier."""
    monkeypatch.setattr(comparing, "STEPS", 12)
    held, data = lesions(tmp_path / "held", 20, seed=9), tmp_path / "made"

    made = CliRunner().invoke(synth, ["generate", str(model), "--rows", "24", "--seed", "1", "-o", str(data)])
    real = ["--real", str(model.parent / "north" / "isic.toml"), "--held-out", str(held)]
    said = CliRunner().invoke(synth, ["compare", str(model), "--data", str(data), *real, "--repeats", "1", "--json"])

    assert made.exit_code == 0, made.output
    assert said.exit_code == 0, said.output
    compared = {one["trained_on"]: one for one in json.loads(said.stdout)["compared"]}
    assert [compared[one]["rows"] for one in ("real", "synthetic", "both")] == [24, 24, 48]
    assert all(one["median"] > 0.8 for one in compared.values())
