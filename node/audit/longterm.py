"""How far the logs are protected for the long term, in words: what stands when Ed25519 can be forged one day.

Which lines count: ``checks.protected``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape

from node.audit.checks.protected import Protection
from node.audit.findings import Json

_WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "head": "Protected for the long term (post-quantum)",
        "what": "A line of a release key (ML-DSA-44) protects every entry before it, even if the other signatures "
        "of a log can be forged one day. It rests on the study id. This is about signatures, not about patients' data.",
        "all": "{region}: protected for the long term (post-quantum) up to entry {last}, the last one; line of {date}",
        "some": "{region}: protected for the long term (post-quantum) up to entry {last} of {entries}; line of {date}",
        "none": "{region}: not protected for the long term; no line that counts was handed over",
        "no_key": "{region}: not protected for the long term; its key set has no release key",
        "epoch": " (epoch {epoch})",
    },
    "sv": {
        "head": "Skyddat på lång sikt (mot kvantdatorer)",
        "what": "En rad från en frisläppningsnyckel (ML-DSA-44) skyddar varje post före den, även om loggens övriga "
        "underskrifter en dag kan förfalskas. Den vilar på studiens id. Det gäller underskrifter, inte "
        "patienters data.",
        "all": "{region}: skyddad på lång sikt (mot kvantdatorer) till och med post {last}, den sista; rad från {date}",
        "some": "{region}: skyddad på lång sikt (mot kvantdatorer) till och med post {last} av {entries}; "
        "rad från {date}",
        "none": "{region}: inte skyddad på lång sikt; ingen rad som räknas lämnades",
        "no_key": "{region}: inte skyddad på lång sikt; dess nyckeluppsättning har ingen frisläppningsnyckel",
        "epoch": " (epok {epoch})",
    },
}  # fmt: skip


def together(found: Iterable[Protection]) -> tuple[Protection, ...]:
    """Return one row for each log, that which protects most, ascending by region and epoch."""
    rows: dict[tuple[str, int], Protection] = {}
    for one in found:
        known = rows.setdefault((one.region, one.epoch), one)
        if (one.size, one.entries) > (known.size, known.entries):
            rows[one.region, one.epoch] = one
    return tuple(rows[place] for place in sorted(rows))


def to_json(one: Protection) -> dict[str, Json]:
    """Return it as JSON values; ``up_to`` is the last protected entry, null where there is none."""
    return {
        "region": one.region, "epoch": one.epoch, "entries": one.entries,
        "up_to": one.size - 1 if one.size else None, "t_s": one.t_s if one.size else None,
        "release_key": one.has_key, "bundle": one.label,
    }  # fmt: skip


def head(lang: str) -> str:
    """Return the heading."""
    return _WORDS[lang]["head"]


def line(one: Protection, lang: str) -> str:
    """Return one log in one line."""
    say = _WORDS[lang]
    key = "no_key" if not one.size and not one.has_key else "none" if not one.size else "some"
    key = "all" if one.size == one.entries and one.size else key
    region = one.region + (say["epoch"].format(epoch=one.epoch) if one.epoch > 1 else "")
    return say[key].format(region=region, last=one.size - 1, entries=one.entries - 1, date=_date(one.t_s))


def section(rows: Sequence[Protection], lang: str, link: Callable[[str], str] = escape) -> str:
    """Return the rows as a section of the page; "" where no region has a release key.

    Args:
        link: Escapes text and links the words of the glossary.
    """
    if not any(one.has_key for one in rows):
        return ""
    said = "".join(f"<li>{link(line(one, lang))}</li>" for one in rows)
    what = link(_WORDS[lang]["what"])
    return f'<section id="long-term"><h2>{escape(head(lang))}</h2><p>{what}</p><ul>{said}</ul></section>'


def _date(t_s: int) -> str:
    try:
        return datetime.fromtimestamp(t_s, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):
        return str(t_s)
