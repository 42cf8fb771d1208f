"""Gates of a region's data that were let through by decision, as the signed logs have them.

An override is no fault: a region may take it, under a diary number. The report names each, so that nobody has to find
it in the log; the same stands in the region's data sheet and on the annex of the study.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from node.audit.checks.logs import CheckedLog
from node.audit.findings import Json

CHECKS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "range": "values outside the plausible range", "swapped": "two columns that look swapped",
        "units": "mixed units", "missing": "missing values", "duplicates": "duplicates",
        "drift": "distribution unlike the reference", "dicom": "identifying DICOM tags",
        "direct_identifier": "a column that identifies directly", "identifiers": "what looks like an identifier",
        "dates": "full dates", "free_text": "free text", "age": "ages over 89", "k": "groups smaller than k",
        "constant": "one value only", "outliers": "values far from the others", "category": "values in no category",
        "label": "labels", "images": "images", "files": "files", "type": "cells of another kind",
        "rows": "too few rows",
    },
    "sv": {
        "range": "värden utanför rimligt intervall", "swapped": "två kolumner som ser omkastade ut",
        "units": "blandade enheter", "missing": "saknade värden", "duplicates": "dubbletter",
        "drift": "fördelning som avviker från referensen", "dicom": "identifierande DICOM-taggar",
        "direct_identifier": "en kolumn som identifierar direkt", "identifiers": "det som liknar en identitet",
        "dates": "hela datum", "free_text": "fritext", "age": "åldrar över 89", "k": "grupper mindre än k",
        "constant": "ett enda värde", "outliers": "värden långt från de andra", "category": "värden i ingen kategori",
        "label": "utfall", "images": "bilder", "files": "filer", "type": "celler av annan typ", "rows": "för få rader",
    },
}  # fmt: skip

_WORDS = {
    "en": {
        "head": "Checks of data that were let through by decision",
        "line": "{region}, entry {seq}: {words} ({check}), by decision {ref}{used}",
        "used": "; accepted for {studies}", "unused": "; no study in these files was accepted on it",
    },
    "sv": {
        "head": "Kontroller av data som släpptes igenom efter beslut",
        "line": "{region}, post {seq}: {words} ({check}), enligt beslut {ref}{used}",
        "used": "; godkänt för {studies}", "unused": "; ingen studie i dessa filer godkändes på det",
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Exempted:
    """One override: where it stands, which check, whose decision, and which studies were accepted on those data."""

    region: str
    seq: int
    check: str
    ref: str
    studies: tuple[bytes, ...]

    def to_json(self) -> dict[str, Json]:
        """Return it as JSON values."""
        return {
            "region": self.region, "entry": self.seq, "check": self.check, "decision_ref": self.ref,
            "studies": [study.hex() for study in self.studies],
        }  # fmt: skip


def exceptions(logs: Sequence[CheckedLog]) -> tuple[Exempted, ...]:
    """Return the overrides in the logs, by region and place; a log that was handed over twice counts once."""
    found = {}
    for log in logs:
        accepted = [told for told in log.raw.told if told.kind == "study.accept"]
        for told in log.raw.told:
            if told.kind != "data.sheet":
                continue
            sheet = told.body["sheet_sha256"]
            studies = sorted({one.study for one in accepted if one.body["sheet"] == sheet and one.study is not None})
            for row in told.body["overrides"]:
                one = Exempted(log.region, told.seq, row["check"], row["decision_ref"], tuple(studies))
                found[one.region, one.seq, one.check] = one
    return tuple(found[key] for key in sorted(found))


def head(lang: str) -> str:
    """Return the heading of the list."""
    return _WORDS[lang]["head"]


def line(one: Exempted, lang: str) -> str:
    """Return one override as a line."""
    words = _WORDS[lang]
    studies = ", ".join(f"{study.hex()[:8]}…" for study in one.studies)
    used = words["used"].format(studies=studies) if studies else words["unused"]
    title = CHECKS[lang].get(one.check, one.check)
    return words["line"].format(region=one.region, seq=one.seq, words=title, check=one.check, ref=one.ref, used=used)


def section(found: Sequence[Exempted], lang: str) -> str:
    """Return the section of a page; nothing where nothing was let through."""
    if not found:
        return ""
    items = "".join(f"<li>{escape(line(one, lang))}</li>" for one in found)
    return f'<section id="exceptions"><h2>{escape(head(lang))}</h2><ul>{items}</ul></section>'
