"""``audit explain CODE``: what a code means, whom it may name, what it shows, what to do."""

from __future__ import annotations

from node.audit.catalogue import words
from node.audit.findings import CODES, Json

_BLANK = {
    "subject": "the region",
    "source": "the bundle",
    "seq": "n",
    "round": "r",
    "n": "n",
    "detail": "",
    "holder": "its sender",
}


def explain(code: str, lang: str = "en") -> dict[str, Json]:
    """Return everything the catalogue says about a code.

    Raises:
        KeyError: No such code in this version.
    """
    rule, text = CODES[code], words(code, lang)
    blank = {**_BLANK}
    return {
        "code": code,
        "severity": rule.severity.label,
        "may_name": rule.who.value,
        "title": text.title.format_map(blank),
        "meaning": text.plain.format_map(blank).replace(" ()", "").replace("Region the region", "The region").strip(),
        "who": text.who,
        "evidence": text.shows,
        "example": text.example,
        "next": text.next.format_map(blank),
    }


def explain_text(code: str, lang: str = "en") -> str:
    """Return the same for a terminal."""
    said = explain(code, lang)
    rows = ("meaning", "may_name", "who", "evidence", "example", "next")
    lines = [f"{code}  {said['severity']}  {said['title']}", ""]
    lines += [f"  {row.replace('_', ' '):<10}{said[row]}" for row in rows]
    return "\n".join(lines) + "\n"
