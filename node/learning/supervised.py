"""What tasks that learn a target share: one network, ``model``, and the loop that trains it.

A task says how many numbers come out, what a row's loss is and what its figures are; here are the networks by
name, batches, optimizers, images, frozen parameters and the way into differential privacy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from node.learning import augment
from node.learning.data.schema import Schema, Target
from node.learning.errors import ConfigError
from node.learning.models import mlp, network
from node.learning.models.network import Form
from node.learning.optimizer import OPTIMIZERS, SCHEDULES, AdamW, Sgd, rate
from node.learning.preprocessing import width_of
from node.learning.task import Encoded, Local
from node.learning.vectors import Arrays, Floats, Shapes, SharePolicy

SCALINGS = {"standard": ("moment",), "quantile": ("bin", "bin2"), "range": ()}


class Supervised:
    """Trains one module, ``model``, which travels."""

    name: ClassVar[str]
    version: ClassVar[str] = "1"
    needs_data = True
    with_dp = True
    targets: ClassVar[tuple[Target, ...]]
    choices: Mapping[str, tuple[str, ...]] = {
        "model": network.MODELS,
        "optimizer": OPTIMIZERS,
        "schedule": SCHEDULES,
        "scaling": tuple(SCALINGS),
    }
    defaults: Mapping[str, object] = {
        "model": "mlp",
        "hidden": 32,
        "blocks": 1,
        "lr": 0.2,
        "batch": 16,
        "local_steps": 20,
        "weight_decay": 0.0,
        "optimizer": "sgd",
        "schedule": "constant",
        "class_weights": False,
        "scaling": "standard",
        "vocabulary": False,
        "shift": 0,
        "flip": False,
        "stays": "",
        "full_patients": 0,
        **augment.DEFAULTS,
        "test_share": 0.0,
    }

    # ---------------------------------------------------------------- what a task says

    def outputs(self, schema: Schema, settings: Mapping[str, Any]) -> int:
        """Return how many numbers come out of the network."""
        raise NotImplementedError

    def losses(self, logits: Any, at: Any, local: Local, outputs: int, settings: Mapping[str, Any]) -> Any:
        """Return one loss for each of the rows ``at`` of ``local.rows``, given what came out for them."""
        raise NotImplementedError

    def loss(self, logits: Any, at: Any, local: Local, outputs: int, settings: Mapping[str, Any]) -> Any:
        """Return the loss of a batch; None to take no step."""
        return self.losses(logits, at, local, outputs, settings).mean()

    def predict(self, arrays: Arrays, rows: Encoded, settings: Mapping[str, Any]) -> NDArray[np.float64]:
        """Return what the model says of each row, (n, whatever the task says)."""
        return self.logits(arrays, rows, settings).astype(np.float64)

    def evaluate(self, arrays: Arrays, rows: Encoded, settings: Mapping[str, Any]) -> dict[str, float | None]:
        """Return figures on rows; what is undefined is None."""
        raise NotImplementedError

    # ---------------------------------------------------------------- its network

    def inputs(self, rows: Encoded, settings: Mapping[str, Any]) -> Any:
        """Return what the network sees: images or the encoded table."""
        if settings["model"] not in network.OF_IMAGES:
            return rows.x
        assert rows.images is not None
        return rows.images

    def net(self, parameters: Mapping[str, Floats], rows: Encoded, settings: Mapping[str, Any]) -> tuple[Any, int]:
        """Return the torch module of the parameters, and how many numbers come out of it."""
        form = form_of(parameters, rows, settings)
        return network.build(form, parameters), form.outputs

    def logits(self, arrays: Arrays, rows: Encoded, settings: Mapping[str, Any]) -> Floats:
        """Return what comes out of the network for each row."""
        form = form_of(arrays["model"], rows, settings)
        return network.outputs(form, arrays["model"], self.inputs(rows, settings))

    # ---------------------------------------------------------------- what they share

    def sums(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the stages that the scaling and the vocabulary need."""
        return ("count", *SCALINGS[settings["scaling"]], *(("category",) if settings["vocabulary"] else ()))

    def form(self, schema: Schema, settings: Mapping[str, Any]) -> Form:
        """Return what the network is built from.

        Raises:
            ConfigError: The network is for other inputs, or its width does not fit.
        """
        model, hidden = settings["model"], settings["hidden"]
        image = schema.image.shape if schema.image is not None else None
        if model in network.OF_IMAGES and image is None:
            raise ConfigError(f'model = "{model}" and no column of kind image', "images", 'Set model = "mlp".')
        if model not in network.OF_IMAGES and not schema.features:
            raise ConfigError(f'model = "{model}" and no column but images', "columns", 'Set model = "cnn".')
        if model == "resnet" and (hidden < network.GROUPS or hidden % network.GROUPS):
            found = f'hidden = {hidden} with model = "resnet"'
            raise ConfigError(found, f"a multiple of {network.GROUPS}", "Set hidden = 16.")
        outputs = self.outputs(schema, settings)
        return Form(model, width_of(schema), image, outputs, hidden, settings["blocks"])

    def shapes(self, schema: Schema | None, settings: Mapping[str, Any]) -> Shapes:
        """Return the shapes of the network."""
        assert schema is not None
        return {"model": {name: shape for name, (shape, _) in network.parts(self.form(schema, settings)).items()}}

    def shared(self) -> dict[str, SharePolicy]:
        """The whole model travels, but for parameters that the setting ``stays`` names."""
        return {"model": SharePolicy.TRAVELS}

    def initial(self, schema: Schema | None, settings: Mapping[str, Any], seed: int) -> Arrays:
        """Return the first weights."""
        assert schema is not None
        return {"model": network.initial(self.form(schema, settings), "model", seed)}

    def train(self, arrays: Arrays, local: Local, settings: Mapping[str, Any]) -> tuple[Arrays, float | None]:
        """Return the model after ``local_steps`` steps, and the mean loss (None under DP)."""
        torch = mlp.torch_one_thread()
        device = local.device if local.dp is None else "cpu"  # the noise is drawn there
        net, outputs = self.net(arrays["model"], local.rows, settings)
        net = net.to(device)
        for name, value in net.named_parameters():
            value.requires_grad_(f"model.{name}" not in local.frozen)
        free = {name: value for name, value in net.named_parameters() if value.requires_grad}
        inputs = self.inputs(local.rows, settings)
        steps, lr = settings["local_steps"], settings["lr"]
        if local.dp is not None:
            x = network.tensor(inputs)
            # Few patients: noise of the same size would outweigh them, so they take shorter steps (n_i is public).
            units = len(local.rows) if local.patients is None else int(local.patients.max()) + 1
            lr *= min(1.0, units / settings["full_patients"]) if settings["full_patients"] else 1.0
            lr = rate(lr, settings["schedule"], local.before, local.steps_in_all)  # one for the whole round
            local.dp.train(
                net,
                lambda hooked, at: self.losses(hooked(x[at]), at, local, outputs, settings),
                len(local.rows),
                steps,
                lr,
                local.patients,
            )
            return {"model": mlp.parameters_of(net)}, None
        if settings["optimizer"] == "adamw":
            optimizer: AdamW | Sgd = AdamW("model", free, local.private, decay=settings["weight_decay"])
        else:
            optimizer = Sgd(free, settings["weight_decay"])
        total, taken = 0.0, 0
        for step, at in enumerate(batches(len(local.rows), settings["batch"], steps, local.rng)):
            x = network.tensor(self._augmented(inputs[at], settings, local.rng)).to(device)
            loss = self.loss(net(x), torch.from_numpy(at), local, outputs, settings)
            if loss is None:
                continue
            optimizer.step(loss, rate(lr, settings["schedule"], local.before + step, local.steps_in_all))
            total, taken = total + float(loss.detach()), taken + 1
        optimizer.keep(local.private)
        return {"model": mlp.parameters_of(net.cpu())}, total / taken if taken else None

    def _augmented(self, x: Any, settings: Mapping[str, Any], rng: np.random.Generator) -> Any:
        """Return images moved by up to ``shift`` pixels and, with ``flip``, mirrored; other rows as they are."""
        if x.dtype != np.uint8 or not (settings["shift"] or settings["flip"]):
            return x
        n, s = len(x), settings["shift"]
        out = x
        if s:
            padded = np.pad(x, ((0, 0), (s, s), (s, s), (0, 0)), mode="edge")
            down, right = rng.integers(0, 2 * s + 1, (2, n))
            h, w = x.shape[1:3]
            out = np.stack([padded[i, down[i] : down[i] + h, right[i] : right[i] + w] for i in range(n)])
        if settings["flip"]:
            out = np.where((rng.random(n) < 0.5)[:, None, None, None], out[:, :, ::-1], out)
        return out


def form_of(parameters: Mapping[str, Floats], rows: Encoded, settings: Mapping[str, Any]) -> Form:
    """Return the form of a network whose parameters are at hand."""
    image = tuple(rows.images.shape[1:]) if rows.images is not None else None
    last = "last.bias" if "last.bias" in parameters else f"{max(int(n.split('.')[0]) for n in parameters)}.bias"
    outputs = parameters[last].shape[0]
    return Form(settings["model"], rows.x.shape[1], image, outputs, settings["hidden"], settings["blocks"])


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
