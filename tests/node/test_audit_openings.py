"""Sums and rounds computed again from what regions kept: honest ones give themselves, each lie is told as one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crypto.hashing import tagged_hash
from crypto.note import Checkpoint, checkpoint_body, sign_note
from gossip.effects import Send
from gossip.exchange.values import Full
from gossip.network import Network
from gossip.sessions.session import Statement
from gossip.studies.round import TrainingRound
from gossip.tree import node as tree_node
from gossip.tree.node import TreeNode
from gossip.tree.receiver import TreeMachine
from gossip.tree.shape import added, partial_body
from node.audit import Report, Severity, check_finding, read_bundle, verify, write_bundle
from node.audit.bundle import UnmaskableError
from node.store.vault_export import Outline, warnings
from protocol.entries import decode_entry
from protocol.envelope import encode_carried, parse
from protocol.plan import Plan
from tests.node.audit_network import Small, rewrite
from tests.node.test_audit_networks import NAMES, agreed

ALL = {"sample_bp": 10_000}


class Signer:
    """A region that signs its bundle's manifest anew."""

    def __init__(self, network: Network, name: str) -> None:
        self.name, self.keys, self.origin = name, network.regions[name].keys, network.peer(name).log.origin


Chosen = Callable[[int, int, str], bool]


def handed(
    network: Network,
    name: str,
    folder: Path,
    *,
    kinds: Chosen = lambda _round, _seq, _name: True,
    payloads: bool = True,
) -> Path:
    """A region's bundle with all that it kept."""
    network.ask(name, "export", study=None, payloads="all", requester=None)
    region, log, store = network.regions[name], network.peer(name).log, network.regions[name].store
    out = folder / f"{name}.bundle"
    bulk = {sha: data for (_, sha), data in store.bulk.items()} if payloads else {}
    write_bundle(
        out, origin=log.origin, note_key=region.keys.log, leaves=store.leaves, payloads="all",
        checkpoint=sign_note(checkpoint_body(Checkpoint(log.origin, log.size, log.root)), log.origin, region.keys.log),
        payload=lambda sha: store.kept.get(sha) or bulk.get(sha),
        openings={place[1:]: data for place, data in store.openings.items() if kinds(*place)},
    )  # fmt: skip
    return out


def handed_all(network: Network, folder: Path, **options: Any) -> list[Path]:
    return [handed(network, name, folder, **options) for name in network.names]


def masks(_round: int, _seq: int, name: str) -> bool:
    return name.startswith("opened.")


def model_note(report: Report) -> str:
    return next(question.note for question in report.questions if "model" in question.question)


def above_info(report: Report) -> list[tuple[str, str | None]]:
    return [(f.code, f.subject) for f in report.findings if f.severity is not Severity.INFO]


SUMS: dict[str, dict[str, Any]] = {
    "strict": {"masking": {"mode": "strict"}},
    "recoverable": {"masking": {"mode": "recoverable"}},
    "chacha20": {"masking": {"mode": "recoverable"}, "prg": "chacha20"},
    "metropolis": {"masking": {"mode": "recoverable"}, "weights": "metropolis"},
    "sixteen bits": {"ring": 16, "step_log2": [[0, "", 9]]},
    "differences": {"exchange": "diff", "ring": 16, "step_log2": [[0, "", 14]]},
}


@pytest.mark.parametrize("way", SUMS)
def test_every_sum_is_computed_again_from_payloads_and_opened_masks(tmp_path: Path, way: str) -> None:
    network, plan = agreed(2, retention={"payload_rounds": 9}, **SUMS[way])
    assert network.run()
    report = verify(handed_all(network, tmp_path, kinds=masks), study=plan.study, require=["replay"])
    assert list(report.findings) == []
    assert model_note(report).startswith("computed again: 8 of 8 sums")


def test_masked_values_of_a_round_that_is_not_over_stay_at_home(tmp_path: Path) -> None:
    network, plan = agreed(2, masking={"mode": "recoverable"}, retention={"payload_rounds": 9})
    name = network.names[0]
    bulk = network.regions[name].store.bulk
    assert network.run(lambda: len(bulk) >= 1)  # a neighbour's value is here, others are on their way

    middle = read_bundle(handed(network, name, tmp_path))
    assert set(middle.payloads).isdisjoint(sha for _, sha in bulk)
    early, late = Outline(), Outline()
    for leaf in network.regions[name].store.leaves:
        early.take(decode_entry(leaf))
    assert early.open_rounds(plan.study) == [plan.first_round]
    assert any("is not over" in line for line in warnings([plan], early, None, {}))

    assert network.run()
    assert {sha for _, sha in bulk} <= set(read_bundle(handed(network, name, tmp_path)).payloads)
    for leaf in network.regions[name].store.leaves:
        late.take(decode_entry(leaf))
    assert late.open_rounds(plan.study) == []


MIXES: dict[str, dict[str, Any]] = {
    "strict": {},
    "recoverable": {"masking": {"mode": "recoverable"}},
    "metropolis": {"weights": "metropolis"},
    "clipped": {"clip": "1.5"},
    "network, strict": {"aggregation": "network", "names": NAMES[:3]},
    "network, recoverable": {
        "aggregation": "network",
        "masking": {"mode": "auto"},
        "names": (*NAMES, "skane", "uppsala"),
    },
}


@pytest.mark.parametrize("way", MIXES)
def test_every_opened_round_gives_the_model_that_the_log_names(tmp_path: Path, way: str) -> None:
    network, plan = agreed(2, retention=ALL, **MIXES[way])
    assert network.run()
    report = verify(handed_all(network, tmp_path), study=plan.study, require=["replay", "openings", "all-logs"])
    assert list(report.findings) == []
    assert report.exit_code == 0
    question = next(question for question in report.questions if "model" in question.question)
    assert question.answer == "PROVEN"


LOST: dict[str, dict[str, Any]] = {
    "recoverable": {"masking": {"mode": "auto"}},
    "network": {"masking": {"mode": "auto"}, "aggregation": "network"},
    "by patients": {"weighting": "patient"},
}


@pytest.mark.attack("L39")
@pytest.mark.parametrize("way", LOST)
def test_nobody_is_accused_where_a_region_was_lost_and_came_back(tmp_path: Path, way: str) -> None:
    network, plan = agreed(3, names=(*NAMES, "skane"), round_min_s=1, retention=ALL, **LOST[way])
    network.run(lambda: False, limit_ms=1500)
    network.kill("vgr")
    network.run(lambda: False, limit_ms=3000)
    network.start("vgr")
    assert network.run(limit_ms=900_000)
    report = verify(handed_all(network, tmp_path), study=plan.study, require=["replay"])
    assert list(report.findings) == []
    assert report.exit_code == 0


def test_a_network_that_opens_nothing_is_clean_and_short_of_what_was_asked(tmp_path: Path) -> None:
    network, plan = agreed(3, retention={"payload_rounds": 1, "sample_bp": 1})
    assert network.run()
    bundles = handed_all(network, tmp_path, kinds=masks)
    report = verify(bundles, study=plan.study, require=["openings"])
    assert above_info(report) == []
    assert report.exit_code == 4
    assert "0 of 4 drawn rounds were opened" in report.sentence  # each region's last round, that nobody has seen


def test_what_was_pruned_or_not_handed_over_is_told_and_blames_nobody(tmp_path: Path) -> None:
    network, plan = agreed(4, retention={"payload_rounds": 2})
    assert network.run()
    kept = verify(handed_all(network, tmp_path), study=plan.study)
    assert {(f.code, f.subject) for f in kept.findings} == {("LS-PAYLOAD-PRUNED", name) for name in network.names}
    assert {f.severity for f in kept.findings} == {Severity.INFO}
    pruned = next(f for f in kept.findings if f.subject == "vgr")
    assert pruned.to_json()["plain"].startswith("Not recomputed: 6 payloads of vgr were deleted under the plan (2 sums")  # type: ignore[union-attr]
    withheld = verify(handed_all(network, tmp_path, payloads=False), study=plan.study)
    codes = {f.code for f in withheld.findings}
    assert codes == {"LS-PAYLOAD-PRUNED", "LS-PAYLOAD-ABSENT"}
    assert withheld.verdict == "clean"


@pytest.fixture(scope="module")
def kept_open(tmp_path_factory: pytest.TempPathFactory) -> tuple[Network, Plan, list[Path]]:
    network, plan = agreed(2, retention=ALL)
    assert network.run()
    return network, plan, handed_all(network, tmp_path_factory.mktemp("open"))


@pytest.fixture
def opened(kept_open: tuple[Network, Plan, list[Path]], tmp_path: Path) -> tuple[Network, Plan, list[Path]]:
    """A run whose bundles may be spoilt."""
    network, plan, bundles = kept_open
    return network, plan, [Path(shutil.copy(path, tmp_path)) for path in bundles]


def altered(files: dict[str, bytes], name: str) -> None:
    path = next(path for path in sorted(files) if path.endswith(f"-{name}.bin"))
    files[path] = files[path][:-1] + bytes([files[path][-1] ^ 1])


@pytest.mark.parametrize("name", ["delta", "own", "base", "init"])
def test_what_does_not_open_its_commitment_accuses_who_signed_the_file(
    opened: tuple[Network, Plan, list[Path]], name: str
) -> None:
    network, plan, bundles = opened
    rewrite(bundles[-1], lambda files: altered(files, name), signer=Signer(network, "vgr"))  # type: ignore[arg-type]
    report = verify(bundles, study=plan.study)
    assert above_info(report) == [("LS-OPENING", "vgr")]
    assert report.exit_code == 3


@pytest.mark.parametrize("name", ["delta", "own", "base", "init"])
def test_a_courier_that_alters_an_opening_makes_nobody_look_guilty(
    opened: tuple[Network, Plan, list[Path]], name: str
) -> None:
    _, plan, bundles = opened
    rewrite(bundles[-1], lambda files: altered(files, name))
    report = verify(bundles, study=plan.study)
    assert {subject for _, subject in above_info(report)} == {None}
    assert ("LS-OPENING", None) in above_info(report)


@pytest.mark.parametrize("data", [b"", bytes(31), bytes(32), bytes(33), b"\xff" * 80], ids=len)
def test_an_opening_of_no_form_at_all_is_a_wrong_one_and_no_traceback(
    opened: tuple[Network, Plan, list[Path]], data: bytes
) -> None:
    _, plan, bundles = opened

    def damaged(files: dict[str, bytes]) -> None:
        files.update({name: data for name in files if name.startswith("openings/")})

    rewrite(bundles[-1], damaged)
    report = verify(bundles, study=plan.study)
    assert set(above_info(report)) == {("LS-BUNDLE-SIG", None), ("LS-OPENING", None)}


@pytest.mark.attack("L33")
@pytest.mark.parametrize(
    "name",
    ["vgr.1/007-own.bin", "vgr.1/7-Own.bin", "vgr.1/7-a/b.bin", "vgr.0/7-own.bin", "vgr.1/7-own", "../7-own.bin"],
)
def test_an_opening_of_another_name_is_refused_with_its_bundle(
    opened: tuple[Network, Plan, list[Path]], name: str
) -> None:
    _, plan, bundles = opened
    rewrite(bundles[-1], lambda files: files.update({f"openings/{name}": bytes(64)}))
    report = verify(bundles, study=plan.study)
    assert [(f.code, f.source) for f in report.findings if f.severity is Severity.REFUSED] == [
        ("LS-BUNDLE-PATH", "vgr.bundle")
    ]


@pytest.mark.attack("L19")
def test_a_mix_by_other_weights_than_those_logged_is_another_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mix = Full.mix

    def lying(self: Full, step: Any, round: int, kind: str, value: Any, total: Any, senders: Any) -> Any:
        return mix(self, step, round, kind, value, total * (2 if self.me == "vgr" else 1), senders)

    network, plan = agreed(2, retention=ALL)
    monkeypatch.setattr(Full, "mix", lying)
    assert network.run()
    monkeypatch.undo()
    report = verify(handed_all(network, tmp_path), study=plan.study)
    assert above_info(report) == [("LS-RECOMPUTE-MIX", "vgr")]


@pytest.mark.attack("L19")
def test_a_mix_of_another_value_than_was_trained_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mixed = TrainingRound._mixed

    def lying(self: TrainingRound, *rest: Any) -> None:
        if self._context.me == "vgr" and self.value is not None:
            self.value = self.value + np.float32(1)
        mixed(self, *rest)

    network, plan = agreed(2, retention=ALL)
    monkeypatch.setattr(TrainingRound, "_mixed", lying)
    assert network.run()
    monkeypatch.undo()
    report = verify(handed_all(network, tmp_path), study=plan.study)
    assert ("LS-OPENING", "vgr") in above_info(report)
    assert {subject for _, subject in above_info(report)} <= {"vgr", None}


def test_an_update_of_another_length_than_its_bucket_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network, plan = agreed(2, retention=ALL)
    report_of = TrainingRound.report

    def lying(self: TrainingRound, step: Any, report: Any, vector: Any) -> None:
        short = replace(report, norm=report.norm / 8) if self._context.me == "vgr" else report
        report_of(self, step, short, vector)

    monkeypatch.setattr(TrainingRound, "report", lying)
    assert network.run()
    report = verify(handed_all(network, tmp_path), study=plan.study)
    assert above_info(report) == [("LS-OPENING", "vgr")]


def test_a_value_sent_that_was_never_committed_to_shows_and_names_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    integers = Full.integers

    def lying(self: Full, step: Any, round: int, receiver: str) -> Any:
        return integers(self, step, round, receiver) + (3 if self.me == "vgr" else 0)

    network, plan = agreed(2, retention=ALL)
    monkeypatch.setattr(Full, "integers", lying)
    assert network.run()
    monkeypatch.undo()
    report = verify(handed_all(network, tmp_path), study=plan.study)
    assert above_info(report) == [("LS-OPENING", None)]
    assert report.exit_code == 2


@pytest.mark.attack("L18")
def test_a_parent_that_adds_more_than_it_was_sent_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network, plan = agreed(5, names=(*NAMES, "skane", "uppsala"), aggregation="network", retention=ALL)
    progress = TreeNode.progress

    def lying(self: TreeNode, step: Any) -> None:
        more = added if self._context.me != "vgr" else lambda payloads, ring: added([*payloads, payloads[0]], ring)
        monkeypatch.setattr(tree_node, "added", more)
        progress(self, step)

    monkeypatch.setattr(TreeNode, "progress", lying)
    assert network.run()
    monkeypatch.undo()
    report = verify(handed_all(network, tmp_path), study=plan.study)
    assert ("LS-RECOMPUTE-SUM", "vgr") in above_info(report)
    assert {subject for _, subject in above_info(report)} <= {"vgr", None}


@pytest.mark.attack("L20")
def test_a_parent_that_leaves_out_who_has_its_receipt_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    masking = {"mode": "auto"}
    network, plan = agreed(5, names=(*NAMES, "skane", "uppsala"), aggregation="network", masking=masking)
    progress = TreeNode.progress

    def short(view: bytes, members: dict[str, bytes]) -> Any:
        return partial_body(view, {"vgr": members["vgr"]})  # it has added up others, and names itself alone

    def lying(self: TreeNode, step: Any) -> None:
        monkeypatch.setattr(tree_node, "partial_body", short if self._context.me == "vgr" else partial_body)
        progress(self, step)

    monkeypatch.setattr(TreeNode, "progress", lying)
    network.run(limit_ms=900_000)
    monkeypatch.undo()
    report = verify(handed_all(network, tmp_path), study=plan.study)
    assert ("LS-FALSE-DROPOUT", "vgr") in above_info(report)
    found = next(f for f in report.findings if f.code == "LS-FALSE-DROPOUT")
    roster = next(iter(read_bundle(tmp_path / "vgr.bundle").rosters.values()))
    assert check_finding(json.dumps(found.to_json()).encode(), roster).confirmed
    assert {subject for _, subject in above_info(report)} == {"vgr"}


@pytest.mark.attack("L20")
def test_a_root_that_calls_lost_whom_a_partial_with_its_receipt_lists_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    masking = {"mode": "auto"}
    network, plan = agreed(6, names=(*NAMES, "skane", "uppsala"), aggregation="network", masking=masking)
    survive = TreeMachine.survive

    def lying(self: TreeMachine) -> Any:
        parts = [names for names, _ in self._vectors.values() if len(names) > 1]
        statement = survive(self)
        if self._me != "vgr" or statement is None or not parts:
            return statement
        victim = max(parts[0])
        rows = [row for row in statement.body["members"] if row[0] != victim]  # type: ignore[union-attr,index]
        self.survivors = tuple(name for name in self.survivors if name != victim)
        self.left_out[victim] = "lost"
        out = [*statement.body["left_out"], [victim, "lost"]]  # type: ignore[misc]
        carried = encode_carried([(self._masked[name], None) for name in self.survivors])
        return Statement("SURVIVORS", {**statement.body, "members": rows, "left_out": out}, carried)

    monkeypatch.setattr(TreeMachine, "survive", lying)
    network.run(limit_ms=900_000)
    monkeypatch.undo()
    report = verify(handed_all(network, tmp_path), study=plan.study)
    assert ("LS-FALSE-DROPOUT", "vgr") in above_info(report)
    assert {subject for _, subject in above_info(report)} == {"vgr"}


@pytest.mark.attack("L37")
def test_a_value_that_was_left_out_beside_its_seeds_is_refused_and_told(tmp_path: Path) -> None:
    network, plan = agreed(2, names=(*NAMES, "skane"), masking={"mode": "recoverable"}, retention={"payload_rounds": 9})
    stolen: dict[bytes, bytes] = {}

    def on_send(name: str, send: Send) -> list[Send]:
        fields = parse(send.header, send.signature).fields
        if name != "skane" or fields.type != "MASKED" or fields.round == 0:
            return [send]
        stolen[fields.sha256 or b""] = bytes(send.payload or b"")
        return []

    network.on_send = on_send
    assert network.run(limit_ms=600_000)
    assert stolen
    bundles = handed_all(network, tmp_path, kinds=masks)
    assert above_info(verify(bundles, study=plan.study)) == []
    # A store that kept what its rules forbid: the union of two bundles would uncover skane.
    network.regions["skane"].store.bulk |= {(1, sha): data for sha, data in stolen.items()}
    bundles[NAMES.index("kalmar") + 1] = handed(network, "skane", tmp_path)
    report = verify(sorted(bundles), study=plan.study)
    codes = {(f.code, f.subject, f.source) for f in report.findings if f.severity is Severity.CRITICAL}
    assert codes
    assert {(code, subject) for code, subject, _ in codes} == {("LS-EXPORT-UNMASKABLE", None)}
    assert report.exit_code == 3


@pytest.mark.attack("L37")
def test_the_exporter_refuses_what_would_uncover_a_region_by_itself(tmp_path: Path) -> None:
    small = Small().run()
    vgr = small.homes["vgr"]
    heard = (entry for leaf in vgr.leaves if (entry := decode_entry(leaf)).kind == "env.recv")
    said = (parse(entry.body["header"], entry.body["sig"]) for entry in heard)  # type: ignore[arg-type]
    masked = next(envelope for envelope in said if envelope.fields.type == "MASKED" and envelope.fields.round)
    row = {"region": masked.fields.sender, "kind": "pair", "of": "halland", "c": tagged_hash("commit", bytes(64))}
    body: dict[str, Any] = {
        "session": masked.fields.session,
        "receiver": "vgr",
        "survivors": ["halland"],
        "sum": bytes(32),
        "opened": [row],
    }
    vgr.add("session.sum", body, study=small.study, now_ms=vgr.log.last_ms)
    seq = len(vgr.leaves) - 1
    with pytest.raises(UnmaskableError, match=masked.fields.sender):
        write_bundle(
            tmp_path / "vgr.bundle", origin=vgr.origin, note_key=vgr.keys.log, leaves=vgr.leaves, payloads="all",
            checkpoint=vgr.checkpoint(vgr.leaves), payload=lambda sha: vgr.kept.get(sha) or bytes(4),
            openings={(seq, "opened.0"): bytes(64)},
        )  # fmt: skip
    assert not (tmp_path / "vgr.bundle").exists()
