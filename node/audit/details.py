"""The detail of a finding in another language than that in which its check wrote it.

A check writes its detail once, in English and ASCII, with names and numbers in it. For a reader of another language the
sentence is found again by its pattern, and said with the same names and numbers. A detail that no pattern fits is
technical text (what a decoder said of broken bytes); it is given as it is, and a page says that it is English.

A pattern is the sentence with holes: ``{n}`` and a few others hold digits, ``{what}`` another detail, which is
translated in its turn, ``{regions}`` and ``{names}`` several words, every other hole one word. See ``details_sv`` for
the table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache

from node.audit.details_sv import SV, SV_CODES

Pairs = Sequence[tuple[str, str]]

TABLES: Mapping[str, tuple[Pairs, Mapping[str, str]]] = {"sv": (SV, SV_CODES)}
_HOLE = re.compile(r"{(\w+)}")
_NUMBERS = frozenset({"n", "m", "round", "other", "at", "size"})
_FIGURE = re.compile(r"(?<=\d)\.(?=\d)")
_FIGURES = frozenset({"stated", "value", "bound"})


def in_language(detail: str, lang: str) -> str | None:
    """Return the detail in a language; None where it is known in English only."""
    if lang not in TABLES or not detail.strip():
        return detail
    pairs, codes = TABLES[lang]
    # Some details are put into a sentence with their own blank and brackets.
    if detail.startswith(" (") and detail.endswith(")"):
        inner = in_language(detail[2:-1], lang)
        return None if inner is None else f" ({inner})"
    for pattern, template in zip(_patterns(lang), (other for _, other in pairs), strict=True):
        match = pattern.fullmatch(detail)
        if match is None:
            continue
        values = match.groupdict()
        if "what" in values:
            inner = in_language(values["what"], lang)
            if inner is None:
                continue
            values["what"] = inner
        return template.format_map({name: _value(name, text, codes) for name, text in values.items()})
    return codes.get(detail)


def said(detail: str, lang: str) -> str:
    """Return the detail in a language; technical text as it is, with the word that it is English."""
    found = in_language(detail, lang)
    return f"{detail} [{TABLES[lang][1]['english']}]" if found is None else found


def _value(name: str, text: str, codes: Mapping[str, str]) -> str:
    if name == "regions":
        return text.replace(" and ", f" {codes['and']} ")
    if name == "code":
        return codes.get(text, text)
    return _FIGURE.sub(codes["comma"], text) if name in _FIGURES else text


@cache
def _patterns(lang: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(_pattern(english), re.DOTALL) for english, _ in TABLES[lang][0])


def _pattern(english: str) -> str:
    parts, at = [], 0
    for hole in _HOLE.finditer(english):
        parts.append(re.escape(english[at : hole.start()]))
        name = hole[1]
        parts.append(rf"(?P<{name}>{_form(name)})")
        at = hole.end()
    return "".join([*parts, re.escape(english[at:])])


def _form(name: str) -> str:
    if name in _NUMBERS:
        return r"-?\d+|\?|None"
    return {"what": ".+", "regions": ".+?", "names": ".+?"}.get(name, r"[^\s,;]+?")
