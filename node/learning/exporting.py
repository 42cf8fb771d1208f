"""A trained model as files: safetensors, and JSON beside it that says how to use them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from node.learning.evaluate import FORMAT
from node.learning.state import write_whole
from node.learning.task import Task, decimal_settings, shared_by
from node.learning.vectors import Arrays, SharePolicy


def write_model(
    path: Path, task: Task, settings: Mapping[str, Any], arrays: Arrays, about: Mapping[str, object]
) -> str:
    """Write the modules that travel to ``path`` and what they are to the same name with ``.json``.

    Args:
        path: Of the safetensors file.
        task: Whose modules they are; those it calls ``unexported`` stay out.
        settings: Of the study.
        arrays: All modules.
        about: What else the JSON says: layout, study, schema, encoder, coding.

    Returns:
        The SHA-256 of the safetensors file, in hex; equal arrays give equal bytes.
    """
    from safetensors.numpy import save

    shared = shared_by(task, settings)
    tensors = {
        f"{module}.{parameter}": np.ascontiguousarray(value)
        for module, values in arrays.items()
        if shared[module] is SharePolicy.TRAVELS and module not in getattr(task, "unexported", ())
        for parameter, value in values.items()
    }
    data = save(dict(sorted(tensors.items())))
    said = {
        "format": FORMAT,
        "task": task.name,
        "version": task.version,
        "settings": decimal_settings(settings),
        **about,
    }
    write_whole(path, data, 0o644)
    write_whole(path.with_suffix(".json"), json.dumps(said, sort_keys=True, indent=1).encode() + b"\n", 0o644)
    return hashlib.sha256(data).hexdigest()
