"""Rows by CTGAN or TVAE at their defaults: a script for a Python that has ``ctgan``; no benchmark itself.

``PYTHON -I gan_others.py CTGAN|TVAE SEED ROWS IN.csv OUT.csv COLUMN…``, the columns that are not numbers at the end.
Prints one line of JSON: CPU seconds of fitting and sampling together, without imports, and versions.

``ctgan`` (DataCebo, Inc.) is under the Business Source License 1.1, which by its own words is not an open-source
licence: use is free except for offering a synthetic data service to third parties, and each release becomes MIT after
four years. Therefore it is nobody's dependency here: it is imported in this file only, never by this project's Python,
and nothing of it is copied.
"""

from __future__ import annotations

import importlib
import json
import sys
import time


def main(kind: str, seed: int, rows: int, source: str, target: str, discrete: list[str]) -> None:
    """Read a table, learn it, write as many rows as asked."""
    ctgan = importlib.import_module("ctgan")
    pandas, numpy, torch = (importlib.import_module(name) for name in ("pandas", "numpy", "torch"))
    torch.set_num_threads(1)
    numpy.random.seed(seed)
    torch.manual_seed(seed)
    frame = pandas.read_csv(source, dtype=dict.fromkeys(discrete, str))
    model = getattr(ctgan, kind)()
    model.set_random_state(seed)
    start = time.process_time()
    model.fit(frame, discrete)
    made = model.sample(rows)
    used = time.process_time() - start
    made.to_csv(target, index=False)
    print(json.dumps({"cpu_s": used, "ctgan": ctgan.__version__, "torch": torch.__version__}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5], sys.argv[6:])
