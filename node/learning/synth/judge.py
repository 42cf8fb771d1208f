"""The discriminator: its forms, and its steps by differentially private descent.

``layers``: two layers over row and class. ``columns``: one weight for each place of a row and class, so that a made
row is judged column by column beside its class. It has a hundredth of the parameters, and what they learn of
a patient points the same way in every step: noise then averages out over the steps where it would drown layers.

With privacy, real rows (patients by Poisson sampling) and made rows go through one backward pass: each patient's
gradient, and each made row's, is clipped, the full noise is added once, and the sum is divided by q n. How many
rows are made, and of which classes, follows from what is public: the region's number of patients and the shared
shares of classes. The generator learns from D alone, so its steps cost nothing more (post-processing).

Sources: Abadi et al. (2016), DP-SGD; Xie et al. (2018), DPGAN: noise on the discriminator is enough.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from node.learning.accounting import MICRO
from node.learning.hashing import tagged_hash
from node.learning.models import mlp
from node.learning.privacy import DPContext, noise_generator
from node.learning.synth.tables import SLOPE, one_hot
from node.learning.task import Encoded
from node.learning.vectors import Floats

if TYPE_CHECKING:
    from torch import Tensor, nn

FORMS = ("layers", "columns")


def shapes(form: str, width: int, classes: int, hidden: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a discriminator of rows of so many numbers, by the names of ``models.mlp``."""
    if form == "columns":
        return mlp.shapes((width * classes + classes, 1))
    return mlp.shapes((width + classes, hidden, hidden, 1))


def has_layers(parameters: Mapping[str, object]) -> bool:
    """Return whether a discriminator is of the form ``layers``."""
    return "2.weight" in parameters


def crossed(x: Any, classes: Any) -> Any:
    """Return each number of a row at the place of its class, (n, width x classes); of numpy arrays or torch tensors.

    Args:
        x: (n, width).
        classes: One-hot, (n, classes).
    """
    return (x[:, None, :] * classes[:, :, None]).reshape(len(x), x.shape[1] * classes.shape[1])


def network(parameters: Mapping[str, Floats]) -> nn.Module:
    """Return D as a torch module, parameters by the names of ``models.mlp``; without dropout."""
    torch = mlp.torch_one_thread()
    net = mlp.build(parameters)
    for i, layer in enumerate(net):
        if isinstance(layer, torch.nn.ReLU):
            net[i] = torch.nn.LeakyReLU(SLOPE)
    return net


def verdicts(parameters: Mapping[str, Floats], rows: Encoded) -> Floats:
    """Return D's logit of each coded row, float32 (n,), without dropout: high means "real". Needs no torch."""
    assert rows.coding is not None
    classes = one_hot(rows.y, len(rows.coding.classes))
    layered = has_layers(parameters)
    x: Floats = np.concatenate([rows.x if layered else crossed(rows.x, classes), classes], axis=1)
    for i in (0, 2) if layered else ():
        x = x @ parameters[f"{i}.weight"].T + parameters[f"{i}.bias"]
        x = np.where(x > 0, x, np.float32(SLOPE) * x)
    last = 4 if layered else 0
    return np.asarray((x @ parameters[f"{last}.weight"].T + parameters[f"{last}.bias"])[:, 0], np.float32)


def weight(rows: int, patients: NDArray[np.int64] | None, full: int) -> float:
    """Return by how much a region of few patients shortens its steps under privacy, in (0, 1]; 1 where full is 0.

    The noise on a mean gradient is as large as patients are few, and regions are averaged alike. It says no more
    than the number of patients, which is public.
    """
    units = rows if patients is None else int(patients.max(initial=-1)) + 1
    return min(1.0, max(1, units) / full) if full else 1.0


class PrivateJudge:
    """D's steps under differential privacy; the parameters of ``net`` change in place.

    Args:
        patients: Number of the patient of each row, from 0, (n,); None: each row is a patient.
    """

    def __init__(self, net: Any, context: DPContext, rows: int, patients: NDArray[np.int64] | None) -> None:
        import torch
        from opacus.grad_sample import GradSampleModule
        from opacus.optimizers import DPOptimizer

        terms = context.terms
        self.context, self.patients = context, patients
        self.units = rows if patients is None else int(patients.max(initial=-1)) + 1
        self.q = terms.q_u / MICRO
        bits = np.random.PCG64(int.from_bytes(tagged_hash("dp-sample", context.key)[:16], "big"))
        self.chance = np.random.Generator(bits)
        self.hooked = GradSampleModule(net, loss_reduction="mean")
        self.optimizer = DPOptimizer(
            torch.optim.SGD(list(self.hooked.parameters()), lr=1.0),  # Opacus clips and adds noise; the step is ours
            noise_multiplier=terms.sigma_u / MICRO,
            max_grad_norm=terms.clip_u / MICRO,
            expected_batch_size=self.q * self.units,
            loss_reduction="mean",
            generator=noise_generator(context.key),
        )

    @property
    def made(self) -> int:
        """How many made rows stand beside the real ones in a step: as many as real ones on average."""
        return max(1, round(self.q * self.units))

    def gradients(self, real: Callable[[Tensor], Tensor], made: Tensor) -> list[Tensor]:
        """Return the noised mean gradient of each parameter, for real rows drawn here and these made ones.

        Args:
            real: From row numbers to D's inputs, (k, inputs).
            made: D's inputs of made rows, without gradient.
        """
        import torch

        softplus = torch.nn.functional.softplus
        drawn = np.flatnonzero(self.chance.random(self.units) < self.q)
        at = drawn if self.patients is None else np.flatnonzero(np.isin(self.patients, drawn))
        self.optimizer.zero_grad()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Full backward hook is firing")
            logits = self.hooked(torch.cat([real(torch.from_numpy(at)), made]))[:, 0]
            loss = torch.cat([softplus(-logits[: len(at)]), softplus(logits[len(at) :])])
            loss.mean().backward()  # type: ignore[no-untyped-call]  # "mean" makes Opacus multiply by the rows: per-row gradients
        if self.patients is not None and len(drawn) < len(at):
            group = np.searchsorted(drawn, self.patients[at])
            groups = torch.from_numpy(np.concatenate([group, len(drawn) + np.arange(len(made))]))
            for parameter in self.optimizer.params:
                each = parameter.grad_sample
                summed = torch.zeros((len(drawn) + len(made), *each.shape[1:]), dtype=each.dtype)
                parameter.grad_sample = summed.index_add_(0, groups, each)
        self.optimizer.pre_step()
        self.context.taken += 1
        return [parameter.grad.detach().clone() for parameter in self.optimizer.params]

    def done(self) -> None:
        """Take the hooks off."""
        self.hooked.to_standard_module()
