"""One step of a region: what an event leads to, gathered in the order that makes it safe.

Rules kept here, and nowhere else:
  * entries, their kept payloads and state files are one ``Commit``, and it comes first;
  * an envelope leaves only behind the commit that holds its ``env.sent``;
  * what is logged as said or heard is remembered in the same breath, so that it counts once;
  * a message to ``k`` names ``k`` in its ``env.sent`` whether or not the link is up: what did not
    arrive is sent again, byte for byte, when the link comes up.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Sequence

from gossip.effects import Blob, Commit, Effect, Forget, ProtectedRow, Row, Send
from gossip.errors import FrozenLog
from gossip.events import Buffer
from gossip.mailbox import Mailbox
from protocol.codec import Value
from protocol.entries import Entry
from protocol.envelope import Envelope
from protocol.log import Log
from protocol.messages import message_type


class Step:
    """Collects one step; ``finish`` gives the effects in order.

    Attributes:
        ended: Studies of which a round ended in this step, with its number (the last, if there were several).
        added: Entries of this step that are no messages, in their order.
    """

    def __init__(self, log: Log, mailbox: Mailbox, now_ms: int, may_append: Callable[[], bool] = lambda: True) -> None:
        self.now_ms = now_ms
        self._may_append = may_append
        self._log = log
        self._mailbox = mailbox
        self._kept: dict[bytes, bytes] = {}
        self._blobs: dict[str, Blob] = {}
        self._sends: list[Send] = []
        self._others: list[Effect] = []
        self._publish = False
        self._rows: list[Row] = []
        self.ended: dict[bytes, int] = {}
        self.added: list[Entry] = []

    def add(self, kind: str, body: dict[str, Value], study: bytes | None = None) -> Entry:
        """Append an entry to the log; on disk before anything of this step leaves.

        Raises:
            FrozenLog: Nothing may be appended now.
        """
        self._check()
        entry = self._log.add(kind, body, study=study, now_ms=self.now_ms)
        if kind != "env.recv":
            self.added.append(entry)
        if kind == "round.end" and study is not None and isinstance(entry.body["round"], int):
            self.ended[study] = entry.body["round"]
        return entry

    def received(self, envelope: Envelope, via: str | None) -> None:
        """Log an envelope as heard."""
        self.add(
            "env.recv",
            {"header": envelope.header, "sig": envelope.signature, "via": via},
            envelope.fields.study,
        )
        self._mailbox.remember(envelope)

    def seal(
        self,
        type: str,
        body: dict[str, Value],
        *,
        to: Sequence[str],
        study: bytes | None = None,
        round: int | None = None,
        session: bytes | None = None,
        payload: Buffer | None = None,
        bare: Collection[str] = (),
    ) -> Envelope:
        """Sign, log and send one message to some regions; returns the envelope.

        Args:
            bare: Those of ``to`` that get the header alone.

        Raises:
            FrozenLog: It would be an entry, and nothing may be appended now.
        """
        if message_type(type).logged:
            self._check()
        envelope = self._log.seal(
            type, body, study=study, round=round, session=session, payload=payload, to=sorted(to), now_ms=self.now_ms
        )
        self._mailbox.remember(envelope)
        self.send(envelope, payload, [name for name in to if name not in bare])
        self.send(envelope, None, bare)
        return envelope

    @property
    def may_append(self) -> bool:
        """Whether entries may be appended now."""
        return self._may_append()

    def _check(self) -> None:
        if not self._may_append():
            raise FrozenLog

    def send(self, envelope: Envelope, payload: Buffer | None, to: Iterable[str]) -> None:
        """Send an envelope as it is: our own again, or another's that is passed on."""
        for name in sorted(to):
            self._sends.append(Send(name, envelope.header, envelope.signature, payload, envelope.eid))

    def keep(self, data: bytes) -> bytes:
        """Keep a payload for as long as the entries live; returns its SHA-256."""
        sha = hashlib.sha256(data).digest()
        self._kept[sha] = data
        return sha

    def forget(self, sha256: bytes) -> None:
        """Remove a kept payload, behind the commit that says so."""
        self._others.append(Forget(sha256))

    def row(self, row: Row) -> None:
        """Write down what is known of another log, in the transaction of this step."""
        self._rows.append(row)

    def blob(self, name: str, data: Buffer | None, *, durable: bool = False) -> None:
        """Write (or with None remove) a file of the region's own state."""
        self._blobs[name] = Blob(name, data, durable)

    def do(self, effect: Effect) -> None:
        """Add an effect that comes after the commit."""
        self._others.append(effect)

    def publish(self) -> None:
        """Replace the file ``HEAD`` with this step's checkpoint."""
        self._publish = True

    def finish(self) -> list[Effect]:
        """Return commit, sends and the rest, in this order."""
        effects: list[Effect] = []
        pending = self._log.pending()
        if pending is not None:
            for key, note in self._log.protected(*pending[1:]):
                self._rows.append(ProtectedRow(self._log.origin, key, pending[1].size, note))
        kept, blobs, rows = tuple(self._kept.items()), tuple(self._blobs.values()), tuple(self._rows)
        if pending is not None:
            leaves, checkpoint, signature = pending
            effects.append(Commit(tuple(leaves), checkpoint, signature, kept, blobs, self._publish, rows))
        elif kept or blobs or rows:
            effects.append(Commit((), None, b"", kept, blobs, False, rows))
        return [*effects, *self._sends, *self._others]
