"""What of a model travels: modules and parameters that stay, parameters that are frozen, and where it begins.

| parameter | trains | travels | kept |
|---|---|---|---|
| of a module that travels | yes | yes | in the vector |
| of a module that stays, or named by the setting ``stays`` | yes | no | in the region, from round to round |
| named by the plan's ``freeze`` | no | no | as it began; its bytes are part of the layout's hash |

Patterns are those of a shell, over ``module.parameter``: ``model.norm*``. Parameters of normalisation that
stay are FedBN (Li et al. 2021).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from node.learning.errors import ConfigError
from node.learning.files import file_bytes
from node.learning.task import Task, shared_by
from node.learning.vectors import Arrays, Floats, Layout, SharePolicy, flatten, layout_of, unflatten

if TYPE_CHECKING:
    from node.learning.data.schema import Schema


@dataclass(frozen=True, slots=True)
class Share:
    """How the modules of a study's task are divided.

    Attributes:
        layout: Of what travels.
        staying, frozen: Names of other parameters, ``module.parameter``.
        model: A model to begin with, instead of fresh weights.
    """

    task: Task
    schema: Schema | None
    settings: Mapping[str, Any]
    seed: int
    layout: Layout
    staying: frozenset[str]
    frozen: frozenset[str]
    model: Path | None

    def first(self) -> Arrays:
        """Return all parameters as they begin; the same bytes at every region that holds the same model."""
        return first_arrays(self.task, self.schema, self.settings, self.seed, self.model)

    def initial(self) -> Floats:
        """Return the first vector, (dim,)."""
        return flatten(self.first(), self.layout)

    def arrays(self, vector: Floats, private: Mapping[str, Floats]) -> Arrays:
        """Return all parameters: what travels from the vector, the rest as it was kept or as it began."""
        out = unflatten(vector, self.layout)
        if not (self.staying or self.frozen):
            return out
        for module, values in self.first().items():
            for name, value in values.items():
                full = f"{module}.{name}"
                if full in self.frozen:
                    out.setdefault(module, {})[name] = value
                elif full in self.staying:
                    out.setdefault(module, {})[name] = private.get(full, value)
        return out

    def kept(self, arrays: Arrays) -> dict[str, Floats]:
        """Return the parameters that stay in the region, by their full names."""
        return {
            f"{module}.{name}": value
            for module, values in arrays.items()
            for name, value in values.items()
            if f"{module}.{name}" in self.staying
        }


def share(
    task: Task,
    schema: Schema | None,
    settings: Mapping[str, Any],
    seed: int,
    *,
    freeze: Sequence[str] = (),
    model: Path | None = None,
) -> Share:
    """Return how the modules of a task are divided.

    Args:
        freeze: The plan's patterns.
        model: A safetensors file to begin with.

    Raises:
        ConfigError: A pattern names nothing, nothing would travel, or the model is another one.
    """
    shapes, policies = task.shapes(schema, settings), shared_by(task, settings)
    names = [f"{module}.{name}" for module in sorted(shapes) for name in sorted(shapes[module])]
    frozen = _matching(names, freeze, "freeze")
    stays = str(settings.get("stays", ""))
    staying = _matching(names, [one.strip() for one in stays.split(",") if one.strip()], "settings.stays") - frozen
    staying |= {name for name in names if policies[name.partition(".")[0]] is SharePolicy.STAYS} - frozen
    travelling = {
        module: {name: shape for name, shape in values.items() if f"{module}.{name}" not in frozen | staying}
        for module, values in shapes.items()
        if policies[module] is SharePolicy.TRAVELS
    }
    if not any(travelling.values()):
        raise ConfigError("freeze and settings.stays name every parameter", "one that travels", "Name fewer.")
    layout = layout_of(travelling, dict.fromkeys(travelling, SharePolicy.TRAVELS))
    out = Share(task, schema, settings, seed, layout, frozenset(staying), frozenset(frozen), model)
    if frozen:
        arrays = out.first()
        parts = {name: name.partition(".") for name in sorted(frozen)}
        fixed = tuple((name, _sha256(arrays[module][rest])) for name, (module, _, rest) in parts.items())
        out = replace(out, layout=replace(layout, fixed=fixed))
    return out


def _matching(names: Sequence[str], patterns: Sequence[str], what: str) -> set[str]:
    out: set[str] = set()
    for pattern in patterns:
        found = {name for name in names if fnmatchcase(name, pattern)}
        if not found:
            raise ConfigError(
                f"{what} names {pattern!r}, and no parameter is called so",
                f"a pattern over {', '.join(names[:4])}{' …' if len(names) > 4 else ''}",
                "Correct it.",
            )
        out |= found
    return out


def _sha256(values: Floats) -> str:
    return hashlib.sha256(np.ascontiguousarray(values, "<f4").tobytes()).hexdigest()


def first_arrays(
    task: Task, schema: Schema | None, settings: Mapping[str, Any], seed: int, model: Path | None = None
) -> Arrays:
    """Return the first value of every parameter: fresh by the seed, or of a model in a safetensors file.

    Raises:
        ConfigError: The file cannot be read, or a parameter in it has another shape here.
    """
    arrays = task.initial(schema, settings, seed)
    if model is None:
        return arrays
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        tensors = load(file_bytes(model, "model"))
    except SafetensorError as error:
        raise ConfigError(
            f"{model} is no model", "a safetensors file", "Export one: landsting model export."
        ) from error
    used = 0
    for module, values in arrays.items():
        for name, value in values.items():
            given = tensors.get(f"{module}.{name}")
            if given is None:
                continue
            if given.shape != value.shape:
                found = f"{model.name}: parameter {module}.{name} of shape {list(given.shape)}"
                raise ConfigError(found, f"{list(value.shape)}", "Begin with a model of the same task and schema.")
            values[name], used = given.astype(np.float32), used + 1
    if not used:
        raise ConfigError(f"{model.name} has no parameter of task {task.name}", "a model of it", "Name another file.")
    return arrays


def vector_hash(vector: Floats) -> bytes:
    """Return the SHA-256 by which a plan knows its first vector."""
    return hashlib.sha256(np.ascontiguousarray(vector, "<f4").tobytes()).digest()
