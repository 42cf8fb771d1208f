"""What has been heard and said, so that nothing counts twice and no two stories pass for one.

Rules kept here, and nowhere else:
  * an envelope is known by its eid; a repeat changes nothing;
  * one place, one statement: one logged envelope at each (log, position), one root for each (log, size),
    one envelope for each (study, session, type, sender);
  * a header with a payload is admitted first, and its payload is awaited from that link alone; the number
    of payloads awaited from one link is bounded.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocol.envelope import Envelope, encode_carried
from protocol.messages import TYPES

MAX_AWAITED = 16


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two validly signed statements of one region that exclude each other."""

    code: str
    region: str
    first: Envelope
    second: Envelope

    def statement(self) -> bytes:
        """The two statements in one kept payload, as evidence carries them."""
        return encode_carried([(self.first, None), (self.second, None)])


class Mailbox:
    """Memory of envelopes by eid, place, head and statement; payloads under way."""

    def __init__(self) -> None:
        self._known: set[bytes] = set()
        self._places: dict[tuple[str, int], Envelope] = {}
        self._heads: dict[tuple[str, int], Envelope] = {}
        self._latest: dict[str, Envelope] = {}
        self._said: dict[tuple[bytes, bytes, str, str], Envelope] = {}
        self._awaited: dict[str, dict[bytes, Envelope]] = {}

    def knows(self, eid: bytes) -> bool:
        """Whether this envelope has been taken in (or sent) before."""
        return eid in self._known

    def judge(self, envelope: Envelope) -> Contradiction | None:
        """Compare with all that is held; None if nothing contradicts it."""
        fields = envelope.fields
        for head in (self._heads.get((fields.log, fields.head_size)), self._latest.get(fields.log)):
            same_size = head is not None and head.fields.head_size == fields.head_size
            if head is not None and same_size and head.fields.head_root != fields.head_root:
                return Contradiction("LS-FORK", fields.sender, head, envelope)
        if not TYPES[fields.type].logged:
            return None
        place = self._places.get((fields.log, fields.head_size))
        if place is not None and place.eid != envelope.eid:
            return Contradiction("LS-FORK", fields.sender, place, envelope)
        if fields.study is not None and fields.session is not None:
            said = self._said.get((fields.study, fields.session, fields.type, fields.sender))
            if said is not None and said.eid != envelope.eid:
                return Contradiction("LS-EQUIVOCATION", fields.sender, said, envelope)
        return None

    def remember(self, envelope: Envelope) -> None:
        """Take an envelope as said; of service envelopes only the newest head of each log is held."""
        fields = envelope.fields
        if not TYPES[fields.type].logged:
            self._latest[fields.log] = envelope
            return
        self._heads.setdefault((fields.log, fields.head_size), envelope)
        self._known.add(envelope.eid)
        self._places.setdefault((fields.log, fields.head_size), envelope)
        if fields.study is not None and fields.session is not None:
            self._said.setdefault((fields.study, fields.session, fields.type, fields.sender), envelope)

    def said(self, study: bytes, session: bytes, type: str, sender: str) -> Envelope | None:
        """The envelope held for one statement."""
        return self._said.get((study, session, type, sender))

    def awaits(self, link: str, envelope: Envelope) -> bool:
        """Await the payload of an admitted header; False if that link has too many under way."""
        waiting = self._awaited.setdefault(link, {})
        if len(waiting) >= MAX_AWAITED and envelope.eid not in waiting:
            return False
        waiting[envelope.eid] = envelope
        return True

    def take(self, link: str, eid: bytes) -> Envelope | None:
        """The header whose payload has come from this link; it is awaited no longer."""
        return self._awaited.get(link, {}).pop(eid, None)

    def forget_link(self, link: str) -> None:
        """Nothing is awaited any more from a link that is down."""
        self._awaited.pop(link, None)
