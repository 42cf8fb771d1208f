"""Lines for the long term: neighbours keep those that hold, and nothing depends on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from crypto import mldsa
from crypto.note import Checkpoint, parse_checkpoint, parse_note
from gossip.effects import ProtectedRow
from gossip.events import Stopping
from gossip.network import Network
from gossip.step import Step
from protocol.cosignature import checkpoint_note
from protocol.entries import decode_entry
from protocol.release_line import cosigned_message, line_of, lines_in, release_name
from protocol.roster import card_line

Make = Callable[..., Any]
WITH = {"with_release": True}
MIRRORED = {"quorum": None, "max_lag_rounds": 3, "mirror": True}


def end_of(net: Network, name: str) -> int:
    """Size of a log just behind its study.end."""
    kinds = [decode_entry(leaf).kind for leaf in net.regions[name].store.leaves]
    return kinds.index("study.end") + 1


def kept(net: Network, name: str, other: str) -> list[ProtectedRow]:
    """What one region keeps of another's lines, the newest of each key."""
    origin = net.peer(other).log.origin
    newest = {row.key: row for row in net.regions[name].store.protected if row.origin == origin}
    return sorted(newest.values(), key=lambda row: row.size)


def holds(net: Network, region: str, row: ProtectedRow, public: bytes) -> Checkpoint:
    """The checkpoint of a note, whose line is checked as an outsider would."""
    note, name = parse_note(row.note), release_name("simulated.example", region)
    ((_, line),), _ = lines_in(note, name, [public])
    point = parse_checkpoint(note.body)
    mldsa.verify(public, line.sig, cosigned_message(point, name, line.t_s))
    assert point.root == net.peer(region).log.tree.root_at(point.size)
    return point


def pass_time(net: Network, ms: int) -> None:
    net.run(lambda: False, limit_ms=ms)


def test_the_end_of_a_study_is_protected_and_every_neighbour_holds_the_line(make_network: Make) -> None:
    net, _, _ = make_network(4, network=WITH, rounds=3, witness=MIRRORED)
    assert net.run(limit_ms=120_000)
    pass_time(net, 6_000)
    for name in net.names:
        for other in net.names:
            (row,) = kept(net, name, other)
            point = holds(net, other, row, net.regions[other].card.keys.release)
            assert point.size >= end_of(net, other)
        assert not net.peer(name).blame.suspended


def test_after_new_keys_the_key_before_has_signed_for_them(make_network: Make) -> None:
    net, _, _ = make_network(4, network=WITH, rounds=14, round_min_s=2, witness=MIRRORED)
    assert net.run(lambda: (one := net.peer("region-a").current) is not None and one.round >= 3, limit_ms=120_000)
    old = net.regions["region-b"].card.keys
    card = net.rotate("region-b")
    cards = {name: net.regions[name].card for name in net.names} | {"region-b": card}
    for name in net.names:
        lines = [card_line(one) for one in cards.values()]
        net.ask(name, "roster_found", cards=lines, role="technical", ref="RS 2026-01234")
    assert net.run(limit_ms=200_000)
    pass_time(net, 6_000)
    leaves = net.regions["region-b"].store.leaves
    rotated = [decode_entry(leaf).kind for leaf in leaves].index("key.rotate")
    for name in net.names:
        before, after = kept(net, name, "region-b")
        assert holds(net, "region-b", before, old.release).size > rotated
        assert holds(net, "region-b", after, card.keys.release).size >= end_of(net, "region-b")


def heard(net: Network, line: bytes) -> tuple[list[ProtectedRow], list[str]]:
    """What region-a keeps and says when region-b shows it its newest checkpoint with another line."""
    a, b = net.peer("region-a"), net.peer("region-b")
    checkpoint, signature = b.log.signed()
    note = checkpoint_note(checkpoint, b.log.log_public, signature) + line
    step = Step(a.log, a.mailbox, net.now_ms)
    a.witness.protecting.heard(step, "region-b", b.log.origin, [note])
    effects = step.finish()
    rows = [row for one in effects for row in getattr(one, "rows", ()) if isinstance(row, ProtectedRow)]
    return rows, [str(getattr(one, "code", "")) for one in effects if hasattr(one, "code")]


def a_line(net: Network, region: str = "region-b", signer: str = "region-b", size: int = 0) -> bytes:
    """A line on the newest checkpoint of region-b (or one of another size), under a region's name, by a signer."""
    checkpoint = net.peer("region-b").log.signed()[0]
    checkpoint = Checkpoint(checkpoint.origin, checkpoint.size + size, checkpoint.root)
    key, name = net.regions[signer].keys.release, release_name("simulated.example", region)
    public = net.regions[region].card.keys.release
    assert key is not None
    assert public is not None
    return line_of(name, public, 7, key.sign(cosigned_message(checkpoint, name, 7)))


def test_what_does_not_hold_is_not_kept_and_accuses_nobody(make_network: Make) -> None:
    net, _, _ = make_network(4, network=WITH, rounds=2, witness=MIRRORED)
    assert net.run(limit_ms=120_000)
    pass_time(net, 6_000)
    net._handle("region-b", Stopping(0, "signal"))  # a newer head
    assert heard(net, a_line(net, signer="region-c")) == ([], ["LS-COSIG"])  # another's key under this id
    assert heard(net, a_line(net, size=1)) == ([], ["LS-COSIG"])  # of another size
    name, public = release_name("simulated.example", "region-b"), net.regions["region-b"].card.keys.release
    assert public is not None
    assert heard(net, line_of(name, public, 7, bytes(2419))) == ([], ["LS-COSIG"])  # cut
    assert heard(net, a_line(net, "region-c", "region-c")) == ([], [])  # another's name: ignored
    (row,), said = heard(net, a_line(net))
    assert not said
    holds(net, "region-b", row, net.regions["region-b"].card.keys.release)
    assert heard(net, a_line(net)) == ([], [])  # the same again is not looked at
    assert not net.peer("region-a").blame.suspended


def test_regions_without_the_key_or_the_library_run_as_ever(
    make_network: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, _, _ = make_network(4, network=WITH, rounds=2, witness=MIRRORED)
    monkeypatch.setattr(mldsa, "is_available", lambda: False)
    assert net.run(limit_ms=120_000)
    pass_time(net, 6_000)
    for name in net.names:
        assert str(net.ended[name].outcome) == "done"
        assert not net.regions[name].store.protected
        assert not net.peer(name).blame.suspended


@pytest.mark.attack("S32")
def test_a_note_full_of_lines_that_do_not_hold_is_one_word_in_the_program_log(make_network: Make) -> None:
    net, _, _ = make_network(4, network=WITH, rounds=2, witness=MIRRORED)
    assert net.run(limit_ms=120_000)
    name, public = release_name("simulated.example", "region-b"), net.regions["region-b"].card.keys.release
    assert public is not None
    assert heard(net, line_of(name, public, 7, bytes(64)) * 40) == ([], ["LS-COSIG"])
