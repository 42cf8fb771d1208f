"""Details of findings in Swedish: every sentence that a check writes has its pair, with the same names and numbers."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.audit.details import TABLES, in_language, said
from node.audit.findings import Finding

AUDIT = Path(__file__).parents[2] / "node" / "audit"
CHECKS = ("rules", "claims", "times", "openings", "openings_rounds", "replay_sums")
HOLE = re.compile(r"{(\w+)}")


@pytest.mark.parametrize(
    ("english", "swedish"),
    [
        (" (other studies)", " (andra studier)"),
        (" (2 sums of rounds 4 to 6)", " (2 summor i rundorna 4 till 6)"),
        (" (seeds of masks, round 3)", " (frön till masker, runda 3)"),
        (" (erasure)", " (raderad på begäran)"),
        (
            "after 3222 entries of net.example/vgr/1: disk",
            "efter 3222 poster i net.example/vgr/1: disken gick förlorad",
        ),
        (
            "halland was shown another history of its first 117 entries; 4 messages say so",
            "halland fick se en annan historia för de första 117 posterna; 4 meddelanden säger det",
        ),
        (
            "round 4: epsilon 3.25, by the plan at most 3; and 2 more of this kind",
            "efter runda 4: epsilon 3,25, enligt planen högst 3; och 2 till av samma slag",
        ),
        (
            "entry 90: the test tstr_auroc gave 0.77; the plan asks for at least 0.83",
            "post 90: provet tstr_auroc gav 0,77; planen kräver minst 0,83",
        ),
        ("round 3: a sum over 2; at least 3 are needed", "runda 3: en summa över 2; minst 3 behövs"),
        (
            "two COHORT for one session, held by halland and skane",
            "två COHORT för en och samma session, hos halland och skane",
        ),
    ],
)
def test_a_detail_is_said_in_swedish_with_the_same_names_and_numbers(english: str, swedish: str) -> None:
    assert in_language(english, "sv") == swedish
    assert in_language(english, "en") == english


def test_technical_text_stays_as_it_is_and_says_that_it_is_english() -> None:
    assert in_language("plan 1a2b3c4d cannot be read: unexpected byte", "sv") is None
    assert said("unexpected byte 0x7", "sv") == "unexpected byte 0x7 [på engelska]"
    assert said("unexpected byte 0x7", "en") == "unexpected byte 0x7"


def test_a_finding_is_told_in_swedish_from_end_to_end() -> None:
    finding = Finding("LS-LEAF-WITHHELD", subject="vgr", values={"n": 12, "detail": " (other studies)"})
    assert finding.to_json("sv")["plain"] == "12 poster hos vgr lämnades över bara som fingeravtryck (andra studier)."
    assert finding.to_json("en")["detail"] == " (other studies)"


def test_both_sentences_of_a_pair_have_the_same_holes() -> None:
    for pairs, _ in TABLES.values():
        for english, other in pairs:
            assert sorted(HOLE.findall(english)) == sorted(HOLE.findall(other)), english


def _sentences(path: Path) -> Iterator[str]:
    """Yield what a module may write as a detail: its texts with a blank in them, 7 in the place of each value."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    texts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    texts |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else "7" for part in node.values]
            yield "".join(str(part) for part in parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in texts:
            yield node.value


# Put together with another text, or of a file so broken that only its reader's words tell how.
KNOWN = re.compile(
    r"7than was handed over|7 than .*|; up to entry.*|7.*more of this kind|7, which sent none.*|7 that never came"
    r"|the new log names another history.*|the sum of round 7 holds a value of 7|mirrors/7: |7the checkpoint.*"
    r"|7its 7 hashes.*|seeds of masks, 7| \(7\)|(round|entry) 7: 7|round 7 7 a statement of privacy"
    r"|round 7: epsilon of 7 is.*|the (round|study|data)|7 is 7|no plan"
    r"|.*cannot be read: 7|.*is unreadable: 7| and |, |7 \(7\)"
)


@pytest.mark.parametrize("path", [*(AUDIT / f"{name}.py" for name in CHECKS), *sorted((AUDIT / "checks").glob("*.py"))])
def test_every_sentence_of_a_check_has_its_pair(path: Path) -> None:
    said = [text for text in _sentences(path) if " " in text.strip() and not KNOWN.fullmatch(text)]
    unpaired = [text for text in said if in_language(text, "sv") is None]
    assert not unpaired
