"""The law of the code, checked by a machine."""

from __future__ import annotations

import ast
import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("crypto", "topologies", "protocol", "gossip", "node")
SOURCES = sorted(p for folder in FOLDERS for p in (ROOT / folder).rglob("*.py"))
PURE = [p for p in SOURCES if p.relative_to(ROOT).parts[0] != "node"]


def imported(path: Path) -> set[str]:
    """Top-level names of all modules that a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


def test_each_folder_imports_only_what_lies_below_it() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run([str(lint)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.attack("S24")
@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_nothing_is_ever_unpickled(path: Path) -> None:
    assert not imported(path) & {"pickle", "marshal", "shelve", "dill", "joblib", "cloudpickle"}
    text = path.read_text(encoding="utf-8")
    assert "torch.load(" not in text
    assert "allow_pickle=True" not in text
    assert "recv_pyobj" not in text


@pytest.mark.parametrize("path", PURE, ids=lambda p: str(p.relative_to(ROOT)))
def test_outside_node_there_is_no_clock_disk_socket_or_chance(path: Path) -> None:
    forbidden = {"time", "asyncio", "socket", "random", "secrets", "sqlite3", "subprocess", "threading", "pathlib"}
    assert not imported(path) & forbidden
    calls = {
        node.func.id
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert "open" not in calls


@pytest.mark.attack("S13")
def test_no_generator_of_numpy_makes_a_mask() -> None:
    for path in [*(ROOT / "crypto").rglob("*.py"), *(ROOT / "gossip").rglob("*.py")]:
        assert "np.random" not in path.read_text(encoding="utf-8"), path


def test_no_other_distribution_owns_our_names() -> None:
    owners = importlib.metadata.packages_distributions()
    for name in FOLDERS:
        assert {o.lower() for o in owners.get(name, ["landsting"])} == {"landsting"}


def test_help_starts_without_any_heavy_import() -> None:
    result = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "node", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {line.split("|")[-1].strip() for line in result.stderr.splitlines() if "|" in line}
    heavy = {"numpy", "networkx", "torch", "pandas", "zmq", "sklearn", "opacus", "rich", "pydantic", "cryptography"}
    assert not heavy & loaded
