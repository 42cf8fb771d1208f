"""Reals as text: the one decimal form that plans hold.

Signed bytes hold no floats. A real is a string ``-?(0|[1-9]\\d*)(\\.\\d*[1-9])?``, never ``-0``:
0.1 is ``"0.1"``, 1e-3 is ``"0.001"``, 2.50 is ``"2.5"``.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

PATTERN = re.compile(r"-?(0|[1-9]\d*)(\.\d*[1-9])?")
MAX_DIGITS = 64


class Real(str):
    """The text of a TOML float as it was written; ``tomllib.loads(text, parse_float=Real)``.

    A class of its own, so that the string ``"1e-3"`` in a plan stays the string it is.
    """

    __slots__ = ()


def is_decimal(text: str) -> bool:
    """Whether a string is in the one decimal form."""
    return len(text) <= 2 * MAX_DIGITS + 2 and PATTERN.fullmatch(text) is not None and text != "-0"


def decimal(text: str) -> str:
    """Return a real, as people write it, in the one decimal form.

    Raises:
        ValueError: It is no number, not finite, or would take more than 64 digits on either side of the point.
    """
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        raise ValueError(f"{text[:40]!r} is not a number") from None
    if not number.is_finite():
        raise ValueError(f"{text[:40]!r} is not a finite number")
    exponent = number.as_tuple().exponent
    # Bounded before it is written out: 1e999999999 is ten characters here and a gigabyte there.
    if not isinstance(exponent, int) or exponent < -MAX_DIGITS or (number and number.adjusted() >= MAX_DIGITS):
        raise ValueError(f"{text[:40]!r} has more than {MAX_DIGITS} digits before or after the point")
    if not number:
        return "0"
    plain = format(number, "f")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain
