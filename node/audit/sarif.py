"""The findings of a report as SARIF 2.1.0 (OASIS), for tools that collect results of many kinds.

One run, one result for each finding. A finding is about a place in a log, not in a file: its location is a logical
one, ``region/entry``, or the name of the bundle.
"""

from __future__ import annotations

from node.audit.catalogue import words
from node.audit.findings import CODES, Finding, Json, Severity
from node.audit.report import Report

VERSION = "2.1.0"
SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {
    Severity.CRITICAL: "error",
    Severity.MAJOR: "error",
    Severity.REFUSED: "error",
    Severity.MINOR: "warning",
    Severity.INFO: "note",
}


def sarif(report: Report) -> dict[str, Json]:
    """Return the report's findings as JSON values; the same report gives the same."""
    codes = sorted({finding.code for finding in report.findings})
    rules: list[Json] = [_rule(code, report.lang) for code in codes]
    results: list[Json] = [_result(finding, codes.index(finding.code), report.lang) for finding in report.findings]
    driver: dict[str, Json] = {"name": "landsting audit", "rules": rules}
    run: dict[str, Json] = {
        "tool": {"driver": driver},
        "results": results,
        "properties": {"verdict": report.verdict, "sentence": report.sentence},
    }
    return {"$schema": SCHEMA, "version": VERSION, "runs": [run]}


def _rule(code: str, lang: str) -> dict[str, Json]:
    text = words(code, lang)
    return {
        "id": code,
        "shortDescription": {"text": text.title.replace("{subject}", "a region")},
        "help": {"text": f"{text.who} {text.shows}"},
        "defaultConfiguration": {"level": _LEVELS[CODES[code].severity]},
    }


def _result(finding: Finding, index: int, lang: str) -> dict[str, Json]:
    told = finding.to_json(lang)
    where = finding.subject or finding.source
    place: dict[str, Json] = {
        "fullyQualifiedName": where if finding.seq is None else f"{where}/{finding.seq}",
        "kind": "region" if finding.subject else "bundle",
    }
    result: dict[str, Json] = {
        "ruleId": finding.code,
        "ruleIndex": index,
        "level": _LEVELS[finding.severity],
        "message": {"text": f"{told['plain']} {told['next']}"},
        "partialFingerprints": {"landsting/v1": finding.fingerprint},
    }
    return result | {"locations": [{"logicalLocations": [place]}]} if where else result
