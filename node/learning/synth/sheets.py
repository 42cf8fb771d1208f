"""A sheet of made-up samples after each round, in the region's home and for its own eyes.

``samples/<study>/round-000012.png`` (of tables ``.html``): what the running mean of the generator makes after the
region's training of that round, before it is mixed. A task that has ``sheet`` has sheets. No real row or image
stands on one.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from node.learning.state import write_whole
from node.learning.vectors import Floats

if TYPE_CHECKING:
    from node.learning.trainer import Totals, Trainer

KEPT = 24  # sheets of a study; the oldest go first


def keep_sheet(trainer: Trainer, round: int, vector: Floats, totals: Totals, samples: Path) -> Path | None:
    """Write the sheet of a round, mode 0600, and forget all but the newest; None where the task makes none.

    Args:
        vector: What the region's training of the round gave.
        totals: Of the sum rounds.
        samples: The folder ``samples`` of the region's home.
    """
    make = getattr(trainer.task, "sheet", None)
    if make is None or trainer.rows is None:
        return None
    none = trainer.encoded(trainer.rows.take(np.zeros(len(trainer.rows), bool)), totals)
    ending, data = make(trainer.split.arrays(vector, {}), none, trainer.settings)
    folder = samples / trainer.study
    path = folder / f"round-{round:06d}.{ending}"
    write_whole(path, data)
    for old in sorted(folder.glob("round-*"))[:-KEPT]:
        old.unlink()
    return path
