"""Each way to be cheated: id, attack, tests, passed. Exit 1 when one that this version answers has no passing test.

Rows S01 … are the session's (gossip/README.md), rows L01 … the update log's (node/audit/README.md), rows R01 … those of
made-up data (node/learning/synth/measure/README.md). Tests carry ``@pytest.mark.attack("S07")``.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
from collections import defaultdict

import pytest

ATTACKS = {
    "S01": "an outsider changes traffic: one flipped bit in header or signature",
    "S02": "a member called lost, its value kept",
    "S03": "two different messages for one place in a session",
    "S04": "both kinds of share of one member",
    "S05": "a second sum in one round, by asking again after a restart",
    "S06": "a receiver picks cohorts over the rounds",
    "S07": "a receiver exchanges an ADVERT",
    "S08": "members are shown different cohorts",
    "S09": "bad shares, dealt or revealed",
    "S10": "a tiny cohort; a neighbourhood that hides nothing",
    "S11": "more colluders than were assumed: the least coalition, and a plan below its own bound",
    "S12": "linear algebra over all the sums of a run",
    "S13": "a weak generator, a folded seed",
    "S14": "a mask used twice",
    "S15": "values so large that the sum wraps",
    "S16": "a member that sends what moves its neighbours",
    "S17": "a coordinate that is not zero in one region only",
    "S18": "a member that waits with its value and correlates",
    "S19": "a message of an old round played again",
    "S20": "malformed, oversized, deep messages",
    "S21": "a crash, then a second signature",
    "S22": "long-term keys stolen later",
    "S23": "a receiver that goes mute",
    "S24": "unsafe decoding",
    "S25": "a receiver that weighs otherwise than the plan",
    "S26": "uneven or false counting of what was sent, another kind of sum for each member",
    "S27": "an opened seed beside the value of who was left out",
    "S28": "a root with two results, a parent that miscounts",
    "S29": "a made-up round in a PING",
    "S30": "a receiver that shows ever new sets of senders",
    "S31": "a sum round with a smaller cohort, or tried again with other numbers",
    "S32": "payloads without end, or of another size",
    "S33": "masks switched off in a real plan",
    "L01": "an entry changed, the log not signed again",
    "L02": "an entry changed and the log signed again by its owner",
    "L03": "two entries exchanged",
    "L04": "the log cut, the old checkpoint kept",
    "L05": "the log cut, a fresh checkpoint",
    "L06": "an honest export before the others'",
    "L07": "a sent message left out of the log",
    "L08": "two neighbours shown two logs",
    "L09": "the same, met live",
    "L10": "a message that claims a place its log does not give it",
    "L11": "two COHORT or MASKED for one session",
    "L12": "a late but honest message with a smaller head",
    "L13": "a backup put back in place of the newer log",
    "L14": "a backup put back, and recovered by the others or begun anew",
    "L15": "one byte of the stored log flipped",
    "L16": "an entry dated before its predecessor",
    "L17": "a value of one round used in another",
    "L18": "a payload exchanged behind its hash",
    "L19": "a wrong weight, logged or lied about",
    "L20": "a RECEIPT given, then the member declared missing",
    "L21": "a loss without a RECEIPT",
    "L22": "both kinds of opened seed of one member",
    "L23": "survivors below the threshold, strangers, a cut group",
    "L24": "a round twice, or missing without an excuse",
    "L25": "a privacy budget overdrawn, or understated",
    "L26": "other settings, an edge outside the topology, a stranger",
    "L27": "a model of another lineage, a release against the rules",
    "L28": "another plan in the bundle",
    "L29": "a key stolen and revoked",
    "L30": "a stored payload or the reading view altered",
    "L31": "a false signature in a log or a note",
    "L32": "a region that hands over nothing",
    "L33": "bundles made to break the reader",
    "L34": "leaves in another form than the one allowed",
    "L35": "notes and checkpoints in another form than the one allowed",
    "L36": "markup and control characters in a string",
    "L37": "all bundles together, to unmask a value that was lost",
    "L38": "one bit flipped anywhere in a bundle",
    "L39": "none: honest logs after losses and crashes are clean",
    "L40": "a line for the long term that is false, or of another log, size, name, key or use",
    "L41": "a release key brought by a card, a rotation or a roster that the study id does not vouch for",
    "L42": "a region and all its neighbours show a stranger another history than an outside witness saw",
    "L43": "whoever carries a bundle leaves out its end or entries of it, and cannot sign it",
    "R01": "a generator that copies its patients, whole or nearly",
    "R02": "a generator of noise, of one class, of one row, let out as data of use",
    "R03": "a discriminator, or a distance, that knows who was in training",
    "R04": "patients carried in what no figure looks at: spelling, tags, comments, the card",
    "R05": "made-up rows that were picked or put in order",
    "R06": "a rare group singled out in made-up rows",
    "R07": "a column that made-up rows give away",
}


class Collector:
    """Notes which tests carry which id, and how they ended."""

    def __init__(self) -> None:
        self.tests: dict[str, set[str]] = defaultdict(set)
        self.failed: set[str] = set()
        self.ran: set[str] = set()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Remember the ids of each test."""
        for item in items:
            for mark in item.iter_markers("attack"):
                self.tests[str(mark.args[0])].add(item.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember how a test ended."""
        if report.when == "call" and report.passed:
            self.ran.add(report.nodeid)
        if report.failed:
            self.failed.add(report.nodeid)


def main(argv: list[str]) -> int:
    """Run the marked tests and print the table; ``--json`` prints one object."""
    collector = Collector()
    with contextlib.redirect_stdout(io.StringIO()) as said:
        pytest.main(["-q", "-m", "attack and not slow", "tests"], plugins=[collector])
    if collector.failed:
        print(said.getvalue(), file=sys.stderr)
    rows = []
    for id, attack in ATTACKS.items():
        tests = sorted(collector.tests.get(id, ()))
        passed = bool(tests) and not collector.failed & set(tests) and bool(collector.ran & set(tests))
        rows.append({"id": id, "attack": attack, "tests": tests, "passed": passed})
    unknown = sorted(set(collector.tests) - set(ATTACKS))
    if "--json" in argv:
        print(json.dumps({"attacks": rows, "unknown": unknown}))
    else:
        for row in rows:
            names = sorted({str(t).split("::")[-1].split("[")[0] for t in row["tests"]}) or ["NO TEST"]  # type: ignore[attr-defined]
            print(f"{row['id']}  {'passed' if row['passed'] else 'FAILED'}  {row['attack']}")
            print(f"              {', '.join(names)}")
        for id in unknown:
            print(f"{id}  a test carries this id, which no table has")
    return 0 if all(row["passed"] for row in rows) and not unknown else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
