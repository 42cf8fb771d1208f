"""A study's model judged at one region, and tuned to it: reads the home, sends nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from node.cli.output import Refusal
from node.models import held_model

if TYPE_CHECKING:
    from node.learning.data.rows import Rows
    from node.learning.data.schema import Schema
    from node.learning.evaluate import Model
    from node.learning.metrics import Counts
    from node.learning.trainer import Trainer


def judge(
    home: Path, study: str, *, test: Path | None = None, pooled: Path | None = None
) -> tuple[dict[str, Any], Schema]:
    """Return the report of a study's newest model here, as plain values, and its schema.

    Raises:
        Refusal: The home holds no model, or there are no rows to judge on.
    """
    from node.learning.data.manifest import File
    from node.learning.data.table import parse
    from node.learning.evaluate import read_model
    from node.learning.files import file_bytes
    from node.learning.metrics import Counts
    from node.learning.report import report
    from node.learning.stages import SCORE

    held = held_model(home, study)
    trainer, sums = held.trainer, held.plan.sums
    if trainer.schema is None or trainer.validation is None:
        raise Refusal("DATA", "a study that learns from no table", "one with data", "landsting model list")
    if test is not None:
        rows: Rows = parse(file_bytes(test, "table"), trainer.schema, File(path=test.name), test.name)
    else:
        rows = trainer.validation
    if not len(rows):
        raise Refusal(
            "DATA", "no rows to judge on: the study kept none back (settings.test_share)", "a table of its columns",
            f"landsting model report {study[:12]} --home {home} --test FILE.csv",
        )  # fmt: skip
    summed: Counts | None = None
    if SCORE in sums:
        summed = Counts.of_vector(held.totals[sums.index(SCORE)], len(trainer.schema.classes))
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "model.safetensors"
        trainer.export(held.vector, held.totals, path)
        together = read_model(path)
        alone = _alone(trainer, held.plan.rounds, path)
    found = report(together, rows, alone=alone, pooled=read_model(pooled) if pooled else None, summed=summed)
    return found, trainer.schema


def _alone(trainer: Trainer, rounds: int, path: Path) -> Model:
    """Return a model of this region's rows only, by as many local steps and without noise."""
    from node.learning.baselines import own_totals
    from node.learning.evaluate import read_model

    single = trainer.without_privacy()
    totals: Sequence[NDArray[np.int64]] = own_totals(single, single.sums)
    vector = single.initial()
    for round in range(len(totals), len(totals) + rounds):
        vector, _ = single.train(round, vector, totals)
    single.export(vector, totals, path)
    return read_model(path)


def tuned(home: Path, study: str, steps: int, path: Path) -> str:
    """Go on training a study's model on own rows alone and write it; return its SHA-256.

    Raises:
        Refusal: The home holds no model of that study.
    """
    held = held_model(home, study)
    single = held.trainer.without_privacy(local_steps=steps)
    vector, _ = single.train(held.plan.end_round, held.vector, held.totals[: len(single.sums)])
    path.parent.mkdir(parents=True, exist_ok=True)
    return single.export(vector, held.totals[: len(single.sums)], path)
