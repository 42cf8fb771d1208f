"""The two networks of the image GAN, by side length: tables of their parameters, and torch modules that take them.

``G``: noise and class to an image. A linear layer to the smallest map (sides of at most 8), then one convolution a
level, each after doubling by bilinear interpolation; GroupNorm, whose scale and shift follow from noise and class.
``D``: image and class to a logit. Strided convolutions down to sides of at most 4, the spread of the batch as one more
map, and a linear layer of which a part belongs to the class. No normalisation in ``D``; no running statistics.

Interpolation is two products with a fixed matrix: torch's own takes longer on a CPU than the convolutions.

Sources: Chen et al. (2019), "On Self Modulation for GANs"; Miyato and Koyama (2018), "cGANs with Projection
Discriminator"; Karras et al. (2018), section 3 (spread of the batch); Wu and He (2018), GroupNorm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from node.learning.errors import ConfigError
from node.learning.hashing import stream, uniform
from node.learning.models import mlp
from node.learning.vectors import Floats

if TYPE_CHECKING:
    from torch import nn

LEAST, MOST = 16, 64  # sides of an image in pixels
BASE = 8  # longest side of G's smallest map
LAST = 4  # longest side of D's smallest map
GROUPS = 8
SLOPE = 0.2

Parts = dict[str, tuple[tuple[int, ...], float]]  # of each parameter its shape and the bound of its first values


@dataclass(frozen=True, slots=True)
class ImageForm:
    """What both networks are built from.

    Attributes:
        image: Height, width, channels.
        classes: How many.
        noise: Length of z.
        width: Channels of G's last and D's first map; deeper ones have up to four times as many.
    """

    image: tuple[int, int, int]
    classes: int
    noise: int
    width: int

    @property
    def levels(self) -> list[tuple[int, int]]:
        """Height and width of G's maps, smallest first."""
        sides = [self.image[:2]]
        while max(sides[0]) > BASE:
            sides.insert(0, ((sides[0][0] + 1) // 2, (sides[0][1] + 1) // 2))
        return sides

    @property
    def widths(self) -> list[int]:
        """Channels of G's map at each level."""
        return [self.width * min(4, 2**i) for i in reversed(range(len(self.levels)))]

    def check(self) -> None:
        """Refuse what these networks are not made for."""
        height, width, _ = self.image
        if not LEAST <= min(height, width) <= max(height, width) <= MOST:
            raise ConfigError(
                f"images of {height} x {width} pixels",
                f"sides of {LEAST} to {MOST}",
                "Set `shape` of the image column in the manifest, such as [64, 64, 1]: images are scaled to it.",
            )
        if self.width < GROUPS or self.width % GROUPS:
            raise ConfigError(f"width = {self.width}", f"a multiple of {GROUPS}", "Set width = 16.")
        if self.noise < 1:
            raise ConfigError("noise = 0", "at least 1", "Set noise = 64.")


def strides(form: ImageForm) -> list[tuple[int, int, int, int]]:
    """Return (channels in, channels out, kernel, stride) of D's convolutions."""
    side, before = max(form.image[:2]), form.width
    out = [(form.image[2], form.width, 3, 1)]
    while side > LAST:
        kernel = 4 if side > BASE else 3
        side = (side + 2 - kernel) // 2 + 1
        after = min(4 * form.width, 2 * before)
        out.append((before + (side <= LAST), after, kernel, 2))  # the last one sees the spread of the batch as well
        before = after
    return out


def _smallest(form: ImageForm) -> tuple[int, int]:
    height, width = form.image[:2]
    for _, _, kernel, stride in strides(form)[1:]:
        height, width = (height + 2 - kernel) // stride + 1, (width + 2 - kernel) // stride + 1
    return height, width


def generator_parts(form: ImageForm) -> Parts:
    """Return the table of G's parameters."""
    style, widths, (height, width) = form.noise + form.classes, form.widths, form.levels[0]
    begin = 2 * form.width
    out: Parts = {
        "first.weight": ((begin * height * width, style), (3 / (form.noise + 1)) ** 0.5),
        "first.bias": ((begin * height * width,), 0.0),
    }
    for i, (before, after) in enumerate(zip([begin, *widths[:-1]], widths, strict=True)):
        out[f"conv{i}.weight"] = ((after, before, 3, 3), (6 / (9 * before)) ** 0.5)
        out[f"conv{i}.bias"] = ((after,), 0.0)
        out[f"style{i}.weight"] = ((2 * after, style), 0.1)
        out[f"style{i}.bias"] = ((2 * after,), 0.0)
    out["last.weight"] = ((form.image[2], widths[-1], 3, 3), (1 / (9 * widths[-1])) ** 0.5)
    out["last.bias"] = ((form.image[2],), 0.0)
    return out


def discriminator_parts(form: ImageForm) -> Parts:
    """Return the table of D's parameters."""
    out: Parts = {}
    layers = strides(form)
    for i, (before, after, kernel, _) in enumerate(layers):
        out[f"conv{i}.weight"] = ((after, before, kernel, kernel), (6 / (kernel * kernel * before)) ** 0.5)
        out[f"conv{i}.bias"] = ((after,), 0.0)
    height, width = _smallest(form)
    seen = layers[-1][1] * height * width
    out["last.weight"] = ((1 + form.classes, seen), seen**-0.5)
    out["last.bias"] = ((1 + form.classes,), 0.0)
    return out


def first_values(parts: Parts, module: str, seed: int) -> dict[str, Floats]:
    """Return first weights, one PCG64 stream a parameter, uniform within its bound."""
    out: dict[str, Floats] = {}
    for name, (shape, bound) in parts.items():
        values = (2 * uniform(stream("init", seed, module, name), int(np.prod(shape))) - 1) * bound + 0.0  # no -0
        out[name] = values.reshape(shape).astype(np.float32)
    return out


def doubling(before: int, after: int) -> Floats:
    """Return the matrix (after, before) of bilinear interpolation between pixels' middles."""
    at = np.clip((np.arange(after) + 0.5) * before / after - 0.5, 0, before - 1)
    low = np.floor(at).astype(np.int64)
    high = np.minimum(low + 1, before - 1)
    out = np.zeros((after, before), np.float64)
    rows = np.arange(after)
    np.add.at(out, (rows, low), 1 - (at - low))
    np.add.at(out, (rows, high), at - low)
    return out.astype(np.float32)


def build_generator(form: ImageForm, parameters: Mapping[str, Floats]) -> nn.Module:
    """Return G as a torch module: (z, one-hot class) to images (n, channels, height, width) in [-1, 1]."""
    torch = mlp.torch_one_thread()
    from torch import nn
    from torch.nn import functional as f

    levels, widths = form.levels, form.widths
    style, begin = form.noise + form.classes, 2 * form.width

    class Generator(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Linear(style, begin * levels[0][0] * levels[0][1])
            for i, (before, after) in enumerate(zip([begin, *widths[:-1]], widths, strict=True)):
                self.add_module(f"conv{i}", nn.Conv2d(before, after, 3, padding=1))
                self.add_module(f"style{i}", nn.Linear(style, 2 * after))
            self.last = nn.Conv2d(widths[-1], form.image[2], 3, padding=1)
            self.up = [
                (torch.from_numpy(doubling(a[0], b[0])), torch.from_numpy(doubling(a[1], b[1]).T.copy()))
                for a, b in pairwise(levels)
            ]

        def forward(self, z: Any, label: Any) -> Any:
            s = torch.cat([z, label], 1)
            x = self.first(s).view(len(s), begin, *levels[0])
            for i in range(len(levels)):
                if i:
                    down, right = self.up[i - 1]
                    x = torch.matmul(torch.matmul(down, x), right)
                x = f.group_norm(self.get_submodule(f"conv{i}")(x), GROUPS)
                scale, shift = self.get_submodule(f"style{i}")(s)[:, :, None, None].chunk(2, 1)
                x = f.silu(torch.addcmul(shift, x, 1 + scale))
            return torch.tanh(self.last(x))

    return _filled(Generator(), parameters)


def build_discriminator(form: ImageForm, parameters: Mapping[str, Floats]) -> nn.Module:
    """Return D as a torch module: (images in [-1, 1], one-hot class) to logits (n,)."""
    torch = mlp.torch_one_thread()
    from torch import nn
    from torch.nn import functional as f

    layers = strides(form)
    height, width = _smallest(form)

    class Discriminator(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for i, (before, after, kernel, stride) in enumerate(layers):
                self.add_module(f"conv{i}", nn.Conv2d(before, after, kernel, stride=stride, padding=1))
            self.last = nn.Linear(layers[-1][1] * height * width, 1 + form.classes)

        def forward(self, x: Any, label: Any) -> Any:
            for i in range(len(layers)):
                if i == len(layers) - 1:
                    spread = (x.var(0, unbiased=False) + 1e-6).sqrt().mean()
                    x = torch.cat([x, spread.expand(len(x), 1, *x.shape[2:])], 1)
                x = f.leaky_relu(self.get_submodule(f"conv{i}")(x), SLOPE)
            said = self.last(x.flatten(1))
            return said[:, 0] + (said[:, 1:] * label).sum(1)

    return _filled(Discriminator(), parameters)


def _filled(module: nn.Module, parameters: Mapping[str, Floats]) -> nn.Module:
    """Return the module with these values, which it copies."""
    torch = mlp.torch_one_thread()
    known = dict(module.named_parameters())
    assert sorted(known) == sorted(parameters), "the module has other parameters than its table"
    with torch.no_grad():
        for name, value in known.items():
            value.copy_(torch.from_numpy(np.ascontiguousarray(parameters[name])))
    return module


def form_of(parameters: Mapping[str, Floats], image: tuple[int, int, int], settings: Mapping[str, Any]) -> ImageForm:
    """Return the form of a generator whose parameters are at hand."""
    style = parameters["first.weight"].shape[1]
    return ImageForm(image, style - settings["noise"], settings["noise"], settings["width"])
