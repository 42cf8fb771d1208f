"""The task ``tabgan``: a label-conditional generator of tables that regions make together.

``G`` and its running mean ``ema``, which is what is sampled, travel and are averaged. ``D`` stays in the region
(``share = "generator"``), for its weights tell who was in its training rows; with ``share = "both"`` it travels too,
which is refused unless it trains with differential privacy or the plan says ``disclose``. Both optimizers' moments
stay. The loss is the non-saturating one.

Real and made rows have their classes in the proportions of the region's batch: a hospital without a healthy patient
then teaches nothing about healthy ones, where it would otherwise teach that they do not exist. With privacy, where
classes of real rows must not steer what is made, they come from the shared shares.

What D is, ``judge`` says (``synth.judge``): ``layers``, or under privacy better ``columns``. Then D descends plainly,
shorter where patients are few (``full_patients``), and G takes ``maker_steps`` for each of D's: they cost no epsilon.

Sources: Goodfellow et al. (2014) for the loss; Xu et al. (2019), CTGAN, for mixed columns by softmax and tanh; Rasouli
et al. (2020), FedGAN, for averaging; Yazıcı et al. (2019) for the running mean.
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
from node.learning.synth import judge, tables, watch
from node.learning.synth.coding import SUMS, TableCoding
from node.learning.synth.figures import figures, sheet
from node.learning.synth.sharing import check_share
from node.learning.task import Encoded, Local
from node.learning.vectors import Arrays, Floats, Shapes, SharePolicy

if TYPE_CHECKING:
    from torch import Tensor

BETAS = (0.5, 0.9)
TEMPERATURE = 0.5
DROPOUT = 0.25
FEW = 500  # rows below which batches are half as large
GOES_BACK_TO = {"G": "ema", "ema": "ema", "D": "D"}  # module -> where its last good weights come from


class TabGan:
    """Three modules: ``G`` and ``ema`` travel, ``D`` only where the plan says so."""

    name = "tabgan"
    version = "1"
    needs_data = True
    with_dp = True
    unexported = ("D",)  # also where it travels: a file goes further than a neighbour
    targets = (Target.CLASSES,)
    choices: Mapping[str, tuple[str, ...]] = {
        "share": ("generator", "both"), "schedule": ("constant", "onecycle"), "judge": judge.FORMS,
    }  # fmt: skip
    defaults: Mapping[str, object] = {
        "share": "generator",
        "disclose": False,
        "noise": 32,
        "hidden": 128,
        "lr": 0.001,
        "lr_d": 0.001,
        "schedule": "onecycle",
        "batch": 64,
        "local_steps": 10,
        "ema": 0.995,
        "judge": "layers",
        "maker_steps": 1,
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
        """Refuse to send a discriminator that knows its patients, unless the plan says so.

        Raises:
            ConfigError: ``share = "both"`` without privacy and without ``disclose``, or a width of nothing.
        """
        check_share(settings, "discriminator", private=private)
        if not all(settings[key] for key in ("hidden", "noise", "batch", "maker_steps")) or not settings["ema"] < 1:
            found = "hidden, noise, batch or maker_steps of 0, or ema of 1 or more"
            raise ConfigError(found, "hidden, noise, batch and maker_steps above 0, ema below 1", "Leave them out.")

    def shapes(self, schema: Schema | None, settings: Mapping[str, Any]) -> Shapes:
        """Return the shapes of the three modules."""
        assert schema is not None
        width, classes = TableCoding.of(schema, None).width, len(schema.classes)
        hidden = settings["hidden"]
        generator = tables.generator_shapes(settings["noise"] + classes, hidden, width)
        return {"D": judge.shapes(settings["judge"], width, classes, hidden), "G": generator, "ema": dict(generator)}

    def shared(self) -> dict[str, SharePolicy]:
        """The generator and its mean travel, the discriminator stays."""
        return {"D": SharePolicy.STAYS, "G": SharePolicy.TRAVELS, "ema": SharePolicy.TRAVELS}

    def shared_by(self, settings: Mapping[str, Any]) -> dict[str, SharePolicy]:
        """Return what becomes of each module: ``share`` decides about the discriminator."""
        judge_too = settings["share"] == "both"
        return self.shared() | ({"D": SharePolicy.TRAVELS} if judge_too else {})

    def initial(self, schema: Schema | None, settings: Mapping[str, Any], seed: int) -> Arrays:
        """Return the first weights; the mean begins as the generator does, D by columns with none."""
        shapes = self.shapes(schema, settings)
        generator = tables.initial(shapes["G"], "G", seed)
        by_layers = judge.has_layers(shapes["D"])
        none = {name: np.zeros(shape, np.float32) for name, shape in shapes["D"].items()}
        return {
            "D": tables.initial(shapes["D"], "D", seed) if by_layers else none,
            "G": generator,
            "ema": {name: value.copy() for name, value in generator.items()},
        }

    def train(self, arrays: Arrays, local: Local, settings: Mapping[str, Any]) -> tuple[Arrays, float | None]:
        """Return the modules after ``local_steps`` steps of each, and D's mean loss (None under privacy)."""
        play = Play(arrays, local, settings)
        size = settings["batch"] if len(local.rows) >= FEW else max(1, settings["batch"] // 2)
        steps = settings["local_steps"]
        slower = watch.rate_here(local.private)
        fewer = (
            judge.weight(len(local.rows), local.patients, settings["full_patients"]) if local.dp is not None else 1.0
        )
        times = settings["maker_steps"]
        drawn = batches(len(local.rows), size, steps, local.rng) if local.dp is None else [None] * steps
        for step, at in enumerate(drawn):
            lr_g, lr_d = (
                slower * rate(settings[key], settings["schedule"], local.before + step, local.steps_in_all)
                for key in ("lr", "lr_d")
            )
            play.judge_learns(at, fewer * lr_d)
            for made in range(times):
                play.maker_learns(lr_g, (local.before + step) * times + made)
        after = self._watched(play.done(), arrays, play, settings)
        return after, float(np.mean(play.losses)) if play.losses else None

    def _watched(self, after: Arrays, before: Arrays, play: Play, settings: Mapping[str, Any]) -> Arrays:
        """Return what the round gave, or what the generator goes back to where it has gone astray."""
        local = play.local
        if not watch.finite(after) or not np.isfinite(play.losses).all():
            kept = {module: dict(values) for module, values in before.items()}
            watch.back(kept, local, "weights are no longer finite")
            return kept
        rng = np.random.Generator(np.random.PCG64(int(local.rng.integers(2**62))))
        labels = tables.drawn_labels(play.coding.prior, watch.SAMPLES, rng)
        made = tables.sample(after["ema"], play.coding, labels, settings["noise"], rng)
        real, validation = local.rows, local.validation
        if local.dp is not None:  # what real rows say of what is sent would carry no epsilon, validation rows' as well
            real, validation = Encoded(real.x[:0], real.y[:0], coding=real.coding), None
        found = watch.look(made, labels, real, judged=validation)
        why = watch.astray(found, local.private, play.certain, local.before)
        if why is None:
            watch.remember(after, local.private, GOES_BACK_TO)
            return after
        watch.back(after, local, why)
        return after

    def evaluate(self, arrays: Arrays, rows: Encoded, settings: Mapping[str, Any]) -> dict[str, float | None]:
        """Return figures of made rows against real ones; what is undefined is None."""
        return figures(arrays["ema"], rows, settings["noise"])

    def sheet(self, arrays: Arrays, rows: Encoded, settings: Mapping[str, Any]) -> tuple[str, bytes]:
        """Return a sheet of made rows: the ending of its file, and a page of a table's head."""
        assert rows.coding is not None
        return "html", sheet(arrays["ema"], rows.coding, settings["noise"])


class Play:
    """A round of both networks at one region."""

    def __init__(self, arrays: Arrays, local: Local, settings: Mapping[str, Any]) -> None:
        torch = mlp.torch_one_thread()
        assert local.rows.coding is not None
        self.torch, self.local, self.settings, self.coding = torch, local, settings, local.rows.coding
        self.g = tables.tensors(arrays["G"])
        net = judge.network(arrays["D"])
        self.layered = judge.has_layers(arrays["D"])
        self.d = dict(net.named_parameters())
        self.ema = {name: torch.from_numpy(value.copy()) for name, value in arrays["ema"].items()}
        self.adam_g, self.adam_d = (
            AdamW(module, self._free(module, values), local.private, betas=BETAS)
            for module, values in (("G", self.g), ("D", self.d))
        )
        self.chance = torch.Generator().manual_seed(int(local.rng.integers(2**62)))
        self.x = torch.from_numpy(local.rows.x)
        self.label = torch.from_numpy(tables.one_hot(local.rows.y, len(self.coding.classes)))
        self.last = self.label[:0]
        self.losses: list[float] = []
        self.certain: list[bool] = []
        self.private = None
        if local.dp is not None:
            self.private = judge.PrivateJudge(net, local.dp, len(local.rows), local.patients)

    def _free(self, module: str, values: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in values.items() if f"{module}.{name}" not in self.local.frozen}

    def made(self, label: Tensor) -> Tensor:
        """Return soft rows of these classes."""
        n = len(label)
        z = self.torch.randn((n, self.settings["noise"]), generator=self.chance)
        out = tables.torch_heads(self.g, self.torch.cat([z, label], 1))
        chance = self.torch.rand((n, self.coding.width), generator=self.chance).clamp(1e-7, 1 - 1e-6)
        return tables.torch_made(out, self.coding, chance, TEMPERATURE)

    def inputs(self, rows: Tensor, label: Tensor) -> Tensor:
        """Return what D takes of rows and their classes."""
        out: Tensor = self.torch.cat([rows if self.layered else judge.crossed(rows, label), label], 1)
        return out

    def judged(self, rows: Tensor, label: Tensor) -> Tensor:
        """Return D's logit of each row."""
        f = self.torch.nn.functional
        x = self.inputs(rows, label)
        for i in (0, 2) if self.layered else ():
            x = f.leaky_relu(f.linear(x, self.d[f"{i}.weight"], self.d[f"{i}.bias"]), tables.SLOPE)
            if self.private is None:
                kept = self.torch.rand(x.shape, generator=self.chance) >= DROPOUT
                x = x * kept / (1 - DROPOUT)
        last = 4 if self.layered else 0
        out: Tensor = f.linear(x, self.d[f"{last}.weight"], self.d[f"{last}.bias"])[:, 0]
        return out

    def judge_learns(self, at: Any, lr: float) -> None:
        """Take a step of D, on these rows and as many made ones, or with privacy on rows that are drawn there."""
        torch = self.torch
        if self.private is not None:
            labels = tables.drawn_labels(self.coding.prior, self.private.made, self.local.rng)
            self.last = torch.from_numpy(tables.one_hot(labels, len(self.coding.classes)))
            with torch.no_grad():
                made = self.inputs(self.made(self.last), self.last)
            gradients = self.private.gradients(lambda rows: self.inputs(self.x[rows], self.label[rows]), made)
            free = self._free("D", dict(zip(self.d, gradients, strict=True)))
            if self.layered:
                self.adam_d.descend(list(free.values()), lr)
                return
            with torch.no_grad():
                for name, gradient in free.items():
                    self.d[name].sub_(gradient, alpha=lr)
            return
        rows = torch.from_numpy(at)
        label = self.last = self.label[rows]
        with torch.no_grad():
            made = self.made(label)
        real, false = self.judged(self.x[rows], label), self.judged(made, label)
        softplus = torch.nn.functional.softplus
        loss = softplus(-real).mean() + softplus(false).mean()
        self.adam_d.step(loss, lr)
        self.losses.append(float(loss.detach()))
        told = float(((real > 0).float().mean() + (false < 0).float().mean()) / 2)
        self.certain.append(told > watch.CERTAIN)

    def maker_learns(self, lr: float, step: int) -> None:
        """Take a step of G, and move its mean."""
        said = self.judged(self.made(self.last), self.last)
        self.adam_g.step(self.torch.nn.functional.softplus(-said).mean(), lr)
        keep = min(self.settings["ema"], (1 + step) / (10 + step))  # a young mean forgets faster
        with self.torch.no_grad():
            for name, value in self.g.items():
                self.ema[name].lerp_(value, 1 - keep)

    def done(self) -> Arrays:
        """Return all modules, and keep the moments among what stays."""
        if self.private is not None:
            self.private.done()
        for adam in (self.adam_g, self.adam_d):
            adam.keep(self.local.private)
        ema: dict[str, Floats] = {name: value.numpy().copy() for name, value in self.ema.items()}
        return {"D": tables.arrays(self.d), "G": tables.arrays(self.g), "ema": ema}
