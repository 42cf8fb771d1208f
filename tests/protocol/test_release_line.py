"""The line for the long term: what is signed, where it counts, and what it is worth anywhere else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from crypto import mldsa
from crypto.errors import CryptoError
from crypto.mldsa import ReleaseKey, make_release_key
from crypto.note import Checkpoint, note_key_id, open_note, parse_checkpoint, parse_note
from crypto.signing import SigningKey
from protocol.log import Log
from protocol.release_line import RELEASE, cosigned_message, line_of, lines_in, release_name
from tests.vectors.make_protocol import STUDY, bodies, fixed

VECTORS = Path(__file__).parents[1] / "vectors"
MADE: dict[str, Any] = json.loads((VECTORS / "protocol" / "release_line.json").read_text("utf-8"))
PUBLIC = bytes.fromhex(MADE["release_public"])
POINT = Checkpoint(MADE["origin"], MADE["size"], bytes.fromhex(MADE["root"]))
NOTE = MADE["note"].encode()
NAME = "landsting.example/vgr/release"
END = next(body for _, kind, _, body in bodies() if kind == "study.end")


def test_the_vector_is_what_c2sp_lays_out() -> None:
    # RFC 8446, section 3: each name with one byte of its length, each number with eight bytes.
    origin, name = POINT.origin.encode(), NAME.encode()
    message = (
        b"subtree/v1\n\0" + bytes((len(name),)) + name + MADE["t_s"].to_bytes(8, "big")
        + bytes((len(origin),)) + origin + bytes(8) + POINT.size.to_bytes(8, "big") + POINT.root
    )  # fmt: skip
    assert message.hex() == MADE["message"]
    assert cosigned_message(POINT, NAME, MADE["t_s"]) == message
    assert release_name("landsting.example", "vgr") == MADE["name"] == NAME
    assert note_key_id(NAME, RELEASE, PUBLIC).hex() == MADE["key_id"]


def test_the_line_of_the_vector_is_found_and_holds() -> None:
    note = parse_note(NOTE)
    found, wrong = lines_in(note, NAME, [PUBLIC])
    assert not wrong
    ((public, line),) = found
    assert public == PUBLIC
    assert line.t_s == MADE["t_s"]
    mldsa.verify(public, line.sig, cosigned_message(parse_checkpoint(note.body), NAME, line.t_s))
    assert line_of(NAME, PUBLIC, line.t_s, line.sig) == NOTE.splitlines(keepends=True)[-1]


def test_a_note_with_the_line_is_one_that_other_tools_read() -> None:
    body = open_note(NOTE, POINT.origin, bytes.fromhex(MADE["log_public"]))
    assert parse_checkpoint(body) == POINT


@pytest.mark.parametrize("case", [pytest.param(one, id=one["comment"]) for one in MADE["refused"]])
def test_a_line_is_worth_nothing_elsewhere(case: dict[str, Any]) -> None:
    point = Checkpoint(case["origin"], case["size"], bytes.fromhex(case["root"]))
    with pytest.raises(CryptoError):
        mldsa.verify(PUBLIC, bytes.fromhex(case["sig"]), cosigned_message(point, case["name"], case["t_s"]))


def test_lines_of_other_names_and_keys_are_ignored() -> None:
    note = parse_note(NOTE)
    assert lines_in(note, "landsting.example/skane/release", [PUBLIC]) == ([], [])
    assert lines_in(note, NAME, [bytes(1312)]) == ([], [])
    assert lines_in(note, NAME, []) == ([], [])


@pytest.mark.parametrize(
    ("line", "what"),
    [
        pytest.param(line_of(NAME, PUBLIC, 1, bytes(2419)), "expected 2428", id="cut"),
        pytest.param(line_of(NAME, PUBLIC, 1, bytes(64)), "expected 2428", id="of an Ed25519 signature's length"),
        pytest.param(line_of(NAME, PUBLIC, 2**53, bytes(2420)), "beyond 2^53", id="of a time too far"),
        pytest.param(NOTE.splitlines(keepends=True)[-1] * 2, "a second line", id="twice"),
    ],
)
def test_a_malformed_line_of_a_known_key_is_said(line: bytes, what: str) -> None:
    _, wrong = lines_in(parse_note(b"x\n\n" + line), NAME, [PUBLIC])
    assert len(wrong) == 1
    assert what in wrong[0]


def test_a_name_that_does_not_fit_is_our_own_mistake() -> None:
    with pytest.raises(ValueError, match="1 to 255"):
        cosigned_message(POINT, "x" * 256, 0)


# ---------------------------------------------------------------- what a log does


def log_with(release: ReleaseKey | None) -> Log:
    log = Log(
        network="landsting.example", region="vgr", sign_key=SigningKey(fixed(1)), log_key=SigningKey(fixed(2)),
        release_key=release,
    )  # fmt: skip
    log.add("log.genesis", bodies()[0][3], study=None, now_ms=1000)
    return log


def lines(log: Log) -> list[tuple[bytes, bytes]]:
    pending = log.pending()
    assert pending is not None
    return log.protected(*pending[1:])


def test_the_end_of_a_study_gets_a_line_and_other_entries_do_not() -> None:
    key = make_release_key(fixed(3))
    log = log_with(key)
    assert lines(log) == []
    log.add("study.end", END, study=STUDY, now_ms=5_999)
    ((key_id, note),) = lines(log)
    found, _ = lines_in(parse_note(note), NAME, [key.public])
    ((public, line),) = found
    assert (line.key_id, line.t_s, parse_checkpoint(parse_note(note).body).size) == (key_id, 5, log.size)
    mldsa.verify(public, line.sig, cosigned_message(log.signed()[0], NAME, 5))
    log.add("node.stop", {"reason": "signal"}, study=None, now_ms=6_000)
    assert lines(log) == []


def test_the_key_before_signs_for_the_entry_that_brings_a_new_one() -> None:
    old, new = make_release_key(fixed(3)), make_release_key(fixed(4))
    log = log_with(old)
    lines(log)
    log.add("node.stop", {"reason": "signal"}, study=None, now_ms=2_000)  # stands for key.rotate
    log.rekey(SigningKey(fixed(5)), SigningKey(fixed(6)), new)
    ((key_id, _),) = lines(log)
    assert key_id == note_key_id(NAME, RELEASE, old.public)
    log.add("study.end", END, study=STUDY, now_ms=3_000)
    ((key_id, _),) = lines(log)
    assert key_id == note_key_id(NAME, RELEASE, new.public)


def test_a_log_without_the_key_or_the_library_has_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    log = log_with(None)
    log.add("study.end", END, study=STUDY, now_ms=2_000)
    assert lines(log) == []
    log = log_with(make_release_key(fixed(3)))
    monkeypatch.setattr(mldsa, "is_available", lambda: False)
    log.add("study.end", END, study=STUDY, now_ms=2_000)
    assert lines(log) == []
