"""What is left when the study has ended: models and their figures, bundles and their verdict, baselines."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from node.cli.output import GAVE_UP, Refusal
from node.demo.nodes import Node
from protocol.plan import Plan

PATIENCE_S = 600.0


def export_models(nodes: Sequence[Node], study: str, folder: Path, test: Path) -> list[dict[str, Any]]:
    """Export every region's model and score it on the test rows; ``vector`` holds its parameters."""
    from node.learning.evaluate import read_model, score
    from node.models import export_model

    out = []
    for node in nodes:
        path = folder / f"{node.name}.safetensors"
        export_model(node.home, study, path)
        model = read_model(path)
        found = score(model, test)
        figures = {"accuracy": found.accuracy, "auroc": found.auroc}
        out.append({"region": node.name, **figures, "model_sha256": model.sha256, "vector": model.vector})
    return out


def export_bundles(nodes: Sequence[Node], folder: Path, *, opened: bool = False) -> list[Path]:
    """Export every region's log; ``opened``: with what it has kept open."""
    from node.cli.log_export import export_bundle

    folder.mkdir(parents=True, exist_ok=True)
    out = []
    for node in nodes:
        path = folder / f"{node.name}.bundle"
        payloads, openings = ("all", "drawn") if opened else ("kept", "none")
        export_bundle(node.home, path, study=None, payloads=payloads, requester="demo/1", openings=openings)
        out.append(path)
    return out


def audit(bundles: Sequence[Path], study: str) -> dict[str, Any]:
    """Return the audit's report on all bundles."""
    from node.audit import verify

    report: dict[str, Any] = verify(list(bundles), study=bytes.fromhex(study)).to_json()
    return report


class Baselines:
    """Alone and pooled, trained in a process of their own while the nodes are at it."""

    def __init__(self, folder: Path, manifests: Mapping[str, Path], pooled: Path, test: Path, plan: Plan) -> None:
        self._path = folder / "baselines.json"
        self._log = folder / "baselines.log"
        task = {
            "manifests": {name: str(path) for name, path in manifests.items()},
            "pooled": str(pooled),
            "test": str(test),
            "out": str(folder / "alone"),
            "settings": dict(plan.settings),
            "rounds": plan.rounds,
            "seed": plan.seed,
            "sums": list(plan.sums),
            "dp": dict(plan.dp) if plan.dp else None,
        }
        self._path.write_text(json.dumps(task), encoding="utf-8")
        with self._log.open("wb") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "node.demo.baselines", str(self._path)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def close(self) -> None:
        """End the process if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def wait(self) -> dict[str, Any]:
        """Return ``{alone: [...], pooled: {...}}``.

        Raises:
            Refusal: It failed, or took too long.
        """
        try:
            code = self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired as error:
            found = f"training alone and pooled took over {PATIENCE_S:.0f} s"
            raise Refusal("TIMEOUT", found, "an end", "landsting demo --rounds 5", status=GAVE_UP) from error
        if code != 0:
            words = self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-1:]
            raise Refusal(
                "DATA", f"training alone failed: {' '.join(words)}", "a table to train on", "correct the data"
            )
        found_: dict[str, Any] = json.loads(self._path.with_suffix(".done.json").read_text(encoding="utf-8"))
        return found_
