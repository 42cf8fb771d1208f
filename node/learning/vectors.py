"""How a task's modules become one flat vector, and how they come back.

Modules whose policy is ``TRAVELS`` are flattened, in sorted order of module and then of parameter, into the float32
vector that regions mix; modules that ``STAY`` never leave the region. Where a parameter lies in the vector is the
``Layout``; it follows from the schema alone, and its hash stands in the plan.

Numpy only: a layout and an initial vector exist before torch is imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from node.learning.errors import ConfigError
from node.learning.hashing import json_hash

Floats = NDArray[np.float32]
Arrays = dict[str, dict[str, Floats]]  # module -> parameter -> values
Shapes = dict[str, dict[str, tuple[int, ...]]]  # module -> parameter -> shape


class SharePolicy(Enum):
    """What becomes of a module when regions mix."""

    TRAVELS = "travels"
    STAYS = "stays"


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each travelling parameter lies in the vector.

    Attributes:
        names: ``module.parameter``, sorted by module, then by parameter.
        shapes: One for each name.
        offsets: Index of the first value of each.
        dim: Length of the vector.
        fixed: (name, SHA-256) of parameters that neither train nor travel.
    """

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    offsets: tuple[int, ...]
    dim: int
    fixed: tuple[tuple[str, str], ...] = ()

    @property
    def hash(self) -> bytes:
        """SHA-256 over (name, shape, offset) of every parameter, and over what is frozen."""
        rows: list[Any] = [[n, list(s), o] for n, s, o in zip(self.names, self.shapes, self.offsets, strict=True)]
        return json_hash("LAYOUT", [*rows, *(["frozen", *one] for one in self.fixed)])


def layout_of(shapes: Shapes, shared: Mapping[str, SharePolicy]) -> Layout:
    """Return the layout of the modules that travel."""
    names, sizes, offsets, at = [], [], [], 0
    for module in sorted(shapes):
        if shared[module] is SharePolicy.TRAVELS:
            for name in sorted(shapes[module]):
                shape = shapes[module][name]
                names.append(f"{module}.{name}")
                sizes.append(shape)
                offsets.append(at)
                at += int(np.prod(shape, dtype=np.int64))
    return Layout(tuple(names), tuple(sizes), tuple(offsets), at)


def flatten(arrays: Arrays, layout: Layout) -> Floats:
    """Return the travelling parameters as one float32 vector of shape (dim,)."""
    vector = np.empty(layout.dim, np.float32)
    for name, shape, offset in zip(layout.names, layout.shapes, layout.offsets, strict=True):
        module, _, parameter = name.partition(".")
        values = arrays[module][parameter]
        if values.shape != shape:
            raise ConfigError(
                f"parameter {name} has shape {values.shape}", f"{shape}", "Build it from the study's schema."
            )
        vector[offset : offset + values.size] = values.reshape(-1)
    return vector


def unflatten(vector: Floats, layout: Layout) -> Arrays:
    """Return the parameters of a vector, as copies; the inverse of ``flatten``."""
    if vector.shape != (layout.dim,):
        raise ConfigError(
            f"a vector of {vector.size} values",
            f"{layout.dim}",
            "Every region must run the same task with the same settings.",
        )
    arrays: Arrays = {}
    for name, shape, offset in zip(layout.names, layout.shapes, layout.offsets, strict=True):
        module, _, parameter = name.partition(".")
        size = int(np.prod(shape, dtype=np.int64))
        arrays.setdefault(module, {})[parameter] = vector[offset : offset + size].reshape(shape).copy()
    return arrays


def check_vector(vector: Floats, dim: int) -> None:
    """Refuse a vector of another length, or with values that are not finite."""
    if vector.shape != (dim,):
        raise ConfigError(f"a vector of {vector.size} values", f"{dim}", "Every region must run the same plan.")
    if not np.isfinite(vector).all():
        raise ConfigError(
            "a vector with values that are not finite", "finite numbers", "Lower the learning rate of the study."
        )
