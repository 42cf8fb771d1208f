"""Synthetic data of three running nodes, let out with two signatures by the commands of node/README.md, or refused."""

from __future__ import annotations

import csv
import json
import random
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import node.config
from node.__main__ import main
from node.demo.network import make_homes, start
from node.demo.nodes import Node, stop_all

NAMES = ("halland", "skane", "vgr")
README = (Path(node.config.__file__).parent / "README.md").read_text(encoding="utf-8")
COMMANDS = [
    line.partition("#")[0].strip()
    for line in README[README.index("## Releases") : README.index("## The control socket")].splitlines()
    if line.startswith("landsting synth ")
]
MANIFEST = """id = "clinic"
patient = "pid"
[[file]]
path = "{name}.csv"
[[column]]
name = "pid"
kind = "text"
role = "ignore"
[[column]]
name = "age"
kind = "number"
role = "feature"
range = [20, 90]
decimals = 1
[[column]]
name = "pressure"
kind = "number"
role = "feature"
range = [80, 220]
decimals = 1
[[column]]
name = "weight"
kind = "number"
role = "feature"
range = [40, 140]
decimals = 1
[[column]]
name = "cholesterol"
kind = "number"
role = "feature"
range = [80, 400]
decimals = 0
[[column]]
name = "smoker"
kind = "category"
role = "feature"
categories = ["no", "yes"]
[[column]]
name = "ill"
kind = "category"
role = "label"
categories = ["0", "1"]
"""


def made_up(folder: Path, name: str, rows: int = 1200) -> Path:
    """A table of nobody's, in which age and pressure tell who is ill; returns its manifest.

    What comes of it passes the default gate: the plan states no thresholds of its own.
    """
    chance = random.Random(name)
    with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["pid", "age", "pressure", "weight", "cholesterol", "smoker", "ill"])
        for n in range(rows):
            ill = n % 2
            age = min(89.0, max(20.0, chance.gauss(70 if ill else 50, 8)))
            pressure = min(220.0, max(80.0, chance.gauss(150 if ill else 125, 12)))
            weight = min(140.0, max(40.0, chance.gauss(84 if ill else 76, 13)))
            fat = round(min(400.0, max(80.0, chance.gauss(180 + 0.5 * age, 35))))
            smoker = "yes" if chance.random() < (0.5 if ill else 0.25) else "no"
            table.writerow([f"{name}{n}", f"{age:.1f}", f"{pressure:.1f}", f"{weight:.1f}", fat, smoker, ill])
    (folder / f"{name}.toml").write_text(MANIFEST.format(name=name), encoding="utf-8")
    return folder / f"{name}.toml"


def done(*words: str | Path, code: int = 0) -> None:
    assert main([str(word) for word in words]) == code, words


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, Node], str, Path]]:
    """Three nodes after a short study; homes, the study's id, a folder."""
    folder = tmp_path_factory.mktemp("release")
    nodes = {one.name: one for one in make_homes(folder, NAMES)}
    try:
        start(list(nodes.values()))
        for name, one in nodes.items():
            manifest = made_up(folder, name)
            done("data", "add", manifest.with_suffix(".csv"), "--home", one.home, "--schema", manifest)
        plan = folder / "plan.toml"
        settings = ("local_steps=40", "lr=0.001", "lr_d=0.001", "test_share=0.4")
        done("study", "new", "--home", nodes["vgr"].home, "--task", "tabgan", "--data", "clinic", "--rounds", "10",
             *(word for one in settings for word in ("--set", one)), "--timeout", "60", "-o", plan)  # fmt: skip
        done("study", "propose", plan, "--home", nodes["vgr"].home)
        for one in nodes.values():
            done("study", "accept", plan, "--home", one.home, "--data", "clinic", "--ref", "RS 2026-1")
        done("study", "follow", plan, "--home", nodes["vgr"].home, "--timeout", "600")
        study = nodes["vgr"].ask("studies")["studies"][0]["study"]
        yield nodes, study, folder
    finally:
        stop_all(list(nodes.values()))


def test_two_regions_sign_and_one_releases_by_the_commands_of_the_readme(
    trained: tuple[dict[str, Node], str, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nodes, study, folder = trained
    assert [line.split()[2] for line in COMMANDS] == ["generate", "approve", "offer", "requests", "approve", "release"]
    monkeypatch.chdir(folder)

    def run(line: str, code: int = 0) -> str:
        words = [study if word == "STUDY" else word for word in shlex.split(line)[1:]]
        at = words.index("--home") + 1
        words[at] = str(nodes[words[at]].home)
        assert main(words) == code, line
        said = capsys.readouterr()
        return said.out if code == 0 else said.err

    generate, own, offer, requests, other, release = COMMANDS
    run(generate)
    assert "tests = {}" in (folder / "plan.toml").read_text(encoding="utf-8")  # the defaults of the gate
    assert "has not signed this file" in run(offer, code=1)  # nothing goes to others before this region's own judgement
    run(own)
    run(offer)
    found = run(release, code=1)  # one signature of two
    assert "signed by vgr; not by halland, skane" in found
    assert "the signatures of 2 regions" in found
    assert not (folder / "released").exists()
    waits = run(requests)
    assert "waits for this region" in waits
    run(f"{other} --page {folder / 'skane.html'} --lang en")  # what skane's people look at before they sign
    assert "<html" in (folder / "skane.html").read_text(encoding="utf-8")
    wait_for_signature(nodes["vgr"], "skane")
    assert "signed by skane, vgr; the plan asks for 2" in run(release)
    assert sorted(path.name for path in (folder / "released").iterdir()) == ["s.csv", "s.release.json", "s.toml"]
    told = json.loads((folder / "released" / "s.release.json").read_text(encoding="utf-8"))
    assert (told["study"], told["signed"]) == (study, ["skane", "vgr"])
    assert told["file_sha256"] in (folder / "released" / "s.toml").read_text(encoding="utf-8")


def wait_for_signature(one: Node, name: str, kind: str = "data") -> None:
    from time import monotonic, sleep

    end = monotonic() + 120
    while not any(name in row["signed"] for row in one.ask("releases")["releases"] if row["kind"] == kind):
        assert monotonic() < end, f"no signature of {name}"
        sleep(0.1)


@pytest.mark.attack("L27")
def test_data_that_fail_a_test_are_refused_with_the_figure_and_nothing_is_written(
    trained: tuple[dict[str, Node], str, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nodes, study, folder = trained
    monkeypatch.chdir(folder)
    home = nodes["vgr"].home
    # Ill patients only: a model that learns from them can tell nobody apart.
    done("synth", "generate", study, "--home", home, "--rows", "300", "--where", "ill=1", "-o", "ill.csv")
    before = nodes["vgr"].ask("status")["log"]["size"]
    capsys.readouterr()
    done("synth", "approve", "ill.csv", "--home", home, "--json", code=1)
    error = json.loads(capsys.readouterr().err)
    assert error["code"] == "GATE"
    assert re.match(r"ill\.csv: \d of 9 tests do not hold:\n  - .* This does not hold\.", error["found"]), error
    assert re.match(r"[a-z_]+ [≥≤] 0\.\d{3}", error["expected"]), error
    assert "Another seed" in error["fix"]
    done("synth", "offer", "ill.csv", "--home", home, "--to", "skane", code=1)  # nor handed to anybody
    assert nodes["vgr"].ask("status")["log"]["size"] == before
    assert "has not signed this file" in capsys.readouterr().err


def test_a_model_is_let_out_the_same_way(
    trained: tuple[dict[str, Node], str, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nodes, study, folder = trained
    monkeypatch.chdir(folder)
    vgr, skane = nodes["vgr"].home, nodes["skane"].home
    done("model", "export", study, "--home", vgr, "-o", "m.safetensors")
    done("model", "approve", "m.safetensors", "--card", "m.json", "--home", vgr, "--ref", "RS 2026-9")
    done("model", "release", "m.safetensors", "--home", vgr, "-o", "out", code=1)
    assert "signed by vgr; not by" in capsys.readouterr().err
    done("model", "approve", "m.safetensors", "--home", skane, "--ref", "SK 2026-4")
    wait_for_signature(nodes["vgr"], "skane", "model")
    done("model", "release", "m.safetensors", "--home", vgr, "-o", "out")
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["m.json", "m.release.json", "m.safetensors"]


def test_the_audit_and_the_list_of_what_left_tell_of_it(
    trained: tuple[dict[str, Node], str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    nodes, study, folder = trained
    bundles = []
    for name, one in nodes.items():
        bundles.append(folder / f"{name}.bundle")
        done("log", "export", "--home", one.home, "-o", bundles[-1])
    capsys.readouterr()
    done("audit", "verify", *bundles, "--study", study, "--json")
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert report["verdict"] == "clean"
    told, model = report["releases"]
    assert (model["kind"], model["signed"], model["as_the_plan_asks"]) == ("model", ["skane", "vgr"], True)
    assert (told["region"], told["signed"], told["as_the_plan_asks"]) == ("vgr", ["skane", "vgr"], True)
    assert {"shapes", "pairs", "tstr_auroc", "dcr_share", "mia_distance"} <= set(told["tests_u"])
    done("log", "disclosures", "--home", nodes["vgr"].home, "--json")
    out = capsys.readouterr().out
    assert "release.offer" in out
    assert "data.release" in out
