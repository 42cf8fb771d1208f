"""Who belongs: rosters founded from cards, signed by the members, in force when enough have signed.

Rules kept here, and nowhere else:
  * a first roster is in force here when this region's own log holds the signatures of all regions in it;
    a later one needs two thirds of the members before it and every region that it adds;
  * this region signs only what its own operator has founded or signed, with its own card in it unchanged, as the
    successor of the roster in force; if several wait, the operator names one;
  * whoever takes a ROSTER in for the first time passes it on, byte for byte.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from crypto.keys import PrivateKeys
from crypto.words import words
from gossip.blame import UNTIMELY
from gossip.consent.keyring import KeyRing
from gossip.effects import Links
from gossip.errors import Refusal, RemoteError
from gossip.logs.epochs import Epochs, is_anew
from gossip.step import Step
from protocol.envelope import Envelope
from protocol.errors import RosterError
from protocol.roster import Card, Roster, decode_roster, found, parse_card, sign_roster, verify_roster_sig

MIN_REGIONS = 2


def withdrawn(roster: bytes) -> str:
    """Name of the state file that says that a roster is followed no longer."""
    return f"withdrawn/{roster.hex()}"


MAX_ALONE = 4


@dataclass(slots=True)
class Candidate:
    """A roster and who has signed it.

    Attributes:
        encoded: Its canonical bytes, the payload of every ROSTER for it.
        signed: Region to its ROSTER envelope.
        is_ours: Whether this region's operator has founded or signed it.
    """

    roster: Roster
    encoded: bytes
    signed: dict[str, Envelope] = field(default_factory=dict)
    is_ours: bool = False


class Membership:
    """Rosters as one region knows them."""

    def __init__(self, card: Card, keys: PrivateKeys) -> None:
        self._card = card
        self._keys = keys
        self._next: Card | None = None
        self.in_force: Roster | None = None
        self.ring = KeyRing()
        self.ring.learn([card])
        self.epochs = Epochs()
        self.candidates: dict[bytes, Candidate] = {}

    @property
    def newest(self) -> Candidate | None:
        """The founded or signed roster with the highest serial, in force or not."""
        ours = [c for c in self.candidates.values() if c.is_ours]
        return max(ours, key=lambda c: c.roster.serial, default=None)

    @property
    def names(self) -> tuple[str, ...]:
        """Regions of the roster in force."""
        return self.in_force.names if self.in_force is not None else ()

    def offer(self, card: Card) -> None:
        """Let rosters with this card of a next key set be signed."""
        self._next = card

    def use(self, keys: PrivateKeys) -> None:
        """Go on with another key set; the card that was offered is the own one from here on."""
        self._keys = keys
        if self._next is not None and self._next.keys.sign == keys.sign.public:
            self._card, self._next = self._next, None

    def card_of(self, name: str, roster: bytes | None = None) -> Card | None:
        """Card by which a region's messages are checked; for a ROSTER, the cards of what is founded count too."""
        if self.in_force is not None and name in self.in_force.names:
            return self.in_force.card(name)
        candidate = self.candidates.get(roster) if roster is not None else self.newest
        if candidate is None and roster is not None:
            candidate = self.newest
        if candidate is not None and candidate.is_ours and name in candidate.roster.names:
            return candidate.roster.card(name)
        return None

    # ---------------------------------------------------------------- the operator

    def found(self, step: Step, lines: list[str], role: str, ref: str | None) -> dict[str, object]:
        """Found a roster from cards and sign it.

        Raises:
            Refusal: A card is unsound, or this region's own is not among them.
        """
        try:
            cards = [parse_card(line) for line in lines]
            if self._card.network not in {c.network for c in cards} and cards:
                raise RosterError(
                    f"the cards are of network {cards[0].network}; this home belongs to {self._card.network}"
                )
            if len({c.name for c in cards}) < MIN_REGIONS:
                raise RosterError(f"{len({c.name for c in cards})} region; a roster has the cards of all, two at least")
            roster = found(cards, self.in_force)
        except RosterError as error:
            raise Refusal(
                "ROSTER", str(error), "sound cards of one network", "Ask each region for a fresh card."
            ) from error
        problem = self._problem(roster)
        if problem is not None:
            raise Refusal(
                "ROSTER", problem, "the card that `landsting card` prints here", "landsting card --home HOME > own.card"
            )
        return self._sign(step, roster, role, ref)

    def sign(self, step: Step, role: str, ref: str | None, wanted: str | None = None) -> dict[str, object]:
        """Sign a roster that others have signed and this region has not.

        Args:
            wanted: First digits of its hash; None if only one waits.

        Raises:
            Refusal: None waits, or several and none is named, or it is no sound successor of the one in force.
        """
        waiting = [c.roster for c in self.candidates.values() if self._card.name not in c.signed]
        named = [r for r in waiting if wanted is None or r.hash.hex().startswith(wanted)]
        sound = [r for r in named if self._problem(r) is None]
        if len(sound) > 1:
            listed = "; ".join(f"{r.hash.hex()[:16]} ({words(r.hash)})" for r in sound)
            raise Refusal(
                "ROSTER",
                f"{len(sound)} rosters wait for this region's signature: {listed}",
                "one of them",
                "Compare the words with the others, and found the right one from its cards.",
            )
        if not sound:
            raise Refusal(
                "ROSTER",
                (named and self._problem(named[0])) or "no roster waits for this region's signature",
                "a sound one that was founded here or came from a member",
                "landsting roster found *.card",
            )
        return self._sign(step, sound[0], role, ref)

    def withdraw(self, step: Step, wanted: str) -> dict[str, object]:
        """Follow a roster no longer that was founded or signed here and is not in force; the signature has been given.

        Args:
            wanted: First digits of its hash.

        Raises:
            Refusal: None fits, or several do.
        """
        in_force = self.in_force.hash if self.in_force is not None else None
        ours = [h for h, c in self.candidates.items() if c.is_ours and h != in_force]
        named = [h for h in ours if wanted and h.hex().startswith(wanted)]
        if len(named) != 1:
            raise Refusal(
                "ROSTER",
                f"{len(named)} rosters that are not in force begin with {wanted!r}",
                "the first digits of one",
                "landsting roster show --json",
            )
        self.candidates[named[0]].is_ours = False
        step.blob(withdrawn(named[0]), b"1", durable=True)
        following = self.newest.roster if self.newest is not None else self.in_force
        if following is not None:
            step.do(Links(following))
        return self.show()

    def _problem(self, roster: Roster) -> str | None:
        """Why this region does not sign a roster; None if it may."""
        own = self._card.name
        cards = [card.encode() for card in (self._card, self._next) if card is not None]
        if own not in roster.names or roster.card(own).encode() not in cards:
            return "this region's own card is not among the cards, or is another one"
        if self.in_force is None:
            return None
        try:
            successor = found(roster.cards, self.in_force)
        except RosterError as error:
            return str(error)
        return None if successor.hash == roster.hash else f"roster {roster.serial} does not follow the one in force"

    def _sign(self, step: Step, roster: Roster, role: str, ref: str | None) -> dict[str, object]:
        encoded = roster.encode()
        candidate = self.candidates.get(roster.hash, Candidate(roster, encoded))
        if self._card.name not in candidate.signed:
            signature = sign_roster(roster.hash, self._keys.identity)
            step.add(
                "roster.accept",
                {"roster": roster.hash, "old": roster.old, "role": role, "decision_ref": ref, "sig": signature},
            )
            step.keep(encoded)
            self.candidates[roster.hash] = candidate
            candidate.is_ours = True
            self._learn(candidate)
            others = [n for n in roster.names if n != self._card.name]
            envelope = step.seal(
                "ROSTER", {"roster": roster.hash, "serial": roster.serial, "sig": signature}, to=others, payload=encoded
            )
            candidate.signed[self._card.name] = envelope
            self._judge(step, candidate)
            if self.in_force is None or self.in_force.hash != roster.hash:
                step.do(Links(roster))
        return self.show()

    def show(self) -> dict[str, object]:
        """The rosters at hand, for people: hash as words, who has signed, who is missing."""

        def described(candidate: Candidate) -> dict[str, object]:
            roster = candidate.roster
            return {
                "roster": roster.hash.hex(),
                "words": words(roster.hash),
                "network": roster.network,
                "serial": roster.serial,
                "regions": list(roster.names),
                "signed": sorted(candidate.signed),
                "missing": [n for n in roster.names if n not in candidate.signed],
                "in_force": self.in_force is not None and self.in_force.hash == roster.hash,
                "founded_here": candidate.is_ours,
            }

        ordered = sorted(self.candidates.values(), key=lambda c: (-c.roster.serial, c.roster.hash))
        return {"rosters": [described(c) for c in ordered]}

    # ---------------------------------------------------------------- the others

    def check(self, envelope: Envelope, payload: bytes) -> Roster:
        """Read the payload of a ROSTER and check that it is what the envelope signs.

        Raises:
            RemoteError: It is not.
        """
        sender, body = envelope.fields.sender, envelope.fields.body
        held = self.candidates.get(bytes(body["roster"]))  # type: ignore[arg-type]
        if held is not None and (before := held.signed.get(sender)) is not None:
            code = UNTIMELY if is_anew(before, envelope) else "STATE"
            raise RemoteError(sender, code, "signs a roster a second time")
        alone = [c for c in self.candidates.values() if not c.is_ours and list(c.signed) == [sender]]
        if held is None and len(alone) >= MAX_ALONE:
            raise RemoteError(sender, "LIMIT", f"more than {MAX_ALONE} rosters that {sender} alone has signed")
        try:
            # Reading one checks every card in it; what is held has been read.
            roster = held.roster if held is not None and held.encoded == payload else decode_roster(payload)
            if roster.network != self._card.network:
                raise RosterError(f"a roster of network {roster.network}; this region belongs to {self._card.network}")
            if roster.hash != body["roster"] or roster.serial != body["serial"] or sender not in roster.names:
                raise RosterError("the roster is not the one that the message names")
            verify_roster_sig(roster.card(sender), roster.hash, bytes(body["sig"]))  # type: ignore[arg-type]
        except RosterError as error:
            raise RemoteError(sender, "LS-ROSTER", str(error)) from error
        return roster

    def take(self, step: Step | None, envelope: Envelope, payload: bytes, roster: Roster) -> None:
        """Count one region's signature."""
        candidate = self.candidates.setdefault(roster.hash, Candidate(roster, payload))
        candidate.signed.setdefault(envelope.fields.sender, envelope)
        self._learn(candidate)
        self._judge(step, candidate)

    def own(self, roster: Roster, encoded: bytes) -> None:
        """This region's operator has signed it in an earlier run."""
        candidate = self.candidates.setdefault(roster.hash, Candidate(roster, encoded))
        candidate.is_ours = True
        self._learn(candidate)
        self._judge(None, candidate)

    def _learn(self, candidate: Candidate) -> None:
        """Key sets of regions that are new here count once our operator has founded or signed their roster.

        A further set of a known region counts at once: its identity key has signed it.
        """
        known = [card for card in candidate.roster.cards if self.ring.serials(card.name)]
        self.ring.learn(candidate.roster.cards if candidate.is_ours else known)

    def _judge(self, step: Step | None, candidate: Candidate) -> None:
        """Put a roster in force when enough have signed it."""
        roster, before = candidate.roster, self.in_force
        if not candidate.is_ours or (before is not None and roster.serial <= before.serial):
            return
        if before is None:
            enough = set(candidate.signed) >= set(roster.names)
        else:
            members = sum(name in candidate.signed for name in before.names)
            added = set(roster.names) - set(before.names)
            has_quorum = 3 * members >= 2 * len(before.names)
            enough = roster.old == before.hash and has_quorum and added <= set(candidate.signed)
        if enough:
            self.in_force = roster
            if step is not None:
                step.do(Links(roster))
