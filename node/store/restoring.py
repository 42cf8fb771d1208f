"""What was lost of a log, asked back from the neighbours that keep a copy of it; and a log that is begun anew.

Rules kept here, and nowhere else:
  * entries come back only if they lead from what is here to a head that this region has signed;
  * where every region has answered (or the operator does not wait for it) and they reach the largest head that anybody
    can prove, they are appended with one ``log.recover`` behind them, in one transaction, and the log goes on;
  * where they do not, the log goes on only in a new epoch, and only if the operator says so: its first entry names
    the largest head that is proven. What came back is the end of the log before it.

What cannot be brought back is not made up.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from crypto.note import Checkpoint
from gossip.effects import Commit
from gossip.logs.mirror import Item
from gossip.logs.returned import unread
from node.daemon import COMMANDS_S, Daemon
from node.errors import Refused, StoreError
from node.region import Region, wall_ms
from node.store.paid import recover
from node.store.vault import Vault
from protocol.codec import Value
from protocol.entries import decode_entry
from protocol.envelope import parse
from protocol.epochs import MAX_EPOCH, Previous
from protocol.messages import TYPES

SETTLE_S = 1.5
STILL_S = 6.0  # a long end comes in several parts, one every two seconds
JUMP = 999


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back.

    Attributes:
        before, after: Entries before, and with what came back (``log.recover`` not counted).
        sources: Regions whose copies helped, with the size of each.
        hash_only: Entries of which only the hash came back.
        epoch: Of the log that goes on.
        previous: The head after which it was begun anew; None where the log goes on as it was.
        payloads: Stored payloads that entries which came back name, and that are not here.
    """

    before: int
    after: int
    sources: dict[str, int]
    hash_only: int
    epoch: int = 1
    previous: Previous | None = None
    payloads: int = 0


@dataclass(frozen=True, slots=True)
class Survey:
    """How much of a lost log is to be had.

    Attributes:
        here, had: Entries here, and how many there were at least, under the largest head that is proven.
        larger: That head.
        reach: Up to where the copies lead to something this region has signed.
        unread: Of how many entries up to there only the hash came back.
        sources: By region, up to where its copy came back.
        answered, silent: Regions that have answered, and that have not.
        suspended_by: Regions that have suspended this one because its log has two histories.
    """

    here: int
    had: int
    larger: Checkpoint
    reach: int
    sources: dict[str, int] = field(default_factory=dict)
    answered: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    suspended_by: tuple[str, ...] = ()
    unread: int = 0

    @property
    def found(self) -> str:
        """In words: what is lost."""
        if self.suspended_by:
            return (
                "ROLLED-BACK: this log was gone on with from an old state, so it has two histories (LS-FORK):"
                f" {self.here} entries here, and {self.had} of another story that this region has signed as well."
                f" {', '.join(self.suspended_by)} use nothing of it until there is a new roster"
            )
        copies = ", ".join(f"{name} up to {size}" for name, size in sorted(self.sources.items()))
        what = f"lead to {self.reach} ({copies})" if copies else f"hold nothing beyond the {self.here} that are here"
        said = ", ".join(self.answered) or "nobody"
        rest = self.had - self.reach
        lacks = []
        if rest > 0 or not self.unread:
            lacks.append(f"Nobody who has answered holds the rest, {max(1, rest)} or more")
        if self.unread:
            lacks.append(f"Of {self.unread} of them only hashes came back: what was said in these is not known")
        return (
            f"ROLLED-BACK: this log ({self.here} entries here) has had {self.had} entries; answered have {said}, and"
            f" their copies {what}. {'. '.join(lacks)}"
        )

    @property
    def fix(self) -> str:
        """In words: whether waiting can help, and what else there is."""
        if self.suspended_by:
            return (
                "landsting restore --new-epoch --reason rollback begins the log anew; then found a new roster with the"
                " others, which takes this region up again when two thirds have signed it. What was found stays in"
                " every audit; keep the backup and its date, which show how it came about"
            )
        anew = (
            "landsting restore --new-epoch begins the log anew: the gap stays visible for good (LS-EPOCH-GAP, minor),"
            " and this region takes no part in the rounds in which it may have signed something"
        )
        if self.silent:
            return (
                f"{', '.join(self.silent)} has not answered and may hold more: start it and try again. If it never"
                f" comes back: {anew} (--without NAME for each that is not waited for)"
            )
        return f"all regions have answered, so waiting does not help. Put back a newer copy of the home, or: {anew}"


def restore(
    path: Path,
    *,
    wait_s: float = 60.0,
    bind: str | None = None,
    anew: str | None = None,
    without: Collection[str] = (),
) -> Restored | None:
    """Ask all neighbours for what this log has lost, and append it; None if nobody knows of more than is here.

    Args:
        anew: Where it does not come back: begin the log anew, for this reason, a word of ``EPOCH_REASONS``.
        without: Regions whose answer is not waited for.

    Raises:
        ConfigError, BusyError: The home cannot be taken.
        StoreError: The log is damaged, or what the neighbours hold does not reach the largest head that is proven.
        Refused: Somebody has not answered.
    """
    with Region.open(path, role="node", wait_s=COMMANDS_S, recovering=True) as region:
        waking = region.peer.waking
        waking.found_head(region.store.head())
        _ask(region, wait_s, bind, without)
        silent = sorted(set(region.peer.membership.names) - {region.peer.me} - waking.answered - set(without))
        if waking.larger is None and silent:
            raise Refused(
                "QUIET", f"{', '.join(silent)} has not answered, so it is not known whether anything is lost",
                "the answer of every region, or --without NAME for each that is not waited for",
                "start their nodes and try again",
            )  # fmt: skip
        if waking.larger is None:
            region.settle_here()
            return None
        found = waking.complete()
        if found is not None and silent:
            raise Refused(
                "QUIET", f"{', '.join(silent)} has not answered, and may hold more than the {len(found[0])} entries"
                " that came back: what this region has said to it alone", "the answer of every region, or --without"
                " NAME for each that is not waited for", "start their nodes and try again",
            )  # fmt: skip
        if found is not None:
            done = _append(region, *found)
            region.settle_here()
            return done
        survey = _survey(region, waking.larger)
        if anew is None:
            raise StoreError(survey.found, "copies of every entry that was signed", survey.fix)
        missing = sorted(set(survey.silent) - set(without))
        if missing:
            raise Refused(
                "QUIET", f"{', '.join(missing)} has not answered, and may hold what is lost",
                "the answer of every region, or --without NAME for each that is not waited for", survey.fix,
            )  # fmt: skip
        done = _begin_anew(region, survey, anew)
        region.settle_here()
        return done


def _survey(region: Region, larger: Checkpoint) -> Survey:
    peer = region.peer
    found = peer.waking.partial()
    reach = peer.log.size + (len(found[0]) if found is not None else 0)
    others = [name for name in peer.membership.names if name != peer.me]
    answered = tuple(name for name in others if name in peer.waking.answered)
    had = max(larger.size, peer.waking.least if larger.origin == peer.log.origin else 0)
    return Survey(
        peer.log.size, had, larger, reach, peer.waking.reached, answered,
        tuple(name for name in others if name not in answered),
        tuple(name for name, code in sorted(peer.waking.suspended_by.items()) if code == "LS-FORK"),
        unread(peer.log.size, found[0]) if found is not None else 0,
    )  # fmt: skip


def _append(region: Region, items: list[Item], sources: dict[str, int]) -> Restored:
    """The lost entries behind those that are here, and what tells of them."""
    store, home, before = region.store, region.home, region.peer.log.size
    after = before + len(items)
    leaves = [leaf for leaf, _ in store.entries()] + [leaf for leaf, _ in items]
    hashes = [digest for _, digest in store.entries()] + [digest for _, digest in items]
    log = home.log(leaves, hashes)
    lost = sum(leaf is None for leaf, _ in items)
    shown: list[Value] = [{"region": name, "size": size} for name, size in sorted(sources.items())]
    log.add(
        "log.recover", {"from_size": before, "to_size": after, "from": shown, "hash_only": lost}, study=None,
        now_ms=wall_ms(),
    )  # fmt: skip
    pending = log.pending()
    assert pending is not None
    new, checkpoint, signature = pending
    recovered = tuple((before + at, leaf, digest) for at, (leaf, digest) in enumerate(items))
    recover(home.path, [leaf for leaf, _ in items])  # first, as before a round trains
    kept, missing = _payloads(region, items)
    with Vault(home.path) as vault:  # nobody had seen what came after: it is lost, and other entries come in its place
        vault.forget_openings(after)
    store.commit(Commit(tuple(new), checkpoint, signature, kept, publish=True, recovered=recovered))
    return Restored(before, after, sources, lost, home.epoch, payloads=missing)


def _begin_anew(region: Region, survey: Survey, reason: str) -> Restored:
    """The next epoch, after the largest head that is proven; what came back ends the one before."""
    store, home, peer = region.store, region.home, region.peer
    before = peer.log.size
    found = peer.waking.partial()
    items = found[0] if found is not None else []
    leaves = [leaf for leaf, _ in store.entries()] + [leaf for leaf, _ in items]
    hashes = [digest for _, digest in store.entries()] + [digest for _, digest in items]
    last = home.log(leaves, hashes).signed() if items else None
    recovered = [(before + at, leaf, digest) for at, (leaf, digest) in enumerate(items)]
    previous = Previous(survey.larger.origin, survey.larger.size, survey.larger.root, reason)
    home.epoch = max(home.epoch, previous.place[0]) + 1
    if survey.silent:  # who has not answered may know of an epoch that nobody else has seen: never the same one twice
        home.epoch = min(MAX_EPOCH, home.epoch + 1 + secrets.randbelow(JUMP))
    log = home.log()
    home.first_entry(log, max(wall_ms(), peer.log.last_ms), previous)
    pending = log.pending()
    assert pending is not None
    new, checkpoint, signature = pending
    recover(home.path, [leaf for leaf, _ in items])
    kept, missing = _payloads(region, items)
    with Vault(home.path) as vault:  # before: an opening that stayed would be shown for an entry of the next log
        vault.forget_openings()
    store.begin_anew(log.origin, Commit(tuple(new), checkpoint, signature, kept, publish=True), recovered, last)
    lost = sum(leaf is None for leaf, _ in items)
    return Restored(before, before + len(items), survey.sources, lost, home.epoch, previous, missing)


def _payloads(region: Region, items: list[Item]) -> tuple[tuple[tuple[bytes, bytes], ...], int]:
    """Stored payloads that entries which came back name: those that neighbours sent again, and how many they did not.

    Rosters and proposals are said again on every new link; what travelled inside a session is not.
    """
    came = region.peer.waking.payloads()
    kept: dict[bytes, bytes] = {}
    missing: set[bytes] = set()
    for leaf, _ in items:
        entry = decode_entry(leaf) if leaf is not None and b"env." in leaf else None
        if entry is None or entry.kind not in ("env.sent", "env.recv"):
            continue
        fields = parse(bytes(entry.body["header"]), bytes(entry.body["sig"])).fields  # type: ignore[arg-type]
        is_kept = fields.type in ("ROSTER", "PROPOSE") or TYPES[fields.type].carrier
        if not is_kept or fields.sha256 is None or region.store.kept(fields.sha256) is not None:
            continue
        if fields.sha256 in came:
            kept[fields.sha256] = came[fields.sha256]
        else:
            missing.add(fields.sha256)
    return tuple(sorted(kept.items())), len(missing)


def _ask(region: Region, wait_s: float, bind: str | None, without: Collection[str]) -> None:
    """Run a node that only asks: until all have answered and the copies are complete or no more comes, or so long."""
    peer = region.peer
    waking, end = peer.waking, time.monotonic() + wait_s
    complete, grown, reached = 0.0, time.monotonic(), waking.reached

    def is_over() -> bool:
        nonlocal complete, grown, reached
        now = time.monotonic()
        if waking.reached != reached:
            grown, reached = now, waking.reached
        others = {name for name in peer.membership.names if name != peer.me and name not in without}
        is_still = waking.larger is None or now > grown + STILL_S
        if not complete and waking.answered >= others and (is_still or waking.complete() is not None):
            complete = now
        return now > end or bool(complete and now > complete + SETTLE_S)

    daemon = Daemon(region, bind=bind, recovering=True)
    with contextlib.closing(daemon):
        daemon.run(is_over)
