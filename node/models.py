"""The model of a study, out of a home into a file: safetensors, and what encodes its inputs beside it.

Reads the region's own state and the plan; needs no running node and starts no training. Equal
models give equal files.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from node.cli.output import Refusal

if TYPE_CHECKING:
    from node.learning.trainer import Trainer
    from protocol.plan import Plan


@dataclass(frozen=True, slots=True)
class Exported:
    """One exported model.

    Attributes:
        round: The last round that is in it.
        sha256: Of the safetensors file, in hex.
    """

    path: Path
    study: str
    round: int
    sha256: str


def export_model(home: Path, study: str, path: Path, *, manifest: Path | None = None) -> Exported:
    """Write the newest model that a home holds of a study.

    Args:
        study: The whole id, 64 hex digits.
        path: Where the safetensors file goes; its description goes beside it as ``.json``.
        manifest: Of the data the study was accepted with; left out, the home knows it.

    Raises:
        Refusal: The home holds no model of that study.
        ConfigError: The data's manifest or this installation is not what the plan says.
    """
    held = held_model(home, study, manifest=manifest)
    path.parent.mkdir(parents=True, exist_ok=True)
    return Exported(path, study, held.round, held.trainer.export(held.vector, held.totals, path))


@dataclass(frozen=True, slots=True)
class Held:
    """The newest model that a home holds of a study, and what it was trained by.

    Attributes:
        totals: Of the sum rounds, in order.
    """

    plan: Plan
    trainer: Trainer
    vector: NDArray[np.float32]
    totals: list[NDArray[np.int64]]
    round: int


def held_model(home: Path, study: str, *, manifest: Path | None = None) -> Held:
    """Return the newest model of a study; arguments and errors as ``export_model``."""
    from gossip.studies.context import Opened
    from node.cli.asking import ask
    from node.home import Home
    from node.learning.trainer import Agreed, Trainer
    from node.policy import Policy
    from node.store.storage import StoreReader
    from node.training import first_model
    from protocol.plan import Plan

    plan = Plan.decode(bytes.fromhex(ask(home, "study", {"study": bytes.fromhex(study)})["plan"]))
    opened = Home.open(home)
    with StoreReader(opened) as reader:
        totals = []
        for stage in range(plan.sum_rounds):
            stored = reader.blob(f"total/{study}/{stage}")
            if stored is None:
                raise _no_model(home, study)
            totals.append(Opened.decode(stored).total)
        for number in range(plan.end_round - 1, plan.first_round - 1, -1):
            stored = reader.blob(f"model/{study}/{number}")
            if stored is not None:
                break
        else:
            raise _no_model(home, study)
    vector = np.frombuffer(stored, "<f4").astype(np.float32)
    Policy.load(opened.path).admit()
    trainer = Trainer(
        Agreed(
            plan.task["name"],
            plan.task["version"],
            plan.settings,
            plan.seed,
            plan.schema,
            plan.layout,
            plan.dim,
            dp=plan.dp,
            sums=plan.sums,
            regions=plan.n,
            rounds=plan.rounds,
            freeze=plan.freeze,
        ),
        study=study,
        region=opened.name,
        manifest=manifest or _manifest(opened.path, study),
        state=opened.path / "state" / "private",
        ledger=opened.path / "ledger.jsonl",
        model=first_model(opened.path, plan),
    )
    return Held(plan, trainer, vector, totals, number)


def _manifest(home: Path, study: str) -> Path | None:
    bound = home / "studies" / f"{study}.json"
    name = json.loads(bound.read_text(encoding="utf-8")).get("data") if bound.exists() else None
    return home / "data" / f"{name}.toml" if name else None


def _no_model(home: Path, study: str) -> Refusal:
    return Refusal(
        "STUDY", f"this home holds no model of study {study[:12]}", "a study that has trained here",
        f"landsting study show {study[:12]} --home {home}",
    )  # fmt: skip
