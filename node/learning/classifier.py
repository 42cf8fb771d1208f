"""The task ``classifier``: two or more classes, or several labels of which a row has any number.

Two classes have one output (the logit of the last class), more have one each, and so have labels. With the
model ``mlp`` and ``hidden = 0`` it is logistic regression, which differential privacy likes: its noise grows
with the parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from node.learning.data.schema import Schema, Target
from node.learning.errors import ConfigError
from node.learning.metrics import figures, label_figures
from node.learning.priors import offsets
from node.learning.supervised import Supervised, batches
from node.learning.task import Encoded, Local
from node.learning.vectors import Arrays, Floats

__all__ = ["WITHOUT_COUNTS", "Classifier", "batches", "chances"]

WITHOUT_COUNTS = (
    "own_prior = true without counts of classes, or beside differential privacy",
    "a study with the sum round count and without dp: a region's own shares carry no noise",
    "Leave own_prior out: landsting study new --set own_prior=false.",
)


def chances(logits: Floats, is_labels: bool = False) -> NDArray[np.float64]:
    """Return the probability of each class, (n, classes), or of each label, (n, labels)."""
    out = logits.astype(np.float64)
    if is_labels:
        return np.asarray(1 / (1 + np.exp(-np.clip(out, -500, 500))), np.float64)
    if out.shape[1] == 1:
        out = np.hstack([np.zeros_like(out), out])
    out -= out.max(axis=1, keepdims=True)
    exp = np.exp(out)
    return np.asarray(exp / exp.sum(axis=1, keepdims=True), np.float64)


class Classifier(Supervised):
    """Trains one module, ``model``, which travels."""

    name = "classifier"
    targets = (Target.CLASSES, Target.LABELS)
    defaults: Mapping[str, object] = {**Supervised.defaults, "own_prior": False}

    def outputs(self, schema: Schema, settings: Mapping[str, Any]) -> int:
        """Return one for two classes, else one for each class or label."""
        if schema.target is Target.LABELS:
            if settings.get("own_prior"):
                raise ConfigError("own_prior = true and several labels", "one label of classes", "Leave it out.")
            return len(schema.labels)
        return 1 if len(schema.classes) == 2 else len(schema.classes)

    def losses(self, logits: Any, at: Any, local: Local, outputs: int, settings: Mapping[str, Any]) -> Any:
        """Return the cross entropy of each row, weighted by its class where ``class_weights`` is on.

        With ``own_prior`` the region's own shares of classes are taken out first; see ``priors``.
        """
        import torch
        from torch.nn import functional as f

        if local.rows.target is not None:
            labels = torch.from_numpy(local.rows.target)[at].to(logits.device)
            return f.binary_cross_entropy_with_logits(logits, labels, reduction="none").mean(dim=1)
        target = torch.from_numpy(local.rows.y)[at].to(logits.device)
        if settings["own_prior"]:
            if local.stats is None or local.dp is not None:
                raise ConfigError(*WITHOUT_COUNTS)
            moved = torch.tensor(offsets(local.rows.y, local.stats.classes), dtype=torch.float32).to(logits.device)
            logits = logits + (moved if outputs > 1 else moved[1] - moved[0])
        if outputs > 1:
            each = f.cross_entropy(logits, target, reduction="none")
        else:
            each = f.binary_cross_entropy_with_logits(logits[:, 0], target.float(), reduction="none")
        if not settings["class_weights"] or local.stats is None:
            return each
        return each * torch.tensor(local.stats.class_weights(), dtype=torch.float32, device=logits.device)[target]

    def predict(self, arrays: Arrays, rows: Encoded, settings: Mapping[str, Any]) -> NDArray[np.float64]:
        """Return the probability of each class or label."""
        return chances(self.logits(arrays, rows, settings), rows.target is not None)

    def evaluate(self, arrays: Arrays, rows: Encoded, settings: Mapping[str, Any]) -> dict[str, float | None]:
        """Return accuracy, balanced accuracy, AUROC, AUPRC and calibration error."""
        said = self.predict(arrays, rows, settings)
        return figures(said, rows.y) if rows.target is None else label_figures(said, rows.target > 0.5)
