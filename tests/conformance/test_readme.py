"""Every command of the READMEs works as it stands: each file's blocks run in order, in an empty folder.

A block is ``sh`` (all lines are commands) or ``console`` (commands follow ``$ ``, the rest is what they
print). A line that ends in ``&`` is a node in the background; it is stopped when the file is through. A demo needs
nothing of the lines before it, and other tests look at what it says: it is run by itself, as it stands.
Left out are only the lines in ``LEFT_OUT``, each with its reason. Fixed ports are replaced by free ones.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from node.demo.nodes import free_ports

ROOT = Path(__file__).resolve().parents[2]
READMES = ("README.md", "node/README.md")
FENCE = re.compile(r"^```(sh|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PORT = re.compile(r"(?<=127\.0\.0\.1:)(\d{4,5})")
LEFT_OUT = {
    r"git clone .*": "the suite runs in the clone",
    r"cd landsting.*": "the suite runs in the clone",
    r"make test": "this suite",
    r"make setup": "done before this suite could start",
    r"(python3|\S*/python3?) -m venv .*": "done before this suite could start",
    r"\S*pip install .*": "done before this suite could start",
    r"source .*/bin/activate": "the suite runs in that environment",
    r"make bench": "minutes; each benchmark has a test of its own",
    r"landsting bench (all|round)( .*)?": "minutes; each benchmark has a test of its own",
    r"sudo .*": "changes the machine",
    r"(DOCKER\S+ )?docker.*": "needs an engine: tests of compose/",
}


@dataclass(frozen=True)
class Block:
    """Commands of one fenced block and the line it begins in."""

    line: int
    commands: tuple[str, ...]


def blocks(text: str) -> list[Block]:
    """Return the fenced blocks of a README, in order."""
    out = []
    for match in FENCE.finditer(text):
        line = text.count("\n", 0, match.start()) + 2
        body = match[2].replace("\\\n", " ").splitlines()
        if match[1] == "console":
            body = [one.removeprefix("$ ") for one in body if one.startswith("$ ")]
        commands = tuple(one for one in body if one.strip() and not one.lstrip().startswith("#"))
        out.append(Block(line, commands))
    return out


def left_out(command: str) -> str | None:
    """Return why a line is not run, None if it is."""
    bare = command.partition(" #")[0].strip()
    return next((reason for pattern, reason in LEFT_OUT.items() if re.fullmatch(pattern, bare)), None)


def recipe_of(command: str) -> list[str]:
    """Return what stands for a line: ``make TARGET`` is that target's recipe, run with this interpreter."""
    bare = command.partition(" #")[0].strip()
    if not re.fullmatch(r"make [a-z]+", bare):
        return [command]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipe = re.search(rf"^{bare.split()[1]}:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    assert recipe, f"no target for: {bare}"
    return [line.strip().lstrip("@").replace("$(BIN)/", "") for line in recipe[1].splitlines()]


def demos(found: list[Block]) -> list[tuple[str, ...]]:
    """Return the options of every demo in the blocks, in order."""
    lines = [shlex.split(line, comments=True) for block in found for one in block.commands for line in recipe_of(one)]
    return [tuple(words[2:]) for words in lines if words[:2] == ["landsting", "demo"]]


def as_run(command: str) -> str:
    """Return a line as bash gets it, without demos; the recipe of a target runs where the Makefile is."""
    lines = recipe_of(command)
    rest = [line for line in lines if shlex.split(line, comments=True)[:2] != ["landsting", "demo"]]
    if lines == [command]:
        return rest[0] if rest else "true"
    return f"( cd {shlex.quote(str(ROOT))} && {' && '.join(rest or ['true'])} )"


def script(found: list[Block]) -> str:
    """Return the blocks as one script that stops at the first line that fails and says where."""
    lines = ["set -eo pipefail", "trap 'echo \"FAILED in the block at line $BLOCK\" >&2' ERR"]
    lines.append("trap 'rc=$?; trap - ERR; set +e; [ -z \"$(jobs -p)\" ] || kill $(jobs -p); wait; exit $rc' EXIT")
    for block in found:
        lines.append(f"BLOCK={block.line}")
        for command in block.commands:
            if left_out(command) is None:
                lines.append(as_run(command))
    return "\n".join(lines) + "\n"


DEMOS = [words for name in READMES for words in demos(blocks((ROOT / name).read_text(encoding="utf-8")))]


def with_free_ports(text: str) -> str:
    """Return a text with each port on loopback replaced by one that nobody uses."""
    named = sorted(set(PORT.findall(text)))
    free = dict(zip(named, free_ports(len(named)), strict=True)) if named else {}
    return PORT.sub(lambda match: str(free[match[1]]), text)


@pytest.mark.parametrize("name", READMES)
def test_every_command_of_the_readme_works(name, tmp_path):
    text = with_free_ports((ROOT / name).read_text(encoding="utf-8"))
    found = blocks(text)
    assert found, f"{name} holds no commands"
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    environment.pop("LANDSTING_HOME", None)
    done = subprocess.run(
        ["bash"], input=script(found), text=True, capture_output=True, check=False, cwd=tmp_path, env=environment
    )
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"


@pytest.mark.parametrize("words", DEMOS, ids=[" ".join(words) or "as it is" for words in DEMOS])
def test_every_demo_of_the_readmes_works(words, runs):
    demo = runs.run(*words)
    assert demo.code == 0, f"{demo.said[-4000:]}\n{demo.told[-4000:]}"


# ---------------------------------------------------------------- the runner itself


def test_commands_of_both_kinds_of_block_are_found():
    text = "a\n```sh\nx 1\n# why\ny \\\n  2\n```\n```console\n$ z\nprinted\n```\n```python\nno\n```\n"
    assert blocks(text) == [Block(3, ("x 1", "y    2")), Block(9, ("$ z".removeprefix("$ "),))]


def test_only_listed_lines_are_left_out():
    assert left_out("make test        # the suite") == "this suite"
    assert left_out("landsting run --home vgr &") is None


def test_script_stops_at_the_first_failure_and_names_its_block():
    done = subprocess.run(
        ["bash"], input=script([Block(7, ("true", "false", "echo never"))]), text=True, capture_output=True, check=False
    )
    assert done.returncode != 0
    assert "FAILED in the block at line 7" in done.stderr
    assert "never" not in done.stdout


def test_script_without_a_node_in_the_background_ends_well():
    script_ = script([Block(1, ("true",))])
    assert subprocess.run(["bash"], input=script_, text=True, check=False).returncode == 0


def test_make_stands_for_its_recipe():
    assert recipe_of("make demo   # two acts") == ["landsting demo", "landsting demo --kill 2@8:14"]
    assert as_run("make pyz").endswith("&& python -m node.audit.pyz landsting-audit.pyz )")


def test_a_demo_is_run_by_itself_with_its_options():
    found = [Block(1, ("make demo", "landsting topology list", "landsting demo --data x   # why"))]
    assert demos(found) == [(), ("--kill", "2@8:14"), ("--data", "x")]
    assert "landsting demo" not in script(found)
    assert "landsting topology list" in script(found)


def test_ports_of_a_text_are_replaced_alike_everywhere():
    text = with_free_ports("tcp://127.0.0.1:7701 tcp://127.0.0.1:7702 tcp://127.0.0.1:7701")
    first, second, third = PORT.findall(text)
    assert first == third != second
    assert "7701" not in (first, second)
