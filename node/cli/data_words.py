"""What ``landsting data`` says of data sheets: words, JSON, and the report that is written to a file."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from node.cli.output import Refusal, emit, say

if TYPE_CHECKING:
    from node.learning.data.manifest import Manifest
    from node.learning.data.sheet import Sheet


# The \b keeps click from joining these lines.
MANIFEST = """\b
A manifest, FILE.toml beside FILE.csv, says what the columns hold:

\b
  id = "heart"              # the name it is bound under
  patient = "pid"           # whose values define a patient
  purposes = ["research"]   # research, quality, planning, statistics, education
  approval = "RS 2026-0117" # diary number of the decision
  opt_out = "no.txt"        # patients whose rows are never read, one id a line
  [[file]]
  path = "heart.csv"        # .csv, .csv.gz, .parquet; encoding, delimiter, decimal
  [[column]]
  name = "chol"
  kind = "number"           # number integer boolean category date time_to_event text image
  role = "feature"          # feature label quasi_identifier direct_identifier ignore
  unit = "mg/dL"
  range = [50, 700]         # plausible, public, agreed between regions; not from the data
  missing = ["?", "0"]      # cells that mean: not measured
  [[column]]
  name = "ill"
  kind = "category"
  role = "label"            # what is learned
  categories = ["0", "1"]   # the last is the positive one

'data init FILE' drafts one. Layouts: uci-heart, mimic-iv, omop, meds, siim-isic, medmnist,
image-folder, fhir. node/learning/data/README.md has every key and every check.
"""


def facts(sheet: Sheet) -> dict[str, Any]:
    """Return what ``--json`` says of a sheet: its counts, findings and warnings."""
    columns = len(sheet.facts)
    return {
        "name": sheet.id,
        "version": sheet.version,
        "file": next(iter(sheet.files), ""),
        "rows": sheet.rows,
        "patients": sheet.patients,
        "columns": columns,
        "features": len(sheet.columns),
        "label": next((one.name for one in sheet.facts if one.role == "label"), ""),
        "labels": [one.name for one in sheet.facts if one.role == "label"],
        "schema": sheet.schema.hex(),
        "passed": sheet.passed,
        "sheet": sheet.hash.hex(),
        "findings": [one.value() for one in sheet.findings],
        "warnings": [one.sentence for one in sheet.warnings],
        "left_out": list(sheet.left_out),
        "anonymity": None if sheet.groups is None else sheet.groups.value(),
    }


def done(sheets: list[Sheet], report: Path | None, as_json: bool, lang: str = "en") -> None:
    """Print sheets and write the report, a page in a language; refuse if one is blocked."""
    from node.datasets import first_error

    write_report(report, [sheet.value() for sheet in sheets], lang)
    blocked = [sheet for sheet in sheets if not sheet.passed]
    if not blocked or not as_json or len(sheets) > 1:
        _say([facts(sheet) for sheet in sheets], as_json)
    if blocked:
        error = first_error(blocked[0])
        if not as_json and (count := len(blocked[0].blocking)) > 1:  # they stand above
            error = blocked[0].blocking[0].error(f"{blocked[0].id}: {count} checks block; the first: ")
        where = f"; all of it: {report}" if report is not None else ""
        raise Refusal("GATE", error.found, error.expected, f"{error.fix}{_decision(blocked[0])}{where}")


def compared(sheet: Sheet, knots: Mapping[str, Sequence[float]], reference: str) -> list[str]:
    """Return what came of comparing a sheet's columns: also that none differs, and which could not be compared.

    Args:
        knots: Inner quantiles of the reference, by column; none of what cannot be compared with.
        reference: What they are of, in words.
    """
    from node.learning.data.quality import BINS, MIN_DRIFT

    numbers = [one for one in sheet.facts if one.name in sheet.columns and one.kind != "category"]
    fit = [
        one.name
        for one in numbers
        if len(knots.get(one.name, ())) == BINS - 1 and sheet.rows - (one.missing or 0) >= MIN_DRIFT
    ]
    unlike = [one.column for one in sheet.findings if one.check == "drift"]
    lines = []
    if fit:
        found = f"{', '.join(unlike)} {'differs' if len(unlike) == 1 else 'differ'}" if unlike else "none differs"
        lines.append(f"compared with {reference}: {', '.join(fit)}; {found}")
    if rest := [one.name for one in numbers if one.name not in fit]:
        why = f"fewer than {MIN_DRIFT} values here, or many equal ones among all regions"
        lines.append(f"not compared: {', '.join(rest)} ({why})")
    return lines or [f"no column of numbers to compare with {reference}"]


def _decision(sheet: Sheet) -> str:
    """Return the options by which all that blocks may be let through, if all of it may."""
    from node.learning.data.sheet import FINAL

    checks = list(dict.fromkeys(one.check for one in sheet.blocking))
    if set(checks) & set(FINAL):
        return ""
    return f" Or go on by decision: {' '.join(f'--override {one}' for one in checks)} --ref DIARY"


def write_report(path: Path | None, values: list[dict[str, Any]], lang: str = "en") -> None:
    """Write data sheets to a file that ends in .html (a page in a language) or .json; nothing without one.

    Raises:
        Refusal: It ends in something else.
    """
    if path is None:
        return
    from node.pages.sheet_page import page

    if path.suffix == ".json":
        text = json.dumps(values, ensure_ascii=False, indent=1) + "\n"
    elif path.suffix in (".html", ".htm"):
        text = page(values, lang)
    else:
        raise Refusal("USAGE", f"--report {path.name}", "a name that ends in .html or .json", "choose one of them")
    path.write_text(text, encoding="utf-8")


def _say(found: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        emit({"data": found})
        return
    if not found:
        say("No data is bound.")
    for one in found:
        counts = f"{one['rows']} rows of {one['patients']} patients, {one['features']} features"
        say(f"{one['name']}: {counts}, learns {' and '.join(repr(label) for label in one['labels'])}")
        say(f"  schema {one['schema'][:16]}  (must be the same in every region)")
        for words in one["left_out"]:
            say(f"  left out: {words}")
        for line in brief(one["findings"]):
            say(f"  {line}")


def unstated(manifest: Manifest) -> list[str]:
    """Return what a data protection officer reads in the annex and a manifest does not say."""
    return [key for key in ("owner", "legal_basis", "approval") if not getattr(manifest, key)]


def rows_read() -> Callable[[int], None] | None:
    """Return what shows on a terminal how far a table is read; None where nobody looks."""
    if not sys.stderr.isatty():
        return None

    def show(rows: int) -> None:
        sys.stderr.write(f"{rows} rows read\r")  # what is said next begins at the line's start, and is longer
        sys.stderr.flush()

    return show


MANY = 3  # notes of one check from which on they share a line
NAMED = 8


def brief(findings: list[dict[str, Any]]) -> list[str]:
    """Return findings as lines: of a check that notes the same of many columns one line for all of them."""
    from node.pages.annex_words import CHECKS

    notes: dict[str, list[dict[str, Any]]] = {}
    lines = []
    for one in findings:
        is_note = one["severity"] != "block" and one["column"]
        if is_note and sum(f["check"] == one["check"] and f["severity"] != "block" for f in findings) >= MANY:
            notes.setdefault(one["check"], []).append(one)
        else:
            lines.append(in_words(one))
    for check, some in notes.items():
        names = [one["column"] for one in some]
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        title = CHECKS["en"].get(check, check)
        lines.append(f"note: {title} in {len(names)} columns: {', '.join(names[:NAMED])}{more}")
    if notes:
        lines.append("each of these by itself: --report FILE.html")
    return lines


def in_words(finding: dict[str, Any]) -> str:
    """Return a finding's line: what becomes of it, the column, what was found."""
    word = "BLOCKS" if finding["severity"] == "block" else "note"
    if finding["decision"]:
        word = f"overridden by {finding['decision']}"
    column = f"{finding['column']}: " if finding["column"] else ""
    return f"{word}: {column}{finding['words']}"
