"""The words of the auditor, by language; a language is one more table with the same keys.

``words(code, lang)`` gives the texts of a code, ``phrase(key, lang)`` a sentence of the report.
Placeholders in braces are filled by the caller with ASCII values only.
"""

from __future__ import annotations

from collections.abc import Mapping

from node.audit import words_en, words_sv
from node.audit.words import Words

CATALOGUES: Mapping[str, tuple[Mapping[str, Words], Mapping[str, str]]] = {
    "en": (words_en.CODES, words_en.PHRASES),
    "sv": (words_sv.CODES, words_sv.PHRASES),
}
LANGUAGES = tuple(sorted(CATALOGUES))


def words(code: str, lang: str = "en") -> Words:
    """Return the texts of a code.

    Raises:
        KeyError: The code or the language is not in this version.
    """
    return CATALOGUES[lang][0][code]


def phrase(key: str, lang: str = "en") -> str:
    """Return a sentence of the report, placeholders unfilled."""
    return CATALOGUES[lang][1][key]
