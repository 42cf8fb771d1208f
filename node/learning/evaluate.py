"""Accuracy and AUROC, on a region's own rows and on an exported model. What is undefined is None.

Reads what ``Trainer.export`` writes: ``model.safetensors`` and, beside it, ``model.json``. Nothing
is unpickled, and torch is not needed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from node.learning.data.manifest import File, Schema
from node.learning.data.schema import Target
from node.learning.data.table import Rows, parse
from node.learning.errors import ConfigError
from node.learning.files import file_bytes
from node.learning.metrics import auroc, figures, number_figures
from node.learning.preprocessing import Encoder
from node.learning.registry import get_task
from node.learning.task import read_settings
from node.learning.vectors import Arrays, Floats

if TYPE_CHECKING:
    from node.learning.synth.coding import TableCoding

__all__ = ["FORMAT", "Model", "Score", "auroc", "disagreement", "figures", "read_model", "score"]

FORMAT = "landsting-model/v1"


@dataclass(frozen=True, slots=True)
class Model:
    """An exported model: travelling parameters, and what turns a table into its inputs.

    Attributes:
        sha256: Of the safetensors file, 64 hex digits.
        coding: What codes rows for a generator of tables; None for other tasks.
    """

    task: str
    arrays: Arrays
    encoder: Encoder
    sha256: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    coding: TableCoding | None = None

    def predict(self, rows: Rows) -> NDArray[np.float64]:
        """Return what the model says of typed rows: of a classifier, the probability of each class or label."""
        from node.learning.supervised import Supervised

        task = get_task(self.task)
        if not isinstance(task, Supervised):
            raise ConfigError(f"a model of task {self.task}", "one that learns a target", "Use the task's own figures.")
        return task.predict(self.arrays, self.encoder.encode(rows), self.settings)

    def figures(self, rows: Rows) -> dict[str, float | None]:
        """Return the task's figures of the model on typed rows; errors of a number in the label's unit.

        Models trained on different rows have different standard deviations, in which theirs could not be compared.
        """
        seen = self.encoder.encode(rows) if self.coding is None else self.coding.rows(rows)
        found = get_task(self.task).evaluate(self.arrays, seen, self.settings)
        if self.encoder.schema.target is Target.NUMBER:
            assert rows.target is not None
            return dict(number_figures(self.numbers(rows), rows.target[:, 0].astype(np.float64)))
        return found

    def numbers(self, rows: Rows) -> NDArray[np.float64]:
        """Return what a model of a number predicts, in the label's unit, (n,)."""
        name = self.encoder.schema.label.name
        scale = self.encoder.scale[name]
        said = self.predict(rows)[:, 0]
        return self.encoder.centre[name] + said / scale if scale else np.full(len(said), self.encoder.centre[name])

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
        settings = read_settings(get_task(task), about["settings"])
        coding = None
        if "coding" in about:
            from node.learning.synth.coding import TableCoding  # generators only

            coding = TableCoding.of_value(about["coding"])
    except (ValueError, KeyError, TypeError, SafetensorError) as error:
        raise ConfigError(f"{path.name} or its .json is damaged", "an exported model", "Export it again.") from error
    arrays: Arrays = {}
    for name, values in tensors.items():
        module, _, parameter = name.partition(".")
        arrays.setdefault(module, {})[parameter] = values
    return Model(task, arrays, encoder, hashlib.sha256(data).hexdigest(), settings, coding)


def score(model: Path | Model, table: Path) -> Score:
    """Return accuracy and AUROC of an exported classifier on every row of a CSV.

    Args:
        model: The safetensors file, or what ``read_model`` made of it.
        table: CSV with the columns of the model's schema.
    """
    model = read_model(model) if isinstance(model, Path) else model
    if "model" not in model.arrays:
        raise ConfigError(f"a model of task {model.task}", "a classifier", "Score classifiers only.")
    rows = parse(file_bytes(table, "table"), model.encoder.schema, File(path=table.name), table.name)
    found = model.figures(rows)
    return Score(found.get("accuracy"), found.get("auroc"), len(rows))


def disagreement(vectors: list[Floats]) -> float:
    """Return the L2 norm over parameters of the standard deviation over regions."""
    return float(np.linalg.norm(np.std(np.asarray(vectors, np.float64), axis=0)))
