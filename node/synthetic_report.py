"""Synthetic data measured at one region: gathers the rows, measures, and writes the report and its page.

The real rows are the study's own in this home (training rows R, and its validation rows or another table H), or two
tables named by hand. Reads the home; sends nothing, releases nothing. A region's own discriminator is asked where it
stays; it does not leave.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from node.cli.output import Refusal
from node.learning.errors import ConfigError
from node.synthetic import IMAGES, INDEX, MANIFEST, Origin, about_model, data_sha256, manifest_of

if TYPE_CHECKING:
    from node.learning.data.rows import Rows
    from node.learning.data.schema import Schema
    from node.learning.preprocessing import GlobalStats
    from node.learning.synth.coding import TableCoding
    from node.learning.synth.measure.gate import Report, Thresholds
    from node.learning.synth.measure.measuring import Discriminator
    from node.learning.trainer import Trainer
    from protocol.plan import Plan

SHARED = "both"  # of the setting ``share``: the discriminator travels
RARE = 10


@dataclass(frozen=True, slots=True)
class Real:
    """What synthetic rows are compared with at one region.

    Attributes:
        real, held: Training rows and rows that the generator never saw.
        model: SHA-256 (hex) of the generator's file as this home exports it.
        shared: Regions ever sent the discriminator.
        backs: How often the generator was put back here while it trained; None where nobody counted.
    """

    schema: Schema
    real: Rows
    held: Rows
    region: str
    task: str
    model: str
    k: int
    shared: bool
    thresholds: Thresholds
    dp: Mapping[str, float | int | str] | None = None
    common: Mapping[str, Sequence[bool]] | None = None
    discriminator: Discriminator | None = None
    backs: int | None = None


def measured(data: Path, real: Real, *, sensitive: Sequence[str] = (), seed: int = 0) -> Report:
    """Return the report of synthetic data beside what is real.

    Raises:
        Refusal: The data were made by another model, or have no manifest that says where they come from.
        ConfigError, GateError: They are not what their manifest says, or there is nothing to compare.
    """
    from node.learning.synth.measure.gate import Circumstances
    from node.learning.synth.measure.measuring import About, Sides, measure, report_of

    _, origin = made_by(data)
    rows = synthetic_rows(data, real)
    if unknown := sorted(set(sensitive) - {column.name for column in real.schema.columns}):
        raise Refusal("USAGE", f"--sensitive {unknown[0]}", "a column of the schema", "Correct it.", status=2)
    sides = Sides(
        real.real, real.held, rows, real.schema, real.k, tuple(sensitive), real.common, real.discriminator, seed
    )  # fmt: skip
    if real.task in IMAGES:
        from node.learning.synth.measure.measuring_images import measure_images

        found, kind = measure_images(sides), "images"
    else:
        found, kind = measure(sides), "table"
    found.counts |= {"backs": real.backs} if real.backs is not None else {}
    under = Circumstances(kind, found.continuous, real.shared, real.dp)
    about = About(
        origin.study, origin.model, data_sha256(data), real.schema.hash.hex(), real.region, origin.seed, len(rows)
    )  # fmt: skip
    return report_of(found, about, real.thresholds, under)


def synthetic_rows(data: Path, real: Real) -> Rows:
    """Return the synthetic rows of a file that the model beside them made.

    Raises:
        Refusal: Another model made them, or they have another schema.
    """
    from node.learning.data.table import read

    manifest, origin = made_by(data)
    if origin.model != real.model:
        raise Refusal(
            "DATA", f"{data.name} was made by model {origin.model[:16]}…", f"by this one, {real.model[:16]}…",
            "Name the model or the study that made it, or generate it anew.",
        )  # fmt: skip
    if manifest.schema_().hash != real.schema.hash:
        raise Refusal(
            "DATA", f"{data.name} has another schema than the real rows", "the same columns",
            "Use the manifest that synth generate wrote.",
        )  # fmt: skip
    if data.is_dir():
        _only_listed(data, manifest.schema_())
    # What no generator makes has no figure: a table that has such a column all the same is refused as it is read.
    measured_columns = [one for one in manifest.column if one.role not in ("ignore", "direct_identifier")]
    beside = {one.since for one in measured_columns}
    kept = tuple(one for one in manifest.column if one in measured_columns or one.name in beside)
    return read(manifest.model_copy(update={"column": kept}), manifest_of(data).parent)[0]


def _only_listed(folder: Path, schema: Schema) -> None:
    """Refuse a folder that holds anything but its manifest, its index and the images in it: nobody would judge it.

    Raises:
        Refusal: It does; links are not followed.
    """
    import csv

    assert schema.image is not None
    with (folder / INDEX).open(encoding="utf-8", newline="") as file:
        listed = {row.get(schema.image.name) for row in csv.DictReader(file)} | {INDEX, MANIFEST}
    for one in sorted(folder.rglob("*")):
        if one.is_symlink() or (not one.is_dir() and one.relative_to(folder).as_posix() not in listed):
            raise Refusal(
                "DATA", f"{folder.name} holds {one.relative_to(folder)}, which is not in its index",
                "the images that synth generate wrote, and nothing else", "Remove it, or generate the folder anew.",
            )  # fmt: skip


def made_by(data: Path) -> tuple[Any, Origin]:
    """Return the manifest of synthetic data and where they come from.

    Raises:
        Refusal: It does not say so.
    """
    from node.learning.data.manifest import load

    if not data.exists():
        raise Refusal("FILE", f"there is no {data}", "a file that synth generate wrote", "Check the path.")
    manifest = load(manifest_of(data))
    origin = Origin.of_text(manifest.source_system)
    if origin is None or not manifest.synthetic:
        raise Refusal(
            "DATA", f"{manifest_of(data).name} does not say which model made {data.name}",
            "the manifest that synth generate wrote", "landsting synth generate",
        )  # fmt: skip
    return manifest, origin


def write(report: Report, page: Path, name: str, lang: str) -> Path:
    """Write a report's page, and beside it the report as JSON; return the latter's path."""
    from node.learning.state import write_whole
    from node.learning.synth.measure.page import page as html

    beside = page.with_suffix(".json")
    page.parent.mkdir(parents=True, exist_ok=True)
    write_whole(beside, report.to_bytes(), 0o644)
    write_whole(page, html(report, name, lang).encode(), 0o644)
    return beside


# ---------------------------------------------------------------- where the real rows come from


def of_files(model: Path, real: Path, held: Path, region: str) -> Real:
    """Return what two manifests name, for a model in a file.

    Raises:
        ConfigError, GateError: They cannot be read, or hold other columns than the model.
    """
    import hashlib

    from node.learning.data.manifest import load
    from node.learning.data.table import read
    from node.learning.files import file_bytes
    from node.learning.synth.measure.gate import Thresholds

    about = about_model(model)
    manifests = [load(path) for path in (real, held)]
    schema = manifests[0].schema_()
    for manifest, path in zip(manifests, (real, held), strict=True):
        if manifest.schema_().value() != about["schema"]:
            raise ConfigError(f"{path.name} has other columns than the model", "its schema", "Name another manifest.")
        if manifest.synthetic:
            raise ConfigError(f"{path.name} is synthetic itself", "real rows", "Name the manifest of real rows.")
    rows = [read(manifest, path.parent)[0] for manifest, path in zip(manifests, (real, held), strict=True)]
    settings = about.get("settings", {})
    return Real(
        schema, rows[0], rows[1], region, str(about["task"]),
        hashlib.sha256(file_bytes(model, "model")).hexdigest(), manifests[0].k,
        settings.get("share") == SHARED, Thresholds(), about.get("dp"), _open_categories(about),
    )  # fmt: skip


def of_study(home: Path, study: str, held: Path | None) -> Real:
    """Return a study's own rows at this home, and what its plan asks of a release.

    Args:
        held: Manifest of rows that the study never saw; None: its validation rows.

    Raises:
        Refusal: The home holds no model, or no row was kept back.
    """
    import tempfile

    from node.learning.data.manifest import load
    from node.learning.data.table import read
    from node.learning.preprocessing import global_stats
    from node.learning.synth.measure.gate import Thresholds
    from node.learning.task import BACKS
    from node.learning.trainer import NEWEST
    from node.models import held_model
    from protocol.release import MODEL_TESTS

    found = held_model(home, study)
    trainer = found.trainer
    if trainer.schema is None or trainer.rows is None or trainer.validation is None:
        raise Refusal("DATA", "a study that learns from no data", "one with a generator", "landsting model list")
    kept = trainer.validation
    if held is not None:
        manifest = load(held)
        if manifest.schema_().hash != trainer.schema.hash:
            raise ConfigError(f"{held.name} has another schema", "the study's", "Name another manifest.")
        kept = read(manifest, held.parent)[0]
    if not len(kept):
        raise Refusal(
            "DATA", "no rows to test on: the study kept none back (settings.test_share)", "rows that it never saw",
            f"landsting synth report {study[:12]} --home {home} --held-out MANIFEST.toml",
        )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        sha256 = trainer.export(found.vector, found.totals, Path(folder) / "model.safetensors")
    asked = {name: value for name, value in found.plan.release["tests"].items() if name not in MODEL_TESTS}
    bound = load(trainer.manifest) if trainer.manifest is not None else None
    stats = global_stats(trainer.schema, trainer.sums, found.totals, noise=_noise(trainer))
    return Real(
        trainer.schema, trainer.rows, kept, trainer.region, trainer.task.name, sha256,
        bound.k if bound is not None else 5, trainer.settings.get("share") == SHARED,
        Thresholds.of_plan(asked), privacy(trainer, found.plan),
        _common(trainer.schema, stats), discriminator(trainer, found.vector, stats),
        len(trainer._state.before(NEWEST).get(BACKS, ())),
    )  # fmt: skip


def _open_categories(about: Mapping[str, Any]) -> dict[str, list[bool]]:
    """Return the categories that the sums opened as common: those that the coding of a generator may use."""
    parts = about.get("coding", {}).get("parts", ())
    return {one["name"]: list(one["open"]) for one in parts if one["kind"] == "category" and one["shares"] is not None}


def _common(schema: Schema, stats: GlobalStats | None) -> dict[str, list[bool]]:
    """Return levels that at least 10 rows of all regions together have, as far as the sums opened it."""
    if stats is None:
        return {}
    out: dict[str, list[bool]] = {}
    for column in schema.features:
        if column.kind == "category" and column.name in stats.rare:
            rare = set(stats.rare[column.name])
            out[column.name] = [place not in rare for place in range(len(column.categories))]
        elif column.kind == "boolean" and column.name in stats.mean:
            ones = stats.mean[column.name] * stats.present.get(column.name, 0)
            out[column.name] = [stats.present.get(column.name, 0) - ones >= RARE, ones >= RARE]
    if stats.classes and len(schema.labels) == 1:
        out[schema.label.name] = [n >= RARE for n in stats.classes]
    return out


# ---------------------------------------------------------------- privacy


def _noise(trainer: Trainer) -> tuple[float, int] | None:
    """Return what sums were opened with: the noise of each region, and how many added it."""
    from node.learning.accounting import MICRO

    if trainer.terms is None or not trainer.sums:
        return None
    return trainer.terms.statistics_sigma_u(len(trainer.sums)) / MICRO, trainer.regions


def privacy(trainer: Trainer, plan: Plan) -> dict[str, float | int | str] | None:
    """Return what the plan's training costs in all by the agreed accountant; None without DP.

    Sums with noise count, each as one step at rate 1.
    """
    from node.learning.accounting import MICRO, Spent, epsilon

    terms = trainer.terms
    if terms is None:
        return None
    steps = plan.rounds * int(trainer.settings["local_steps"])
    spent = [Spent(terms.q_u, terms.sigma_u, steps)]
    if trainer.sums:
        spent.append(Spent(MICRO, terms.statistics_sigma_u(len(trainer.sums)), len(trainer.sums)))
    return {
        "epsilon": -(-epsilon(spent, terms.delta) * MICRO // 1) / MICRO, "delta": terms.delta, "accountant": "rdp",
        "sigma": terms.sigma_u / MICRO, "q": terms.q_u / MICRO, "steps": steps,
    }  # fmt: skip


def discriminator(trainer: Trainer, vector: NDArray[np.float32], stats: GlobalStats | None) -> Discriminator | None:
    """Return the logits of this region's own discriminator, dropout off; None where a task has none, or none yet."""
    from node.learning.trainer import NEWEST

    name, schema = trainer.task.name, trainer.schema
    if "D" not in trainer.task.shared() or schema is None:
        return None
    kept = trainer._state.before(NEWEST)
    if not any(parameter.startswith("D.") for parameter in kept) and trainer.settings.get("share") != SHARED:
        return None
    d = trainer.split.arrays(vector, kept)["D"]
    if name in IMAGES:
        return _of_images(d, schema, trainer)
    coding = getattr(trainer.task, "coding", None)
    if coding is None:
        return None
    return _of_tables(d, coding(schema, stats))


def _of_tables(d: Mapping[str, NDArray[np.float32]], coding: TableCoding) -> Discriminator:
    from node.learning.synth.judge import verdicts

    return lambda rows: verdicts(d, coding.rows(rows)).astype(np.float64)


def _of_images(d: Mapping[str, NDArray[np.float32]], schema: Schema, trainer: Trainer) -> Discriminator:
    from node.learning.models import mlp
    from node.learning.synth.image_networks import build_discriminator

    torch = mlp.torch_one_thread()
    form = getattr(trainer.task, "form")(schema, trainer.settings)  # noqa: B009 - a task of images has it
    network = build_discriminator(form, dict(d)).eval()

    def logits(rows: Rows) -> NDArray[np.float64]:
        assert rows.images is not None
        parts = [np.empty(0)]
        one_hot = np.eye(form.classes, dtype=np.float32)
        with torch.no_grad():
            for start in range(0, len(rows), 256):
                some = rows.images[start : start + 256].transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1
                label = one_hot[np.maximum(rows.label[start : start + 256], 0)]
                said = network(torch.from_numpy(some), torch.from_numpy(label))
                parts.append(said.numpy().astype(np.float64).reshape(-1))
        return np.concatenate(parts)

    return logits
