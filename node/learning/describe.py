"""What a plan says about learning, computed from a task, its settings and a manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from node.learning.augment import bound, check_settings
from node.learning.classifier import WITHOUT_COUNTS
from node.learning.data.manifest import load
from node.learning.data.schema import Target
from node.learning.errors import ConfigError
from node.learning.hashing import json_hash
from node.learning.own import About, begin
from node.learning.registry import code_sha256, get_task, in_words, plan_name
from node.learning.share import share, vector_hash
from node.learning.task import check_private, check_target, decimal_settings, read_settings
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
    freeze: Sequence[str] = (),
    model: Path | None = None,
) -> dict[str, Any]:
    """Return what ``study new`` fills in; the same on every machine.

    Args:
        seed: The plan's; the initial vector comes from it.
        dp, statistics: With privacy there are sum rounds only where noise on them is paid for (``statistics``);
            otherwise public ranges scale.
        freeze: Patterns of parameters that neither train nor travel.
        model: A safetensors file to begin with.

    Returns:
        ``task, version, settings`` (all keys, reals as decimal strings), ``schema, layout, init,
        code`` (32 bytes each), ``dim``, ``sums``, ``columns`` (names of the features), ``classes``.
    """
    task = get_task(plan_name(task_name))
    known = read_settings(task, settings)
    check_private(task, known, dp)
    check_settings(known)
    if dp and not task.with_dp:
        raise ConfigError(
            f"task {task.name} with differential privacy", "a task whose steps can be clipped and counted",
            "Leave --dp out, or use one of ours or a TorchTask.",
        )  # fmt: skip
    if dp and known.get("own_prior"):
        raise ConfigError(*WITHOUT_COUNTS)
    schema = None
    if task.needs_data:
        if manifest_path is None:
            raise ConfigError(f"no manifest for task {task_name}", "one", "Add data first: landsting data add.")
        schema = load(manifest_path).schema_()
        check_target(task, schema)
        bound(Path(manifest_path), schema, known)
    with in_words(task.name):  # a task of one's own runs here for the first time
        begin(task, About("", seed, known, Path(manifest_path) if manifest_path else None, schema), None, None)
        split = share(task, schema, known, seed, freeze=freeze, model=model)
    return {
        "task": task.name,
        "version": task.version,
        "settings": decimal_settings(known),
        "schema": schema.hash if schema else NO_SCHEMA,
        "layout": split.layout.hash,
        "dim": split.layout.dim,
        "init": vector_hash(split.initial()),
        "freeze": sorted(freeze),
        "sums": [] if dp and not statistics else list(stages_of(task, known, schema)),
        "code": code_sha256(),
        "columns": [column.name for column in schema.features] if schema else [],
        "classes": list(schema.classes) if schema and schema.target is Target.CLASSES else [],
    }
