"""What has been heard and said, so that nothing counts twice and no two stories pass for one.

Rules kept here, and nowhere else:
  * an envelope is known by its eid; a repeat changes nothing;
  * one place, one statement: one logged envelope at each (log, position), one root for each (log, size),
    one envelope for each (study, session, type, sender, about), and who was given a RECEIPT is not lost;
  * a header with a payload is admitted first, and its payload is awaited from that link alone; the number
    of payloads awaited from one link is bounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from protocol.envelope import Envelope
from protocol.epochs import epoch_of
from protocol.evidence import encode_evidence, excludes, place_of
from protocol.messages import TYPES

MAX_AWAITED = 16
MAX_LOGS = 8


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two validly signed statements of one region that exclude each other."""

    code: str
    region: str
    first: Envelope
    second: Envelope

    def statement(self) -> bytes:
        """The two statements in one kept payload, as evidence carries them."""
        return encode_evidence(self.first, self.second)


class Mailbox:
    """Memory of envelopes by eid, place, head and statement; payloads under way."""

    def __init__(self) -> None:
        self._known: set[bytes] = set()
        self._places: dict[tuple[str, int], Envelope] = {}
        self._heads: dict[tuple[str, int], Envelope] = {}
        self._by_log: dict[str, dict[int, Envelope]] = {}
        self._latest: dict[str, dict[str, Envelope]] = {}  # by sender, then by log
        self._largest: dict[str, Envelope] = {}
        self._said: dict[tuple[bytes, bytes, str, str, str], Envelope] = {}
        self._awaited: dict[str, dict[bytes, Envelope]] = {}

    def knows(self, eid: bytes) -> bool:
        """Whether this envelope has been taken in (or sent) before."""
        return eid in self._known

    def judge(self, envelope: Envelope) -> Contradiction | None:
        """Compare with all that is held; None if nothing contradicts it."""
        for held in self._against(envelope):
            code = excludes(held, envelope) if held is not None else None
            if held is not None and code is not None:
                return Contradiction(code, envelope.fields.sender, held, envelope)
        return None

    def _against(self, envelope: Envelope) -> Iterator[Envelope | None]:
        """What is held that an envelope could contradict."""
        fields, place = envelope.fields, place_of(envelope.fields)
        yield self._heads.get((fields.log, fields.head_size))
        yield self._latest.get(fields.sender, {}).get(fields.log)
        if TYPES[fields.type].logged:
            yield self._places.get((fields.log, fields.head_size))
        if place is not None:
            yield self._said.get(place)
        if place is not None and fields.type == "SURVIVORS":
            for name, _ in fields.body["left_out"]:  # type: ignore[misc, union-attr, str-unpack]
                yield self._said.get((*place[:2], "RECEIPT", fields.sender, str(name)))

    def newest_of(self, region: str) -> dict[str, int]:
        """Logs of a region that are known, and the largest head held of each."""
        sizes: dict[str, int] = {}
        for (log, size), held in self._heads.items():
            if held.fields.sender == region:
                sizes[log] = max(size, sizes.get(log, 0))
        return sizes

    def heads_of(self, log: str, size: int | None = None) -> list[Envelope]:
        """Envelopes that show a head of a log: all that are held, or the one of a size."""
        if size is not None:
            held = self._heads.get((log, size))
            return [held] if held is not None else []
        return list(self._by_log.get(log, {}).values())

    def heads_between(self, log: str, first: int, last: int) -> list[Envelope]:
        """Envelopes that show heads of these sizes, ascending."""
        known = self._by_log.get(log, {})
        return [known[size] for size in range(first, last + 1) if size in known]

    def remember(self, envelope: Envelope) -> None:
        """Take an envelope as said; of service envelopes only the newest head of each log is held, and the largest."""
        fields = envelope.fields
        if not TYPES[fields.type].logged:
            latest, largest = self._latest.setdefault(fields.sender, {}), self._largest.get(fields.sender)
            latest.pop(fields.log, None)
            latest[fields.log] = envelope
            if largest is None or _place(largest) <= _place(envelope):
                self._largest[fields.sender] = envelope
            if len(latest) > MAX_LOGS:  # of made-up epochs too: what was heard last stays
                del latest[next(iter(latest))]
            return
        self._heads.setdefault((fields.log, fields.head_size), envelope)
        self._by_log.setdefault(fields.log, {}).setdefault(fields.head_size, envelope)
        self._known.add(envelope.eid)
        self._places.setdefault((fields.log, fields.head_size), envelope)
        place = place_of(fields)
        if place is not None:
            self._said.setdefault(place, envelope)

    def said(self, study: bytes, session: bytes, type: str, sender: str, about: str = "") -> Envelope | None:
        """The envelope held for one statement."""
        return self._said.get((study, session, type, sender, about))

    def latest(self, region: str) -> list[Envelope]:
        """The newest service envelope of each log of a region, of at most ``MAX_LOGS``."""
        return list(self._latest.get(region, {}).values())

    def largest(self, region: str) -> Envelope | None:
        """The service envelope of a region with the largest head, since it last went on from a smaller one."""
        return self._largest.get(region)

    def goes_on(self, envelope: Envelope) -> None:
        """A region says by a service envelope that its log goes on from there, whatever it has shown before."""
        self._largest[envelope.fields.sender] = envelope

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


def _place(envelope: Envelope) -> tuple[int, int]:
    """Epoch and size: heads of a region are ordered by it."""
    return epoch_of(envelope.fields.log), envelope.fields.head_size
