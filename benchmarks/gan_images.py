"""Four regions' chest X-rays make a generator: what a classifier learns from its images alone, on real test images.

PneumoniaMNIST, 28 x 28, Dirichlet(.5), ring, uniform weights; the generator and its average travel, the
discriminator stays. Real peers with masks under a virtual clock. A classifier (the small CNN, 200 steps of 64) learns
4000 synthetic images of one generator; the published test images score it. After 600 local steps at five
seeds, after 1600 at one. Pooled and alone take as many steps; a region that has one class only counts as .5, as in the
gate. Settings were chosen by the published validation images on pooled rows and on the split of seed 0.
``python -m benchmarks.gan_images SEED STEPS SHEET.png`` runs one seed and writes what its generator draws.
Source of data: Yang et al. (2023), MedMNIST v2, CC BY 4.0.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import pneumonia
from benchmarks.joint import in_process, spread
from node.learning.baselines import own_totals
from node.learning.data.rows import Rows
from node.learning.errors import ConfigError
from node.learning.synth.image_networks import form_of
from node.learning.synth.image_sampling import sample, sheet
from node.learning.synth.measure.images import Reference, diversity, frechet_distance, nearest_real
from node.learning.trainer import Agreed, Trainer

SEEDS = (0, 1, 2, 3, 4)
STEPS, LONG, A_ROUND = 600, 1600, 50
MADE, LEARNED = 4000, 200  # synthetic images, and steps of the classifier on them
LEAST, AIM, CPU_S = 0.77, 0.85, 1200.0
CLASSIFIER = {
    "model": "cnn", "optimizer": "adamw", "schedule": "onecycle", "lr": "0.002", "weight_decay": "0.01",
    "batch": 64, "local_steps": LEARNED, "shift": 2, "flip": True,
}  # fmt: skip

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]


def run(seed: int) -> list[dict[str, Any]]:
    """Return the figures of five seeds: the split's and the plan's."""
    shorts = [together(one, STEPS) for one in SEEDS]
    long = together(SEEDS[0], LONG)
    pooled = [lone(one, STEPS) for one in SEEDS]
    alone = [lone(SEEDS[0], STEPS, i) for i in range(len(pneumonia.NAMES))]
    worst = [min(one["areas"]) for one in shorts]

    def over(name: str, key: str, runs: Any, limit: float | None = None, direction: str = "more") -> dict[str, Any]:
        return _figure(name, [one[key] for one in runs], limit, direction)

    return [
        _figure(f"{STEPS} steps: worst node's AUROC on real test images", worst, LEAST),
        over(f"{STEPS} steps: Fréchet distance", "frechet", shorts),
        over(f"{STEPS} steps: diversity", "diversity", shorts, 0.5),
        over(f"{STEPS} steps: nearest training image", "nearest", shorts),
        {**over(f"{STEPS} steps: CPU of the study, all four nodes", "cpu", shorts), "unit": "s", "direction": "less"},
        _figure(f"{LONG} steps: worst node's AUROC", [min(long["areas"])], AIM),
        over(f"{LONG} steps: Fréchet distance", "frechet", [long]),
        over(f"{LONG} steps: diversity", "diversity", [long], 0.5),
        {**over(f"{LONG} steps: CPU of the study, all four nodes", "cpu", [long], CPU_S, "less"), "unit": "s"},
        over("pooled: AUROC", "area", pooled),
        over("pooled: Fréchet distance", "frechet", pooled),
        {**over("alone: AUROC", "area", alone), "value": float(np.mean([one["area"] for one in alone]))},
        *real(),
    ]


def _figure(name: str, values: Any, limit: float | None, direction: str = "more") -> dict[str, Any]:
    seeds = list(SEEDS) if len(values) == len(SEEDS) else [SEEDS[0]]
    return {"name": name, **spread(values), "unit": "", "limit": limit, "direction": direction, "seeds": seeds}


def together(seed: int, steps: int) -> dict[str, Any]:
    """Return the figures of one study: of every node's generator the AUROC, of the first node's the others."""
    with tempfile.TemporaryDirectory(prefix="landsting-gan-images-") as name:
        manifests, pooled, test = pneumonia.write(Path(name) / "data", seed)
        wish: dict[str, Any] = {"settings": {"local_steps": A_ROUND}, "rounds": steps // A_ROUND, "topology": "ring"}
        before = time.process_time()
        joint = in_process(manifests, Path(name), seed, task="imagegan", **wish)
        cpu = time.process_time() - before
        nodes = {one: joint.trainers[one] for one in pneumonia.NAMES}
        made = [images_of(nodes[one], joint.vectors[one], seed) for one in nodes]
        first = nodes[pneumonia.NAMES[0]]
        return {
            "areas": [learned(*one, test) for one in made],
            "cpu": cpu,
            **_beside(*made[0], pneumonia._rows(pooled)),
            "sheet": sheet_of(first, joint.vectors[pneumonia.NAMES[0]]),
        }


def lone(seed: int, steps: int, region: int | None = None) -> dict[str, Any]:
    """Return the figures of all training rows in one place, or of one region by itself, with as many local steps."""
    with tempfile.TemporaryDirectory(prefix="landsting-gan-images-") as name:
        manifests, pooled, test = pneumonia.write(Path(name) / "data", seed)
        manifest = pooled if region is None else manifests[pneumonia.NAMES[region]]
        agreed = Agreed("imagegan", "1", {"local_steps": A_ROUND}, seed, rounds=steps // A_ROUND)
        trainer = Trainer(agreed, study="alone", region="alone", manifest=manifest)
        totals = own_totals(trainer, trainer.sums)
        vector = trainer.initial()
        try:
            for round in range(len(totals), len(totals) + steps // A_ROUND):
                vector, _ = trainer.train(round, vector, totals)
        except ConfigError:  # it has one class only
            return {"area": 0.5}
        made = images_of(trainer, vector, seed)
        return {"area": learned(*made, test), **_beside(*made, pneumonia._rows(pooled))}


def images_of(trainer: Trainer, vector: NDArray[np.float32], seed: int) -> tuple[Images, Labels]:
    """Return synthetic images of a generator, half of each class."""
    arrays = trainer.split.arrays(vector, {})
    form = form_of(arrays["ema"], (28, 28, 1), trainer.settings)
    label = np.arange(MADE, dtype=np.int64) % form.classes
    return sample(form, arrays["ema"], label, np.random.default_rng(seed)), label


def sheet_of(trainer: Trainer, vector: NDArray[np.float32]) -> bytes:
    """Return a PNG of what a generator draws."""
    arrays = trainer.split.arrays(vector, {})
    return sheet(form_of(arrays["ema"], (28, 28, 1), trainer.settings), arrays["ema"], rows=4)


def _beside(made: Images, label: Labels, real: Rows) -> dict[str, float]:
    """Return how synthetic images compare with all real training images."""
    assert real.images is not None
    reference = Reference(real.images, real.label, 2)
    gap = frechet_distance(reference.features(real.images), reference.features(made))
    varied = diversity(made, real.images, label, real.label).value
    near = nearest_real(made[:500], real.images).value
    assert gap is not None
    assert varied is not None
    assert near is not None
    return {"frechet": gap, "diversity": varied, "nearest": near}


def learned(images: Images, label: Labels, test: Rows) -> float:
    """Return the AUROC on real test images of a classifier that learned from these images alone."""
    with tempfile.TemporaryDirectory(prefix="landsting-gan-images-") as name:
        np.savez(Path(name) / "x.npz", train_images=images[..., 0], train_labels=label[:, None])
        trainer = Trainer(
            Agreed("classifier", "1", CLASSIFIER, 0, sums=(), rounds=1),
            study="tstr",
            region="tstr",
            manifest=pneumonia._manifest(Path(name), Path("x.npz"), "train"),
        )
        vector, _ = trainer.train(0, trainer.initial())
        arrays = trainer.split.arrays(vector, {})
        return trainer.task.evaluate(arrays, trainer.encoder(()).encode(test), trainer.settings)["auroc"] or 0.0


def real() -> list[dict[str, Any]]:
    """Return what real training images give: the same classifier's AUROC, and how near test images lie to them."""
    with tempfile.TemporaryDirectory(prefix="landsting-gan-images-") as name:
        _, pooled, test = pneumonia.write(Path(name) / "data", 0)
        rows = pneumonia._rows(pooled)
        assert rows.images is not None
        assert test.images is not None
        near = nearest_real(test.images, rows.images).value
        return [
            _figure("real training images: AUROC", [learned(rows.images, rows.label, test)], None),
            _figure("real test images: nearest training image", [near], None),
        ]


if __name__ == "__main__":
    found = together(int(sys.argv[1]), int(sys.argv[2]))
    Path(sys.argv[3]).write_bytes(found.pop("sheet"))
    print(json.dumps(found))
