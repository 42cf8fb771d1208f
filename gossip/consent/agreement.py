"""How a study comes about: anybody proposes, everybody answers, each region begins when all have accepted.

Rules kept here, and nowhere else:
  * a plan is taken in only if it breaks no rule, names the roster in force, and this region takes part in it;
  * proposals and answers go to those who take part, and to nobody else;
  * each region answers once, ACCEPT or REJECT; a participant's REJECT ends the proposal for good;
  * ACCEPT leaves when every role that the region's policy asks for has accepted;
  * a study begins here when this region's own log holds everybody's ACCEPT; what others hold it need not know.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from crypto.words import words
from gossip.blame import UNTIMELY
from gossip.consent.plan_privacy import check_min_coalition
from gossip.errors import Refusal, RemoteError
from gossip.logs.epochs import is_anew
from gossip.step import Step
from protocol.codec import Value
from protocol.envelope import Envelope
from protocol.errors import CodecError, PlanError
from protocol.plan import Plan
from protocol.roster import Roster

MAX_PROPOSALS = 64
# What a cohort of them needs must fit into one header, and what a start needs into one entry, with the longest names.
MAX_NEIGHBOURS = 160
MAX_REGIONS = 400


@dataclass(slots=True)
class Proposal:
    """A plan, and who has answered.

    Attributes:
        answers: Region to its ACCEPT or REJECT.
        roles: Roles of this region that have accepted.
    """

    plan: Plan
    encoded: bytes
    envelope: Envelope
    answers: dict[str, Envelope] = field(default_factory=dict)
    roles: set[str] = field(default_factory=set)
    has_started: bool = False
    outcome: str | None = None
    reason: str | None = None

    @property
    def has_ended(self) -> bool:
        """Whether the study is over here."""
        return self.outcome is not None

    @property
    def rejected_by(self) -> list[str]:
        """Participants that said no."""
        return sorted(n for n, e in self.answers.items() if e.fields.type == "REJECT")

    @property
    def missing(self) -> list[str]:
        """Participants that have not answered."""
        return [n for n in self.plan.regions if n not in self.answers]

    @property
    def is_agreed(self) -> bool:
        """Everybody has accepted."""
        return not self.missing and not self.rejected_by


class Agreement:
    """Proposals as one region knows them."""

    def __init__(self, me: str, code_sha256: bytes, roles: tuple[str, ...]) -> None:
        self._me = me
        self._code_sha256 = code_sha256
        self._roles = roles
        self.proposals: dict[bytes, Proposal] = {}

    # ---------------------------------------------------------------- the operator

    def ask_for(self, roles: tuple[str, ...]) -> None:
        """From now on these roles must accept before this region's ACCEPT leaves; one that has left stays."""
        self._roles = roles

    def propose(self, step: Step, encoded: bytes, roster: Roster | None) -> dict[str, object]:
        """Send a plan to everybody.

        Raises:
            Refusal: The plan breaks a rule, or no roster is in force.
        """
        if roster is None:
            raise Refusal(
                "ROSTER", "no roster is in force here", "a roster that all regions have signed", "landsting roster show"
            )
        plan = self._read(encoded, roster)
        if plan.study in self.proposals:
            self._open(plan.study)
        else:
            others = [n for n in plan.regions if n != self._me]
            step.keep(encoded)
            envelope = step.seal("PROPOSE", {}, to=others, study=plan.study, payload=encoded)
            self.proposals[plan.study] = Proposal(plan, encoded, envelope)
        return self.describe(plan.study)

    def _read(self, encoded: bytes, roster: Roster) -> Plan:
        try:
            plan = Plan.decode(encoded)
            plan.check()
            check_min_coalition(plan)
        except CodecError as error:
            raise Refusal(
                "PLAN",
                f"the plan cannot be read: {error}",
                "a plan made by `landsting study new`",
                "landsting study new --help",
            ) from error
        except PlanError as error:
            code = "UNMASKABLE" if error.rule == "unmaskable" else "PLAN"
            raise Refusal(code, error.found, error.expected, error.fix) from error
        if plan.roster != roster.hash:
            raise Refusal(
                "ROSTER",
                "the plan names another roster than the one in force",
                f"roster {roster.hash.hex()[:16]}",
                "landsting study new fills in the roster in force",
            )
        strangers = [r for r in plan.regions if r not in roster.names]
        if strangers or self._me not in plan.regions:
            raise Refusal(
                "ROSTER",
                f"the plan's regions do not fit: {strangers or self._me}",
                "regions of the roster, this one among them",
                "landsting roster show",
            )
        most = max(around.degree for graph in plan.turn for around in graph.values())
        if plan.n > MAX_REGIONS or most > MAX_NEIGHBOURS:
            raise Refusal(
                "PLAN",
                f"{plan.n} regions, up to {most} neighbours of one",
                f"at most {MAX_REGIONS} regions and {MAX_NEIGHBOURS} neighbours",
                "Choose a topology with fewer neighbours: landsting topology list",
            )
        return plan

    def accept(
        self, step: Step, study: bytes, role: str, ref: str | None, roster: Roster | None, sheet: bytes | None = None
    ) -> dict[str, object]:
        """Accept in one role; the region's ACCEPT leaves with the last role that its policy asks for.

        Args:
            sheet: Hash of the data sheet (an entry ``data.sheet``) on which the study is accepted.
        """
        proposal = self._open(study)
        if roster is None or proposal.plan.roster != roster.hash:
            raise Refusal(
                "ROSTER",
                "the plan names another roster than the one in force",
                "a plan for this roster",
                "A changed plan is a new study: landsting study new, study propose.",
            )
        if self._code_sha256 not in proposal.plan.code_sha256s:
            raise Refusal(
                "CODE",
                "this region's training code is not one that the plan names",
                f"code {proposal.plan.code_sha256s[0].hex()[:16]}, here {self._code_sha256.hex()[:16]}",
                "Install the same version of landsting everywhere, start the node again, and propose a new plan.",
            )
        if role not in proposal.roles:
            step.add("study.accept", {"plan": study, "role": role, "decision_ref": ref, "sheet": sheet}, study)
            proposal.roles.add(role)
        if self._me not in proposal.answers and set(self._roles) <= proposal.roles:
            self._answer(step, proposal, "ACCEPT", {"code_sha256": self._code_sha256})
        return self.describe(study)

    def reject(self, step: Step, study: bytes, reason: str, role: str, ref: str | None) -> dict[str, object]:
        """Say no; that ends the proposal everywhere.

        Raises:
            Refusal: This region's ACCEPT has left: it gives one answer.
        """
        proposal = self._open(study)
        if self._me in proposal.answers:
            raise Refusal(
                "STUDY",
                "this region has accepted this study, and others count on it",
                "one answer a region",
                "A changed plan is a new study: landsting study new, study propose.",
            )
        step.add("study.reject", {"plan": study, "role": role, "decision_ref": ref, "reason": reason}, study)
        self._answer(step, proposal, "REJECT", {"reason": reason})
        return self.describe(study)

    def _answer(self, step: Step, proposal: Proposal, type: str, body: dict[str, Value]) -> None:
        others = [n for n in proposal.plan.regions if n != self._me]
        proposal.answers[self._me] = step.seal(type, body, to=others, study=proposal.plan.study)

    def _open(self, study: bytes) -> Proposal:
        proposal = self.proposals.get(study)
        if proposal is None:
            raise Refusal(
                "STUDY", f"study {study.hex()[:16]} is not known here", "one that was proposed", "landsting study list"
            )
        if proposal.rejected_by:
            raise Refusal(
                "STUDY",
                f"{', '.join(proposal.rejected_by)} has rejected this study",
                "an open proposal",
                "A changed plan is a new study: landsting study new, study propose.",
            )
        if proposal.has_ended:
            raise Refusal(
                "STUDY",
                "this study has ended",
                "a new one",
                "A plan with another seed or title is a new study: landsting study new, study propose.",
            )
        if self._me not in proposal.plan.regions:
            raise Refusal(
                "STUDY", "this region does not take part in that study", "a study that names it", "landsting study list"
            )
        return proposal

    # ---------------------------------------------------------------- the others

    def check_proposal(self, envelope: Envelope, payload: bytes, roster: Roster) -> Plan:
        """Read a proposed plan.

        Raises:
            RemoteError: It breaks a rule, or is not the plan that the message names.
        """
        sender = envelope.fields.sender
        try:
            plan = self._read(payload, roster)
        except Refusal as refusal:
            raise RemoteError(sender, "STATE", f"proposes a plan that is refused: {refusal}") from refusal
        if plan.study != envelope.fields.study:
            raise RemoteError(sender, "STATE", "proposes another plan than the message names")
        theirs = [p for p in self.proposals.values() if p.envelope.fields.sender == sender and not p.has_ended]
        if len(theirs) >= MAX_PROPOSALS:
            raise RemoteError(sender, "LIMIT", f"more than {MAX_PROPOSALS} proposals of one region are under way")
        return plan

    def check_answer(self, envelope: Envelope) -> Proposal:
        """The proposal that an ACCEPT or REJECT answers.

        Raises:
            RemoteError: No such proposal, not a participant, a second answer, another code.
        """
        fields = envelope.fields
        proposal = self.proposals.get(fields.study or b"")
        if proposal is None:
            raise RemoteError(fields.sender, "STATE", f"{fields.type} of a study that is not known here")
        if fields.sender not in proposal.plan.regions:
            raise RemoteError(fields.sender, "STATE", f"{fields.type} by a region that does not take part")
        if (held := proposal.answers.get(fields.sender)) is not None:
            code = UNTIMELY if is_anew(held, envelope) else "STATE"
            raise RemoteError(fields.sender, code, f"a second answer: {fields.type}")
        if fields.type == "ACCEPT" and fields.body["code_sha256"] not in proposal.plan.code_sha256s:
            raise RemoteError(fields.sender, "STATE", "accepts with code that the plan does not name")
        return proposal

    def take_proposal(self, envelope: Envelope, payload: bytes, plan: Plan) -> None:
        """Hold a proposal that was checked (or replayed)."""
        self.proposals.setdefault(plan.study, Proposal(plan, payload, envelope))

    def take_answer(self, envelope: Envelope) -> None:
        """Hold an answer that was checked (or replayed)."""
        proposal = self.proposals.get(envelope.fields.study or b"")
        if proposal is not None:
            proposal.answers.setdefault(envelope.fields.sender, envelope)

    def startable(self) -> Proposal | None:
        """A study that everybody has accepted and that has not begun here; the first by id."""
        ready = [p for p in self.proposals.values() if p.is_agreed and not p.has_started and self._me in p.plan.regions]
        return min(ready, key=lambda p: p.plan.study, default=None)

    def describe(self, study: bytes) -> dict[str, object]:
        """One proposal for people."""
        p = self.proposals[study]
        answers = {n: e.fields.type.lower() for n, e in sorted(p.answers.items())}
        state = (
            "rejected"
            if p.rejected_by
            else "ended"
            if p.has_ended
            else "running"
            if p.has_started
            else "agreed"
            if p.is_agreed
            else "proposed"
        )
        return {
            "study": study.hex(),
            "words": words(study),
            "title": p.plan.title,
            "purpose": p.plan.purpose,
            "lab": p.plan.lab,
            "proposer": p.envelope.fields.sender,
            "regions": list(p.plan.regions),
            "topology": p.plan.topology,
            "rounds": p.plan.rounds,
            "masking": p.plan.masking["mode"],
            "task": dict(p.plan.task),
            "state": state,
            "outcome": p.outcome,
            "reason": p.reason,
            "answers": answers,
            "waiting_for": p.missing,
            "rejected_by": p.rejected_by,
            "accepted_here": sorted(p.roles),
            "roles_needed": list(self._roles),
        }
