"""The MIMIC-IV mortality cohort: counts as documented, CPU seconds and memory, on the demo and on 60 times its events.

The demo (``../shared/data/mimic-iv-demo-relayout``) has 100 real patients, de-identified; where it is absent there is
no figure. The larger files repeat its chart events: what is measured is that they stream.
"""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.child import ROOT, measured

DEMO = ROOT.parent / "shared" / "data" / "mimic-iv-demo-relayout"
STAYS, DEATHS = 83, 7
TIMES = 60
MAX_S, MAX_MB = 60, 2000


def run(seed: int) -> list[dict[str, Any]]:
    """Return counts and cost; the seed changes nothing, the cohort is a rule."""
    if not DEMO.is_dir():
        return [{"name": "mimic-cohort.stays", "value": None, "unit": f"{DEMO.name} is absent"}]
    demo = measured(__file__, "cohort", str(DEMO))
    with tempfile.TemporaryDirectory(prefix="landsting-mimic-") as folder:
        _larger(Path(folder))
        large = measured(__file__, "cohort", folder)
    return [
        {"name": "mimic-cohort.stays", "value": demo["stays"], "unit": "stays", "limit": STAYS,
         "direction": "exactly"},
        {"name": "mimic-cohort.deaths", "value": demo["deaths"], "unit": "deaths", "limit": DEATHS,
         "direction": "exactly"},
        {"name": "mimic-cohort.blocking", "value": demo["blocking"], "unit": "checks", "limit": 0},
        {"name": "mimic-cohort.cpu", "value": demo["cpu_s"], "unit": "s", "limit": MAX_S},
        {"name": "mimic-cohort.wall", "value": demo["wall_s"], "unit": "s"},  # as of the machine's other work
        {"name": "mimic-cohort.memory", "value": demo["peak_mb"], "unit": "MB", "limit": MAX_MB},
        {"name": f"mimic-cohort.cpu.x{TIMES}", "value": large["cpu_s"], "unit": "s", "limit": MAX_S},
        {"name": f"mimic-cohort.wall.x{TIMES}", "value": large["wall_s"], "unit": "s"},
        {"name": f"mimic-cohort.memory.x{TIMES}", "value": large["peak_mb"], "unit": "MB", "limit": MAX_MB},
        {"name": f"mimic-cohort.stays.x{TIMES}", "value": large["stays"], "unit": "stays", "limit": STAYS,
         "direction": "exactly"},
    ]  # fmt: skip


def cohort(folder: str) -> dict[str, Any]:
    """Return counts of the data sheet of a MIMIC-IV folder, read through all gates."""
    from node.learning.data.adapters.mimic import draft
    from node.learning.data.check import inspect
    from node.learning.data.manifest import parse, to_toml

    sheet = inspect(parse(to_toml(draft(Path(folder))), Path("mimic.toml")), Path("/"))
    return {"stays": sheet.rows, "deaths": sheet.classes["1"], "blocking": len(sheet.blocking)}


def _larger(folder: Path) -> None:
    """Write the demo with its chart events many times over, gzipped as the full files are."""
    for part in ("hosp", "icu"):
        (folder / part).mkdir()
        for path in (DEMO / part).iterdir():
            if not path.name.startswith("chartevents"):
                (folder / part / path.name).symlink_to(path)
    whole = gzip.decompress((DEMO / "icu" / "chartevents.csv.gz").read_bytes())
    header, _, rows = whole.partition(b"\n")
    with gzip.open(folder / "icu" / "chartevents.csv.gz", "wb", compresslevel=1) as file:
        file.write(header + b"\n")
        for _ in range(TIMES):
            file.write(rows)
