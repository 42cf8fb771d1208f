"""This region's key sets as they follow one another, and key sets of anybody that are revoked.

Rules kept here, and nowhere else:
  * a new set counts here from the moment that a roster with it is in force: then ``key.rotate`` is the next entry,
    and everything after it is signed with the new set;
  * a revocation is believed when the region's identity key or two thirds of the members have signed it, whoever's
    log it was read in; who learns of one writes it into its own log, so that it reaches everybody;
  * a region whose newest set is revoked is suspended until it has a newer one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto.errors import CryptoError
from crypto.keys import PrivateKeys
from gossip.effects import Rekeyed, Suspect
from gossip.errors import Refusal
from gossip.step import Step
from protocol.entries import Entry, decode_entry
from protocol.epochs import epoch_of
from protocol.errors import CodecError, RosterError
from protocol.keys import (
    Revocation,
    approval_line,
    check_revocation,
    check_rotation,
    read_approvals,
    rotation,
)
from protocol.roster import Card, card_line

if TYPE_CHECKING:
    from gossip.peer import Peer


class Rotation:
    """Key sets, own and others'.

    Attributes:
        serial: Of the set in use here.
        sets: Own private sets by serial.
    """

    def __init__(self, peer: Peer, serial: int, sets: dict[int, PrivateKeys]) -> None:
        self._peer = peer
        self.serial = serial
        self.sets = sets
        self._offered: tuple[Card, PrivateKeys] | None = None

    # ---------------------------------------------------------------- a new set

    def offer(self, card: Card, keys: PrivateKeys) -> dict[str, object]:
        """Hold a new set until a roster with its card is in force; this region signs such a roster.

        Raises:
            Refusal: It is not the next set of this region.
        """
        if card.keys.serial != self.serial + 1 or card.name != self._peer.me:
            raise Refusal(
                "KEYS",
                f"key set {card.keys.serial} after {self.serial}",
                "the next set of this region",
                "landsting keys rotate",
            )
        self._offered = card, keys
        self.sets[card.keys.serial] = keys
        self._peer.membership.offer(card)
        return {"card": card_line(card), "serial": card.keys.serial}

    def follow(self, step: Step) -> None:
        """Take the offered set into use, once the roster in force has it."""
        in_force = self._peer.membership.in_force
        if self._offered is None or in_force is None or self._peer.me not in in_force.names:
            return
        card, keys = self._offered
        if in_force.card(self._peer.me).keys != card.keys:
            return
        self._offered = None
        step.add("key.rotate", rotation(self._peer.keys.identity, card.keys, keys))
        self._use(card.keys.serial, self._peer.log.size - 1)
        step.do(Rekeyed(card.keys.serial))

    def _use(self, serial: int, position: int) -> None:
        keys = self.sets[serial]
        self.serial = serial
        self._peer.keys = keys
        self._peer.log.rekey(keys.sign, keys.log, keys.release)
        public = self._peer.membership.ring.keys(self._peer.me, serial)
        if public is not None:
            self._peer.membership.ring.rotated(self._peer.me, public, position, epoch_of(self._peer.log.origin))
        self._peer.membership.use(keys)

    # ---------------------------------------------------------------- what logs say

    def replay(self, entry: Entry) -> None:
        """Take a ``key.rotate`` or ``key.revoke`` of the own log."""
        identity = self._peer.keys.identity.public
        if entry.kind == "key.rotate":
            keys = check_rotation(entry.body, identity)
            self._peer.membership.ring.rotated(self._peer.me, keys, entry.seq, epoch_of(entry.log))
            self.serial = keys.serial
            if keys.serial in self.sets:
                self._peer.keys = self.sets[keys.serial]
                self._peer.membership.use(self._peer.keys)
        else:
            self._believe(entry)

    def mirrored(self, step: Step | None, name: str, position: int, leaf: bytes) -> None:
        """A verified entry of another's log: it may rotate its sender's keys, or revoke anybody's."""
        try:
            entry = decode_entry(leaf)
            if entry.kind == "key.rotate" and self._peer.membership.in_force is not None:
                card = self._peer.membership.in_force.card(name)
                keys = check_rotation(entry.body, card.identity)
                self._peer.membership.ring.rotated(name, keys, position, epoch_of(entry.log))
            elif entry.kind == "key.revoke" and self._believe(entry) and step is not None:
                step.add("key.revoke", dict(entry.body))
        except (CodecError, CryptoError, RosterError) as error:
            if step is not None:
                step.do(Suspect(name, "LS-KEY-UNKNOWN", f"entry {position}: {error}"))

    def _epoch(self, region: str) -> int:
        """Epoch of a region's log at hand: what a revocation's last good size is of."""
        own = region == self._peer.me
        return epoch_of(self._peer.log.origin) if own else self._peer.membership.epochs.current(region)

    def _believe(self, entry: Entry) -> bool:
        """Whether a revocation is new and who may has signed it; from then on it counts."""
        roster, ring = self._peer.membership.in_force, self._peer.membership.ring
        if roster is None:
            return False
        said = check_revocation(entry.body, roster)
        if ring.is_revoked(said.region, said.serial):
            return False
        ring.revoke(said.region, said.serial, said.size, self._epoch(said.region))
        if said.region != self._peer.me and said.serial == max(ring.serials(said.region), default=0):
            self._peer.blame.suspended.add(said.region)
        return True

    # ---------------------------------------------------------------- the operator

    def revoke(self, step: Step, args: dict[str, object]) -> dict[str, object]:
        """Revoke a set: one of this region's own, or anybody's with the words of two thirds of the members.

        Raises:
            Refusal: It cannot be revoked.
        """
        lines = args.get("approvals")
        try:
            if isinstance(lines, list) and lines:
                said, signed = read_approvals([str(line) for line in lines])
                body = said.by_quorum(signed)
            else:
                said = self._said(args, self._peer.me)
                if said.serial == self.serial:
                    raise Refusal(
                        "KEYS",
                        f"key set {said.serial} is in use",
                        "one that another has followed",
                        "landsting keys rotate, and a roster with the new card; then revoke the old set",
                    )
                body = said.by_identity(self._peer.keys.identity)
            roster = self._peer.membership.in_force
            if roster is None:
                raise RosterError("no roster is in force here")
            check_revocation(body, roster)
            self._believe(step.add("key.revoke", body))
        except (RosterError, CryptoError) as error:
            raise Refusal(
                "KEYS",
                str(error),
                "the identity key's word, or that of two thirds of the members",
                "landsting keys approve",
            ) from error
        return {"region": said.region, "serial": said.serial, "size": said.size, "by": str(body["by"])}

    def approve(self, args: dict[str, object]) -> dict[str, object]:
        """This member's word for revoking another's set; nothing is written."""
        said = self._said(args, str(args.get("region")))
        return {"approval": approval_line(said, self._peer.me, self._peer.keys.identity), "region": said.region}

    def _said(self, args: dict[str, object], region: str) -> Revocation:
        """What is to be revoked: from the newest verified head on, where no other place is named."""
        membership, log = self._peer.membership, self._peer.log
        serials = membership.ring.serials(region)
        serial, size = args.get("serial"), args.get("size")
        chosen = serial if isinstance(serial, int) else max((s for s in serials if s != self.serial), default=0)
        if chosen not in serials:
            raise Refusal(
                "KEYS", f"no key set {chosen} of {region} is known here", f"one of {serials}", "landsting roster show"
            )
        if region == self._peer.me:
            place = size if isinstance(size, int) else log.size
            root = log.tree.root_at(place) if 0 < place <= log.size else b""
        else:
            origin = f"{self._peer.network}/{region}/{self._epoch(region)}"
            mirror = self._peer.witness.mirrors.get(origin)
            place = size if isinstance(size, int) else mirror.size if mirror is not None else 0
            root = (mirror.root_at(place) if mirror is not None else None) or b""
        if len(root) != 32:
            raise Refusal(
                "KEYS",
                f"no verified head of {region} at size {place} is held here",
                "a size that is",
                f"landsting log show --kind round.heads, for the sizes that were seen of {region}",
            )
        return Revocation(region, chosen, place, root, str(args.get("reason") or "stolen"))
