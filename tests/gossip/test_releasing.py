"""What is let out of a study: signed once, by those who take part, and released only with what the plan asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gossip.effects import Send
from gossip.network import Network
from protocol.entries import Entry, decode_entry
from protocol.envelope import Envelope, parse
from protocol.keys import Revocation
from protocol.release import lacking
from tests.protocol.test_release import GOOD

Make = Callable[..., Any]
MIRRORED = {"quorum": None, "max_lag_rounds": 3, "mirror": True}
FILE, CARD, MODEL = bytes([7]) * 32, bytes([8]) * 32, bytes([9]) * 32
A, B, C = "region-a", "region-b", "region-c"


@pytest.fixture
def trained(make_network: Make) -> tuple[Network, bytes]:
    """Three regions whose study is over."""
    net, _, plan = make_network(3, rounds=2, witness=MIRRORED)
    assert net.run(limit_ms=120_000)
    return net, plan.study


def approve(net: Network, name: str, study: bytes, **changes: Any) -> dict[str, Any]:
    args = {"study": study, "kind": "data", "file": FILE, "card": CARD, "bytes": 900, "role": "technical", "ref": "D 1"}
    return dict(net.ask(name, "release_approve", **(args | changes)))


def release(net: Network, name: str, study: bytes, **changes: Any) -> dict[str, Any]:
    args = {"study": study, "kind": "data", "file": FILE, "card": CARD, "model": MODEL, "round": 1, "tests": GOOD}
    return dict(net.ask(name, "release", **(args | changes)))


def known(net: Network, name: str) -> list[dict[str, Any]]:
    found: Any = net.ask(name, "releases")["releases"]
    return list(found)


def pass_time(net: Network, ms: int = 8_000) -> None:
    net.run(lambda: False, limit_ms=ms)


def entries(net: Network, name: str, kind: str) -> list[Entry]:
    return [e for e in map(decode_entry, net.regions[name].store.leaves) if e.kind == kind]


def approvals(net: Network, name: str, kind: str = "env.recv") -> list[Envelope]:
    """APPROVEs that a region has logged as heard (or said)."""
    found = [parse(e.body["header"], e.body["sig"]) for e in entries(net, name, kind)]  # type: ignore[arg-type]
    return [envelope for envelope in found if envelope.fields.type == "APPROVE"]


def size(net: Network, name: str) -> int:
    return len(net.regions[name].store.leaves)


# ---------------------------------------------------------------- as it should be


def test_two_signatures_make_a_release_and_everybody_sees_it(trained: tuple[Network, bytes]) -> None:
    net, study = trained
    approve(net, A, study)
    pass_time(net)
    assert [one["signed"] for one in known(net, B)] == [[A]]
    assert net.ask(B, "status")["to_judge"]
    approve(net, B, study)
    pass_time(net)
    found = release(net, A, study)
    assert (found["signed"], found["state"]) == ([A, B], "released")
    (entry,) = entries(net, A, "data.release")
    body: Any = entry.body
    assert [row["region"] for row in body["approvals"]] == [A, B]
    assert body["approvals"][0]["eid"] == approvals(net, A, "env.sent")[0].eid
    assert body["approvals"][1]["eid"] == approvals(net, A)[0].eid
    assert lacking(net.peer(A).agreement.proposals[study].plan, entry.kind, entry.body) is None
    pass_time(net, 12_000)
    for name in (B, C):
        assert [one["released"] for one in known(net, name)] == [{A: entry.seq}]
        assert not entries(net, name, "fault")
        assert net.ask(name, "status")["to_judge"] == []


def test_a_signature_reaches_everybody_by_whatever_way(trained: tuple[Network, bytes]) -> None:
    """The line between A and B is cut: C passes it on, and says so."""
    net, study = trained
    net.cut(A, B)
    approve(net, A, study)
    pass_time(net)
    assert len(approvals(net, B)) == 1
    heard = [e for e in entries(net, B, "env.recv") if e.body["header"] == approvals(net, B)[0].header]
    assert heard[0].body["via"] == C


def test_a_lost_signature_comes_again_with_the_line(trained: tuple[Network, bytes]) -> None:
    net, study = trained
    net.on_send = lambda _, send: [] if parse(send.header, send.signature).fields.type == "APPROVE" else [send]
    approve(net, A, study)
    pass_time(net)
    assert not approvals(net, B)
    net.on_send = lambda _, send: [send]
    net.cut(A, B)
    pass_time(net, 100)
    net.heal(A, B)
    pass_time(net)
    assert len(approvals(net, B)) == 1


def test_the_signature_waits_for_every_role(trained: tuple[Network, bytes]) -> None:
    net, study = trained
    net.peer(A).releasing._needed = ("dpo", "technical")
    first = approve(net, A, study)
    assert (first["signed"], first["approved_here"]) == ([], ["technical"])
    with pytest.raises(ValueError, match=r"its own approval \(dpo\)"):
        release(net, A, study)
    assert approve(net, A, study, role="dpo")["signed"] == [A]
    assert [e.body["role"] for e in entries(net, A, "release.approve")] == ["technical", "dpo"]


def test_figures_stay_behind_a_commitment(trained: tuple[Network, bytes]) -> None:
    net, study = trained
    figures = {"salt": bytes(32), "value": b"private", "hash": bytes([5]) * 32}
    approve(net, A, study, figures=figures)
    (entry,) = entries(net, A, "release.approve")
    assert entry.body["figures"] == figures["hash"]
    assert not any(b"private" in leaf for leaf in net.regions[A].store.leaves)


def test_a_region_signs_a_file_once(trained: tuple[Network, bytes]) -> None:
    net, study = trained
    approve(net, A, study)
    before = size(net, A)
    assert approve(net, A, study)["signed"] == [A]
    assert size(net, A) == before


def test_what_was_signed_is_known_after_a_restart(trained: tuple[Network, bytes]) -> None:
    net, study = trained
    approve(net, A, study)
    approve(net, B, study)
    net.ask(A, "release_offer", study=study, kind="data", file=FILE, card=CARD, bytes=900, to=[C], ref="D 2")
    pass_time(net)
    release(net, A, study)
    pass_time(net, 12_000)
    before = {name: known(net, name) for name in (A, B, C)}
    for name in (A, B, C):
        net.kill(name)
        net.start(name)
    pass_time(net)
    assert {name: known(net, name) for name in (A, B, C)} == before
    assert before[A][0]["offered"] == [C]
    with pytest.raises(ValueError, match="released already, as entry"):
        release(net, A, study)


def test_a_model_is_released_the_same_way(trained: tuple[Network, bytes]) -> None:
    net, study = trained
    for name in (A, B):
        approve(net, name, study, kind="model")
    pass_time(net)
    assert release(net, A, study, kind="model", tests={})["state"] == "released"
    assert entries(net, A, "model.release")


# ---------------------------------------------------------------- refused, and nothing is written


@pytest.mark.attack("L27")
@pytest.mark.parametrize(
    ("signers", "changes", "words"),
    [
        pytest.param([A], {}, f"not by {B}, {C}", id="a signature is missing"),
        pytest.param([B, C], {}, "has not signed this file with this card itself", id="the own one is missing"),
        pytest.param([A, B], {"tests": GOOD | {"shapes": 850_000}}, "the test shapes gave 0.85", id="a figure"),
        pytest.param([A, B], {"tests": {}}, "has no figure", id="without a gate"),
        pytest.param([A, B], {"file": MODEL}, "has not signed this file", id="another file"),
        pytest.param([A, B], {"card": MODEL}, "has not signed this file", id="another card"),
        pytest.param([A, B], {"kind": "model"}, "has not signed this file", id="signed as data"),
    ],
)
def test_a_release_without_what_the_plan_asks_is_refused(
    trained: tuple[Network, bytes], signers: list[str], changes: dict[str, Any], words: str
) -> None:
    net, study = trained
    for name in signers:
        approve(net, name, study)
    pass_time(net)
    before = size(net, A)
    with pytest.raises(ValueError, match=words):
        release(net, A, study, **changes)
    assert size(net, A) == before


@pytest.mark.attack("L27")
def test_no_other_request_writes_a_release(trained: tuple[Network, bytes]) -> None:
    net, study = trained
    body = {"model": MODEL, "round": 1, "file_sha256": FILE, "card_sha256": CARD, "tests": GOOD, "approvals": []}
    for kind in ("data.release", "model.release", "release.approve"):
        with pytest.raises(ValueError, match="an entry of kind"):
            net.ask(A, "record", kind=kind, body=body, study=study)


def test_what_is_handed_over_is_signed_first_and_goes_to_those_who_take_part(trained: tuple[Network, bytes]) -> None:
    net, study = trained
    args = {"study": study, "kind": "data", "file": FILE, "card": CARD, "bytes": 900, "ref": "D 2"}
    with pytest.raises(ValueError, match="has not signed"):
        net.ask(A, "release_offer", to=[B], **args)
    approve(net, A, study)
    for to in ([], ["norge"], [A]):
        with pytest.raises(ValueError, match="handed to"):
            net.ask(A, "release_offer", to=to, **args)
    assert net.ask(A, "release_offer", to=[B], **args)["offered"] == [B]


def test_a_study_that_has_not_begun_has_nothing_to_release(make_network: Make) -> None:
    net, _, plan = make_network(3, rounds=2)
    net.ask(A, "propose", plan=type(plan).make(**{**plan.value(), "title": "open"}).encode())
    (study,) = [s for s, p in net.peer(A).agreement.proposals.items() if p.plan.title == "open"]
    with pytest.raises(ValueError, match="has not begun"):
        approve(net, A, study)


@pytest.mark.attack("L29")
def test_a_signature_by_a_key_that_was_revoked_since_counts_no_longer(trained: tuple[Network, bytes]) -> None:
    net, study = trained
    approve(net, A, study)
    approve(net, B, study)
    pass_time(net)
    net.peer(A).membership.ring.revoke(B, 1, 1)  # as a ``key.revoke`` of B's first set, from its first entry on
    with pytest.raises(ValueError, match=f"signed by {A}; not by {B}, {C}"):
        release(net, A, study)


# ---------------------------------------------------------------- hostile members


def said(**changes: Any) -> dict[str, Any]:
    return {"kind": "data", "file_sha256": FILE, "card_sha256": CARD} | changes


@pytest.mark.attack("L27")
def test_an_approval_of_another_file_is_no_approval_of_this_one(trained: tuple[Network, bytes], hostile: Any) -> None:
    net, study = trained
    approve(net, A, study)
    net.kill(B)
    liar = hostile.liar(net, B)
    liar.say(A, "APPROVE", said(file_sha256=MODEL), study=study)
    liar.say(A, "APPROVE", said(card_sha256=MODEL), study=study)
    liar.say(A, "APPROVE", said(kind="model"), study=study)
    assert len(approvals(net, A)) == 3
    with pytest.raises(ValueError, match=f"signed by {A}; not by"):
        release(net, A, study)


@pytest.mark.attack("L27")
def test_an_approval_played_again_counts_once(trained: tuple[Network, bytes], hostile: Any) -> None:
    net, study = trained
    net.kill(B)
    liar = hostile.liar(net, B)
    first = liar.say(A, "APPROVE", said(), study=study)
    before = size(net, A)
    liar.deliver(A, first)
    assert size(net, A) == before
    liar.say(A, "APPROVE", said(), study=study)  # a second statement of the same
    assert hostile.faults(net, A) == [(B, "STATE")]
    assert len(approvals(net, A)) == 1


@pytest.mark.attack("L27")
def test_a_forged_approval_leaves_no_trace(trained: tuple[Network, bytes], hostile: Any) -> None:
    net, study = trained
    net.kill(B)
    liar = hostile.liar(net, B)
    liar.keys = net.regions[C].keys
    forged = hostile.liar(net, B).say(C, "APPROVE", said(), study=study)
    before = size(net, A)
    hostile.tell(net, A, C, forged.header, bytes(64))  # passed on by C, its signature another
    assert size(net, A) == before
    assert not hostile.faults(net, A)


@pytest.mark.attack("L27")
def test_a_region_that_takes_no_part_approves_nothing(make_network: Make, hostile: Any) -> None:
    net, _, plan = make_network(4, rounds=2)
    assert net.run(limit_ms=120_000)
    three = type(plan).make(**{**plan.value(), "title": "of three", "regions": list(net.names[:3]),
                               "graphs": [[[0, 1], [0, 2], [1, 2]]]})  # fmt: skip
    net.ended.clear()
    net.agree(three)
    assert net.run(lambda: len(net.ended) == 3, limit_ms=200_000)
    stranger = net.names[3]
    net.kill(stranger)
    hostile.liar(net, stranger).say(A, "APPROVE", said(), study=three.study)
    assert hostile.faults(net, A) == [(stranger, "STATE")]
    assert not approvals(net, A)


def test_one_region_does_not_fill_the_book(trained: tuple[Network, bytes], hostile: Any) -> None:
    net, study = trained
    net.kill(B)
    liar = hostile.liar(net, B)
    for n in range(66):
        liar.say(A, "APPROVE", said(file_sha256=n.to_bytes(32, "big")), study=study)
    assert len(approvals(net, A)) == 64
    assert set(hostile.faults(net, A)) == {(B, "LIMIT")}


# ---------------------------------------------------------------- copies of others' logs


def forged_release(net: Network, name: str, study: bytes, **changes: Any) -> None:
    """A region writes a release past its own rules, and tells of its log as it does after a study."""
    body: dict[str, Any] = {
        "model": MODEL, "round": 1, "file_sha256": FILE, "card_sha256": CARD, "tests": GOOD, "approvals": [],
    }  # fmt: skip
    peer = net.peer(name)
    original = peer.handle

    def handle(event: Any) -> Any:
        peer.handle = original  # type: ignore[method-assign]
        peer.log.add("data.release", body | changes, study=study, now_ms=net.now_ms)
        return original(event)

    peer.handle = handle  # type: ignore[method-assign]


@pytest.mark.attack("L27")
@pytest.mark.parametrize(
    ("signers", "case", "words"),
    [
        pytest.param([A, B], "good", None, id="with two"),
        pytest.param([A], "own", "1 approvals; the plan asks for 2", id="with the own alone"),
        pytest.param([A], "twice", "names one approval twice", id="the own one counted twice"),
        pytest.param([A], "made up", f"the approval of {B} that it names does not stand", id="one that nobody gave"),
        pytest.param([A, B], "swapped", "is region-a's", id="the own one for another's"),
        pytest.param([A, B], "file", "is of another file", id="approvals of another file"),
        pytest.param([A, B], "card", "is of another card", id="approvals of another card"),
        pytest.param([A, B], "figure", "the test pairs gave 0", id="a figure"),
        pytest.param([A, B], "stranger", "norge, which takes no part", id="a stranger"),
    ],
)
def test_who_copies_a_log_sees_what_a_release_in_it_lacks(
    trained: tuple[Network, bytes], signers: list[str], case: str, words: str | None, hostile: Any
) -> None:
    net, study = trained
    for name in signers:
        approve(net, name, study)
    pass_time(net)
    eids = {A: approvals(net, A, "env.sent")[0].eid, B: next((e.eid for e in approvals(net, A)), bytes(32))}
    rows = [{"region": name, "eid": eids[name]} for name in (A, B)]
    changes: dict[str, dict[str, Any]] = {
        "good": {"approvals": rows},
        "own": {"approvals": rows[:1]},
        "twice": {"approvals": [rows[0], {"region": B, "eid": eids[A]}]},
        "made up": {"approvals": [rows[0], {"region": B, "eid": bytes(32)}]},
        "swapped": {"approvals": [{"region": A, "eid": eids[B]}, {"region": B, "eid": eids[A]}]},
        "file": {"approvals": rows, "file_sha256": MODEL},
        "card": {"approvals": rows, "card_sha256": MODEL},
        "figure": {"approvals": rows, "tests": GOOD | {"pairs": 0}},
        "stranger": {"approvals": [{"region": "norge", "eid": bytes(32)}, *rows]},
    }
    if case == "swapped":
        words = f"is {B}'s"
    forged_release(net, A, study, **changes[case])
    pass_time(net, 15_000)
    for name in (B, C):
        expected = [] if words is None else [(A, "LS-RELEASE-RULE")]
        assert hostile.faults(net, name) == expected
        alarms = [one["fix"] for one in net.ask(name, "status")["alarms"] if one["code"] == "LS-RELEASE-RULE"]  # type: ignore[attr-defined]
        assert len(alarms) == len(expected)
        assert words is None or words in alarms[0]
        assert A not in net.peer(name).blame.suspended  # its log is in order; what it did is for the others to judge


@pytest.mark.attack("L29")
def test_an_approval_by_a_key_that_the_releasing_log_knew_to_be_revoked(
    trained: tuple[Network, bytes], hostile: Any
) -> None:
    net, study = trained
    approve(net, A, study)
    approve(net, B, study)
    pass_time(net)
    given = approvals(net, A)[0]
    root = net.peer(B).log.tree.root_at(given.fields.head_size)
    said_ = Revocation(B, 1, given.fields.head_size, root, "stolen")
    net.peer(A).log.add("key.revoke", said_.by_identity(net.regions[B].keys.identity), study=None, now_ms=net.now_ms)
    rows = [{"region": A, "eid": approvals(net, A, "env.sent")[0].eid}, {"region": B, "eid": given.eid}]
    forged_release(net, A, study, approvals=rows)
    pass_time(net, 15_000)
    assert (A, "LS-RELEASE-RULE") in hostile.faults(net, C)


def test_a_log_full_of_bad_releases_makes_four_entries(trained: tuple[Network, bytes], hostile: Any) -> None:
    net, study = trained
    peer = net.peer(A)
    body: dict[str, Any] = {
        "model": MODEL, "round": 1, "file_sha256": FILE, "card_sha256": CARD, "tests": {}, "approvals": [],
    }  # fmt: skip
    for _ in range(9):
        peer.log.add("data.release", body, study=study, now_ms=net.now_ms)
    pass_time(net, 15_000)
    assert hostile.faults(net, C) == [(A, "LS-RELEASE-RULE")] * 4


@pytest.mark.attack("L27")
def test_what_was_let_out_and_on_whose_word_is_not_erased(trained: tuple[Network, bytes]) -> None:
    net, study = trained
    approve(net, A, study)
    approve(net, B, study)
    pass_time(net)
    net.ask(A, "release_offer", study=study, kind="data", file=FILE, card=CARD, bytes=900, to=[C], ref="D 2")
    release(net, A, study)
    leaves = net.regions[A].store.leaves
    kinds = ("release.approve", "release.offer", "data.release")
    standing = [n for n, leaf in enumerate(leaves) if decode_entry(leaf).kind in kinds or b"APPROVE" in leaf]
    assert len(standing) == 5
    for seq in standing:
        with pytest.raises(ValueError, match="stays on record"):
            net.ask(A, "redact", seq=seq, basis="erasure")


@pytest.mark.parametrize("ref", ["key.revoke", "data.release", "APPROVE", "model.release"])
def test_a_diary_number_that_is_called_as_a_kind_is_called_is_no_such_entry(
    trained: tuple[Network, bytes], ref: str, hostile: Any
) -> None:
    net, study = trained
    for name in (A, B):
        approve(net, name, study, ref=ref)
        approve(net, name, study, ref=ref, role="dpo")
    pass_time(net)
    release(net, A, study)
    pass_time(net, 15_000)
    for name in (B, C):
        assert not hostile.faults(net, name)
        assert known(net, name)[0]["released"]


def test_nobody_sends_a_file(trained: tuple[Network, bytes]) -> None:
    """A candidate is handed over by people; what travels is who signed which hash."""
    net, study = trained
    sent: list[Send] = []

    def keep(_: str, send: Send) -> list[Send]:
        sent.append(send)
        return [send]

    net.on_send = keep
    approve(net, A, study)
    net.ask(A, "release_offer", study=study, kind="data", file=FILE, card=CARD, bytes=900, to=[B], ref="D 2")
    pass_time(net, 1_000)
    types = {parse(send.header, send.signature).fields.type for send in sent}
    assert types - {"PING", "HEADS", "MIRROR", "COSIGN"} == {"APPROVE"}
