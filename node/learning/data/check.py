"""The gate before data are used: every check in one pass, what blocks and what warns in the data sheet.

Evidence is counts and names of columns; no cell's value leaves this gate. Direct identifiers block; k, l and
t are computed and shown, and block only where the region's policy says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from node.learning.data.findings import BLOCK, WARN, Finding
from node.learning.data.fingerprint import KEY_BYTES, RowHashes
from node.learning.data.groups import Groups, groups
from node.learning.data.identifiers import Identifiers
from node.learning.data.image_checks import ImageChecks
from node.learning.data.manifest import Manifest, load
from node.learning.data.quality import column_findings, drift_findings, quantile_knots
from node.learning.data.readers import Chunk
from node.learning.data.reading import Reading, changed, read_all
from node.learning.data.rows import Rows
from node.learning.data.schema import Schema, Target
from node.learning.data.sheet import ColumnFacts, Sheet
from node.learning.data.table import check_unchanged, has_changed
from node.learning.data.values import label_findings, value_findings
from node.learning.errors import GateError

__all__ = ["Finding", "Rules", "Sheet", "check", "check_manifest", "inspect"]

MIN_ROWS = 20
NOTHING = np.empty(0)
CHECKS = (
    "files", "type", "rows", "range", "units", "missing", "constant", "outliers", "category", "swapped", "duplicates",
    "label", "drift", "images", "dicom", "direct_identifier", "identifiers", "dates", "free_text", "age", "k",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rules:
    """What a region adds to the checks.

    Attributes:
        key: 32 bytes that stay in the region, for the fingerprint; b"" for none.
        k_blocks: The region's policy lets k under the manifest's ``k`` block training as well.
        overrides: Decisions to go on: ``check`` or ``check:column`` -> diary number.
        knots: The nine inner quantiles of columns to compare with: ``GlobalStats`` or an earlier extract.
        reference: In words what the knots are of; "" for an earlier extract.
    """

    key: bytes = b""
    k_blocks: bool = False
    overrides: Mapping[str, str] | None = None
    knots: Mapping[str, Sequence[float]] | None = None
    reference: str = ""


def check_manifest(path: Path | str, rules: Rules | None = None) -> Sheet:
    """Return the data sheet of a manifest and the data that it names.

    Raises:
        ConfigError: The manifest is not readable, or not a manifest.
        GateError: A blocking check holds the data back; the message says what, where and what to do.
    """
    path = Path(path)
    return check(load(path), path.parent, rules)


def check(manifest: Manifest, folder: Path, rules: Rules | None = None) -> Sheet:
    """Return the data sheet of data that passed; paths count from ``folder``. Raises as ``check_manifest``."""
    sheet = inspect(manifest, folder, rules)
    for finding in sheet.blocking:
        raise finding.error(f"{manifest.id}: ")
    return sheet


def inspect(
    manifest: Manifest, folder: Path, rules: Rules | None = None, progress: Callable[[int], None] | None = None
) -> Sheet:
    """Return the data sheet, also of data that a check blocks.

    Args:
        progress: Told after each chunk how many rows have been read.

    Raises:
        ConfigError: A file is missing.
        GateError: A file is not the one that was added (code ``DATA_CHANGED``), or an override is of nothing.
    """
    rules = rules or Rules()
    schema = manifest.schema_()
    names = [column.name for column in manifest.column]
    looked, hashes = Identifiers(manifest), RowHashes(names, rules.key or bytes(KEY_BYTES))
    pictures = ImageChecks(schema)
    so_far = 0

    def watch(chunk: Chunk, patients: Sequence[str]) -> None:
        looked.take(chunk, patients)
        hashes.take(chunk, patients)
        pictures.owners(chunk, patients)
        nonlocal so_far
        so_far += len(chunk)
        if progress is not None:
            progress(so_far)

    try:
        reading = read_all(manifest, folder, watch=watch, look=pictures.look, keep=True)
    except GateError as error:
        check_unchanged(manifest, folder)  # the better reason, if it is one
        return _unreadable(manifest, schema, error)
    if path := changed(manifest, reading.hashes):
        raise has_changed(path, manifest.id)
    found = [
        *reading.structural,
        *_rows(reading),
        *value_findings(schema, reading.raw),
        *column_findings(schema, reading.raw),
        *label_findings(schema, reading.rows.label, reading.rows.target),
        *_patients(manifest, reading),
        *pictures.findings(),
        *looked.findings(),
        *reading.noticed,
        *drift_findings(schema, reading.raw, rules.knots or {}, rules.reference),
    ]
    if hashes.equal:
        words = f"{hashes.equal} of {len(reading.rows)} rows are the same as an earlier one"
        found.append(Finding("duplicates", "", words, count=hashes.equal, of=len(reading.rows)))
    alike = groups(schema, reading.rows, reading.extra)
    found += _alike(manifest, alike, rules.k_blocks)
    sheet = _sheet(manifest, schema, reading, found, alike, hashes.root() if rules.key else b"")
    return sheet.decided(rules.overrides or {})


def _rows(reading: Reading) -> list[Finding]:
    count = len(reading.rows)
    if count >= MIN_ROWS:
        return []
    fix = "Fewer rows cannot hide among the others; extract more."
    return [Finding("rows", "", f"{count} rows", BLOCK, f"at least {MIN_ROWS}", fix, count)]


def _patients(manifest: Manifest, reading: Reading) -> list[Finding]:
    """Return rows without a patient: the split by patient cannot keep those together."""
    if manifest.patient is None:
        return []
    count = sum(1 for one in reading.rows.patients if one.startswith("row "))
    words = f"{count} rows name no patient, and each counts as a patient of its own"
    fix = "Fill in the patient, or remove the rows."
    blocked = Finding(
        "missing", manifest.patient, words, BLOCK, "a patient in every row", fix, count, len(reading.rows)
    )
    return [blocked] if count else []


def _alike(manifest: Manifest, alike: Groups | None, blocks: bool) -> list[Finding]:
    if alike is None or alike.k >= manifest.k:
        return []
    words = (
        f"by {', '.join(alike.columns)} the smallest group has {alike.k} of {alike.patients} patients"
        f" ({alike.alone:.1%} of patients are alone): what leaves the region is made coarser"
    )
    fix = "Declare bands, or fewer quasi-identifiers if others cannot know them."
    return [Finding("k", "", words, BLOCK if blocks else WARN, f"k of at least {manifest.k}", fix, alike.k)]


def _unreadable(manifest: Manifest, schema: Schema, error: GateError) -> Sheet:
    """Return the sheet of what is no table: one finding, no counts."""
    finding = Finding("files", "", error.found, BLOCK, error.expected, error.fix)
    rows = Rows({column.name: np.empty(0) for column in schema.features}, np.empty(0, np.int64), ())
    return _sheet(manifest, schema, Reading(rows), [finding], None, b"")


def _sheet(
    manifest: Manifest, schema: Schema, reading: Reading, found: list[Finding], alike: Groups | None, root: bytes
) -> Sheet:
    rows, classes = reading.rows, dict[str, int]()
    if schema.target is Target.CLASSES:
        counts = np.bincount(rows.label[rows.label >= 0], minlength=len(schema.classes)).tolist()
        classes = dict(zip(schema.classes, counts, strict=True))
    facts = []
    for column in schema.columns:
        values = rows.features.get(column.name)
        missing = None if values is None else int(np.isnan(values).sum())
        outside = None if values is None else rows.outside.get(column.name, 0)
        facts.append(ColumnFacts(column.name, column.kind, column.role, column.unit, missing, outside))
    image = [schema.image.name] if schema.image is not None else []
    return Sheet(
        manifest.id,
        manifest.layout,
        schema.hash,
        reading.sha256,
        reading.hashes,
        len(rows),
        len(set(rows.patients)),
        classes,
        (*(column.name for column in schema.features), *image),
        manifest.purposes,
        manifest.approval,
        manifest.owner,
        manifest.licence,
        tuple(facts),
        tuple(sorted(found, key=lambda finding: finding.severity != BLOCK)),
        alike,
        tuple(reading.left_out),
        CHECKS,
        root,
        knots={c.name: knots for c in schema.features if (knots := quantile_knots(reading.raw.get(c.name, NOTHING)))},
    )
