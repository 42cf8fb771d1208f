"""Everything measured of one synthetic data set at one region, and the report that says it.

R are the region's training rows, H its held-out rows, S the synthetic rows, of which as many as R are looked at.
The same rows and seed give the same report.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from node.learning.data.rows import Rows
from node.learning.data.schema import Schema, Target
from node.learning.errors import GateError
from node.learning.synth.measure import attacks, distance, likeness, pictures, utility
from node.learning.synth.measure.gate import Circumstances, Figure, Report, Thresholds, judge
from node.learning.synth.measure.tables import FEWEST, MOST_ROWS, Doubles, Space, Table, is_continuous, table_of

Discriminator = Callable[[Rows], Doubles]


@dataclass(frozen=True, slots=True)
class Sides:
    """The rows that are compared.

    Attributes:
        real, held, synthetic: R, H and S; H shares no patient with R, S was made by a generator trained on R.
        schema: Of all three.
        k: Smallest group of patients alike in what leaves the region.
        sensitive: Columns that somebody may want to guess; empty: what is learned, and every listed category.
        common: Levels known to be common in all regions together: see ``likeness.broken_by_rarity``.
        discriminator: The logit of each row by the region's own discriminator, dropout off; None: not at hand.
        seed: Of draws, folds and bootstraps.
    """

    real: Rows
    held: Rows
    synthetic: Rows
    schema: Schema
    k: int = 5
    sensitive: Sequence[str] = ()
    common: Mapping[str, Sequence[bool]] | None = None
    discriminator: Discriminator | None = None
    seed: int = 0


@dataclass(slots=True)
class Found:
    """What was measured.

    Attributes:
        continuous: Whether equal rows are copies.
    """

    figures: dict[str, Figure] = field(default_factory=dict)
    counts: dict[str, int | None] = field(default_factory=dict)
    pictures: dict[str, Any] = field(default_factory=dict)
    continuous: bool = True


@dataclass(frozen=True, slots=True)
class About:
    """Where a synthetic data set comes from; fields as in ``Report``."""

    study: str
    model: str
    data: str
    schema: str
    region: str
    seed: int
    rows: int


def report_of(found: Found, about: About, asked: Thresholds, under: Circumstances) -> Report:
    """Return the report of what was measured, with the outcome of every test."""
    return Report(
        about.study, about.model, about.data, about.schema, about.region, under.kind, about.seed, about.rows,
        judge(found.figures, asked, under), under.dp, found.counts, found.figures, found.pictures,
    )  # fmt: skip


def shown(count: int) -> int | None:
    """Return a count, None from 1 to 9."""
    return count if count == 0 or count >= FEWEST else None


def measure(sides: Sides) -> Found:
    """Return every figure of a synthetic table.

    Raises:
        GateError: A side without any row, from which nothing follows.
    """
    real, held, every = (table_of(rows, sides.schema) for rows in (sides.real, sides.held, sides.synthetic))
    if not len(real) or not len(every):
        which = "synthetic" if len(real) else "real training"
        raise GateError(f"0 {which} rows", "rows to compare", "Generate more, or lower settings.test_share.")
    seed = sides.seed
    real, held = real.drawn(MOST_ROWS, seed), held.drawn(MOST_ROWS, seed)
    some = every.drawn(len(real), seed)
    out = Found(continuous=is_continuous(real))
    out.counts = {
        "real": shown(len(sides.real)), "held_out": shown(len(sides.held)), "synthetic": len(every),
        "compared": shown(len(some)), "patients": shown(len(np.unique(real.patients))),
    }  # fmt: skip
    _likeness(out, real, held, some, every, sides)
    _use(out, real, held, some, seed)
    _distances(out, real, held, some, every, seed)
    _attacks(out, real, held, some, sides)
    return out


def _likeness(out: Found, real: Table, held: Table, some: Table, every: Table, sides: Sides) -> None:
    shapes, pairs = likeness.shapes(real, some, sides.seed), likeness.pairs(real, some, sides.seed)
    beside = [measure(real, held, None).value if len(held) else None for measure in (likeness.shapes, likeness.pairs)]
    out.figures["shapes"] = shapes.figure(beside[0], "no_columns")
    out.figures["pairs"] = pairs.figure(beside[1], "few_columns" if len(real.fields) < 2 else "no_columns")
    covered = likeness.coverage(real, some)
    out.figures["coverage"] = Figure(covered, against=likeness.coverage(real, held) if len(held) else None)
    absent, exposed = likeness.broken_by_rarity(real, every, sides.common)
    out.figures["rare"] = Figure(float(absent + exposed))
    out.counts |= {
        "undefined": shapes.undefined + pairs.undefined, "levels_absent": absent, "levels_exposed": exposed
    }  # fmt: skip
    out.figures["missing_gap"] = Figure(likeness.missing_gap(real, some))
    shown_real, shown_made = pictures.coarse(real, some)
    out.pictures["columns"] = pictures.marginals(shown_real, shown_made)
    out.pictures["pairs"] = pictures.together(shown_real, shown_made)


def _use(out: Found, real: Table, held: Table, some: Table, seed: int) -> None:
    detected, scores, made = utility.scored_detection(real, some, seed)
    out.figures["detection_auroc"] = detected
    out.pictures["roc"] = {"detection": pictures.roc(scores, made)} if len(scores) else {}
    inputs = utility.inputs_of(real, held, some)
    figure = inputs[0].truth.figure if inputs is not None else "auroc"
    for model in utility.MODELS:
        end = figure if model == "logistic" else f"{figure}_{model}"
        if inputs is None:
            none = Figure(None, why="no_label")
            out.figures |= {f"tstr_{end}": none, f"trtr_{end}": none, f"trts_{end}": none}
            continue
        r, h, s = inputs
        trtr = utility.transfer(model, r, h, seed)
        out.figures[f"trtr_{end}"] = trtr
        out.figures[f"tstr_{end}"] = utility.transfer(model, s, h, seed, trtr.value)
        out.figures[f"trts_{end}"] = utility.transfer(model, r, s, seed, trtr.value)
    if inputs is not None and (inputs[0].truth.target, inputs[0].truth.width) == (Target.CLASSES, 2):
        for name, fitted_on in (("real", inputs[0]), ("synthetic", inputs[2])):
            said = utility.predictions("logistic", fitted_on, inputs[1])
            if said is not None:
                out.pictures["roc"][name] = pictures.roc(said[:, 1], inputs[1].truth.y[:, 0] == 1)
    label = real.label()
    theirs = some.label()
    if label is not None and theirs is not None:
        out.pictures["classes"] = {
            "names": list(next(one.levels for one in real.fields if one.label)),
            "real": pictures.classes(label[0], label[1], real.patients),
            "synthetic": pictures.classes(theirs[0], theirs[1]),
        }


def _distances(out: Found, real: Table, held: Table, some: Table, every: Table, seed: int) -> None:
    space = Space.of(real)
    r, h, s = (space.place(table) for table in (real, held, some))
    patients = (real.patients, held.patients)
    to_s = distance.nearest(r, s)[0], distance.nearest(h, s)[0]
    out.figures["mia_distance"] = distance.membership((-to_s[0], -to_s[1]), patients, seed)
    out.figures["dcr_share"] = distance.dcr_share(s, r, h, patients, seed)
    everybody = np.concatenate([r, h])  # who was kept back is a patient too
    copies = sum(
        distance.exact_copies(space.place(every.take(np.arange(a, min(a + 20_000, len(every))))), everybody)
        for a in range(0, len(every), 20_000)
    )
    by_chance = distance.exact_copies(h, r) * len(every) / len(h) if len(h) else None
    out.figures["exact_copies"] = Figure(float(copies), against=by_chance)
    few = min(len(r), len(h))
    mine, theirs = (np.random.default_rng(0).permutation(len(x))[:few] for x in (r, h))
    out.pictures["distances"] = {
        "synthetic_real": pictures.distances(distance.nearest(s, r[mine])[0]) if few else [],
        "synthetic_held": pictures.distances(distance.nearest(s, h[theirs])[0]) if few else [],
        "held_real": pictures.distances(distance.nearest(h, r[mine])[0]) if few else [],
    }
    was = np.repeat([True, False], [len(r), len(h)])
    out.pictures["roc"]["membership"] = pictures.roc(-np.concatenate(to_s), was)


def judged(out: Found, sides: Sides) -> None:
    """Put what the discriminator tells of membership among the figures."""
    if sides.discriminator is None:
        out.figures["mia_discriminator"] = Figure(None, why="no_discriminator")
        return
    sets = (sides.real, sides.held)
    a, b = (np.asarray(sides.discriminator(rows), np.float64) for rows in sets)
    owners = [np.unique(np.asarray(rows.patients, dtype=object).astype(str), return_inverse=True)[1] for rows in sets]
    patients = (owners[0].astype(np.int64).reshape(-1), owners[1].astype(np.int64).reshape(-1))
    out.figures["mia_discriminator"] = distance.membership((a, b), patients, sides.seed)
    was = np.repeat([True, False], [len(a), len(b)])
    out.pictures["roc"]["discriminator"] = pictures.roc(np.concatenate([a, b]), was)


def _attacks(out: Found, real: Table, held: Table, some: Table, sides: Sides) -> None:
    judged(out, sides)
    wanted = list(sides.sensitive) or [
        one.name for one in real.fields if one.label or (one.levels and not one.quasi)
    ]  # fmt: skip
    guesses, gains = dict[str, Figure](), dict[str, Figure]()
    for column in wanted[: pictures.MOST_COLUMNS]:
        guesses[column], gains[column] = attacks.attribute_inference(real, held, some, column, sides.seed)
    known = {name: gain.value for name, gain in gains.items() if gain.value is not None}
    worst = max(known, key=lambda name: known[name], default=None)
    none = next(iter(gains.values()), Figure(None, why="no_sensitive"))
    out.figures["attribute_inference"] = guesses[worst] if worst is not None else none
    out.figures["attribute_gain"] = gains[worst] if worst is not None else none
    out.pictures["attributes"] = [
        {"name": name, "value": guesses[name].value, "against": guesses[name].against} for name in gains
    ]
    few, nobody, count = attacks.k_map(real, some, sides.k)
    out.figures |= {"k_map": few, "k_map_none": nobody}
    out.counts["k_map"] = shown(count)
