"""The networks beside the perceptron: a tabular residual net, a small CNN, a ResNet; all with GroupNorm or LayerNorm.

No running statistics and no integer buffers anywhere: a vector that regions mix holds parameters alone. A
network is a table of parameters (``parts``: name, shape, where its first values lie), which exists before torch
is imported, and a torch module that takes values by these names (``build``).

Sources: Gorishniy et al. (2021), "Revisiting Deep Learning Models for Tabular Data" (the residual net); He et
al. (2016) and Wu and He (2018) for the ResNet with GroupNorm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from node.learning.hashing import stream, uniform
from node.learning.models import mlp
from node.learning.vectors import Floats

if TYPE_CHECKING:
    from torch import nn

MODELS = ("mlp", "tabular", "cnn", "resnet")
OF_IMAGES = ("cnn", "resnet")
GROUPS = 4  # of GroupNorm
CNN_WIDTHS = (16, 32, 64)
BATCH = 256  # rows at once where nothing is learned

# Of each parameter its shape and the bound of its first values; None: it begins as 1 (the weight of a norm).
Parts = dict[str, tuple[tuple[int, ...], float | None]]


@dataclass(frozen=True, slots=True)
class Form:
    """What a network is built from.

    Attributes:
        model: One of ``MODELS``.
        width: Inputs of a table.
        image: Height, width, channels; None for a table.
        outputs: How many numbers come out.
        hidden, blocks: Width of the hidden layers (0: none, ``mlp`` only) and their number.
    """

    model: str
    width: int
    image: tuple[int, int, int] | None
    outputs: int
    hidden: int
    blocks: int


def parts(form: Form) -> Parts:
    """Return the table of a network's parameters; a function of its form alone."""
    match form.model:
        case "tabular":
            return _tabular(form)
        case "cnn":
            return _cnn(form)
        case "resnet":
            return _resnet(form)
    widths = mlp_widths(form)
    linear = len(widths) == 2  # nothing to tell apart: it begins at 0, since few steps never forget a drawn beginning
    return {
        name: (shape, 0.0 if linear else 1 / widths[int(name.split(".")[0]) // 2] ** 0.5)
        for name, shape in mlp.shapes(widths).items()
    }


def mlp_widths(form: Form) -> tuple[int, ...]:
    """Return the widths of a perceptron, input first."""
    return (form.width, *((form.hidden,) * max(1, form.blocks) if form.hidden else ()), form.outputs)


def initial(form: Form, module: str, seed: int) -> dict[str, Floats]:
    """Return first weights, one PCG64 stream a parameter: uniform within its bound; a norm begins as nothing."""
    out: dict[str, Floats] = {}
    for name, (shape, bound) in parts(form).items():
        size = int(np.prod(shape))
        if bound is None:
            out[name] = np.ones(shape, np.float32)
        else:
            values = (2 * uniform(stream("init", seed, module, name), size) - 1) * bound + 0.0  # no -0
            out[name] = values.reshape(shape).astype(np.float32)
    return out


def _linear(name: str, outputs: int, inputs: int) -> Parts:
    bound = inputs**-0.5
    return {f"{name}.weight": ((outputs, inputs), bound), f"{name}.bias": ((outputs,), bound)}


def _conv(name: str, outputs: int, inputs: int, side: int, bias: bool = True) -> Parts:
    fan_in = inputs * side * side
    # Kaiming for the ReLU or SiLU that follows.
    out: Parts = {f"{name}.weight": ((outputs, inputs, side, side), (6 / fan_in) ** 0.5)}
    return {**out, f"{name}.bias": ((outputs,), 0.0)} if bias else out


def _norm(name: str, width: int) -> Parts:
    return {f"{name}.weight": ((width,), None), f"{name}.bias": ((width,), 0.0)}


def _tabular(form: Form) -> Parts:
    d = max(1, form.hidden)
    out = _linear("first", d, form.width)
    for i in range(form.blocks):
        at = f"blocks.{i}"
        out |= _norm(f"{at}.norm", d) | _linear(f"{at}.up", 2 * d, d) | _linear(f"{at}.down", d, 2 * d)
    return out | _norm("norm", d) | _linear("last", form.outputs, d)


def _cnn(form: Form) -> Parts:
    assert form.image is not None
    before = form.image[2]
    out: Parts = {}
    for i, width in enumerate(CNN_WIDTHS):
        out |= _conv(f"conv{i}", width, before, 3) | _norm(f"norm{i}", width)
        before = width
    return out | _linear("last", form.outputs, before)


def _resnet_blocks(form: Form) -> list[tuple[str, int, int, int]]:
    """Return (name, channels in, channels out, stride) of each block."""
    out, before = [], form.hidden
    for stage in range(4):
        width = form.hidden * 2**stage
        for i in range(form.blocks):
            out.append((f"stage{stage}.{i}", before, width, 2 if stage and not i else 1))
            before = width
    return out


def _resnet(form: Form) -> Parts:
    assert form.image is not None
    out = _conv("stem", form.hidden, form.image[2], 3, bias=False) | _norm("norm", form.hidden)
    for at, before, after, stride in _resnet_blocks(form):
        out |= _conv(f"{at}.conv0", after, before, 3, bias=False) | _norm(f"{at}.norm0", after)
        out |= _conv(f"{at}.conv1", after, after, 3, bias=False) | _norm(f"{at}.norm1", after)
        if stride != 1 or before != after:
            out |= _conv(f"{at}.skip", after, before, 1, bias=False)
    return out | _linear("last", form.outputs, form.hidden * 8)


def build(form: Form, parameters: Mapping[str, Floats]) -> nn.Module:
    """Return the torch module of the parameters, which it copies."""
    if form.model == "mlp":
        return mlp.build(parameters)
    torch = mlp.torch_one_thread()
    module = _modules(form)
    with torch.no_grad():
        known = dict(module.named_parameters())
        assert sorted(known) == sorted(parameters), "the module has other parameters than its table"
        for name, value in known.items():
            value.copy_(torch.from_numpy(np.ascontiguousarray(parameters[name])))
    return module


def _modules(form: Form) -> nn.Module:
    """Return the torch module of a form; its classes are made here, since torch is imported late."""
    import torch
    from torch import nn
    from torch.nn import functional as f

    class Mixed(nn.Module):
        """One block of the tabular net: what comes in, and what it makes of it."""

        def __init__(self, d: int) -> None:
            super().__init__()
            self.norm, self.up, self.down = nn.LayerNorm(d), nn.Linear(d, 2 * d), nn.Linear(2 * d, d)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = x + self.down(f.relu(self.up(self.norm(x))))
            return out

    class Tabular(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            d = max(1, form.hidden)
            self.first = nn.Linear(form.width, d)
            self.blocks = nn.Sequential(*(Mixed(d) for _ in range(form.blocks)))
            self.norm, self.last = nn.LayerNorm(d), nn.Linear(d, form.outputs)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = self.last(f.relu(self.norm(self.blocks(self.first(x)))))
            return out

    class Small(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            assert form.image is not None
            before = form.image[2]
            for i, width in enumerate(CNN_WIDTHS):
                self.add_module(f"conv{i}", nn.Conv2d(before, width, 3, stride=2 if i else 1, padding=1))
                self.add_module(f"norm{i}", nn.GroupNorm(GROUPS, width))
                before = width
            self.last = nn.Linear(before, form.outputs)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for i in range(len(CNN_WIDTHS)):
                x = f.silu(self.get_submodule(f"norm{i}")(self.get_submodule(f"conv{i}")(x)))
            out: torch.Tensor = self.last(x.mean((2, 3)))
            return out

    class Block(nn.Module):
        def __init__(self, before: int, after: int, stride: int) -> None:
            super().__init__()
            self.conv0 = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
            self.conv1 = nn.Conv2d(after, after, 3, padding=1, bias=False)
            self.norm0, self.norm1 = nn.GroupNorm(GROUPS, after), nn.GroupNorm(GROUPS, after)
            same = stride == 1 and before == after
            self.skip = None if same else nn.Conv2d(before, after, 1, stride=stride, bias=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out = self.norm1(self.conv1(f.relu(self.norm0(self.conv0(x)))))
            return f.relu(out + (x if self.skip is None else self.skip(x)))

    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            assert form.image is not None
            self.stem = nn.Conv2d(form.image[2], form.hidden, 3, padding=1, bias=False)
            self.norm = nn.GroupNorm(GROUPS, form.hidden)
            stages: dict[str, list[nn.Module]] = {}
            for at, before, after, stride in _resnet_blocks(form):
                stages.setdefault(at.partition(".")[0], []).append(Block(before, after, stride))
            for name, blocks in stages.items():
                self.add_module(name, nn.Sequential(*blocks))
            self.last = nn.Linear(form.hidden * 8, form.outputs)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = f.relu(self.norm(self.stem(x)))
            for stage in range(4):
                x = self.get_submodule(f"stage{stage}")(x)
            out: torch.Tensor = self.last(x.mean((2, 3)))
            return out

    kinds: dict[str, type[nn.Module]] = {"tabular": Tabular, "cnn": Small, "resnet": Residual}
    return kinds[form.model]()


def outputs(form: Form, parameters: Mapping[str, Floats], x: Any, device: str = "cpu") -> Floats:
    """Return what a network makes of rows, float32 (n, outputs); a perceptron needs no torch for it.

    Args:
        x: float32 (n, width), or uint8 (n, height, width, channels).
    """
    if form.model == "mlp":
        return mlp.forward(parameters, x)
    if not len(x):
        return np.empty((0, form.outputs), np.float32)
    torch = mlp.torch_one_thread()
    network = build(form, parameters).to(device).eval()
    made = []
    with torch.no_grad():
        for start in range(0, len(x), BATCH):
            made.append(network(tensor(x[start : start + BATCH]).to(device)).cpu().numpy())
    return np.concatenate(made)


def tensor(x: Any) -> Any:
    """Return rows as a network takes them: numbers as they are, pixels in [-1, 1] with channels first."""
    torch = mlp.torch_one_thread()
    if x.dtype != np.uint8:
        return torch.from_numpy(np.ascontiguousarray(x))
    return torch.from_numpy(np.ascontiguousarray(x)).permute(0, 3, 1, 2).float().div(127.5).sub(1)
