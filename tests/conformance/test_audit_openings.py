"""Rounds that three daemons have kept open: computed again by the audit, inside a region, and by training once more."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import save

from crypto.note import open_note
from node.audit import Severity, verify
from tests.conformance.runs import Run, Runs, bundles_of, keys_of
from tests.node import court
from tests.node.kept import LIAR, Kept, said

LAST = 3  # rounds 0 and 1 open sums


def landsting(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "node", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)


@pytest.fixture(scope="module")
def run(runs: Runs) -> Run:
    """Three daemons, two training rounds, all of them drawn."""
    return runs.keep("--regions", "3", "--rounds", "2", "--draw", "1")


@pytest.fixture(scope="module")
def folder(run: Run) -> Path:
    return run.kept


@pytest.fixture(scope="module")
def opened(run: Run) -> Kept:
    found = run.result()
    verdict, keys = found["audit"]["verdict"], keys_of(found["homes"])
    return Kept(bytes.fromhex(found["study"]), verdict, bundles_of(run), keys, {})


def body_of(play: Any, kind: str, round: int) -> dict[str, Any]:
    body: dict[str, Any] = play.steps[LIAR][play.find(LIAR, kind, round=round)].body
    return body


def test_every_sum_and_mix_of_a_run_of_daemons_is_proven_and_the_court_agrees(opened: Kept) -> None:
    bundles = list(opened.bundles.values())
    report = verify(bundles, study=opened.study, require=["all-logs", "replay", "openings"])
    assert (report.verdict, report.exit_code, list(report.findings)) == ("clean", 0, [])
    assert next(question.answer for question in report.questions if "model" in question.question) == "PROVEN"
    court.agrees(report, bundles, opened.study)


@pytest.mark.attack("L19")
def test_a_model_that_does_not_follow_from_the_logged_mix_is_found(opened: Kept, tmp_path: Path) -> None:
    play = opened.play()
    body_of(play, "round.mix", LAST)["model"] = bytes(31) + b"1"
    bundles = play.write(tmp_path)
    report = opened.audit(bundles)
    assert said(report) == {("LS-RECOMPUTE-MIX", LIAR)}
    court.agrees(report, bundles, opened.study)


@pytest.mark.attack("L18")
def test_a_sum_that_its_payloads_do_not_give_is_found(opened: Kept, tmp_path: Path) -> None:
    play = opened.play()
    mix = body_of(play, "round.mix", LAST)
    mix["in"][0]["sum"] = bytes(31) + b"1"
    start = play.find(LIAR, "round.train", round=LAST)
    play.steps[LIAR][play.find(LIAR, "session.sum", start=start)].body["sum"] = bytes(31) + b"1"
    bundles = play.write(tmp_path)
    report = opened.audit(bundles)
    assert said(report) == {("LS-RECOMPUTE-SUM", LIAR)}
    court.agrees(report, bundles, opened.study)


LIES: dict[str, tuple[str, str, Any]] = {
    "another delta": ("round.train", "delta", bytes(32)),
    "another value": ("round.mix", "own", bytes(32)),
    "a shorter update": ("round.train", "norm_bucket", -30),
}


@pytest.mark.parametrize("lie", LIES)
def test_what_was_opened_and_is_not_what_the_log_says_is_found(opened: Kept, tmp_path: Path, lie: str) -> None:
    kind, field, value = LIES[lie]
    play = opened.play()
    body_of(play, kind, LAST)[field] = value
    assert said(opened.audit(play.write(tmp_path))) == {("LS-OPENING", LIAR)}


def test_a_region_that_opens_nothing_is_not_accused_and_the_audit_says_so(opened: Kept, tmp_path: Path) -> None:
    play = opened.play()
    play.openings[LIAR] = {}
    report = opened.audit(play.write(tmp_path), require=["openings"])
    assert {f.severity for f in report.findings} <= {Severity.INFO}
    assert report.exit_code == 4
    assert "4 of 6 drawn rounds were opened" in report.sentence


def test_an_audit_inside_a_region_opens_what_never_left_it(opened: Kept, folder: Path, tmp_path: Path) -> None:
    home, study = folder / "homes" / LIAR, opened.study.hex()
    bundle, note = tmp_path / "vgr.bundle", tmp_path / "inside.note"
    assert landsting("log", "export", "--home", home, "-o", bundle).returncode == 0
    plain = verify([bundle], study=opened.study)
    assert "none of 2 sums" in next(question.note for question in plain.questions if "model" in question.question)
    done = landsting("audit", "verify", bundle, "--study", study, "--inside", home, "--note", note, "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert any("2 of 2 sums, 2 of 2 mixes" in (row["note"] or "") for row in report["questions"])
    origin = f"demo.landsting.example/{LIAR}/1"
    body = open_note(note.read_bytes(), origin, opened.keys[LIAR].log.public).decode()
    digest = hashlib.sha256(done.stdout.encode()).hexdigest()
    assert body == f"landsting-inside/v1\n{origin}\n{study}\n{digest}\n"


def test_rounds_trained_once_more_give_what_was_committed_to(opened: Kept, folder: Path) -> None:
    done = landsting("audit", "repeat", "--home", folder / "homes" / LIAR, "--study", opened.study.hex(), "--json")
    assert done.returncode == 0, done.stderr
    assert [(row["round"], row["same"]) for row in json.loads(done.stdout)["rounds"]] == [(2, True), (3, True)]


def test_a_round_from_before_what_the_task_keeps_to_itself_is_not_called_another_result(
    opened: Kept, folder: Path, tmp_path: Path
) -> None:
    home = shutil.copytree(folder / "homes" / LIAR, tmp_path / LIAR)
    private = home / "state" / "private" / opened.study.hex()
    private.mkdir(parents=True, exist_ok=True)
    (private / "9.safetensors").write_bytes(save({}))
    done = landsting("audit", "repeat", "--home", home, "--study", opened.study.hex(), "--json")
    assert done.returncode == 0, done.stderr
    assert [(row["round"], row["same"]) for row in json.loads(done.stdout)["rounds"]] == [(2, True), (3, None)]


def test_openings_leave_only_with_yes_and_with_their_payloads(opened: Kept, folder: Path, tmp_path: Path) -> None:
    home, out = folder / "homes" / LIAR, tmp_path / "vgr.bundle"
    refused = landsting("log", "export", "--home", home, "--payloads", "all", "--openings", "drawn", "-o", out)
    assert refused.returncode == 1
    assert "plain form" in refused.stderr
    assert landsting("log", "export", "--home", home, "--openings", "masks", "-o", out).returncode == 1
    assert not out.exists()
    done = landsting("log", "export", "--home", home, "--payloads", "all", "--requester", "DNR-1", "-o", out)
    assert done.returncode == 0
    assert "the payloads of 2 regions (halland and skane, for instance) together uncover" in done.stdout
    assert opened.verdict == "clean"
