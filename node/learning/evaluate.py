"""Accuracy and AUROC, on a region's own rows and on an exported model. What is undefined is None.

Reads what ``Trainer.export`` writes: ``model.safetensors`` and, beside it, ``model.json``. Nothing
is unpickled, and torch is not needed.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from node.learning.data.manifest import File, Schema
from node.learning.data.table import parse
from node.learning.errors import ConfigError
from node.learning.preprocessing import Encoder
from node.learning.task import Arrays, Floats, file_bytes

FORMAT = "landsting-model/v1"


def auroc(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> float | None:
    """Return the area under the ROC curve, ties counted half; None if only one class is present."""
    p = int(positive.sum())
    n = len(positive) - p
    if p == 0 or n == 0:
        return None
    _, place, count = np.unique(scores, return_inverse=True, return_counts=True)
    rank = np.cumsum(count) - (count - 1) / 2  # mean rank of each group of ties, from 1
    return float((rank[place][positive].sum() - p * (p + 1) / 2) / (p * n))


def figures(probabilities: NDArray[np.float64], y: NDArray[np.int64]) -> dict[str, float | None]:
    """Return accuracy and AUROC of class probabilities (n, K).

    With more than two classes AUROC is the mean of each class against the rest, and None if one
    of them has no row, or all of them.
    """
    if len(y) == 0:
        return {"accuracy": None, "auroc": None}
    classes = probabilities.shape[1]
    accuracy = float((probabilities.argmax(axis=1) == y).mean())
    if classes == 2:
        return {"accuracy": accuracy, "auroc": auroc(probabilities[:, 1], y == 1)}
    areas = [auroc(probabilities[:, k], y == k) for k in range(classes)]
    known = [area for area in areas if area is not None]
    return {"accuracy": accuracy, "auroc": sum(known) / classes if len(known) == classes else None}


@dataclass(frozen=True, slots=True)
class Model:
    """An exported model: travelling parameters, and what turns a table into its inputs.

    Attributes:
        sha256: Of the safetensors file, 64 hex digits.
    """

    task: str
    arrays: Arrays
    encoder: Encoder
    sha256: str

    @property
    def vector(self) -> Floats:
        """All parameters in sorted order, (dim,)."""
        parts = [self.arrays[m][p].reshape(-1) for m in sorted(self.arrays) for p in sorted(self.arrays[m])]
        return np.concatenate(parts)


@dataclass(frozen=True, slots=True)
class Score:
    """Figures of one model on one table; None is undefined."""

    accuracy: float | None
    auroc: float | None
    rows: int


def read_model(path: Path) -> Model:
    """Return an exported model (``path`` is the safetensors file).

    Raises:
        ConfigError: Either file is missing, damaged or of another version.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    data = file_bytes(path, "model")
    side = file_bytes(path.with_suffix(".json"), "model's description")
    try:
        about = json.loads(side)
        tensors = load(data)
        if about["format"] != FORMAT:
            raise ConfigError(f"{path.name} is of another format", FORMAT, "Export it with this version.")
        schema = Schema.of_value(about["schema_id"], about["schema"])
        encoder = Encoder.of_value(schema, about["encoder"])
        task = str(about["task"])
    except (ValueError, KeyError, TypeError, SafetensorError) as error:
        raise ConfigError(f"{path.name} or its .json is damaged", "an exported model", "Export it again.") from error
    arrays: Arrays = {}
    for name, values in tensors.items():
        module, _, parameter = name.partition(".")
        arrays.setdefault(module, {})[parameter] = values
    return Model(task, arrays, encoder, hashlib.sha256(data).hexdigest())


def score(model: Path | Model, table: Path) -> Score:
    """Return accuracy and AUROC of an exported classifier on every row of a CSV.

    Args:
        model: The safetensors file, or what ``read_model`` made of it.
        table: CSV with the columns of the model's schema.
    """
    from node.learning.classifier import probabilities  # it imports this module

    model = read_model(model) if isinstance(model, Path) else model
    if "model" not in model.arrays:
        raise ConfigError(f"a model of task {model.task}", "a classifier", "Score classifiers only.")
    rows = parse(file_bytes(table, "table"), model.encoder.schema, File(path=table.name), table.name)
    encoded = model.encoder.encode(rows)
    found = figures(probabilities(model.arrays["model"], encoded.x), encoded.y)
    return Score(found["accuracy"], found["auroc"], len(rows))


def disagreement(vectors: list[Floats]) -> float:
    """Return the L2 norm over parameters of the standard deviation over regions."""
    return float(np.linalg.norm(np.std(np.asarray(vectors, np.float64), axis=0)))
