"""What a region sees of a generator of tables while it trains: a few figures, and a sheet of made rows."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import numpy as np
from numpy.typing import NDArray

from node.learning.hashing import stream
from node.learning.synth import tables, watch
from node.learning.synth.coding import TableCoding
from node.learning.task import Encoded
from node.learning.vectors import Floats

SHEET_ROWS = 20


def figures(parameters: Mapping[str, Floats], rows: Encoded, noise: int) -> dict[str, float | None]:
    """Return figures of made rows against real ones; what is undefined is None.

    ``synthetic_auroc``: on the real rows, of a line fitted on made ones. ``bins``: mean over columns of how alike
    the shares of their bins and categories are, 1 is equal; before ``sampling.correction``. ``links``: the same of
    covariances. ``spread``: see ``watch``.
    """
    coding = rows.coding
    assert coding is not None
    rng = np.random.Generator(stream("synth-evaluate"))
    labels = tables.drawn_labels(coding.prior, watch.SAMPLES, rng)
    made = tables.sample(parameters, coding, labels, noise, rng)
    found = watch.look(made, labels, rows, judged=rows)
    alike = links = None
    if len(rows) > 1:
        links = _links(made, labels, rows)
        gaps = [
            np.abs(made[:, p.at : p.until].mean(axis=0) - rows.x[:, p.at : p.until].mean(axis=0)).sum() / 2
            for p in coding.parts
        ]
        alike = 1 - float(np.mean(gaps))
    return {"synthetic_auroc": found.auroc, "bins": alike, "links": links, "spread": found.spread}


def _links(made: Floats, labels: NDArray[np.int64], rows: Encoded) -> float | None:
    """Return how near covariances of made rows and labels are to real ones: 1 - |C - C'| / |C|, Frobenius."""
    assert rows.coding is not None
    classes = len(rows.coding.classes)
    offsets = list(rows.coding.offsets)  # places within bins have more variance than all else, and say little
    real, false = (
        np.cov(np.concatenate([np.delete(x, offsets, axis=1), tables.one_hot(y, classes)], axis=1), rowvar=False)
        for x, y in ((rows.x, rows.y), (made, labels))
    )
    size = float(np.linalg.norm(real))
    return 1 - float(np.linalg.norm(real - false)) / size if size > 0 else None


def sheet(parameters: Mapping[str, Floats], coding: TableCoding, noise: int) -> bytes:
    """Return a page of made rows, UTF-8: the head of a table. No real row stands on it."""
    rng = np.random.Generator(stream("synth-sheet"))
    labels = tables.drawn_labels(coding.prior, SHEET_ROWS, rng)
    frame = coding.decode(tables.sample(parameters, coding, labels, noise, rng), labels)
    head = "".join(f"<th>{escape(str(name))}</th>" for name in frame.columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{_cell(value)}</td>" for value in row) + "</tr>\n"
        for row in frame.astype(object).to_numpy().tolist()
    )
    return PAGE.format(n=len(frame), head=head, body=body).encode()


def _cell(value: object) -> str:
    if value is None or str(value) == "<NA>" or value != value:  # NaN differs from itself; NA must not be compared
        return '<span class="none">–</span>'
    return escape(f"{value:.6g}" if isinstance(value, float) else str(value))


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Made-up rows</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #1d2430; }}
h1 {{ font-size: 1.3rem; margin-bottom: .2rem; }}
p {{ margin: .2rem 0; color: #4a5568; }}
.wide {{ overflow-x: auto; margin-top: 1rem; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; white-space: nowrap; }}
th, td {{ padding: .3rem .8rem; text-align: right; border-bottom: 1px solid #e2e8f0; }}
th {{ color: #4a5568; font-weight: 600; border-bottom: 2px solid #cbd5e0; }}
.none {{ color: #a0aec0; }}
</style></head><body>
<h1>{n} made-up rows · {n} påhittade rader</h1>
<p>Made by the generator after this round's training here; no real row is shown. For this region's own eyes.</p>
<p lang="sv">Gjorda av generatorn efter rundans träning här; ingen verklig rad visas. Bara för regionens egna ögon.</p>
<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>
{body}</tbody></table></div>
</body></html>
"""
