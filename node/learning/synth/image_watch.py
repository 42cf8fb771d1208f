"""Looks at what the image generator makes after each round, and goes back where it has gone astray.

| looked at, from step 100 on | astray |
|---|---|
| weights and losses (from the first step) | not finite |
| mean distance of small made images of a class over that of real ones (``image_figures.diversity``) | below .5 |
| the same, while D has told nearly all images apart for 50 steps | below .7 |
| AUROC on own validation images of a line through small made images | .1 below its best |

What going back means is the same as for tables: see ``watch``. Figures that a region's images leave open are not
looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from node.learning.synth import watch
from node.learning.synth.image_figures import figures
from node.learning.synth.image_networks import ImageForm
from node.learning.synth.image_sampling import sample
from node.learning.task import Local
from node.learning.vectors import Arrays, Floats

SAMPLES = 64  # made images of each class
ALIKE, CLOSE, WORSE = 0.5, 0.7, 0.1
FEWEST = 20  # validation images from which on AUROC is a figure
FEWEST_OF_CLASS = 10  # images from which on their distance is a figure
GOES_BACK_TO = {"D": "D", "G": "ema", "ema": "ema"}


def watched(
    after: Arrays, before: Arrays, form: ImageForm, local: Local, losses: Sequence[float], certain: Sequence[bool]
) -> Arrays:
    """Return what the round gave, or what the generator goes back to; says so in ``local.notes``.

    Args:
        after, before: All modules, as training left and as it found them.
        losses: Of D, one a step.
        certain: Of each step, whether D told nearly all images apart.
    """
    if not watch.finite(after) or not np.isfinite(losses).all():
        kept = {module: dict(values) for module, values in before.items()}
        watch.back(kept, local, "weights are no longer finite")
        return kept
    why = astray(_look(after["ema"], form, local), local.private, certain, local.before)
    if why is None:
        watch.remember(after, local.private, GOES_BACK_TO)
    else:
        watch.back(after, local, why)
    return after


def _look(parameters: Mapping[str, Floats], form: ImageForm, local: Local) -> dict[str, float | None]:
    """Return ``diversity`` beside the region's training images, ``synthetic_auroc`` on its validation images."""
    assert local.rows.images is not None
    label = np.repeat(np.arange(form.classes), SAMPLES)
    made = sample(form, parameters, label, np.random.Generator(np.random.PCG64(int(local.rng.integers(2**62)))))
    counts, varied = np.bincount(local.rows.y, minlength=form.classes), None
    if counts.min() >= FEWEST_OF_CLASS:
        varied = figures(made, label, local.rows.images, local.rows.y, form.classes)["diversity"]
    apart = local.validation
    area = None
    if apart is not None and apart.images is not None and len(apart) >= FEWEST:
        area = figures(made, label, apart.images, apart.y, form.classes)["synthetic_auroc"]
    return {"diversity": varied, "synthetic_auroc": area}


def astray(
    found: Mapping[str, float | None], private: dict[str, Floats], certain: Sequence[bool], steps: int
) -> str | None:
    """Return in words what has gone wrong; None if nothing. Keeps count of steps and of the best AUROC.

    Args:
        found: ``diversity`` and ``synthetic_auroc``; None is undefined.
        steps: Done before this round.
    """
    counted, best_so_far = f"{watch.PREFIX}certain", f"{watch.PREFIX}best"
    run = int(private.get(counted, np.zeros(1, np.float32))[0])
    for sure in certain:
        run = run + 1 if sure else 0
    private[counted] = np.array([run], np.float32)
    if steps < watch.CALM:
        return None
    varied, area = found["diversity"], found["synthetic_auroc"]
    if varied is not None and varied < ALIKE:
        return f"made images lie at {varied:.2f} of the distance of real ones"
    if varied is not None and varied < CLOSE and run >= watch.CERTAIN_STEPS:
        return f"the discriminator has told nearly all images apart for {run} steps and made images lie close together"
    if area is not None:
        best = float(private.get(best_so_far, np.zeros(1, np.float32))[0])
        if area < best - WORSE:
            return f"AUROC on validation images fell to {area:.2f} from {best:.2f}"
        private[best_so_far] = np.array([max(best, area)], np.float32)
    return None
