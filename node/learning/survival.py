"""The task ``survival``: a risk from times that may be censored.

``loss = "cox"``: the partial likelihood (Breslow's for ties) within each batch; a batch without an event is no
step, and so is a region without one. ``loss = "discrete"``: the chance of the event in each of ``intervals``
equal parts of the time's public range, a sum over rows, which is what differential privacy needs.

Sources: Cox (1972), Breslow (1974); Gensheimer and Narasimhan (2019) for the discrete form.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from node.learning.data.schema import Schema, Target
from node.learning.errors import ConfigError
from node.learning.metrics import c_index
from node.learning.supervised import Supervised
from node.learning.task import Encoded, Local
from node.learning.vectors import Arrays


class Survival(Supervised):
    """Trains one module, ``model``, which travels."""

    name = "survival"
    targets = (Target.SURVIVAL,)
    choices: Mapping[str, tuple[str, ...]] = {**Supervised.choices, "loss": ("cox", "discrete")}
    defaults: Mapping[str, object] = {
        **Supervised.defaults,
        "hidden": 0,
        "lr": 0.05,
        "batch": 64,
        "loss": "cox",
        "intervals": 10,
        "horizon": 0.0,
    }

    def outputs(self, schema: Schema, settings: Mapping[str, Any]) -> int:
        """Return one risk, or one logit for each interval."""
        if settings["loss"] == "cox":
            return 1
        if settings["intervals"] < 2 or settings["horizon"] <= 0:
            raise ConfigError(
                f"intervals = {settings['intervals']}, horizon = {settings['horizon']:g}",
                'at least 2 intervals up to a horizon above 0 with loss = "discrete"',
                "Set horizon to the longest time that counts, in the unit of the column.",
            )
        return int(settings["intervals"])

    def losses(self, logits: Any, at: Any, local: Local, outputs: int, settings: Mapping[str, Any]) -> Any:
        """Return the negative log likelihood of each row over the intervals that it was seen in."""
        import torch
        from torch.nn import functional as f

        if settings["loss"] == "cox":
            raise ConfigError(
                'loss = "cox" with DP: a row has no loss of its own', "discrete", 'Set loss = "discrete".'
            )
        assert local.rows.target is not None
        time = torch.from_numpy(local.rows.target)[at, 0].to(logits.device)
        event = torch.from_numpy(local.rows.y)[at].float().to(logits.device)
        place = (time / settings["horizon"] * outputs).floor().clamp(0, outputs - 1)
        is_beyond = time >= settings["horizon"]  # seen through all intervals without the event
        columns = torch.arange(outputs, device=logits.device)
        here = (columns == place[:, None]) & ~is_beyond[:, None]
        happened = here * event[:, None]
        # A censored row counts for the intervals before the one in which it was lost.
        seen = (columns < place[:, None]) | is_beyond[:, None] | (here & (event[:, None] > 0))
        each = f.binary_cross_entropy_with_logits(logits, happened, reduction="none")
        return (each * seen).sum(dim=1)

    def loss(self, logits: Any, at: Any, local: Local, outputs: int, settings: Mapping[str, Any]) -> Any:
        """Return the mean over rows, or over events of the partial likelihood; None without an event."""
        import torch

        if settings["loss"] != "cox":
            return self.losses(logits, at, local, outputs, settings).mean()
        assert local.rows.target is not None
        time = torch.from_numpy(local.rows.target)[at, 0]
        event = torch.from_numpy(local.rows.y)[at] > 0
        if not bool(event.any()):
            return None
        at_risk = (time[None, :] >= time[event][:, None]).to(logits.device)  # Breslow: of equal times all are at risk
        risk = logits[:, 0]
        log_sum = torch.logsumexp(risk[None, :].masked_fill(~at_risk, -torch.inf), dim=1)
        return (log_sum - risk[event]).mean()

    def predict(self, arrays: Arrays, rows: Encoded, settings: Mapping[str, Any]) -> NDArray[np.float64]:
        """Return the risk of each row, (n, 1): higher is earlier."""
        logits = self.logits(arrays, rows, settings).astype(np.float64)
        if settings["loss"] == "cox":
            return logits
        # Expected number of intervals survived, turned round.
        survived = np.cumprod(1 / (1 + np.exp(np.clip(logits, -500, 500))), axis=1)
        return np.asarray(-survived.sum(axis=1, keepdims=True), np.float64)

    def evaluate(self, arrays: Arrays, rows: Encoded, settings: Mapping[str, Any]) -> dict[str, float | None]:
        """Return the C-index: the share of comparable pairs in which the earlier event had the higher risk."""
        if not len(rows):
            return {"c_index": None}
        assert rows.target is not None
        risk = self.predict(arrays, rows, settings)[:, 0]
        return {"c_index": c_index(risk, rows.target[:, 0].astype(np.float64), rows.y > 0)}
