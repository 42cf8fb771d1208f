"""The two networks of a table's generator, and what a generator makes, in numpy and in torch.

``G``: noise and class through two blocks, each ``Linear``, ``LayerNorm``, ``SiLU`` and beside it its own input,
then a line to the heads: a softmax for each one-hot, a tanh for each place within a bin. ``D``: row and class
through two layers with leaky ReLU to one number, without normalisation, so that per-example gradients exist.

Parameter names: ``G`` has ``0.weight, 0.bias, 0.norm, 0.shift``, the same with ``1``, and ``heads.*``; ``D`` is
a perceptron of ``models.mlp`` by its names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from node.learning.hashing import stream, uniform
from node.learning.models import mlp
from node.learning.synth.coding import TableCoding
from node.learning.vectors import Floats

if TYPE_CHECKING:
    from torch import Tensor

EPS = 1e-5
SLOPE = 0.2
CLOSED = -1e4  # logit of a place that stays empty

Parameters = Mapping[str, Floats]


def generator_shapes(inputs: int, hidden: int, width: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a generator with so many inputs, for rows of ``width`` numbers."""
    out: dict[str, tuple[int, ...]] = {}
    for i in range(2):
        out |= {f"{i}.weight": (hidden, inputs + i * hidden), f"{i}.bias": (hidden,)}
        out |= {f"{i}.norm": (hidden,), f"{i}.shift": (hidden,)}
    return out | {"heads.weight": (width, inputs + 2 * hidden), "heads.bias": (width,)}


def initial(shapes: Mapping[str, tuple[int, ...]], module: str, seed: int) -> dict[str, Floats]:
    """Return first weights: uniform within 1/sqrt(inputs), one PCG64 stream a parameter; a norm begins as nothing."""
    out: dict[str, Floats] = {}
    for name, shape in shapes.items():
        if name.endswith((".norm", ".shift")):
            out[name] = np.full(shape, float(name.endswith(".norm")), np.float32)
            continue
        bound = 1 / np.sqrt(shapes[name.rpartition(".")[0] + ".weight"][1])
        values = uniform(stream("init", seed, module, name), int(np.prod(shape)))
        out[name] = ((2 * values - 1) * bound).reshape(shape).astype(np.float32)
    return out


# ---------------------------------------------------------------- numpy: what is sampled


def heads(parameters: Parameters, inputs: Floats) -> Floats:
    """Return what comes out of a generator before softmax and tanh, float32 (n, width)."""
    x = inputs
    for i in range(2):
        y = x @ parameters[f"{i}.weight"].T + parameters[f"{i}.bias"]
        y -= y.mean(axis=1, keepdims=True)
        y /= np.sqrt(np.square(y).mean(axis=1, keepdims=True) + np.float32(EPS))
        y = y * parameters[f"{i}.norm"] + parameters[f"{i}.shift"]
        y /= 1 + np.exp(-np.clip(y, -80, 80))
        x = np.concatenate([y, x], axis=1)
    return np.asarray(x @ parameters["heads.weight"].T + parameters["heads.bias"], np.float32)


def one_hot(labels: NDArray[np.int64], classes: int) -> Floats:
    """Return labels as float32 (n, classes)."""
    return np.eye(classes, dtype=np.float32)[labels]


def made(out: Floats, coding: TableCoding, chance: Floats, shift: Floats | None = None) -> Floats:
    """Return rows of what came out of a generator's heads: hard one-hots and places, float32 (n, width).

    Args:
        chance: Uniform numbers in (0, 1), float32 (n, width): Gumbel noise for one-hots.
        shift: Added to the logits, (width,): see ``sampling.correction``.
    """
    x = np.zeros_like(out)
    rows = np.arange(len(out))
    for part in coding.parts:
        span = slice(part.at, part.until)
        logits = out[:, span] - np.log(-np.log(chance[:, span]))
        if shift is not None:
            logits = logits + shift[span]
        place = np.where(part.open, logits, -np.inf).argmax(axis=1)
        x[rows, part.at + place] = 1
        if part.offset is not None:
            x[:, part.offset] = np.tanh(out[:, part.offset])
    return x


def sample(
    parameters: Parameters,
    coding: TableCoding,
    labels: NDArray[np.int64],
    noise: int,
    rng: np.random.Generator,
    shift: Floats | None = None,
) -> Floats:
    """Return made rows of these classes, float32 (n, width); ``shift`` as in ``made``."""
    z = rng.standard_normal((len(labels), noise), np.float32)
    inputs = np.concatenate([z, one_hot(labels, len(coding.classes))], axis=1)
    chance = np.clip(rng.random((len(labels), coding.width), np.float32), np.float32(1e-7), np.float32(1 - 1e-6))
    return made(heads(parameters, inputs), coding, chance, shift)


def drawn_labels(prior: Sequence[float], n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return classes drawn by their shares, int64 (n,)."""
    until = np.cumsum(prior)
    found: NDArray[np.int64] = np.searchsorted(until, rng.random(n) * until[-1], side="right").astype(np.int64)
    return np.minimum(found, len(until) - 1)


# ---------------------------------------------------------------- torch: what learns


def tensors(parameters: Parameters) -> dict[str, Tensor]:
    """Return parameters as torch leaves that learn, copies."""
    torch = mlp.torch_one_thread()
    return {n: torch.from_numpy(v.copy()).requires_grad_() for n, v in parameters.items()}


def arrays(parameters: Mapping[str, Tensor]) -> dict[str, Floats]:
    """Return torch parameters as numpy copies."""
    return {name: value.detach().numpy().copy() for name, value in parameters.items()}


def torch_heads(parameters: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
    """Return what ``heads`` returns, with gradients."""
    torch = mlp.torch_one_thread()
    f = torch.nn.functional
    x = inputs
    for i in range(2):
        y = f.linear(x, parameters[f"{i}.weight"], parameters[f"{i}.bias"])
        y = f.layer_norm(y, (y.shape[1],), parameters[f"{i}.norm"], parameters[f"{i}.shift"], EPS)
        x = torch.cat([f.silu(y), x], 1)
    out: Tensor = f.linear(x, parameters["heads.weight"], parameters["heads.bias"])
    return out


def torch_made(out: Tensor, coding: TableCoding, chance: Tensor, temperature: float) -> Tensor:
    """Return soft rows (n, width) of what came out of the heads, by Gumbel's softmax.

    Args:
        chance: Uniform numbers in (0, 1), (n, width).

    Source: Jang, Gu and Poole (2017), "Categorical Reparameterization with Gumbel-Softmax".
    """
    torch = mlp.torch_one_thread()
    gumbel = -torch.log(-torch.log(chance))
    mask = torch.from_numpy(coding.mask)
    logits = torch.where(mask, out + gumbel, CLOSED) / temperature
    pieces: list[Any] = []
    for part in coding.parts:
        pieces.append(torch.softmax(logits[:, part.at : part.until], 1))
        if part.offset is not None:
            pieces.append(torch.tanh(out[:, part.offset : part.offset + 1]))
    rows: Tensor = torch.cat(pieces, 1)
    return rows
