"""A multi-layer perceptron with ReLU: shapes, first weights and a forward pass in numpy, the module in torch.

Parameter names are those of ``torch.nn.Sequential``: ``0.weight``, ``0.bias``, ``2.weight`` …
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from node.learning.hashing import stream, uniform
from node.learning.vectors import Floats

if TYPE_CHECKING:
    from torch import nn

Parameters = dict[str, Floats]


def shapes(widths: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a network with these widths, input first."""
    out: dict[str, tuple[int, ...]] = {}
    for i, (before, after) in enumerate(pairwise(widths)):
        out[f"{2 * i}.weight"] = (after, before)
        out[f"{2 * i}.bias"] = (after,)
    return out


def initial(widths: Sequence[int], module: str, seed: int) -> Parameters:
    """Return first weights, uniform within 1/sqrt(inputs), from one PCG64 stream a parameter."""
    out: Parameters = {}
    for name, shape in shapes(widths).items():
        bound = 1 / np.sqrt(widths[int(name.split(".")[0]) // 2])
        values = uniform(stream("init", seed, module, name), int(np.prod(shape)))
        out[name] = ((2 * values - 1) * bound).reshape(shape).astype(np.float32)
    return out


def forward(parameters: Mapping[str, Floats], x: Floats) -> Floats:
    """Return the outputs (n, last width) of a network for inputs (n, first width)."""
    last = max(int(name.split(".")[0]) for name in parameters)
    for i in range(0, last + 1, 2):
        x = x @ parameters[f"{i}.weight"].T + parameters[f"{i}.bias"]
        if i < last:
            x = np.maximum(x, 0)
    return x


def torch_one_thread() -> ModuleType:
    """Return torch, set to one thread, so that sums have one order and a round repeats to the byte.

    Imported here and not at the top of a module: it takes over a second, and the worker must
    answer before. Not ``use_deterministic_algorithms``: it imports the compiler, 1.4 s, and what we
    use on a CPU with one thread has nothing to choose from.
    """
    import torch

    torch.set_num_threads(1)
    return torch


def build(parameters: Mapping[str, Floats]) -> nn.Sequential:
    """Return the torch module of the parameters, which it copies."""
    torch = torch_one_thread()
    layers: list[nn.Module] = []
    last = max(int(name.split(".")[0]) for name in parameters)
    for i in range(0, last + 1, 2):
        after, before = parameters[f"{i}.weight"].shape
        layers.append(torch.nn.utils.skip_init(torch.nn.Linear, before, after))
        if i < last:
            layers.append(torch.nn.ReLU())
    network: nn.Sequential = torch.nn.Sequential(*layers)
    with torch.no_grad():
        for name, value in network.named_parameters():
            value.copy_(torch.from_numpy(np.ascontiguousarray(parameters[name])))
    return network


def parameters_of(network: nn.Module) -> Parameters:
    """Return a torch module's parameters as numpy copies."""
    return {name: value.detach().numpy().copy() for name, value in network.named_parameters()}
