"""Key sets that follow one another, and key sets that count no more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from crypto.errors import CryptoError
from gossip.consent.keyring import KeyRing
from gossip.events import Arrived
from gossip.logs.waking import Mode
from gossip.network import Network
from protocol.cosignature import checkpoint_note
from protocol.entries import decode_entry
from protocol.evidence import encode_evidence
from protocol.log import Log
from protocol.roster import Card, Roster, card_line
from protocol.witnessing import Behind, Heads

Make = Callable[..., Any]
MIRRORED = {"quorum": None, "max_lag_rounds": 3, "mirror": True}


def kinds(net: Network, name: str, kind: str) -> list[dict[str, Any]]:
    """Bodies of a region's entries of one kind."""
    return [e.body for e in map(decode_entry, net.regions[name].store.leaves) if e.kind == kind]  # type: ignore[misc]


def until_round(net: Network, name: str, round: int) -> None:
    assert net.run(lambda: (study := net.peer(name).current) is not None and study.round >= round, limit_ms=120_000)


def pass_time(net: Network, ms: int) -> None:
    net.run(lambda: False, limit_ms=ms)


def new_roster(net: Network, *changed: Card, by: int = 4) -> None:
    """Found the roster with these cards in place of their regions' at so many regions, and let it come into force."""
    cards = {name: net.regions[name].card for name in net.names} | {card.name: card for card in changed}
    lines = [card_line(card) for card in cards.values()]
    for name in net.names[:by]:
        net.ask(name, "roster_found", cards=lines, role="technical", ref="RS 2026-01234")
    serial = max(net.peer(net.names[0]).membership.newest.roster.serial, 2)
    assert net.run(
        lambda: all((r := net.peer(n).membership.in_force) is not None and r.serial == serial for n in net.names[:by]),
        limit_ms=60_000,
    )


def in_force(net: Network, name: str) -> Roster:
    roster = net.peer(name).membership.in_force
    assert roster is not None
    return roster


def thief(net: Network, name: str, keys: Any, leaves: list[bytes]) -> Log:
    """Somebody with a region's stolen signing keys and a copy of its log."""
    return Log(network="simulated.example", region=name, sign_key=keys.sign, log_key=keys.log, leaves=leaves)


def test_a_region_gets_new_keys_in_the_middle_of_a_study_and_nobody_notices(make_network: Make) -> None:
    net, _, _ = make_network(4, rounds=14, round_min_s=2, witness=MIRRORED)
    until_round(net, "region-a", 3)
    old = net.regions["region-b"].keys
    card = net.rotate("region-b")
    assert not kinds(net, "region-b", "key.rotate")  # before a roster has it, nothing changes
    new_roster(net, card)
    pass_time(net, 3_000)
    (rotated,) = kinds(net, "region-b", "key.rotate")
    assert rotated["keys"]["serial"] == 2
    assert net.regions["region-b"].keys is not old
    assert net.run(limit_ms=200_000)
    pass_time(net, 3_000)
    assert {str(net.ended[n].outcome) for n in net.names} == {"done"}
    for name in net.names:
        assert not kinds(net, name, "fault")
        assert net.peer(name).current.rounds_mixed >= 12
        assert {c["by"] for c in kinds(net, name, "round.heads")[-1]["cosigned"]} == set(net.names) - {name}


def test_new_keys_are_still_in_use_after_a_restart(make_network: Make) -> None:
    net, _, _ = make_network(4, rounds=14, round_min_s=2, witness=MIRRORED)
    until_round(net, "region-a", 3)
    new_roster(net, net.rotate("region-b"))
    pass_time(net, 5_000)
    net.kill("region-b")
    net.start("region-b")
    assert net.run(limit_ms=200_000)
    assert net.peer("region-b").rotation.serial == 2
    assert str(net.ended["region-b"].outcome) == "done"
    for name in net.names:
        assert not kinds(net, name, "fault")


@pytest.mark.attack("L29")
def test_what_a_stolen_and_revoked_key_signs_later_counts_for_nothing_and_accuses_nobody(make_network: Make) -> None:
    net, _, _ = make_network(4, rounds=60, round_min_s=2, witness=MIRRORED)
    until_round(net, "region-a", 3)
    stolen = net.regions["region-b"].keys
    new_roster(net, net.rotate("region-b"))
    until_round(net, "region-a", 6)
    asked = net.ask("region-b", "keys_revoke", serial=1, reason="stolen")
    assert asked["by"] == "identity"
    until_round(net, "region-a", 10)
    for name in net.names:
        (known,) = kinds(net, name, "key.revoke")  # it went from log to log
        assert (known["region"], known["serial"]) == ("region-b", 1)
        assert net.peer(name).membership.ring.is_revoked("region-b", 1)
        assert not net.peer(name).blame.suspended
    before = len(net.suspects)
    forged = thief(net, "region-b", stolen, list(net.regions["region-b"].store.leaves))
    study = net.peer("region-a").current.id
    lie = forged.seal("ABSENT", {"first": 50, "last": 50}, to=["region-a"], study=study, round=10, now_ms=net.now_ms)
    net._handle("region-a", Arrived(0, "region-b", lie.header, lie.signature))
    assert ("region-a", "SIGNATURE") in [(who, s.code) for who, s in net.suspects[before:]]
    assert not kinds(net, "region-a", "fault")


def test_two_thirds_of_the_members_revoke_the_keys_of_one_that_cannot(make_network: Make) -> None:
    net, _, _ = make_network(4, rounds=60, round_min_s=2, witness=MIRRORED)
    until_round(net, "region-a", 4)
    others = ["region-a", "region-b", "region-c"]
    size = net.peer("region-a").witness.mirrors["simulated.example/region-d/1"].size
    for name in others:
        until_round(net, name, 6)
    words = [net.ask(n, "keys_approve", region="region-d", serial=1, size=size)["approval"] for n in others]
    with pytest.raises(ValueError, match="two thirds"):
        net.ask("region-a", "keys_revoke", approvals=words[:2])
    assert not net.peer("region-a").membership.ring.is_revoked("region-d", 1)
    net.ask("region-a", "keys_revoke", approvals=words)
    assert net.peer("region-a").blame.suspended == {"region-d"}
    now = net.peer("region-a").current.round
    until_round(net, "region-a", now + 4)
    for name in others:
        assert net.peer(name).membership.ring.is_revoked("region-d", 1)
        assert net.peer(name).blame.suspended == {"region-d"}
    mixes = kinds(net, "region-a", "round.mix")
    assert "region-d" in mixes[-1]["missing"]


def test_a_false_word_for_a_revocation_revokes_nothing(make_network: Make) -> None:
    net, _, _ = make_network(4, rounds=60, round_min_s=2, witness=MIRRORED)
    until_round(net, "region-c", 5)
    size = net.peer("region-a").witness.mirrors["simulated.example/region-d/1"].size
    word = net.ask("region-a", "keys_approve", region="region-d", serial=1, size=size)["approval"]
    from protocol.keys import approval_line, read_approvals

    said, _ = read_approvals([str(word)])
    wrong = net.regions["region-a"].keys.identity
    words = [word, *(approval_line(said, name, wrong) for name in ("region-b", "region-c"))]
    with pytest.raises(ValueError, match="KEYS"):
        net.ask("region-a", "keys_revoke", approvals=words)
    with pytest.raises(ValueError, match="in use"):
        net.ask("region-a", "keys_revoke", serial=1)
    assert not kinds(net, "region-a", "key.revoke")


@pytest.mark.attack("L29")
def test_what_a_revoked_key_signs_counts_no_more_inside_anothers_message(make_network: Make) -> None:
    net, _, plan = make_network(4, rounds=60, round_min_s=2, witness=MIRRORED)
    until_round(net, "region-a", 3)
    stolen = net.regions["region-b"].keys
    others = ("region-a", "region-c", "region-d")
    words = [net.ask(n, "keys_approve", region="region-b", serial=1, size=5)["approval"] for n in others]
    net.ask("region-a", "keys_revoke", approvals=words)
    context = net.peer("region-a").current.context
    forged = thief(net, "region-b", stolen, list(net.regions["region-b"].store.leaves)).seal(
        "ADVERT", {"mask_key": b"\x09" + bytes(31), "eph": b"\x09" + bytes(31), "need_state": False, "stats": None},
        to=["region-d"], now_ms=net.now_ms, study=plan.study, round=3, session=context.sid(3, "region-d"),
    )  # fmt: skip
    with pytest.raises(CryptoError):
        context.check_carried(forged)


@pytest.mark.attack("L29")
def test_a_revoked_key_set_forges_no_past_and_convicts_nobody(make_network: Make, hostile: Any) -> None:
    net, _, _ = make_network(4, rounds=60, round_min_s=2, witness=MIRRORED)
    until_round(net, "region-a", 3)
    stolen = net.regions["region-b"].keys
    new_roster(net, net.rotate("region-b"))
    until_round(net, "region-a", 6)
    net.ask("region-b", "keys_revoke", serial=1, reason="stolen")
    until_round(net, "region-a", 10)
    study = net.peer("region-a").current.id
    forged = thief(net, "region-b", stolen, list(net.regions["region-b"].store.leaves)[:60])
    said: list[Any] = []
    for first in (40, 41, 42):
        body: dict[str, Any] = {"first": first, "last": first}
        absent = forged.seal("ABSENT", body, to=["region-a"], study=study, round=3, now_ms=net.now_ms)
        said.append(absent)
        net._handle("region-a", Arrived(0, "region-b", absent.header, absent.signature))
    assert not net.peer("region-a").blame.suspended
    # Nor by a checkpoint that a third region passes on, nor as evidence.
    other = thief(net, "region-b", stolen, list(net.regions["region-b"].store.leaves)[:60])
    lie = other.seal("ABSENT", {"first": 50, "last": 50}, to=["region-a"], study=study, round=3, now_ms=net.now_ms)
    point, signature = other.signed()
    liar = hostile.liar(net, "region-d")
    net.kill("region-d")
    held = net.peer("region-a").witness.mirrors[liar.log.origin].size
    own, own_sig = liar.log.signed()
    notes = (checkpoint_note(point, other.log_public, signature),)
    heads = Heads(10, checkpoint_note(own, liar.log.log_public, own_sig), held, notes)
    liar.say("region-a", "HEADS", {}, heads.encode(), study=study, round=10)
    size = len(net.regions["region-a"].store.leaves)
    body = {"region": "region-b", "code": "LS-FORK"}
    liar.say("region-a", "EVIDENCE", body, encode_evidence(said[0], lie), study=study, round=10)
    assert not net.peer("region-a").blame.suspended
    assert not kinds(net, "region-a", "fault")
    assert len(net.regions["region-a"].store.leaves) <= size + 1
    until_round(net, "region-a", 13)
    assert "region-b" not in kinds(net, "region-a", "round.mix")[-1]["missing"]


@pytest.mark.attack("L29")
def test_a_revoked_key_set_does_not_roll_its_own_region_back(make_network: Make, hostile: Any) -> None:
    net, _, _ = make_network(4, rounds=60, round_min_s=2, witness=MIRRORED)
    until_round(net, "region-a", 3)
    stolen = net.regions["region-b"].keys
    new_roster(net, net.rotate("region-b"))
    until_round(net, "region-a", 6)
    net.ask("region-b", "keys_revoke", serial=1, reason="stolen")
    study = net.peer("region-b").current.id
    forged = thief(net, "region-b", stolen, list(net.regions["region-b"].store.leaves)[:60])
    place: dict[str, Any] = {"to": ["region-a"], "study": study, "round": 3, "now_ms": net.now_ms}
    absent = forged.seal("ABSENT", {"first": 50, "last": 50}, **place)
    point, signature = forged.signed()
    note = checkpoint_note(point, forged.log_public, signature)
    liar = hostile.liar(net, "region-d")
    net.kill("region-d")
    own, own_sig = liar.log.signed()
    held = net.peer("region-b").witness.mirrors[liar.log.origin].size
    heads = Heads(6, checkpoint_note(own, liar.log.log_public, own_sig), held, (note,))
    liar.say("region-b", "HEADS", {}, heads.encode(), study=study, round=6)
    liar.say("region-b", "BEHIND", {}, Behind(note=note).encode())
    liar.say("region-b", "BEHIND", {}, Behind(envelope=(absent.header, absent.signature)).encode())
    assert net.peer("region-b").waking.mode is Mode.UP


def test_a_running_study_keeps_the_roster_of_its_plan_and_the_next_one_has_another_session(make_network: Make) -> None:
    from tests.gossip.conftest import quadratic_plan

    net, worker, plan = make_network(4, rounds=8, round_min_s=2, witness=MIRRORED)
    until_round(net, "region-a", 2)
    new_roster(net, net.rotate("region-c"))
    assert net.peer("region-a").current.context.plan.roster == plan.roster != in_force(net, "region-a").hash
    assert net.run(limit_ms=200_000)
    net.ended.clear()
    second = quadratic_plan(in_force(net, "region-a"), worker, rounds=3, witness=MIRRORED, seed=3)
    assert second.roster != plan.roster
    net.agree(second)
    assert net.run(limit_ms=200_000)
    sessions = [net.peer("region-a").studies[p.study].context.sid(0, "region-a") for p in (plan, second)]
    assert sessions[0] != sessions[1]


def test_a_roster_that_is_not_in_force_can_be_followed_no_longer(make_network: Make) -> None:
    net, _, _ = make_network(4, rounds=4)
    cards = [net.regions[name].card for name in net.names[:3]]
    net.ask("region-a", "roster_found", cards=[card_line(c) for c in cards], role="technical", ref=None)
    membership = net.peer("region-a").membership
    newest = membership.newest
    assert newest is not None
    assert newest.roster.serial == 2
    net.ask("region-a", "roster_withdraw", roster=newest.roster.hash.hex()[:12])
    assert membership.newest.roster.serial == 1  # type: ignore[union-attr]
    with pytest.raises(ValueError, match="ROSTER"):
        net.ask("region-a", "roster_withdraw", roster=newest.roster.hash.hex()[:12])
    net.kill("region-a")
    net.start("region-a")
    assert net.peer("region-a").membership.newest.roster.serial == 1  # type: ignore[union-attr]


# ---------------------------------------------------------------- the rule of places


def ring(*places: tuple[int, int | None]) -> KeyRing:
    """A ring of one region with sets of these serials, begun at these positions (None: not known)."""
    made = KeyRing()
    net = Network(["region-a"], None)  # type: ignore[arg-type]
    card = net.regions["region-a"].card
    for serial, position in places:
        keys = replace(card.keys, serial=serial)
        made.learn([replace(card, keys=keys)])
        if position is not None and serial > 1:
            made.rotated("region-a", keys, position)
    return made


def serials(made: KeyRing, position: int | None) -> list[int]:
    return [keys.serial for keys in made.at("region-a", position)]


def test_a_set_counts_from_its_rotation_up_to_the_next() -> None:
    made = ring((1, 0), (2, 40), (3, 90))
    assert serials(made, 0) == [1]
    assert serials(made, 39) == [1]
    assert serials(made, 40) == [2]
    assert serials(made, 89) == [2]
    assert serials(made, 90) == [3]


def test_where_the_place_is_not_known_the_newest_two_count() -> None:
    assert serials(ring((1, 0), (2, None)), 500) == [1, 2]
    assert serials(ring((1, 0), (2, 40), (3, 90)), None) == [3, 2]


def test_a_revoked_set_counts_before_its_last_good_size_only() -> None:
    made = ring((1, 0), (2, 40))
    made.revoke("region-a", 1, 30)
    made.revoke("region-a", 1, 35)
    assert serials(made, 29) == [1]
    assert serials(made, 30) == []
    assert serials(made, 41) == [2]
    assert serials(made, None) == [2]


def test_a_card_of_another_identity_brings_no_keys() -> None:
    made = ring((1, 0))
    other = Network(["region-a"], None, seed=5).regions["region-a"].card  # type: ignore[arg-type]
    made.learn([replace(other, keys=replace(other.keys, serial=2))])
    assert serials(made, None) == [1]
