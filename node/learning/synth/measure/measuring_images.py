"""Everything measured of one synthetic set of images at one region; ``measuring`` does the same of tables."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np

from node.learning.data.schema import Target
from node.learning.errors import GateError
from node.learning.synth.measure import distance, images, pictures, targets
from node.learning.synth.measure.bootstrap import bounds, weights
from node.learning.synth.measure.gate import Figure
from node.learning.synth.measure.images import Images, Reference, pixels
from node.learning.synth.measure.measuring import Found, Sides, judged, shown
from node.learning.synth.measure.tables import FEWEST, Doubles, Integers
from node.learning.synth.measure.targets import Truth

MOST = 5_000  # images of each side that are looked at
MEAN_OF = 30  # patients that a class needs for its mean image to be shown
LEVELS = 16  # of grey in a mean image: two reports, one patient apart, show next to nothing of that patient
GRID = (4, 10)  # rows and columns of synthetic images that a page shows of each class


class _Side:
    """Images with their classes and patients, at most ``MOST`` of them."""

    def __init__(self, rows: Any, most: int, seed: int) -> None:
        kept = np.flatnonzero(rows.label >= 0)
        if len(kept) > most:
            kept = np.sort(np.random.default_rng(seed).permutation(kept)[:most])
        self.images: Images = rows.images[kept]
        self.y: Integers = rows.label[kept]
        owners = np.asarray(rows.patients, dtype=object)[kept].astype(str)
        self.patients: Integers = np.unique(owners, return_inverse=True)[1].astype(np.int64).reshape(-1)

    def __len__(self) -> int:
        return len(self.y)


def measure_images(sides: Sides, *, steps: int = images.STEPS) -> Found:
    """Return every figure of synthetic images.

    Args:
        steps: Of the reference network and of the one that learns from S.

    Raises:
        GateError: A side without images.
    """
    if any(rows.images is None for rows in (sides.real, sides.held, sides.synthetic)):
        raise GateError("rows without images", "images on all sides", "Give the manifest of images.")
    real, held = _Side(sides.real, MOST, sides.seed), _Side(sides.held, MOST, sides.seed)
    some = _Side(sides.synthetic, max(1, len(real)), sides.seed)
    if not len(real) or not len(some):
        which = "synthetic" if len(real) else "real training"
        raise GateError(f"0 {which} images", "images to compare", "Generate more, or lower settings.test_share.")
    names = sides.schema.classes
    out = Found()
    out.counts = {
        "real": shown(len(sides.real)), "held_out": shown(len(sides.held)), "synthetic": len(sides.synthetic),
        "compared": shown(len(some)), "patients": shown(len(np.unique(real.patients))), "undefined": 0,
    }  # fmt: skip
    reference = Reference(real.images, real.y, len(names), steps=steps)
    out.figures["frechet"] = images.frechet(reference, some.images, real.images, held.images)
    out.figures["diversity"] = images.diversity(some.images, real.images, some.y, real.y)
    out.figures["nearest"] = images.nearest_real(some.images, real.images)
    learned = Reference(some.images, some.y, len(names), steps=steps)
    trtr = _area(reference.probabilities(held.images), held, sides.seed)
    out.figures["trtr_auroc"] = trtr
    out.figures["tstr_auroc"] = _area(learned.probabilities(held.images), held, sides.seed, trtr.value)
    out.figures["trts_auroc"] = _area(reference.probabilities(some.images), some, sides.seed, trtr.value)
    _risks(out, real, held, some, sides)
    if len(names) == 2:
        for name, network in (("real", reference), ("synthetic", learned)):
            out.pictures["roc"][name] = pictures.roc(network.probabilities(held.images)[:, 1], held.y == 1)
    absent, exposed = _classes(real, some, len(names))
    out.figures["rare"] = Figure(float(absent + exposed))
    out.pictures["images"] = [_block(name, k, real, some) for k, name in enumerate(names)]
    out.pictures["classes"] = {
        "names": list(names), "real": pictures.classes(real.y, len(names), real.patients),
        "synthetic": pictures.classes(some.y, len(names)),
    }  # fmt: skip
    return out


def _area(said: Doubles, side: _Side, seed: int, against: float | None = None) -> Figure:
    truth = Truth(Target.CLASSES, side.y[:, None].astype(np.float64), said.shape[1])
    if why := targets.lacking(truth, side.patients):
        return Figure(None, against=against, why=why)
    value = targets.score(said, truth, side.patients)
    parts = [targets.drawn(said, truth, side.patients, block) for block in weights(side.patients, seed)]
    return Figure(value, *bounds(np.concatenate(parts), value), against)


def _risks(out: Found, real: _Side, held: _Side, some: _Side, sides: Sides) -> None:
    r, h, s = (pixels(side.images) for side in (real, held, some))
    patients = (real.patients, held.patients)
    near = distance.nearest(r, s)[0], distance.nearest(h, s)[0]
    out.figures["mia_distance"] = distance.membership((-near[0], -near[1]), patients, sides.seed)
    out.figures["dcr_share"] = distance.dcr_share(s, r, h, patients, sides.seed)
    out.figures["exact_copies"] = Figure(float(distance.exact_copies(s, np.concatenate([r, h]))))
    few = min(len(r), len(h))
    mine, theirs = (np.random.default_rng(0).permutation(len(x))[:few] for x in (r, h))
    out.pictures["distances"] = {
        "synthetic_real": pictures.distances(distance.nearest(s, r[mine])[0]) if few else [],
        "synthetic_held": pictures.distances(distance.nearest(s, h[theirs])[0]) if few else [],
        "held_real": pictures.distances(distance.nearest(h, r[mine])[0]) if few else [],
    }
    was = np.repeat([True, False], [len(r), len(h)])
    out.pictures["roc"] = {"membership": pictures.roc(-np.concatenate(near), was)}
    judged(out, sides)


def _classes(real: _Side, some: _Side, count: int) -> tuple[int, int]:
    """Return classes of at least 10 patients that never appear, and classes of fewer that do."""
    absent = exposed = 0
    for k in range(count):
        owners, appears = len(np.unique(real.patients[real.y == k])), bool((some.y == k).any())
        absent += owners >= FEWEST and not appears
        exposed += owners < FEWEST and appears
    return absent, exposed


# ---------------------------------------------------------------- what the page shows


def _block(name: str, k: int, real: _Side, some: _Side) -> dict[str, Any]:
    """Return a class: a grid of synthetic images, and coarse mean images where ``MEAN_OF`` patients have it."""
    made = some.images[some.y == k]
    owners = len(np.unique(real.patients[real.y == k]))
    mean_real = _mean(real.images[real.y == k]) if owners >= MEAN_OF else None
    return {
        "name": name, "grid": _grid(made), "mean_real": mean_real,
        "mean_synthetic": _mean(made) if len(made) else None,
    }  # fmt: skip


def _mean(some: Images) -> str:
    step = 255 / (LEVELS - 1)
    return _png(np.round(np.round(some.astype(np.float64).mean(axis=0) / step) * step).astype(np.uint8))


def _grid(made: Images) -> str:
    high, wide = GRID
    tiles = np.full((high * wide, *made.shape[1:]), 255, np.uint8)
    tiles[: min(len(made), high * wide)] = made[: high * wide]
    rows = max(1, min(high, -(-len(made) // wide)))
    h, w, channels = made.shape[1:]
    grid = tiles[: rows * wide].reshape(rows, wide, h, w, channels).transpose(0, 2, 1, 3, 4)
    return _png(grid.reshape(rows * h, wide * w, channels))


def _png(picture: Images) -> str:
    from PIL import Image  # only where there are images

    out = io.BytesIO()
    Image.fromarray(picture[:, :, 0] if picture.shape[2] == 1 else picture).save(out, "png")
    return base64.b64encode(out.getvalue()).decode()
