"""The findings of a report as cards of its page, in the order in which a reader is told them.

One card for one thing: findings of one code about one region are one card, and so are those of one code over several
regions where none is accused of much (minor, or for information). What each region's finding says is folded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from html import escape

from node.audit.altered import Altered, sentence
from node.audit.catalogue import phrase, words
from node.audit.details import in_language
from node.audit.findings import Finding, Severity
from node.audit.leading import led
from node.audit.telling import place_of, without_detail

_SHARED = (Severity.MINOR, Severity.INFO)
_COUNTED = "{n}"
# What was spent by a round is the sum of all before it, too.
_AFTER = re.compile(r"^(\(?)(?=round \d+: epsilon \S+, by the plan)")
_PLACES = ("{seq}", "{round}", "{holder}")

Linked = Callable[[str], str]


def grouped(findings: Sequence[Finding]) -> list[list[Finding]]:
    """Return the findings by card, in the reader's order."""
    cards: dict[tuple[object, ...], list[Finding]] = {}
    for finding in led(findings):
        key: tuple[object, ...] = finding.code, finding.severity
        if finding.severity not in _SHARED:
            key = *key, finding.subject or finding.source
        cards.setdefault(key, []).append(finding)
    return list(cards.values())


def next_step(
    finding: Finding, lang: str, say: Mapping[str, str], labs: Collection[bytes | None], subjects: Sequence[str] = ()
) -> str:
    """Return what to do about a finding; of a laboratory study nothing that takes its patients for granted.

    Args:
        labs: Ids of the laboratory studies; with None, findings of no study in particular belong to one, too.
        subjects: Who is told of together, if several are.
    """
    filled = finding.filled(lang) | ({"subject": ", ".join(subjects)} if len(subjects) > 1 else {})
    own = say.get(f"lab.{finding.code}") if finding.study in labs else None
    return (own or words(finding.code, lang).next).format_map(filled)


def cards(
    findings: Sequence[Finding],
    told: Mapping[str, Altered],
    lang: str,
    say: Mapping[str, str],
    link: Linked,
    labs: Collection[bytes | None] = (),
) -> str:
    """Return the cards as HTML.

    Args:
        told: What was altered, by fingerprint.
        link: Escapes text and links the words of the glossary.
        labs: See ``next_step``.
    """
    return "".join(_card(group, told, lang, say, link, labs) for group in grouped(findings))


def _card(
    group: Sequence[Finding],
    told: Mapping[str, Altered],
    lang: str,
    say: Mapping[str, str],
    link: Linked,
    labs: Collection[bytes | None],
) -> str:
    first = group[0]
    text = words(first.code, lang)
    title = text.title.format_map(first.filled(lang))
    title = title if text.title.startswith("{") else title[:1].upper() + title[1:]
    names = list(dict.fromkeys(finding.subject or finding.source or phrase("all.bundles", lang) for finding in group))
    where = place_of(first, lang) if len(group) == 1 else ", ".join(names)
    blame = f" · {escape(say['f.info'])}" if first.severity is Severity.INFO else ""
    detail = "" if len(group) > 1 else _detail(first, lang, say, link)
    altered = told.get(first.fingerprint)
    what = f"<p>{link(sentence(first.subject or '?', altered, lang))}</p>" if altered is not None else ""
    return (
        f'<article id="{first.fingerprint[:16]}"><h3>{link(title)}</h3>'
        f'<p class="soft">{escape(say[f"severity.{first.severity.label}"])}{blame} · '
        f"{escape(where)} · <code>{first.code}</code></p>"
        f"<p>{link(_said(group, names, lang))}</p>{what}"
        f"{_each(group, lang, say, link) if len(group) > 1 else ''}<dl>"
        f"<dt>{escape(say['f.next'])}</dt><dd>{link(next_step(first, lang, say, labs, names))}</dd>{detail}</dl>"
        f"<details><summary>{escape(say['f.more'])}</summary><dl>"
        f"<dt>{escape(say['f.why'])}</dt><dd>{link(text.who)}</dd>"
        f"<dt>{escape(say['f.shows'])}</dt><dd>{link(text.shows)}</dd></dl></details></article>"
    )


def _said(group: Sequence[Finding], names: Sequence[str], lang: str) -> str:
    """One sentence for all; where it would name a place, that of the first, and how many there are."""
    first = group[0]
    if len(names) == 1:
        return without_detail(first, lang)
    plain = words(first.code, lang).plain
    if any(place in plain for place in _PLACES):
        title = words(first.code, lang).title.format_map(first.filled())
        return f"{', '.join(names)}: {title}."
    filled = first.filled() | {"subject": ", ".join(names), "detail": ""}
    if _COUNTED in plain:
        filled["n"] = sum(int(finding.filled()["n"]) for finding in group)
    return plain.format_map(filled).replace(" ()", "").strip()


def _each(group: Sequence[Finding], lang: str, say: Mapping[str, str], link: Linked) -> str:
    rows = "".join(
        f"<li>{escape(place_of(finding, lang))}: {link(finding.to_json(lang)['plain'])}</li>"  # type: ignore[arg-type]
        for finding in group
    )
    return f"<details><summary>{escape(say['f.each'].format(n=len(group)))}</summary><ul>{rows}</ul></details>"


def _detail(finding: Finding, lang: str, say: Mapping[str, str], link: Linked) -> str:
    raw = str(finding.values.get("detail", ""))
    if not raw.strip(" ()"):
        return ""
    known = in_language(raw, lang)
    shown = _AFTER.sub(r"\1after ", (raw if known is None else known).strip(" ,;"), count=1)
    shown = shown[1:-1] if shown.startswith("(") and shown.endswith(")") else shown
    heading = say["f.detail.english" if known is None else "f.detail"]
    return f"<dt>{escape(heading)}</dt><dd>{link(shown)}</dd>"
