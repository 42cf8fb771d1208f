"""Made-up images of three running nodes, let out with two signatures, or refused: the layout of SIIM-ISIC, drawn here.

Mechanics only: the images are of no patient, the generator has trained for seconds, and the plan states thresholds that
such images meet. What is measured of images is in ``tests/node/learning/synth`` and ``landsting bench gan-images``.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from node.demo.network import make_homes, start
from node.demo.nodes import Node, stop_all
from tests.conformance.test_release import NAMES, done, wait_for_signature
from tests.node.learning.synth import test_image_isic as isic

SIDE = 16
STATED = "{diversity = 0.05, tstr_gap = 1.0, dcr_share = 1.0, dcr_share_upper = 1.0, mia_distance = 1.0}"
SETTINGS = ("width=8", "noise=8", "batch=8", "local_steps=10", "test_share=0.45", "ema=0.9")
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, Node], str, Path]]:
    """Three nodes after a short study of images; homes, the study's id, a folder."""
    folder = tmp_path_factory.mktemp("images")
    nodes = {one.name: one for one in make_homes(folder, NAMES)}
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(isic, "SIDE", SIDE)
            manifests = {name: isic.lesions(folder / "data" / name, 80, seed) for seed, name in enumerate(NAMES)}
        start(list(nodes.values()))
        for name, one in nodes.items():
            done("data", "add", manifests[name], "--home", one.home)
        plan = folder / "plan.toml"
        done("study", "new", "--home", nodes["vgr"].home, "--task", "imagegan", "--data", "isic", "--rounds", "4",
             *(word for one in SETTINGS for word in ("--set", one)), "--timeout", "120", "-o", plan)  # fmt: skip
        text = plan.read_text(encoding="utf-8")
        assert "\ntests = {}" in text
        plan.write_text(text.replace("\ntests = {}", f"\ntests = {STATED}"), encoding="utf-8")
        done("study", "propose", plan, "--home", nodes["vgr"].home)
        for one in nodes.values():
            done("study", "accept", plan, "--home", one.home, "--data", "isic", "--ref", "RS 2026-1")
        done("study", "follow", plan, "--home", nodes["vgr"].home, "--timeout", "500")
        study = nodes["vgr"].ask("studies")["studies"][0]["study"]
        yield nodes, study, folder
    finally:
        stop_all(list(nodes.values()))


def test_images_are_let_out_by_two_regions_each_of_which_made_them_again(
    trained: tuple[dict[str, Node], str, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nodes, study, folder = trained
    monkeypatch.chdir(folder)
    vgr, skane = nodes["vgr"].home, nodes["skane"].home
    done("synth", "generate", study, "--home", vgr, "--rows", "40", "--seed", "1", "-o", "made")
    done("synth", "approve", "made", "--home", vgr, "--ref", "RS 2026-7")
    assert "made again here from the study's model: the same rows" in capsys.readouterr().out
    done("synth", "offer", "made", "--home", vgr, "--to", "skane", "--ref", "RS 2026-8")
    done("synth", "release", "made", "--home", vgr, "-o", "released", code=1)
    assert "signed by vgr; not by halland, skane" in capsys.readouterr().err
    assert not (folder / "released").exists()

    shutil.copytree(folder / "made", folder / "there" / "made")  # by hand, as people do
    monkeypatch.chdir(folder / "there")
    done("synth", "approve", "made", "--home", skane, "--ref", "SK 2026-3", "--page", "skane.html", "--lang", "sv")
    assert "made again here" in capsys.readouterr().out
    assert "<svg" in (folder / "there" / "skane.html").read_text(encoding="utf-8")
    wait_for_signature(nodes["vgr"], "skane")
    monkeypatch.chdir(folder)
    done("synth", "release", "made", "--home", vgr, "-o", "released")

    told = json.loads((folder / "released" / "made.release.json").read_text(encoding="utf-8"))
    assert (told["study"], told["signed"]) == (study, ["skane", "vgr"])
    assert "diversity" in told["tests"]
    listed = {path.relative_to(folder / "made") for path in (folder / "made").rglob("*") if path.is_file()}
    out = {path.relative_to(folder / "released/made") for path in (folder / "released/made").rglob("*.*")}
    assert out == listed
    assert len(list((folder / "released" / "made").rglob("*.png"))) == 40


def test_the_home_has_a_sheet_of_each_round(trained: tuple[dict[str, Node], str, Path]) -> None:
    nodes, study, _ = trained
    for one in nodes.values():
        sheets = sorted((one.home / "samples" / study).glob("round-*.png"))
        assert len(sheets) == 4
        assert all(sheet.stat().st_mode & 0o777 == 0o600 for sheet in sheets)
        with Image.open(sheets[-1]) as sheet:
            assert sheet.size[0] % SIDE == sheet.size[1] % SIDE == 0


@pytest.mark.attack("L27")
def test_images_of_one_class_are_refused_with_the_figure_and_nothing_is_written(
    trained: tuple[dict[str, Node], str, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nodes, study, folder = trained
    monkeypatch.chdir(folder)
    home = nodes["vgr"].home
    done("synth", "generate", study, "--home", home, "--rows", "20", "--where", "target=1", "-o", "ill")
    before = nodes["vgr"].ask("status")["log"]["size"]
    capsys.readouterr()
    done("synth", "approve", "ill", "--home", home, "--json", code=1)
    error = json.loads(capsys.readouterr().err)
    assert error["code"] == "GATE"
    assert "tests do not hold" in error["found"]
    assert nodes["vgr"].ask("status")["log"]["size"] == before


@pytest.mark.attack("R05")
def test_a_patient_s_image_in_the_place_of_a_made_one_is_refused(
    trained: tuple[dict[str, Node], str, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Packed as a made-up image is, with the mark: the form holds, and the model makes another."""
    from PIL.PngImagePlugin import PngInfo

    nodes, study, folder = trained
    monkeypatch.chdir(folder)
    home = nodes["vgr"].home
    done("synth", "generate", study, "--home", home, "--rows", "40", "--seed", "2", "-o", "swapped")
    mark = PngInfo()
    mark.add_text("Comment", "synthetic")
    with Image.open(next((folder / "data" / "vgr" / "jpeg" / "train").glob("*.jpg"))) as image:
        pixels = np.asarray(image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX))
    Image.fromarray(pixels).save(next((folder / "swapped" / "0").glob("*.png")), pnginfo=mark)
    capsys.readouterr()
    done("synth", "approve", "swapped", "--home", home, code=1)
    said = capsys.readouterr().err
    assert "are not what the study's model makes" in said or "copies of a real row" in said
