"""The task ``imagegan``: a class-conditional generator of images of 16 to 64 pixels that regions make together.

``G`` and its running average ``ema``, which is what is sampled, travel and are averaged; ``D`` stays, for its weights
tell whose images it was trained on (``share = "both"`` has it travel, which is refused unless the plan says
``disclose``), and so do both optimizers' moments. Non-saturating loss, R1 every few steps, classes drawn equally
often where a region has enough of them. Without differential privacy the generator alone carries no guarantee either.

Sources: Goodfellow et al. (2014) for the loss; Mescheder et al. (2018), R1; Karras et al. (2020), lazy R1; Yazıcı et
al. (2019), the average of the generator.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from node.learning.data.schema import Schema, Target
from node.learning.errors import ConfigError
from node.learning.hashing import stream
from node.learning.models import mlp
from node.learning.models.network import tensor
from node.learning.optimizer import SCHEDULES, AdamW, rate
from node.learning.synth import watch
from node.learning.synth.image_augment import augmented
from node.learning.synth.image_figures import figures
from node.learning.synth.image_networks import (
    ImageForm,
    build_discriminator,
    build_generator,
    discriminator_parts,
    first_values,
    form_of,
    generator_parts,
)
from node.learning.synth.image_sampling import sample, sheet
from node.learning.synth.image_watch import watched
from node.learning.synth.sharing import check_share
from node.learning.task import Encoded, Local
from node.learning.vectors import Arrays, Shapes, SharePolicy

BETAS = (0.5, 0.99)
SHARES = ("generator", "both")
SAMPLES = 200  # of each class, for evaluation


class ImageGan:
    """Three modules: ``G`` and ``ema`` travel, ``D`` only where the plan says so."""

    name = "imagegan"
    version = "1"
    needs_data = True
    with_dp = False
    unexported = ("D",)  # also where it travels: a file goes further than a neighbour
    targets: tuple[Target, ...] = (Target.CLASSES,)
    choices: Mapping[str, tuple[str, ...]] = {"share": SHARES, "schedule": SCHEDULES}
    defaults: Mapping[str, object] = {
        "share": "generator",
        "disclose": False,
        "noise": 64,
        "width": 16,
        "lr": 0.002,
        "lr_d": 0.002,
        "schedule": "constant",
        "batch": 32,
        "local_steps": 50,
        "gamma": 0.02,
        "gamma_every": 8,
        "ema": 0.995,
        "shift": 2,
        "cutout": 0.0,
        "few": 200,
        "test_share": 0.0,
    }

    def sums(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the one stage that says which classes exist anywhere."""
        return ("count",)

    def form(self, schema: Schema, settings: Mapping[str, Any]) -> ImageForm:
        """Return what the networks are built from.

        Raises:
            ConfigError: There is no image column, its sides do not fit, or a setting does not.
        """
        if schema.image is None or schema.image.shape is None:
            raise ConfigError("task imagegan and no column of kind image", "one", "Use a GAN for tables.")
        if not settings["ema"] < 1:
            raise ConfigError(f"ema = {settings['ema']}", "below 1", "Set ema = 0.995.")
        if settings["batch"] < 1:
            raise ConfigError("batch = 0", "at least 1", "Set batch = 32.")
        form = ImageForm(schema.image.shape, len(schema.classes), settings["noise"], settings["width"])
        form.check()
        return form

    def shapes(self, schema: Schema | None, settings: Mapping[str, Any]) -> Shapes:
        """Return the shapes of the three modules."""
        assert schema is not None
        form = self.form(schema, settings)
        generator = {name: shape for name, (shape, _) in generator_parts(form).items()}
        discriminator = {name: shape for name, (shape, _) in discriminator_parts(form).items()}
        return {"D": discriminator, "ema": generator, "G": dict(generator)}

    def shared(self) -> dict[str, SharePolicy]:
        """The generator and its average travel, the discriminator stays."""
        return {"D": SharePolicy.STAYS, "G": SharePolicy.TRAVELS, "ema": SharePolicy.TRAVELS}

    def shared_by(self, settings: Mapping[str, Any]) -> dict[str, SharePolicy]:
        """With ``share = "both"`` the discriminator travels too."""
        return self.shared() | ({"D": SharePolicy.TRAVELS} if settings["share"] == "both" else {})

    def check_private(self, settings: Mapping[str, Any], private: bool) -> None:
        """Refuse to show the discriminator unless the plan says so: images have no differential privacy here.

        Raises:
            ConfigError: ``share = "both"`` without ``disclose``.
        """
        check_share(settings, "discriminator", private=False, what="a patient's image")

    def initial(self, schema: Schema | None, settings: Mapping[str, Any], seed: int) -> Arrays:
        """Return the first weights; the average begins as the generator does."""
        assert schema is not None
        form = self.form(schema, settings)
        generator = first_values(generator_parts(form), "G", seed)
        average = {name: values.copy() for name, values in generator.items()}
        return {"D": first_values(discriminator_parts(form), "D", seed), "ema": average, "G": generator}

    def train(self, arrays: Arrays, local: Local, settings: Mapping[str, Any]) -> tuple[Arrays, float | None]:
        """Return the modules after ``local_steps`` steps of each, and D's mean loss."""
        torch = mlp.torch_one_thread()
        images = local.rows.images
        assert images is not None
        if local.stats is not None and 0 in local.stats.classes:
            lacking = local.stats.classes.index(0)
            raise ConfigError(
                f"no region has an image of class {lacking} (in the manifest's order, from 0)",
                "at least one of each class in all regions together",
                "Take the class out of the label's categories.",
            )
        form = form_of(arrays["G"], images.shape[1:], settings)
        g, d = build_generator(form, arrays["G"]), build_discriminator(form, arrays["D"])
        average = {name: torch.from_numpy(values.copy()) for name, values in arrays["ema"].items()}
        adam_g, adam_d = (
            AdamW(module, _free(net, module, local), local.private, betas=BETAS) for module, net in (("G", g), ("D", d))
        )
        softplus, one_hot = torch.nn.functional.softplus, np.eye(form.classes, dtype=np.float32)
        slower = watch.rate_here(local.private)
        losses: list[float] = []
        certain: list[bool] = []

        def seen(x: Any) -> Any:
            return augmented(x, settings["shift"], settings["cutout"], local.rng)

        for step in range(settings["local_steps"]):
            now = local.before + step
            at = balanced(local.rows.y, settings["batch"], settings["few"], local.rng)
            label = torch.from_numpy(one_hot[local.rows.y[at]])
            z = local.rng.standard_normal((len(at), form.noise), np.float32)
            made = g(torch.from_numpy(z), label)
            real = seen(tensor(images[at]))
            with_r1 = bool(settings["gamma_every"]) and settings["gamma"] > 0 and now % settings["gamma_every"] == 0
            real.requires_grad_(with_r1)
            said = d(real, label)
            false = d(seen(made.detach()), label)
            loss = softplus(-said).mean() + softplus(false).mean()
            losses.append(float(loss.detach()))
            certain.append(float((said > 0).float().mean() + (false < 0).float().mean()) / 2 > watch.CERTAIN)
            if with_r1:
                (slope,) = torch.autograd.grad(said.sum(), real, create_graph=True)
                weight = settings["gamma"] / 2 * settings["gamma_every"]
                loss = loss + weight * slope.square().sum((1, 2, 3)).mean()
            adam_d.step(loss, slower * rate(settings["lr_d"], settings["schedule"], now, local.steps_in_all))
            loss = softplus(-d(seen(made), label)).mean()
            adam_g.step(loss, slower * rate(settings["lr"], settings["schedule"], now, local.steps_in_all))
            keep = min(settings["ema"], (1 + now) / (10 + now))  # young averages forget faster
            with torch.no_grad():
                for name, value in g.named_parameters():
                    average[name].lerp_(value, 1 - keep)
        for adam in (adam_g, adam_d):
            adam.keep(local.private)
        after = {
            "D": mlp.parameters_of(d),
            "ema": {name: value.numpy() for name, value in average.items()},
            "G": mlp.parameters_of(g),
        }
        told = float(np.mean(losses)) if losses and np.isfinite(losses).all() else None
        return watched(after, arrays, form, local, losses, certain), told

    def evaluate(self, arrays: Arrays, rows: Encoded, settings: Mapping[str, Any]) -> dict[str, float | None]:
        """Return how images of the average compare with real ones; what a class without images leaves open is None."""
        assert rows.images is not None
        form = form_of(arrays["ema"], rows.images.shape[1:], settings)
        label = np.repeat(np.arange(form.classes), SAMPLES)
        made = sample(form, arrays["ema"], label, np.random.Generator(stream("image-evaluate")))
        return figures(made, label, rows.images, rows.y, form.classes)

    def sheet(self, arrays: Arrays, rows: Encoded, settings: Mapping[str, Any]) -> tuple[str, bytes]:
        """Return a sheet of samples: the ending of its file, and a PNG of images of the average."""
        assert rows.images is not None
        return "png", sheet(form_of(arrays["ema"], rows.images.shape[1:], settings), arrays["ema"])


def _free(net: Any, module: str, local: Local) -> dict[str, Any]:
    """Return the parameters of a network that are not frozen."""
    for name, value in net.named_parameters():
        value.requires_grad_(f"{module}.{name}" not in local.frozen)
    return {name: value for name, value in net.named_parameters() if value.requires_grad}


def balanced(labels: NDArray[np.int64], size: int, few: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return row numbers of a batch in which classes come equally often, one with fewer than ``few`` rows less often.

    A class has ``min(rows, few)`` shares of the batch: a handful of images that came in every batch would be learned by
    heart. What is left over by rounding is drawn.
    """
    present, counts = np.unique(labels, return_counts=True)
    shares = np.minimum(counts, max(1, few)).astype(np.float64)
    places = (np.arange(size) + rng.random()) / size * shares.sum()
    drawn = present[np.minimum(np.searchsorted(np.cumsum(shares), places, side="right"), len(present) - 1)]
    out = np.empty(size, np.int64)
    for k in present.tolist():
        out[drawn == k] = rng.choice(np.flatnonzero(labels == k), int((drawn == k).sum()))
    return out
