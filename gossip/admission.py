"""What is checked of a message before its content counts, in this order: form, way, member, signature.

After these come repeat and contradiction (``mailbox``), size and state (``peer``, ``study``). Nothing here
changes anything but the count of what was refused.
"""

from __future__ import annotations

from gossip.blame import Blame
from gossip.consent.membership import Membership
from gossip.effects import Suspect
from gossip.step import Step
from protocol.envelope import Envelope, is_signed, parse
from protocol.epochs import epoch_of
from protocol.errors import CodecError
from protocol.messages import TYPES

RELAYED = ("RESULT",)  # passed down the tree of a whole-network round, as they are


class Admission:
    """The first four checks.

    Args:
        me: This region; what bears its own name is an echo.
        network: Name of the network, part of every log's origin.
    """

    def __init__(self, me: str, network: str, membership: Membership, blame: Blame) -> None:
        self._me = me
        self._network = network
        self._membership = membership
        self._blame = blame

    def admitted(self, step: Step, link: str, header: bytes, signature: bytes) -> Envelope | None:
        """Return the envelope of two frames if its sender signed it and may send it over this link."""
        try:
            envelope = parse(header, signature)
        except CodecError as error:
            self._blame.drop(step, link, "MALFORMED", str(error))
            return None
        fields = envelope.fields
        if fields.sender == self._me:
            return None
        if fields.sender != link and not TYPES[fields.type].flooded and fields.type not in RELAYED:
            reason = f"{fields.type} of {fields.sender} came over the link of {link}"
            self._blame.drop(step, link, "STATE", reason)
            return None
        roster = fields.body["roster"] if fields.type == "ROSTER" else None
        card = self._membership.card_of(fields.sender, roster if isinstance(roster, bytes) else None)
        if card is None or fields.log.rpartition("/")[0] != f"{self._network}/{fields.sender}":
            reason = f"{fields.type} of {fields.sender}, who is on no roster here"
            self._blame.drop(step, link, "LS-MEMBER", reason)
            return None
        position = fields.head_size if TYPES[fields.type].logged else None
        epoch = epoch_of(fields.log)
        if not any(is_signed(envelope, keys.sign) for keys in self._membership.ring.at(fields.sender, position, epoch)):
            reason = f"{fields.type} is not signed by a key of its sender that counts there"
            self._blame.drop(step, link, "SIGNATURE", reason)
            return None
        if not self._membership.epochs.admits(fields):
            # Signed, and no lie: of a log that was begun anew, or of one that is not confirmed here yet.
            step.do(Suspect(link, "STATE", f"{fields.type} of {fields.log}, which is not its log at hand"))
            return None
        return envelope
