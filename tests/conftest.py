"""What several folders of tests share.

Properties draw the same examples every time (``--hypothesis-profile search`` draws new ones): whether a change lands
does not depend on the day's luck. Nor does it depend on the machine's speed: no example has a time limit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from numpy.typing import NDArray

from gossip.events import TrainReport
from node.learning.trainer import Agreed, Trainer
from protocol.plan import Plan
from tests.waiting import Waiting

settings.register_profile("suite", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("search", settings.get_profile("suite"), derandomize=False, print_blob=True)
settings.load_profile("suite")


def pytest_configure(config: pytest.Config) -> None:
    """Name what takes long; of pytest's processes the one that hears of all tests does it."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Waiting(config))


# Files that take minutes, so that none of them is begun when everything else is over (--no-loadscope-reorder).
LONG = ("test_readme.py", "test_audit_attacks.py", "test_demo.py", "test_kill_states.py", "test_cli_daemon.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with whole demos, the longest first; who looks at the same demo comes when it has run."""

    def place(item: pytest.Item) -> int:
        if item.path.parent.name != "conformance":
            return len(LONG) + 1
        return LONG.index(item.path.name) if item.path.name in LONG else len(LONG)

    items.sort(key=place)


class Trainers:
    """A ``gossip.memory.Worker`` that asks the trainer which a region's worker process runs."""

    def __init__(self, manifests: Mapping[str, Path], state: Path | None = None) -> None:
        self._manifests = manifests
        self._state = state
        self.of: dict[str, Trainer] = {}

    def open(self, region: str, plan: Plan) -> NDArray[np.float32]:
        agreed = Agreed(
            plan.task["name"], plan.task["version"], plan.settings, plan.seed, plan.schema, plan.layout, plan.dim
        )
        state = self._state / region if self._state is not None else None
        self.of[region] = Trainer(
            agreed, study=plan.study.hex(), region=region, manifest=self._manifests[region], state=state
        )
        return self.of[region].initial()

    def measure(
        self, region: str, plan: Plan, stage: str, totals: Sequence[NDArray[np.int64]]
    ) -> tuple[NDArray[np.int64], tuple[tuple[str, int], ...]]:
        trainer = self.of[region]
        return trainer.measure(stage, list(totals)), tuple(trainer.columns(stage))

    def train(
        self, region: str, plan: Plan, round: int, vector: NDArray[np.float32], totals: Sequence[NDArray[np.int64]]
    ) -> tuple[NDArray[np.float32], TrainReport]:
        after, facts = self.of[region].train(round, vector, list(totals))
        return after, TrainReport(facts.steps, facts.norm, facts.loss, facts.dp)


@pytest.fixture(scope="session")
def make_trainers() -> Callable[..., Trainers]:
    """make_trainers(manifests, state=None): real tasks for peers under a virtual clock."""
    return Trainers
