"""Whole studies for the learning benchmarks: real peers under a virtual clock, or real daemons; no benchmark itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gossip.events import TrainReport
from gossip.network import Network
from node.draft import Draft, draft_plan
from node.learning.trainer import Agreed, Trainer
from protocol.plan import Plan


@dataclass(frozen=True, slots=True)
class Joint:
    """A study that has run: each region's last vector, what it was trained by, the totals of the sums."""

    plan: Plan
    vectors: dict[str, NDArray[np.float32]]
    trainers: dict[str, Trainer]
    totals: list[NDArray[np.int64]]
    epsilon: dict[str, float]

    def figures(self, region: str, rows: Any) -> dict[str, float | None]:
        """Return the figures of a region's model on typed rows."""
        trainer = self.trainers[region]
        arrays = trainer.split.arrays(self.vectors[region], {})
        return trainer.task.evaluate(arrays, trainer.encoder(self.totals).encode(rows), trainer.settings)


class InProcess:
    """A ``gossip.memory.Worker`` that runs the trainer of each region's worker process."""

    def __init__(self, manifests: Mapping[str, Path], folder: Path, seed: int) -> None:
        self._manifests, self._folder, self._seed = manifests, folder, seed
        self.of: dict[str, Trainer] = {}
        self.epsilon: dict[str, float] = {}

    def open(self, region: str, plan: Plan) -> NDArray[np.float32]:
        """Open the study at a region. The secret of its noise follows from the seed, the noise from the study's id too.

        That id holds the hash of the code: figures repeat until the code of learning changes.
        """
        study, state = plan.study.hex(), self._folder / region / "state"
        (state / study).mkdir(parents=True)
        (state / study / "chance").write_bytes(hashlib.sha256(f"{self._seed} {region}".encode()).digest())
        self.of[region] = Trainer(
            agreed(plan), study=study, region=region, manifest=self._manifests[region], state=state,
            ledger=self._folder / region / "ledger",
        )  # fmt: skip
        return self.of[region].initial()

    def measure(
        self, region: str, plan: Plan, stage: str, totals: Sequence[NDArray[np.int64]]
    ) -> tuple[NDArray[np.int64], tuple[tuple[str, int], ...]]:
        """Return one stage's integers."""
        return self.of[region].measure(stage, list(totals)), tuple(self.of[region].columns(stage))

    def train(
        self, region: str, plan: Plan, round: int, vector: NDArray[np.float32], totals: Sequence[NDArray[np.int64]]
    ) -> tuple[NDArray[np.float32], TrainReport]:
        """Return one local round."""
        after, facts = self.of[region].train(round, vector, list(totals))
        if facts.dp is not None:
            self.epsilon[region] = int(facts.dp["eps_study_u"]) / 1e6
        return after, TrainReport(facts.steps, facts.norm, facts.loss, facts.dp)


def agreed(plan: Plan) -> Agreed:
    """Return what a plan says about learning."""
    return Agreed(
        plan.task["name"], plan.task["version"], plan.settings, plan.seed, plan.schema, plan.layout, plan.dim,
        dp=plan.dp, sums=plan.sums, regions=plan.n, rounds=plan.rounds, freeze=plan.freeze, init=plan.init,
        data_update=plan.data_update,
    )  # fmt: skip


def in_process(manifests: Mapping[str, Path], folder: Path, seed: int, **wish: Any) -> Joint:
    """Run a study among real peers, every message and mask, under a virtual clock."""
    names = tuple(sorted(manifests))
    worker = InProcess(manifests, folder, seed)
    net = Network(names, worker)
    roster = net.found()
    plan = draft_plan(
        Draft(
            roster=roster.hash, regions=names, manifest=manifests[names[0]], seed=seed, lab=True, round_timeout_s=10,
            **{"masking": "strict", **wish},
        )
    )  # fmt: skip
    plan.check()
    for name in names:
        net.peer(name).agreement._code_sha256 = plan.code_sha256s[0]
    net.agree(plan)
    assert net.run()
    study = net.peer(names[0]).current
    assert study is not None
    return Joint(plan, dict(net.models), worker.of, list(study.context.totals()), worker.epsilon)


def in_daemons(manifests: Mapping[str, Path], folder: Path, seed: int, **wish: Any) -> tuple[dict[str, Path], Any, str]:
    """Run a study among real node daemons on this machine; return each region's exported model, the nodes' homes' audit
    report, and the study's id."""
    from node.cli.data import bind
    from node.demo.faults import Faults
    from node.demo.following import follow
    from node.demo.network import agree, make_homes, start
    from node.demo.nodes import Node, stop_all
    from node.demo.outcome import audit, export_bundles
    from node.demo.progress import progress_for
    from node.models import export_model

    names = tuple(sorted(manifests))
    nodes: list[Node] = []
    try:
        nodes += make_homes(folder / "homes", names)
        data = ""
        for node in nodes:
            manifest = manifests[node.name]
            data = bind(node.home, manifest.with_suffix(".csv"), manifest)["name"]
        roster = start(nodes)
        plan = draft_plan(
            Draft(
                roster=roster, regions=names, manifest=manifests[names[0]], seed=seed, lab=True, round_timeout_s=120,
                **{"masking": "strict", **wish},
            )
        )  # fmt: skip
        plan.check()
        study = agree(nodes, nodes[0], plan, data)
        with progress_for(names, as_json=True) as progress:
            follow(nodes, study, plan, Faults([], {node.name: node for node in nodes}), progress)
        stop_all(nodes)
        models = {node.name: folder / "models" / f"{node.name}.safetensors" for node in nodes}
        for node in nodes:
            export_model(node.home, study, models[node.name])
        report = audit(export_bundles(nodes, folder / "bundles"), study)
    finally:
        stop_all(nodes)
    return models, report, study


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Return the median of several seeds' values, and the least and the largest."""
    return {"value": float(np.median(values)), "spread": [float(min(values)), float(max(values))]}


def as_json(value: Any) -> str:
    """Return a value for a note."""
    return json.dumps(value, sort_keys=True)
