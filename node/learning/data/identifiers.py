"""Direct identifiers: the 18 kinds of HIPAA Safe Harbor, by a column's name and by what its cells look like.

Swedish and English names; personnummer and samordningsnummer with their checksum, also within a text. A pattern
with a checksum blocks at one cell, one without at 5 % of the rows. A cell that stands in a column's public list of
categories is looked at for what no category is: personal numbers and mail addresses. What was matched is never shown.

Source: 45 CFR 164.514(b)(2); Skatteverket SKV 704 and 707 for the numbers.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date

from node.learning.data.findings import BLOCK, WARN, Finding
from node.learning.data.manifest import Manifest
from node.learning.data.readers import Chunk
from node.learning.data.schema import Column

SHARE = 0.05
_MEMO = 200_000
_FIX = "Remove the column from the extract, or replace it by a pseudonym that has no such form."

# Kind of Safe Harbor -> what a column's name is then called. Whole words: "name" alone, but not "drug_name".
_WORDS: tuple[tuple[str, str], ...] = (
    ("names", r"^(name|namn|full_?name|patient_?(name|namn)|.*(first|last|middle|maiden|sur|family|given)_?name|"
              r"förnamn|fornamn|efternamn|mellannamn|tilltalsnamn|initialer|initials)$"),
    ("dates of birth", r"^(dob|birth_?(date|day|datetime)|date_of_birth|födelsedatum|fodelsedatum|födelsedag)$"),
    ("telephone numbers", r"^(phone|telephone|tel|mobile|mobil|telefon|.*_(phone|telefon|mobil))"
                          r"(_?(nr|no|number|nummer))?$"),
    ("fax numbers", r"^fax(_?(nr|no|number|nummer))?$"),
    ("e-mail addresses", r"^(e_?mail|e_?post|mejl|mail)(_?(address|adress))?$"),
    ("personal numbers", r"^(ssn|social_security.*|person_?(nr|no|nummer|number)|pnr|samordnings_?(nr|nummer)|"
                         r"national_id|nin|cpr|fødselsnummer|reservnummer)$"),
    ("record numbers", r"^(mrn|medical_record.*|journal_?(nr|no|nummer|number)|record_?(nr|no|number)|"
                       r"accession_?(nr|no|number))$"),
    ("health plan numbers", r"^(insurance_?(id|nr|no|number)|health_plan.*|member_?id|beneficiary.*|"
                            r"försäkrings_?(nr|nummer))$"),
    ("account numbers", r"^(account_?(id|nr|no|number)|konto_?(nr|nummer)|iban|bank.*|card_?(nr|no|number))$"),
    ("licence numbers", r"^((licen[cs]e|certificate|körkort)_?(id|nr|no|number|nummer)?)$"),
    ("vehicles", r"^(vin|(licen[cs]e_)?plate|reg_?(nr|nummer)|registreringsnummer|vehicle.*)$"),
    ("devices", r"^(device_?(id|serial|nr|no|number)|serial(_?(nr|no|number|nummer))?|serienummer|udi|"
                r"mac(_?address)?|imei)$"),
    ("web addresses", r"^(url|uri|web_?(site|page|address)|hemsida)$"),
    ("IP addresses", r"^ip(_?(v4|v6|addr|address|adress|nr))?$"),
    ("biometrics", r"^(fingerprint|finger_?print|voice_?print|retina_scan|iris_scan|biometric.*|fingeravtryck)$"),
    ("photographs", r"^(photo|photograph|face_?(image|photo)|portrait|ansikte|foto)$"),
    ("addresses", r"^(address|adress|.*_(address|adress)|street|gata|gatuadress|city|stad|ort|postort|county|kommun|"
                  r"district|parish|församling|latitude|longitude|lat|lon|geo.*)$"),
)  # fmt: skip
_NAMES = tuple((kind, re.compile(pattern, re.IGNORECASE)) for kind, pattern in _WORDS)
_POSTCODE_NAME = re.compile(r"^(zip|zip_?code|post_?(code|nr|nummer|number)|postal_?code)$", re.IGNORECASE)


def named(column: Column) -> str | None:
    """Return the kind of identifier that a column's name says it is; None if it says none."""
    plain = re.sub(r"(?<=[a-zåäö])(?=[A-ZÅÄÖ])|[\s.-]+", "_", column.name.strip())
    return next((kind for kind, pattern in _NAMES if pattern.match(plain)), None)


_PERSONAL = re.compile(r"^(\d{2})?(\d{2})(\d{2})(\d{2})[-+ ]?(\d{4})$")
# Not a part of a longer number, of decimals, of an identifier with letters or dots, or a negative number.
_WITHIN = re.compile(r"(?<![0-9A-Za-zåäöÅÄÖ.,])(?<!^-)(?:\d{2})?\d{6}[-+ ]?\d{4}(?![0-9A-Za-zåäöÅÄÖ])")


def is_personal_number(cell: str) -> bool:
    """Whether a cell is a Swedish personnummer or samordningsnummer: date (day + 60 for the latter) and checksum."""
    found = _PERSONAL.match(cell)
    if not found:
        return False
    century, year, month, day, last = found.groups()
    if century not in (None, "18", "19", "20"):
        return False
    number = int(day)
    return is_date(int(century or "20") * 100 + int(year), int(month), number - 60 if number > 60 else number) and luhn(
        year + month + day + last
    )


def holds_personal_number(cell: str) -> bool:
    """Whether a cell is a personal number, or a text with one in it."""
    return is_personal_number(cell) or any(is_personal_number(one) for one in _WITHIN.findall(cell))


def luhn(digits: str) -> bool:
    """Whether ten digits carry their checksum (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def is_date(year: int, month: int, day: int) -> bool:
    """Whether there is such a day."""
    try:
        date(year, month, day)
    except ValueError:
        # 29 February of the other century: a personal number of ten digits does not say which.
        return (month, day) == (2, 29) and year % 100 == 0
    return True


def _is_ip(cell: str) -> bool:
    if not (cell.count(".") == 3 or cell.count(":") > 2):
        return False
    try:
        ipaddress.ip_address(cell)
    except ValueError:
        return False
    return True


def _matches(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern, re.IGNORECASE)
    return lambda cell: compiled.match(cell) is not None


_DATE = re.compile(r"^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})([T ].*)?$|^(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})([T ].*)?$")
_PART = r"[A-ZÅÄÖÉ][a-zåäöé]+(-[A-ZÅÄÖ][a-zåäö]+)?"
_FULL_NAME = re.compile(rf"^{_PART},? {_PART}$")
_WORD = re.compile(r"[^\W\d_]{2,}")


def _is_full_date(cell: str) -> bool:
    found = _DATE.match(cell)
    if not found:
        return False
    if found[1]:
        return is_date(int(found[1]), int(found[2]), int(found[3]))
    return is_date(int(found[7]), int(found[6]), int(found[5])) or is_date(int(found[7]), int(found[5]), int(found[6]))


def is_free_text(cell: str) -> bool:
    """Whether a cell reads like a sentence: at least five words."""
    return cell.count(" ") >= 4 and len(_WORD.findall(cell)) >= 5


# id, what it is, test, whether it has a checksum.
PATTERNS: tuple[tuple[str, str, Callable[[str], bool], bool], ...] = (
    ("personnummer", "Swedish personal numbers with a right checksum", holds_personal_number, True),
    ("mail", "e-mail addresses", _matches(r"^[^@\s]+@[^@\s]+\.[a-zåäö]{2,}$"), False),
    ("url", "web addresses", _matches(r"^(https?://|www\.)\S+$"), False),
    ("ip", "IP addresses", _is_ip, False),
    ("mac", "device addresses", _matches(r"^([0-9a-f]{2}[:-]){5}[0-9a-f]{2}$"), False),
    ("ssn", "social security numbers", _matches(r"^\d{3}-\d{2}-\d{4}$"), False),
    ("phone", "telephone numbers",
     _matches(r"^(\+\d{1,3}[\s-]?(\(0\))?|0)\d{1,3}([\s-]\d{2,4}){1,4}$|^\+\d{8,14}$"), False),
    ("plate", "vehicle plates", _matches(r"^[a-hj-pr-uw-z]{3} ?\d{2}[0-9a-hj-npr-uw-z]$"), False),
    ("vin", "vehicle numbers", _matches(r"^(?=.*\d)(?=.*[a-z])[a-hj-npr-z0-9]{17}$"), False),
    ("date", "full dates", _is_full_date, False),
    ("name", "first and last names",
     lambda cell: _FULL_NAME.match(cell) is not None, False),
    ("free_text", "free text", is_free_text, False),
)  # fmt: skip
_SHORTEST, _SHORTEST_NUMBER = 6, 10  # of a cell that a pattern matches; of a personal number
_NUMBERS = ("number", "integer", "boolean")
_NO_CATEGORY = ("personnummer", "mail")  # no public list has these


_IN_A_DRAFT = ("personnummer", "mail", "url", "ip", "ssn", "phone", "name")


def looks_like(cells: Sequence[str]) -> str | None:
    """Return what a column's cells look like, in words, where they identify; None if they do not."""
    counts = Counter(cells)
    for id, words, test, checked in PATTERNS:
        hits = sum(n for cell, n in counts.items() if id in _IN_A_DRAFT and len(cell) >= _SHORTEST and test(cell))
        if hits and (checked or hits >= SHARE * len(cells)):
            return words
    return None


class Identifiers:
    """Looks at every cell of a table for what identifies a person; counts only.

    A ``date`` column is declared to be one: it is turned into days or not read at all, and its full dates
    are no finding. The patient column may hold pseudonyms, so its name is no finding; its cells may be.
    """

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._columns = {column.name: column for column in manifest.column}
        self._kind: dict[str, dict[str, str]] = {name: {} for name in self._columns}
        self._hits: Counter[tuple[str, str]] = Counter()
        self._filled: Counter[str] = Counter()
        self._postcodes: Counter[str] = Counter()

    def take(self, chunk: Chunk, _patients: Sequence[str]) -> None:
        """Look at some rows."""
        for name, cells in chunk.cells.items():
            column = self._columns.get(name)
            if column is None or column.kind == "image":
                continue
            distinct = set(cells)
            self._filled[name] += len(cells) - (cells.count("") if "" in distinct else 0)
            if _POSTCODE_NAME.match(name):
                self._postcodes[name] += sum(1 for c in cells if sum(map(str.isdigit, c)) > 3 and c.strip() != "")
            memo, new = self._kind[name], Counter[str]()
            public = set(column.categories)
            # Other cells of a number's column are no numbers, and block as such.
            shortest = _SHORTEST_NUMBER if column.kind in _NUMBERS else _SHORTEST
            for cell in distinct:
                if len(cell) < shortest:
                    continue
                kind = memo.get(cell)
                if kind is None:
                    kind = self._kind_of(cell.strip(), column)
                    if cell.strip() in public and kind not in _NO_CATEGORY:
                        kind = ""
                    if len(memo) < _MEMO:
                        memo[cell] = kind
                if kind:
                    new[cell] = 1
            if new:
                counts = Counter(cells)
                for cell in new:
                    self._hits[name, self._kind_of(cell.strip(), column)] += counts[cell]

    def _kind_of(self, cell: str, column: Column) -> str:
        """Return the id of the first pattern that a cell matches; "" for none."""
        for id, _, test, _ in PATTERNS:
            if id == "date" and column.kind == "date":
                continue
            if id == "personnummer" and column.kind in _NUMBERS:
                test = is_personal_number  # a text there is no number, and blocks as such
            if test(cell):
                return id
        return ""

    def findings(self) -> list[Finding]:
        """Return what was found, by column."""
        found: list[Finding] = []
        for name, column in self._columns.items():
            if column.role == "direct_identifier":
                words, fix = "is a direct identifier", "Remove the column from the extract."
                found.append(Finding("direct_identifier", name, words, BLOCK, "none in a training table", fix))
                continue
            kind = named(column) if name != self._manifest.patient else None
            if kind is not None and name in self._filled:
                words = f"by its name it holds {kind}"
                found.append(Finding("identifiers", name, words, BLOCK, "no direct identifiers", _FIX))
            if count := self._postcodes[name]:
                words = f"{count} postcodes have more than 3 digits"
                found.append(Finding("identifiers", name, words, BLOCK, "3 digits", "Cut them.", count))
            found += self._patterns(name)
        return found

    def _patterns(self, name: str) -> list[Finding]:
        found, filled = [], self._filled[name]
        for id, words, _, checked in PATTERNS:
            if not (count := self._hits[name, id]):
                continue
            blocks = checked or count >= SHARE * filled
            text = f"{count} of {filled} cells look like {words}"
            check, fix = "identifiers", _FIX
            if id == "free_text":
                check, fix = "free_text", "Remove the column: free text is not cleaned."
            elif id == "date":
                check = "dates"
                fix = 'Declare it with kind = "date": it is then read as days since another date, or not at all.'
            elif checked:
                text += " (of ten-digit numbers made by chance 0.4 % do)"
            found.append(
                Finding(check, name, text, BLOCK if blocks else WARN, "no direct identifiers", fix, count, filled)
            )
        return found
