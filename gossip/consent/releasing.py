"""What is let out of a study: who has signed which file, and what each region has released.

Rules kept here, and nowhere else:
  * a region signs a file once, when every role that its policy asks for has approved it;
  * what is handed to others to judge is handed over after the own signature, and the log says to whom;
  * nothing is released without the tests and the signatures that the plan asks for, each of them in the own log
    before the release and by a key that counts.

What a release needs is ``protocol.release``; releases of others are ``released``'s; how a file is judged is the
node's business.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gossip.blame import UNTIMELY
from gossip.consent.released import KINDS, ReleasedElsewhere
from gossip.effects import OpeningRow
from gossip.errors import Refusal, RemoteError
from gossip.logs.epochs import is_anew
from gossip.step import Step
from protocol.codec import Value
from protocol.entries import Entry
from protocol.envelope import Envelope, is_signed
from protocol.epochs import epoch_of
from protocol.release import failing, lacking, said

if TYPE_CHECKING:
    from gossip.consent.agreement import Proposal
    from gossip.peer import Peer

MAX_CANDIDATES = 64

Key = tuple[bytes, str, bytes, bytes]


@dataclass(slots=True)
class Candidate:
    """A file that somebody has signed.

    Attributes:
        approvals: Region to its APPROVE.
        roles: Of this region, that have approved.
        size: Bytes, where this region has judged it; else None.
        offered: To whom this region has handed it.
        released: Region to the place of its release in its log.
    """

    approvals: dict[str, Envelope] = field(default_factory=dict)
    roles: set[str] = field(default_factory=set)
    size: int | None = None
    offered: set[str] = field(default_factory=set)
    released: dict[str, int] = field(default_factory=dict)


class Releasing:
    """Candidates and releases as one region knows them.

    Attributes:
        copies: Releases in the copies of others' logs.
    """

    def __init__(self, peer: Peer, roles: tuple[str, ...]) -> None:
        self._peer = peer
        self._needed = roles
        self._known: dict[Key, Candidate] = {}
        self.copies = ReleasedElsewhere(peer, self._released)

    # ---------------------------------------------------------------- the others

    def check(self, envelope: Envelope) -> Proposal:
        """Return the study of an APPROVE.

        Raises:
            RemoteError: No such study, not a participant, not agreed yet, a second approval, or too many.
        """
        name, study = envelope.fields.sender, envelope.fields.study or b""
        proposal = self._peer.agreement.proposals.get(study)
        if proposal is None:
            raise RemoteError(name, "STATE", "APPROVE of a study that is not known here")
        if name not in proposal.plan.regions:
            raise RemoteError(name, "STATE", "APPROVE by a region that does not take part")
        if not proposal.is_agreed:
            raise RemoteError(name, UNTIMELY, "APPROVE in a study that not all have accepted, as far as is known here")
        if name in self._peer.blame.suspended:
            raise RemoteError(name, "STATE", "is suspended after contradicting itself")
        key = _key(envelope)
        held = self._known[key].approvals.get(name) if key in self._known else None
        if held is not None:
            raise RemoteError(name, UNTIMELY if is_anew(held, envelope) else "STATE", "a second APPROVE of one file")
        signed = sum(name in one.approvals for (of, *_), one in self._known.items() if of == study)
        if signed >= MAX_CANDIDATES:
            raise RemoteError(name, "LIMIT", f"more than {MAX_CANDIDATES} files of one study signed by one region")
        return proposal

    def take(self, envelope: Envelope) -> None:
        """Hold an APPROVE that was checked (or replayed)."""
        self._known.setdefault(_key(envelope), Candidate()).approvals.setdefault(envelope.fields.sender, envelope)

    def link_up(self, step: Step, name: str) -> None:
        """Send again what was signed and is not released yet, byte for byte."""
        for (study, *_), one in self._known.items():
            if not one.released and name in self._peer.agreement.proposals[study].plan.regions:
                for sender, envelope in sorted(one.approvals.items()):
                    if sender != name:
                        step.send(envelope, None, [name])

    # ---------------------------------------------------------------- the operator

    def approve(self, step: Step, args: dict[str, Any]) -> dict[str, object]:
        """Sign a file in one role; the region's APPROVE leaves with the last role that its policy asks for.

        Args:
            args: ``study, kind, file, card, bytes, role, ref``, and of data ``figures{salt, value, hash}``.
        """
        key, proposal = self._asked(args)
        one = self._known.get(key) or Candidate()
        role, figures = str(args.get("role") or "technical"), args.get("figures")
        if role not in one.roles:
            body = self._body(key, args, role)
            committed = figures["hash"] if isinstance(figures, dict) else None
            entry = step.add("release.approve", {**body, "figures": committed}, key[0])
            if isinstance(figures, dict):
                step.row(OpeningRow(entry.seq, "figures", figures["salt"], figures["value"]))
            one.roles.add(role)
            one.size = int(args["bytes"])
        self._known[key] = one
        if self._peer.me not in one.approvals and set(self._needed) <= one.roles:
            others = [n for n in proposal.plan.regions if n != self._peer.me]
            said_: dict[str, Value] = {"kind": key[1], "file_sha256": key[2], "card_sha256": key[3]}
            one.approvals[self._peer.me] = step.seal("APPROVE", said_, to=others, study=key[0])
        return self._describe(key, one)

    def offer(self, step: Step, args: dict[str, Any]) -> dict[str, object]:
        """Write down to whom a file is handed that they are to judge.

        Raises:
            Refusal: This region has not signed it, or somebody takes no part in the study.
        """
        key, proposal = self._asked(args)
        one, to = self._known.get(key), args.get("to")
        others = [n for n in proposal.plan.regions if n != self._peer.me]
        names = sorted({str(name) for name in to}) if isinstance(to, list) else []
        if not names or not set(names) <= set(others):
            raise Refusal(
                "GATE",
                f"handed to {', '.join(names) or 'nobody'}",
                f"some of {', '.join(others)}",
                f"landsting {_command(key)} offer FILE --card CARD --to REGION",
            )
        if one is None or self._peer.me not in one.approvals:
            raise self._unsigned(key, one)
        body = self._body(key, args, str(args.get("role") or "technical"))
        step.add("release.offer", {**body, "to": list[Value](names)}, key[0])
        one.offered.update(names)
        return self._describe(key, one)

    def release(self, step: Step, args: dict[str, Any]) -> dict[str, object]:
        """Write the release, with the signatures at hand.

        Args:
            args: ``study, kind, file, card, model, round, tests``.

        Raises:
            Refusal: A test does not hold, signatures are missing, or it is released already. Nothing is written.
        """
        key, proposal = self._asked(args)
        one = self._known.get(key)
        failed = failing(proposal.plan, key[1], args["tests"])
        if failed is not None:
            raise Refusal(
                "GATE",
                failed,
                "a file that passes every test of the plan",
                f"landsting {_command(key)} report shows all figures; nothing was written",
            )
        if one is None or self._peer.me not in one.approvals:
            raise self._unsigned(key, one)
        if self._peer.me in one.released:
            raise Refusal(
                "GATE",
                f"this file is released already, as entry {one.released[self._peer.me]}",
                "a file that is not",
                "landsting synth requests",
            )
        counted = sorted(name for name, envelope in one.approvals.items() if self._counts(proposal, envelope))
        rows: list[Value] = [{"region": name, "eid": one.approvals[name].eid} for name in counted]
        body: dict[str, Value] = {
            "model": args["model"], "round": args["round"], "file_sha256": key[2], "card_sha256": key[3],
            "tests": dict(args["tests"]), "approvals": rows,
        }  # fmt: skip
        kind = f"{key[1]}.release"
        missing = lacking(proposal.plan, kind, body)
        if missing is not None:
            others = [n for n in proposal.plan.regions if n not in counted]
            raise Refusal(
                "GATE",
                f"signed by {', '.join(counted) or 'nobody'}; not by {', '.join(others)}",
                f"the signatures of {proposal.plan.release['min_approvals']} regions, as the plan says",
                f"landsting {_command(key)} approve FILE --card CARD, at one of these, and then again here",
            )
        entry = step.add(kind, body, key[0])
        one.released[self._peer.me] = entry.seq
        return self._describe(key, one)

    def describe(self) -> list[dict[str, object]]:
        """All that is known here, for people, by study and file."""
        self.copies.look_through()
        return [self._describe(key, one) for key, one in sorted(self._known.items())]

    def asked(self) -> list[dict[str, object]]:
        """Files that others have signed and this region has not, without looking through copies."""
        return [
            self._describe(key, one) for key, one in sorted(self._known.items())
            if self._peer.me not in one.approvals and not one.released
            and self._peer.me in self._peer.agreement.proposals[key[0]].plan.regions
        ]  # fmt: skip

    def _asked(self, args: dict[str, Any]) -> tuple[Key, Proposal]:
        key = args["study"], str(args.get("kind")), args.get("file"), args.get("card")
        proposal = self._peer.agreement.proposals[key[0]]
        if key[1] not in ("data", "model") or not isinstance(key[2], bytes) or not isinstance(key[3], bytes):
            raise Refusal("VALUE", "no file or no card", "the SHA-256 of both", "landsting synth approve --help")
        if self._peer.me not in proposal.plan.regions or not proposal.is_agreed:
            raise Refusal(
                "STUDY",
                "this study has not begun here",
                "one that all its regions have accepted",
                "landsting study list",
            )
        return (key[0], key[1], key[2], key[3]), proposal

    def _body(self, key: Key, args: dict[str, Any], role: str) -> dict[str, Value]:
        ref = args.get("ref")
        return {
            "kind": key[1], "file_sha256": key[2], "card_sha256": key[3], "bytes": args["bytes"],
            "role": role, "decision_ref": str(ref) if ref is not None else None,
        }  # fmt: skip

    def _unsigned(self, key: Key, one: Candidate | None) -> Refusal:
        roles = sorted(set(self._needed) - (one.roles if one is not None else set()))
        return Refusal(
            "GATE",
            "this region has not signed this file with this card itself",
            f"its own approval ({', '.join(roles)})",
            f"landsting {_command(key)} approve FILE --card CARD",
        )

    def _counts(self, proposal: Proposal, envelope: Envelope) -> bool:
        """Whether an APPROVE that was taken in still counts: its key may have been revoked since."""
        fields, membership = envelope.fields, self._peer.membership
        keys = membership.ring.at(fields.sender, fields.head_size, epoch_of(fields.log))
        is_in = fields.sender in proposal.plan.regions and fields.sender not in self._peer.blame.suspended
        return is_in and any(is_signed(envelope, one.sign) for one in keys)

    def _describe(self, key: Key, one: Candidate) -> dict[str, object]:
        plan, me = self._peer.agreement.proposals[key[0]].plan, self._peer.me
        return {
            "study": key[0].hex(), "kind": key[1], "file_sha256": key[2].hex(), "card_sha256": key[3].hex(),
            "bytes": one.size, "signed": sorted(one.approvals), "needed": plan.release["min_approvals"],
            "unsigned": [name for name in plan.regions if name not in one.approvals],
            "approved_here": sorted(one.roles), "roles_needed": list(self._needed),
            "offered": sorted(one.offered), "released": dict(sorted(one.released.items())),
            "state": "released" if one.released else "signed here" if me in one.approvals else "asked",
        }  # fmt: skip

    # ---------------------------------------------------------------- an earlier run

    def _released(self, name: str, position: int, entry: Entry) -> None:
        """A release stands in another's log."""
        body: Any = entry.body
        key = entry.study or b"", entry.kind.partition(".")[0], body["file_sha256"], body["card_sha256"]
        self._known.setdefault(key, Candidate()).released.setdefault(name, position)

    def replay(self, entry: Entry) -> None:
        """Take one of this region's own entries of an earlier run."""
        body: Any = entry.body
        if entry.kind == "fault":
            self.copies.replay(entry)
            return
        if entry.study is None or entry.study not in self._peer.agreement.proposals:
            return
        what = entry.kind.partition(".")[0] if entry.kind in KINDS else body["kind"]
        one = self._known.setdefault((entry.study, what, body["file_sha256"], body["card_sha256"]), Candidate())
        match entry.kind:
            case "release.approve":
                one.roles.add(body["role"])
                one.size = body["bytes"]
            case "release.offer":
                one.offered.update(body["to"])
            case _:
                one.released[self._peer.me] = entry.seq


def _command(key: Key) -> str:
    return "synth" if key[1] == "data" else "model"


def _key(envelope: Envelope) -> Key:
    approved = said(envelope.fields.sender, envelope.fields.study, envelope.fields.body)
    return approved.study, approved.what, approved.file, approved.card
