"""What a plan says about learning, computed from a task, its settings and a manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from node.learning.data.manifest import load
from node.learning.errors import ConfigError
from node.learning.registry import code_sha256, get_task
from node.learning.task import decimal_settings, flatten, json_hash, layout_of, read_settings
from node.learning.trainer import stages_of

NO_SCHEMA = json_hash("SCHEMA", [])  # of a task without data


def describe(
    task_name: str,
    settings: Mapping[str, object],
    manifest_path: Path | str | None,
    *,
    seed: int = 0,
    dp: bool = False,
    statistics: bool = False,
) -> dict[str, Any]:
    """Return what ``study new`` fills in; the same on every machine.

    Args:
        seed: The plan's; the initial vector comes from it.
        dp, statistics: With privacy there are sum rounds only where noise on them is paid for (``statistics``);
            otherwise public ranges scale.

    Returns:
        ``task, version, settings`` (all keys, reals as decimal strings), ``schema, layout, init,
        code`` (32 bytes each), ``dim``, ``sums``, ``columns`` (names of the features), ``classes``.
    """
    task = get_task(task_name)
    known = read_settings(task, settings)
    schema = None
    if task.needs_data:
        if manifest_path is None:
            raise ConfigError(f"no manifest for task {task_name}", "one", "Add data first: landsting data add.")
        schema = load(manifest_path).schema_()
    layout = layout_of(task.shapes(schema, known), task.shared())
    vector = flatten(task.initial(schema, known, seed), layout)
    return {
        "task": task.name,
        "version": task.version,
        "settings": decimal_settings(known),
        "schema": schema.hash if schema else NO_SCHEMA,
        "layout": layout.hash,
        "dim": layout.dim,
        "init": hashlib.sha256(np.ascontiguousarray(vector, "<f4").tobytes()).digest(),
        "sums": [] if dp and not statistics else list(stages_of(task, known, schema)),
        "code": code_sha256(),
        "columns": [column.name for column in schema.features] if schema else [],
        "classes": list(schema.classes) if schema else [],
    }
