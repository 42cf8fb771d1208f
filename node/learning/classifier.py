"""The task ``classifier``: a multi-layer perceptron for two or more classes.

Two classes have one output (the logit of the last class), more have one each. ``hidden = 0`` is
logistic regression, which differential privacy likes: its noise grows with the parameters.
SGD without momentum, so that nothing but the vector is carried from round to round.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from node.learning.data.manifest import Schema
from node.learning.evaluate import figures
from node.learning.models import mlp
from node.learning.preprocessing import STAGES, width_of
from node.learning.task import Arrays, Encoded, Floats, Local, Shapes, SharePolicy


def widths(schema: Schema, settings: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the widths of the network, input first."""
    classes = len(schema.classes)
    hidden = (settings["hidden"],) if settings["hidden"] else ()
    return (width_of(schema), *hidden, 1 if classes == 2 else classes)


def probabilities(parameters: Mapping[str, Floats], x: Floats) -> NDArray[np.float64]:
    """Return the probability of each class, (n, classes)."""
    logits = mlp.forward(parameters, x).astype(np.float64)
    if logits.shape[1] == 1:
        logits = np.hstack([np.zeros_like(logits), logits])
    logits -= logits.max(axis=1, keepdims=True)
    exp = np.exp(logits)
    return np.asarray(exp / exp.sum(axis=1, keepdims=True), np.float64)


class Classifier:
    """Trains one module, ``model``, which travels."""

    name = "classifier"
    version = "1"
    needs_data = True
    with_dp = True
    defaults: Mapping[str, object] = {
        "hidden": 32,
        "lr": 0.2,
        "batch": 16,
        "local_steps": 20,
        "weight_decay": 0.0,
        "class_weights": False,
        "test_share": 0.0,
    }

    def sums(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the stages that standardising needs."""
        return STAGES

    def shapes(self, schema: Schema | None, settings: Mapping[str, Any]) -> Shapes:
        """Return the shapes of the network."""
        assert schema is not None
        return {"model": mlp.shapes(widths(schema, settings))}

    def shared(self) -> dict[str, SharePolicy]:
        """The whole model travels."""
        return {"model": SharePolicy.TRAVELS}

    def initial(self, schema: Schema | None, settings: Mapping[str, Any], seed: int) -> Arrays:
        """Return the first weights."""
        assert schema is not None
        return {"model": mlp.initial(widths(schema, settings), "model", seed)}

    def train(self, arrays: Arrays, local: Local, settings: Mapping[str, Any]) -> tuple[Arrays, float | None]:
        """Return the model after ``local_steps`` steps, and the mean loss (None under DP)."""
        torch = mlp.torch_one_thread()
        network = mlp.build(arrays["model"])
        x, y = torch.from_numpy(local.rows.x), torch.from_numpy(local.rows.y)
        weight = None
        if settings["class_weights"] and local.stats is not None:
            weight = torch.tensor(local.stats.class_weights(), dtype=torch.float32)
        outputs = arrays["model"][max(arrays["model"])].shape[0]  # of the last layer's weight

        def losses(network: Any, at: Any) -> Any:
            """Return one loss for each of the rows ``at``."""
            logits, target = network(x[at]), y[at]
            if outputs > 1:
                each = torch.nn.functional.cross_entropy(logits, target, reduction="none")
            else:
                each = torch.nn.functional.binary_cross_entropy_with_logits(
                    logits[:, 0], target.float(), reduction="none"
                )
            return each if weight is None else each * weight[target]

        steps, lr, decay = settings["local_steps"], settings["lr"], settings["weight_decay"]
        if local.dp is not None:
            local.dp.train(network, losses, len(y), steps, lr, local.patients)
            return {"model": mlp.parameters_of(network)}, None
        total, parameters = 0.0, list(network.parameters())
        for at in batches(len(y), settings["batch"], steps, local.rng):
            loss = losses(network, torch.from_numpy(at)).mean()
            gradients = torch.autograd.grad(loss, parameters)
            with torch.no_grad():
                # By hand: torch.optim imports the compiler at its first step, over a second.
                for value, gradient in zip(parameters, gradients, strict=True):
                    value.sub_(gradient + decay * value if decay else gradient, alpha=lr)
            total += float(loss.detach())
        return {"model": mlp.parameters_of(network)}, total / steps if steps else None

    def evaluate(self, arrays: Arrays, rows: Encoded, settings: Mapping[str, Any]) -> dict[str, float | None]:
        """Return accuracy and AUROC."""
        return figures(probabilities(arrays["model"], rows.x), rows.y)


def batches(n: int, size: int, steps: int, rng: np.random.Generator) -> list[NDArray[np.int64]]:
    """Return ``steps`` batches of row numbers: shuffled passes over the rows, cut into batches."""
    size = max(1, min(size, n))
    order = np.empty(0, np.int64)
    out = []
    for _ in range(steps):
        if len(order) < size:
            order = np.concatenate([order, rng.permutation(n)])
        out.append(order[:size])
        order = order[size:]
    return out
