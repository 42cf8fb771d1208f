"""The data sheet's page, English and Swedish: each sentence of the gate has its pair, with the same numbers."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.learning.data.check import CHECKS as RUN
from node.learning.data.findings import BLOCK, WARN, Finding
from node.learning.data.groups import Groups
from node.learning.data.identifiers import _WORDS, PATTERNS
from node.learning.data.image_checks import _MARKS
from node.learning.data.sheet import ColumnFacts, Sheet
from node.pages.annex_words import CHECKS
from node.pages.sheet_details import SV, in_swedish, said
from node.pages.sheet_page import page
from node.pages.sheet_words import KINDS, PAGE
from tests.node.readable import faults

DATA = Path(__file__).parents[2] / "node" / "learning" / "data"
GATE = ("cells", "check", "quality", "values", "identifiers", "image_checks", "reading")
HOLE = re.compile(r"{(\w+)}")


def sheet(*findings: Finding, left_out: tuple[str, ...] = (), groups: Groups | None = None) -> Sheet:
    facts = (
        ColumnFacts("pid", "text", "ignore", "", None, None),
        ColumnFacts("chol", "number", "feature", "mg/dL", 300, 1204),
        ColumnFacts("ill", "category", "label", "", None, None),
    )
    return Sheet(
        "heart", "table", bytes(32), bytes(32), {"heart.csv": "0" * 64}, 1250, 1200, {"0": 1000, "1": 250}, ("chol",),
        ("research", "quality"), "RS 2026-1", "", "", facts, findings, groups, left_out, RUN,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("english", "swedish"),
    [
        (
            "12 of 300 values lie outside its range and become missing",
            "12 av 300 värden ligger utanför kolumnens intervall och räknas som saknade",
        ),
        (
            "12 of 300 values lie outside its range, all the same one",
            "12 av 300 värden ligger utanför kolumnens intervall, alla ett och samma värde",
        ),
        (
            "12 of 300 values lie outside its range and are clipped to it",
            "12 av 300 värden ligger utanför kolumnens intervall och flyttas till dess gräns",
        ),
        (
            "7 of 90 values look as if they were in another unit (ten times the unit, not mg/dL)",
            "7 av 90 värden ser ut att vara i en annan enhet (tio gånger enheten, inte mg/dL)",
        ),
        (
            "7 of 90 values look as if they were in another unit (lb, not kg)",
            "7 av 90 värden ser ut att vara i en annan enhet (lb, inte kg)",
        ),
        (
            "its distribution is not that of all regions of study 405ba6ec1234: PSI 0.31, over 0.25",
            "fördelningen är inte den hos alla regioner i studien 405ba6ec1234: PSI 0,31, över 0,25",
        ),
        ("its distribution has moved: PSI 0.31, over 0.25", "fördelningen har flyttat sig: PSI 0,31, över 0,25"),
        (
            "may have been swapped with column sbp or dbp or 2 more: each one's values fit the other's range",
            "kan ha kastats om med kolumnen sbp eller dbp eller 2 till: bådas värden passar i den andras intervall",
        ),
        (
            "9 cells are no integer (first in line 4), and look like numbers with a decimal comma",
            "9 celler är inte heltal (den första på rad 4) och ser ut som tal med decimalkomma",
        ),
        ("by its name it holds dates of birth", "innehåller enligt sitt namn födelsedatum"),
        (
            "3 of 40 cells look like Swedish personal numbers with a right checksum (of ten-digit numbers made by"
            " chance 0.4 % do)",
            "3 av 40 celler ser ut som svenska personnummer med rätt kontrollsiffra (av slumpade tiosiffriga tal gör"
            " 0,4 % det)",
        ),
        ("2 of 9 images hold private tags", "2 av 9 bilder har privata taggar"),
        (
            "2 of 9 images look like an earlier one (difference hash within 2 bits), 1 of them like another patient's:"
            " a split by patient does not keep those together",
            "2 av 9 bilder liknar en tidigare (difference hash inom 2 bitar), 1 av dem en annan patients: en delning"
            " efter patient håller inte ihop dem",
        ),
        (
            "by age, sex the smallest group has 2 of 80 patients (12.5% of patients are alone): what leaves the region"
            " is made coarser",
            "efter age, sex har den minsta gruppen 2 av 80 patienter (12,5 % av patienterna är ensamma): det som"
            " lämnar regionen görs grövre",
        ),
        ("heart.csv has no column a, b, c and 2 more", "heart.csv har inte kolumnen a, b, c och 2 till"),
        (
            "If it means not measured, list it in `missing` in every region's manifest. Check its unit, or agree on a"
            " wider range in every region's manifest.",
            "Om det betyder inte mätt, lista det i `missing` i varje regions manifest. Kontrollera enheten, eller kom"
            " överens om ett vidare intervall i varje regions manifest.",
        ),
        ("14 rows of patients who opted out", "14 rader för patienter med spärr"),
    ],
)
def test_a_sentence_is_said_in_swedish_with_the_same_names_and_numbers(english: str, swedish: str) -> None:
    assert said(english, "sv") == swedish
    assert said(english, "en") == english


def test_technical_text_stays_as_it_is_and_says_that_it_is_english() -> None:
    assert in_swedish("heart.mat is a Matlab file") is None
    assert said("heart.mat is a Matlab file", "sv") == "heart.mat is a Matlab file [på engelska]"
    assert said("heart.mat is a Matlab file", "en") == "heart.mat is a Matlab file"
    assert in_swedish("Cut them. Do something unheard of.") is None


def test_both_sentences_of_a_pair_have_the_same_holes() -> None:
    for english, swedish in SV:
        assert sorted(HOLE.findall(english)) == sorted(HOLE.findall(swedish)), english


def test_the_page_has_the_same_words_in_both_languages_and_one_for_each_check_and_kind() -> None:
    assert PAGE["en"].keys() == PAGE["sv"].keys()
    assert KINDS["en"].keys() == KINDS["sv"].keys()
    for key, english in PAGE["en"].items():
        assert sorted(HOLE.findall(english)) == sorted(HOLE.findall(PAGE["sv"][key])), key
    for lang in ("en", "sv"):
        assert set(RUN) <= set(CHECKS[lang])


# ---------------------------------------------------------------- every sentence of the gate


def _texts(value: ast.expr) -> Iterator[str]:
    """Yield the texts that an expression may be, 7 in the place of each value."""
    match value:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr(values=parts):
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else "7%" if "%" in ast.unparse(part) else "7"
                for part in parts
            )
        case ast.IfExp(body=one, orelse=other):
            yield from _texts(one)
            yield from _texts(other)
        case ast.BinOp(left=one, right=other):
            yield from _texts(one)
            yield from _texts(other)
        case ast.Tuple(elts=parts):
            for part in parts:
                yield from _texts(part)


def _sentences(path: Path) -> Iterator[str]:
    """Yield what a module of the gate may say in a finding: its words, and what to do."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="Finding"), args=args, keywords=keywords):
                given = [*args[2:3], *args[5:6], *(one.value for one in keywords if one.arg in ("words", "fix"))]
            case ast.Call(func=ast.Attribute(attr="_finding"), args=args):
                given = args[2:4]
            case ast.Assign(targets=[target], value=value) | ast.AugAssign(target=target, value=value):
                names = {one.id for one in ast.walk(target) if isinstance(one, ast.Name)}
                given = [value] if names & {"words", "fix", "text", "told", "_FIX"} else []
            case _:
                continue
        for value in given:
            yield from _texts(value)


# Parts of a sentence that is put together: as a whole they are asked of above.
PARTS = re.compile(
    r"7 and 7|, all the same one|its distribution .*|7: PSI 7, over 7| \(of ten-digit numbers .*"
    r"|7 of 7 images( 7| do not open)|, and look like numbers .*|, 7 of them like another .*| \(the first is image .*"
    r"|7 of 7 images have what may .*|7 cells are no 7 .*|7 of 7 cells look like 7|by its name it holds 7"
    r"|7 of 7 values look as if .*"
)


@pytest.mark.parametrize("name", GATE)
def test_every_sentence_of_the_gate_has_its_pair(name: str) -> None:
    told = [text for text in _sentences(DATA / f"{name}.py") if " " in text.strip()]
    assert told
    unpaired = [text for text in told if not PARTS.fullmatch(text) and in_swedish(text.strip()) is None]
    assert not unpaired


def test_every_kind_of_identifier_and_every_mark_of_an_image_has_its_word() -> None:
    for kind, _ in _WORDS:
        assert in_swedish(f"by its name it holds {kind}"), kind
    for _, kind, _, _ in PATTERNS:
        assert in_swedish(f"7 of 7 cells look like {kind}"), kind
    for _, _, words, fix in _MARKS.values():
        assert in_swedish(f"7 of 7 images {words}"), words
        assert in_swedish(fix), fix


def test_what_a_layout_left_out_has_its_pair() -> None:
    for path in sorted((DATA / "adapters").glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            match node:
                case ast.Call(func=ast.Attribute(attr="append", value=ast.Attribute(attr="left_out")), args=[value]):
                    told = list(_texts(value))
                case ast.Call(
                    func=ast.Attribute(attr="append", value=ast.Name(id="left")), args=[ast.Tuple() as value]
                ):
                    told = [f"7 {text}" for text in _texts(value)]
                case ast.Assign(targets=[ast.Attribute(attr="left_out")], value=ast.List(elts=values)):
                    told = [text for value in values for text in _texts(value)]
                case _:
                    continue
            for text in told:
                assert text == "7 7" or in_swedish(text), (path.name, text)


# ---------------------------------------------------------------- the page


def test_the_page_in_swedish_has_no_sentence_in_english() -> None:
    findings = (
        Finding("range", "chol", "30 of 1250 values lie outside its range", BLOCK, "at most 2%", "Check the extract."),
        Finding("type", "chol", "9 cells are empty (first in line 4)", BLOCK, "", "Cut them.", decision="RS 2026-9"),
        Finding(
            "drift", "chol", "its distribution has moved: PSI 0.31, over 0.25", WARN, fix="Compare the two extracts."
        ),
    )
    groups = Groups(("age", "sex"), 1200, 2, 3, None, 0.25, 0.125)
    found = page([sheet(*findings, left_out=("14 rows of other hospitals",), groups=groups).value()], "sv")
    assert not faults(found)
    assert '<html lang="sv">' in found
    for words in (
        "<h1>Datablad</h1>", "Får inte tränas på: en sak hindrar det.", "ändamål forskning, kvalitetsuppföljning",
        "godkännande RS 2026-1", "beslut RS 2026-9", "1\u00a0250", "80,0\u00a0%", "24,0\u00a0%", "1\u00a0204",
        "30 av 1250 värden ligger utanför kolumnens intervall", "Kontrollera uttaget.", "PSI 0,31, över 0,25",
        "14 rader från andra sjukhus", "värden utanför rimligt intervall", "12,5\u00a0%", "0,25", "odefinierat",
        "<td>tal</td><td>indata</td>", "det som förutsägs",
    ):  # fmt: skip
        assert words in found, words
    text = re.sub(r"(?s)<style>.*</style>|<[^>]+>", " ", found)
    assert not re.search(r"\b(the|and|of|rows|values|which|class|missing|its|English|engelska)\b", text)


def test_the_page_in_english_says_what_it_said() -> None:
    found = page([sheet().value()])
    assert not faults(found)
    for words in ("<h1>Data sheet</h1>", "Passed.", "1,250", "80.0%", "purposes research, quality follow-up"):
        assert words in found, words


@pytest.mark.parametrize("lang", ["en", "sv"])
def test_a_page_without_data_says_so(lang: str) -> None:
    assert PAGE[lang]["none"] in page([], lang)
