"""Entries: closed kinds, closed lists, a reading view, and nobody's name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from protocol import entries
from protocol.codec import MAX_ENTRY, encode
from protocol.entries import KINDS, Entry, decode_entry, encode_entry, view
from protocol.errors import CodecError, LogError, SchemaError
from protocol.messages import REJECT_REASONS
from tests.vectors.make_protocol import ORIGIN, STUDY, bodies, fixed


def end(**changes: Any) -> Entry:
    """A round.end, with changes to its frame."""
    frame: dict[str, Any] = {
        "log": ORIGIN, "seq": 5, "t_ms": 1, "kind": "round.end", "study": STUDY,
        "body": {"round": 3, "outcome": "mixed", "reason": None},
    }  # fmt: skip
    return Entry(**{**frame, **changes})


def accept(ref: str | None, kind: str = "study.accept") -> Entry:
    """A study.accept with a diary number."""
    return end(kind=kind, body={"plan": STUDY, "role": "dpo", "decision_ref": ref, "sheet": None})


ALL = [pytest.param(kind, study, body, id=f"{kind}: {comment}") for comment, kind, study, body in bodies()]


@pytest.mark.parametrize(("kind", "study", "body"), ALL)
def test_an_entry_of_every_kind_comes_back(kind: str, study: bytes | None, body: dict[str, Any]) -> None:
    entry = end(kind=kind, study=study, body=body)
    assert decode_entry(encode_entry(entry)) == entry


@pytest.mark.parametrize(("kind", "study", "body"), ALL)
def test_no_field_of_a_body_may_be_left_out_or_added(kind: str, study: bytes | None, body: dict[str, Any]) -> None:
    for field in body:
        with pytest.raises(LogError, match=f"'{field}' is missing"):
            encode_entry(end(kind=kind, study=study, body={k: v for k, v in body.items() if k != field}))
    with pytest.raises(LogError, match="unknown field 'note'"):
        encode_entry(end(kind=kind, study=study, body={**body, "note": None}))


@pytest.mark.parametrize(("kind", "study", "body"), ALL)
def test_no_field_of_a_body_takes_another_type(kind: str, study: bytes | None, body: dict[str, Any]) -> None:
    for field in body:
        with pytest.raises(LogError):
            encode_entry(end(kind=kind, study=study, body={**body, field: [[]]}))


def test_kinds_are_those_of_this_version_and_each_has_a_sample() -> None:
    assert set(KINDS) == {
        "log.genesis", "log.recover", "node.start", "node.stop", "roster.accept", "study.accept", "study.reject",
        "study.start", "stats.open", "study.end", "data.sheet", "round.start", "round.train", "env.sent", "env.recv",
        "session.sum", "session.void", "round.mix", "round.eval", "round.end", "round.heads", "model.checkpoint",
        "release.approve", "release.offer", "model.release", "data.release", "key.rotate", "key.revoke", "fault",
        "payload.prune", "redact", "audit.export",
    }  # fmt: skip
    assert {kind for _, kind, _, _ in bodies()} == set(KINDS)


@pytest.mark.parametrize("kind", ["round.vote", "key.escrow", "note"])
def test_a_kind_of_a_later_version_is_refused_by_name(kind: str) -> None:
    leaf = encode({"v": 1, "log": ORIGIN, "seq": 0, "t_ms": 0, "kind": kind, "study": None, "body": {}})
    with pytest.raises(SchemaError, match=f"'{kind}' is not in this version"):
        decode_entry(leaf)
    with pytest.raises(LogError, match="not in this version"):
        encode_entry(end(kind=kind))


@pytest.mark.parametrize(("kind", "study", "body"), ALL)
def test_a_kind_says_whether_it_belongs_to_a_study(kind: str, study: bytes | None, body: dict[str, Any]) -> None:
    turned = end(kind=kind, study=None if study else STUDY, body=body)
    if KINDS[kind].study is None:
        encode_entry(turned)
    else:
        with pytest.raises(LogError, match="the study must be"):
            encode_entry(turned)


@pytest.mark.parametrize(
    ("by", "sig", "approvals"),
    [
        ("identity", None, False),
        ("identity", None, True),
        ("identity", 1, True),
        ("quorum", 1, True),
        ("quorum", None, False),
    ],
)
def test_a_key_is_revoked_by_its_identity_or_by_members_and_not_by_both_or_none(
    by: str, sig: int | None, approvals: bool
) -> None:
    body = {
        "region": "skane", "serial": 1, "last_good": {"size": 40, "root": fixed(1)}, "reason": "stolen",
        "sig": fixed(2, 64) if sig else None, "by": by,
        "approvals": [{"region": "vgr", "sig": fixed(3, 64)}] if approvals else [],
    }  # fmt: skip
    with pytest.raises(LogError, match="identity key revokes"):
        encode_entry(end(kind="key.revoke", study=None, body=body))


def test_closed_lists_are_sorted_or_ranked_and_have_no_repeats() -> None:
    for words in (entries.VOID_REASONS, entries.END_REASONS, entries.STOP_REASONS, entries.FAULT_CODES, REJECT_REASONS):
        assert len(set(words)) == len(words)


@pytest.mark.parametrize("reason", entries.VOID_REASONS)
def test_a_session_and_a_round_end_for_the_same_reasons(reason: str) -> None:
    encode_entry(end(kind="session.void", body={"session": fixed(1), "receiver": "vgr", "reason": reason}))
    encode_entry(end(body={"round": 3, "outcome": "kept", "reason": reason}))


@pytest.mark.parametrize("ref", ["RS 2026-01234", "HSN:26/12.a", "a", "a" * 40, None])
def test_a_diary_number_is_written(ref: str | None) -> None:
    encode_entry(accept(ref))


@pytest.mark.parametrize(
    ("ref", "words"),
    [
        pytest.param("19121212-1212", "looks like a personal", id="personal number"),
        pytest.param("701063-2391", "looks like a personal", id="coordination number"),
        pytest.param("ring 070-123 45 67", "looks like a phone", id="phone"),
        pytest.param("eva@region.se", "a diary number", id="mail, by its letters"),
        pytest.param("", "a diary number", id="empty"),
        pytest.param("a" * 41, "a diary number", id="long"),
        pytest.param("Eva Åkesson", "a diary number", id="beyond ASCII"),
    ],
)
def test_what_an_operator_gives_names_no_person(ref: str, words: str) -> None:
    with pytest.raises(LogError, match=words) as refused:
        encode_entry(accept(ref))
    assert ref not in str(refused.value).replace(repr(ref), "") or not ref


def test_the_refusal_does_not_repeat_the_number() -> None:
    with pytest.raises(LogError) as refused:
        encode_entry(accept("19121212-1212"))
    assert "1212" not in str(refused.value)


@pytest.mark.parametrize("kind", [kind for kind in KINDS.values() if kind.given])
def test_every_field_that_an_operator_gives_is_looked_at(kind: entries.Kind) -> None:
    body, study = next((body, study) for _, name, study, body in bodies() if name == kind.name)
    for field in kind.given:
        with pytest.raises(LogError, match=f"{field} looks like a personal"):
            encode_entry(end(kind=kind.name, study=study, body={**body, field: "121212-1212"}))


def test_what_is_read_is_not_judged_by_looks() -> None:
    # Another version may have looked less closely; what is signed stays readable.
    leaf = encode({
        "v": 1, "log": ORIGIN, "seq": 5, "t_ms": 1, "kind": "study.accept", "study": STUDY,
        "body": {"plan": STUDY, "role": "dpo", "decision_ref": "121212-1212", "sheet": None},
    })  # fmt: skip
    assert decode_entry(leaf).body["decision_ref"] == "121212-1212"


def test_an_entry_of_more_than_64_kib_is_not_written() -> None:
    members: list[Any] = [{"session": fixed(1), "sum": fixed(2)}] * 1000
    body: dict[str, Any] = {
        "round": 3, "in": members, "missing": [], "weights": {"vgr": 1}, "den": 1, "own": None, "model": fixed(3),
    }  # fmt: skip
    with pytest.raises(LogError, match="at most 65536"):
        encode_entry(end(kind="round.mix", body=body))


def test_a_leaf_of_more_than_64_kib_is_refused_unread() -> None:
    with pytest.raises(CodecError, match="at most 65536"):
        decode_entry(bytes(MAX_ENTRY + 1))


def test_a_tuple_in_a_body_is_refused() -> None:
    with pytest.raises(LogError):
        encode_entry(end(kind="fault", body={"round": 3, "region": "a", "code": "STATE", "evidence": ()}))


# ---------------------------------------------------------------- reading view


def test_the_view_is_one_line_of_sorted_json() -> None:
    line = view(5, encode_entry(end()))
    assert line.endswith("}\n")
    assert line.count("\n") == 1
    shown = json.loads(line)
    assert list(shown) == ["at", "entry", "leaf"]
    assert shown["entry"]["body"] == {"outcome": "mixed", "reason": None, "round": 3}
    assert shown["entry"]["study"] == "0x" + STUDY.hex()


def test_a_header_is_shown_as_what_it_says() -> None:
    body = next(body for _, kind, _, body in bodies() if kind == "env.sent")
    header = json.loads(view(5, encode_entry(end(kind="env.sent", body=body))))["entry"]["body"]["header"]
    assert header["type"] == "ADVERT"
    assert header["head"] == [5, "0x" + "11" * 32]


@pytest.mark.parametrize("header", [b"\xff", b"\x01", encode([1])])
def test_a_header_that_says_nothing_is_shown_as_bytes(header: bytes) -> None:
    leaf = encode_entry(end(kind="env.recv", body={"header": header, "sig": bytes(64), "via": None}))
    assert json.loads(view(5, leaf))["entry"]["body"]["header"] == "0x" + header.hex()


def test_a_canonical_leaf_of_no_known_kind_has_a_view_too() -> None:
    assert json.loads(view(0, encode({"later": [b"\x01", "é".encode()]})))["entry"] == {"later": ["0x01", "0xc3a9"]}


def test_a_leaf_that_is_not_canonical_has_no_view() -> None:
    with pytest.raises(CodecError):
        view(0, b"\xcb")
