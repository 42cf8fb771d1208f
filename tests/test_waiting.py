"""The suite's own plugin: what takes long is named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_a_test_that_takes_long_is_named_while_it_runs(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        "from tests.waiting import Waiting\n"
        "def pytest_configure(config): config.pluginmanager.register(Waiting(config, 0.2))\n"
    )
    (tmp_path / "test_two.py").write_text("import time\ndef test_quick(): pass\ndef test_long(): time.sleep(1)\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-n", "1", "-p", "no:cacheprovider", str(tmp_path)]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)

    assert done.returncode == 0, done.stdout
    assert " s: test_two.py::test_long" in done.stdout
    assert "test_quick" not in done.stdout
