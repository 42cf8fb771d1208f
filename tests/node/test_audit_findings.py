"""Codes, words and evidence: every code has its words, and evidence that shows nothing convinces nobody."""

from __future__ import annotations

import json
import string
from pathlib import Path

import pytest

from node.audit import check_finding, explain, verify
from node.audit.catalogue import CATALOGUES
from node.audit.findings import CODES, Finding, Severity, ordered
from tests.node.audit_network import Small, rewrite
from tests.node.test_audit_attacks import forked

FILLED = {"subject", "source", "seq", "round", "n", "detail", "holder"}


@pytest.mark.parametrize("lang", CATALOGUES)
def test_every_language_has_words_for_every_code_and_phrase(lang: str) -> None:
    codes, phrases = CATALOGUES[lang]
    assert codes.keys() == CODES.keys()
    assert phrases.keys() == CATALOGUES["en"][1].keys()
    for text in codes.values():
        for template in (text.title, text.plain, text.next):
            assert {name for _, name, _, _ in string.Formatter().parse(template) if name} <= FILLED


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_explained_without_a_blank(code: str) -> None:
    said = explain(code)
    assert all(said.values())
    assert "{" not in json.dumps(said).replace("{" + '"', "", 1)


def test_findings_come_by_severity_then_code_and_each_once() -> None:
    findings = [
        Finding("LS-LOG-ABSENT", subject="a"),
        Finding("LS-FORK", subject="b", seq=3),
        Finding("LS-FORK", subject="b", seq=3),
        Finding("LS-VIEW", source="x"),
        Finding("LS-EQUIVOCATION", subject="b"),
    ]
    assert [f.code for f in ordered(findings)] == ["LS-EQUIVOCATION", "LS-FORK", "LS-VIEW", "LS-LOG-ABSENT"]


def test_the_terminal_lists_first_what_the_sentence_says_first(tmp_path: Path) -> None:
    small = forked(Small())
    bundles = small.export_all(tmp_path)

    def change(files: dict[str, bytes]) -> None:
        note = files["logs/kalmar.1/checkpoint.note"]
        files["logs/kalmar.1/checkpoint.note"] = note.replace(b"kalmar/1 ", b"kalmar/2 ")

    rewrite(bundles[1], change)
    report = verify(bundles, study=small.study)
    codes = [finding.code for finding in report.findings]
    assert codes.index("LS-CHECKPOINT-SIG") < codes.index("LS-FORK")
    told = [line.split()[1] for line in report.to_text().splitlines() if line.startswith("  critical")]
    assert told[0] == "LS-FORK"
    assert "(LS-FORK)" in report.sentence


def test_a_fingerprint_does_not_depend_on_words_or_evidence() -> None:
    plain = Finding("LS-FORK", subject="vgr", seq=3)
    assert plain.fingerprint == Finding("LS-FORK", subject="vgr", seq=3, values={"detail": "x"}).fingerprint
    assert plain.fingerprint != Finding("LS-FORK", subject="vgr", seq=4).fingerprint


# ---------------------------------------------------------------- evidence that shows nothing


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> tuple[Small, dict[str, object]]:
    """A network with a forker, and the finding about it."""
    small = forked(Small())
    report = verify(small.export_all(tmp_path_factory.mktemp("forked")), study=small.study)
    return small, next(f for f in report.findings if f.code == "LS-FORK").to_json()  # type: ignore[return-value]


def answer(small: Small, finding: object) -> tuple[bool, str]:
    said = check_finding(json.dumps(finding).encode(), small.roster.encode())
    return said.confirmed, said.words


def test_the_true_finding_is_confirmed(network: tuple[Small, dict[str, object]]) -> None:
    small, finding = network
    assert answer(small, finding) == (True, answer(small, finding)[1])


def test_a_finding_about_another_region_is_not_shown(network: tuple[Small, dict[str, object]]) -> None:
    small, finding = network
    assert not answer(small, finding | {"subject": "halland"})[0]


def test_a_finding_of_another_roster_is_not_shown(network: tuple[Small, dict[str, object]]) -> None:
    finding = network[1]
    assert "made with roster" in answer(Small(("halland", "kalmar", "vgr", "zulu")), finding)[1]


def test_every_piece_of_evidence_is_needed(network: tuple[Small, dict[str, object]]) -> None:
    small, finding = network
    pieces = finding["evidence"]
    assert isinstance(pieces, list)
    for index in range(len(pieces)):
        assert not answer(small, finding | {"evidence": pieces[:index] + pieces[index + 1 :]})[0]


def test_a_changed_digit_anywhere_in_the_evidence_is_not_shown(network: tuple[Small, dict[str, object]]) -> None:
    small, finding = network
    pieces = finding["evidence"]
    assert isinstance(pieces, list)
    for index, piece in enumerate(pieces):
        for key in ("header", "sig", "root", "text", "leaf"):
            text = piece.get(key)
            if isinstance(text, str):
                middle = len(text) // 2
                changed = text[:middle] + ("1" if text[middle] != "1" else "2") + text[middle + 1 :]
                broken = [*pieces[:index], piece | {key: changed}, *pieces[index + 1 :]]
                assert not answer(small, finding | {"evidence": broken})[0]


@pytest.mark.parametrize(
    "finding",
    [
        None,
        [],
        {},
        {"findings": []},
        {"code": "LS-FORK", "subject": "vgr", "evidence": [], "roster": "0x00"},
        {"code": "LS-FORK", "subject": None, "evidence": []},
        {"code": "LS-LOG-ABSENT", "subject": "vgr", "evidence": []},
        {"code": "LS-FORK", "subject": ["vgr"], "evidence": [{"type": "note", "text": "\ud800"}]},
        {"code": "LS-FORK", "subject": "vgr", "evidence": [{"type": "leaf", "at": -1, "size": 2, "leaf": "0x"}]},
        {"code": "LS-FORK", "subject": "vgr", "evidence": [{"type": "note", "text": "x\n" * 9000}]},
        {"code": ["x"], "subject": {}, "evidence": {}},
    ],
    ids=range(11),
)
def test_what_is_no_finding_is_answered_in_words(network: tuple[Small, dict[str, object]], finding: object) -> None:
    small = network[0]
    if isinstance(finding, dict) and finding.get("roster") is None:
        finding = finding | {"roster": "0x" + small.roster.hash.hex()}
    confirmed, words = answer(small, finding)
    assert (confirmed, bool(words)) == (False, True)


@pytest.mark.parametrize("data", [b"", b"\xff", b"[" * 100_000, b"{" + b" " * 5_000_000, b'{"code": NaN}'])
def test_bytes_that_are_no_json_are_answered_in_words(network: tuple[Small, dict[str, object]], data: bytes) -> None:
    small = network[0]
    assert not check_finding(data, small.roster.encode()).confirmed


@pytest.mark.parametrize("roster", [b"", b"\x80", bytes(2**20 + 1), b"\xc1"])
def test_what_is_no_roster_is_answered_in_words(network: tuple[Small, dict[str, object]], roster: bytes) -> None:
    assert not check_finding(json.dumps(network[1]).encode(), roster).confirmed


def test_no_finding_is_graver_than_its_code_but_a_withheld_leaf() -> None:
    assert Finding("LS-LEAF-WITHHELD", subject="a", grave=Severity.MAJOR).severity is Severity.MAJOR
    assert Finding("LS-LEAF-WITHHELD", subject="a").severity is Severity.INFO


def test_the_readme_lists_every_code() -> None:
    text = (Path(__file__).resolve().parents[2] / "node/audit/README.md").read_text()
    assert [code for code in CODES if code not in text] == []
