"""Who is blamed, for what, and how much of it is written down.

Rules kept here, and nowhere else:
  * what nobody signed accuses nobody: it is counted by link, and makes no entry;
  * what a member signed but may not say now makes at most four ``fault`` entries of one code a member and round;
    what is right but comes too early or too late makes none;
  * two signed statements that exclude each other suspend their signer: one entry with the evidence, whatever
    else it contradicts later.
"""

from __future__ import annotations

from gossip.errors import RemoteError
from gossip.events import CloseLink, Suspect
from gossip.mailbox import Contradiction
from gossip.step import Step
from protocol.entries import Entry

MAX_FAULTS = 4
MAX_REFUSED = 20
UNTIMELY = "UNTIMELY"
_CONTRADICTIONS = ("LS-FORK", "LS-EQUIVOCATION")


class Blame:
    """What this region holds against others.

    Attributes:
        suspended: Regions caught in a contradiction; nothing of theirs is used in a study.
    """

    def __init__(self) -> None:
        self.suspended: set[str] = set()
        self._round: int | None = None
        self._faults: dict[tuple[str, str], int] = {}
        self._refused: dict[str, int] = {}

    def drop(self, step: Step, link: str, code: str, reason: str) -> None:
        """Refuse what no member signed; a link over which twenty such come is closed."""
        step.do(Suspect(link, code, reason))
        self._refused[link] = self._refused.get(link, 0) + 1
        if self._refused[link] % MAX_REFUSED == 0:
            step.do(CloseLink(link, f"{self._refused[link]} messages refused; the last: {reason}"))

    def refuse(self, step: Step, error: RemoteError, study: bytes | None, round: int | None) -> None:
        """Refuse what a member signed but may not say in this round of the study at hand."""
        step.do(Suspect(error.region, error.code, error.reason))
        if error.code == UNTIMELY or error.region in self.suspended:
            return
        if round != self._round:
            self._round = round
            self._faults.clear()
        key = (error.region, error.code)
        self._faults[key] = self._faults.get(key, 0) + 1
        if self._faults[key] <= MAX_FAULTS:
            step.add("fault", {"round": round, "region": error.region, "code": error.code, "evidence": []}, study)

    def convict(self, step: Step, contradiction: Contradiction, study: bytes | None) -> None:
        """Suspend the signer of two statements that exclude each other; both are kept, neither is used."""
        region = contradiction.region
        step.do(Suspect(region, contradiction.code, "two signed statements exclude each other"))
        if region in self.suspended:
            return
        self.suspended.add(region)
        evidence = step.keep(contradiction.statement())
        step.add(
            "fault",
            {
                "round": contradiction.second.fields.round, "region": region, "code": contradiction.code,
                "evidence": [evidence],
            },
            study,
        )

    def replay(self, entry: Entry) -> None:
        """Take one ``fault`` of an earlier run."""
        if entry.body["code"] in _CONTRADICTIONS:
            self.suspended.add(str(entry.body["region"]))
