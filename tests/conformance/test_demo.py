"""Whole demos: real daemons over real sockets, killed, alone, with privacy; and what the issue asks of them.

The demos of the README are looked at here as well: what their tables say.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from node.demo.wish import REGIONS
from tests.conformance.runs import LIMIT_S, Run

KEYS = {
    "study", "regions", "topology", "rounds", "rounds_mixed", "masking", "epsilon", "kills", "alone", "together",
    "pooled", "disagreement", "bytes_per_round", "seconds", "audit", "homes",
}  # fmt: skip
FIGURES = {"region", "accuracy", "auroc", "model_sha256"}


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "node", "demo", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=LIMIT_S)


def table(said: str) -> dict[str, list[str]]:
    """Cells by region of a demo's table: alone, AUROC, together, AUROC, mixed, of, all rounds, …"""
    rows = [line.split() for line in said.splitlines()]
    return {row[0]: row[1:] for row in rows if row and row[0] in REGIONS and len(row) > 7}


def play(*words: str) -> dict:
    done = run(*words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def masked(masked: Run) -> dict:
    return masked.result()


# ---------------------------------------------------------------- the first act


def test_json_is_exactly_the_object_that_is_documented(masked):
    assert set(masked) == KEYS
    assert all(set(one) == FIGURES for one in masked["alone"] + masked["together"])
    assert set(masked["pooled"]) == {"accuracy", "auroc"}
    assert set(masked["audit"]) == {"verdict", "sentence", "findings", "entries", "signatures"}
    assert all(set(one) == {"region", "sent", "received"} for one in masked["bytes_per_round"])
    assert (masked["regions"], masked["topology"], masked["rounds"], masked["epsilon"]) == (4, "complete", 20, None)
    assert len(bytes.fromhex(masked["study"])) == 32


def test_every_node_learns_what_it_cannot_learn_alone(masked):
    # The bounds for the fixed seed; alone, the worst region is far below.
    assert min(one["accuracy"] for one in masked["together"]) >= 0.94
    assert min(one["auroc"] for one in masked["together"]) >= 0.985
    assert min(one["accuracy"] for one in masked["alone"]) < 0.94


def test_every_region_mixes_in_every_round_and_the_audit_is_clean(masked):
    assert set(masked["rounds_mixed"].values()) == {20}
    assert masked["audit"]["verdict"] == "clean"
    assert masked["audit"]["entries"] > 1000
    assert masked["audit"]["signatures"] > 400


def test_home_stays_small(masked):
    for path in masked["homes"].values():
        assert sum(file.stat().st_size for file in Path(path).rglob("*") if file.is_file()) < 50e6


def test_masked_and_clear_give_the_same_model_bytes(masked):
    clear = play("--masking", "off")
    assert (masked["masking"], clear["masking"]) == ("auto", "off")
    assert [one["model_sha256"] for one in clear["together"]] == [one["model_sha256"] for one in masked["together"]]
    assert "masks were off" in clear["audit"]["sentence"]


# ---------------------------------------------------------------- kill -9


def test_killed_region_comes_back_and_the_others_hardly_notice(runs):
    found = runs.run("--kill", "2@8:14")
    assert found.code == 0, found.told
    assert "skane is killed (SIGKILL) in round 8" in found.told
    assert "skane is started again in round 14" in found.told
    mixed = {name: int(cells[4]) for name, cells in table(found.said).items()}
    assert all(mixed[name] >= 20 - 2 for name in ("vgr", "halland", "orebro"))
    # Rounds 2 to 7 before, but for what a slow machine costs, and after its return those that it is there in time for.
    assert 6 - 2 <= mixed["skane"] <= 19
    assert re.search(r"^audit of 4 logs \(.*\): clean$", found.said, re.MULTILINE)


def test_region_that_never_comes_back_does_not_stop_the_others():
    found = play("--rounds", "5", "--kill", "orebro@3")
    assert found["kills"] == [{"region": "orebro", "round": 3, "back": None}]
    assert all(found["rounds_mixed"][name] >= 5 - 2 for name in ("vgr", "halland", "skane"))
    assert found["audit"]["verdict"] == "clean"


def test_loss_on_a_ring_leaves_both_neighbours_alone_until_it_is_back():
    # Round 4 may end with what it sent before it was killed, round 5 cannot; and on a busy machine there are many
    # rounds left after its return. That halland, on the other side, is never alone is told under a virtual clock
    # (tests/gossip/test_network.py): here a slow machine may make its neighbours late for it as well.
    done = run("--topology", "ring", "--rounds", "24", "--kill", "2@3:6")
    assert done.returncode == 0, done.stderr
    for name in ("vgr", "orebro"):
        assert f"{name} is ALONE: too few neighbours to hide behind" in done.stderr
        assert f"{name} mixes again" in done.stderr
        assert any(line.startswith(f"{name}, ") and "ALONE: too few" in line for line in done.stdout.splitlines())


# ---------------------------------------------------------------- other data, privacy


def test_half_of_the_digits_is_learned_from_the_others(runs):
    found = runs.run("--data", "digits-odd-even")
    assert found.code == 0, found.told
    rows = table(found.said).values()
    assert max(float(cells[0]) for cells in rows) < 0.6
    assert min(float(cells[2]) for cells in rows) >= 0.9


def test_two_regions_train_with_privacy_and_say_who_saw_whom(runs):
    found = runs.run("--regions", "2", "--disclose", "--dp", "epsilon=3,delta=1e-3")
    assert found.code == 0, found.told
    assert "skane saw every update of vgr; differential privacy alone protects it" in found.said
    assert "epsilon at most 3 with delta 0.001" in found.said


def test_own_table_is_split_over_the_regions(tmp_path):
    example = [sys.executable, "-m", "node", "data", "example", str(tmp_path), "--regions", "a,b,c"]
    subprocess.run(example, check=True, capture_output=True)
    found = play("--data", str(tmp_path / "pooled" / "pooled.csv"), "--regions", "3", "--rounds", "3")
    assert len(found["together"]) == 3
    assert found["audit"]["verdict"] == "clean"


def test_refusal_comes_before_any_process_and_leaves_nothing(tmp_path):
    done = run("--regions", "2", "--dir", str(tmp_path / "d"), "--json")
    assert (done.returncode, done.stdout) == (1, "")
    assert json.loads(done.stderr)["code"] == "UNMASKABLE"
    assert not (tmp_path / "d").exists()
