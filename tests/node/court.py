"""``landsting-audit.pyz`` in an interpreter without site-packages, beside the audit that it has to agree with."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from node.audit import Report, pyz


@functools.cache
def tool() -> Path:
    """The file, built once."""
    path = Path(tempfile.mkdtemp(prefix="court-")) / pyz.NAME
    path.write_bytes(pyz.build())
    return path


def run(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run it with the standard library and nothing else: no site-packages, no environment, no current folder."""
    command = [sys.executable, "-I", "-S", str(tool()), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=cwd, env={})


def agrees(report: Report, bundles: Sequence[Path], study: bytes | None) -> None:
    """Both say the same: exit code, findings with all their evidence, answers, counts."""
    named = ["--study", study.hex()] if study is not None else []
    done = run("verify", *bundles, *named, "--json")
    assert done.returncode == report.exit_code, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    assert said == json.loads(json.dumps(report.to_json()))
