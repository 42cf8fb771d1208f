"""Runs a function of a benchmark in a process of its own, to know what it takes.

The figures are CPU seconds and the largest resident memory of that process, imports included.
"""

from __future__ import annotations

import importlib.util
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


def measured(file: str, function: str, *args: str) -> dict[str, Any]:
    """Return what ``function(*args)`` of a file returns, with ``cpu_s``, ``wall_s`` and ``peak_mb`` beside it."""
    done = subprocess.run(
        [sys.executable, __file__, file, function, *args], check=True, capture_output=True, text=True, cwd=ROOT
    )
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


ROOT = Path(__file__).resolve().parents[1]

if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    began = time.monotonic()
    spec = importlib.util.spec_from_file_location("child_of_benchmark", sys.argv[1])
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = getattr(module, sys.argv[2])(*sys.argv[3:])
    used = resource.getrusage(resource.RUSAGE_SELF)
    more = {
        "cpu_s": used.ru_utime + used.ru_stime,
        "wall_s": time.monotonic() - began,
        "peak_mb": used.ru_maxrss / 1024,
    }
    print(json.dumps({**found, **more}))
