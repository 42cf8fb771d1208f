"""The command line beside running nodes: one owner of a home, answers in words, a study that is refused."""

from __future__ import annotations

import importlib.util
import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from node.demo.network import make_homes, start
from node.demo.nodes import free_ports, stop_all

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("vgr", "skane", "halland")


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "node", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def done(*words: str) -> str:
    found = run(*words)
    assert found.returncode == 0, found.stderr
    return found.stdout


def refused(*words: str, code: int = 1) -> dict:
    found = run(*words, "--json")
    assert (found.returncode, found.stdout) == (code, ""), found.stderr
    return json.loads(found.stderr.splitlines()[-1])


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    made = make_homes(tmp_path_factory.mktemp("homes"), NAMES)
    try:
        start(made)
        yield {node.name: node for node in made}
    finally:
        stop_all(made)


def plan(nodes, tmp_path: Path, *more: str) -> str:
    file = tmp_path / "plan.toml"
    words = ["study", "new", "--home", str(nodes["vgr"].home), "--task", "idle", "--set", "dim=10", "--lab"]
    done(*words, "--rounds", "3", "--timeout", "60", *more, "-o", str(file))
    return str(file)


# ---------------------------------------------------------------- one owner


def test_second_node_on_a_home_is_refused_and_names_the_first(nodes):
    found = run("run", "--home", str(nodes["vgr"].home))
    assert found.returncode == 1
    assert f"process {nodes['vgr'].process.pid} owns" in found.stderr


def test_port_in_use_is_refused_in_words(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        home = str(tmp_path / "home")
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        done("init", "--home", home, "--network", "test.example", "--name", "vgr", "--advertise", address)
        error = refused("run", "--home", home)
    assert error["code"] == "PORT"
    assert str(taken) not in error["found"]


def test_node_stops_in_good_order_and_says_so_in_its_log(tmp_path):
    home = str(tmp_path / "home")
    address = f"tcp://127.0.0.1:{free_ports(1)[0]}"
    done("init", "--home", home, "--network", "test.example", "--name", "vgr", "--advertise", address)
    process = subprocess.Popen([sys.executable, "-m", "node", "run", "--home", home], stderr=subprocess.PIPE)
    try:
        while not (tmp_path / "home" / "control.sock").exists():
            assert process.poll() is None
            time.sleep(0.02)
        assert done("status", "--home", home, "--check").startswith("OK")
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0
    finally:
        process.kill()
        process.communicate()
    kinds = [json.loads(line)["entry"]["kind"] for line in done("log", "show", "--home", home, "--json").splitlines()]
    assert kinds == ["log.genesis", "node.start", "node.stop"]


def test_log_exported_beside_a_running_node_passes_the_audit(nodes, tmp_path):
    bundles = []
    for name, node in nodes.items():
        bundles.append(str(tmp_path / f"{name}.bundle"))
        done("log", "export", "--home", str(node.home), "-o", bundles[-1])
    report = json.loads(done("audit", "verify", *bundles, "--json"))
    assert report["verdict"] == "clean"


# ---------------------------------------------------------------- studies


def test_study_runs_by_hand_from_proposal_to_model(nodes, tmp_path):
    file = plan(nodes, tmp_path)
    study = done("study", "id", file).strip()
    done("study", "propose", file, "--home", str(nodes["skane"].home))
    for node in nodes.values():
        done("study", "accept", file, "--home", str(node.home), "--ref", "DNR-1")
    lines = [
        json.loads(line)
        for line in done("study", "follow", file, "--home", str(nodes["halland"].home), "--json").splitlines()
    ]
    assert lines[-1]["state"] == "ended"
    assert {line["study"] for line in lines} == {study}
    shas = []
    for name, node in nodes.items():
        model = tmp_path / f"{name}.safetensors"
        found = json.loads(done("model", "export", study[:10], "--home", str(node.home), "-o", str(model), "--json"))
        shas.append(found["sha256"])
        [listed] = [
            one
            for one in json.loads(done("model", "list", "--home", str(node.home), "--json"))["models"]
            if one["study"] == study
        ]
        assert (found["round"], listed["round"], listed["parameters"]) == (2, 2, 10)
    assert all(len(sha) == 64 for sha in shas)


def test_rejection_ends_the_proposal_and_its_note_stays_at_home(nodes, tmp_path):
    file = plan(nodes, tmp_path, "--title", "to be rejected")
    study = done("study", "id", file).strip()
    done("study", "propose", file, "--home", str(nodes["vgr"].home))
    done("study", "accept", file, "--home", str(nodes["skane"].home))
    found = run("study", "follow", file, "--home", str(nodes["vgr"].home), "--timeout", "5", "--json")
    assert found.returncode == 3
    assert "waited for halland" in json.loads(found.stderr)["found"]
    words = ["--reason", "privacy", "--note", "ask us again in spring"]
    done("study", "reject", file, "--home", str(nodes["halland"].home), *words)
    error = json.loads(run("study", "follow", file, "--home", str(nodes["vgr"].home), "--json").stderr)
    assert "rejected by halland" in error["found"]
    assert error["code"] == "STOPPED"
    assert "spring" in (nodes["halland"].home / "studies" / f"{study}.note").read_text()
    assert "spring" not in done("log", "show", "--home", str(nodes["vgr"].home), "--json")


def test_study_that_nobody_proposed_is_not_known(nodes, tmp_path):
    error = refused("study", "show", "0123", "--home", str(nodes["vgr"].home))
    assert error["code"] == "STUDY"
    assert error["fix"] == f"landsting study list --home {nodes['vgr'].home}"


def test_plan_with_a_misspelt_key_is_refused_with_the_right_one(nodes, tmp_path):
    file = Path(plan(nodes, tmp_path))
    file.write_text(file.read_text().replace("round_timeout_s", "round_timout_s"))
    error = refused("study", "propose", str(file), "--home", str(nodes["vgr"].home))
    assert error["code"] == "PLAN"
    assert "round_timeout_s" in error["fix"]


def test_star_is_refused_before_a_plan_is_written(nodes, tmp_path):
    words = ["study", "new", "--home", str(nodes["vgr"].home), "--task", "idle", "--topology", "star"]
    error = refused(*words, "-o", str(tmp_path / "plan.toml"))
    assert error["code"] == "UNMASKABLE"
    assert not (tmp_path / "plan.toml").exists()


# ---------------------------------------------------------------- bench


def test_benchmark_of_a_round_runs_with_a_small_vector(monkeypatch):
    spec = importlib.util.spec_from_file_location("bench_round", ROOT / "benchmarks" / "round.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "SIZES", {"tiny": (1000, 30)})
    monkeypatch.setattr(module, "LIMITS", {})
    monkeypatch.setattr(module, "CASES", [one for one in module.CASES if one[0] in ("u32, masks on", "u16, masks on")])
    figures = {figure["name"]: figure["value"] for figure in module.run(0)}
    cases = [f"round tiny, {ring}, masks on" for ring in ("u32", "u16")]
    assert {f"{case}: {what}" for case in cases for what in ("CPU", "wall", "sent")} == set(figures)
    # Eight vectors of 4000 bytes, and the messages around them.
    assert 0.032 < figures["round tiny, u32, masks on: sent"] < 0.4
