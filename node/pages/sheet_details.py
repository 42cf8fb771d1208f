"""What the gate of a region's data found, in another language than that in which a check wrote it.

A data sheet keeps its sentences in English, once; they are part of its hash. For a reader of another language each is
found again by its pattern and said with the same names and numbers. One that no pattern fits is technical text (what a
decoder said of broken bytes): it is given as it is, marked as English.

Holes of a pattern: ``{n}``, ``{m}``, ``{at}`` hold whole numbers, ``{f}``, ``{g}`` figures, ``{noun}``, ``{kind}``,
``{unit}`` what a table has a word for, ``{what}`` another sentence, ``{names}`` several names, every other any text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from node.pages.sheet_details_sv import FIXES, FOUND, LEFT_OUT, NOUNS, UNITS
from node.pages.sheet_words import KINDS

Pairs = Sequence[tuple[str, str]]

SV: Pairs = (*FOUND, *FIXES, *LEFT_OUT)
ENGLISH = "på engelska"
_HOLE = re.compile(r"{(\w+)}")
_WHOLE = frozenset({"n", "m", "at"})
_FIGURES = frozenset({"f", "g"})


def said(text: str, lang: str) -> str:
    """Return what a data sheet says in a language; technical text as it is, with the word that it is English."""
    if lang == "en" or not text:
        return text
    found = in_swedish(text)
    return f"{text} [{ENGLISH}]" if found is None else found


def in_swedish(text: str) -> str | None:
    """Return a sentence, or several, in Swedish; None where one of them is known in English only."""
    found = _one(text)
    if found is not None:
        return found
    parts = [_one(part) for part in re.split(r"(?<=\.) (?=[A-Z])", text)]
    return " ".join(part or "" for part in parts) if len(parts) > 1 and None not in parts else None


def _one(text: str) -> str | None:
    for pattern, (_, swedish) in zip(_patterns(), SV, strict=True):
        match = pattern.fullmatch(text)
        if match is None:
            continue
        values = {name: _value(name, value) for name, value in match.groupdict().items()}
        if None not in values.values():
            return swedish.format_map(values)
    return None


def _value(name: str, text: str) -> str | None:
    """What stands in a hole, in Swedish; None where there is no word for it."""
    if name == "noun":
        return NOUNS.get(text)
    if name == "what":
        return _one(text) or text
    if name == "kind":
        return KINDS["sv"].get(text, text)
    if name == "unit":
        return UNITS.get(text, text)
    if name == "names":
        return re.sub(r" (and|or) (\d+) more$", lambda m: f" {_AND[m[1]]} {m[2]} till", text).replace(" or ", " eller ")
    return text.replace(".", ",") if name in _FIGURES else text


_AND = {"and": "och", "or": "eller"}


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(_pattern(english), re.DOTALL) for english, _ in SV)


def _pattern(english: str) -> str:
    parts, at = [], 0
    for hole in _HOLE.finditer(english):
        form = r"\d+" if hole[1] in _WHOLE else r"\d+(?:\.\d+)?" if hole[1] in _FIGURES else ".+?"
        parts += [re.escape(english[at : hole.start()]), f"(?P<{hole[1]}>{form})"]
        at = hole.end()
    return "".join([*parts, re.escape(english[at:])])
