"""Checkpoints with the line of a release key: what a region tells of its own, and what it keeps of its neighbours'.

Rules kept here, and nowhere else:
  * a neighbour is told of a line until it has verified this log beyond the line's size;
  * a line of another's is kept only when both signatures in its note hold; what does not verify, or cannot be verified
    here, is not kept and accuses nobody;
  * of each key the largest is kept: it protects all that came before it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from crypto.errors import CryptoError
from crypto.mldsa import UnavailableError, verify
from crypto.note import parse_note
from gossip.effects import ProtectedRow, Suspect
from gossip.logs.holdings import Holdings
from gossip.step import Step
from protocol.release_line import cosigned_message, lines_in, release_name

if TYPE_CHECKING:
    from gossip.peer import Peer

MAX_TOLD = 4


class Protecting:
    """Lines for the long term, own and others'."""

    def __init__(self, peer: Peer, held: Holdings) -> None:
        self._peer = peer
        self._held = held
        self._rows: dict[tuple[str, bytes], ProtectedRow] = {}

    def load(self, rows: Iterable[ProtectedRow]) -> None:
        """Take what is on disk."""
        for row in rows:
            self._rows[row.origin, row.key] = row

    def told_to(self, name: str) -> list[bytes]:
        """Own notes that a neighbour may not have seen, the newest few."""
        log = self._peer.log
        own = {key: (row.size, row.note) for (origin, key), row in self._rows.items() if origin == log.origin}
        newest = sorted((own | log.lines).values())[-MAX_TOLD:]
        return [note for size, note in newest if self._held.since.get(name, 0) <= size]

    def heard(self, step: Step, name: str, origin: str, notes: Iterable[bytes]) -> None:
        """Keep what a neighbour says of its own log, if it is new and holds.

        Raises:
            CryptoError: A note is malformed.
        """
        ring = self._peer.membership.ring
        sets = (ring.keys(name, serial) for serial in ring.serials(name) if not ring.is_revoked(name, serial))
        publics = [keys.release for keys in sets if keys is not None and keys.release is not None]
        problems: list[str] = []
        for note in notes if publics else ():
            if not parse_note(note).body.startswith(origin.encode() + b"\n"):
                continue
            own_name = release_name(self._peer.network, name)
            found, wrong = lines_in(parse_note(note), own_name, publics)
            seen = self._held.read(note) if found else None
            for public, line in found:
                known = self._rows.get((origin, line.key_id))
                if seen is None or (known is not None and known.size >= seen.checkpoint.size):
                    continue
                try:
                    verify(public, line.sig, cosigned_message(seen.checkpoint, own_name, line.t_s))
                except UnavailableError:
                    continue
                except CryptoError as error:
                    wrong.append(str(error))
                    continue
                row = ProtectedRow(origin, line.key_id, seen.checkpoint.size, note)
                self._rows[origin, line.key_id] = row
                step.row(row)
            problems += wrong
        if problems:  # however many: one member does not fill the program log
            step.do(
                Suspect(name, "LS-COSIG", f"lines for the long term that do not hold: {len(problems)}; {problems[0]}")
            )
