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
    """

    confirmed: bool
    words: str
    code: str | None
    subject: str | None
    needs_bundle: bool = False

    @property
    def exit_code(self) -> int:
        """That of the finding's severity if it is confirmed, 65 if its evidence does not show it."""
        if not self.confirmed or self.code is None:
            return 65
        return CODES[self.code].severity.exit_code

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
        words = check(value, decode_roster(roster))
    except (CodecError, RosterError, CryptoError) as error:
        return Answer(False, f"the roster cannot be read: {error}", code, subject)
    except NeedsBundleError as error:
        return Answer(False, str(error), code, subject, needs_bundle=True)
    except EvidenceError as error:
        return Answer(False, str(error), code, subject)
    return Answer(True, words, code, subject)


def _load(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise EvidenceError("the file is not JSON") from None
    if not isinstance(value, dict):
        raise EvidenceError("the file is no finding: expected one JSON object")
    if "findings" in value:
        raise EvidenceError("the file is a whole report; give one object of its findings")
    return value
