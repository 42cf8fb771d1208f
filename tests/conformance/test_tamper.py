"""An auditor's lesson on real daemons: every way to cheat is found, and nobody innocent is named in any.

The same homes show what ``log disclosures`` makes of the log of a daemon that has run.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from node.__main__ import main
from node.audit import read_bundle, verify
from node.home import Home
from node.pages.disclosures import disclosed
from node.store.storage import StoreReader
from node.tamper.teaching import Lesson, in_words
from node.tamper.ways import WAYS
from protocol.codec import MAX_HEADER, decode
from protocol.entries import decode_entry
from tests.conformance.runs import Run


@pytest.fixture(scope="module")
def run(private: Run) -> tuple[Path, dict[str, Any]]:
    """A demo in which all lies are told, and what it printed."""
    return private.kept, private.result()


def test_there_are_ways_enough_and_the_run_itself_is_clean(run: tuple[Path, dict[str, Any]]) -> None:
    _, said = run
    assert len(said["tamper"]) == len(WAYS) >= 12
    assert {"edit", "drop", "fork", "backdate", "omit"} <= set(WAYS)
    assert (said["audit"]["verdict"], said["epsilon"] is not None) == ("clean", True)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_each_way_is_found_and_nobody_else_is_named(run: tuple[Path, dict[str, Any]], way: Any) -> None:
    told = next(one for one in run[1]["tamper"] if one["way"] == way.name)
    subject = "vgr" if way.names else None
    assert (told["named"], told["as_expected"]) == ([subject] if subject else [], True), told
    assert (way.code, subject) in {(one["code"], one["subject"]) for one in told["found"]}
    assert told["exit_code"] in (2, 3)


def test_the_changed_bundles_are_kept_and_the_honest_ones_are_as_they_were(run: tuple[Path, dict[str, Any]]) -> None:
    folder, said = run
    study = bytes.fromhex(said["study"])
    assert verify(sorted((folder / "bundles").glob("*.bundle")), study=study).verdict == "clean"
    again = verify(sorted((folder / "tampered" / "weight").glob("*.bundle")), study=study)
    assert [(finding.code, finding.subject) for finding in again.findings][:1] == [("LS-WEIGHT", "vgr")]


def test_a_line_for_the_long_term_that_is_made_anew_says_the_time_of_the_real_one(
    run: tuple[Path, dict[str, Any]],
) -> None:
    folder, said = run
    real, again = (
        verify(sorted(bundles.glob("*.bundle")), study=bytes.fromhex(said["study"])).protected
        for bundles in (folder / "bundles", folder / "tampered" / "weight")
    )
    assert {one.region: one.t_s for one in again if one.size} == {one.region: one.t_s for one in real if one.size}


def test_a_lesson_that_goes_another_way_says_so(run: tuple[Path, dict[str, Any]]) -> None:
    folder, said = run
    report = verify(sorted((folder / "tampered" / "weight").glob("*.bundle")), study=bytes.fromhex(said["study"]))
    right = Lesson(WAYS["weight"], "vgr does it", "vgr", report, ())
    wrong = Lesson(WAYS["edit"], "vgr does it", "vgr", report, ())
    blamed = Lesson(WAYS["weight"], "kalmar does it", "kalmar", report, ())
    assert [one.is_as_expected for one in (right, wrong, blamed)] == [True, False, False]
    table = in_words([right, wrong, blamed])
    assert "1 of 3 found as expected; an innocent region is named in 1." in table
    assert "expected LS-FORK" in table
    assert "Named: vgr." in in_words([right])


def test_disclosures_of_a_daemon_equal_its_entries_and_what_others_received(run: tuple[Path, dict[str, Any]]) -> None:
    folder, said = run
    received: dict[str, int] = {}
    for bundle in (folder / "bundles").glob("*.bundle"):
        for leaf in read_bundle(bundle).logs[bundle.stem, 1].leaves:
            entry = decode_entry(leaf or b"")
            body: Any = entry.body
            if entry.kind == "env.recv" and body["via"] is None:
                header: Any = decode(body["header"], max_bytes=MAX_HEADER)
                size = len(body["header"]) + len(body["sig"]) + header["bytes"]
                received[header["from"]] = received.get(header["from"], 0) + size
    for name, home in said["homes"].items():
        with StoreReader(Home.open(Path(home))) as reader:
            leaves = list(reader.leaves())
            found = disclosed(leaves, reader.kept)
        assert {"masked", "copy", "handover", "organisation"} == {line.form for line in found.lines}
        sent = sum(line.size or 0 for line in found.lines if line.form in ("masked", "organisation"))
        entries = 0
        for leaf in leaves:
            entry = decode_entry(leaf)
            body = entry.body
            if entry.kind == "env.sent":
                header = decode(body["header"], max_bytes=MAX_HEADER)
                entries += len(body["to"]) * (len(body["header"]) + len(body["sig"]) + header["bytes"])
        assert sent == entries
        assert 0 < received[name] <= sent  # what came first by another link, or too late, the receiver does not log
        assert {line.approvals[0].ref for line in found.lines if line.form == "masked"} == {"demo/1"}


@pytest.mark.parametrize(
    ("words", "fix"),
    [
        (["--regions", "2"], "--regions 3"),
        (["--rounds", "2"], "--rounds 3"),
        (["--topology", "ring"], "landsting demo"),
        (["--masking", "off"], "landsting demo"),
        (["--kill", "2@3"], "landsting demo"),
    ],
)
def test_a_run_without_room_for_a_lie_is_refused_before_it_starts(
    words: list[str], fix: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "--tamper", "edit", *words, "--json"]) == 1
    error = json.loads(capfd.readouterr().err)
    assert fix in error["fix"]
    assert "--tamper edit" in error["fix"]


def test_a_way_that_is_none_is_answered_with_all_of_them(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--tamper", "bribe", "--json"]) == 2
    error = json.loads(capfd.readouterr().err)
    assert all(name in json.dumps(error) for name in WAYS)
