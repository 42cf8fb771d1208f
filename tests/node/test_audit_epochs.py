"""Logs that were begun anew, as the audit sees them: a gap that stays visible, and nothing that it could hide."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from crypto.keys import PrivateKeys
from crypto.merkle import Tree, leaf_hash
from crypto.note import Checkpoint, checkpoint_body, parse_note, sign_note
from gossip.network import Network
from node.audit import Report, verify
from node.audit.bundle import write_bundle
from node.audit.inputs import inputs_of
from node.audit.page import page
from node.audit.recheck import check_finding
from protocol.entries import decode_entry, encode_entry
from protocol.epochs import Previous
from protocol.keys import Revocation
from protocol.log import Log
from tests.gossip.conftest import Quadratic, quadratic_plan
from tests.node import court

MIRRORED = {"quorum": None, "max_lag_rounds": 3, "mirror": True}
A = "region-a"


@dataclass
class Copy:
    """A log as a bundle takes it: origin, checkpoint, (leaf or None, hash)."""

    origin: str
    note: bytes
    records: list[tuple[bytes | None, bytes]]


@dataclass
class Run:
    """Four regions whose study is over; region-a began its log anew in the middle of it.

    Attributes:
        logs: By region and epoch, the leaves.
        lost: What region-a had written of its first log when it lost the end.
    """

    net: Network
    study: bytes
    lost: list[bytes]
    logs: dict[str, dict[int, list[bytes]]] = field(default_factory=dict)

    @property
    def roster(self) -> bytes:
        roster = self.net.peer(A).membership.in_force
        assert roster is not None
        return roster.encode()

    def keys(self, name: str) -> PrivateKeys:
        return self.net.regions[name].keys

    def note(self, origin: str, leaves: Sequence[bytes]) -> bytes:
        tree = Tree(leaf_hash(leaf) for leaf in leaves)
        point = Checkpoint(origin, tree.size, tree.root())
        return sign_note(checkpoint_body(point), origin, self.keys(origin.split("/")[1]).log)

    def copy(self, name: str, epoch: int, leaves: Sequence[bytes]) -> Copy:
        origin = f"simulated.example/{name}/{epoch}"
        return Copy(origin, self.note(origin, leaves), [(leaf, leaf_hash(leaf)) for leaf in leaves])

    def exported(self, name: str, epoch: int) -> list[bytes]:
        """The leaves with the hand-over behind them, as the owner of the log appends it."""
        leaves, keys = self.logs[name][epoch], self.keys(name)
        log = Log(
            network="simulated.example", region=name, sign_key=keys.sign, log_key=keys.log, leaves=leaves, epoch=epoch
        )
        body: dict[str, Any] = {"requester_ref": None, "study": None, "payloads": "kept", "mirrors": False}
        log.add("audit.export", body, study=None, now_ms=self.net.now_ms)
        return [*leaves, log.pending_leaves[-1].leaf]

    def bundles(
        self, folder: Path, *, past: Sequence[Copy] | None = None, newest: Sequence[bytes] | None = None, epoch: int = 0
    ) -> list[Path]:
        """One bundle a region; those of region-a's logs may be others than it has."""
        out = []
        for name in self.net.names:
            last = epoch if name == A and epoch else max(self.logs[name])
            leaves = newest if name == A and newest is not None else self.exported(name, last)
            before = [self.copy(name, e, found) for e, found in sorted(self.logs[name].items()) if e < last]
            store = self.net.regions[name].store
            mirrors = [
                Copy(o, store.heads[o].proof, [rows[n] for n in range(store.heads[o].size)])
                for o, rows in sorted(store.mirrors.items()) if store.heads[o].size <= len(rows)
            ]  # fmt: skip
            path = folder / f"{name}.bundle"
            origin = f"simulated.example/{name}/{last}"
            write_bundle(
                path, origin=origin, note_key=self.keys(name).log, leaves=leaves, checkpoint=self.note(origin, leaves),
                payload=store.kept.get, mirrors=mirrors,
                earlier=past if name == A and past is not None else before,
            )  # fmt: skip
            out.append(path)
        return out

    def audit(self, bundles: list[Path], **options: Any) -> Report:
        return verify(bundles, study=self.study, **options)


@pytest.fixture(scope="module")
def run() -> Run:
    worker = Quadratic([f"region-{c}" for c in "abcd"])
    net = Network(worker.names, worker)
    plan = quadratic_plan(net.found(), worker, rounds=12, round_min_s=2, witness=MIRRORED, masking={"mode": "strict"})
    net.agree(plan)
    assert net.run(lambda: (s := net.peer(A).current) is not None and s.round >= 5, limit_ms=120_000)
    store = net.regions[A].store
    net.kill(A)
    lost = list(store.leaves)
    del store.leaves[len(lost) * 7 // 10 :]
    net.start(A)
    net.run(lambda: False, limit_ms=4_000)
    waking = net.peer(A).waking
    found, larger = waking.partial(), waking.larger
    assert larger is not None
    assert found is not None
    net.kill(A)
    recovered = [leaf for leaf, _ in found[0] if leaf is not None]
    net.begin_anew(A, Previous(larger.origin, larger.size, larger.root, "lost"), recovered)
    net.start(A)
    assert net.run(limit_ms=600_000)
    net.run(lambda: False, limit_ms=8_000)
    made = Run(net, plan.study, lost)
    made.logs = {name: {1: list(net.regions[name].store.leaves)} for name in net.names}
    made.logs[A] = {1: list(store.past), 2: list(store.leaves)}
    return made


def told(report: Report) -> set[tuple[str, str | None]]:
    """Code and subject of what is more than information."""
    return {(f.code, f.subject) for f in report.findings if f.severity.name != "INFO"}


def rechecked(run: Run, report: Report, code: str) -> str:
    """What the finding's evidence shows without a bundle."""
    import json

    one = next(f for f in report.to_json()["findings"] if f["code"] == code)
    answer = check_finding(json.dumps(one).encode(), run.roster)
    assert answer.confirmed, answer.words
    return answer.words


@pytest.mark.attack("L14")
@pytest.mark.attack("L39")
def test_the_gap_is_all_there_is_to_say(run: Run, tmp_path: Path) -> None:
    bundles = run.bundles(tmp_path)
    report = run.audit(bundles)
    assert told(report) == {("LS-EPOCH-GAP", A)}, [(f.code, f.subject, f.values) for f in report.findings]
    assert report.exit_code == 1
    gap = next(f for f in report.findings if f.code == "LS-EPOCH-GAP")
    assert "simulated.example/region-a/1" in str(gap.values["detail"])
    assert "simulated.example/region-a/2" in rechecked(run, report, "LS-EPOCH-GAP")
    court.agrees(report, bundles, run.study)
    text = page(report, inputs_of(bundles), None)
    assert "LS-EPOCH-GAP" in text
    course = next(one for one in report.courses if one.region == A)
    assert [mark.round for mark in course.marks] == list(range(12))


def test_without_the_earlier_log_the_rest_is_still_audited(run: Run, tmp_path: Path) -> None:
    report = run.audit(run.bundles(tmp_path, past=[]))
    assert told(report) == {("LS-EPOCH-GAP", A)}, [(f.code, f.subject, f.values) for f in report.findings]


@pytest.mark.attack("L02")
def test_a_new_log_hides_no_change_of_the_old_one(run: Run, tmp_path: Path) -> None:
    """An entry of the log that is over, changed and signed again: the neighbours' copies show it as ever."""
    leaves = list(run.logs[A][1])
    seq = next(n for n, leaf in enumerate(leaves) if decode_entry(leaf).kind == "round.end")
    entry = decode_entry(leaves[seq])
    leaves[seq] = encode_entry(replace(entry, body={**entry.body, "outcome": "kept", "reason": "training"}))
    bundles = run.bundles(tmp_path, past=[run.copy(A, 1, leaves)])
    report = run.audit(bundles)
    assert ("LS-FORK", A) in told(report)
    assert {subject for _, subject in told(report)} == {A}
    assert report.exit_code == 3
    rechecked(run, report, "LS-FORK")


@pytest.mark.attack("L05")
def test_handing_over_the_earlier_log_alone_hides_nothing(run: Run, tmp_path: Path) -> None:
    """A region that keeps its newest log back hands over too little: others hold what it said there."""
    old = run.exported(A, 1)
    bundles = run.bundles(tmp_path, past=[], newest=old, epoch=1)
    report = run.audit(bundles)
    assert ("LS-TRUNCATED", A) in told(report)
    assert {subject for _, subject in told(report)} == {A}
    assert "region-a/2" in rechecked(run, report, "LS-TRUNCATED")


@pytest.mark.attack("L14")
def test_a_new_log_after_another_history_is_a_fork(run: Run, tmp_path: Path) -> None:
    keys = run.keys(A)
    first = decode_entry(run.logs[A][2][0])
    body: dict[str, Any] = {**first.body, "prev": {**first.body["prev"], "size": 20, "root": bytes(32)}}  # type: ignore[dict-item]
    log = Log(network="simulated.example", region=A, sign_key=keys.sign, log_key=keys.log, epoch=2)
    log.add("log.genesis", body, study=None, now_ms=first.t_ms)
    log.add(
        "audit.export",
        {"requester_ref": None, "study": None, "payloads": "kept", "mirrors": False},
        study=None,
        now_ms=first.t_ms,
    )
    bundles = run.bundles(tmp_path, newest=[one.leaf for one in log.pending_leaves])
    report = run.audit(bundles)
    assert ("LS-FORK", A) in told(report)
    assert {subject for _, subject in told(report)} == {A}
    assert report.exit_code == 3
    words = {rechecked(run, report, "LS-FORK")}
    assert words
    court.agrees(report, bundles, run.study)


def test_a_round_under_both_epochs_is_told(run: Run, tmp_path: Path) -> None:
    """An earlier log that was not lost after all, and went on beside the new one."""
    keys = run.keys(A)
    mix = next(e for leaf in run.logs[A][2] if (e := decode_entry(leaf)).kind == "round.mix")
    log = Log(network="simulated.example", region=A, sign_key=keys.sign, log_key=keys.log, leaves=run.lost)
    log.add("round.mix", mix.body, study=run.study, now_ms=mix.t_ms)
    report = run.audit(run.bundles(tmp_path, past=[run.copy(A, 1, [*run.lost, log.pending_leaves[0].leaf])]))
    assert ("LS-ROUND-DUP", A) in told(report)
    assert {subject for _, subject in told(report)} == {A}
    rechecked(run, report, "LS-ROUND-DUP")


def test_a_disk_that_is_found_again_accuses_nobody(run: Run, tmp_path: Path) -> None:
    """What was lost is handed over after all: it is what the others hold."""
    report = run.audit(run.bundles(tmp_path, past=[run.copy(A, 1, run.lost)]))
    assert told(report) == {("LS-EPOCH-GAP", A)}


@pytest.mark.parametrize(
    "change",
    [
        lambda prev: None,
        lambda prev: {**prev, "origin": "simulated.example/region-b/1"},
        lambda prev: {**prev, "origin": "simulated.example/region-a/2"},
    ],
    ids=["none", "anothers", "itself"],
)
def test_a_later_epoch_names_an_earlier_one_of_its_own(
    run: Run, tmp_path: Path, change: Callable[[dict[str, Any]], dict[str, Any] | None]
) -> None:
    keys, first = run.keys(A), decode_entry(run.logs[A][2][0])
    body: dict[str, Any] = {**first.body, "prev": change(dict(first.body["prev"]))}  # type: ignore[arg-type]
    log = Log(network="simulated.example", region=A, sign_key=keys.sign, log_key=keys.log, epoch=2)
    log.add("log.genesis", body, study=None, now_ms=first.t_ms)
    log.add(
        "audit.export",
        {"requester_ref": None, "study": None, "payloads": "kept", "mirrors": False},
        study=None,
        now_ms=first.t_ms,
    )
    report = run.audit(run.bundles(tmp_path, newest=[one.leaf for one in log.pending_leaves]))
    assert ("LS-ENTRY-SEQ", A) in told(report)
    rechecked(run, report, "LS-ENTRY-SEQ")
    assert {subject for _, subject in told(report)} == {A}


def test_a_round_that_is_not_looked_at_misses_nothing(run: Run, tmp_path: Path) -> None:
    """With ``--as-of`` an early hand-over is whole, although others hold later checkpoints and messages of it."""
    name = "region-b"
    leaves = run.logs[name][1]
    ends = [
        seq for seq, leaf in enumerate(leaves) if (e := decode_entry(leaf)).kind == "round.end" and e.body["round"] == 3
    ]
    early = leaves[: ends[0] + 1]
    mine = run.logs[name]
    run.logs[name] = {1: early}
    try:
        bundles = run.bundles(tmp_path)
        assert ("LS-TRUNCATED", name) in told(run.audit(bundles))
        assert ("LS-TRUNCATED", name) not in told(run.audit(bundles, as_of=2))
    finally:
        run.logs[name] = mine
    assert parse_note(run.note(f"simulated.example/{name}/1", early)).signatures


def test_a_key_set_revoked_in_the_old_log_counts_for_nothing_in_the_new_one(run: Run, tmp_path: Path) -> None:
    """Places of a later epoch are later, whatever their number."""
    name, old = "region-b", run.logs[A][1]
    tree = Tree(leaf_hash(leaf) for leaf in old)
    said = Revocation(A, 1, tree.size, tree.root(), "stolen").by_identity(run.keys(A).identity)
    mine, keys = run.logs[name], run.keys(name)
    log = Log(network="simulated.example", region=name, sign_key=keys.sign, log_key=keys.log, leaves=mine[1])
    log.add("key.revoke", said, study=None, now_ms=run.net.now_ms)
    run.logs[name] = {1: [*mine[1], log.pending_leaves[0].leaf]}
    try:
        report = run.audit(run.bundles(tmp_path))
    finally:
        run.logs[name] = mine
    assert ("LS-KEY-REVOKED", A) in told(report)
    found = next(f for f in report.findings if f.code == "LS-KEY-REVOKED")
    assert found.seq is not None
    assert found.seq < tree.size  # by its number alone it would be an earlier place
    rechecked(run, report, "LS-KEY-REVOKED")
