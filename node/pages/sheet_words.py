"""The words of a data sheet's page, English and Swedish: equal keys in both, as a test sees to.

Names of checks, purposes and roles are those of the annex (``annex_words``).
"""

from __future__ import annotations

from collections.abc import Mapping

Words = Mapping[str, Mapping[str, str]]

PAGE: Words = {
    "en": {
        "title": "Data sheet",
        "about": "Counts and names of columns only; no cell of the data stands on this page. Counts are for the"
        " region's own eyes.",
        "none": "No data is bound.",
        "meta": "version {version} · layout {layout} · purposes {purposes}",
        "approval": " · approval {approval}",
        "blocked.one": "Not to be trained on: one thing holds it back.",
        "blocked": "Not to be trained on: {n} things hold it back.",
        "passed": "Passed",
        "decided": ", {n} by a decision",
        "look": "; {n} to look at",
        "rows": "rows", "patients": "patients", "inputs": "tabular inputs",
        "schema": "schema; the same in every region",
        "h.classes": "What is learned", "t.class": "class", "t.rows": "rows", "t.share": "share",
        "h.held": "What holds it back",
        "h.decided": "What was decided to be let through",
        "h.look": "What to look at",
        "t.check": "check", "t.column": "column", "t.found": "what was found",
        "decision": "decision {ref}",
        "h.alike": "How alike patients are",
        "alike.none": "No quasi-identifiers are declared.",
        "k": "k: patients in the smallest group", "k5": "5th percentile of group size",
        "l": "l: fewest classes in a group", "t": "t: most that a group tells of the label",
        "alone": "patients alone in their group", "undefined": "undefined",
        "alike": "By {names}, over {patients} patients. Training data stay in the region; what leaves it is made"
        " coarser until k is reached.",
        "h.left": "Left out on reading",
        "h.columns": "Columns",
        "t.name": "name", "t.kind": "kind", "t.role": "role", "t.unit": "unit", "t.missing": "missing",
        "t.outside": "out of range",
        "h.checks": "Checks that were run",
    },
    "sv": {
        "title": "Datablad",
        "about": "Bara antal och kolumnnamn; ingen cell ur data står på den här sidan. Antalen är till för regionens"
        " egna ögon.",
        "none": "Inga data är bundna.",
        "meta": "version {version} · layout {layout} · ändamål {purposes}",
        "approval": " · godkännande {approval}",
        "blocked.one": "Får inte tränas på: en sak hindrar det.",
        "blocked": "Får inte tränas på: {n} saker hindrar det.",
        "passed": "Godkänt",
        "decided": ", {n} efter beslut",
        "look": "; {n} att se över",
        "rows": "rader", "patients": "patienter", "inputs": "indata i tabellform",
        "schema": "schema; detsamma i varje region",
        "h.classes": "Vad som lärs", "t.class": "klass", "t.rows": "rader", "t.share": "andel",
        "h.held": "Vad som hindrar",
        "h.decided": "Vad som släppts igenom efter beslut",
        "h.look": "Vad som bör ses över",
        "t.check": "kontroll", "t.column": "kolumn", "t.found": "vad som hittades",
        "decision": "beslut {ref}",
        "h.alike": "Hur lika patienterna är",
        "alike.none": "Inga kvasiidentifierare är angivna.",
        "k": "k: patienter i den minsta gruppen", "k5": "5:e percentilen av gruppernas storlek",
        "l": "l: minsta antal klasser i en grupp", "t": "t: det mesta som en grupp avslöjar om utfallet",
        "alone": "patienter som är ensamma i sin grupp", "undefined": "odefinierat",
        "alike": "Efter {names}, över {patients} patienter. Träningsdata stannar i regionen; det som lämnar den görs"
        " grövre tills k är nått.",
        "h.left": "Utelämnat vid läsningen",
        "h.columns": "Kolumner",
        "t.name": "namn", "t.kind": "typ", "t.role": "roll", "t.unit": "enhet", "t.missing": "saknas",
        "t.outside": "utanför intervallet",
        "h.checks": "Kontroller som gjordes",
    },
}  # fmt: skip

KINDS: Words = {
    "en": {
        "number": "number", "integer": "integer", "boolean": "boolean", "category": "category", "date": "date",
        "time_to_event": "time to event", "text": "text", "image": "image",
    },
    "sv": {
        "number": "tal", "integer": "heltal", "boolean": "ja/nej", "category": "kategori", "date": "datum",
        "time_to_event": "tid till händelse", "text": "text", "image": "bild",
    },
}  # fmt: skip
