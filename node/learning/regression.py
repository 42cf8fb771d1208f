"""The task ``regression``: a number, standardised as the inputs are; squared error.

Errors are in standard deviations of the label (in half-widths of its range without sum rounds).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from node.learning.data.schema import Schema, Target
from node.learning.metrics import number_figures
from node.learning.supervised import Supervised
from node.learning.task import Encoded, Local
from node.learning.vectors import Arrays


class Regression(Supervised):
    """Trains one module, ``model``, which travels."""

    name = "regression"
    targets = (Target.NUMBER,)
    defaults: Mapping[str, object] = {**Supervised.defaults, "lr": 0.05}

    def sums(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the stages; the label is always standardised, for which ``moment`` is needed."""
        rest = tuple(stage for stage in super().sums(settings) if stage not in ("count", "moment"))
        return ("count", "moment", *rest)

    def outputs(self, schema: Schema, settings: Mapping[str, Any]) -> int:
        """Return one."""
        return 1

    def losses(self, logits: Any, at: Any, local: Local, outputs: int, settings: Mapping[str, Any]) -> Any:
        """Return the squared error of each row."""
        import torch

        assert local.rows.target is not None
        return (logits[:, 0] - torch.from_numpy(local.rows.target)[at, 0].to(logits.device)) ** 2

    def evaluate(self, arrays: Arrays, rows: Encoded, settings: Mapping[str, Any]) -> dict[str, float | None]:
        """Return root mean square and mean absolute error, and R^2."""
        assert rows.target is not None
        return number_figures(self.predict(arrays, rows, settings)[:, 0], rows.target[:, 0].astype(float))
