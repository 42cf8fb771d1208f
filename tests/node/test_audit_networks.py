"""Logs that real peers wrote: honest networks are clean through sums, crashes, cut lines and returns."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from crypto.merkle import Tree, leaf_hash
from crypto.note import Checkpoint, checkpoint_body, sign_note
from gossip.events import TrainReport
from gossip.network import Network
from node.audit import Severity, read_bundle, verify, write_bundle
from node.audit.reading import Register
from protocol.codec import MAX_PLAN, decode
from protocol.plan import Plan
from tests.node.audit_network import edited, records, rewrite

NAMES = ("gotland", "halland", "kalmar", "vgr")


class Still:
    """A task of twelve parameters that moves a little each round."""

    def open(self, region: str, plan: Plan) -> NDArray[np.float32]:
        return np.zeros(plan.dim, np.float32)

    def measure(
        self, region: str, plan: Plan, stage: str, totals: Sequence[NDArray[np.int64]]
    ) -> tuple[NDArray[np.int64], tuple[tuple[str, int], ...]]:
        return np.array([len(region)], dtype=np.int64), (("rows", 1),)

    def train(
        self, region: str, plan: Plan, round: int, vector: NDArray[np.float32], totals: Sequence[NDArray[np.int64]]
    ) -> tuple[NDArray[np.float32], TrainReport]:
        after = vector + np.float32(len(region))
        return after, TrainReport(steps=1, norm=float(np.linalg.norm(after - vector)))


def agreed(
    rounds: int = 6, *, names: Sequence[str] = NAMES, topology: str = "complete", **changes: object
) -> tuple[Network, Plan]:
    """A network in which everybody has accepted one study."""
    network = Network(names, Still())
    roster = network.found()
    values: dict[str, object] = {
        "lab": True,
        "roster": roster.hash,
        "regions": list(roster.names),
        "task": {"name": "still", "version": "1"},
        "schema": bytes(32),
        "layout": bytes(32),
        "dim": 12,
        "init": hashlib.sha256(np.zeros(12, "<f4").tobytes()).digest(),
        "code_sha256s": [bytes(32)],
        "sums": ["count"],
        "rounds": rounds,
        "round_timeout_s": 10,
        "topology": topology,
        "masking": {"mode": "strict"},
        **changes,
    }
    plan = Plan.make(**values)
    network.agree(plan)
    return network, plan


def export(network: Network, name: str, folder: Path) -> Path:
    """Let a running region hand over its log."""
    network.ask(name, "export", study=None, payloads="kept", requester=None)
    return written(network, name, folder)


def written(network: Network, name: str, folder: Path) -> Path:
    region, log = network.regions[name], network.peer(name).log
    out = folder / f"{name}.bundle"
    note = sign_note(checkpoint_body(Checkpoint(log.origin, log.size, log.root)), log.origin, region.keys.log)
    store = region.store
    write_bundle(
        out, origin=log.origin, note_key=region.keys.log, leaves=store.leaves, checkpoint=note, payload=store.kept.get
    )
    return out


def export_all(network: Network, folder: Path) -> list[Path]:
    return [export(network, name, folder) for name in network.names if network.regions[name].peer is not None]


def answered(network: Network, name: str) -> bool:
    """Whether a region that started knows by now that its log is the newest."""
    peer = network.regions[name].peer
    return peer is not None and not peer.waking.is_asking


def test_four_regions_that_trained_together_are_clean(tmp_path: Path) -> None:
    network, plan = agreed()
    assert network.run()
    report = verify(export_all(network, tmp_path), study=plan.study)
    assert (report.verdict, list(report.findings)) == ("clean", [])
    assert all(row.held == row.matched > 20 for row in report.coverage)


@pytest.mark.parametrize("wait_ms", [60, 150, 500, 2500, 9000])
def test_a_region_killed_at_any_moment_and_back_again_leaves_clean_logs(tmp_path: Path, wait_ms: int) -> None:
    network, plan = agreed(8, round_min_s=1)
    network.run(lambda: False, limit_ms=wait_ms)
    network.kill("vgr")
    network.run(lambda: False, limit_ms=4000)
    network.start("vgr")
    assert network.run(lambda: answered(network, "vgr"), limit_ms=60_000)
    network.run(limit_ms=600_000)
    report = verify(export_all(network, tmp_path), study=plan.study)
    assert [(f.code, f.subject) for f in report.findings if f.severity is not Severity.INFO] == []
    assert report.verdict == "clean"


WAYS: dict[str, dict[str, Any]] = {
    "recoverable": {"masking": {"mode": "auto"}},
    "network": {"masking": {"mode": "auto"}, "aggregation": "network"},
    "metropolis": {"masking": {"mode": "auto"}, "weights": "metropolis"},
    "differences": {"exchange": "diff", "ring": 16, "step_log2": [[0, "", 14]]},
}


@pytest.mark.attack("L39")
@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_aggregate_is_clean_with_a_region_lost_and_back(tmp_path: Path, way: str) -> None:
    network, plan = agreed(4, names=(*NAMES, "skane"), round_min_s=1, **WAYS[way])
    network.run(lambda: ("vgr", 2) in network.adopted, limit_ms=600_000)
    network.kill("vgr")
    network.run(lambda: False, limit_ms=2000)
    network.start("vgr")
    network.run(limit_ms=600_000)
    report = verify(export_all(network, tmp_path), study=plan.study)
    assert [(f.code, f.subject) for f in report.findings if f.severity is not Severity.INFO] == []
    assert report.verdict == "clean"


@pytest.mark.attack("L39")
@pytest.mark.parametrize("mode", ["auto", "recoverable"])
def test_sums_of_buckets_are_clean_with_a_region_lost_and_back(tmp_path: Path, mode: str) -> None:
    names = (*NAMES, "skane", *(f"region-{i}" for i in range(7)))
    network, plan = agreed(
        3, names=names, round_min_s=1, sums=[], robustness="buckets", masking={"mode": mode},
        witness={"quorum": 0, "mirror": False},
    )  # fmt: skip
    network.run(lambda: ("vgr", 0) in network.adopted, limit_ms=600_000)
    network.kill("vgr")
    network.run(lambda: False, limit_ms=2000)
    network.start("vgr")
    network.run(limit_ms=600_000)
    report = verify(export_all(network, tmp_path), study=plan.study)
    assert [(f.code, f.subject) for f in report.findings if f.severity is not Severity.INFO] == []
    assert report.verdict == "clean"


@pytest.mark.attack("L37")
def test_the_bundles_of_all_together_hold_nothing_to_unmask_a_lost_value_with(tmp_path: Path) -> None:
    network, _ = agreed(4, names=(*NAMES, "skane"), round_min_s=1, masking={"mode": "auto"})
    network.run(lambda: ("vgr", 2) in network.adopted, limit_ms=600_000)
    network.run(lambda: False, limit_ms=1100)
    network.kill("vgr")
    network.run(lambda: False, limit_ms=9000)
    network.start("vgr")
    network.run(limit_ms=600_000)
    bundles = export_all(network, tmp_path)
    register = Register()
    payloads = {sha for path in bundles for sha in read_bundle(path, register).payloads}
    values = [s for s in register.statements.all if s.type == "MASKED"]
    assert len(values) > 50
    assert not payloads & {statement.sha256 for statement in values}


def test_a_region_that_never_comes_back_is_audited_through_the_others(tmp_path: Path) -> None:
    network, plan = agreed(5, round_min_s=1)
    network.run(lambda: ("vgr", 2) in network.adopted, limit_ms=600_000)
    network.kill("vgr")
    network.run(limit_ms=600_000)
    report = verify(export_all(network, tmp_path), study=plan.study)
    assert (report.verdict, [f.code for f in report.findings]) == ("clean", ["LS-LOG-ABSENT"])
    assert report.sentence.endswith("No log of vgr was handed over. A laboratory study.")


def test_several_processes_say_what_one_says_of_what_neighbours_signed(tmp_path: Path) -> None:
    network, plan = agreed(3)
    assert network.run()
    bundles = export_all(network, tmp_path)
    assert any(b"round.heads" in leaf for leaf in network.regions["vgr"].store.leaves)
    assert verify(bundles, study=plan.study, jobs=2).to_json() == verify(bundles, study=plan.study).to_json()


def test_entries_are_written_again_as_they_were(tmp_path: Path) -> None:
    network, _ = agreed(2, masking={"mode": "recoverable"})
    assert network.run()
    read = read_bundle(export(network, "vgr", tmp_path)).logs["vgr", 1]
    assert read.leaves == network.regions["vgr"].store.leaves


def test_cut_lines_and_a_ring_leave_clean_logs(tmp_path: Path) -> None:
    ring = [[[0, 1], [0, 3], [1, 2], [2, 3]]]
    network, plan = agreed(6, topology="ring", graphs=ring, round_min_s=1)
    network.run(lambda: ("vgr", 2) in network.adopted, limit_ms=600_000)
    network.cut("gotland", "halland")
    network.run(lambda: False, limit_ms=30_000)
    network.heal("gotland", "halland")
    network.run(limit_ms=600_000)
    report = verify(export_all(network, tmp_path), study=plan.study)
    assert (report.verdict, list(report.findings)) == ("clean", [])


def test_two_studies_in_one_network_are_both_listed_and_either_can_be_confirmed(tmp_path: Path) -> None:
    network, first = agreed(2)
    assert network.run()
    network.ended.clear()
    second = Plan.make(**_values(first) | {"seed": 7})
    network.agree(second)
    network.run(limit_ms=600_000)
    bundles = export_all(network, tmp_path)
    report = verify(bundles)
    assert (report.verdict, {row.study for row in report.studies}) == ("clean", {first.study, second.study})
    assert f"{first.study.hex()[:8]}…" in report.sentence
    assert f"{second.study.hex()[:8]}…" in report.sentence
    for plan in (first, second):
        assert verify(bundles, study=plan.study).sentence.startswith("Clean: 4 logs")


def _values(plan: Plan) -> dict[str, object]:
    value = decode(plan.encode(), max_bytes=MAX_PLAN, wide_text=True)
    assert isinstance(value, dict)
    return dict(value)


def test_an_early_export_is_truncated_and_no_more(tmp_path: Path) -> None:
    network, plan = agreed(6, round_min_s=1)
    network.run(lambda: ("vgr", 2) in network.adopted, limit_ms=600_000)
    early = tmp_path / "early"
    early.mkdir()
    first = export(network, "vgr", early)
    assert network.run()
    bundles = [export(network, name, tmp_path) for name in network.names if name != "vgr"]
    report = verify([*bundles, first], study=plan.study)
    assert [(f.code, f.subject) for f in report.findings] == [("LS-TRUNCATED", "vgr")]
    assert report.exit_code == 2


@pytest.mark.attack("L02")
@pytest.mark.parametrize("share", [0.3, 0.6, 0.85])
def test_a_real_log_changed_and_signed_again_is_a_fork(tmp_path: Path, share: float) -> None:
    network, plan = agreed(3)
    assert network.run()
    bundles = export_all(network, tmp_path)
    vgr = network.regions["vgr"]
    at = int(len(vgr.store.leaves) * share)
    leaves = list(vgr.store.leaves)
    while edited(leaves[at], t_ms=0) == leaves[at]:
        at += 1
    leaves[at] = edited(leaves[at], t_ms=network.now_ms)

    def change(files: dict[str, bytes]) -> None:
        tree = Tree(leaf_hash(leaf) for leaf in leaves)
        origin = network.peer("vgr").log.origin
        body = checkpoint_body(Checkpoint(origin, tree.size, tree.root()))
        files["logs/vgr.1/leaves.bin"] = records(leaves)
        files["logs/vgr.1/checkpoint.note"] = sign_note(body, origin, vgr.keys.log)

    rewrite(bundles[-1], change)
    report = verify(bundles, study=plan.study)
    assert ("LS-FORK", "vgr") in {(f.code, f.subject) for f in report.findings}
    assert {f.subject for f in report.findings if f.severity is not Severity.INFO} <= {"vgr", None}
    assert report.exit_code == 3
