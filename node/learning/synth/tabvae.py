"""The task ``tabvae``: a conditional variational autoencoder of tables, the steady second choice.

One loss that falls, so nothing collapses and nothing has to be watched for balance. ``encoder`` (row and class to mean
and spread of the noise) stays in the region, since it knows its rows; with ``share = "both"`` it travels too, refused
without privacy unless the plan says ``disclose``. ``decoder`` (noise and class to a row; the generator of ``tables``)
travels and is what is sampled. With differential privacy the whole is trained by it, encoder and decoder in one step
of plain descent. The noise on a region's mean gradient is the larger the fewer its patients, and regions are averaged
alike: below ``full_patients`` a region's step is smaller in proportion, or its noise would drown what others learned.

The loss of a row is what it takes to write it down: cross entropy of each one-hot, squared error of each place within
a bin that the row is in, and the divergence of its noise from the standard one. A decoder's spread comes
from drawing each one-hot by its probabilities, not from its most likely value, which would shrink it.

Sources: Kingma and Welling (2014); Sohn et al. (2015), the conditional form; Xu et al. (2019), TVAE, for mixed columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from node.learning.data.schema import Schema, Target
from node.learning.errors import ConfigError
from node.learning.models import mlp
from node.learning.optimizer import AdamW, rate
from node.learning.preprocessing import GlobalStats
from node.learning.supervised import batches
from node.learning.synth import judge, tables
from node.learning.synth.coding import SUMS, TableCoding
from node.learning.synth.figures import figures, sheet
from node.learning.synth.sharing import check_share
from node.learning.task import Encoded, Local
from node.learning.vectors import Arrays, Floats, Shapes, SharePolicy

if TYPE_CHECKING:
    from torch import Tensor, nn

LEAST_LOG_VARIANCE, MOST_LOG_VARIANCE = -6.0, 4.0


class TabVae:
    """Two modules: ``decoder`` travels, ``encoder`` only where the plan says so."""

    name = "tabvae"
    version = "1"
    needs_data = True
    with_dp = True
    targets = (Target.CLASSES,)
    choices: Mapping[str, tuple[str, ...]] = {"share": ("generator", "both"), "schedule": ("constant", "onecycle")}
    defaults: Mapping[str, object] = {
        "share": "generator",
        "disclose": False,
        "noise": 16,
        "hidden": 128,
        "lr": 0.002,
        "schedule": "constant",
        "batch": 64,
        "local_steps": 10,
        "divergence": 0.3,
        "full_patients": 0,
        "test_share": 0.0,
    }

    def sums(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the stages that the coding needs."""
        return SUMS

    def coding(self, schema: Schema, stats: GlobalStats | None) -> TableCoding:
        """Return what codes the rows of this task."""
        return TableCoding.of(schema, stats)

    def check_private(self, settings: Mapping[str, Any], private: bool) -> None:
        """Refuse to send an encoder that knows its patients, unless the plan says so.

        Raises:
            ConfigError: ``share = "both"`` without privacy and without ``disclose``, or a width of nothing.
        """
        check_share(settings, "encoder", private=private)
        if not (settings["hidden"] and settings["noise"] and settings["batch"]):
            raise ConfigError("hidden, noise or batch of 0", "all above 0", "Leave them out.")

    def shapes(self, schema: Schema | None, settings: Mapping[str, Any]) -> Shapes:
        """Return the shapes of both modules."""
        assert schema is not None
        width, classes = TableCoding.of(schema, None).width, len(schema.classes)
        hidden, noise = settings["hidden"], settings["noise"]
        return {
            "decoder": tables.generator_shapes(noise + classes, hidden, width),
            "encoder": mlp.shapes((width + classes, hidden, hidden, 2 * noise)),
        }

    def shared(self) -> dict[str, SharePolicy]:
        """The decoder travels, the encoder stays."""
        return {"decoder": SharePolicy.TRAVELS, "encoder": SharePolicy.STAYS}

    def shared_by(self, settings: Mapping[str, Any]) -> dict[str, SharePolicy]:
        """Return what becomes of each module: ``share`` decides about the encoder."""
        return self.shared() | ({"encoder": SharePolicy.TRAVELS} if settings["share"] == "both" else {})

    def initial(self, schema: Schema | None, settings: Mapping[str, Any], seed: int) -> Arrays:
        """Return the first weights."""
        return {
            module: tables.initial(values, module, seed) for module, values in self.shapes(schema, settings).items()
        }

    def train(self, arrays: Arrays, local: Local, settings: Mapping[str, Any]) -> tuple[Arrays, float | None]:
        """Return both modules after ``local_steps`` steps, and the mean loss (None under privacy)."""
        torch = mlp.torch_one_thread()
        coding = local.rows.coding
        assert coding is not None
        net = network(arrays, coding, settings)
        for name, value in names(net).items():
            value.requires_grad_(name not in local.frozen)
        free = {name: value for name, value in names(net).items() if value.requires_grad}
        x = torch.from_numpy(np.concatenate([local.rows.x, tables.one_hot(local.rows.y, len(coding.classes))], axis=1))
        chance = torch.Generator().manual_seed(int(local.rng.integers(2**62)))
        steps = settings["local_steps"]

        def losses(used: Any, at: Any) -> Tensor:
            z = torch.randn((len(at), settings["noise"]), generator=chance)
            return row_losses(used(x[at], z), x[at], coding, settings["divergence"])

        if local.dp is not None:
            lr = rate(settings["lr"], settings["schedule"], local.before, local.steps_in_all)
            lr *= judge.weight(len(x), local.patients, settings["full_patients"])
            local.dp.train(net, losses, len(x), steps, lr, local.patients)
            return arrays_of(net), None
        adam = AdamW("vae", free, local.private)
        total = 0.0
        for step, at in enumerate(batches(len(x), settings["batch"], steps, local.rng)):
            loss = losses(net, torch.from_numpy(at)).mean()
            adam.step(loss, rate(settings["lr"], settings["schedule"], local.before + step, local.steps_in_all))
            total += float(loss.detach())
        adam.keep(local.private)
        return arrays_of(net), total / steps if steps else None

    def evaluate(self, arrays: Arrays, rows: Encoded, settings: Mapping[str, Any]) -> dict[str, float | None]:
        """Return figures of made rows against real ones; what is undefined is None."""
        return figures(arrays["decoder"], rows, settings["noise"])

    def sheet(self, arrays: Arrays, rows: Encoded, settings: Mapping[str, Any]) -> tuple[str, bytes]:
        """Return a sheet of made rows: the ending of its file, and a page of a table's head."""
        assert rows.coding is not None
        return "html", sheet(arrays["decoder"], rows.coding, settings["noise"])


def row_losses(out: tuple[Tensor, Tensor, Tensor], x: Tensor, coding: TableCoding, divergence: float) -> Tensor:
    """Return the loss of each row, (n,).

    Args:
        out: The decoder's heads, and mean and log variance of the noise.
        x: Rows and classes, (n, width + classes).
        divergence: Weight of the divergence of the noise from the standard normal one.
    """
    torch = mlp.torch_one_thread()
    heads, mean, log_variance = out
    logits = torch.where(torch.from_numpy(coding.mask), heads, tables.CLOSED)
    loss = divergence * 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
    for part in coding.parts:
        places = x[:, part.at : part.until]
        loss = loss - (places * torch.log_softmax(logits[:, part.at : part.until], 1)).sum(1)
        if part.offset is not None:
            present = 1 - places[:, -1] if part.has_missing else 1
            loss = loss + present * (torch.tanh(heads[:, part.offset]) - x[:, part.offset]).square()
    rows: Tensor = loss
    return rows


def network(arrays: Arrays, coding: TableCoding, settings: Mapping[str, Any]) -> nn.Module:
    """Return encoder and decoder as one torch module of layers that Opacus knows; ``names`` has their parameters."""
    torch = mlp.torch_one_thread()
    module = torch.nn
    noise, classes = settings["noise"], len(coding.classes)

    class Network(module.Module):  # type: ignore[name-defined,misc]  # torch comes late
        """Row, class and chance to the decoder's heads, mean and log variance."""

        def __init__(self) -> None:
            super().__init__()
            self.encoder = mlp.build(arrays["encoder"])
            decoder = arrays["decoder"]
            hidden, inputs = decoder["0.weight"].shape
            widths = ((inputs, hidden), (inputs + hidden, hidden), (inputs + 2 * hidden, coding.width))
            self.lines = module.ModuleList([module.Linear(*pair) for pair in widths])
            self.norms = module.ModuleList([module.LayerNorm(hidden, eps=tables.EPS) for _ in range(2)])
            with torch.no_grad():
                for name, value in names(self).items():
                    if name.startswith("decoder."):
                        value.copy_(torch.from_numpy(decoder[name.removeprefix("decoder.")].copy()))

        def forward(self, x: Tensor, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            """Return heads, mean, log variance."""
            mean, log_variance = self.encoder(x).split(noise, 1)
            log_variance = log_variance.clamp(LEAST_LOG_VARIANCE, MOST_LOG_VARIANCE)
            y = torch.cat([mean + z * (log_variance / 2).exp(), x[:, -classes:]], 1)
            for line, norm in zip(self.lines[:2], self.norms, strict=True):
                y = torch.cat([torch.nn.functional.silu(norm(line(y))), y], 1)
            return self.lines[2](y), mean, log_variance

    net: nn.Module = Network()
    return net


def verdicts(arrays: Arrays, rows: Encoded, settings: Mapping[str, Any]) -> Floats:
    """Return minus the loss of each coded row, float32 (n,), at the mean of its noise: high means "well known"."""
    torch = mlp.torch_one_thread()
    assert rows.coding is not None
    net = network(arrays, rows.coding, settings)
    x = torch.from_numpy(np.concatenate([rows.x, tables.one_hot(rows.y, len(rows.coding.classes))], axis=1))
    with torch.no_grad():
        heads = net(x, torch.zeros((len(x), settings["noise"])))
        loss: Floats = row_losses(heads, x, rows.coding, settings["divergence"]).numpy()
    return -loss


def names(net: Any) -> dict[str, Any]:
    """Return a network's parameters by the names of ``arrays``."""
    out = {f"encoder.{name}": value for name, value in net.encoder.named_parameters()}
    for i, line in enumerate(net.lines):
        at = str(i) if i < 2 else "heads"
        out |= {f"decoder.{at}.weight": line.weight, f"decoder.{at}.bias": line.bias}
    for i, norm in enumerate(net.norms):
        out |= {f"decoder.{i}.norm": norm.weight, f"decoder.{i}.shift": norm.bias}
    return out


def arrays_of(net: Any) -> Arrays:
    """Return both modules' parameters as numpy copies."""
    out: Arrays = {"decoder": {}, "encoder": {}}
    for name, value in names(net).items():
        module, _, parameter = name.partition(".")
        out[module][parameter] = value.detach().numpy().copy()
    return out
