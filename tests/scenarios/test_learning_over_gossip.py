"""The real tasks through real peers under a virtual clock: what the daemons do, in one process."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gossip.network import Network
from node.draft import Draft, draft_plan
from node.learning.demo_data import DemoData, write
from node.learning.trainer import Agreed, Trainer
from protocol.plan import Plan
from protocol.roster import Roster

NAMES = ("halland", "orebro", "skane", "vgr")
SEED = 1


Make = Callable[..., Any]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DemoData:
    return write(tmp_path_factory.mktemp("data"), "breast-cancer", NAMES, SEED)


def run(data: DemoData, make: Make, state: Path, **wish: Any) -> tuple[Network, Any, Plan]:
    trainers = make(dict(data.manifests), state)
    net = Network(NAMES, trainers)
    roster: Roster = net.found()
    draft = Draft(
        roster=roster.hash,
        regions=NAMES,
        manifest=data.manifests[NAMES[0]],
        seed=SEED,
        lab=True,
        round_timeout_s=10,
        **{"masking": "strict", **wish},
    )
    plan = draft_plan(draft)
    plan.check()
    for name in NAMES:
        net.peer(name).agreement._code_sha256 = plan.code_sha256s[0]
    net.agree(plan)
    assert net.run()
    return net, trainers, plan


def totals_of(net: Network) -> list[NDArray[np.int64]]:
    study = net.peer(NAMES[0]).current
    assert study is not None
    return list(study.context.totals())


def test_a_gan_trains_through_the_same_masked_rounds_and_its_discriminator_stays(
    data: DemoData, make_trainers: Make, tmp_path: Path
) -> None:
    net, trainers, plan = run(
        data, make_trainers, tmp_path, task="tabgan", rounds=3, settings={"hidden": 16, "noise": 8}
    )
    last = net.models["vgr"]
    assert last.tobytes() != trainers.of["vgr"].initial().tobytes()
    # What travels is the generator and its mean, and everybody has the same one up to float32 rounding.
    layout = trainers.of["vgr"].layout
    assert {name.split(".")[0] for name in layout.names} == {"G", "ema"}
    assert plan.dim == layout.dim
    for name in NAMES:
        np.testing.assert_allclose(net.models[name], last, atol=1e-5)
    # Each region kept a discriminator of its own.
    private = {n: b"".join(p.read_bytes() for p in sorted((tmp_path / n).rglob("*")) if p.is_file()) for n in NAMES}
    assert len({hashlib.sha256(v).digest() for v in private.values() if v}) == len(NAMES)


def test_masked_and_clear_classifiers_are_the_same_bytes(data: DemoData, make_trainers: Make, tmp_path: Path) -> None:
    masked, _, _ = run(data, make_trainers, tmp_path / "masked", rounds=5)
    clear, _, _ = run(data, make_trainers, tmp_path / "clear", rounds=5, masking="off")
    for name in NAMES:
        assert masked.models[name].tobytes() == clear.models[name].tobytes()


def test_sums_over_masks_are_those_of_the_pooled_rows(data: DemoData, make_trainers: Make, tmp_path: Path) -> None:
    net, _, plan = run(data, make_trainers, tmp_path, rounds=1)
    pooled = Trainer(
        Agreed(plan.task["name"], plan.task["version"], plan.settings, plan.seed, plan.schema, plan.layout, plan.dim),
        study=plan.study.hex(),
        region="pooled",
        manifest=data.pooled,
    )
    opened: list[NDArray[np.int64]] = []
    for stage, total in zip(plan.sums, totals_of(net), strict=True):
        np.testing.assert_array_equal(total, pooled.measure(stage, opened))
        opened.append(total)
