"""One region: everything it hears goes in, everything it wants done comes out.

``handle(event) -> list[Effect]`` is the one implementation of a region's behaviour; daemon, simulator
and tests drive the same one. Time arrives in events, chance as ``entropy``, disk as ``blob`` and ``kept``.

What comes in is judged in ``incoming``; links and PINGs are ``linking``'s; what an earlier run left behind is read
back by ``rebuilding``; what an operator may ask is in ``requests``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from crypto.agreement import x25519
from crypto.keys import PrivateKeys
from gossip.admission import Admission
from gossip.blame import Blame, Surroundings
from gossip.consent.agreement import Agreement
from gossip.consent.membership import Membership
from gossip.consent.releasing import Releasing
from gossip.consent.rotation import Rotation
from gossip.effects import Effect, Links, Reply, SetTimer, Suspect
from gossip.errors import FrozenLog, Refusal, RemoteError
from gossip.events import (
    Arrived,
    Asked,
    Event,
    Failed,
    LinkDown,
    LinkUp,
    Measured,
    Opened,
    Payload,
    PayloadFailed,
    Started,
    Stopping,
    Tick,
    Trained,
)
from gossip.incoming import Incoming
from gossip.linking import Linking
from gossip.logs.following import Following
from gossip.logs.holdings import Records
from gossip.logs.reentry import Reentry
from gossip.logs.waking import Mode, Waking
from gossip.logs.witness import Witness
from gossip.mailbox import Mailbox
from gossip.rebuilding import replay
from gossip.requests import answer
from gossip.sessions.session import Entropy
from gossip.step import Step
from gossip.studies.context import StudyContext
from gossip.studies.presence import Presence
from gossip.studies.study import Study
from gossip.studies.whereabouts import Phase
from protocol.codec import Value
from protocol.envelope import Envelope, is_signed
from protocol.log import Log
from protocol.roster import Card, Roster


class Peer:
    """A region's behaviour.

    Args:
        keys: The region's private keys.
        card: Its own card, by which others know it.
        log: Its update log, with every leaf that is on disk.
        entropy: n -> n random bytes.
        code_sha256: SHA-256 of the training code installed here, stated in ACCEPT.
        software: name, version, source_sha256; written by ``node.start``.
        roles: Roles whose acceptance the region's policy asks for.
        blob: Reads a file of the region's own state by name; None if there is none.
        kept: Reads a kept payload by SHA-256; None if there is none.
        records: Reads entries of the own log, and of the copies of others'.
        key_sets: All private key sets by serial; None: there is but ``keys``.
    """

    def __init__(
        self,
        *,
        keys: PrivateKeys,
        card: Card,
        log: Log,
        entropy: Entropy,
        code_sha256: bytes,
        software: dict[str, Value],
        blob: Callable[[str], bytes | None],
        kept: Callable[[bytes], bytes | None],
        roles: tuple[str, ...] = ("technical",),
        records: Records | None = None,
        key_sets: Mapping[int, PrivateKeys] | None = None,
    ) -> None:
        self.me = card.name
        self.log = log
        self.membership = Membership(card, keys)
        self.agreement = Agreement(card.name, code_sha256, roles)
        self.presence = Presence()
        self.mailbox = Mailbox()
        self.blame = Blame(self._surroundings, self.is_by_revoked)
        self.studies: dict[bytes, Study] = {}
        self.current: Study | None = None
        self.kept = kept
        self.network = card.network
        self.keys = keys
        self.witness = Witness(self, records or Records())
        self.releasing = Releasing(self, roles)
        self.waking = Waking(self)
        self.following = Following(self)
        self.reentry = Reentry(self)
        self.linking = Linking(self)
        self.rotation = Rotation(self, card.keys.serial, dict(key_sets or {card.keys.serial: keys}))
        self._incoming = Incoming(self, Admission(card.name, card.network, self.membership, self.blame))
        self._code_sha256 = code_sha256
        self._entropy = entropy
        self._software = software
        self.blob = blob
        self._is_up = self._is_stopping = False
        self._starting: Started | None = None
        self._to_resume = False

    def replay(self, leaves: Iterable[bytes]) -> None:
        """Rebuild everything from the leaves of the own log; before any event.

        Raises:
            CodecError: A leaf is not in its one form.
        """
        replay(self, leaves)

    # ---------------------------------------------------------------- the one way in and out

    def handle(self, event: Event) -> list[Effect]:
        """Advance by one event and return what to do about it, in order."""
        step = Step(self.log, self.mailbox, event.now_ms, lambda: not (self.waking.is_asking or self._is_stopping))
        self._try(step, event)
        self.follow_roster()
        if self._is_up:
            self.waking.decide(step)
            self._go_on(step)
            self.waking.ask_again(step)
            self.reentry.ask(step)
            self.linking.ping(step)
            for study, round in step.ended.items():
                self.witness.round_ended(step, self.studies[study], round)
        for entry in step.added:
            if entry.study in self.studies:
                self.studies[entry.study].context.recording.take(entry)
        if self._is_up:
            for study, round in step.ended.items():
                self.studies[study].context.recording.round_ended(step, round)
            if not self.waking.is_asking:
                self.witness.settle(step)
            step.do(SetTimer(self._wake_ms(step.now_ms)))
        return step.finish()

    def _go_on(self, step: Step) -> None:
        """What a region does of itself, once it may write: begin its run, take up what it held, begin a study."""
        if self.waking.mode is not Mode.UP:
            return
        if self._starting is not None:
            starting, self._starting = self._starting, None
            self._begin(step, starting)
            self.blame.go_on(step)
            self.witness.go_on(step)
            self._resume(step)  # first: what was held is for the study as it goes on
            for event in self.waking.released():
                self._try(step, event)
        self.rotation.follow(step)
        self._resume(step)
        self._start_agreed(step)

    def _try(self, step: Step, event: Event) -> None:
        try:
            self._dispatch(step, event)
        except FrozenLog:
            pass  # said again, by us or by others, once this log may grow
        except RemoteError as error:
            if self.waking.is_asking:
                step.do(Suspect(error.region, error.code, error.reason))
                return
            self.refuse(step, error)

    def refuse(self, step: Step, error: RemoteError) -> None:
        """Count, and write down, what a member may not say now."""
        around = self._surroundings()
        self.blame.refuse(step, error, around.study, around.round)

    def _dispatch(self, step: Step, event: Event) -> None:
        match event:
            case Started():
                self._started(step, event)
            case Stopping(reason=reason):
                if not self.waking.is_asking:
                    step.add("node.stop", {"reason": reason})
                    step.publish()
                    self.witness.stopping(step)
                self._is_stopping = True
                self._is_up = False
            case LinkUp(region=name):
                self.linking.up(step, name)
                self.reentry.tell(step, name)
                if self.waking.is_asking:
                    self.waking.hello(step, name)
            case LinkDown(region=name):
                self.linking.down(name)
                self.witness.told_to.pop(name, None)  # what was under way may not have arrived
                self.witness.copying.forget_link(name)
            case Arrived():
                self._incoming.arrived(step, event)
            case Payload():
                self._incoming.payload(step, event)
            case PayloadFailed():
                self._incoming.failed(step, event)
            case Asked():
                step.do(self._answer(step, event))
            case Opened(study=study, vector=vector, layout=layout) if study in self.studies:
                self.studies[study].opened(step, vector, layout)
            case Measured(study=study) if study in self.studies:
                self.studies[study].measured(step, event.round, event.vector, event.columns)
            case Trained(study=study) if study in self.studies:
                self.studies[study].trained(step, event.round, event.vector, event.report)
            case Failed(study=study) if study in self.studies:
                self.studies[study].failed(step, event.round, event.reason)
            case Tick() if not self.waking.is_asking:
                for one in self.studies.values():
                    one.tick(step)
            case _:
                pass

    def _started(self, step: Step, event: Started) -> None:
        self._is_up = True
        self._starting = event
        self.presence.begin(event.now_ms)
        self.waking.begin(step, event)
        running = [s for s in self.studies.values() if s.phase is not Phase.ENDED]
        if self.studies:
            self.current = [*self.studies.values(), *running][-1]  # one that runs, else the last that did
            self.presence.follow(self.current.id)
        # The newest that this region has founded: whoever is new in it must be reached for its signature.
        newest, in_force = self.membership.newest, self.membership.in_force
        if newest is not None and (in_force is None or newest.roster.serial > in_force.serial):
            step.do(Links(newest.roster))
        elif in_force is not None:
            step.do(Links(in_force))

    def _begin(self, step: Step, event: Started) -> None:
        """The first entry of this run, and the study that was under way."""
        heard: list[Value] = [{"region": name, "size": size} for name, size in sorted(self.waking.heard.items())]
        step.add(
            "node.start",
            {
                "software": dict(self._software),
                "config_sha256": event.config_sha256,
                "clean": event.clean,
                "heard": heard,
                "alone": event.alone,
            },
        )
        self._to_resume = self.current is not None and self.current.phase is not Phase.ENDED
        if self._to_resume and self.current is not None and self.reentry.waits_for(self.current):
            self.current.context.forgotten = self.current.context.plan.end_round

    def _resume(self, step: Step) -> None:
        """Go on with the study that was under way; under a new epoch only once it is known what was said in it."""
        study = self.current
        if not self._to_resume or study is None or self.reentry.waits_for(study):
            return
        self._to_resume = False
        study.resume(step, self.reentry.bound(study, step.now_ms))
        self.reentry.taken_up(study.id)

    def _answer(self, step: Step, event: Asked) -> Reply:
        try:
            return Reply(event.ticket, answer(self, step, event.op, event.args))
        except Refusal as refusal:
            return Reply(event.ticket, None, refusal.to_dict())

    def follow_roster(self) -> None:
        """A new roster in force ends suspensions."""
        in_force = self.membership.in_force
        self.blame.follow(in_force.hash if in_force is not None else None, self.mailbox)
        self.waking.follow_roster()

    def is_by_revoked(self, envelope: Envelope) -> bool:
        """Whether an envelope is signed by a key set of its sender that has been revoked."""
        return any(is_signed(envelope, keys.sign) for keys in self.membership.ring.revoked(envelope.fields.sender))

    def _surroundings(self) -> Surroundings:
        running = self.current if self.current is not None and self.current.phase is not Phase.ENDED else None
        names = self.membership.in_force.names if self.membership.in_force is not None else ()
        others = tuple(name for name in names if name != self.me)
        return Surroundings(running.id, running.round, others) if running is not None else Surroundings(others=others)

    @property
    def state(self) -> str:
        """The word that PING and status carry."""
        if self.waking.is_asking:
            return self.waking.word
        return self.current.state if self.current is not None else "idle"

    # ---------------------------------------------------------------- studies

    def new_study(self, id: bytes) -> Study:
        """A study that begins here, or began in an earlier run."""
        proposal = self.agreement.proposals[id]
        roster = self.membership.in_force
        candidate = self.membership.candidates.get(proposal.plan.roster)
        if candidate is not None:
            roster = candidate.roster
        assert roster is not None
        context = StudyContext(
            self.me,
            proposal.plan,
            roster,
            self._code_sha256,
            self.presence,
            self.mailbox,
            self.blame,
            self._entropy,
            self.blob,
            lambda name: x25519(self._of(roster).x25519, roster.card(name).keys.x25519),
        )
        context.ring = self.membership.ring
        study = Study(context)
        self.studies[id] = study
        proposal.has_started = True
        return study

    def _of(self, roster: Roster) -> PrivateKeys:
        """This region's private set that a roster names: a study keeps the roster of its plan."""
        serial = roster.card(self.me).keys.serial
        return self.rotation.sets.get(serial, self.keys)

    def _start_agreed(self, step: Step) -> None:
        """Begin the next study that everybody has accepted, once no other runs."""
        if self.current is not None and self.current.phase is Phase.ENDED:
            ended = self.agreement.proposals[self.current.id]
            ended.outcome, ended.reason = self.current.outcome, self.current.reason
        if self.current is not None and self.current.phase is not Phase.ENDED:
            return
        proposal = self.agreement.startable()
        if proposal is None or self.reentry.lacks(proposal.plan.regions):
            return
        self.current = study = self.new_study(proposal.plan.study)
        self.presence.follow(study.id)
        self.reentry.begins(study.id)
        lost = self.reentry.bound(study, step.now_ms)
        study.start(step, [(name, e.eid) for name, e in sorted(proposal.answers.items())], lost)
        self.reentry.taken_up(study.id)

    def _wake_ms(self, now_ms: int) -> int:
        wakes = [wake for study in self.studies.values() if (wake := study.wake_ms(now_ms)) is not None]
        if self.waking.is_asking:
            wakes.append(self.waking.hello_ms)
        if self.reentry.wake_ms is not None:
            wakes.append(self.reentry.wake_ms)
        return max(now_ms + 1, min([self.linking.ping_ms, *wakes]))
