"""A member that speaks of epochs that nobody follows costs the others no memory to speak of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gossip.logs.mirror import weight
from gossip.network import Network
from protocol.cosignature import checkpoint_note
from protocol.epochs import Previous
from protocol.log import Log
from protocol.witnessing import Heads, encode_mirror
from tests.gossip.conftest import Liar
from tests.gossip.test_epochs import anew, show

Make = Callable[..., Any]
MIRRORED = {"quorum": None, "max_lag_rounds": 3, "mirror": True}
A, B = "region-a", "region-b"


@pytest.fixture
def net(make_network: Make) -> Network:
    """Three regions after a study; B says what it likes from here on."""
    found: Network
    found, _, _ = make_network(3, rounds=2, witness=MIRRORED)
    assert found.run(limit_ms=120_000)
    found.kill(B)
    return found


def liar(net: Network, epoch: int) -> Liar:
    """B under another epoch of its log."""
    one = Liar(net, B)
    one.log = Log(
        network="simulated.example", region=B, sign_key=one.keys.sign, log_key=one.keys.log, leaves=[], epoch=epoch
    )
    one.log.add("node.stop", {"reason": "error"}, study=None, now_ms=net.now_ms)
    return one


PING = {"state": "idle", "attempt": 0, "seq": 0, "echo": None}


@pytest.mark.attack("S32")
def test_service_messages_of_made_up_epochs_are_not_all_remembered(net: Network) -> None:
    for epoch in range(2, 102):
        liar(net, epoch).say(A, "PING", PING)
    logs = {one.fields.log for one in net.peer(A).mailbox.latest(B)}
    assert len(logs) <= 8
    assert f"simulated.example/{B}/101" in logs  # the newest word of it


@pytest.mark.attack("S32")
@pytest.mark.parametrize("offered", [False, True], ids=["entries alone", "behind a checkpoint"])
def test_entries_of_made_up_epochs_do_not_pile_up(net: Network, offered: bool) -> None:
    study = next(iter(net.peer(A).studies))
    before = len(net.peer(A).witness.mirrors)
    for epoch in range(2, 42):
        one = liar(net, epoch)
        if offered:
            point, signature = one.log.signed()
            note = checkpoint_note(point, one.keys.log.public, signature)
            one.say(A, "HEADS", {}, Heads(0, note, 0, ()).encode(), study=study, round=0)
        one.say(A, "MIRROR", {"log": one.log.origin}, encode_mirror(0, [bytes([1]) * 40_000] * 20))
    mirrors = net.peer(A).witness.mirrors
    assert len(mirrors) <= before + 2
    assert sum(weight(mirror.coming) for mirror in mirrors.values()) < 2 * 2**20


@pytest.mark.attack("S32")
def test_entries_of_epochs_that_were_passed_over_do_not_pile_up(net: Network) -> None:
    """Its second log is numbered 60: what it sends of 2 to 41 then is of no log that anybody follows."""
    speaker, copy = Liar(net, B), net.peer(A).witness.mirrors[f"simulated.example/{B}/1"]
    size = max(copy.size, net.peer(A).mailbox.newest_of(B)[copy.origin])
    before = Previous(copy.origin, size, speaker.log.tree.root_at(size), "lost")
    show(net, speaker, A, anew(net, speaker, before, 60))
    assert net.peer(A).membership.epochs.current(B) == 60
    for epoch in range(2, 42):
        one = liar(net, epoch)
        one.say(A, "MIRROR", {"log": one.log.origin}, encode_mirror(0, [bytes([1]) * 40_000] * 20))
    mirrors = net.peer(A).witness.mirrors
    assert sum(weight(mirror.coming) for mirror in mirrors.values()) < 2 * 2**20
    assert len(mirrors) <= 3


@pytest.mark.attack("S32")
def test_checkpoints_of_made_up_epochs_that_are_passed_on_do_not_fill_a_log(make_network: Make) -> None:
    net, _, plan = make_network(4, rounds=8, round_min_s=2, witness=MIRRORED, masking={"mode": "recoverable"})
    assert net.run(lambda: (study := net.peer(A).current) is not None and study.round >= 2, limit_ms=120_000)
    net.kill(B)
    speaker = Liar(net, B)
    notes = []
    for epoch in range(2, 602):
        one = liar(net, epoch)
        point, signature = one.log.signed()
        notes.append(checkpoint_note(point, one.keys.log.public, signature))
    point, signature = speaker.log.signed()
    own = checkpoint_note(point, speaker.keys.log.public, signature)
    for first in range(0, len(notes), 60):
        told = tuple(sorted(notes[first : first + 60]))
        speaker.say(A, "HEADS", {}, Heads(2, own, point.size, told).encode(), study=plan.study, round=2)
    assert net.run(lambda: (study := net.peer(A).current) is not None and study.round >= 4, limit_ms=240_000)
    known = [origin for origin, _, _ in net.peer(A).witness.held.known() if origin.split("/")[1] == B]
    assert 1 <= len(known) <= 8
