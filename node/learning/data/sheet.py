"""The data sheet: what is known of a data set after the gate, in counts and names of columns.

It stays in the region, as JSON in its home; its hash and a salted fingerprint of the rows are what the update
log says about it. A new extract or new opt-outs make the next version.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from node.learning.data.findings import BLOCK, Finding
from node.learning.data.fingerprint import commitment
from node.learning.data.groups import Groups
from node.learning.errors import GateError
from node.learning.hashing import json_hash

FORMAT = "landsting-sheet/v1"
_BUCKETS = ((10, "<10"), (100, "10-99"), (1000, "100-999"), (10000, "1000-9999"))


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """One declared column: counts only. ``missing`` and ``outside`` are None for columns that are no input."""

    name: str
    kind: str
    role: str
    unit: str
    missing: int | None
    outside: int | None


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is known of a data set.

    Attributes:
        id: Of the manifest.
        layout: Of the files.
        schema: Hash of the manifest's public part, 32 bytes.
        sha256: Of the files' bytes, 32 bytes.
        files: SHA-256 (hex) of each file by its path.
        rows, patients: Counts; for the region's own eyes.
        classes: Rows of each class; {} where the label is none of classes.
        columns: Names of the inputs; the image column among them.
        purposes, approval, owner, licence: As the manifest has them.
        facts: Of every declared column.
        findings: Of all checks, blocking ones first.
        groups: k, l and t; None without quasi-identifiers.
        left_out: In words with counts.
        checks: Ids of all checks that were run.
        fingerprint: Merkle root of the rows' keyed hashes, 32 bytes; b"" without a key.
        version: 1 for the first, one more for each update.
        knots: Inner quantiles of the numeric inputs, with which the next extract is compared; they stay in the
            region, and are no part of the sheet's text.
    """

    id: str
    layout: str
    schema: bytes
    sha256: bytes
    files: dict[str, str]
    rows: int
    patients: int
    classes: dict[str, int]
    columns: tuple[str, ...]
    purposes: tuple[str, ...]
    approval: str
    owner: str
    licence: str
    facts: tuple[ColumnFacts, ...]
    findings: tuple[Finding, ...]
    groups: Groups | None
    left_out: tuple[str, ...]
    checks: tuple[str, ...]
    fingerprint: bytes = b""
    version: int = 1
    knots: Mapping[str, list[float]] = field(default_factory=dict)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What is said and holds nothing back."""
        return tuple(finding for finding in self.findings if finding.severity != BLOCK)

    @property
    def blocking(self) -> tuple[Finding, ...]:
        """What holds the data back."""
        return tuple(finding for finding in self.findings if finding.blocks)

    @property
    def overridden(self) -> tuple[Finding, ...]:
        """What would hold the data back but for a decision."""
        return tuple(finding for finding in self.findings if finding.decision)

    @property
    def passed(self) -> bool:
        """Whether a study may start on the data."""
        return not self.blocking

    def value(self) -> dict[str, Any]:
        """Return plain JSON values; the fingerprint is not among them."""
        return {
            "format": FORMAT,
            "id": self.id,
            "version": self.version,
            "layout": self.layout,
            "schema": self.schema.hex(),
            "sha256": self.sha256.hex(),
            "files": self.files,
            "rows": self.rows,
            "patients": self.patients,
            "classes": self.classes,
            "purposes": list(self.purposes),
            "approval": self.approval,
            "owner": self.owner,
            "licence": self.licence,
            "columns": [{name: getattr(f, name) for name in ColumnFacts.__dataclass_fields__} for f in self.facts],
            "findings": [finding.value() for finding in self.findings],
            "anonymity": None if self.groups is None else self.groups.value(),
            "left_out": list(self.left_out),
            "checks": list(self.checks),
            "passed": self.passed,
        }

    def text(self) -> str:
        """Return the sheet as it is kept in the home."""
        return json.dumps(self.value(), ensure_ascii=False, indent=1, sort_keys=True) + "\n"

    @property
    def hash(self) -> bytes:
        """SHA-256 of the sheet."""
        return json_hash("SHEET", self.value())

    def decided(self, overrides: Mapping[str, str]) -> Sheet:
        """Return the sheet with decisions to go on: by ``check`` or ``check:column``, a diary number.

        Raises:
            GateError: There is no such blocking finding, so the decision is about something else.
        """
        unused, findings = set(overrides), []
        for finding in self.findings:
            for key in (finding.check, f"{finding.check}:{finding.column}"):
                if key in overrides and finding.severity == BLOCK and finding.check not in FINAL:
                    finding = finding.decided(overrides[key])
                    unused.discard(key)
            findings.append(finding)
        if unused:
            open_ = sorted({f.check for f in self.findings if f.severity == BLOCK and f.check not in FINAL})
            raise GateError(
                f"{self.id}: nothing that may be overridden is called {', '.join(sorted(unused))}",
                f"one of {', '.join(open_)}" if open_ else "no --override",
                "Correct --override.",
            )
        return replace(self, findings=tuple(findings))

    def log_value(self, salt: bytes) -> dict[str, Any]:
        """Return the body of the update log's entry ``data.sheet``; ``salt`` stays in the region."""
        groups, decisions = self.groups, {finding.check: finding.decision for finding in self.overridden}
        failed = {finding.check for finding in self.findings if finding.severity == BLOCK}
        return {
            "sheet_sha256": self.hash,
            "fingerprint": commitment(self.fingerprint, salt),
            "schema_sha256": self.schema,
            "rows_bucket": next((word for limit, word in _BUCKETS if self.rows < limit), "10000+"),
            "rules": {
                "sha256": json_hash("RULES", list(self.checks)),
                "passed": len(set(self.checks) - failed),
                "failed": len(failed),
            },
            "anonymity": {
                "sha256": json_hash("ANONYMITY", None if groups is None else groups.value()),
                "method": "none" if groups is None else "generalised" if groups.banded else "columns",
                "k": 0 if groups is None else groups.k,
                "l": 0 if groups is None else groups.l or 0,
                "t_u": 0 if groups is None else round((groups.t or 0.0) * 10**6),
            },
            "overrides": [{"check": check, "decision_ref": decisions[check]} for check in sorted(decisions)],
        }


# Without these there are no typed rows to train on, so no decision can let them through.
FINAL = ("files", "type", "rows", "label", "images")
