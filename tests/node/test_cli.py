"""The command line: what starts it, what it says, and how it ends."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from node.__main__ import main
from node.cli import bench as bench_command
from node.cli.output import CODES, Refusal, size_words, table
from node.cli.root import FAMILIES, cli

ROOT = Path(__file__).resolve().parents[2]
HEAVY = (
    "numpy",
    "torch",
    "zmq",
    "pandas",
    "pydantic",
    "rich",
    "networkx",
    "cryptography",
    "msgpack",
    "sklearn",
    "opacus",
)


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "node", *words], capture_output=True, text=True, check=False, timeout=60
    )


# ---------------------------------------------------------------- start


def test_help_imports_nothing_heavy():
    found = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "node", "--help"], capture_output=True, text=True, check=True
    )
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in found.stderr.splitlines()}
    assert imported & set(HEAVY) == set()


def test_help_costs_little_beside_the_library_that_reads_command_lines():
    # Seconds are for `landsting bench help` (0.3 s at most); this holds on any machine, whatever else runs there.
    ours = min(cpu_s("-m", "node", "--help") for _ in range(5))
    assert ours < 3 * min(cpu_s("-c", "import click") for _ in range(5))


def cpu_s(*words: str) -> float:
    """Return the processor time that an interpreter takes for this."""
    process = subprocess.Popen([sys.executable, *words], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return used.ru_utime + used.ru_stime


def test_help_names_every_family_with_a_line_of_help():
    found = run("--help")
    assert found.returncode == 0
    for name, (_, words) in FAMILIES.items():
        assert re.search(rf"^  {name} +{re.escape(words)}$", found.stdout, re.MULTILINE), name


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_has_help_and_json_on_each_of_its_commands(name):
    family = cli.get_command(click.Context(cli), name)
    assert family is not None
    leaves = list(family.commands.values()) if isinstance(family, click.Group) else [family]
    for command in leaves:
        options = {option for param in command.params for option in param.opts}
        assert "--json" in options, f"{name} {command.name}"
        assert command.help, f"{name} {command.name}"


def test_shell_completion_completes_a_family():
    env = {
        "_LANDSTING_COMPLETE": "bash_complete",
        "COMP_WORDS": "landsting rost",
        "COMP_CWORD": "1",
        "PATH": "/usr/bin",
    }
    found = subprocess.run([sys.executable, "-m", "node"], capture_output=True, text=True, check=True, env=env)
    assert found.stdout.split() == ["plain,roster"]


# ---------------------------------------------------------------- ends


def test_unknown_option_is_a_usage_error():
    found = run("demo", "--no-such-option")
    assert found.returncode == 2
    assert found.stdout == ""
    assert "no-such-option" in found.stderr


def test_unknown_command_is_answered_with_the_nearest():
    found = run("stattus")
    assert found.returncode == 2
    assert "did you mean 'landsting status'?" in found.stderr


def test_usage_under_audit_is_64():
    assert run("audit", "verify").returncode == 64


def test_usage_error_as_json_is_one_object_on_standard_error():
    found = run("study", "propose", "--json")
    assert (found.returncode, found.stdout) == (2, "")
    assert json.loads(found.stderr)["code"] == "USAGE"


def test_refusal_as_json_has_four_words_and_standard_output_stays_empty(tmp_path):
    found = run("status", "--home", str(tmp_path / "none"), "--json")
    assert (found.returncode, found.stdout) == (1, "")
    error = json.loads(found.stderr)
    assert set(error) == {"code", "found", "expected", "fix"}
    assert error["code"] == "HOME"
    assert error["fix"].startswith(f"landsting init --home {tmp_path / 'none'}")


def test_refusal_in_words_has_no_traceback(tmp_path):
    found = run("card", "show", str(tmp_path / "none.card"))
    assert found.returncode == 1
    assert "there is no file" in found.stderr
    assert "Traceback" not in found.stderr


def test_bug_is_70_and_shows_its_traceback_only_when_asked(monkeypatch, capsys):
    def broken(*_args, **_kwargs):
        raise ZeroDivisionError

    monkeypatch.setattr("node.cli.bench.benchmarks", broken)
    assert main(["bench", "--list"]) == 70
    assert "Traceback" not in capsys.readouterr().err
    assert main(["bench", "--list", "--debug"]) == 70
    assert "Traceback" in capsys.readouterr().err


def test_reader_that_goes_away_is_no_fault():
    found = subprocess.run(
        f"{sys.executable} -m node bench --list | true", shell=True, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in found.stderr


def test_every_code_in_the_sources_is_on_the_closed_list():
    pattern = re.compile(
        r'\b(?:Refusal|Refused|ConfigError|GateError|BusyError|StoreError)\(\s*"([A-Z_]+)",|code="([A-Z_]+)"'
    )
    used = set()
    for folder in ("gossip", "node"):
        for path in (ROOT / folder).rglob("*.py"):
            used |= {a or b for a, b in pattern.findall(path.read_text(encoding="utf-8"))}
    assert used - CODES == set()


def test_readme_lists_every_code():
    text = (ROOT / "node" / "README.md").read_text(encoding="utf-8")
    listed = text.partition("`code` is one of:")[2].partition(".\n")[0]
    assert set(re.findall(r"`([A-Z_]+)`", listed)) == CODES


def test_unknown_code_is_reported_as_refused():
    assert Refusal("NO_SUCH", "a", "b", "c").code == "REFUSED"


# ---------------------------------------------------------------- words


def test_table_is_aligned_and_figures_stand_right():
    assert table([("vgr", 5), ("skane", 12)], ["region", "n"], right=(1,)).splitlines() == [
        "region   n",
        "vgr      5",
        "skane   12",
    ]


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 kB"), (2_000_000, "2.0 MB")]
)
def test_sizes_in_words(count, words):
    assert size_words(count) == words


def test_every_benchmark_opens_as_the_command_opens_it() -> None:
    for name, path in bench_command.benchmarks().items():
        assert callable(bench_command._load(name, path).run), name
