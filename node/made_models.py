"""What an exported model may hold when it leaves: the weights of its study and their description, and nothing else.

A description is JSON and a safetensors file has room for words: whoever hands a model over could put patients there,
and no figure looks at them. So before a region signs, and before it lets out, both are held to what its own export of
the same study writes. What the weights say is judged by nobody here; how far they lie from the own ones is told.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np

from node.cli.output import Refusal

_BOUND = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}")


def check_exported(file: Path, card: Path, own: Path) -> float:
    """Refuse a model, or a description, that holds anything but what an export of the same study writes.

    Args:
        file, card: The safetensors file and its description.
        own: This region's own newest model of the study, as it exports it.

    Returns:
        The largest difference of a weight from the own model.

    Raises:
        Refusal: Another description than the study's own, other names, shapes or kinds of weights, weights that are
            not finite, or bytes beside them.
    """
    if not _is_description(card, own.with_suffix(".json")):
        raise _more_in(card, "the description that model export writes of this study")
    away = _apart(file, own)
    if away is None:
        raise _more_in(file, "the weights that this study's model has, all finite, and nothing beside them")
    return away


def _more_in(path: Path, expected: str) -> Refusal:
    return Refusal(
        "DATA", f"{path.name} has more in it, or is written otherwise, than model export writes", expected,
        "Export the model anew. Exported elsewhere: ask that region for both files anew, and why.",
    )  # fmt: skip


def _is_description(card: Path, own: Path) -> bool:
    """Whether two descriptions are the same bytes but for the name under which a region bound its data."""
    if card.stat().st_size > own.stat().st_size + 100:
        return False
    text, expected = card.read_bytes(), json.loads(own.read_bytes())
    if "schema_id" in expected:
        try:
            bound = json.loads(text)["schema_id"]
        except (ValueError, KeyError, TypeError):
            return False
        if not isinstance(bound, str) or not _BOUND.fullmatch(bound):
            return False
        expected["schema_id"] = bound
    return text == json.dumps(expected, sort_keys=True, indent=1).encode() + b"\n"


def _apart(file: Path, own: Path) -> float | None:
    """Return by how much weights differ at most; None where the files have not the same tensors and nothing else."""
    from safetensors.numpy import load

    mine = own.read_bytes()
    if file.stat().st_size != len(mine):
        return None
    theirs = file.read_bytes()
    head = 8 + int.from_bytes(mine[:8], "little")  # length, then names, kinds, shapes and places of the tensors
    if mine[:head] != theirs[:head]:
        return None
    a, b = load(mine), load(theirs)
    apart = [float(np.abs(a[name].astype(np.float64) - b[name].astype(np.float64)).max(initial=0.0)) for name in a]
    return max(apart, default=0.0) if all(np.isfinite(one) for one in apart) else None
