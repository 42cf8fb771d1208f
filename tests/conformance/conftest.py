"""One demo of five daemons with differential privacy, for all that audit real logs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from node.home import Home
from tests.node.kept import Kept


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """What a demo of five regions and four rounds left behind; the last bundle's region is the one that lies."""
    folder = tmp_path_factory.mktemp("demo") / "kept"
    command = [sys.executable, "-m", "node", "demo", "--regions", "5", "--rounds", "4", "--dp", "epsilon=3,delta=1e-3"]
    done = subprocess.run(
        [*command, "--dir", str(folder), "--keep", "--json"], capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    keys = {name: Home.open(Path(home)).keys() for name, home in said["homes"].items()}
    bundles = {path.stem: path for path in sorted(folder.rglob("*.bundle"))}
    models = {path.stem: path for path in (folder / "models").glob("*.safetensors")}
    return Kept(bytes.fromhex(said["study"]), said["audit"]["verdict"], bundles, keys, models)
