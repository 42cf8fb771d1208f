"""What an audit does on request: sums computed again, rounds up to one, ids cut short, agreement without signatures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from node.audit import verify
from node.audit.replay import sum_hash
from node.audit.verification import StudyError
from tests.node.audit_network import Small
from tests.node.kept import said


@pytest.fixture
def valued() -> Small:
    """Three regions whose masked values are kept."""
    small = Small()
    small.keep_values = True
    return small.run()


def export(small: Small, folder: Path) -> list[Path]:
    return [small.export(name, folder, payloads="all") for name in small.names]


def model(small: Small, bundles: list[Path]) -> str:
    questions = verify(bundles, study=small.study).questions
    return next(q.note for q in questions if q.question == "Is the model what the logged updates give?")


def test_sums_are_computed_again_where_their_payloads_are_at_hand(valued: Small, tmp_path: Path) -> None:
    bundles = export(valued, tmp_path)
    report = verify(bundles, study=valued.study, require=["replay"])
    assert (said(report), report.exit_code) == (set(), 0)
    assert model(valued, bundles).startswith("computed again: 6 of 6 sums")


def test_without_payloads_a_replay_that_is_asked_for_is_incomplete(tmp_path: Path) -> None:
    small = Small().run()
    report = verify(small.export_all(tmp_path), study=small.study, require=["replay"])
    assert (report.verdict, report.exit_code) == ("incomplete", 4)
    assert "0 of 6 sums could be computed again" in report.sentence


@pytest.mark.attack("L18")
def test_a_sum_that_its_payloads_do_not_give_is_found(tmp_path: Path) -> None:
    small = Small()
    small.keep_values = True
    small.begin()
    honest = small.add

    def add(name: str, kind: str, body: dict[str, object], **more: object) -> None:
        if name == "vgr" and kind == "session.sum":
            body = {**body, "sum": bytes(32)}
        if name == "vgr" and kind == "round.mix":
            body = {**body, "in": [{"session": small.sid("vgr", 0), "sum": bytes(32)}]}
        honest(name, kind, body, **more)  # type: ignore[arg-type]

    small.add = add  # type: ignore[method-assign, assignment]
    small.rounds = 1
    small.round(0)
    report = verify(export(small, tmp_path), study=small.study)
    assert said(report) == {("LS-RECOMPUTE-SUM", "vgr")}
    assert report.exit_code == 3


@pytest.mark.parametrize("ring", [8, 16, 32, 64])
def test_a_sum_wraps_in_its_ring_and_is_weighted(ring: int) -> None:
    import hashlib

    rng = np.random.default_rng(ring)
    dtype = np.dtype(f"<u{ring // 8}")
    vectors = [rng.integers(0, 2**ring, 70_000, dtype=dtype) for _ in range(3)]
    plain = [(sum(w * int(v[at]) for w, v in zip((1, 3, 255), vectors, strict=True))) % 2**ring for at in range(70_000)]
    expected = hashlib.sha256(np.array(plain, dtype).tobytes()).digest()
    assert sum_hash([v.tobytes() for v in vectors], [1, 3, 255], ring) == expected


def test_vectors_of_different_lengths_give_no_sum() -> None:
    assert sum_hash([bytes(8), bytes(4)], [1, 1], 32) is None
    assert sum_hash([bytes(7)], [1], 32) is None


def test_the_first_digits_of_an_id_name_a_study_and_confirm_none(tmp_path: Path) -> None:
    small = Small().run()
    bundles = small.export_all(tmp_path)
    report = verify(bundles, study=small.study[:5])
    assert report.exit_code == 0
    assert report.sentence.startswith("Consistent, study not confirmed")
    with pytest.raises(StudyError, match="no study at hand"):
        verify(bundles, study=bytes([small.study[0] ^ 1]) + small.study[1:6])


def test_fast_finds_the_same_and_checks_fewer_signatures(tmp_path: Path) -> None:
    small = Small().run()
    bundles = small.export_all(tmp_path)
    slow, fast = verify(bundles, study=small.study), verify(bundles, study=small.study, fast=True)
    assert (fast.verdict, fast.findings, fast.entries) == (slow.verdict, slow.findings, slow.entries)
    assert fast.signatures < slow.signatures // 3


def test_two_processes_say_what_one_says(tmp_path: Path) -> None:
    small = Small().run()
    bundles = small.export_all(tmp_path)
    assert verify(bundles, study=small.study, jobs=2).to_json() == verify(bundles, study=small.study).to_json()


def test_the_same_bundle_twice_counts_once(tmp_path: Path) -> None:
    small = Small().run()
    bundles = small.export_all(tmp_path)
    once, twice = verify(bundles, study=small.study), verify([*bundles, bundles[0]], study=small.study)
    assert (twice.sentence, twice.entries, twice.signatures) == (once.sentence, once.entries, once.signatures)
