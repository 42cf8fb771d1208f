"""What looks like a person: Swedish personal and coordination numbers, e-mail addresses, phone numbers.

A log cannot be erased, so its builders refuse such strings where an operator types one. The rule rather
refuses a diary number too many than lets a person in: check digits are not looked at, separators may stand
between the parts. It judges form alone and is no proof that a string names nobody.
"""

from __future__ import annotations

import re

_SEP = r"[ .:/+-]?"
_NUMBER = re.compile(
    rf"(?<!\d)(?:(?:18|19|20){_SEP})?\d\d{_SEP}(?:0[1-9]|1[0-2]){_SEP}"
    # Day of birth; plus 60 in coordination numbers.
    rf"(?:0[1-9]|[12]\d|3[01]|6[1-9]|[78]\d|9[01])[ .:/+-]{{0,3}}\d{{4}}(?!\d)"
)
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+")
# A national number begins with 0 and is no part of a longer one, as in 2026-0345678.
_PHONE = re.compile(r"(?<!\d)(?<!\d[ .:/-])(?:\+[1-9]|0046|0[1-9])(?:[ .:/()-]{0,2}\d){6,12}(?!\d)")


def looks_personal(given: str) -> str | None:
    """Return what a string looks like, in words; None if it looks like nobody."""
    if _NUMBER.search(given):
        return "a personal or coordination number"
    if _EMAIL.search(given):
        return "an e-mail address"
    if _PHONE.search(given):
        return "a phone number"
    return None
