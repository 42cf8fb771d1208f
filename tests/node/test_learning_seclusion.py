"""What the training worker cannot reach: no socket, and no keys where the system has user namespaces."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # as the worker is started
TRY = """
import json, os, socket, sys
from node.learning.seclusion import seclude
from pathlib import Path
done = seclude([sys.argv[1]])
def tried(what):
    try:
        what()
    except OSError as error:
        return type(error).__name__
    return "reached"
print(json.dumps({
    "done": done,
    "tcp": tried(lambda: socket.create_connection(("127.0.0.1", 9), 1)),
    "unix": tried(lambda: socket.socket(socket.AF_UNIX)),
    "keys": Path(sys.argv[1]).read_text() if tried(lambda: Path(sys.argv[1]).read_text()) == "reached" else None,
    "beside": Path(sys.argv[1]).with_name("table.csv").read_text(),
    "written": tried(lambda: Path(sys.argv[1]).with_name("state").write_text("x")),
}))
"""


@pytest.fixture
def found(tmp_path: Path) -> dict[str, object]:
    """What a process finds that has shut itself off."""
    (tmp_path / "keys").write_text("secret")
    (tmp_path / "table.csv").write_text("rows")
    ran = subprocess.run(
        [sys.executable, "-c", TRY, str(tmp_path / "keys")], env={**os.environ, **ONE_THREAD, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    out: dict[str, object] = json.loads(ran.stdout)
    return out


@pytest.mark.skipif(sys.platform != "linux", reason="seccomp is Linux's")
def test_no_socket_can_be_opened_and_data_is_still_there(found: dict[str, object]) -> None:
    assert "network" in found["done"]  # type: ignore[operator] # a list
    assert found["tcp"] == found["unix"] == "PermissionError"
    assert found["beside"] == "rows"
    assert found["written"] == "reached"


def test_the_keys_are_out_of_reach_where_it_says_so(found: dict[str, object]) -> None:
    if "keys" not in found["done"]:  # type: ignore[operator] # a list
        pytest.skip("this system has no user namespaces for us")
    assert found["keys"] in (None, "")
