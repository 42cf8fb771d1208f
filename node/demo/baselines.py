"""What the table compares with, in a process of its own: each region alone, and all rows pooled.

Run as ``python -m node.demo.baselines FILE``: reads its task from the JSON file and writes the
answer beside it. It runs while the nodes train, at lower priority, and keeps torch out of the demo.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any


def main(path: Path) -> int:
    """Train and score; write ``{alone: [...], pooled: {...}}``."""
    os.nice(10)
    from node.learning.baselines import train_alone

    task: dict[str, Any] = json.loads(path.read_text())
    dp = task["dp"]

    def one(region: str, manifest: str, use_dp: bool) -> dict[str, Any]:
        out = Path(task["out"]) / f"{region}.safetensors"
        found = train_alone(
            Path(manifest), Path(task["test"]), out, region=region, settings=task["settings"], rounds=task["rounds"],
            seed=task["seed"], sums=task["sums"], dp=dp if use_dp else None,
        )  # fmt: skip
        return {
            "region": region,
            "accuracy": found.score.accuracy,
            "auroc": found.score.auroc,
            "model_sha256": found.sha256,
        }

    answer = {
        "alone": [one(region, manifest, True) for region, manifest in task["manifests"].items()],
        "pooled": one("pooled", task["pooled"], False),
    }
    done = path.with_suffix(".done.json")
    part = done.with_suffix(".part")
    part.write_text(json.dumps(answer))
    part.replace(done)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
