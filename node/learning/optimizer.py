"""Descent by hand: plain SGD and AdamW, with what they keep as plain arrays that stay in the region.

``torch.optim`` would import the compiler at its first step, over a second, and hide the moments in a dict.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from node.learning.models import mlp
from node.learning.vectors import Floats

OPTIMIZERS = ("sgd", "adamw")
SCHEDULES = ("constant", "onecycle")
RISE, FIRST, LAST = 0.3, 1 / 25, 1e-4  # of the one cycle: share of steps that rise; first and last rate


def rate(lr: float, schedule: str, step: int, steps_in_all: int) -> float:
    """Return the learning rate of a step, counted from 0 over the whole study.

    ``onecycle``: a cosine from lr/25 up to lr over 30 % of the steps, then down to lr/10 000.

    Source: Smith and Topin (2018), in the cosine form of torch's ``OneCycleLR``.
    """
    if schedule == "constant" or steps_in_all < 2:
        return lr
    at = min(1.0, step / (steps_in_all - 1))
    if at < RISE:
        return lr * (FIRST + (1 - FIRST) * (1 - math.cos(math.pi * at / RISE)) / 2)
    return lr * (LAST + (1 - LAST) * (1 + math.cos(math.pi * (at - RISE) / (1 - RISE))) / 2)


class Sgd:
    """SGD without momentum: nothing but the vector is carried from round to round."""

    def __init__(self, parameters: Mapping[str, Any], decay: float = 0.0) -> None:
        self.parameters, self.decay = dict(parameters), decay
        self.torch = mlp.torch_one_thread()

    def step(self, loss: Any, lr: float) -> None:
        """Take one step down the loss."""
        gradients = self.torch.autograd.grad(loss, list(self.parameters.values()))
        with self.torch.no_grad():
            for value, gradient in zip(self.parameters.values(), gradients, strict=True):
                value.sub_(gradient + self.decay * value if self.decay else gradient, alpha=lr)

    def keep(self, private: dict[str, Floats]) -> None:
        """Nothing stays."""


class AdamW:
    """Adam (Kingma and Ba 2015) with decay beside the gradient (Loshchilov and Hutter 2019).

    Args:
        module: Whose parameters: where its moments lie among what stays.
        private: What stayed after the last round.
    """

    def __init__(
        self,
        module: str,
        parameters: Mapping[str, Any],
        private: Mapping[str, Floats],
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        decay: float = 0.0,
    ) -> None:
        torch = mlp.torch_one_thread()
        self.torch, self.prefix, self.betas, self.decay = torch, f"optimizer.{module}", betas, decay
        self.parameters = dict(parameters)
        self.count = int(private.get(f"{self.prefix}.count", np.zeros(1, np.float32))[0])

        def kept(which: str, name: str, like: Any) -> Any:
            values = private.get(f"{self.prefix}.{which}.{name}")
            return torch.zeros_like(like) if values is None else torch.from_numpy(values.copy()).to(like.device)

        self.first = {n: kept("first", n, p.detach()) for n, p in self.parameters.items()}
        self.second = {n: kept("second", n, p.detach()) for n, p in self.parameters.items()}

    def step(self, loss: Any, lr: float) -> None:
        """Take one step down the loss."""
        self.descend(self.torch.autograd.grad(loss, list(self.parameters.values())), lr)

    def descend(self, gradients: Sequence[Any], lr: float) -> None:
        """Take one step by the gradient of each parameter, in their order."""
        self.count += 1
        one, two = self.betas
        with self.torch.no_grad():
            for (name, value), gradient in zip(self.parameters.items(), gradients, strict=True):
                self.first[name].mul_(one).add_(gradient, alpha=1 - one)
                self.second[name].mul_(two).addcmul_(gradient, gradient, value=1 - two)
                root = (self.second[name] / (1 - two**self.count)).sqrt_().add_(1e-8)
                if self.decay:
                    value.mul_(1 - lr * self.decay)
                value.addcdiv_(self.first[name], root, value=-lr / (1 - one**self.count))

    def keep(self, private: dict[str, Floats]) -> None:
        """Put the moments among what stays."""
        private[f"{self.prefix}.count"] = np.array([self.count], np.float32)
        for which, moments in (("first", self.first), ("second", self.second)):
            private.update({f"{self.prefix}.{which}.{name}": value.cpu().numpy() for name, value in moments.items()})
