"""The task ``gan``: a toy generator for tables whose discriminator never leaves the region.

``G`` (noise and class to a row) travels and is averaged; ``D`` (row and class to a logit) stays, for
its weights tell which patients it was trained on. Both optimizers' moments stay as well. The loss is
the non-saturating one. A toy: it shows that several modules with a share policy each go through the
same rounds; it makes no claim about the quality of its rows, and nothing here releases any.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from node.learning.data.schema import Schema, Target
from node.learning.metrics import auroc
from node.learning.models import mlp
from node.learning.optimizer import AdamW
from node.learning.preprocessing import STAGES, width_of
from node.learning.supervised import batches
from node.learning.task import Arrays, Encoded, Floats, Local, Shapes, SharePolicy, stream

BETAS = (0.5, 0.9)
SAMPLES = 200  # of each class, for evaluation


class Gan:
    """Two modules: ``G`` travels, ``D`` stays."""

    name = "gan"
    version = "1"
    needs_data = True
    with_dp = False
    targets = (Target.CLASSES,)
    defaults: Mapping[str, object] = {
        "noise": 8,
        "hidden": 32,
        "lr": 0.01,
        "batch": 32,
        "local_steps": 20,
        "test_share": 0.0,
    }

    def sums(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the stages that standardising needs."""
        return STAGES

    def _widths(self, schema: Schema, settings: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
        width, classes = width_of(schema), len(schema.classes)
        return {
            "D": (width + classes, settings["hidden"], 1),
            "G": (settings["noise"] + classes, settings["hidden"], width),
        }

    def shapes(self, schema: Schema | None, settings: Mapping[str, Any]) -> Shapes:
        """Return the shapes of both networks."""
        assert schema is not None
        return {module: mlp.shapes(widths) for module, widths in self._widths(schema, settings).items()}

    def shared(self) -> dict[str, SharePolicy]:
        """The generator travels, the discriminator stays."""
        return {"D": SharePolicy.STAYS, "G": SharePolicy.TRAVELS}

    def initial(self, schema: Schema | None, settings: Mapping[str, Any], seed: int) -> Arrays:
        """Return the first weights of both."""
        assert schema is not None
        widths = self._widths(schema, settings)
        return {module: mlp.initial(widths[module], module, seed) for module in widths}

    def train(self, arrays: Arrays, local: Local, settings: Mapping[str, Any]) -> tuple[Arrays, float | None]:
        """Return both networks after ``local_steps`` steps of each, and D's mean loss."""
        torch = mlp.torch_one_thread()
        networks = {module: mlp.build(arrays[module]) for module in ("D", "G")}
        adams = {m: AdamW(m, dict(networks[m].named_parameters()), local.private, betas=BETAS) for m in networks}
        classes = arrays["D"]["0.weight"].shape[1] - local.rows.x.shape[1]
        x = torch.from_numpy(local.rows.x)
        one_hot = torch.from_numpy(np.eye(classes, dtype=np.float32)[local.rows.y])
        softplus, total = torch.nn.functional.softplus, 0.0
        for at in batches(len(x), settings["batch"], settings["local_steps"], local.rng):
            real, label = x[torch.from_numpy(at)], one_hot[torch.from_numpy(at)]

            def made(label: Any = label) -> Any:
                """Return rows that G makes for these labels."""
                z = local.rng.standard_normal((len(label), settings["noise"]), np.float32)
                return networks["G"](torch.cat([torch.from_numpy(z), label], 1))

            def judged(rows: Any, label: Any = label) -> Any:
                """Return D's logits."""
                return networks["D"](torch.cat([rows, label], 1))

            loss = softplus(-judged(real)).mean() + softplus(judged(made().detach())).mean()
            adams["D"].step(loss, settings["lr"])
            adams["G"].step(softplus(-judged(made())).mean(), settings["lr"])
            total += float(loss.detach())
        for adam in adams.values():
            adam.keep(local.private)
        steps = settings["local_steps"]
        return {m: mlp.parameters_of(networks[m]) for m in networks}, total / steps if steps else None

    def evaluate(self, arrays: Arrays, rows: Encoded, settings: Mapping[str, Any]) -> dict[str, float | None]:
        """Return how the generator's rows compare with real ones; None where a class is missing.

        ``synthetic_auroc``: how well the line between the means of the generated classes tells the
        real classes apart. ``mean_gap``: root mean square difference of class means, in standard
        deviations.
        """
        classes = arrays["G"]["0.weight"].shape[1] - settings["noise"]
        rng = np.random.Generator(stream("gan-evaluate"))
        means = [sample(arrays["G"], k, classes, settings["noise"], SAMPLES, rng).mean(axis=0) for k in range(classes)]
        present = [k for k in range(classes) if (rows.y == k).any()]
        if len(present) < classes:
            return {"synthetic_auroc": None, "mean_gap": None}
        gaps = [rows.x[rows.y == k].mean(axis=0) - means[k] for k in range(classes)]
        scores = (rows.x @ (means[-1] - means[0])).astype(np.float64)
        ends = (rows.y == 0) | (rows.y == classes - 1)
        area = auroc(scores[ends], rows.y[ends] == classes - 1)
        return {"synthetic_auroc": area, "mean_gap": float(np.sqrt(np.mean(np.square(gaps))))}


def sample(
    generator: Mapping[str, Floats], label: int, classes: int, noise: int, count: int, rng: np.random.Generator
) -> Floats:
    """Return ``count`` encoded synthetic rows of one class, (count, width)."""
    z = rng.standard_normal((count, noise), np.float32)
    one_hot = np.zeros((count, classes), np.float32)
    one_hot[:, label] = 1
    return mlp.forward(generator, np.hstack([z, one_hot]))
