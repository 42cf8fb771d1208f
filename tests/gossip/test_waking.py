"""A start asks whether its log is the newest: with a study under way, between two of them, and before the first.

The lost ends of these logs are whole runs of a region: what it did between its backup and the day on which that was
put back.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from gossip.effects import Suspect
from gossip.logs import copying
from gossip.logs.asking import Question
from gossip.logs.holdings import Records
from gossip.logs.mirror import Mirror
from gossip.memory import MemoryStore
from gossip.network import Network
from protocol.cosignature import checkpoint_note
from protocol.entries import decode_entry
from protocol.epochs import Previous
from protocol.roster import card_line, found
from protocol.witnessing import Heads
from tests.gossip.conftest import Quadratic, quadratic_plan

Make = Callable[..., Any]
MIRRORED = {"quorum": None, "max_lag_rounds": 3, "mirror": True}
PROVED = {"quorum": 1, "max_lag_rounds": 3, "mirror": False}
A, B, C, D = "region-a", "region-b", "region-c", "region-d"


def pass_time(net: Network, ms: int) -> None:
    net.run(lambda: False, limit_ms=ms)


def leaves(net: Network, name: str) -> list[bytes]:
    return net.regions[name].store.leaves


def mirror_of(net: Network, other: str, name: str = A) -> Mirror:
    """A region's copy of another's log."""
    return net.peer(other).witness.mirrors[net.peer(name).log.origin]


def last(net: Network, name: str, kind: str) -> dict[str, Any]:
    """Body of a region's newest entry of one kind."""
    entries: list[Any] = [e for e in map(decode_entry, leaves(net, name)) if e.kind == kind]
    return dict(entries[-1].body)


def alarm(net: Network, name: str, code: str) -> str:
    alarms: Any = net.ask(name, "status")["alarms"]
    return {str(a["code"]): str(a["fix"]) for a in alarms}.get(code, "")


def rest(net: Network) -> None:
    """Time in which nothing happens: what has been written reaches those who keep copies."""
    pass_time(net, 15_000)


@pytest.fixture
def net(make_network: Make) -> Network:
    """Four regions after a first study, at rest."""
    network: Network = make_network(4, rounds=2, witness=MIRRORED)[0]
    assert network.run(limit_ms=120_000)
    rest(network)
    return network


def another_study(net: Network, **plan: Any) -> None:
    roster = net.peer(net.names[1]).membership.in_force
    assert roster is not None
    net.ended.clear()
    net.agree(quadratic_plan(roster, Quadratic(net.names), **{"rounds": 2, "witness": MIRRORED, "seed": 5, **plan}))
    assert net.run(lambda: len(net.ended) == len(net.names), limit_ms=120_000)
    rest(net)


def copied(net: Network, name: str) -> MemoryStore:
    """A backup of a whole home."""
    return copy.deepcopy(net.regions[name].store)


def put_back(net: Network, name: str, backup: MemoryStore) -> list[bytes]:
    """Stop a region and put an old copy of its home back; returns all it had written."""
    net.kill(name)
    whole = list(leaves(net, name))
    net.regions[name].store = copy.deepcopy(backup)
    return whole


def nobody_is_blamed(net: Network) -> bool:
    running = [one.peer for one in net.regions.values() if one.peer is not None]
    return not any(peer.blame.suspended for peer in running)


# ---------------------------------------------------------------- a backup put back between studies


@pytest.mark.attack("L13")
@pytest.mark.attack("L14")
def test_a_backup_put_back_between_studies_is_told_and_comes_back_whole(net: Network) -> None:
    backup = copied(net, A)
    another_study(net)
    whole = put_back(net, A, backup)
    net.start(A)
    rest(net)
    peer = net.peer(A)
    assert peer.state == "rolled-back"
    assert leaves(net, A) == backup.leaves  # nothing was appended, so nothing was told twice
    assert str(len(whole)) in alarm(net, A, "ROLLED-BACK")
    given = peer.waking.complete()
    assert given is not None
    assert [leaf for leaf, _ in given[0]] == whole[len(backup.leaves) :]  # what came after the last round as well
    assert nobody_is_blamed(net)


@pytest.mark.attack("L13")
def test_entries_of_no_study_are_copied_too(net: Network) -> None:
    backup = copied(net, A)
    net.ask(A, "export")
    rest(net)
    whole = put_back(net, A, backup)
    net.start(A)
    rest(net)
    given = net.peer(A).waking.complete()
    assert given is not None
    assert [decode_entry(leaf or b"").kind for leaf, _ in given[0]] == ["audit.export"]
    assert [leaf for leaf, _ in given[0]] == whole[len(backup.leaves) :]


@pytest.mark.attack("L13")
def test_before_the_first_study_as_well() -> None:
    net = Network([A, B, C], Quadratic([A, B, C]))
    net.found()
    rest(net)
    backup = copied(net, B)
    net.ask(B, "export")
    rest(net)
    whole = put_back(net, B, backup)
    net.start(B)
    rest(net)
    assert net.peer(B).state == "rolled-back"
    given = net.peer(B).waking.complete()
    assert given is not None
    assert [leaf for leaf, _ in given[0]] == whole[len(backup.leaves) :]


@pytest.mark.parametrize("witness", [MIRRORED, PROVED], ids=["mirror", "proofs"])
def test_what_only_a_ping_shows_is_told_as_well(make_network: Make, witness: dict[str, Any]) -> None:
    """A study of three: the fourth has no copy of their logs, and has seen how far they were."""
    net, worker, _ = make_network(4, rounds=1, witness=witness)
    assert net.run(limit_ms=120_000)
    roster = net.peer(A).membership.in_force
    rest(net)
    backup = copied(net, A)
    net.ended.clear()
    net.agree(quadratic_plan(roster, worker, regions=[A, B, C], rounds=2, witness=witness, seed=5))
    assert net.run(lambda: len(net.ended) == 3, limit_ms=120_000)
    rest(net)
    put_back(net, A, backup)
    for gone in (B, C):
        net.kill(gone)
    net.start(A)
    rest(net)
    assert net.peer(A).state == "rolled-back"
    assert net.peer(A).waking.complete() is None  # nobody who is here can give it back
    assert leaves(net, A) == backup.leaves
    assert nobody_is_blamed(net)


def test_an_end_that_nobody_has_seen_is_lost_in_silence(net: Network) -> None:
    """It was told to nobody, so nobody has two stories: the region goes on, as after a broken disk."""
    backup = copied(net, A)
    for other in (B, C, D):
        net.cut(A, other)
    net.ask(A, "export")
    rest(net)
    put_back(net, A, backup)
    for other in (B, C, D):
        net.heal(A, other)
    net.start(A)
    rest(net)
    assert net.peer(A).state == "done"
    another_study(net)
    assert nobody_is_blamed(net)


# ---------------------------------------------------------------- whose answers are enough


def test_a_whole_network_that_starts_at_once_starts(net: Network) -> None:
    for name in net.names:
        net.kill(name)
    for name in net.names:
        net.start(name)
    assert {net.peer(name).state for name in net.names} == {"quiet"}
    pass_time(net, 100)
    assert {net.peer(name).state for name in net.names} == {"done"}
    assert len(last(net, A, "node.start")["heard"]) == 3
    another_study(net)


def test_who_is_off_is_waited_for_five_seconds(net: Network) -> None:
    net.kill(D)
    net.kill(A)
    net.start(A)
    pass_time(net, 4_000)
    assert net.peer(A).state == "quiet"
    assert D in alarm(net, A, "QUIET")
    with pytest.raises(ValueError, match=D):
        net.ask(A, "export")
    pass_time(net, 3_500)
    assert net.peer(A).state == "done"
    assert [one["region"] for one in last(net, A, "node.start")["heard"]] == [B, C]


def test_a_lone_region_waits_and_says_for_whom_and_goes_on_where_it_is_told_to(net: Network) -> None:
    for name in net.names:
        net.kill(name)
    before = list(leaves(net, A))
    net.start(A)
    pass_time(net, 900_000)
    assert net.peer(A).state == "quiet"
    assert leaves(net, A) == before
    said = [s.reason for who, s in net.suspects if who == A and s.code == "QUIET"]
    assert len(said) == 2  # after ten seconds, and ten minutes later
    assert f"{B}, {C}, {D}" in said[0]
    net.kill(A)
    net.start(A, alone=True)
    assert net.peer(A).state == "done"
    assert last(net, A, "node.start")["alone"] is True


def test_where_most_are_off_for_weeks_those_who_are_there_go_on() -> None:
    names = [f"region-{letter}" for letter in "abcdefgh"]
    net = Network(names, Quadratic(names))
    net.found()
    rest(net)
    for gone in names[2:]:
        net.kill(gone)
    net.now_ms += 14 * 86_400_000
    net.ask(A, "export")
    rest(net)
    net.kill(A)
    net.start(A)
    pass_time(net, 8_000)
    assert net.peer(A).state == "idle"  # region-b alone has cosigned it of late: its word is enough
    assert [one["region"] for one in last(net, A, "node.start")["heard"]] == [B]


def test_a_home_that_was_copied_waits_for_everybody(net: Network) -> None:
    """A copy is where an old log comes from. Who alone holds the rest may be the one that is off."""
    backup = copied(net, A)
    for other in (B, C):
        net.cut(A, other)
    net.ask(A, "export")
    rest(net)
    put_back(net, A, backup)
    net.kill(D)
    for other in (B, C):
        net.heal(A, other)
    net.start(A, moved=True)
    pass_time(net, 120_000)
    assert net.peer(A).state == "quiet"
    assert "copied or put back" in alarm(net, A, "QUIET")
    net.start(D)
    rest(net)
    assert net.peer(A).state == "rolled-back"
    assert nobody_is_blamed(net)


def test_a_copied_home_asks_everybody_in_a_study_as_well(make_network: Make) -> None:
    net, _, _ = make_network(4, rounds=90, round_min_s=2, witness={**MIRRORED, "quorum": 1})
    assert net.run(lambda: net.peer(A).current is not None and net.peer(A).current.round >= 2, limit_ms=60_000)
    net.kill(A)
    net.kill(D)
    net.start(A, moved=True)
    pass_time(net, 20_000)
    assert net.peer(A).state == "quiet"
    assert net.peer(A).waking.waits_for == [D]
    net.start(D)
    pass_time(net, 5_000)
    assert net.peer(A).state not in ("quiet", "rolled-back")


@pytest.mark.parametrize(
    ("heard", "linked", "waited_ms", "is_enough"),
    [
        ("", "", 10**6, False),
        ("bcd", "", 0, True),
        ("b", "", 4_999, False),
        ("b", "", 5_000, True),
        ("b", "bc", 5_000, False),
        ("b", "bc", 30_000, True),
        ("x", "", 10**6, False),
    ],
    ids=["nobody", "all", "early", "enough", "one is linked", "and says nothing", "a stranger"],
)
def test_answers_that_are_enough(heard: str, linked: str, waited_ms: int, is_enough: bool) -> None:
    asked = Question(frozenset("bcd"), 1, (5_000, 30_000))
    assert asked.is_answered(set(heard), set(linked), waited_ms) is is_enough


# ---------------------------------------------------------------- gone on with all the same


def fork(net: Network, name: str, backup: MemoryStore) -> None:
    """A region is told to go on from an old backup without asking, and the others notice."""
    put_back(net, name, backup)
    net.start(name, alone=True)
    net.ask(name, "export")
    rest(net)
    assert all(net.peer(other).blame.suspended == {name} for other in net.names if other != name)


@pytest.mark.attack("L13")
def test_a_region_that_forked_is_told_by_whom_it_was_suspended_and_what_to_do(net: Network) -> None:
    backup = copied(net, A)
    another_study(net)
    fork(net, A, backup)
    net.kill(A)
    net.start(A)
    rest(net)
    assert net.peer(A).state == "rolled-back"
    assert net.peer(A).waking.suspended_by == {B: "LS-FORK", C: "LS-FORK", D: "LS-FORK"}
    told = alarm(net, A, "CONVICTED")
    assert f"{B}, {C}, {D}" in told
    assert "--new-epoch --reason rollback" in told
    own = [s.reason for who, s in net.suspects if who == A and s.code == "LS-FORK"]
    assert any(B in reason for reason in own)


@pytest.mark.attack("L13")
def test_a_fork_that_outgrew_what_it_had_forked_from_is_shown_that_as_well(net: Network) -> None:
    backup = copied(net, A)
    another_study(net)
    size = len(leaves(net, A))
    fork(net, A, backup)
    while len(leaves(net, A)) < size + 5:
        net.ask(A, "export")
    rest(net)
    net.kill(A)
    net.start(A)
    rest(net)
    larger = net.peer(A).waking.larger
    assert larger is not None
    assert larger.size == size
    assert net.peer(A).state == "rolled-back"


@pytest.mark.attack("L13")
@pytest.mark.attack("L14")
def test_after_a_new_roster_a_log_begun_anew_is_followed_again(net: Network) -> None:
    backup = copied(net, A)
    another_study(net)
    fork(net, A, backup)
    net.kill(A)
    net.start(A)
    rest(net)
    larger = net.peer(A).waking.larger
    assert larger is not None
    net.kill(A)
    net.begin_anew(A, Previous(larger.origin, larger.size, larger.root, "rollback"))
    net.start(A)
    rest(net)
    assert len(leaves(net, A)) == 1  # nobody follows who is suspended
    roster = net.peer(B).membership.in_force
    assert roster is not None
    card = net.rotate(B)  # a roster needs a change
    following = found([*(c for c in roster.cards if c.name != B), card], roster)
    for name in (B, C, D):
        net.ask(name, "roster_found", cards=[card_line(c) for c in following.cards], role="technical", ref=None)
    rest(net)
    assert not net.peer(C).blame.suspended
    rest(net)
    assert net.peer(A).log.origin.endswith("/2")
    assert net.peer(A).state not in ("quiet", "rolled-back")
    net.ask(A, "roster_sign", role="technical", ref=None)
    assert net.peer(A).membership.in_force == following
    assert alarm(net, A, "CONVICTED") == ""
    faults = [e.body for e in map(decode_entry, leaves(net, B)) if e.kind == "fault"]
    assert [(f["region"], f["code"]) for f in faults] == [(A, "LS-FORK")]  # the finding stays


@pytest.mark.attack("L14")
def test_an_epoch_that_one_region_alone_has_seen_is_passed_over_and_not_begun_twice(net: Network) -> None:
    """It was begun while the others were off, and lost again; who saw it does not answer when the next one begins."""
    backup = copied(net, A)
    another_study(net)
    put_back(net, A, backup)
    point = net.peer(B).witness.held.mirrors[f"simulated.example/{A}/1"].checkpoint
    assert point is not None
    net.kill(B)
    net.kill(C)
    net.begin_anew(A, Previous(point.origin, point.size, point.root, "lost"))
    net.start(A)
    rest(net)
    assert net.peer(D).membership.epochs.current(A) == 2
    net.kill(D)
    net.kill(A)
    net.regions[A].store = copy.deepcopy(backup)
    net.regions[A].store.epoch = 56  # the next number is drawn where somebody has not answered
    net.begin_anew(A, Previous(point.origin, point.size, point.root, "lost"))
    for name in (A, B, C, D):
        net.start(name)
    rest(net)
    rest(net)
    for name in (B, C, D):
        assert net.peer(name).membership.epochs.current(A) == 57
    assert nobody_is_blamed(net)
    another_study(net, seed=6)
    assert nobody_is_blamed(net)


# ---------------------------------------------------------------- what asking may cost


def test_who_asks_without_end_is_answered_once_a_second(net: Network, hostile: Any) -> None:
    liar = hostile.liar(net, D)
    net.kill(D)
    before = len(net.suspects)
    answers = hostile.last_sent(net, A, "BEHIND")
    net.start(D)
    pass_time(net, 3_000)
    answers.clear()
    for _ in range(50):
        liar.say(A, "HELLO", {"size": liar.log.size, "root": liar.log.root})
    assert 1 <= len(answers) <= 4
    pass_time(net, 2_000)
    liar.say(A, "HELLO", {"size": liar.log.size, "root": liar.log.root})
    assert len(answers) <= 6
    assert nobody_is_blamed(net)
    assert all(isinstance(s, Suspect) for _, s in net.suspects[before:])


def test_who_asks_for_proofs_without_end_gets_a_dozen_until_the_log_is_told_again(net: Network, hostile: Any) -> None:
    liar = hostile.liar(net, D)
    answers = hostile.last_sent(net, A, "PROOF")
    for size in range(1, 41):
        liar.say(A, "PROVE", {"size": size, "places": [], "heads": [1]})
    assert len(answers) == 12
    net.ask(A, "export")
    rest(net)
    liar.say(A, "PROVE", {"size": 3, "places": [], "heads": [1]})
    assert len(answers) == 13
    assert nobody_is_blamed(net)


@pytest.mark.attack("L13")
def test_an_end_that_is_too_long_for_one_answer_comes_back_in_several(
    net: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "CHUNK", 4_000)
    monkeypatch.setattr(copying, "MAX_CHUNKS", 2)
    backup = copied(net, A)
    another_study(net, rounds=6)
    for _ in range(20):
        net.ask(A, "export")  # copies take several tellings as well
        rest(net)
    assert all(mirror_of(net, other).size == len(leaves(net, A)) for other in (B, C, D))
    whole = put_back(net, A, backup)
    assert sum(map(len, whole[len(backup.leaves) :])) > 5 * 8_000
    net.start(A)
    pass_time(net, 60_000)
    given = net.peer(A).waking.complete()
    assert given is not None
    assert [leaf for leaf, _ in given[0]] == whole[len(backup.leaves) :]


@pytest.mark.attack("S32")
def test_what_is_given_back_is_not_given_again_and_again(net: Network, hostile: Any) -> None:
    """A region waits, rolled back, for its operator: two minutes, and everything has come twice at most."""
    backup = copied(net, A)
    another_study(net)
    whole = put_back(net, A, backup)
    lost = sum(map(len, whole[len(backup.leaves) :]))
    given = hostile.last_sent(net, B, "MIRROR")
    net.start(A)
    pass_time(net, 120_000)
    assert net.peer(A).waking.complete() is not None
    sizes = [len(one.payload) for one in given if one.link == A and one.payload is not None]
    assert lost <= sum(sizes) < 2.5 * lost


@pytest.mark.attack("S32")
def test_who_shows_an_old_head_without_end_is_not_given_its_entries_each_time(net: Network, hostile: Any) -> None:
    liar = hostile.liar(net, D)
    liar.fork(len(leaves(net, D)) - 1)
    net.kill(D)
    reads: list[int] = []
    held = net.peer(A).witness.held
    mirrored = held.records.mirrored
    held.records = Records(held.records.own, lambda origin, seq: (reads.append(seq), mirrored(origin, seq))[1])  # type: ignore[func-returns-value]
    point, signature = liar.log.signed()
    note = checkpoint_note(point, liar.keys.log.public, signature)
    study = net.peer(A).current
    assert study is not None
    for _ in range(40):
        liar.say(A, "HEADS", {}, Heads(1, note, 0, ()).encode(), study=study.id, round=1)
        liar.say(A, "HELLO", {"size": 1, "root": liar.log.root})
    assert len(reads) <= 2 * len(leaves(net, D))


@pytest.mark.attack("S32")
def test_who_asks_for_proofs_without_end_is_sent_the_entries_once(net: Network, hostile: Any) -> None:
    liar = hostile.liar(net, D)
    net.kill(D)
    net._up.add(frozenset((A, D)))
    sent = hostile.last_sent(net, A, "MIRROR")
    for size in range(1, 13):
        liar.say(A, "PROVE", {"size": size, "places": [], "heads": [1]})
    assert len([one for one in sent if one.link == D]) == 1
