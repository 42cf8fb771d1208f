"""A region as one process has it: its home, its store and its ``Peer``, the same with and without a daemon.

``Region.open`` takes the home's lock, checks the log and replays it; ``handle`` has a step on disk before it
returns what else is to be done. ``take`` and ``settle`` do the same for several events with one transaction.
A step that cannot be written ends it: nothing goes on without its log.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from gossip.consent.agreement import Proposal
from gossip.effects import Commit, Deposit, Effect, Ended, Erase, Forget, Open, Rekeyed, Reply, Retain, Sift
from gossip.events import Asked, Event
from gossip.logs.holdings import Records
from gossip.logs.waking import Mode
from gossip.peer import Peer
from gossip.requests import READING
from node.budget import accepted_plans, check_budget
from node.errors import NodeError, Refused, StoreError
from node.files import disk_error, sync_folder, write
from node.home import Home, Lock
from node.policy import Policy, patients_of
from node.software import software
from node.store import place
from node.store.paid import check_rounds, pay_lost, pay_sums, private_rounds
from node.store.soundness import check_clock, check_log, erased, stopped_cleanly
from node.store.storage import Store
from node.store.vault import Vault


def wall_ms() -> int:
    """Return the Unix time in milliseconds."""
    return time.time_ns() // 10**6


@dataclass(slots=True)
class Region:
    """The one owner of a home.

    Attributes:
        clean: Whether the daemon's last run ended in good order.
        vault: What is kept of rounds beside the log.
        moved: Whether the home seems to have been copied or put back since its node last ran.
    """

    home: Home
    store: Store
    peer: Peer
    clean: bool
    vault: Vault
    _lock: Lock
    moved: bool = False
    _trained: set[tuple[str, int]] = field(default_factory=set)  # private rounds of the log: the ledger has them
    _is_placed: bool = False
    _is_broken: bool = False

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        now_ms: int | None = None,
        role: str = "command",
        wait_s: float = 0.0,
        recovering: bool = False,
    ) -> Self:
        """Take a home, check its log, and replay it.

        Args:
            role, wait_s: See ``node.home.Lock``.
            recovering: Take a log that was put back to an earlier state, too, in order to ask for what is lost.

        Raises:
            ConfigError: There is no home of this version, or the clock is behind the log.
            BusyError: Another process owns it.
            StoreError: The log is damaged or was put back to an earlier state.
        """
        from node.learning import code_sha256

        home = Home.open(path)
        lock = Lock(home.path, role, wait_s)
        try:
            store = Store.open(home)
            entries = list(store.entries())
            leaves = [leaf for leaf, _ in entries]
            log = home.log(leaves, [digest for _, digest in entries])
            check_log(store, log.tree, leaves, home.origin, home.keys().log.public, put_back=recovering)
            past = [leaf for epoch in store.past() for leaf, _ in epoch.records]
            trained = private_rounds([*past, *leaves])
            check_rounds(home.path, trained)
            check_clock(log.last_ms, wall_ms() if now_ms is None else now_ms, home.path)
            for seq in erased(leaves):
                store.erase(seq)  # a stop between the entry and the deed left it
                leaves[seq] = None
            peer = Peer(
                keys=home.keys(),
                card=home.card(),
                log=log,
                entropy=os.urandom,
                code_sha256=code_sha256(),
                software=software(),
                roles=Policy.load(home.path).roles,
                blob=store.blob,
                kept=store.kept,
                key_sets=home.key_sets(),
                records=Records(lambda first, stop: list(store.entries(first, stop)), store.copies.leaf),
            )
            peer.replay(leaf for leaf in [*past, *leaves] if leaf is not None)
            pay_sums(
                home.path, [*past, *leaves], {one.plan.study: one.plan for one in peer.agreement.proposals.values()}
            )
            peer.following.load(store.copies.firsts())
            for origin, seq, leaf in store.copies.key_entries():
                peer.rotation.mirrored(None, origin.split("/")[1], seq, leaf)
            if home.serial + 1 in home.key_sets():
                peer.rotation.offer(*home.next_keys())
            given = store.copies.cosignatures(log.origin)
            peer.witness.held.load(store.copies.mirrors(), given, store.copies.proved())
            peer.witness.protecting.load(store.copies.protected())
            vault = Vault(home.path)
            for name, study in peer.studies.items():  # rounds that a stop cut short leave nothing behind
                vault.sift(name, None, study.context.recording.held, openings=False)
        except BaseException:
            lock.release()
            raise
        known = [leaf for leaf in [*past, *leaves] if leaf is not None]
        return cls(
            home, store, peer, stopped_cleanly(known), vault, lock, place.is_moved(home.path), _trained=set(trained)
        )

    def handle(self, event: Event) -> list[Effect]:
        """Advance by one event; its commit is on disk when this returns the other effects, in order.

        Raises:
            StoreError: The step could not be written, now or earlier. Nothing of it may be sent.
        """
        effects = self.take(event)
        self.settle()
        return effects

    def take(self, event: Event) -> list[Effect]:
        """Advance by one event and return its effects; nothing of them may leave before ``settle`` has returned.

        Raises:
            StoreError: The step could not be written, now or earlier. Nothing since the last ``settle`` may be sent.
        """
        if self._is_broken:
            raise StoreError("an earlier step could not be written", "a log on disk", "start the node again")
        self._is_broken = True  # until the step is on disk: also whatever else goes wrong in it ends this run
        effects = self.peer.handle(event)
        if not self._is_placed and self.peer.waking.mode is Mode.UP:
            self.settle_here()
        if effects and isinstance(effects[0], Commit):
            self.store.add(effects[0])
            self._trained.update(private_rounds(leaf.leaf for leaf in effects[0].leaves))
            effects = effects[1:]
        for effect in effects:
            if isinstance(effect, Open | Ended) and effect.study in self.peer.studies:
                context = self.peer.studies[effect.study].context
                if isinstance(effect, Open) and context.plan.dp is not None:
                    check_rounds(self.home.path, sorted(self._trained))
                pay_lost(self.home.path, effect.study, context.given_up, context.plan)
        forgotten = [effect.sha256 for effect in effects if isinstance(effect, Forget)]
        for effect in effects:
            if isinstance(effect, Rekeyed):
                self.store.settle()  # what another key signs is another transaction
                self.home.serial = effect.serial
                self.store.rekey(self.home.keys().log.public)
            elif isinstance(effect, Erase):
                self.store.settle()
                self.store.erase(effect.seq)
        if forgotten:
            self.store.settle()
            self.store.forget(forgotten)
        kept = [effect for effect in effects if isinstance(effect, Retain | Deposit | Sift)]
        if any(isinstance(effect, Sift) for effect in kept):
            self.store.settle()  # the entry that says what goes is on disk before it does
        for one in kept:
            self.vault.do(one)
        self._is_broken = False
        return effects

    def settle_here(self) -> None:
        """Take the home as it lies for the one that runs: the others have been asked about its log."""
        place.settle(self.home.path)
        self.moved, self._is_placed = False, True

    def settle(self) -> None:
        """Have every step on disk that ``take`` has made.

        Raises:
            StoreError: They could not be written. Nothing since the last ``settle`` may be sent.
        """
        if self._is_broken:
            raise StoreError("an earlier step could not be written", "a log on disk", "start the node again")
        self._is_broken = True
        self.store.settle()
        self._is_broken = False

    def ask(self, op: str, args: dict[str, object], now_ms: int | None = None) -> dict[str, object]:
        """Carry out an operator's request without a daemon. What it seals leaves when one runs.

        Raises:
            Refused: It cannot be done.
        """
        if self.moved and op not in READING and set(self.peer.membership.names) - {self.peer.me}:
            raise Refused(
                "QUIET",
                "this home was copied or put back since its node last ran: what is appended now may stand where this"
                " region has signed something else",
                "a log that the other regions know of nothing beyond",
                "landsting run --home HOME asks them; landsting restore --home HOME brings back what is lost",
            )
        self.prepare(op, args)
        effects = self.handle(Asked(wall_ms() if now_ms is None else now_ms, 0, op, args))
        reply = next(effect for effect in effects if isinstance(effect, Reply))
        return result_of(reply)

    def prepare(self, op: str, args: dict[str, object]) -> None:
        """Do what a request needs in the home before ``Peer`` hears it: which data a study is accepted with, by whom.

        Raises:
            Refused: No such data set is bound, or the region's policy does not allow the study.
            StoreError: It could not be written.
        """
        if op == "keys_rotate":
            args["card"], args["keys"] = self.home.next_keys()
        study, data = args.get("study"), args.get("data")
        if op != "accept":
            return
        if not isinstance(study, bytes) or len(study) != 32 or not isinstance(data, str | None):
            # ``Peer`` takes part of an id as well; what is checked here must be what is accepted there.
            raise Refused("VALUE", "no whole study id", "all 32 bytes of it", "landsting study accept ID --data NAME")
        policy = Policy.load(self.home.path)
        self.peer.agreement.ask_for(policy.roles)  # as they are now: the node may have started under others
        offered = self.peer.agreement.proposals.get(study)
        if offered is not None and self.peer.me not in offered.answers:
            self._check(policy, offered, data or bound_to(self.home.path, study))
        if data is None:
            return
        known = sorted(path.stem for path in (self.home.path / "data").glob("*.toml"))
        if data not in known:
            raise Refused(
                "DATA",
                f"no data set is bound as '{data}'",
                ", ".join(known) or "one that was added",
                "landsting data add FILE.csv --home HOME --schema FILE.toml",
            )
        proposal = self.peer.agreement.proposals.get(study)
        if proposal is None or self.peer.me in proposal.answers:
            return  # Peer will say why not; what an answered study trains on stays what it was
        try:
            for folder in write(self._binding(study), json.dumps({"data": data}).encode() + b"\n", durable=True):
                sync_folder(folder)
        except OSError as error:
            raise disk_error(error, self.home.path) from error

    def _check(self, policy: Policy, offered: Proposal, data: str | None) -> None:
        """Refuse a study that the region's policy does not allow, or its privacy budget does not pay for.

        It is the node that owns the home that refuses, whoever asks: two studies that are accepted at the same time
        are asked for one after the other here.

        Raises:
            Refused: Why.
            StoreError: The ledger lacks what the log says was trained: by it everything would be paid for.
        """
        plan, home = offered.plan, self.home.path
        patients = patients_of(home, data) if data is not None else None
        policy.check(plan, offered.envelope.fields.sender, data, patients)
        if plan.dp is not None:
            check_rounds(home, sorted(self._trained))
        check_budget(home, plan, accepted_plans(self.peer.agreement.proposals.values(), self.peer.me, plan.study))

    def manifest(self, study: bytes) -> Path | None:
        """Return the manifest of the data that a study was accepted with; None if it was with none."""
        return manifest_of(self.home.path, study)

    def _binding(self, study: bytes) -> Path:
        return _binding(self.home.path, study)

    def close(self) -> None:
        """Let go of the home."""
        self.store.close()
        self.vault.close()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _binding(home: Path, study: bytes) -> Path:
    return home / "studies" / f"{study.hex()}.json"


def bound_to(home: Path, study: bytes) -> str | None:
    """Return the data set that a study was accepted with; None if it was with none."""
    path = _binding(home, study)
    if not path.exists():
        return None
    name = json.loads(path.read_text(encoding="utf-8")).get("data")
    return str(name) if name else None


def manifest_of(home: Path, study: bytes) -> Path | None:
    """Return the manifest of the data that a study was accepted with; None if it was with none."""
    name = bound_to(home, study)
    return home / "data" / f"{name}.toml" if name else None


def result_of(reply: Reply) -> dict[str, object]:
    """Return a reply's result.

    Raises:
        Refused: It is a refusal.
    """
    if reply.result is not None:
        return reply.result
    error = reply.error or {}
    raise Refused(*(error.get(key, "") for key in ("code", "found", "expected", "fix")))


def words_of(error: NodeError) -> dict[str, str]:
    """Return an error as the four words that travel over the control socket."""
    return {"code": error.code, "found": error.found, "expected": error.expected, "fix": error.fix}
