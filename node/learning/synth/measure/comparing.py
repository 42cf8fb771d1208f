"""Real rows, synthetic rows, or both: the same model, trained and tested the same way on each.

In every repeat patients of R are drawn with repeats, synthetic rows beside them, and the three sets train the same
model; all are tested on the same H. The spread over repeats is of those draws.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from node.learning.data.rows import Rows
from node.learning.data.schema import Schema, Target
from node.learning.errors import GateError
from node.learning.synth.measure import targets, utility
from node.learning.synth.measure.images import Reference
from node.learning.synth.measure.tables import Integers, table_of
from node.learning.synth.measure.targets import FIGURES, Truth
from node.learning.synth.measure.utility import Inputs

SETS = ("real", "synthetic", "both")
STEPS = 200  # of a network that learns from images


@dataclass(frozen=True, slots=True)
class Compared:
    """One model trained on one set.

    Attributes:
        rows: That it was trained on, in a repeat.
        values: ``figure`` on H in each repeat; empty is undefined, ``why`` says the reason (``words.WHY``).
        figure: What use is measured by: a key of ``targets.GUESS``.
    """

    model: str
    trained_on: str
    rows: int
    values: tuple[float, ...]
    figure: str
    why: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return plain values with median, least and largest."""
        some = sorted(self.values)
        return {
            "model": self.model, "trained_on": self.trained_on, "rows": self.rows, "figure": self.figure,
            "why": self.why,
            "median": round(float(np.median(some)), 6) if some else None,
            "least": round(some[0], 6) if some else None, "largest": round(some[-1], 6) if some else None,
            "values": [round(one, 6) for one in self.values],
        }  # fmt: skip


def compare(
    real: Rows,
    held: Rows,
    synthetic: Rows,
    schema: Schema,
    *,
    repeats: int = 5,
    seed: int = 0,
    real_rows: int | None = None,
    share: float = 1.0,
) -> list[Compared]:
    """Return each model trained on each set.

    Args:
        real_rows: Patients of R that are drawn; None: as many as there are.
        share: Synthetic rows for each real one.

    Raises:
        GateError: A side without any row.
    """
    for name, rows in (("real training", real), ("held-out", held), ("synthetic", synthetic)):
        if not len(rows):
            raise GateError(f"0 {name} rows", "rows to train and test with", "Keep some back, or generate more.")
    test = _images(held, schema) if schema.image is not None else _tables(real, held, synthetic, schema)
    models = ("cnn",) if schema.image is not None else utility.MODELS
    owners = np.unique(np.asarray(real.patients, dtype=object).astype(str), return_inverse=True)[1].reshape(-1)
    found: dict[tuple[str, str], list[float]] = {(model, one): [] for model in models for one in SETS}
    sizes, why = dict.fromkeys(SETS, 0), ""
    for repeat in range(repeats):
        rng = np.random.default_rng([seed, repeat])
        mine = _drawn(owners.astype(np.int64), real_rows, rng)
        theirs = rng.integers(0, len(synthetic), max(1, round(share * len(mine))))
        sets = {"real": (mine, theirs[:0]), "synthetic": (mine[:0], theirs), "both": (mine, theirs)}
        for name, (a, b) in sets.items():
            sizes[name] = len(a) + len(b)
            for model in models:
                value = test(model, real, synthetic, a, b, repeat)
                if isinstance(value, str):
                    why = value
                else:
                    found[model, name].append(value)
    return [
        Compared(model, name, sizes[name], tuple(values), FIGURES[schema.target], "" if values else why)
        for (model, name), values in found.items()
    ]


def _drawn(owners: Integers, patients: int | None, rng: np.random.Generator) -> Integers:
    """Return rows of patients drawn with repeats, so many patients."""
    count = int(owners.max()) + 1
    times = np.bincount(rng.integers(0, count, patients or count), minlength=count)[owners]
    return np.repeat(np.arange(len(owners)), times)


Test = Callable[[str, Rows, Rows, Integers, Integers, int], "float | str"]


def _tables(real: Rows, held: Rows, synthetic: Rows, schema: Schema) -> Test:
    inputs = utility.inputs_of(*(table_of(rows, schema) for rows in (real, held, synthetic)))

    def test(model: str, real: Rows, synthetic: Rows, a: Integers, b: Integers, repeat: int) -> float | str:
        if inputs is None:
            return "no_label"
        r, h, s = inputs
        if len(r.x) != len(real) or len(s.x) != len(synthetic):
            return "no_label"  # a row without a label; the gate stops such data before
        truth, nobody = r.truth.take(a).joined(s.truth.take(b)), np.zeros(len(a) + len(b), np.int64)
        figure = utility.transfer(model, Inputs(np.concatenate([r.x[a], s.x[b]]), truth, nobody), h, None)
        return figure.value if figure.value is not None else figure.why

    return test


def _images(held: Rows, schema: Schema) -> Test:
    classes = len(schema.classes)
    assert held.images is not None
    images = held.images
    truth = Truth(Target.CLASSES, held.label[:, None].astype(np.float64), classes)
    owners = np.unique(np.asarray(held.patients, dtype=object).astype(str), return_inverse=True)[1].reshape(-1)
    patients = owners.astype(np.int64)

    def test(model: str, real: Rows, synthetic: Rows, a: Integers, b: Integers, repeat: int) -> float | str:
        assert real.images is not None
        assert synthetic.images is not None
        if why := targets.lacking(truth, patients):
            return why
        pixels = np.concatenate([real.images[a], synthetic.images[b]])
        y = np.concatenate([real.label[a], synthetic.label[b]])
        said = Reference(pixels, y, classes, steps=STEPS, seed=repeat).probabilities(images)
        return targets.score(said, truth, patients)

    return test
