"""``audit check-finding F --roster R``: one finding, seen again from its evidence and the roster alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from crypto.errors import CryptoError
from node.audit.evidence import EvidenceError, NeedsBundleError
from node.audit.findings import CODES, Json
from node.audit.proofs import check
from protocol.codec import MAX_PLAN
from protocol.errors import CodecError, RosterError
from protocol.roster import decode_roster

MAX_FINDING = 4 * 2**20


@dataclass(frozen=True, slots=True)
class Answer:
    """What checking one finding gave; ``words`` say what is shown, or why it is not.

    Attributes:
        needs_bundle: Only the bundle can show it: it is about a payload's bytes, or about what a log lacks.
        roster: SHA-256 of the roster whose keys were used, 64 hex digits; None where it is not confirmed.
    """

    confirmed: bool
    words: str
    code: str | None
    subject: str | None
    needs_bundle: bool = False
    roster: str | None = None

    @property
    def exit_code(self) -> int:
        """That of the finding's severity if it is confirmed, 65 if its evidence does not show it."""
        if not self.confirmed or self.code is None:
            return 65
        return CODES[self.code].severity.exit_code

    def to_text(self) -> str:
        """Return the answer for a terminal, with what it rests on."""
        lines = [f"{'CONFIRMED' if self.confirmed else 'NOT SHOWN'}: {self.words}"]
        if self.confirmed and self.code is not None:
            lines.append(f"  {self.code}, {CODES[self.code].severity.label}; by the keys of the roster {self.roster}")
            lines.append("  which must be the one that the plan of the study names: nothing here shows that")
        return "\n".join(lines) + "\n"

    def to_json(self) -> dict[str, Json]:
        """Return the answer as JSON values."""
        said = {"code": self.code, "subject": self.subject, "words": self.words}
        return {"confirmed": self.confirmed, "needs_bundle": self.needs_bundle, **said}


def check_finding(finding: bytes, roster: bytes) -> Answer:
    """Return whether the evidence of a finding convicts its subject.

    Args:
        finding: JSON of one finding, as a report holds it; at most 4 MiB.
        roster: Canonical bytes, as in ``rosters/<hash>.bin`` of a bundle.
    """
    code = subject = None
    try:
        if len(finding) > MAX_FINDING or len(roster) > MAX_PLAN:
            raise EvidenceError("the file is too large for a finding or a roster")
        value = _load(finding)
        code = value["code"] if isinstance(value.get("code"), str) and value["code"] in CODES else None
        subject = value["subject"] if isinstance(value.get("subject"), str) else None
        keys = decode_roster(roster)
        words = check(value, keys)
    except (CodecError, RosterError, CryptoError) as error:
        words = f"the roster cannot be read; it is rosters/<hash>.bin of a bundle: {error}"
        return Answer(False, words, code, subject)
    except NeedsBundleError as error:
        return Answer(False, str(error), code, subject, needs_bundle=True)
    except EvidenceError as error:
        return Answer(False, str(error), code, subject)
    return Answer(True, words, code, subject, roster=keys.hash.hex())


def _load(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise EvidenceError("the file is not JSON") from None
    if not isinstance(value, dict):
        more = "a list of them; give one" if isinstance(value, list) else "expected one JSON object"
        raise EvidenceError(f"the file is no finding: {more}")
    if "findings" in value:
        n = len(value["findings"]) if isinstance(value["findings"], list) else 0
        raise EvidenceError(
            f"the file is a whole report of {n} findings; give one of them, an object of its `findings`"
        )
    return value
