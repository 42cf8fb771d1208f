"""The compose folder: valid for both versions of compose, closed containers, commands that exist.

The real run takes minutes and an engine; it is asked for with LANDSTING_COMPOSE=1.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

FOLDER = Path(__file__).parents[2] / "compose"
FILE = FOLDER / "compose.yaml"
SCRIPTS = ("setup.sh", "study.sh", "lib.sh")
COMPOSE = shutil.which("docker-compose")


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_the_file_is_valid_by_the_compose_specification() -> None:
    tool = Path(sys.executable).with_name("check-jsonschema")
    if not tool.exists():
        pytest.skip("check-jsonschema is not installed here: make setup")
    done = _run(str(tool), "--builtin-schema", "vendor.compose-spec", str(FILE))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(COMPOSE is None, reason="docker-compose is not installed here; the schema alone was checked")
def test_docker_compose_reads_the_file() -> None:
    assert COMPOSE is not None
    done = _run(COMPOSE, "-f", str(FILE), "config", "-q")
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(COMPOSE is None, reason="docker-compose is not installed here, and nothing else resolves the file")
def test_every_region_is_closed_in_and_has_an_address_and_a_volume_of_its_own() -> None:
    yaml = pytest.importorskip("ruamel.yaml", reason="needs a YAML reader; check-jsonschema brings one")
    assert COMPOSE is not None
    whole = yaml.YAML(typ="safe").load(_run(COMPOSE, "-f", str(FILE), "config").stdout)
    services = whole["services"]
    assert len(services) == 4
    assert whole["networks"]["regions"]["internal"] is True
    for name, service in services.items():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert [str(volume).split(":")[0] for volume in service["volumes"]] == [name]
        assert "ports" not in service
        assert service["mem_limit"]
    addresses = {service["networks"]["regions"]["ipv4_address"] for service in services.values()}
    assert addresses == {"10.77.0.11", "10.77.0.12", "10.77.0.13", "10.77.0.14"}


def test_the_image_runs_as_nobody_in_particular_and_takes_another_base() -> None:
    text = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
    assert "ARG BASE_IMAGE=python:3.11-slim-bookworm\nFROM ${BASE_IMAGE}\n" in text
    assert "\nUSER region\n" in text
    assert "# syntax=" not in text
    assert "constraints.txt" in text


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_is_sound_shell(script: str) -> None:
    shell = shutil.which("sh")
    if shell is None:
        pytest.skip("no sh here")
    done = _run(shell, "-n", str(FOLDER / script))
    assert done.returncode == 0, done.stderr


def _typed() -> list[list[str]]:
    """Return every ``landsting`` command of scripts and README, as words after the program's name."""
    found = []
    for file in (*SCRIPTS, "README.md"):
        text = (FOLDER / file).read_text(encoding="utf-8").replace("\\\n", " ")
        for line in text.splitlines():
            if line.lstrip().startswith(("#", "say ", "-", "|")) or "landsting status`" in line:
                continue
            for match in re.finditer(r"(?<![\w/.-])landsting ((?:[a-z]+ ?)+[^|>;#]*)", line):
                found.append(match.group(1).replace("`", " ").replace('"', " ").split())
    return found


def test_every_command_typed_here_exists_with_its_options() -> None:
    from node.cli.root import cli

    commands = _typed()
    assert len(commands) > 12
    for words in commands:
        command: click.Command = cli
        rest = list(words)
        while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
            inner = command.get_command(click.Context(command), rest[0])
            if inner is None:
                break
            command, rest = inner, rest[1:]
        assert command is not cli, f"no command: landsting {' '.join(words)}"
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        unknown = {word for word in rest if word.startswith("-")} - known
        assert not unknown, f"landsting {' '.join(words)}: {sorted(unknown)}"


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(os.environ.get("LANDSTING_COMPOSE") != "1", reason="LANDSTING_COMPOSE=1 asks for the real run")
def test_four_containers_train_and_the_audit_is_clean(tmp_path: Path) -> None:
    if shutil.which("docker") is None or _run("docker", "image", "inspect", "landsting:local").returncode:
        pytest.skip("no engine answers here, or landsting:local is not built: compose/README.md says how")
    try:
        subprocess.run([FOLDER / "setup.sh"], check=True, timeout=300)
        done = subprocess.run([FOLDER / "study.sh", tmp_path], check=True, timeout=500, capture_output=True, text=True)
    finally:
        subprocess.run([FOLDER / "setup.sh", "--remove"], check=True, timeout=120)
    assert len(list(tmp_path.glob("*.safetensors"))) == 4
    assert "\nClean: 4 logs, " in done.stdout
