"""Where a model comes from: the way back is whole only if each round began where the one before ended."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from node.audit import check_finding
from node.audit.lineage import prove_model
from node.audit.recheck import Answer
from protocol.codec import Value
from tests.node.audit_network import Small

MODEL = b"the model of round one"


def logged(*bases: bytes) -> Small:
    """A study of two rounds in which vgr logs what each began from, and MODEL as what the last one gave."""
    small = Small()
    honest = small.add

    def add(name: str, kind: str, body: dict[str, Value], **more: object) -> None:
        if name == "vgr" and kind == "round.mix":
            round = int(str(body["round"]))
            train: dict[str, Value] = {
                "round": round, "base": bases[round], "delta": None, "settings_sha256": bytes(32),
                "code_sha256": bytes(32), "steps": 1, "norm_bucket": 0, "dp": None,
            }  # fmt: skip
            honest(name, "round.train", train)
            body = body | {"model": hashlib.sha256(MODEL if round else b"first").digest()}
        honest(name, kind, body, **more)  # type: ignore[arg-type]

    small.add = add  # type: ignore[method-assign, assignment]
    return small.run()


def test_a_model_whose_rounds_follow_from_each_other_is_traced_to_the_beginning(tmp_path: Path) -> None:
    small = logged(bytes(32), hashlib.sha256(b"first").digest())
    lineage = prove_model(MODEL, small.export_all(tmp_path), small.study)
    assert (lineage.found, lineage.whole) == (True, True)
    assert lineage.words == "vgr logged this model; 2 mixes lead back to the initial model"


@pytest.mark.attack("L27")
@pytest.mark.parametrize(
    ("bases", "words"),
    [
        ((bytes(32), bytes(32)), "round 1 began from another model than round 0 gave"),
        ((bytes(31) + b"1", hashlib.sha256(b"first").digest()), "round 0 began from another model than the plan's"),
    ],
)
def test_a_round_that_began_from_another_model_breaks_the_way_back(
    tmp_path: Path, bases: tuple[bytes, bytes], words: str
) -> None:
    small = logged(*bases)
    lineage = prove_model(MODEL, small.export_all(tmp_path), small.study)
    assert (lineage.found, lineage.whole) == (True, False)
    assert words in lineage.words


def test_a_bundle_that_could_not_be_used_is_named(tmp_path: Path) -> None:
    small = logged(bytes(32), hashlib.sha256(b"first").digest())
    bundles = small.export_all(tmp_path)
    bundles[-1].write_bytes(b"no bundle")
    lineage = prove_model(MODEL, bundles, small.study)
    assert not lineage.found
    assert lineage.words.endswith("; vgr.bundle could not be used (LS-BUNDLE-FORMAT)")


# ---------------------------------------------------------------- one finding, seen again


def seen(value: object, small: Small, roster: bytes | None = None) -> Answer:
    return check_finding(json.dumps(value).encode(), small.roster.encode() if roster is None else roster)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"findings": [1, 2]}, "a whole report of 2 findings; give one of them"),
        ([{}], "a list of them; give one"),
        (7, "expected one JSON object"),
    ],
)
def test_what_is_no_finding_is_said_to_be_what_it_is(value: object, words: str) -> None:
    answer = seen(value, Small(rounds=1))
    assert (answer.confirmed, answer.exit_code) == (False, 65)
    assert words in answer.words


def test_a_file_that_is_no_roster_is_told_where_one_is_found() -> None:
    assert "rosters/<hash>.bin of a bundle" in seen({}, Small(rounds=1), roster=b"PK").words
