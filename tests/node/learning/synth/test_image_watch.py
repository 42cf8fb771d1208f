"""The watch over the image GAN: what it takes for astray, and that training then goes on from what was good."""

from __future__ import annotations

import numpy as np
import pytest

from node.learning.synth import watch
from node.learning.synth.image_gan import ImageGan
from node.learning.synth.image_networks import ImageForm, discriminator_parts, first_values, generator_parts
from node.learning.synth.image_watch import astray, watched
from node.learning.task import Encoded, Local, read_settings
from node.learning.vectors import Arrays

FORM = ImageForm((16, 16, 1), 2, 4, 8)
LATER = 500  # steps done: past those in which nothing but finiteness is looked at


def local() -> Local:
    """Return a region's round with ten images of each class: noise, of no patient."""
    drawn = np.random.default_rng(0).integers(0, 256, (20, 16, 16, 1)).astype(np.uint8)
    rows = Encoded(np.zeros((20, 0), np.float32), np.arange(20, dtype=np.int64) % 2, images=drawn)
    return Local(rows, None, {}, np.random.default_rng(1), None, before=LATER)


def begun() -> Arrays:
    generator = first_values(generator_parts(FORM), "G", 0)
    return {"D": first_values(discriminator_parts(FORM), "D", 0), "G": generator, "ema": dict(generator)}


@pytest.mark.parametrize(
    ("found", "certain", "best", "words"),
    [
        pytest.param({"diversity": 0.4, "synthetic_auroc": None}, 0, 0, "0.40 of the distance", id="all alike"),
        pytest.param({"diversity": 0.6, "synthetic_auroc": None}, 50, 0, "told nearly all images apart", id="sure D"),
        pytest.param({"diversity": 1.0, "synthetic_auroc": 0.7}, 0, 0.9, "fell to 0.70 from 0.90", id="worse"),
        pytest.param({"diversity": 0.6, "synthetic_auroc": None}, 49, 0, None, id="D not sure for long"),
        pytest.param({"diversity": 1.0, "synthetic_auroc": None}, 50, 0, None, id="sure D alone"),
        pytest.param({"diversity": 1.0, "synthetic_auroc": 0.85}, 0, 0.9, None, id="a little worse"),
        pytest.param({"diversity": None, "synthetic_auroc": None}, 50, 0.9, None, id="nothing to look at"),
    ],
)
def test_what_is_astray(found: dict[str, float | None], certain: int, best: float, words: str | None) -> None:
    private = {"watch.best": np.array([best], np.float32)}

    said = astray(found, private, [True] * certain, LATER)

    assert (said is None) == (words is None)
    assert (words or "") in (said or "")


def test_the_first_steps_are_left_alone() -> None:
    assert astray({"diversity": 0.1, "synthetic_auroc": 0.1}, {}, [True] * 60, steps=0) is None


def test_a_generator_that_makes_one_image_goes_back_to_the_last_good_average() -> None:
    here = local()
    good = begun()
    watch.remember(good, here.private, {"D": "D", "G": "ema", "ema": "ema"})
    here.private["optimizer.G.count"] = np.ones(1, np.float32)
    collapsed = {module: {name: 0 * value for name, value in values.items()} for module, values in begun().items()}

    after = watched(collapsed, good, FORM, here, [1.0], [False])

    np.testing.assert_array_equal(after["G"]["first.weight"], good["ema"]["first.weight"])
    assert watch.rate_here(here.private) == 0.5
    assert "optimizer.G.count" not in here.private
    assert "back to the last good generator" in here.notes[0]


def test_steps_that_blow_up_leave_finite_weights_and_a_note() -> None:
    task = ImageGan()
    settings = read_settings(task, {"width": 8, "noise": 4, "local_steps": 6, "batch": 4, "lr": "1e30", "lr_d": "1e30"})
    here = local()

    after, loss = task.train(begun(), here, settings)

    assert watch.finite(after)
    assert loss is None or np.isfinite(loss)
    assert "no longer finite" in here.notes[0]
    assert watch.rate_here(here.private) == 0.5
